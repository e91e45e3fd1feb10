"""Reads every database that SQLAlchemy has a dialect for and the catalog has no adapter of its own
for. It never writes, and knows of each database only what stands in its tables below.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, time, timedelta
from decimal import Decimal
from importlib.metadata import entry_points
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from amx_tui.base.text import one_line
from amx_tui.catalog.changes import refuse_all
from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    CatalogProblem,
    Change,
    Column,
    Home,
    Outcome,
    Table,
    TableEvidence,
    TableKind,
    Target,
    Written,
)
from amx_tui.catalog.sampling import (
    FIRST_ROWS,
    ROWS,
    choose_columns,
    stopped_after,
    summarise,
)
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    from sqlalchemy import URL, ColumnClause, Connection, Engine
    from sqlalchemy.engine import Inspector
    from sqlalchemy.engine.interfaces import ReflectedColumn

_EVIDENCE_SECONDS = 2.0

# A URL's first word, and what has to be installed for it besides SQLAlchemy
# (docs.sqlalchemy.org/en/20/dialects, and the dialects' own pages on pypi.org).
_PACKAGES: Mapping[str, str] = {
    "awsathena": "'PyAthena[SQLAlchemy]'",
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "clickhousedb": "'clickhouse-connect[sqlalchemy]'",
    "cockroachdb": "sqlalchemy-cockroachdb 'psycopg[binary]'",
    "crate": "sqlalchemy-cratedb",
    "databricks": "databricks-sqlalchemy",
    "db2": "ibm_db_sa",
    "exa": "sqlalchemy-exasol",
    "firebird": "sqlalchemy-firebird",
    "hana": "sqlalchemy-hana",
    "hive": "'pyhive[hive]'",
    "ibm_db_sa": "ibm_db_sa",
    "mssql": "pyodbc",
    "oracle": "oracledb",
    "presto": "'pyhive[presto]'",
    "redshift": "sqlalchemy-redshift redshift_connector",
    "snowflake": "snowflake-sqlalchemy",
    "teradatasql": "teradatasqlalchemy",
    "trino": "'trino[sqlalchemy]'",
    "vertica": "sqlalchemy-vertica-python",
}
# Modules that are installed under another name.
_MODULES: Mapping[str, str] = {
    "psycopg": "'psycopg[binary]'",
    "psycopg2": "psycopg2-binary",
    "pytds": "sqlalchemy-pytds",
}
# What a transaction begins with so that the database itself refuses to write; elsewhere it is enough
# that only reading is asked for, and that every transaction is rolled back.
_READ_ONLY: Mapping[str, str] = {
    "cockroachdb": "SET TRANSACTION READ ONLY",
    "oracle": "SET TRANSACTION READ ONLY",
    "sqlite": "PRAGMA query_only = 1",
}
_SYSTEM_WORDS = """
    information_schema pg_catalog pg_toast pg_internal pg_extension crdb_internal sys system
    performance_schema _statistics_
    db_accessadmin db_backupoperator db_datareader db_datawriter db_ddladmin db_denydatareader
    db_denydatawriter db_owner db_securityadmin guest
    anonymous appqossys audsys ctxsys dbsfwuser dbsnmp dip dvf dvsys ggsys gsmadmin_internal
    gsmcatuser gsmrootuser gsmuser lbacsys mdddata mdsys ojvmsys olapsys oracle_ocm orddata
    ordplugins ordsys outln remote_scheduler_agent si_informtn_schema sys$umf sysbackup sysdg syskm
    sysrac wmsys xdb xs$null
"""
_SYSTEM_SCHEMAS = frozenset(_SYSTEM_WORDS.split())
# Of a URL's query, what tells one database from another and is no secret.
_PLACES = ("service_name", "http_path", "catalog")
_OPEN_WORDS = frozenset((*_PLACES, "driver", "schema", "warehouse", "role", "encrypt", "sslmode"))
_BINARY = re.compile(r"BLOB|BINARY|BYTE|RAW|IMAGE|GEOGRAPHY|GEOMETRY|ROWVERSION", re.IGNORECASE)
_PLAIN_VALUES = (str, bytes, int, float, Decimal, date, time, timedelta)


def find_dialect(scheme: str) -> bool:
    """Whether `scheme`, what stands before `://`, is one that SQLAlchemy opens with a package that is
    known here, or with one that is installed."""
    backend = scheme.partition("+")[0]
    installed = entry_points(group="sqlalchemy.dialects").names
    return backend in _PACKAGES or not installed.isdisjoint({backend, scheme.replace("+", ".")})


class SqlalchemyConnector:
    """A database behind a dialect of SQLAlchemy. At most one connection is kept, without a transaction
    between two calls.

    Args:
        url: In SQLAlchemy's form, `DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE?…`.
        shown: The same as it may be shown; without one, the database is shown without its URL.
        name: What a person calls it; empty where it was given as a URL.

    Raises:
        CatalogProblem: where the dialect or its driver is missing, or the database cannot be reached.
    """

    def __init__(self, url: str, *, shown: str = "", name: str = "") -> None:
        scheme = url.partition("://")[0].lower()
        _import_sqlalchemy(scheme)
        self._url = _read_url(url, shown or f"{one_line(scheme, 40)}://…")
        self._name = name
        self._engine = _make_engine(self._url)
        # The driver's spelling of a name that a str alone does not tell from another one.
        self._exact: dict[str, str] = {}
        with self._read():
            pass

    def __repr__(self) -> str:
        return f"SqlalchemyConnector({self.identity})"

    @property
    def identity(self) -> str:
        host, database = self._place
        port = f":{self._url.port}" if self._url.port else ""
        place = f"{self.dialect}://{quote(host.lower(), safe='')}{port}/{quote(database, safe='/')}"
        chosen = [
            f"{key}={quote(str(self._url.query[key]), safe='')}"
            for key in _PLACES
            if key in self._url.query
        ]
        return f"{place}?{'&'.join(chosen)}" if chosen else place

    @property
    def _place(self) -> tuple[str, str]:
        """Host and database, also where ODBC's own form hides them."""
        odbc = str(self._url.query.get("odbc_connect", ""))
        words = {
            key.strip().lower(): value.strip()
            for key, _, value in (part.partition("=") for part in odbc.split(";"))
        }
        host = self._url.host or words.get("server") or words.get("dsn") or ""
        return host, self._url.database or words.get("database") or ""

    @property
    def label(self) -> str:
        host, database = self._place
        service = str(self._url.query.get("service_name", ""))
        shown = self._name or database or service or host or self.dialect
        return f"{one_line(shown, 60)} ({one_line(self.dialect, 20)})"

    @property
    def dialect(self) -> str:
        return self._engine.dialect.name

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            Home.NOWHERE, f"nowhere: amx-tui only reads {self.dialect} databases", writers="nobody"
        )

    # Connecting ------------------------------------------------------------------------------

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """One transaction that is rolled back. Raises CatalogProblem for whatever is raised inside."""
        try:
            with self._engine.connect() as connection:
                try:
                    self._begin(connection)
                    yield connection
                finally:
                    connection.rollback()
        except Exception as error:  # dialects are other people's and raise what they like
            raise self._explain(error) from None

    def _begin(self, connection: Connection) -> None:
        statement = _READ_ONLY.get(self.dialect)
        if statement:
            connection.exec_driver_sql(statement)

    def _explain(self, error: Exception) -> CatalogProblem:
        if isinstance(error, CatalogProblem):
            return error
        shown = one_line(self._name or " ".join(filter(None, self._place)) or self.dialect, 120)
        return CatalogProblem(
            f"{shown} could not be read",
            _say(self._url, error),
            "Check the URL and the driver, or press r to try again",
        )

    # Reading ---------------------------------------------------------------------------------

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        from sqlalchemy import inspect

        with self._read() as connection:
            inspector = inspect(connection)
            return tuple(
                Table(schema, name, kind)
                for schema in self._list_schemas(inspector, hidden)
                for name, kind in sorted(self._list_tables(inspector, schema).items())
            )

    def _list_schemas(self, inspector: Inspector, hidden: bool) -> list[str]:
        """Empty where the database has none."""
        default = inspector.default_schema_name or ""
        try:
            names = [str(name) for name in inspector.get_schema_names()]
        except NotImplementedError:
            return [default]
        kept = {name for name in names if hidden or name.lower() not in _SYSTEM_SCHEMAS}
        return sorted(kept | {default} if default or not kept else kept)

    def _list_tables(self, inspector: Inspector, schema: str) -> dict[str, TableKind]:
        found: dict[str, TableKind] = {}
        # Some dialects count views as tables too: what is told last is true.
        for kind, read in (
            (TableKind.TABLE, inspector.get_table_names),
            (TableKind.VIEW, inspector.get_view_names),
            (TableKind.MATERIALIZED_VIEW, inspector.get_materialized_view_names),
        ):
            with suppress(NotImplementedError):
                found |= {self._keep_name(name): kind for name in read(schema=schema or None)}
        return found

    def _keep_name(self, name: str) -> str:
        if type(name) is not str:  # quoted_name knows that its case matters
            self._exact[str(name)] = name
        return str(name)

    def load(self, *, hidden: bool = False) -> Catalog:
        from sqlalchemy import inspect

        tables: list[Table] = []
        with self._read() as connection:
            inspector = inspect(connection)
            default = inspector.default_schema_name or ""
            listed = {
                schema: self._list_tables(inspector, schema)
                for schema in self._list_schemas(inspector, hidden)
            }
            for schema, kinds in listed.items():
                if not kinds:
                    continue
                # A parent that is named without a schema is where names are looked up by default.
                homes = dict.fromkeys(kinds, schema)
                homes |= dict.fromkeys(listed.get(default, ()), default)
                columns, keys, parents, comments = (
                    self._reflect(connection, inspector, what, schema, sorted(kinds))
                    for what in ("columns", "pk_constraint", "foreign_keys", "table_comment")
                )
                for name in sorted(kinds):
                    said = comments.get(name)
                    comment = said.get("text") if isinstance(said, Mapping) else None
                    made = self._make_columns(
                        columns.get(name), keys.get(name), parents.get(name), homes
                    )
                    tables.append(
                        Table(schema, name, kinds[name], str(comment) if comment else None, made)
                    )
        return Catalog(tuple(tables))

    def _reflect(
        self,
        connection: Connection,
        inspector: Inspector,
        what: str,
        schema: str,
        names: Sequence[str],
    ) -> dict[str, object]:
        """What `Inspector.get_multi_WHAT` tells of a schema, by table; nothing where the dialect has
        no such thing. Where a single table spoils that for all, the others are read one by one."""
        from sqlalchemy.engine.reflection import ObjectKind

        read_all: Callable[..., Mapping[tuple[str | None, str], object]]
        read_all = getattr(inspector, f"get_multi_{what}")
        try:
            found = read_all(schema=schema or None, kind=ObjectKind.ANY)
            return {str(name): content for (_, name), content in found.items()}
        except NotImplementedError:
            return {}
        except Exception as error:  # dialects are other people's and raise what they like
            if _is_lost(error):
                raise
            spoilt = error
        read_one: Callable[..., object] = getattr(inspector, f"get_{what}")
        singly: dict[str, object] = {}
        for name in names:
            try:
                singly[name] = read_one(self._exact.get(name, name), schema=schema or None)
            except Exception as error:
                if _is_lost(error):
                    raise
                connection.rollback()
                self._begin(connection)
        if not singly and what == "columns":
            raise spoilt
        return singly

    def _make_columns(
        self,
        columns: object,
        key: object,
        parents: object,
        homes: Mapping[str, str],
    ) -> tuple[Column, ...]:
        names = key.get("constrained_columns") if isinstance(key, Mapping) else None
        positions = {str(name): at for at, name in enumerate(names or (), 1)}
        references: dict[str, Target] = {}
        for parent in parents if isinstance(parents, Sequence) else ():
            table = str(parent["referred_table"])
            schema = str(parent.get("referred_schema") or homes.get(table, ""))
            pairs = zip(parent["constrained_columns"], parent["referred_columns"], strict=False)
            for name, parent_name in pairs:
                references.setdefault(str(name), Target(schema, table, str(parent_name)))
        made = []
        for column in columns if isinstance(columns, Sequence) else ():
            name = self._keep_name(column["name"])
            computed = column.get("computed")
            enumeration = getattr(column["type"], "enums", None)
            made.append(
                Column(
                    name,
                    self._name_type(column),
                    nullable=bool(column.get("nullable", True)),
                    default=_read_default(column),
                    key_position=positions.get(name, 0),
                    references=references.get(name),
                    comment=str(column["comment"]) if column.get("comment") else None,
                    is_generated=computed is not None,
                    values=tuple(map(str, enumeration or ())),
                )
            )
        return tuple(made)

    def _name_type(self, column: ReflectedColumn) -> str:
        from sqlalchemy.types import NullType

        type_ = column["type"]
        if isinstance(type_, NullType):
            return "unknown"
        try:
            return type_.compile(dialect=self._engine.dialect)
        except Exception:  # a type that the dialect reads and cannot write
            return type(type_).__name__

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        if privacy is Privacy.METADATA or not columns:
            return TableEvidence()
        from sqlalchemy import case, column, literal_column, select
        from sqlalchemy import table as named

        types = {known.name: known.type for known in table.columns}
        hidden = [bool(_BINARY.search(types.get(name, ""))) for name in columns]
        chosen = []
        for at, (name, is_hidden) in enumerate(zip(columns, hidden, strict=True)):
            # The dialect quotes what needs it; a label of our own lets a name occur twice.
            value: ColumnClause[object] = column(self._exact.get(name, name))
            there = case((value.is_not(None), literal_column("1")))
            chosen.append((there if is_hidden else value).label(f"c{at}"))
        source = named(
            self._exact.get(table.name, table.name),
            schema=self._exact.get(table.schema, table.schema) or None,
        )
        query = select(*chosen).select_from(source).limit(ROWS)
        rows: list[list[object]] = []
        stopped = ""
        with self._read() as connection:
            try:
                with _deadline(connection) as time_is_over:
                    for row in connection.execute(query):
                        rows.append(list(map(_keep_value, row, hidden)))
            except Exception as error:  # no right to read it, too slow, broken: nothing to tell
                if _is_lost(error):
                    raise
                rows = []
                stopped = _say(self._url, error)
                if time_is_over():
                    stopped = stopped_after(_EVIDENCE_SECONDS)
        return TableEvidence(
            summarise(choose_columns(table, columns), rows, privacy), FIRST_ROWS, stopped
        )

    # Writing ---------------------------------------------------------------------------------

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        return dict.fromkeys(targets, self._refusal)

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        return tuple(f"-- {self._refusal}" for _ in changes)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        yield from refuse_all(changes, Outcome.REFUSED, self._refusal)

    @property
    def _refusal(self) -> str:
        return f"amx-tui only reads {self.dialect} databases. Export it instead (x, or amx-tui export)."

    def close(self) -> None:
        self._engine.dispose()


def _import_sqlalchemy(scheme: str) -> None:
    try:
        import sqlalchemy  # noqa: F401
    except ImportError:
        package = _PACKAGES.get(scheme.partition("+")[0], "")
        raise CatalogProblem(
            f"SQLAlchemy, which opens {one_line(scheme, 40)}:// databases, is not installed",
            remedy=f"Type: python -m pip install 'amx-tui[sql]' {package}".rstrip(),
        ) from None


def _read_url(text: str, shown: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):  # its words hold the password
        raise CatalogProblem(
            f"{shown} cannot be read as a URL",
            "A sign in the user or the password may need its percent code, such as %40 for @",
            "The form is DIALECT+DRIVER://USER:PASSWORD@HOST:PORT/DATABASE",
        ) from None
    return url.set(drivername=url.drivername.lower())


def _make_engine(url: URL) -> Engine:
    import warnings

    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SAWarning
    from sqlalchemy.pool import QueuePool

    # Printed into the middle of the screen: a type that is not known, an index that is left out.
    warnings.filterwarnings("ignore", category=SAWarning)
    shown = one_line(url.drivername, 40)
    what = f"The driver for {shown}:// is not installed"
    package = _PACKAGES.get(url.get_backend_name(), "")
    try:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except NoSuchModuleError:
        remedy = (
            f"Type: python -m pip install {package}" if package else "Check the URL's beginning"
        )
        raise CatalogProblem(what, "SQLAlchemy has no such dialect here", remedy) from None
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        package = _MODULES.get(module, module) or package
        raise CatalogProblem(what, remedy=f"Type: python -m pip install {package}") from None
    except (
        Exception
    ) as error:  # a library of the driver's that is missing, an option it does not know
        raise CatalogProblem(
            f"The driver for {shown}:// cannot be used",
            _say(url, error),
            "Check the driver and the URL",
        ) from None
    if engine.dialect.is_async:
        raise CatalogProblem(
            f"{shown}:// needs a program of another kind",
            "It is an asynchronous driver",
            f"Name another driver, or none: {one_line(url.get_backend_name(), 40)}://…",
        )
    return engine


def _say(url: URL, error: Exception) -> str:
    """The driver's words, without what they may repeat of the URL's secrets."""
    said = str(getattr(error, "orig", None) or error) or type(error).__name__
    odbc = str(url.query.get("odbc_connect", ""))
    secrets = {str(url.password or ""), *re.findall(r"(?i)pwd=([^;]*)", odbc)}
    for key, value in url.query.items():
        if key not in _OPEN_WORDS:
            secrets |= {value} if isinstance(value, str) else set(value)
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        for spelled in (secret, quote(secret, safe=""), quote_plus(secret)):
            said = said.replace(spelled, "…")
    return one_line(said, 240).rstrip(".")


def _read_default(column: ReflectedColumn) -> str | None:
    computed = column.get("computed")
    value = computed["sqltext"] if computed else column.get("default")
    return None if value is None else str(value)


def _keep_value(value: object, is_hidden: bool) -> object:
    """`value` as something that can be counted."""
    if value is not None and is_hidden:
        return b""
    return value if value is None or isinstance(value, _PLAIN_VALUES) else str(value)


def _is_lost(error: Exception) -> bool:
    return bool(getattr(error, "connection_invalidated", False))


@contextmanager
def _deadline(connection: Connection) -> Iterator[Callable[[], bool]]:
    """Stops what the driver executes inside when the time is over, where it can be stopped from
    another thread: by `interrupt` (sqlite3) or `cancel` of the connection (oracledb, psycopg), or by
    `cancel` of the cursor (pyodbc, trino). Elsewhere the limit of rows has to do. Yields what tells
    whether it was."""
    from sqlalchemy import event

    # The connection, then the cursor that executes.
    running: list[object] = [connection.connection.driver_connection]

    def keep_cursor(_connection: object, cursor: object, *_: object) -> None:
        running[1:] = [cursor]

    is_over = threading.Event()

    def stop() -> None:
        is_over.set()
        for one in running:
            cancel = getattr(one, "interrupt", None) or getattr(one, "cancel", None)
            if callable(cancel):
                with suppress(Exception):  # it may be over already
                    cancel()
                return

    event.listen(connection, "before_cursor_execute", keep_cursor)
    timer = threading.Timer(_EVIDENCE_SECONDS, stop)
    timer.start()
    try:
        yield is_over.is_set
    finally:
        timer.cancel()
        timer.join()  # it must not stop what comes after
        event.remove(connection, "before_cursor_execute", keep_cursor)
