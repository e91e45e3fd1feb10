"""Who hears of what happens to an open database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from amx_tui.commands.model import SessionEvent

Listener = Callable[[SessionEvent], None]


class Listeners:
    """In the order in which they subscribed. `tell` belongs to the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every event from now on, until what is returned is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self, event: SessionEvent) -> None:
        """Whoever listens cannot end what is told of: a run goes on when a screen cannot draw it."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "A listener of the session failed", "exception": error}
                )
