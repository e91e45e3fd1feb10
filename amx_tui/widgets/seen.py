"""When to draw: what nobody sees is not drawn, and what a key did is drawn before everything else. It
knows no screen by name."""

from __future__ import annotations

from time import monotonic
from typing import Any

from textual.app import App
from textual.screen import Screen

# A frame that has to draw the stream as well takes 20 ms more: the key's own frame comes first.
KEY_SECONDS = 0.06


def is_pressing(app: App[Any]) -> bool:
    """Whether a key was pressed just now. Whoever waits for that must wait a bounded time: a key can
    be held down."""
    return monotonic() - getattr(app, "pressed_at", 0.0) < KEY_SECONDS


def is_seen(screen: Screen[Any]) -> bool:
    """On top, or behind dialogs only. Textual's own `is_current` (8.2.8) also holds for a screen that
    lies hidden right below another one, and each of its changes would draw that one anew."""
    for other in reversed(screen.app.screen_stack):
        if other is screen:
            return True
        if not other.is_modal:
            break
    return False
