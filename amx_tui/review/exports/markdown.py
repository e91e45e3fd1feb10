"""A data dictionary in Markdown, with tbls' headings."""

from __future__ import annotations

import re

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Column, Table, Target
from amx_tui.review.exports.material import Made, Material

# CommonMark takes a backslash before any ASCII punctuation for the character itself
# (spec.commonmark.org/0.31.2/#backslash-escapes). Which ones could begin something inside a line:
# An underscore inside a word, as in X_LEGACY_FLG, begins nothing; a colon only a link of GitHub's.
_MARKUP = re.compile(r"([\\`*\[\]<>#|~&]|(?<![^\W_])_|_(?![^\W_])|:(?=//))")
# What would make a heading, a list, a quote, a rule or a code block of a line's beginning.
_LINE_START = re.compile(r"^([-+=])|^(\d+)([.)])")
_HEADER = "| Name | Type | Default | Nullable | Parents | Comment |\n| ---- | ---- | ------- | -------- | ------- | ------- |"


def markdown(material: Material) -> str:
    """A data dictionary, in tbls' headings, with the decided texts where there are some. Texts are
    shown as they read: nothing in them is taken for markup."""
    parts = [_table_section(table, columns, material) for table, columns in material.tables()]
    return "\n".join(parts) if parts else "There are no tables.\n"


def make_markdown(material: Material, present: str | None) -> Made:
    return Made({"": markdown(material)})


def _table_section(table: Table, columns: tuple[Column, ...], material: Material) -> str:
    lines = [f"# {_inline(table.target.whole_path)}", "", "## Description", ""]
    text = material.text(table.target)
    lines += [_block(text), ""] if text else []
    lines += ["## Columns", "", _HEADER]
    lines += [_column_row(table, column, material) for column in columns]
    return "\n".join([*lines, ""])


def _column_row(table: Table, column: Column, material: Material) -> str:
    parent = ""
    if column.references is not None:
        schema = "" if column.references.schema == table.schema else column.references.schema
        parent = Target(schema, column.references.table, column.references.column).whole_path
    comment = material.text(table.column_target(column)) or ""
    cells = (
        _inline(column.name),
        _inline(column.type),
        _inline(column.default or ""),
        "true" if column.nullable else "false",
        _inline(parent),
        "<br>".join(_inline(line) for line in clean(comment).split("\n")),
    )
    return f"| {' | '.join(cells)} |"


def _inline(text: str) -> str:
    return _MARKUP.sub(r"\\\1", one_line(text))


def _block(text: str) -> str:
    """Paragraphs and line breaks as they are in `text`."""
    paragraphs = re.split(r"\n\s*\n", clean(text).strip())
    return "\n\n".join(
        "\\\n".join(_line(line) for line in paragraph.split("\n")) for paragraph in paragraphs
    )


def _line(text: str) -> str:
    return _LINE_START.sub(
        lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", _inline(text)
    )
