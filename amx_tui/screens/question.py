"""A question with a yes and a no; the no is the default."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.screen import ModalScreen

from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle


class Question(ModalScreen[bool]):
    """Dismissed with True for yes. `rows` stand below the title."""

    BINDINGS = bindings_of("question")
    CSS_PATH = "dialog.tcss"

    def __init__(self, title: str, rows: Iterable[Line] = ()) -> None:
        super().__init__()
        self._title = title
        self._rows = list(rows)

    def compose(self) -> ComposeResult:
        with VerticalGroup(classes="dialog") as box:
            entitle(box, self._title)
            body = Plain(classes="dialog-body")
            body.write_lines(self._rows)
            yield body
            yield KeyBar("question", {})

    def action_yes(self) -> None:
        self.dismiss(True)

    def action_no(self) -> None:
        self.dismiss(False)
