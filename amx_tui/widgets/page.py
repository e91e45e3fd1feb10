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


class Page(Inked):
    """`show` these lines; scrolling is the caller's business."""

    ALLOW_SELECT = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = Content("")
        self._strips: list[Strip] = []
        self._wrapped_at = 0

    @property
    def text(self) -> str:
        """What it says, unwrapped."""
        return self._content.plain

    def show(self, rows: Iterable[Line]) -> None:
        content = lines(*rows)
        if not content.is_same(self._content) or self._wrapped_at != self.room:
            self._content = content
            self._wrap()

    def _wrap(self) -> None:
        self._wrapped_at = self.room
        if self._wrapped_at <= 0:
            return
        strips = Visual.to_strips(
            self, self._content, self._wrapped_at, None, self.visual_style, pad=True
        )
        self._strips = [strip.apply_offsets(0, y) for y, strip in enumerate(strips)]
        self.hold(len(self._strips))
        self.refresh_changed()

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
