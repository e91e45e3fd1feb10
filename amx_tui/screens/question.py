"""A question with a yes and a no; the no is the default."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from textual.app import ComposeResult
from textual.screen import Screen

from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle


class Question(Dialog[bool]):
    """Dismissed with True for yes. `rows` stand below the title."""

    BINDINGS = bindings_of("question")
    CSS_PATH = "dialog.tcss"

    def __init__(self, title: str, rows: Iterable[Line] = ()) -> None:
        super().__init__()
        self._title = title
        self._rows = list(rows)

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(box, self._title)
            body = Plain(classes="dialog-body")
            body.write_lines(self._rows)
            yield body
            yield KeyBar("question", {})

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)


def leave_unsaved(screen: Screen[Any], unsaved: str, leave: Callable[[], None]) -> None:
    """Leaves, after a question where something would be lost."""
    if not unsaved:
        leave()
        return
    rows: list[Line] = [
        [(unsaved, "")],
        [],
        [("yes  ", "key"), ("leave it, what was typed is gone", "")],
        [("no   ", "key"), ("go back to it", "")],
    ]

    def answered(yes: bool | None) -> None:
        if yes:
            leave()

    screen.app.push_screen(Question("Leave without saving?", rows), answered)
