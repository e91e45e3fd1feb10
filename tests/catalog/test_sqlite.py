"""A SQLite file as a person browses it, and the descriptions that they keep beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import yaml

from amx_tui.catalog.model import CatalogProblem, Change, Outcome, Target
from amx_tui.catalog.sqlite import SqliteConnector
from amx_tui.config.model import Privacy

from .conftest import ODD_NAMES, ODD_TEXTS, MakeSqlite

_LEGACY = """
CREATE TABLE T001 ( -- Company codes
    BUKRS CHAR(4) PRIMARY KEY, -- Company code
    BUTXT TEXT NOT NULL DEFAULT 'none'
);
CREATE TABLE BSEG (
    MANDT CHAR(3),
    BUKRS CHAR(4) REFERENCES t001,
    BELNR CHAR(10),
    WRBTR DECIMAL(13,2), -- Amount
    SHORT TEXT GENERATED ALWAYS AS (substr(BELNR, 1, 4)) VIRTUAL,
    PRIMARY KEY (BELNR, MANDT),
    FOREIGN KEY (bukrs) REFERENCES T001 (butxt)
);
CREATE VIEW OPEN_ITEMS AS SELECT BELNR, WRBTR AS AMOUNT FROM BSEG;
CREATE INDEX I ON BSEG (BUKRS);
INSERT INTO T001 VALUES ('1000', 'Köln AG'), ('2000', 'x');
INSERT INTO BSEG VALUES ('100', '1000', '4711', 12.5), ('100', NULL, '4712', 1000);
"""


def connect(path: Path) -> SqliteConnector:
    return SqliteConnector(path)


def write_one(
    connector: SqliteConnector, target: Target, old: str | None, new: str | None
) -> Outcome:
    (written,) = connector.write([Change(target, old, new)])
    return written.outcome


def test_tables_columns_keys_and_comments_are_read(make_sqlite: MakeSqlite) -> None:
    connector = connect(make_sqlite(_LEGACY))
    catalog = connector.load()
    assert [(t.name, t.kind.value, t.comment, t.row_count) for t in catalog.tables] == [
        ("BSEG", "table", None, 2),
        ("OPEN_ITEMS", "view", None, None),
        ("T001", "table", "Company codes", 2),
    ]
    bseg, view, t001 = catalog.tables
    assert [(c.name, c.type, c.key_position, c.comment) for c in bseg.columns] == [
        ("MANDT", "CHAR(3)", 2, None),
        ("BUKRS", "CHAR(4)", 0, None),
        ("BELNR", "CHAR(10)", 1, None),
        ("WRBTR", "DECIMAL(13,2)", 0, "Amount"),
        ("SHORT", "TEXT", 0, None),
    ]
    assert bseg.columns[1].references == Target("main", "T001", "BUKRS")
    assert [c.name for c in view.columns] == ["BELNR", "AMOUNT"]
    assert (t001.columns[1].nullable, t001.columns[1].default) == (False, "'none'")
    assert [t.name for t in connector.tables()] == [t.name for t in catalog.tables]
    assert connector.abilities.where == "legacy.comments.yml, beside the database"


def test_inner_tables_are_hidden_and_a_broken_view_hides_nothing(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite(
        "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x);"
        "CREATE VIEW broken AS SELECT * FROM gone;"
        "CREATE VIRTUAL TABLE words USING fts5(body);"
        "INSERT INTO a (x) VALUES (1); ANALYZE;"
    )
    catalog = connect(path).load()
    assert [(t.name, len(t.columns)) for t in catalog.tables] == [
        ("a", 2),
        ("broken", 0),
        ("words", 1),
    ]
    broken = catalog.tables[1]
    assert connect(path).evidence(broken, ["x"], Privacy.VALUES)["x"].samples == ()


def test_evidence_shows_no_more_than_the_privacy_allows(make_sqlite: MakeSqlite) -> None:
    connector = connect(make_sqlite(_LEGACY))
    table = connector.load().tables[0]
    names = ["BUKRS", "WRBTR", "BELNR"]
    assert connector.evidence(table, names, Privacy.METADATA) == {}
    shapes = connector.evidence(table, names, Privacy.SHAPES)
    assert shapes["BUKRS"].null_share == 0.5
    assert shapes["BELNR"].distinct == 2
    assert shapes["BELNR"].samples == ("9999",)
    values = connector.evidence(table, names, Privacy.VALUES)
    assert values["BELNR"].samples == ("4711", "4712")


def test_metadata_reads_no_row(make_sqlite: MakeSqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = connect(make_sqlite(_LEGACY))
    table = connector.load().tables[0]
    asked: list[str] = []
    real = connector._connect_with

    def spy(option: str) -> sqlite3.Connection:
        database = real(option)
        database.set_trace_callback(asked.append)
        return database

    monkeypatch.setattr(connector, "_connect_with", spy)
    connector.evidence(table, ["BUKRS"], Privacy.METADATA)
    assert asked == []
    connector.evidence(table, ["BUKRS"], Privacy.SHAPES)
    assert any("LIMIT 1000" in query for query in asked)


def test_a_slow_view_gives_up_and_keeps_what_it_had(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite(
        "CREATE VIEW endless AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT x FROM n WHERE x < 3 OR x < 0"
    )
    connector = connect(path)
    found = connector.evidence(connector.load().tables[0], ["x"], Privacy.VALUES)
    assert "1" in found["x"].samples


def test_bytes_that_are_no_text_do_no_harm(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite("CREATE TABLE t (a, b); INSERT INTO t VALUES (CAST(x'ff41' AS TEXT), x'ff')")
    connector = connect(path)
    found = connector.evidence(connector.load().tables[0], ["a", "b"], Privacy.VALUES)
    assert found["a"].samples == ("\ufffdA",)
    assert found["b"].samples == ("(binary)",)
    assert found["b"].distinct is None


def test_a_written_description_is_there_after_a_restart(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite(_LEGACY)
    before = path.read_bytes()
    changes = [
        Change(Target("main", "BSEG", "BUKRS"), None, "Company code: the legal entity"),
        Change(Target("main", "BSEG"), None, "Accounting document segment"),
        Change(Target("main", "OPEN_ITEMS", "AMOUNT"), None, "Open amount"),
        Change(Target("main", "T001", "BUKRS"), "Company code", "Company code (T001)"),
    ]
    connector = connect(path)
    shown = [yaml.safe_load(text) for text in connector.statements(changes)]
    assert [w.outcome for w in connector.write(changes)] == [Outcome.WRITTEN] * 4
    catalog = connect(path).load()
    assert [catalog.comment(change.target) for change in changes] == [c.new for c in changes]
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in path.parent.iterdir() if entry.is_file()) == [
        "legacy.comments.yml",
        "legacy.db",
    ]
    kept = yaml.safe_load(path.with_name("legacy.comments.yml").read_text())["comments"]
    assert shown[0][0]["columnComments"].items() <= kept[0]["columnComments"].items()
    assert shown[1][0]["tableComment"] == kept[0]["tableComment"]


def test_what_somebody_changed_meanwhile_is_left_alone(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite(_LEGACY)
    target = Target("main", "T001", "BUKRS")
    ours, theirs = connect(path), connect(path)
    assert write_one(theirs, target, "Company code", "Theirs") is Outcome.WRITTEN
    assert write_one(ours, target, "Company code", "Ours") is Outcome.CHANGED_MEANWHILE
    assert write_one(ours, target, None, "Ours") is Outcome.CHANGED_MEANWHILE
    assert ours.load().comment(target) == "Theirs"
    assert write_one(ours, target, "Theirs", "Ours") is Outcome.WRITTEN
    # An apply that was cut off is repeated.
    assert write_one(ours, target, "Theirs", "Ours") is Outcome.WRITTEN


def test_a_description_can_be_taken_away_also_one_of_the_create_table_text(
    make_sqlite: MakeSqlite,
) -> None:
    path = make_sqlite(_LEGACY)
    connector = connect(path)
    target, fresh = Target("main", "T001", "BUKRS"), Target("main", "T001", "BUTXT")
    assert write_one(connector, target, "Company code", None) is Outcome.WRITTEN
    assert connector.load().comment(target) is None
    assert write_one(connector, target, None, "Company code") is Outcome.WRITTEN
    assert connector.load().comment(target) == "Company code"
    assert write_one(connector, fresh, None, "Name") is Outcome.WRITTEN
    assert write_one(connector, fresh, "Name", None) is Outcome.WRITTEN
    assert connector.load().comment(fresh) is None
    assert not path.with_name("legacy.comments.yml").exists()


def test_odd_names_and_texts_are_read_back(make_sqlite: MakeSqlite) -> None:
    quoted = [name.replace('"', '""') for name in ODD_NAMES]
    columns = ", ".join(f'"{name}" TEXT' for name in quoted)
    path = make_sqlite(";".join(f'CREATE TABLE "{name}" ({columns})' for name in quoted))
    connector = connect(path)
    catalog = connector.load()
    assert {table.name for table in catalog.tables} == set(ODD_NAMES)
    table = catalog.tables[0]
    assert [column.name for column in table.columns] == list(ODD_NAMES)
    assert set(connector.evidence(table, ODD_NAMES, Privacy.SHAPES)) == set(ODD_NAMES)
    changes = [
        Change(Target("main", name, name), None, ODD_TEXTS[place % len(ODD_TEXTS)])
        for place, name in enumerate(ODD_NAMES)
    ]
    assert {w.outcome for w in connector.write(changes)} == {Outcome.WRITTEN}
    catalog = connect(path).load()
    assert [catalog.comment(c.target) for c in changes] == [c.new for c in changes]


def test_what_cannot_be_kept_is_refused_and_the_rest_is_written(make_sqlite: MakeSqlite) -> None:
    connector = connect(make_sqlite(_LEGACY))
    changes = [
        Change(Target("main", "BSEG", "BUKRS"), None, "nul \0"),
        Change(Target("main", "BSEG", "MANDT"), None, "half \ud800"),
        Change(Target("main", "BSEG", "GONE"), None, "x"),
        Change(Target("main", "BSEG", "BELNR"), None, "Document number"),
    ]
    written = list(connector.write(changes))
    assert [w.outcome for w in written] == [
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.FAILED,
        Outcome.WRITTEN,
    ]
    assert "NUL" in written[0].detail
    assert "no longer" in written[2].detail
    assert all(w.detail.isprintable() for w in written)


def test_a_broken_sidecar_fails_the_write_and_is_told_when_browsing(
    make_sqlite: MakeSqlite,
) -> None:
    path = make_sqlite(_LEGACY)
    connector = connect(path)
    sidecar = path.with_name("legacy.comments.yml")
    sidecar.write_text("comments: [\n")
    (written,) = connector.write([Change(Target("main", "BSEG", "BUKRS"), None, "x")])
    assert written.outcome is Outcome.FAILED
    assert "legacy.comments.yml" in written.detail
    assert sidecar.read_text() == "comments: [\n"
    with pytest.raises(CatalogProblem, match="line 2"):
        connector.load()


def test_a_database_that_goes_away_is_told(make_sqlite: MakeSqlite) -> None:
    path = make_sqlite(_LEGACY)
    connector = connect(path)
    path.unlink()
    with pytest.raises(CatalogProblem) as caught:
        connector.load()
    assert "press r" in caught.value.remedy
    (written,) = connector.write([Change(Target("main", "BSEG", "BUKRS"), None, "x")])
    assert written.outcome is Outcome.FAILED
    assert list(path.parent.glob("*.yml")) == []
