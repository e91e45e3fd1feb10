from __future__ import annotations

import time
from dataclasses import replace

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.drafting.board import BatchState, Board
from amx_tui.drafting.model import (
    Alternative,
    AnswerDelta,
    AskingAgain,
    Band,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    Confidence,
    ParameterDropped,
    ReasoningDelta,
    RunEnded,
    RunStarted,
    RunState,
    Suggestion,
    SuggestionDrafted,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.llm.model import Failure, FailureKind, Phase, Usage
from tests.drafting.parts import plan_of, setup_of, table_of

PLAN = plan_of(table_of("BSEG", 8), table_of("T001", 2), setup=setup_of(batch_size=4))


def board_of(*events: object) -> Board:
    board = Board()
    for event in (RunStarted(12, PLAN, 1000.0), *events):
        board.apply(event)  # type: ignore[arg-type]
    return board


def drafted(batch: int, band: Band = Band.HIGH) -> SuggestionDrafted:
    target = Target("main", "BSEG", "MANDT")
    suggestion = Suggestion(target, (Alternative("Client", Confidence(band)),))
    return SuggestionDrafted(batch, suggestion, 1010.0)


def said(board: Board) -> list[str]:
    return [line.text for line in board.log]


def test_batches_are_called_by_their_table_and_columns() -> None:
    board = board_of()
    assert [line.title for line in board.batches.values()] == ["BSEG 1–4", "BSEG 5–8", "T001 1–2"]
    assert [line.total for line in board.batches.values()] == [5, 4, 3]
    assert board.states[BatchState.QUEUED] == 3
    assert board.estimate == PLAN.estimate


def test_a_batch_goes_through_its_states() -> None:
    board = board_of()
    line = board.batches[1]
    seen = []
    for event in (
        BatchStarted(1, 1001.0),
        BatchPhase(1, Phase.CONNECTING, 1, 1001.5),
        BatchPhase(1, Phase.WAITING, 1, 1002.0),
        WaitingToRetry(1, 4.0, Failure(FailureKind.RATE_LIMITED, "Too many"), 1003.0),
        BatchPhase(1, Phase.CONNECTING, 2, 1007.0),
        BatchPhase(1, Phase.THINKING, 2, 1008.0),
        BatchPhase(1, Phase.ANSWERING, 2, 1009.0),
        BatchFinished(1, (), 0, 1020.0),
    ):
        board.apply(event)
        seen.append(line.state.value)
    assert seen == [
        "queued",
        "connecting",
        "waiting",
        "retrying",
        "connecting",
        "thinking",
        "answering",
        "finished",
    ]
    assert line.attempt == 2
    assert line.elapsed(5000.0) == 19.0
    assert board.states == {
        **dict.fromkeys(board.states, 0),
        BatchState.QUEUED: 2,
        BatchState.FINISHED: 1,
    }


def test_what_is_about_to_ask_again_is_queued_until_it_does() -> None:
    board = board_of(BatchStarted(1, 1.0), BatchPhase(1, Phase.ANSWERING, 1, 2.0))
    assert board.under_way == 1
    board.apply(AskingAgain(1, (Target("main", "BSEG", "A"),), 3.0))
    assert board.batches[1].state is BatchState.QUEUED and board.under_way == 0
    board.apply(BatchPhase(1, Phase.CONNECTING, 2, 9.0))
    assert board.batches[1].state is BatchState.CONNECTING


def test_tokens_are_estimated_while_they_stream_and_exact_once_they_are_told() -> None:
    board = board_of(
        BatchPhase(1, Phase.THINKING, 1, 1001.0),
        ReasoningDelta(1, "x" * 400),
        AnswerDelta(1, "字" * 40),
    )
    line = board.batches[1]
    assert (line.output_tokens, board.tokens) == (130, 130)
    assert not line.is_exact
    board.apply(UsageReported(1, Usage(500, 100, 90, 60), 0.25))
    assert (line.output_tokens, board.tokens) == (90, 590)
    assert line.is_exact
    board.apply(UsageReported(1, Usage(500, 100, 90, 60), 0.5))
    assert (board.usd, line.usd, board.usage.cached) == (0.75, 0.75, 200)
    assert board_of(UsageReported(1, Usage(1, 0, 1), None)).usd is None


def test_every_automatic_step_is_said_in_words() -> None:
    limited = Failure(FailureKind.RATE_LIMITED, "The provider is busy (429)", retry_after=4.0)
    cut = Failure(FailureKind.CUT, "Kimi closed the connection")
    two = (Target("main", "BSEG", "A"), Target("main", "BSEG", "B\x1b[31m"))
    board = board_of(
        WaitingToRetry(1, 4.0, limited, 36_000.0),
        BudgetRaised(1, 32_768, 131_072, 36_001.0),
        ParameterDropped(2, "temperature", "this model pins it", 36_002.0),
        AskingAgain(2, two, 36_003.0),
        AskingAgain(2, two[:1], 36_003.0, cut),
        drafted(2),
        AskingAgain(2, two, 36_003.0),
        AskingAgain(2, two, 36_003.0, cut),
        AskingAgain(2, two, 36_003.0, is_cut=True),
        AskingAgain(2, two, 36_003.0, is_cut=True, requests=2),
        BatchFinished(2, two, 1, 36_004.0),
        BatchFinished(2, two, 0, 36_004.0, is_cut=True),
        BatchFailed(1, cut, two, 36_005.0),
        BatchCancelled(3, (), 36_006.0),
    )
    assert [line.replace("\u00a0", " ") for line in said(board)] == [
        "BSEG 1–4: the provider is busy (429); the provider asks to wait 4 s, asking again at 10:00:04",
        "BSEG 1–4: thinking spent the whole budget of 32 768 tokens; asking again with 131 072",
        "BSEG 5–8: temperature left out: this model pins it",
        "BSEG 5–8: the answer described none of them; asking again for the 2 targets still missing",
        "BSEG 5–8: Kimi closed the connection; asking again for the 1 target still missing",
        "BSEG 5–8: the answer left some out; 1 of 4 kept;"
        " asking again only for the 2 targets still missing",
        "BSEG 5–8: Kimi closed the connection; 1 of 4 kept;"
        " asking again only for the 2 targets still missing",
        "BSEG 5–8: the answer was cut at its length limit; 1 of 4 kept;"
        " asking again only for the 2 targets still missing",
        "BSEG 5–8: the answer was cut at its length limit; 1 of 4 kept;"
        " asking again only for the 2 targets still missing, in 2 requests",
        "BSEG 5–8: no description came for A, B; 1 part of it unusable",
        "BSEG 5–8: the answer was cut at its length limit; no description came for A, B",
        "BSEG 1–4: failed: Kimi closed the connection",
        "T001 1–2: cancelled",
    ]
    assert [line.batch for line in board.log] == [1, 1, *[2] * 9, 1, 3]
    assert board.log[1].at == 36_001.0


def test_what_was_drafted_is_counted_by_confidence_and_the_time_left_follows_the_pace() -> None:
    board = board_of(drafted(1), drafted(1, Band.LOW), drafted(2))
    assert (board.drafted, board.targets) == (3, 12)
    assert board.bands == {Band.HIGH: 2, Band.LOW: 1}
    assert board.seconds_left(1030.0) == 90.0
    board.apply(BatchCancelled(3, PLAN.batches[2].targets, 1030.0))
    assert board.seconds_left(1030.0) == 60.0  # what was given up is not waited for
    assert board_of().seconds_left(1030.0) is None


def test_a_batch_tried_again_is_no_longer_lost() -> None:
    failure = Failure(FailureKind.SERVER_ERROR, "It failed")
    board = board_of(
        BatchStarted(1, 1001.0), BatchFailed(1, failure, PLAN.batches[0].targets, 1002.0)
    )
    assert board.lost == 5
    board.apply(BatchStarted(1, 1003.0))
    assert board.lost == 0
    assert board.batches[1].failure is None
    assert board.batches[1].state is BatchState.QUEUED


def test_the_end_is_told_with_its_cause() -> None:
    failure = Failure(FailureKind.KEY_REJECTED, "The key was refused", "It is old", "Press P")
    board = board_of(RunEnded(RunState.FAILED, 1100.0, failure))
    assert (board.what, board.why, board.remedy) == ("The key was refused", "It is old", "Press P")
    board = board_of(
        RunEnded(RunState.FAILED, 1100.0, problem=Problem("Disk full", "", "Make room"))
    )
    assert (board.what, board.remedy) == ("Disk full", "Make room")
    board = Board()
    board.apply(RunStarted(1, replace(PLAN, cap_usd=0.5), 1000.0))
    board.apply(RunEnded(RunState.CAPPED, 1100.0))
    assert "0.50" in board.what
    assert board.seconds_left(2000.0) == 0.0
    assert board.elapsed(2000.0) == 100.0


def test_what_the_end_of_a_run_broke_off_no_longer_looks_busy() -> None:
    board = board_of(
        BatchStarted(1, 1001.0),
        BatchPhase(1, Phase.THINKING, 1, 1002.0),
        drafted(1),
        RunEnded(RunState.STOPPED, 1003.0),
    )
    assert board.under_way == 0
    assert board.batches[1].state is BatchState.CANCELLED
    assert (board.batches[1].missing, board.lost) == (4, 4)
    assert board.batches[2].state is BatchState.QUEUED


def test_foreign_text_is_clean_and_only_its_end_is_kept() -> None:
    board = board_of(BatchPhase(1, Phase.THINKING, 1, 1001.0))
    for _ in range(1_000):
        board.apply(ReasoningDelta(1, "\x1b[31mred\x07 [/bold] " * 10))
    tail = board.batches[1].reasoning_tail
    assert len(tail) == 2_000
    assert "\x1b" not in tail
    assert "\x07" not in tail
    assert "[/bold]" in tail


def test_an_event_costs_the_same_in_a_run_of_ten_thousand_batches() -> None:
    plan = plan_of(table_of(columns=10_000), setup=setup_of(batch_size=1))
    board = Board()
    board.apply(RunStarted(1, plan, 0.0))
    begun = time.process_time()
    for number in range(1, 10_001):
        board.apply(BatchStarted(number, 1.0))
        board.apply(BatchPhase(number, Phase.THINKING, 1, 2.0))
        board.apply(ReasoningDelta(number, "so "))
        board.apply(drafted(number))
        board.apply(BatchFinished(number, (), 1, 3.0))
    assert time.process_time() - begun < 3
    assert board.drafted == 10_000
    assert len(board.log) <= 10_000
