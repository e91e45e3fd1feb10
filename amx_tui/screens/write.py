"""What will be written, word for word; then what became of each. Nothing is written before a yes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from amx_tui.base.amounts import counted
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Catalog, Change, Home, Outcome, Target, Written
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.commands.writing import PendingChange
from amx_tui.screens.export import ExportDialog, ExportWish
from amx_tui.screens.question import Question
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit, fit_name, say
from amx_tui.widgets.rows import RowList

_FEW = 3  # lines of what an export left as it is

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    Outcome.WRITTEN: ("■", "accent"),
    Outcome.CHANGED_MEANWHILE: ("≠", "warn"),
    Outcome.REFUSED: ("✗", "bad"),
    Outcome.FAILED: ("✗", "bad"),
}


class WriteScreen(Room):
    ROOM = "write"
    CSS_PATH = "write.tcss"
    BINDINGS = bindings_of("write")
    AUTO_FOCUS: ClassVar[str] = "#changes"

    def __init__(self) -> None:
        super().__init__()
        self._pending: Sequence[PendingChange] = ()
        self._left: frozenset[Target] = frozenset()  # of these: what would be left alone
        self._why_none = ""  # where none of them is
        self._results: dict[Target, Written] = {}
        # What was tried just now, then what is still to be written; there may be ten thousand.
        self._listed: list[PendingChange | Written] = []
        self._is_busy = False
        self._is_reading = False
        self._goal: Target | None = None  # where the cursor goes when all is read again
        self._problem: Problem | None = None

    def compose_body(self) -> ComposeResult:
        with Container(id="write"):
            yield RowList(self._draw_row, empty="", id="changes")
            with VerticalScroll(id="statement", can_focus=False):
                yield Plain(id="statement-text")

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, RowsChanged | CatalogRead) and self.is_current:
            self._read()

    def on_screen_resume(self) -> None:
        # What was waiting may have been taken back since: nothing of it is shown, nor can be written,
        # before it is read again.
        if not self._is_busy:
            listed, cursor = self._listed, self.query_one("#changes", RowList).cursor
            self._goal = listed[cursor].change.target if cursor < len(listed) else self._goal
            self._hold((), {})
            self._left = frozenset()
            self._is_reading = True
        self._read()

    def _read(self) -> None:
        if not self._is_busy:
            self.do(self._read_pending, only="pending")

    async def _read_pending(self) -> None:
        from amx_tui.commands.writing import pending, why_none

        session = self.session

        def read(catalog: Catalog) -> tuple[Sequence[PendingChange], frozenset[Target], str]:
            parts = session.workspace.store, session.connector, catalog
            found = pending(*parts)
            left = frozenset(one.change.target for one in found if one.is_left)
            return found, left, "" if found else why_none(*parts)

        found: Sequence[PendingChange] = ()
        left: frozenset[Target] = frozenset()
        try:
            self._problem = None
            catalog = await session.fresh_catalog()
            found, left, self._why_none = await asyncio.to_thread(read, catalog)
        except Problem as problem:
            self._problem = problem
        self._left = left
        self._hold(found, self._results)
        self._is_reading = False
        self.show_now()

    def _hold(self, pending: Sequence[PendingChange], results: dict[Target, Written]) -> None:
        """These are listed from now on."""
        self._pending, self._results = pending, results
        done = [result for result in results.values() if result.outcome is Outcome.WRITTEN]
        self._listed = [*pending, *done]

    # What is shown. ------------------------------------------------------------------------------

    def show_state(self) -> None:
        abilities = self.session.connector.abilities
        rows = self.query_one("#changes", RowList)
        why = self._why_none or "Press R and accept a suggestion first."
        empty = f"Nothing is waiting to be written.\n{why}"
        if self._problem is not None:
            empty = f"{self._problem.what}\n{tell(self._problem)}"
        if self._is_reading:
            empty = "reading …"
        place = None
        if not self._is_reading and self._goal is not None:
            targets = [entry.change.target for entry in self._listed]
            place = targets.index(self._goal) if self._goal in targets else None
            self._goal = None
        rows.show(len(self._listed), cursor=place, empty=empty)
        counts = Counter(result.outcome for result in self._results.values())
        to_write = len(self._pending) - len(self._left)
        parts = ["reading …" if self._is_reading else f"{to_write} to write"]
        # What was tried is counted with what became of it.
        if told := len(self._left - self._results.keys()):
            parts.append(f"{told} left alone")
        parts += [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
        where = f"into {abilities.where}"
        if abilities.home is Home.NOWHERE:
            where = f"export only: {abilities.where}"
        entitle(rows, " · ".join(parts), where)
        self._show_statement()

    def _draw_row(self, index: int, width: int) -> Line:
        listed = self._listed[index]
        change = listed.change
        result = self._results.get(change.target)
        sign, ink = OUTCOMES[result.outcome] if result else ("·", "dim")
        path_width = min(max(width // 3, 14), 34)
        text = one_line(change.new or "(no comment)", 300)
        if result is not None and result.detail:
            text = f"{result.outcome.value}: {one_line(result.detail, 300)}"
        elif isinstance(listed, PendingChange) and listed.is_gone:
            sign, ink = OUTCOMES[Outcome.REFUSED]
            text = "it is no longer in the database"
        elif isinstance(listed, PendingChange) and listed.refusal:
            sign, ink = OUTCOMES[Outcome.REFUSED]
            text = listed.refusal
        elif isinstance(listed, PendingChange) and listed.changed_meanwhile:
            sign, ink = OUTCOMES[Outcome.CHANGED_MEANWHILE]
        return [
            (f" {sign} ", ink),
            (fit_name(self.session.index.name_of(change.target), path_width), ""),
            (" ", ""),
            (fit(text, width - path_width - 4), "" if ink == "dim" else ink),
        ]

    def _show_statement(self) -> None:
        cursor = self.query_one("#changes", RowList).cursor
        text = self.query_one("#statement-text", Plain)
        listed = self._listed
        if cursor >= len(listed):
            text.write("")
            return
        entry = listed[cursor]
        change = entry.change
        # Of what is still to be written, what stands there by now.
        old = entry.present if isinstance(entry, PendingChange) else change.old
        rows: list[Line] = [
            [("old  ", "dim"), (one_line(old or "–"), "old" if old else "dim")],
            [("new  ", "dim"), (one_line(change.new or "–"), "good")],
        ]
        result = self._results.get(change.target)
        if result is not None:
            sign, ink = OUTCOMES[result.outcome]
            rows.append([(f"{sign} {result.outcome.value} ", ink), (one_line(result.detail), "")])
        if isinstance(entry, PendingChange):
            if entry.is_gone:
                rows.append([("✗ it is no longer in the database; nothing is written", "warn")])
            elif entry.refusal:
                rows.append([(f"✗ {one_line(entry.refusal)}", "warn")])
            elif entry.is_there:
                rows.append([("It says so already; nothing changes.", "dim")])
            elif entry.changed_meanwhile:
                rows.append([("≠ the old text was changed since it was reviewed", "warn")])
                rows.append([("It will be left alone; review it again.", "warn")])
            if entry.statement:
                rows += [[], [("the statement, word for word", "dim")]]
                rows += [[(line, "")] for line in entry.statement.split("\n")]
        entitle(self.query_one("#statement"), self.session.index.name_of(change.target))
        text.write_lines(rows)

    @on(RowList.Moved, "#changes")
    def _moved(self) -> None:
        self._show_statement()

    @on(RowList.Chosen, "#changes")
    def _chosen(self) -> None:
        self.action_apply()

    # Writing. ------------------------------------------------------------------------------------

    def action_apply(self) -> None:
        if self._is_busy or not self._pending:
            return
        abilities = self.session.connector.abilities
        if abilities.home is Home.NOWHERE:
            say(self, f"{abilities.where}. Press x to export instead.", severity="warning")
            return
        changes = [waiting.change for waiting in self._pending if waiting.can_be_tried]
        if not changes:
            words = "The list says why. r looks again, x exports them."
            say(self, words, title="None of this can be written here", severity="warning")
            return
        left = len(self._pending) - len(changes)
        written = [waiting for waiting in self._pending if not waiting.is_left]
        changed = len(changes) - len(written)
        if not written:
            words = "Somebody changed the old text since. Press R and decide over the new one."
            say(self, words, title="Nothing of this would be written", severity="warning")
            return
        replaced = sum(1 for one in written if one.change.old and not one.is_there)
        rows: list[Line] = [
            [
                (counted(len(written), "text"), "strong"),
                (" into ", ""),
                (abilities.where, "strong"),
            ],
        ]
        if replaced:
            word = "replaces" if replaced == 1 else "replace"
            rows.append([(f"{replaced} of them {word} a text that is there now", "warn")])
        if left:
            word = "stays here: it" if left == 1 else "stay here: they"
            rows.append([(f"{left} {word} cannot be written, and the list says why", "warn")])
        if changed:
            word = "was changed since you reviewed it, and stays"
            if changed > 1:
                word = "were changed since you reviewed them, and stay"
            rows.append(
                [(f"{changed} {word} as {'it is' if changed == 1 else 'they are'}", "warn")]
            )
        rows += [[], [("A text that changed since you reviewed it is left alone.", "dim")]]

        def write(yes: bool | None) -> None:
            if yes and not self._is_busy:
                self._is_busy = True
                self.do(partial(self._write, changes))

        self.app.push_screen(Question(f"Write to {self.session.connector.label}?", rows), write)

    async def _write(self, changes: list[Change]) -> None:
        from amx_tui.commands.writing import apply_changes, find_writer

        session = self.session

        def work() -> list[Written]:
            results = apply_changes(
                session.workspace.store, session.connector, changes, who=find_writer()
            )
            return list(results)

        try:
            results = await asyncio.to_thread(work)
        finally:
            self._is_busy = False
        self._hold(self._pending, {result.change.target: result for result in results})
        await self._after_write(results, "written")

    async def _after_write(self, results: list[Written], done: str) -> None:
        """Says what became of them, `done` being the word for what went well."""
        counts = Counter(result.outcome for result in results)
        words = ", ".join(
            f"{counts[outcome]} {done if outcome is Outcome.WRITTEN else outcome.value}"
            for outcome in Outcome
            if counts[outcome]
        )
        good = set(counts) <= {Outcome.WRITTEN}
        say(self, words or "nothing", title=done.capitalize() if good else f"Not all of it was {done}",
            severity="information" if good else "warning")  # fmt: skip
        await self.session.read_catalog()
        self._read()

    def action_undo(self) -> None:
        self.do(self._ask_undo)

    async def _ask_undo(self) -> None:
        session = self.session
        changes = await asyncio.to_thread(
            session.workspace.store.undoable, session.connector.identity
        )
        if not changes:
            say(self, "Nothing was written that could be taken back.")
            return

        def undo(yes: bool | None) -> None:
            if yes and not self._is_busy:
                self._is_busy = True
                self.do(self._undo_all)

        rows: list[Line] = [[("Only where ours still stands; another text is left alone.", "dim")]]
        count = counted(len(changes), "target")
        self.app.push_screen(Question(f"Put the old text of {count} back?", rows), undo)

    async def _undo_all(self) -> None:
        from amx_tui.commands.writing import find_writer, undo_write

        session = self.session

        def work() -> list[Written]:
            return list(undo_write(session.workspace.store, session.connector, who=find_writer()))

        try:
            results = await asyncio.to_thread(work)
        finally:
            self._is_busy = False
        self._hold(self._pending, {})
        await self._after_write(results, "put back")

    def action_refresh(self) -> None:
        self.do(self.session.read_catalog)

    def action_export(self) -> None:
        def chosen(wish: ExportWish | None) -> None:
            if wish is not None:
                self.do(partial(self._export, wish, {}))

        stem = Path(self.session.connector.label.split(" ")[0]).stem or "comments"
        self.app.push_screen(ExportDialog(stem), chosen)

    async def _export(self, wish: ExportWish, over: Mapping[Path, str]) -> None:
        from amx_tui.commands.exporting import Overwrites, export

        session = self.session
        try:
            report = await asyncio.to_thread(
                export,
                wish.format,
                wish.path,
                session.workspace.store,
                session.connector,
                session.catalog,
                what=wish.what,
                over=over,
            )
        except Overwrites as problem:
            seen = problem.seen

            def again(yes: bool | None) -> None:
                if yes:
                    self.do(partial(self._export, wish, seen))

            self.app.push_screen(Question(problem.what, [[(tell(problem), "")]]), again)
            return
        paths = " and ".join(str(path) for path in report.paths)
        say(
            self,
            "\n".join([paths, *_few(report.notes)]),
            title=f"✓ {counted(report.texts, 'text')} exported",
        )

    def action_back(self) -> None:
        self.desk.go("review")


def _few(notes: Sequence[str]) -> list[str]:
    """As many as a notice has room for."""
    more = [f"and {len(notes) - _FEW} more"] if len(notes) > _FEW else []
    return [*notes[:_FEW], *more]
