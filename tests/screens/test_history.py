"""Past runs: opened for review, compared, counted, found by text; and who wrote what."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import Verdict
from amx_tui.screens.compare import CompareDialog
from amx_tui.screens.history import HistoryScreen
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.page import Page
from amx_tui.widgets.rows import RowList
from tests.screens.test_deciding_and_writing import words, write_all
from tests.snapshot.conftest import draft_of, record_run, session_of, settle, until


def two_runs(reviewed: Workspace) -> Workspace:
    """The first over BKPF and T052, the second over T052 again."""
    record_run(reviewed, draft_of(reviewed, ["T052"]))
    return reviewed


async def open_history(pilot: Pilot[None], lines: int) -> HistoryScreen:
    await settle(pilot)
    await pilot.press("H")
    await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen))
    screen = pilot.app.screen
    assert isinstance(screen, HistoryScreen)
    await until(pilot, lambda: screen.query_one("#runs", RowList).count == lines)
    return screen


async def test_a_run_is_opened_for_review_with_its_own_suggestions_alone(
    reviewed: Workspace,
) -> None:
    app = AmxApp(two_runs(reviewed))
    async with app.run_test(size=(140, 40)) as pilot:
        history = await open_history(pilot, 2)
        assert "T052" not in words(history, "#runs") and "2 " in words(history, "#runs")
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        review = app.screen
        assert isinstance(review, ReviewScreen)
        await until(pilot, lambda: review.listing is not None and len(review.listing) > 0)
        listing = review.listing
        assert listing is not None
        await until(pilot, lambda: {row.run for row in listing} == {1})
        assert {row.target.table for row in listing} == {"BKPF"}
        await pilot.press("escape")
        await until(pilot, lambda: len(review.listing or ()) == len(session_of(pilot).rows))


async def test_two_runs_of_the_same_targets_stand_side_by_side(reviewed: Workspace) -> None:
    app = AmxApp(two_runs(reviewed))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_history(pilot, 2)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, CompareDialog))
        dialog = app.screen
        session = session_of(pilot)
        both = [target for target in session.rows if target.table == "T052"]
        assert dialog.query_one(RowList).count == len(both)
        page = dialog.query_one(Page)
        await until(pilot, lambda: "run 1" in page.text and "run 2" in page.text)
        first = session.rows[both[0]].suggestion.alternatives[0].text
        assert page.text.count(first) == 2


async def test_history_counts_decisions_and_tells_who_wrote_what(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        await until(pilot, lambda: bool(session.rows))
        one, two, three = list(session.rows)[:3]
        await session.decide([one], Verdict.ACCEPTED, text="Ours", alternative=0)
        await session.decide([two, three], Verdict.REJECTED)
        await session.decide([three], Verdict.EDITED, text="Theirs")
        await session.undo()
        history = await open_history(pilot, 1)
        await until(pilot, lambda: "1 kept, 2 rejected" in words(history, "#runs"))
        await pilot.press("W")
        await until(pilot, lambda: type(app.screen).__name__ == "WriteScreen")
        await until(
            pilot, lambda: "1 to write" in str(app.screen.query_one("#changes").border_title)
        )
        await write_all(pilot)
        await until(pilot, lambda: bool(reviewed.store.journal(session.connector.identity)))
        await until(
            pilot, lambda: "1 written" in str(app.screen.query_one("#changes").border_title)
        )
        history = await open_history(pilot, 1)
        await pilot.press("w")
        await until(pilot, lambda: "Ours" in words(history, "#runs"))
        assert one.path in words(history, "#runs")
        await pilot.press("slash", *"nobody")
        await until(pilot, lambda: history.query_one(RowList).count == 0)
        history.query_one(Input).value = "ours"
        await until(pilot, lambda: history.query_one(RowList).count == 1)
