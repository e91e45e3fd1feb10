"""A screen that lies over another one, which is seen dimmed round it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from rich.console import RenderableType
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.containers import VerticalGroup
from textual.geometry import Size
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen

_Result = TypeVar("_Result")
_PLAIN = Style()


class Dialog(ModalScreen[_Result]):
    """Dismissed with what was chosen. Its looks are in `dialog.tcss`."""

    def render(self) -> RenderableType:
        behind = super().render()
        if isinstance(behind, BackgroundScreen):
            return _Dimmed(behind.screen, behind.color)
        return behind


class Box(VerticalGroup):
    """What a dialog stands in, as high as its contents.

    Textual (8.2.8) measures them as if a list could be higher than the part of the screen that it may
    take: lines without anything would stand below it on a small terminal.
    """

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.arrange(Size(width, container.height)).total_region.height


class _Dimmed(BackgroundScreen):
    """Looks as Textual's own (8.2.8), which mixes the colours of each word anew: half of what it takes to open
    a dialog."""

    @classmethod
    def process_segments(cls, segments: Iterable[Segment], color: Color) -> Iterable[Segment]:
        for text, style, control in segments:
            look = style.clear_meta_and_links() if style is not None else _PLAIN
            yield Segment(text, style if control else _dim(look, color), control)


@lru_cache(1024)
def _dim(style: Style, color: Color) -> Style | None:
    (segment,) = BackgroundScreen.process_segments([Segment("x", style)], color)
    return segment.style
