"""What two runs said of the same targets, side by side; it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.screen import ModalScreen

from amx_tui.base.text import one_line
from amx_tui.review.model import ReviewRow
from amx_tui.screens.review_card import difference
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Line, entitle, fit
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import BANDS, confidence_words

# Lines of the screen that are no row and no text: borders, the key bar, and a margin around.
AROUND = 9


class CompareDialog(ModalScreen[None]):
    """`pairs` are the rows of the two runs over the same targets."""

    BINDINGS = bindings_of("compare")
    CSS_PATH = "dialog.tcss"

    def __init__(
        self, before: int, after: int, pairs: Sequence[tuple[ReviewRow, ReviewRow]]
    ) -> None:
        super().__init__()
        self._before, self._after = before, after
        self._pairs = pairs

    def compose(self) -> ComposeResult:
        with VerticalGroup(classes="dialog dialog-wide") as box:
            same = sum(_first(old) == _first(new) for old, new in self._pairs)
            entitle(
                box,
                f"run {self._before} and run {self._after}",
                f"{len(self._pairs)} in both · {same} with the same first text",
            )
            rows = RowList(self._draw)
            room = max(self.app.size.height - AROUND, 4)
            height = min(len(self._pairs), room * 2 // 5)
            rows.styles.height = height
            yield rows
            page = Page(id="pair")
            page.styles.height = room - height
            yield page
            yield KeyBar("compare", {})

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._pairs))
        rows.focus()
        self.call_after_refresh(self._show, 0)

    def _draw(self, index: int, width: int) -> Line:
        old, new = self._pairs[index]
        path_width = min(max(width // 4, 14), 32)
        half = max((width - path_width - 5) // 2, 10)
        is_same = _first(old) == _first(new)
        return [
            (f" {'=' if is_same else '≠'} ", "dim" if is_same else "accent"),
            (fit(old.target.path, path_width) + " ", ""),
            (fit(_first(old), half) + " ", "dim"),
            (fit(_first(new), half), "dim" if is_same else ""),
        ]

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        self._show(event.index)

    def _show(self, index: int) -> None:
        old, new = self._pairs[index]
        rows: list[Line] = []
        for run, row in ((self._before, old), (self._after, new)):
            rows.append([(f"run {run} · {one_line(row.model)}", "dim")])
            for alternative in row.suggestion.alternatives:
                sign, ink = BANDS[alternative.confidence.band]
                words = confidence_words(alternative.confidence)
                rows.append([(f"  {sign} {words}  ", ink), (one_line(alternative.text), "")])
        if _first(old) and _first(new) and _first(old) != _first(new):
            rows.append([("change  ", "dim"), *difference(_first(old), _first(new))])
        page = self.query_one("#pair", Page)
        page.jump(0)
        page.show(rows)

    def action_more(self) -> None:
        page = self.query_one("#pair", Page)
        is_at_its_end = page.scroll_offset.y >= page.max_scroll_y
        page.jump(0 if is_at_its_end else page.scroll_offset.y + max(page.size.height - 1, 1))

    def action_leave(self) -> None:
        self.dismiss()


def _first(row: ReviewRow) -> str:
    alternatives = row.suggestion.alternatives
    return one_line(alternatives[0].text) if alternatives else ""
