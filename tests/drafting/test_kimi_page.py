"""What AMX's page on Kimi promises of requests, and its table of troubles, sentence by sentence: with the
variables as a person exports them, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest

from amx_tui.config.model import Key, Profile
from amx_tui.config.settings import read_settings
from amx_tui.drafting.engine import Run
from amx_tui.drafting.model import (
    Band,
    BatchFailed,
    BudgetRaised,
    RunEnded,
    RunEvent,
    Signal,
    SuggestionDrafted,
)
from amx_tui.llm.client import Client
from amx_tui.llm.model import Endpoint, Failure, FailureKind, Setup
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import provider as provider_row
from amx_tui.llm.rates import rates_for
from tests.drafting.parts import Memory, plan_of, table_of
from tests.provider import ScriptedProvider, draft, error, stream, usage_of

SECRET = "sk-0123456789abcdefWXYZ"
NOTHING_VISIBLE = stream(reasoning="Hm.", finish="length", usage=usage_of(100, 32_768))


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


def as_on_the_page(
    provider: ScriptedProvider, environ: Mapping[str, str], key: str = SECRET
) -> Setup:
    """The page's sample block."""
    profile = Profile("kimi-thinking", "kimi", "kimi-k2-thinking", provider.base_url)
    endpoint = Endpoint(provider_row("kimi"), provider.base_url, Key(key, "the keyring"))
    return Setup(profile, find_model("kimi", "kimi-k2-thinking"), endpoint, read_settings(environ))


@asynccontextmanager
async def running(setup: Setup) -> AsyncIterator[Run]:
    async def skip(_: float) -> None:
        pass

    client = Client(setup, concurrency=1, sleep=skip)
    plan = plan_of(table_of("BSEG", 2), setup=setup)
    try:
        yield Run(plan, client, Memory(), rates_for(setup.profile, setup.model))
    finally:
        await client.aclose()


async def draft_all(setup: Setup) -> list[RunEvent]:
    async with running(setup) as run:
        return [event async for event in run.events()]


def failure_in(events: list[RunEvent]) -> Failure:
    """How the run, or its batch, failed."""
    ended = events[-1]
    assert isinstance(ended, RunEnded)
    return ended.failure or next(e.failure for e in events if isinstance(e, BatchFailed))


async def test_reasoning_routes_get_the_floor_and_the_effort_and_no_logprobs(
    provider: ScriptedProvider,
) -> None:
    await draft_all(as_on_the_page(provider, {}))
    [request] = provider.calls
    assert request.body["max_tokens"] == 32_768
    assert request.body["reasoning"] == {"effort": "low"}
    assert request.body["temperature"] == 0.2
    assert not {"logprobs", "top_logprobs"} & request.body.keys()


async def test_the_effort_is_bumpable(provider: ScriptedProvider) -> None:
    await draft_all(as_on_the_page(provider, {"AMX_REASONING_EFFORT": "High"}))
    assert provider.calls[0].body["reasoning"] == {"effort": "high"}


async def test_confidence_is_declared_by_the_model(provider: ScriptedProvider) -> None:
    events = await draft_all(as_on_the_page(provider, {}))
    first = next(event for event in events if isinstance(event, SuggestionDrafted))
    declared = [one.confidence for one in first.suggestion.alternatives]
    assert {one.signal for one in declared} == {Signal.DECLARED}
    assert [one.band for one in declared] == [Band.HIGH, Band.MEDIUM, Band.LOW]


@pytest.mark.parametrize("key", [SECRET, "eyJhbGciOiJIUzI1NiJ9.abcdef"])
async def test_unauthorized_re_check_the_key_which_starts_with_sk(
    provider: ScriptedProvider, key: str
) -> None:
    provider.answer = lambda body: error(
        401, "Invalid Authentication", "invalid_authentication_error"
    )
    failure = failure_in(await draft_all(as_on_the_page(provider, {}, key)))
    assert failure.kind is FailureKind.KEY_REJECTED and failure.hits_all
    assert "from the keyring" in failure.what and "enter a key" in failure.remedy
    assert ("start with sk-" in failure.why) is not key.startswith("sk-")
    assert len(provider.calls) == 1


async def test_rate_limited_lower_the_batch_size_or_ask_for_a_higher_tier(
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda body: error(429, "slow down", "rate_limit_reached_error")
    failure = failure_in(await draft_all(as_on_the_page(provider, {})))
    assert failure.kind is FailureKind.RATE_LIMITED
    assert "column_batch_size (now 10)" in failure.remedy
    assert "higher tier at https://platform.moonshot" in failure.remedy


async def test_no_visible_characters_are_asked_for_with_four_times_the_floor(
    provider: ScriptedProvider,
) -> None:
    provider.script(NOTHING_VISIBLE, NOTHING_VISIBLE)
    events = await draft_all(as_on_the_page(provider, {}))
    assert [call.body["max_tokens"] for call in provider.calls] == [32_768, 131_072]
    assert any(isinstance(event, BudgetRaised) for event in events)
    assert "AMX_LLM_MIN_MAX_TOKENS above 131072" in failure_in(events).remedy


async def test_a_higher_floor_is_asked_for_from_the_first_request_on(
    provider: ScriptedProvider,
) -> None:
    provider.script(NOTHING_VISIBLE)
    await draft_all(as_on_the_page(provider, {"AMX_LLM_MIN_MAX_TOKENS": "65536"}))
    assert [call.body["max_tokens"] for call in provider.calls] == [65_536, 131_072]


async def test_a_very_slow_first_response_wants_a_longer_timeout(
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda body: draft(body, ttft=0.8)
    failure = failure_in(await draft_all(as_on_the_page(provider, {"AMX_LLM_TIMEOUT_SEC": "0.2"})))
    assert failure.kind is FailureKind.SILENCE
    assert "AMX_LLM_TIMEOUT_SEC (now 0.2)" in failure.remedy
    assert "Thinking models can be slow to begin" in failure.why
    events = await draft_all(as_on_the_page(provider, {"AMX_LLM_TIMEOUT_SEC": "20"}))
    assert sum(isinstance(event, SuggestionDrafted) for event in events) == 3
