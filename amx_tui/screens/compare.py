"""Two runs side by side: what each said of the targets that both drafted."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.commands.model import RowsChanged, SessionEvent
from amx_tui.review.history import Comparison, History, Reading, Shared
from amx_tui.review.model import State
from amx_tui.screens.review_card import alternative_lines
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Line, entitle, fit_name
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import STATES
from amx_tui.widgets.words import moment


class CompareScreen(Room):
    """`shared` is what both runs drafted; the cursor begins at `target`, or at the first one."""

    ROOM = "compare"
    CSS_PATH = "history.tcss"
    BINDINGS = bindings_of("compare")
    AUTO_FOCUS: ClassVar[str] = "#shared"

    def __init__(
        self,
        history: History,
        first: int,
        second: int,
        shared: tuple[Shared, ...],
        target: Target | None = None,
    ) -> None:
        super().__init__()
        self._history = history
        self._runs = (first, second)
        self._shared = shared
        self._differ = sum(one.differs for one in shared)
        self._begin = next((i for i, one in enumerate(shared) if one.target == target), 0)
        self._is_swapped = False
        self._comparison: Comparison | None = None
        self._is_changed = True

    def compose_body(self) -> ComposeResult:
        with Container(id="compare"):
            yield RowList(self._draw, id="shared")
            with Container(id="readings"):
                yield Page(id="first")
                yield Page(id="second")

    def on_mount(self) -> None:
        rows = self.query_one("#shared", RowList)
        rows.show(len(self._shared), cursor=self._begin)
        same = len(self._shared) - self._differ
        entitle(rows, f"{self._differ} differ · {same} the same")

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, RowsChanged):
            self._is_changed = True

    @property
    def _at(self) -> Shared:
        return self._shared[self.query_one("#shared", RowList).cursor]

    def _draw(self, index: int, width: int) -> Line:
        shared = self._shared[index]
        sign, ink = ("≠ ", "warn") if shared.differs else ("= ", "dim")
        return [
            (f" {sign}", ink),
            (
                fit_name(self.session.index.name_of(shared.target), width - 3),
                "" if shared.differs else "dim",
            ),
        ]

    def show_state(self) -> None:
        if self._is_changed:
            self._is_changed = False
            self.do(partial(self._read, self._at), only="readings")
        self._show_readings()

    async def _read(self, shared: Shared) -> None:
        found = await asyncio.to_thread(self._history.compare, [shared])
        self._comparison = found[0] if found else None
        self._show_readings()

    @on(RowList.Moved, "#shared")
    def _moved(self) -> None:
        for page in self.query(Page):
            page.jump(0)
        self.do(partial(self._read, self._at), only="readings")

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_readings)

    def _show_readings(self) -> None:
        comparison = self._comparison
        if comparison is None or not self.is_attached:
            return
        readings = [comparison.first, comparison.second]
        if self._is_swapped:
            readings.reverse()
        for page, reading in zip(self.query(Page), readings, strict=True):
            words = [f"run {reading.run}", one_line(reading.model, 60), reading.effort]
            below = f"{self.session.index.name_of(comparison.target)} · {moment(reading.at)}"
            entitle(page, " · ".join(part for part in words if part), below)
            page.show(_reading_lines(comparison, reading, page.scrollable_content_region.width))

    @on(RowList.Chosen, "#shared")
    def _chosen(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        from amx_tui.screens.review import show_in_review

        show_in_review(self, None, self._at.target)

    def action_more(self) -> None:
        """The next page of both, and after the longer one's end the beginning."""
        pages = list(self.query(Page))
        is_end = all(page.scroll_offset.y >= page.max_scroll_y for page in pages)
        for page in pages:
            page.jump(0 if is_end else page.scroll_offset.y + max(page.size.height - 1, 1))

    def action_swap(self) -> None:
        self._is_swapped = not self._is_swapped
        self._show_readings()

    def action_back(self) -> None:
        self.dismiss()


def _reading_lines(comparison: Comparison, reading: Reading, width: int) -> list[Line]:
    """The alternatives of one run, and below the one that was decided on what was decided."""
    taken = comparison.taken(reading)
    rows: list[Line] = []
    for index, alternative in enumerate(reading.alternatives):
        is_taken = index == taken
        rows += alternative_lines(index, alternative, width, is_marked=is_taken, is_taken=is_taken)
        rows.append([])
    if not reading.alternatives:
        rows.append([("The model had nothing to say.", "warn")])
    decision, run = comparison.decision, comparison.decided_on
    if decision is None:
        return rows
    is_elsewhere = run not in (comparison.first.run, comparison.second.run)
    if run == reading.run or is_elsewhere:
        state = State.WRITTEN if comparison.written else State(decision.verdict.value)
        sign, ink = STATES[state]
        text = one_line(decision.text or "") if taken is None else ""  # it stands above
        source = "" if run == reading.run else f" on run {run}" if run else " without a draft"
        rows.append([(f"{sign} {state.value}{source}", ink), (f"  {text}", "")])
    return rows
