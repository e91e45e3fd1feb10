"""One rule for keys: a capital letter takes you somewhere, a small letter does something here."""

from __future__ import annotations

import importlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from amx_tui.actions import ACTIONS, Action, actions_of, find_clashes
from amx_tui.app import ROOMS, AmxApp
from amx_tui.commands.model import RowsChanged
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Preferences, Privacy
from amx_tui.review.model import Verdict
from amx_tui.review.packing import pack_alternatives
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.stream_view import StreamView
from tests.snapshot.conftest import session_of, settle, until


def name_of(app: AmxApp) -> str:
    return type(app.screen).__name__


def test_no_two_actions_of_a_screen_share_a_key() -> None:
    for room in {action.room for action in ACTIONS}:
        keys = [key for action in actions_of(room) for key in action.keys.split(",")]
        assert len(keys) == len(set(keys)), room


def test_a_capital_letter_goes_somewhere_and_a_small_one_acts_here() -> None:
    for action in ACTIONS:
        for key in action.keys.split(","):
            if re.fullmatch("[A-Z]", key) and action.name != "last":  # vi's G
                assert action.room == "app" and action.name in ROOMS
            elif re.fullmatch("[a-z]", key):
                assert action.name not in ROOMS


async def test_every_room_is_one_key_away_and_esc_leads_back(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    seen = {"BrowseScreen"}
    async with app.run_test() as pilot:
        await settle(pilot)
        for key in ("D", "R", "W", "H", "P", "E", "dollar_sign"):
            await pilot.press(key)
            await until(pilot, lambda: name_of(app) not in seen)
            seen.add(name_of(app))
            await pilot.press("escape", "escape")
            await until(pilot, lambda: name_of(app) == "BrowseScreen")
        assert len(seen) == len(ROOMS)
        await pilot.press("escape", "escape", "escape")
        assert app.is_running and name_of(app) == "BrowseScreen"


async def test_letters_do_not_fire_while_a_text_field_has_the_focus(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("slash", *"dRqm")
        assert app.screen.query_one("#filter", Input).value == "dRqm"
        assert name_of(app) == "BrowseScreen" and not session_of(pilot).marks.targets


async def test_the_persons_own_keys_replace_ours(workspace: Workspace) -> None:
    workspace.preferences = replace(Preferences(), keys={"browse.mark_all": "x"})
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("m")
        assert not session_of(pilot).marks.targets
        await pilot.press("x")
        assert session_of(pilot).marks.targets
        bar = app.screen.query_one("#key-bar")
        shown = "".join(segment.text for segment in bar.render_line(0))
        assert " x mark all" in shown


async def test_the_palette_finds_what_can_be_done_here(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        commands = {command.title: command for command in app.get_system_commands(app.screen)}
        assert {"mark all undescribed", "Review", "llm-profiles", "theme"} <= set(commands)
        for action in (*actions_of("browse"), *actions_of("app")):
            assert (action.command or action.label.rstrip("…")) in commands
        await pilot.press("ctrl+p")
        await until(pilot, lambda: name_of(app) == "CommandPalette")
        await pilot.press(*"mark all und")
        await pilot.pause(0.3)
        await pilot.press("down", "enter")
        await until(pilot, lambda: bool(session_of(pilot).marks.targets))


async def test_help_lists_every_action_of_its_screen(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("R")
        await until(pilot, lambda: name_of(app) == "ReviewScreen")
        await pilot.press("question_mark")
        await until(pilot, lambda: name_of(app) == "HelpScreen")
        rows = app.screen.query_one("RowList")
        text = "\n".join(
            "".join(words for words, _ in rows._draw(index, 100))  # type: ignore[attr-defined]
            for index in range(rows.count)  # type: ignore[attr-defined]
        )
        for action in (*actions_of("review"), *actions_of("app"), *actions_of("list")):
            assert action.help[:40] in text


async def test_the_mouse_marks_nothing_by_itself_and_opens_rooms(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        top = app.screen.query_one("#top-bar")
        line = "".join(segment.text for segment in top.render_line(0))
        await pilot.click("#top-bar", offset=(line.index("R·eview") + 1, 0))
        await until(pilot, lambda: name_of(app) == "ReviewScreen")
        await pilot.click("#top-bar", offset=(1, 0))
        await until(pilot, lambda: name_of(app) == "HelpScreen")
        assert not session_of(pilot).marks.targets


async def test_quitting_during_a_run_is_asked_and_keeps_what_came(workspace: Workspace) -> None:
    from amx_tui.demo.provider import ReplayTransport

    workspace.transport = lambda: ReplayTransport(speed=3)
    app = AmxApp(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("m", "d")
        await until(pilot, lambda: name_of(app) == "DraftScreen")
        await until(pilot, lambda: app.screen._draft is not None)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await pilot.press("q")
        await until(pilot, lambda: name_of(app) == "Question")
        await pilot.press("n")
        assert session_of(pilot).is_running
        kept = len(session_of(pilot).rows)
        await pilot.press("q")
        await until(pilot, lambda: name_of(app) == "Question")
        await pilot.press("y")
        await until(pilot, lambda: not session_of(pilot).is_running)
    assert len(workspace.store.rows(session_of(pilot).connector.identity)) >= kept > 0


# Review. -----------------------------------------------------------------------------------------


async def open_review(app: AmxApp, pilot) -> None:  # type: ignore[no-untyped-def]
    await settle(pilot)
    await until(pilot, lambda: bool(session_of(pilot).rows))
    await pilot.press("R")
    await until(pilot, lambda: name_of(app) == "ReviewScreen")


def verdicts(app: AmxApp) -> list[Verdict | None]:
    rows = list(app.screen.listing)  # type: ignore[attr-defined]
    return [row.decision.verdict if row.decision else None for row in rows]


async def test_one_key_decides_and_the_next_undecided_one_is_shown(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        await pilot.press("1", "r", "s", "2")
        wanted = [Verdict.ACCEPTED, Verdict.REJECTED, Verdict.LATER, Verdict.ACCEPTED, None]
        await until(pilot, lambda: verdicts(app)[:5] == wanted)
        assert app.screen.query_one("#suggestions").cursor == 4  # type: ignore[attr-defined]


async def test_undo_takes_back_any_number_of_decisions_and_redo_puts_them_back(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        await pilot.press("1", "r", "s")
        await until(pilot, lambda: verdicts(app)[2] is Verdict.LATER)
        await pilot.press("u", "u", "u")
        await until(pilot, lambda: not any(verdicts(app)))
        await pilot.press("ctrl+r", "ctrl+r")
        await until(pilot, lambda: verdicts(app)[:3] == [Verdict.ACCEPTED, Verdict.REJECTED, None])


async def test_decisions_are_there_after_a_restart_and_can_be_undone_then(
    reviewed: Workspace,
) -> None:
    first = AmxApp(reviewed)
    async with first.run_test(size=(120, 40)) as pilot:
        await open_review(first, pilot)
        await pilot.press("1", "1")
        await until(pilot, lambda: verdicts(first)[:2] == [Verdict.ACCEPTED] * 2)
    second = AmxApp(reviewed)
    async with second.run_test(size=(120, 40)) as pilot:
        await open_review(second, pilot)
        assert verdicts(second)[:2] == [Verdict.ACCEPTED] * 2
        await pilot.press("u")
        await until(pilot, lambda: verdicts(second)[:2] == [Verdict.ACCEPTED, None])


async def test_an_edited_text_is_what_will_be_written(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: name_of(app) == "Editor")
        await pilot.press(*" Ours.", "ctrl+s")
        await until(pilot, lambda: name_of(app) == "ReviewScreen" and verdicts(app)[0] is not None)
        row = app.screen.listing[0]  # type: ignore[attr-defined]
        assert row.decision.verdict is Verdict.EDITED
        assert row.decision.text == row.suggestion.alternatives[0].text + " Ours."


async def test_leaving_the_editor_with_changes_is_asked(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        await pilot.press("o")
        await until(pilot, lambda: name_of(app) == "Editor")
        await pilot.press(*"typed", "escape")
        await until(pilot, lambda: name_of(app) == "Question")
        await pilot.press("n")
        await until(pilot, lambda: name_of(app) == "Editor")
        await pilot.press("escape")
        await until(pilot, lambda: name_of(app) == "Question")
        await pilot.press("y")
        await until(pilot, lambda: name_of(app) == "ReviewScreen")
        assert not any(verdicts(app))


async def test_a_key_meant_for_the_card_before_is_not_taken_for_the_new_one(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        session = session_of(pilot)
        target = app.screen.listing[0].target  # type: ignore[attr-defined]
        row = session.rows[target]
        turned = pack_alternatives(row.suggestion.alternatives[::-1])
        session.rows[target] = replace(row, packed=turned)
        session.listeners.tell(RowsChanged((target,), by_reviewer=False))
        await pilot.press("1")
        await pilot.pause()
        assert session.rows[target].decision is None
        await until(pilot, lambda: app.screen._grace_until == 0 or _is_past(app))
        await pilot.press("1")
        await until(pilot, lambda: session.rows[target].decision is not None)


async def test_a_card_that_changed_while_nobody_looked_takes_a_key_at_once(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(app, pilot)
        session = session_of(pilot)
        target = app.screen.listing[0].target  # type: ignore[attr-defined]
        await pilot.press("B")
        await until(pilot, lambda: name_of(app) == "BrowseScreen")
        session.listeners.tell(RowsChanged((target,), by_reviewer=False))
        await pilot.press("R", "1")
        await until(pilot, lambda: session.rows[target].decision is not None)


def _is_past(app: AmxApp) -> bool:
    import time

    return time.monotonic() > app.screen._grace_until  # type: ignore[attr-defined]


SCREENS = {
    **{
        room: getattr(importlib.import_module(module), name)
        for room, (module, name) in ROOMS.items()
    },
    **{
        room: getattr(importlib.import_module(f"amx_tui.screens.{module}"), name)
        for room, module, name in (
            ("draft", "draft", "DraftScreen"),
            ("form", "profile_form", "ProfileForm"),
            ("editor", "editor", "Editor"),
            ("question", "question", "Question"),
            ("ask", "ask", "Ask"),
            ("export", "export", "ExportDialog"),
            ("elsewhere", "elsewhere", "ElsewhereDialog"),
            ("bulk", "bulk", "BulkDialog"),
            ("same", "same_name", "SameNameDialog"),
            ("show", "show", "ShowDialog"),
            ("passages", "documents", "PassagesDialog"),
            ("offers", "offers", "OffersDialog"),
            ("notice", "notice", "Notice"),
            ("help", "help", "HelpScreen"),
            ("start", "start", "StartScreen"),
            ("finding", "doctor", "Finding"),
            ("compare", "compare", "CompareScreen"),
        )
    },
    "list": RowList,
    "stream": StreamView,
    "app": AmxApp,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_of_the_table_can_be_done(action: Action) -> None:
    assert hasattr(SCREENS[action.room], f"action_{action.name}")


def test_a_key_of_the_persons_own_that_is_taken_is_told() -> None:
    assert find_clashes({"browse.draft": "m"}) == (
        "m is the key of browse.draft and of browse.mark_all",
    )
    assert find_clashes({"browse.draft": "x", "browse.mark_all": "space"}) == (
        "space is the key of browse.mark_all and of browse.mark",
    )
    assert find_clashes({"browse.draft": "x"}) == ()


async def test_help_shows_the_persons_own_keys(workspace: Workspace) -> None:
    workspace.preferences = replace(Preferences(), keys={"browse.draft": "x"})
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        await until(pilot, lambda: name_of(app) == "HelpScreen")
        rows = app.screen.query_one(RowList)
        lines = ["".join(words for words, _ in rows._draw(i, 120)) for i in range(rows.count)]
        assert any(line.split()[:2] == ["x", "draft"] and "browse.draft" in line for line in lines)


async def test_a_theme_that_does_not_exist_is_told_and_ours_stays(workspace: Workspace) -> None:
    workspace.preferences = replace(Preferences(), theme="nosuch")
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: any("nosuch" in note.title for note in app._notifications))
        assert app.theme == "amx"


async def test_the_first_press_of_privacy_sends_less(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await until(pilot, lambda: name_of(app) == "DraftScreen")
        await pilot.press("v")
        assert session_of(pilot).evidence.privacy is Privacy.METADATA


async def test_described_columns_are_drafted_again_only_on_a_key(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("d")
        await until(pilot, lambda: name_of(app) == "DraftScreen" and bool(app.screen._draft))
        before = app.screen._draft.plan.targets
        await pilot.press("o")
        await until(
            pilot, lambda: bool(app.screen._draft and app.screen._draft.plan.targets > before)
        )
        assert any(batch.previous for batch in app.screen._draft.plan.batches)


async def test_a_theme_chosen_in_the_palette_is_there_at_the_next_start(home: Path) -> None:
    folders = find_folders(os.environ)
    app = AmxApp(real_workspace(os.environ, folders))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.whereabouts().model))
        app.theme = "nord"
        await until(pilot, lambda: folders.preferences_file.exists())
    assert folders.preferences_file.read_text("utf-8") == "theme: nord\n"
    assert AmxApp(real_workspace(os.environ, folders)).theme == "nord"
