"""Which suggestions Review lists, and in which order: every choice takes effect at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from textual import on
from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Band
from amx_tui.review.model import State
from amx_tui.screens.review_listing import Kind, Order, Wanted
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import REDRAFTED

MOST_LINES = 30

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that one field of `Wanted` can take. The first of a field carries its heading."""

    field: str
    value: object
    words: str
    heading: str = ""


class ShowDialog(Dialog[None]):
    """`choose` is called with what is wanted after every choice."""

    BINDINGS = bindings_of("show")
    CSS_PATH = "dialog.tcss"

    def __init__(
        self,
        wanted: Wanted,
        counts: Mapping[State, int],
        redrafted: int,
        schemas: Sequence[str],
        table: Target | None,
        choose: Callable[[Wanted], None],
        name_of: Callable[[Target], str],
    ) -> None:
        super().__init__()
        self._wanted = wanted
        self._choose = choose
        runs = [wanted.run] if wanted.run is not None else []
        tables = [found for found in dict.fromkeys((wanted.table, table)) if found is not None]
        states = [state for state in State if counts.get(state) or state is wanted.state]
        self._choices = [
            *_of("state", "state", states, lambda state: f"{state.value}  {counts.get(state, 0)}"),
            *_of(
                "redrafted",
                "drafted",
                [True] if redrafted or wanted.redrafted else [],
                lambda _: f"again since it was decided ({REDRAFTED[0]})  {redrafted}",
            ),
            *_of("band", "how sure", Band, lambda band: band.value),
            *_of("kind", "kind", Kind, lambda kind: kind.value),
            *(_of("schema", "schema", schemas, one_line) if len(schemas) > 1 else ()),
            *_of("table", "table", tables, lambda found: f"only {one_line(name_of(found), 60)}"),
            *_of("run", "run", runs, lambda run: f"only run {run}"),
            *_of("order", "order", Order, lambda order: order.value, with_all=False),
        ]

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(box, "Show", "enter choose · esc close")
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._choices), MOST_LINES)
            yield rows
            yield KeyBar("show", {})

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._choices))
        rows.focus()

    def _draw(self, index: int, width: int) -> Line:
        choice = self._choices[index]
        is_chosen = getattr(self._wanted, choice.field) == choice.value
        return [
            (f" {fit(choice.heading, 10)}", "dim"),
            ("● " if is_chosen else "○ ", "accent" if is_chosen else "dim"),
            (fit(choice.words, width - 13), "strong" if is_chosen else ""),
        ]

    @on(RowList.Chosen)
    def _chose(self, event: RowList.Chosen) -> None:
        choice = self._choices[event.index]
        self._wanted = replace(self._wanted, **{choice.field: choice.value})
        self.query_one(RowList).refresh_changed()
        self._choose(self._wanted)

    def action_leave(self) -> None:
        self.dismiss()


def _of(
    field: str,
    heading: str,
    values: Iterable[_T],
    words: Callable[[_T], str],
    *,
    with_all: bool = True,
) -> list[Choice]:
    """The choices of a field, first of all that there is no choice; none where there are no values."""
    found = [Choice(field, value, words(value)) for value in values]
    if with_all and found:
        found.insert(0, Choice(field, None, "all"))
    return [replace(found[0], heading=heading), *found[1:]] if found else []
