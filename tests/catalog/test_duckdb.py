"""A DuckDB file as a person browses it, and the comments that are written into it."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from amx_tui.catalog.duckdb import DuckdbConnector
from amx_tui.catalog.model import CatalogProblem, Change, Home, Outcome, Target
from amx_tui.config.model import Privacy

from .conftest import ODD_NAMES, ODD_TEXTS

_SCRIPT = """
CREATE SCHEMA fin;
CREATE TABLE fin.T001 (BUKRS VARCHAR PRIMARY KEY, BUTXT VARCHAR NOT NULL DEFAULT 'none');
CREATE TABLE fin.BSEG (
    MANDT VARCHAR, BUKRS VARCHAR REFERENCES fin.T001 (BUKRS), BELNR VARCHAR, WRBTR DECIMAL(13,2),
    AEDAT TIMESTAMPTZ, LAST DATE, RAW BLOB, PRIMARY KEY (BELNR, MANDT)
);
CREATE VIEW fin.OPEN_ITEMS AS SELECT BELNR, WRBTR AS AMOUNT FROM fin.BSEG;
COMMENT ON COLUMN fin.T001.BUKRS IS 'Company code';
COMMENT ON TABLE fin.T001 IS 'Company codes';
COMMENT ON VIEW fin.OPEN_ITEMS IS 'What is open';
COMMENT ON COLUMN fin.OPEN_ITEMS.AMOUNT IS 'Amount';
INSERT INTO fin.T001 VALUES ('1000', 'x');
INSERT INTO fin.BSEG VALUES
    ('100', '1000', '4711', 12.5, now(), 'infinity', '\\xFF'::BLOB),
    ('100', NULL, '4712', 1000, NULL, '2024-01-31', NULL);
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(path) as database:
        database.execute(_SCRIPT)
    return path


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(path, read_only=True) as database:
        return database.execute(query).fetchall()


def test_tables_columns_keys_and_comments_are_read(file: Path) -> None:
    connector = DuckdbConnector(file)
    catalog = connector.load()
    assert [(t.schema, t.name, t.kind.value, t.comment, t.row_count) for t in catalog.tables] == [
        ("fin", "BSEG", "table", None, 2),
        ("fin", "OPEN_ITEMS", "view", "What is open", None),
        ("fin", "T001", "table", "Company codes", 1),
    ]
    bseg, view, t001 = catalog.tables
    assert [(c.name, c.type, c.key_position) for c in bseg.columns[:4]] == [
        ("MANDT", "VARCHAR", 2),
        ("BUKRS", "VARCHAR", 0),
        ("BELNR", "VARCHAR", 1),
        ("WRBTR", "DECIMAL(13,2)", 0),
    ]
    assert bseg.columns[1].references == Target("fin", "T001", "BUKRS")
    assert [(c.name, c.comment) for c in view.columns] == [("BELNR", None), ("AMOUNT", "Amount")]
    assert (t001.columns[1].nullable, t001.columns[1].default) == (False, "'none'")
    assert t001.columns[0].comment == "Company code"
    assert [t.name for t in connector.tables()] == ["BSEG", "OPEN_ITEMS", "T001"]


def test_evidence_shows_no_more_than_the_privacy_allows(file: Path) -> None:
    connector = DuckdbConnector(file)
    table = connector.load().tables[0]
    names = [column.name for column in table.columns]
    assert connector.evidence(table, names, Privacy.METADATA) == {}
    shapes = connector.evidence(table, names, Privacy.SHAPES)
    assert shapes["BELNR"].samples == ("9999",)
    assert shapes["BUKRS"].null_share == 0.5
    values = connector.evidence(table, names, Privacy.VALUES)
    assert set(values["WRBTR"].samples) == {"12.50", "1000.00"}
    assert set(values["LAST"].samples) == {"infinity", "2024-01-31"}
    assert values["RAW"].samples == ("(binary)",)


def test_written_comments_are_read_by_duckdb_itself(file: Path) -> None:
    connector = DuckdbConnector(file)
    changes = [
        Change(Target("fin", "BSEG", "BUKRS"), None, 'It\'s the "company" code\nof \\ all'),
        Change(Target("fin", "OPEN_ITEMS"), "What is open", "Open items"),
        Change(Target("fin", "OPEN_ITEMS", "AMOUNT"), "Amount", None),
        Change(Target("fin", "T001"), "Company codes", "Legal entities"),
    ]
    statements = connector.statements(changes)
    assert [w.outcome for w in connector.write(changes)] == [Outcome.WRITTEN] * 4
    assert ask(file, "SELECT comment FROM duckdb_views() WHERE NOT internal") == [("Open items",)]
    catalog = DuckdbConnector(file).load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]
    assert statements[1] == 'COMMENT ON VIEW "sales"."fin"."OPEN_ITEMS" IS \'Open items\''
    assert statements[2].endswith("IS NULL")
    # What was shown is what was done.
    with duckdb.connect(file) as database:
        for statement in statements:
            database.execute(statement)
    assert DuckdbConnector(file).load() == catalog
    assert [entry.name for entry in file.parent.iterdir() if entry.is_file()] == ["sales.duckdb"]


def test_what_somebody_changed_meanwhile_is_left_alone(file: Path) -> None:
    connector = DuckdbConnector(file)
    with duckdb.connect(file) as database:
        database.execute("COMMENT ON COLUMN fin.BSEG.BUKRS IS 'Theirs'")
    changes = [
        Change(Target("fin", "BSEG", "BUKRS"), None, "Ours"),
        Change(Target("fin", "BSEG", "MANDT"), None, "Client"),
        Change(Target("fin", "BSEG", "NUL"), None, "x"),
        Change(Target("fin", "T001", "BUTXT"), None, "nul \0"),
        Change(Target("fin", "GONE"), None, "x"),
    ]
    assert [w.outcome for w in connector.write(changes)] == [
        Outcome.CHANGED_MEANWHILE,
        Outcome.WRITTEN,
        Outcome.FAILED,
        Outcome.REFUSED,
        Outcome.FAILED,
    ]
    assert connector.load().comment(changes[0].target) == "Theirs"


@pytest.mark.parametrize("name", ["odd", "main", "select", "per%cent"])
def test_odd_names_and_texts_are_read_back_whatever_the_file_is_called(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / f"{name}.duckdb"
    quoted = ['"' + odd.replace('"', '""') + '"' for odd in ODD_NAMES]
    with duckdb.connect(path) as database:
        (catalog,) = database.execute("SELECT current_database()").fetchone() or ("",)
        # A schema called as the file is.
        database.execute(f'CREATE SCHEMA "{catalog}"."{catalog}"')
        for table in quoted:
            columns = ", ".join(f"{column} INT" for column in quoted)
            database.execute(f'CREATE TABLE "{catalog}"."{catalog}".{table} ({columns})')
    connector = DuckdbConnector(path)
    found = connector.load()
    assert {table.name for table in found.tables} == set(ODD_NAMES)
    assert set(connector.evidence(found.tables[0], ODD_NAMES, Privacy.SHAPES)) == set(ODD_NAMES)
    changes = [
        Change(Target(catalog, odd, column), None, ODD_TEXTS[place % len(ODD_TEXTS)])
        for place, odd in enumerate(ODD_NAMES)
        for column in ("", odd)
    ]
    assert {w.outcome for w in connector.write(changes)} == {Outcome.WRITTEN}
    found = connector.load()
    assert [found.comment(c.target) for c in changes] == [c.new for c in changes]


def test_a_file_that_somebody_reads_fails_the_write_and_says_who(file: Path) -> None:
    connector = DuckdbConnector(file)
    with duckdb.connect(file, read_only=True):
        (written,) = connector.write([Change(Target("fin", "BSEG"), None, "x")])
    assert written.outcome is Outcome.FAILED
    assert "sales.duckdb" in written.detail
    assert "try again" in written.detail
    assert connector.load().comment(written.change.target) is None


def test_browsing_reaches_no_other_file(file: Path) -> None:
    connector = DuckdbConnector(file)
    with connector._open() as database, pytest.raises(duckdb.PermissionException):
        database.execute("SELECT * FROM read_text('/etc/hostname')")


def test_a_connection_set_to_read_only_is_never_written(file: Path) -> None:
    connector = DuckdbConnector(file, read_only=True)
    assert connector.abilities.home is Home.NOWHERE
    before = file.read_bytes()
    (written,) = connector.write([Change(Target("fin", "BSEG"), None, "x")])
    assert written.outcome is Outcome.REFUSED
    assert file.read_bytes() == before


def test_a_file_that_goes_away_is_told_and_not_made_anew(file: Path) -> None:
    connector = DuckdbConnector(file)
    file.unlink()
    with pytest.raises(CatalogProblem, match="no longer there"):
        connector.load()
    (written,) = connector.write([Change(Target("fin", "BSEG"), None, "x")])
    assert written.outcome is Outcome.FAILED
    assert not file.exists()


def test_a_result_left_unread_leaves_the_file_free(file: Path) -> None:
    connector = DuckdbConnector(file)
    results = connector.write([Change(Target("fin", "BSEG"), None, "x")])
    assert next(results).outcome is Outcome.WRITTEN
    with duckdb.connect(file):
        pass
