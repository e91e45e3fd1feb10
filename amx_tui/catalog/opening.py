"""Finds out which database a path, a URL or a connection of `config.yml` means, and opens it with the
adapter for it. It is the only place that knows all adapters; no driver is imported before it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from amx_tui.base.text import one_line
from amx_tui.catalog.model import CatalogProblem, Connector

_SHOWN_CHARACTERS = 200

# What a file begins with, and the adapter that reads it. DuckDB: duckdb.org/docs/internals/storage.
_SIGNATURES = (
    (0, b"SQLite format 3\x00", "sqlite"),
    (8, b"DUCK", "duckdb"),
)
# What people take for a database, and what it is.
_OTHER_FORMATS = (
    (0, b"PGDMP", "a PostgreSQL dump", "Restore it with pg_restore, then open that database"),
    (0, b"PAR1", "a Parquet file", "Load it into a DuckDB file, then open that"),
    (0, b"\x1f\x8b", "compressed with gzip", "Unpack it first: gunzip"),
    (0, b"PK\x03\x04", "a ZIP archive or an office document", "Unpack it, or load its data"),
    (4, b"Standard Jet DB", "a Microsoft Access database", "Convert it to SQLite first"),
    (4, b"Standard ACE DB", "a Microsoft Access database", "Convert it to SQLite first"),
)
_SQL_WORDS = re.compile(
    rb"^\s*(?:--|/\*|CREATE|BEGIN|PRAGMA|INSERT|SET|DROP)\b|^\s*--", re.IGNORECASE
)

_TITLES = {"sqlite": "SQLite", "duckdb": "DuckDB"}
_DIALECTS = {
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_FORMS = {
    "postgresql": "postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    "mysql": "mysql://USER:PASSWORD@HOST:PORT/DATABASE",
}
_OPENABLE = (
    f"a file, sqlite:///FILE, duckdb:///FILE, {_FORMS['postgresql']}, {_FORMS['mysql']}, "
    "mariadb://…, and to read only any URL of SQLAlchemy's, such as oracle+oracledb://…"
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_.+-]*)://")
# A password may hold any sign, also one that should have been percent-encoded: first without a
# password, then with the shortest that lets the rest be read.
_SERVER = re.compile(
    r"""(?: (?P<user>[^:/@?#]*) (?: : (?P<password>.*?) )? @ )??
        (?P<host> \[[^\]@]*\] | [^:/?#@\[\]]* )
        (?: : (?P<port>\d*) )?
        (?: / (?P<database>[^?#@]*) )?
        (?: \? (?P<query>[^#]*) )?""",
    re.VERBOSE | re.DOTALL,
)
# What of a URL's query or of a connection's settings is handed to the driver: to libpq
# (postgresql.org/docs/current/libpq-connect.html), to pymysql.
_PASSED_ON = {
    "postgresql": frozenset(
        (
            "host",
            "port",
            "user",
            "password",
            "dbname",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
        )
    ),
    "mysql": frozenset(
        (
            *("host", "port", "user", "password", "database", "unix_socket"),
            *("ssl_ca", "ssl_cert", "ssl_key", "ssl_disabled"),
        )
    ),
}


def redact(text: str) -> str:
    """A path or URL as it may be shown and kept: without its password and its query."""
    scheme = _SCHEME.match(text)
    if not scheme:
        return one_line(text, _SHOWN_CHARACTERS)
    before, at, after = text[scheme.end() :].rpartition("@")
    if before.startswith("/") or after.startswith("/"):  # a file, whose name may hold an @
        before, at, after = "", "", text[scheme.end() :]
    user = re.split(r"[:/?#]", before, maxsplit=1)[0]
    rest = re.split(r"[?#]", after, maxsplit=1)[0]
    if not at:
        # USER:PASSWORD without the rest.
        rest = re.sub(r"^([^/:]*):(?!\d*(?:/|$)).*", r"\1:…", rest)
    return one_line(f"{scheme[0]}{user}{at}{rest}", _SHOWN_CHARACTERS)


def open_database(text: str) -> Connector:
    """Opens what `text` names: a file, told by its content, or a URL (`sqlite:///relative.db`,
    `sqlite:////absolute.db`, `duckdb:///FILE`, `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, the
    same with `mysql` or `mariadb`, or what SQLAlchemy has a dialect for).

    It is really opened once, so that what cannot be read is told here; nothing is created on disk.

    Raises:
        CatalogProblem: with what to do; never with a password in it.
    """
    text = text.strip()
    scheme = _SCHEME.match(text)
    if not scheme:
        return _open_file(text)
    name = scheme[1].lower()
    # SQLAlchemy's spelling names the driver too: postgresql+psycopg2.
    dialect = _DIALECTS.get(name.partition("+")[0])
    if dialect is None:
        return _open_other(text, name)
    if dialect in _FORMS:
        given = _read_server(text[scheme.end() :], dialect, redact(text))
        return _open_server(dialect, given, name="")
    return _open_file(_read_file_url(text[scheme.end() :], text, dialect), dialect)


def opens_backend(backend: str) -> bool:
    """Whether a connection of `db_profiles` with this backend can be opened at all."""
    return backend.strip().lower() in _DIALECTS


def open_connection(backend: str, settings: Mapping[str, str], name: str) -> Connector:
    """Opens a connection of `db_profiles`, called `name`, whose secrets are resolved. `settings` are
    AMX's own keys: `host`, `port`, `user`, `password`, `database`, `sslmode`, `sslrootcert`, `ssl_ca`,
    `ssl_disabled`; for a file `database` is its path.

    Raises:
        CatalogProblem: as `open_database` does.
    """
    dialect = _DIALECTS.get(backend.strip().lower())
    if dialect is None:
        raise CatalogProblem(
            f"The connection {one_line(name, 60)} is for {one_line(backend, 40) or 'no backend'}, "
            "which amx-tui does not open",
            "It opens sqlite, duckdb, postgresql, mysql and mariadb",
            "Choose another connection, or a file; others open to be read by SQLAlchemy's URL",
        )
    given = {key: value for key, value in settings.items() if value}
    if dialect in _FORMS:
        passed = {key: value for key, value in given.items() if key in _PASSED_ON[dialect]}
        if dialect == "postgresql":
            passed["dbname"] = given.get("database", "")
        elif given.get("port") == "5432":  # what AMX writes where nobody gave a port
            del passed["port"]
        return _open_server(dialect, passed, name)
    path = given.get("database") or given.get("path") or ""
    if path.startswith(("md:", "motherduck:")):
        raise CatalogProblem(
            f"The connection {one_line(name, 60)} is for MotherDuck, which amx-tui does not open",
            remedy="Choose another connection, or a DuckDB file",
        )
    if not path or path == ":memory:":
        raise CatalogProblem(
            f"The connection {one_line(name, 60)} names no file",
            remedy=f"Put the file's path into db_profiles.{one_line(name, 60)}.database",
        )
    read_only = given.get("read_only", "").lower() in ("1", "true", "yes", "on")
    return _open_file(path, dialect, read_only=read_only)


# Files -------------------------------------------------------------------------------------------


def _read_file_url(rest: str, text: str, dialect: str) -> str:
    path = rest.partition("?")[0].removeprefix("/")
    if not rest.startswith("/") or path in ("", ":memory:"):
        raise CatalogProblem(
            f"{redact(text)} names no file",
            remedy=f"Type {dialect}:///FILE, or {dialect}:////FOLDER/FILE, or the file's path alone",
        )
    return path


def _open_file(text: str, expected: str | None = None, *, read_only: bool = False) -> Connector:
    if not text or "\0" in text:
        raise CatalogProblem("No database was named", remedy=f"Type one: {_OPENABLE}")
    try:
        path = Path(text).expanduser()
        dialect = _tell_format(path)
    except RuntimeError:  # no home to expand ~ to
        raise CatalogProblem(f"{_show(Path(text))} cannot be found") from None
    except OSError as error:
        raise CatalogProblem(
            f"{_show(Path(text))} cannot be read",
            error.strerror or one_line(str(error), 120),
            "Check its permissions and those of its folder (ls -l), or ask its owner",
        ) from None
    if expected and dialect != expected:
        raise CatalogProblem(
            f"{_show(path)} is a {_TITLES[dialect]} database, not a {_TITLES[expected]} one",
            remedy=f"Type {dialect}:///{_show(path)}, or the path alone",
        )
    return _make_duckdb(path, read_only) if dialect == "duckdb" else _make_sqlite(path)


def _show(path: Path) -> str:
    return one_line(str(path), _SHOWN_CHARACTERS)


def _tell_format(path: Path) -> str:
    """`sqlite` or `duckdb`, by what the file begins with."""
    if not path.exists():
        raise _explain_missing(path)
    if path.is_dir():
        raise _explain_folder(path)
    if not path.is_file():  # a pipe would be waited for
        raise CatalogProblem(f"{_show(path)} is not a file", remedy="Name a database file")
    with path.open("rb") as file:
        header = file.read(64)
    for offset, signature, dialect in _SIGNATURES:
        if header[offset:].startswith(signature):
            return dialect
    if not header:
        raise CatalogProblem(
            f"{_show(path)} is empty: it holds no database",
            "Whatever should have filled it has not done so",
            "Check the name, or fill it first",
        )
    raise _explain_other(path, header)


def _explain_missing(path: Path) -> CatalogProblem:
    folder = path.parent
    if not folder.exists():
        return CatalogProblem(
            f"{_show(path)} does not exist",
            f"There is no folder {_show(folder)}",
            "Check the path",
        )
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    by_lower = {name.lower(): name for name in names}
    close = get_close_matches(path.name.lower(), by_lower, n=3, cutoff=0.5)
    similar = [one_line(str(path.with_name(by_lower[name])), 120) for name in close]
    return CatalogProblem(
        f"{_show(path)} does not exist",
        remedy=f"Did you mean {' or '.join(similar)}?" if similar else "Check the path",
    )


def _explain_folder(path: Path) -> CatalogProblem:
    found = []
    for entry in sorted(path.iterdir()):
        if entry.is_file() and entry.suffix in (".db", ".sqlite", ".sqlite3", ".duckdb", ".ddb"):
            found.append(one_line(str(entry), 120))
    remedy = f"Name a file in it, such as {found[0]}" if found else "Name a database file"
    return CatalogProblem(f"{_show(path)} is a folder", remedy=remedy)


def _explain_other(path: Path, header: bytes) -> CatalogProblem:
    what = f"{_show(path)} is not a database that amx-tui can read"
    for offset, signature, name, remedy in _OTHER_FORMATS:
        if header[offset:].startswith(signature):
            return CatalogProblem(what, f"It is {name}", remedy)
    if _SQL_WORDS.match(header):
        return CatalogProblem(
            what,
            "It is a text, probably of SQL commands",
            f"Make a database of it: sqlite3 new.db < {one_line(path.name, 80)}",
        )
    return CatalogProblem(
        what,
        "It begins neither as SQLite nor as DuckDB does; it may be encrypted or another kind of file",
        "Check the file name",
    )


# Servers -----------------------------------------------------------------------------------------


def _read_server(rest: str, dialect: str, shown: str) -> dict[str, str]:
    """The driver's keywords, of what stands behind `postgresql://` or `mysql://`."""
    match = _SERVER.fullmatch(rest)
    if not match:
        raise CatalogProblem(
            f"{shown} cannot be read as a URL",
            "A sign in the user or the password may need its percent code, such as %40 for @",
            f"The form is {_FORMS[dialect]}",
        )
    query = dict(parse_qsl(match["query"] or ""))
    given = {
        "host": unquote((match["host"] or "").strip("[]")),
        "port": match["port"] or "",
        "user": unquote(match["user"] or ""),
        "password": unquote(match["password"] or ""),
        "dbname" if dialect == "postgresql" else "database": unquote(match["database"] or ""),
        **{key: value for key, value in query.items() if key in _PASSED_ON[dialect]},
    }
    return {key: value for key, value in given.items() if value}


# Adapters ----------------------------------------------------------------------------------------


def _make_sqlite(path: Path) -> Connector:
    from amx_tui.catalog.sqlite import SqliteConnector

    return SqliteConnector(path)


def _make_duckdb(path: Path, read_only: bool) -> Connector:
    from amx_tui.catalog.duckdb import DuckdbConnector

    return DuckdbConnector(path, read_only=read_only)


def _open_server(dialect: str, given: Mapping[str, str], name: str) -> Connector:
    if dialect == "mysql":
        from amx_tui.catalog.mysql import MysqlConnector

        return MysqlConnector(given, name)
    from amx_tui.catalog.postgresql import PostgresqlConnector

    return PostgresqlConnector(given, name)


def _open_other(text: str, scheme: str) -> Connector:
    from amx_tui.catalog.sqlalchemy_dialects import SqlalchemyConnector, find_dialect

    if not find_dialect(scheme):
        raise CatalogProblem(
            f"amx-tui does not open {one_line(scheme, 40)}:// databases",
            f"Given: {redact(text)}",
            f"What it opens: {_OPENABLE}",
        )
    return SqlalchemyConnector(text, shown=redact(text))
