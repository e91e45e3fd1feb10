"""What is sent, as a pure function of what it is made from; knows no network.

Nothing here is learnt: what a provider refuses comes in as `without`.
"""

from __future__ import annotations

from collections.abc import Sequence

from amx_tui.llm.model import BudgetAs, Message, ParameterDrop, Setup

# From the least to the most: OpenRouter's scale, of which every other one is a part
# (openrouter.ai/docs, "Reasoning tokens").
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# The most that an empty answer is asked again with, in tokens.
MOST_OUTPUT = 131_072
# How many others are told beside each token. The confidence needs none of them, but some servers tell
# nothing where none are asked for; AMX asks for so many.
TOP_LOGPROBS = 5

_BUDGETS: tuple[BudgetAs, BudgetAs] = ("max_tokens", "max_completion_tokens")


def request_body(
    setup: Setup,
    messages: Sequence[Message],
    *,
    budget: int,
    without: frozenset[str] = frozenset(),
) -> dict[str, object]:
    """The JSON object of one chat completion request, streamed, with `budget` tokens of output at most.

    `without` names top-level parameters that the provider has refused. The output limit has two names;
    the one that is not refused is used, none where both are.
    """
    model, provider = setup.model, setup.endpoint.provider
    body: dict[str, object] = {
        "model": model.id,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if not model.pins_temperature:
        body["temperature"] = setup.profile.temperature
    for name in sorted(_BUDGETS, key=lambda name: name != provider.budget_as):
        if name not in without:
            body[name] = budget
            break
    effort = effort_for(setup)
    if not thinks(setup):
        if model.reasons and model.off_as == "thinking":
            body["thinking"] = {"type": "disabled"}
        elif model.reasons:
            body["reasoning"] = {"effort": "none"}
        if model.has_logprobs:
            body["logprobs"] = True
            body["top_logprobs"] = TOP_LOGPROBS
    elif effort is not None:
        match model.effort_as or provider.effort_as:
            case "reasoning":
                body["reasoning"] = {"effort": effort}
            case "reasoning_effort":
                body["reasoning_effort"] = effort
            case "none":
                pass
    if "logprobs" in without:
        without |= {"top_logprobs"}  # the one means nothing without the other
    return {name: value for name, value in body.items() if name not in without}


def output_budget(setup: Setup, prompt_tokens: int) -> int:
    """How many tokens the answer may have, thinking included: the profile's `max_tokens`, on reasoning
    routes at least `AMX_LLM_MIN_MAX_TOKENS`, and never more than the model gives or than its context
    leaves after `prompt_tokens`; at least 1."""
    wanted = setup.profile.max_tokens
    if thinks(setup):
        wanted = max(wanted, setup.settings.min_max_tokens)
    return limit_output(setup, wanted, prompt_tokens)


def raised_budget(setup: Setup, budget: int, prompt_tokens: int) -> int:
    """Four times `budget`, within the same limits and `MOST_OUTPUT`; not above `budget` where those
    leave nothing to raise."""
    return limit_output(setup, min(4 * budget, MOST_OUTPUT), prompt_tokens)


def limit_output(setup: Setup, wanted: int, prompt_tokens: int) -> int:
    """`wanted` tokens, or what the model and its context allow of them; at least 1."""
    limits = [wanted]
    if setup.model.max_output is not None:
        limits.append(setup.model.max_output)
    if setup.model.context is not None:
        limits.append(setup.model.context - prompt_tokens)
    return max(min(limits), 1)


def thinks(setup: Setup) -> bool:
    """Whether the model thinks before it answers: always, unless the effort is `none` and the model can
    be switched off."""
    model = setup.model
    return model.reasons and not (setup.settings.reasoning_effort == "none" and model.off_as)


def effort_for(setup: Setup) -> str | None:
    """The effort that is asked for, in the model's own scale: `AMX_REASONING_EFFORT`, or the nearest
    lower level that the model has, or its lowest. None where no effort is said."""
    model = setup.model
    if not thinks(setup) or (model.effort_as or setup.endpoint.provider.effort_as) == "none":
        return None
    wanted = setup.settings.reasoning_effort
    if wanted in model.efforts or wanted not in EFFORTS:
        return wanted
    scale = sorted(model.efforts, key=EFFORTS.index)
    lower = [level for level in scale if EFFORTS.index(level) < EFFORTS.index(wanted)]
    return lower[-1] if lower else scale[0]


def effort_sent(setup: Setup) -> str:
    """The effort in a word: what is asked for, `none` where thinking is switched off, and empty where
    the model does not think or nothing is said about it."""
    if not thinks(setup):
        return "none" if setup.model.reasons else ""
    return effort_for(setup) or ""


def pinned_parameters(setup: Setup) -> tuple[ParameterDrop, ...]:
    """What is left out or replaced before anything is asked, because the model's row says so."""
    drops = []
    model = setup.model
    if model.pins_temperature:
        drops.append(
            ParameterDrop(
                "temperature", f"{model.id} sets its own; {setup.profile.temperature:g} is not sent"
            )
        )
    wanted, effort = setup.settings.reasoning_effort, effort_for(setup)
    if effort is not None and effort != wanted:
        levels = ", ".join(model.efforts)
        drops.append(
            ParameterDrop(
                f"effort {wanted}", f"{model.id} has no such level, only {levels}", instead=effort
            )
        )
    return tuple(drops)
