"""A text that grows while it is read: wrapped as it comes, drawn line by line, following its end
until the reader scrolls away. What it shows is foreign text, shown as it is.

Textual's own widgets stall or cannot wrap at this pace (measured in 8.2.8: a Markdown stream uses
fifty times the CPU), hence this one.
"""

from __future__ import annotations

from rich.cells import cell_len, chop_cells
from textual.selection import Selection
from textual.strip import Strip

from amx_tui.base.text import clean
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.rows import Inked
from amx_tui.widgets.seen import is_pressing, is_seen

# More lines than anybody scrolls back through; the whole text is in the transcript file.
MOST_LINES = 20_000
# Keys go first, but a key that is held down stops the text for a quarter of a second at most.
MOST_HELD_BACK = 4


def wrap(text: str, width: int) -> list[str]:
    """`text` (no newlines) in lines of at most `width` cells, broken at spaces, a longer word where
    the line ends. The line breaks take the space with them; an empty text is one empty line."""
    if cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    used = 0
    for word in _words(text):
        seen = cell_len(word.rstrip(" "))
        if used + seen > width:
            if line:
                lines.append(line.rstrip(" "))
            line, used = "", 0
            if seen > width:
                *full, word = chop_cells(word, width)
                lines.extend(full)
        line += word
        used += cell_len(word)
    lines.append(line)
    return lines


def _words(text: str) -> list[str]:
    """Words with the spaces behind them."""
    words = []
    start = 0
    while start < len(text):
        space = text.find(" ", start)
        if space < 0:
            words.append(text[start:])
            break
        end = space
        while end < len(text) and text[end] == " ":
            end += 1
        words.append(text[start:end])
        start = end
    return words


class StreamView(Inked, can_focus=True):
    """`append` text at any pace; it is drawn at the screen's own pace."""

    ALLOW_SELECT = True
    BINDINGS = bindings_of("stream")

    def __init__(self, *, id: str | None = None, empty: str = "") -> None:
        super().__init__(id=id)
        self._paragraphs: list[str] = []  # finished
        self._lines: list[str] = []  # the same, wrapped
        self._growing: list[str] = []  # the last paragraph, in the pieces in which it came
        self._tail: list[str] = []  # the same, wrapped
        self._waiting = ""
        self._follows = True
        self._wrapped_at = 0
        self.empty = empty  # what is shown while there is no text
        self._is_due = False
        self._held_back = 0  # how often a flush made way for a key
        self._is_jumping = False  # this view scrolls itself, not the reader

    @property
    def text(self) -> str:
        return "\n".join([*self._paragraphs, "".join(self._growing)]) + self._waiting

    @property
    def follows(self) -> bool:
        """Whether the end is kept in sight."""
        return self._follows

    def replace(self, text: str, *, follow: bool = True) -> None:
        """Shows another text, from its end or from its beginning."""
        self._paragraphs, self._lines, self._growing, self._tail = [], [], [], []
        self._waiting = ""
        self._follows = follow
        self.jump(0)
        self.append(text)
        self._flush()

    def append(self, text: str) -> None:
        """Adds text at the end; many calls between two frames cost one drawing."""
        self._waiting += text
        # What nobody sees is wrapped when somebody does: see `catch_up`.
        if not self._is_due and self.is_mounted and is_seen(self.screen):
            self._is_due = True
            # Twenty times a second is as often as an eye can use it.
            self.set_timer(1 / 20, self._flush_after_keys)

    def _flush_after_keys(self) -> None:
        if is_pressing(self.app) and self._held_back < MOST_HELD_BACK:
            self._held_back += 1
            self.set_timer(1 / 20, self._flush_after_keys)
            return
        self._held_back = 0
        self._flush()

    def catch_up(self) -> None:
        """Shows at once what was appended, such as while the screen was not shown."""
        if self._waiting:
            self._flush()

    def on_mount(self) -> None:
        self._flush()

    def _flush(self) -> None:
        self._is_due = False
        width = self.room
        if width <= 0:
            return
        if width != self._wrapped_at:
            self._rewrap(width)
        if self._waiting:
            text, self._waiting = clean(self._waiting), ""
            first, *rest = text.split("\n")
            self._grow(first, width)
            for start in rest:
                self._paragraphs.append("".join(self._growing))
                self._lines.extend(self._tail)
                self._growing, self._tail = [], []
                self._grow(start, width)
            if len(self._lines) > MOST_LINES:
                self._forget(width)
        self._settle()

    def _grow(self, text: str, width: int) -> None:
        """Wraps the growing paragraph again from its last line on only: a paragraph of a megabyte
        costs no more a piece than a short one."""
        last = self._tail.pop() if self._tail else ""
        self._growing.append(text)
        self._tail.extend(wrap(last + text, width))

    def _rewrap(self, width: int) -> None:
        self._wrapped_at = width
        self._lines = [line for paragraph in self._paragraphs for line in wrap(paragraph, width)]
        self._tail = wrap("".join(self._growing), width)

    def _forget(self, width: int) -> None:
        """Drops the oldest half: the memory stays bounded, and this happens rarely."""
        del self._paragraphs[: len(self._paragraphs) // 2]
        self._rewrap(width)

    def _settle(self) -> None:
        """Scrolls to the end where that is followed, and draws what changed."""
        count = len(self._lines) + len(self._tail)
        self.hold(count)
        if self._follows:
            self.jump(count)
        self.refresh_changed()

    def on_resize(self) -> None:
        self._flush()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._is_jumping:  # the reader did it: reaching the end means to follow it again
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
        return self._selected(line, index).apply_offsets(0, index)

    def _selected(self, line: str, index: int) -> Strip:
        span = self._span(index)
        if span is None:
            return self.strip_of([(line, "")], self.room)
        start, end = span
        end = len(line) if end < 0 else end
        return self.strip_of(
            [(line[:start], ""), (line[start:end], "here"), (line[end:], "")], self.room
        )

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join([*self._lines, *self._tail])), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self.refresh_changed()

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
        self._settle()
