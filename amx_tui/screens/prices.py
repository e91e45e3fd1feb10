"""What each model costs, where the figure comes from, and how old it is."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from amx_tui.commands.pricing import PriceLine, list_prices, refresh_prices
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit, say
from amx_tui.widgets.rows import HeadLine, RowList
from amx_tui.widgets.words import age, now, number, origin, rate

_MODEL, _CONTEXT, _RATE = 28, 8, 8


class PricesScreen(Room):
    ROOM = "prices"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("prices")
    AUTO_FOCUS: ClassVar[str] = "#models"

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[PriceLine, ...] = ()
        self._is_fetching = False

    def compose_body(self) -> ComposeResult:
        with Container(id="prices"):
            yield HeadLine(_head, id="heads")
            yield RowList(self._draw, id="models")

    def on_screen_resume(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="prices")

    async def _read(self) -> None:
        self._lines = await asyncio.to_thread(list_prices, self.desk.workspace)
        self.show_now()

    def show_state(self) -> None:
        rows = self.query_one("#models", RowList)
        rows.show(len(self._lines), empty="reading …")
        fetched = [
            line.rates.fetched_at
            for line in self._lines
            if line.rates is not None and line.rates.fetched_at is not None
        ]
        told = f"fetched {age(now() - min(fetched))}" if fetched else "none was fetched: f does"
        entitle(
            self.query_one("#prices"),
            "USD per million tokens",
            "fetching …" if self._is_fetching else told,
        )

    def _draw(self, index: int, width: int) -> Line:
        line = self._lines[index]
        model, rates = line.model, line.rates
        ink = "strong" if line.profile or not model.retired else "dim"
        cached = rates.cached if rates is not None else None
        figures = (
            ("unknown", "", "")
            if rates is None
            else (rate(rates.input), "" if cached is None else rate(cached), rate(rates.output))
        )
        words = origin(rates.source, rates.fetched_at, now()) if rates is not None else ""
        if model.retired and not line.profile:
            retired = f"retired {model.retired}"
            words = f"{retired} · {words}" if words and width >= 100 else retired
        used = 1 + _MODEL + _CONTEXT + 3 * _RATE + 2
        return [
            (f" {fit(model.id, _MODEL)}", ink),
            (fit(_thousands(model.context), _CONTEXT, right=True), "dim"),
            *((fit(figure, _RATE, right=True), "") for figure in figures),
            ("  ", ""),
            (fit(words, width - used), "accent" if line.profile else "dim"),
        ]

    # Keys. ---------------------------------------------------------------------------------------

    def action_fetch(self) -> None:
        if not self._is_fetching:
            self.do(self._fetch)

    async def _fetch(self) -> None:
        self._is_fetching = True
        self.show_now()
        try:
            fetched = await refresh_prices(self.desk.workspace)
        finally:
            self._is_fetching = False
            self.show_now()
        for problem in fetched.problems:
            say(self, tell(problem), title=problem.what, severity="warning")
        await self._read()

    def action_back(self) -> None:
        self.desk.go("browse")


def _head(width: int) -> Line:
    names = ("input", "cached", "output")
    return [
        (f" {fit('model', _MODEL)}", ""),
        (fit("context", _CONTEXT, right=True), ""),
        *((fit(name, _RATE, right=True), "") for name in names),
        ("  from", ""),
    ]


def _thousands(tokens: int | None) -> str:
    """Contexts are powers of two times a thousand and twenty-four."""
    if tokens is None:
        return ""
    return f"{number(tokens // 1024)} K" if tokens % 1024 == 0 else number(tokens)
