"""Past runs: what was asked, how it ended, what it cost."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from amx_tui.review.model import RunRecord
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.words import moment, money, number


class HistoryScreen(Room):
    ROOM = "history"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("history")
    AUTO_FOCUS: ClassVar[str] = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[RunRecord, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield RowList(self._draw, empty="No run yet. Press B, mark, then d.", id="runs")

    def on_screen_resume(self) -> None:
        self.do(self._read)

    async def _read(self) -> None:
        store, database = self.session.workspace.store, self.session.connector.identity
        self._runs = await asyncio.to_thread(store.runs, database)
        self.show_now()

    def show_state(self) -> None:
        rows = self.query_one("#runs", RowList)
        rows.show(len(self._runs))
        count = len(self._runs)
        entitle(rows, f"{count} run{'s' if count != 1 else ''} of {self.session.connector.label}")

    def _draw(self, index: int, width: int) -> Line:
        run = self._runs[index]
        tokens = number(run.usage.total)
        facts = f"{run.drafted}/{run.targets} drafted"
        left = width - 6 - 17 - 13 - 18 - 15 - 10
        return [
            (fit(f" {run.id} ", 6), "key"),
            (fit(moment(run.started_at), 17), "dim"),
            (fit(run.state.value, 13), "" if run.state.value == "finished" else "warn"),
            (fit(facts, 18), ""),
            (fit(f"{tokens} tokens", 15), "dim"),
            (fit(money(run.usd), 10), ""),
            (fit(f"{run.profile} · {run.model} · {run.scope}", left), "dim"),
        ]

    @on(RowList.Chosen, "#runs")
    def _open(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        self.desk.go("review")

    def action_rest(self) -> None:
        cursor = self.query_one("#runs", RowList).cursor
        if cursor < len(self._runs):
            self.do(partial(self._draft_rest, self._runs[cursor].id), only="rest")

    async def _draft_rest(self, run: int) -> None:
        session = self.session
        if session.is_running:
            say(self, "A run is going already. Press D to watch it.")
            return
        if not session.is_whole:
            say(self, "The schema is still being read.")
            return
        missing = await session.lacking(run)
        if not missing:
            say(self, f"Nothing of run {run} is missing.")
            return
        from amx_tui.screens.draft import DraftScreen

        self.app.push_screen(DraftScreen(frozenset(missing), run=run))

    def action_back(self) -> None:
        self.desk.go("browse")
