"""The words of the demo room."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reading:
    """One alternative of a replayed answer: `band` is `high`, `medium` or `low`."""

    text: str
    band: str
    reason: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What the replayed model says of one target: what it thinks aloud, and its readings."""

    thought: str
    readings: tuple[Reading, ...]
