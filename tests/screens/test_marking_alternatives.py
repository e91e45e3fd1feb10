"""Which alternative is marked, and what the keys that are about the marked one then do."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.widgets import TextArea

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import (
    Alternative,
    Band,
    Confidence,
    RunEnded,
    RunState,
    Suggestion,
    SuggestionDrafted,
)
from amx_tui.review.model import Verdict
from amx_tui.screens.editor import Editor
from amx_tui.screens.review import ReviewScreen
from tests.screens.test_deciding_and_writing import words
from tests.screens.test_many_at_once import open_review, review
from tests.snapshot.conftest import START, draft_of, session_of, until

LONG = " ".join(f"word{number}" for number in range(200))


def draft_one(workspace: Workspace, *texts: str, column: str = "BUKRS") -> Target:
    """A further run, which says this of one column alone."""
    draft = draft_of(workspace, ["BKPF"])
    target = Target("main", "BKPF", column)
    batch = next(batch for batch in draft.plan.batches if target in batch.targets)
    plan = replace(draft.plan, batches=(replace(batch, targets=(target,)),))
    run = workspace.store.start_run(plan, "demo.db (sqlite)", START + 500)
    said = tuple(Alternative(text, Confidence(Band.HIGH)) for text in texts)
    event = SuggestionDrafted(batch.number, Suggestion(target, said), START + 509)
    workspace.store.record(run, event)
    workspace.store.record(run, RunEnded(RunState.FINISHED, START + 510))
    return target


async def go_to(pilot: Pilot[None], target: Target) -> None:
    screen = review(pilot)
    assert screen.listing is not None
    place = screen.listing.place_of(target)
    assert place is not None
    screen.query_one("#suggestions").go(place)  # type: ignore[attr-defined]
    await until(pilot, lambda: screen.card.target == target)


def card(pilot: Pilot[None]) -> str:
    return words(pilot.app.screen, "#card")


async def edited_text(pilot: Pilot[None]) -> str:
    """What the editor starts from; it is left again."""
    await pilot.press("e")
    await until(pilot, lambda: isinstance(pilot.app.screen, Editor))
    text = pilot.app.screen.query_one(TextArea).text
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
    return text


async def test_what_is_marked_comes_in_sight_before_it_can_be_accepted(reviewed: Workspace) -> None:
    target = draft_one(reviewed, LONG, f"second {LONG}", "The third")
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        await go_to(pilot, target)
        assert "▸ 1" in card(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "▸ 2" in card(pilot))
        assert "second word0" in card(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "▸ 3" in card(pilot))
        assert "The third" in card(pilot)
        await pilot.press("l")
        # Round again: the first one begins at the top, as the card did.
        await until(pilot, lambda: "▸ 1" in card(pilot))
        assert "now" in card(pilot)


async def test_what_was_accepted_is_what_is_marked_when_one_comes_back_to_it(
    reviewed: Workspace,
) -> None:
    """So that `a` there changes nothing, and `e` goes on with the text that stands."""
    target = draft_one(reviewed, "The first", "The second")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        await session.decide([target], Verdict.ACCEPTED, text="The second", alternative=1)
        await go_to(pilot, target)
        await until(pilot, lambda: "▸ 2" in card(pilot))
        assert await edited_text(pilot) == "The second"
        await pilot.press("a")
        decisions = session.workspace.store.decided(session.connector.identity)
        assert decisions[target].text == "The second"


async def test_the_editor_starts_from_what_is_marked_also_where_something_is_decided(
    reviewed: Workspace,
) -> None:
    target = draft_one(reviewed, "The first", "The second")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        await session.decide([target], Verdict.EDITED, text="My own")
        await go_to(pilot, target)
        assert await edited_text(pilot) == "My own"  # nothing was marked yet
        await pilot.press("l")
        await until(pilot, lambda: "▸ 2" in card(pilot))
        assert await edited_text(pilot) == "The second"


async def test_without_a_text_there_is_nothing_to_give_to_the_columns_of_its_name(
    reviewed: Workspace,
) -> None:
    target = draft_one(reviewed, column="MANDT")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_review(pilot)
        await go_to(pilot, target)
        await pilot.press("n")
        await until(pilot, lambda: bool(pilot.app._notifications))
        (told,) = pilot.app._notifications
        assert "no text" in told.message and "only column" not in told.message
