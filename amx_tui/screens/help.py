"""All keys of a screen, from the one table of actions."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.screen import ModalScreen

from amx_tui.actions import KEY_NAMES, Action, actions_of
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit
from amx_tui.widgets.rows import RowList


class HelpScreen(ModalScreen[None]):
    """For the room that was on the screen."""

    BINDINGS = bindings_of("help")
    CSS_PATH = "dialog.tcss"

    def __init__(self, room: str) -> None:
        super().__init__()
        self._room = room
        self._lines: list[Line] = []
        for title, name in ((f"Here: {room}", room), ("Everywhere", "app"), ("In lists", "list")):
            self._lines += [[], [(f" {title}", "title")]]
            self._lines += [_line(action) for action in actions_of(name)]
        self._lines += [
            [
                ("   ctrl-p     ", "key"),
                ("palette     ", "strong"),
                ("Find any action by name", "dim"),
            ],
            [
                ("   ctrl-c     ", "key"),
                ("copy        ", "strong"),
                ("Copy what is selected", "dim"),
            ],
        ]
        del self._lines[0]

    def compose(self) -> ComposeResult:
        with VerticalGroup(classes="dialog dialog-wide") as box:
            entitle(
                box, "Keys", "a capital letter goes somewhere · a small one acts here · esc close"
            )
            rows = RowList(lambda index, width: self._lines[index])
            rows.styles.height = min(len(self._lines), 30)
            yield rows

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._lines))
        rows.focus()

    def action_leave(self) -> None:
        self.dismiss()


def _line(action: Action) -> Line:
    keys = action.shown_key or " ".join(
        KEY_NAMES.get(key, key.replace("ctrl+", "ctrl-")) for key in action.keys.split(",")
    )
    return [
        (f"   {fit(keys, 16)} ", "key"),
        (f"{fit(action.label.rstrip('…'), 24)} ", "strong"),
        (action.help, "dim"),
    ]
