"""Two amx-tui on one database: each sees what the other decides."""

from __future__ import annotations

import subprocess
import sys

from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import State
from amx_tui.screens.review import ReviewScreen
from tests.snapshot.conftest import session_of, settle, until

# What another process does.
DECIDE = """
import sys
from pathlib import Path
from amx_tui.catalog.model import Target
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.review.store import Store
path, identity, table, column = sys.argv[1:]
store = Store(Path(path))
target = Target("main", table, column)
if column == "undo":
    store.undo(identity)
else:
    store.decide(identity, [NewDecision(target, Verdict.EDITED, "theirs", run=1)])
"""


def other_process(workspace: Workspace, table: str, column: str) -> None:
    assert workspace.connector is not None
    path, identity = workspace.folders.store_file, workspace.connector.identity
    command = [sys.executable, "-c", DECIDE, str(path), identity, table, column]
    subprocess.run(command, check=True, timeout=60)


def state(pilot: Pilot[None], target: Target) -> State:
    return session_of(pilot).rows[target].state


async def test_what_another_process_decides_and_takes_back_is_seen(reviewed: Workspace) -> None:
    bukrs = Target("main", "BKPF", "BUKRS")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        await until(pilot, lambda: bool(session.rows))
        await pilot.press("R")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        other_process(reviewed, "BKPF", "BUKRS")
        await until(pilot, lambda: state(pilot, bukrs) is State.EDITED)
        review = pilot.app.screen
        assert isinstance(review, ReviewScreen)
        await until(
            pilot, lambda: review.listing is not None and review.listing.counts[State.EDITED] == 1
        )
        other_process(reviewed, "BKPF", "undo")
        await until(pilot, lambda: state(pilot, bukrs) is State.TODO)
