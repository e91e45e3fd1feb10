"""Which model drafts what: the choice that Draft offers before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.app import AmxApp
from amx_tui.config.model import Profile
from amx_tui.screens.draft import DraftScreen
from amx_tui.screens.offers import OffersDialog
from tests.provider import ScriptedProvider, stream
from tests.screens.test_account import facts, open_draft, run_to_its_end, workspace_at
from tests.snapshot.conftest import until


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"]) as running:
        yield running


async def test_the_other_profiles_are_offered_with_cost_and_time_and_one_is_chosen_there(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(server.base_url, tmp_path)
    config = workspace.read_config()
    dear = Profile("dear", "kimi", "kimi-k3", server.base_url)
    broken = Profile("broken", "no-such-provider", "m")
    profiles = {**config.profiles, "dear": dear, "broken": broken}
    workspace.read_config = lambda: replace(config, profiles=profiles)
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "or with dear $" in facts(pilot))
        assert "broken" not in facts(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, OffersDialog))
        await pilot.press("up", "enter")  # they stand by name
        await until(pilot, lambda: "dear · kimi-k3" in facts(pilot))
        await until(pilot, lambda: "or with mine $" in facts(pilot))
    assert not server.calls


async def test_what_came_out_low_is_a_scope_of_its_own(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    lines = [
        {"table": "T", "alternatives": [{"text": "A table.", "confidence": "high"}]},
        {"column": "BUKRS", "alternatives": [{"text": "A code.", "confidence": "high"}]},
        {"column": "WAERS", "alternatives": [{"text": "Unclear.", "confidence": "low"}]},
    ]
    server.script(stream(content="\n".join(map(json.dumps, lines))))
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await pilot.press("l")
        assert "what came out low" not in facts(pilot)  # nothing was drafted yet
        await run_to_its_end(pilot)
        await app.push_screen(DraftScreen(frozenset(app.session.rows)))
        await until(pilot, lambda: "2 columns and 1 table itself" in facts(pilot))
        await pilot.press("l")
        await until(pilot, lambda: "1 column, in 1 table · what came out low" in facts(pilot))
        await run_to_its_end(pilot)
    assert '{"column":"WAERS"' in server.calls[-1].body["messages"][-1]["content"]
    assert '{"column":"BUKRS"' not in server.calls[-1].body["messages"][-1]["content"]
