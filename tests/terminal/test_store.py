"""Whatever lies at the place of `tui.db`, the program says it, loses nothing, and works."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from amx_tui.review.place import find_set_aside
from amx_tui.review.schema import MIGRATIONS
from tests.forked import run_forked
from tests.terminal.conftest import UNDESCRIBED, start_all
from tests.terminal.terminal import Terminal

BESIDE = f"tui.v{len(MIGRATIONS)}.db"


def shell(*words: str | Path, status: int = 0) -> tuple[str, str]:
    """What a command prints, and what it says on the error stream."""
    ended, out, problems = run_forked(*words)
    assert ended == status, out + problems
    assert "Traceback" not in out + problems
    return out, problems


@pytest.fixture
def store(legacy: Path, profile: Path) -> Path:
    """The store of a person who has drafted everything."""
    shell("draft", legacy, "--yes")
    return profile.with_name("tui.db")


def damage_its_middle(path: Path) -> None:
    """The header is whole; no page after the first two is."""
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)


def make_a_text(path: Path) -> None:
    path.write_bytes(b"notes of somebody\n" * 300)


DAMAGES = {damage_its_middle: "malformed", make_a_text: "not a database"}


@pytest.mark.parametrize(
    ("damage", "size"), [(damage_its_middle, (80, 24)), (make_a_text, (140, 40))]
)
def test_a_damaged_store_is_set_aside_and_told_on_the_screen(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    store: Path,
    damage: Callable[[Path], None],
    size: tuple[int, int],
) -> None:
    damage(store)
    before = store.read_bytes()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent, size=size)
    terminal.wait_for("tui.db is damaged", "set aside", "Nothing was deleted", DAMAGES[damage])
    (aside,) = find_set_aside(store)
    terminal.wait_for(lambda screen: aside.name in "".join(re.findall(r"[\w.\-]+", screen)))
    assert aside.read_bytes() == before
    terminal.press("enter")
    terminal.wait_until_gone("Nothing was deleted")
    # It works: a run, a decision, and both are there at the next start, which tells nothing.
    start_all(terminal)
    terminal.wait_for("R reviews them")
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions")
    terminal.press("1")
    terminal.wait_for("1 accepted")
    leave(terminal)
    terminal.start([*program, "legacy.db"], cwd=legacy.parent, size=size)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    screen = terminal.wait_for("1 accepted")
    assert "deleted" not in screen
    assert aside.read_bytes() == before


def test_the_shell_says_it_on_the_error_stream_and_in_its_json(legacy: Path, store: Path) -> None:
    damage_its_middle(store)
    said, told = shell("history", legacy, "--json")
    (aside,) = find_set_aside(store)
    assert "tui.db is damaged" in told and str(aside) in told
    (notice,) = json.loads(said)["notices"]
    assert "set aside" in notice["what"] and str(aside) in notice["why"]
    said, told = shell("review", legacy, "--json")
    assert json.loads(said)["notices"] == [] and told == ""


def test_draft_says_it_before_it_asks(legacy: Path, store: Path) -> None:
    damage_its_middle(store)
    said, told = shell("draft", legacy, "--yes", "--json")
    assert "tui.db is damaged" in told.split("what: ")[0]
    assert json.loads(said)["drafted"] == UNDESCRIBED and json.loads(said)["notices"]


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()


def make_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


NOT_OURS = {
    make_newer: ("was written by a newer amx-tui", "pip install --upgrade"),
    make_foreign: ("is not amx-tui's", "Move it away"),
    make_a_folder: ("is not a file", "Move it away"),
}


def content_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


@pytest.mark.parametrize("make", NOT_OURS)
def test_what_is_not_ours_is_left_alone_and_said_at_each_command(
    legacy: Path, store: Path, make: Callable[[Path], None]
) -> None:
    make(store)
    before = content_of(store)
    for words in (("draft", legacy, "--yes"), ("review", legacy, "--json")):
        _, told = shell(*words)
        for word in (*NOT_OURS[make], BESIDE, "left as it is"):
            assert word in told
    assert content_of(store) == before
    assert find_set_aside(store) == ()


def test_what_is_not_ours_is_left_alone_and_said_at_each_start(
    terminal: Terminal, program: list[str], legacy: Path, store: Path
) -> None:
    make_newer(store)
    before = content_of(store)
    shell("draft", legacy, "--yes")
    for accepted in (1, 2):
        terminal.start([*program, "legacy.db"], cwd=legacy.parent)
        terminal.wait_for(*NOT_OURS[make_newer], BESIDE, "left as it is")
        terminal.press("enter")
        terminal.wait_until_gone("left as it is")
        terminal.press("R")
        terminal.wait_for(f"{UNDESCRIBED} suggestions")
        if accepted == 2:
            terminal.press("down")
        terminal.press("1")
        terminal.wait_for(f"{accepted} accepted")
        leave(terminal)
    assert content_of(store) == before
    assert find_set_aside(store) == ()


def test_an_empty_file_becomes_a_store_without_a_word(legacy: Path, store: Path) -> None:
    store.write_bytes(b"")
    said, told = shell("draft", legacy, "--yes", "--json")
    assert json.loads(said)["notices"] == [] and "damaged" not in told
    assert json.loads(shell("review", legacy, "--json")[0])["suggestions"]


def test_a_damaged_store_that_another_one_has_open_is_left_until_that_one_ends(
    terminal: Terminal, program: list[str], legacy: Path, store: Path
) -> None:
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions")
    damage_its_middle(store)
    before = store.read_bytes()
    _, told = shell("review", legacy, "--json", status=2)
    assert "another program has it open" in told and "Close the other amx-tui" in told
    assert store.read_bytes() == before and find_set_aside(store) == ()
    leave(terminal)
    _, told = shell("review", legacy, "--json")
    assert "set aside" in told


def leave(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait_until_ended() == 0
