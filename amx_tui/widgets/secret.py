"""A field for a secret: it is shown as dots, and Textual's own log (`TEXTUAL_LOG`), which writes down
every message with its values, gets an ellipsis."""

from __future__ import annotations

from textual.widgets import Input


class Hidden(str):
    """A text whose repr shows nothing of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'…'"


class SecretInput(Input):
    """An `Input` for a key or a password."""

    def __init__(
        self, placeholder: str = "", *, id: str | None = None, compact: bool = False
    ) -> None:
        super().__init__(placeholder=placeholder, password=True, id=id, compact=compact)

    def validate_value(self, value: str) -> str:
        """What is typed goes by here before any message tells of it."""
        return Hidden(value)
