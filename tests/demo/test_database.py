"""The demo's database is worth looking at, holds together, and is built once and whole."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from amx_tui.catalog.opening import open_database
from amx_tui.demo import database
from amx_tui.demo.database import DemoProblem, build_database
from tests.demo.conftest import read_columns


def test_the_schema_is_large_and_cryptic_enough(demo: sqlite3.Connection) -> None:
    columns = read_columns(demo)
    names = Counter(name for listed in columns.values() for name in listed)
    assert len(columns) >= 15
    assert sum(map(len, columns.values())) >= 170
    assert 60 in map(len, columns.values())
    assert names["MANDT"] >= 10
    views = demo.execute("SELECT count(*) FROM sqlite_master WHERE type = 'view'").fetchone()[0]
    assert views == 1
    key = demo.execute("SELECT count(*) FROM pragma_table_info('BSEG') WHERE pk > 0").fetchone()[0]
    assert key == 5


def test_there_are_a_few_thousand_rows_and_no_empty_table(demo: sqlite3.Connection) -> None:
    rows = {
        name: demo.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for name in read_columns(demo)
    }
    assert min(rows.values()) > 0
    assert 3_000 < sum(rows.values()) < 10_000


def test_foreign_keys_hold(demo: sqlite3.Connection) -> None:
    assert demo.execute("PRAGMA foreign_key_check").fetchall() == []
    references = sum(
        demo.execute("SELECT count(*) FROM pragma_foreign_key_list(?)", (name,)).fetchone()[0]
        for name in read_columns(demo)
    )
    assert references > 40


def test_every_document_balances_in_both_currencies(demo: sqlite3.Connection) -> None:
    unbalanced = demo.execute(
        """SELECT BELNR, sum(CASE SH_KZ WHEN 'S' THEN WRBTR ELSE -WRBTR END) AS document,
                  sum(CASE SH_KZ WHEN 'S' THEN HW_BTR ELSE -HW_BTR END) AS house
           FROM BSEG GROUP BY MANDT, BUKRS, BELNR, GJAHR
           HAVING abs(document) > 0.005 OR abs(house) > 0.005"""
    ).fetchall()
    assert unbalanced == []


def test_the_credit_exposure_is_what_the_view_of_open_items_says(demo: sqlite3.Connection) -> None:
    wrong = demo.execute(
        """SELECT k.KD_NR, k.KRED_OBL, coalesce(sum(v.OFF_BTR), 0) AS owed
           FROM KDSTM AS k LEFT JOIN V_OP AS v ON v.KD_NR = k.KD_NR
           GROUP BY k.KD_NR HAVING abs(k.KRED_OBL - owed) > 0.005"""
    ).fetchall()
    assert wrong == []


def test_some_columns_are_entirely_empty(demo: sqlite3.Connection) -> None:
    for table, column in (("KDSTM", "RES_FLD_1"), ("LGBST", "HALB_DT"), ("IF_RUN", "FILLER_1")):
        assert demo.execute(f"SELECT count({column}) FROM {table}").fetchone()[0] == 0


def test_the_browser_finds_the_descriptions_inside_the_schema(demo_file: Path) -> None:
    connector = open_database(str(demo_file))
    try:
        catalog = connector.load()
    finally:
        connector.close()
    comments = {
        table.name: {column.name: column.comment for column in table.columns if column.comment}
        for table in catalog.tables
    }
    assert 25 <= sum(map(len, comments.values())) <= 32
    assert len(comments["T001"]) == 9
    assert comments["BSEG"]["WRBTR"].startswith("Amount in document currency")
    described = {table.name for table in catalog.tables if table.comment}
    assert described == {"T001", "KDSTM", "IF_RUN"}


def test_a_second_build_leaves_the_file_alone(tmp_path: Path) -> None:
    file = build_database(tmp_path / "deep" / "demo.db")
    before = file.stat()
    assert build_database(file) == file
    after = file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert list(file.parent.iterdir()) == [file]


def test_two_builds_are_the_same(tmp_path: Path, demo_file: Path) -> None:
    with (
        closing(sqlite3.connect(build_database(tmp_path / "other.db"))) as other,
        closing(sqlite3.connect(demo_file)) as first,
    ):
        assert list(other.iterdump()) == list(first.iterdump())


def test_another_version_of_the_demo_is_built_anew(tmp_path: Path) -> None:
    file = build_database(tmp_path / "demo.db")
    with closing(sqlite3.connect(file)) as old:
        old.execute("DROP VIEW V_OP")
        old.execute(f"PRAGMA user_version = {database.VERSION - 1}")
        old.commit()
    build_database(file)
    with closing(sqlite3.connect(file)) as new:
        assert new.execute("SELECT count(*) FROM V_OP").fetchone()[0] > 0
        assert new.execute("PRAGMA user_version").fetchone()[0] == database.VERSION


def test_a_file_that_is_no_database_is_built_anew(tmp_path: Path) -> None:
    file = tmp_path / "demo.db"
    file.write_bytes(b"half a page of something" * 100)
    build_database(file)
    with closing(sqlite3.connect(file)) as new:
        assert new.execute("SELECT count(*) FROM T001").fetchone()[0] == 4


def test_somebody_elses_database_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "demo.db"
    with closing(sqlite3.connect(file)) as theirs:
        theirs.execute("CREATE TABLE mine (x)")
    before = file.read_bytes()
    with pytest.raises(DemoProblem, match="not the demo's"):
        build_database(file)
    assert file.read_bytes() == before


def test_a_build_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.sql"
    broken.write_text("CREATE TABLE T001 (MANDT);\nCREATE TABLE T001 (MANDT);\n")
    monkeypatch.setattr(database, "_SCHEMA", broken)
    folder = tmp_path / "cache"
    with pytest.raises(DemoProblem) as caught:
        build_database(folder / "demo.db")
    assert list(folder.iterdir()) == []
    assert caught.value.remedy


def test_a_cache_folder_that_cannot_be_made_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(DemoProblem) as caught:
        build_database(tmp_path / "cache" / "demo.db")
    assert "XDG_CACHE_HOME" in caught.value.remedy


def test_the_schema_text_has_no_statement_left_over() -> None:
    text = database._SCHEMA.read_text(encoding="utf-8")
    statements = list(database._statements(text))
    assert len(statements) == len(re.findall(r"^CREATE ", text, re.MULTILINE))
    assert "".join(statements).strip() == text.strip()
