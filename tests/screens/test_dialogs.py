"""Dialogs on any terminal: as high as what they hold."""

from __future__ import annotations

import pytest

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.bulk import BulkDialog
from amx_tui.screens.help import HelpScreen
from amx_tui.screens.review import ReviewScreen
from amx_tui.screens.show import ShowDialog
from amx_tui.widgets.plain import Line
from amx_tui.widgets.rows import RowList
from tests.screens.test_many_at_once import open_review
from tests.snapshot.conftest import until


@pytest.mark.parametrize("size", [(80, 24), (80, 16), (140, 40)])
@pytest.mark.parametrize(("key", "dialog"), [("question_mark", HelpScreen), ("f", ShowDialog)])
async def test_no_empty_lines_stand_below_a_list_that_scrolls(
    reviewed: Workspace, size: tuple[int, int], key: str, dialog: type
) -> None:
    async with AmxApp(reviewed).run_test(size=size) as pilot:
        await open_review(pilot)
        assert isinstance(pilot.app.screen, ReviewScreen)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, dialog))
        box = pilot.app.screen.query_one(".dialog")
        last = box.children[-1]
        assert pilot.app.screen.query_one(RowList).size.height > 5
        assert last.region.bottom == box.content_region.bottom


async def test_the_keys_for_many_are_seen_however_much_is_said_of_them(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def four(*_: object) -> list[Line]:
        return [[(f"line {number}", "")] for number in range(4)]

    monkeypatch.setattr("amx_tui.screens.bulk.count_lines", four)
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        await pilot.press("g", *"m" * 18, "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        box = pilot.app.screen.query_one(".dialog")
        assert box.children[-1].region.bottom <= box.content_region.bottom
