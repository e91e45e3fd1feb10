"""The view of a text that grows: what it shows is what came, however it came and however wide it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from amx_tui.widgets.stream_view import MOST_LINES, StreamView, wrap

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
