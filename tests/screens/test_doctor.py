"""The doctor's screen: live, repeated, copied, and careful about whom it asks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.commands.doctor_parts import Part, Section
from amx_tui.commands.model import Check, State
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.screens.doctor import DoctorScreen, Finding
from amx_tui.screens.question import Question
from amx_tui.widgets.page import Page
from amx_tui.widgets.rows import RowList
from tests.provider import Hold, Reply, ScriptedProvider, error
from tests.snapshot.conftest import until

SECRET = "sk-canary-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"], balance=49.58) as running:
        yield running


@pytest.fixture
def other() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"], balance=7.0) as running:
        yield running


@pytest.fixture
def at_home(
    server: ScriptedProvider,
    other: ScriptedProvider,
    clean_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Workspace:
    """Two profiles on two hosts, no database, no public price table."""
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    folder = clean_environment / ".amx"
    folder.mkdir(mode=0o700)
    file = folder / "config.yml"
    block = "  {}:\n    provider: kimi\n    model: kimi-k2.6\n    api_base: {}\n"
    mine, second = block.format("mine", server.base_url), block.format("second", other.base_url)
    file.write_text(f"llm_profiles:\n{mine}{second}active_llm_profile: mine\n")
    file.chmod(0o600)
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.price_sources = ()
    return workspace


def screen_of(pilot: Pilot[None]) -> DoctorScreen:
    return next(one for one in pilot.app.screen_stack if isinstance(one, DoctorScreen))


def title(pilot: Pilot[None]) -> str:
    return str(screen_of(pilot).query_one("#checks", RowList).border_title)


async def open_doctor(pilot: Pilot[None]) -> None:
    await pilot.press("escape", "E")  # out of the chooser's field
    await until(pilot, lambda: isinstance(pilot.app.screen, DoctorScreen))


async def finished(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: " ok" in title(pilot))


async def test_it_draws_what_is_found_while_a_host_is_still_silent(
    at_home: Workspace, server: ScriptedProvider
) -> None:
    server.pages = {"/models": Reply((Hold(),))}
    app = AmxApp(at_home)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_doctor(pilot)
        await until(pilot, lambda: "looking … " in title(pilot) and " of " in title(pilot))
        report = screen_of(pilot)._report
        await until(pilot, lambda: any(check.what == "SQLite" for _, check in report.lines))
        assert any(check.state is State.RUNNING for _, check in report.lines)
        server.pages = {}
        server.release()
        await finished(pilot)
        assert "1 failed" in title(pilot) or "nothing is wrong" in title(pilot)


async def test_the_cursor_goes_to_what_is_wrong_and_stays_where_the_reader_put_it(
    at_home: Workspace, server: ScriptedProvider
) -> None:
    server.pages = {
        "/models": error(401, "no", "invalid_authentication_error"),
        "/balance": error(401, "no", "invalid_authentication_error"),
    }
    app = AmxApp(at_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_doctor(pilot)
        await finished(pilot)
        page = screen_of(pilot).query_one("#finding", Page)
        assert "refused the API key sk-…cdef" in page.text and "→ Press P" in page.text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Finding))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        await pilot.press("g", "j")
        await until(pilot, lambda: "config.yml is valid" in page.text)
        screen_of(pilot).show_now()
        assert "config.yml is valid" in page.text
        await pilot.press("f")  # only what is not in order
        shown = [row for row in screen_of(pilot)._rows if isinstance(row, Check)]
        assert shown and all(check.state in (State.FAILED, State.WARNING) for check in shown)


async def test_it_is_repeated_with_a_key_and_not_by_coming_back(
    at_home: Workspace, server: ScriptedProvider
) -> None:
    app = AmxApp(at_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_doctor(pilot)
        await finished(pilot)
        asked = len(server.requests)
        await pilot.press("P")
        await until(pilot, lambda: not isinstance(app.screen, DoctorScreen))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        assert len(server.requests) == asked and " ok" in title(pilot)
        await pilot.press("r")
        await until(pilot, lambda: len(server.requests) == 2 * asked)
        await finished(pilot)


async def test_other_hosts_are_asked_after_a_yes_that_names_them(
    at_home: Workspace, other: ScriptedProvider
) -> None:
    app = AmxApp(at_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_doctor(pilot)
        await finished(pilot)
        assert not other.requests
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Question))
        words = " ".join(str(widget.render()) for widget in app.screen.query(".dialog-body"))
        assert f"127.0.0.1:{other.port}" in words
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, DoctorScreen))
        assert not other.requests
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: bool(other.requests))
        await finished(pilot)


async def test_the_report_is_copied_as_text_without_the_key(at_home: Workspace) -> None:
    app = AmxApp(at_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_doctor(pilot)
        await finished(pilot)
        await pilot.press("c")
        assert app.clipboard.startswith("amx-tui doctor, ") and "\nversions\n" in app.clipboard
        assert SECRET not in app.clipboard
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, Finding))
        await pilot.press("c")
        assert "sqlalchemy" in app.clipboard and "\n" not in app.clipboard.strip()


async def test_foreign_words_in_a_report_are_no_markup_and_move_nothing(
    at_home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def examine(visit: object):  # type: ignore[no-untyped-def]
        words = "[/bold] \x1b[31mred\x1b[0m\nnext"
        yield Part(0, Section.ACTIVE, (Check("[x]", State.FAILED, words, words),), is_done=True)

    monkeypatch.setattr("amx_tui.screens.doctor.examine", examine)
    app = AmxApp(at_home)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_doctor(pilot)
        await until(pilot, lambda: "1 failed" in title(pilot))
        assert "[/bold] red" in screen_of(pilot).query_one("#finding", Page).text
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Finding))
