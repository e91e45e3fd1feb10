"""Providers, models, rates and token estimates: what a person chooses by."""

from __future__ import annotations

import subprocess
import sys

import pytest

from amx_tui.base.problem import Problem
from amx_tui.config.model import Profile
from amx_tui.llm.model import Message, Rates, Usage
from amx_tui.llm.models import MODELS, find_model, models_of
from amx_tui.llm.providers import PROVIDERS, key_page_for, other_bases, provider
from amx_tui.llm.rates import cost, rates_for
from amx_tui.llm.tokens import estimate_prompt, estimate_tokens

PAGE = (
    "moonshot-v1-8k",
    "moonshot-v1-32k",
    "moonshot-v1-128k",
    "kimi-k2-thinking",
    "kimi-k2-instruct",
)


def test_an_unknown_provider_is_told_which_ones_exist() -> None:
    with pytest.raises(Problem) as problem:
        provider("kimmi\x1b[31m")
    assert "kimi, openrouter, openai, deepseek, ollama, local" in problem.value.why
    assert "\x1b" not in str(problem.value)
    assert provider(" Kimi ").id == "kimi"


def test_kimi_has_both_of_moonshots_hosts_and_no_key_variable_of_its_own() -> None:
    kimi = provider("kimi")
    assert kimi.bases == ("https://api.moonshot.cn/v1", "https://api.moonshot.ai/v1")
    assert kimi.key_variable is None
    assert other_bases(kimi, kimi.bases[0]) == (kimi.bases[1],)
    assert "moonshot.ai" in key_page_for(kimi, kimi.bases[1])
    assert "moonshot.cn" in key_page_for(kimi, "http://127.0.0.1:1/v1")


@pytest.mark.parametrize("id", PAGE)
def test_every_model_of_the_page_is_there_with_when_to_pick_it(id: str) -> None:
    model = MODELS["kimi", id]
    assert model.pick_when
    assert model.context
    # All of them have left Moonshot's API: what took their place exists, and is not retired itself.
    assert model.retired
    assert model.successor is not None
    assert MODELS["kimi", model.successor].retired is None


def test_every_row_names_a_provider_that_exists_and_a_source_for_its_rates() -> None:
    for model in MODELS.values():
        assert model.provider in PROVIDERS
        assert model.rates is None or model.rates.source
        if model.openrouter_id:
            assert ("openrouter", model.openrouter_id) in MODELS


def test_models_still_served_are_suggested_first() -> None:
    kimi = models_of("kimi")
    retired = [model.retired is not None for model in kimi]
    assert retired == sorted(retired)
    assert not retired[0]
    assert set(PAGE) <= {model.id for model in kimi}


@pytest.mark.parametrize(
    ("provider_id", "id", "reasons", "pinned"),
    [
        ("kimi", "kimi-k3.1-pro", True, True),
        ("kimi", "kimi-k2-thinking-2026", True, False),
        ("openrouter", "someone/some-model-thinking", True, False),
        ("openrouter", "moonshotai/kimi-k2-thinking:free", True, False),
        ("deepseek", "deepseek-reasoner", True, False),
        ("ollama", "deepseek-r1:8b", True, False),
        ("local", "kimi-k2.6", True, False),
        ("openai", "o4-mini", True, True),
        ("openai", "gpt-4o", False, False),
        ("local", "thinkpad-7b", False, False),
    ],
)
def test_a_model_without_a_row_is_inferred_from_its_name_and_marked(
    provider_id: str, id: str, reasons: bool, pinned: bool
) -> None:
    model = find_model(provider_id, id)
    assert (model.id, model.provider) == (id, provider_id)
    assert model.is_inferred
    assert model.reasons is reasons
    assert model.pins_temperature is pinned
    assert model.rates is None
    assert model.retired is None


def test_a_model_of_the_table_is_not_inferred() -> None:
    assert find_model("kimi", "kimi-k3") is MODELS["kimi", "kimi-k3"]
    assert find_model("Kimi", "kimi-k3") is MODELS["kimi", "kimi-k3"]


def test_cached_input_has_its_own_rate() -> None:
    usage = Usage(input=1_000_000, cached=400_000, output=100_000)
    assert cost(usage, Rates(0.60, 2.50, 0.15)) == pytest.approx(0.36 + 0.06 + 0.25)
    assert cost(usage, Rates(0.60, 2.50)) == pytest.approx(0.60 + 0.25)


def test_a_cost_that_is_not_known_is_not_nothing() -> None:
    assert cost(Usage(input=5), None) is None
    assert cost(Usage(input=5), Rates(0, 0)) == 0


def test_the_persons_own_rates_win_when_both_are_given() -> None:
    model = find_model("kimi", "kimi-k3")
    half = Profile("p", "kimi", "kimi-k3", custom_input_cost_per_mtok=1.0)
    both = Profile(
        "p", "kimi", "kimi-k3", custom_input_cost_per_mtok=1.0, custom_output_cost_per_mtok=0.0
    )
    assert rates_for(half, model) == model.rates
    own = rates_for(both, model)
    assert own is not None
    assert (own.input, own.output, own.cached) == (1.0, 0.0, None)
    assert "p" in own.source


def test_token_estimates_err_upwards_for_prose_and_count_other_scripts_more() -> None:
    prose = "The company code to which the accounting document segment belongs. " * 20
    assert len(prose) / 5 <= estimate_tokens(prose) <= len(prose) / 3
    assert estimate_tokens("会社コードの説明") > estimate_tokens("company!")
    assert estimate_tokens("") == 0
    assert estimate_prompt([Message("user", "")]) > 0


@pytest.mark.parametrize("room", ["model", "models", "providers", "rates", "tokens", "body"])
def test_tables_are_read_without_the_network_libraries(room: str) -> None:
    code = (
        f"import sys, amx_tui.llm.{room}; "
        "sys.exit(','.join({'httpx', 'asyncio', 'ssl'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_client_imports_httpx_only_when_it_is_made() -> None:
    code = "import sys, amx_tui.llm.client; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
