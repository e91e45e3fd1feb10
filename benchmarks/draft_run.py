"""How long a thousand columns take through everything that a draft takes: plan, HTTP, reading the answer
as it streams, and the store, which syncs to disk. Against the ideal of the same run: a provider that
answers after two seconds, four requests side by side, and nothing but waiting for it.

Then against a provider that allows one request at a time and refuses the others with 429, as Moonshot
does with a new account: all columns have to come, and of the requests few may have been sent in vain.
There it answers sooner, because waiting for it measures nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from _terminal import CHECKOUT, judge

sys.path.insert(0, str(CHECKOUT))
from amx_tui.catalog.model import Catalog, Column, ColumnEvidence, Table
from amx_tui.config.model import Key, Privacy, Profile, Settings
from amx_tui.drafting.engine import Run
from amx_tui.drafting.model import Plan, RunState, Scope
from amx_tui.drafting.plan import choose_targets, make_plan, scope_in_words
from amx_tui.llm.client import Client
from amx_tui.llm.model import Endpoint, Setup
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import provider
from amx_tui.llm.rates import rates_for
from amx_tui.review.recorder import StoreRecorder
from amx_tui.review.store import Store
from tests.provider import Reply, ScriptedProvider, draft

WALL_LIMIT = 1.15
WASTED_LIMIT = 0.1
SLOTS = 4
COLUMNS_A_TABLE = 40


@dataclass(frozen=True)
class Outcome:
    seconds: float
    columns: int  # drafted, as the store has them afterwards
    requests: int
    refused: int
    batches: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="sooner answers, at most 20 seconds")
    options = parser.parse_args()
    columns, latency, alone = (240, 1.0, 0.01) if options.quick else (1_000, 2.0, 0.2)
    print(f"{columns} columns, ten a batch, {SLOTS} slots, the first token after {latency:g} s")
    wide = asyncio.run(_draft(columns, latency, None))
    ideal = math.ceil(wide.batches / SLOTS) * latency
    print(f"  {wide.seconds:6.2f} s for {wide.batches} batches, ideal {ideal:.2f} s")
    columns = 1_000
    print(f"{columns} columns, one request at a time, the first token after {alone:g} s")
    narrow = asyncio.run(_draft(columns, alone, 1))
    print(
        f"  {narrow.seconds:6.2f} s for {narrow.batches} batches, ideal"
        f" {narrow.batches * alone:.2f} s; {narrow.requests} requests, {narrow.refused} refused"
    )
    lost = columns - narrow.columns
    met = [
        judge("draft_wall", wide.seconds / ideal, WALL_LIMIT),
        judge("draft_lost", lost, 0.0),
        judge("draft_wasted", narrow.refused / narrow.requests, WASTED_LIMIT),
    ]
    return 0 if all(met) else 1


async def _draft(columns: int, latency: float, most_at_once: int | None) -> Outcome:
    """One run; its time is that from the first order to the last event, with the client's start."""
    reply: Callable[[Mapping[str, Any]], Reply] = partial(draft, ttft=latency)
    with tempfile.TemporaryDirectory(prefix="amx-bench-") as folder, ScriptedProvider() as server:
        server.answer = reply
        server.most_at_once = most_at_once
        setup = _setup(server.base_url)
        plan = _plan(columns, setup)
        store = Store(Path(folder) / "tui.db")
        recorder = StoreRecorder(store, Path(folder), "benchmark")
        began = time.perf_counter()
        client = await asyncio.to_thread(Client, setup, concurrency=SLOTS)
        run = Run(plan, client, recorder, rates_for(setup.profile, setup.model))
        async with contextlib.aclosing(run.events()) as events:
            async for _ in events:
                pass
        seconds = time.perf_counter() - began
        await client.aclose()
        await recorder.aclose()
        if run.state is not RunState.FINISHED:
            sys.exit(f"the run {run.state}")
        kept = sum(1 for row in store.rows(plan.database) if not row.target.is_table)
        return Outcome(seconds, kept, len(server.calls), server.refused, len(plan.batches))


def _setup(base: str) -> Setup:
    profile = Profile("bench", "kimi", "kimi-k2-thinking", base, column_batch_size=10)
    endpoint = Endpoint(provider("kimi"), base, Key("sk-0123456789abcdef", "the benchmark"))
    return Setup(profile, find_model("kimi", profile.model), endpoint, Settings())


def _plan(columns: int, setup: Setup) -> Plan:
    tables = tuple(
        Table(
            "main",
            f"ZTAB_{number:03}",
            columns=tuple(Column(f"X_FLD_{at:02}", "CHAR(4)") for at in range(COLUMNS_A_TABLE)),
            row_count=9_812,
        )
        for number in range(columns // COLUMNS_A_TABLE)
    )
    catalog = Catalog(tables)
    targets = choose_targets(catalog, Scope())
    seen = {f"X_FLD_{at:02}": ColumnEvidence(0.0, 4, ("A999",)) for at in range(COLUMNS_A_TABLE)}
    return make_plan(
        catalog,
        targets,
        {table.target: seen for table in tables},
        setup,
        database=f"bench:{os.getpid()}",
        scope=scope_in_words(targets),
        privacy=Privacy.SHAPES,
    )


if __name__ == "__main__":
    sys.exit(main())
