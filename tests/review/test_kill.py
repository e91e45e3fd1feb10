"""A process that is killed at any instant has lost nothing that it had said was done."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from amx_tui.review.store import Store
from tests.review.made import DATABASE

KILLS = 200
# Milliseconds that a process may live after its first word: a dozen drafts and decisions.
LONGEST = 10
# A store is looked through after each kill, which takes the longer the more is in it.
KILLS_OF_A_STORE = 25


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: who is killed leaves the system's own buffers as they are,
    so that waiting for a disk shows nothing here."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=memory) as made:
        yield Path(made)


def test_nothing_that_was_said_to_be_done_is_lost_when_the_process_is_killed(folder: Path) -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    with _forking() as forker:
        for turn in range(KILLS):
            path = folder / f"{turn // KILLS_OF_A_STORE}" / "tui.db"
            said = _kill_after(chance.uniform(0, LONGEST) / 1000, forker, path, turn)
            _check(path, turn, said, f"seed {seed}, turn {turn}, {len(said)} lines")


def _check(path: Path, turn: int, said: Sequence[tuple[str, Any]], where: str) -> None:
    """All that was said to be done is there, once; at most one thing more."""
    assert said, where
    with contextlib.closing(Store(path)) as store:
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


@contextlib.contextmanager
def _forking() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.review.reviewer_to_kill"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def _kill_after(
    seconds: float, forker: subprocess.Popen[str], path: Path, turn: int
) -> list[tuple[str, Any]]:
    """What a process had said until it was dead."""
    assert forker.stdin is not None and forker.stdout is not None
    forker.stdin.write(json.dumps([str(path), turn]) + "\n")
    forker.stdin.flush()
    _, child = json.loads(forker.stdout.readline())
    said = [tuple(json.loads(forker.stdout.readline()))]
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    for line in forker.stdout:
        try:
            what, value = json.loads(line)
        except ValueError:  # half a line: it is then one thing more than it said
            continue
        if what == "dead":
            break
        said.append((what, value))
    return said


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
