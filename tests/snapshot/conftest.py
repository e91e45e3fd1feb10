"""The worlds that the pictures show: the demo, with a run in it whose times are fixed."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.drafting import prepare_draft
from amx_tui.commands.model import Draft
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Privacy
from amx_tui.demo.database import build_database
from amx_tui.demo.replies import reply_for
from amx_tui.demo.workspace import demo_workspace
from amx_tui.drafting.model import (
    Alternative,
    Band,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    Confidence,
    RunEnded,
    RunEvent,
    RunState,
    Suggestion,
    SuggestionDrafted,
    UsageReported,
)
from amx_tui.llm.model import Phase, Usage
from amx_tui.screens.room import Room
from amx_tui.widgets.seen import is_seen

# A Monday morning; every time in a picture is counted from it.
START = 1_790_000_000.0
SIZES = [(80, 24), (140, 40)]
# How long a condition may take, in seconds; a busy machine is slow, a broken program never gets there.
PATIENCE = 20.0

Act = Callable[[Pilot[None]], Awaitable[None]]


@functools.cache
def built_demo() -> bytes:
    """The demo's database, which takes longer to be built than most tests take to look at it."""
    with tempfile.TemporaryDirectory() as folder:
        return build_database(Path(folder) / "demo.db").read_bytes()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("amx_tui.screens.drafting.now", lambda: START + 41)
    folder = find_folders(os.environ).cache / "demo"
    folder.mkdir(parents=True)
    (folder / "demo.db").write_bytes(built_demo())
    return demo_workspace(os.environ, speed=1000)


async def until(pilot: Pilot[None], holds: Callable[[], bool]) -> None:
    """Waits for a condition, and then until every widget has done what it knows of."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        # The pilot's own pause sends a message to each widget, which at every look takes longer than
        # what is waited for.
        await asyncio.sleep(0.005)
    await pilot.pause()


async def at_rest(pilot: Pilot[None]) -> None:
    """Nothing is under way that would change what is seen, but what goes on as long as the program does."""
    app = pilot.app

    def is_resting() -> bool:
        seen = [screen for screen in app.screen_stack if is_seen(screen)]
        waits = any(isinstance(screen, Room) and screen._is_stale for screen in seen)
        works = any(not one.is_finished for one in app.workers if one.group != "store")
        return not waits and not works

    await until(pilot, is_resting)
    await until(pilot, is_resting)  # what the end of it asked for is drawn as well


def session_of(pilot: Pilot[None]) -> Session:
    app = pilot.app
    assert isinstance(app, AmxApp)
    return app.session


async def settle(pilot: Pilot[None]) -> None:
    """The catalog is read, with the evidence of the first table, and the header names the model."""
    app = pilot.app
    assert isinstance(app, AmxApp)
    await until(pilot, lambda: session_of(pilot).is_whole)
    first = session_of(pilot).catalog.tables[0].target
    await until(pilot, lambda: bool(session_of(pilot).evidence.at_hand(first)))
    await until(pilot, lambda: bool(app.whereabouts().model))
    await pilot.pause()


def suggestion_of(target: Target, previous: str | None = None) -> Suggestion:
    """What the demo's model says of a target, all of it at once."""
    reply = reply_for(target.table, target.column)
    assert reply is not None
    return Suggestion(
        target,
        tuple(
            Alternative(reading.text, Confidence(Band(reading.band)), reading.reason)
            for reading in reply.readings
        ),
        previous,
    )


def draft_of(workspace: Workspace, tables: Sequence[str]) -> Draft:
    """A draft of everything that these tables lack."""
    connector = workspace.connector
    assert connector is not None
    session = Session(workspace)
    catalog = session.opened.catalog = connector.load()
    chosen = [table for table in catalog.tables if table.name in tables]
    return prepare_draft(
        workspace,
        catalog,
        session.marks.undescribed(chosen),
        privacy=Privacy.SHAPES,
        read_evidence=session.evidence.read,
    )


def record_run(workspace: Workspace, draft: Draft, *, ended: bool = True) -> list[RunEvent]:
    """Puts a run into the store in which every batch came to its end; its events."""
    store = workspace.store
    run = store.start_run(draft.plan, "demo.db (sqlite)", START)
    events: list[RunEvent] = []
    at = START
    for batch in draft.plan.batches:
        events.append(BatchStarted(batch.number, at))
        events.append(BatchPhase(batch.number, Phase.THINKING, 1, at + 2))
        events += [
            SuggestionDrafted(
                batch.number, suggestion_of(target, batch.previous.get(target)), at + 9
            )
            for target in batch.targets
        ]
        events.append(UsageReported(batch.number, Usage(900, 600, 2400, 1200), 0.0063))
        events.append(BatchFinished(batch.number, (), 0, at + 12))
        at += 4
    if ended:
        events.append(RunEnded(RunState.FINISHED, at + 12))
    for event in events:
        store.record(run, event)
    return events


@pytest.fixture
def reviewed(workspace: Workspace) -> Workspace:
    """The demo after a run over two tables."""
    record_run(workspace, draft_of(workspace, ["BKPF", "T052"]))
    return workspace


@pytest.fixture
def home(clean_environment: Path) -> Path:
    return clean_environment
