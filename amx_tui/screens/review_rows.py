"""How the list of Review looks: one row of it, and what stands in its border. It draws what it is given."""

from __future__ import annotations

from amx_tui.base.text import one_line
from amx_tui.review.model import ReviewRow, State
from amx_tui.screens.review_listing import Suggestions, decided_text, shown_alternative
from amx_tui.widgets.plain import Line, fit
from amx_tui.widgets.signs import BANDS, STATES


def row_line(row: ReviewRow, state: State, width: int, *, is_picked: bool) -> Line:
    """State, path, text and confidence of a row, in `width` cells."""
    sign, ink = STATES[state]
    path_width = min(max(width // 3, 14), 32)
    shown = shown_alternative(row)
    band, band_ink = BANDS[shown.confidence.band] if shown is not None else ("", "")
    said = "" if state is State.TODO else "dim"
    return [
        ("●" if is_picked else " ", "accent"),
        (f"{sign} ", ink),
        (fit(row.target.path, path_width), said),
        (" ", ""),
        (fit(one_line(decided_text(row), 200), width - path_width - 7), said),
        (f" {band} ", band_ink),
    ]


def counts_of(listing: Suggestions) -> str:
    """How many there are of each state, for the upper border."""
    counts, run = listing.counts, listing.wanted.run
    parts = [f"{listing.total} suggestions"]
    if run is not None:
        parts[0] = f"run {run}: {parts[0]}"
    parts += [f"{counts[s]} {s.value}" for s in (*list(State)[1:], State.TODO) if counts[s]]
    return " · ".join(parts)


def choice_of(listing: Suggestions, picked: int) -> str:
    """What is listed of them, for the lower border; `picked` is how many are marked."""
    if picked:
        return f"{picked} marked"
    wanted = listing.wanted
    shown = wanted.in_words()
    if wanted.run is not None:
        shown += " (esc: all runs)"
    parts = [f"showing: {shown}" if shown else "", f"{len(listing)} listed"]
    if not wanted.is_filter:
        parts.pop()
    return " · ".join(filter(None, parts))
