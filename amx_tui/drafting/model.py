"""The words of the drafting room: batches, plans, suggestions, and the events of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from amx_tui.base.amounts import counted
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.config.model import Privacy
from amx_tui.evidence.model import Passage
from amx_tui.llm.model import Failure, Message, Phase, Usage


class Band(StrEnum):
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Signal(StrEnum):
    LOGPROB = "logprob"  # calibrated: from the token probabilities
    DECLARED = "declared"  # what the model says of itself


@dataclass(frozen=True, slots=True)
class Confidence:
    band: Band
    signal: Signal = Signal.DECLARED
    score: float | None = None  # 0 to 1, where the signal has one


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which score on a confidence is high, or medium; 0 to 1. A profile's `logprob_high` and
    `logprob_medium`."""

    high: float = 0.85
    medium: float = 0.5


@dataclass(frozen=True, slots=True)
class Alternative:
    """One reading of a target. `text` and `reason` come from a model and are already cleaned."""

    text: str
    confidence: Confidence
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a model said of one target, best alternative first. `previous` is the text that described
    the target when it was asked, None where there was none."""

    target: Target
    alternatives: tuple[Alternative, ...]
    previous: str | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is expected: tokens, USD (None where no rate is known), seconds."""

    input_tokens: int
    output_tokens: int
    usd: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Batch:
    """The targets that go into one request: columns of one table, and perhaps the table itself.
    `number` counts from 1 and is the batch's name everywhere."""

    number: int
    table: Target
    targets: tuple[Target, ...]
    messages: tuple[Message, ...]
    estimate: Estimate
    # The text of each described target when it was read; nothing is written over another one.
    previous: Mapping[Target, str] = field(default_factory=dict)
    # Of documents and code, as they are in `messages`; the same for all batches of a table.
    passages: tuple[Passage, ...] = ()

    def name(self, *, with_schema: bool) -> str:
        """That of its table, for people. Foreign text."""
        return self.table.whole_path if with_schema else self.table.path


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many times the local estimate a model really used, as the usage of its earlier answers
    says; `answers` is how many of them were looked at, 0 where there were too few."""

    input: float = 1.0
    output: float = 1.0
    answers: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A run before it starts. Everything that would be sent is in it, word for word."""

    database: str  # the connector's identity
    scope: str  # in words, such as "41 undescribed columns of 3 tables"
    profile: str
    provider: str
    model: str
    effort: str
    privacy: Privacy
    batches: tuple[Batch, ...]
    cap_usd: float | None = None  # the run stops before it would pass it
    thresholds: Thresholds = Thresholds()
    calibration: Calibration = Calibration()  # its estimates are multiplied by this already
    hint: str = ""  # a reviewer's wish, as it is in every prompt
    is_again: bool = False  # of what was drafted before; the readings so far go along

    @property
    def targets(self) -> int:
        return sum(len(batch.targets) for batch in self.batches)

    @property
    def has_schemas(self) -> bool:
        """Whether there is more than one."""
        return len({batch.table.schema for batch in self.batches}) > 1

    def title_of(self, batch: Batch) -> str:
        """Such as `BSEG · 10 columns`. Foreign text."""
        columns = sum(1 for target in batch.targets if not target.is_table)
        what = counted(columns, "column") if columns else "the table itself"
        return f"{batch.name(with_schema=self.has_schemas)} · {what}"

    @property
    def estimate(self) -> Estimate:
        """The sum over all batches; seconds as if they ran one after another."""
        parts = [batch.estimate for batch in self.batches]
        known = [part.usd for part in parts if part.usd is not None]
        return Estimate(
            sum(part.input_tokens for part in parts),
            sum(part.output_tokens for part in parts),
            sum(known) if len(known) == len(parts) else None,
            sum(part.seconds for part in parts),
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a person wants described. `targets` None means the whole catalog; a marked table stands
    for itself and all its columns unless `exact`. Described ones are drafted again only where
    `redo_described` says so: replacing a person's text is an explicit choice."""

    targets: frozenset[Target] | None = None
    exact: bool = False
    redo_described: bool = False


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"  # every batch came to an end, failed ones included
    STOPPED = "stopped"  # by the person
    CAPPED = "capped"  # by the spending cap
    FAILED = "failed"  # by a failure that hits every batch
    INTERRUPTED = "interrupted"  # the process died


# The events of a run. `at` is seconds since the epoch; batches are named by number. ---------------


@dataclass(frozen=True, slots=True)
class RunStarted:
    run: int
    plan: Plan
    at: float


@dataclass(frozen=True, slots=True)
class BatchStarted:
    batch: int
    at: float


@dataclass(frozen=True, slots=True)
class BatchPhase:
    """`at` lets a screen count up; the countdown itself is asked of the run."""

    batch: int
    phase: Phase
    attempt: int
    at: float


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    batch: int
    text: str


@dataclass(frozen=True, slots=True)
class AnswerDelta:
    batch: int
    text: str


@dataclass(frozen=True, slots=True)
class SuggestionDrafted:
    batch: int
    suggestion: Suggestion
    at: float


@dataclass(frozen=True, slots=True)
class WaitingToRetry:
    batch: int
    seconds: float
    failure: Failure
    at: float


@dataclass(frozen=True, slots=True)
class AskingAgain:
    """A further request of a batch, or more of them that share `targets`, only for what it still lacks.
    `failure` is what broke the request before off, `is_cut` says that its answer reached its length
    limit; neither, where it simply left them out."""

    batch: int
    targets: tuple[Target, ...]
    at: float
    failure: Failure | None = None
    is_cut: bool = False
    requests: int = 1


@dataclass(frozen=True, slots=True)
class TargetRefused:
    """The provider reads or answers nothing about this target; the others of its batch go on."""

    batch: int
    target: Target
    failure: Failure
    at: float


@dataclass(frozen=True, slots=True)
class BudgetRaised:
    batch: int
    spent: int
    budget: int
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class ParameterDropped:
    """`instead` is what is sent in its place, empty where it is only left out."""

    batch: int
    name: str
    reason: str
    at: float = 0.0
    instead: str = ""


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens of one attempt of a batch, and what they cost (None where no rate is known). Not exact
    where the attempt ended before the provider told: then they are estimated."""

    batch: int
    usage: Usage
    usd: float | None
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class BatchFinished:
    """`missing` are targets that the answer did not cover, `is_cut` where it had no room for them;
    `unusable` counts what could not be read."""

    batch: int
    missing: tuple[Target, ...]
    unusable: int
    at: float
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class BatchFailed:
    batch: int
    failure: Failure
    missing: tuple[Target, ...]
    at: float


@dataclass(frozen=True, slots=True)
class BatchCancelled:
    batch: int
    missing: tuple[Target, ...]
    at: float


@dataclass(frozen=True, slots=True)
class RunEnded:
    state: RunState
    at: float
    failure: Failure | None = None  # why, where `state` is FAILED
    problem: Problem | None = None  # why, where what arrived could no longer be kept


RunEvent = (
    RunStarted
    | BatchStarted
    | BatchPhase
    | ReasoningDelta
    | AnswerDelta
    | SuggestionDrafted
    | WaitingToRetry
    | AskingAgain
    | TargetRefused
    | BudgetRaised
    | ParameterDropped
    | UsageReported
    | BatchFinished
    | BatchFailed
    | BatchCancelled
    | RunEnded
)


class Recorder(Protocol):
    """Keeps what a run says. The engine awaits it before anybody else hears of an event, so what a
    person sees is already safe."""

    async def start(self, plan: Plan, at: float) -> int:
        """A new run's number. Raises `Problem` where nothing can be kept."""

    async def record(self, run: int, event: RunEvent) -> None: ...
