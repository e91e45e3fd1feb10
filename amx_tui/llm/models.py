"""What models can do, as data: a new model is one more row and no code.

It knows nothing of requests. What a provider does differently from its row is learnt while asking
(`amx_tui.llm.client`), not guessed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from amx_tui.llm.model import Model, Rates
from amx_tui.llm.providers import PROVIDERS

_K = 1024
# Sources of the figures. Dates of retirement: the "Deprecated models" section of
# platform.kimi.com/docs; which models still answer: UKGovernmentBEIS/inspect_ai#5142.
_LISTED = "Moonshot's list, by LiteLLM 1.109 (2026-09)"
_LISTED_BEFORE = "Moonshot's last list, by LiteLLM 1.81"
_LISTED_MODELS_DEV = "Moonshot's list, by models.dev (2026-07)"
_OPENROUTER = "OpenRouter, by models.dev (2026-07); floats"
_K2_END = "2026-05-25"
_V1_END = "2026-08-31"


def _moonshot_v1(size: int, input: float, output: float, pick_when: str) -> Model:
    return Model(
        id=f"moonshot-v1-{size}k",
        provider="kimi",
        context=size * _K,
        has_logprobs=True,
        rates=Rates(input, output, source=_LISTED_BEFORE),
        pick_when=pick_when,
        retired=_V1_END,
        successor="kimi-k2.6",
    )


def _openrouter(id: str, input: float, output: float, like: Model) -> Model:
    """`like` as OpenRouter serves it: other hosts, other rates, temperature as it is sent."""
    return replace(
        like,
        id=id,
        provider="openrouter",
        rates=Rates(input, output, source=_OPENROUTER),
        pins_temperature=False,
        has_logprobs=False,
        effort_as=None,
        efforts=("minimal", "low", "medium", "high"),
        off_as="reasoning" if like.off_as else None,
        retired=None,
        successor=None,
        openrouter_id=None,
    )


_K3 = Model(
    id="kimi-k3",
    provider="kimi",
    context=1_024 * _K,
    max_output=1_024 * _K,
    reasons=True,
    # Its own scale, and no object: platform.kimi.com/docs.
    effort_as="reasoning_effort",
    efforts=("low", "high", "max"),
    pins_temperature=True,
    rates=Rates(3, 15, 0.30, _LISTED),
    pick_when="the strongest and the dearest; 1 M context for the widest tables",
    openrouter_id="moonshotai/kimi-k3",
)
_K27_CODE = Model(
    id="kimi-k2.7-code",
    provider="kimi",
    context=256 * _K,
    max_output=256 * _K,
    reasons=True,
    pins_temperature=True,
    rates=Rates(0.95, 4, 0.19, _LISTED),
    pick_when="always thinks; strong where names come from program code",
    openrouter_id="moonshotai/kimi-k2.7-code",
)
_K26 = Model(
    id="kimi-k2.6",
    provider="kimi",
    context=256 * _K,
    max_output=256 * _K,
    reasons=True,
    off_as="thinking",
    pins_temperature=True,
    has_logprobs=True,
    rates=Rates(0.95, 4, 0.16, _LISTED),
    pick_when="the everyday choice for cryptic schemas; thinks before it answers",
    openrouter_id="moonshotai/kimi-k2.6",
)
_K25 = Model(
    id="kimi-k2.5",
    provider="kimi",
    context=256 * _K,
    max_output=256 * _K,
    reasons=True,
    off_as="thinking",
    pins_temperature=True,
    has_logprobs=True,
    rates=Rates(0.60, 3, 0.10, _LISTED),
    pick_when="cheaper than K2.6, a little weaker",
    retired=_V1_END,
    successor="kimi-k2.6",
    openrouter_id="moonshotai/kimi-k2.5",
)
_K2_THINKING = Model(
    id="kimi-k2-thinking",
    provider="kimi",
    context=256 * _K,
    max_output=256 * _K,
    reasons=True,
    rates=Rates(0.60, 2.50, 0.15, _LISTED_BEFORE),
    pick_when="thinks at length; strong on cryptic schemas, slow for bulk work",
    retired=_K2_END,
    successor="kimi-k2.6",
    openrouter_id="moonshotai/kimi-k2-thinking",
)
_K2_0905 = Model(
    id="kimi-k2-0905-preview",
    provider="kimi",
    context=256 * _K,
    has_logprobs=True,
    rates=Rates(0.60, 2.50, 0.15, _LISTED_BEFORE),
    pick_when="follows instructions without thinking first: fast, for names that say something",
    retired=_K2_END,
    successor="kimi-k2.6",
    openrouter_id="moonshotai/kimi-k2-0905",
)

_ROWS = (
    _K26,
    _K27_CODE,
    replace(
        _K27_CODE,
        id="kimi-k2.7-code-highspeed",
        rates=Rates(1.90, 8, 0.38, _LISTED_MODELS_DEV),
        pick_when="K2.7 code at twice the price, several times as fast",
        openrouter_id=None,
    ),
    _K3,
    _K2_THINKING,
    replace(
        _K2_THINKING,
        id="kimi-k2-thinking-turbo",
        rates=Rates(1.15, 8, 0.15, _LISTED_BEFORE),
        pick_when="K2 thinking, faster and dearer",
        successor="kimi-k2.7-code-highspeed",
    ),
    # On AMX's page, yet only other hosts were ever seen to use this id for it; the K2 line as a whole
    # left Moonshot's API on that day.
    replace(
        _K2_0905,
        id="kimi-k2-instruct",
        rates=None,
        pick_when="K2 tuned for instructions: answers at once, without thinking",
    ),
    _K2_0905,
    replace(
        _K2_0905,
        id="kimi-k2-turbo-preview",
        rates=Rates(1.15, 8, 0.15, _LISTED_BEFORE),
        pick_when="K2 for instructions, faster and dearer",
        openrouter_id=None,
    ),
    replace(
        _K2_0905,
        id="kimi-k2-0711-preview",
        context=128 * _K,
        pick_when="the first K2, with half the context",
    ),
    _K25,
    _moonshot_v1(8, 0.20, 2, "light chat, 8 K context, cheap"),
    _moonshot_v1(32, 1, 3, "the same with more context, for very wide tables"),
    _moonshot_v1(128, 2, 5, "128 K context, when schema and documents are both large"),
    _openrouter("moonshotai/kimi-k2-thinking", 0.60, 2.50, _K2_THINKING),
    _openrouter("moonshotai/kimi-k2.6", 0.55, 3.20, _K26),
    _openrouter("moonshotai/kimi-k2.7-code", 0.74, 3.50, _K27_CODE),
    _openrouter("moonshotai/kimi-k3", 3, 15, _K3),
    _openrouter("moonshotai/kimi-k2.5", 0.375, 2.025, _K25),
    _openrouter("moonshotai/kimi-k2-0905", 0.60, 2.50, _K2_0905),
)

MODELS: Mapping[tuple[str, str], Model] = MappingProxyType(
    {(row.provider, row.id): row for row in _ROWS}
)


@dataclass(frozen=True, slots=True)
class _Inference:
    """What a name gives away, where the table has no row."""

    name: re.Pattern[str]
    reasons: bool = False
    pins_temperature: bool = False
    context: int | None = None


# The first that matches, against the last part of the id, in lower case.
_INFERENCES = (
    # Every Moonshot model since K2.5 thinks and pins its temperature.
    _Inference(re.compile(r"kimi-k(2\.[5-9]|[3-9])"), True, True, 256 * _K),
    _Inference(re.compile(r"kimi-k2.*thinking"), True, False, 256 * _K),
    _Inference(re.compile(r"kimi-(k\d.*)?(thinking|latest)"), True),
    _Inference(re.compile(r"(o[1-9]|gpt-[5-9])([-.]|$)"), True, True),
    _Inference(
        re.compile(r".*(-|^)(thinking|reasoner|reasoning|think|r1|qwq|magistral)([-.:]|$)"), True
    ),
)


def find_model(provider_id: str, model_id: str) -> Model:
    """What is known of a model at a provider: its row, else what its name gives away.

    The same model at a host that has no row for it (`ollama`, `local`, a `:free` variant at OpenRouter)
    takes its abilities from the row, but neither its rates nor its retirement. `is_inferred` marks
    everything that is not an exact row.
    """
    provider_id = provider_id.strip().lower()
    row = MODELS.get((provider_id, model_id))
    if row is not None:
        return row
    name = model_id.strip().lower().rpartition("/")[2].partition(":")[0]
    for known in (*models_of("kimi"), *models_of("openrouter")):
        if known.id.rpartition("/")[2] == name:
            return replace(
                known,
                id=model_id,
                provider=provider_id,
                effort_as=None,
                efforts=("minimal", "low", "medium", "high"),
                off_as=None,
                pins_temperature=known.pins_temperature and provider_id == "kimi",
                has_logprobs=_tells_logprobs(provider_id, known.reasons),
                rates=None,
                pick_when="",
                retired=None,
                successor=None,
                openrouter_id=None,
                is_inferred=True,
            )
    for inference in _INFERENCES:
        if inference.name.match(name):
            return Model(
                id=model_id,
                provider=provider_id,
                context=inference.context,
                reasons=inference.reasons,
                pins_temperature=inference.pins_temperature and provider_id in ("kimi", "openai"),
                has_logprobs=_tells_logprobs(provider_id, inference.reasons),
                is_inferred=True,
            )
    return Model(
        id=model_id,
        provider=provider_id,
        has_logprobs=_tells_logprobs(provider_id, False),
        is_inferred=True,
    )


def _tells_logprobs(provider_id: str, reasons: bool) -> bool:
    row = PROVIDERS.get(provider_id)
    return row is not None and row.has_logprobs and not reasons


def models_of(provider_id: str) -> tuple[Model, ...]:
    """The rows of a provider, the ones to suggest first; retired ones are among them and say so."""
    rows = [row for row in _ROWS if row.provider == provider_id]
    return tuple(sorted(rows, key=lambda row: row.retired is not None))
