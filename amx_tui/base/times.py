"""Spans and moments as people read them."""

from __future__ import annotations

import time

# Above this, a moment is told rather than a span. Seconds.
_A_WHILE = 90.0


def duration(seconds: float) -> str:
    """`9 s`, `4 min`, `1 h 20 min`."""
    if seconds < _A_WHILE:
        return f"{max(round(seconds), 0)} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def clock(seconds: float) -> str:
    """`2:58`, and `1:02:58` from an hour on, for what counts down or up."""
    whole = max(int(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{whole % 60:02d}"
    return f"{minutes}:{whole % 60:02d}"


def moment_in(seconds: float, *, at: float | None = None) -> str:
    """The local time so many seconds after `at` (since 1970; None: now): `14:05:12` where that is soon,
    `14:05` later, with its day where that is another one."""
    begin = time.time() if at is None else at
    then = time.localtime(begin + seconds)
    if then[:3] != time.localtime(begin)[:3]:
        return f"{then.tm_mday} {time.strftime('%B, %H:%M', then)}"
    return time.strftime("%H:%M:%S" if seconds < _A_WHILE else "%H:%M", then)
