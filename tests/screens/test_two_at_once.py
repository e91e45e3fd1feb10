"""Two amx-tui on one database: each sees what the other decides."""

from __future__ import annotations

import subprocess
import sys

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import State
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.rows import RowList
from tests.screens.test_many_at_once import choose, hold_up_lists, listed, open_review, review
from tests.snapshot.conftest import session_of, settle, until

# What another process does.
DECIDE = """
import sys
from pathlib import Path
from amx_tui.catalog.model import Target
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.review.store import Store
path, identity, table, *columns = sys.argv[1:]
store = Store(Path(path))
if columns == ["undo"]:
    store.undo(identity)
else:
    targets = [Target("main", table, column) for column in columns]
    store.decide(identity, [NewDecision(one, Verdict.EDITED, "theirs", run=1) for one in targets])
"""


def other_process(workspace: Workspace, table: str, *columns: str) -> None:
    assert workspace.connector is not None
    path, identity = workspace.folders.store_file, workspace.connector.identity
    command = [sys.executable, "-c", DECIDE, str(path), identity, table, *columns]
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


async def test_a_card_that_comes_late_after_what_others_decided_waits_before_it_takes_a_key(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list is made in a thread, longer than the pause that began with what was heard."""
    monkeypatch.setattr("amx_tui.screens.review.GRACE_SECONDS", 3600.0)
    goes_on = hold_up_lists(monkeypatch)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        try:
            await open_review(pilot)
            await choose(pilot, "to do")
            await until(pilot, lambda: len(listed(pilot)) > 8)
            screen = review(pilot)
            theirs = listed(pilot)[:5]
            screen.query_one("#suggestions", RowList).go(0)
            await until(pilot, lambda: screen.card.target == theirs[0])
            goes_on.clear()
            other_process(reviewed, "BKPF", *(target.column for target in theirs))
            await until(pilot, lambda: state(pilot, theirs[-1]) is State.EDITED)
            assert screen.card.target == theirs[0]
            screen._grace_until = 0.0  # the pause is over before the list is there
            goes_on.set()
            await until(pilot, lambda: screen.card.target not in (None, *theirs))
            shown = screen.card.target
            assert shown is not None
            await pilot.press("a")
            await pilot.pause()
            assert state(pilot, shown) is State.TODO
            # A key of the reviewer's own shows another card, and that one takes keys at once.
            await pilot.press("j", "a")
            await until(pilot, lambda: State.ACCEPTED in states(pilot))
        finally:
            goes_on.set()


async def test_a_card_that_the_reviewers_own_filter_shows_takes_keys_at_once(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amx_tui.screens.review.GRACE_SECONDS", 3600.0)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await pilot.press("slash", *"waers", "enter")
        await until(pilot, lambda: len(listed(pilot)) == 1)
        await pilot.press("a")
        await until(pilot, lambda: State.ACCEPTED in states(pilot))


def states(pilot: Pilot[None]) -> set[State]:
    return {row.state for row in session_of(pilot).rows.values()}
