"""Makes files of decided texts: a SQL script with its reverse, a Markdown data dictionary.

Pure functions from values to text; where a file goes, and whether it may be replaced, is decided by
whoever writes it. A further format is one more entry of `FORMATS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Catalog, Column, Table, TableKind, Target
from amx_tui.review.model import Decision


@dataclass(frozen=True, slots=True)
class Material:
    """What an export is made of. `label` names the database for people, `dialect` is the connector's;
    `decided` holds the decisions that have a text."""

    label: str
    dialect: str
    catalog: Catalog
    decided: Mapping[Target, Decision]

    @property
    def left_out(self) -> tuple[Target, ...]:
        """What was decided and is no longer in the catalog."""
        return tuple(target for target in self.decided if not self.catalog.holds(target))

    def text(self, target: Target) -> str | None:
        """The decided text of a target, else the one that stands there."""
        decision = self.decided.get(target)
        return decision.text if decision else self.catalog.comment(target)


# SQL. --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SqlExport:
    """`revert` puts back what stood before `script`."""

    script: str
    revert: str


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
        "MySQL and MariaDB have no COMMENT ON; what they can keep, amx-tui writes itself. Run this",
        "where the same tables live in a database that has it, such as PostgreSQL or DuckDB.",
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
    """`COMMENT ON` for each decided text, and the twin that puts back the text that the decision was
    taken over, or none. What is no longer in the catalog is named in a comment and left out."""
    forward: list[str] = []
    backward: list[str] = []
    for target, decision in material.decided.items():
        table = material.catalog.table(target)
        if table is None or not material.catalog.holds(target):
            continue
        place = _place(table, target, has_schema=material.dialect not in _WITHOUT_SCHEMA)
        forward.append(f"COMMENT ON {place} IS {quote_text(decision.text)};")
        # PostgreSQL takes an empty comment for none; so does whoever reads it.
        backward.append(f"COMMENT ON {place} IS {quote_text(decision.previous or None)};")
    head = _comments(
        f"Descriptions for {one_line(material.label)}, made by amx-tui",
        *_NOTES.get(material.dialect, ()),
        *(f"Not in the database any more: {one_line(_dotted(t))}" for t in material.left_out),
    )
    back = _comments(
        f"Puts back what described {one_line(material.label)} before the script beside this one",
        *_NOTES.get(material.dialect, ()),
    )
    return SqlExport("\n".join([*head, "", *forward, ""]), "\n".join([*back, "", *backward, ""]))


def _place(table: Table, target: Target, *, has_schema: bool) -> str:
    parts = [target.table] if target.is_table else [target.table, target.column]
    if has_schema and target.schema:
        parts.insert(0, target.schema)
    keyword = _KEYWORDS[table.kind] if target.is_table else "COLUMN"
    return f"{keyword} {'.'.join(map(quote_name, parts))}"


def _comments(*lines: str) -> list[str]:
    return [f"-- {line}" for line in lines]


def _dotted(target: Target) -> str:
    return ".".join(part for part in (target.schema, target.table, target.column) if part)


# Markdown. ---------------------------------------------------------------------------------------

# CommonMark takes a backslash before any ASCII punctuation for the character itself
# (spec.commonmark.org/0.31.2/#backslash-escapes). Which ones could begin something inside a line:
# An underscore inside a word, as in X_LEGACY_FLG, begins nothing; a colon only a link of GitHub's.
_MARKUP = re.compile(r"([\\`*\[\]<>#|~&]|(?<![^\W_])_|_(?![^\W_])|:(?=//))")
# What would make a heading, a list, a quote, a rule or a code block of a line's beginning.
_LINE_START = re.compile(r"^([-+=])|^(\d+)([.)])")
_HEADER = "| Name | Type | Default | Nullable | Parents | Comment |\n| ---- | ---- | ------- | -------- | ------- | ------- |"


def markdown(material: Material) -> str:
    """A data dictionary of the whole catalog, in tbls' headings, with the decided texts where there
    are some. Texts are shown as they read: nothing in them is taken for markup."""
    parts = [_table_section(table, material) for table in material.catalog.tables]
    return "\n".join(parts) if parts else "There are no tables.\n"


def _table_section(table: Table, material: Material) -> str:
    lines = [f"# {_inline(_dotted(table.target))}", "", "## Description", ""]
    text = material.text(table.target)
    lines += [_block(text), ""] if text else []
    lines += ["## Columns", "", _HEADER]
    lines += [_column_row(table, column, material) for column in table.columns]
    return "\n".join([*lines, ""])


def _column_row(table: Table, column: Column, material: Material) -> str:
    parent = ""
    if column.references is not None:
        schema = "" if column.references.schema == table.schema else column.references.schema
        parent = _dotted(Target(schema, column.references.table, column.references.column))
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


# All of them. ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of export. `make` gives the texts of the files, by what is put between the name and
    the suffix: "" is the file that was asked for. `needs_decisions` is true where nothing is left
    when nothing is decided."""

    id: str
    title: str
    suffix: str
    make: Callable[[Material], Mapping[str, str]]
    needs_decisions: bool = True


def _make_sql(material: Material) -> Mapping[str, str]:
    export = sql_script(material)
    return {"": export.script, ".revert": export.revert}


def _make_markdown(material: Material) -> Mapping[str, str]:
    return {"": markdown(material)}


FORMATS: Mapping[str, Format] = {
    format.id: format
    for format in (
        Format("sql", "SQL, with a script that reverts it", ".sql", _make_sql),
        Format(
            "markdown",
            "Markdown data dictionary",
            ".md",
            _make_markdown,
            needs_decisions=False,
        ),
    )
}
