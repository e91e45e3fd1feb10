"""What a program in a terminal paints, frame by frame, and where the cursor of a list lies. It knows
nothing of what is measured."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from _terminal import CHECKOUT, Terminal

sys.path.insert(0, str(CHECKOUT))
from amx_tui.theme import AMX_THEME

PATIENCE = 5.0  # seconds
ESCAPES = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")

_FRAME_END = b"\x1b[?2026l"
# `BSEG.BUKRS` in Review, `BSEG 1–10` in Drafting: capitals, as all of the demo's names.
_NAME = re.compile(r"[A-Z][A-Z0-9_.]+(?: \d+(?:–\d+)?)?")


def _cursor_colour() -> bytes:
    colour = AMX_THEME.to_color_system().generate()["primary-muted"].lstrip("#")
    red, green, blue = (int(colour[place : place + 2], 16) for place in (0, 2, 4))
    return f"48;2;{red};{green};{blue}".encode()


_UNDER_CURSOR = re.compile(rb"\x1b\[[0-9;]*" + _cursor_colour() + rb"m([^\x1b]*)")


@dataclass
class Watched:
    """A terminal, and what its last frames showed. Frames are whole: what a terminal puts on the screen
    at once."""

    terminal: Terminal
    under_cursor: str = ""
    frames: int = 0
    size: int = 0  # bytes
    frame: bytes = field(default=b"", repr=False)  # the last one
    _unfinished: bytes = field(default=b"", repr=False)

    def watch(self, seconds: float) -> Iterator[float]:
        """Looks at what is painted for so long; gives the moment of each frame."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            piece = self.terminal.next_piece(left)
            if piece is None:
                return
            self.size += len(piece.data)
            *whole, self._unfinished = (self._unfinished + piece.data).split(_FRAME_END)
            for frame in whole:
                self.look_at(frame)
                yield piece.at

    def look_at(self, frame: bytes) -> None:
        self.frames += 1
        self.frame = frame
        bar = b"".join(_UNDER_CURSOR.findall(frame)).decode(errors="replace")
        if found := _NAME.search(bar):
            self.under_cursor = found[0]

    def text_of_frame(self) -> bytes:
        """What the last frame painted, without its escape sequences."""
        return ESCAPES.sub(b"", self.frame)

    def wait(self, seconds: float) -> None:
        for _ in self.watch(seconds):
            pass

    def wait_for(self, words: str) -> None:
        """Until these words are painted, from now on."""
        seen = len(self.terminal.pieces)
        end = time.perf_counter() + 6 * PATIENCE
        while time.perf_counter() < end:
            self.wait(0.05)
            output = b"".join(piece.data for piece in self.terminal.pieces[seen:])
            if words in ESCAPES.sub(b"", output).decode(errors="replace"):
                return
        sys.exit(f"'{words}' was never painted:\n{self.terminal.text()[-2000:]}")

    def time_key(self, key: bytes) -> float:
        """Seconds from a key that moves the cursor to the end of the frame that shows it moved."""
        before = self.under_cursor
        return self.time_until(key, lambda: self.under_cursor != before)

    def time_until(self, key: bytes, holds: Callable[[], bool]) -> float:
        """Seconds from a key to the end of the first frame with which something holds."""
        pressed = self.terminal.press(key)
        for painted in self.watch(PATIENCE):
            if holds():
                return painted - pressed
        sys.exit(f"{key!r} did nothing in {PATIENCE} seconds; the cursor is on {self.under_cursor}")
