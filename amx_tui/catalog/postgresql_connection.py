"""The connections to a PostgreSQL server: the one for reading, kept and made anew where it was lost, and
short ones for writing. It knows no table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from amx_tui.base.text import one_line
from amx_tui.catalog.model import CatalogProblem

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 10
READ_TIMEOUT = "30s"

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


class PostgresqlServer:
    """How one database of one server is reached, and the connection that reads it: idle and without a
    transaction between two calls.

    Args:
        given: libpq's keywords: host, port, user, password, dbname, sslmode, sslrootcert…
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the driver is missing, or the server cannot be reached.
    """

    def __init__(self, given: Mapping[str, str], name: str) -> None:
        _import_driver()
        self._given = {key: value for key, value in given.items() if value}
        self._name = name
        self._reader: psycopg.Connection | None = None
        info = self._connect_reader().info
        self._host, self._port, self.database = info.host, info.port, info.dbname

    @property
    def identity(self) -> str:
        # The same server, whether through a socket in its usual place or through the loopback.
        usual = self._host in ("/var/run/postgresql", "/run/postgresql", "/tmp", "127.0.0.1", "::1")
        host = "localhost" if usual or not self._host else self._host.lower()
        return f"postgresql://{quote(host, safe='')}:{self._port}/{quote(self.database, safe='')}"

    def connect(self) -> psycopg.Connection:
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
            reader = self.connect()
            try:
                reader.execute(
                    "SELECT set_config('default_transaction_read_only', 'on', false), "
                    "set_config('statement_timeout', %s, false), "
                    "set_config('search_path', 'pg_catalog', false)",
                    [READ_TIMEOUT],
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
    def read(self) -> Iterator[psycopg.Connection]:
        """One read-only transaction. Raises CatalogProblem for whatever PostgreSQL says inside."""
        import psycopg

        reader = self._connect_reader()
        try:
            with reader.transaction():
                yield reader
        except psycopg.Error as error:
            problem = self._explain(error)
            if is_lost(error, reader):
                self.close()
            raise problem from None

    def _explain(self, error: psycopg.Error) -> CatalogProblem:
        where = f"{one_line(self._name or self._given.get('dbname', ''), 60) or 'The database'}"
        if is_lost(error, self._reader):
            return CatalogProblem(
                f"The connection to {where} was lost",
                self.say(error),
                "Press r to connect again; nothing on the screen is lost",
            )
        if error.sqlstate == "57014":
            return CatalogProblem(
                f"{where} did not answer within {READ_TIMEOUT}",
                "It may be busy",
                "Press r to try again",
            )
        return CatalogProblem(f"{where} could not be read", self.say(error), "Press r to try again")

    def _explain_connect(self, error: Exception) -> CatalogProblem:
        said = self.say(error)
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

    def say(self, error: Exception) -> str:
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


def is_lost(error: psycopg.Error, connection: psycopg.Connection | None) -> bool:
    """Class 08 is the connection's; 57P01 to 57P05 a server that goes down or ends the session."""
    state = error.sqlstate or ""
    return state.startswith(("08", "57P")) or (connection is not None and connection.closed)
