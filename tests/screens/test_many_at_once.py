"""Decisions on many: what is marked or listed, the same column in other tables, and taking them back."""

from __future__ import annotations

import threading

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets._toast import Toast

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import Band
from amx_tui.review.model import State, Verdict
from amx_tui.screens import review_following
from amx_tui.screens.bulk import BulkDialog
from amx_tui.screens.review import ReviewScreen
from amx_tui.screens.review_listing import Suggestions, Wanted
from amx_tui.screens.same_name import SameNameDialog
from amx_tui.screens.show import ShowDialog
from amx_tui.widgets.rows import RowList
from tests.snapshot.conftest import session_of, settle, until


def review(pilot: Pilot[None]) -> ReviewScreen:
    return next(s for s in pilot.app.screen_stack if isinstance(s, ReviewScreen))


def listed(pilot: Pilot[None]) -> list[Target]:
    return [row.target for row in review(pilot).listing or ()]


def frame(pilot: Pilot[None]) -> Widget:
    return review(pilot).query_one("#list")


async def open_review(pilot: Pilot[None]) -> None:
    await settle(pilot)
    await until(pilot, lambda: bool(session_of(pilot).rows))
    await pilot.press("R")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen) and bool(listed(pilot)))


async def choose(pilot: Pilot[None], words: str) -> None:
    """Chooses a line of the dialog that f opens, and closes it."""
    await pilot.press("f")
    await until(pilot, lambda: isinstance(pilot.app.screen, ShowDialog))
    dialog = pilot.app.screen
    assert isinstance(dialog, ShowDialog)
    place = next(i for i, c in enumerate(dialog._choices) if c.words.startswith(words))
    dialog.query_one(RowList).go(place)
    await pilot.press("enter", "escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))


def texts_at(pilot: Pilot[None]) -> dict[Target, str | None]:
    store = session_of(pilot).workspace.store
    identity = session_of(pilot).connector.identity
    return {target: decision.text for target, decision in store.decided(identity).items()}


async def test_without_a_choice_nothing_is_decided_at_once(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await pilot.press("b")
        await until(pilot, lambda: bool(pilot.app._notifications))
        assert not texts_at(pilot)


async def test_what_a_filter_lists_is_accepted_at_once_and_taken_back_at_once(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await choose(pilot, "high")
        session = session_of(pilot)
        high = listed(pilot)
        assert 0 < len(high) < len(session.rows)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        assert pilot.app.screen.query_one(RowList).count == len(high)
        await pilot.press("a")
        await until(pilot, lambda: set(texts_at(pilot)) == set(high))
        for target in high:
            first = session.rows[target].suggestion.alternatives[0]
            assert first.confidence.band is Band.HIGH
            assert texts_at(pilot)[target] == first.text
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await pilot.press("u")
        await until(pilot, lambda: not texts_at(pilot))


def hold_up_lists(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Lists of more than three rows are made in a thread, which waits where this is cleared."""
    goes_on = threading.Event()
    goes_on.set()

    class Slow(Suggestions):
        def __init__(self, session: Session, wanted: Wanted) -> None:
            super().__init__(session, wanted)
            assert goes_on.wait(30)

    monkeypatch.setattr(review_following, "MADE_AT_ONCE", 3)
    monkeypatch.setattr(review_following, "TOLD_AT_ONCE", 3)
    monkeypatch.setattr(review_following, "Suggestions", Slow)
    return goes_on


async def test_a_long_list_stays_while_it_is_made_anew_after_many_decisions(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread makes it; its rows are those of now all the while, and then the cursor is at what is left."""
    monkeypatch.setattr("amx_tui.commands.reviewing._MANY", 3)
    goes_on = hold_up_lists(monkeypatch)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        try:
            await open_review(pilot)
            session = session_of(pilot)
            await pilot.press("g", *"m" * 6)
            marked = set(listed(pilot)[:6])
            goes_on.clear()
            await pilot.press("b")
            await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
            await pilot.press("a")
            await until(pilot, lambda: set(texts_at(pilot)) == marked)
            await until(pilot, lambda: "up to date" in str(frame(pilot).border_subtitle))
            rows = review(pilot).query_one("#suggestions", RowList)
            assert "✓" in rows.render_line(0).text
            assert rows.count == len(session.rows)
        finally:
            goes_on.set()
        await until(pilot, lambda: "6 accepted" in str(frame(pilot).border_title))
        assert "up to date" not in str(frame(pilot).border_subtitle)
        await until(pilot, lambda: review(pilot)._row is not None)
        row = review(pilot)._row
        assert row is not None and row.state is State.TODO
        await pilot.press("u")
        await until(pilot, lambda: "accepted" not in str(frame(pilot).border_title))
        assert not texts_at(pilot)


async def test_taking_back_very_many_at_once_says_so_before_it_begins_as_deciding_on_them_does(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amx_tui.commands.reviewing.TOLD_BEFORE", 5)
    # However long the next key waits for the one before it.
    monkeypatch.setattr("amx_tui.screens.room.PATIENCE_SECONDS", 600.0)
    async with AmxApp(reviewed).run_test(size=(140, 40), notifications=True) as pilot:
        await open_review(pilot)
        session, told = session_of(pilot), pilot.app._notifications

        def says(title: str) -> bool:
            return any(notice.title == title for notice in told)

        await pilot.press("1")
        await until(pilot, lambda: len(texts_at(pilot)) == 1)
        await pilot.press("g", *"m" * 6, "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        await pilot.press("a")
        await until(pilot, lambda: says("Deciding 6") and len(texts_at(pilot)) > 1)
        store, undo = session.workspace.store, session.workspace.store.undo
        goes_on = threading.Event()

        def slow(database: str) -> tuple[Target, ...]:
            assert goes_on.wait(30)
            return undo(database)

        monkeypatch.setattr(store, "undo", slow)
        try:
            await pilot.press("u")
            await until(pilot, lambda: says("Taking back 6"))
            # Not only said but seen: what draws it is what handles keys.
            await until(
                pilot,
                lambda: any(
                    one._notification.title == "Taking back 6"
                    for one in pilot.app.screen.query(Toast)
                ),
            )
            assert len(texts_at(pilot)) > 1
        finally:
            goes_on.set()
        await until(pilot, lambda: len(texts_at(pilot)) == 1)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: says("Deciding again 6") and len(texts_at(pilot)) > 1)
        told.clear()
        await pilot.press("u", "u")
        await until(pilot, lambda: not texts_at(pilot))
        assert [notice.title for notice in told] == ["Taking back 6"]  # and nothing of one


async def test_what_is_marked_can_be_rejected_at_once(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await pilot.press("g", "m", "m", "m", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        await pilot.press("r")
        session = session_of(pilot)
        rejected = listed(pilot)[:3]
        await until(
            pilot,
            lambda: all(session.rows[target].state is State.REJECTED for target in rejected),
        )
        others = [row for target, row in session.rows.items() if target not in rejected]
        assert all(row.state is State.TODO for row in others)
        assert not review(pilot)._list.picked
        # The next one to decide on is the one under the cursor, which was not among them.
        fourth = listed(pilot)[3]
        await until(
            pilot, lambda: str(review(pilot).query_one("#card").border_title) == fourth.path
        )


async def test_leaving_the_dialog_decides_nothing(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await pilot.press("g", "m", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        assert all(row.decision is None for row in session_of(pilot).rows.values())


async def test_one_text_goes_to_the_columns_of_its_name_after_they_were_seen(
    reviewed: Workspace,
) -> None:
    mandt = Target("main", "BKPF", "MANDT")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        review(pilot).query_one("#suggestions", RowList).go(listed(pilot).index(mandt))
        await pilot.pause()
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SameNameDialog))
        everywhere = session.index.called("MANDT")
        dialog = pilot.app.screen
        assert dialog.query_one(RowList).count == len(everywhere) >= 10
        # The first one of the list is left out by hand.
        left_out = everywhere[0]
        await pilot.press("g", "space", "a")
        await until(pilot, lambda: mandt in texts_at(pilot))
        text = session.rows[mandt].suggestion.alternatives[0].text
        undescribed = {t for t in everywhere if not session.catalog.comment(t)} - {left_out}
        assert texts_at(pilot) == dict.fromkeys(undescribed, text)
        # Each keeps its own row, also where nothing was drafted, and can be taken back alone.
        await until(pilot, lambda: undescribed <= set(listed(pilot)))
        alone = next(t for t in undescribed if session.rows[t].run is None)
        review(pilot).query_one("#suggestions", RowList).go(listed(pilot).index(alone))
        await pilot.pause()
        await pilot.press("z")
        await until(pilot, lambda: alone not in texts_at(pilot))
        assert set(texts_at(pilot)) == undescribed - {alone}
        await pilot.press("u")  # of the taking back
        await until(pilot, lambda: set(texts_at(pilot)) == undescribed)
        await pilot.press("u")  # of all of them
        await until(pilot, lambda: not texts_at(pilot))
        assert alone not in listed(pilot)


async def test_a_column_that_somebody_else_described_since_is_told(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        target = listed(pilot)[0]
        await session.decide([target], Verdict.EDITED, text="Ours", previous={target: "theirs"})
        await until(pilot, lambda: (review(pilot).listing or {}) and True)
        listing = review(pilot).listing
        assert listing is not None
        await until(pilot, lambda: listing.counts[State.CHANGED] == 1)
        await choose(pilot, "changed meanwhile")
        assert listed(pilot) == [target]
