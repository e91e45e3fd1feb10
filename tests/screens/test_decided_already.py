"""Decisions on many say what they would decide anew."""

from __future__ import annotations

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import Band, Signal
from amx_tui.review.model import Verdict
from amx_tui.screens.bulk import BulkDialog, count_lines
from amx_tui.screens.review import ReviewScreen
from amx_tui.screens.same_name import SameNameDialog
from amx_tui.widgets.rows import RowList
from tests.screens.test_deciding_and_writing import words
from tests.screens.test_many_at_once import listed, open_review, review
from tests.snapshot.conftest import session_of, until


def test_what_a_model_declared_is_not_counted_with_what_was_measured() -> None:
    """Each on a line of its own, which fits a small terminal."""
    counts = {
        (Band.HIGH, Signal.LOGPROB): 3,
        **{(band, Signal.DECLARED): 100_000 for band in Band},
        None: 2,
    }
    said = ["".join(words for words, _ in line) for line in count_lines(counts, 0)]
    assert [line.split("  ")[0] for line in said[:2]] == ["measured", "declared by the model"]
    assert "3 high" in said[0] and "100000 low" in said[1]
    assert "2 without a text" in said[2] and len(said) == 3
    assert max(map(len, said)) <= 70


async def test_what_is_marked_and_decided_already_is_told_before_it_is_decided_anew(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        _, second, *_ = listed(pilot)
        await session.decide([second], Verdict.EDITED, text="My own")
        await pilot.press("g", "m", "m", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        dialog = pilot.app.screen
        await until(pilot, lambda: "1 decided already" in words(dialog, "#counts"))
        above, below = words(dialog, "RowList").splitlines()
        assert "✎" not in above and "✎" in below
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await session.undo()
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkDialog))
        assert "already" not in words(pilot.app.screen, "#counts")


async def test_a_decision_that_would_be_replaced_is_counted_where_one_text_goes_to_many(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        mandt = [target for target in listed(pilot) if target.column == "MANDT"]
        await session.decide(mandt[1:2], Verdict.EDITED, text="My own")
        review(pilot).query_one("#suggestions", RowList).go(listed(pilot).index(mandt[0]))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, SameNameDialog))
        box = pilot.app.screen.query_one(".dialog")
        assert "decided" not in str(box.border_subtitle)
        await pilot.press("m")
        await until(pilot, lambda: "1 decided already" in str(box.border_subtitle))
