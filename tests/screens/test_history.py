"""The past: runs, one of them reviewed again, two of them compared, and who wrote what when."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.commands.workspace import Workspace
from amx_tui.drafting.model import (
    RunEnded,
    RunState,
    Suggestion,
    SuggestionDrafted,
    UsageReported,
)
from amx_tui.llm.model import Usage
from amx_tui.review.history import History
from amx_tui.review.model import State, Verdict
from amx_tui.screens.ask import Ask
from amx_tui.screens.compare import CompareScreen
from amx_tui.screens.history import HistoryScreen
from amx_tui.screens.history_lines import run_card, run_line
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.page import Page
from amx_tui.widgets.rows import RowList
from tests.snapshot.conftest import START, draft_of, session_of, settle, suggestion_of, until

BKPF = Target("main", "BKPF")


def draft_again(workspace: Workspace) -> int:
    """A second run over one of the two tables, which says of one column something else."""
    plan = draft_of(workspace, ["BKPF"]).plan
    run = workspace.store.start_run(plan, "demo.db (sqlite)", START + 600)
    for batch in plan.batches:
        for target in batch.targets:
            said = suggestion_of(target)
            if target.column == "BUKRS":
                said = Suggestion(target, said.alternatives[::-1])
            workspace.store.record(run, SuggestionDrafted(batch.number, said, START + 610))
    workspace.store.record(run, RunEnded(RunState.FINISHED, START + 620))
    return run


def write(workspace: Workspace, target: Target, old: str | None, new: str, who: str) -> None:
    assert workspace.connector is not None
    done = [Written(Change(target, old, new), Outcome.WRITTEN)]
    workspace.store.record_written(workspace.connector.identity, done, who=who, at=START + 900)


def title(pilot: Pilot[None], widget: str) -> str:
    return str(pilot.app.screen.query_one(widget).border_title)


def lines(pilot: Pilot[None], widget: str) -> list[str]:
    rows = pilot.app.screen.query(f"RowList{widget}, {widget} RowList").only_one(RowList)
    return [rows.render_line(y).text for y in range(min(rows.count, rows.size.height))]


def card(pilot: Pilot[None], widget: str = "#card") -> str:
    return " ".join(pilot.app.screen.query_one(widget, Page).text.split())


async def open_history(pilot: Pilot[None], runs: int) -> None:
    await settle(pilot)
    await until(pilot, lambda: bool(session_of(pilot).rows))
    await pilot.press("H")
    await until(pilot, lambda: isinstance(pilot.app.screen, HistoryScreen))
    await until(pilot, lambda: f"{runs} run" in title(pilot, "#runs"))


def review(pilot: Pilot[None]) -> ReviewScreen:
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen


def listed(pilot: Pilot[None]) -> list[Target]:
    return [row.target for row in review(pilot).listing or ()]


async def test_thinking_that_the_provider_did_not_count_is_not_called_none(
    reviewed: Workspace,
) -> None:
    run = draft_again(reviewed)
    told = UsageReported(1, Usage(input=900, cached=500, output=2_000), 0.01)
    reviewed.store.record(run, told)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_history(pilot, 2)
        await until(pilot, lambda: "900 in, 500 of them cached; 2 000 out" in card(pilot))
        assert "thinking" not in card(pilot).replace("kimi-thinking", "").replace("k2-thinking", "")


def test_what_a_run_cost_that_died_is_told_as_the_least_that_it_was(reviewed: Workspace) -> None:
    run = draft_again(reviewed)
    reviewed.store.record(run, UsageReported(1, Usage(input=900, output=2_000), 0.01))
    assert reviewed.connector is not None
    history = History(reviewed.store, reviewed.connector.identity)
    past = history.runs([run])[run]
    for state, least in ((RunState.FINISHED, False), (RunState.INTERRUPTED, True)):
        known = replace(past, record=replace(past.record, state=state))
        told = "\n".join("".join(words for words, _ in line) for line in run_card(known))
        assert ("at least $ 0.01" in told) is least
        row = "".join(words for words, _ in run_line(known, 140, is_marked=False))
        assert ("≥ $ 0.01" in row) is least and "$ 0.01" in row


async def test_a_run_is_reviewed_again_with_its_own_drafts(reviewed: Workspace) -> None:
    draft_again(reviewed)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_history(pilot, 2)
        await pilot.press("j", "enter")  # the older one
        await until(
            pilot, lambda: isinstance(pilot.app.screen, ReviewScreen) and bool(listed(pilot))
        )
        screen, session = review(pilot), session_of(pilot)
        assert title(pilot, "#list").startswith("run 1: ")
        assert "run 1 (esc: all runs)" in str(screen.query_one("#list").border_subtitle)
        assert set(listed(pilot)) == {*session.rows}  # all were drafted in it first
        bukrs = Target("main", "BKPF", "BUKRS")
        assert screen.listing is not None and session.rows[bukrs].run == 2
        old, new = screen.listing.rows[bukrs], session.rows[bukrs]
        assert old.run == 1 and old.suggestion.alternatives == new.suggestion.alternatives[::-1]
        # What is decided here is kept as taken on the old draft, and counted here and there.
        screen.query_one("#suggestions", RowList).go(listed(pilot).index(bukrs))
        await pilot.press("1")
        await until(pilot, lambda: session.rows[bukrs].state is State.ACCEPTED)
        decision = session.rows[bukrs].decision
        assert decision is not None and decision.text == old.suggestion.alternatives[0].text
        assert screen.listing.counts[State.ACCEPTED] == 1
        await pilot.press("escape")
        await until(pilot, lambda: "run 1" not in title(pilot, "#list"))
        await until(pilot, lambda: len(listed(pilot)) == len(session.rows))
        assert screen.listing.rows[bukrs].run == 2
        await pilot.press("H")
        await until(pilot, lambda: "1 accepted" in card(pilot))


async def test_why_something_was_rejected_stays_with_the_draft_that_was_looked_at(
    reviewed: Workspace,
) -> None:
    draft_again(reviewed)
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_history(pilot, 2)
        await pilot.press("j", "enter")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, ReviewScreen) and bool(listed(pilot))
        )
        session, target = session_of(pilot), listed(pilot)[0]
        await pilot.press("g", "r")
        await until(pilot, lambda: session.rows[target].state is State.REJECTED)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press(*"vague", "enter")
        await until(
            pilot, lambda: getattr(session.rows[target].decision, "reason", None) == "vague"
        )
        history = History(session.workspace.store, session.connector.identity)
        (seen,) = history.compare([s for s in history.shared(1, 2) if s.target == target])
        assert seen.decided_on == 1


async def test_runs_tell_where_their_drafts_stand_and_what_they_cost(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        await until(pilot, lambda: bool(session.rows))
        targets = list(session.rows)
        await session.decide(targets[:2], Verdict.REJECTED)
        await session.decide(targets[2:5], Verdict.LATER)
        await open_history(pilot, 1)
        run = session.workspace.store.runs()[0]
        (line,) = lines(pilot, "#runs")
        cells = line.split()
        assert {"finished", run.model, f"{run.drafted}/{run.targets}"} <= set(cells)
        assert cells[-4:] == ["2", "3", str(run.drafted - 5), "–"]
        assert "2 rejected" in card(pilot) and "3 later" in card(pilot)


async def test_two_marked_runs_are_compared_where_they_differ_first(reviewed: Workspace) -> None:
    draft_again(reviewed)
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_history(pilot, 2)
        session, bukrs = session_of(pilot), Target("main", "BKPF", "BUKRS")
        text = session.rows[bukrs].suggestion.alternatives[0].text
        await session.decide([bukrs], Verdict.ACCEPTED, text=text, alternative=0)
        await pilot.press("space", "space", "c")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await until(pilot, lambda: "1 differ" in title(pilot, "#shared"))
        await until(pilot, lambda: text in card(pilot, "#second"))
        assert "run 1" in title(pilot, "#first") and "run 2" in title(pilot, "#second")
        assert "accepted" in card(pilot, "#second") and "accepted" not in card(pilot, "#first")
        before = card(pilot, "#first")
        await pilot.press("s")
        await until(pilot, lambda: "run 2" in title(pilot, "#first"))
        await until(pilot, lambda: card(pilot, "#second") == before)
        assert "BKPF.BUKRS" in lines(pilot, "#shared")[0]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until(pilot, lambda: title(pilot, "#card") == "BKPF.BUKRS")


async def test_review_leads_to_what_an_earlier_run_said(reviewed: Workspace) -> None:
    draft_again(reviewed)
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await pilot.press("R")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, ReviewScreen) and bool(listed(pilot))
        )
        rows = pilot.app.screen.query_one("#suggestions", RowList)
        rows.go(listed(pilot).index(Target("main", "T052")))
        await pilot.press("v")
        await until(pilot, lambda: bool(pilot.app._notifications))  # one run alone has it
        rows.go(listed(pilot).index(Target("main", "BKPF", "GJAHR")))
        await pilot.press("v")
        await until(pilot, lambda: isinstance(pilot.app.screen, CompareScreen))
        await until(
            pilot, lambda: "BKPF.GJAHR" in str(pilot.app.screen.query_one("#first").border_subtitle)
        )
        assert "run 1" in title(pilot, "#first") and "run 2" in title(pilot, "#second")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, ReviewScreen)


async def test_runs_that_share_nothing_are_not_compared(reviewed: Workspace) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_history(pilot, 1)
        await pilot.press("c")
        await until(pilot, lambda: bool(pilot.app._notifications))
        assert isinstance(pilot.app.screen, HistoryScreen)


async def test_who_wrote_what_is_told_found_and_led_to(reviewed: Workspace) -> None:
    target = Target("main", "T052", "ZTERM")
    write(reviewed, BKPF, None, "Document headers", "ada")
    write(reviewed, target, "old words", "Terms of payment", "bob")
    async with AmxApp(reviewed).run_test(size=(140, 40)) as pilot:
        await open_history(pilot, 1)
        await pilot.press("w")
        await until(pilot, lambda: "2 texts" in title(pilot, "#written"))
        assert "bob" in lines(pilot, "#written")[0] and "ada" in lines(pilot, "#written")[1]
        assert "old words" in card(pilot) and "Terms of payment" in card(pilot)
        await pilot.press("slash", *"ada", "enter")
        await until(pilot, lambda: "1 text" in title(pilot, "#written"))
        assert "Document headers" in card(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "2 texts" in title(pilot, "#written"))
        assert not pilot.app.screen.query_one(Input).display
        await pilot.press("g", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
        await until(pilot, lambda: title(pilot, "#card") == "T052.ZTERM")


async def test_runs_are_found_by_what_they_drafted(reviewed: Workspace) -> None:
    draft_again(reviewed)
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_history(pilot, 2)
        await pilot.press("slash", *"t052.zterm")
        await until(pilot, lambda: "1 run" in title(pilot, "#runs"))
        assert lines(pilot, "#runs")[0].split()[0] == "1"
        await pilot.press("enter", "escape")
        await until(pilot, lambda: "2 runs" in title(pilot, "#runs"))


async def test_more_runs_than_a_page_are_read_as_they_are_scrolled_to(reviewed: Workspace) -> None:
    plan = draft_of(reviewed, ["T052"]).plan
    for _ in range(230):
        run = reviewed.store.start_run(plan, "demo.db (sqlite)", START)
        reviewed.store.record(run, RunEnded(RunState.STOPPED, START + 1))
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_history(pilot, 231)
        await pilot.press("end")
        await until(pilot, lambda: "finished" in lines(pilot, "#runs")[-1])
        assert lines(pilot, "#runs")[-1].split()[0] == "1"
        await until(pilot, lambda: "run 1" in title(pilot, "#card"))
