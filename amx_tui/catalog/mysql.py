"""Reads MySQL and MariaDB databases in sessions that may not write. It knows no other database; how servers
are reached is told in `mysql_connection`, how comments are written in `mysql_writing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from amx_tui.base.building import building
from amx_tui.catalog.assembling import KeyFacts, Words, assemble, read_enumeration
from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    Change,
    Column,
    Home,
    Table,
    TableEvidence,
    TableKind,
    Target,
    Written,
)
from amx_tui.catalog.mysql_connection import (
    READ_SECONDS,
    TOO_SLOW,
    MysqlServer,
    ask,
    code_of,
    is_lost,
    quote_name,
    quote_table,
)
from amx_tui.catalog.mysql_writing import read_refusals, write_changes, write_statements
from amx_tui.catalog.sampling import (
    FIRST_ROWS,
    ROWS,
    VALUE_CHARACTERS,
    choose_columns,
    stopped_after,
    summarise,
)
from amx_tui.config.model import Privacy

_EVIDENCE_SECONDS = 2

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")
_TABLES = """
    SELECT table_schema, table_name, table_type, table_comment, table_rows
    FROM information_schema.tables
    WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
      AND table_schema NOT IN %(left_out)s AND (%(chosen)s = '' OR table_schema = %(chosen)s)
    ORDER BY table_schema, table_name
"""
_COLUMNS = """
    SELECT table_schema, table_name, column_name, column_type, is_nullable, column_default,
           generation_expression, column_comment
    FROM information_schema.columns
    WHERE table_schema NOT IN %(left_out)s AND (%(chosen)s = '' OR table_schema = %(chosen)s)
    ORDER BY table_schema, table_name, ordinal_position
"""
_KEYS = """
    SELECT table_schema, table_name, column_name, ordinal_position, referenced_table_schema,
           referenced_table_name, referenced_column_name
    FROM information_schema.key_column_usage
    WHERE (constraint_name = 'PRIMARY' OR referenced_table_name IS NOT NULL)
      AND table_schema NOT IN %(left_out)s AND (%(chosen)s = '' OR table_schema = %(chosen)s)
    ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""
# MariaDB's names of them; MySQL tells a check's table elsewhere, and servers before 8.0.16 keep none.
_CHECKS_MARIADB = """
    SELECT constraint_schema, table_name, check_clause,
           CASE level WHEN 'Column' THEN constraint_name END
    FROM information_schema.check_constraints
    WHERE constraint_schema NOT IN %(left_out)s
      AND (%(chosen)s = '' OR constraint_schema = %(chosen)s)
"""
_CHECKS_MYSQL = """
    SELECT t.table_schema, t.table_name, c.check_clause, NULL
    FROM information_schema.table_constraints t
    JOIN information_schema.check_constraints c
      ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name
    WHERE t.constraint_type = 'CHECK' AND t.table_schema NOT IN %(left_out)s
      AND (%(chosen)s = '' OR t.table_schema = %(chosen)s)
"""
_NAME = re.compile(r"`((?:[^`]|``)+)`")

# Types whose values are no text.
_BINARY = ("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "vector")
_SHAPES = ("geometry", "point", "linestring", "polygon", "multi", "geomcollection")


class MysqlConnector:
    """A MySQL or MariaDB server, or one database of it.

    Args:
        given: host, port, user, password, database (all of them where it is empty), unix_socket,
            ssl_ca, ssl_cert, ssl_key, ssl_disabled.
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str = "") -> None:
        self._server = MysqlServer(given, name)

    def __repr__(self) -> str:
        return f"MysqlConnector({self.identity})"

    @property
    def identity(self) -> str:
        return self._server.identity

    @property
    def label(self) -> str:
        return self._server.label

    @property
    def dialect(self) -> str:
        return "mysql"

    @property
    def abilities(self) -> Abilities:
        tables = frozenset((TableKind.TABLE,))
        return Abilities(
            Home.DATABASE,
            f"comments in {self._server.shown}",
            writers="whoever has the right ALTER",
            describes=tables,
            describes_columns_of=tables,
        )

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        with self._server.read() as reader:
            return tuple(map(_make_table, ask(reader, _TABLES, self._choose(hidden))))

    def _choose(self, hidden: bool) -> dict[str, object]:
        # A list that is empty is no SQL; no schema has an empty name.
        return {"chosen": self._server.database, "left_out": ("",) if hidden else _SYSTEM}

    def load(self, *, hidden: bool = False) -> Catalog:
        import pymysql

        asked = self._choose(hidden)
        checks: Sequence[tuple[object, ...]] = ()
        with building(), self._server.read() as reader:
            listed = map(_make_table, ask(reader, _TABLES, asked))
            tables = {(table.schema, table.name): table for table in listed}
            columns = ask(reader, _COLUMNS, asked)
            keys = ask(reader, _KEYS, asked)
            try:
                is_mariadb = self._server.is_mariadb
                checks = ask(reader, _CHECKS_MARIADB if is_mariadb else _CHECKS_MYSQL, asked)
            except pymysql.Error as error:
                if is_lost(error):
                    raise
            return assemble(tables, self._make_columns(columns, _read_facts(keys, checks)))

    def _make_columns(
        self, rows: Sequence[tuple[object, ...]], facts: _Facts
    ) -> dict[tuple[str, str], list[Column]]:
        words = Words()
        by_table: dict[tuple[str, str], list[Column]] = {}
        for schema, table, column, type_, nullable, default, generated, comment in rows:
            place, name = (str(schema), str(table)), str(column)
            by_table.setdefault(place, []).append(
                Column(
                    words[name],
                    words[str(type_)],
                    nullable == "YES",
                    self._read_default(generated or default),
                    facts.positions.get(place, {}).get(name, 0),
                    facts.references.get(place, {}).get(name),
                    str(comment) if comment else None,
                    bool(generated),
                    read_enumeration(str(type_)),
                    facts.checks.get(place, {}).get(name),
                )
            )
        return by_table

    def _read_default(self, value: object) -> str | None:
        # MariaDB gives an expression, in which no default is NULL; MySQL gives the value itself.
        if value is None or (self._server.is_mariadb and value == "NULL"):
            return None
        return str(value)

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        if privacy is Privacy.METADATA or not columns:
            return TableEvidence()
        import pymysql

        chosen = choose_columns(table, columns)
        values = ", ".join(_select_value(column.name, column.type) for column in chosen)
        query = f"SELECT {values} FROM {quote_table(table.target)} LIMIT {ROWS}"
        rows: Sequence[Sequence[object]] = []
        stopped = ""
        with self._server.read() as reader:
            self._server.limit_time(reader, _EVIDENCE_SECONDS)
            try:
                rows = ask(reader, query)
            except pymysql.Error as error:
                if is_lost(error):
                    raise
                # No right to read it, too slow, a broken view: it has nothing to tell.
                is_late = code_of(error) in TOO_SLOW
                stopped = stopped_after(_EVIDENCE_SECONDS) if is_late else self._server.say(error)
            self._server.limit_time(reader, READ_SECONDS)
        return TableEvidence(summarise(chosen, rows, privacy), FIRST_ROWS, stopped)

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        with self._server.read() as reader:
            return read_refusals(reader, targets)

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        with self._server.read() as reader:
            return write_statements(reader, changes)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        return write_changes(self._server, changes)

    def close(self) -> None:
        self._server.close()


_Facts: TypeAlias = KeyFacts[tuple[str, str], str]


def _read_facts(keys: Sequence[tuple[object, ...]], checks: Sequence[tuple[object, ...]]) -> _Facts:
    facts = _Facts()
    primary: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for schema, table, column, position, *parent in keys:
        place = (str(schema), str(table))
        if parent[1] is None:
            primary.setdefault(place, []).append((int(str(position)), str(column)))
        else:
            facts.add_reference(place, str(column), Target(*map(str, parent)))
    for place, columns in primary.items():
        facts.add_key(place, [name for _, name in sorted(columns)])
    for schema, table, condition, column in checks:
        text = str(condition)
        named = [name.replace("``", "`") for name in _NAME.findall(text)]
        facts.add_check((str(schema), str(table)), [str(column)] if column else named, text)
    return facts


def _make_table(row: Sequence[object]) -> Table:
    schema, name, type_, comment, rows = row
    is_view = type_ == "VIEW"
    # A view's comment is the word VIEW, or what is wrong with it.
    return Table(
        str(schema),
        str(name),
        TableKind.VIEW if is_view else TableKind.TABLE,
        str(comment) if comment and not is_view else None,
        row_count=None if is_view or rows is None else int(str(rows)),
    )


def _select_value(column: str, type_: str) -> str:
    """As text, since Python has no value for some of MySQL's (the date 0000-00-00)."""
    name = quote_name(column)
    kind = type_.lower()
    if kind.split("(")[0].split(" ")[0] in _BINARY or kind.startswith(_SHAPES):
        return f"CASE WHEN {name} IS NOT NULL THEN x'' END"
    value = f"{name} + 0" if kind.startswith("bit") else name
    return f"LEFT(CAST({value} AS CHAR), {VALUE_CHARACTERS})"
