"""Where else a column is: what refers to it, and what is called as it is. One of them can be gone to."""

from __future__ import annotations

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, entitle, fit, fit_name
from amx_tui.widgets.rows import RowList

MOST_LINES = 24


@dataclass(frozen=True, slots=True)
class Place:
    target: Target
    refers: bool  # it points to the column that was asked about


def places_of(index: CatalogIndex, target: Target) -> list[Place]:
    """What refers to `target`, then what else has its name."""
    pointing = index.pointing_at(target)
    known = {target, *pointing}
    called = index.called(target.column) if target.column else ()
    return [
        *(Place(other, refers=True) for other in pointing),
        *(Place(other, refers=False) for other in called if other not in known),
    ]


class ElsewhereDialog(Dialog[Target]):
    """Dismissed with the one that was chosen."""

    BINDINGS = bindings_of("elsewhere")
    CSS_PATH = "dialog.tcss"

    def __init__(self, target: Target, places: list[Place], session: Session) -> None:
        super().__init__()
        self._target = target
        self._places = places
        self._session = session

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(
                box,
                f"Where else {one_line(self._session.index.name_of(self._target), 60)} is",
                "enter go there · esc",
            )
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._places), MOST_LINES)
            yield rows

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._places))
        rows.focus()

    def _draw(self, index: int, width: int) -> Line:
        place = self._places[index]
        target = place.target
        path = self._session.index.name_of(target)
        column = self._session.catalog.column(target)
        comment = self._session.catalog.comment(target)
        path_width = min(max(width // 3, 24), 44)
        return [
            (" ", ""),
            (
                fit("refers to it" if place.refers else "same name", 14),
                "accent" if place.refers else "dim",
            ),
            (fit_name(path, path_width) + " ", ""),
            (fit(column.type if column else "", 14), "dim"),
            (fit(comment or "–", width - path_width - 30), "" if comment else "dim"),
        ]

    @on(RowList.Chosen)
    def _chose(self, event: RowList.Chosen) -> None:
        self.dismiss(self._places[event.index].target)

    def action_leave(self) -> None:
        self.dismiss(None)
