"""The fields of the form for a connection, by the kind of database that amx-tui opens; AMX's own keys.
Pure: it opens nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amx_tui.config.connections import SECRETS
from amx_tui.config.keys import is_reference
from amx_tui.config.model import Connection
from amx_tui.widgets.form import Choice, Field, Note
from amx_tui.widgets.plain import Line

# Enter keeps these ports; they are written all the same, as AMX does.
_FILES = frozenset({"sqlite", "duckdb"})
_SERVERS = frozenset({"postgresql", "mysql"})


@dataclass(frozen=True, slots=True)
class Database:
    """A kind of database that opens here. `note` is what is worth knowing before one chooses it."""

    backend: str
    title: str
    port: str
    pick_when: str
    note: str


DATABASES: tuple[Database, ...] = (
    Database(
        "postgresql",
        "PostgreSQL",
        "5432",
        "a server of PostgreSQL",
        "Accepted texts become comments of the tables; that takes their owner's role.",
    ),
    Database(
        "mysql",
        "MySQL, MariaDB",
        "3306",
        "a server of MySQL or MariaDB",
        "Accepted texts become comments; that takes the right to ALTER.",
    ),
    Database(
        "duckdb",
        "DuckDB file",
        "",
        "a file of DuckDB",
        "Accepted texts become comments in the file.",
    ),
    Database(
        "sqlite",
        "SQLite file",
        "",
        "a file of SQLite",
        "SQLite has no comments: texts go into a file beside it. AMX itself opens no SQLite.",
    ),
)
_BY_BACKEND = {row.backend: row for row in DATABASES}
_SPELLINGS = {"postgres": "postgresql", "mariadb": "mysql", "sqlite3": "sqlite"}

PROFILING = (
    ("full", "yes, all the statistics there are"),
    ("sampled", "yes, a sample of the rows"),
    ("metadata", "no, names and types alone"),
)
SSL_MODES = tuple(
    (mode, mode) for mode in ("prefer", "disable", "allow", "require", "verify-ca", "verify-full")
)
YES_NO = (("false", "no"), ("true", "yes"))

FIELDS: tuple[Field, ...] = (
    Field("name", "Connection name"),
    Field("backend", "Database", is_pick=True),
    Field("host", "Host", default="localhost"),
    Field("port", "Port"),
    Field("user", "User"),
    Field("password", "Password", is_secret=True, has_spaces=True),
    Field("database", "Name of database"),
    Field("file", "File"),
    Field("profiling_mode", "May rows be read?", is_pick=True),
    Field("sslmode", "SSL", is_pick=True, is_folded=True),
    Field("sslrootcert", "SSL root certificate", is_folded=True),
    Field("ssl_ca", "SSL root certificate", is_folded=True),
    Field("read_only", "Read only", is_pick=True, is_folded=True),
)
# Which fields a kind of database has, beside those that all have.
_ONLY: Mapping[str, frozenset[str]] = {
    "host": _SERVERS,
    "port": _SERVERS,
    "user": _SERVERS,
    "password": _SERVERS,
    "database": _SERVERS,
    "file": _FILES,
    "sslmode": frozenset({"postgresql"}),
    "sslrootcert": frozenset({"postgresql"}),
    "ssl_ca": frozenset({"mysql"}),
    "read_only": frozenset({"duckdb"}),
}
OPTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "backend": tuple((row.backend, row.title) for row in DATABASES),
    "profiling_mode": PROFILING,
    "sslmode": SSL_MODES,
    "read_only": YES_NO,
}


def own_backend(backend: str) -> str:
    """The backend by our own name of it; "" for one that does not open here."""
    name = backend.strip().lower()
    name = _SPELLINGS.get(name, name)
    return name if name in _BY_BACKEND else ""


def title_of(backend: str) -> str:
    """What people call it; "" for one that does not open here."""
    row = _BY_BACKEND.get(own_backend(backend))
    return row.title if row else ""


def database_of(backend: str) -> Database:
    return _BY_BACKEND[own_backend(backend) or DATABASES[0].backend]


def place_of(connection: Connection) -> str:
    """Where it is, without any secret: a file, or a host and its database."""
    settings = connection.settings
    if own_backend(connection.backend) in _FILES:
        return str(settings.get("database") or settings.get("path") or "")
    host, database = settings.get("host") or "localhost", settings.get("database") or ""
    return f"{host}/{database}" if database else str(host)


def applies(name: str, backend: str) -> bool:
    return own_backend(backend) in _ONLY.get(name, frozenset(_BY_BACKEND))


def setting_of(name: str) -> str:
    """The key of AMX's that a field fills."""
    return "database" if name == "file" else name


def text_of(name: str, connection: Connection | None) -> str:
    """What stands in a field at first; a secret is never put there."""
    options = OPTIONS.get(name)
    first = options[0][0] if options else ""
    if connection is None or name in SECRETS:
        return first
    if name == "name":
        return connection.name
    if name == "backend":
        return own_backend(connection.backend) or first
    value = connection.settings.get(setting_of(name))
    if name == "file" and value is None:
        value = connection.settings.get("path")
    if value is None:
        return first
    return str(value).lower() if isinstance(value, bool) else str(value)


def judge(name: str, values: Mapping[str, str], taken: Sequence[str]) -> Note | None:
    """What is wrong with a value, or strange; None where nothing is."""
    value = values[name]
    match name:
        case "name":
            if not value:
                return Note("A connection needs a name.", "bad")
            if value in taken:
                return Note(f"There is a connection '{value}' already.", "bad")
        case "host":
            if "://" in value or "@" in value or " " in value:
                return Note("The host alone, such as db.example.org.", "bad")
        case "port":
            is_port = value.isascii() and value.isdigit() and 1 <= int(value[:6]) <= 65_535
            if not is_port:
                return Note("A number from 1 to 65 535.", "bad")
        case "database":
            if not value:
                return Note("Which database of the server?", "bad")
        case "file":
            return _judge_file(value)
    return None


def _judge_file(value: str) -> Note | None:
    if not value:
        return Note("Which file?", "bad")
    if value.startswith(("md:", "motherduck:")):
        return Note("MotherDuck is not opened here; name a file.", "bad")
    try:
        path = Path(value).expanduser()
        if path.is_dir():
            return Note("That is a folder; name a file in it.", "bad")
        if not path.exists():
            return Note("There is no such file now.", "warn")
        if not path.is_absolute():
            full = str(path.resolve())
            return Note("It is found from this folder only.", "warn", full, "takes the whole path")
    except (OSError, RuntimeError, ValueError):
        return Note("That cannot be a file's name.", "bad")
    return None


def make_settings(
    values: Mapping[str, str], backend: str, old: Mapping[str, object]
) -> dict[str, object]:
    """AMX's settings of a connection: those of the fields, and of `old` what the form does not show.
    Secrets stay as they were; a blank one is left out, and so is what is as AMX has it anyway."""
    settings = dict(old)
    for field in FIELDS:
        name, key = field.id, setting_of(field.id)
        if name in ("name", "backend") or field.is_secret:
            continue
        if not applies(name, backend):
            if key != "database" and key in settings and name in _ONLY:
                del settings[key]  # of another kind of database
            continue
        value: object = values[name]
        is_usual = name in OPTIONS and value == OPTIONS[name][0][0]
        if (not value or is_usual) and key not in old:
            continue
        if name == "port":
            value = int(values[name])
        elif OPTIONS.get(name) == YES_NO:
            value = value == "true"
        if value == "":
            settings.pop(key, None)
        else:
            settings[key] = value
    if own_backend(backend) in _FILES:
        settings.pop("path", None)
        settings.pop("password", None)
    return settings


def password_words(connection: Connection | None, value: str, is_usable: bool | None) -> Note:
    """Where the password is, and where a new one would go."""
    stored = str(connection.settings.get("password") or "") if connection else ""
    if value:
        if is_usable:
            return Note("goes into the keyring")
        words = "no usable keyring: saving asks before it keeps it readable"
        return Note("looking for a keyring …" if is_usable is None else words, "warn")
    if stored:
        where = "in the keyring" if is_reference(stored) else "readable in config.yml"
        return Note(f"there is one {where}; empty keeps it")
    if is_usable is False:
        return Note("no usable keyring; empty: AMX_DB_PASSWORD", "warn")
    return Note("empty: none, or AMX_DB_PASSWORD")


def backend_choices() -> list[Choice]:
    return [
        Choice(
            row.backend,
            lambda width, row=row: [(f" {row.title:<18}", "strong"), (row.pick_when, "dim")],  # type: ignore[misc]
            [[(row.note, "dim")]],
        )
        for row in DATABASES
    ]


def option_choices(name: str) -> list[Choice]:
    return [
        Choice(
            value,
            lambda width, words=words, value=value: [  # type: ignore[misc]
                (f" {value:<14}", "strong"),
                (words if words != value else "", "dim"),
            ],
        )
        for value, words in OPTIONS[name]
    ]


def advice(name: str, backend: str) -> Sequence[Line]:
    words = {
        "name": "What you call it: amx-tui NAME opens it, and so does AMX.",
        "host": "The server's name or address.",
        "port": f"{database_of(backend).title} listens at {database_of(backend).port} as a rule.",
        "user": "Reading the catalog takes no special right. Writing comments does.",
        "password": "It is not shown, and goes into the keyring. Where it stays empty, "
        "AMX_DB_PASSWORD counts.",
        "database": "One database of the server; its schemas are all shown.",
        "file": "The path of the file; ~ is your home folder.",
        "sslrootcert": "A PEM file with the certificates to trust.",
        "ssl_ca": "A PEM file with the certificates to trust.",
    }.get(name, "")
    return [[(words, "dim")]]
