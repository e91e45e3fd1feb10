"""What the last line of a screen or dialog names can be pressed there."""

from __future__ import annotations

from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.bulk import BulkDialog
from amx_tui.screens.editor import Editor
from amx_tui.screens.help import HelpScreen
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.bars import KeyBar
from tests.screens.test_deciding_and_writing import words
from tests.screens.test_many_at_once import open_review
from tests.snapshot.conftest import until


def bar(pilot: Pilot[None]) -> str:
    return words(pilot.app.screen, "#key-bar")


async def test_a_dialog_names_no_key_that_does_nothing_there(reviewed: Workspace) -> None:
    """From a dialog, the help of the program around it is not reached."""
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        await pilot.press("g", "m", "m", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        await until(pilot, lambda: "a accept all" in bar(pilot))
        assert "help" not in bar(pilot)
        await pilot.press("escape", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, Editor))
        await until(pilot, lambda: "ctrl-s keep" in bar(pilot))
        assert "help" not in bar(pilot)


async def test_while_a_filter_is_typed_no_letter_is_named_as_a_key(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        await until(pilot, lambda: " r reject " in bar(pilot))
        await pilot.press("slash")
        await until(pilot, lambda: "reject" not in bar(pilot))
        assert bar(pilot).split() == [
            *("enter", "to", "the", "list"),
            *("esc", "no", "filter", "F1", "help"),
        ]
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await pilot.press("enter")
        await until(pilot, lambda: " r reject " in bar(pilot))
        assert isinstance(pilot.app.screen.query_one("#key-bar"), KeyBar)
