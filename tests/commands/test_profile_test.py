"""What the test of a profile tells, asked of a real server on loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from amx_tui.commands import profile_test
from amx_tui.commands.model import Check, NotReady, State
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Config, Key, Profile
from amx_tui.demo.workspace import PROFILE, demo_workspace
from amx_tui.llm import providers, services
from tests.provider import Hold, Reply, ScriptedProvider, error, html, status, stream, usage_of

SECRET = "sk-canary-0123456789abcdef"
KEY = Key(SECRET, "the keyring")


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=49.58) as running:
        yield running


@pytest.fixture
def own_hosts(server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server stands where Moonshot's first host does; the second one is never asked here."""
    bases = (server.base_url, "https://other.invalid/v1")
    row = replace(providers.PROVIDERS["kimi"], bases=bases)
    monkeypatch.setattr(providers, "PROVIDERS", {**providers.PROVIDERS, "kimi": row})


@pytest.fixture
def workspace() -> Workspace:
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.read_config = lambda: Config(workspace.folders.config_file)  # nothing is saved
    return workspace


def profile_at(base: str, model: str = "kimi-k2.6", provider: str = "kimi") -> Profile:
    return Profile("mine", provider, model, base)


async def run(
    workspace: Workspace, profile: Profile, key: Key | None = KEY
) -> tuple[dict[str, Check], list[Check]]:
    """How each check ended, and everything that was told on the way."""
    told = []
    async with aclosing(profile_test.test_profile(workspace, profile, key)) as checks:
        async for check in checks:
            told.append(check)
    ended = {check.what: check for check in told}
    assert all(check.state is not State.RUNNING for check in ended.values())
    assert not any(SECRET in repr(check) for check in told)
    return ended, told


async def test_a_profile_that_works_is_told_with_its_key_balance_and_a_short_answer(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.script(stream(reasoning="Easy.", content="ready", usage=usage_of(20, 30, 0, 25)))
    ended, told = await run(workspace, profile_at(server.base_url))
    assert [check.what for check in told[:4]] == ["host", "key", "model", "balance"]
    assert {check.state for check in told[:4]} == {State.RUNNING}
    assert {check.state for check in ended.values()} == {State.OK}
    host = f"127.0.0.1:{server.port}"
    assert ended["host"].result == f"{host} answers"
    assert ended["key"].result == f"sk-…cdef from the keyring: accepted by {host}"
    assert "kimi-k2.6: listed" in ended["model"].result and "262 144" in ended["model"].result
    assert ended["balance"].result == "¥ 49.58"
    answer = ended["answer"]
    assert answer.result.startswith("“ready” in ") and answer.seconds is not None
    assert "50 tokens · $ 0.0001" in answer.result
    # As a draft would ask: the floor of a thinking model, and no temperature where it is pinned.
    (call,) = server.calls
    assert call.body["max_tokens"] == 32_768 and "temperature" not in call.body
    assert len(str(call.body["messages"])) < 200


async def test_a_rejected_key_names_the_other_host_and_asks_for_nothing_more(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    refusal = error(401, f"Incorrect API key {SECRET}", "incorrect_api_key_error")
    server.pages = {"/models": refusal, "/balance": refusal}
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["host"].state is State.OK
    key = ended["key"]
    assert key.state is State.FAILED and "refused the API key sk-…cdef" in key.result
    assert "https://other.invalid/v1" in key.remedy and "not interchangeable" in key.why
    assert {ended[what].state for what in ("model", "balance", "answer")} == {State.SKIPPED}
    assert not server.calls


async def test_a_retired_model_is_told_with_the_successor_that_the_key_has(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.script(error(404, "Not found the model kimi-k2-thinking", "resource_not_found_error"))
    ended, told = await run(workspace, profile_at(server.base_url, "kimi-k2-thinking"))
    listed = next(check for check in told if check.what == "model" and check.state is State.FAILED)
    assert "does not list kimi-k2-thinking (retired 2026-05-25; kimi-k2.6 follows" in listed.result
    assert "it lists kimi-k2.6" in listed.result
    model = ended["model"]
    assert model.state is State.FAILED and "retired kimi-k2-thinking on 2026-05-25" in model.result
    assert "choose kimi-k2.6" in model.remedy and "moonshotai/kimi-k2-thinking" in model.remedy
    assert "This key has kimi-k2.6, kimi-k3" in model.remedy
    assert ended["answer"].state is State.FAILED and ended["key"].state is State.OK


async def test_a_retired_model_that_still_answers_is_a_warning(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.script(stream(content="ready"))
    ended, _ = await run(workspace, profile_at(server.base_url, "kimi-k2-thinking"))
    assert ended["model"].state is State.WARNING
    assert "kimi-k2-thinking answers, though it was retired" in ended["model"].result
    assert "kimi-k2.6" in ended["model"].remedy
    assert ended["answer"].state is State.OK


async def test_a_spent_account_is_told_before_and_with_the_answer(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.balance = -1.2
    server.script(error(429, "Your account is suspended", "exceeded_current_quota_error"))
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["balance"].state is State.FAILED and "¥ -1.20" in ended["balance"].result
    assert "Recharge it" in ended["balance"].remedy
    answer = ended["answer"]
    assert answer.state is State.FAILED and "no balance or quota left" in answer.result
    assert "Your account is suspended" in answer.why
    assert len(server.calls) == 1  # asking again would not help


async def test_a_host_that_tells_no_balance_is_no_failure(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.balance = None
    server.script(stream(content="ready"))
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["balance"].state is State.SKIPPED
    assert ended["answer"].state is State.OK


async def test_a_silent_host_is_given_up(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LONGEST_QUESTION", 0.2)
    server.pages = {"/models": Reply((Hold(),))}
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["host"].state is State.FAILED and "said nothing for 0.2 s" in ended["host"].result
    assert {ended[what].state for what in ("key", "model", "balance", "answer")} == {State.SKIPPED}


async def test_a_silent_answer_is_given_up_after_the_profiles_own_limit(
    server: ScriptedProvider, own_hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_TIMEOUT_SEC", "0.2")
    server.script(Reply((Hold(),)))
    patient = real_workspace(os.environ, find_folders(os.environ))
    ended, _ = await run(patient, profile_at(server.base_url))
    assert ended["key"].state is State.OK
    answer = ended["answer"]
    assert answer.state is State.FAILED and "said nothing for 0.2 s" in answer.result
    assert "AMX_LLM_TIMEOUT_SEC" in answer.remedy


async def test_a_refused_connection_is_told_once(own_hosts: None, workspace: Workspace) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    ended, _ = await run(workspace, profile_at(base))
    host = ended["host"]
    assert host.state is State.FAILED and "connection refused" in host.result
    assert "Nothing listens there" in host.why and base in host.remedy
    assert {ended[what].state for what in ("key", "model", "balance", "answer")} == {State.SKIPPED}


async def test_a_web_page_in_place_of_a_list_points_at_the_base(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.pages = {"/models": html()}
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["host"].state is State.FAILED and "web page" in ended["host"].result


async def test_a_server_without_a_list_or_a_key_is_proven_by_its_answer(
    server: ScriptedProvider, workspace: Workspace
) -> None:
    server.pages = {"/models": status(404, "Not Found")}
    server.script(stream(content="ready"))
    ended, _ = await run(workspace, profile_at(server.base_url, "my-model", "local"), None)
    assert ended["key"].state is State.OK and "none is sent" in ended["key"].result
    assert ended["model"].state is State.OK and ended["model"].result == "my-model answers"
    assert ended["answer"].state is State.OK and "unknown cost" in ended["answer"].result


@pytest.mark.parametrize("is_key", [True, False])
async def test_a_list_that_is_open_to_everybody_proves_no_key(
    is_key: bool, server: ScriptedProvider, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = replace(providers.PROVIDERS["openrouter"], bases=(server.base_url,))
    monkeypatch.setattr(providers, "PROVIDERS", {**providers.PROVIDERS, "openrouter": row})
    server.models = ["moonshotai/kimi-k2.6"]
    server.pages = {"/credits": status(403, "Only management keys can do that")}
    refusal = error(401, "User not found.")
    server.script(stream(content="ready") if is_key else refusal)
    profile = profile_at(server.base_url, "moonshotai/kimi-k2.6", "openrouter")
    ended, told = await run(workspace, profile)
    before = [check for check in told if check.what == "key"][1]
    assert before.state is State.SKIPPED and "not tried" in before.result
    assert ended["key"].state is (State.OK if is_key else State.FAILED)


async def test_a_rate_limit_is_told_while_it_is_waited_out(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    limit = error(
        429, "Try again after 0.01 s", "rate_limit_reached_error", {"Retry-After": "0.01"}
    )
    server.script(limit, stream(content="ready"))
    ended, told = await run(workspace, profile_at(server.base_url))
    assert any("limits how much" in check.result and "again in" in check.result for check in told)
    assert ended["answer"].state is State.OK


async def test_a_rate_limit_of_an_hour_is_told_and_not_waited_out(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.script(error(429, "limit", "rate_limit_reached_error", {"Retry-After": "3600"}))
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert ended["answer"].state is State.FAILED
    assert "limits how much" in ended["answer"].result
    assert "asks to wait 1 h 0 min" in ended["answer"].result
    assert len(server.calls) == 1


async def test_a_parameter_that_is_refused_is_told_with_the_answer(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    server.script(error(400, "unknown parameter: reasoning"), stream(content="ready"))
    ended, _ = await run(workspace, profile_at(server.base_url))
    assert "without reasoning" in ended["answer"].result


async def test_no_key_and_no_model_are_told_without_a_call(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    for profile, key in ((profile_at(server.base_url), None), (profile_at("x", ""), KEY)):
        ended, told = await run(workspace, profile, key)
        assert list(ended) == ["profile"] and len(told) == 1
        assert told[0].state is State.FAILED and told[0].remedy
    assert not server.requests


async def test_nothing_is_asked_offline(
    server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    workspace.offline = True
    with pytest.raises(NotReady, match="not tested"):
        await run(workspace, profile_at(server.base_url))
    assert not server.requests


@pytest.mark.parametrize("upto", ["key", "answer"])
async def test_leaving_it_closes_every_connection_and_leaves_no_task(
    upto: str, server: ScriptedProvider, own_hosts: None, workspace: Workspace
) -> None:
    if upto == "key":
        server.pages = {"/models": Reply((Hold(),)), "/balance": Reply((Hold(),))}
    server.script(Reply((Hold(),)))
    before = asyncio.all_tasks()
    wanted = 2 if upto == "key" else 3

    task = asyncio.create_task(run(workspace, profile_at(server.base_url)))
    await asyncio.to_thread(server.wait_until, lambda: len(server.requests) >= wanted)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.to_thread(server.wait_until, lambda: server.open_connections == 0)
    assert asyncio.all_tasks() == before


async def test_the_demos_profile_passes_its_own_test() -> None:
    workspace = demo_workspace(os.environ, speed=1000)
    ended, _ = await run(workspace, PROFILE, workspace.find_key(PROFILE))
    assert {check.state for check in ended.values()} <= {State.OK, State.WARNING}
    assert ended["answer"].state is State.OK
