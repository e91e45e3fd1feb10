"""Runs a plan: batches side by side, each answer read as it streams, every event kept before it is seen.

It decides what is asked again and when a run is over. How a request is made, waited for and retried
is the business of the client that it is given, and where things are kept that of the recorder; it
imports neither.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.asking import Answer, Asking
from amx_tui.drafting.model import (
    AnswerDelta,
    AskingAgain,
    Batch,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    ParameterDropped,
    Plan,
    ReasoningDelta,
    Recorder,
    RunEnded,
    RunEvent,
    RunStarted,
    RunState,
    Suggestion,
    SuggestionDrafted,
    TargetRefused,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.drafting.plan import narrow_batch
from amx_tui.drafting.reader import AnswerReader
from amx_tui.drafting.spending import Capped, Outlay, Spending
from amx_tui.llm.model import (
    Allowance,
    AnswerText,
    BudgetRaise,
    CallEvent,
    CallFailed,
    Ended,
    Failure,
    Message,
    ParameterDrop,
    Phase,
    PhaseChanged,
    Rates,
    ReasoningText,
    RetryWait,
    Usage,
    UsageMissing,
    UsageSeen,
)

# How many batches wait for an answer at once; the client's own limit is usually lower.
WORKERS = 8

# Where the consumer is slower than the models, they wait for it: events, and characters of text.
_MOST_EVENTS = 256
_MOST_CHARACTERS = 64_000

_Result = TypeVar("_Result")


class Countdown(Protocol):
    """How long a request may still be silent. Seconds."""

    @property
    def phase(self) -> Phase: ...

    @property
    def limit(self) -> float: ...

    def remaining(self) -> float: ...

    def extend(self, seconds: float) -> None: ...


class Call(Protocol):
    """One request, with whatever retries the client makes of it."""

    @property
    def countdown(self) -> Countdown: ...

    def events(self) -> AsyncIterator[CallEvent]:
        """Raises `CallFailed`."""

    def hurry(self) -> bool:
        """Asks at once, where it waits before it asks again; False where it does not."""


class Client(Protocol):
    def call(self, messages: Sequence[Message], allowance: Allowance | None = None) -> Call: ...


@dataclass(slots=True, eq=False)
class _Work:
    """A batch on its way: what it still lacks, and the request that is out."""

    batch: Batch
    missing: tuple[Target, ...]
    call: Call | None = None
    phase: Phase | None = None
    attempts: int = 0  # of all its calls
    outlay: Outlay = field(default_factory=Outlay)
    unusable: int = 0
    task: asyncio.Task[None] | None = None
    has_ended: bool = False  # it said how
    is_given_up: bool = False  # by a person


@dataclass(frozen=True, slots=True)
class _Grants:
    """The `Allowance` of one call."""

    run: Run
    work: _Work
    batch: Batch  # as it is asked: narrowed to what is missing

    async def grant(self, prompt_tokens: int, wanted: int, least: int) -> int:
        return await self.run._grant(self.work, self.batch, prompt_tokens, wanted, least)


@dataclass(slots=True)
class _Delta:
    """Consecutive text of one batch that nobody has taken yet."""

    kind: type[ReasoningDelta] | type[AnswerDelta]
    batch: int
    pieces: list[str] = field(default_factory=list)
    size: int = 0


class Run:
    """One drafting session. Iterate over `events` once; give orders meanwhile, from the same loop.

    Args:
        plan: What to send.
        client: Makes the calls. The run does not close it.
        recorder: Keeps every event before `events` yields it.
        rates: USD per million tokens; without them nothing is priced and no spending cap can hold.
        run_id: A run that goes on; None starts a new one.
        already_usd: What a run that goes on has cost before; its cap is for all of it.
        workers: The most batches that wait for an answer at once.
    """

    def __init__(
        self,
        plan: Plan,
        client: Client,
        recorder: Recorder,
        rates: Rates | None,
        *,
        run_id: int | None = None,
        already_usd: float = 0.0,
        clock: Callable[[], float] = time.time,
        workers: int = WORKERS,
    ) -> None:
        self.plan = plan
        self.id = run_id
        self.state = RunState.RUNNING
        self.spending = Spending(plan.cap_usd, rates, already_usd)
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._workers = max(workers, 1)
        self._failure: Failure | None = None
        self._works = {batch.number: _Work(batch, batch.targets) for batch in plan.batches}
        self._pending = deque(self._works.values())
        self._active: set[_Work] = set()
        self._changed = asyncio.Event()  # the driver has something to look at
        self._inbox: deque[RunEvent | _Delta] = deque()
        self._open_deltas: dict[int, _Delta] = {}
        self._inbox_size = 0  # characters of text
        self._arrived = asyncio.Event()  # the inbox is not empty, or the driver is done
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._is_over = False  # `RunEnded` is said

    # What a person sees. -------------------------------------------------------------------------

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        """Runs the plan and yields what happens, each event after the recorder has kept it; the last
        is `RunEnded`. Consecutive text of a batch may come in one piece.

        Where the recorder fails, the run ends with the problem, and nothing unkept is shown. Closing
        the generator stops the run: what arrived is still kept, and no task is left behind.
        """
        try:
            if self.id is None:
                self.id = await _complete(self._recorder.start(self.plan, self._clock()))
        except Exception as error:
            yield self._end_unkept(error)
            return
        run = self.id
        self._say(RunStarted(run, self.plan, self._clock()))
        driver = asyncio.create_task(self._drive(), name=f"run {run}")
        driver.add_done_callback(lambda _: self._arrived.set())
        try:
            while self._inbox or not driver.done():
                if not self._inbox:
                    self._arrived.clear()
                    await self._arrived.wait()
                    continue
                event = self._take()
                try:
                    await _complete(self._recorder.record(run, event))
                except Exception as error:
                    self._halt(RunState.STOPPED)
                    await asyncio.wait([driver])
                    self._inbox.clear()
                    yield self._end_unkept(error)
                    return
                yield event
            driver.result()  # a fault of ours is not to pass for an end
        finally:
            self._halt(RunState.STOPPED)
            try:
                await asyncio.wait([driver])
            finally:
                driver.cancel()
            await self._keep_rest(run)

    def countdown(self, batch: int) -> Countdown | None:
        """The clock of the request that this batch waits for; None where none is out."""
        work = self._works.get(batch)
        return work.call.countdown if work is not None and work.call is not None else None

    def missing(self, batch: int) -> tuple[Target, ...]:
        """The targets of a batch that no suggestion came for yet."""
        work = self._works.get(batch)
        return work.missing if work is not None else ()

    # What a person orders. -----------------------------------------------------------------------

    def stop(self) -> None:
        """Ends the run at once; what arrived is kept."""
        self._halt(RunState.STOPPED)

    def cancel(self, batch: int) -> bool:
        """Gives up one batch, waiting or under way; what arrived of it is kept. False where it has
        ended already."""
        work = self._works.get(batch)
        if work is None or self._is_over:
            return False
        if work in self._pending:
            self._pending.remove(work)
            self._say(BatchCancelled(batch, work.missing, self._clock()))
            self._changed.set()
            return True
        if work.task is None or work.has_ended:
            return False
        work.is_given_up = True
        return work.task.cancel()

    def retry(self, batch: int) -> bool:
        """Asks again for what a failed, cancelled or finished batch lacks, as long as the run goes
        on; one that waits before it asks again does so at once. False where nothing is missing, it is
        still under way, or the run is over; a new `Run` over `remaining_plan` with the same `run_id`
        goes on then."""
        work = self._works.get(batch)
        if work is None or self.state is not RunState.RUNNING or not work.missing:
            return False
        if work.call is not None and work.call.hurry():
            return True
        if work.task is not None or work in self._pending:
            return False
        self._pending.append(work)
        self._changed.set()
        return True

    def extend(self, batch: int, seconds: float) -> bool:
        """Gives a batch's request more time. False where none is out."""
        countdown = self.countdown(batch)
        if countdown is None:
            return False
        countdown.extend(seconds)
        return True

    # The driver. ---------------------------------------------------------------------------------

    async def _drive(self) -> None:
        """Starts batches as places become free, until none is left or the run is halted."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._start_batches(group)
                    if not self._active:
                        break
                    self._changed.clear()
                    await self._changed.wait()
        except BaseExceptionGroup as faults:
            raise faults.exceptions[0] from None
        if self.state is RunState.RUNNING:
            self.state = RunState.FINISHED
        self._is_over = True
        self._say(RunEnded(self.state, self._clock(), self._failure))

    def _start_batches(self, group: asyncio.TaskGroup) -> None:
        while self._pending and len(self._active) < self._workers:
            work = self._pending[0]
            if not self.spending.can_pay(work.batch.estimate):
                if not self._active:
                    self._halt(RunState.CAPPED)
                return  # what is in flight may turn out cheaper than it was expected to be
            self._pending.popleft()
            work.has_ended = work.is_given_up = False
            self.spending.open(work.outlay, work.batch.estimate)
            self._active.add(work)
            work.task = group.create_task(self._work(work), name=f"batch {work.batch.number}")
            work.task.add_done_callback(partial(self._leave, work))

    def _leave(self, work: _Work, task: asyncio.Task[None]) -> None:
        """A batch's task is over; it may have been cancelled before it even began. What the end of the
        run breaks off nobody gave up: it is simply missing, and asked again when the run goes on."""
        self._active.discard(work)
        work.task = None
        self.spending.close(work.outlay)
        if task.cancelled() and work.is_given_up:
            self._say(BatchCancelled(work.batch.number, work.missing, self._clock()))
        self._changed.set()

    def _halt(self, state: RunState, failure: Failure | None = None) -> None:
        """No further call is made. A stop cancels what is in flight; where money or a failure ends
        the run, an answer that streams already is paid for, and may end."""
        if self._is_over:
            return
        if self.state is RunState.RUNNING:
            self.state = state
            self._failure = failure
        elif state is not RunState.STOPPED:
            return
        self._pending.clear()
        for work in self._active:
            may_end = state is RunState.CAPPED or (
                state is RunState.FAILED and work.phase in (Phase.THINKING, Phase.ANSWERING)
            )
            if not may_end and not work.has_ended and work.task is not None:
                if state is RunState.FAILED:  # it would be refused as well
                    self.spending.refused(work.outlay)
                work.task.cancel()
        self.spending.end()
        self._changed.set()

    # The cap. ------------------------------------------------------------------------------------

    async def _grant(
        self, work: _Work, batch: Batch, prompt_tokens: int, wanted: int, least: int
    ) -> int:
        """See `Allowance.grant`. Where the cap pays for no further request, the run ends.

        Raises:
            Capped: no further request is made.
        """

        def asking() -> int:
            waiting = sum(1 for other in self._active if not other.outlay.granted)
            return min(waiting + len(self._pending), self._workers)

        try:
            return await self.spending.grant(
                work.outlay,
                batch,
                prompt_tokens=prompt_tokens,
                wanted=wanted,
                least=least,
                asking=asking,
            )
        except Capped:
            self._halt(RunState.CAPPED)
            raise

    def _count(self, work: _Work, text: str) -> None:
        """Counts text that came. Where it costs more than the cap, what is out is broken off.

        Raises:
            Capped: the cap is reached.
        """
        if self.spending.count(work.outlay, text):
            return
        self._halt(RunState.CAPPED)
        for other in self._active:
            if other is not work and not other.has_ended and other.task is not None:
                other.task.cancel()
        raise Capped

    def _report(self, work: _Work, usage: Usage, *, is_exact: bool = True) -> None:
        usd = self.spending.report(work.outlay, usage)
        self._say(UsageReported(work.batch.number, usage, usd, is_exact))
        self._changed.set()

    # One batch. ----------------------------------------------------------------------------------

    async def _work(self, work: _Work) -> None:
        number = work.batch.number
        self._say(BatchStarted(number, self._clock()))
        work.unusable = 0
        asking = Asking(work.missing)
        for asked in asking:
            answer = await self._ask(work, asked)
            if answer.is_capped:
                return  # what the end of the run breaks off is simply missing
            failure = answer.failure
            if failure is not None and failure.hits_all:
                work.has_ended = True
                self._say(BatchFailed(number, failure, work.missing, self._clock()))
                self._halt(RunState.FAILED, failure)
                return
            rest = tuple(target for target in asked if target in set(work.missing))
            refused = len(asking.refused)
            requests = asking.note(asked, rest, answer)
            if failure is not None:
                for target in asking.refused[refused:]:
                    self._say(TargetRefused(number, target, failure, self._clock()))
            if self.state is not RunState.RUNNING:
                break
            if requests:
                work.outlay.expected = narrow_batch(work.batch, rest).estimate.usd or 0.0
                again = AskingAgain(number, rest, self._clock(), failure, answer.is_cut, requests)
                self._say(again)
        work.has_ended = True
        now = self._clock()
        failure = asking.failure(work.missing)
        if failure is not None:
            self._say(BatchFailed(number, failure, work.missing, now))
        else:
            self._say(BatchFinished(number, work.missing, work.unusable, now, asking.is_cut))

    async def _ask(self, work: _Work, asked: tuple[Target, ...]) -> Answer:
        """One call for `asked`, read as it streams."""
        batch = work.batch if asked == work.batch.targets else narrow_batch(work.batch, asked)
        number = batch.number
        attempts_before = work.attempts
        reader = AnswerReader(asked, batch.previous, self.plan.thresholds)
        finish_reason = ""
        failure: Failure | None = None
        is_capped = False
        work.call = self._client.call(batch.messages, _Grants(self, work, batch))
        try:
            async with _closing(work.call.events()) as events:
                async for event in events:
                    match event:
                        case ReasoningText(text):
                            self._say_text(ReasoningDelta, number, text)
                            self._count(work, text)
                        case AnswerText(text, logprobs):
                            self._say_text(AnswerDelta, number, text)
                            self._draft(work, reader.feed(text, logprobs))
                            self._count(work, text)
                        case PhaseChanged(phase, attempt):
                            work.phase = phase
                            work.attempts = attempts_before + attempt
                            work.outlay.is_out = phase is not Phase.CONNECTING
                            self._say(BatchPhase(number, phase, work.attempts, self._clock()))
                        case UsageSeen(usage):
                            self._report(work, usage)
                        case UsageMissing(output):
                            usage = self.spending.guess(work.outlay, batch.estimate, output)
                            self._report(work, usage, is_exact=False)
                        case RetryWait(seconds, why):
                            work.phase = None
                            self.spending.refused(work.outlay)
                            self._say(WaitingToRetry(number, seconds, why, self._clock()))
                        case BudgetRaise(spent, budget):
                            self._say(BudgetRaised(number, spent, budget, self._clock()))
                        case ParameterDrop(name, reason, instead):
                            now = self._clock()
                            self._say(ParameterDropped(number, name, reason, now, instead))
                        case Ended(reason):
                            finish_reason = reason
                    await self._has_room.wait()
        except CallFailed as failed:
            failure = failed.failure
            self.spending.refused(work.outlay)  # else its usage was told, or told to be missing
        except Capped:
            is_capped = True
        finally:
            work.call = work.phase = None
            work.outlay.expected = 0.0
            if work.outlay.is_out:  # broken off by us
                usage = self.spending.guess(work.outlay, batch.estimate)
                self._report(work, usage, is_exact=False)
            self._changed.set()
        result = Answer(failure, finish_reason == "length", is_capped)
        self._draft(work, reader.finish(is_whole=result.is_whole))
        work.unusable += reader.unusable
        return result

    def _draft(self, work: _Work, suggestions: Sequence[Suggestion]) -> None:
        if suggestions:
            came = {suggestion.target for suggestion in suggestions}
            work.missing = tuple(target for target in work.missing if target not in came)
        for suggestion in suggestions:
            self._say(SuggestionDrafted(work.batch.number, suggestion, self._clock()))

    # Events on their way to the recorder. --------------------------------------------------------

    def _say(self, event: RunEvent) -> None:
        """Never waits, so that a batch that is cancelled loses nothing that arrived."""
        if not isinstance(event, (RunStarted, RunEnded)):
            self._open_deltas.pop(event.batch, None)
        self._put(event)

    def _say_text(
        self, kind: type[ReasoningDelta] | type[AnswerDelta], batch: int, text: str
    ) -> None:
        if not text:
            return
        delta = self._open_deltas.get(batch)
        if delta is None or delta.kind is not kind:
            delta = self._open_deltas[batch] = _Delta(kind, batch)
            self._put(delta)
        delta.pieces.append(text)
        delta.size += len(text)
        self._inbox_size += len(text)
        if self._inbox_size > _MOST_CHARACTERS:
            self._has_room.clear()

    def _put(self, item: RunEvent | _Delta) -> None:
        self._inbox.append(item)
        self._arrived.set()
        if len(self._inbox) > _MOST_EVENTS:
            self._has_room.clear()

    def _take(self) -> RunEvent:
        item = self._inbox.popleft()
        if isinstance(item, _Delta):
            if self._open_deltas.get(item.batch) is item:
                del self._open_deltas[item.batch]
            self._inbox_size -= item.size
            item = item.kind(item.batch, "".join(item.pieces))
        if len(self._inbox) <= _MOST_EVENTS and self._inbox_size <= _MOST_CHARACTERS:
            self._has_room.set()
        return item

    async def _keep_rest(self, run: int) -> None:
        """Nobody looks any more; what arrived is kept all the same."""
        while self._inbox:
            try:
                await _complete(self._recorder.record(run, self._take()))
            except Exception:  # whoever closes cannot be told, and what is not kept was not shown
                self._inbox.clear()

    def _end_unkept(self, error: Exception) -> RunEnded:
        self.state = RunState.FAILED
        self._is_over = True
        problem = error
        if not isinstance(problem, Problem):
            problem = Problem(
                "What arrived can no longer be saved, so the run was stopped",
                one_line(str(error), 200) or type(error).__name__,
                "Make room on the disk or make it writable, then press t; what was shown is safe",
            )
        return RunEnded(RunState.FAILED, self._clock(), problem=problem)


@asynccontextmanager
async def _closing(
    events: AsyncIterator[CallEvent],
) -> AsyncGenerator[AsyncIterator[CallEvent], None]:
    """Closes the connection behind `events` at once, also where it is left half read."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def _complete(step: Coroutine[object, object, _Result]) -> _Result:
    """Awaits `step` to its end even where the waiting is cancelled: it is then neither half done nor
    done twice."""
    task = asyncio.create_task(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # nobody is left to be told
        raise
