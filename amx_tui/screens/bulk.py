"""Decides on many suggestions at once, after all of them were shown with what each would get."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import VerticalGroup

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Band, Signal
from amx_tui.review.model import ReviewRow, Verdict
from amx_tui.screens.review_listing import Confidences
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Piece, Plain, entitle, fit, fit_name
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import BANDS

MOST_LINES = 20


class BulkDialog(Dialog[Verdict]):
    """Dismissed with what is decided of all `rows`, or None. Where that is to accept, each gets its first
    alternative, and those without one stay undecided."""

    BINDINGS = bindings_of("bulk")
    CSS_PATH = "dialog.tcss"

    def __init__(
        self, rows: Sequence[ReviewRow], counts: Confidences, name_of: Callable[[Target], str]
    ) -> None:
        super().__init__()
        self._name_of = name_of
        self._rows = rows
        self._counts = counts

    def compose(self) -> ComposeResult:
        with VerticalGroup(classes="dialog dialog-wide") as box:
            entitle(box, f"{len(self._rows)} suggestions at once", "u takes all of them back")
            yield Plain(classes="dialog-body", id="counts")
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._rows), MOST_LINES)
            yield rows
            yield KeyBar("bulk", {})

    def on_mount(self) -> None:
        self.query_one("#counts", Plain).write_lines([self._count_line()])
        rows = self.query_one(RowList)
        rows.show(len(self._rows))
        rows.focus()

    def _count_line(self) -> Line:
        """How many of each confidence, and where that comes from: a model's own word is no
        measurement, and is named."""
        pieces: list[Piece] = []
        for band in Band:
            for signal in Signal:
                if number := self._counts.get((band, signal), 0):
                    sign, ink = BANDS[band]
                    means = "measured" if signal is Signal.LOGPROB else "declared by the model"
                    pieces += [(f"{sign} {number} {band.value}", ink), (f" {means}   ", "dim")]
        if empty := self._counts.get(None, 0):
            pieces.append((f"{empty} without a text: they stay undecided", "warn"))
        return pieces

    def _draw(self, index: int, width: int) -> Line:
        row = self._rows[index]
        path_width = min(max(width // 3, 14), 36)
        alternatives = row.suggestion.alternatives
        sign, ink = BANDS[alternatives[0].confidence.band] if alternatives else (" ", "")
        text = one_line(alternatives[0].text, 300) if alternatives else "–"
        return [
            (f" {sign} ", ink),
            (fit_name(self._name_of(row.target), path_width) + " ", ""),
            (fit(text, width - path_width - 4), "" if alternatives else "dim"),
        ]

    def action_accept(self) -> None:
        self.dismiss(Verdict.ACCEPTED)

    def action_reject(self) -> None:
        self.dismiss(Verdict.REJECTED)

    def action_later(self) -> None:
        self.dismiss(Verdict.LATER)

    def action_leave(self) -> None:
        self.dismiss(None)
