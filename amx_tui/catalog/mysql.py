"""Reads MySQL and MariaDB databases in sessions that may not write, and writes comments over a short
connection of its own, where the server can do it without touching a row. It knows no other database.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
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
from amx_tui.catalog.mysql_ddl import TableText, read_table
from amx_tui.catalog.sampling import ROWS, VALUE_CHARACTERS, summarise
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    import pymysql

    MysqlConnection = pymysql.Connection[pymysql.cursors.Cursor]

_CONNECT_SECONDS = 10
_READ_SECONDS = 30
_EVIDENCE_SECONDS = 2
_LOCK_SECONDS = 2
_DEFAULT_PORT = 3306
# Where servers listen unless they are told otherwise, as the clients of both know it.
_SOCKETS = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",
)

# How names and literals are printed and read; strict, so that nothing is cut to fit. Zero dates stay
# allowed, since a DEFAULT that holds one has to be repeated.
_SESSION = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES', sql_quote_show_create = 1, "
    f"lock_wait_timeout = {_LOCK_SECONDS}"
)
_READ_ONLY = "SET SESSION TRANSACTION READ ONLY"

_HIDDEN = "('information_schema', 'mysql', 'performance_schema', 'sys')"
_TABLES = f"""
    SELECT table_schema, table_name, table_type, table_comment, table_rows
    FROM information_schema.tables
    WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'VIEW')
      AND table_schema NOT IN {_HIDDEN} AND (%s = '' OR table_schema = %s)
    ORDER BY table_schema, table_name
"""
_COLUMNS = f"""
    SELECT table_schema, table_name, column_name, column_type, is_nullable, column_default,
           generation_expression, column_comment
    FROM information_schema.columns
    WHERE table_schema NOT IN {_HIDDEN} AND (%s = '' OR table_schema = %s)
    ORDER BY table_schema, table_name, ordinal_position
"""
_KEYS = f"""
    SELECT table_schema, table_name, column_name, ordinal_position, referenced_table_schema,
           referenced_table_name, referenced_column_name
    FROM information_schema.key_column_usage
    WHERE (constraint_name = 'PRIMARY' OR referenced_table_name IS NOT NULL)
      AND table_schema NOT IN {_HIDDEN} AND (%s = '' OR table_schema = %s)
    ORDER BY table_schema, table_name, constraint_name, ordinal_position
"""
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

# Types whose values are no text.
_BINARY = ("blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "vector")
_SHAPES = ("geometry", "point", "linestring", "polygon", "multi", "geomcollection")

# Characters, counted as the servers do (dev.mysql.com/doc/refman/8.4/en/create-table.html).
_LONGEST_COLUMN_COMMENT = 1024
_LONGEST_TABLE_COMMENT = 2048

_VIEW = "MySQL and MariaDB keep no comments on views. Press x to export it instead."
_REBUILD = (
    "The server would have to rebuild the table for it ({error}), which amx-tui does not do to a "
    "table in use. Press x to export it instead."
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
_LOST_CODES = frozenset({0, 1053, 1927, 2006, 2013, 2014, 2055, 3169, 4031})
_TOO_SLOW = frozenset({1317, 1969, 3024})
_WRITE_FAILURES: Mapping[int, tuple[Outcome, str]] = {
    **dict.fromkeys(_REBUILDS, (Outcome.REFUSED, _REBUILD)),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), (Outcome.REFUSED, _NO_RIGHT)),
    **dict.fromkeys((1290, 1792, 1836), (Outcome.REFUSED, _READS_ONLY)),
    **dict.fromkeys((1300, 1366, 1628, 1629, 3719), (Outcome.REFUSED, _NO_ROOM)),
    4119: (Outcome.REFUSED, "{error}. Press x to export it instead."),
    **dict.fromkeys((1051, 1054, 1146), (Outcome.FAILED, _GONE)),
    **dict.fromkeys(
        _TOO_SLOW, (Outcome.FAILED, "It took too long, and was given up. Write again later.")
    ),
    **dict.fromkeys(
        (1205, 1213),
        (
            Outcome.FAILED,
            f"Another session has used the table for {_LOCK_SECONDS} s without a pause. Write "
            "again later.",
        ),
    ),
}
_CONNECT_FAILURES: Mapping[int, tuple[str, str]] = {
    1045: ("{error}", "Check the user and the password; MYSQL_PWD can hold it too"),
    1698: (
        "{error}. This user may come through the server's own socket only",
        "Use another user, or add ?unix_socket=/run/mysqld/mysqld.sock to the URL",
    ),
    1044: ("{error}", "Check the database's name, or ask for the right to use it"),
    1049: ("{error}", "Check the database's name; without one, all of them are shown"),
    1040: ("{error}", "Try again later"),
    1129: ("{error}", "Ask whoever runs the server"),
    1130: ("{error}", "Ask whoever runs the server to let this user in from here"),
    2002: ("{error}", "Check that the server runs"),
    2003: ("{error}", "Check the host and the port, and that the server runs"),
    2026: ("{error}", "Check ssl_ca; ssl_disabled=true connects without encryption"),
}


class MysqlConnector:
    """A MySQL or MariaDB server, or one database of it. One connection is kept for reading, idle
    between two calls; it is made anew where it was lost.

    Args:
        given: host, port, user, password, database (all of them where it is empty), unix_socket,
            ssl_ca, ssl_cert, ssl_key, ssl_disabled.
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str = "") -> None:
        _import_driver()
        self._given = {key: value for key, value in given.items() if value}
        self._given.setdefault("password", os.environ.get("MYSQL_PWD", ""))
        if not self._given.keys() & {"host", "port", "unix_socket"}:
            usual = next((path for path in _SOCKETS if Path(path).exists()), "")
            self._given["unix_socket"] = usual
        self._name = name
        self._database = self._given.get("database", "")
        self._reader: MysqlConnection | None = None
        self._is_mariadb = False
        self._connect_reader()

    def __repr__(self) -> str:
        return f"MysqlConnector({self.identity})"

    @property
    def identity(self) -> str:
        socket = self._given.get("unix_socket", "")
        host = self._given.get("host", "").lower()
        if host in ("", "127.0.0.1", "::1"):
            host = "localhost"
        if socket and socket not in _SOCKETS:
            host = socket
        place = f"{quote(host, safe='')}:{self._port}"
        return f"mysql://{place}/{quote(self._database, safe='')}"

    @property
    def label(self) -> str:
        kind = "mariadb" if self._is_mariadb else "mysql"
        shown = self._name or self._database or self._given.get("host") or "localhost"
        return f"{one_line(shown, 60)} ({kind})"

    @property
    def dialect(self) -> str:
        return "mysql"

    @property
    def abilities(self) -> Abilities:
        where = self._database or self._name or self._given.get("host") or "localhost"
        return Abilities(Home.DATABASE, f"comments in {one_line(where, 60)}")

    # Connecting ------------------------------------------------------------------------------

    @property
    def _port(self) -> str:
        return self._given.get("port", str(_DEFAULT_PORT))

    def _connect(self) -> MysqlConnection:
        import pymysql

        is_plain = self._given.get("ssl_disabled", "").lower() in ("1", "true", "yes", "on")
        port = self._port
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise CatalogProblem(
                f"{one_line(port, 20)} is no port", remedy="A port is a number from 1 to 65535"
            )
        try:
            return pymysql.connect(
                host=self._given.get("host"),
                port=int(port),
                user=self._given.get("user"),
                password=self._given["password"],
                database=self._database or None,
                unix_socket=self._given.get("unix_socket"),
                ssl_ca=self._given.get("ssl_ca"),
                ssl_cert=self._given.get("ssl_cert"),
                ssl_key=self._given.get("ssl_key"),
                ssl_disabled=is_plain or None,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                # The server gives up first, and says why.
                read_timeout=_READ_SECONDS + 5,
                write_timeout=_READ_SECONDS + 5,
                init_command=_SESSION,
                program_name="amx-tui",
            )
        except (pymysql.Error, OSError, RuntimeError, ValueError) as error:
            raise self._explain_connect(error) from None

    def _connect_reader(self) -> MysqlConnection:
        """The connection for reading, a new one where there is none or it was lost."""
        import pymysql

        if self._reader is None or not self._reader.open:
            reader = self._connect()
            try:
                _run(reader, _READ_ONLY)
                ((version,),) = _ask(reader, "SELECT VERSION()")
                self._is_mariadb = "mariadb" in str(version).lower()
                self._limit_time(reader, _READ_SECONDS)
            except pymysql.Error as error:
                reader.close()
                raise self._explain(error) from None
            self._reader = reader
        return self._reader

    @contextmanager
    def _read(self) -> Iterator[MysqlConnection]:
        """Raises CatalogProblem for whatever the server says inside."""
        import pymysql

        reader = self._connect_reader()
        try:
            yield reader
        except (pymysql.Error, OSError, UnicodeError) as error:
            problem = self._explain(error)
            if _is_lost(error):
                self.close()
            raise problem from None

    def _limit_time(self, reader: MysqlConnection, seconds: int) -> None:
        """Of a SELECT (dev.mysql.com/doc/refman/8.4/en/server-system-variables.html), in MariaDB of
        any statement (mariadb.com/kb/en/aborting-statements)."""
        limit = f"max_execution_time = {seconds}000"
        if self._is_mariadb:
            limit = f"max_statement_time = {seconds}"
        _run(reader, f"SET SESSION {limit}")

    def _explain(self, error: Exception) -> CatalogProblem:
        where = one_line(self._name or self._database, 60) or "The database"
        if _is_lost(error):
            return CatalogProblem(
                f"The connection to {where} was lost",
                self._say(error),
                "Press r to connect again; nothing on the screen is lost",
            )
        if _code(error) in _TOO_SLOW:
            return CatalogProblem(
                f"{where} did not answer within {_READ_SECONDS} s",
                "It may be busy",
                "Press r to try again",
            )
        return CatalogProblem(
            f"{where} could not be read", self._say(error), "Press r to try again"
        )

    def _explain_connect(self, error: Exception) -> CatalogProblem:
        said = self._say(error)
        place = self._given.get("unix_socket") or (
            f"{self._given.get('host') or 'localhost'}, port {self._port}"
        )
        what = f"MySQL at {one_line(place, 120)} cannot be opened"
        if isinstance(error, RuntimeError) and "cryptography" in said:
            return CatalogProblem(
                what,
                "Without TLS this user's password travels encrypted, which needs one package more",
                "Type: python -m pip install cryptography",
            )
        why, remedy = _CONNECT_FAILURES.get(
            _code(error),
            ("{error}", "Check the URL: mysql://USER:PASSWORD@HOST:PORT/DATABASE"),
        )
        return CatalogProblem(what, why.format(error=said), remedy)

    def _say(self, error: Exception) -> str:
        """The server's words, without what they may repeat of the password."""
        said = str(error.args[-1]) if error.args else ""
        password = self._given.get("password")
        said = said.replace(password, "…") if password else said
        return one_line(said, 240).rstrip(".") or type(error).__name__

    # Reading ---------------------------------------------------------------------------------

    def tables(self) -> tuple[Table, ...]:
        with self._read() as reader:
            return self._read_tables(reader)

    def _read_tables(self, reader: MysqlConnection) -> tuple[Table, ...]:
        chosen = (self._database, self._database)
        return tuple(_make_table(row) for row in _ask(reader, _TABLES, chosen))

    def load(self) -> Catalog:
        chosen = (self._database, self._database)
        with self._read() as reader:
            tables = self._read_tables(reader)
            columns = _ask(reader, _COLUMNS, chosen)
            keys = _ask(reader, _KEYS, chosen)
        positions: dict[Target, int] = {}
        references: dict[Target, Target] = {}
        for schema, table, column, position, *parent in keys:
            target = Target(str(schema), str(table), str(column))
            if parent[1] is None:
                positions[target] = int(str(position))
            else:
                references.setdefault(target, Target(*map(str, parent)))
        by_table: dict[tuple[str, str], list[Column]] = {}
        for schema, table, column, type_, nullable, default, generated, comment in columns:
            place = (str(schema), str(table))
            target = Target(*place, str(column))
            by_table.setdefault(place, []).append(
                Column(
                    str(column),
                    str(type_),
                    nullable=nullable == "YES",
                    default=self._read_default(generated or default),
                    key_position=positions.get(target, 0),
                    references=references.get(target),
                    comment=str(comment) if comment else None,
                )
            )
        return Catalog(
            tuple(
                Table(
                    table.schema,
                    table.name,
                    table.kind,
                    table.comment,
                    tuple(by_table.get((table.schema, table.name), ())),
                    table.row_count,
                )
                for table in tables
            )
        )

    def _read_default(self, value: object) -> str | None:
        # MariaDB gives an expression, in which no default is NULL; MySQL gives the value itself.
        if value is None or (self._is_mariadb and value == "NULL"):
            return None
        return str(value)

    def evidence(
        self, table: Table, columns: Sequence[str], privacy: Privacy
    ) -> Mapping[str, ColumnEvidence]:
        if privacy is Privacy.METADATA or not columns:
            return {}
        import pymysql

        types = {column.name: column.type for column in table.columns}
        values = ", ".join(_select_value(name, types.get(name, "")) for name in columns)
        query = f"SELECT {values} FROM {_quote_table(table.target)} LIMIT {ROWS}"
        rows: Sequence[Sequence[object]] = []
        with self._read() as reader:
            self._limit_time(reader, _EVIDENCE_SECONDS)
            try:
                rows = _ask(reader, query)
            except pymysql.Error as error:
                # No right to read it, too slow, a broken view: it has nothing to tell.
                if _is_lost(error):
                    raise
            self._limit_time(reader, _READ_SECONDS)
        return summarise(columns, rows, privacy)

    # Writing ---------------------------------------------------------------------------------

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """As `Connector.statements` says. `write` puts the clauses of a table's changes into one
        ALTER; what it will leave alone is given as a SQL comment that says why."""
        found: dict[Change, str] = {}
        with self._read() as reader:
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

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        try:
            writer = self._connect()
        except CatalogProblem as problem:
            yield from refuse_all(changes, Outcome.FAILED, str(problem))
            return
        try:
            for of_table in group_by_table(changes).values():
                yield from self._write_table(writer, of_table)
        finally:
            writer.close()

    def _write_table(self, writer: MysqlConnection, changes: Sequence[Change]) -> list[Written]:
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
            _run(writer, f"LOCK TABLES {_quote_table(table)} WRITE")
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
                self._alter(writer, waiting, text, results)
            finally:
                with suppress(pymysql.Error, OSError):
                    _run(writer, "UNLOCK TABLES")
        except (pymysql.Error, OSError, UnicodeError) as error:
            left = [change for change in changes if change not in results]
            for written in refuse_all(left, *self._explain_write(error)):
                results[written.change] = written
        return [results[change] for change in changes]

    def _alter(
        self,
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
            _run(writer, _write_statement(changes, text))
        except pymysql.Error as error:
            if len(changes) == 1 or _code(error) not in _REBUILDS:
                raise
            for change in changes:
                try:
                    self._alter(writer, [change], text, results)
                except pymysql.Error as single:
                    if _is_lost(single):
                        raise
                    results[change] = Written(change, *self._explain_write(single))
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

    def _explain_write(self, error: Exception) -> tuple[Outcome, str]:
        if _is_lost(error):
            return Outcome.FAILED, _LOST
        outcome, words = _WRITE_FAILURES.get(_code(error), (Outcome.FAILED, "{error}"))
        return outcome, words.format(error=self._say(error))

    def close(self) -> None:
        if self._reader is not None:
            import pymysql

            with suppress(pymysql.Error, OSError):  # the server may have closed it before
                self._reader.close()
            self._reader = None


def _import_driver() -> None:
    try:
        import pymysql  # noqa: F401
    except ImportError:
        raise CatalogProblem(
            "The driver for MySQL and MariaDB is not installed",
            remedy="Type: python -m pip install 'amx-tui[mysql]'",
        ) from None


def _code(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else -1


def _is_lost(error: Exception) -> bool:
    return isinstance(error, OSError) or _code(error) in _LOST_CODES


def _run(connection: MysqlConnection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _ask(
    connection: MysqlConnection, query: str, values: object = None
) -> Sequence[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _quote_table(target: Target) -> str:
    return f"{_quote(target.schema)}.{_quote(target.table)}"


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
    name = _quote(column)
    kind = type_.lower()
    if kind.split("(")[0].split(" ")[0] in _BINARY or kind.startswith(_SHAPES):
        return f"CASE WHEN {name} IS NOT NULL THEN x'' END"
    value = f"{name} + 0" if kind.startswith("bit") else name
    return f"LEFT(CAST({value} AS CHAR), {VALUE_CHARACTERS})"


def _read_kind(connection: MysqlConnection, table: Target) -> TableKind | None:
    # The server compares names as its collation does; here they have to be the same.
    for schema, name, type_ in _ask(connection, _KIND, (table.schema, table.table)):
        if (schema, name) == (table.schema, table.table):
            return TableKind.VIEW if type_ == "VIEW" else TableKind.TABLE
    return None


def _read_present(connection: MysqlConnection, table: Target) -> dict[Target, str | None]:
    known = {"schema": table.schema, "table": table.table}
    return {
        Target(table.schema, table.table, str(column)): str(comment) if comment else None
        for schema, name, column, comment in _ask(connection, _PRESENT, known)
        if (schema, name) == (table.schema, table.table)
    }


def _read_text(connection: MysqlConnection, table: Target) -> TableText:
    ((_, sql),) = _ask(connection, f"SHOW CREATE TABLE {_quote_table(table)}")
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
            f"It has {len(new)} characters; the server keeps at most {longest}. Shorten it, or press "
            "x to export it instead."
        )
    if any(ord(sign) > 0xFFFF for sign in new):
        sign = next(sign for sign in new if ord(sign) > 0xFFFF)
        return (
            f"The server's comments have no room for {one_line(sign)}: they hold the characters up "
            "to U+FFFF. Edit the text, or press x to export it instead."
        )
    if not column:
        return ""
    line = text.columns.get(column)
    if line is None:
        return "The column's definition could not be read. Press x to export it instead."
    if line.is_uncertain:
        return (
            "A question mark in the column's definition may stand for a character that the server "
            "does not show, and would then replace it. Press x to export it instead."
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
    table = _quote_table(changes[0].target)
    return f"ALTER TABLE {table} {', '.join(clauses)}, ALGORITHM=INSTANT"
