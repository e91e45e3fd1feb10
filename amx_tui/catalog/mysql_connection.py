"""The connections to a MySQL or MariaDB server: the one for reading, kept and made anew where it was lost,
and short ones for writing; how names are quoted there. It knows no table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from amx_tui.base.text import one_line
from amx_tui.catalog.model import CatalogProblem, Target

if TYPE_CHECKING:
    import pymysql

    MysqlConnection = pymysql.Connection[pymysql.cursors.Cursor]

_CONNECT_SECONDS = 10
READ_SECONDS = 30
LOCK_SECONDS = 2
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
    f"lock_wait_timeout = {LOCK_SECONDS}"
)
_READ_ONLY = "SET SESSION TRANSACTION READ ONLY"

# dev.mysql.com/doc/mysql-errors/8.4/en, mariadb.com/kb/en/mariadb-error-code-reference
_LOST_CODES = frozenset({0, 1053, 1927, 2006, 2013, 2014, 2055, 3169, 4031})
TOO_SLOW = frozenset({1317, 1969, 3024})
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


class MysqlServer:
    """How a server, or one database of it, is reached, and the connection that reads it, idle between
    two calls.

    Args:
        given: host, port, user, password, database (all of them where it is empty), unix_socket,
            ssl_ca, ssl_cert, ssl_key, ssl_disabled.
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str) -> None:
        _import_driver()
        self._given = {key: value for key, value in given.items() if value}
        self._given.setdefault("password", os.environ.get("MYSQL_PWD", ""))
        if not self._given.keys() & {"host", "port", "unix_socket"}:
            usual = next((path for path in _SOCKETS if Path(path).exists()), "")
            self._given["unix_socket"] = usual
        self._name = name
        self.database = self._given.get("database", "")
        self._reader: MysqlConnection | None = None
        self.is_mariadb = False
        self._connect_reader()

    @property
    def identity(self) -> str:
        socket = self._given.get("unix_socket", "")
        host = self._given.get("host", "").lower()
        if host in ("", "127.0.0.1", "::1"):
            host = "localhost"
        if socket and socket not in _SOCKETS:
            host = socket
        place = f"{quote(host, safe='')}:{self._port}"
        return f"mysql://{place}/{quote(self.database, safe='')}"

    @property
    def label(self) -> str:
        kind = "mariadb" if self.is_mariadb else "mysql"
        shown = self._name or self.database or self._given.get("host") or "localhost"
        return f"{one_line(shown, 60)} ({kind})"

    @property
    def shown(self) -> str:
        """What texts are said to go into."""
        where = self.database or self._name or self._given.get("host") or "localhost"
        return one_line(where, 60)

    @property
    def _port(self) -> str:
        return self._given.get("port", str(_DEFAULT_PORT))

    def connect(self) -> MysqlConnection:
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
                database=self.database or None,
                unix_socket=self._given.get("unix_socket"),
                ssl_ca=self._given.get("ssl_ca"),
                ssl_cert=self._given.get("ssl_cert"),
                ssl_key=self._given.get("ssl_key"),
                ssl_disabled=is_plain or None,
                charset="utf8mb4",
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                # The server gives up first, and says why.
                read_timeout=READ_SECONDS + 5,
                write_timeout=READ_SECONDS + 5,
                init_command=_SESSION,
                program_name="amx-tui",
            )
        except (pymysql.Error, OSError, RuntimeError, ValueError) as error:
            raise self._explain_connect(error) from None

    def _connect_reader(self) -> MysqlConnection:
        """The connection for reading, a new one where there is none or it was lost."""
        import pymysql

        if self._reader is None or not self._reader.open:
            reader = self.connect()
            try:
                run(reader, _READ_ONLY)
                ((version,),) = ask(reader, "SELECT VERSION()")
                self.is_mariadb = "mariadb" in str(version).lower()
                self.limit_time(reader, READ_SECONDS)
            except pymysql.Error as error:
                reader.close()
                raise self._explain(error) from None
            self._reader = reader
        return self._reader

    @contextmanager
    def read(self) -> Iterator[MysqlConnection]:
        """Raises CatalogProblem for whatever the server says inside."""
        import pymysql

        reader = self._connect_reader()
        try:
            yield reader
        except (pymysql.Error, OSError, UnicodeError) as error:
            problem = self._explain(error)
            if is_lost(error):
                self.close()
            raise problem from None

    def limit_time(self, reader: MysqlConnection, seconds: int) -> None:
        """Of a SELECT (dev.mysql.com/doc/refman/8.4/en/server-system-variables.html), in MariaDB of
        any statement (mariadb.com/kb/en/aborting-statements)."""
        limit = f"max_execution_time = {seconds}000"
        if self.is_mariadb:
            limit = f"max_statement_time = {seconds}"
        run(reader, f"SET SESSION {limit}")

    def _explain(self, error: Exception) -> CatalogProblem:
        where = one_line(self._name or self.database, 60) or "The database"
        if is_lost(error):
            return CatalogProblem(
                f"The connection to {where} was lost",
                self.say(error),
                "Press r to connect again; nothing on the screen is lost",
            )
        if code_of(error) in TOO_SLOW:
            return CatalogProblem(
                f"{where} did not answer within {READ_SECONDS} s",
                "It may be busy",
                "Press r to try again",
            )
        return CatalogProblem(f"{where} could not be read", self.say(error), "Press r to try again")

    def _explain_connect(self, error: Exception) -> CatalogProblem:
        said = self.say(error)
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
            code_of(error),
            ("{error}", "Check the URL: mysql://USER:PASSWORD@HOST:PORT/DATABASE"),
        )
        return CatalogProblem(what, why.format(error=said), remedy)

    def say(self, error: Exception) -> str:
        """The server's words, without what they may repeat of the password."""
        said = str(error.args[-1]) if error.args else ""
        password = self._given.get("password")
        said = said.replace(password, "…") if password else said
        return one_line(said, 240).rstrip(".") or type(error).__name__

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


def code_of(error: Exception) -> int:
    return error.args[0] if error.args and isinstance(error.args[0], int) else -1


def is_lost(error: Exception) -> bool:
    return isinstance(error, OSError) or code_of(error) in _LOST_CODES


def run(connection: MysqlConnection, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def ask(
    connection: MysqlConnection, query: str, values: object = None
) -> Sequence[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()


def quote_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def quote_table(target: Target) -> str:
    return f"{quote_name(target.schema)}.{quote_name(target.table)}"
