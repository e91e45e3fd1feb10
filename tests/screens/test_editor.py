"""The editor of one text."""

from __future__ import annotations

from textual.widgets import TextArea

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.editor import Editor
from amx_tui.screens.review import ReviewScreen
from tests.screens.test_many_at_once import open_review, texts_at
from tests.snapshot.conftest import until


async def test_a_text_that_was_emptied_is_not_dropped_without_a_word(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, Editor))
        app.screen.query_one(TextArea).clear()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: bool(app._notifications))
        assert isinstance(app.screen, Editor)
        (told,) = app._notifications
        assert "no text" in told.title and "r rejects" in told.message
        await pilot.press(*"Ours", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        assert list(texts_at(pilot).values()) == ["Ours"]
