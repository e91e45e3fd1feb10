"""A PostgreSQL database as a person browses it, and the comments that are written into it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from amx_tui.catalog.model import CatalogProblem, Change, Connector, Outcome, Target, Written
from amx_tui.catalog.opening import open_connection, open_database
from amx_tui.catalog.postgresql import PostgresqlConnector
from amx_tui.config.model import Privacy

from .conftest import ODD_NAMES, ODD_TEXTS, Server

pytestmark = pytest.mark.xdist_group("postgresql")

_SCRIPT = """
CREATE SCHEMA fin;
CREATE TYPE fin.mood AS ENUM ('a', 'b');
CREATE TABLE fin.t001 (bukrs char(4) PRIMARY KEY, butxt text NOT NULL DEFAULT 'none');
CREATE TABLE fin.bseg (
    mandt char(3), bukrs char(4) REFERENCES fin.t001, belnr varchar(10), wrbtr numeric(13,2),
    aedat timestamptz, raw bytea, m fin.mood, gone int,
    half numeric GENERATED ALWAYS AS (wrbtr / 2) STORED, PRIMARY KEY (belnr, mandt)
);
ALTER TABLE fin.bseg DROP COLUMN gone;
CREATE TABLE fin.parts (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE fin.parts_1 PARTITION OF fin.parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE VIEW fin.open_items AS SELECT belnr, wrbtr AS amount FROM fin.bseg;
CREATE VIEW fin.slow AS SELECT 1 AS x FROM pg_sleep(30);
CREATE MATERIALIZED VIEW fin.totals AS SELECT sum(wrbtr) AS total FROM fin.bseg;
CREATE FOREIGN DATA WRAPPER nothing;
CREATE SERVER far FOREIGN DATA WRAPPER nothing;
CREATE FOREIGN TABLE fin.remote (a int) SERVER far;
COMMENT ON TABLE fin.t001 IS 'Company codes';
COMMENT ON COLUMN fin.t001.bukrs IS 'Company code';
COMMENT ON MATERIALIZED VIEW fin.totals IS 'Totals';
COMMENT ON COLUMN fin.open_items.amount IS 'Amount';
INSERT INTO fin.t001 VALUES ('1000', 'x');
INSERT INTO fin.bseg (mandt, bukrs, belnr, wrbtr, aedat, raw, m) VALUES
    ('100', '1000', '4711', 12.5, 'infinity', '\\xff', 'a'),
    ('100', NULL, '4712', 1000, '4713-01-01 BC', NULL, 'b');
ANALYZE fin.bseg;
"""


@pytest.fixture(scope="module")
def template(postgresql: Server) -> str:
    postgresql.run("CREATE DATABASE legacy")
    postgresql.run(_SCRIPT, database="legacy")
    return "legacy"


@pytest.fixture
def database(postgresql: Server, template: str) -> Iterator[str]:
    """A database of the test's own; it yields its name."""
    name = "Legacy of %s"
    postgresql.run(f'CREATE DATABASE "{name}" TEMPLATE {template}')
    yield name
    postgresql.run(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def connector(postgresql: Server, database: str) -> Iterator[Connector]:
    connector = open_database(postgresql.url(database))
    yield connector
    connector.close()


def test_tables_columns_keys_and_comments_are_read(connector: Connector) -> None:
    catalog = connector.load()
    assert [(t.schema, t.name, t.kind.value, t.comment, t.row_count) for t in catalog.tables] == [
        ("fin", "bseg", "table", None, 2),
        ("fin", "open_items", "view", None, None),
        ("fin", "parts", "table", None, None),
        ("fin", "remote", "foreign table", None, None),
        ("fin", "slow", "view", None, None),
        ("fin", "t001", "table", "Company codes", None),
        ("fin", "totals", "materialized view", "Totals", None),
    ]
    bseg, t001 = catalog.tables[0], catalog.tables[5]
    assert [(c.name, c.type, c.key_position) for c in bseg.columns] == [
        ("mandt", "character(3)", 2),
        ("bukrs", "character(4)", 0),
        ("belnr", "character varying(10)", 1),
        ("wrbtr", "numeric(13,2)", 0),
        ("aedat", "timestamp with time zone", 0),
        ("raw", "bytea", 0),
        ("m", "fin.mood", 0),
        ("half", "numeric", 0),
    ]
    assert bseg.columns[1].references == Target("fin", "t001", "bukrs")
    assert (t001.columns[1].nullable, t001.columns[1].default) == (False, "'none'::text")
    assert t001.columns[0].comment == "Company code"
    assert catalog.comment(Target("fin", "open_items", "amount")) == "Amount"
    assert [t.name for t in connector.tables()] == [t.name for t in catalog.tables]


def test_evidence_shows_no_more_than_the_privacy_allows(connector: Connector) -> None:
    catalog = connector.load()
    bseg, slow, remote = catalog.tables[0], catalog.tables[4], catalog.tables[3]
    names = [column.name for column in bseg.columns]
    assert connector.evidence(bseg, names, Privacy.METADATA) == {}
    shapes = connector.evidence(bseg, names, Privacy.SHAPES)
    assert shapes["belnr"].samples == ("9999",)
    assert (shapes["bukrs"].null_share, shapes["belnr"].distinct) == (0.5, 2)
    values = connector.evidence(bseg, names, Privacy.VALUES)
    assert set(values["wrbtr"].samples) == {"12.50", "1000.00"}
    assert values["raw"].samples == ("(binary)",)
    assert "infinity" in values["aedat"].samples
    # Too slow, and impossible: nothing to tell, and the connection goes on.
    assert connector.evidence(slow, ["x"], Privacy.SHAPES)["x"].samples == ()
    assert connector.evidence(remote, ["a"], Privacy.SHAPES)["a"].samples == ()
    assert connector.tables()


def test_what_the_schema_says_of_values_is_read(
    connector: Connector, postgresql: Server, database: str
) -> None:
    postgresql.run(
        "CREATE DOMAIN fin.feeling AS fin.mood",
        "CREATE TABLE fin.rules (a int CHECK (a > 0), b int CHECK (b < 9), f fin.feeling, "
        "CHECK (a < b))",
        database=database,
    )
    catalog = connector.load()
    a, b, f = (catalog.column(Target("fin", "rules", name)) for name in "abf")
    m, half = (catalog.column(Target("fin", "bseg", name)) for name in ("m", "half"))
    assert a and b and f and m and half
    assert m.values == f.values == ("a", "b")
    assert (a.check, b.check) == ("(a > 0) AND (a < b)", "(b < 9) AND (a < b)")
    assert half.is_generated
    assert "wrbtr" in (half.default or "")


def test_what_is_hidden_is_there_when_asked_for(connector: Connector) -> None:
    plain = {table.target for table in connector.load().tables}
    catalog = connector.load(hidden=True)
    assert connector.tables(hidden=True) == tuple(
        replace(table, columns=()) for table in catalog.tables
    )
    part = catalog.table(Target("fin", "parts_1"))
    assert part is not None
    assert part.partition_of == Target("fin", "parts")
    assert part.target not in plain
    assert catalog.holds(Target("pg_catalog", "pg_class", "relname"))
    assert plain < {table.target for table in catalog.tables}
    assert not any(table.schema.startswith("pg_toast") for table in catalog.tables)


@pytest.fixture
def wide_table(postgresql: Server, database: str) -> None:
    """200 000 rows whose statistics are kept."""
    postgresql.run(
        "CREATE TABLE fin.wide (id int, code char(3), mail text, rest json)",
        "INSERT INTO fin.wide SELECT i, CASE WHEN i % 4 > 0 THEN 'EUR' END, "
        "'name' || i || '@example.org', '{}' FROM generate_series(1, 200000) i",
        "ANALYZE fin.wide",
        database=database,
    )


@pytest.mark.usefixtures("wide_table")
def test_statistics_are_used_where_there_are_any(connector: Connector) -> None:
    table = connector.load().table(Target("fin", "wide"))
    assert table is not None
    names = [column.name for column in table.columns]
    found = connector.evidence(table, names, Privacy.VALUES)
    assert found["id"].distinct == 200_000
    # ANALYZE has looked at some rows of all, so that the ends are near the true ones.
    assert int(found["id"].minimum or 0) in range(1, 5_000)
    assert int(found["id"].maximum or 0) in range(195_000, 200_001)
    assert found["code"].null_share == pytest.approx(0.25, abs=0.02)
    assert found["code"].samples == ("EUR",)
    assert found["code"].distinct == 1
    assert "example" not in str(found["mail"])
    assert found["rest"].samples  # no statistics tell a JSON's values: rows are looked at
    assert "statistics" in found.source
    assert "sample" in found.source
    assert found.stopped == ""
    shapes = connector.evidence(table, names, Privacy.SHAPES)
    assert (set(shapes["id"].minimum or ""), shapes["id"].maximum) == ({"9"}, "999999")
    assert shapes["code"].samples == ("AAA",)
    assert connector.evidence(table, names, Privacy.METADATA) == {}


def test_a_table_that_takes_too_long_says_so(connector: Connector) -> None:
    table = connector.load().table(Target("fin", "slow"))
    assert table is not None
    found = connector.evidence(table, ["x"], Privacy.SHAPES)
    assert "stopped after 2 s" in found.stopped
    assert found["x"].samples == ()


def test_browsing_can_write_nothing(connector: Connector) -> None:
    assert isinstance(connector, PostgresqlConnector)
    with pytest.raises(CatalogProblem, match="read-only"), connector._server.read() as reader:
        reader.execute("COMMENT ON TABLE fin.bseg IS 'x'")


def test_browsing_leaves_no_transaction_open(
    connector: Connector, postgresql: Server, database: str
) -> None:
    connector.load()
    state = "SELECT state FROM pg_stat_activity WHERE application_name = 'amx-tui'"
    assert postgresql.ask(f"{state} AND datname = '{database}'") == "idle"


def test_written_comments_are_read_by_psql(
    connector: Connector, postgresql: Server, database: str
) -> None:
    text = 'It\'s the "company" code\nof \\ all 🐘 %s {x}'
    changes = [
        Change(Target("fin", "bseg", "bukrs"), None, text),
        Change(Target("fin", "bseg"), None, "Segments"),
        Change(Target("fin", "parts"), None, "Parts"),
        Change(Target("fin", "open_items"), None, "Open items"),
        Change(Target("fin", "totals"), "Totals", "All totals"),
        Change(Target("fin", "totals", "total"), None, "Sum"),
        Change(Target("fin", "remote"), None, "Far away"),
        Change(Target("fin", "t001", "bukrs"), "Company code", None),
    ]
    statements = connector.statements(changes)
    assert statements[4] == 'COMMENT ON MATERIALIZED VIEW "fin"."totals" IS \'All totals\''
    assert [w.outcome for w in connector.write(changes)] == [Outcome.WRITTEN] * 8
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]
    read = (
        "SELECT col_description('fin.bseg'::regclass, 2), obj_description('fin.remote'::regclass)"
    )
    assert postgresql.ask(read, database) == f"{text}\tFar away"
    # What was shown is what was done.
    postgresql.run(*statements, database=database)
    assert connector.load() == catalog


def test_what_somebody_changed_meanwhile_is_left_alone(
    connector: Connector, postgresql: Server, database: str
) -> None:
    postgresql.run("COMMENT ON COLUMN fin.bseg.bukrs IS 'Theirs'", database=database)
    changes = [
        Change(Target("fin", "bseg", "bukrs"), None, "Ours"),
        Change(Target("fin", "bseg", "mandt"), None, "Client"),
        Change(Target("fin", "bseg", "belnr"), None, "nul \0"),
        Change(Target("fin", "bseg", "gone"), None, "x"),
        Change(Target("fin", "gone"), None, "x"),
        Change(Target("fin", "t001", "bukrs"), None, "Ours"),
        Change(Target("fin", "t001"), "Company codes of old", "Company codes"),
    ]
    assert [w.outcome for w in connector.write(changes)] == [
        Outcome.CHANGED_MEANWHILE,
        Outcome.WRITTEN,
        Outcome.REFUSED,
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.CHANGED_MEANWHILE,
        Outcome.WRITTEN,
    ]
    assert connector.load().comment(changes[0].target) == "Theirs"


def test_a_table_that_somebody_alters_fails_alone(
    connector: Connector, postgresql: Server, database: str
) -> None:
    changes = [
        Change(Target("fin", "bseg", "mandt"), None, "Client"),
        Change(Target("fin", "t001", "butxt"), None, "Name"),
    ]
    other = psycopg.connect(host=str(postgresql.folder), user="owner", dbname=database)
    other.execute("LOCK TABLE fin.bseg IN ACCESS EXCLUSIVE MODE")
    written = list(connector.write(changes))
    other.rollback()
    other.close()
    # What has to wait comes last, so that it holds up nothing.
    assert [w.change for w in written] == changes[::-1]
    assert [w.outcome for w in written] == [Outcome.WRITTEN, Outcome.FAILED]
    assert "lock" in written[1].detail
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [None, "Name"]


def test_a_lock_that_is_let_go_meanwhile_costs_nothing(
    connector: Connector, postgresql: Server, database: str
) -> None:
    changes = [
        Change(Target("fin", "bseg", "mandt"), None, "Client"),
        Change(Target("fin", "t001", "butxt"), None, "Name"),
    ]
    other = psycopg.connect(host=str(postgresql.folder), user="owner", dbname=database)
    other.execute("LOCK TABLE fin.bseg IN ACCESS EXCLUSIVE MODE")
    results = connector.write(changes)
    first = next(results)  # the other table: the first one is locked
    other.rollback()
    other.close()
    assert [first, *results] == [Written(change, Outcome.WRITTEN) for change in changes[::-1]]
    shown = postgresql.ask("SELECT col_description('fin.bseg'::regclass, 1)", database)
    assert shown == "Client"


def test_what_two_sessions_write_at_once_is_written_once(
    connector: Connector, postgresql: Server, database: str
) -> None:
    target = Target("fin", "t001", "butxt")
    other = open_database(postgresql.url(database))
    start = threading.Barrier(2)

    def write(session: Connector, text: str) -> Written:
        start.wait(10)
        (written,) = session.write([Change(target, None, text)])
        return written

    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(write, connector, "Ours")
        theirs = pool.submit(write, other, "Theirs")
        results = [ours.result(30), theirs.result(30)]
    other.close()
    assert sorted(w.outcome for w in results) == [Outcome.CHANGED_MEANWHILE, Outcome.WRITTEN]
    (written,) = [w.change.new for w in results if w.outcome is Outcome.WRITTEN]
    shown = postgresql.ask("SELECT col_description('fin.t001'::regclass, 2)", database)
    assert shown == written


def test_who_may_not_describe_a_table_is_told_before(postgresql: Server, database: str) -> None:
    postgresql.run(
        "CREATE ROLE visitor LOGIN", "ALTER TABLE fin.t001 OWNER TO visitor", database=database
    )
    try:
        connector = open_database(postgresql.url(database, "visitor"))
        assert connector.abilities.writers == "the owner of each table"
        targets = [Target("fin", "bseg", "mandt"), Target("fin", "t001"), Target("fin", "gone")]
        refusals = connector.refusals(targets)
        connector.close()
    finally:
        postgresql.run("REASSIGN OWNED BY visitor TO owner", "DROP ROLE visitor", database=database)
    assert list(refusals) == targets[:1]
    assert "owner" in refusals[targets[0]]


def test_who_is_not_the_owner_is_refused_and_told_who_is(postgresql: Server, database: str) -> None:
    postgresql.run(
        "CREATE ROLE guest LOGIN", "GRANT USAGE ON SCHEMA fin TO guest", database=database
    )
    try:
        connector = open_database(postgresql.url(database, "guest"))
        table = connector.load().tables[0]
        assert connector.evidence(table, ["mandt"], Privacy.VALUES)["mandt"].samples == ()
        (written,) = connector.write([Change(Target("fin", "bseg", "mandt"), None, "x")])
        connector.close()
    finally:
        postgresql.run("DROP OWNED BY guest", "DROP ROLE guest", database=database)
    assert written.outcome is Outcome.REFUSED
    assert "owner" in written.detail


def test_an_owner_without_other_rights_may_still_write(postgresql: Server, database: str) -> None:
    postgresql.run(
        "CREATE ROLE keeper LOGIN",
        "GRANT USAGE ON SCHEMA fin TO keeper",
        "ALTER TABLE fin.bseg OWNER TO keeper",
        "REVOKE ALL ON fin.bseg FROM keeper",
        database=database,
    )
    try:
        connector = open_database(postgresql.url(database, "keeper"))
        (written,) = connector.write([Change(Target("fin", "bseg", "mandt"), None, "Client")])
        connector.close()
    finally:
        postgresql.run(
            "REASSIGN OWNED BY keeper TO owner",
            "DROP OWNED BY keeper",
            "DROP ROLE keeper",
            database=database,
        )
    assert written.outcome is Outcome.WRITTEN


def test_odd_names_and_texts_are_read_back(
    connector: Connector, postgresql: Server, database: str
) -> None:
    quoted = ['"' + odd.replace('"', '""') + '"' for odd in ODD_NAMES]
    columns = ", ".join(f"{column} int" for column in quoted)
    schema = '"sch""ema %s"'
    postgresql.run(
        f"CREATE SCHEMA {schema}",
        *(f"CREATE TABLE {schema}.{table} ({columns})" for table in quoted),
        database=database,
    )
    catalog = connector.load()
    tables = [table for table in catalog.tables if table.schema == 'sch"ema %s']
    assert {table.name for table in tables} == set(ODD_NAMES)
    assert set(connector.evidence(tables[0], ODD_NAMES, Privacy.SHAPES)) == set(ODD_NAMES)
    changes = [
        Change(Target('sch"ema %s', odd, column), None, ODD_TEXTS[place % len(ODD_TEXTS)])
        for place, odd in enumerate(ODD_NAMES)
        for column in ("", odd)
    ]
    assert {w.outcome for w in connector.write(changes)} == {Outcome.WRITTEN}
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]


def test_a_lost_connection_is_told_and_made_anew(
    connector: Connector, postgresql: Server, database: str
) -> None:
    connector.load()
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'amx-tui'"
    )
    postgresql.run(end)
    with pytest.raises(CatalogProblem) as caught:
        connector.load()
    assert "lost" in caught.value.what
    assert "Press r" in caught.value.remedy
    assert connector.load().tables


def test_a_connection_cut_in_mid_apply_counts_nothing_that_is_not_there(
    connector: Connector, postgresql: Server, database: str
) -> None:
    changes = [
        Change(Target("fin", "bseg", "mandt"), None, "Client"),
        Change(Target("fin", "t001", "butxt"), None, "Name"),
    ]
    results = connector.write(changes)
    first = next(results)
    connector.close()
    postgresql.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'amx-tui'"
    )
    outcomes = [first.outcome, *(written.outcome for written in results)]
    assert outcomes == [Outcome.WRITTEN, Outcome.FAILED]
    catalog = connector.load()
    assert [catalog.comment(c.target) for c in changes] == ["Client", None]
    assert [w.outcome for w in connector.write(changes)] == [Outcome.WRITTEN] * 2


def test_the_identity_is_the_same_whoever_connects_and_holds_no_password(
    postgresql: Server, database: str
) -> None:
    first = open_database(postgresql.url(database, password="hunt@er/2"))
    settings = {"host": str(postgresql.folder), "user": "owner", "database": database}
    second = open_connection("postgresql", {**settings, "password": "x", "role": ""}, "books")
    assert first.identity == second.identity
    assert first.identity.startswith("postgresql://")
    assert first.identity.endswith(":5432/Legacy%20of%20%25s")
    assert (first.label, second.label) == (f"{database} (postgresql)", "books (postgresql)")
    assert "hunt@er/2" not in repr(first) + first.identity + first.label
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("user", "name", "words"),
    [("nobody_here", "postgres", "user"), ("owner", "nothing_here", "database's name")],
)
def test_a_wrong_user_or_database_is_told(
    postgresql: Server, user: str, name: str, words: str
) -> None:
    with pytest.raises(CatalogProblem) as caught:
        open_database(postgresql.url(name, user, "hunter2"))
    assert words in caught.value.remedy
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:hunter2@127.0.0.1:1/db", "Nothing answers"),
        ("postgresql://me:hunter2@/db?host=/nowhere", "No server listens"),
        ("postgresql://me:hunter2@127.0.0.1:99999/db", "port"),
    ],
)
def test_a_server_that_is_not_there_is_told(url: str, words: str) -> None:
    with pytest.raises(CatalogProblem) as caught:
        open_database(url)
    assert words in str(caught.value)
    assert caught.value.remedy
    assert "hunter2" not in str(caught.value)
