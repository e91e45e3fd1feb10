"""Something that a person must have read before they go on, such as that a file was set aside."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from amx_tui.base.problem import Problem
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle


class Notice(Dialog[None]):
    """What, why, and what to do."""

    BINDINGS = bindings_of("notice")
    CSS_PATH = "dialog.tcss"

    def __init__(self, title: str, problem: Problem) -> None:
        super().__init__()
        self._title = title
        self._problem = problem

    def compose(self) -> ComposeResult:
        problem = self._problem
        told = [(problem.what, "strong"), (problem.why, ""), (problem.remedy, "accent")]
        rows: list[Line] = []
        for words, ink in told:
            if words:
                rows += [[], [(words, ink)]] if rows else [[(words, ink)]]
        with Box(classes="dialog") as box:
            entitle(box, self._title)
            with VerticalScroll(classes="dialog-text"):
                body = Plain(classes="dialog-body")
                body.write_lines(rows)
                yield body
            yield KeyBar("notice", {})

    def action_leave(self) -> None:
        self.dismiss()
