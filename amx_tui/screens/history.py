"""The past: runs with how they ended, what they cost and what became of them; who wrote what when."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from amx_tui.base.amounts import counted
from amx_tui.commands.model import RowsChanged, SessionEvent
from amx_tui.drafting.model import RunEnded, RunStarted
from amx_tui.review.history import History, PastRun, Writing
from amx_tui.screens.history_lines import (
    run_card,
    run_head,
    run_line,
    writing_card,
    writing_head,
    writing_line,
)
from amx_tui.screens.paged import Paged
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.line_input import LineInput
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Frame, Line, entitle, say
from amx_tui.widgets.rows import HeadLine, RowList

_T = TypeVar("_T")

NO_RUN = "No run yet. Press B, mark what lacks a description, then d."
NOTHING_WRITTEN = "Nothing was written yet.\nAccept some in Review (R), then press W."
NOTHING_FITS = "Nothing has these words. Press esc to see all."


class HistoryScreen(Room):
    ROOM = "history"
    CSS_PATH = "history.tcss"
    BINDINGS = bindings_of("history")
    AUTO_FOCUS: ClassVar[str] = "#run-rows"

    def __init__(self) -> None:
        super().__init__()
        history = self._history = History(
            self.session.workspace.store, self.session.connector.identity
        )
        self._runs: Paged[PastRun] = Paged(history.run_numbers, history.runs)
        self._written: Paged[Writing] = Paged(history.writing_numbers, history.writings)
        self._shows_written = False
        self._words = ""
        self._marked: list[int] = []  # runs, in the order in which they were marked
        self._is_changed = True  # what is shown has to be read again
        self._is_reading = False
        self._read_after = 0.0  # what costs much to read is not read all the time

    def compose_body(self) -> ComposeResult:
        yield LineInput(placeholder="target, text, profile, model, who", id="filter", compact=True)
        with Frame(id="runs", classes="list"):
            yield HeadLine(run_head)
            yield RowList(self._draw_run, id="run-rows")
        with Frame(id="written", classes="list"):
            yield HeadLine(writing_head)
            yield RowList(self._draw_writing, id="written-rows")
        yield Page(id="card")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.query_one("#written").display = False

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, RowsChanged | RunStarted | RunEnded):
            self._is_changed = True

    def on_screen_resume(self) -> None:
        self._read_again()

    @property
    def _rows(self) -> RowList:
        return self.query_one("#written-rows" if self._shows_written else "#run-rows", RowList)

    @property
    def _shown(self) -> Paged[PastRun] | Paged[Writing]:
        return self._written if self._shows_written else self._runs

    def _read_again(self) -> None:
        """A key asks for it: at once, or as soon as what is being read has come."""
        self._is_changed, self._read_after = True, 0.0
        self.show_now()

    def show_state(self) -> None:
        if self._is_changed and not self._is_reading:
            if time.monotonic() < self._read_after:
                self._is_stale = True
            else:
                self._is_changed, self._is_reading = False, True
                self.do(partial(self._read, self._shown, self._words, self._rows.cursor))
        self._show_lists()
        self._show_card()

    async def _read(self, shown: Paged[PastRun] | Paged[Writing], words: str, place: int) -> None:
        """One at a time: a search through everything that was typed over is not joined by another."""
        began = time.monotonic()
        try:
            loaded = await asyncio.to_thread(shown.load, words, place)
        finally:
            self._is_reading = False
        self._read_after = time.monotonic() + 3 * (time.monotonic() - began)
        if shown is self._shown and words == self._words:
            rows, stays = self._rows, place < len(shown)
            number = shown.numbers[place] if stays else 0
            shown.take(loaded)  # type: ignore[arg-type]
            moved = shown.place_of(number) if stays and place else None
            if moved is not None:
                rows.show(len(shown), cursor=moved, stays=True)
        else:
            self._read_after = 0.0
        self.show_now()

    def _show_lists(self) -> None:
        empty = NOTHING_WRITTEN if self._shows_written else NO_RUN
        if self._words:
            empty = NOTHING_FITS
        if self._shown.words != self._words:
            empty = "Reading…"
        self._rows.show(len(self._shown), empty=empty)
        where = f" of {self.session.connector.label}"
        below = ""
        if self._marked:
            below = f"marked: {', '.join(f'run {number}' for number in self._marked)}"
        entitle(self.query_one("#runs"), self._found(self._runs, "run", "") + where, below)
        title = self._found(self._written, "text", " written or tried") + where
        entitle(self.query_one("#written"), title)

    def _name_of(self, writing: Writing) -> str:
        return self.session.index.name_of(writing.entry.change.target)

    def _found(self, paged: Paged[PastRun] | Paged[Writing], one: str, what: str) -> str:
        """How many there are; a search through much takes seconds."""
        if paged is self._shown and paged.words != self._words:
            return f"looking for “{self._words}”…" if self._words else "reading…"
        words = f" with “{paged.words}”" if paged.words else ""
        return f"{counted(len(paged), one)}{what}{words}"

    def _show_card(self) -> None:
        card, place = self.query_one("#card", Page), self._rows.cursor
        if self._shows_written:
            writing = self._at(self._written, place)
            entitle(card, self._name_of(writing) if writing is not None else "")
            card.show(writing_card(writing) if writing is not None else [])
        else:
            run = self._at(self._runs, place)
            entitle(card, f"run {run.record.id}" if run is not None else "")
            card.show(run_card(run) if run is not None else [])

    def _at(self, paged: Paged[_T], place: int) -> _T | None:
        """A row; what was not read yet is asked for, and shown when it has come."""
        row = paged.at(place)
        if row is None and (numbers := paged.want(place)):
            self.do(partial(self._read_page, paged, numbers))
        return row

    async def _read_page(self, paged: Paged[_T], numbers: tuple[int, ...]) -> None:
        paged.add(await asyncio.to_thread(paged.read, numbers))
        self.show_now()

    def _draw_run(self, index: int, width: int) -> Line:
        run = self._at(self._runs, index)
        if run is None:
            return [(" …", "dim")]
        return run_line(run, width, is_marked=run.record.id in self._marked)

    def _draw_writing(self, index: int, width: int) -> Line:
        writing = self._at(self._written, index)
        if writing is None:
            return [(" …", "dim")]
        return writing_line(self._name_of(writing), writing, width)

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._show_card()

    # Keys. ---------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self._shows_written and action in ("mark", "compare", "rest"))

    @on(RowList.Chosen)
    def _open(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        from amx_tui.screens.review import show_in_review

        if self._shows_written:
            writing = self._written.at(self._rows.cursor)
            if writing is not None:
                show_in_review(self, None, writing.entry.change.target)
        elif (run := self._run) is not None:
            if run.record.drafted:
                show_in_review(self, run.record.id)
            else:
                say(self, f"Run {run.record.id} drafted nothing. t drafts what it lacks.")

    @property
    def _run(self) -> PastRun | None:
        """The run under the cursor."""
        return None if self._shows_written else self._runs.at(self._rows.cursor)

    def action_mark(self) -> None:
        run = self._run
        if run is None:
            return
        if run.record.id in self._marked:
            self._marked.remove(run.record.id)
        else:
            self._marked = [*self._marked[-1:], run.record.id]
        self._rows.action_down()
        self.show_now()

    def action_compare(self) -> None:
        run = self._run
        if run is None:
            return
        chosen = list(self._marked)
        if len(chosen) < 2:
            chosen = list(dict.fromkeys([*chosen, run.record.id]))
        following = self._rows.cursor + 1
        if len(chosen) < 2 and following < len(self._runs):
            chosen.append(self._runs.numbers[following])
        if len(chosen) < 2:
            say(self, "There is no other run to compare it with.")
            return
        self.do(partial(self._compare, *sorted(chosen)), only="compare")

    async def _compare(self, first: int, second: int) -> None:
        shared = await asyncio.to_thread(self._history.shared, first, second)
        if not shared:
            say(self, "space marks the two that are to be compared.",
                title=f"Run {first} and run {second} drafted nothing in common")  # fmt: skip
            return
        from amx_tui.screens.compare import CompareScreen

        self.app.push_screen(CompareScreen(self._history, first, second, shared))

    def action_written(self) -> None:
        self._shows_written = not self._shows_written
        self.query_one("#runs").display = not self._shows_written
        self.query_one("#written").display = self._shows_written
        if not self.query_one("#filter").has_focus:
            self._rows.focus()
        self.refresh_bindings()
        self.query_one("#key-bar").refresh()
        self._read_again()

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        self.write_in(field)

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        words = event.value.strip()
        if words != self._words:
            self._words = words
            self._rows.go(0)
            self._read_again()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self._rows.focus()

    def action_rest(self) -> None:
        run = self._run
        if run is not None:
            self.do(partial(self._draft_rest, run.record.id), only="rest")

    async def _draft_rest(self, run: int) -> None:
        session = self.session
        if session.is_running:
            say(self, "A run is going already. Press D to watch it.")
            return
        if not session.is_whole:
            say(self, "The schema is still being read.")
            return
        missing = await session.unfinished.lacking(run)
        if not missing:
            say(self, f"Nothing of run {run} is missing.")
            return
        from amx_tui.screens.draft import DraftScreen

        self.app.push_screen(DraftScreen(frozenset(missing), run=run))

    def action_back(self) -> None:
        """One level out: the filter, the marks, the list of writings, the screen."""
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self._rows.focus()
        elif self._marked:
            self._marked.clear()
            self.show_now()
        elif self._shows_written:
            self.action_written()
        else:
            self.desk.go("browse")
