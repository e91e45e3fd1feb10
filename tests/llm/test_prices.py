"""Prices from public tables: fetched over real HTTP, kept, refused where they make no sense."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.llm.model import LlmProblem, Rates
from amx_tui.llm.models import find_model
from amx_tui.llm.prices import (
    SOURCES,
    PriceSource,
    PriceTable,
    fetch_prices,
    load_prices,
    price_model,
    read_litellm,
    read_openrouter,
    save_prices,
)
from amx_tui.llm.rates import rates_for
from tests.llm.setups import setup_for
from tests.provider import Reply, ScriptedProvider, html, raw, status

NOW = 1_790_000_000.0
LITELLM = {
    "sample_spec": {"litellm_provider": "one of the providers", "input_cost_per_token": 0},
    "moonshot/kimi-k3": {
        "litellm_provider": "moonshot",
        "mode": "chat",
        "input_cost_per_token": 4e-06,
        "output_cost_per_token": 2e-05,
        "cache_read_input_token_cost": 4e-07,
    },
    "openrouter/moonshotai/kimi-k2-thinking": {
        "litellm_provider": "openrouter",
        "mode": "chat",
        "input_cost_per_token": 9e-06,
        "output_cost_per_token": 9e-06,
    },
    "azure/kimi-k3": {"litellm_provider": "azure", "input_cost_per_token": 1},
}
OPENROUTER = {
    "data": [
        {
            "id": "moonshotai/kimi-k2-thinking",
            "pricing": {
                "prompt": "0.0000007",
                "completion": "0.000003",
                "input_cache_read": "0.0000001",
            },
        }
    ]
}


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        running.pages["/litellm.json"] = page(LITELLM)
        running.pages["/models"] = page(OPENROUTER)
        yield running


def page(value: object) -> Reply:
    return raw(json.dumps(value).encode(), content_type="application/json")


def sources_at(server: ScriptedProvider) -> tuple[PriceSource, ...]:
    litellm, openrouter = SOURCES
    return (
        replace(litellm, url=f"{server.base_url}/litellm.json"),
        replace(openrouter, url=f"{server.base_url}/models"),
    )


async def fetch(server: ScriptedProvider, before: PriceTable | None = None) -> PriceTable:
    fetched = await fetch_prices(sources_at(server), before or PriceTable(), clock=lambda: NOW)
    assert fetched.problems == ()
    return fetched.table


async def test_both_tables_are_fetched_and_no_key_is_sent(server: ScriptedProvider) -> None:
    table = await fetch(server)
    assert table.find("kimi", "kimi-k3") == Rates(4, 20, 0.4, "LiteLLM's table", NOW)
    # OpenRouter knows its own prices better than a table of somebody else.
    assert table.find("openrouter", "moonshotai/kimi-k2-thinking") == Rates(
        0.7, 3, 0.1, "OpenRouter's list", NOW
    )
    assert table.find("kimi", "kimi-k2-thinking") is None
    assert table.fetched_at == NOW
    assert all("authorization" not in request.headers for request in server.requests)
    assert [request.method for request in server.requests] == ["GET", "GET"]


async def test_a_profiles_own_rates_win_then_fetched_then_bundled_ones(
    server: ScriptedProvider,
) -> None:
    table = await fetch(server)
    own = setup_for(
        model="kimi-k3", custom_input_cost_per_mtok=1.0, custom_output_cost_per_mtok=2.0
    )
    model = price_model(own.model, table)
    rates = rates_for(own.profile, model)
    assert rates is not None and (rates.input, rates.source) == (1.0, "profile kimi-thinking")
    plain = setup_for(model="kimi-k3").profile
    rates = rates_for(plain, model)
    assert rates is not None and (rates.input, rates.fetched_at) == (4, NOW)
    bundled = rates_for(plain, price_model(find_model("kimi", "kimi-k2.6"), table))
    assert bundled is not None and bundled.fetched_at is None
    assert rates_for(plain, price_model(find_model("local", "anything"), table)) is None


@pytest.mark.parametrize(
    "reply", [status(503, "busy"), html(), raw(b"{"), page([]), page({}), raw(b'{"x": NaN}')]
)
async def test_what_cannot_be_fetched_stays_as_it_was(
    server: ScriptedProvider, reply: Reply
) -> None:
    before = await fetch(server)
    server.pages["/litellm.json"] = reply
    fetched = await fetch_prices(sources_at(server), before, clock=lambda: NOW + 60)
    (problem,) = fetched.problems
    assert "LiteLLM" in problem.what and "press f" in problem.remedy
    old = fetched.table.find("kimi", "kimi-k3")
    new = fetched.table.find("openrouter", "moonshotai/kimi-k2-thinking")
    assert old is not None and old.fetched_at == NOW
    assert new is not None and new.fetched_at == NOW + 60


async def test_without_a_network_everything_stays_and_it_is_said() -> None:
    nowhere = tuple(replace(source, url="http://127.0.0.1:9/x") for source in SOURCES)
    before = PriceTable({"litellm": {("kimi", "kimi-k3"): Rates(1, 2)}})
    fetched = await fetch_prices(nowhere, before)
    assert len(fetched.problems) == 2
    assert fetched.table == before


@pytest.mark.parametrize(
    ("input", "output"),
    [
        (-1e-06, 1e-06),
        (float("nan"), 1e-06),
        (float("inf"), 1e-06),
        ("NaN", "1e-06"),
        (1e-06, None),
        (1e-06, True),
        (1e-06, 5.0),
        (0, 0),
        ("-1", "-1"),
        ([], {}),
    ],
)
def test_what_is_no_price_is_unknown(input: object, output: object) -> None:
    row = {
        "litellm_provider": "moonshot",
        "input_cost_per_token": input,
        "output_cost_per_token": output,
    }
    assert read_litellm({"moonshot/x": row}, "L") == {}
    listed = {"id": "x/y", "pricing": {"prompt": input, "completion": output}}
    assert read_openrouter({"data": [listed]}, "O") == {}


def test_nothing_to_pay_is_a_price_only_where_the_model_is_free() -> None:
    rows = [{"id": id, "pricing": {"prompt": "0", "completion": "0"}} for id in ("a/b", "a/b:free")]
    assert list(read_openrouter({"data": rows}, "O")) == [("openrouter", "a/b:free")]


numbers = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6)


@given(
    st.dictionaries(
        st.text(max_size=20),
        st.fixed_dictionaries(
            {"litellm_provider": st.sampled_from(["moonshot", "openai", "x"])},
            optional={
                "mode": st.sampled_from(["chat", "image", 3, None]),
                "input_cost_per_token": numbers,
                "output_cost_per_token": numbers,
                "cache_read_input_token_cost": numbers,
            },
        )
        | numbers,
    )
)
def test_whatever_a_table_holds_a_price_is_a_plausible_one(value: dict[str, object]) -> None:
    for rates in read_litellm(value, "L").values():
        assert 0 <= rates.input <= 10_000 and 0 <= rates.output <= 10_000
        assert rates.input or rates.output or rates.cached is None
        assert rates.cached is None or 0 < rates.cached <= rates.input


async def test_what_was_fetched_is_there_at_the_next_start(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    table = await fetch(server)
    file = tmp_path / "cache" / "prices.json"
    save_prices(file, table)
    assert load_prices(file) == table
    assert [left.name for left in file.parent.iterdir()] == ["prices.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "sources": {}}',
        '{"version": 1, "sources": {"litellm": [["kimi", "kimi-k3", -1, 2, null, "x", 1]]}}',
        '{"version": 1, "sources": {"litellm": [["kimi", "kimi-k3", NaN, 2, null, "x", 1]]}}',
        '{"version": 1, "sources": {"litellm": [["kimi"]]}}',
        '{"version": 1, "sources": 3}',
    ],
)
def test_a_broken_file_of_prices_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "prices.json"
    file.write_text(text)
    assert load_prices(file) == PriceTable()


def test_a_cache_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(LlmProblem, match="cannot be kept"):
        save_prices(tmp_path / "cache" / "prices.json", PriceTable())
