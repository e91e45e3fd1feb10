"""How a run, or one of its batches, ended, in words, with the keys that go on from there."""

from __future__ import annotations

from amx_tui.drafting.board import BatchLine, Board
from amx_tui.drafting.model import Band, RunState
from amx_tui.llm.model import Failure, FailureKind
from amx_tui.widgets.plain import Line
from amx_tui.widgets.words import clock, duration


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
) -> list[Line]:
    """What happened, why, and what to press. `batch` is the followed one, `longer` the seconds of
    silence that the next try may have, `other_host` where else a refused key may belong."""
    if board.state in (None, RunState.RUNNING):
        if batch is None or batch.failure is None:
            return [[(batch.state.value if batch is not None else "", "dim")]]
        return [*_failure_lines(batch.failure), *_longer_lines(longer)]
    if board.failure is not None:
        lines = _failure_lines(board.failure)
        if other_host:
            lines.append(_key_line("o", f"ask {other_host} with this key; it may belong there"))
        return lines
    if board.what:
        return [[(board.what, "bad")], [(board.remedy or board.why, "")]]
    missing = board.targets - board.drafted
    bands = " ".join(f"{board.bands[band]} {band.value}" for band in Band if board.bands[band])
    words = f"{board.drafted} drafted ({bands})" if bands else "nothing was drafted"
    again = f"   t tries the {missing} missing again" if missing and longer is None else ""
    ended: Line = [(words, "strong"), ("   R reviews them", "key"), (again, "warn")]
    failed = batch.failure if batch is not None else None
    return [ended, *(_failure_lines(failed) if failed is not None else ()), *_longer_lines(longer)]


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


def _failure_lines(failure: Failure) -> list[Line]:
    parts = ((failure.what, "bad"), (failure.why, "dim"), (failure.remedy, ""))
    return [[(words, ink)] for words, ink in parts if words]


def _longer_lines(longer: float | None) -> list[Line]:
    if longer is None:
        return []
    return [_key_line("t", f"try again, with up to {duration(longer)} of silence")]


def _key_line(key: str, words: str) -> Line:
    return [(f"{key}  ", "key"), (words, "warn")]
