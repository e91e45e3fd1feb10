"""What is told of documents and code: in Draft where their reading stands, in Review what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.commands.documents import standing_words
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Plan
from amx_tui.evidence.model import Passage, Reading, Standing
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle
from amx_tui.widgets.stream_view import StreamView

# As many places as a card has room for; the dialog names them all.
_SHOWN = 3


def standing_lines(standing: Standing, plan: Plan) -> list[Line]:
    """For Draft; nothing where config.yml names no documents and no code."""
    is_done = standing.reading is Reading.DONE and plan.privacy is not Privacy.METADATA
    ink = "bad" if standing.reading is Reading.FAILED else "strong" if is_done else "dim"
    lines: list[Line] = []
    for place, (said, more) in enumerate(standing_words(standing, plan)):
        label = "docs" if place == 0 else ""
        lines.append([(f"{label:<9}", "dim"), (said, ink if place == 0 else "warn"), (more, "dim")])
    return lines


def sent_line(passages: Sequence[Passage]) -> Line:
    """For Review's card: where what was sent stands."""
    places = " · ".join(one_line(passage.place, 60) for passage in passages[:_SHOWN])
    more = f" and {len(passages) - _SHOWN} more" if len(passages) > _SHOWN else ""
    return [("docs     ", "dim"), (places + more, ""), (" (p)", "dim")]


class PassagesDialog(Dialog[None]):
    """The passages themselves, as they were sent."""

    BINDINGS = bindings_of("passages")
    CSS_PATH = "dialog.tcss"

    def __init__(self, table: str, passages: Sequence[Passage]) -> None:
        super().__init__()
        self._table = table
        self._passages = passages

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(box, f"What was sent of documents and code with {self._table}", "esc")
            yield StreamView(id="passages")

    def on_mount(self) -> None:
        view = self.query_one(StreamView)
        view.replace("\n\n".join(map(_in_full, self._passages)), follow=False)
        view.focus()

    def action_leave(self) -> None:
        self.dismiss(None)


def _in_full(passage: Passage) -> str:
    under = f" · {passage.heading}" if passage.heading else ""
    return f"── {passage.place}{under} ──\n{passage.text}"
