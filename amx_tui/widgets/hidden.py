"""A text that Textual's own log (`TEXTUAL_LOG`), which writes down every message with its values, shows
as an ellipsis."""

from __future__ import annotations


class Hidden(str):
    """A text whose repr shows nothing of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"
