"""Asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Plain, entitle


class Ask(Dialog[str | None]):
    """Dismissed with the text, or None. `check` says what is wrong with a text, "" where nothing is."""

    BINDINGS = bindings_of("ask")
    CSS_PATH = "dialog.tcss"

    def __init__(
        self,
        title: str,
        words: str,
        value: str = "",
        *,
        check: Callable[[str], str] = lambda _: "",
        enter: str = "keep",
    ) -> None:
        super().__init__()
        self._enter = enter  # what that key does, in a word or two
        self._title = title
        self._words = words
        self._value = value
        self._check = check

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(box, self._title, f"enter {self._enter} · esc leave")
            yield Plain(self._words, classes="dialog-body")
            yield Input(self._value, compact=True)
            yield Plain("", id="wrong")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Input))  # at once, for what is typed already

    @on(Input.Submitted)
    def _keep(self, event: Input.Submitted) -> None:
        wrong = self._check(event.value)
        if wrong:
            self.query_one("#wrong", Plain).write((wrong, "bad"))
        else:
            self.dismiss(event.value)

    def action_leave(self) -> None:
        self.dismiss(None)
