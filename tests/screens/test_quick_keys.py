"""Keys that come at once, as over a slow line: each is for what stands there by then."""

from __future__ import annotations

import pytest
from textual.events import Key
from textual.widgets import Input, TextArea

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import State
from amx_tui.screens.ask import Ask
from amx_tui.screens.editor import Editor
from tests.screens.test_many_at_once import listed, open_review
from tests.snapshot.conftest import session_of, settle, until


def press_at_once(app: AmxApp, *keys: str) -> None:
    """`pilot` waits after each."""
    for key in keys:
        app.post_message(Key(key, "/" if key == "slash" else key if len(key) == 1 else None))


async def test_what_is_typed_into_a_filter_decides_nothing_however_quickly_it_comes(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        press_at_once(app, "slash", *"waers")
        field = app.screen.query_one("#filter", Input)
        await until(pilot, lambda: field.value == "waers")
        await until(pilot, lambda: len(listed(pilot)) == 1)
        assert {row.state for row in session_of(pilot).rows.values()} == {State.TODO}


@pytest.mark.parametrize("room", ["B", "H"])
async def test_what_is_typed_into_the_filter_of_another_room_starts_nothing_there(
    reviewed: Workspace, room: str
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press(room)
        await until(pilot, lambda: bool(app.screen.query("#filter")))
        shown = app.screen
        press_at_once(app, "slash", *"mdcDRq")
        field = app.screen.query_one("#filter", Input)
        await until(pilot, lambda: field.value == "mdcDRq")
        assert app.screen is shown and not session_of(pilot).marks.targets


@pytest.mark.parametrize(("key", "dialog"), [("o", Editor), ("d", Ask)])
async def test_what_is_typed_while_its_dialog_opens_is_written_there(
    reviewed: Workspace, key: str, dialog: type[Editor | Ask]
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        press_at_once(app, key, *"rather")
        await until(pilot, lambda: isinstance(app.screen, dialog))

        def written() -> str:
            field = app.screen.query("TextArea, Input").first()
            assert isinstance(field, TextArea | Input)
            return field.text if isinstance(field, TextArea) else field.value

        await until(pilot, lambda: bool(app.screen.query("TextArea, Input")))
        await until(pilot, lambda: written() == "rather")
        assert {row.state for row in session_of(pilot).rows.values()} == {State.TODO}
