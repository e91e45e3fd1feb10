"""One sign for each state and confidence, the same on every screen; a word always goes with it."""

from __future__ import annotations

from collections.abc import Iterable

from amx_tui.commands.model import Check
from amx_tui.commands.model import State as Checked
from amx_tui.drafting.model import Band, Confidence, Signal
from amx_tui.review.model import ReviewRow, State
from amx_tui.widgets.plain import Line

BANDS: dict[Band, tuple[str, str]] = {
    Band.HIGH: ("◆", "good"),
    Band.MEDIUM: ("◈", "warn"),
    Band.LOW: ("◇", "bad"),
}
STATES: dict[State, tuple[str, str]] = {
    State.TODO: ("·", "dim"),
    State.ACCEPTED: ("✓", "good"),
    State.EDITED: ("✎", "good"),
    State.REJECTED: ("✗", "bad"),
    State.LATER: ("»", "warn"),
    State.WRITTEN: ("■", "accent"),
    State.CHANGED: ("!", "warn"),
}
REDRAFTED = ("↺", "warn")  # a new draft stands beside the decision
CHECKS: dict[Checked, tuple[str, str]] = {
    Checked.OK: ("✓", "good"),
    Checked.WARNING: ("!", "warn"),
    Checked.FAILED: ("✗", "bad"),
    Checked.SKIPPED: ("·", "dim"),
    Checked.RUNNING: ("…", "accent"),
}


# What the signs of a list mean, for its help: sign, ink, words.
LEGENDS: dict[str, list[tuple[str, str, str]]] = {
    "review": [
        *((*STATES[state], state.value) for state in State),
        (*REDRAFTED, "drafted again since it was decided; the decision stands"),
        *((*BANDS[band], f"{band.value} confidence of the first alternative") for band in Band),
    ],
}


def draft_sign(row: ReviewRow | None) -> tuple[str, str]:
    """What was decided for a target or, before that, how sure the model is: words and ink."""
    if row is None:
        return ("", "")
    if row.state is not State.TODO:
        sign, ink = STATES[row.state]
        return (f"{sign} {row.state.value}", ink)
    if not row.suggestion.alternatives:
        return ("", "")
    confidence = row.suggestion.alternatives[0].confidence
    sign, ink = BANDS[confidence.band]
    return (f"{sign} {confidence.band.value}", ink)


def confidence_words(confidence: Confidence) -> str:
    """The signal stands beside the band: a model's own word is not a measurement."""
    if confidence.signal is Signal.LOGPROB and confidence.score is not None:
        return f"{confidence.band.value} ({confidence.score:.2f} logprob)"
    return f"{confidence.band.value} (declared)"


def check_lines(checks: Iterable[Check]) -> list[Line]:
    """What each check found and, where it is no good, why and what to do."""
    rows: list[Line] = []
    for check in checks:
        sign, ink = CHECKS[check.state]
        tone = "dim" if check.state in (Checked.SKIPPED, Checked.RUNNING) else ""
        rows.append([(f"{sign} ", ink), (f"{check.what:<9}", "strong"), (check.result, tone)])
        if check.state in (Checked.FAILED, Checked.WARNING):
            rows += [[(f"  {part}", "dim")] for part in (check.why, check.remedy) if part]
    return rows
