"""What the order of events decides, with a scripted call; what HTTP decides is in test_over_http.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from amx_tui.base.problem import Problem
from amx_tui.drafting.engine import Run
from amx_tui.drafting.model import (
    AnswerDelta,
    AskingAgain,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    Plan,
    ReasoningDelta,
    RunEnded,
    RunEvent,
    RunStarted,
    RunState,
    SuggestionDrafted,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.drafting.plan import remaining_plan
from amx_tui.llm.model import (
    AnswerText,
    BudgetRaise,
    CallEvent,
    CallFailed,
    Ended,
    Failure,
    FailureKind,
    Message,
    Phase,
    PhaseChanged,
    ReasoningText,
    RetryWait,
    Usage,
    UsageSeen,
)
from tests.drafting.parts import (
    RATES,
    Memory,
    ScriptedClient,
    collect,
    no_tasks_left,
    plan_of,
    setup_of,
    table_of,
)
from tests.provider import asked_targets

CUT = Failure(FailureKind.CUT, "The connection was cut", is_retried=True)
DEAD = Failure(FailureKind.SERVER_ERROR, "The provider failed (500)")
NO_KEY = Failure(FailureKind.KEY_REJECTED, "The key was refused", hits_all=True)


def names_asked(messages: Sequence[Message]) -> list[str]:
    body = {"messages": [{"role": one.role, "content": one.content} for one in messages]}
    return [name for _, name in asked_targets(body)]


def answer_lines(messages: Sequence[Message]) -> list[str]:
    body = {"messages": [{"role": one.role, "content": one.content} for one in messages]}
    return [
        json.dumps(
            {kind: name, "alternatives": [{"text": f"What {name} is", "confidence": "high"}]}
        )
        + "\n"
        for kind, name in asked_targets(body)
    ]


async def answer(messages: Sequence[Message], leave_out: int = 0) -> AsyncIterator[CallEvent]:
    yield PhaseChanged(Phase.CONNECTING, 1)
    yield PhaseChanged(Phase.THINKING, 1)
    yield ReasoningText("Let me see. ")
    yield PhaseChanged(Phase.ANSWERING, 1)
    lines = answer_lines(messages)
    for line in lines[: len(lines) - leave_out]:
        yield AnswerText(line[:9])
        await asyncio.sleep(0)
        yield AnswerText(line[9:])
    yield UsageSeen(Usage(1000, 0, 400, 100))
    yield Ended("stop")


def of(events: Sequence[RunEvent], kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in events if isinstance(event, kind)]


def run_of(client: ScriptedClient, plan: Plan | None = None, recorder: Memory | None = None) -> Run:
    return Run(plan or plan_of(), client, recorder or Memory(), RATES, clock=lambda: 1000.0)


async def test_a_run_drafts_every_target_and_ends() -> None:
    plan = plan_of(table_of("A"), table_of("B"))
    run = run_of(ScriptedClient(answer), plan)
    events = await collect(run)
    assert events[0] == RunStarted(12, plan, 1000.0)
    assert events[-1] == RunEnded(RunState.FINISHED, 1000.0)
    drafted = [event.suggestion.target for event in of(events, SuggestionDrafted)]
    assert sorted(drafted) == sorted(target for batch in plan.batches for target in batch.targets)
    assert len(of(events, BatchFinished)) == len(plan.batches)
    assert run.spending.spent_usd == pytest.approx(
        len(plan.batches) * (1000 * 0.6 + 400 * 2.5) / 1e6
    )
    assert run.state is RunState.FINISHED
    assert no_tasks_left()


async def test_what_is_seen_is_kept_already() -> None:
    recorder = Memory()
    run = run_of(ScriptedClient(answer), plan_of(table_of("A", 8), table_of("B", 8)), recorder)
    seen = []
    async for event in run.events():
        seen.append(event)
        assert event is recorder.kept[-1]
    assert seen == recorder.kept


async def test_a_batch_tells_its_events_in_the_order_in_which_they_happen() -> None:
    run = run_of(ScriptedClient(answer), plan_of(table_of(columns=1)))
    kinds = [type(event).__name__ for event in await collect(run)]
    kinds = [kind for place, kind in enumerate(kinds) if kinds[place - 1 : place] != [kind]]
    assert kinds == [
        "RunStarted",
        "BatchStarted",
        "BatchPhase",
        "ReasoningDelta",
        "BatchPhase",
        "AnswerDelta",
        "SuggestionDrafted",
        "AnswerDelta",
        "SuggestionDrafted",
        "UsageReported",
        "BatchFinished",
        "RunEnded",
    ]


async def test_a_thousand_batches_do_not_make_a_thousand_calls_at_once() -> None:
    client = ScriptedClient(answer)
    plan = plan_of(table_of(columns=300), setup=setup_of(batch_size=1))
    events = await collect(run_of(client, plan))
    assert client.most_open == 8
    assert len(client.asked) == len(of(events, BatchFinished)) == 300


async def test_a_slow_reader_gets_all_the_text_in_fewer_pieces() -> None:
    thought = [f"{number}, " for number in range(3_000)]

    async def chatter(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        for piece in thought:
            yield ReasoningText(piece)
        async for event in answer(messages):
            yield event

    events = await collect(run_of(ScriptedClient(chatter), plan_of(table_of(columns=1))))
    deltas = [event.text for event in of(events, ReasoningDelta)]
    assert "".join(deltas).startswith("".join(thought))
    assert len(deltas) < 100


async def test_models_wait_for_a_reader_who_does_not_read() -> None:
    sent = 0

    async def flood(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield ReasoningText("x" * 1_000)
        async for event in answer(messages):
            yield event

    events = run_of(ScriptedClient(flood), plan_of(table_of(columns=1))).events()
    await anext(events)
    for _ in range(50):
        await asyncio.sleep(0)
    assert sent < 100
    rest = [event async for event in events]
    assert sum(len(event.text) for event in of(rest, ReasoningDelta)) >= 1_000_000
    assert isinstance(rest[-1], RunEnded)


async def test_what_an_answer_left_out_is_asked_once_more_and_nothing_else() -> None:
    client = ScriptedClient(lambda messages: answer(messages, leave_out=1))
    plan = plan_of(table_of(columns=3), setup=setup_of(batch_size=9))
    events = await collect(run_of(client, plan))
    assert [names_asked(messages) for messages in client.asked] == [
        ["BSEG", "MANDT", "BUKRS", "BELNR"],
        ["BELNR"],
    ]
    (again,) = of(events, AskingAgain)
    (finished,) = of(events, BatchFinished)
    assert again.targets == finished.missing
    assert [target.column for target in finished.missing] == ["BELNR"]
    assert again.failure is None


def cut_after(lines: int, failure: Failure | None) -> Callable[..., AsyncIterator[CallEvent]]:
    """Answers that many lines and half of the next; then the call fails, or is cut for its length."""

    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        yield PhaseChanged(Phase.ANSWERING, 1)
        text = answer_lines(messages)
        yield AnswerText("".join(text[:lines]))
        if len(text) > lines:
            yield AnswerText(text[lines][:20])
            if failure is not None:
                raise CallFailed(failure)
            yield Ended("length")
        else:
            yield Ended("stop")

    return script


@pytest.mark.parametrize("failure", [CUT, None], ids=["cut connection", "cut for its length"])
async def test_a_cut_answer_keeps_what_is_complete_and_the_rest_is_asked(
    failure: Failure | None,
) -> None:
    client = ScriptedClient(cut_after(2, failure))
    plan = plan_of(table_of(columns=5), setup=setup_of(batch_size=9))
    events = await collect(run_of(client, plan))
    assert [names_asked(messages) for messages in client.asked] == [
        ["BSEG", "MANDT", "BUKRS", "BELNR", "GJAHR", "BUZEI"],
        ["BUKRS", "BELNR", "GJAHR", "BUZEI"],
        ["GJAHR", "BUZEI"],
    ]
    assert len(of(events, SuggestionDrafted)) == 6
    for again in of(events, AskingAgain):
        assert (again.failure, again.is_cut, again.requests) == (failure, failure is None, 1)
    (finished,) = of(events, BatchFinished)
    assert finished.missing == () and not finished.is_cut


async def test_asking_again_comes_to_an_end() -> None:
    client = ScriptedClient(cut_after(1, CUT))
    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=9))
    events = await collect(run_of(client, plan))
    assert len(client.asked) == 3
    (failed,) = of(events, BatchFailed)
    assert failed.failure == CUT
    assert len(failed.missing) == 6


async def test_an_answer_too_long_to_begin_with_is_asked_in_halves() -> None:
    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        if len(names_asked(messages)) > 3:
            yield AnswerText('{"column": "MANDT", "alternatives": [')
            yield Ended("length")
        else:
            async for event in answer(messages):
                yield event

    client = ScriptedClient(script)
    plan = plan_of(table_of(columns=5), setup=setup_of(batch_size=9))
    events = await collect(run_of(client, plan))
    assert [len(names_asked(messages)) for messages in client.asked] == [6, 3, 3]
    (again,) = of(events, AskingAgain)
    assert again.is_cut and again.requests == 2 and len(again.targets) == 6
    assert of(events, BatchFinished)[0].missing == ()


async def test_what_every_answer_is_too_short_for_is_missing_because_it_was_cut() -> None:
    client = ScriptedClient(cut_after(1, None))
    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=9))
    events = await collect(run_of(client, plan))
    assert len(client.asked) == 3
    (finished,) = of(events, BatchFinished)
    assert len(finished.missing) == 6 and finished.is_cut


async def test_one_failed_batch_does_not_stop_the_others() -> None:
    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        if "BUKRS" in names_asked(messages):
            raise CallFailed(DEAD)
        async for event in answer(messages):
            yield event

    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=2))
    events = await collect(run_of(ScriptedClient(script), plan))
    assert [event.failure for event in of(events, BatchFailed)] == [DEAD]
    assert len(of(events, BatchFinished)) == 3
    assert events[-1] == RunEnded(RunState.FINISHED, 1000.0)


async def test_a_failure_that_hits_all_ends_the_run_but_not_an_answer_that_streams() -> None:
    refused = asyncio.Event()
    all_wait = asyncio.Event()

    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        names = names_asked(messages)
        if client.open == 8:
            all_wait.set()
        if "BSEG" in names:
            yield PhaseChanged(Phase.ANSWERING, 1)
            await refused.wait()
            async for event in answer(messages):
                yield event
        elif "BELNR" in names:
            await all_wait.wait()
            refused.set()
            raise CallFailed(NO_KEY)
        else:
            yield PhaseChanged(Phase.WAITING, 1)
            await asyncio.Event().wait()

    client = ScriptedClient(script)
    plan = plan_of(table_of(columns=40), setup=setup_of(batch_size=2))
    events = await collect(run_of(client, plan))
    assert events[-1] == RunEnded(RunState.FAILED, 1000.0, NO_KEY)
    assert [event.batch for event in of(events, BatchFinished)] == [1]
    assert len(client.asked) == 8
    assert of(events, BatchCancelled) == []
    assert no_tasks_left()


async def test_the_calls_own_steps_are_passed_on() -> None:
    limited = Failure(FailureKind.RATE_LIMITED, "Too many requests (429)", is_retried=True)

    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        yield PhaseChanged(Phase.CONNECTING, 1)
        yield RetryWait(4.0, limited)
        yield PhaseChanged(Phase.CONNECTING, 2)
        yield BudgetRaise(32_768, 131_072)
        async for event in answer(messages, leave_out=1):
            yield event if not isinstance(event, PhaseChanged) else PhaseChanged(event.phase, 3)

    plan = plan_of(table_of(columns=1))
    events = await collect(run_of(ScriptedClient(script), plan))
    assert of(events, WaitingToRetry)[0] == WaitingToRetry(1, 4.0, limited, 1000.0)
    assert of(events, BudgetRaised)[0] == BudgetRaised(1, 32_768, 131_072, 1000.0)
    # Attempts are counted on over the request for the rest.
    assert max(event.attempt for event in of(events, BatchPhase)) == 6
    assert of(events, UsageReported)[0].usd == pytest.approx((1000 * 0.6 + 400 * 2.5) / 1e6)


async def test_the_cap_ends_the_run_before_it_is_passed() -> None:
    plan = plan_of(table_of(columns=40), setup=setup_of(batch_size=2))
    each = max(batch.estimate.usd or 0 for batch in plan.batches)
    capped = plan_of(table_of(columns=40), setup=setup_of(batch_size=2), cap_usd=4.5 * each)
    client = ScriptedClient(answer)

    run = run_of(client, capped)
    events = await collect(run)

    assert events[-1] == RunEnded(RunState.CAPPED, 1000.0)
    assert 4 <= len(client.asked) < 20
    assert run.spending.spent_usd <= 4.5 * each
    assert len(of(events, BatchFinished)) == len(client.asked)


async def test_a_cap_too_small_for_the_first_request_sends_none() -> None:
    client = ScriptedClient(answer)
    events = await collect(run_of(client, plan_of(cap_usd=0.000001)))
    assert client.asked == []
    assert events[-1] == RunEnded(RunState.CAPPED, 1000.0)


async def test_requests_side_by_side_cannot_cost_more_than_the_cap_together() -> None:
    """Each takes all the output that it was allowed, which no estimate foresaw."""
    client = ScriptedClient(answer)

    async def spend_all(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        budget = client.budgets[-1]
        yield PhaseChanged(Phase.ANSWERING, 1)
        await asyncio.sleep(0)
        yield AnswerText("".join(answer_lines(messages)))
        yield UsageSeen(Usage(400, 0, budget, budget))
        yield Ended("stop")

    client.script = spend_all
    cap = 0.05
    run = run_of(client, plan_of(table_of(columns=60), setup=setup_of(batch_size=2), cap_usd=cap))
    events = await collect(run)
    assert events[-1] == RunEnded(RunState.CAPPED, 1000.0)
    assert client.most_open > 1
    assert 0.5 * cap < run.spending.cost_usd <= cap


async def test_what_was_spent_before_counts_against_the_cap() -> None:
    plan = plan_of(table_of(columns=8), cap_usd=0.05)
    client = ScriptedClient(answer)
    run = Run(plan, client, Memory(), RATES, run_id=12, already_usd=0.0499)
    events = await collect(run)
    assert isinstance(events[-1], RunEnded) and events[-1].state is RunState.CAPPED
    assert client.asked == []
    assert run.spending.cost_usd == 0.0499


async def test_a_stream_that_passes_the_cap_is_broken_off() -> None:
    """The provider does not keep to the limit that it was given."""
    sent = 0

    async def flood(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        nonlocal sent
        yield PhaseChanged(Phase.ANSWERING, 1)
        yield AnswerText(answer_lines(messages)[0])
        while True:
            sent += 1
            yield ReasoningText("thought " * 50)
            await asyncio.sleep(0)

    plan = plan_of(table_of(columns=4), setup=setup_of(batch_size=2), cap_usd=0.03)
    run = run_of(ScriptedClient(flood), plan)
    events = await collect(run)
    assert events[-1] == RunEnded(RunState.CAPPED, 1000.0)
    assert of(events, SuggestionDrafted) != []
    assert 0.02 < run.spending.cost_usd < 0.0305  # no more than a piece of each above it
    assert sent * 100 * 2.5 / 1e6 < 0.0305
    assert no_tasks_left()


async def test_a_request_waits_for_what_another_one_may_leave_of_the_cap() -> None:
    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=4))
    whole = plan.estimate.usd or 0.0
    capped = plan_of(table_of(columns=8), setup=setup_of(batch_size=4), cap_usd=2 * whole)
    client = ScriptedClient(answer)
    events = await collect(run_of(client, capped))
    assert events[-1] == RunEnded(RunState.FINISHED, 1000.0)
    assert client.most_open == 1


async def hang(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
    yield PhaseChanged(Phase.ANSWERING, 1)
    yield AnswerText(answer_lines(messages)[0])
    await asyncio.Event().wait()


async def test_stop_keeps_what_came_and_leaves_nothing_behind() -> None:
    recorder = Memory()
    run = run_of(
        ScriptedClient(hang), plan_of(table_of(columns=8), setup=setup_of(batch_size=4)), recorder
    )
    drafted = 0

    def stop_at_the_second(event: RunEvent) -> None:
        nonlocal drafted
        drafted += isinstance(event, SuggestionDrafted)
        if drafted == 2:
            run.stop()

    events = await collect(run, stop_at_the_second)
    assert events[-1] == RunEnded(RunState.STOPPED, 1000.0)
    assert of(events, BatchCancelled) == []  # nobody gave these up; they are asked when it goes on
    assert [len(run.missing(batch)) for batch in (1, 2)] == [4, 3]
    assert recorder.kept == events
    assert no_tasks_left()


async def test_whoever_looks_away_stops_the_run_and_what_arrived_is_kept() -> None:
    recorder = Memory()
    run = run_of(ScriptedClient(hang), plan_of(table_of(columns=2)), recorder)
    events = run.events()
    async for event in events:
        if isinstance(event, AnswerDelta):
            break
    await events.aclose()
    assert len(recorder.of(SuggestionDrafted)) == 1
    assert recorder.kept[-1] == RunEnded(RunState.STOPPED, 1000.0)
    assert no_tasks_left()


async def test_a_cancelled_reader_leaves_no_task_and_keeps_each_event_once() -> None:
    recorder = Memory()
    run = run_of(ScriptedClient(hang), plan_of(table_of(columns=8)), recorder)
    task = asyncio.create_task(collect(run))
    await recorder.wait_for(SuggestionDrafted)
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert task.cancelled()
    assert len({id(event) for event in recorder.kept}) == len(recorder.kept)
    assert len(recorder.of(RunEnded)) == 1
    assert no_tasks_left()


async def test_one_batch_is_cancelled_and_tried_again_while_the_others_go_on() -> None:
    is_slow = True
    may_end = asyncio.Event()

    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        names = names_asked(messages)
        if "BUZEI" in names:  # holds the run open, so that there is one to try again in
            await may_end.wait()
        async for event in hang(messages) if "BELNR" in names and is_slow else answer(messages):
            yield event

    plan = plan_of(table_of(columns=6), setup=setup_of(batch_size=2))
    client = ScriptedClient(script)
    run = run_of(client, plan)

    def give_orders(event: RunEvent) -> None:
        nonlocal is_slow
        match event:
            case SuggestionDrafted(batch=2) if is_slow:
                assert not run.retry(2)  # still under way
                assert run.cancel(2)
            case BatchCancelled(batch=2):
                assert not run.cancel(2)
                is_slow = False
                assert run.retry(2)
                assert not run.retry(2)  # it waits already
            case BatchFinished(batch=2):
                may_end.set()

    events = await collect(run, give_orders)
    assert [names_asked(messages) for messages in client.asked][3:] == [["GJAHR"]]
    assert len(of(events, SuggestionDrafted)) == 7
    assert events[-1] == RunEnded(RunState.FINISHED, 1000.0)
    assert not run.retry(2)


async def test_a_batch_that_waits_can_be_cancelled() -> None:
    plan = plan_of(table_of(columns=30), setup=setup_of(batch_size=2))
    is_cancelled = asyncio.Event()

    async def script(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        await is_cancelled.wait()
        async for event in answer(messages):
            yield event

    client = ScriptedClient(script)
    run = run_of(client, plan)

    def cancel(event: RunEvent) -> None:
        if isinstance(event, BatchStarted) and event.batch == 1:
            assert run.cancel(15)
            is_cancelled.set()

    events = await collect(run, cancel)
    assert [event.batch for event in of(events, BatchCancelled)] == [15]
    assert len(client.asked) == 14


async def test_a_batch_is_given_more_time() -> None:
    run = run_of(ScriptedClient(hang), plan_of(table_of(columns=2)))

    def extend(event: RunEvent) -> None:
        if isinstance(event, AnswerDelta):
            assert run.extend(1, 60.0)
            countdown = run.countdown(1)
            assert countdown is not None
            assert countdown.limit == 240.0
            run.stop()

    await collect(run, extend)
    assert run.countdown(1) is None
    assert not run.extend(1, 60.0)


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), Problem("The disk is full", "it is", "make room")],
)
async def test_what_cannot_be_kept_is_not_shown_and_the_run_says_why(error: Exception) -> None:
    recorder = Memory(SuggestionDrafted, error)
    run = run_of(ScriptedClient(hang), plan_of(table_of(columns=8)), recorder)
    events = await collect(run)
    assert of(events, SuggestionDrafted) == []
    last = events[-1]
    assert isinstance(last, RunEnded)
    assert last.state is RunState.FAILED
    assert last.problem is not None
    assert last.problem.remedy
    assert events[:-1] == recorder.kept
    assert no_tasks_left()


async def test_a_run_that_cannot_be_begun_sends_nothing() -> None:
    client = ScriptedClient(answer)
    (event,) = await collect(run_of(client, recorder=Memory(Plan)))
    assert isinstance(event, RunEnded)
    assert event.problem is not None
    assert client.asked == []


async def test_a_fault_of_our_own_is_not_taken_for_an_end() -> None:
    async def broken(messages: Sequence[Message]) -> AsyncIterator[CallEvent]:
        yield PhaseChanged(Phase.CONNECTING, 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await collect(run_of(ScriptedClient(broken)))
    assert no_tasks_left()


async def test_a_run_goes_on_under_its_own_number_with_what_is_missing() -> None:
    plan = plan_of(table_of(columns=4), setup=setup_of(batch_size=2))
    recorder = Memory()
    rest = remaining_plan(plan, plan.batches[1].targets[:1])
    client = ScriptedClient(answer)
    run = Run(rest, client, recorder, None, run_id=12)
    events = await collect(run)
    assert recorder.started == []
    assert [names_asked(messages) for messages in client.asked] == [["BELNR"]]
    assert of(events, UsageReported)[0].usd is None
