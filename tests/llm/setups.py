"""Setups and calls for the tests of this room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

from amx_tui.config.model import Key, Profile, Settings
from amx_tui.llm.client import Call, Client
from amx_tui.llm.model import (
    AnswerText,
    CallEvent,
    CallFailed,
    Endpoint,
    Failure,
    Message,
    ReasoningText,
    Setup,
)
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import provider

SECRET = "sk-0123456789abcdefSECRET"
MESSAGES = (Message("system", "You describe columns."), Message("user", '{"column": "BUKRS"}'))


def setup_for(
    provider_id: str = "kimi",
    model: str = "kimi-k2-thinking",
    *,
    base: str | None = None,
    key: str | None = SECRET,
    settings: Settings | None = None,
    bases: tuple[str, ...] | None = None,
    **profile: Any,
) -> Setup:
    row = provider(provider_id)
    if bases is not None:
        row = replace(row, bases=bases)
    return Setup(
        profile=Profile("kimi-thinking", provider_id, model, base, **profile),
        model=find_model(provider_id, model),
        endpoint=Endpoint(row, base or row.bases[0], Key(key, "the keyring") if key else None),
        settings=settings or Settings(),
    )


class Waits:
    """A sleep that is recorded and not slept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@asynccontextmanager
async def client_for(
    setup: Setup, *, concurrency: int = 1, sleep: Callable[[float], Any] | None = None
) -> AsyncIterator[Client]:
    client = Client(setup, concurrency=concurrency, sleep=sleep or Waits())
    try:
        yield client
    finally:
        await client.aclose()


async def collect(call: Call) -> tuple[list[CallEvent], Failure | None]:
    """Everything that a call yields, and how it failed, if it did."""
    events: list[CallEvent] = []
    try:
        async with aclosing(call.events()) as stream:
            async for event in stream:
                events.append(event)
    except CallFailed as failed:
        return events, failed.failure
    return events, None


async def ask(setup: Setup, **options: Any) -> tuple[list[CallEvent], Failure | None]:
    async with client_for(setup, **options) as client:
        return await collect(client.call(MESSAGES))


def answer_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, AnswerText))


def reasoning_of(events: list[CallEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ReasoningText))
