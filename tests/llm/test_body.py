"""What is sent, by table."""

from __future__ import annotations

from typing import Any

import pytest

from amx_tui.config.model import Settings
from amx_tui.llm.body import (
    MOST_OUTPUT,
    effort_for,
    effort_sent,
    output_budget,
    pinned_parameters,
    raised_budget,
    request_body,
)
from tests.llm.setups import MESSAGES, setup_for


def body_of(*names: str, without: frozenset[str] = frozenset(), **options: Any) -> dict[str, Any]:
    setup = setup_for(*names, **options)
    return request_body(setup, MESSAGES, budget=1000, without=without)


def test_every_request_streams_and_asks_for_the_usage() -> None:
    assert body_of() == {
        "model": "kimi-k2-thinking",
        "messages": [
            {"role": "system", "content": "You describe columns."},
            {"role": "user", "content": '{"column": "BUKRS"}'},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.2,
        "max_tokens": 1000,
        "reasoning": {"effort": "low"},
    }


@pytest.mark.parametrize(
    ("provider", "model", "present", "absent"),
    [
        ("kimi", "kimi-k2-thinking", {"reasoning", "temperature", "max_tokens"}, {"logprobs"}),
        ("kimi", "kimi-k3", {"reasoning_effort"}, {"reasoning", "temperature", "logprobs"}),
        ("kimi", "kimi-k2.6", {"reasoning"}, {"temperature", "logprobs", "top_logprobs"}),
        ("kimi", "kimi-k2.7-code-highspeed", {"reasoning"}, {"temperature"}),
        (
            "kimi",
            "moonshot-v1-32k",
            {"temperature", "logprobs", "top_logprobs"},
            {"reasoning", "reasoning_effort"},
        ),
        ("kimi", "kimi-k2-instruct", {"temperature", "logprobs"}, {"reasoning"}),
        ("openrouter", "moonshotai/kimi-k2-0905", {"temperature"}, {"logprobs", "reasoning"}),
        ("openai", "gpt-4o", {"logprobs"}, {"reasoning_effort"}),
        ("ollama", "qwen3", {"max_tokens"}, {"logprobs"}),
        ("openrouter", "moonshotai/kimi-k2-thinking", {"reasoning", "temperature"}, {"logprobs"}),
        ("openrouter", "moonshotai/kimi-k3", {"reasoning"}, {"reasoning_effort"}),
        ("openai", "gpt-5-mini", {"reasoning_effort", "max_completion_tokens"}, {"max_tokens"}),
        ("deepseek", "deepseek-reasoner", {"max_tokens"}, {"reasoning", "reasoning_effort"}),
        ("ollama", "deepseek-r1:8b", {"max_tokens"}, {"reasoning", "reasoning_effort"}),
    ],
)
def test_each_model_is_asked_in_its_own_way(
    provider: str, model: str, present: set[str], absent: set[str]
) -> None:
    body = body_of(provider, model)
    assert present <= body.keys()
    assert not absent & body.keys()


@pytest.mark.parametrize(
    ("model", "wanted", "sent"),
    [
        ("kimi-k2-thinking", "high", "high"),
        ("kimi-k2-thinking", "max", "high"),
        ("kimi-k2-thinking", "none", "minimal"),
        ("kimi-k3", "low", "low"),
        ("kimi-k3", "medium", "low"),
        ("kimi-k3", "minimal", "low"),
        ("kimi-k3", "xhigh", "high"),
        ("kimi-k3", "max", "max"),
        ("moonshot-v1-8k", "high", None),
    ],
)
def test_an_effort_that_a_model_lacks_becomes_the_nearest_lower_one_and_is_said(
    model: str, wanted: str, sent: str | None
) -> None:
    setup = setup_for("kimi", model, settings=Settings(reasoning_effort=wanted))
    assert effort_for(setup) == sent
    said = [drop for drop in pinned_parameters(setup) if drop.name.startswith("effort")]
    assert bool(said) == (sent is not None and sent != wanted)
    if said:
        assert wanted in said[0].name and said[0].instead == sent


@pytest.mark.parametrize(
    ("provider", "model", "said"),
    [
        ("kimi", "kimi-k2.6", {"thinking": {"type": "disabled"}, "logprobs": True}),
        ("openrouter", "moonshotai/kimi-k2.6", {"reasoning": {"effort": "none"}}),
    ],
)
def test_a_model_that_can_be_kept_from_thinking_is_with_effort_none(
    provider: str, model: str, said: dict[str, Any]
) -> None:
    setup = setup_for(provider, model, settings=Settings(reasoning_effort="none"), max_tokens=4096)
    body = request_body(setup, MESSAGES, budget=output_budget(setup, 100))
    assert {name: body.get(name) for name in said} == said
    assert body["max_tokens"] == 4096  # no room for thoughts is needed
    assert (effort_for(setup), effort_sent(setup)) == (None, "none")
    assert not [drop for drop in pinned_parameters(setup) if drop.name.startswith("effort")]


def test_without_logprobs_no_others_are_asked_for() -> None:
    body = body_of("kimi", "moonshot-v1-32k", without=frozenset({"logprobs"}))
    assert not {"logprobs", "top_logprobs"} & body.keys()


def test_a_pinned_temperature_is_left_out_and_said() -> None:
    [drop] = pinned_parameters(setup_for("kimi", "kimi-k2.6", temperature=0.7))
    assert drop.name == "temperature"
    assert "0.7" in drop.reason
    assert pinned_parameters(setup_for("kimi", "kimi-k2-thinking")) == ()


def test_what_was_refused_is_not_sent_again() -> None:
    body = body_of(without=frozenset({"temperature", "reasoning", "stream_options"}))
    assert not {"temperature", "reasoning", "stream_options"} & body.keys()


def test_the_output_limit_goes_by_its_other_name_when_one_is_refused() -> None:
    body = body_of(without=frozenset({"max_tokens"}))
    assert "max_tokens" not in body
    assert body["max_completion_tokens"] == 1000
    both = body_of(without=frozenset({"max_tokens", "max_completion_tokens"}))
    assert not {"max_tokens", "max_completion_tokens"} & both.keys()


@pytest.mark.parametrize(
    ("model", "max_tokens", "floor", "prompt", "budget"),
    [
        ("kimi-k2-thinking", 4096, 32_768, 1_000, 32_768),
        ("kimi-k2-thinking", 4096, 65_536, 1_000, 65_536),
        ("kimi-k2-thinking", 50_000, 32_768, 1_000, 50_000),
        ("kimi-k2-thinking", 4096, 32_768, 250_000, 12_144),
        ("moonshot-v1-32k", 4096, 32_768, 1_000, 4096),
        ("moonshot-v1-8k", 8000, 32_768, 4_000, 4_192),
        ("moonshot-v1-8k", 8000, 32_768, 9_000, 1),
        ("unheard-of", 4096, 32_768, 500_000, 4096),
    ],
)
def test_thinking_has_room_and_the_context_is_never_exceeded(
    model: str, max_tokens: int, floor: int, prompt: int, budget: int
) -> None:
    setup = setup_for("kimi", model, max_tokens=max_tokens, settings=Settings(min_max_tokens=floor))
    assert output_budget(setup, prompt) == budget


@pytest.mark.parametrize(
    ("budget", "prompt", "raised"),
    [(4096, 1_000, 16_384), (32_768, 1_000, MOST_OUTPUT), (32_768, 200_000, 62_144)],
)
def test_an_empty_answer_gets_four_times_the_budget_within_limits(
    budget: int, prompt: int, raised: int
) -> None:
    assert raised_budget(setup_for(), budget, prompt) == raised
