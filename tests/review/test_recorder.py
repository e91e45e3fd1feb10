"""Keeping a run while it goes on: the store first, transcripts beside it, the event loop never waits."""

from __future__ import annotations

import asyncio
import stat
import threading
from pathlib import Path

import pytest

from amx_tui.catalog.model import Target
from amx_tui.drafting.model import (
    AnswerDelta,
    BatchFinished,
    BatchPhase,
    ReasoningDelta,
    Recorder,
    RunEnded,
    RunState,
)
from amx_tui.llm.model import Phase
from amx_tui.review.model import StoreProblem
from amx_tui.review.recorder import StoreRecorder
from amx_tui.review.store import Store
from tests.review.made import DATABASE, column, drafted, plan

A, B = column("A"), column("B")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "transcripts"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put_in_the_way(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file is in the way")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


async def test_what_is_recorded_is_in_the_store_when_it_returns(store: Store, folder: Path) -> None:
    recorder: Recorder = StoreRecorder(store, folder, "legacy.db (sqlite)")
    run = await recorder.start(plan([A]), 1.0)
    await recorder.record(run, drafted(A))
    with_own_eyes = Store(store.path)
    assert [row.target for row in with_own_eyes.rows(DATABASE)] == [A]
    assert with_own_eyes.runs()[0].label == "legacy.db (sqlite)"


async def test_events_keep_their_order_and_leave_no_thread(store: Store, folder: Path) -> None:
    recorder = StoreRecorder(store, folder, "x")
    targets = [column(f"C{number}") for number in range(30)]
    run = await recorder.start(plan(targets), 1.0)
    await asyncio.gather(*(recorder.record(run, drafted(A, f"text {n}")) for n in range(30)))
    await recorder.record(run, RunEnded(RunState.FINISHED, 3.0))
    await recorder.aclose()
    row = store.row(DATABASE, A)
    assert row is not None and row.suggestion.alternatives[0].text == "text 29"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("store")]


async def test_a_cancelled_wait_loses_nothing(store: Store, folder: Path) -> None:
    recorder = StoreRecorder(store, folder, "x")
    run = await recorder.start(plan([A]), 1.0)
    waiting = asyncio.ensure_future(recorder.record(run, drafted(A)))
    await asyncio.sleep(0)
    waiting.cancel()
    await recorder.aclose()
    assert [row.target for row in store.rows(DATABASE)] == [A]


async def test_the_models_words_go_into_one_file_a_batch(store: Store, folder: Path) -> None:
    recorder = StoreRecorder(store, folder, "x")
    run = await recorder.start(plan([A], [B]), 1.0)
    for piece in ("BUKRS is \x1b[31m", "the com", "pany ☂\n"):
        await recorder.record(run, ReasoningDelta(1, piece))
    await recorder.record(run, ReasoningDelta(2, "other"))
    await recorder.record(run, AnswerDelta(1, '{"BUKRS": '))
    await recorder.record(run, AnswerDelta(1, "…}"))
    await recorder.record(run, BatchFinished(1, (), 0, 2.0))
    await recorder.aclose()
    assert (
        read(folder / f"run-{run}-batch-1.txt")
        == '\n--- thinking ---\nBUKRS is the company ☂\n\n--- answer ---\n{"BUKRS": …}'
    )
    assert read(folder / f"run-{run}-batch-2.txt") == "\n--- thinking ---\nother"
    assert mode(folder / f"run-{run}-batch-1.txt") == 0o600
    assert mode(folder) == 0o700
    assert b"company" not in store.path.read_bytes()


async def test_an_attempt_begins_under_a_heading_and_ends_no_escape_of_the_one_before(
    store: Store, folder: Path
) -> None:
    recorder = StoreRecorder(store, folder, "x")
    run = await recorder.start(plan([A]), 1.0)
    for attempt in (1, 2):
        await recorder.record(run, BatchPhase(1, Phase.CONNECTING, attempt, 2.0))
        await recorder.record(run, ReasoningDelta(1, f"no {attempt} \x1b[3"))
        recorder._flush()
        await recorder.record(run, ReasoningDelta(1, "1mred\x1b]0;"))
    await recorder.aclose()
    told = "\n--- thinking ---\nno {} red"
    assert read(folder / f"run-{run}-batch-1.txt") == told.format(1) + told.format(2)


async def test_words_are_on_disk_soon_without_being_waited_for(store: Store, folder: Path) -> None:
    recorder = StoreRecorder(store, folder, "x")
    run = await recorder.start(plan([A]), 1.0)
    for number in range(1000):
        await recorder.record(run, ReasoningDelta(1, f"{number} "))
    file = folder / f"run-{run}-batch-1.txt"
    assert read(file) == ""
    async with asyncio.timeout(5):
        while not read(file).endswith("999 "):  # noqa: ASYNC110 -- another thread writes it
            await asyncio.sleep(0.01)
    await recorder.aclose()


async def test_a_transcript_that_cannot_be_written_does_not_stop_the_run(
    store: Store, folder: Path
) -> None:
    put_in_the_way(folder)
    recorder = StoreRecorder(store, folder, "x")
    run = await recorder.start(plan([A]), 1.0)
    await recorder.record(run, ReasoningDelta(1, "thinking"))
    await recorder.record(run, BatchFinished(1, (), 0, 2.0))
    await recorder.record(run, ReasoningDelta(1, "more"))
    await recorder.record(run, drafted(A))
    await recorder.aclose()
    assert recorder.transcript_problem is not None
    assert str(folder) in recorder.transcript_problem.what
    assert len(store.rows(DATABASE)) == 1
    assert read(folder) == "a file is in the way"


async def test_a_store_that_cannot_be_written_is_told(tmp_path: Path, folder: Path) -> None:
    put_in_the_way(tmp_path / "amx")
    recorder = StoreRecorder(Store(tmp_path / "amx" / "tui.db"), folder, "x")
    with pytest.raises(StoreProblem, match="AMX_CONFIG_DIR"):
        await recorder.start(plan([A]), 1.0)
    await recorder.aclose()


async def test_an_interrupted_run_goes_on_under_its_number(store: Store, folder: Path) -> None:
    first = StoreRecorder(store, folder, "x")
    run = await first.start(plan([A, B]), 1.0)
    await first.record(run, drafted(A))
    await first.aclose()
    store.close()  # as the death of the process does

    def missing(of: Store) -> tuple[Target, ...]:
        found = of.interrupted(DATABASE)
        assert found is not None and found.id == run
        return of.missing(run)

    later = Store(store.path)
    second = StoreRecorder(later, folder, "x", continues=run)
    assert await second.start(plan(missing(later)), 5.0) == run
    await second.record(run, drafted(B))
    await second.record(run, RunEnded(RunState.FINISHED, 6.0))
    await second.aclose()
    assert [row.target for row in later.rows(DATABASE, run=run)] == [A, B]
    later.close()
