"""Writes comments into PostgreSQL, over a short connection of its own: one transaction for each table,
with what stands there read again under the lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from amx_tui.base.text import one_line
from amx_tui.catalog.changes import group_by_table, judge, refuse_all
from amx_tui.catalog.model import CatalogProblem, Change, Outcome, Target, Written
from amx_tui.catalog.postgresql_connection import READ_TIMEOUT, PostgresqlServer, is_lost

if TYPE_CHECKING:
    import psycopg

_LOCK_TIMEOUT = "2s"

# COMMENT's keyword for a relkind (postgresql.org/docs/current/catalog-pg-class.html).
_KEYWORDS: Mapping[str, str] = {
    "r": "TABLE",
    "p": "TABLE",
    "v": "VIEW",
    "m": "MATERIALIZED VIEW",
    "f": "FOREIGN TABLE",
}
_LOCKABLE = "rp"
# Another session holds the table, or both waited for each other.
_TRY_AGAIN = ("55P03", "40P01")

# Whom a table belongs to, whether this role may act as the owner, and whether it may LOCK.
_OWNERS: LiteralString = """
    SELECT n.nspname, c.relname, c.relkind::text, pg_get_userbyid(c.relowner),
           pg_has_role(c.relowner, 'USAGE'),
           has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')
    FROM unnest(%s::text[], %s::text[]) wanted (schema, name)
    JOIN pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
# By the name as it is written in SQL, which is what COMMENT goes by.
_PRESENT = """
    SELECT '', obj_description({name}::regclass, 'pg_class')
    UNION ALL
    SELECT a.attname, d.description
    FROM pg_attribute a LEFT JOIN pg_description d
        ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE a.attrelid = {name}::regclass AND a.attnum > 0 AND NOT a.attisdropped
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


class _Owned(NamedTuple):
    """Of `_OWNERS`, all but the name."""

    kind: str
    owner: str
    is_ours: bool
    may_lock: bool


def read_refusals(reader: psycopg.Connection, targets: Sequence[Target]) -> dict[Target, str]:
    """Why this role may not describe these, of those that it may not."""
    owned = _read_owners(reader, targets)
    return {
        target: _name_owner(found.owner)
        for target in targets
        if (found := owned.get(target.of_table)) and not found.is_ours
    }


def _name_owner(owner: str) -> str:
    return (
        f"Only its owner, {one_line(owner, 60)}, may describe it. Ask them, or export the "
        "statements for them."
    )


def write_statements(reader: psycopg.Connection, changes: Sequence[Change]) -> tuple[str, ...]:
    """What would be run, word for word, one statement a change."""
    owned = _read_owners(reader, [change.target for change in changes])
    return tuple(
        _write_statement(
            reader, change, found.kind if (found := owned.get(change.target.of_table)) else "r"
        )
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
        tables = group_by_table(changes)
        try:
            writer.execute(
                "SELECT set_config('lock_timeout', %s, false), "
                "set_config('statement_timeout', %s, false), "
                "set_config('search_path', 'pg_catalog', false)",
                [_LOCK_TIMEOUT, READ_TIMEOUT],
            )
            owned = _read_owners(writer, tables)
        except psycopg.Error as error:
            yield from refuse_all(changes, *_explain_write(server, error, writer))
            return
        locked = []
        for table, of_table in tables.items():
            found = owned.get(table)
            results = _write_table(server, writer, found, of_table, is_last_try=False)
            if results is None:
                locked.append(table)
            else:
                yield from results
        # Whoever held these had time meanwhile; a second wait for each is the last.
        for table in locked:
            found, of_table = owned.get(table), tables[table]
            yield from _write_table(server, writer, found, of_table, is_last_try=True) or ()


def _write_table(
    server: PostgresqlServer,
    writer: psycopg.Connection,
    owned: _Owned | None,
    changes: Sequence[Change],
    *,
    is_last_try: bool,
) -> list[Written] | None:
    """One transaction: all of the table's changes, or none. None where another session holds a lock on
    the table and it is worth to come back."""
    import psycopg

    if owned is None:
        return [judge(change, {}) or Written(change, Outcome.FAILED) for change in changes]
    if not owned.is_ours:
        return refuse_all(changes, Outcome.REFUSED, _name_owner(owned.owner))
    results, statements = [], []
    # Both halves of the transaction are one question to the server each: thousands of comments would
    # take as many times the way there and back.
    try:
        present = _begin(writer, changes[0].target.of_table, owned)
        for change in changes:
            result = judge(change, present)
            if result is None:
                statements.append(_write_statement(writer, change, owned.kind))
            results.append(result or Written(change, Outcome.WRITTEN))
        _run(writer, [*statements, "COMMIT"])
    except (psycopg.Error, UnicodeError) as error:
        with suppress(psycopg.Error):  # a lost connection has let go by itself
            writer.rollback()
        if not is_last_try and getattr(error, "sqlstate", None) in _TRY_AGAIN:
            return None
        return refuse_all(changes, *_explain_write(server, error, writer))
    return results


def _begin(writer: psycopg.Connection, table: Target, owned: _Owned) -> dict[Target, str | None]:
    """What stands at a table and its columns, read in a transaction that keeps others from describing
    it until it ends.

    The lock is the one that COMMENT takes: readers and writers of rows do not wait for it. LOCK needs a
    right that even an owner may have given away: then COMMENT's own lock has to do, as it does for what
    is not a table and cannot be locked."""
    name = _quote_name(writer, table)
    # Each statement sees what is there when it begins, so that what is read is what the lock holds.
    parts = ["BEGIN ISOLATION LEVEL READ COMMITTED"]
    if owned.kind in _LOCKABLE and owned.may_lock:
        parts.append(f"LOCK TABLE {name} IN SHARE UPDATE EXCLUSIVE MODE")
    parts.append(_PRESENT.format(name=_quote_text(writer, name)))
    answers = _run(writer, parts)
    while answers.nextset():
        pass
    return {Target(table.schema, table.table, column): comment for column, comment in answers}


def _run(writer: psycopg.Connection, statements: Sequence[str]) -> psycopg.Cursor:
    """All of them in one message, answered when the last one is done or one has failed."""
    return writer.execute("; ".join(statements).encode(), prepare=False)


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


def _read_owners(connection: psycopg.Connection, targets: Iterable[Target]) -> dict[Target, _Owned]:
    """Of the tables of these that there are."""
    tables = dict.fromkeys(target.of_table for target in targets)
    asked = [[table.schema for table in tables], [table.table for table in tables]]
    return {
        Target(schema, name): _Owned(*found)
        for schema, name, *found in connection.execute(_OWNERS, asked)
    }


def _write_statement(connection: psycopg.Connection, change: Change, kind: str) -> str:
    target = change.target
    what = "COLUMN" if target.column else _KEYWORDS[kind]
    text = _quote_text(connection, change.new or None)
    return f"COMMENT ON {what} {_quote_name(connection, target)} IS {text}"


def _quote_name(connection: psycopg.Connection, target: Target) -> str:
    """As the driver itself quotes it; so does `_quote_text`."""
    from psycopg import sql

    parts = (target.schema, target.table, target.column)
    return sql.Identifier(*parts[: 2 if target.is_table else 3]).as_string(connection)


def _quote_text(connection: psycopg.Connection, text: str | None) -> str:
    from psycopg import sql

    return sql.Literal(text).as_string(connection)
