"""What the model said in a run, while it is looked at: bounded, since the whole is in the transcripts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

# Characters kept of one batch's reasoning or answer: more than anybody reads on a screen.
MOST = 2_000_000


@dataclass(slots=True)
class Text:
    """Grows at its end and forgets its beginning."""

    pieces: deque[str] = field(default_factory=deque)
    size: int = 0

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.size += len(piece)
        while self.size > MOST and len(self.pieces) > 1:
            self.size -= len(self.pieces.popleft())

    def __str__(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class BatchTexts:
    reasoning: Text = field(default_factory=Text)
    answer: Text = field(default_factory=Text)
