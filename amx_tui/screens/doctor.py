"""The doctor as a screen: what is set up, what is wrong and what to do, as it is found out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult

from amx_tui.commands.doctor import Visit, examine, hosts_to_ask
from amx_tui.commands.doctor_machine import terminal_of
from amx_tui.commands.doctor_parts import Report, Section
from amx_tui.commands.doctor_report import TextReport, report_text, summary
from amx_tui.commands.model import Check, State
from amx_tui.screens.question import Question
from amx_tui.screens.room import Room
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Line, Plain, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import CHECKS

_WRONG = (State.FAILED, State.WARNING)
_WHAT, _STATE = 19, 9


class DoctorScreen(Room):
    ROOM = "doctor"
    CSS_PATH = "doctor.tcss"
    BINDINGS = bindings_of("doctor")
    AUTO_FOCUS: ClassVar[str] = "#checks"

    def __init__(self) -> None:
        super().__init__()
        self._report = Report()
        self._rows: list[Section | Check] = []
        self._is_looking = False
        self._shows_wrong_only = False
        self._has_moved = False  # the reader chose a row

    def compose_body(self) -> ComposeResult:
        yield RowList(self._draw, id="checks")
        yield Page(id="finding")

    def on_screen_resume(self) -> None:
        if not self._report.parts and not self._is_looking:
            self._look(all_hosts=False)
        self.show_now()

    def _look(self, *, all_hosts: bool) -> None:
        self._report = Report()
        self._has_moved = False
        self._is_looking = True  # from now on: coming back from a question must not begin another
        self.do(partial(self._examine, all_hosts=all_hosts), only="doctor")

    async def _examine(self, *, all_hosts: bool) -> None:
        size = self.app.size
        workspace = self.desk.workspace
        visit = Visit(
            workspace,
            terminal_of(
                size.width,
                size.height,
                os.environ,
                has_colour=not self.app.no_color,
            ),
            all_hosts=all_hosts,
            session=self.session if self.desk.has_database else None,
        )
        report = self._report
        try:
            async with aclosing(examine(visit)) as parts:
                async for part in parts:
                    report.add(part)
                    self._is_stale = True
        finally:
            if report is self._report:  # and no newer look took its place
                self._is_looking = False
                self._is_stale = True

    # What is shown. ------------------------------------------------------------------------------

    def show_state(self) -> None:
        rows = self.query_one("#checks", RowList)
        self._rows = self._chosen_rows()
        empty = "looking …" if self._is_looking else "Everything is in order. f shows all of it."
        rows.show(len(self._rows), cursor=self._first_to_read(), empty=empty)
        entitle(rows, self._title(), "only what is not in order" if self._shows_wrong_only else "")
        self._show_finding(rows.cursor)

    def _first_to_read(self) -> int | None:
        """Where the cursor goes by itself: to the worst that was found; None once the reader moved it."""
        if self._has_moved:
            return None
        for state in _WRONG:
            for index, row in enumerate(self._rows):
                if isinstance(row, Check) and row.state is state:
                    return index
        return min(1, len(self._rows))

    def _chosen_rows(self) -> list[Section | Check]:
        rows: list[Section | Check] = []
        before: Section | None = None
        for section, check in self._report.lines:
            if self._shows_wrong_only and check.state not in _WRONG:
                continue
            if section is not before:
                rows.append(section)
                before = section
            rows.append(check)
        return rows

    def _title(self) -> str:
        if not self._is_looking:
            return summary(self._report)
        done = sum(part.is_done for part in self._report.parts)
        return f"looking … {done} of {len(self._report.parts)}"

    def _draw(self, index: int, width: int) -> Line:
        row = self._rows[index]
        if isinstance(row, Section):
            return [(f" {row.value}", "title")]
        sign, ink = CHECKS[row.state]
        state = fit(row.state.value, _STATE) if width >= 100 else ""
        words = row.result
        if row.state in _WRONG and row.remedy and width >= 100:
            words = f"{words}. {row.remedy}"
        left = width - 5 - len(state) - _WHAT
        faint = "dim" if row.state in (State.SKIPPED, State.RUNNING) else ""
        return [
            (f"   {sign} ", ink),
            (state, ink),
            (fit(row.what, _WHAT - 1) + " ", "strong" if row.state in _WRONG else faint),
            (fit(words, left), faint),
        ]

    @on(RowList.Moved, "#checks")
    def _moved(self, event: RowList.Moved) -> None:
        self._has_moved = True
        self._show_finding(event.index)

    def _show_finding(self, index: int) -> None:
        row = self._rows[index] if index < len(self._rows) else None
        page = self.query_one("#finding", Page)
        if isinstance(row, Check):
            page.show(finding_lines(row))
            entitle(page, f"{row.what} · {row.state.value}")
        else:
            page.show([])
            entitle(page, row.value if row is not None else "")

    # Keys. ---------------------------------------------------------------------------------------

    @on(RowList.Chosen, "#checks")
    def _chose(self) -> None:
        self.action_whole()

    def action_whole(self) -> None:
        cursor = self.query_one("#checks", RowList).cursor
        row = self._rows[cursor] if cursor < len(self._rows) else None
        if isinstance(row, Check):
            self.app.push_screen(Finding(row, self._copy))

    def action_again(self) -> None:
        self._look(all_hosts=False)
        self.show_now()

    def action_show(self) -> None:
        self._shows_wrong_only = not self._shows_wrong_only
        self._has_moved = False
        self.show_now()

    def action_copy(self) -> None:
        self._copy(report_text(self._report), "The report")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        lost = next(
            (
                check
                for _, check in self._report.lines
                if check.what == "clipboard" and check.state is State.WARNING
            ),
            None,
        )
        if lost is None:
            say(self, f"{what} was sent to the terminal's clipboard (OSC 52).")
        else:
            words = f"{lost.result}.\nIn a shell: amx-tui doctor > report.txt"
            say(self, words, title=f"{what} was sent, and probably lost", severity="warning")

    def action_all_hosts(self) -> None:
        self.do(self._offer_all_hosts, only="hosts")

    async def _offer_all_hosts(self) -> None:
        workspace = self.desk.workspace
        workspace.refuse_offline("No other host was asked")
        hosts = await asyncio.to_thread(hosts_to_ask, workspace)
        if not hosts:
            say(self, "There is no other host to ask.")
            return
        rows: list[Line] = [[(f"  {host}", "strong")] for host in hosts]
        words = (
            "A key goes to the host of its own profile; one that is refused there is tried at its"
            " provider's other host. The price tables get no key."
        )
        rows += [[], [(words, "dim")]]

        def ask(yes: bool | None) -> None:
            if yes:
                self._look(all_hosts=True)
                self.show_now()

        self.app.push_screen(Question("Ask these hosts, which no draft would call now?", rows), ask)

    def action_back(self) -> None:
        self.desk.go("browse")


class Finding(Dialog[None]):
    """One line of the report, whole."""

    BINDINGS = bindings_of("finding")
    CSS_PATH = "dialog.tcss"

    def __init__(self, check: Check, copy: Callable[[str, str], None]) -> None:
        super().__init__()
        self._check = check
        self._copy = copy

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(box, f"{self._check.what} · {self._check.state.value}")
            body = Plain(classes="dialog-body")
            body.write_lines(finding_lines(self._check))
            yield body
            yield KeyBar("finding", {})

    def action_copy(self) -> None:
        self._copy("\n".join(TextReport().lines_of(self._check)), "This line")

    def action_leave(self) -> None:
        self.dismiss()


def finding_lines(check: Check) -> list[Line]:
    """What was found, why, and what to do."""
    _, ink = CHECKS[check.state]
    took = f"  ({check.seconds:.2f} s)" if check.seconds is not None else ""
    lines: list[Line] = [[(check.result, ink if check.state in _WRONG else ""), (took, "dim")]]
    if check.why:
        lines.append([(check.why, "dim")])
    if check.remedy:
        lines.append([("→ ", "key"), (check.remedy, "")])
    return lines
