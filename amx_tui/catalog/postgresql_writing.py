"""Writes comments into PostgreSQL, over a short connection of its own: one transaction for each table,
with what stands there read again under the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, LiteralString

from amx_tui.base.text import one_line
from amx_tui.catalog.changes import group_by_table, judge, refuse_all
from amx_tui.catalog.model import CatalogProblem, Change, Outcome, Target, Written
from amx_tui.catalog.postgresql_connection import READ_TIMEOUT, PostgresqlServer, is_lost

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

_LOCK_TIMEOUT = "2s"

# COMMENT's keyword for a relkind (postgresql.org/docs/current/catalog-pg-class.html).
_KEYWORDS: Mapping[str, LiteralString] = {
    "r": "TABLE",
    "p": "TABLE",
    "v": "VIEW",
    "m": "MATERIALIZED VIEW",
    "f": "FOREIGN TABLE",
}
_LOCKABLE = "rp"
# Another session holds the table, or both waited for each other.
_TRY_AGAIN = ("55P03", "40P01")

_OWNER: LiteralString = """
    SELECT c.relkind::text, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE'),
           has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_OWNERS: LiteralString = """
    SELECT n.nspname, c.relname, pg_get_userbyid(c.relowner), pg_has_role(c.relowner, 'USAGE')
    FROM unnest(%s::text[], %s::text[]) wanted (schema, name)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
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
        f"Another session has held a lock on the table for twice {_LOCK_TIMEOUT}. Write again later.",
    ),
    "40P01": (
        Outcome.FAILED,
        "Another session and this one waited for each other. Write again later.",
    ),
    "57014": (Outcome.FAILED, "It took too long, and was given up. Write again later."),
    "42P01": (Outcome.FAILED, "It is no longer in the database. Press r to refresh."),
    "42703": (Outcome.FAILED, "It is no longer in the database. Press r to refresh."),
}
_LOST = (
    "The connection was lost; whether it was written shows after a refresh. Press r, then write "
    "again: what is there already is not written twice."
)


def read_refusals(reader: psycopg.Connection, targets: Sequence[Target]) -> dict[Target, str]:
    """Why this role may not describe these, of those that it may not."""
    tables = list(dict.fromkeys(target.of_table for target in targets))
    asked = [[table.schema for table in tables], [table.table for table in tables]]
    owners = {
        Target(schema, name): owner
        for schema, name, owner, is_owner in reader.execute(_OWNERS, asked)
        if not is_owner
    }
    return {
        target: _name_owner(owners[target.of_table])
        for target in targets
        if target.of_table in owners
    }


def _name_owner(owner: str) -> str:
    return (
        f"Only its owner, {one_line(owner, 60)}, may describe it. Ask them, or export the "
        "statements for them."
    )


def write_statements(reader: psycopg.Connection, changes: Sequence[Change]) -> tuple[str, ...]:
    """What would be run, word for word, one statement a change."""
    kinds = {table: (_read_owner(reader, table) or ("r",))[0] for table in group_by_table(changes)}
    return tuple(
        _write_statement(change, kinds[change.target.of_table]).as_string(reader)
        for change in changes
    )


def write_changes(server: PostgresqlServer, changes: Sequence[Change]) -> Iterator[Written]:
    """As `Connector.write` says."""
    import psycopg

    try:
        writer = server.connect()
    except CatalogProblem as problem:
        yield from refuse_all(changes, Outcome.FAILED, str(problem))
        return
    with closing(writer):
        try:
            # What is read under the lock has to be what stands there then.
            writer.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            writer.execute(
                "SELECT set_config('lock_timeout', %s, false), "
                "set_config('statement_timeout', %s, false), "
                "set_config('search_path', 'pg_catalog', false)",
                [_LOCK_TIMEOUT, READ_TIMEOUT],
            )
        except psycopg.Error as error:
            yield from refuse_all(changes, *_explain_write(server, error, writer))
            return
        locked = []
        for of_table in group_by_table(changes).values():
            results = _write_table(server, writer, of_table, is_last_try=False)
            if results is None:
                locked.append(of_table)
            else:
                yield from results
        # Whoever held these had time meanwhile; a second wait for each is the last.
        for of_table in locked:
            yield from _write_table(server, writer, of_table, is_last_try=True) or ()


def _write_table(
    server: PostgresqlServer,
    writer: psycopg.Connection,
    changes: Sequence[Change],
    *,
    is_last_try: bool,
) -> list[Written] | None:
    """One transaction: all of the table's changes, or none. None where another session holds a lock on
    the table and it is worth to come back."""
    import psycopg
    from psycopg import sql

    table = changes[0].target.of_table
    results = []
    try:
        with writer.transaction():
            found = _read_owner(writer, table)
            if found is None:
                return [judge(change, {}) or Written(change, Outcome.FAILED) for change in changes]
            kind, owner, is_owner, may_lock = found
            if not is_owner:
                return refuse_all(changes, Outcome.REFUSED, _name_owner(owner))
            if kind in _LOCKABLE and may_lock:
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
        if not is_last_try and getattr(error, "sqlstate", None) in _TRY_AGAIN:
            return None
        return refuse_all(changes, *_explain_write(server, error, writer))
    return results


def _explain_write(
    server: PostgresqlServer, error: Exception, writer: psycopg.Connection
) -> tuple[Outcome, str]:
    import psycopg

    if isinstance(error, psycopg.Error):
        if is_lost(error, writer):
            return Outcome.FAILED, _LOST
        known = _WRITE_FAILURES.get(error.sqlstate or "")
        if known:
            return known[0], known[1].format(error=server.say(error))
    return Outcome.FAILED, server.say(error)


def _read_owner(
    connection: psycopg.Connection, table: Target
) -> tuple[str, str, bool, bool] | None:
    """The relkind, the owner, whether this role may act as the owner, and whether it may LOCK."""
    row = connection.execute(_OWNER, [table.schema, table.table]).fetchone()
    return (str(row[0]), str(row[1]), bool(row[2]), bool(row[3])) if row else None


def _lock(writer: psycopg.Connection, table: Target) -> None:
    """The lock that COMMENT takes, before the text is read that it replaces. Readers and writers of
    rows do not wait for it. LOCK needs a right that even an owner may have given away: then COMMENT's
    own lock has to do, as it does for what is not a table and cannot be locked."""
    from psycopg import sql

    query = sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE")
    writer.execute(query.format(sql.Identifier(table.schema, table.table)))


def _write_statement(change: Change, kind: str) -> Composed:
    from psycopg import sql

    target = change.target
    if target.column:
        what: LiteralString = "COLUMN"
        name = sql.Identifier(target.schema, target.table, target.column)
    else:
        what = _KEYWORDS[kind]
        name = sql.Identifier(target.schema, target.table)
    return sql.SQL("COMMENT ON {} {} IS {}").format(
        sql.SQL(what), name, sql.Literal(change.new or None)
    )
