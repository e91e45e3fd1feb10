"""What a screen shows of a run, made of its events alone: states, counts, times, and every automatic
step in words. It knows no widget and no store, and costs the same for each event however long the
run; of the streamed text it keeps only the end.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from amx_tui.base.amounts import counted
from amx_tui.base.text import clean, one_line
from amx_tui.base.times import duration, moment_in
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import (
    AnswerDelta,
    AskingAgain,
    Band,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    Estimate,
    ParameterDropped,
    Plan,
    ReasoningDelta,
    RunEnded,
    RunEvent,
    RunStarted,
    RunState,
    SuggestionDrafted,
    TargetRefused,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.llm.model import Failure, Phase, Usage

# Characters of streamed text that a batch keeps: a screenful for whoever looks in later.
_TAIL = 2_000
# Lines of the log; the oldest half goes when there are more.
_MOST_LINES = 10_000
# Bytes of streamed text a token, until the provider reports the exact figure. UTF-8 counts a Chinese
# character as three bytes, which is about a token as well.
_BYTES_PER_TOKEN = 4
_SPACE = "\u00a0"
_CUT = "the answer was cut at its length limit"


class BatchState(StrEnum):
    QUEUED = "queued"
    CONNECTING = "connecting"
    WAITING = "waiting"
    THINKING = "thinking"
    ANSWERING = "answering"
    RETRYING = "retrying"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        return self in _ENDED


_ENDED = (BatchState.FINISHED, BatchState.FAILED, BatchState.CANCELLED)
_STATE_OF_PHASE = {
    Phase.CONNECTING: BatchState.CONNECTING,
    Phase.WAITING: BatchState.WAITING,
    Phase.THINKING: BatchState.THINKING,
    Phase.ANSWERING: BatchState.ANSWERING,
}


@dataclass(frozen=True, slots=True)
class LogLine:
    """One automatic step in words; `batch` 0 is the run itself. `at`: seconds since 1970."""

    at: float
    batch: int
    text: str


@dataclass(slots=True)
class BatchLine:
    """What is shown of one batch. Times in seconds since 1970, None before they come."""

    number: int
    title: str  # such as "BSEG 11–20"
    table: Target
    total: int  # targets
    state: BatchState = BatchState.QUEUED
    drafted: int = 0
    missing: int = 0  # targets that it ended without
    is_given_up: bool = False  # by the person: what it lacks is not asked when the run goes on
    is_cut: bool = False  # it lacks what an answer had no room for
    attempt: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    phase_at: float | None = None  # since when it is in this state
    retry_at: float | None = None  # when a waiting one asks again
    waits_for: Failure | None = None  # what it waits out until then
    usage: Usage = field(default_factory=Usage)  # of the attempts that have ended
    is_guessed: bool = False  # one of them did not tell it
    usd: float | None = None
    failure: Failure | None = None
    reasoning_tail: str = ""
    answer_tail: str = ""
    # Streamed since the last exact figure.
    reasoning_bytes: int = 0
    answer_bytes: int = 0

    @property
    def output_tokens(self) -> int:
        """Exact as far as reported, the rest estimated from what streamed since."""
        streamed = self.reasoning_bytes + self.answer_bytes
        return self.usage.output + streamed // _BYTES_PER_TOKEN

    @property
    def is_exact(self) -> bool:
        """Whether all its tokens are the provider's own figures."""
        return not self.is_guessed and self.reasoning_bytes + self.answer_bytes == 0

    def elapsed(self, now: float) -> float:
        """Seconds since it began, or that it took."""
        if self.started_at is None:
            return 0.0
        return max((self.ended_at if self.ended_at is not None else now) - self.started_at, 0.0)


class Board:
    """The reducer: `apply` each event of a run in order, then read."""

    def __init__(self) -> None:
        self.run = 0
        self.plan: Plan | None = None
        self.state: RunState | None = None  # None before the run began
        self.batches: dict[int, BatchLine] = {}
        self.log: list[LogLine] = []
        self.targets = 0
        self.drafted = 0
        self.lost = 0  # targets of batches that ended without them
        self.bands: Counter[Band] = Counter()  # of the best alternative of each suggestion
        self.states: Counter[BatchState] = Counter()
        self.usage = Usage()
        self.usd: float | None = None  # None until a priced usage came
        self.estimate = Estimate(0, 0, None, 0.0)
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.failure: Failure | None = None
        self.what: str = ""  # how the run ended, in words
        self.why: str = ""
        self.remedy: str = ""
        self._streamed_bytes = 0  # not yet in `usage`
        self._latest = 0.0

    @property
    def tokens(self) -> int:
        """Of all requests, prompts included: exact where reported, else estimated."""
        return self.usage.total + self._streamed_bytes // _BYTES_PER_TOKEN

    @property
    def under_way(self) -> int:
        """Batches that have begun and not ended."""
        ended = sum(self.states[state] for state in _ENDED)
        return len(self.batches) - ended - self.states[BatchState.QUEUED]

    @property
    def unasked(self) -> int:
        """Targets without a suggestion, apart from those of batches that a person gave up."""
        return self.targets - self.drafted - self.given_up

    @property
    def given_up(self) -> int:
        """Targets that the batches which a person gave up ended without."""
        return sum(line.missing for line in self.batches.values() if line.is_given_up)

    def elapsed(self, now: float) -> float:
        """Seconds since the run began, or that it took."""
        if self.started_at is None:
            return 0.0
        return max((self.ended_at if self.ended_at is not None else now) - self.started_at, 0.0)

    def seconds_left(self, now: float) -> float | None:
        """By the pace so far; None before the first suggestion, and 0 after the end."""
        if self.ended_at is not None:
            return 0.0
        if not self.drafted:
            return None
        left = max(self.targets - self.drafted - self.lost, 0)
        return self.elapsed(now) * left / self.drafted

    def apply(self, event: RunEvent) -> None:
        """Takes one event in. Events of a batch that the plan does not have are passed over."""
        at = getattr(event, "at", 0.0)
        self._latest = max(self._latest, at)
        if isinstance(event, RunStarted):
            self._begin(event)
        elif isinstance(event, RunEnded):
            self._end(event)
        else:
            line = self.batches.get(event.batch)
            if line is not None:
                self._apply_to(line, event)

    def _begin(self, event: RunStarted) -> None:
        self.run, self.plan, self.state = event.run, event.plan, RunState.RUNNING
        self.started_at = event.at
        self.estimate = event.plan.estimate
        self.targets = event.plan.targets
        titles = _titles(event.plan)
        for batch in event.plan.batches:
            title = titles[batch.number]
            self.batches[batch.number] = BatchLine(
                batch.number, title, batch.table, len(batch.targets)
            )
        self.states[BatchState.QUEUED] = len(self.batches)

    def _end(self, event: RunEnded) -> None:
        for line in self.batches.values():  # what the end broke off says no word of its own
            if line.state not in (BatchState.QUEUED, *_ENDED):
                missing = line.total - line.drafted
                ended = BatchState.CANCELLED if missing else BatchState.FINISHED
                self._close(line, ended, missing, event.at)
        self.state, self.ended_at, self.failure = event.state, event.at, event.failure
        cause = event.problem or event.failure
        if cause is not None:
            self.what, self.why = one_line(cause.what), one_line(cause.why)
            self.remedy = one_line(cause.remedy)
        elif event.state is RunState.CAPPED:
            cap = self.plan.cap_usd if self.plan is not None else None
            limit = f" of ${_SPACE}{cap:.2f}" if cap is not None else ""
            self.what = f"The spending cap{limit} was reached"
            self.why = "The next request would have passed it"
            self.remedy = "Draft what is missing with a higher cap; what arrived is kept"
        self._say(0, self.what or f"the run is {event.state.value}", event.at)

    def _apply_to(self, line: BatchLine, event: RunEvent) -> None:
        match event:
            case ReasoningDelta(_, text):
                size = len(text.encode("utf-8", "replace"))
                line.reasoning_bytes += size
                self._streamed_bytes += size
                line.reasoning_tail = _extend(line.reasoning_tail, text)
            case AnswerDelta(_, text):
                size = len(text.encode("utf-8", "replace"))
                line.answer_bytes += size
                self._streamed_bytes += size
                line.answer_tail = _extend(line.answer_tail, text)
            case SuggestionDrafted(_, suggestion):
                line.drafted += 1
                self.drafted += 1
                if suggestion.alternatives:
                    self.bands[suggestion.alternatives[0].confidence.band] += 1
            case BatchStarted(_, at):
                if line.state.has_ended:  # asked again by hand
                    self.lost -= line.missing
                    line.missing = 0
                    line.failure = line.ended_at = None
                    line.is_given_up = line.is_cut = False
                line.started_at = at
                self._move(line, BatchState.QUEUED, at)
            case BatchPhase(_, phase, attempt, at):
                if attempt != line.attempt:
                    line.reasoning_tail = line.answer_tail = ""
                    line.attempt = attempt
                line.retry_at = line.waits_for = None
                self._move(line, _STATE_OF_PHASE[phase], at)
            case UsageReported(_, usage, usd, is_exact):
                line.is_guessed = line.is_guessed or not is_exact
                self._streamed_bytes -= line.reasoning_bytes + line.answer_bytes
                line.reasoning_bytes = line.answer_bytes = 0
                line.usage += usage
                self.usage += usage
                if usd is not None:
                    line.usd = (line.usd or 0.0) + usd
                    self.usd = (self.usd or 0.0) + usd
            case WaitingToRetry(_, seconds, failure, at):
                line.retry_at, line.waits_for = at + seconds, failure
                self._move(line, BatchState.RETRYING, at)
                self._say(line.number, f"{line.title}: {_say_wait(failure, seconds, at)}", at)
            case AskingAgain(_, targets, at, failure, is_cut, requests):
                left_out = "left some out" if line.drafted else "described none of them"
                why = _CUT if is_cut else f"the answer {left_out}"
                why = _lower(failure.what) if failure is not None else why
                only = "only " if line.drafted else ""
                asked = f"asking again {only}for the {_count(len(targets))} still missing"
                more = f", in {requests} requests" if requests > 1 else ""
                self._say(line.number, f"{line.title}: {why}{_kept(line)}; {asked}{more}", at)
                self._move(line, BatchState.QUEUED, at)  # others may hold the places
            case TargetRefused(_, target, failure, at):
                name = one_line(target.column or target.table, 40)
                self._say(line.number, f"{line.title}: {name}: {_lower(failure.what)}", at)
            case BudgetRaised(_, spent, budget, at):
                text = (
                    f"{line.title}: thinking spent the whole budget of {_number(spent)} tokens;"
                    f" asking again with {_number(budget)}"
                )
                self._say(line.number, text, at)
            case ParameterDropped(_, name, reason, at, instead):
                done = f"replaced by {one_line(instead, 60)}" if instead else "left out"
                text = f"{line.title}: {one_line(name, 60)} {done}: {one_line(reason, 200)}"
                self._say(line.number, text, at)
            case BatchFinished(_, missing, unusable, at, is_cut):
                self._close(line, BatchState.FINISHED, len(missing), at)
                line.is_cut = is_cut
                notes = [_CUT] if is_cut else []
                if missing:
                    notes.append(f"no description came for {_names(missing)}")
                if unusable:
                    notes.append(f"{counted(unusable, 'part')} of it unusable")
                if notes:
                    self._say(line.number, f"{line.title}: {'; '.join(notes)}", at)
            case BatchFailed(_, failure, missing, at):
                line.failure = failure
                self._close(line, BatchState.FAILED, len(missing), at)
                said = f"failed: {_lower(failure.what)}{_kept(line)}"
                self._say(line.number, f"{line.title}: {said}", at)
            case BatchCancelled(_, missing, at):
                self._close(line, BatchState.CANCELLED, len(missing), at)
                line.is_given_up = True
                self._say(line.number, f"{line.title}: cancelled{_kept(line)}", at)
            case _:
                pass

    def _move(self, line: BatchLine, state: BatchState, at: float) -> None:
        if line.state is not state:
            self.states[line.state] -= 1
            self.states[state] += 1
            line.state = state
            line.phase_at = at

    def _close(self, line: BatchLine, state: BatchState, missing: int, at: float) -> None:
        self.lost += missing - line.missing
        line.missing = missing
        line.ended_at = at
        line.retry_at = line.waits_for = None
        self._move(line, state, at)

    def _say(self, batch: int, text: str, at: float) -> None:
        self.log.append(LogLine(at or self._latest, batch, text))
        if len(self.log) > _MOST_LINES:
            del self.log[: _MOST_LINES // 2]


def _titles(plan: Plan) -> dict[int, str]:
    """`BSEG 11–20` for the eleventh to twentieth column that is asked of a table; `BSEG` where the
    table itself is all that is asked."""
    counted: Counter[Target] = Counter()
    titles = {}
    has_schemas = plan.has_schemas
    for batch in plan.batches:
        columns = sum(1 for target in batch.targets if not target.is_table)
        first = counted[batch.table] + 1
        last = first + columns - 1
        counted[batch.table] = last
        name = one_line(batch.name(with_schema=has_schemas), 60)
        if not columns:
            titles[batch.number] = name
        else:
            titles[batch.number] = f"{name} {first}–{last}" if columns > 1 else f"{name} {first}"
    return titles


def _extend(tail: str, text: str) -> str:
    return (tail + clean(text[-_TAIL:]))[-_TAIL:]


def _say_wait(failure: Failure, seconds: float, at: float) -> str:
    asked_by = "the provider asks to wait" if failure.retry_after is not None else "waiting"
    wait = duration(seconds) if seconds >= 1 else f"{seconds:.1f} s"
    then = moment_in(seconds, at=at)
    wait = wait.replace(" ", _SPACE)
    return f"{_lower(failure.what)}; {asked_by} {wait}, asking again at {then}"


def _kept(line: BatchLine) -> str:
    return f"; {line.drafted} of {line.total} kept" if line.drafted else ""


def _lower(sentence: str) -> str:
    """For the middle of a sentence; names keep their capitals."""
    line = one_line(sentence, 200)
    first = line.split(" ", 1)[0]
    return line[:1].lower() + line[1:] if first in ("The", "It", "No", "Nothing") else line


def _names(targets: tuple[Target, ...]) -> str:
    shown = ", ".join(one_line(target.column or target.table, 40) for target in targets[:5])
    return f"{shown} and {len(targets) - 5} more" if len(targets) > 5 else shown


def _count(number: int) -> str:
    return counted(number, "target")


def _number(number: int) -> str:
    return f"{number:,}".replace(",", _SPACE)
