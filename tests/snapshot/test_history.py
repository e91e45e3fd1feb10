"""The past as a person sees it: runs, writings, two runs side by side, and where there is nothing yet."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import (
    Alternative,
    Band,
    Confidence,
    RunEnded,
    RunState,
    Signal,
    Suggestion,
    SuggestionDrafted,
    UsageReported,
)
from amx_tui.llm.model import Failure, FailureKind, Usage
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.widgets.page import Page
from tests.snapshot.conftest import START, draft_of, suggestion_of, until
from tests.snapshot.test_screens import Compare, both_sizes, go, picture

BUKRS, BELNR = Target("main", "BKPF", "BUKRS"), Target("main", "BKPF", "BELNR")


def title(pilot: Pilot[None], widget: str) -> str:
    return str(pilot.app.screen.query_one(widget).border_title)


def live(workspace: Workspace) -> None:
    """A second run that failed half-way, decisions on both, and texts written and taken back."""
    store, connector = workspace.store, workspace.connector
    assert connector is not None
    plan = draft_of(workspace, ["BKPF", "T052"]).plan
    run = store.start_run(plan, "demo.db (sqlite)", START + 86_000)
    for target in plan.batches[0].targets:
        said = suggestion_of(target)
        if target == BUKRS:
            sure = Confidence(Band.HIGH, Signal.LOGPROB, 0.91)
            text = "Company code: the smallest unit with accounts of its own, key of T001"
            said = Suggestion(target, (Alternative(text, sure, "T001 has it as its key"),))
        store.record(run, SuggestionDrafted(1, said, START + 86_009))
    store.record(run, UsageReported(1, Usage(41_200, 1200, 118_400, 96_000), 0.4712))
    refused = Failure(
        FailureKind.QUOTA_SPENT, "The account has no money left", "HTTP 429, exceeded_quota"
    )
    store.record(run, RunEnded(RunState.FAILED, START + 86_140, refused))
    decisions = [
        NewDecision(BUKRS, Verdict.ACCEPTED, text, 0, run=run),
        NewDecision(BELNR, Verdict.EDITED, "Number of the document within its company code", run=1),
        NewDecision(Target("main", "BKPF", "GJAHR"), Verdict.REJECTED, run=run),
        NewDecision(Target("main", "T052", "ZTERM"), Verdict.LATER, run=1),
    ]
    store.decide(connector.identity, decisions)

    def write(target: Target, old: str | None, new: str | None, who: str, **how: int) -> int:
        change = Change(target, old, new)
        group = store.begin_write(connector.identity, [change], who=who, undoes=how.get("undoes"))
        ended = Outcome.CHANGED_MEANWHILE if who == "eve" else Outcome.WRITTEN
        done = [Written(change, ended, "It says “Buchungskreis” now" if who == "eve" else "")]
        at = START + 90_000 + 60 * group
        return store.record_written(connector.identity, done, who=who, at=at, group=group)

    first = write(BELNR, "doc no", "Number of the document within its company code", "ada")
    write(BELNR, "Number of the document within its company code", "doc no", "ada", undoes=first)
    write(BUKRS, None, text, "eve")
    write(BUKRS, "Company code", text, "bob@workstation-17")


@both_sizes
def test_history_lists_runs_with_their_cost_and_their_decisions(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    live(reviewed)

    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await until(pilot, lambda: "2 runs" in title(pilot, "#runs"))
        await pilot.press("j", "space", "k")

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_history_tells_who_wrote_what_when(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    live(reviewed)

    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await pilot.press("w", "slash", *"bkpf", "enter")
        pilot.app.screen.query_one(Input).cursor_blink = False
        await until(pilot, lambda: "4 texts" in title(pilot, "#written"))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_two_runs_side_by_side(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    live(reviewed)

    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await until(pilot, lambda: "2 runs" in title(pilot, "#runs"))
        await pilot.press("c")
        await until(pilot, lambda: bool(pilot.app.screen.query("#second")))
        await until(pilot, lambda: "run 2" in title(pilot, "#second"))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_one_run_in_review(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    live(reviewed)

    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await until(pilot, lambda: "2 runs" in title(pilot, "#runs"))
        await pilot.press("j")
        await go(pilot, "enter", "ReviewScreen")
        await until(pilot, lambda: "run 1" in title(pilot, "#list"))
        card = pilot.app.screen.query_one("#card", Page)
        await until(pilot, lambda: "(shapes)" in card.text and "run 1," in card.text)

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_history_before_the_first_run(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await until(pilot, lambda: "0 runs" in title(pilot, "#runs"))

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_history_before_anything_was_written(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "H", "HistoryScreen")
        await pilot.press("w")
        await until(pilot, lambda: "0 texts" in title(pilot, "#written"))

    picture(snap_compare, workspace, size, act)
