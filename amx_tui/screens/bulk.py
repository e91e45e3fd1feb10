"""Decides on many suggestions at once, after all of them were shown with what each would get."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Band, Signal
from amx_tui.review.model import ReviewRow, State, Verdict
from amx_tui.screens.review_listing import Confidences
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Piece, Plain, entitle, fit, fit_name
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import BANDS, STATES

MOST_LINES = 20


class BulkDialog(Dialog[Verdict]):
    """Dismissed with what is decided of all `rows`, or None. Where that is to accept, each gets its first
    alternative, and those without one stay undecided."""

    BINDINGS = bindings_of("bulk")
    CSS_PATH = "dialog.tcss"

    def __init__(
        self,
        rows: Sequence[ReviewRow],
        counts: Confidences,
        decided: int,
        name_of: Callable[[Target], str],
    ) -> None:
        super().__init__()
        self._decided = decided  # of `rows`
        self._name_of = name_of
        self._rows = rows
        self._counts = counts

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(box, f"{len(self._rows)} suggestions at once", "u takes all of them back")
            yield Plain(classes="dialog-body", id="counts")
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._rows), MOST_LINES)
            yield rows
            yield KeyBar("bulk", {})

    def on_mount(self) -> None:
        self.query_one("#counts", Plain).write_lines(count_lines(self._counts, self._decided))
        rows = self.query_one(RowList)
        rows.show(len(self._rows))
        rows.focus()

    def _draw(self, index: int, width: int) -> Line:
        row = self._rows[index]
        path_width = min(max(width // 3, 14), 36)
        alternatives = row.suggestion.alternatives
        sign, ink = BANDS[alternatives[0].confidence.band] if alternatives else (" ", "")
        text = one_line(alternatives[0].text, 300) if alternatives else "–"
        state, state_ink = STATES[row.state] if row.state is not State.TODO else (" ", "")
        return [
            (f" {sign} ", ink),
            (f"{state} ", state_ink),
            (fit_name(self._name_of(row.target), path_width) + " ", ""),
            (fit(text, width - path_width - 6), "" if alternatives else "dim"),
        ]

    def action_accept(self) -> None:
        self.dismiss(Verdict.ACCEPTED)

    def action_reject(self) -> None:
        self.dismiss(Verdict.REJECTED)

    def action_later(self) -> None:
        self.dismiss(Verdict.LATER)

    def action_leave(self) -> None:
        self.dismiss(None)


def count_lines(counts: Confidences, decided: int) -> list[Line]:
    """How many there are of each confidence, by where that comes from: a model's own word is no
    measurement, and is named. `decided` of all of them have a decision, which would be replaced."""
    rows: list[Line] = []
    for signal, means in ((Signal.LOGPROB, "measured"), (Signal.DECLARED, "declared by the model")):
        pieces: list[Piece] = []
        for band in Band:
            if number := counts.get((band, signal), 0):
                sign, ink = BANDS[band]
                pieces.append((f"  {sign} {number} {band.value}", ink))
        if pieces:
            rows.append([(means, "dim"), *pieces])
    if empty := counts.get(None, 0):
        rows.append([(f"{empty} without a text: they stay undecided", "warn")])
    if decided:
        rows.append([(f"{decided} decided already: this would be another decision", "warn")])
    return rows
