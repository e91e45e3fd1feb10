"""Makes Textual's bindings out of the one table of actions."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from amx_tui.actions import actions_of


def bindings_of(room: str) -> list[BindingType]:
    """The bindings of a screen or widget. Each has its action's id, so that `tui.yml` can move it."""
    return [
        Binding(action.keys, action.name, action.help, show=action.bar > 0, id=action.id)
        for action in actions_of(room)
    ]
