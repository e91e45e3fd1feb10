"""The two shapes of tbls (github.com/k1LoW/tbls): the JSON of a whole schema, and the `comments:` that
its configuration lays over one."""

from __future__ import annotations

import json
from collections.abc import Callable

from amx_tui.base.text import clean, one_line
from amx_tui.base.yaml_edits import render
from amx_tui.catalog.model import Column, Table, TableKind, Target
from amx_tui.review.exports.material import Made, Material

# As tbls names them, by `information_schema`.
_TYPES = {
    TableKind.TABLE: "BASE TABLE",
    TableKind.VIEW: "VIEW",
    TableKind.MATERIALIZED_VIEW: "MATERIALIZED VIEW",
    TableKind.FOREIGN_TABLE: "FOREIGN TABLE",
}
# Where one schema is all that there is, tbls writes no schema.
_WITHOUT_SCHEMA = frozenset({"sqlite", "mysql"})


def make_json(material: Material, present: str | None) -> Made:
    """`{name, desc, tables, relations}` with columns and keys; a comment that is not there is ""."""
    name = _namer(material)
    tables = list(material.tables())
    shown = {
        "name": clean(material.label),
        "desc": "",
        "tables": [_table(table, columns, material, name) for table, columns in tables],
        "relations": [
            _relation(table, column, column.references, name)
            for table, columns in tables
            for column in columns
            if column.references is not None
        ],
    }
    return Made({"": json.dumps(shown, ensure_ascii=False, indent=2) + "\n"})


def make_comments(material: Material, present: str | None) -> Made:
    """`comments: [{table, tableComment, columnComments}]`, to be put into a `.tbls.yml`."""
    name = _namer(material)
    lines = []
    for table, columns in material.tables():
        text = material.text(table.target)
        texts = [(c.name, material.text(table.column_target(c))) for c in columns]
        described = [(column, words) for column, words in texts if words]
        if not text and not described:
            continue
        lines.append(f"  - table: {render(name(table.target))}")
        lines += [f"    tableComment: {render(clean(text))}"] if text else []
        lines += ["    columnComments:"] if described else []
        lines += [f"      {render(column)}: {render(clean(words))}" for column, words in described]
    head = f"# Descriptions for {one_line(material.label)}, made by amx-tui"
    return Made({"": "\n".join([head, "comments:" if lines else "comments: []", *lines, ""])})


def _namer(material: Material) -> Callable[[Target], str]:
    schemas = {table.schema for table in material.catalog.tables}
    has_schema = material.dialect not in _WITHOUT_SCHEMA or len(schemas) > 1
    return lambda target: (
        f"{target.schema}.{target.table}" if has_schema and target.schema else target.table
    )


def _table(
    table: Table, columns: tuple[Column, ...], material: Material, name: Callable[[Target], str]
) -> dict[str, object]:
    key = sorted((c for c in columns if c.key_position), key=lambda column: column.key_position)
    shown: dict[str, object] = {
        "name": name(table.target),
        "type": _TYPES[table.kind],
        "comment": clean(material.text(table.target) or ""),
        "columns": [
            {
                "name": column.name,
                "type": column.type,
                "nullable": column.nullable,
                "default": column.default,
                "comment": clean(material.text(table.column_target(column)) or ""),
            }
            for column in columns
        ],
    }
    if key:
        shown["constraints"] = [
            {
                "name": "primary key",
                "type": "PRIMARY KEY",
                "def": f"PRIMARY KEY ({', '.join(column.name for column in key)})",
                "table": name(table.target),
                "columns": [column.name for column in key],
            }
        ]
    return shown


def _relation(
    table: Table, column: Column, parent: Target, name: Callable[[Target], str]
) -> dict[str, object]:
    place = f"{name(parent)} ({parent.column})"
    return {
        "table": name(table.target),
        "columns": [column.name],
        "parent_table": name(parent),
        "parent_columns": [parent.column],
        "def": f"FOREIGN KEY ({column.name}) REFERENCES {place}",
    }
