"""A SQL script that describes, and the twin that puts back what stood before."""

from __future__ import annotations

import re
from dataclasses import dataclass

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Change, Table, TableKind, Target
from amx_tui.review.exports.material import Made, Material


@dataclass(frozen=True, slots=True)
class SqlExport:
    """`revert` puts back what stood before `script`. `refused` are the descriptions that no statement can
    say, each with why."""

    script: str
    revert: str
    refused: tuple[str, ...] = ()


_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# What PostgreSQL (postgresql.org/docs/current/sql-keywords-appendix.html) or DuckDB
# (duckdb_keywords()) does not take as the name of a table or column everywhere. A quoted name is
# always right, so that a word too many costs nothing.
_RESERVED_WORDS = """
    all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint
    binary bit boolean both by case cast char character check coalesce collate collation column
    columns concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user dec decimal default deferrable desc
    describe distinct do else end except exists extract false fetch float for foreign freeze from
    full generated glob grant greatest group grouping grouping_id having ilike in initially inner
    inout int integer intersect interval into is isnull join json json_array json_arrayagg
    json_exists json_object json_objectagg json_query json_scalar json_serialize json_table
    json_value lambda lateral leading least left like limit localtime localtimestamp map
    merge_action national natural nchar none normalize not notnull null nullif numeric offset on
    only or order out outer overlaps overlay pivot pivot_longer pivot_wider placing position
    positional precision primary qualify real references returning right row select semi
    session_user setof show similar smallint some struct substring summarize symmetric system_user
    table tablesample then time timestamp to trailing treat trim true try_cast tuple union unique
    unpack unpivot user using values varchar variadic verbose when where window with xmlattributes
    xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize
    xmltable
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
_KEYWORDS = {
    TableKind.TABLE: "TABLE",
    TableKind.VIEW: "VIEW",
    TableKind.MATERIALIZED_VIEW: "MATERIALIZED VIEW",
    TableKind.FOREIGN_TABLE: "FOREIGN TABLE",
}
# What a person has to know before they run a script that was made from such a database.
_NOTES: dict[str, tuple[str, ...]] = {
    "sqlite": (
        "SQLite itself has no COMMENT ON. Run this where the same tables live in a database that",
        "has it, such as PostgreSQL or DuckDB; names stand as SQLite spells them, without a schema.",
    ),
    "mysql": (
        "MySQL and MariaDB have no COMMENT ON: each statement repeats the definition of its column as",
        "it was when this was made. Run this only while the tables are still the same.",
    ),
    "mssql": (
        "SQL Server has no COMMENT ON. Run this where the same tables live in a database that has",
        "it, such as PostgreSQL or DuckDB.",
    ),
}
_WITHOUT_SCHEMA = frozenset({"sqlite"})


def quote_name(name: str) -> str:
    """`name` as an identifier, in double quotes unless it is plain, lower-case and not reserved."""
    if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace("\0", "").replace('"', '""') + '"'


def quote_text(text: str | None) -> str:
    """`text` as a string literal of standard SQL, where a backslash is a backslash; NULL for None."""
    if text is None:
        return "NULL"
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def sql_script(material: Material) -> SqlExport:
    """`COMMENT ON`, or what the database has instead, for each text, and the twin that puts back the text that a decision was taken over,
    or none. What is no longer in the catalog is named in a comment and left out."""
    refused: tuple[str, ...] = ()
    if material.dialect == "mysql":
        forward, backward, refused = _own_statements(material)
    else:
        forward, backward = _comment_statements(material)
    head = _comments(
        f"Descriptions for {one_line(material.label)}, made by amx-tui",
        *_NOTES.get(material.dialect, ()),
        *(f"Not in the database any more: {one_line(t.whole_path)}" for t in material.left_out),
        *(_changed_words(target) for target in material.changed),
    )
    back = _comments(
        f"Puts back what described {one_line(material.label)} before the script beside this one",
        *_NOTES.get(material.dialect, ()),
    )
    return SqlExport(
        "\n".join([*head, "", *forward, ""]), "\n".join([*back, "", *backward, ""]), refused
    )


def _changed_words(target: Target) -> str:
    return (
        f"Its text was changed since it was decided, and is replaced: {one_line(target.whole_path)}"
    )


def _own_statements(material: Material) -> tuple[list[str], list[str], tuple[str, ...]]:
    """As the database itself says them, where it has no `COMMENT ON`; and what it has no statement for."""
    changes = [Change(target, material.old(target), text) for target, text in material.described()]
    backs = [Change(change.target, change.new, change.old or None) for change in changes]
    setting = ["SET NAMES utf8mb4;"]
    forward = list(material.statements(changes))
    return (
        setting + [_ended(statement) for statement in forward],
        setting + [_ended(statement) for statement in material.statements(backs)],
        tuple(
            f"{one_line(change.target.whole_path)} is left out: {one_line(statement.lstrip('- '))}"
            for change, statement in zip(changes, forward, strict=True)
            if _is_refusal(statement)
        ),
    )


def _is_refusal(statement: str) -> bool:
    """Where a connector has no statement, it says why in a comment."""
    return statement.startswith("--")


def _ended(statement: str) -> str:
    return statement if _is_refusal(statement) else statement.rstrip().rstrip(";") + ";"


def _comment_statements(material: Material) -> tuple[list[str], list[str]]:
    forward: list[str] = []
    backward: list[str] = []
    has_schema = material.dialect not in _WITHOUT_SCHEMA
    for target, text in material.described():
        table = material.catalog.table(target)
        assert table is not None
        place = _place(table, target, has_schema=has_schema)
        forward.append(f"COMMENT ON {place} IS {quote_text(text)};")
        # PostgreSQL takes an empty comment for none; so does whoever reads it.
        backward.append(f"COMMENT ON {place} IS {quote_text(material.old(target) or None)};")
    return forward, backward


def make_sql(material: Material, present: str | None) -> Made:
    export = sql_script(material)
    notes = (*export.refused, *map(_changed_words, material.changed))
    files = {"": export.script, ".revert": export.revert}
    return Made(files, notes, left=len(export.refused))


def _place(table: Table, target: Target, *, has_schema: bool) -> str:
    parts = [target.table] if target.is_table else [target.table, target.column]
    if has_schema and target.schema:
        parts.insert(0, target.schema)
    keyword = _KEYWORDS[table.kind] if target.is_table else "COLUMN"
    return f"{keyword} {'.'.join(map(quote_name, parts))}"


def _comments(*lines: str) -> list[str]:
    return [f"-- {line}" for line in lines]
