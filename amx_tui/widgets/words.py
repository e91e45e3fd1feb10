"""Numbers and times as people read them."""

from __future__ import annotations

import time
from datetime import datetime

from amx_tui.base.amounts import balance_words, money, number, rate
from amx_tui.base.times import clock, duration

__all__ = [
    "age",
    "balance_words",
    "clock",
    "duration",
    "moment",
    "money",
    "now",
    "number",
    "origin",
    "rate",
    "time_of_day",
]


def age(seconds: float) -> str:
    """How old something is: `just now`, `4 min old`, `3 h old`, `12 days old`."""
    if seconds < 90:
        return "just now"
    if seconds < 5400:
        return f"{round(seconds / 60)} min old"
    hours = round(seconds / 3600)
    return f"{hours} h old" if hours < 48 else f"{round(hours / 24)} days old"


def origin(source: str, fetched_at: float | None, at: float) -> str:
    """Where a figure comes from, and how old it is if it was fetched."""
    return source if fetched_at is None else f"{source}, {age(at - fetched_at)}"


def now() -> float:
    """Seconds since 1970, as events have them; the one clock that screens read."""
    return time.time()


def moment(at: float) -> str:
    """A time of day and date, local."""
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")


def time_of_day(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
