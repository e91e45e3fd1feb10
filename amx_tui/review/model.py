"""The words of the review room: decisions, rows to review, what was written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from amx_tui.catalog.model import Target
from amx_tui.drafting.model import RunState, Suggestion
from amx_tui.llm.model import Usage


class Verdict(StrEnum):
    """What a person decided of a target."""

    ACCEPTED = "accepted"  # one of the alternatives, as it stands
    EDITED = "edited"  # a text of the person's own
    REJECTED = "rejected"
    LATER = "later"


class State(StrEnum):
    """Where a target stands; what a list is filtered by."""

    TODO = "to do"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    LATER = "later"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Decision:
    """`text` is what will be written (accepted, edited); `alternative` counts from 0, None for a text
    of the person's own. `previous` is what the decision was taken over. `at`: seconds since 1970."""

    id: int
    target: Target
    verdict: Verdict
    text: str | None
    alternative: int | None
    previous: str | None
    at: float


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One target with its newest suggestion and the decision that stands, if any. `written` is true
    while the decided text is what was last written to the database."""

    suggestion: Suggestion
    run: int
    model: str
    drafted_at: float
    decision: Decision | None = None
    written: bool = False

    @property
    def target(self) -> Target:
        return self.suggestion.target

    @property
    def state(self) -> State:
        if self.written:
            return State.WRITTEN
        return State(self.decision.verdict.value) if self.decision else State.TODO


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the store remembers it."""

    id: int
    database: str
    label: str
    scope: str
    profile: str
    model: str
    state: RunState
    started_at: float
    ended_at: float | None
    targets: int
    drafted: int
    usage: Usage
    usd: float | None
