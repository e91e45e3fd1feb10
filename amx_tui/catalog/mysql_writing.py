"""Writes comments into MySQL and MariaDB, over a short connection of its own, where the server can do it
without touching a row. What a statement does not repeat of a column would be gone: see `mysql_ddl`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from amx_tui.base.text import one_line
from amx_tui.catalog.changes import group_by_table, judge, refuse_all
from amx_tui.catalog.model import CatalogProblem, Change, Outcome, TableKind, Target, Written
from amx_tui.catalog.mysql_connection import (
    LOCK_SECONDS,
    TOO_SLOW,
    MysqlServer,
    ask,
    code_of,
    is_lost,
    quote_table,
    run,
)
from amx_tui.catalog.mysql_ddl import TableText, read_table

if TYPE_CHECKING:
    from amx_tui.catalog.mysql_connection import MysqlConnection

_KIND = """
    SELECT table_schema, table_name, table_type FROM information_schema.tables
    WHERE table_schema = %s AND table_name = %s
"""
_PRESENT = """
    SELECT table_schema, table_name, '', table_comment FROM information_schema.tables
    WHERE table_schema = %(schema)s AND table_name = %(table)s
    UNION ALL
    SELECT table_schema, table_name, column_name, column_comment FROM information_schema.columns
    WHERE table_schema = %(schema)s AND table_name = %(table)s
"""

# Characters, counted as the servers do (dev.mysql.com/doc/refman/8.4/en/create-table.html).
_LONGEST_COLUMN_COMMENT = 1024
_LONGEST_TABLE_COMMENT = 2048

_VIEW = "MySQL and MariaDB keep no comments on views. Export it instead (x, or amx-tui export)."
_REBUILD = (
    "The server would have to rebuild the table for it ({error}), which amx-tui does not do to a "
    "table in use. Export it instead (x, or amx-tui export)."
)
_GONE = "It is no longer in the database. Press r to refresh."
_NO_RIGHT = "{error}. It takes the rights SELECT, LOCK TABLES, ALTER, CREATE and INSERT."
_READS_ONLY = "The server takes no changes: {error}."
_NO_ROOM = "The server has no room for it: {error}."
_LOST = (
    "The connection was lost; whether it was written shows after a refresh. Press r, then write "
    "again: what is there already is not written twice."
)

# dev.mysql.com/doc/mysql-errors/8.4/en, mariadb.com/kb/en/mariadb-error-code-reference
_REBUILDS = frozenset({1800, 1845, 1846})
_WRITE_FAILURES: Mapping[int, tuple[Outcome, str]] = {
    **dict.fromkeys(_REBUILDS, (Outcome.REFUSED, _REBUILD)),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), (Outcome.REFUSED, _NO_RIGHT)),
    **dict.fromkeys((1290, 1792, 1836), (Outcome.REFUSED, _READS_ONLY)),
    **dict.fromkeys((1300, 1366, 1628, 1629, 3719), (Outcome.REFUSED, _NO_ROOM)),
    4119: (Outcome.REFUSED, "{error}. Export it instead (x, or amx-tui export)."),
    **dict.fromkeys((1051, 1054, 1146), (Outcome.FAILED, _GONE)),
    **dict.fromkeys(
        TOO_SLOW, (Outcome.FAILED, "It took too long, and was given up. Write again later.")
    ),
    **dict.fromkeys(
        (1205, 1213),
        (
            Outcome.FAILED,
            f"Another session has used the table for {LOCK_SECONDS} s without a pause. Write "
            "again later.",
        ),
    ),
}


def read_refusals(reader: MysqlConnection, targets: Sequence[Target]) -> dict[Target, str]:
    """Why this user may not describe these, of those that they may not: views keep no comments, and
    a table takes the right ALTER. Rights that come by a role are not looked into."""
    views = set()
    for table in dict.fromkeys(target.of_table for target in targets):
        if _read_kind(reader, table) is TableKind.VIEW:
            views.add(table)
    rights = _Rights(reader)
    found = {}
    for target in targets:
        if target.of_table in views:
            found[target] = _VIEW
        elif not rights.allow(target):
            found[target] = "It takes the right ALTER, which this user does not have there."
    return found


class _Rights:
    """Where this user has the right ALTER, as far as the server tells."""

    def __init__(self, reader: MysqlConnection) -> None:
        import pymysql

        def told(column: str, place: str) -> list[tuple[str, ...]]:
            query = (
                f"SELECT {column} FROM information_schema.{place} WHERE privilege_type = 'ALTER'"
            )
            return [tuple(map(str, row)) for row in ask(reader, query)]

        try:
            ((role,),) = ask(reader, "SELECT CURRENT_ROLE()")
        except pymysql.Error:  # a server that knows no roles
            role = None
        has_role = role not in (None, "", "NONE")
        self._everywhere = has_role or bool(told("grantee", "user_privileges"))
        self._schemas = [
            _read_pattern(name) for (name,) in told("table_schema", "schema_privileges")
        ]
        self._tables = set(told("table_schema, table_name", "table_privileges"))

    def allow(self, target: Target) -> bool:
        return (
            self._everywhere
            or (target.schema, target.table) in self._tables
            or any(pattern.fullmatch(target.schema) for pattern in self._schemas)
        )


def _read_pattern(name: str) -> re.Pattern[str]:
    """A grant's database may hold % and _, and a backslash before one that means itself."""
    parts = re.findall(r"\\[%_\\]|.", name, re.DOTALL)
    signs = {"%": ".*", "_": "."}
    return re.compile("".join(signs.get(part) or re.escape(part[-1]) for part in parts), re.DOTALL)


def write_statements(reader: MysqlConnection, changes: Sequence[Change]) -> tuple[str, ...]:
    """As `Connector.statements` says. `write` puts the clauses of a table's changes into one
    ALTER; what it will leave alone is given as a SQL comment that says why."""
    found: dict[Change, str] = {}
    for table, of_table in group_by_table(changes).items():
        kind = _read_kind(reader, table)
        text = _read_text(reader, table) if kind == TableKind.TABLE else None
        for change in of_table:
            why = _GONE if kind is None else _VIEW if text is None else ""
            why = why or (text and _find_refusal(change, text)) or ""
            if why or text is None:
                found[change] = f"-- {one_line(why)}"
            else:
                found[change] = _write_statement([change], text)
    return tuple(found[change] for change in changes)


def write_changes(server: MysqlServer, changes: Sequence[Change]) -> Iterator[Written]:
    """As `Connector.write` says."""
    try:
        writer = server.connect()
    except CatalogProblem as problem:
        yield from refuse_all(changes, Outcome.FAILED, str(problem))
        return
    try:
        for of_table in group_by_table(changes).values():
            yield from _write_table(server, writer, of_table)
    finally:
        writer.close()


def _write_table(
    server: MysqlServer, writer: MysqlConnection, changes: Sequence[Change]
) -> list[Written]:
    """Nobody else can change the table between what is read of it and what is written."""
    import pymysql

    table = changes[0].target.of_table
    results: dict[Change, Written] = {}
    try:
        kind = _read_kind(writer, table)
        if kind is None:
            return refuse_all(changes, Outcome.FAILED, _GONE)
        if kind is not TableKind.TABLE:
            return refuse_all(changes, Outcome.REFUSED, _VIEW)
        run(writer, f"LOCK TABLES {quote_table(table)} WRITE")
        try:
            text = _read_text(writer, table)
            present = _read_present(writer, table)
            waiting = []
            for change in changes:
                result = judge(change, present)
                why = "" if result else _find_refusal(change, text)
                if result or why:
                    results[change] = result or Written(change, Outcome.REFUSED, why)
                else:
                    waiting.append(change)
            _alter(server, writer, waiting, text, results)
        finally:
            with suppress(pymysql.Error, OSError):
                run(writer, "UNLOCK TABLES")
    except (pymysql.Error, OSError, UnicodeError) as error:
        left = [change for change in changes if change not in results]
        for written in refuse_all(left, *_explain_write(server, error)):
            results[written.change] = written
    return [results[change] for change in changes]


def _alter(
    server: MysqlServer,
    writer: MysqlConnection,
    changes: Sequence[Change],
    text: TableText,
    results: dict[Change, Written],
) -> None:
    """One ALTER for all of them; one for each where the server would take only some."""
    import pymysql

    if not changes:
        return
    try:
        run(writer, _write_statement(changes, text))
    except pymysql.Error as error:
        if len(changes) == 1 or code_of(error) not in _REBUILDS:
            raise
        for change in changes:
            try:
                _alter(server, writer, [change], text, results)
            except pymysql.Error as single:
                if is_lost(single):
                    raise
                results[change] = Written(change, *_explain_write(server, single))
        return
    table = changes[0].target.of_table
    same = _read_text(writer, table).without_comments == text.without_comments
    present = _read_present(writer, table)
    for change in changes:
        if not same:
            detail = (
                "It was written, but the server then shows another definition of the table than "
                "before. Compare SHOW CREATE TABLE with your own copy of it."
            )
            results[change] = Written(change, Outcome.FAILED, detail)
        elif (present.get(change.target) or None) != (change.new or None):
            kept = one_line(present.get(change.target) or "nothing", 80)
            detail = f"The server kept another text: {kept}"
            results[change] = Written(change, Outcome.FAILED, detail)
        else:
            results[change] = Written(change, Outcome.WRITTEN)


def _explain_write(server: MysqlServer, error: Exception) -> tuple[Outcome, str]:
    if is_lost(error):
        return Outcome.FAILED, _LOST
    outcome, words = _WRITE_FAILURES.get(code_of(error), (Outcome.FAILED, "{error}"))
    return outcome, words.format(error=server.say(error))


def _read_kind(connection: MysqlConnection, table: Target) -> TableKind | None:
    # The server compares names as its collation does; here they have to be the same.
    for schema, name, type_ in ask(connection, _KIND, (table.schema, table.table)):
        if (schema, name) == (table.schema, table.table):
            return TableKind.VIEW if type_ == "VIEW" else TableKind.TABLE
    return None


def _read_present(connection: MysqlConnection, table: Target) -> dict[Target, str | None]:
    known = {"schema": table.schema, "table": table.table}
    return {
        Target(table.schema, table.table, str(column)): str(comment) if comment else None
        for schema, name, column, comment in ask(connection, _PRESENT, known)
        if (schema, name) == (table.schema, table.table)
    }


def _read_text(connection: MysqlConnection, table: Target) -> TableText:
    ((_, sql),) = ask(connection, f"SHOW CREATE TABLE {quote_table(table)}")
    try:
        return read_table(str(sql))
    except ValueError:
        return TableText({}, str(sql))


def _find_refusal(change: Change, text: TableText) -> str:
    """Why the comment cannot be written safely, empty where it can."""
    new, column = change.new or "", change.target.column
    longest = _LONGEST_COLUMN_COMMENT if column else _LONGEST_TABLE_COMMENT
    if len(new) > longest:
        return (
            f"It has {len(new)} characters; the server keeps at most {longest}. Shorten it, or export "
            "it instead (x, or amx-tui export)."
        )
    if any(ord(sign) > 0xFFFF for sign in new):
        sign = next(sign for sign in new if ord(sign) > 0xFFFF)
        return (
            f"The server's comments have no room for {one_line(sign)}: they hold the characters up "
            "to U+FFFF. Edit the text, or export it instead (x, or amx-tui export)."
        )
    if not column:
        return ""
    line = text.columns.get(column)
    if line is None:
        return (
            "The column's definition could not be read. Export it instead (x, or amx-tui export)."
        )
    if line.is_uncertain:
        return (
            "A question mark in the column's definition may stand for a character that the server "
            "does not show, and would then replace it. Export it instead (x, or amx-tui export)."
        )
    return ""


def _write_statement(changes: Sequence[Change], text: TableText) -> str:
    from pymysql.converters import escape_string

    clauses = []
    for change in changes:
        # Without a backslash that is no escape (sql_mode), this is how the server reads it.
        literal = f"'{escape_string(change.new or '')}'"
        if change.target.column:
            line = text.columns[change.target.column]
            clauses.append(f"MODIFY COLUMN {line.with_comment(literal)}")
        else:
            clauses.append(f"COMMENT = {literal}")
    table = quote_table(changes[0].target)
    return f"ALTER TABLE {table} {', '.join(clauses)}, ALGORITHM=INSTANT"
