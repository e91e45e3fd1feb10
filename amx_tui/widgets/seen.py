"""Whether anybody can see a screen: what nobody sees is not drawn. It knows no screen by name."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen


def is_seen(screen: Screen[Any]) -> bool:
    """On top, or behind dialogs only. Textual's own `is_current` (8.2.8) also holds for a screen that
    lies hidden right below another one, and each of its changes would draw that one anew."""
    for other in reversed(screen.app.screen_stack):
        if other is screen:
            return True
        if not other.is_modal:
            break
    return False
