"""The list under every room: what of it is seen as its cursor goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color

from amx_tui.base.text import clean
from amx_tui.widgets.plain import fit_name
from amx_tui.widgets.rows import RowList


class ListApp(App[None]):
    """A list of 100 rows in so many lines."""

    def __init__(self, height: int) -> None:
        super().__init__()
        self._height = height

    def compose(self) -> ComposeResult:
        rows = RowList(lambda index, width: [(f"row {index}", "dim")])
        rows.styles.height = self._height
        yield rows

    def on_mount(self) -> None:
        self.query_one(RowList).show(100)
        self.query_one(RowList).focus()

    @property
    def seen(self) -> list[int]:
        """The rows that stand on the screen."""
        rows = self.query_one(RowList)
        lines = [rows.render_line(y).text.split() for y in range(rows.size.height)]
        return [int(words[1]) for words in lines if words]


async def test_the_row_that_comes_next_is_seen_on_either_way() -> None:
    app = ListApp(6)
    async with app.run_test(size=(40, 10)) as pilot:
        rows = app.query_one(RowList)
        assert app.seen == [0, 1, 2, 3, 4, 5]
        for _ in range(12):
            await pilot.press("down")
            assert rows.cursor + 1 in app.seen
        assert app.seen == [8, 9, 10, 11, 12, 13]
        for _ in range(12):
            await pilot.press("up")
            assert max(rows.cursor - 1, 0) in app.seen
        await pilot.press("G")
        assert app.seen == [94, 95, 96, 97, 98, 99]


@pytest.mark.parametrize("height", [1, 2])
async def test_the_row_under_the_cursor_is_seen_where_there_is_no_room_for_another(
    height: int,
) -> None:
    app = ListApp(height)
    async with app.run_test(size=(40, 10)) as pilot:
        rows = app.query_one(RowList)
        for key in ("down", "down", "down", "up", "G", "up", "g"):
            await pilot.press(key)
            assert rows.cursor in app.seen


async def test_a_click_moves_nothing_so_that_the_second_one_is_for_the_same_row() -> None:
    app = ListApp(6)
    async with app.run_test(size=(40, 10)) as pilot:
        rows = app.query_one(RowList)
        await pilot.click(RowList, offset=(2, 5))
        assert (rows.cursor, app.seen) == (5, [0, 1, 2, 3, 4, 5])


async def test_the_row_under_the_cursor_stays_where_it_is_while_others_arrive_above_it() -> None:
    app = ListApp(6)
    async with app.run_test(size=(40, 10)) as pilot:
        rows = app.query_one(RowList)
        await pilot.click(RowList, offset=(2, 5))
        rows.show(110, cursor=15, stays=True)
        assert (rows.cursor, app.seen) == (15, [10, 11, 12, 13, 14, 15])


@given(st.text(st.sampled_from("aB_.é会\u0301"), max_size=40), st.integers(0, 30))
def test_a_name_keeps_its_end_and_fills_its_room(name: str, width: int) -> None:
    fitted = fit_name(name, width)
    assert cell_len(fitted) == width
    kept = fitted.rstrip().lstrip("…")
    assert clean(name).endswith(kept)
    if cell_len(clean(name)) > width > 3:
        assert fitted.startswith("…") and cell_len(kept) >= width - 3


async def test_quiet_words_can_be_read_in_dark_and_light_themes() -> None:
    app = ListApp(6)
    async with app.run_test(size=(40, 10)) as pilot:
        for theme in ("textual-dark", "textual-light", "catppuccin-latte", "solarized-light"):
            app.theme = theme
            await pilot.pause()
            rows = app.query_one(RowList)
            words = rows.base + rows.ink("dim")
            assert words.color is not None and words.bgcolor is not None
            colours = [
                Color.from_rich_color(one).brightness for one in (words.color, words.bgcolor)
            ]
            assert abs(colours[0] - colours[1]) > 0.4, theme
