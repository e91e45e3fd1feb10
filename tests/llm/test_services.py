"""What a host tells of a key, over real HTTP: its models and what is left to spend."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.llm.model import CallFailed, FailureKind, Rates, Setup
from amx_tui.llm.providers import PROVIDERS, currency_at, provider
from amx_tui.llm.services import (
    list_models,
    model_from_listing,
    read_available,
    read_balance,
    read_listing,
)
from tests.llm.setups import SECRET, setup_for
from tests.provider import Reply, ScriptedProvider, error, html, raw, stall, status


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


def page(value: object) -> Reply:
    return raw(json.dumps(value).encode(), content_type="application/json")


def setup_at(server: ScriptedProvider, provider_id: str = "kimi", **options: Any) -> Setup:
    """The provider's own host, as far as anybody can see."""
    others = provider(provider_id).bases[1:]
    return setup_for(provider_id, bases=(server.base_url, *others), **options)


# Models. -----------------------------------------------------------------------------------------


async def test_the_models_of_a_key_are_listed_by_the_host_that_gets_the_prompt(
    server: ScriptedProvider,
) -> None:
    server.pages["/models"] = page(
        {
            "data": [
                {"id": "kimi-k2.6", "context_length": 262_144, "supports_reasoning": True},
                {"id": "kimi-next", "context_length": 524_288, "supports_reasoning": False},
            ]
        }
    )
    rows = await list_models(setup_at(server))
    assert [(row.id, row.context, row.reasons) for row in rows] == [
        ("kimi-k2.6", 262_144, True),
        ("kimi-next", 524_288, False),
    ]
    (asked,) = server.requests
    assert (asked.method, asked.path) == ("GET", "/v1/models")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"


async def test_openrouters_list_says_prices_parameters_and_the_longest_answer(
    server: ScriptedProvider,
) -> None:
    server.pages["/models"] = page(
        {
            "data": [
                {
                    "id": "moonshotai/kimi-k9",
                    "context_length": 300_000,
                    "pricing": {
                        "prompt": "0.0000006",
                        "completion": "0.0000025",
                        "input_cache_read": "0.00000015",
                    },
                    "supported_parameters": ["reasoning", "max_tokens", "logprobs"],
                    "top_provider": {"max_completion_tokens": 65_536},
                }
            ]
        }
    )
    setup = setup_at(server, "openrouter")
    (row,) = await list_models(setup)
    model = model_from_listing(row, setup.endpoint.provider)
    assert (model.context, model.max_output, model.reasons) == (300_000, 65_536, True)
    assert model.is_inferred and model.pins_temperature and model.has_logprobs
    assert model.rates == Rates(0.6, 2.5, 0.15, "OpenRouter's list")


def test_what_a_list_says_of_a_model_of_the_table_changes_nothing() -> None:
    (row,) = read_listing([{"id": "kimi-k2.6", "context_length": 8, "supports_reasoning": False}])
    model = model_from_listing(row, provider("kimi"))
    assert model.context == 262_144 and model.reasons and not model.is_inferred


def test_a_model_that_nobody_knows_has_the_context_that_its_host_lists() -> None:
    (row,) = read_listing(
        [{"id": "our-model", "context_length": 12_288, "supports_reasoning": True}]
    )
    model = model_from_listing(row, provider("local"))
    assert (model.context, model.reasons, model.is_inferred) == (12_288, True, True)
    assert model.rates is None


def test_a_list_with_nothing_but_ids_keeps_what_a_name_gives_away() -> None:
    (row,) = read_listing([{"id": "deepseek-reasoner"}])
    assert model_from_listing(row, provider("deepseek")).reasons


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
fields = st.sampled_from(
    (
        "id",
        "context_length",
        "supports_reasoning",
        "pricing",
        "supported_parameters",
        "top_provider",
    )
)


@given(st.lists(json_values | st.dictionaries(fields, json_values)))
def test_whatever_a_list_holds_what_is_read_makes_sense(rows: list[object]) -> None:
    for row in read_listing(rows):
        assert row.id.strip() and row.id.isprintable()
        assert row.context is None or 0 < row.context <= 100_000_000
        assert row.rates is None or (row.rates.input >= 0 and row.rates.output >= 0)
        model_from_listing(row, provider("openrouter"))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(401, "Invalid Authentication", "invalid_authentication_error"), "KEY_REJECTED"),
        (error(429, "too many requests", "rate_limit_reached_error"), "RATE_LIMITED"),
        (error(500, "oops", "server_error"), "SERVER_ERROR"),
        (status(302, "", {"Location": "https://elsewhere.example/models"}), "REDIRECTED"),
        (html(), "MALFORMED"),
        (raw(b"[1, 2"), "MALFORMED"),
        (raw(b'{"data": {"id": "x"}}'), "MALFORMED"),
        (raw(b"[" * 100_000), "MALFORMED"),
    ],
    ids=["401", "429", "500", "302", "page", "half", "shape", "deep"],
)
async def test_what_goes_wrong_is_a_row_of_the_failure_table(
    server: ScriptedProvider, reply: Reply, kind: str
) -> None:
    server.pages["/models"] = reply
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_at(server))
    assert failed.value.failure.kind is FailureKind[kind]
    assert SECRET not in str(failed.value)
    assert len(server.requests) == 1


async def test_a_host_that_is_not_there_is_told() -> None:
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_for(base="http://127.0.0.1:9/v1"))
    assert failed.value.failure.kind is FailureKind.UNREACHABLE


async def test_a_silent_host_holds_nobody_up(
    server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.pages["/models"] = stall()
    monkeypatch.setattr("amx_tui.llm.services.LONGEST_QUESTION", 0.05)
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_at(server))
    assert failed.value.failure.kind is FailureKind.SILENCE


async def test_an_endless_list_is_not_read_to_its_end(server: ScriptedProvider) -> None:
    server.pages["/models"] = raw(b" " * 9_000_000, chunk_size=1_000_000)
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_at(server))
    assert failed.value.failure.kind is FailureKind.MALFORMED


async def test_a_key_that_cannot_be_a_header_is_not_sent(server: ScriptedProvider) -> None:
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_at(server, key="sk-über\nX-Evil: 1"))
    assert failed.value.failure.kind is FailureKind.KEY_REJECTED
    assert server.requests == []


async def test_over_an_open_client_the_ids_alone_are_told_and_no_failure(
    server: ScriptedProvider,
) -> None:
    import httpx

    async with httpx.AsyncClient(follow_redirects=True) as http:
        assert await read_available(http, setup_at(server)) == ("kimi-k2.6", "kimi-k3")
        server.pages["/models"] = status(302, "", {"Location": f"{server.base_url}/elsewhere"})
        assert await read_available(http, setup_at(server)) == ()
    assert [request.path for request in server.requests] == ["/v1/models", "/v1/models"]


# Balance. ----------------------------------------------------------------------------------------


async def test_moonshots_balance_is_read(server: ScriptedProvider) -> None:
    server.balance = 49.58
    balance = await read_balance(setup_at(server))
    assert balance is not None
    assert (balance.available, balance.currency) == (49.58, "¥")
    assert server.requests[0].path == "/v1/users/me/balance"


def test_the_currency_is_that_of_the_host() -> None:
    kimi, router = PROVIDERS["kimi"], PROVIDERS["openrouter"]
    assert [currency_at(kimi, base) for base in kimi.bases] == ["¥", "$"]
    assert currency_at(router, router.bases[0]) == "$"
    assert currency_at(kimi, "https://gateway.example/v1") == ""


async def test_openrouters_credits_less_what_was_used_are_the_balance(
    server: ScriptedProvider,
) -> None:
    server.pages["/credits"] = page({"data": {"total_credits": 20.5, "total_usage": "0.5"}})
    balance = await read_balance(setup_at(server, "openrouter"))
    assert balance is not None
    assert (balance.available, balance.currency) == (20.0, "$")


async def test_an_account_that_owes_is_said_to(server: ScriptedProvider) -> None:
    server.balance = -3.5
    balance = await read_balance(setup_at(server))
    assert balance is not None and balance.available == -3.5


@pytest.mark.parametrize("code", [403, 404, 405])
async def test_a_host_that_does_not_tell_is_no_failure(server: ScriptedProvider, code: int) -> None:
    server.pages["/balance"] = error(code, "no")
    assert await read_balance(setup_at(server)) is None


async def test_who_has_no_balance_is_not_asked(server: ScriptedProvider) -> None:
    assert await read_balance(setup_at(server, "local")) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": {"available_balance": NaN}}',
        b'{"data": {"available_balance": "Infinity"}}',
        b'{"data": {"available_balance": true}}',
        b'{"data": {}}',
        b'{"data": [1]}',
        b"7",
    ],
)
async def test_a_balance_that_is_no_amount_is_malformed(
    server: ScriptedProvider, body: bytes
) -> None:
    server.pages["/balance"] = raw(body)
    with pytest.raises(CallFailed) as failed:
        await read_balance(setup_at(server))
    assert failed.value.failure.kind is FailureKind.MALFORMED


def test_paths_belong_below_the_base() -> None:
    for row in PROVIDERS.values():
        assert row.models_path.startswith("/")
        assert not row.balance_path or row.balance_path.startswith("/")
        assert len(row.currencies) in (0, 1, len(row.bases))
    assert replace(PROVIDERS["kimi"]).balance_path == "/users/me/balance"
