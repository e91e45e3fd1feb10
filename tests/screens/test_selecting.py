"""Selecting with the mouse in a text that streams or is long, and copying it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from textual.events import MouseMove
from textual.geometry import Offset
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.widgets.stream_view import StreamView
from tests.provider import ScriptedProvider, draft
from tests.screens.test_account import notices, open_draft, workspace_at
from tests.snapshot.conftest import session_of, until

SAID = "\n".join(f"thought {number} of many" for number in range(200))


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"]) as running:
        running.answer = lambda body: draft(body, reasoning=SAID, hold="answer")
        yield running


async def watch(pilot: Pilot[None]) -> StreamView:
    """The reasoning of a run that is under way, at its end."""
    await open_draft(pilot)
    await pilot.press("enter")
    await until(pilot, lambda: type(pilot.app.screen).__name__ == "DraftingScreen")
    view = pilot.app.screen.query_one("#text", StreamView)
    await until(pilot, lambda: view.text.endswith("thought 199 of many"))
    await until(pilot, lambda: view.scroll_y > 0 and view.follows)
    return view


async def drag(pilot: Pilot[None], view: StreamView, *places: Offset) -> None:
    corner = view.content_region.offset - view.region.offset
    await pilot.mouse_down(view, offset=places[0] + corner)
    for before, place in pairwise(places):
        # The pilot's own moves do not say how far they went.
        at, way = place + view.content_region.offset, place - before
        moved = MouseMove(
            view, at.x, at.y, way.x, way.y, 1, False, False, False, screen_x=at.x, screen_y=at.y
        )
        pilot.app.screen._forward_event(moved)
        await pilot.pause(0.1)  # scrolling that began would go on
    await pilot.mouse_up(view, offset=places[-1] + corner)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_ctrl_c_copies_what_is_selected_and_says_where_to(
    server: ScriptedProvider, tmp_path: Path, size: tuple[int, int]
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=size) as pilot:
        view = await watch(pilot)
        middle = view.content_size.height // 2
        await drag(pilot, view, Offset(0, middle - 1), Offset(6, middle))
        selected = app.screen.get_selected_text()
        assert selected is not None and selected.count("thought") == 2
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Sent to the terminal's clipboard" in notices(app))
        assert app.clipboard == selected
        assert session_of(pilot).is_running


async def test_ctrl_c_without_a_selection_says_what_it_is_for_and_ends_nothing(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await watch(pilot)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: "Nothing is selected" in notices(app))
        assert "ctrl-q quits" in notices(app)
        assert app.is_running and session_of(pilot).is_running


async def test_a_drag_from_the_top_of_a_small_view_stays_there(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await watch(pilot)
        top = view.scroll_y
        await drag(pilot, view, Offset(0, 0), Offset(5, 0), Offset(5, 1), Offset(9, 1))
        selected = app.screen.get_selected_text()
        assert selected is not None and selected.count("thought") == 2
        assert view.scroll_y == top
        await pilot.press("G")
        await until(pilot, lambda: view.follows and not app.screen.get_selected_text())


async def test_who_scrolled_away_is_told_how_to_follow_again(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await watch(pilot)
        assert "G " not in str(view.border_subtitle)
        view.focus()
        await pilot.press("k")
        await until(pilot, lambda: "G follows the end again" in str(view.border_subtitle))
        await pilot.press("G")
        await until(pilot, lambda: "G " not in str(view.border_subtitle))
        assert view.follows
