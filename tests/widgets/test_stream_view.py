"""The view of a text that grows: what it shows is what came, however it came and however wide it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.events import MouseMove
from textual.geometry import Offset
from textual.pilot import Pilot

from amx_tui.base.text import clean
from amx_tui.widgets.stream_view import MOST_LINES, PORTION, StreamView, wrap

TEXTS = st.text(st.sampled_from("ab é会🙂\u0301-"), max_size=200)


@given(TEXTS, st.integers(2, 30))
def test_no_line_is_wider_than_the_view_and_no_word_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line.rstrip(" ")) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.lists(TEXTS), st.integers(2, 30))
def test_a_paragraph_that_comes_in_pieces_is_wrapped_as_if_it_came_at_once(
    pieces: list[str], width: int
) -> None:
    lines = [""]
    for piece in pieces:
        lines.extend(wrap(lines.pop() + piece, width))
    assert lines == wrap("".join(pieces), width)


class Show(App[None]):
    CSS = "StreamView { height: 1fr; }"

    def compose(self) -> ComposeResult:
        yield StreamView()


def shown(view: StreamView) -> list[str]:
    return [view.draw(y).text.rstrip() for y in range(view.size.height)]


@pytest.mark.parametrize("unit", ["a line of its own\n", "one paragraph without an end "])
async def test_what_it_keeps_is_bounded_and_its_end_is_shown(unit: str) -> None:
    app = Show()
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.query_one(StreamView)
        for _ in range(40):
            view.append(unit * (MOST_LINES // 10))
            view.catch_up()
        view.append("FINIS")
        while not shown(view)[-1].endswith("FINIS"):
            view.catch_up()
            await pilot.pause()
        assert len(view._lines) + len(view._tail) < 1.5 * MOST_LINES


async def test_a_long_text_is_shown_from_its_end_and_is_there_to_its_beginning() -> None:
    app = Show()
    text = "\n".join(f"line {number}" for number in range(15_000))
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.query_one(StreamView)
        view.replace(text)
        assert shown(view)[-1] == "line 14999"
        assert view.text == text
        while view.virtual_size.height < 15_000:
            await pilot.pause(0.01)
        assert shown(view)[-1] == "line 14999"
        view.action_first()
        assert shown(view)[0] == "line 0"
        assert view.text == text


async def test_who_scrolled_away_keeps_their_paragraph_when_the_terminal_changes_its_width() -> (
    None
):
    app = Show()
    async with app.run_test(size=(60, 10)) as pilot:
        view = app.query_one(StreamView)
        view.replace("\n".join(f"{number} {'word ' * 30}" for number in range(100)))
        view.scroll_to(y=120, animate=False)
        await pilot.pause()
        first = next(line for line in shown(view) if line[:1].isdigit()).split()[0]
        await pilot.resize_terminal(30, 10)
        while view.size.width > 30:
            await pilot.pause()
        near = {line.split()[0] for line in shown(view) if line[:1].isdigit()}
        assert {str(int(first) - 1), first} & near


@pytest.mark.parametrize(
    "text",
    ["a\x1b[1;31mred\x1b[0m b", "a\x1b]0;title\x07b", "a\x1b]8;;http://x\x1b\\link", "a\x9b31mb", "a\r\nb",
     "a\x1bPq\x1b\\b", "a\x1b(Bb"],
)  # fmt: skip
async def test_an_escape_sequence_in_two_portions_leaves_nothing_behind(text: str) -> None:
    app = Show()
    async with app.run_test(size=(40, 10)):
        view = app.query_one(StreamView)
        for place in range(1, len(text)):
            view.replace("")
            for part in (text[:place], text[place:]):
                view.append(part)
                view.catch_up()
            assert "\n".join(shown(view)).rstrip() == clean(text)
            assert view.text == clean(text)
        # Cut by the size of a portion.
        view.replace("", follow=True)
        before = "word " * (PORTION // 5)
        view.append(before[:-2] + text + " and more" * 2_000)
        while view._waiting:
            view._flush()
        assert clean(text).split("\n")[-1] in " ".join(view._lines + view._tail)
        assert not any(
            sign in line for line in view._lines + view._tail for sign in ("[", "]8", "(B")
        )


async def drag(pilot: Pilot[None], view: StreamView, start: Offset, end: Offset) -> None:
    await pilot.mouse_down(view, offset=start)
    await pilot._post_mouse_events([MouseMove], view, offset=end, button=1)


async def test_what_is_dragged_over_is_selected_also_while_more_comes() -> None:
    app = Show()
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.query_one(StreamView)
        view.replace("\n".join(f"line {number} 会社" for number in range(30)))
        await pilot.pause()
        await drag(pilot, view, Offset(5, 2), Offset(7, 4))
        await pilot.pause()
        view.append("\nmore\nand more")
        view.catch_up()
        await pilot.pause()
        await pilot.mouse_up(view, offset=Offset(7, 4))
        await pilot.pause()
        # The lines that were under the mouse, though they have moved up since.
        selected = app.screen.get_selected_text()
        assert selected is not None and selected.startswith("22 会社\nline 23 会社\nline 24"), (
            selected
        )
        lines = [y for y in range(view.size.height) if view._span(y + view.scroll_offset.y)]
        assert [shown(view)[y][:7] for y in lines] == ["line 22", "line 23", "line 24"]
        assert shown(view)[-1].startswith("line 29")  # held still under the mouse
        await pilot.click(view, offset=(3, 3))
        await pilot.pause()
        assert view.follows and shown(view)[-1] == "and more"


@pytest.mark.parametrize("how", ["forgotten", "another width", "another text"])
async def test_a_selection_never_moves_to_other_words(how: str) -> None:
    app = Show()
    async with app.run_test(size=(40, 10)) as pilot:
        view = app.query_one(StreamView)
        view.replace(
            "\n".join(f"line {number} {'word ' * 10}" for number in range(MOST_LINES // 3))
        )
        await pilot.pause(0.2)
        while view._older:
            await pilot.pause(0.05)
        await drag(pilot, view, Offset(0, 2), Offset(6, 2))
        await pilot.mouse_up(view, offset=Offset(6, 2))
        before = app.screen.get_selected_text()
        assert before
        if how == "forgotten":
            view.append("\n".join("x" for _ in range(MOST_LINES // 2)))
            while view._waiting:
                view.catch_up()
                await pilot.pause()
        elif how == "another width":
            await pilot.resize_terminal(30, 10)
            while view.size.width > 30:
                await pilot.pause()
        else:
            view.replace("quite another text\n" * 40)
        assert app.screen.get_selected_text() in (None, "", before)


async def test_another_width_keeps_the_reader_at_their_word() -> None:
    app = Show()
    async with app.run_test(size=(60, 10)) as pilot:
        view = app.query_one(StreamView)
        view.replace(" ".join(f"w{number}" for number in range(5_000)))
        while view._older:
            await pilot.pause(0.01)
        view.scroll_to(y=200, animate=False)
        await pilot.pause()
        assert not view.follows
        first = shown(view)[0].split()[0]
        for width in (30, 90, 47, 60):
            await pilot.resize_terminal(width, 10)
            while view.size.width != width:
                await pilot.pause()
            assert first in shown(view)[0].split()


@pytest.mark.parametrize("width", [9, 10, 11])
async def test_a_wide_character_is_never_cut_in_two(width: int) -> None:
    app = Show()
    async with app.run_test(size=(width, 10)) as pilot:
        view = app.query_one(StreamView)
        for sign in "会社コード🙂" * 20:
            view.append(sign)
        view.catch_up()
        await pilot.pause()
        assert "".join(view._lines + view._tail) == "会社コード🙂" * 20
        for y in range(view.size.height):
            assert view.draw(y).cell_length == view.room
