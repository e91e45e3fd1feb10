"""Each bad input is one clear message with what to do, where it belongs; nothing changes on disk."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.provider import ScriptedProvider, error
from tests.terminal.conftest import CANARY, snapshot_of, start_all, write_profile
from tests.terminal.terminal import Terminal, joined


def make_nothing(folder: Path) -> str:
    return "legcay.db"


def make_a_folder(folder: Path) -> str:
    return "."


def make_a_text(folder: Path) -> str:
    (folder / "notes.db").write_text("just some notes\n" * 100)
    return "notes.db"


def make_a_torn_file(folder: Path) -> str:
    (folder / "torn.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    return "torn.db"


CANNOT_START: list[tuple[Callable[[Path], str], tuple[str, ...]]] = [
    (make_nothing, ("legcay.db does not exist", "Did you mean legacy.db?")),
    (make_a_folder, ("is a folder", "legacy.db")),
    (make_a_text, ("notes.db is not a database", "Check the file name")),
    (make_a_torn_file, ("torn.db",)),
    (lambda _: "nonsense://sa:secret@host/sales", ("nonsense://", "postgresql://")),
    (lambda _: "postgresql://me:secret@127.0.0.1:1/sales", ("127.0.0.1",)),
]


@pytest.mark.parametrize(
    ("make", "words"), CANNOT_START, ids=[words[0] for _, words in CANNOT_START]
)
def test_what_cannot_be_opened_is_told_before_the_screen_is_taken(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    make: Callable[[Path], str],
    words: tuple[str, ...],
) -> None:
    name = make(legacy.parent)
    refuses(terminal, [*program, name], legacy.parent, home, *words)
    assert b"secret" not in terminal.drawn()


def test_a_locked_file_says_so(
    terminal: Terminal, program: list[str], legacy: Path, home: Path
) -> None:
    # By another process: POSIX locks end when their own process closes the file anywhere.
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(legacy)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline()
        refuses(terminal, [*program, "legacy.db"], legacy.parent, home, "legacy.db", "locked")
        holder.stdin.close()


_HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_missing_driver_names_the_extra_to_install(
    terminal: Terminal, installed: Path, legacy: Path, home: Path
) -> None:
    import duckdb

    duckdb.connect(str(legacy.with_name("sales.duckdb"))).close()
    for name, extra in (("postgresql://x@localhost/y", "postgresql"), ("sales.duckdb", "duckdb")):
        refuses(terminal, [str(installed), name], legacy.parent, home, f"amx-tui[{extra}]")


@pytest.mark.parametrize("name", ["AMX_CONFIG_DIR", "HOME"])
def test_an_unwritable_home_is_told_and_the_browser_still_works(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """A file stands where the folder should be."""
    in_the_way = home / ".amx" if name == "HOME" else home / "elsewhere"
    in_the_way.write_text("not a folder")
    if name == "AMX_CONFIG_DIR":
        monkeypatch.setenv(name, str(in_the_way))
    before = snapshot_of(home, legacy.parent)
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("m", "d")
    screen = terminal.wait_for(in_the_way.name)
    assert "Traceback" not in screen
    leaves(terminal)
    assert snapshot_of(home, legacy.parent) == before


def test_a_broken_config_yml_is_told_with_its_line_by_draft(
    terminal: Terminal, program: list[str], legacy: Path, home: Path
) -> None:
    folder = home / ".amx"
    folder.mkdir()
    (folder / "config.yml").write_text("llm_profiles:\n  kimi:\n    model: 'kimi-k3\n    x: [\n")
    before = snapshot_of(folder, legacy.parent)
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("enter")
    terminal.wait_for("BUKRS", "CHAR(4)")
    terminal.press("d")
    terminal.wait_for("config.yml", re.compile(r"line \d+"), re.compile(r"column \d+"))
    leaves(terminal)
    after = snapshot_of(folder, legacy.parent)
    assert {path: after[path] for path in before} == before


def test_no_profile_opens_the_form_which_saves_one(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    provider: ScriptedProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", CANARY)
    terminal.start([*program, "legacy.db"], cwd=legacy.parent, size=(120, 36))
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("m", "d")
    terminal.wait_for("There is no LLM profile yet", "new LLM profile")
    terminal.type("kimi-thinking")
    terminal.wait_for_field("Profile name")
    terminal.press("enter")
    terminal.wait_for("a direct relationship with Moonshot", "pick it for")
    terminal.press("tab")
    terminal.wait_for_field("Model")
    terminal.type("kimi-k2-thinking")
    terminal.press("enter")
    terminal.wait_for("the platform that made it")
    terminal.press("enter")
    terminal.wait_for_field("API base")
    terminal.press("ctrl+u")
    terminal.wait_for("‹ another host ›")  # what stands in the empty field is only a default
    terminal.type(provider.base_url)
    terminal.press("enter")
    terminal.wait_for_field("API key")
    terminal.press("ctrl+s")
    terminal.wait_for("✓ Saved LLM profile 'kimi-thinking' to ~/.amx/config.yml")
    written = (home / ".amx" / "config.yml").read_text()
    assert "model: kimi-k2-thinking" in written and provider.base_url in written
    assert "active_llm_profile: kimi-thinking" in written and CANARY not in written
    # The draft that was wanted is there.
    terminal.wait_for("nothing has been sent yet", "word for word")
    leaves(terminal)


def test_no_key_is_told_and_the_form_asks_for_it(
    terminal: Terminal, program: list[str], legacy: Path, home: Path, provider: ScriptedProvider
) -> None:
    config = write_profile(home, provider.base_url)
    before = config.read_bytes()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("m", "d")
    terminal.wait_for("There is no API key for profile 'kimi-thinking'", "AMX_LLM_API_KEY",
                      "edit kimi-thinking")  # fmt: skip
    terminal.press("escape")
    terminal.wait_until_gone("edit kimi-thinking")
    leaves(terminal)
    assert config.read_bytes() == before
    assert not provider.requests


def test_a_refused_key_is_told_in_words(
    terminal: Terminal, program: list[str], legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    provider.answer = lambda _: error(401, "Invalid Authentication", "invalid_authentication_error")
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    screen = terminal.wait_for(
        re.compile(r"0/11 drafted"), re.compile(r"key"), re.compile("401|refused")
    )
    assert "Traceback" not in screen
    leaves(terminal)


def refuses(terminal: Terminal, command: list[str], folder: Path, home: Path, *words: str) -> None:
    """Exit status 2, a few lines that say it, and nothing touched."""
    before = snapshot_of(folder, home)
    terminal.start(command, cwd=folder, size=(100, 30))
    assert terminal.wait_until_ended() == 2, terminal.screen()
    screen = terminal.wait_for("amx-tui: ", *words)
    said = [line for line in screen.split("\n") if line]
    assert said[0].startswith("amx-tui: ") and len(said) <= 6, screen
    assert "Traceback" not in joined(screen)
    assert snapshot_of(folder, home) == before


def leaves(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait_until_ended() == 0
    assert b"Traceback" not in terminal.drawn()
