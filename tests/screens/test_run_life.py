"""A run that is stopped, retried, left and found again, against a real server on loopback."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.events import Key
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.commands.model import Draft
from amx_tui.commands.opening import open_named
from amx_tui.commands.running import Runner
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.board import BatchLine, BatchState, Board
from amx_tui.drafting.model import RunEnded, RunState, SuggestionDrafted
from amx_tui.llm.client import Client
from amx_tui.llm.model import Failure, FailureKind
from amx_tui.review.store import Store
from amx_tui.screens.drafting import _state_words
from amx_tui.screens.outcome import outcome_lines, queued_words
from amx_tui.screens.question import Question
from amx_tui.widgets.stream_view import StreamView
from tests.provider import Reply, ScriptedProvider, cut_after, draft, draft_lines, error, stream
from tests.review.made import suggestion
from tests.screens.test_account import (
    notices,
    open_draft,
    run_to_its_end,
    told,
    workspace_at,
)
from tests.screens.test_deciding_and_writing import words
from tests.snapshot.conftest import session_of, until


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"], balance=49.58) as running:
        yield running


@pytest.fixture
def two_tables(server: ScriptedProvider, tmp_path: Path) -> Workspace:
    """T with three targets, U with two."""
    workspace = workspace_at(server.base_url, tmp_path)
    with sqlite3.connect(tmp_path / "legacy.db") as connection:
        connection.execute("CREATE TABLE U (MANDT TEXT)")
    connection.close()
    return workspace


def only_table_t(body: Mapping[str, Any]) -> Reply:
    if '"table": "U"' in str(body["messages"]) or '"table":"U"' in str(body["messages"]):
        return error(400, "I do not like this one", "invalid_request_error")
    return draft(body)


def hold_after_the_first_line(body: Mapping[str, Any]) -> Reply:
    first, *_ = draft_lines(body).splitlines(keepends=True)
    return stream(reasoning="Hm. ", content=first, hold="end")


def drafted(pilot: Pilot[None]) -> int:
    board = session_of(pilot).board
    return board.drafted if board is not None else 0


async def test_who_listens_hears_when_nothing_of_a_run_is_left(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    """Its end is told while its connections are still closed; whoever draws that draws a run that is
    going."""
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        session, heard = session_of(pilot), list[bool]()
        session.subscribe(lambda _: heard.append(session.is_running))
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: not session.is_running)
        await pilot.pause()
        assert heard[-1] is False and "drafting" not in app.whereabouts().run


async def test_review_says_where_suggestions_will_come_from_while_none_has_arrived(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = lambda body: stream(reasoning="Hm. ", content="", hold="end")
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: type(app.screen).__name__ == "DraftingScreen")
        await pilot.press("R")
        await until(pilot, lambda: type(app.screen).__name__ == "ReviewScreen")
        await until(pilot, lambda: "as they arrive" in words(app.screen, "#suggestions"))


async def test_t_asks_again_for_the_batch_that_failed(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = only_table_t
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        assert drafted(pilot) == 3
        server.answer = draft
        sent = len(server.calls)
        await pilot.press("t", "t", "t")
        await until(pilot, lambda: len(server.calls) > sent)
        await until(pilot, lambda: not app.session.is_running)
        await pilot.pause(0.5)
        assert drafted(pilot) == 2 and len(server.calls) == sent + 1


async def test_a_transcript_that_cannot_be_kept_is_told_and_the_run_goes_on(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    in_the_way = two_tables.folders.transcripts
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("a file is in the way")
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "transcripts" in notices(app))
        assert "shown but not kept" in notices(app)
        assert drafted(pilot) == 5


@pytest.mark.parametrize("is_looked_at", [True, False])
async def test_a_second_attempt_does_not_run_into_the_first(
    server: ScriptedProvider, tmp_path: Path, is_looked_at: bool
) -> None:
    first = stream(reasoning="Let me see whether", finish=None, done=False)
    size = sum(len(getattr(step, "data", b"")) for step in first.steps)
    server.script(cut_after(size, first))
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        if is_looked_at:
            await run_to_its_end(pilot)
        else:
            await pilot.press("enter", "R")
            await until(pilot, lambda: drafted(pilot) == 3 and not app.session.is_running)
            await pilot.press("D")
        view = app.screen.query_one("#text", StreamView)
        await until(pilot, lambda: view.text.startswith("Let me see whether\n"))
        assert view.text.split("\n\n")[1] == "── attempt 2 ──"
        assert "Let me look at" in view.text.split("\n\n")[2]


async def test_a_run_begins_though_the_next_key_goes_elsewhere_at_once(
    server: ScriptedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_client = Runner._make_client
    began, may_go_on = threading.Event(), threading.Event()

    def make_slowly(runner: Runner, draft: Draft) -> Client:
        began.set()
        may_go_on.wait(20)
        return make_client(runner, draft)

    monkeypatch.setattr(Runner, "_make_client", make_slowly)
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        for key in ("enter", "R"):
            app.post_message(Key(key, None if key == "enter" else key))
        assert await asyncio.to_thread(began.wait, 20)  # `pilot` would wait for the key itself
        may_go_on.set()
        await until(pilot, lambda: type(app.screen).__name__ == "ReviewScreen")
        await until(pilot, lambda: drafted(pilot) == 3 and not app.session.is_running)


async def test_the_end_offers_to_ask_for_what_t_asks_for_and_not_for_a_batch_that_was_given_up(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = hold_after_the_first_line
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: drafted(pilot) == 2 and bool(app.screen.query("#phase")))
        await until(pilot, lambda: "silence" in told(pilot))
        await pilot.press("delete")  # T, of which two are missing
        board = app.session.board
        assert board is not None
        await until(pilot, lambda: board.states[BatchState.CANCELLED] == 1)
        await pilot.press("x", "y")
        await until(pilot, lambda: "t tries the 1 missing again" in told(pilot))
        assert "2 cancelled: Browse (B) can draft them" in told(pilot)
        server.answer = draft
        await pilot.press("t")
        await until(pilot, lambda: app.session.board is not board and drafted(pilot) == 1)
        await until(pilot, lambda: not app.session.is_running)
    assert len(server.calls) == 3


def offered(app: AmxApp) -> str:
    bar = app.screen.query_one("#key-bar")
    return "".join(segment.text for segment in bar.render_line(0))


async def test_a_run_that_is_over_offers_only_keys_that_have_something_to_do(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = only_table_t
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: "help" in offered(app))
        assert not [key for key in ("more time", "try again", "stop run") if key in offered(app)]
        await pilot.press("B")
        await open_draft(pilot)
        server.answer = hold_after_the_first_line
        await pilot.press("enter")
        await until(pilot, lambda: "x stop run" in offered(app))
        assert "+ more time" in offered(app) and "cancel batch" in offered(app)
        await pilot.press("x", "y")
        await until(pilot, lambda: "stop run" not in offered(app))
        assert "t try again" in offered(app) and "more time" not in offered(app)
        server.answer = draft
        await pilot.press("t")
        await until(pilot, lambda: drafted(pilot) == 3 and not app.session.is_running)
        await until(pilot, lambda: "try again" not in offered(app))
        await pilot.press("x")
        await until(pilot, lambda: "No run is going." in notices(app))


async def test_a_second_run_is_refused_and_one_that_is_stopped_before_it_begins_sends_nothing(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = only_table_t
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        runner, sent = app.session.runner, len(server.calls)
        again = asyncio.create_task(runner.retry())
        await asyncio.sleep(0)
        assert runner.is_starting
        await runner.stop()
        assert not app.session.is_running
        with pytest.raises(Problem, match="stopped before it began"):
            await again
        assert len(server.calls) == sent
        both = [asyncio.create_task(runner.retry()) for _ in range(2)]
        with pytest.raises(Problem, match="going already"):
            await both[1]
        assert await both[0]
        await runner.stop()


async def test_a_screen_that_cannot_draw_does_not_end_the_run(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, what: faults.append(what))

        def fail(event: object) -> None:
            raise LookupError("no such widget")

        await open_draft(pilot)
        app.session.subscribe(fail)
        await run_to_its_end(pilot)
        assert drafted(pilot) == 5 and faults
        assert app.session.board is not None and app.session.board.state is RunState.FINISHED


async def test_a_fault_in_a_batch_ends_the_run_and_is_shown_and_kept(
    server: ScriptedProvider, two_tables: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("no such reader")

    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        with monkeypatch.context() as broken:
            broken.setattr("amx_tui.drafting.engine.AnswerReader", fail)
            await run_to_its_end(pilot)
        await until(pilot, lambda: "fault of amx-tui" in told(pilot))
        (record,) = two_tables.store.runs()
        assert record.state is RunState.FAILED
        await pilot.press("t")
        await until(pilot, lambda: drafted(pilot) == 5 and not app.session.is_running)
        assert two_tables.store.runs()[0].drafted == 5


async def test_what_another_process_drafted_meanwhile_is_not_paid_again(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = only_table_t
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        missing = await app.session.unfinished.missing_of(1)
        assert len(missing) == 2
        await open_rest_from_history(pilot)
        other = Store(two_tables.store.path)
        assert other.claim(1) == missing
        sent = len(server.calls)
        await pilot.press("enter")
        await until(pilot, lambda: "going on in another amx-tui" in notices(app))
        for target in missing:
            other.record(1, SuggestionDrafted(1, suggestion(target, "A text"), 5.0))
        other.record(1, RunEnded(RunState.FINISHED, 6.0))
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing of run 1 is missing" in notices(app))
        assert len(server.calls) == sent and not app.session.is_running


async def open_rest_from_history(pilot: Pilot[None]) -> None:
    await pilot.press("H")
    await until(pilot, lambda: bool(pilot.app.screen.query("#runs")))
    await until(pilot, lambda: "1 run " in title(pilot, "#runs"))
    await pilot.press("t")
    await until(pilot, lambda: bool(pilot.app.screen.query("#facts")))
    await until(pilot, lambda: "word for word" in title(pilot, "#sent"))
    assert "the rest of run 1" in title(pilot, "#summary")


def title(pilot: Pilot[None], widget: str) -> str:
    return str(pilot.app.screen.query_one(widget).border_title)


async def test_a_run_that_was_left_by_quitting_is_offered_at_the_next_start(
    server: ScriptedProvider, two_tables: Workspace, tmp_path: Path
) -> None:
    server.answer = hold_after_the_first_line
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: drafted(pilot) == 2)
        await pilot.press("q", "y")
        await until(pilot, lambda: not app.session.is_running and not app.is_running)
    two_tables.store.close()
    again = AmxApp(reopened(two_tables, tmp_path))
    async with again.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: isinstance(again.screen, Question))
        assert "Go on with the other 3" in title(pilot, ".dialog")


async def test_a_run_that_was_stopped_can_be_gone_on_with_after_a_restart(
    server: ScriptedProvider, two_tables: Workspace, tmp_path: Path
) -> None:
    server.answer = hold_after_the_first_line
    app = AmxApp(two_tables)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: drafted(pilot) == 2)
        await app.session.runner.stop()
    two_tables.store.close()
    server.answer = draft
    again = AmxApp(reopened(two_tables, tmp_path))
    async with again.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: again.session.is_whole)
        await pilot.press("D")
        await until(pilot, lambda: bool(again.screen.query("#phase")))
        await until(pilot, lambda: "run 1 was stopped: 3 of 5 are missing" in told(pilot))
        await pilot.press("t")
        await until(pilot, lambda: bool(again.screen.query("#facts")))
        await until(pilot, lambda: "word for word" in title(pilot, "#sent"))
        await run_to_its_end(pilot)
        await until(pilot, lambda: "the rest of run 1 · 3/3 drafted" in title(pilot, "#overall"))
        assert two_tables.store.runs()[0].drafted == 5
        await pilot.press("t")
        await until(pilot, lambda: "Nothing is missing" in notices(again))


async def test_how_a_run_ended_is_not_cut_on_a_small_screen(
    server: ScriptedProvider, two_tables: Workspace
) -> None:
    server.answer = only_table_t
    app = AmxApp(two_tables)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "t tries the 2 missing again" in told(pilot))
        phase = app.screen.query_one("#phase")
        rows = [phase.render_line(row).text for row in range(phase.size.height)]
        assert "missing again" in " ".join(" ".join(rows).split())


def test_a_batch_whose_wait_is_over_is_queued() -> None:
    batch = BatchLine(1, "T", Target("main", "T"), 3, BatchState.RETRYING, retry_at=20.0)
    assert _state_words(batch, 14.0) == "waits · 6 s"
    assert _state_words(batch, 20.0) == "queued"


def test_what_the_end_of_a_run_broke_off_is_not_called_cancelled() -> None:
    def words(state: BatchState, drafted: int = 0, *, is_given_up: bool = False) -> str:
        batch = BatchLine(1, "T", Target("main", "T"), 3, state, drafted)
        batch.is_given_up = is_given_up
        return _state_words(batch, 14.0, is_over=True)

    assert words(BatchState.CANCELLED) == "broken off"
    assert words(BatchState.CANCELLED, is_given_up=True) == "cancelled"
    assert words(BatchState.QUEUED) == "not asked"
    assert words(BatchState.QUEUED, 2) == "not finished"


def test_what_is_queued_says_what_it_waits_for() -> None:
    limited, broken = (
        Failure(FailureKind.RATE_LIMITED, "429"),
        Failure(FailureKind.SERVER_ERROR, "500"),
    )
    first, second, third = (
        BatchLine(number, "T", Target("main", "T"), 3, state)
        for number, state in enumerate((BatchState.QUEUED, *[BatchState.RETRYING] * 2))
    )
    second.retry_at, second.waits_for = 20.0, limited
    third.retry_at, third.waits_for = 90.0, broken
    board = Board()
    board.batches = {line.number: line for line in (first, second, third)}
    # Nobody asks while the provider wants a pause, also where no request is out.
    assert queued_words(board, 14.0) == "queued: the provider wants a pause, 0:06 more"
    third.state = BatchState.THINKING
    assert queued_words(board, 14.0) == "queued: it asks when another request has ended"


@pytest.mark.parametrize(
    ("state", "missing", "words"),
    [
        (BatchState.CANCELLED, 2, "cancelled · t asks for the 2 missing after all"),
        (BatchState.FINISHED, 1, "finished · t asks for the 1 missing again"),
        (BatchState.FINISHED, 0, "finished"),
    ],
)
def test_a_batch_that_ended_before_its_run_says_what_asks_for_the_rest(
    state: BatchState, missing: int, words: str
) -> None:
    batch = BatchLine(1, "T", Target("main", "T"), 3, state, missing=missing)
    batch.is_given_up = state is BatchState.CANCELLED
    board = Board()
    board.state = RunState.RUNNING
    (line,) = outcome_lines(board, batch)
    assert "".join(piece for piece, _ in line) == words


def reopened(workspace: Workspace, folder: Path) -> Workspace:
    """The same database, profile and folders in a new process."""
    workspace.connector = open_named(workspace, str(folder / "legacy.db"))
    return workspace
