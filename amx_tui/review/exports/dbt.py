"""dbt's `schema.yml`: descriptions for sources or models, put into the file that is there.

Shapes: docs.getdbt.com/reference/source-properties and /reference/model-properties. dbt renders a
description as a Jinja template, so a text that holds `{{`, `{%` or `{#` is written in a way that
renders to itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Column, Table, Target
from amx_tui.review.exports.dbt_merge import Entry, merge_into
from amx_tui.review.exports.material import Made, Material

# The sections of a file in which dbt describes what it builds itself.
_BUILT = ("models", "seeds", "snapshots")
_SCHEMALESS = "main"  # the name of a source where the database has no schemas

_OPENING = re.compile(r"\{[{%#]")


def escape_jinja(text: str) -> str:
    """A template that renders to `text`: what would open an expression, a statement or a comment
    stands in an expression of its own."""
    return _OPENING.sub(lambda found: f"{{{{ '{found[0]}' }}}}", text)


def make_sources(material: Material, present: str | None) -> Made:
    """Each schema a source, its tables below it. A source, table or column that is in the file already
    is found by its name, or by `schema:` and `identifier:` where it has another one.

    Raises:
        ExportProblem: the file that is there is no dbt file, or cannot be edited in place.
    """
    known: dict[str, set[str]] = {}
    for table in material.catalog.tables:
        known.setdefault(table.schema, set()).add(table.name)
    schema_twins = _twins(known)
    table_twins = {schema: _twins(names) for schema, names in known.items()}
    schemas: dict[str, list[Entry]] = {}
    for table, columns in material.tables():
        entry = _entry(table, columns, material, table_twins[table.schema])
        schemas.setdefault(table.schema, []).append(entry)
    sources = []
    for schema, tables in schemas.items():
        name = escape_jinja(schema or _SCHEMALESS)
        sources.append(
            Entry(
                name,
                None,
                False,
                keys=(("schema", name),) if schema else (),
                below="tables",
                entries=tuple(tables),
                found_by=("schema", "name"),
                has_twin=schema in schema_twins,
                path=schema or _SCHEMALESS,
            )
        )
    return _made(present, "sources", ("sources",), sources, ())


def make_models(material: Material, present: str | None) -> Made:
    """Each table a model, under `models:`; one that is described under `seeds:` or `snapshots:` already
    stays there. A model's name is all that dbt knows it by, so that tables of one name in several
    schemas are left out.

    Raises:
        ExportProblem: as `make_sources` does.
    """
    tables = list(material.tables())
    twins = _twins({table.name for table in material.catalog.tables})
    models = [_entry(table, columns, material, twins) for table, columns in tables]
    names = Counter(model.name for model in models)
    several = [model for model in models if names[model.name] > 1]
    notes = [f"{one_line(model.path)} is left out: another schema has it too" for model in several]
    made = _made(present, "models", _BUILT, [m for m in models if names[m.name] == 1], notes)
    return replace(made, left=made.left + sum(model.texts for model in several))


def _made(
    present: str | None,
    section: str,
    sections: Sequence[str],
    entries: Sequence[Entry],
    notes: Sequence[str],
) -> Made:
    text, kept, left = merge_into(present or "", section, sections, entries)
    return Made({"": text}, (*notes, *kept), left)


def _twins(names: Collection[str]) -> frozenset[str]:
    """Those of `names` of which another one differs in upper and lower case only."""
    spellings = Counter(name.casefold() for name in names)
    return frozenset(name for name in names if spellings[name.casefold()] > 1)


def _entry(
    table: Table, columns: Sequence[Column], material: Material, twins: Collection[str]
) -> Entry:
    """`twins` are the names of tables whose spelling counts."""
    column_twins = _twins([column.name for column in table.columns])

    def described(target: Target, name: str, below: tuple[Entry, ...] = ()) -> Entry:
        text = clean(material.text(target) or "").strip()
        return Entry(
            escape_jinja(name),
            escape_jinja(text) or None,
            target in material.decided,
            below="columns",
            entries=below,
            found_by=("identifier", "name") if target.is_table else ("name",),
            has_twin=name in (twins if target.is_table else column_twins),
            path=target.whole_path,
        )

    return described(
        table.target,
        table.name,
        tuple(described(table.column_target(column), column.name) for column in columns),
    )
