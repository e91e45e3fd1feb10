"""A spending cap as a person sets it, against a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from amx_tui.app import AmxApp
from amx_tui.base.problem import Problem
from amx_tui.drafting.model import RunState
from tests.provider import Reply, ScriptedProvider, stream, usage_of
from tests.screens.test_account import facts, open_draft, run_to_its_end, workspace_at
from tests.snapshot.conftest import session_of, until


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"]) as running:
        yield running


def think_only(body: Mapping[str, Any]) -> Reply:
    return stream(reasoning="Hm.", finish="length", usage=usage_of(300, body["max_tokens"]))


async def test_the_legs_of_a_run_share_one_cap(server: ScriptedProvider, tmp_path: Path) -> None:
    server.answer = think_only
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("c", *"0.03", "enter")
        await until(pilot, lambda: "stops before $ 0.03" in facts(pilot))
        await run_to_its_end(pilot)
        for _ in range(2):
            board = session_of(pilot).board
            assert board is not None and board.state is RunState.CAPPED
            await session_of(pilot).runner.retry()
            await until(pilot, lambda: not session_of(pilot).is_running)
        assert server.calls
        (run,) = app.session.workspace.store.runs()
        assert run.usd is not None and 0.01 < run.usd <= 0.03
        leg = app.session.workspace.store.last_leg(run.id)
        assert leg is not None and (leg.spent_usd, leg.cap_usd) == (run.usd, 0.03)


async def test_a_run_that_goes_on_keeps_its_cap_and_says_what_is_spent(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    from amx_tui.screens.draft import DraftScreen

    server.answer = think_only
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("c", *"0.03", "enter")
        await until(pilot, lambda: "stops before $ 0.03" in facts(pilot))
        await run_to_its_end(pilot)
        (run,) = app.session.workspace.store.runs()
        missing = await app.session.unfinished.missing_of(run.id)
        await app.push_screen(DraftScreen(frozenset(missing), run=run.id))
        await until(pilot, lambda: "of it spent" in facts(pilot))
        assert "stops before $ 0.03, $ 0.0" in facts(pilot)


async def test_without_a_price_no_run_starts_under_a_cap(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path, model="of-no-known-price"))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("c", *"0.5", "enter")
        await until(pilot, lambda: "no price is known, so a cap cannot hold" in facts(pilot))
        assert "stops before" not in facts(pilot)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert type(app.screen).__name__ == "DraftScreen"
        plan = app.screen._draft  # type: ignore[attr-defined]
        with pytest.raises(Problem, match="cap cannot hold"):
            await app.session.runner.start(plan)
        assert server.calls == []


@pytest.mark.parametrize("words", ["inf", "nan", "-inf", "1e999", "0", "-1", "much"])
async def test_what_is_no_amount_is_no_cap(
    server: ScriptedProvider, tmp_path: Path, words: str
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("c")
        await until(pilot, lambda: type(app.screen).__name__ == "Ask")
        await pilot.press(*(key if key != "-" else "minus" for key in words), "enter")
        await until(pilot, lambda: bool(str(app.screen.query_one("#wrong").render()).strip()))
        await pilot.press("escape")
        await until(pilot, lambda: "no cap" in facts(pilot))
