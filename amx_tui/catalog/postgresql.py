"""Reads PostgreSQL databases in sessions that may not write, and writes comments over a short
connection of its own. It knows no other database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, LiteralString
from urllib.parse import quote

from amx_tui.base.text import one_line
from amx_tui.catalog.changes import group_by_table, judge, refuse_all
from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    CatalogProblem,
    Change,
    Column,
    ColumnEvidence,
    Home,
    Outcome,
    Table,
    TableKind,
    Target,
    Written,
)
from amx_tui.catalog.sampling import ROWS, VALUE_CHARACTERS, summarise
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_CONNECT_SECONDS = 10
_READ_TIMEOUT = "30s"
_EVIDENCE_TIMEOUT = "2s"
_LOCK_TIMEOUT = "2s"

# pg_class.relkind (postgresql.org/docs/current/catalog-pg-class.html) and COMMENT's keyword for it.
_KINDS: Mapping[str, tuple[TableKind, LiteralString]] = {
    "r": (TableKind.TABLE, "TABLE"),
    "p": (TableKind.TABLE, "TABLE"),
    "v": (TableKind.VIEW, "VIEW"),
    "m": (TableKind.MATERIALIZED_VIEW, "MATERIALIZED VIEW"),
    "f": (TableKind.FOREIGN_TABLE, "FOREIGN TABLE"),
}
_LOCKABLE = "rp"

# Partitions are left out: what describes them is their parent.
_CHOSEN: LiteralString = """
    c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
"""
_TABLES: LiteralString = f"""
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.reltuples, d.description
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_description d
        ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
    WHERE {_CHOSEN}
    ORDER BY n.nspname, c.relname
"""
_COLUMNS: LiteralString = f"""
    SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(v.adbin, v.adrelid), d.description
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
    LEFT JOIN pg_description d
        ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND {_CHOSEN}
    ORDER BY a.attrelid, a.attnum
"""
_KEYS: LiteralString = """
    SELECT conrelid, contype::text, conkey::int[], confrelid, confkey::int[]
    FROM pg_constraint WHERE contype IN ('p', 'f') AND conrelid <> 0
    ORDER BY conname
"""
_OWNER: LiteralString = """
    SELECT c.relkind::text, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_PRESENT: LiteralString = """
    SELECT t.name, d.description
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        SELECT 0 AS number, '' AS name
        UNION ALL
        SELECT attnum, attname FROM pg_attribute
        WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
    ) t
    LEFT JOIN pg_description d
        ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass AND d.objsubid = t.number
    WHERE n.nspname = %s AND c.relname = %s
"""

# What libpq says when it cannot connect: what to tell, and what to do.
_CONNECT_FAILURES = (
    (
        "password authentication failed",
        "The server did not accept the user or the password",
        "Check both; a password can be given in the URL, in PGPASSWORD or in ~/.pgpass",
    ),
    (
        "no password supplied",
        "The server asks for a password",
        "Give it in the URL, in PGPASSWORD or in ~/.pgpass",
    ),
    ("role ", "{error}", "Check the user: postgresql://USER@HOST:PORT/DATABASE"),
    ("database ", "{error}", "Check the database's name; psql --list shows what there is"),
    (
        "connection refused",
        "Nothing answers there",
        "Check the host and the port, and that the server runs",
    ),
    (
        "no such file or directory",
        "No server listens on that socket",
        "Check that the server runs, or name a host: postgresql://HOST:PORT/DATABASE",
    ),
    (
        "could not translate host name",
        "The host's name is not known",
        "Check the host",
    ),
    ("failed to resolve host", "The host's name is not known", "Check the host"),
    (
        "timeout expired",
        f"No answer within {_CONNECT_SECONDS} seconds",
        "Check the host, the port, and whether a VPN or a firewall stands in between",
    ),
    (
        "no pg_hba.conf entry",
        "The server lets nobody in from here: {error}",
        "Ask whoever runs the server; sslmode=require may be needed",
    ),
    ("ssl", "{error}", "Check sslmode and sslrootcert"),
    ("too many", "{error}", "Try again later"),
)

# What PostgreSQL says when it does not take a comment
# (postgresql.org/docs/current/errcodes-appendix.html).
_WRITE_FAILURES: Mapping[str, tuple[Outcome, str]] = {
    "42501": (Outcome.REFUSED, "{error}. Only the owner of a table may describe it."),
    "25006": (
        Outcome.REFUSED,
        "This session may only read: the server is a standby, or the role is set so.",
    ),
    "22P05": (Outcome.REFUSED, "The database's encoding has no room for it: {error}."),
    "22021": (Outcome.REFUSED, "The database's encoding has no room for it: {error}."),
    "55P03": (
        Outcome.FAILED,
        f"Another session has held a lock on the table for {_LOCK_TIMEOUT}. Write again later.",
    ),
    "57014": (Outcome.FAILED, "It took too long, and was given up. Write again later."),
    "42P01": (Outcome.FAILED, "It is no longer in the database. Press r to refresh."),
    "42703": (Outcome.FAILED, "It is no longer in the database. Press r to refresh."),
}
_LOST = (
    "The connection was lost; whether it was written shows after a refresh. Press r, then write "
    "again: what is there already is not written twice."
)


class PostgresqlConnector:
    """A PostgreSQL database. One connection is kept for reading, idle and without a transaction
    between two calls; it is made anew where it was lost.

    Args:
        given: libpq's keywords: host, port, user, password, dbname, sslmode, sslrootcert…
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str = "") -> None:
        _import_driver()
        self._given = {key: value for key, value in given.items() if value}
        self._name = name
        self._reader: psycopg.Connection | None = None
        info = self._connect_reader().info
        self._host, self._port, self._database = info.host, info.port, info.dbname

    def __repr__(self) -> str:
        return f"PostgresqlConnector({self.identity})"

    @property
    def identity(self) -> str:
        # The same server, whether through a socket in its usual place or through the loopback.
        usual = self._host in ("/var/run/postgresql", "/run/postgresql", "/tmp", "127.0.0.1", "::1")
        host = "localhost" if usual or not self._host else self._host.lower()
        return f"postgresql://{quote(host, safe='')}:{self._port}/{quote(self._database, safe='')}"

    @property
    def label(self) -> str:
        return f"{one_line(self._name or self._database, 60)} (postgresql)"

    @property
    def dialect(self) -> str:
        return "postgresql"

    @property
    def abilities(self) -> Abilities:
        return Abilities(Home.DATABASE, f"comments in {one_line(self._database, 60)}")

    # Connecting ------------------------------------------------------------------------------

    def _connect(self) -> psycopg.Connection:
        import psycopg
        from psycopg.conninfo import make_conninfo

        try:
            return psycopg.connect(
                make_conninfo(**self._given),
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                client_encoding="utf8",
                application_name="amx-tui",
            )
        except (psycopg.Error, UnicodeError) as error:
            raise self._explain_connect(error) from None

    def _connect_reader(self) -> psycopg.Connection:
        """The connection for reading, a new one where there is none or it was lost."""
        import psycopg

        if self._reader is None or self._reader.closed:
            reader = self._connect()
            try:
                reader.execute(
                    "SELECT set_config('default_transaction_read_only', 'on', false), "
                    "set_config('statement_timeout', %s, false), "
                    "set_config('search_path', 'pg_catalog', false)",
                    [_READ_TIMEOUT],
                )
                # All queries of a load see the same moment.
                reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                reader.read_only = True
            except psycopg.Error as error:
                reader.close()
                raise self._explain(error) from None
            self._reader = reader
        return self._reader

    @contextmanager
    def _read(self) -> Iterator[psycopg.Connection]:
        """One read-only transaction. Raises CatalogProblem for whatever PostgreSQL says inside."""
        import psycopg

        reader = self._connect_reader()
        try:
            with reader.transaction():
                yield reader
        except psycopg.Error as error:
            problem = self._explain(error)
            if _is_lost(error, reader):
                self.close()
            raise problem from None

    def _explain(self, error: psycopg.Error) -> CatalogProblem:
        where = f"{one_line(self._name or self._given.get('dbname', ''), 60) or 'The database'}"
        if _is_lost(error, self._reader):
            return CatalogProblem(
                f"The connection to {where} was lost",
                self._say(error),
                "Press r to connect again; nothing on the screen is lost",
            )
        if error.sqlstate == "57014":
            return CatalogProblem(
                f"{where} did not answer within {_READ_TIMEOUT}",
                "It may be busy",
                "Press r to try again",
            )
        return CatalogProblem(
            f"{where} could not be read", self._say(error), "Press r to try again"
        )

    def _explain_connect(self, error: Exception) -> CatalogProblem:
        said = self._say(error)
        where = (
            f"{self._given.get('host') or os.environ.get('PGHOST') or 'the local socket'}, "
            f"port {self._given.get('port') or os.environ.get('PGPORT') or '5432'}"
        )
        what = f"PostgreSQL at {one_line(where, 120)} cannot be opened"
        for pattern, why, remedy in _CONNECT_FAILURES:
            if pattern in said.lower():
                return CatalogProblem(what, why.format(error=said), remedy)
        return CatalogProblem(
            what, said, "Check the URL: postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        )

    def _say(self, error: Exception) -> str:
        """The server's words, without what they may repeat of the password."""
        import psycopg

        said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        # Of all the addresses that were tried libpq tells the last one last, and then guesses.
        lines = [
            line.strip()
            for line in str(error).splitlines()
            if line.strip() and not line.lstrip().startswith(("Is the server", "Multiple", "- "))
        ]
        said = said or (lines[-1] if lines else type(error).__name__)
        password = self._given.get("password")
        return one_line(said.replace(password, "…") if password else said, 240).rstrip(".")

    # Reading ---------------------------------------------------------------------------------

    def tables(self) -> tuple[Table, ...]:
        with self._read() as reader:
            return tuple(_make_table(row[1:]) for row in reader.execute(_TABLES))

    def load(self) -> Catalog:
        with self._read() as reader:
            tables = {row[0]: _make_table(row[1:]) for row in reader.execute(_TABLES)}
            columns = reader.execute(_COLUMNS).fetchall()
            keys = reader.execute(_KEYS).fetchall()
        names = {(oid, number): name for oid, number, name, *_ in columns}
        positions: dict[tuple[int, int], int] = {}
        references: dict[tuple[int, int], Target] = {}
        for oid, kind, numbers, parent, parent_numbers in keys:
            if kind == "p":
                positions |= {(oid, number): at for at, number in enumerate(numbers, 1)}
            elif parent in tables:
                for number, parent_number in zip(numbers, parent_numbers, strict=True):
                    target = Target(
                        tables[parent].schema,
                        tables[parent].name,
                        names.get((parent, parent_number), ""),
                    )
                    references.setdefault((oid, number), target)
        by_table: dict[int, list[Column]] = {}
        for oid, number, name, type_, not_null, default, comment in columns:
            by_table.setdefault(oid, []).append(
                Column(
                    name,
                    type_,
                    nullable=not not_null,
                    default=default,
                    key_position=positions.get((oid, number), 0),
                    references=references.get((oid, number)),
                    comment=comment or None,
                )
            )
        return Catalog(
            tuple(
                Table(
                    table.schema,
                    table.name,
                    table.kind,
                    table.comment,
                    tuple(by_table.get(oid, ())),
                    table.row_count,
                )
                for oid, table in tables.items()
            )
        )

    def evidence(
        self, table: Table, columns: Sequence[str], privacy: Privacy
    ) -> Mapping[str, ColumnEvidence]:
        if privacy is Privacy.METADATA or not columns:
            return {}
        import psycopg
        from psycopg import sql

        types = {column.name: column.type for column in table.columns}
        query = sql.SQL("SELECT {} FROM {} LIMIT {}").format(
            sql.SQL(", ").join(_select_value(name, types.get(name, "")) for name in columns),
            sql.Identifier(table.schema, table.name),
            sql.Literal(ROWS),
        )
        rows: Sequence[Sequence[object]] = []
        with self._read() as reader:
            try:
                with reader.transaction():  # a savepoint, so that the failure ends here
                    reader.execute(
                        "SELECT set_config('statement_timeout', %s, true)", [_EVIDENCE_TIMEOUT]
                    )
                    rows = reader.execute(query).fetchall()
            except psycopg.Error as error:
                # No right to read it, too slow, a broken view: it has nothing to tell.
                if _is_lost(error, reader):
                    raise
        return summarise(columns, rows, privacy)

    # Writing ---------------------------------------------------------------------------------

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        with self._read() as reader:
            kinds = {
                table: (_read_owner(reader, table) or ("r",))[0]
                for table in group_by_table(changes)
            }
            return tuple(
                _write_statement(change, kinds[change.target.of_table]).as_string(reader)
                for change in changes
            )

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        import psycopg

        try:
            writer = self._connect()
        except CatalogProblem as problem:
            yield from refuse_all(changes, Outcome.FAILED, str(problem))
            return
        try:
            # What is read under the lock has to be what stands there then.
            writer.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            for of_table in group_by_table(changes).values():
                yield from self._write_table(writer, of_table)
        finally:
            writer.close()

    def _write_table(self, writer: psycopg.Connection, changes: Sequence[Change]) -> list[Written]:
        """One transaction: all of the table's changes, or none."""
        import psycopg
        from psycopg import sql

        table = changes[0].target.of_table
        results = []
        try:
            with writer.transaction():
                writer.execute(
                    "SELECT set_config('lock_timeout', %s, true), "
                    "set_config('statement_timeout', %s, true), "
                    "set_config('search_path', 'pg_catalog', true)",
                    [_LOCK_TIMEOUT, _READ_TIMEOUT],
                )
                found = _read_owner(writer, table)
                if found is None:
                    return [
                        judge(change, {}) or Written(change, Outcome.FAILED) for change in changes
                    ]
                kind, owner, is_owner = found
                if not is_owner:
                    why = (
                        f"Only its owner, {one_line(owner, 60)}, may describe it. Ask them, or "
                        "export the statements for them."
                    )
                    return refuse_all(changes, Outcome.REFUSED, why)
                if kind in _LOCKABLE:
                    _lock(writer, table)
                present = {
                    Target(table.schema, table.table, column): comment
                    for column, comment in writer.execute(_PRESENT, [table.schema, table.table])
                }
                statements = []
                for change in changes:
                    result = judge(change, present)
                    if result is None:
                        statements.append(_write_statement(change, kind))
                    results.append(result or Written(change, Outcome.WRITTEN))
                if statements:
                    writer.execute(sql.SQL("; ").join(statements))
        except (psycopg.Error, UnicodeError) as error:
            return refuse_all(changes, *self._explain_write(error, writer))
        return results

    def _explain_write(self, error: Exception, writer: psycopg.Connection) -> tuple[Outcome, str]:
        import psycopg

        if isinstance(error, psycopg.Error):
            if _is_lost(error, writer):
                return Outcome.FAILED, _LOST
            known = _WRITE_FAILURES.get(error.sqlstate or "")
            if known:
                return known[0], known[1].format(error=self._say(error))
        return Outcome.FAILED, self._say(error)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _import_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise CatalogProblem(
            "The driver for PostgreSQL is not installed",
            remedy="Type: python -m pip install 'amx-tui[postgresql]'",
        ) from None


def _is_lost(error: psycopg.Error, connection: psycopg.Connection | None) -> bool:
    """Class 08 is the connection's; 57P01 to 57P05 a server that goes down or ends the session."""
    state = error.sqlstate or ""
    return state.startswith(("08", "57P")) or (connection is not None and connection.closed)


def _make_table(row: Sequence[object]) -> Table:
    schema, name, kind, rows, comment = row
    # Below zero where the table was never analysed.
    count = int(float(str(rows)))
    return Table(
        str(schema),
        str(name),
        _KINDS[str(kind)][0],
        str(comment) if comment else None,
        row_count=count if count >= 0 and str(kind) != "v" else None,
    )


def _select_value(column: str, type_: str) -> Composed:
    """As text, since Python has no value for some of PostgreSQL's (`infinity`, the year 4713 BC)."""
    from psycopg import sql

    name = sql.Identifier(column)
    if type_ == "bytea":
        return sql.SQL("CASE WHEN {} IS NOT NULL THEN ''::bytea END").format(name)
    return sql.SQL("left({}::text, {})").format(name, sql.Literal(VALUE_CHARACTERS))


def _read_owner(connection: psycopg.Connection, table: Target) -> tuple[str, str, bool] | None:
    """The relkind, the owner, and whether this role may act as the owner."""
    row = connection.execute(_OWNER, [table.schema, table.table]).fetchone()
    return (str(row[0]), str(row[1]), bool(row[2])) if row else None


def _lock(writer: psycopg.Connection, table: Target) -> None:
    """The lock that COMMENT takes, before the text is read that it replaces. Readers and writers of
    rows do not wait for it. LOCK needs a right that even an owner may have given away: then COMMENT's
    own lock has to do, as it does for what is not a table and cannot be locked."""
    from psycopg import errors, sql

    query = sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE")
    with suppress(errors.InsufficientPrivilege), writer.transaction():
        writer.execute(query.format(sql.Identifier(table.schema, table.table)))


def _write_statement(change: Change, kind: str) -> Composed:
    from psycopg import sql

    target = change.target
    if target.column:
        what: LiteralString = "COLUMN"
        name = sql.Identifier(target.schema, target.table, target.column)
    else:
        what = _KINDS[kind][1]
        name = sql.Identifier(target.schema, target.table)
    return sql.SQL("COMMENT ON {} {} IS {}").format(
        sql.SQL(what), name, sql.Literal(change.new or None)
    )
