"""One sign for each state and confidence, the same on every screen; a word always goes with it."""

from __future__ import annotations

from amx_tui.drafting.model import Band, Confidence, Signal
from amx_tui.review.model import ReviewRow, State

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
