"""What each model costs, and where the figure comes from."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from amx_tui.llm.model import Model
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.words import number


class PricesScreen(Room):
    ROOM = "prices"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("prices")
    AUTO_FOCUS: ClassVar[str] = "#models"

    def __init__(self) -> None:
        super().__init__()
        self._models: list[Model] = []

    def compose_body(self) -> ComposeResult:
        yield RowList(self._draw, id="models")

    def show_state(self) -> None:
        from amx_tui.llm.models import MODELS

        self._models = list(MODELS.values())
        rows = self.query_one("#models", RowList)
        rows.show(len(self._models))
        entitle(rows, "USD per million tokens", "your own rates in a profile win")

    def _draw(self, index: int, width: int) -> Line:
        model = self._models[index]
        rates = model.rates
        figures = "unknown" if rates is None else f"{rates.input:g} in · {rates.output:g} out"
        cached = (
            f"{rates.cached:g} cached" if rates is not None and rates.cached is not None else ""
        )
        status = f"retired {model.retired}" if model.retired else ""
        context = f"{number(model.context)} tokens" if model.context else ""
        return [
            (f" {fit(model.id, 32)}", "dim" if model.retired else "strong"),
            (fit(context, 18), "dim"),
            (fit(figures, 20), ""),
            (fit(cached, 13), ""),
            (fit(status, 20), "warn"),
            (fit(rates.source if rates else "", width - 104), "dim"),
        ]

    def action_back(self) -> None:
        self.desk.go("browse")
