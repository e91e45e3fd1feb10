"""One line to type in that moves nothing else on its screen."""

from __future__ import annotations

from textual.geometry import Size
from textual.reactive import Reactive
from textual.widgets import Input


class LineInput(Input):
    """Textual lays out the whole screen anew whenever the text of an `Input` gets another length, which
    takes longer than everything else that a letter of a filter does. This one's size is its style's
    alone: give it a height and a width."""

    virtual_size = Reactive(Size(0, 0))
