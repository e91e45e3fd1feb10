"""Reads PostgreSQL databases in sessions that may not write. It knows no other database; how servers are
reached is told in `postgresql_connection`, how comments are written in `postgresql_writing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, LiteralString, TypeAlias

from amx_tui.base.building import building
from amx_tui.base.text import one_line
from amx_tui.catalog.assembling import KeyFacts, Words, assemble
from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    Change,
    Column,
    ColumnEvidence,
    Home,
    Table,
    TableEvidence,
    TableKind,
    Target,
    Written,
)
from amx_tui.catalog.postgresql_connection import PostgresqlServer, is_lost
from amx_tui.catalog.postgresql_writing import read_refusals, write_changes, write_statements
from amx_tui.catalog.sampling import (
    FIRST_ROWS,
    ROWS,
    SAMPLED_ROWS,
    VALUE_CHARACTERS,
    Statistics,
    choose_columns,
    sample_share,
    stopped_after,
    summarise,
    summarise_statistics,
)
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

# Of `_COLUMNS`: oid and number, name, type, nullable, default, comment, generated, the type's oid.
_ColumnRow: TypeAlias = tuple[int, int, str, str, bool, str | None, str | None, bool, int]

_EVIDENCE_SECONDS = 2  # for all that is read of one table
# Rows that are fetched between two moments in which other threads get their turn (milliseconds).
_ROWS_A_TURN = 2_000

# pg_class.relkind (postgresql.org/docs/current/catalog-pg-class.html).
_KINDS: Mapping[str, TableKind] = {
    "r": TableKind.TABLE,
    "p": TableKind.TABLE,
    "v": TableKind.VIEW,
    "m": TableKind.MATERIALIZED_VIEW,
    "f": TableKind.FOREIGN_TABLE,
}

# Without what is hidden: partitions, since what describes them is their parent, and what the server
# keeps for itself. TOAST and other sessions' temporary tables are nobody's.
_CHOSEN: Mapping[bool, LiteralString] = {
    False: """
    c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
""",
    True: """
    c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT LIKE 'pg\\_toast%' AND n.nspname NOT LIKE 'pg\\_temp%'
""",
}
_TABLES: LiteralString = """
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.reltuples, d.description,
           CASE WHEN c.relispartition
                THEN (SELECT inhparent FROM pg_inherits WHERE inhrelid = c.oid LIMIT 1) END
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_description d
        ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    WHERE {chosen}
    ORDER BY n.nspname, c.relname
"""
_COLUMNS: LiteralString = """
    SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
           pg_get_expr(v.adbin, v.adrelid), d.description, a.attgenerated <> '', a.atttypid
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
    LEFT JOIN pg_description d
        ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {chosen}
    ORDER BY a.attrelid, a.attnum
"""
_KEYS: LiteralString = """
    SELECT conrelid, conkey::int[] FROM pg_constraint WHERE contype = 'p' AND conrelid <> 0
"""
_REFERENCES: LiteralString = """
    SELECT k.conrelid, pair.own::int, k.confrelid, a.attname
    FROM pg_constraint k
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) pair (own, parent)
    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = pair.parent
    WHERE k.contype = 'f'
    ORDER BY k.conname
"""
_CHECKS: LiteralString = """
    SELECT conrelid, conkey::int[], pg_get_expr(conbin, conrelid)
    FROM pg_constraint WHERE contype = 'c' AND conrelid <> 0 AND conkey IS NOT NULL
    ORDER BY conname
"""
# An enumeration's values, also under the name of a domain over it.
_ENUMS: LiteralString = """
    SELECT t.oid, array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
    FROM pg_type t JOIN pg_enum e ON e.enumtypid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
    GROUP BY t.oid
"""
# What a table tells of its parts comes last, and counts.
_STATISTICS: LiteralString = """
    SELECT attname, null_frac, n_distinct,
           most_common_vals::text::text[], histogram_bounds::text::text[]
    FROM pg_stats
    WHERE schemaname = %s AND tablename = %s AND attname = ANY(%s::text[])
    ORDER BY inherited
"""


class PostgresqlConnector:
    """A PostgreSQL database.

    Args:
        given: libpq's keywords: host, port, user, password, dbname, sslmode, sslrootcert…
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str = "") -> None:
        self._server = PostgresqlServer(given, name)
        self._name = name

    def __repr__(self) -> str:
        return f"PostgresqlConnector({self.identity})"

    @property
    def identity(self) -> str:
        return self._server.identity

    @property
    def label(self) -> str:
        return f"{one_line(self._name or self._server.database, 60)} (postgresql)"

    @property
    def dialect(self) -> str:
        return "postgresql"

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            Home.DATABASE,
            f"comments in {one_line(self._server.database, 60)}",
            writers="the owner of each table",
            is_transactional=True,
        )

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        with self._server.read() as reader:
            return tuple(_read_tables(reader, hidden).values())

    def load(self, *, hidden: bool = False) -> Catalog:
        with building(), self._server.read() as reader:
            tables = _read_tables(reader, hidden)
            facts = _read_facts(reader, tables)
            enums = {oid: tuple(values) for oid, values in reader.execute(_ENUMS)}
            query = _COLUMNS.format(chosen=_CHOSEN[hidden])
            return assemble(tables, _make_columns(_fetch(reader, query), facts, enums))

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        if privacy is Privacy.METADATA or not columns:
            return TableEvidence()
        import psycopg

        chosen = choose_columns(table, columns)
        found: dict[str, ColumnEvidence] = {}
        sources = []
        stopped = ""
        with self._server.read() as reader:
            try:
                with reader.transaction():  # a savepoint, so that a failure ends here
                    reader.execute(
                        "SELECT set_config('statement_timeout', %s, true)",
                        [f"{_EVIDENCE_SECONDS}s"],
                    )
                    known = _read_statistics(reader, table, columns)
                    for column in chosen:
                        if column.name in known and not column.type.startswith("bytea"):
                            found[column.name] = summarise_statistics(
                                column, known[column.name], table.row_count, privacy
                            )
                    if found:
                        sources.append("the server's statistics")
                    unknown = [
                        column
                        for column in chosen
                        if column.name not in found or not known[column.name].tells_values
                    ]
                    if unknown:
                        query, words = _sample(table, unknown)
                        rows = reader.execute(query).fetchall()
                        sampled = summarise(unknown, rows, privacy)
                        for name, evidence in sampled.items():
                            found[name] = _join(found.get(name), evidence)
                        sources.append(words)
            except psycopg.Error as error:
                if is_lost(error, reader):
                    raise
                # Too slow, no right to read it, a broken view: the rest has nothing to tell.
                is_late = error.sqlstate == "57014"
                stopped = stopped_after(_EVIDENCE_SECONDS) if is_late else self._server.say(error)
        for column in chosen:
            found.setdefault(column.name, ColumnEvidence())
        return TableEvidence(found, " and ".join(sources), stopped)

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


# The catalog -------------------------------------------------------------------------------------


def _fetch(reader: psycopg.Connection, query: LiteralString) -> Iterator[Sequence[_ColumnRow]]:
    cursor = reader.execute(query)
    while rows := cursor.fetchmany(_ROWS_A_TURN):
        yield rows


def _read_tables(reader: psycopg.Connection, hidden: bool) -> dict[int, Table]:
    """By oid, in the order of their names."""
    rows = reader.execute(_TABLES.format(chosen=_CHOSEN[hidden])).fetchall()
    names = {row[0]: Target(row[1], row[2]) for row in rows}
    return {row[0]: _make_table(row[1:-1], names.get(row[-1])) for row in rows}


def _make_table(row: Sequence[object], parent: Target | None) -> Table:
    schema, name, kind, rows, comment = row
    # Below zero where the table was never analysed.
    count = int(float(str(rows)))
    return Table(
        str(schema),
        str(name),
        _KINDS[str(kind)],
        str(comment) if comment else None,
        row_count=count if count >= 0 and str(kind) != "v" else None,
        partition_of=parent,
    )


def _read_facts(reader: psycopg.Connection, tables: Mapping[int, Table]) -> KeyFacts[int, int]:
    """By oid and attnum."""
    facts: KeyFacts[int, int] = KeyFacts()
    for oid, numbers in reader.execute(_KEYS):
        facts.add_key(oid, numbers)
    for oid, number, parent, name in reader.execute(_REFERENCES):
        if parent in tables:
            table = tables[parent]
            facts.add_reference(oid, number, Target(table.schema, table.name, name))
    for oid, numbers, condition in reader.execute(_CHECKS):
        facts.add_check(oid, numbers, condition)
    return facts


def _make_columns(
    chunks: Iterable[Sequence[_ColumnRow]],
    facts: KeyFacts[int, int],
    enums: Mapping[int, tuple[str, ...]],
) -> dict[int, list[Column]]:
    """Rows of `_COLUMNS`, which come table by table. Written for 200 000 of them."""
    words = Words()
    by_table: dict[int, list[Column]] = {}
    last: int | None = None
    positions: Mapping[int, int] = {}
    references: Mapping[int, Target] = {}
    checks: Mapping[int, str] = {}
    columns: list[Column] = []
    for rows in chunks:
        for oid, number, name, type_, nullable, default, comment, is_generated, type_oid in rows:
            if oid != last:
                last = oid
                columns = by_table.setdefault(oid, [])
                positions = facts.positions.get(oid, {})
                references = facts.references.get(oid, {})
                checks = facts.checks.get(oid, {})
            columns.append(
                Column(
                    words[name],
                    words[type_],
                    nullable,
                    words[default] if default else default,
                    positions.get(number, 0),
                    references.get(number),
                    words[comment] if comment else None,
                    is_generated,
                    enums.get(type_oid, ()),
                    checks.get(number),
                )
            )
    return by_table


# Evidence ----------------------------------------------------------------------------------------


def _read_statistics(
    reader: psycopg.Connection, table: Table, columns: Sequence[str]
) -> dict[str, Statistics]:
    """What ANALYZE left, of the columns that this role may read."""
    asked = [table.schema, table.name, list(columns)]
    return {
        name: Statistics(nulls, distinct, common or (), bounds or ())
        for name, nulls, distinct, common, bounds in reader.execute(_STATISTICS, asked)
    }


def _sample(table: Table, columns: Sequence[Column]) -> tuple[Composed, str]:
    """A query for a few rows, and in words which ones."""
    from psycopg import sql

    source = sql.Identifier(table.schema, table.name)
    is_stored = table.kind in (TableKind.TABLE, TableKind.MATERIALIZED_VIEW)
    share = sample_share(table.row_count) if is_stored else None
    part, where = sql.Composed([]), FIRST_ROWS
    if share is not None:
        part = sql.SQL(" TABLESAMPLE SYSTEM ({})").format(sql.Literal(share))
        where = SAMPLED_ROWS
    values = sql.SQL(", ").join(_select_value(column) for column in columns)
    query = sql.SQL("SELECT {} FROM {}{} LIMIT {}").format(values, source, part, sql.Literal(ROWS))
    return query, where


def _select_value(column: Column) -> Composed:
    """As text, since Python has no value for some of PostgreSQL's (`infinity`, the year 4713 BC)."""
    from psycopg import sql

    name = sql.Identifier(column.name)
    if column.type == "bytea":
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN ''::bytea END").format(name)
    return sql.SQL("left({}::text, {})").format(name, sql.Literal(VALUE_CHARACTERS))


def _join(known: ColumnEvidence | None, sampled: ColumnEvidence) -> ColumnEvidence:
    """What statistics tell of the whole table counts before what a sample tells."""
    if known is None:
        return sampled
    return ColumnEvidence(
        known.null_share,
        known.distinct or sampled.distinct,
        sampled.samples,
        sampled.minimum,
        sampled.maximum,
    )
