"""Databases that open by way of SQLAlchemy: read as far as the dialect tells, never written.

SQLite is the one whose dialect and driver are always there; amx-tui itself opens SQLite otherwise.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from amx_tui.catalog.model import CatalogProblem, Change, Home, Outcome, Target
from amx_tui.catalog.opening import open_database
from amx_tui.catalog.sqlalchemy_dialects import SqlalchemyConnector
from amx_tui.config.model import Privacy

from .conftest import ODD_NAMES, MakeSqlite, MariaServer, Server

_SCRIPT = """
CREATE TABLE T001 (BUKRS CHAR(4) PRIMARY KEY, BUTXT TEXT NOT NULL DEFAULT 'none');
CREATE TABLE BSEG (
    MANDT CHAR(3), BUKRS CHAR(4) REFERENCES T001 (BUKRS), BELNR VARCHAR(10), WRBTR NUMERIC(13,2),
    RAW BLOB, ODD STRANGE_TYPE, HALF NUMERIC GENERATED ALWAYS AS (WRBTR / 2) STORED,
    PRIMARY KEY (BELNR, MANDT)
);
CREATE VIEW open_items AS SELECT BELNR, WRBTR AS amount FROM BSEG;
CREATE VIEW endless AS
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) AS x FROM n;
INSERT INTO T001 VALUES ('1000', 'x');
INSERT INTO BSEG (MANDT, BUKRS, BELNR, WRBTR, RAW) VALUES
    ('100', '1000', '4711', 12.5, x'ff00'), ('100', NULL, '4712', 1000, NULL);
"""


@pytest.fixture
def path(make_sqlite: MakeSqlite) -> Path:
    return make_sqlite(_SCRIPT)


@pytest.fixture
def connector(path: Path) -> Iterator[SqlalchemyConnector]:
    connector = SqlalchemyConnector(f"sqlite:///{path}")
    yield connector
    connector.close()


def test_tables_columns_and_keys_are_read(connector: SqlalchemyConnector) -> None:
    catalog = connector.load()
    assert [(t.schema, t.name, t.kind.value) for t in catalog.tables] == [
        ("main", "BSEG", "table"),
        ("main", "T001", "table"),
        ("main", "endless", "view"),
        ("main", "open_items", "view"),
    ]
    bseg, t001 = catalog.tables[:2]
    assert [(c.name, c.type, c.key_position) for c in bseg.columns] == [
        ("MANDT", "CHAR(3)", 2),
        ("BUKRS", "CHAR(4)", 0),
        ("BELNR", "VARCHAR(10)", 1),
        ("WRBTR", "NUMERIC(13, 2)", 0),
        ("RAW", "BLOB", 0),
        ("ODD", "NUMERIC", 0),
        ("HALF", "NUMERIC", 0),
    ]
    assert bseg.columns[1].references == Target("main", "T001", "BUKRS")
    assert bseg.columns[6].default == "WRBTR / 2"
    assert (t001.columns[1].nullable, t001.columns[1].default) == (False, "'none'")
    assert [t.target for t in connector.tables()] == [t.target for t in catalog.tables]


def test_one_broken_view_does_not_hide_the_other_tables(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIEW broken AS SELECT missing FROM BSEG")
    database.close()
    connector = SqlalchemyConnector(f"sqlite:///{path}")
    tables = {table.name: table for table in connector.load().tables}
    assert tables["broken"].columns == ()
    assert len(tables["BSEG"].columns) == 7
    assert connector.evidence(tables["broken"], ["x"], Privacy.SHAPES)["x"].samples == ()
    connector.close()


def test_evidence_shows_no_more_than_the_privacy_allows(connector: SqlalchemyConnector) -> None:
    bseg = connector.load().tables[0]
    names = [column.name for column in bseg.columns]
    shapes = connector.evidence(bseg, names, Privacy.SHAPES)
    assert shapes["BELNR"].samples == ("9999",)
    assert (shapes["BUKRS"].null_share, shapes["BELNR"].distinct) == (0.5, 2)
    values = connector.evidence(bseg, names, Privacy.VALUES)
    assert set(values["BELNR"].samples) == {"4711", "4712"}
    assert values["RAW"].samples == ("(binary)",)
    assert values["RAW"].null_share == 0.5
    assert connector.evidence(bseg, [], Privacy.VALUES) == {}


def test_metadata_sends_no_query(connector: SqlalchemyConnector) -> None:
    bseg = connector.load().tables[0]
    sent: list[str] = []
    sqlalchemy.event.listen(
        connector._engine, "before_cursor_execute", lambda *given: sent.append(given[2])
    )
    assert connector.evidence(bseg, ["BELNR"], Privacy.METADATA) == {}
    assert sent == []
    assert connector.evidence(bseg, ["BELNR"], Privacy.SHAPES)
    assert sent[-1].count("LIMIT") == 1


def test_a_view_that_never_ends_is_stopped(
    connector: SqlalchemyConnector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amx_tui.catalog.sqlalchemy_dialects._EVIDENCE_SECONDS", 0.2)
    endless = connector.load().tables[2]
    assert connector.evidence(endless, ["x"], Privacy.SHAPES)["x"].samples == ()
    assert connector.tables()


def test_odd_names_are_read_with_their_evidence(make_sqlite: MakeSqlite) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in ODD_NAMES]
    columns = ", ".join(f"{name} INT" for name in quoted)
    path = make_sqlite(";".join(f"CREATE TABLE {name} ({columns})" for name in quoted))
    with sqlite3.connect(path) as database:
        for name in quoted:
            database.execute(f"INSERT INTO {name} VALUES ({', '.join('7' for _ in quoted)})")
    database.close()
    connector = SqlalchemyConnector(f"sqlite:///{path}")
    catalog = connector.load()
    assert {table.name for table in catalog.tables} == set(ODD_NAMES)
    for table in catalog.tables:
        assert {column.name for column in table.columns} == set(ODD_NAMES)
        evidence = connector.evidence(table, ODD_NAMES, Privacy.VALUES)
        assert {told.samples for told in evidence.values()} == {("7",)}
    connector.close()


def test_nothing_is_ever_written(connector: SqlalchemyConnector, path: Path) -> None:
    before = path.read_bytes()
    assert connector.abilities.home is Home.NOWHERE
    assert "only reads sqlite" in connector.abilities.where
    change = Change(Target("main", "BSEG", "BELNR"), None, "Document")
    (written,) = connector.write([change])
    assert written.outcome is Outcome.REFUSED
    assert "export" in written.detail
    assert connector.statements([change])[0].startswith("-- ")
    with pytest.raises(CatalogProblem) as caught, connector._read() as connection:
        connection.exec_driver_sql("DELETE FROM BSEG")
    assert "readonly" in caught.value.why
    connector.close()
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir() if entry.is_file()] == [path.name]


def test_a_database_that_is_gone_is_told(path: Path) -> None:
    connector = SqlalchemyConnector(f"sqlite:///{path.parent}/legacy.db", name="books")
    assert connector.label == "books (sqlite)"
    connector.close()
    path.unlink()
    path.mkdir()
    with pytest.raises(CatalogProblem) as caught:
        connector.load()
    assert "books" in caught.value.what
    assert caught.value.remedy


@pytest.mark.xdist_group("postgresql")
def test_comments_and_every_kind_of_table_come_from_a_dialect_that_knows_them(
    postgresql: Server,
) -> None:
    postgresql.run("CREATE DATABASE through")
    postgresql.run(
        "CREATE SCHEMA fin",
        "CREATE TABLE t001 (bukrs char(4) PRIMARY KEY, tags text[])",
        'CREATE TABLE fin."Bseg" (belnr int, bukrs char(4) REFERENCES t001)',
        "CREATE MATERIALIZED VIEW fin.totals AS SELECT count(*) AS n FROM t001",
        "CREATE VIEW fin.slow AS SELECT 1 AS x FROM pg_sleep(60)",
        "COMMENT ON TABLE t001 IS 'Company codes'",
        "COMMENT ON COLUMN t001.bukrs IS 'Company code'",
        "COMMENT ON COLUMN fin.totals.n IS 'How many'",
        "INSERT INTO t001 VALUES ('1000', ARRAY['a', 'b'])",
        database="through",
    )
    socket = f"host={postgresql.folder}"
    connector = SqlalchemyConnector(f"postgresql+psycopg://owner@/through?{socket}")
    try:
        catalog = connector.load()
        assert [(t.schema, t.name, t.kind.value, t.comment) for t in catalog.tables] == [
            ("fin", "Bseg", "table", None),
            ("fin", "slow", "view", None),
            ("fin", "totals", "materialized view", None),
            ("public", "t001", "table", "Company codes"),
        ]
        bseg, slow, _, t001 = catalog.tables
        assert bseg.columns[1].references == Target("public", "t001", "bukrs")
        assert t001.columns[0].comment == "Company code"
        assert catalog.comment(Target("fin", "totals", "n")) == "How many"
        assert connector.evidence(t001, ["tags"], Privacy.VALUES)["tags"].samples == ("['a', 'b']",)
        assert connector.evidence(slow, ["x"], Privacy.VALUES)["x"].samples == ()
        assert connector.evidence(bseg, ["belnr"], Privacy.VALUES)["belnr"].samples == ()
        assert connector.tables()
    finally:
        connector.close()
        postgresql.run("DROP DATABASE through WITH (FORCE)")


@pytest.mark.xdist_group("mariadb")
def test_comments_come_from_a_dialect_that_reads_table_by_table(mariadb: MariaServer) -> None:
    mariadb.ask(
        "CREATE DATABASE through",
        "CREATE TABLE through.t (a INT PRIMARY KEY COMMENT 'of a', d DATE) COMMENT 'of t'",
        "INSERT INTO through.t VALUES (1, '2024-02-29')",
    )
    socket = f"unix_socket={mariadb.socket}"
    connector = SqlalchemyConnector(f"mysql+pymysql://root@/through?{socket}")
    try:
        (table,) = [table for table in connector.load().tables if table.schema == "through"]
        assert (table.comment, table.columns[0].comment) == ("of t", "of a")
        evidence = connector.evidence(table, ["a", "d"], Privacy.VALUES)
        assert [told.samples for told in evidence.values()] == [("1",), ("2024-02-29",)]
    finally:
        connector.close()
        mariadb.ask("DROP DATABASE through")


@pytest.mark.parametrize(
    ("url", "package"),
    [
        ("snowflake://me:hunter2@account/db", "snowflake-sqlalchemy"),
        ("bigquery://project/data", "sqlalchemy-bigquery"),
        ("mssql+pyodbc://me:hunter2@host/db", "pyodbc"),
        ("oracle+oracledb://me:hunter2@host/?service_name=x", "oracledb"),
        ("oracle+nothing://me:hunter2@host/db", "oracledb"),
        ("redshift+redshift_connector://me:hunter2@host/db", "sqlalchemy-redshift"),
    ],
)
def test_a_missing_dialect_or_driver_names_what_to_install(url: str, package: str) -> None:
    with pytest.raises(CatalogProblem) as caught:
        open_database(url)
    assert "not installed" in caught.value.what
    assert "python -m pip install" in caught.value.remedy
    assert package in caught.value.remedy
    assert "hunter2" not in str(caught.value)


class ElsewhereDialect(SQLiteDialect_pysqlite):
    """A dialect as others bring it along, with SQLite behind it and the URL's secrets in its errors."""

    name = "elsewhere"

    def create_connect_args(self, url: sqlalchemy.URL) -> object:
        if url.host == "down":
            raise self.loaded_dbapi.OperationalError(
                f"no route for {url.password} or s%20cret and {url.query['token']}"
            )
        return [str(url.query["file"])], {"check_same_thread": False}


@pytest.fixture
def elsewhere() -> Iterator[None]:
    registry.register("elsewhere", __name__, "ElsewhereDialect")
    yield
    registry.impls.pop("elsewhere")


@pytest.mark.usefixtures("elsewhere")
def test_no_secret_of_the_url_is_shown_or_kept(path: Path) -> None:
    secret = "elsewhere://me:s%20cret@{}:1234/sales?token=tok123&service_name=main&file={}"
    with pytest.raises(CatalogProblem) as caught:
        SqlalchemyConnector(secret.format("down", path))
    shown = str(caught.value)
    assert "no route" in shown
    assert not any(word in shown for word in ("s cret", "s%20cret", "tok123"))
    connector = SqlalchemyConnector(secret.format("Host", path))
    assert connector.identity == "elsewhere://host:1234/sales?service_name=main"
    assert connector.label == "sales (elsewhere)"
    assert connector.dialect == "elsewhere"
    assert repr(connector) == f"SqlalchemyConnector({connector.identity})"
    assert len(connector.load().tables) == 4
    connector.close()
