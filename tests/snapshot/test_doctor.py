"""The doctor's screen: all good, several wrong, and while it looks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from amx_tui.commands.doctor_parts import Part, Section
from amx_tui.commands.model import Check, State
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.doctor import DoctorScreen
from tests.snapshot.conftest import Act, until
from tests.snapshot.test_screens import Compare, both_sizes, go, picture

Size = tuple[int, int]

OK, WARNING, FAILED = State.OK, State.WARNING, State.FAILED
SKIPPED, RUNNING = State.SKIPPED, State.RUNNING

GOOD: tuple[tuple[Section, tuple[Check, ...]], ...] = (
    (
        Section.SETTINGS,
        (
            Check("config.yml", OK, "~/.amx/config.yml is valid: 2 profiles and 1 connection"),
            Check("schema version", OK, "3, of at most 3"),
            Check("permissions", OK, ".amx 0700, config.yml 0600, tui.db 0600"),
            Check("lock", OK, "free"),
        ),
    ),
    (
        Section.SETTINGS,
        (Check("tui.yml", OK, "~/.amx/tui.yml is not there: the defaults hold"),),
    ),
    (Section.SETTINGS, (Check("tui.db", OK, "~/.amx/tui.db is whole: version 2, 1.4 MB"),)),
    (Section.SETTINGS, (Check("cache", OK, "~/.cache/amx-tui can be written"),)),
    (
        Section.KEYS,
        (Check("keyring", OK, "keyring.backends.SecretService.Keyring keeps secrets"),),
    ),
    (
        Section.KEYS,
        (
            Check("kimi", OK, "key sk-…WXYZ from keyring amx · kimi/api_key"),
            Check("openrouter", OK, "key sk-…4f2a from OPENROUTER_API_KEY"),
        ),
    ),
    (
        Section.ACTIVE,
        (
            Check("profile", OK, "kimi · kimi · kimi-k2.6"),
            Check("host", OK, "api.moonshot.cn answers", seconds=0.31),
            Check(
                "key",
                OK,
                "sk-…WXYZ from keyring amx · kimi/api_key: accepted by api.moonshot.cn",
            ),
            Check("model", OK, "kimi-k2.6: listed, with a context of 262 144 tokens"),
            Check("balance", OK, "¥ 49.58"),
            Check("limits", OK, "3 of 3 requests side by side"),
        ),
    ),
    (
        Section.OTHERS,
        (
            Check(
                "openrouter",
                SKIPPED,
                "openrouter.ai was not asked: a draft does not call it",
                "Press a, or type: amx-tui doctor --all-hosts",
            ),
        ),
    ),
    (
        Section.DATABASES,
        (
            Check("warehouse", OK, "sales (postgresql): 143 tables and views", seconds=0.08),
            Check("warehouse", OK, "texts go to comments in sales"),
        ),
    ),
    (
        Section.TERMINAL,
        (
            Check("terminal", OK, "TERM is xterm-256color"),
            Check("colours", OK, "16 million (COLORTERM is truecolor)"),
            Check("size", OK, "140 columns, 40 rows"),
            Check("characters", OK, "UTF-8"),
            Check("clipboard", OK, "what is copied is sent to the terminal (OSC 52)"),
        ),
    ),
)

WRONG: dict[str, Check] = {
    "permissions": Check(
        "permissions",
        FAILED,
        "~/.amx/config.yml is 0644: others on this machine may read it",
        "Type: chmod 600 ~/.amx/config.yml",
        why="There is a key or a password in it as plain text",
    ),
    "keyring": Check(
        "keyring",
        WARNING,
        "no usable keyring (keyring.backends.fail.Keyring)",
        "Install and unlock one, or set the key before each start: export AMX_LLM_API_KEY=…",
        why="The system offers no keyring here, as is usual without a desktop",
    ),
    "key": Check(
        "key",
        FAILED,
        "Kimi (Moonshot) refused the API key sk-…WXYZ from plaintext in config.yml",
        "Press P: either set the API base to https://api.moonshot.ai/v1, if the key was made there,"
        " or enter a key made at https://platform.moonshot.cn/console/api-keys",
        why="Keys of api.moonshot.cn and api.moonshot.ai are not interchangeable, and this one was"
        " sent to api.moonshot.cn",
    ),
    "model": Check("model", SKIPPED, "not asked: the key comes first"),
    "balance": Check("balance", SKIPPED, "not asked: the key comes first"),
    "limits": Check("limits", SKIPPED, "none was learnt yet"),
    "clipboard": Check(
        "clipboard",
        WARNING,
        "tmux drops what is copied: its set-clipboard is external",
        "Type: tmux set -s set-clipboard on; and put set -s set-clipboard on into ~/.tmux.conf",
        why="With external, tmux takes nothing from the programs that run in it",
    ),
}


def parts_of(changed: dict[str, Check], *, running: Sequence[Section] = ()) -> list[Part]:
    parts = []
    for place, (section, checks) in enumerate(GOOD):
        told = tuple(changed.get(check.what, check) for check in checks)
        if section in running:
            first, *rest = told
            told = (first, *(replace(one, state=RUNNING, result="asking …") for one in rest))
        parts.append(Part(place, section, told, is_done=section not in running))
    return parts


def told(monkeypatch: pytest.MonkeyPatch, parts: list[Part], wanted: str) -> Act:
    """The screen, after these parts came."""

    async def examine(visit: object) -> AsyncIterator[Part]:
        import asyncio

        for part in parts:
            yield part
        if not all(part.is_done for part in parts):
            await asyncio.Event().wait()

    monkeypatch.setattr("amx_tui.screens.doctor.examine", examine)

    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "E", "DoctorScreen", rests=False)
        screen = pilot.app.screen
        assert isinstance(screen, DoctorScreen)
        await until(pilot, lambda: wanted in str(screen.query_one("#checks").border_title))

    return act


@both_sizes
def test_the_doctor_finds_everything_in_order(
    snap_compare: Compare, workspace: Workspace, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(snap_compare, workspace, size, told(monkeypatch, parts_of({}), "nothing is wrong"))


@both_sizes
def test_the_doctor_shows_what_is_wrong_first(
    snap_compare: Compare, workspace: Workspace, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(snap_compare, workspace, size, told(monkeypatch, parts_of(WRONG), "2 failed"))


@both_sizes
def test_the_doctor_reads_one_line_to_its_end(
    snap_compare: Compare, workspace: Workspace, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = told(monkeypatch, parts_of(WRONG), "2 failed")

    async def act(pilot: Pilot[None]) -> None:
        await before(pilot)
        await pilot.press("f", "j", "j", "j", "j")
        await go(pilot, "enter", "Finding")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_the_doctor_tells_what_it_is_looking_at(
    snap_compare: Compare, workspace: Workspace, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = parts_of({}, running=(Section.ACTIVE, Section.DATABASES))
    act = told(monkeypatch, parts, "looking … 8 of 10")
    picture(snap_compare, workspace, size, act, rests=False)
