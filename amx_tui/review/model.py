"""The words of the review room: decisions, rows to review, what was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Change, Outcome, Target
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Band, RunState, Suggestion
from amx_tui.evidence.model import Passage
from amx_tui.llm.model import Usage
from amx_tui.review.packing import pack_alternatives, unpack_alternatives


class StoreProblem(Problem):
    """`tui.db` cannot be opened, read or written."""


class DamagedStore(StoreProblem):
    """It is not what SQLite, or we, wrote there."""


class ForeignStore(StoreProblem):
    """What lies at its place is not ours to touch: of a newer amx-tui, of another program, no file."""


class Verdict(StrEnum):
    """What a person decided of a target."""

    ACCEPTED = "accepted"  # one of the alternatives, as it stands
    EDITED = "edited"  # a text of the person's own
    REJECTED = "rejected"
    LATER = "later"
    OPEN = "open"  # an earlier decision is taken back for this target alone

    @property
    def keeps_text(self) -> bool:
        """Whether there is a text to write."""
        return self in (Verdict.ACCEPTED, Verdict.EDITED)


class State(StrEnum):
    """Where a target stands; what a list is filtered by."""

    TODO = "to do"
    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"
    LATER = "later"
    WRITTEN = "written"
    CHANGED = "changed meanwhile"  # decided, but somebody else wrote another text there since


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A decision that is about to be taken. `previous` is the text that the person saw standing there,
    `run` the one whose suggestion they looked at, None where there was none; `reason` is why they
    reject it, in their words."""

    target: Target
    verdict: Verdict
    text: str | None = None
    alternative: int | None = None
    previous: str | None = None
    run: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`text` is what will be written (accepted, edited); `alternative` counts from 0, None for a text
    of the person's own. `previous` is what the decision was taken over, `reason` why something was
    rejected, None where nobody said. `at`: seconds since 1970."""

    id: int
    target: Target
    verdict: Verdict
    text: str | None
    alternative: int | None
    previous: str | None
    at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """One target with its newest suggestion and the decision that stands, if any. `written` is true
    while the decided text is what was last written to the database. Of what was decided and never
    drafted, `run` is None, `model` empty and the suggestion without alternatives.

    There may be a hundred thousand of these: the alternatives stay packed until they are looked at.
    """

    target: Target
    packed: str  # see `review.packing`
    previous: str | None
    run: int | None
    model: str
    drafted_at: float
    decision: Decision | None = None
    written: bool = False

    @classmethod
    def of(
        cls, suggestion: Suggestion, run: int | None, model: str, drafted_at: float
    ) -> ReviewRow:
        """The row of a suggestion that nobody has decided on."""
        packed = pack_alternatives(suggestion.alternatives)
        return cls(suggestion.target, packed, suggestion.previous, run, model, drafted_at)

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion(self.target, unpack_alternatives(self.packed), self.previous)

    @property
    def is_low(self) -> bool:
        """Whether the model itself was not sure of its best reading."""
        best = self.suggestion.alternatives[:1]
        return any(one.confidence.band is Band.LOW for one in best)

    @property
    def is_waiting(self) -> bool:
        """Whether it was drafted and nobody has decided on it yet."""
        return self.run is not None and self.state is State.TODO

    @property
    def is_redrafted(self) -> bool:
        """Whether a new draft came since it was decided, which the decision does not know."""
        decision = self.decision
        if decision is None or decision.verdict is Verdict.OPEN or self.run is None:
            return False
        return self.drafted_at > decision.at

    @property
    def state(self) -> State:
        if self.written:
            return State.WRITTEN
        if self.decision is None or self.decision.verdict is Verdict.OPEN:
            return State.TODO
        return State(self.decision.verdict.value)

    def state_over(self, present: str | None) -> State:
        """The same, where the database has the text `present` now."""
        decision = self.decision
        if decision is None or not decision.verdict.keeps_text or self.written:
            return self.state
        is_ours = present in (decision.previous, decision.text)
        return self.state if is_ours else State.CHANGED


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to the model about a target when a run drafted it: the facts of its line in the prompt, as
    `drafting.prompt` names them, at the privacy level of that time; and what documents and code said of
    its table. Without facts where they were not kept."""

    privacy: Privacy
    facts: Mapping[str, object]
    passages: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the store remembers it. `usd` is None where the cost of some request is not known; it is
    what the requests cost at the rates of their time."""

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

    @property
    def is_least(self) -> bool:
        """Whether usage and cost are the least that it may have been: what was under way when the process
        died, nobody told."""
        return self.state is RunState.INTERRUPTED


@dataclass(frozen=True, slots=True)
class Leg:
    """How a run was sent last: what going on with it keeps to. `is_again`: the earlier readings go along;
    `spent_usd` is what all its legs have cost so far, as far as it is known."""

    profile: str
    privacy: Privacy
    cap_usd: float | None
    hint: str
    is_again: bool
    spent_usd: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened to a batch of a run, in words: a wait, a raised budget, a failure."""

    batch: int
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One text that we tried to write. `group` is what was written together; `undoes` is the group
    that this one took back, None for an ordinary write. `outcome` None: it was begun, and nobody knows
    yet how it ended. `run` and `model` say where the text came from, None for a person's own."""

    group: int
    change: Change
    outcome: Outcome | None
    detail: str
    who: str
    at: float
    run: int | None
    model: str | None
    undoes: int | None
