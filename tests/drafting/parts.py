"""What several tests of this room need: a catalog, a setup, a recorder that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from amx_tui.catalog.model import Catalog, Column, ColumnEvidence, Table, Target
from amx_tui.config.model import Key, Privacy, Profile, Settings
from amx_tui.drafting.engine import Run
from amx_tui.drafting.model import Plan, RunEvent, Scope
from amx_tui.drafting.plan import choose_targets, make_plan, scope_in_words
from amx_tui.evidence.model import Passage, Term
from amx_tui.llm.model import (
    Allowance,
    CallEvent,
    Endpoint,
    Message,
    Model,
    Phase,
    Provider,
    Rates,
    Setup,
)
from amx_tui.llm.tokens import estimate_prompt

T = TypeVar("T")

PROVIDER = Provider("kimi", "Kimi (Moonshot)", ("https://api.moonshot.ai/v1",))
RATES = Rates(0.6, 2.5, 0.15)
THINKER = Model("kimi-k2-thinking", "kimi", context=262_144, reasons=True, rates=RATES)
SMALL = Model("moonshot-v1-8k", "kimi", context=8_192, rates=Rates(0.2, 2.0))


def table_of(name: str = "BSEG", columns: int = 4, *, comment: str | None = None) -> Table:
    names = ["MANDT", "BUKRS", "BELNR", "GJAHR", "BUZEI", "WRBTR", "ZTERM", "KOSTL"]
    names += [f"Z_FLD_{number:03}" for number in range(columns)]
    made = [
        Column(one, "CHAR(4)", key_position=place + 1 if place < 2 else 0)
        for place, one in enumerate(names[:columns])
    ]
    return Table("main", name, comment=comment, columns=tuple(made), row_count=9_812)


def setup_of(
    model: Model = THINKER,
    *,
    base: str = "http://127.0.0.1:1/v1",
    batch_size: int = 2,
    alternatives: int = 3,
    verbosity: str = "brief",
    detail: str = "standard",
    max_tokens: int = 4096,
) -> Setup:
    profile = Profile(
        "kimi-thinking",
        "kimi",
        model.id,
        base,
        column_batch_size=batch_size,
        n_alternatives=alternatives,
        description_verbosity=verbosity,
        prompt_detail=detail,
        max_tokens=max_tokens,
    )
    endpoint = Endpoint(PROVIDER, base, Key("sk-test-0123456789abcdef", "a test"))
    return Setup(profile, model, endpoint, Settings(timeout_seconds=10.0))


def plan_of(
    *tables: Table,
    setup: Setup | None = None,
    evidence: Mapping[Target, Mapping[str, ColumnEvidence]] | None = None,
    cap_usd: float | None = None,
    passages: Mapping[Target, Sequence[Passage]] | None = None,
    privacy: Privacy = Privacy.SHAPES,
    terms: Sequence[Term] = (),
) -> Plan:
    catalog = Catalog(tables or (table_of(),))
    targets = choose_targets(catalog, Scope())
    return make_plan(
        catalog,
        targets,
        evidence or {},
        setup or setup_of(),
        database="sqlite:/demo.db",
        scope=scope_in_words(targets),
        privacy=privacy,
        cap_usd=cap_usd,
        passages=passages,
        terms=terms,
    )


class Memory:
    """A recorder in memory; `fails_at` makes it raise where an event is of that kind."""

    def __init__(
        self, fails_at: type[object] | None = None, error: Exception | None = None
    ) -> None:
        self.kept: list[RunEvent] = []
        self.started: list[Plan] = []
        self.fails_at = fails_at
        self.error = error or OSError(28, "No space left on device")
        self._changed = asyncio.Condition()

    async def start(self, plan: Plan, at: float) -> int:
        self.started.append(plan)
        if self.fails_at is Plan:
            raise self.error
        return 12

    async def record(self, run: int, event: RunEvent) -> None:
        assert run == 12
        await asyncio.sleep(0)
        if self.fails_at is not None and isinstance(event, self.fails_at):
            raise self.error
        async with self._changed:
            self.kept.append(event)
            self._changed.notify_all()

    async def wait_for(self, kind: type[object], count: int = 1) -> None:
        """Until so many events of that kind are kept."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.kept if isinstance(event, kind)]


class StillClock:
    """The countdown of a scripted call; it stands still."""

    def __init__(self) -> None:
        self.phase = Phase.CONNECTING
        self.limit = 180.0

    def remaining(self) -> float:
        return self.limit

    def extend(self, seconds: float) -> None:
        self.limit += seconds


Script = Callable[[Sequence[Message]], AsyncIterator[CallEvent]]


class ScriptedCall:
    def __init__(
        self, client: ScriptedClient, messages: Sequence[Message], allowance: Allowance | None
    ) -> None:
        self.client = client
        self.messages = messages
        self.allowance = allowance
        self.countdown = StillClock()

    def hurry(self) -> bool:
        return False

    async def events(self) -> AsyncIterator[CallEvent]:
        if self.allowance is not None:
            self.client.budgets.append(
                await self.allowance.grant(estimate_prompt(self.messages), 32_768, 1)
            )
        self.client.asked.append(self.messages)
        self.client.open += 1
        self.client.most_open = max(self.client.most_open, self.client.open)
        try:
            async for event in self.client.script(self.messages):
                yield event
        finally:
            self.client.open -= 1


class ScriptedClient:
    """Stands where the llm room's client stands: an async generator function says what each call
    yields. For what only the order of events decides; whatever HTTP decides is tested over HTTP."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Sequence[Message]] = []
        self.budgets: list[int] = []
        self.open = 0
        self.most_open = 0

    def call(self, messages: Sequence[Message], allowance: Allowance | None = None) -> ScriptedCall:
        return ScriptedCall(self, messages, allowance)


def no_tasks_left() -> bool:
    """Whether nothing of a run is left in the loop but the test itself."""
    return all(task is asyncio.current_task() for task in asyncio.all_tasks())


async def collect(run: Run, until: Callable[[RunEvent], object] | None = None) -> list[RunEvent]:
    """All events of a run. `until` sees each one, to give orders meanwhile."""
    events = []
    async for event in run.events():
        events.append(event)
        if until is not None:
            until(event)
    return events
