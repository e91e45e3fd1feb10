"""A call over real HTTP: what a person sees of it, what the provider gets, and what is left behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from amx_tui import __version__
from amx_tui.base.amounts import number
from amx_tui.base.problem import Problem
from amx_tui.config.model import Settings
from amx_tui.llm.client import Call, Client
from amx_tui.llm.model import (
    AnswerText,
    BudgetRaise,
    CallEvent,
    Ended,
    FailureKind,
    Message,
    ParameterDrop,
    Phase,
    PhaseChanged,
    ReasoningText,
    RetryWait,
    Usage,
    UsageSeen,
)
from amx_tui.llm.tokens import estimate_prompt
from tests.llm.setups import (
    MESSAGES,
    SECRET,
    Waits,
    answer_of,
    ask,
    client_for,
    collect,
    reasoning_of,
    setup_for,
)
from tests.provider import (
    Pause,
    Reply,
    ScriptedProvider,
    Send,
    chunk,
    cut_after,
    error,
    event,
    json_answer,
    raw,
    stall,
    status,
    stream,
    usage_of,
)

PHASES = [Phase.CONNECTING, Phase.WAITING, Phase.THINKING, Phase.ANSWERING]
EMPTY = stream(reasoning="I think and think", finish="length", usage=usage_of(100, 32_768))
SAID = "An answer."


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


def phases_of(events: list[CallEvent]) -> list[tuple[Phase, int]]:
    return [(one.phase, one.attempt) for one in events if isinstance(one, PhaseChanged)]


T = TypeVar("T")


def of(kind: type[T], events: list[CallEvent]) -> list[T]:
    return [one for one in events if isinstance(one, kind)]


async def test_thinking_then_answering_then_what_it_used(provider: ScriptedProvider) -> None:
    provider.script(stream(reasoning="First. Then.", content=SAID, usage=usage_of(90, 40, 10, 30)))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert phases_of(events) == [(phase, 1) for phase in PHASES]
    assert (reasoning_of(events), answer_of(events)) == ("First. Then.", SAID)
    assert events[-2:] == [UsageSeen(Usage(90, 10, 40, 30)), Ended("stop")]
    [request] = provider.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["user-agent"] == f"amx-tui/{__version__}"
    assert request.body["max_tokens"] == 32_768


async def test_no_key_no_authorization_header(provider: ScriptedProvider) -> None:
    provider.script(stream(content=SAID))
    await ask(setup_for("ollama", "qwen3", base=provider.base_url, key=None))
    assert "authorization" not in provider.requests[0].headers


async def test_a_key_of_another_provider_in_the_environment_stays_there(
    provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-OPENAI-REAL")
    provider.script(stream(content=SAID))
    await ask(setup_for(base=provider.base_url))
    assert provider.requests[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_a_second_question_uses_the_same_connection(provider: ScriptedProvider) -> None:
    async with client_for(setup_for(base=provider.base_url)) as client:
        for _ in range(3):
            await collect(client.call(MESSAGES))
    assert len({request.port for request in provider.requests}) == 1


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_however_the_network_cuts_it_the_answer_is_the_same(
    provider: ScriptedProvider, size: int
) -> None:
    provider.script(
        stream(reasoning="Größe", content="会社コード 🙂", comments=["PROCESSING"], chunk_size=size)
    )
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert (reasoning_of(events), answer_of(events)) == ("Größe", "会社コード 🙂")


async def test_a_plain_json_answer_to_a_streaming_request_is_an_answer(
    provider: ScriptedProvider,
) -> None:
    provider.script(json_answer(SAID, reasoning="Hm."))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert (reasoning_of(events), answer_of(events), events[-1]) == ("Hm.", SAID, Ended("stop"))


async def test_an_answer_that_ends_without_done_is_complete(provider: ScriptedProvider) -> None:
    provider.script(stream(content=SAID, done=False))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert (failure, answer_of(events), events[-1]) == (None, SAID, Ended("stop"))


async def test_a_connection_cut_after_the_finish_reason_loses_nothing(
    provider: ScriptedProvider,
) -> None:
    whole = stream(content=SAID, done=False)
    provider.script(cut_after(sum(len(s.data) for s in whole.steps if isinstance(s, Send)), whole))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert (failure, answer_of(events), events[-1]) == (None, SAID, Ended("stop"))


async def test_white_space_before_the_answer_is_none_of_it(provider: ScriptedProvider) -> None:
    provider.script(
        raw(
            event(chunk(content="\n"))
            + event(chunk(reasoning="Hm."))
            + event(chunk(content="\n"))
            + event(chunk(content=SAID, finish="stop"))
        )
    )
    events, _ = await ask(setup_for(base=provider.base_url))
    assert answer_of(events) == SAID
    assert phases_of(events) == [(phase, 1) for phase in PHASES]


# Budgets -------------------------------------------------------------------------------------------


async def test_an_answer_without_a_word_is_asked_again_with_four_times_the_budget(
    provider: ScriptedProvider,
) -> None:
    provider.script(EMPTY, stream(content=SAID))
    waits = Waits()
    events, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
    assert failure is None
    assert of(BudgetRaise, events) == [BudgetRaise(32_768, 131_072)]
    assert [request.body["max_tokens"] for request in provider.requests] == [32_768, 131_072]
    assert len(of(UsageSeen, events)) == 2
    assert [attempt for _, attempt in phases_of(events)] == [1, 1, 1, 2, 2, 2]
    assert waits.seconds == []


async def test_the_second_time_it_says_which_variable_gives_more_room(
    provider: ScriptedProvider,
) -> None:
    provider.script(EMPTY, EMPTY)
    _, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None
    assert failure.kind is FailureKind.NOTHING_VISIBLE
    assert "AMX_LLM_MIN_MAX_TOKENS" in failure.remedy
    assert number(131_072) in failure.what
    assert not failure.is_retried
    assert len(provider.requests) == 2


async def test_a_budget_that_cannot_be_raised_is_not_asked_for_again(
    provider: ScriptedProvider,
) -> None:
    provider.script(EMPTY)
    settings = Settings(min_max_tokens=131_072)
    events, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert failure is not None and failure.kind is FailureKind.NOTHING_VISIBLE
    assert of(BudgetRaise, events) == []
    assert len(provider.requests) == 1


async def test_a_short_answer_with_finish_length_is_an_answer(provider: ScriptedProvider) -> None:
    provider.script(stream(content=SAID, finish="length"))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert (failure, events[-1]) == (None, Ended("length"))
    assert len(provider.requests) == 1


async def test_a_prompt_longer_than_the_context_is_not_sent(provider: ScriptedProvider) -> None:
    async with client_for(setup_for("kimi", "moonshot-v1-8k", base=provider.base_url)) as client:
        long = type(MESSAGES[0])("user", "BUKRS " * 20_000)
        _, failure = await collect(client.call([long]))
    assert failure is not None and failure.kind is FailureKind.CONTEXT_OVERFLOW
    assert "8 192" in failure.why and "tokens" in failure.why
    assert provider.requests == []


# Parameters ----------------------------------------------------------------------------------------


async def test_a_pinned_parameter_is_said_once_a_client(provider: ScriptedProvider) -> None:
    async with client_for(setup_for("kimi", "kimi-k2.6", base=provider.base_url)) as client:
        first, _ = await collect(client.call(MESSAGES))
        second, _ = await collect(client.call(MESSAGES))
    assert [drop.name for drop in of(ParameterDrop, first)] == ["temperature"]
    assert of(ParameterDrop, second) == []
    assert "temperature" not in provider.requests[0].body


async def test_a_refused_parameter_is_dropped_said_and_remembered(
    provider: ScriptedProvider,
) -> None:
    provider.script(
        error(400, "invalid temperature: only 1 is allowed for this model", "invalid_request_error")
    )
    waits = Waits()
    async with client_for(setup_for(base=provider.base_url), sleep=waits) as client:
        events, failure = await collect(client.call(MESSAGES))
        later, _ = await collect(client.call(MESSAGES))
    assert failure is None
    [drop] = of(ParameterDrop, events)
    assert drop.name == "temperature"
    assert "only 1 is allowed" in drop.reason
    sent = ["temperature" in request.body for request in provider.requests]
    assert sent == [True, False, False]
    assert of(ParameterDrop, later) == []
    assert waits.seconds == []


async def test_max_tokens_is_replaced_where_only_its_other_name_is_known(
    provider: ScriptedProvider,
) -> None:
    provider.script(
        error(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead.",
        )
    )
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert of(ParameterDrop, events)[0].instead == "max_completion_tokens"
    assert provider.requests[1].body["max_completion_tokens"] == 32_768
    assert "max_tokens" not in provider.requests[1].body


# What is sent, and how a provider may refuse it.
NAMED = {
    "temperature": ("kimi-k2-thinking", "invalid temperature: only 1 is allowed for this model"),
    "logprobs": ("moonshot-v1-128k", "logprobs is not supported"),
    "top_logprobs": ("moonshot-v1-128k", "unknown field top_logprobs"),
    "reasoning": ("kimi-k2-thinking", "Unrecognized request argument supplied: reasoning"),
    "reasoning_effort": ("kimi-k3", "invalid reasoning_effort: object expected"),
    "thinking": ("kimi-k2.6", "invalid thinking: only type=enabled is allowed for this model"),
    "stream_options": ("kimi-k2-thinking", "Unknown parameter: 'stream_options.include_usage'."),
    "max_tokens": ("kimi-k2-thinking", "max_tokens is deprecated, use max_completion_tokens"),
}


@pytest.mark.parametrize("shape", ["moonshot", "openai", "pydantic", "text"])
@pytest.mark.parametrize("name", NAMED)
async def test_whatever_is_refused_by_name_is_left_out_said_once_and_remembered(
    provider: ScriptedProvider, name: str, shape: str
) -> None:
    model, message = NAMED[name]
    refusals = {
        "moonshot": error(400, message, "invalid_request_error"),
        "openai": status(400, {"error": {"message": "Unsupported", "param": name, "code": "x"}}),
        "pydantic": status(
            422, {"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "No"}]}
        ),
        "text": status(400, message),
    }
    provider.answer = lambda body: refusals[shape] if name in body else stream(content=SAID)
    effort = "none" if name == "thinking" else "low"
    setup = setup_for("kimi", model, base=provider.base_url)
    setup = replace(setup, settings=replace(setup.settings, reasoning_effort=effort))
    async with client_for(setup) as client:
        events, failure = await collect(client.call(MESSAGES))
        later, _ = await collect(client.call(MESSAGES))
    assert failure is None and answer_of(events) == SAID
    dropped = [drop for drop in of(ParameterDrop, events) if drop.name == name]
    # What the model pins is not sent, and said as well.
    assert len(dropped) == 1 and of(ParameterDrop, later) == []
    assert [name in request.body for request in provider.calls] == [True, False, False]
    budgets = [
        request.body.get("max_tokens", request.body.get("max_completion_tokens"))
        for request in provider.calls
    ]
    assert len(set(budgets)) == 1 and budgets[0]


# How servers say that prompt (1 000 tokens, as they count) and output are too much, and the most output
# that they give: as their context leaves it, or of any request.
TOO_MUCH = {
    "vLLM": (
        "'max_tokens' or 'max_completion_tokens' is too large: {budget}. This model's maximum context"
        " length is 16384 tokens and your request has 1000 input tokens.",
        15_384,
    ),
    "OpenAI, context": (
        "This model's maximum context length is 16,384 tokens. However, you requested {total} tokens"
        " (1000 in the messages, {budget} in the completion).",
        15_384,
    ),
    "Moonshot": (
        "Invalid request: Your request exceeded model token limit: 8192 (requested: {total})",
        7_192,
    ),
    "OpenAI, output": (
        "max_tokens is too large: {budget}. This model supports at most 16384 completion tokens,"
        " whereas you provided {budget}.",
        16_384,
    ),
    "DeepSeek": ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", 8_192),
    "Groq": ("`max_tokens` must be less than or equal to `8192`, the maximum value", 8_192),
}


@pytest.mark.parametrize("whose", TOO_MUCH)
async def test_who_asked_for_too_much_output_asks_for_what_there_is(
    provider: ScriptedProvider, whose: str
) -> None:
    message, room = TOO_MUCH[whose]

    def answer(body: Mapping[str, Any]) -> Reply:
        budget = body["max_tokens"]
        if budget <= room:
            return stream(content=SAID)
        said = message.format(budget=budget, total=budget + 1_000)
        return error(400, said, "invalid_request_error")

    provider.answer = answer
    setup = setup_for("local", "qwen-thinking", base=provider.base_url)
    prompt = (Message("user", "x" * 3_500),)
    limits: dict[str, int] = {}
    for _ in range(2):  # the second run of the session knows it
        client = Client(setup, concurrency=1, limits=limits, sleep=Waits())
        events, failure = await collect(client.call(prompt))
        again, _ = await collect(client.call(prompt))
        await client.aclose()
        assert failure is None and answer_of(events) == SAID
        assert len(of(ParameterDrop, events)) == 1 and of(ParameterDrop, again) == []
    budgets = [request.body["max_tokens"] for request in provider.calls]
    assert budgets[:2] == [32_768, room]
    # Our own estimate of the prompt keeps a distance to a context that is known now.
    assert len(budgets) == 5 and all(room - 300 < budget <= room for budget in budgets[2:])


async def test_a_prompt_that_leaves_no_room_is_too_long_and_not_asked_again(
    provider: ScriptedProvider,
) -> None:
    message = (
        "This model's maximum context length is 4096 tokens, your request has 4000 input tokens"
    )
    provider.answer = lambda body: error(400, message, "invalid_request_error")
    _, failure = await ask(setup_for("local", "qwen-thinking", base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.CONTEXT_OVERFLOW
    assert len(provider.calls) == 1


async def test_a_server_that_is_never_content_is_not_asked_for_ever(
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda body: error(
        400, f"max_tokens: at most {body.get('max_tokens', 2) - 1}", "invalid_request_error"
    )
    _, failure = await ask(setup_for("local", "qwen-thinking", base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.BAD_REQUEST
    assert len(provider.calls) <= 6


async def test_the_output_never_asks_for_more_than_the_context_leaves(
    provider: ScriptedProvider,
) -> None:
    """The provider counts the prompt; our estimate of a list of names may be a fifth too low."""
    names = " ".join(f"X_LEGACY_FLG_{n}" for n in range(600))
    setup = setup_for("kimi", "moonshot-v1-8k", base=provider.base_url, max_tokens=8_000)
    async with client_for(setup) as client:
        await collect(client.call([Message("user", names)]))
    [request] = provider.calls
    assert request.body["max_tokens"] + 1.2 * estimate_prompt([Message("user", names)]) < 8_192


async def test_a_field_that_names_the_parameter_is_believed_before_the_sentence(
    provider: ScriptedProvider,
) -> None:
    refusal = {"message": "temperature is fine", "param": "reasoning.effort"}
    provider.script(status(400, {"error": refusal}))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert [drop.name for drop in of(ParameterDrop, events)] == ["reasoning"]


async def test_a_provider_that_refuses_everything_is_not_asked_for_ever(
    provider: ScriptedProvider,
) -> None:
    everything = (
        "temperature max_tokens max_completion_tokens reasoning stream_options model stream"
    )
    provider.answer = lambda body: error(400, f"unsupported: {everything}")
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.BAD_REQUEST
    dropped = [drop.name for drop in of(ParameterDrop, events)]
    assert sorted(dropped) == sorted(set(dropped))
    assert len(provider.requests) == len(dropped) + 1 == 6


async def test_calls_that_are_refused_together_say_it_once(provider: ScriptedProvider) -> None:
    provider.answer = lambda body: (
        error(400, "unknown field: temperature") if "temperature" in body else stream(content=SAID)
    )
    async with client_for(setup_for(base=provider.base_url), concurrency=3) as client:
        calls = await asyncio.gather(*(collect(client.call(MESSAGES)) for _ in range(3)))
    assert [failure for _, failure in calls] == [None] * 3
    assert sum(len(of(ParameterDrop, events)) for events, _ in calls) == 1
    assert len(provider.requests) <= 6


async def test_what_a_model_refused_is_not_tried_by_the_next_run_of_the_session(
    provider: ScriptedProvider,
) -> None:
    provider.script(error(400, "unknown field: temperature"))
    refused: set[str] = set()
    setup = setup_for(base=provider.base_url)
    for _ in range(2):
        client = Client(setup, concurrency=1, refused=refused, sleep=Waits())
        events, failure = await collect(client.call(MESSAGES))
        await client.aclose()
        assert failure is None
        assert [drop.name for drop in of(ParameterDrop, events)] == ["temperature"]
    assert ["temperature" in request.body for request in provider.requests] == [True, False, False]


async def test_probabilities_are_asked_for_and_come_with_the_text(
    provider: ScriptedProvider,
) -> None:
    def token(text: str | bytes, logprob: float) -> dict[str, object]:
        data = text if isinstance(text, bytes) else text.encode()
        return {"token": data.decode(errors="replace"), "bytes": list(data), "logprob": logprob}

    def said(content: str, *tokens: dict[str, object]) -> bytes:
        made = chunk(content=content)
        made["choices"][0]["logprobs"] = {"content": list(tokens)}
        return event(made)

    half, rest = "会".encode()[:2], "会".encode()[2:]
    provider.script(
        raw(
            said("Com", token("Com", -0.1))
            + said("", token(half, -1.0))
            + said("会x", token(rest, -0.5), token("x", -9999.0))
            + said("odd", token("even", -0.5))
            + event(chunk(content=".", finish="stop"))
        )
    )
    events, failure = await ask(setup_for("kimi", "moonshot-v1-32k", base=provider.base_url))
    assert failure is None
    assert provider.requests[0].body["logprobs"] is True
    assert of(AnswerText, events) == [
        AnswerText("Com", ((3, -0.1),)),
        AnswerText("会x", ((1, -1.5), (1, -100.0))),
        AnswerText("odd"),
        AnswerText("."),
    ]


async def test_a_model_that_tells_no_probabilities_is_asked_without(
    provider: ScriptedProvider,
) -> None:
    provider.script(error(400, "logprobs is not supported", "invalid_request_error"))
    events, failure = await ask(setup_for("kimi", "moonshot-v1-32k", base=provider.base_url))
    assert failure is None
    assert [drop.name for drop in of(ParameterDrop, events)] == ["logprobs"]
    assert not {"logprobs", "top_logprobs"} & provider.requests[1].body.keys()
    assert len(provider.requests) == 2


async def test_an_answer_that_the_filter_stopped_is_kept_and_said(
    provider: ScriptedProvider,
) -> None:
    provider.script(stream(content="Half", finish="content_filter"))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.CONTENT_FILTERED
    assert answer_of(events) == "Half"
    assert not failure.is_retried


# Accounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [-1.25, None])
async def test_an_account_without_money_is_told_what_it_has_left_and_asked_once(
    provider: ScriptedProvider, told: float | None
) -> None:
    provider.balance = told
    provider.answer = lambda body: error(429, "suspended", "exceeded_current_quota_error")
    waits = Waits()
    setup = setup_for(base=provider.base_url, bases=(provider.base_url,))
    _, failure = await ask(setup, sleep=waits)
    assert failure is not None and failure.kind is FailureKind.QUOTA_SPENT and failure.hits_all
    assert ("its balance is ¥ -1.25" in failure.what) is (told is not None)
    assert (len(provider.calls), waits.seconds) == (1, [])
    assert {one.headers["authorization"] for one in provider.requests} == {f"Bearer {SECRET}"}


# Retries -------------------------------------------------------------------------------------------


async def test_a_rate_limit_is_waited_out_as_long_as_the_provider_says(
    provider: ScriptedProvider,
) -> None:
    text = "request reached max organization concurrency: 1, please try again after 5 seconds"
    provider.script(
        error(429, "slow down", "rate_limit_reached_error", {"Retry-After": "7"}),
        error(429, text, "rate_limit_reached_error"),
        stream(content=SAID),
    )
    waits = Waits()
    events, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
    assert failure is None
    assert waits.seconds == [7.0, 5.0]
    assert [wait.seconds for wait in of(RetryWait, events)] == [7.0, 5.0]
    assert all(wait.failure.is_retried for wait in of(RetryWait, events))
    assert "max organization concurrency" in of(RetryWait, events)[1].failure.why


async def test_an_hour_is_waited_out_too_where_the_provider_says_so(
    provider: ScriptedProvider,
) -> None:
    provider.script(
        error(429, "slow down", "rate_limit_reached_error", {"Retry-After": "3600"}),
        stream(content=SAID),
    )
    waits = Waits()
    events, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
    assert (failure, answer_of(events)) == (None, SAID)
    assert waits.seconds == [3600.0]


async def asleep(_: float) -> None:
    await asyncio.Event().wait()


async def reach(call: Call, kind: type[CallEvent]) -> tuple[asyncio.Task[Any], asyncio.Event]:
    """A call under way, and an event that is set when it comes to a `kind`."""
    reached = asyncio.Event()

    async def consume() -> list[CallEvent]:
        seen = []
        async with aclosing(call.events()) as events:
            async for one in events:
                seen.append(one)
                if isinstance(one, kind):
                    reached.set()
        return seen

    return asyncio.create_task(consume()), reached


async def test_whoever_does_not_want_to_wait_tries_at_once(provider: ScriptedProvider) -> None:
    limited = error(429, "", "rate_limit_reached_error", {"Retry-After": "3600"})
    provider.script(limited, stream(content=SAID))
    async with client_for(setup_for(base=provider.base_url), sleep=asleep) as client:
        call = client.call(MESSAGES)
        assert not call.hurry()  # it waits for nothing
        before = asyncio.all_tasks()
        task, waiting = await reach(call, RetryWait)
        await waiting.wait()
        assert call.hurry()
        assert answer_of(await task) == SAID
        assert not call.hurry()
        assert asyncio.all_tasks() == before


async def test_what_lets_one_through_lets_the_others_try(provider: ScriptedProvider) -> None:
    limited = error(429, "", "rate_limit_reached_error", {"Retry-After": "3600"})
    provider.script(limited, limited)
    async with client_for(setup_for(base=provider.base_url), concurrency=2, sleep=asleep) as client:
        calls = [client.call(MESSAGES) for _ in range(2)]
        tasks = [await reach(call, RetryWait) for call in calls]
        for _, waiting in tasks:
            await waiting.wait()
        queued = asyncio.create_task(collect(client.call(MESSAGES)))
        await asyncio.sleep(0)
        assert calls[0].hurry()
        for task, _ in tasks:
            assert answer_of(await task)
        assert (await queued)[1] is None
    assert len(provider.calls) == 5


async def test_one_that_is_refused_again_waits_again_and_holds_the_others_up(
    provider: ScriptedProvider,
) -> None:
    limited = error(429, "", "rate_limit_reached_error", {"Retry-After": "3600"})
    provider.answer = lambda body: limited
    async with client_for(setup_for(base=provider.base_url), concurrency=2, sleep=asleep) as client:
        calls = [client.call(MESSAGES) for _ in range(2)]
        tasks = [await reach(call, RetryWait) for call in calls]
        for _, waiting in tasks:
            await waiting.wait()
            waiting.clear()
        assert calls[0].hurry()
        await tasks[0][1].wait()
        assert not tasks[1][1].is_set()
        for task, _ in tasks:
            task.cancel()
        await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)
    assert len(provider.calls) == 3


async def test_without_a_hint_each_wait_is_longer_than_the_one_before(
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda body: error(429, "slow down", "rate_limit_reached_error")
    waits = Waits()
    _, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
    assert failure is not None and not failure.is_retried
    assert waits.seconds == sorted(waits.seconds)
    # Limits count by the minute: patience must reach into the next one.
    assert sum(waits.seconds) > 45


async def test_a_rate_limit_lowers_how_many_are_asked_at_once(provider: ScriptedProvider) -> None:
    provider.script(error(429, "", "rate_limit_reached_error"))
    async with client_for(setup_for(base=provider.base_url), concurrency=3) as client:
        await collect(client.call(MESSAGES))
        assert client.limiter.slots == 2
        while client.limiter.slots < 3:
            _, failure = await collect(client.call(MESSAGES))
            assert failure is None


async def test_what_waits_behind_a_refused_request_is_not_sent_into_the_same_refusal(
    provider: ScriptedProvider,
) -> None:
    provider.most_at_once = 1
    provider.answer = lambda body: stream(content=SAID, hold="start")
    waited = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await waited.wait()

    setup = setup_for(base=provider.base_url)
    async with client_for(setup, concurrency=2, sleep=sleep) as client:
        calls = [asyncio.create_task(collect(client.call(MESSAGES))) for _ in range(4)]
        await asyncio.to_thread(provider.wait_until, lambda: provider.refused == 1)
        waited.set()
        while not all(call.done() for call in calls):
            provider.release()
            await asyncio.sleep(0.005)
        for events, failure in [call.result() for call in calls]:
            assert (answer_of(events), failure) == (SAID, None)
    assert provider.refused == 1


async def test_after_a_rate_limit_nobody_else_runs_into_the_same_wall(
    provider: ScriptedProvider,
) -> None:
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    provider.script(error(429, "", "rate_limit_reached_error"))
    async with client_for(setup_for(base=provider.base_url), concurrency=3, sleep=sleep) as client:
        first = asyncio.create_task(collect(client.call(MESSAGES)))
        await waiting.wait()
        others = [asyncio.create_task(collect(client.call(MESSAGES))) for _ in range(3)]
        # As long as it takes a request to come and go.
        async with client_for(setup_for(base=provider.base_url)) as stranger:
            await collect(stranger.call(MESSAGES))
        assert len(provider.calls) == 2
        go_on.set()
        assert [failure for _, failure in await asyncio.gather(first, *others)] == [None] * 4
    assert len(provider.calls) == 6


async def test_while_one_waits_to_retry_another_may_ask(provider: ScriptedProvider) -> None:
    provider.script(error(503, "", "server_unavailable"), stream(content="second"))
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    async with client_for(setup_for(base=provider.base_url), sleep=sleep) as client:
        first = asyncio.create_task(collect(client.call(MESSAGES)))
        await waiting.wait()
        events, _ = await collect(client.call(MESSAGES))
        assert answer_of(events) == "second"
        go_on.set()
        assert (await first)[1] is None


async def test_an_answer_cut_short_is_kept_and_not_begun_again(provider: ScriptedProvider) -> None:
    provider.script(cut_after(900, stream(reasoning="Hm. ", content="A long answer. " * 40)))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.CUT
    assert failure.is_retried
    assert "A long answer." in answer_of(events)
    assert len(provider.requests) == 1


async def test_a_thought_cut_short_is_asked_again_and_said(provider: ScriptedProvider) -> None:
    provider.script(cut_after(500, stream(reasoning="Hm. " * 100)), stream(content=SAID))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is None
    assert [wait.failure.kind for wait in of(RetryWait, events)] == [FailureKind.CUT]
    assert answer_of(events) == SAID


async def test_a_stream_that_just_stops_is_a_cut_one(provider: ScriptedProvider) -> None:
    provider.script(stream(content=SAID, finish=None, done=False))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.CUT
    assert answer_of(events) == SAID


async def test_an_error_in_mid_answer_with_status_200_is_one(provider: ScriptedProvider) -> None:
    refusal = {"error": {"message": "Provider died", "code": 502}, "choices": []}
    provider.script(raw(event(chunk(content="Half")) + event(refusal)))
    events, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is FailureKind.SERVER_ERROR
    assert (answer_of(events), failure.is_retried) == ("Half", True)
    assert "Provider died" in failure.why


# Time ----------------------------------------------------------------------------------------------


async def test_silence_names_the_variable_and_the_phase(provider: ScriptedProvider) -> None:
    provider.script(stall())
    settings = Settings(timeout_seconds=0.5)
    events, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert failure is not None and failure.kind is FailureKind.SILENCE
    assert Phase.WAITING.value in failure.what
    assert "AMX_LLM_TIMEOUT_SEC" in failure.remedy
    assert phases_of(events) == [(Phase.CONNECTING, 1), (Phase.WAITING, 1)]
    assert len(provider.requests) == 1


async def test_silence_in_mid_answer_keeps_what_came_and_lets_the_rest_be_asked(
    provider: ScriptedProvider,
) -> None:
    provider.script(stall(after=event(chunk(content="Half"))))
    settings = Settings(timeout_seconds=0.5)
    events, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert failure is not None and failure.kind is FailureKind.SILENCE
    assert Phase.ANSWERING.value in failure.what
    assert answer_of(events) == "Half"
    assert failure.is_retried
    assert len(provider.requests) == 1


async def test_a_server_that_holds_its_headers_back_is_waited_for_not_connected_to(
    provider: ScriptedProvider,
) -> None:
    provider.script(stall(headers=False))
    settings = Settings(timeout_seconds=0.5)
    events, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert failure is not None and failure.kind is FailureKind.SILENCE
    assert phases_of(events) == [(Phase.CONNECTING, 1), (Phase.WAITING, 1)]


async def test_comments_and_blank_text_do_not_end_a_silence(provider: ScriptedProvider) -> None:
    noise = (Send(b": keep-alive\n\n"), Pause(0.03), Send(event(chunk(content="\n"))), Pause(0.03))
    provider.script(Reply(noise * 200, headers={"Content-Type": "text/event-stream"}))
    settings = Settings(timeout_seconds=0.3)
    _, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert failure is not None and failure.kind is FailureKind.SILENCE


async def test_an_answer_that_keeps_coming_is_never_cut_off(provider: ScriptedProvider) -> None:
    # Each pause is far below the limit, all of them together far above.
    provider.script(stream(content="x" * 40, piece=1, pause=0.04))
    settings = Settings(timeout_seconds=0.8)
    events, failure = await ask(setup_for(base=provider.base_url, settings=settings))
    assert (failure, answer_of(events)) == (None, "x" * 40)


async def test_more_time_given_while_it_is_silent_saves_the_call(
    provider: ScriptedProvider,
) -> None:
    provider.script(stream(content=SAID, hold="start"))
    settings = Settings(timeout_seconds=1.0)
    async with client_for(setup_for(base=provider.base_url, settings=settings)) as client:
        call = client.call(MESSAGES)
        assert call.countdown.remaining() == 1.0
        task = asyncio.create_task(collect(call))
        await asyncio.to_thread(provider.wait_for_calls, 1)
        assert call.countdown.is_running
        call.countdown.extend(60)
        assert 1.0 < call.countdown.remaining() <= 61
        await asyncio.sleep(1.2)
        provider.release()
        events, failure = await task
    assert (failure, answer_of(events)) == (None, SAID)
    assert not call.countdown.is_running


# Ends ----------------------------------------------------------------------------------------------


async def test_a_key_and_a_base_travel_with_each_request(
    provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "AMX_LLM_API_KEY"):
        monkeypatch.setenv(name, f"sk-of-{name}")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with ScriptedProvider() as other:
        setups = [
            setup_for("kimi", base=provider.base_url, key="sk-first-key-0123456789"),
            setup_for("openrouter", "a/b", base=other.base_url, key="sk-second-key-012345"),
            setup_for("ollama", "qwen3", base=other.base_url, key=None),
        ]
        await asyncio.gather(*(ask(setup) for setup in setups))
        keys = {request.headers.get("authorization") for request in other.requests}
    assert {request.headers.get("authorization") for request in provider.requests} == {
        "Bearer sk-first-key-0123456789"
    }
    assert keys == {"Bearer sk-second-key-012345", None}


@pytest.mark.parametrize("moment", ["connecting", "waiting", "answering", "queued", "retrying"])
async def test_cancelling_closes_the_connection_and_leaves_no_task(
    provider: ScriptedProvider, moment: str
) -> None:
    seen: list[CallEvent] = []
    before = asyncio.all_tasks()
    reached = asyncio.Event()

    async def sleep(seconds: float) -> None:
        reached.set()
        await asyncio.sleep(3600)

    async def consume(client: Client) -> None:
        async with aclosing(client.call(MESSAGES).events()) as events:
            async for one in events:
                seen.append(one)
                if isinstance(one, (AnswerText, ReasoningText)):
                    reached.set()

    provider.answer = lambda body: stream(content="x" * 100, hold="end")
    if moment == "retrying":
        provider.script(error(503, "busy"))
    elif moment != "answering":
        provider.script(stall(headers=moment == "waiting"))
    async with client_for(setup_for(base=provider.base_url), sleep=sleep) as client:
        async with client.limiter.slot() if moment == "queued" else aclosing(_Nothing()):
            task = asyncio.create_task(consume(client))
            if moment in ("answering", "retrying"):
                await reached.wait()
            elif moment == "queued":
                await asyncio.sleep(0)
            else:
                await asyncio.to_thread(provider.wait_for_calls, 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert asyncio.all_tasks() == before
        if moment not in ("queued", "retrying"):
            await asyncio.to_thread(
                provider.wait_until, lambda: provider.open_connections == 0, "a closed connection"
            )
        # The slot came back.
        async with client.limiter.slot():
            pass


class _Nothing:
    async def aclose(self) -> None:
        pass


async def test_a_consumer_that_stops_listening_closes_the_connection(
    provider: ScriptedProvider,
) -> None:
    provider.script(stream(content="x" * 100, hold="end"))
    before = asyncio.all_tasks()
    async with client_for(setup_for(base=provider.base_url)) as client:
        async with aclosing(client.call(MESSAGES).events()) as events:
            async for one in events:
                if isinstance(one, AnswerText):
                    break
        assert asyncio.all_tasks() == before
        await asyncio.to_thread(provider.wait_until, lambda: provider.unfinished == 1, "a hang-up")


# Surroundings --------------------------------------------------------------------------------------


async def test_a_redirect_is_not_followed_and_the_key_not_carried(
    provider: ScriptedProvider,
) -> None:
    with ScriptedProvider() as elsewhere:
        target = f"{elsewhere.base_url}/chat/completions"
        provider.script(status(307, "", {"Location": target}))
        _, failure = await ask(setup_for(base=provider.base_url))
        assert failure is not None and failure.kind is FailureKind.REDIRECTED
        assert target in failure.what
        assert failure.hits_all
        assert elsewhere.requests == []


async def test_a_proxy_of_the_environment_is_used(
    provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{provider.port}")
    events, failure = await ask(setup_for(base="http://provider.invalid/v1"))
    assert failure is None
    assert answer_of(events)
    assert provider.requests[0].path == "http://provider.invalid/v1/chat/completions"


async def test_a_proxy_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:70")
    with pytest.raises(Problem) as problem:
        Client(setup_for(), concurrency=1)
    assert "ALL_PROXY" in problem.value.remedy


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_bundle_that_cannot_be_read_is_named(
    tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_text(content)
    with pytest.raises(Problem) as problem:
        Client(setup_for(settings=Settings(ca_bundle=str(bundle))), concurrency=1)
    assert "AMX_CA_BUNDLE" in problem.value.what


async def test_a_base_with_the_whole_path_is_understood(provider: ScriptedProvider) -> None:
    _, failure = await ask(setup_for(base=f"{provider.base_url}/chat/completions/"))
    assert failure is None
    assert provider.requests[0].path == "/v1/chat/completions"


async def test_the_key_is_in_no_log_and_no_failure(
    provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.script(error(401, f"Incorrect API key provided: {SECRET}", "invalid_api_key"))
    setup = setup_for(base=provider.base_url)
    events, failure = await ask(setup)
    assert failure is not None
    assert SECRET not in "".join(map(str, (failure, events, setup)))
    assert SECRET not in caplog.text


async def test_a_key_with_something_around_it_is_not_sent(provider: ScriptedProvider) -> None:
    secret = f"{SECRET}\n"
    _, failure = await ask(setup_for(base=provider.base_url, key=secret))
    assert failure is not None and failure.kind is FailureKind.KEY_REJECTED
    assert "the keyring" in failure.what
    assert SECRET not in str(failure)
    assert provider.requests == []
