"""A list draws only what changed; what it shows is what it would show if all of it were drawn anew."""

from __future__ import annotations

import random
from collections.abc import Iterable

from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from amx_tui.widgets.plain import Line
from amx_tui.widgets.rows import RowList


class Listed(App[None]):
    CSS = "RowList { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.word = "quiet"

    def compose(self) -> ComposeResult:
        yield RowList(self._draw, empty="There is nothing.\nNothing at all.")

    def _draw(self, index: int, width: int) -> Line:
        return [(f"row {index} ", ""), (self.word, "dim"), (" 会" * (index % 3), "good")]


def _segments(strips: Iterable[Strip]) -> list[list[object]]:
    return [list(strip.simplify()) for strip in strips]


def _assert_drawn_as_anew(widget: Widget) -> None:
    region = widget.outer_size.region
    shown = _segments(widget.render_lines(region))
    widget.refresh()
    assert shown == _segments(widget.render_lines(region))


async def test_a_list_that_moved_shows_what_is_there_and_its_bar_where_that_is() -> None:
    app, chance = Listed(), random.Random(5)
    async with app.run_test(size=(40, 20)) as pilot:
        rows = app.query_one(RowList)
        for count in (100, 50, 1000, 15, 0, 30, 21, 20, 19, 500, 100_000, 3000, 25):
            rows.show(count)
            await pilot.pause()
            _assert_drawn_as_anew(rows)
            for _ in range(5):
                rows.go(rows.cursor + chance.choice((-30, -1, 1, 1, 1, 30, 700)))
                await pilot.pause()
                _assert_drawn_as_anew(rows)
                if rows.show_vertical_scrollbar:
                    bar = rows.vertical_scrollbar
                    _assert_drawn_as_anew(bar)
                    assert bar.window_virtual_size == count
                    assert int(bar.position) == rows.scroll_offset.y


async def test_a_list_shows_other_rows_colours_and_widths_at_once() -> None:
    app = Listed()
    async with app.run_test(size=(40, 20)) as pilot:
        rows = app.query_one(RowList)
        rows.show(60)
        await pilot.pause()
        app.word = "loud"
        rows.refresh_changed()
        assert all("loud" in strip.text for strip in rows.render_lines(rows.size.region))
        before = _segments(rows.render_lines(rows.size.region))
        app.theme = "textual-light"
        await pilot.pause()
        assert before != _segments(rows.render_lines(rows.size.region))
        _assert_drawn_as_anew(rows)
        await pilot.resize_terminal(60, 30)
        await pilot.pause()
        assert {strip.cell_length for strip in rows.render_lines(rows.size.region)} == {60}
        _assert_drawn_as_anew(rows)
        rows.blur()
        await pilot.pause()
        _assert_drawn_as_anew(rows)
