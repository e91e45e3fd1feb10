"""A text that grows while it is read: wrapped as it comes, drawn line by line, following its end
until the reader scrolls away. What it shows is foreign text, shown as it is.

Textual's own widgets stall or cannot wrap at this pace (measured in 8.2.8: a Markdown stream uses
fifty times the CPU), hence this one.
"""

from __future__ import annotations

import re
from time import monotonic

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from amx_tui.base.text import Cleaning, clean
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.rows import Inked
from amx_tui.widgets.seen import is_pressing, is_seen

# More lines than anybody scrolls back through; the whole text is in the transcript file. The oldest go
# in lots, because each time the list of all others is moved.
MOST_LINES = 20_000
_LOT = 1_000
# A paragraph of more lines is cut at the end of one: a megabyte without a line break is bounded as well.
_LONGEST_PARAGRAPH = 1_000
# Keys go first, but a key that is held down stops the text for so many seconds at most.
_LONGEST_WAY_MADE = 0.2
# Seconds between two drawings: twenty times a second is as often as an eye can use it, and what runs
# through by more than the whole view is not read, only seen to run.
_PACE = 1 / 20
_RUNNING_PACE = 1 / 5
# Characters that are wrapped at once, which takes some milliseconds, and seconds until the next of them.
PORTION = 16_384
_BREATH = 1 / 200

# Characters of one cell each, whatever stands beside them: neither control characters, combining marks,
# joiners nor wide ones.
_NARROW = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0377\u0391-\u0482\u2010-\u2015\u2018-\u2026]*"
)


def wrap(text: str, width: int) -> list[str]:
    """`text` (no newlines) in lines of at most `width` cells, broken at spaces, a longer word where
    the line ends. The line breaks take the spaces with them; an empty text is one empty line."""
    lines: list[str] = []
    start, end = 0, len(text.rstrip(" "))
    while (fits := _end_of_line(text, start, end, width)) < end:
        space = text.rfind(" ", start, fits + 1)
        if space < 0:
            lines.append(text[start:fits])
            start = fits
            continue
        lines.append(text[start:space].rstrip(" "))
        start = space + 1
        while text[start] == " ":  # before `end` there is something else
            start += 1
    lines.append(text[start:])
    return lines


def _end_of_line(text: str, start: int, end: int, width: int) -> int:
    """How far the text from `start` on fits into `width` cells; one character at least, where there
    is one. Most lines are of narrow characters alone, and need no look at each of them."""
    stop = min(start + width, end)
    if _NARROW.fullmatch(text, start, stop):
        return stop
    cells = 0
    for place in range(start, end):
        cells += get_character_cell_size(text[place])
        if cells > width:
            return max(place, start + 1)
    return end


def _line_start(text: str, place: int) -> int:
    """Where the first line begins after `place`, or else the first word; the place itself where none
    does."""
    if place <= 0:
        return 0
    return text.find("\n", place) + 1 or text.find(" ", place) + 1 or place


def _signs(line: str) -> int:
    """Its characters that are no spaces, of which no wrapping loses any."""
    return len(line) - line.count(" ")


def _moved(place: Offset | None, lines: int) -> Offset | None:
    return None if place is None else Offset(place.x, max(place.y + lines, 0))


class StreamView(Inked, can_focus=True):
    """`append` text at any pace; it is drawn at the screen's own pace."""

    # The scroll bar takes no room when it comes: nothing is wrapped again for it.
    DEFAULT_CSS = "StreamView { scrollbar-gutter: stable; }"
    ALLOW_SELECT = True
    BINDINGS = bindings_of("stream")

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id)
        self._paragraphs: list[str] = []  # finished, with their line breaks
        self._heights: list[int] = []  # how many lines each of them has
        self._lines: list[str] = []  # the same, wrapped
        self._growing: list[str] = []  # the last paragraph, in the pieces in which it came
        self._tail: list[str] = []  # the same, wrapped
        self._waiting: list[str] = []  # since the last drawing
        self._cleaning = Cleaning()  # of what came
        self._older = ""  # above all that, and not wrapped yet
        self._follows = True
        # Where the reader is: the paragraph at the top of the view, and how many characters of it that
        # are no spaces are above the view. As long as they do not move, through any number of widths.
        self._anchor: tuple[int, int] | None = None
        self._wrapped_at = 0
        self.empty = empty  # what is shown while there is no text
        self._is_due = False
        self._pace = _PACE
        self._draws_at = 0.0
        self._is_jumping = False  # this view scrolls itself, not the reader

    @property
    def text(self) -> str:
        came = [*self._paragraphs, *self._growing, self._cleaning.held, *self._waiting]
        return "".join([self._older, *came])

    @property
    def follows(self) -> bool:
        """Whether the end is kept in sight."""
        return self._follows

    def replace(self, text: str, *, follow: bool = True) -> None:
        """Shows another text, from its end or from its beginning. Of a long one that is followed the
        end comes first, what is above it a moment later."""
        self._paragraphs, self._lines, self._growing, self._tail = [], [], [], []
        self._heights = []
        self._cleaning, self._anchor = Cleaning(), None
        self._follows = follow
        self._move_selection(None)
        self.jump(0)
        start = _line_start(text, len(text) - PORTION) if follow else 0
        self._older, self._waiting = text[:start], [text[start:]]
        self._flush()
        self._wrap_older_soon()

    def append(self, text: str) -> None:
        """Adds text at the end; many calls between two frames cost one drawing."""
        self._waiting.append(text)
        if not self._is_due:
            self._draws_at = monotonic() + self._pace
            self._go_on_in(self._pace)

    def catch_up(self) -> None:
        """Shows at once what was appended, such as while the screen was not shown."""
        if self._follows and sum(map(len, self._waiting)) > PORTION:
            self.replace(self.text)
        elif self._waiting:
            self._flush()

    def on_mount(self) -> None:
        self._flush()
        self._wrap_older_soon()

    def on_resize(self) -> None:
        self._flush()

    def _flush(self) -> None:
        """Wraps and draws a portion of what came; the rest follows."""
        if self._wrap_portion():
            self._draw_now()

    def _go_on_in(self, seconds: float) -> None:
        # What nobody sees is wrapped when somebody does: see `catch_up`.
        if not self._is_due and self.is_mounted and is_seen(self.screen):
            self._is_due = True
            self.set_timer(seconds, self._go_on)

    def _go_on(self) -> None:
        """Wraps a portion, since the loop has other things to do; draws when it is time, or a little
        later where a key was pressed."""
        self._is_due = False
        if not self._wrap_portion():
            return
        late = monotonic() - self._draws_at
        if (self._waiting and late < 0) or (is_pressing(self.app) and late < _LONGEST_WAY_MADE):
            self._go_on_in(_BREATH if self._waiting else _PACE)
        else:
            self._draw_now()

    def _draw_now(self) -> None:
        before = self.virtual_size.height
        self._settle()
        has_run_through = self.virtual_size.height - before > self.size.height
        self._pace = _RUNNING_PACE if has_run_through else _PACE
        self._draws_at = monotonic() + self._pace
        if self._waiting:
            self._go_on_in(_BREATH)

    def _wrap_portion(self) -> bool:
        """Whether there was room to wrap anything for."""
        width = self.room
        if width <= 0:
            return False
        if width != self._wrapped_at:
            self._rewrap(width)
        if self._waiting:
            came = "".join(self._waiting)
            self._waiting = [came[PORTION:]] if len(came) > PORTION else []
            first, *rest = self._cleaning.feed(came[:PORTION]).split("\n")
            self._grow(first, width)
            for start in rest:
                self._finish("".join(self._growing) + "\n", self._tail)
                self._growing, self._tail = [], []
                self._grow(start, width)
            if len(self._lines) > MOST_LINES + _LOT:
                self._forget(len(self._lines) - MOST_LINES)
        return True

    def _grow(self, text: str, width: int) -> None:
        """Wraps the growing paragraph again from its last line on only: a paragraph of a megabyte
        costs no more a piece than a short one."""
        last = self._tail.pop() if self._tail else ""
        self._growing.append(text)
        self._tail.extend(wrap(last + text, width))
        if len(self._tail) > _LONGEST_PARAGRAPH:
            last = self._tail.pop()
            whole = "".join(self._growing)
            # The last line has all that came since its first character.
            self._finish(whole[: len(whole) - len(last)], self._tail)
            self._growing, self._tail = [last], [last]

    def _finish(self, paragraph: str, lines: list[str]) -> None:
        self._paragraphs.append(paragraph)
        self._heights.append(len(lines))
        self._lines.extend(lines)

    def _rewrap(self, width: int) -> None:
        """All of it, for another width; the reader keeps the word at the top of the view."""
        self._wrapped_at = width
        anchor = self._anchor or self._find_anchor()
        self._move_selection(None)
        paragraphs, self._paragraphs, self._heights, self._lines = self._paragraphs, [], [], []
        for paragraph in paragraphs:
            self._finish(paragraph, wrap(paragraph.removesuffix("\n"), width))
        self._tail = wrap("".join(self._growing), width) if self._growing else []
        if not self._keeps_end:
            self._hold()
            self.jump(self._line_of(anchor))
            self._anchor = anchor

    def _find_anchor(self) -> tuple[int, int]:
        top, line = 0, int(self.scroll_y)
        while top < len(self._heights) and line >= self._heights[top]:
            line -= self._heights[top]
            top += 1
        return top, sum(map(_signs, self._lines_of(top)[:line]))

    def _line_of(self, anchor: tuple[int, int]) -> int:
        top, signs = anchor
        place = sum(self._heights[:top])
        for line in self._lines_of(top):
            signs -= _signs(line)
            if signs < 0:
                break
            place += 1
        return place

    def _lines_of(self, paragraph: int) -> list[str]:
        if paragraph >= len(self._heights):
            return self._tail
        start = sum(self._heights[:paragraph])
        return self._lines[start : start + self._heights[paragraph]]

    def _forget(self, lines: int) -> None:
        """Drops the oldest paragraphs of at least so many lines, so that the memory stays bounded;
        what the reader looks at stays in its place."""
        count = gone = 0
        while gone < lines:
            gone += self._heights[count]
            count += 1
        del self._paragraphs[:count], self._heights[:count], self._lines[:gone]
        self._older = ""
        self._anchor = None
        self._move_selection(-gone)
        if not self._keeps_end:
            self.jump(self.scroll_y - gone)

    def _wrap_older_soon(self) -> None:
        if self._older and self.is_mounted:
            self.set_timer(_PACE, self._wrap_older)

    def _wrap_older(self) -> None:
        """The next portion above what is there already, which stays where it is on the screen."""
        if not self._older or self._wrapped_at <= 0:
            return
        start = _line_start(self._older, len(self._older) - 2 * PORTION)
        text, self._older = self._older[start:], self._older[:start]
        paragraphs = clean(text).splitlines(keepends=True)
        wrapped = [wrap(one.removesuffix("\n"), self._wrapped_at) for one in paragraphs]
        lines = [line for paragraph in wrapped for line in paragraph]
        self._paragraphs[:0], self._heights[:0] = paragraphs, map(len, wrapped)
        self._lines[:0] = lines
        if len(self._lines) > MOST_LINES:
            self._older = ""
        self._anchor = None
        self._move_selection(len(lines))
        if not self._keeps_end:
            self._hold()
            self.jump(self.scroll_y + len(lines))
        self._settle()
        self._wrap_older_soon()

    def _hold(self) -> None:
        self._is_jumping = True  # to the last line, where there are fewer now
        self.hold(len(self._lines) + len(self._tail))
        self._is_jumping = False

    def _settle(self) -> None:
        """Scrolls to the end where that is followed, and draws what changed."""
        self._hold()
        if self._keeps_end:
            self.jump(len(self._lines) + len(self._tail))
        self.refresh_changed()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._is_jumping:  # the reader did it: reaching the end means to follow it again
            self._anchor = None
            self._follows = new_value >= self.max_scroll_y

    def jump(self, y: float) -> None:
        self._is_jumping = True
        super().jump(y)
        self._is_jumping = False

    def _line(self, index: int) -> str | None:
        if index < len(self._lines):
            return self._lines[index]
        index -= len(self._lines)
        return self._tail[index] if index < len(self._tail) else None

    def _span(self, index: int) -> tuple[int, int] | None:
        """What is selected of a line."""
        selection = self.text_selection
        return selection.get_span(index) if selection is not None else None

    def look(self, y: int) -> object:
        index = y + self.scroll_offset.y
        # The number, because a line knows its place for those who select it.
        return index, self.room, self._line(index), self._span(index)

    def draw(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        line = self._line(index)
        if line is None or (not line and index == 0 and not self.text):
            return self.strip_of([(self.empty if index == 0 else "", "dim")], self.room)
        span = self._span(index)
        if span is None:
            return self._plain(line, index)
        start, end = span
        end = len(line) if end < 0 else end
        pieces = [(line[:start], ""), (line[start:end], "here"), (line[end:], "")]
        return self.strip_of(pieces, self.room).apply_offsets(0, index)

    def _plain(self, line: str, index: int) -> Strip:
        """A line of nothing special, clean since it was wrapped: in one piece, because each strip on the
        way to it costs as much as the whole line."""
        used = len(line) if _NARROW.fullmatch(line) else cell_len(line)
        style = self.base + Style.from_meta({"offset": (0, index)})
        if used > self.room:  # the view is narrower since
            return Strip([Segment(line, style)], used).adjust_cell_length(self.room, self.base)
        return Strip([Segment(line + " " * (self.room - used), style)], self.room)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join([*self._lines, *self._tail])), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        if selection is None:
            self._settle()
        self.refresh_changed()

    @property
    def _keeps_end(self) -> bool:
        """Whether the end is scrolled into sight: not while something is selected, because what the mouse
        is dragged over must not run away below it."""
        return self._follows and (not self.is_attached or self.text_selection is None)

    def _move_selection(self, lines: int | None) -> None:
        """What is selected is so many lines further down now; None: it is there no more."""
        selection = self.text_selection if self.is_attached else None
        if selection is None:
            return
        moved = dict(self.screen.selections)
        del moved[self]
        if lines is not None:
            start, end = (_moved(place, lines) for place in (selection.start, selection.end))
            moved[self] = Selection(start, end)
        self.screen.selections = moved

    def action_up(self) -> None:
        self.scroll_relative(y=-1, animate=False)

    def action_down(self) -> None:
        self.scroll_relative(y=1, animate=False)

    def action_page_up(self) -> None:
        self.scroll_relative(y=-max(self.size.height - 1, 1), animate=False)

    def action_page_down(self) -> None:
        self.scroll_relative(y=max(self.size.height - 1, 1), animate=False)

    def action_first(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_last(self) -> None:
        self._follows = True
        self._move_selection(None)
        self._settle()
