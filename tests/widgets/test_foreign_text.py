"""Names, comments and answers can hold anything; nothing of it may colour, move or crash the screen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

import amx_tui
from amx_tui.base.text import clean, one_line
from amx_tui.widgets.plain import Plain, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.stream_view import StreamView, wrap
from tests.snapshot.conftest import until

PACKAGE = Path(amx_tui.__file__).parent
HOSTILE = (
    "[/bold]",
    "[red]x[/]",
    "\x1b[31mred\x1b[0m",
    "\x1b]52;c;aGk=\x07",
    "a\u202eb",
    "[@click=quit]x[/]",
)

# What reads markup, or takes text without cleaning it. `widgets/plain.py` is the one room that may.
_READS_MARKUP = {
    "Static", "Label", "Markdown", "MarkdownViewer", "RichLog", "Log", "DataTable", "OptionList",
    "SelectionList", "Tree", "DirectoryTree", "ListView", "Collapsible", "Pretty", "Link", "Button",
    "Checkbox", "RadioButton", "TabbedContent", "from_markup", "from_text", "notify", "render_markup",
}  # fmt: skip
_ASSIGNED = {"border_title", "border_subtitle", "tooltip"}


def unsafe_places(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in _READS_MARKUP:
                found.append(f"line {node.lineno}: {name}(…)")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Attribute) and target.attr in _ASSIGNED:
                    found.append(f"line {node.lineno}: .{target.attr} =")
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                if getattr(base, "id", "") in _READS_MARKUP:
                    found.append(f"line {node.lineno}: class {node.name}")
    return found


def test_no_screen_shows_text_past_the_one_safe_way() -> None:
    files = [
        *(PACKAGE / "screens").glob("*.py"),
        *(PACKAGE / "widgets").glob("*.py"),
        PACKAGE / "app.py",
    ]
    checked = [file for file in files if file.name != "plain.py"]
    assert len(checked) > 10
    assert {
        str(f): unsafe_places(f.read_text("utf-8"))
        for f in checked
        if unsafe_places(f.read_text("utf-8"))
    } == {}


@pytest.mark.parametrize(
    "source",
    [
        "Static(x)",
        "self.app.notify(x)",
        "w.border_title = x",
        "Content.from_markup(x)",
        "class A(Label): pass",
    ],
)
def test_the_check_finds_what_it_forbids(source: str) -> None:
    assert unsafe_places(source)


@given(st.text())
def test_cleaned_text_has_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = clean(text)
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in cleaned)
    assert clean(cleaned) == cleaned
    assert "\n" not in one_line(text)


@pytest.mark.parametrize("text", HOSTILE)
def test_escape_sequences_go_whole_and_brackets_stay(text: str) -> None:
    cleaned = clean(text)
    assert "\x1b" not in cleaned and "[31m" not in cleaned and "\u202e" not in cleaned
    if text.startswith("["):
        assert cleaned == text


@given(st.text(max_size=200), st.integers(1, 40))
def test_a_wrapped_text_loses_nothing_but_spaces(text: str, width: int) -> None:
    paragraph = clean(text).replace("\n", " ")
    lines = wrap(paragraph, width)
    assert "".join(lines).replace(" ", "") == paragraph.replace(" ", "")
    # A character of two cells does not fit into one; everything else keeps the width.
    assert all(cell_len(line.rstrip(" ")) <= max(width, 2) for line in lines)


@given(st.text(max_size=60), st.integers(0, 30))
def test_a_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


class Showing(App[None]):
    def compose(self) -> ComposeResult:
        yield Plain(*HOSTILE, id="plain")
        yield RowList(lambda index, width: [(HOSTILE[index], "strong")], id="rows")
        yield StreamView(id="stream")

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(HOSTILE))
        entitle(rows, HOSTILE[0], HOSTILE[1])
        say(rows, HOSTILE[0], title=HOSTILE[1])


async def test_hostile_names_are_shown_as_they_are_and_crash_nothing() -> None:
    app = Showing()
    async with app.run_test(size=(80, 24)) as pilot:
        stream = app.query_one(StreamView)
        for text in HOSTILE:
            stream.append(text)
        stream.append("x" * 100_000)  # an answer without a space
        stream.append("\n\tend")
        await until(pilot, lambda: stream.text.endswith("\n end"))
        shown = "\n".join(
            "".join(s.text for s in strip) for strip in app.screen._compositor.render_strips()
        )
        assert "[/bold]" in shown and "[@click=quit]x[/]" in shown


async def test_the_text_follows_its_end_until_the_reader_scrolls_away() -> None:
    app = Showing()
    async with app.run_test(size=(60, 30)) as pilot:
        stream = app.query_one(StreamView)
        stream.replace("\n".join(f"line {n}" for n in range(200)))
        await pilot.pause()
        assert stream.follows and stream.scroll_offset.y == stream.max_scroll_y
        stream.focus()
        await pilot.press("up", "up")
        held = stream.scroll_offset.y
        stream.append("\nmore\nand more")
        stream._flush()
        await pilot.pause()
        assert not stream.follows and stream.scroll_offset.y == held
        await pilot.press("G")
        await pilot.pause()
        assert stream.follows and stream.scroll_offset.y == stream.max_scroll_y


async def test_a_narrower_window_wraps_the_text_again() -> None:
    app = Showing()
    async with app.run_test(size=(80, 30)) as pilot:
        stream = app.query_one(StreamView)
        stream.replace("word " * 100)
        await pilot.pause()
        before = stream.virtual_size.height
        await pilot.resize_terminal(30, 30)
        await pilot.pause()
        assert stream.virtual_size.height > before
