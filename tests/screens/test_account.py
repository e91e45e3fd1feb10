"""Money, keys and hosts as a person meets them, against a real server on loopback."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.commands.opening import open_named
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Config, Key, Profile
from amx_tui.drafting.model import RunState
from amx_tui.llm import providers
from amx_tui.llm.prices import SOURCES
from amx_tui.screens.question import Question
from tests.provider import ScriptedProvider, draft, error, raw, stall
from tests.snapshot.conftest import session_of, settle, until

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=49.58) as running:
        yield running


@pytest.fixture
def other() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=7.0) as running:
        yield running


def workspace_at(
    base: str, folder: Path, *, model: str = "kimi-k2.6", provider: str = "kimi", **profile: Any
) -> Workspace:
    """A person's own database and one profile, whose requests go to `base`."""
    file = folder / "legacy.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (BUKRS TEXT, WAERS TEXT)")
    connection.close()
    workspace = real_workspace(os.environ, find_folders(os.environ))
    mine = Profile("mine", provider, model, base, **profile)
    workspace.read_config = lambda: Config(
        workspace.folders.config_file, profiles={"mine": mine}, active_profile="mine"
    )
    workspace.find_key = lambda profile: Key(KEY, "the keyring")
    workspace.connector = open_named(workspace, str(file))
    return workspace


@pytest.fixture
def own_hosts(
    server: ScriptedProvider, other: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two servers stand where Moonshot's two hosts do."""
    row = replace(providers.PROVIDERS["kimi"], bases=(server.base_url, other.base_url))
    monkeypatch.setattr(providers, "PROVIDERS", {**providers.PROVIDERS, "kimi": row})


def facts(pilot: Pilot[None]) -> str:
    return " ".join(str(pilot.app.screen.query_one("#facts").render()).split())


def told(pilot: Pilot[None]) -> str:
    return " ".join(str(pilot.app.screen.query_one("#phase").render()).split())


async def open_draft(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: session_of(pilot).is_whole)
    await pilot.press("m", "d")
    await until(pilot, lambda: bool(pilot.app.screen.query("#facts")))
    await until(pilot, lambda: "privacy" in facts(pilot))


async def run_to_its_end(pilot: Pilot[None]) -> None:
    await pilot.press("enter")
    await until(pilot, lambda: type(pilot.app.screen).__name__ == "DraftingScreen")
    await until(pilot, lambda: not session_of(pilot).is_running)
    await pilot.pause(0.3)


# Draft. ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_hosts")
async def test_draft_shows_the_balance_and_the_header_keeps_it(
    server: ScriptedProvider, other: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        assert app.whereabouts().balance == ""
        await open_draft(pilot)
        await until(pilot, lambda: "balance ¥ 49.58" in facts(pilot))
        assert "this key lists kimi-k2.6" in facts(pilot)
        await until(pilot, lambda: app.whereabouts().balance == "balance ¥ 49.58")
        # Asked once, however often the plan is made anew, and of that host alone.
        await pilot.press("v")
        await until(
            pilot, lambda: "word for word" in str(app.screen.query_one("#sent").border_title)
        )
        paths = sorted(request.path for request in server.requests)
        assert paths == ["/v1/models", "/v1/users/me/balance"]
        assert other.requests == []


async def test_nothing_is_asked_before_a_draft_is_set_up(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test() as pilot:
        await settle_real(pilot)
        for key in ("dollar_sign", "P", "H", "B"):
            await pilot.press(key)
            await pilot.pause()
        assert server.requests == []


async def settle_real(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: session_of(pilot).is_whole)
    await pilot.pause()


async def test_a_model_that_the_key_does_not_list_is_told_with_its_successor(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path, model="kimi-k2-thinking"))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        words = "this key does not list kimi-k2-thinking (retired 2026-05-25; kimi-k2.6 follows it)"
        await until(pilot, lambda: words in facts(pilot))
        assert "it lists kimi-k2.6, kimi-k3" in facts(pilot)
        # It warns and blocks nothing.
        await run_to_its_end(pilot)
        assert len(server.calls) == 1


async def test_draft_says_what_the_model_does_not_take(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(server.base_url, tmp_path, model="kimi-k3")
    workspace.environ = {"AMX_REASONING_EFFORT": "medium"}
    async with AmxApp(workspace).run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "effort low" in facts(pilot))
        assert "temperature left out" in facts(pilot)
        assert "effort medium becomes low" in facts(pilot)
        await run_to_its_end(pilot)
    [request] = server.calls
    assert request.body["reasoning_effort"] == "low" and "temperature" not in request.body


async def test_a_host_that_refuses_to_tell_does_not_keep_anybody_from_drafting(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    server.pages["/models"] = error(500, "oops", "server_error")
    server.pages["/balance"] = error(500, "oops", "server_error")
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "Kimi (Moonshot) failed (500)" in facts(pilot))
        await run_to_its_end(pilot)
        assert app.session.board is not None and app.session.board.drafted == 3


async def test_a_host_that_keeps_silent_does_not_hold_up_the_start(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    server.pages["/models"] = server.pages["/balance"] = stall()
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "for balance and models …" in facts(pilot))
        await run_to_its_end(pilot)
        assert app.session.board is not None and app.session.board.drafted == 3


async def test_the_context_of_an_unknown_model_is_the_one_that_its_host_lists(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    row = {"id": "our-model", "context_length": 9_000, "supports_reasoning": True}
    server.pages["/models"] = raw(json.dumps({"data": [row]}).encode())
    app = AmxApp(workspace_at(server.base_url, tmp_path, model="our-model", provider="local"))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "this key lists our-model" in facts(pilot))
        await run_to_its_end(pilot)
        draft = app.session.runner.draft
        assert draft is not None
        assert (draft.setup.model.context, draft.setup.model.reasons) == (9_000, True)


async def test_offline_nothing_leaves_the_machine_and_it_is_said(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(server.base_url, tmp_path)
    workspace.offline = True
    workspace.price_sources = prices_at(server)
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        assert "started with --offline" in facts(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "Nothing was sent" in notices(app))
        assert type(app.screen).__name__ == "DraftScreen" and not app.session.is_running
        await pilot.press("dollar_sign", "f")
        await until(pilot, lambda: "No prices were fetched" in notices(app))
    assert server.requests == []


def notices(app: AmxApp) -> str:
    return " ".join(f"{notice.title} {notice.message}" for notice in app._notifications)


@pytest.mark.usefixtures("own_hosts")
async def test_a_balance_is_forgotten_with_the_profile_that_it_belonged_to(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: bool(app.whereabouts().balance))
        app.profile_changed()
        assert app.whereabouts().balance == ""
        await pilot.press("v")  # the plan is made anew, and the host asked again
        await until(pilot, lambda: bool(app.whereabouts().balance))


# The other host, and a longer silence. -----------------------------------------------------------


@pytest.mark.usefixtures("own_hosts")
async def test_a_refused_key_goes_to_the_other_host_only_after_a_yes(
    server: ScriptedProvider, other: ScriptedProvider, tmp_path: Path
) -> None:
    server.answer = lambda body: error(
        401, "Invalid Authentication", "invalid_authentication_error"
    )
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        host = other.base_url.split("/")[2]
        await until(pilot, lambda: f"ask {host} with this key" in told(pilot))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert host in str(app.screen.query_one(".dialog").border_title)
        await pilot.press("n")
        await pilot.pause()
        assert other.requests == []
        await pilot.press("o", "y")
        await until(pilot, lambda: app.session.board is not None and app.session.board.drafted == 3)
        assert [call.path for call in other.calls] == ["/v1/chat/completions"]
        assert other.calls[0].headers["authorization"] == f"Bearer {KEY}"
        assert len(server.calls) == 1


async def test_behind_a_proxy_no_other_host_is_offered(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    server.answer = lambda body: error(401, "no", "invalid_authentication_error")
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "refused the API key" in told(pilot))
        assert app.session.runner.other_base is None
        await pilot.press("o")
        await pilot.pause()
        assert not isinstance(app.screen, Question)


@pytest.mark.usefixtures("own_hosts")
async def test_a_spent_quota_shows_the_balance_and_asks_for_nothing_again(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    server.balance = 0.0
    server.answer = lambda body: error(
        429, "Your account is suspended: insufficient balance", "exceeded_current_quota_error"
    )
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await until(pilot, lambda: "balance ¥ 0.00: recharge it first" in facts(pilot))
        server.balance = -0.2  # what the header says is older
        await run_to_its_end(pilot)
        await until(pilot, lambda: "its balance is ¥ -0.20" in told(pilot))
        assert len(server.calls) == 1
        assert app.session.board is not None and app.session.board.state is RunState.FAILED


async def test_after_a_silence_t_allows_twice_as_long_a_one(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(server.base_url, tmp_path)
    workspace.environ = {"AMX_LLM_TIMEOUT_SEC": "0.4"}
    server.script(stall())
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        await run_to_its_end(pilot)
        await until(pilot, lambda: "of silence" in told(pilot))
        server.answer = lambda body: draft(body, ttft=0.5)  # longer than the first limit
        await pilot.press("t")
        await until(pilot, lambda: app.session.board is not None and app.session.board.drafted == 3)
        assert app.session.runner.draft is not None
        assert app.session.runner.draft.setup.settings.timeout_seconds == 0.8
        assert "It may be silent for" in notices(app)


# Prices. -----------------------------------------------------------------------------------------


def prices_at(server: ScriptedProvider) -> tuple[Any, ...]:
    litellm, openrouter = SOURCES
    table = {
        "moonshot/kimi-k2.6": {
            "litellm_provider": "moonshot",
            "mode": "chat",
            "input_cost_per_token": 1.5e-06,
            "output_cost_per_token": 6e-06,
        }
    }
    server.pages["/litellm.json"] = raw(json.dumps(table).encode())
    server.pages["/openrouter"] = error(503, "busy")
    return (
        replace(litellm, url=f"{server.base_url}/litellm.json"),
        replace(openrouter, url=f"{server.base_url}/openrouter"),
    )


def price_rows(app: AmxApp) -> list[str]:
    from amx_tui.screens.prices import PricesScreen

    screen = app.screen
    assert isinstance(screen, PricesScreen)
    return [
        " ".join("".join(words for words, _ in screen._draw(index, 138)).split())
        for index in range(len(screen._lines))
    ]


async def test_f_fetches_prices_and_a_draft_reckons_with_them(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(server.base_url, tmp_path)
    workspace.price_sources = prices_at(server)
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle_real(pilot)
        await pilot.press("dollar_sign")
        await until(pilot, lambda: type(app.screen).__name__ == "PricesScreen")
        await until(pilot, lambda: bool(price_rows(app)))
        assert server.requests == []
        await pilot.press("f")
        row = "kimi-k2.6 256 K 1.50 6.00 LiteLLM's table, just now"
        await until(pilot, lambda: row in price_rows(app))
        # What failed is said, and what came with the program stands.
        assert "OpenRouter's list could not be fetched" in notices(app)
        assert any(words.startswith("kimi-k3 1 024 K 3.00 0.30 15.00") for words in price_rows(app))
        await pilot.press("B")
        await open_draft(pilot)
        assert "LiteLLM's table, just now" in facts(pilot)
    # At the next start they are still there.
    (tmp_path / "again").mkdir()
    later = workspace_at(server.base_url, tmp_path / "again")
    assert later.prices.find("kimi", "kimi-k2.6") is not None


async def test_a_profiles_own_rates_stand_first_and_win(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    workspace = workspace_at(
        server.base_url,
        tmp_path,
        custom_input_cost_per_mtok=7.0,
        custom_output_cost_per_mtok=9.0,
    )
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle_real(pilot)
        await pilot.press("dollar_sign")
        await until(pilot, lambda: type(app.screen).__name__ == "PricesScreen")
        await until(pilot, lambda: bool(price_rows(app)))
        assert price_rows(app)[0] == "kimi-k2.6 256 K 7.00 9.00 profile mine"


async def test_the_demo_fetches_no_prices_and_says_why(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("dollar_sign", "f")
        await until(pilot, lambda: "The demo never leaves this machine" in notices(app))


async def test_the_demo_shows_its_balance(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await pilot.press("m", "d")
        await until(pilot, lambda: bool(pilot.app.screen.query("#facts")))
        await until(pilot, lambda: "balance ¥ 49.58" in facts(pilot))


def test_offline_is_said_on_the_command_line(clean_environment: Path) -> None:
    from amx_tui.cli import _open_workspace, _parse

    assert _open_workspace(_parse(["--offline"])).is_offline
    assert not _open_workspace(_parse([])).is_offline
    # What stands in for the network may go on.
    demo = _open_workspace(_parse(["demo", "--offline"]))
    assert not demo.is_offline
    assert demo.connector is not None
    demo.connector.close()


async def test_two_silent_batches_do_not_double_the_limit_twice(workspace: Workspace) -> None:
    from amx_tui.commands.session import Session
    from tests.snapshot.conftest import draft_of

    session = Session(workspace)
    session.runner.draft = draft_of(workspace, ["BKPF"])
    assert session.runner.allow_longer_silence([1]) == 360.0
    session.runner._first_silence = 180.0
    assert session.runner.allow_longer_silence([2]) == 360.0
    assert session.runner.allow_longer_silence([2]) == 720.0


@pytest.mark.parametrize("key", ["dollar_sign", "P"])
async def test_prices_and_profiles_can_be_seen_before_a_database_is_open(
    clean_environment: Path, key: str
) -> None:
    app = AmxApp(real_workspace(os.environ, find_folders(os.environ)))
    async with app.run_test() as pilot:
        await pilot.press("escape", key)
        await until(pilot, lambda: type(app.screen).__name__ in ("PricesScreen", "ProfilesScreen"))
        await pilot.press("escape")
        await until(pilot, lambda: type(app.screen).__name__ == "StartScreen")
