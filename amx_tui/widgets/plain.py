"""The one way to put words on the screen: whatever is shown passes through here and is neither read as
markup nor able to move the cursor. Screens use nothing else (a test forbids Textual's own)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from rich.cells import cell_len, set_cell_size
from textual.containers import Container
from textual.content import Content
from textual.geometry import Region
from textual.messages import Update
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from amx_tui.base.text import clean

if TYPE_CHECKING:
    from typing import Self

    _Widget = Widget
else:  # a second base that is a widget would take the place of the first one's default styles
    _Widget = object

# A piece of a line: the words, and the name of the ink they are written in ("" for plain).
Piece = tuple[str, str]
Line = Iterable[Piece]

# What an ink looks like: a theme colour and a text style. The names are the only looks that screens
# know, and no colour carries a meaning alone: every state has its own sign or word as well.
INKS: dict[str, tuple[str, str]] = {
    "dim": ("$text-muted", ""),
    "strong": ("", "bold"),
    "title": ("$primary", "bold"),
    "key": ("$accent", "bold"),
    "accent": ("$accent", ""),
    "good": ("$success", ""),
    "warn": ("$warning", ""),
    "bad": ("$error", ""),
    "old": ("$text-muted", "strike"),
    "new": ("$success", "underline"),
    "demo": ("$warning", "bold"),
    "here": ("", "bold reverse"),
}
STYLES = {"": ""} | {ink: f"{style} {colour}".strip() for ink, (colour, style) in INKS.items()}


def content(line: Line) -> Content:
    """The pieces as Textual content: cleaned, and never parsed as markup."""
    return Content.assemble(*((clean(words), STYLES[ink]) for words, ink in line))


def lines(*rows: Line) -> Content:
    """Several rows, one below the other."""
    return Content("\n").join(content(row) for row in rows)


def fit(text: str, width: int, *, right: bool = False) -> str:
    """`text` in exactly `width` terminal cells: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    text = clean(text).replace("\n", " ")
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    pad = " " * (width - length)
    return pad + text if right else text + pad


def fit_name(name: str, width: int) -> str:
    """The same of a name with dots in it: what sets it apart from its neighbours is its end."""
    name = clean(name).replace("\n", " ")
    while width > 0 and (over := cell_len(name) - width) > 0:
        # A character has two cells at most; the first one is lost to the ellipsis, or is that.
        name = "…" + name[1 + max(over // 2, 1) :]
    return fit(name, width)


class Plain(Static):
    """Text that is shown as it is."""

    def __init__(
        self, *pieces: Piece | str, id: str | None = None, classes: str | None = None
    ) -> None:
        super().__init__("", markup=False, id=id, classes=classes)
        self._shown: list[list[Piece]] = []
        self.write(*pieces)

    def write(self, *pieces: Piece | str) -> None:
        """Shows one line (or a text with newlines) made of these pieces."""
        self.write_lines([[(p, "") if isinstance(p, str) else p for p in pieces]])

    def write_lines(self, rows: Iterable[Line]) -> None:
        """Shows these lines; where they are shown already, nothing is drawn, and where they take as
        much room as those before, the screen is not laid out again."""
        new = [list(row) for row in rows]
        if new != self._shown:
            self._shown = new
            text = lines(*new)
            self.update(text, layout=not self._takes_the_room_of(text))

    def _takes_the_room_of(self, text: Content) -> bool:
        width, height = self.size
        if not width or (self.styles.width is not None and self.styles.width.is_auto):
            return False
        if self.styles.height is not None and not self.styles.height.is_auto:
            return True
        needed = text.get_height(self.styles.get_rules(), width)
        least = self.styles.min_height
        if least is not None and isinstance(self.parent, Widget):
            # Such as a card that fills what is there, however little it says.
            needed = max(needed, int(least.resolve(self.parent.size, self.app.size)))
        return needed == height


class Framed(_Widget):
    """A widget with words in its border: new ones draw that line of the border again, where Textual
    itself (8.2.8) draws all that the border goes round.

    It tells its screen at once that it looks otherwise. Textual's widgets do so when they have nothing
    else to do, each in its own time: what a key changed in two of them then takes two frames.
    """

    _edge: int | None = None  # the line of the border that is being written, from the top of all
    _is_told = False  # the screen, since it was drawn last

    @contextlib.contextmanager
    def writing_edge(self, *, is_top: bool) -> Iterator[None]:
        """While the title (`is_top`) or the subtitle is set."""
        self._edge = 0 if is_top else self.outer_size.height - 1
        try:
            yield
        finally:
            self._edge = None

    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        if self._edge is not None:
            gutter = self.gutter
            width = self.outer_size.width
            regions = (Region(-gutter.left, self._edge - gutter.top, width, 1),)
        super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)
        if repaint and not self._is_told and self.is_running and self.is_attached:
            self._is_told = True
            self.screen.post_message(Update(self))
        return self

    def render_lines(self, crop: Region) -> list[Strip]:
        self._is_told = False
        return super().render_lines(crop)


class Frame(Framed, Container):
    """A container with such a border."""


_TITLES: WeakKeyDictionary[Widget, tuple[str, str]] = WeakKeyDictionary()


def entitle(widget: Widget, title: str = "", subtitle: str = "") -> None:
    """Words into a widget's border, where they are new."""
    before = _TITLES.get(widget, ("", ""))
    _TITLES[widget] = (title, subtitle)
    if before[0] != title:
        with _edge_of(widget, is_top=True):
            widget.border_title = content([(title.replace("\n", " "), "")]) if title else None
    if before[1] != subtitle:
        with _edge_of(widget, is_top=False):
            widget.border_subtitle = (
                content([(subtitle.replace("\n", " "), "")]) if subtitle else None
            )


def _edge_of(widget: Widget, *, is_top: bool) -> contextlib.AbstractContextManager[None]:
    return (
        widget.writing_edge(is_top=is_top)
        if isinstance(widget, Framed)
        else contextlib.nullcontext()
    )


def say(widget: Widget, words: str, *, title: str = "", severity: str = "information") -> None:
    """A notice in the corner. Long words stay longer; one that stands there already begins anew, and does
    not stand there twice."""
    level = severity if severity in ("warning", "error") else "information"
    app, words, title = widget.app, clean(words), clean(title)
    # Textual (8.2.8) has no public way to take one away.
    for notice in tuple(app._notifications):
        if (notice.message, notice.title) == (words, title):
            app._unnotify(notice, refresh=False)
    app.notify(
        words,
        title=title,
        severity=level,  # type: ignore[arg-type]
        timeout=4 + len(words) / 40,
        markup=False,
    )
