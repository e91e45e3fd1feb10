"""A list of any length, drawn line by line: only what is visible costs anything.

It knows how many rows there are and asks for the pieces of those that it shows; whose rows they are
it does not know. (Textual's own lists stall at 10 000 rows: measured in 8.2.8.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.widget import Widget

from amx_tui.base.text import clean
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import STYLES, Framed, Line, Piece

if TYPE_CHECKING:
    from typing import Self

Draw = Callable[[int, int], Line]
# What the drawing of a row depends on: whether the cursor is there, its cells, its pieces.
_Look = tuple[bool, int, tuple[Piece, ...]]
# Rows that are kept as they were drawn: those of a tall screen, and some that left it.
MOST_KEPT = 256


class Inked(Framed, ScrollView, can_focus=False):
    """A view that draws its own lines with the inks of `amx_tui.widgets.plain`, and only those that
    look otherwise than before: drawing is what costs."""

    DEFAULT_CSS = """
    Inked { overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: dict[int, object] = {}  # what each line of the screen showed when it was drawn
        self._kept: dict[int, Strip] = {}  # and how, of a view that is bare
        self._kept_width = 0
        # Textual works both out anew for each line that it draws.
        self._base: Style | None = None
        self._inks: dict[str, Style] = {}
        self._measured: int | None = None  # `room`, while one line is looked at after the other
        self._is_shown_soon = False  # what scrolls it calls `refresh_changed` itself

    def look(self, y: int) -> object:
        """All that the drawing of a line of the view depends on, but the colours."""
        raise NotImplementedError

    def draw(self, y: int) -> Strip:
        """A line of the view, as `look` saw it last."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        self._drawn[y] = self.look(y)
        return self.draw(y)

    def refresh_changed(self) -> None:
        """Draws those lines again that look otherwise than they are drawn."""
        width, height = self.size
        first = None  # of neighbours that changed
        with self._measuring():
            for y in range(height + 1):
                if y < height and self._drawn.get(y) != self.look(y):
                    first = y if first is None else first
                elif first is not None:
                    self.refresh(Region(0, first, width, y - first))
                    first = None

    def render_lines(self, crop: Region) -> list[Strip]:
        with self._measuring():
            return self._bare_lines(crop) if self._is_bare else super().render_lines(crop)

    @property
    def _is_bare(self) -> bool:
        """Nothing is drawn round its lines or over them."""
        styles = self.styles
        return (
            not (styles.gutter or styles.outline or styles.tint.a or styles.has_rule("hatch"))
            and styles.text_opacity == self.opacity == 1
        )

    def _bare_lines(self, crop: Region) -> list[Strip]:
        """Of these Textual looks up border and padding for each line, and cuts and encodes it anew: that takes
        longer than to draw it. A strip that is the same one as before is neither cut nor encoded again."""
        width = self.size.width
        if width != self._kept_width:
            self._kept_width = width
            self._kept.clear()
        background, filters = self.background_colors[1], self.get_line_filters()
        strips = []
        for y in crop.line_range:
            strip = self._kept.get(y)
            if strip is None:
                strip = self.render_line(y).adjust_cell_length(width, self.base)
                self._kept[y] = strip
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip.crop(crop.x, crop.right))
        return strips

    @contextmanager
    def _measuring(self) -> Iterator[None]:
        """Textual works the room out anew each time, which takes longer than looking at a line."""
        before, self._measured = self._measured, self.room
        try:
            yield
        finally:
            self._measured = before

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        if not regions:  # other colours, perhaps
            self._forget_colours()
        for region in regions:
            for y in region.line_range:
                self._kept.pop(y, None)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._forget_colours()

    def _forget_colours(self) -> None:
        self._base = None
        self._inks.clear()
        self._kept.clear()

    @property
    def base(self) -> Style:
        """How plain words look here."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    @property
    def room(self) -> int:
        """Cells that a line has, beside the scroll bar."""
        if self._measured is not None:
            return self._measured
        return self.scrollable_content_region.width

    def ink(self, name: str) -> Style:
        """How words of an ink differ from plain ones."""
        if name not in self._inks:
            # Not classes of components: Textual (8.2.8) finds the rules of each of these anew for each
            # view whenever a screen is shown, which took longer than all else.
            ink = VisualStyle.parse(STYLES[name])
            over = (VisualStyle(background=self.visual_style.background) + ink).rich_style
            self._inks[name] = Style(
                color=over.color,
                bold=ink.bold,
                reverse=ink.reverse,
                strike=ink.strike,
                underline=ink.underline,
            )
        return self._inks[name]

    def hold(self, count: int) -> None:
        """There are `count` lines to scroll through. Nothing else on the screen depends on that, but
        Textual's own way to say it lays the whole screen out again (at each line that a stream adds:
        30 ms on 8.2.8), hence this one, where no dimension follows the contents."""
        size = Size(self.room, count)
        if size == self.virtual_size:
            return
        if not self.is_mounted or self.styles.auto_dimensions:
            self.virtual_size = size
            return
        self.set_reactive(Widget.virtual_size, size)
        if not self.show_vertical_scrollbar or count <= self.container_size.height:
            self._scroll_update(size)  # the bar comes or goes
        self.scroll_y = self.validate_scroll_y(self.scroll_y)
        if self.show_vertical_scrollbar:
            _change_bar(self.vertical_scrollbar, count, self.scroll_y)

    def jump(self, y: float) -> None:
        """Scrolls there at once; Textual's own `scroll_to` waits for the next refresh."""
        self.scroll_target_y = self.scroll_y = self.validate_scroll_y(y)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """In the place of Textual's own, which draws all lines again: where rows came in above those
        that are seen, these are the same as before."""
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            _change_bar(bar, bar.window_virtual_size, new_value)
        if round(old_value) != round(new_value) and not self._is_shown_soon:
            self.refresh_changed()

    def strip_of(self, line: Line, width: int, base: Style | None = None) -> Strip:
        """The pieces, cleaned, cut or padded to `width` cells."""
        base = self.base if base is None else base
        segments = []
        used = 0
        for words, ink in line:
            if used >= width:
                break
            words = clean(words).replace("\n", " ")
            segments.append(Segment(words, base + self.ink(ink) if ink else base))
            used += cell_len(words)
        return Strip(segments, used).adjust_cell_length(width, base)


def _change_bar(bar: ScrollBar, count: int, position: float) -> None:
    """Draws those lines of the bar again that look otherwise with `count` lines to scroll through and `position`
    above those that are seen; in a long list that is mostly none. Textual itself draws all of them, which takes as
    long as the list."""

    def look() -> Sequence[Segment]:
        height, window = bar.size.height, bar.window_size
        return bar.renderer.render_bar(
            height, bar.window_virtual_size, window, bar.position
        ).segments

    before = look()
    bar.set_reactive(ScrollBar.window_virtual_size, count)
    bar.set_reactive(ScrollBar.position, bar.validate_position(position))
    after = look()
    for y in range(bar.size.height):
        if before[y : y + 1] != after[y : y + 1]:
            bar.refresh(Region(0, y, bar.size.width, 1))


class HeadLine(Inked):
    """One line of headings above a list, drawn as wide as its rows."""

    DEFAULT_CSS = """
    HeadLine { height: 1; overflow: hidden hidden; color: $text-muted; }
    """

    def __init__(self, draw: Callable[[int], Line], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._draw = draw

    def look(self, y: int) -> object:
        return self.size.width, tuple(self._draw(self.size.width))

    def draw(self, y: int) -> Strip:
        return self.strip_of(self._draw(self.size.width), self.size.width)


class RowList(Inked, can_focus=True):
    """A list with a cursor. `draw(index, width)` gives the pieces of a row. `moved` takes the place of the
    message `Moved`, which comes when the cursor was drawn already: what it changes is drawn along with it."""

    BINDINGS = bindings_of("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor"}
    DEFAULT_CSS = """
    RowList {
        & > .rows--cursor { background: $panel; }
        &:focus > .rows--cursor { background: $primary-muted; text-style: bold; }
        &:nocolor:focus > .rows--cursor { text-style: reverse; }
    }
    """

    class Moved(Message):
        """The cursor stands on another row, or the row under it is another one."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            return self.rows

    class Chosen(Moved):
        """Enter, or a click on the row under the cursor."""

    def __init__(
        self,
        draw: Draw,
        *,
        empty: str = "",
        moved: Callable[[], None] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._draw = draw
        self._moved = moved
        self._count = 0
        self._empty = empty
        self.cursor = 0
        self._seen: dict[int, _Look] = {}  # what each line of the screen looks like
        # The same strip for what looks the same: where the list scrolls, its rows only change places.
        self._rows: dict[_Look, Strip] = {}

    def show(
        self,
        count: int,
        *,
        cursor: int | None = None,
        stays: bool = False,
        empty: str | None = None,
    ) -> None:
        """There are now `count` rows, whatever they are; the cursor goes to `cursor` or stays. Where it
        `stays` on its row, which has another number now, that row stays where it is on the screen.
        An empty list shows the words of `empty`."""
        self._count = count
        if empty is not None:
            self._empty = empty
        before = self.cursor
        self.cursor = min(max(self.cursor if cursor is None else cursor, 0), max(count - 1, 0))
        self._is_shown_soon = True
        self.hold(count)
        if stays and self.cursor != before:
            self.jump(self.scroll_offset.y + self.cursor - before)
        self._reveal(0 if stays else 1)
        self._is_shown_soon = False
        self.refresh_changed()

    @property
    def count(self) -> int:
        return self._count

    def go(self, index: int, *, beside: int = 1) -> None:
        """Puts the cursor on a row, of which so many neighbours are to be seen, and tells whoever
        listens."""
        if not self._count:
            return
        index = min(max(index, 0), self._count - 1)
        if index != self.cursor:
            before, self.cursor = self.cursor, index
            self.refresh_row(before)
            self.refresh_row(index)
        self._reveal(beside)
        if self._moved is not None:
            self._moved()
        else:
            self.post_message(self.Moved(self, index))

    def refresh_row(self, index: int) -> None:
        """Draws one row again."""
        y = index - self.scroll_offset.y
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _reveal(self, beside: int) -> None:
        """Scrolls until the row under the cursor is seen and, where there is room, as many `beside` it
        on either side."""
        height = self.scrollable_content_region.height
        if not height:
            return
        beside = min(beside, (height - 1) // 2)
        top = self.scroll_offset.y
        least, most = self.cursor + beside - height + 1, self.cursor - beside
        if not least <= top <= most:
            self.jump(least if top < least else most)

    def on_resize(self) -> None:
        self.hold(self._count)
        self._reveal(1)

    def look(self, y: int) -> object:
        index = y + self.scroll_offset.y
        if index < self._count:
            look = index == self.cursor, self.room, tuple(self._draw(index, self.room))
        else:
            words = "" if self._count else "".join(self._empty.split("\n")[y : y + 1])
            look = False, self.room, ((f" {words}", "dim"),) if words else ()
        self._seen[y] = look
        return look

    def draw(self, y: int) -> Strip:
        look = self._seen[y]
        strip = self._rows.get(look)
        if strip is None:
            is_at_cursor, width, pieces = look
            base = self.base
            if is_at_cursor:
                base += self.get_component_rich_style("rows--cursor", partial=True)
            if len(self._rows) >= MOST_KEPT:
                self._rows.clear()
            strip = self._rows[look] = self.strip_of(pieces, width, base)
        return strip

    def _forget_colours(self) -> None:
        super()._forget_colours()
        self._rows.clear()

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if index < self._count:
            same = index == self.cursor
            # What was clicked stays where it is: the next click is for it, too.
            self.go(index, beside=0)
            if same:
                self.action_choose()

    def action_up(self) -> None:
        self.go(self.cursor - 1)

    def action_down(self) -> None:
        self.go(self.cursor + 1)

    def action_page_up(self) -> None:
        self.go(self.cursor - max(self.size.height - 1, 1))

    def action_page_down(self) -> None:
        self.go(self.cursor + max(self.size.height - 1, 1))

    def action_first(self) -> None:
        self.go(0)

    def action_last(self) -> None:
        self.go(self._count - 1)

    def action_choose(self) -> None:
        if self._count:
            self.post_message(self.Chosen(self, self.cursor))
