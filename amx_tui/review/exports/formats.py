"""All formats of an export. A further one is one more entry."""

from __future__ import annotations

from collections.abc import Mapping

from amx_tui.review.exports.dbt import make_models, make_sources
from amx_tui.review.exports.markdown import make_markdown
from amx_tui.review.exports.material import Format, What
from amx_tui.review.exports.spreadsheet import make_csv
from amx_tui.review.exports.sql import make_sql
from amx_tui.review.exports.tbls import make_comments, make_json

FORMATS: Mapping[str, Format] = {
    format.id: format
    for format in (
        Format("sql", "SQL, with a script that reverts it", ".sql", make_sql),
        Format(
            "dbt",
            "dbt sources, into the schema.yml that is there",
            ".yml",
            make_sources,
            merges=True,
            name="schema.yml",
        ),
        Format(
            "dbt-models",
            "dbt models, into the schema.yml that is there",
            ".yml",
            make_models,
            merges=True,
            name="schema.yml",
        ),
        Format("markdown", "Markdown data dictionary", ".md", make_markdown, What.ALL),
        Format("csv", "CSV, for spreadsheets", ".csv", make_csv),
        Format("json", "JSON in tbls' shape", ".json", make_json, What.ALL),
        Format("tbls", "tbls comments: (YAML)", ".yml", make_comments, name="tbls-comments.yml"),
    )
}
