"""What is said in the corner."""

from __future__ import annotations

from textual.app import App
from textual.widgets._toast import Toast

from amx_tui.widgets.plain import say
from tests.snapshot.conftest import until


async def test_what_is_said_again_does_not_cover_twice_as_much() -> None:
    app = App[None]()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for title in ("The disk is full", "The disk is full", "Copied"):
            say(app.screen, "Free some space, then press the key again.", title=title)
            await pilot.pause()
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        titles = [notice.title for notice in app._notifications]
        assert titles == ["The disk is full", "Copied"]
        assert len(app.screen.query(Toast)) == 2
