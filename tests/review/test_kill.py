"""A process that is killed at any instant has lost nothing that it had said was done."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from amx_tui.review.store import Store
from tests.review.made import DATABASE

KILLS = 15


def test_nothing_that_was_said_to_be_done_is_lost_when_the_process_is_killed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tui.db"
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    store = Store(path)
    for turn in range(KILLS):
        said = _kill_after(chance.randint(1, 60), path, turn)
        where = f"seed {seed}, turn {turn}, {len(said)} lines"
        assert said, where
        drafted, standing, undone = _read_back(path, turn)
        wanted_standing: set[str] = set()
        wanted_undone: set[str] = set()
        for what, value in said:
            if what == "drafted":
                assert drafted.count(value) == 1, where
            elif what in ("decided", "redone"):
                wanted_standing.update(value)
                wanted_undone.difference_update(value)
            elif what == "undone":
                wanted_undone.update(value)
                wanted_standing.difference_update(value)
        # One thing more may be done than it had the time to say; never a part of one.
        assert len(drafted) - sum(what == "drafted" for what, _ in said) in (0, 1), where
        moved = (wanted_standing ^ standing) | (wanted_undone ^ undone)
        assert len({text.rsplit("-", 1)[0] for text in moved}) <= 1, (where, moved)
        assert wanted_standing | wanted_undone <= standing | undone, where
        found = store.interrupted(DATABASE)
        assert found is not None and found.id == said[0][1], where
        store.dismiss(found.id)
        assert {row.suggestion.alternatives[0].text for row in store.rows(DATABASE)} <= set(
            _all_drafted(path)
        )


def _kill_after(lines: int, path: Path, turn: int) -> list[tuple[str, str]]:
    """What the process had said until it was dead; the rest of its pipe is what it said while the
    signal was under way."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.review.reviewer_to_kill", str(path), str(turn)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    # The last line may be cut off; what it meant to say is then one thing more than it said.
    return [tuple(json.loads(line)) for line in said if line.endswith("\n")]


def _read_back(path: Path, turn: int) -> tuple[list[str], set[str], set[str]]:
    """The texts of this turn: drafted, standing, undone; as a plain SQLite reader sees them."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        decided = connection.execute("SELECT text, undone_at FROM decisions").fetchall()
    finally:
        connection.close()
    mine = [(text, at) for text, at in decided if text.startswith(f"{turn}-")]
    assert len({text for text, _ in mine}) == len(mine)
    return (
        [text for text in _all_drafted(path) if text.startswith(f"{turn}-")],
        {text for text, at in mine if at is None},
        {text for text, at in mine if at is not None},
    )


def _all_drafted(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("SELECT alternatives FROM suggestions").fetchall()
    finally:
        connection.close()
    return [json.loads(stored)[0][0] for (stored,) in found]
