"""A text of inked lines, wrapped, that scrolls in its own place and changes at every key: it is drawn
line by line, because a widget whose height follows its text lays the whole screen out again."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual

from amx_tui.widgets.plain import Line, lines
from amx_tui.widgets.rows import Inked

# What stands round words that were replaced and that replace them where there is no colour: not every
# terminal strikes out.
_SIGNS = {"old": ("[-", "-]"), "new": ("{+", "+}")}


class Page(Inked):
    """`show` these lines; scrolling is the caller's business."""

    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = Content("")
        self._rows: list[Line] = []
        self._strips: list[Strip] = []
        self._wrapped_at = 0

    @property
    def text(self) -> str:
        """What it says, unwrapped."""
        return self._content.plain

    def show(self, rows: Iterable[Line]) -> None:
        self._rows = [_in_signs(row) for row in rows] if self.app.no_color else list(rows)
        content = lines(*self._rows)
        if not content.is_same(self._content) or self._wrapped_at != self.room:
            self._content = content
            self._wrap()

    def _wrap(self) -> None:
        self._wrapped_at = self.room
        if self._wrapped_at <= 0:
            return
        strips = self._wrapped(self._content)
        self._strips = [strip.apply_offsets(0, y) for y, strip in enumerate(strips)]
        self.hold(len(self._strips))
        self.refresh_changed()

    def _wrapped(self, content: Content) -> list[Strip]:
        return Visual.to_strips(self, content, self._wrapped_at, None, self.visual_style, pad=True)

    def reveal(self, part: range) -> None:
        """Scrolls to where these lines are seen, or as many of them, from the first, as there is room for."""
        if self._wrapped_at <= 0:
            return
        top, bottom = (
            len(self._wrapped(lines(*self._rows[:end]))) if end else 0
            for end in (part.start, part.stop)
        )
        height = self.scrollable_content_region.height
        is_longer = bottom - top > height
        if bottom <= height or (is_longer and top <= height // 2):
            self.jump(0)  # what stands above it belongs to it
        elif not self.scroll_offset.y <= top <= bottom <= self.scroll_offset.y + height:
            self.jump(min(top, bottom - height))

    def on_resize(self) -> None:
        self._wrap()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._wrap()

    def _strip(self, y: int) -> Strip | None:
        index = y + self.scroll_offset.y
        return self._strips[index] if index < len(self._strips) else None

    def look(self, y: int) -> object:
        return self._strip(y)  # which is equal to one that looks like it

    def draw(self, y: int) -> Strip:
        return self._strip(y) or Strip.blank(self.size.width, self.base)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract("\n".join(strip.text.rstrip() for strip in self._strips)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        self._wrap()


def _in_signs(row: Line) -> Line:
    """The same without need of colours."""
    return [
        (_SIGNS[ink][0] + words + _SIGNS[ink][1], ink) if ink in _SIGNS else (words, ink)
        for words, ink in row
    ]
