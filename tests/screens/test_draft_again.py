"""Drafting again from Review, against a real server on loopback: the hint and what was said before go
along, and what a person decided stays. And what a reviewer says of what they rejected."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import State, Verdict
from amx_tui.screens.ask import Ask
from amx_tui.screens.draft import DraftScreen
from amx_tui.screens.help import HelpScreen
from amx_tui.screens.review import ReviewScreen
from amx_tui.screens.show import ShowDialog
from amx_tui.widgets.page import Page
from amx_tui.widgets.rows import RowList
from tests.provider import Reply, ScriptedProvider, asked_targets, stream
from tests.screens.test_account import facts, open_draft, run_to_its_end, workspace_at
from tests.snapshot.conftest import session_of, until


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"]) as running:
        running.answer = _said("first")
        yield running


@pytest.fixture
def drafted(server: ScriptedProvider, tmp_path: Path) -> Workspace:
    workspace = workspace_at(server.base_url, tmp_path)
    with sqlite3.connect(tmp_path / "legacy.db") as connection:
        connection.execute("CREATE TABLE U (MANDT TEXT)")
    connection.close()
    return workspace


def _said(word: str) -> Any:
    def answer(body: Mapping[str, Any]) -> Reply:
        lines = [
            {
                kind: name,
                "alternatives": [{"text": f"{word} {name}", "confidence": "low", "reason": ""}],
            }
            for kind, name in asked_targets(body)
        ]
        return stream(content="".join(json.dumps(line) + "\n" for line in lines))

    return answer


def evidence_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    lines = body["messages"][-1]["content"].split("\n")
    return [json.loads(line) for line in lines if line.startswith("{")]


async def open_review(pilot: Pilot[None]) -> ReviewScreen:
    await pilot.press("R")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReviewScreen))
    screen = pilot.app.screen
    assert isinstance(screen, ReviewScreen)
    # A key that comes before the list has nothing to decide on.
    await until(pilot, lambda: bool(screen.listing) and screen.card.target is not None)
    return screen


async def type_into_the_question(pilot: Pilot[None], *keys: str) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
    await pilot.press(*keys)


async def test_what_is_drafted_again_gets_the_hint_and_the_earlier_readings_and_decisions_stay(
    server: ScriptedProvider, drafted: Workspace
) -> None:
    app = AmxApp(drafted)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        session = session_of(pilot)
        review = await open_review(pilot)
        assert review.listing is not None
        decided = review.listing[0].target  # which of the batches came first does not matter
        await pilot.press("g", "1")
        await until(pilot, lambda: session.rows[decided].state is State.ACCEPTED)
        server.answer = _said("second")
        sent = len(server.calls)
        await pilot.press("g", *("m" for _ in session.rows), "d")
        await type_into_the_question(pilot, *"SAP", "enter")
        await until(pilot, lambda: isinstance(app.screen, DraftScreen))
        await until(pilot, lambda: "hint SAP" in facts(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await until(pilot, lambda: not session.is_running)
        asked = [evidence_of(call.body) for call in server.calls[sent:]]
        assert len(asked) == 2
        for lines in asked:
            assert {"hint": "SAP"} in lines
            earlier = [line["earlier"] for line in lines if "earlier" in line]
            assert earlier and all(said[0].startswith("first ") for said in earlier)
        for target, row in session.rows.items():
            name = target.column or target.table
            assert [one.text for one in row.suggestion.alternatives] == [f"second {name}"]
        # The card tells what went along this time.
        await pilot.press("g")
        await until(
            pilot, lambda: " did not satisfy" in pilot.app.screen.query_one("#card", Page).text
        )
        row = session.rows[decided]
        assert row.decision is not None and (row.decision.text or "").startswith("first ")
        # Also for whoever opens the store anew, and for who goes on with that run.
        again = drafted.store.row(session.connector.identity, decided)
        assert again == row and row.run is not None
        leg = drafted.store.last_leg(row.run)
        assert leg is not None and leg.hint == "SAP"


async def test_what_was_decided_and_drafted_again_can_be_listed_and_is_decided_one_after_another(
    server: ScriptedProvider, drafted: Workspace
) -> None:
    app = AmxApp(drafted)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        session = session_of(pilot)
        review = await open_review(pilot)
        assert review.listing is not None
        await pilot.press("g", "r")  # one is rejected, one accepted, the others are not decided
        first, second = [row.target for row in review.listing][:2]
        await until(pilot, lambda: session.rows[first].state is State.REJECTED)
        await until(pilot, lambda: review.card.target == second)
        await pilot.press("1")
        await until(pilot, lambda: session.rows[second].state is State.ACCEPTED)
        assert review.listing.redrafted == 0
        server.answer = _said("second")
        await pilot.press("g", *("m" for _ in session.rows), "d")
        await type_into_the_question(pilot, *"again", "enter")
        await until(pilot, lambda: isinstance(app.screen, DraftScreen))
        await until(pilot, lambda: "hint again" in facts(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await until(pilot, lambda: not session.is_running)
        assert {session.rows[t].state for t in (first, second)} == {State.REJECTED, State.ACCEPTED}

        await until(pilot, lambda: review.listing is not None and review.listing.redrafted == 2)
        rows = review.query_one("#suggestions", RowList)

        def signs() -> list[str]:
            return [rows.render_line(y).text[1:3] for y in range(2)]

        await until(pilot, lambda: signs() == ["✗↺", "✓↺"])
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        told = app.screen.query_one(RowList)
        told.go(next(y for y in range(told.count) if "↺" in str(told._draw(y, 100))))
        help_of = app.screen.query_one(".dialog")
        await until(pilot, lambda: "drafted again since" in str(help_of.border_subtitle))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is review)
        await pilot.press("f")
        await until(pilot, lambda: isinstance(app.screen, ShowDialog))
        show = app.screen
        assert isinstance(show, ShowDialog)
        choice = next(n for n, one in enumerate(show._choices) if one.value is True)
        assert show._choices[choice].words == "again since it was decided (↺)  2"
        await pilot.press("home", *("down" for _ in range(choice)), "enter", "escape")
        listing = review.listing
        assert listing is not None
        await until(pilot, lambda: [row.target for row in listing] == [first, second])
        await pilot.press("g", "1")
        await until(pilot, lambda: session.rows[first].state is State.ACCEPTED)
        await until(pilot, lambda: review.card.target == second)
        await pilot.press("r")
        await until(pilot, lambda: session.rows[second].state is State.REJECTED)
        await until(pilot, lambda: len(listing) == 0)


async def test_one_press_rejects_and_a_second_key_says_why_which_the_next_draft_is_offered(
    server: ScriptedProvider, drafted: Workspace
) -> None:
    app = AmxApp(drafted)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        session = session_of(pilot)
        review = await open_review(pilot)
        await pilot.press("g")
        assert review.listing is not None
        first, second = [row.target for row in review.listing][:2]
        await pilot.press("r")
        await until(pilot, lambda: session.rows[first].state is State.REJECTED)
        await until(pilot, lambda: review.card.target == second)
        await pilot.press("w")
        await type_into_the_question(pilot, *"no such firm", "enter")
        await until(pilot, lambda: _reason(pilot, first) == "no such firm")
        assert session.rows[second].decision is None
        await pilot.press("g", "d")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert app.screen.query_one("Input").value == "no such firm"  # type: ignore[attr-defined]
        await pilot.press("escape")
        await pilot.press("u")
        await until(pilot, lambda: _reason(pilot, first) is None)
        assert session.rows[first].state is State.REJECTED
        await pilot.press("u")
        await until(pilot, lambda: session.rows[first].state is State.TODO)


def _reason(pilot: Pilot[None], target: Target) -> str | None:
    decision = session_of(pilot).rows[target].decision
    assert decision is not None and decision.verdict is Verdict.REJECTED
    return decision.reason
