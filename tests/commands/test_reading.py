"""What is read again and says the same is there once, however large it is."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from amx_tui.catalog.model import Target
from amx_tui.catalog.sqlite import SqliteConnector
from amx_tui.commands.reading import CatalogReader


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE BKPF (MANDT CHAR(3), BUKRS CHAR(4))")
        connection.execute("CREATE TABLE BSEG (MANDT CHAR(3), BUZEI INTEGER)")
        connection.execute("INSERT INTO BKPF VALUES ('100', '0001')")
    connection.close()
    return path


def reader(database: Path) -> CatalogReader:
    return CatalogReader(SqliteConnector(database), database.parent)


def test_a_refresh_that_finds_the_same_keeps_what_is_there(database: Path) -> None:
    reading = reader(database)
    first = reading.load(reading.list(hidden=False), hidden=False)
    again = reading.load(first, hidden=False)
    assert again.catalog is first.catalog
    assert again.index is first.index


def test_the_kept_copy_goes_on_where_the_database_still_says_so(database: Path) -> None:
    before = reader(database)
    before.keep(before.load(before.list(hidden=False), hidden=False).catalog)
    after = reader(database)
    kept = after.kept()
    assert kept is not None
    fresh = after.load(kept, hidden=False)
    assert fresh.catalog is kept.catalog
    assert fresh.kept_at is None


def test_rows_that_there_was_no_time_to_count_again_are_as_many_as_they_were(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = reader(database)
    first = reading.load(reading.list(hidden=False), hidden=False)
    monkeypatch.setattr("amx_tui.catalog.sqlite._COUNTS_SECONDS", -1)
    again = reading.load(first, hidden=False)
    assert again.catalog is first.catalog
    table = again.catalog.table(Target("main", "BKPF"))
    assert table is not None and table.row_count == 1


def test_more_rows_are_told_without_another_index(database: Path) -> None:
    reading = reader(database)
    first = reading.load(reading.list(hidden=False), hidden=False)
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO BKPF VALUES ('100', '0002')")
    connection.close()
    again = reading.load(first, hidden=False)
    assert [again.index.hit(entry).table.row_count for entry in (0, 3)] == [2, 0]
    assert [first.index.hit(entry).table.row_count for entry in (0, 3)] == [1, 0]
    assert again.index.called("BUKRS") == first.index.called("BUKRS")


def test_what_changed_is_new_and_the_rest_stays(database: Path) -> None:
    reading = reader(database)
    first = reading.load(reading.list(hidden=False), hidden=False)
    with sqlite3.connect(database) as connection:
        connection.execute("ALTER TABLE BSEG ADD COLUMN WRBTR DECIMAL(13,2)")
        connection.execute("INSERT INTO BKPF VALUES ('100', '0002')")
    connection.close()
    again = reading.load(first, hidden=False)
    assert again.catalog.holds(Target("main", "BSEG", "WRBTR"))
    assert again.index.total.total == 5
    bkpf, known = (one.catalog.table(Target("main", "BKPF")) for one in (again, first))
    assert bkpf is not None and known is not None
    assert bkpf.row_count == 2
    assert bkpf.columns is known.columns
