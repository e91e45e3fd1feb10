"""What a provider tells of an account beside the chat: which models a key has, and what is left to
spend. It asks only the host that gets the prompt, and only when it is called."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from amx_tui.base.text import one_line
from amx_tui.llm.failures import classify, classify_transport, describe, quote
from amx_tui.llm.model import (
    Balance,
    CallFailed,
    Failure,
    FailureKind,
    ListedModel,
    LlmProblem,
    Model,
    Provider,
    Rates,
    Setup,
)
from amx_tui.llm.models import find_model
from amx_tui.llm.network import Answered, get, get_over, read_json
from amx_tui.llm.providers import currency_at, normal_base
from amx_tui.llm.stream import Garbled, Refusal, read_error_body

if TYPE_CHECKING:
    import httpx

# From the first byte out to the last byte in, in seconds.
LONGEST_QUESTION = 10.0
# OpenRouter's list, the longest one, has about a megabyte.
_MOST_LIST = 8_000_000
_MOST_BALANCE = 65_536
# More tokens than any context has: a figure above it is a mistake.
_MOST_TOKENS = 100_000_000
# More USD per million tokens than any model costs.
MOST_RATE = 10_000.0
_LONGEST_ID = 200

# Where the balance stands, and what is taken off it: Moonshot (platform.kimi.ai/docs/api/balance),
# OpenRouter ("Get credits").
_BALANCES = (("available_balance", ""), ("total_credits", "total_usage"))
# A host that does not know the question, or does not let this key ask it.
_UNTOLD = frozenset({403, 404, 405})


async def list_models(
    setup: Setup, *, transport: httpx.AsyncBaseTransport | None = None
) -> tuple[ListedModel, ...]:
    """The models that the setup's host lists for the setup's key, in its order.

    Raises:
        CallFailed: it did not tell; the failure is a row of the failure table.
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
    """
    answered = await _ask(setup, setup.endpoint.provider.models_path, _MOST_LIST, transport)
    return _read_models(answered, setup)


async def read_available(http: httpx.AsyncClient, setup: Setup) -> tuple[str, ...]:
    """The ids of the models that the setup's host lists for its key, asked over `http`, which is open
    already; empty where it does not tell."""
    question = partial(get_over, http)
    try:
        answered = await _put(question, setup, setup.endpoint.provider.models_path, _MOST_LIST)
        return tuple(row.id for row in _read_models(answered, setup))
    except CallFailed:
        return ()


def _read_models(answered: Answered, setup: Setup) -> tuple[ListedModel, ...]:
    if answered.status != 200:
        raise CallFailed(_refused(answered, setup))
    rows = _list_in(_value_of(answered, setup))
    if rows is None:
        raise CallFailed(_malformed(answered, setup))
    title = setup.endpoint.provider.title
    return read_listing(rows, source=f"{title}'s list")


async def read_balance(
    setup: Setup, *, transport: httpx.AsyncBaseTransport | None = None
) -> Balance | None:
    """What the account of the setup's key has left; None where the provider does not tell this key.

    Raises:
        CallFailed: it did not answer, or not readably.
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
    """
    endpoint = setup.endpoint
    if not endpoint.provider.balance_path:
        return None
    answered = await _ask(setup, endpoint.provider.balance_path, _MOST_BALANCE, transport)
    return _read_balance(answered, setup)


async def read_left(http: httpx.AsyncClient, setup: Setup) -> Balance | None:
    """`read_balance` over `http`, which is open already; None also where it did not answer."""
    path = setup.endpoint.provider.balance_path
    if not path:
        return None
    try:
        answered = await _put(partial(get_over, http), setup, path, _MOST_BALANCE)
        return _read_balance(answered, setup)
    except CallFailed:
        return None


def _read_balance(answered: Answered, setup: Setup) -> Balance | None:
    endpoint = setup.endpoint
    if answered.status in _UNTOLD:
        return None
    if answered.status != 200:
        raise CallFailed(_refused(answered, setup))
    value = _value_of(answered, setup)
    data = value.get("data") if isinstance(value, Mapping) else None
    for name, spent in _BALANCES:
        if not isinstance(data, Mapping):
            break
        left, off = _number(data.get(name)), _number(data.get(spent)) if spent else 0.0
        if left is not None and off is not None:
            return Balance(left - off, currency_at(endpoint.provider, endpoint.base))
    raise CallFailed(_malformed(answered, setup))


def read_listing(rows: list[object], *, source: str = "") -> tuple[ListedModel, ...]:
    """The models of a list in OpenAI's shape, with what Moonshot and OpenRouter add to it. A row without
    an id is passed over, a field that makes no sense is unknown. `source` is that of the rates."""
    found: dict[str, ListedModel] = {}
    for row in rows:
        if not isinstance(row, Mapping):
            continue
        id = row.get("id")
        if not isinstance(id, str) or not id.strip() or len(id) > _LONGEST_ID or id != one_line(id):
            continue
        if not id.isprintable():  # such as a character that does not exist
            continue
        names = row.get("supported_parameters")
        parameters = (
            frozenset(name for name in names if isinstance(name, str))
            if isinstance(names, list)
            else None
        )
        reasons = row.get("supports_reasoning")
        if not isinstance(reasons, bool):
            reasons = "reasoning" in parameters if parameters is not None else None
        served = row.get("top_provider")
        most = served.get("max_completion_tokens") if isinstance(served, Mapping) else None
        found[id] = ListedModel(
            id,
            context=_tokens(row.get("context_length")),
            max_output=_tokens(most),
            reasons=reasons,
            parameters=parameters,
            rates=_listed_rates(id, row.get("pricing"), source),
        )
    return tuple(found.values())


def model_from_listing(row: ListedModel, provider: Provider) -> Model:
    """What is known of a listed model: its row of the table, where it has one. Else what the list
    says, and for the rest what its name gives away; `is_inferred` then stays."""
    model = find_model(provider.id, row.id)
    if not model.is_inferred:
        return model
    takes = row.parameters
    return replace(
        model,
        context=row.context or model.context,
        max_output=row.max_output or model.max_output,
        reasons=model.reasons if row.reasons is None else row.reasons,
        pins_temperature=model.pins_temperature if takes is None else "temperature" not in takes,
        has_logprobs=model.has_logprobs if takes is None else "logprobs" in takes,
        rates=row.rates or model.rates,
    )


def rates_per_token(
    input: object, output: object, cached: object, *, source: str, is_free: bool = False
) -> Rates | None:
    """Rates from USD per token, as numbers or as decimal strings; None where they are no plausible
    price. Nothing at all is a price only where it is said to be (`is_free`)."""
    figures = [_per_million(value) for value in (input, output)]
    if figures[0] is None or figures[1] is None or (not any(figures) and not is_free):
        return None
    cheaper = _per_million(cached)
    if not cheaper or cheaper > figures[0]:
        cheaper = None
    return Rates(figures[0], figures[1], cheaper, source)


async def _ask(
    setup: Setup, path: str, most_bytes: int, transport: httpx.AsyncBaseTransport | None
) -> Answered:
    question = partial(get, ca_bundle=setup.settings.ca_bundle, transport=transport)
    return await _put(question, setup, path, most_bytes)


class _Question(Protocol):
    def __call__(
        self, url: str, headers: Mapping[str, str], *, most_bytes: int, seconds: float
    ) -> Awaitable[Answered]: ...


async def _put(question: _Question, setup: Setup, path: str, most_bytes: int) -> Answered:
    """Puts `question` to the setup's host with its key; what goes wrong is a row of the table."""
    endpoint = setup.endpoint
    # Short answers; a compressed one could unfold to any size.
    headers = {"Accept-Encoding": "identity", **endpoint.provider.headers}
    key = endpoint.key
    if key is not None and key.secret:
        if not (key.secret.isascii() and key.secret.isprintable()):
            fault = "it holds characters that no key has"
            raise CallFailed(describe(FailureKind.KEY_REJECTED, setup, key_fault=fault))
        headers["Authorization"] = f"Bearer {key.secret}"
    try:
        return await question(
            normal_base(endpoint.base) + path,
            headers,
            most_bytes=most_bytes,
            seconds=LONGEST_QUESTION,
        )
    except TimeoutError:
        silent = describe(
            FailureKind.SILENCE, setup, seconds=f"{LONGEST_QUESTION:g}", phase=f"asked for {path}"
        )
        raise CallFailed(replace(silent, remedy="Try again in a while")) from None
    except LlmProblem:
        raise
    except Exception as error:  # not only httpx's: sockets and idna have their own
        raise CallFailed(classify_transport(error, setup, has_text=False)) from None


def _refused(answered: Answered, setup: Setup) -> Failure:
    said = read_error_body(answered.body)
    if isinstance(said, Garbled):
        said = Refusal("" if said.is_page else said.excerpt)
    return classify(answered.status, said.type, said.message, answered.headers, setup)


def _value_of(answered: Answered, setup: Setup) -> object:
    if answered.is_whole:
        try:
            return read_json(answered.body)
        except ValueError:
            pass
    raise CallFailed(_malformed(answered, setup))


def _malformed(answered: Answered, setup: Setup) -> Failure:
    text = answered.body[:400].decode("utf-8", "replace")
    is_page = text.lstrip()[:1] == "<"
    return describe(
        FailureKind.MALFORMED, setup, said=quote(text, setup), is_page="yes" if is_page else ""
    )


def _list_in(value: object) -> list[object] | None:
    data = value.get("data") if isinstance(value, Mapping) else value
    return data if isinstance(data, list) else None


def _listed_rates(id: str, pricing: object, source: str) -> Rates | None:
    if not isinstance(pricing, Mapping):
        return None
    return rates_per_token(
        pricing.get("prompt"),
        pricing.get("completion"),
        pricing.get("input_cache_read"),
        source=source,
        is_free=id.endswith(":free"),
    )


def _per_million(value: object) -> float | None:
    per_token = _number(value)
    if per_token is None or not 0 <= per_token <= MOST_RATE / 1e6:
        return None
    # A millionth of a cent is noise of the multiplication.
    return round(per_token * 1e6, 8)


def _tokens(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and 0 < number <= _MOST_TOKENS else None


def _number(value: object) -> float | None:
    """A finite number, or one that is written as a string; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
