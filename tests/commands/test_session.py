"""One open database and everything that is done with it at the same time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from amx_tui.catalog.model import (
    Catalog,
    CatalogProblem,
    Change,
    Connector,
    Outcome,
    Target,
    Written,
)
from amx_tui.catalog.opening import open_database
from amx_tui.catalog.serial import SerialConnector
from amx_tui.catalog.sqlite import SqliteConnector
from amx_tui.commands.model import CatalogRead
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Privacy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "legacy.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("CREATE TABLE A (X TEXT, Y TEXT); INSERT INTO A VALUES ('1', 'b')")
    connection.close()
    return path


def test_a_read_waits_until_a_write_is_over(file: Path) -> None:
    """A catalog that is read in the middle of a write would show half of it."""
    started, may_go_on = threading.Event(), threading.Event()

    class Slow(SqliteConnector):
        def write(self, changes: Sequence[Change]) -> Iterator[Written]:
            started.set()
            may_go_on.wait(10)
            yield from super().write(changes)

    serial = SerialConnector(Slow(file))
    change = Change(Target("main", "A", "X"), None, "The first")
    results: list[Written] = []
    seen: list[str | None] = []
    writer = threading.Thread(target=lambda: results.extend(serial.write([change])))
    writer.start()
    assert started.wait(10)
    reader = threading.Thread(target=lambda: seen.append(serial.load().comment(change.target)))
    reader.start()
    reader.join(0.2)
    assert seen == []  # it waits
    may_go_on.set()
    writer.join(10)
    reader.join(10)
    assert [result.outcome for result in results] == [Outcome.WRITTEN]
    assert seen == ["The first"]


async def test_a_file_that_was_left_is_free_for_other_programs_though_a_read_of_it_comes_late(
    tmp_path: Path,
) -> None:
    path = tmp_path / "dwh.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE p (a INT)")
    session = open_session(open_database(str(path)))
    await session.read_catalog()
    (table,) = session.catalog.tables
    await session.close()
    with pytest.raises(CatalogProblem, match="is closed"):
        session.connector.evidence(table, ["a"], Privacy.SHAPES)
    with duckdb.connect(str(path)) as database:  # to write it
        database.execute("DROP TABLE p")


async def test_marks_leave_out_what_is_described_or_decided(file: Path) -> None:
    list(open_database(str(file)).write([Change(Target("main", "A", "Y"), None, "Known")]))
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_database(str(file))
    session = Session(workspace)
    await session.read_catalog()
    assert session.marks.undescribed() == {Target("main", "A"), Target("main", "A", "X")}
    session.marks.toggle(session.marks.undescribed())
    session.marks.toggle(session.marks.undescribed())
    assert session.marks.targets == set()
    assert session.evidence.read(session.catalog.tables[0], Privacy.METADATA) == {}
    await session.close()


def open_session(connector: Connector) -> Session:
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = connector
    return Session(workspace)


async def test_the_copy_of_the_last_time_is_shown_first_and_refreshed(file: Path) -> None:
    session = open_session(open_database(str(file)))
    await session.read_catalog()
    await session.close()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE B (Z TEXT)")
    connection.close()

    session = open_session(open_database(str(file)))
    seen: list[tuple[int, bool]] = []
    session.subscribe(
        lambda event: (
            isinstance(event, CatalogRead)
            and seen.append((len(session.catalog.tables), session.opened.kept_at is not None))
        )
    )
    await session.read_catalog()
    assert seen == [(1, True), (2, False)]
    assert session.catalog.holds(Target("main", "B", "Z"))
    await session.close()


async def test_what_did_not_change_is_kept_in_memory_once(file: Path) -> None:
    session = open_session(open_database(str(file)))
    await session.read_catalog()
    first, index = session.catalog, session.index
    await session.read_catalog()
    assert session.catalog is first
    assert session.index is index
    await session.close()


class Unreadable(SqliteConnector):
    def load(self, *, hidden: bool = False) -> Catalog:
        raise CatalogProblem("The connection was lost", "", "Press r")


async def test_a_lost_connection_leaves_the_copy_on_the_screen_and_writes_nothing_by_it(
    file: Path,
) -> None:
    session = open_session(open_database(str(file)))
    await session.read_catalog()
    await session.close()
    session = open_session(Unreadable(file))
    await session.read_catalog()
    assert session.opened.problem is not None
    assert session.opened.kept_at is not None
    assert session.catalog.holds(Target("main", "A", "X"))
    with pytest.raises(CatalogProblem, match="lost"):  # what stands there is not known
        await session.fresh_catalog()
    await session.close()


async def test_what_is_kept_holds_nothing_of_any_row(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("INSERT INTO A VALUES ('hunter2', 'bea@example.org')")
    connection.close()
    session = open_session(open_database(str(file)))
    await session.read_catalog()
    await session.evidence.look_at(session.catalog.tables[0])
    await session.close()
    kept = list(session.workspace.folders.catalogs.iterdir())
    assert len(kept) == 1
    assert "hunter2" not in kept[0].read_text()
    assert "example.org" not in kept[0].read_text()


async def test_what_the_database_keeps_for_itself_is_shown_on_request(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE C (I INTEGER PRIMARY KEY AUTOINCREMENT)")
    connection.close()
    session = open_session(open_database(str(file)))
    await session.read_catalog()
    own = Target("main", "sqlite_sequence")
    assert not session.catalog.holds(own)
    await session.show_hidden(True)
    assert session.catalog.holds(own)
    await session.close()
    session = open_session(open_database(str(file)))  # no part of what is kept
    await session.read_catalog()
    assert not session.catalog.holds(own)
    await session.close()
