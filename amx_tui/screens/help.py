"""All keys of a screen, from the one table of actions."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult

from amx_tui.actions import Action, actions_of, keys_of
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import LEGENDS

Sign = tuple[str, str, str]  # it, its ink, what it means


class HelpScreen(Dialog[None]):
    """For the room that was on the screen."""

    BINDINGS = bindings_of("help")
    CSS_PATH = "dialog.tcss"

    def __init__(self, room: str, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap
        self._rows: list[Action | Sign | str] = []
        for title, name in ((f"Here: {room}", room), ("Everywhere", "app"), ("In lists", "list")):
            self._rows += ["", title, *actions_of(name)]
            if name == room and room in LEGENDS:
                self._rows += ["", "What the signs mean", *LEGENDS[room]]
        self._rows += [
            Action("app.palette", "ctrl+p", "palette", "Find any action by its name"),
            Action("app.copy", "ctrl+c", "copy", "Copy the text that is selected with the mouse"),
        ]
        del self._rows[0]

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(
                box, "Keys", "a capital letter goes somewhere · a small one acts here · esc close"
            )
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._rows), 30)
            yield rows

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._rows))
        rows.focus()

    @on(RowList.Moved)
    def _moved(self, event: RowList.Moved) -> None:
        """The whole sentence, where a narrow line cuts it."""
        row = self._rows[event.index]
        words = row.help if isinstance(row, Action) else row if isinstance(row, str) else row[2]
        entitle(self.query_one(".dialog"), "Keys", words)

    def action_leave(self) -> None:
        self.dismiss()

    def _draw(self, index: int, width: int) -> Line:
        row = self._rows[index]
        if isinstance(row, str):
            return [(f" {row}", "title")]
        if not isinstance(row, Action):
            sign, ink, words = row
            return [(f"  {sign} ", ink), (fit(words, width - 5), "")]
        keys = keys_of(row, self._keymap)
        key_width = 17 if width > 90 else 11
        label_width = 22 if width > 90 else 20
        left = width - key_width - label_width - 5
        # What `tui.yml` calls it, where there is room.
        name = f"  {row.id}" if left >= 70 else ""
        return [
            (f"  {fit(keys, key_width)} ", "key"),
            (f"{fit(row.label.rstrip('…'), label_width)} ", "strong"),
            (fit(row.help, left - len(name)), "dim"),
            (name, "dim"),
        ]
