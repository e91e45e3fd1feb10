"""How a run, or one of its batches, ended, in words, with the keys that go on from there."""

from __future__ import annotations

from collections import Counter

from amx_tui.drafting.board import BatchLine, BatchState, Board
from amx_tui.drafting.model import Band, RunState
from amx_tui.llm.model import Failure, FailureKind
from amx_tui.widgets.plain import Line
from amx_tui.widgets.words import clock, duration, money, now, number

# Different reasons that are told of; the log has all.
_MOST_REASONS = 3
_OUT = (BatchState.CONNECTING, BatchState.WAITING, BatchState.THINKING, BatchState.ANSWERING)


def silent_batches(board: Board, chosen: BatchLine | None) -> tuple[int, ...]:
    """The batches that were given up for their silence: all of an ended run, else the chosen one."""
    if board.state is RunState.RUNNING:
        lines = [chosen] if chosen is not None else []
    else:
        lines = list(board.batches.values())
    return tuple(
        line.number
        for line in lines
        if line.failure is not None and line.failure.kind is FailureKind.SILENCE and line.missing
    )


def outcome_lines(
    board: Board,
    batch: BatchLine | None,
    *,
    longer: float | None = None,
    other_host: str = "",
    spent_usd: float | None = None,
) -> list[Line]:
    """What happened, why, and what to press. `batch` is the followed one, `longer` the seconds of
    silence that the next try may have, `other_host` where else a refused key may belong, `spent_usd` what
    the run cost."""
    if board.state in (None, RunState.RUNNING):
        if batch is None or batch.failure is None:
            return [_batch_line(batch) if batch is not None else []]
        return [*_failure_lines(batch.failure), *_longer_lines(longer)]
    drafted = _drafted_lines(board, longer, spent_usd)
    if board.failure is not None:
        lines = _failure_lines(board.failure)
        if other_host:
            lines.append(_key_line("o", f"ask {other_host} with this key; it may belong there"))
        return [*lines, *(drafted if board.drafted else ())]
    if board.what:
        lines = [[(board.what, "bad")], [(board.remedy or board.why, "")]]
        return [*lines, *(drafted if board.drafted else ())]
    failed = batch.failure if batch is not None else None
    reasons = _reason_lines(board)
    if failed is not None:
        told = _failure_lines(failed)
        reasons += told[1:] if len(reasons) == 1 else told  # the one reason is said already
    return [*drafted, *reasons, *_longer_lines(longer)]


def _batch_line(batch: BatchLine) -> Line:
    state: Line = [(batch.state.value, "dim")]
    if not batch.missing or not batch.state.has_ended:
        return state
    how = "after all" if batch.is_given_up else "again"
    rest = f" asks for the {batch.missing} missing {how}"
    return [*state, (" · ", "dim"), ("t", "key"), (rest, "warn")]


def _drafted_lines(board: Board, longer: float | None, spent_usd: float | None) -> list[Line]:
    """What was drafted, by confidence, and the key that goes on; what it cost and took."""
    missing = board.unasked
    bands = " ".join(f"{board.bands[band]} {band.value}" for band in Band if board.bands[band])
    words = f"{board.drafted} drafted ({bands})" if bands else "nothing was drafted"
    is_asked_again = missing and longer is None and not board.what
    again = f"   t tries the {missing} missing again" if is_asked_again else ""
    goes_on = "   R reviews them" if board.drafted else ""
    expected = board.estimate.usd
    of = "" if expected is None else f", about {money(expected)} expected"
    cost = f"cost {money(spent_usd)}{of} · {number(board.tokens)} tokens"
    left = f"{board.given_up} cancelled: Browse (B) can draft them"
    return [
        [(words, "strong"), (goes_on, "key"), (again, "warn")],
        *([[(left, "")]] if board.given_up else []),
        [(f"{cost} · {duration(board.elapsed(now()))}", "dim")],
    ]


def _reason_lines(board: Board) -> list[Line]:
    """Why batches failed, the most frequent reason first, and what answers left out."""
    reasons = Counter(
        line.failure.what for line in board.batches.values() if line.failure and line.missing
    )
    lines: list[Line] = []
    for what, count in reasons.most_common(_MOST_REASONS):
        batches = "1 batch" if count == 1 else f"{count} batches"
        lines.append([(f"{batches} failed: ", "bad"), (what, "bad")])
    left_out = Counter[bool]()  # whether there was no room for it
    for line in board.batches.values():
        if line.failure is None and line.state is BatchState.FINISHED:
            left_out[line.is_cut] += line.missing
    if left_out[False]:
        lines.append([(f"{left_out[False]} missing: no answer described them", "warn")])
    if left_out[True]:
        lines.append(
            [(f"{left_out[True]} missing: the answer was cut at its length limit", "warn")]
        )
        lines.append([("P sets smaller batches, or more output, for the next draft", "")])
    return lines


def waiting_lines(failure: Failure | None, left: float) -> list[Line]:
    """Why a batch waits before it asks again, the seconds that are left of it, and what may spare it
    the next wait."""
    asks: Line = [
        ("asks again in ", ""),
        (clock(left), "strong"),
        (" · ", "dim"),
        ("t", "key"),
        (" asks now", "warn"),
        (" · ", "dim"),
        ("del", "key"),
        (" gives up", "warn"),
    ]
    if failure is None:
        return [asks]
    what, *rest = _failure_lines(failure)
    return [what, asks, *rest]


def queued_words(board: Board, at: float) -> str:
    """What a batch waits for that has nothing out, and is not asked to wait itself."""
    lines = board.batches.values()
    pauses = [
        line.retry_at
        for line in lines
        if line.retry_at is not None
        and line.waits_for is not None
        and line.waits_for.kind is FailureKind.RATE_LIMITED
    ]
    over = max(pauses, default=at)
    if any(line.state in _OUT for line in lines) or over <= at:
        return "queued: it asks when another request has ended"
    return f"queued: the provider wants a pause, {clock(over - at)} more"


def _failure_lines(failure: Failure) -> list[Line]:
    parts = ((failure.what, "bad"), (failure.why, "dim"), (failure.remedy, ""))
    return [[(words, ink)] for words, ink in parts if words]


def _longer_lines(longer: float | None) -> list[Line]:
    if longer is None:
        return []
    return [_key_line("t", f"try again, with up to {duration(longer)} of silence")]


def _key_line(key: str, words: str) -> Line:
    return [(f"{key}  ", "key"), (words, "warn")]
