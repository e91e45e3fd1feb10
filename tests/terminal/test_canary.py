"""A key and a password go through all that the program does with them, in a real terminal with
everything logged that can be; afterwards they are looked for everywhere."""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.commands.profiles import save_connection
from amx_tui.commands.workspace import real_workspace
from amx_tui.config.file import load_config
from amx_tui.config.folders import find_folders
from amx_tui.config.keys import find_secret
from amx_tui.config.model import Connection
from tests.canary import CANARY, assert_nowhere, forms_of
from tests.catalog.conftest import Server, postgresql
from tests.config.conftest import use_keyring
from tests.provider import ScriptedProvider, draft, error
from tests.terminal.conftest import start_all, write_profile
from tests.terminal.terminal import Terminal

__all__ = ["postgresql", "use_keyring"]

# keyrings.alt asks Python for what Python will no longer have.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

UNLOCKED = "tests.config.keyrings.UnlockedKeyring"
# The program with every logger of Python at work; `crash` breaks it where it saves the key.
LOGGED = """
import logging, os, sys
logging.basicConfig(level=logging.DEBUG, filename=os.path.expanduser("~/debug.log"))
if os.environ.get("CRASH"):
    import amx_tui.commands.profiles as profiles
    def write(*given, **more):
        raise RuntimeError("broken on purpose")
    profiles.write = write
from amx_tui.cli import main
raise SystemExit(main())
"""


@pytest.fixture
def logged(
    program: list[str],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    use_keyring: Callable[[str], object],
) -> Iterator[list[str]]:
    """The words that start the program with its logs in the home folder, and an encrypted keyring."""
    pytest.importorskip("Crypto", reason="pycryptodome is missing; the dev extras install it")
    use_keyring(UNLOCKED)
    monkeypatch.setenv("TEXTUAL_LOG", str(home / "textual.log"))
    monkeypatch.setenv("AMX_DEBUG", "1")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    yield [program[0], "-c", LOGGED]
    assert (home / "debug.log").stat().st_size > 0


def give_key(terminal: Terminal, give: Callable[[str], None]) -> None:
    terminal.wait_for("edit kimi-thinking", "No key yet")
    for field in ("", "Model", "", "API base", "API key"):
        terminal.press("tab")
        if field:
            terminal.wait_for_field(field)
    # The row above stands near it as well: what is beside it tells that it has the focus.
    terminal.wait_for("Paste it; it is not shown")
    give(CANARY)
    terminal.wait_for("•" * 8)


def test_a_key_is_nowhere_but_in_the_keyring_and_in_the_header(
    terminal: Terminal,
    logged: list[str],
    legacy: Path,
    home: Path,
    tmp_path: Path,
    provider: ScriptedProvider,
) -> None:
    config = write_profile(home, provider.base_url)
    size = (120, 36)
    # A crash while the key is being saved.
    terminal.start([*logged, "legacy.db"], cwd=legacy.parent, size=size, env={"CRASH": "1"})
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("P")
    terminal.wait_for("LLM profiles")
    terminal.press("e")
    give_key(terminal, terminal.paste)
    terminal.press("ctrl+s")
    assert terminal.wait_until_ended() != 0
    terminal.wait_for("broken on purpose")

    # It is saved, and refused by a host that repeats it.
    provider.answer = lambda _: error(401, f"Incorrect API key {CANARY}", "invalid_request_error")
    terminal.start([*logged, "legacy.db"], cwd=legacy.parent, size=size)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("P")
    terminal.wait_for("LLM profiles")
    terminal.press("e")
    give_key(terminal, terminal.type)
    terminal.press("ctrl+s")
    terminal.wait_for("✓ Saved LLM profile 'kimi-thinking'", "The key is in the keyring")
    stored = load_config(config).profiles["kimi-thinking"].api_key
    assert stored == "keyring://amx/kimi-thinking/api_key"
    terminal.press("escape")
    start_all(terminal)
    terminal.wait_for(re.compile(r"0/11 drafted"), re.compile("401|refused"))

    # It is used, what came is reviewed and exported, and the program is left.
    provider.answer = draft
    terminal.press("B")
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("d")
    terminal.wait_for("word for word")
    terminal.press("enter")
    terminal.wait_for("R reviews them", re.compile(r"([1-9]\d*)/\1 drafted"))
    terminal.press("R")
    terminal.wait_for(re.compile(r"[1-9]\d* suggestions"))
    terminal.press("1", "W")
    terminal.wait_for("1 to write")
    terminal.press("x")
    terminal.wait_for("legacy.sql")
    terminal.press("enter")
    terminal.wait_for_field("legacy")
    terminal.press("enter")
    terminal.wait_for("exported")
    terminal.press("P")
    terminal.wait_for("LLM profiles")
    terminal.press("q")
    assert terminal.wait_until_ended() == 0

    # The doctor asks the host about it, and is refused by one that repeats it.
    provider.pages["/models"] = error(401, f"Incorrect API key {CANARY}", "invalid_request_error")
    for words in (["doctor", "legacy.db"], ["doctor", "--json"]):
        said = subprocess.run(
            [*logged, *words], capture_output=True, cwd=legacy.parent, check=False
        )
        assert said.returncode == 1 and b"sk-" in said.stdout and b"refused" in said.stdout, said
        assert_nowhere(said.stdout, said.stderr)

    assert {one.headers["authorization"] for one in provider.calls} == {f"Bearer {CANARY}"}
    for one in provider.requests:
        rest = {name: value for name, value in one.headers.items() if name != "authorization"}
        assert_nowhere(f"{rest} {one.body} {one.path}")
    found = find_secret(stored)
    assert found is not None and found[0] == CANARY  # it is there, encrypted
    assert_nowhere(tmp_path, home, legacy.parent, terminal.drawn(), *terminal.seen)


def test_a_password_is_nowhere_but_in_the_keyring(
    terminal: Terminal,
    logged: list[str],
    home: Path,
    tmp_path: Path,
    provider: ScriptedProvider,
    postgresql: Server,
) -> None:
    config = write_profile(home, provider.base_url)
    where = {"host": str(postgresql.folder), "user": "owner", "database": "postgres"}
    secrets = {"password": CANARY}
    erp = Connection("erp", "postgresql", where)
    save_connection(config, erp, was=None, secrets=secrets, activate=True)
    gone = Connection("gone", "mysql", {**where, "host": "127.0.0.1", "port": 1})
    save_connection(config, gone, was=None, secrets=secrets)
    postgresql.run("DROP TABLE IF EXISTS canary_t", "CREATE TABLE canary_t (bukrs char(4))")

    def works(database: str) -> None:
        terminal.start([*logged, database], cwd=home, size=(120, 36))
        terminal.wait_for(re.compile(r"canary_t +0/1"))
        terminal.press("m", "d")
        terminal.wait_for("There is no API key", "edit kimi-thinking")
        terminal.press("escape")
        terminal.wait_until_gone("edit kimi-thinking")
        terminal.press("W")
        terminal.wait_for("to write")
        terminal.press("H")
        terminal.wait_for("run")
        terminal.press("q")
        assert terminal.wait_until_ended() == 0

    works("erp")
    works(postgresql.url(password=CANARY))
    # What cannot be reached is told without it.
    for database in (
        "gone",
        f"mysql://owner:{CANARY}@127.0.0.1:1/x",
        f"postgresql://owner:{CANARY}@127.0.0.1:1/x",
        f"postgresql://owner:{CANARY}@127.0.0.1:notaport/x",
        f"oracle+oracledb://owner:{CANARY}@127.0.0.1:1/x",
    ):
        done = subprocess.run([*logged, database], capture_output=True, cwd=home, check=False)
        assert done.returncode == 2, done
        assert done.stderr.startswith(b"amx-tui: ")
        assert_nowhere(done.stdout, done.stderr)
    done = subprocess.run([*logged, "doctor"], capture_output=True, cwd=home, check=False)
    assert b"canary_t" not in done.stdout and b"erp (postgresql)" in done.stdout, done
    assert_nowhere(done.stdout, done.stderr)
    # The URL of a command line is the person's own, so what tmux was told is not looked at.
    assert_nowhere(tmp_path, home, terminal.drawn(), *terminal.seen)


async def test_a_picture_of_the_form_shows_no_key() -> None:
    app = AmxApp(real_workspace(os.environ, find_folders()))
    async with app.run_test(size=(120, 36)) as pilot:
        app.go("profiles")
        await pilot.pause()
        await pilot.press("n")
        for _ in range(1000):
            if fields := [field for field in app.screen.query(Input) if field.password]:
                break
            await pilot.pause(0.01)
        fields[0].value = CANARY
        await pilot.pause()
        picture = app.export_screenshot()
    assert "•" in picture
    assert_nowhere(picture)


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """The test of the test: each form that it knows is found."""
    assert len(set(forms_of())) == 4
    for shift in range(3):
        hidden = base64.b64encode(b"abc"[:shift] + CANARY.encode() + b"tail")
        (tmp_path / "log").write_bytes(b"x " + hidden)
        with pytest.raises(AssertionError):
            assert_nowhere(tmp_path)
