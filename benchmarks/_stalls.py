"""The real screen over a large catalog, in this process: how late its event loop is while it is looked at.
It prints one line of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from _terminal import CHECKOUT, percentile

sys.path.insert(0, str(CHECKOUT))

BEAT = 0.005  # seconds; how late it comes is how long the loop was held up
WORDS = "f0012_01"
PATIENCE = 60.0  # seconds


def memory_mb() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Heart:
    """Beats beside everything else; keeps how late each beat was, and what went on."""

    def __init__(self) -> None:
        self.late: list[tuple[float, str]] = []
        self.doing = "start"

    async def beat(self) -> None:
        while True:
            due = time.perf_counter() + BEAT
            await asyncio.sleep(BEAT)
            self.late.append((max(time.perf_counter() - due, 0.0), self.doing))


async def _until(holds: Callable[[], bool]) -> None:
    """As screens do, by asking often: what is waited for ends in threads."""
    end = time.perf_counter() + PATIENCE
    while not holds():
        if time.perf_counter() > end:
            sys.exit("it never came to that")
        await asyncio.sleep(0.005)


def look(database: str, columns: int) -> None:
    asyncio.run(_look(database, columns))


async def _look(database: str, columns: int) -> None:
    from textual.widgets import Input

    from amx_tui.app import AmxApp
    from amx_tui.catalog.opening import open_database
    from amx_tui.commands.workspace import real_workspace
    from amx_tui.config.folders import find_folders

    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_database(database)
    app = AmxApp(workspace)
    heart = Heart()
    began = time.perf_counter()
    async with app.run_test(size=(140, 40)) as pilot:
        session = app.session
        beating = asyncio.create_task(heart.beat())
        heart.doing = "reading"
        await _until(lambda: len(session.catalog.tables) > 0 and app.screen.is_mounted)
        await pilot.pause()
        first_paint = time.perf_counter() - began
        await _until(lambda: session.is_whole and session.opened.kept_at is None)
        whole = time.perf_counter() - began
        assert session.index.total.total == columns, session.index.total
        await asyncio.sleep(1)  # the copy is kept meanwhile
        heart.doing = "moving"
        for key in ("j", "j", "j", "pagedown", "G", "g"):
            await pilot.press(key)
        heart.doing = "filtering"
        await pilot.press("slash")
        keys = []
        for place, key in enumerate(WORDS):
            pressed = time.perf_counter()
            await pilot.press("underscore" if key == "_" else key)
            keys.append(time.perf_counter() - pressed)
            assert app.screen.query_one("#filter", Input).value == WORDS[: place + 1]
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        await pilot.press("escape")
        heart.doing = "marking all"
        await pilot.press("m")
        await asyncio.sleep(1)
        heart.doing = "refreshing"
        await session.read_catalog()
        beating.cancel()
        memory = memory_mb()
    late = [seconds for seconds, _ in heart.late]
    worst, doing = max(heart.late)
    print(
        json.dumps(
            {
                "first_paint": first_paint,
                "whole": whole,
                "filter_p50_ms": percentile(keys, 0.5) * 1000,
                "filter_worst_ms": max(keys) * 1000,
                "worst_ms": worst * 1000,
                "worst_in": doing,
                "p99_ms": percentile(late, 0.99) * 1000,
                "memory_mb": memory,
            }
        )
    )
