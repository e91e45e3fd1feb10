"""What is left of a run, and of a process that died in the middle of one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.drafting.model import (
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchStarted,
    BudgetRaised,
    ParameterDropped,
    RunEnded,
    RunStarted,
    RunState,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.llm.model import Failure, FailureKind, Usage
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store
from tests.review.made import DATABASE, column, draft_all, drafted, plan

A, B, C = column("A"), column("B"), column("C")
BUSY = Failure(FailureKind.RATE_LIMITED, "The provider is \x1b[31mbusy", "too many requests")


def test_a_run_is_remembered_with_what_it_cost(store: Store) -> None:
    run = store.start_run(plan([A, B], [C]), "legacy.db (sqlite)", 10.0)
    store.record(run, BatchStarted(1, 11.0))
    store.record(run, drafted(A))
    store.record(run, drafted(A, "a better text"))
    store.record(run, UsageReported(1, Usage(100, 40, 20, 5), 0.25))
    store.record(run, UsageReported(2, Usage(10, 0, 2, 0), 0.5))
    store.record(run, BatchFinished(1, (B,), 1, 12.0))
    (record,) = store.runs(DATABASE)
    assert (record.id, record.state, record.targets, record.drafted) == (run, "running", 3, 1)
    assert record.usage == Usage(110, 40, 22, 5) and record.usd == 0.75
    assert (record.label, record.scope) == ("legacy.db (sqlite)", "3 columns")
    assert (record.model, record.profile) == ("kimi-k2-thinking", "kimi-thinking")
    store.record(run, RunEnded(RunState.STOPPED, 13.0))
    (record,) = store.runs()
    assert (record.state, record.started_at, record.ended_at) == (RunState.STOPPED, 10.0, 13.0)


def test_what_is_not_known_to_have_cost_something_is_not_called_free(store: Store) -> None:
    run = store.start_run(plan([A]), "x", 1.0)
    assert store.runs()[0].usd == 0.0
    store.record(run, UsageReported(1, Usage(1, 0, 1, 0), 0.25))
    store.record(run, UsageReported(1, Usage(1, 0, 1, 0), None))
    assert store.runs()[0].usd is None


def test_runs_are_listed_newest_first_and_by_database(store: Store) -> None:
    first = draft_all(store, A)
    other = draft_all(store, A, database="sqlite:/data/other.db")
    last = draft_all(store, B)
    assert [record.id for record in store.runs()] == [last, other, first]
    assert [record.id for record in store.runs(DATABASE)] == [last, first]
    assert store.runs("sqlite:/data/unknown.db") == ()


def test_the_prompts_are_not_kept(store: Store) -> None:
    store.start_run(plan([A]), "x", 1.0)
    store.close()
    assert b"TOP SECRET PROMPT" not in store.path.read_bytes()


def test_what_a_batch_went_through_is_told_in_safe_words(store: Store) -> None:
    run = store.start_run(plan([A]), "x", 1.0)
    store.record(run, WaitingToRetry(1, 12.0, BUSY, 5.0))
    store.record(run, BudgetRaised(1, 4096, 16384, 6.0))
    store.record(run, ParameterDropped(1, "temperature", "the model pins it", 7.0))
    store.record(run, BatchFailed(1, BUSY, (A,), 8.0))
    notes = store.notes(run)
    assert [note.at for note in notes] == [5.0, 6.0, 7.0, 8.0]
    assert notes[0].text == "The provider is busy: too many requests; waited 12 s"
    assert "4096" in notes[1].text and "16384" in notes[1].text
    assert notes[2].text == "temperature left out: the model pins it"


def test_what_is_missing_comes_in_the_order_of_the_plan(store: Store) -> None:
    run = store.start_run(plan([C, A], [B, column("D")]), "x", 1.0)
    store.record(run, drafted(A))
    store.record(run, BatchCancelled(2, (B,), 3.0))
    assert store.missing(run) == (C, column("D"))


def test_a_run_that_still_goes_on_is_not_offered(store: Store) -> None:
    store.start_run(plan([A]), "x", 1.0)
    assert store.interrupted(DATABASE) is None
    assert Store(store.path).interrupted(DATABASE) is None


def test_a_run_that_ended_is_not_offered_and_leaves_no_lock(store: Store) -> None:
    draft_all(store, A)
    assert store.interrupted(DATABASE) is None
    assert not list(store.path.parent.glob("*.lock"))


_RUN = """
import sys, time
from pathlib import Path
from amx_tui.review.store import Store
from tests.review.made import column, drafted, plan
store = Store(Path(sys.argv[1]))
run = store.start_run(plan([column("A"), column("B")]), "x", 1.0)
store.record(run, drafted(column("A")))
print(run, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(store: Store) -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_run_whose_process_was_killed_is_offered(
    store: Store, other: subprocess.Popen[str]
) -> None:
    assert store.interrupted(DATABASE) is None
    (running,) = store.runs(DATABASE)
    with pytest.raises(StoreProblem, match="another amx-tui"):
        store.continue_run(running.id, plan([B]), 2.0)
    with pytest.raises(StoreProblem, match="another amx-tui"):
        store.dismiss(running.id)
    other.send_signal(signal.SIGKILL)
    other.wait()
    found = store.interrupted(DATABASE)
    assert found is not None and found.id == running.id
    assert store.missing(found.id) == (B,)
    assert store.interrupted("sqlite:/data/other.db") is None
    # Looking is not enough to forget it.
    assert store.interrupted(DATABASE) == found
    assert not list(store.path.parent.glob("*.lock"))


def test_a_killed_run_goes_on_under_its_number(store: Store, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    found = store.interrupted(DATABASE)
    assert found is not None
    store.record(found.id, RunStarted(found.id, plan([B], model="kimi-k2.5"), 20.0))
    assert Store(store.path).interrupted(DATABASE) is None
    store.record(found.id, drafted(B))
    store.record(found.id, BatchFinished(1, (), 0, 21.0))
    store.record(found.id, RunEnded(RunState.FINISHED, 22.0))
    (record,) = store.runs(DATABASE)
    assert (record.id, record.state, record.targets, record.drafted) == (found.id, "finished", 2, 2)
    assert [row.model for row in store.rows(DATABASE)] == ["kimi-k2-thinking", "kimi-k2.5"]
    assert store.missing(found.id) == ()


def test_a_run_that_was_dismissed_is_not_offered_again(
    store: Store, other: subprocess.Popen[str]
) -> None:
    other.kill()
    other.wait()
    found = store.interrupted(DATABASE)
    assert found is not None
    store.dismiss(found.id)
    assert store.interrupted(DATABASE) is None
    (record,) = store.runs(DATABASE)
    assert record.state is RunState.INTERRUPTED and record.ended_at is not None
    assert [row.target for row in store.rows(DATABASE)] == [A]
    assert not list(store.path.parent.glob("*.lock"))


def test_a_run_that_was_stopped_by_quitting_is_offered(store: Store) -> None:
    run = store.start_run(plan([A, B]), "x", 1.0)
    store.record(run, drafted(A))
    store.record(run, RunEnded(RunState.STOPPED, 3.0))
    assert store.interrupted(DATABASE) is None
    assert [record.id for record in store.unfinished(DATABASE)] == [run]
    store.leave_open(run)
    found = store.interrupted(DATABASE)
    assert found is not None and found.id == run
    assert [record.state for record in store.runs()] == [RunState.INTERRUPTED]


def test_only_a_run_that_lacks_something_and_is_not_going_on_is_unfinished(store: Store) -> None:
    draft_all(store, C)
    first = store.start_run(plan([A, B]), "x", 1.0)
    store.record(first, RunEnded(RunState.CAPPED, 3.0))
    second = store.start_run(plan([A]), "x", 4.0)
    assert [record.id for record in store.unfinished(DATABASE)] == [first]
    store.record(second, RunEnded(RunState.FAILED, 5.0))
    assert [record.id for record in store.unfinished(DATABASE)] == [second, first]


def test_who_goes_on_with_a_run_learns_what_is_missing_by_then(store: Store) -> None:
    run = store.start_run(plan([A, B]), "x", 1.0)
    other = Store(store.path)
    with pytest.raises(StoreProblem, match="another amx-tui"):
        other.claim(run)
    store.record(run, drafted(A))
    store.record(run, RunEnded(RunState.STOPPED, 3.0))
    assert other.claim(run) == (B,)
    with pytest.raises(StoreProblem, match="another amx-tui"):
        store.claim(run)
    other.let_go(run)
    assert store.claim(run) == (B,)
    store.record(run, drafted(B))
    store.record(run, RunEnded(RunState.FINISHED, 4.0))
    assert other.claim(run) == ()
    assert not list(store.path.parent.glob("*.lock"))


@pytest.mark.parametrize("is_again", [True, False])
def test_who_goes_on_with_a_run_learns_whether_it_drafted_again(
    store: Store, is_again: bool
) -> None:
    asked = replace(plan([A, B]), is_again=is_again)
    run = store.start_run(asked, "x", 1.0)
    leg = store.last_leg(run)
    assert leg is not None and leg.is_again is is_again
    store.continue_run(run, asked, 2.0)
    leg = store.last_leg(run)
    assert leg is not None and leg.is_again is is_again


def test_a_cancelled_target_is_missing_again_once_it_is_asked_for_again(store: Store) -> None:
    run = store.start_run(plan([A, B]), "x", 1.0)
    store.record(run, BatchCancelled(1, (A, B), 2.0))
    store.close()
    assert store.missing(run) == ()
    Store(store.path).continue_run(run, plan([B]), 3.0)
    assert store.missing(run) == (B,)


def test_a_cancelled_batch_that_is_tried_again_counts_again(store: Store) -> None:
    run = store.start_run(plan([A], [B]), "x", 1.0)
    store.record(run, BatchCancelled(1, (A,), 2.0))
    assert store.missing(run) == (B,)
    store.record(run, BatchStarted(1, 3.0))
    assert store.missing(run) == (A, B)


def test_odd_names_come_back_as_they_were(tmp_path: Path, store: Store) -> None:
    odd = [
        column("a\nb"),
        column("'; DROP TABLE x; --", 'T"'),
        column("nul\0byte", "T\0"),
        column("half \ud83d surrogate"),
        column("🙂", "Ünïcode", ""),
        column("[/bold]"),
    ]
    identity = "sqlite:/data/\udcff.db"
    draft_all(store, *odd, database=identity)
    assert {row.target for row in store.rows(identity)} == set(odd)
    for target in odd:
        assert store.row(identity, target) is not None
    assert store.runs()[0].database == identity
