"""Edits one text; what was typed is never lost by a slip."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.app import ComposeResult
from textual.widgets import TextArea

from amx_tui.base.problem import Problem
from amx_tui.base.text import clean
from amx_tui.screens.question import Question
from amx_tui.screens.room import tell
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import entitle, say


class Editor(Dialog[bool]):
    """Stays until `keep` has kept the text, or the person leaves it; dismissed with whether it was kept."""

    BINDINGS = bindings_of("editor")
    CSS_PATH = "dialog.tcss"

    def __init__(self, title: str, text: str, keep: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._keep = keep

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(box, self._title)
            area = TextArea(self._text, soft_wrap=True, show_line_numbers=False, id="text")
            area.styles.height = 8
            yield area
            yield KeyBar("editor", {})

    def on_mount(self) -> None:
        area = self.query_one("#text", TextArea)
        area.move_cursor(area.document.end)
        area.cursor_blink = False
        self.set_focus(area)  # at once, for what is typed already

    def action_keep(self) -> None:
        text = clean(self.query_one("#text", TextArea).text).strip()
        if text:
            self.run_worker(self._try_to_keep(text), exclusive=True)
        else:
            words = "Write one and keep it, or leave with esc: r rejects what was drafted."
            say(self, words, title="There is no text to keep", severity="warning")

    async def _try_to_keep(self, text: str) -> None:
        try:
            await self._keep(text)
        except Problem as problem:  # such as a full disk: the text is still here to be kept
            say(self, tell(problem), title=problem.what, severity="error")
        else:
            self.dismiss(True)

    def action_leave(self) -> None:
        if self.query_one("#text", TextArea).text == self._text:
            self.dismiss(False)
            return

        def leave(yes: bool | None) -> None:
            if yes:
                self.dismiss(False)

        self.app.push_screen(Question("Leave without keeping what you typed?"), leave)
