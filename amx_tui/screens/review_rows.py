"""How the list of Review looks: one row of it, and what stands in its border. It draws what it is given."""

from __future__ import annotations

from rich.cells import cell_len

from amx_tui.base.text import one_line
from amx_tui.review.model import ReviewRow, State
from amx_tui.screens.review_listing import Suggestions, decided_text, shown_alternative
from amx_tui.widgets.plain import Line, fit, fit_name
from amx_tui.widgets.signs import BANDS, REDRAFTED, STATES


def row_line(name: str, row: ReviewRow, state: State, width: int, *, is_picked: bool) -> Line:
    """State, whether a new draft stands beside the decision, name, text and confidence of a row, in `width`
    cells."""
    sign, ink = STATES[state]
    path_width = min(max(width // 3, 14), 32)
    shown = shown_alternative(row)
    band, band_ink = BANDS[shown.confidence.band] if shown is not None else ("", "")
    said = "" if state is State.TODO else "dim"
    return [
        ("●" if is_picked else " ", "accent"),
        *([(sign, ink), REDRAFTED] if row.is_redrafted else [(f"{sign} ", ink)]),
        (fit_name(name, path_width), said),
        (" ", ""),
        (fit(one_line(decided_text(row), 200), width - path_width - 7), said),
        (f" {band} ", band_ink),
    ]


def counts_of(listing: Suggestions, width: int) -> str:
    """How many there are, and of each state, for the upper border: what is to do first. Where `width` cells
    do not hold it, the other states have their signs only."""
    counts, run, total = listing.counts, listing.wanted.run, listing.total
    of_run = f"run {run}: " if run is not None else ""
    decided = [state for state in State if counts[state] and state is not State.TODO]
    to_do = [f"{counts[State.TODO]} to do"] if counts[State.TODO] else []
    signs = " ".join(f"{counts[state]}{STATES[state][0]}" for state in decided)
    short = [*to_do, *([signs] if signs else [])]
    said = (
        [f"{total} suggestions", *to_do, *(f"{counts[state]} {state.value}" for state in decided)],
        [f"{total} suggestions", *short],
        [str(total), *short],
    )
    choices = [of_run + " · ".join(parts) for parts in said]
    return next((words for words in choices if cell_len(words) <= width), choices[-1])


def choice_of(listing: Suggestions, picked: int) -> str:
    """What is listed of them, for the lower border; `picked` is how many are marked."""
    wanted = listing.wanted
    shown = listing.in_words
    if wanted.run is not None:
        shown += " (esc: all runs)"
    parts = [f"showing: {shown}" if shown else "", f"{len(listing)} listed"]
    if not wanted.is_filter:
        parts.pop()
    marked = f"{picked} marked" if picked else ""
    return " · ".join(filter(None, (marked, *parts)))
