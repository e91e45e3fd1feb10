"""Prices from public tables, fetched when a person asks for them and kept in a file until then. It
knows no profile; no key goes to a price table."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from amx_tui.base.text import one_line
from amx_tui.llm.model import LlmProblem, Model, Rates
from amx_tui.llm.network import get, read_json
from amx_tui.llm.providers import PROVIDERS, host_of
from amx_tui.llm.services import MOST_RATE, rates_per_token, read_listing

if TYPE_CHECKING:
    import httpx

# LiteLLM's table has about two megabytes.
_MOST_BYTES = 24_000_000
_FETCH_SECONDS = 30.0
_VERSION = 1

# A model at a provider, as `find_model` takes them.
ModelKey = tuple[str, str]
RatesByModel = Mapping[ModelKey, Rates]


@dataclass(frozen=True, slots=True)
class PriceSource:
    """A public table: where it is, and how it is read. `read` raises ValueError where it is none."""

    id: str
    title: str
    url: str
    read: Callable[[object, str], dict[ModelKey, Rates]]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Fetched rates by source; of two sources that know a model, the later one counts."""

    sources: Mapping[str, RatesByModel] = field(default_factory=dict)

    def find(self, provider_id: str, model_id: str) -> Rates | None:
        """The fetched rates of a model, None where no source knows it."""
        for source in reversed(SOURCES_IN_ORDER):
            rates = self.sources.get(source, {}).get((provider_id, model_id))
            if rates is not None:
                return rates
        return None

    @property
    def fetched_at(self) -> float | None:
        """When the oldest part of it was fetched, in seconds since 1970; None where nothing was."""
        moments = [
            rates.fetched_at
            for by_model in self.sources.values()
            for rates in by_model.values()
            if rates.fetched_at is not None
        ]
        return min(moments, default=None)

    def __len__(self) -> int:
        return sum(map(len, self.sources.values()))


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a fetch: the table with what is new, and one problem for each source that failed,
    whose rates are those of before."""

    table: PriceTable
    problems: tuple[LlmProblem, ...]


def price_model(model: Model, table: PriceTable) -> Model:
    """`model` at its fetched rates, or at those that came with the program; None stays None."""
    fetched = table.find(model.provider, model.id)
    return model if fetched is None else replace(model, rates=fetched)


async def fetch_prices(
    sources: Sequence[PriceSource],
    before: PriceTable,
    *,
    ca_bundle: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.time,
) -> Fetched:
    """Asks each source for its table; what cannot be had stays as it was in `before`.

    Raises:
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
    """
    tables = dict(before.sources)
    problems = []
    for source in sources:
        try:
            rates = await _fetch(source, ca_bundle, transport)
        except _Unfetched as failed:
            problems.append(failed.problem)
            continue
        at = clock()
        tables[source.id] = {key: replace(one, fetched_at=at) for key, one in rates.items()}
    return Fetched(PriceTable(tables), tuple(problems))


def load_prices(path: Path) -> PriceTable:
    """The table that `save_prices` kept; an empty one where there is none, or none that can be read:
    it can be fetched again at any time."""
    try:
        return _read_kept(read_json(path.read_bytes()))
    except (OSError, ValueError):
        return PriceTable()


def save_prices(path: Path, table: PriceTable) -> None:
    """Keeps `table` in one step.

    Raises:
        LlmProblem: the cache folder cannot be written.
    """
    from amx_tui.base.files import write_atomic

    kept = {
        "version": _VERSION,
        "sources": {
            id: [
                [*key, one.input, one.output, one.cached, one.source, one.fetched_at]
                for key, one in rates.items()
            ]
            for id, rates in table.sources.items()
        },
    }
    try:
        write_atomic(path, json.dumps(kept, ensure_ascii=False))
    except OSError as error:
        raise LlmProblem(
            f"The prices cannot be kept in {one_line(str(path), 120)}",
            one_line(error.strerror or str(error), 200),
            "They hold until you leave; make that folder writable to keep them",
        ) from error


class _Unfetched(Exception):
    def __init__(self, problem: LlmProblem) -> None:
        super().__init__(problem.what)
        self.problem = problem


async def _fetch(
    source: PriceSource, ca_bundle: str | None, transport: httpx.AsyncBaseTransport | None
) -> dict[ModelKey, Rates]:
    import httpx

    why = ""
    try:
        answered = await get(
            source.url,
            {},
            most_bytes=_MOST_BYTES,
            ca_bundle=ca_bundle,
            transport=transport,
            seconds=_FETCH_SECONDS,
        )
        if answered.status != 200:
            why = f"It answered {answered.status}"
        elif not answered.is_whole:
            why = f"It sent more than {_MOST_BYTES // 1_000_000} MB"
        else:
            rates = source.read(read_json(answered.body), source.title)
            if rates:
                return rates
            why = "It names no price of a provider that amx-tui knows"
    except TimeoutError:
        why = f"It took more than {_FETCH_SECONDS:g} s"
    except ValueError:
        why = "What it sent is no price table"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = one_line(str(error), 200) or type(error).__name__
    raise _Unfetched(
        LlmProblem(
            f"{source.title} could not be fetched from {host_of(source.url)}",
            why,
            "What was known before still holds; press f to try again",
        )
    )


# LiteLLM's names of providers that are ours as well.
_LITELLM_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {"moonshot": "kimi", "openrouter": "openrouter", "openai": "openai", "deepseek": "deepseek"}
)
_LITELLM_MODES = frozenset({"chat", "responses", "completion", None})


def read_litellm(value: object, title: str) -> dict[ModelKey, Rates]:
    """The rates in LiteLLM's `model_prices_and_context_window.json`, USD per token there, of the
    providers that we know: `moonshot/kimi-k3` is kimi's `kimi-k3`.

    Raises:
        ValueError: it is no such table.
    """
    if not isinstance(value, Mapping):
        raise ValueError("no object")
    found: dict[ModelKey, Rates] = {}
    for name, row in value.items():
        if not isinstance(row, Mapping) or not isinstance(name, str):
            continue
        theirs, mode = row.get("litellm_provider"), row.get("mode")
        if not isinstance(theirs, str) or not isinstance(mode, str | None):
            continue
        ours = _LITELLM_PROVIDERS.get(theirs)
        if ours is None or mode not in _LITELLM_MODES:
            continue
        id = name.removeprefix(f"{theirs}/")
        rates = rates_per_token(
            row.get("input_cost_per_token"),
            row.get("output_cost_per_token"),
            row.get("cache_read_input_token_cost"),
            source=title,
            is_free=id.endswith(":free"),
        )
        if rates is not None and id == one_line(id):
            found[ours, id] = rates
    return found


def read_openrouter(value: object, title: str) -> dict[ModelKey, Rates]:
    """The rates in OpenRouter's `/api/v1/models`, decimal strings in USD per token there.

    Raises:
        ValueError: it is no such list.
    """
    rows = value.get("data") if isinstance(value, Mapping) else None
    if not isinstance(rows, list):
        raise ValueError("no list")
    listed = read_listing(rows, source=title)
    return {("openrouter", row.id): row.rates for row in listed if row.rates is not None}


SOURCES = (
    PriceSource(
        "litellm",
        "LiteLLM's table",
        "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
        read_litellm,
    ),
    PriceSource(
        "openrouter",
        "OpenRouter's list",
        f"{PROVIDERS['openrouter'].bases[0]}/models",
        read_openrouter,
    ),
)
# OpenRouter knows its own prices best.
SOURCES_IN_ORDER = tuple(source.id for source in SOURCES)


def _read_kept(value: object) -> PriceTable:
    """Raises ValueError for anything that `save_prices` does not write."""
    if not isinstance(value, Mapping) or value.get("version") != _VERSION:
        raise ValueError("another version")
    sources = value.get("sources")
    if not isinstance(sources, Mapping):
        raise ValueError("no sources")
    tables: dict[str, RatesByModel] = {}
    for id, rows in sources.items():
        if id not in SOURCES_IN_ORDER or not isinstance(rows, list):
            continue
        tables[id] = dict(_read_kept_row(row) for row in rows)
    return PriceTable(tables)


def _read_kept_row(row: object) -> tuple[ModelKey, Rates]:
    match row:
        case [str(provider), str(id), input, output, cached, str(source), fetched_at]:
            return (provider, id), Rates(
                _kept_rate(input),
                _kept_rate(output),
                None if cached is None else _kept_rate(cached),
                one_line(source, 80),
                _kept_number(fetched_at, math.inf),
            )
    raise ValueError("no row")


def _kept_rate(value: object) -> float:
    return _kept_number(value, MOST_RATE)


def _kept_number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError("no figure")
    return float(value)
