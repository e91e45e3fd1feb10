"""One open database and everything that is done with it at the same time."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.catalog.opening import open_database
from amx_tui.catalog.serial import SerialConnector
from amx_tui.catalog.sqlite import SqliteConnector
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


async def test_marks_leave_out_what_is_described_or_decided(file: Path) -> None:
    list(open_database(str(file)).write([Change(Target("main", "A", "Y"), None, "Known")]))
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_database(str(file))
    session = Session(workspace)
    await session.read_catalog()
    assert session.undescribed() == {Target("main", "A"), Target("main", "A", "X")}
    session.toggle_marks(session.undescribed())
    session.toggle_marks(session.undescribed())
    assert session.marked == set()
    assert session.evidence_for(session.catalog.tables[0], Privacy.METADATA) == {}
    await session.close()
