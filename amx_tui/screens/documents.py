"""What is told of documents and code: in Draft where their reading stands, in Review what was sent."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.screen import ModalScreen

from amx_tui.base.text import one_line
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Plan
from amx_tui.evidence.model import Passage, Reading, Skipped, Standing
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle
from amx_tui.widgets.stream_view import StreamView
from amx_tui.widgets.words import number

# As many places as a card has room for; the dialog names them all.
_SHOWN = 3


def standing_lines(standing: Standing, plan: Plan) -> list[Line]:
    """For Draft: what goes along, how much was read, what was left out; nothing where config.yml names
    no documents and no code."""
    if standing.reading is Reading.NOT_YET:
        return []
    if plan.privacy is Privacy.METADATA:
        return [_line("no document and no code goes along at metadata")]
    if standing.reading is Reading.GOING_ON:
        said = "looking for files …"
        if standing.total:
            said = f"reading {number(standing.done)} of {number(standing.total)} files …"
        return [_line(f"{said} the draft is made again when they are read")]
    if standing.reading is Reading.FAILED:
        return [_line(f"{problem.what}: {problem.why}", "bad") for problem in standing.problems]
    lines: list[Line] = [
        [
            *_line(_what_goes_along(plan), "strong"),
            (f" · {_count(standing.files, 'file')} read", "dim"),
            (_left_out(standing), "dim"),
        ]
    ]
    if count := standing.skipped.get(Skipped.LACKS_EXTRA):
        said = f"{number(count)} PDF or Word: python -m pip install 'amx-tui[docs]' reads them"
        lines.append(_line(said, "warn", label=""))
    lines += [_line(f"{problem.what}", "warn", label="") for problem in standing.problems]
    return lines


def _line(said: str, ink: str = "dim", *, label: str = "docs") -> Line:
    return [(f"{label:<9}", "dim"), (one_line(said), ink)]


def _what_goes_along(plan: Plan) -> str:
    by_table = {batch.table: batch.passages for batch in plan.batches}
    passages = {passage for told in by_table.values() for passage in told}
    if not passages:
        return "no passage tells of these tables"
    files = {passage.path for passage in passages}
    go = "go" if len(passages) > 1 else "goes"
    return f"{_count(len(passages), 'passage')} of {_count(len(files), 'file')} {go} along"


def _left_out(standing: Standing) -> str:
    said = [f"{number(count)} {why.value}" for why, count in standing.skipped.items()]
    return f" · left out: {', '.join(said)}" if said else ""


def _count(count: int, what: str) -> str:
    return f"{number(count)} {what}{'s' if count != 1 else ''}"


def sent_line(passages: Sequence[Passage]) -> Line:
    """For Review's card: where what was sent stands."""
    places = " · ".join(one_line(passage.place, 60) for passage in passages[:_SHOWN])
    more = f" and {len(passages) - _SHOWN} more" if len(passages) > _SHOWN else ""
    return [("read    ", "dim"), (places + more, ""), (" (p)", "dim")]


class PassagesDialog(ModalScreen[None]):
    """The passages themselves, as they were sent."""

    BINDINGS = bindings_of("passages")
    CSS_PATH = "dialog.tcss"

    def __init__(self, table: str, passages: Sequence[Passage]) -> None:
        super().__init__()
        self._table = table
        self._passages = passages

    def compose(self) -> ComposeResult:
        with VerticalGroup(classes="dialog dialog-wide") as box:
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
