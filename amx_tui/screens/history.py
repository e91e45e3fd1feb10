"""Past runs: what was asked, how it ended, what it cost, what became of it; and who wrote what when."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from amx_tui.base.text import one_line
from amx_tui.review.model import JournalEntry, RunRecord
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Frame, Line, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.words import moment, money, number

# Cells from which on a run's line has room for everything.
WIDE = 110


class HistoryScreen(Room):
    ROOM = "history"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("history")
    AUTO_FOCUS: ClassVar[str] = "#runs"

    def __init__(self) -> None:
        super().__init__()
        self._runs: tuple[RunRecord, ...] = ()
        self._written: tuple[JournalEntry, ...] = ()
        self._shows_written = False
        self._shown: list[RunRecord] | list[JournalEntry] = []
        self._marked: list[int] = []  # runs, the last two that were marked

    def compose_body(self) -> ComposeResult:
        with Frame(id="list"):
            yield Input(placeholder="filter by text", id="filter", compact=True)
            yield RowList(self._draw, id="runs")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False

    def on_screen_resume(self) -> None:
        self.do(self._read)

    async def _read(self) -> None:
        store, database = self.session.workspace.store, self.session.connector.identity
        self._runs = await asyncio.to_thread(store.runs, database)
        self._written = await asyncio.to_thread(store.journal, database)
        self.show_now()

    def show_state(self) -> None:
        words = self.query_one("#filter", Input).value.lower().split()
        if self._shows_written:
            self._shown = [
                one for one in self._written if all(word in _entry_text(one) for word in words)
            ]
            of, what, empty = len(self._written), "text", "Nothing was written yet."
        else:
            self._shown = [
                one for one in self._runs if all(word in _run_text(one) for word in words)
            ]
            of, what, empty = len(self._runs), "run", "No run yet. Press B, mark, then d."
        if of:
            empty = "Nothing fits. esc shows all."
        self.query_one("#runs", RowList).show(len(self._shown), empty=empty)
        title = f"{of} {what}{'s' if of != 1 else ''} of {self.session.connector.label}"
        run = self._run
        below = one_line(_about(run), 200) if run is not None else ""
        if words:
            below = f"{len(self._shown)} listed"
        if self._marked and not self._shows_written:
            below = f"marked: {', '.join(f'run {run}' for run in self._marked)}"
        entitle(self.query_one("#list"), title, below)

    def _draw(self, index: int, width: int) -> Line:
        if index >= len(self._shown):
            return []
        one = self._shown[index]
        return self._run_line(one, width) if isinstance(one, RunRecord) else _entry_line(one, width)

    def _run_line(self, run: RunRecord, width: int) -> Line:
        kept = f"{run.kept} kept" if run.kept else ""
        rejected = f"{run.rejected} rejected" if run.rejected else ""
        is_wide = width >= WIDE
        drafted, tokens = (17, 15) if is_wide else (10, 0)
        decided = ", ".join(filter(None, (kept, rejected)))
        return [
            ("●" if run.id in self._marked else " ", "accent"),
            (fit(f"{run.id} ", 5), "key"),
            (fit(moment(run.started_at), 17), "dim"),
            (fit(run.state.value, 12), "" if run.state.value == "finished" else "warn"),
            (fit(f"{run.drafted}/{run.targets}{' drafted' if is_wide else ''}", drafted), ""),
            (fit(decided, 22), "good" if run.kept else "dim"),
            (fit(f"{number(run.usage.total)} tokens" if is_wide else "", tokens), "dim"),
            (fit(money(run.usd), 10), ""),
            (fit(one_line(_about(run)), max(width - 67 - drafted - tokens, 0)), "dim"),
        ]

    # Keys. ---------------------------------------------------------------------------------------

    @property
    def _run(self) -> RunRecord | None:
        cursor = self.query_one("#runs", RowList).cursor
        one = self._shown[cursor] if cursor < len(self._shown) else None
        return one if isinstance(one, RunRecord) else None

    @on(RowList.Moved, "#runs")
    def _moved(self) -> None:
        self.show_now()

    @on(RowList.Chosen, "#runs")
    def _open(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        run = self._run
        if run is None:
            return
        from amx_tui.screens.review import ReviewScreen

        def there() -> None:
            if isinstance(self.app.screen, ReviewScreen):
                self.app.screen.show_run(run.id)

        self.desk.go("review", there)

    def action_written(self) -> None:
        self._shows_written = not self._shows_written
        self.query_one("#runs", RowList).go(0)
        self.show_now()

    def action_mark(self) -> None:
        run = self._run
        if run is None:
            return
        if run.id in self._marked:
            self._marked.remove(run.id)
        else:
            self._marked = [*self._marked[-1:], run.id]
        self.query_one("#runs", RowList).action_down()
        self.show_now()

    def action_compare(self) -> None:
        run = self._run
        pair = sorted(self._marked)
        if len(pair) < 2 and run is not None:
            earlier = [one.id for one in self._runs if one.id < run.id]
            pair = [*earlier[:1], run.id] if not pair else sorted({*pair, run.id})
        if len(pair) < 2:
            say(self, "Mark two runs with space, then press c.")
            return
        self.do(partial(self._compare, pair[0], pair[1]), only="compare")

    async def _compare(self, before: int, after: int) -> None:
        from amx_tui.screens.compare import CompareDialog

        store, database = self.session.workspace.store, self.session.connector.identity
        old = await asyncio.to_thread(store.rows, database, before)
        new = {row.target: row for row in await asyncio.to_thread(store.rows, database, after)}
        pairs = [(row, new[row.target]) for row in old if row.target in new]
        if not pairs:
            say(self, f"Runs {before} and {after} drafted nothing in common.")
            return
        self.app.push_screen(CompareDialog(before, after, pairs))

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter(self) -> None:
        self.show_now()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self.query_one("#runs").focus()

    def action_rest(self) -> None:
        run = self._run
        if run is not None:
            self.do(partial(self._draft_rest, run.id), only="rest")

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
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one("#runs").focus()
        elif self._shows_written:
            self.action_written()
        else:
            self.desk.go("browse")


def _about(run: RunRecord) -> str:
    effort = f" · {run.effort}" if run.effort else ""
    hint = f" · hint: {one_line(run.hint, 80)}" if run.hint else ""
    return f"{run.profile} · {run.model}{effort} · {run.scope}{hint}"


def _entry_line(entry: JournalEntry, width: int) -> Line:
    outcome = entry.outcome.value if entry.outcome is not None else "end unknown"
    if entry.undoes is not None:
        outcome = f"put back, {outcome}"
    whence = f"run {entry.run}" if entry.run is not None else "own words"
    who, path, ended, came = (14, 28, 20, 10) if width >= WIDE else (9, 20, 10, 0)
    return [
        (fit(f" {moment(entry.at)}", 18), "dim"),
        (fit(one_line(entry.who), who), ""),
        (fit(entry.change.target.path, path) + " ", "key"),
        (fit(outcome, ended), "" if outcome == "written" else "warn"),
        (fit(whence, came), "dim"),
        (
            fit(one_line(entry.change.new or "–"), max(width - 19 - who - path - ended - came, 0)),
            "",
        ),
    ]


def _run_text(run: RunRecord) -> str:
    parts = (f"run {run.id}", moment(run.started_at), run.state.value, run.profile, run.model)
    return " ".join((*parts, run.effort, run.scope, run.hint)).lower()


def _entry_text(entry: JournalEntry) -> str:
    change, outcome = entry.change, entry.outcome.value if entry.outcome else ""
    parts = (moment(entry.at), entry.who, change.target.schema, change.target.path, outcome)
    return " ".join((*parts, change.old or "", change.new or "", entry.model or "")).lower()
