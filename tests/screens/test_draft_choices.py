"""Which model drafts what, as Draft offers it before anything is sent, and what Drafting tells of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amx_tui.app import AmxApp
from amx_tui.config.model import Profile
from amx_tui.drafting.model import Plan
from amx_tui.drafting.plan import make_plan
from amx_tui.screens.draft import DraftScreen
from amx_tui.screens.offers import OffersDialog
from amx_tui.widgets.stream_view import StreamView
from tests.provider import Reply, ScriptedProvider, draft, error, stream
from tests.screens.test_account import (
    KEY,
    facts,
    notices,
    open_draft,
    run_to_its_end,
    told,
    workspace_at,
)
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


async def test_one_profile_is_compared_with_nothing_and_its_rows_are_read_once(
    server: ScriptedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_at(server.base_url, tmp_path, model="kimi-k3")
    columns = ", ".join(f"C{number:02} TEXT" for number in range(30))
    with sqlite3.connect(tmp_path / "legacy.db") as connection:
        connection.execute(f"CREATE TABLE WIDE ({columns})")
    connection.close()
    plans = count_plans(monkeypatch)
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "advice draft with a quick model first" in facts(pilot))
        screen = app.screen
        assert isinstance(screen, DraftScreen)
        await until(pilot, lambda: bool(screen._offers))  # itself
        assert len(plans) == 1 and "or with" not in facts(pilot)
        await pilot.press("p")
        await until(pilot, lambda: "There is no other profile." in notices(app))
        assert not isinstance(app.screen, OffersDialog)


async def test_the_profiles_are_compared_by_what_the_plan_was_made_of(
    server: ScriptedProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = workspace_at(server.base_url, tmp_path)
    config = workspace.read_config()
    profiles = {**config.profiles, "dear": Profile("dear", "kimi", "kimi-k3", server.base_url)}
    workspace.read_config = lambda: replace(config, profiles=profiles)
    plans = count_plans(monkeypatch)
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "or with dear $" in facts(pilot))
        draft = app.screen._draft
    assert draft is not None and len(plans) == 2
    assert plans[0]["evidence"] is plans[1]["evidence"] is draft.material.evidence


def count_plans(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What every plan from here on is made of."""
    plans: list[dict[str, Any]] = []

    def make(catalog: Any, wanted: Any, evidence: Any, setup: Any, **options: Any) -> Plan:
        plans.append({"evidence": evidence, "setup": setup})
        return make_plan(catalog, wanted, evidence, setup, **options)

    monkeypatch.setattr("amx_tui.drafting.plan.make_plan", make)
    return plans


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
        assert "3 of them drafted before, still to be reviewed" in facts(pilot)
        await pilot.press("l")
        await until(pilot, lambda: "1 column, in 1 table · what came out low" in facts(pilot))
        await run_to_its_end(pilot)
    assert '{"column":"WAERS"' in server.calls[-1].body["messages"][-1]["content"]
    assert '{"column":"BUKRS"' not in server.calls[-1].body["messages"][-1]["content"]


async def test_the_request_can_be_read_with_its_headers_and_without_the_key(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await pilot.press("v", "v")
        text = app.screen.query_one("#text", StreamView).text
    sent = server.calls[0]
    assert f"POST {server.base_url}/chat/completions" in text
    assert "Authorization: Bearer (the key from the keyring)" in text
    assert KEY not in text and sent.headers["authorization"] == f"Bearer {KEY}"
    parameters = {name: value for name, value in sent.body.items() if name != "messages"}
    assert json.dumps(parameters, ensure_ascii=False) in text
    for message in sent.body["messages"]:
        assert message["content"] in text


async def test_the_end_tells_what_came_what_failed_what_it_cost_and_the_key_that_goes_on(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    refused = error(400, "The request was rejected as high risk", "content_filter")

    def answer(body: Mapping[str, Any]) -> Reply:
        return refused if '"column":"WAERS"' in body["messages"][-1]["content"] else draft(body)

    server.answer = answer
    app = AmxApp(workspace_at(server.base_url, tmp_path, column_batch_size=1))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "cost $" in told(pilot))
        for step in ("g", "down", "down"):  # whichever batch is followed, the failed one too
            await pilot.press(step, "enter")
            words = told(pilot)
            assert "2 drafted (2 high) R reviews them t tries the 1 missing again" in words
            assert "tokens" in words
            assert words.count("1 batch failed: ") == words.count("refused to read") == 1


async def test_the_end_tells_that_answers_had_no_room_and_where_they_get_more(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    server.answer = lambda _: stream(content='{"column": "BUKRS", "alter', finish="length")
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "cost $" in told(pilot))
        words = told(pilot)
    assert "3 missing: the answer was cut at its length limit" in words
    assert "P sets smaller batches" in words
    assert "no answer described them" not in words


async def test_the_size_says_how_many_batches_and_why_they_are_smaller(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    wordy = {"description_verbosity": "exhaustive", "n_alternatives": 5}
    app = AmxApp(workspace_at(server.base_url, tmp_path, model="moonshot-v1-8k", **wordy))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "2 batches of ≤ 10 columns" in facts(pilot))
        assert "±25% · some smaller, so that prompt and answer fit the model" in facts(pilot)
