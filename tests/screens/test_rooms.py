"""Going from one room to another: what was left shows what is so when it is seen again."""

from __future__ import annotations

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.rows import RowList
from tests.screens.test_many_at_once import open_review
from tests.snapshot.conftest import settle, until


async def test_a_theme_that_is_chosen_elsewhere_colours_a_room_that_was_left_before(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        rows = app.screen.query_one("#suggestions", RowList)
        assert rows.base.bgcolor is not None
        dark = rows.base.bgcolor
        await pilot.press("B")
        await until(pilot, lambda: not isinstance(app.screen, ReviewScreen))
        app.theme = "textual-light"
        await settle(pilot)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await until(pilot, lambda: rows.base.bgcolor != dark)
