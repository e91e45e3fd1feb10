"""One line to type in that moves nothing else on its screen."""

from __future__ import annotations

from collections.abc import Callable

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class LineInput(Input):
    """Textual lays out the whole screen anew whenever the text of an `Input` gets another length, which
    takes longer than everything else that a letter of a filter does. This one's size is its style's
    alone: give it a height and a width."""

    virtual_size = Reactive(Size(0, 0))


class FilterInput(LineInput):
    """`typed` is called with each new text before its letter is drawn, so that the letter and all that it
    does stand in one frame; what `Changed` starts is drawn a frame later."""

    def __init__(self, typed: Callable[[str], None], *, placeholder: str, id: str) -> None:
        super().__init__(placeholder=placeholder, id=id, compact=True)
        self._typed = typed

    def watch_value(self, value: str) -> None:
        self._typed(value)
