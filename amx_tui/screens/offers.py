"""What the profiles would cost and take for one draft: a line of Draft, and the choice among them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.commands.model import Offer
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.words import duration, money

# As many as a line has room for; the dialog names them all.
_SHOWN = 3
_MOST_LINES = 12
# Fewer targets than this are a hard subset whatever they are.
_BULK = 30


def offer_lines(own: Offer, offers: Sequence[Offer], targets: int) -> list[Line]:
    """For Draft: what the other profiles would cost, as far as that is known, and when to take which; the
    advice waits for no comparison."""
    others = [offer for offer in offers if offer.profile != own.profile and not offer.fault]
    lines: list[Line] = []
    if others:
        said = " · ".join(
            f"{one_line(offer.profile, 24)} {money(offer.usd)}, {duration(offer.seconds)}"
            for offer in others[:_SHOWN]
        )
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        lines.append([("or with  ", "dim"), (said + more, ""), (" (p)", "dim")])
    quick = [offer for offer in others if not offer.thinks]
    if own.thinks and targets >= _BULK:
        first = one_line(quick[0].profile, 20) if quick else "a quick model"
        words = f"draft with {first} first, then redo what came out low (l)"
        lines.append([("advice   ", "dim"), (words, "warn")])
    return lines


class OffersDialog(Dialog[str]):
    """Dismissed with the name of the chosen profile, or None."""

    BINDINGS = bindings_of("offers")
    CSS_PATH = "dialog.tcss"

    def __init__(self, offers: Sequence[Offer], present: str) -> None:
        super().__init__()
        self._offers = tuple(offers)
        self._present = present

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(box, "Which profile drafts it?")
            yield Plain(classes="dialog-body")
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._offers), _MOST_LINES)
            yield rows
            yield KeyBar("offers", {})

    def on_mount(self) -> None:
        self.query_one(".dialog-body", Plain).write(
            ("A thinking model is for the hard part of a schema, a quick one for its bulk.", "dim")
        )
        names = [offer.profile for offer in self._offers]
        rows = self.query_one(RowList)
        place = names.index(self._present) if self._present in names else 0
        rows.show(len(names), cursor=place)
        rows.focus()

    def _draw(self, index: int, width: int) -> Line:
        offer = self._offers[index]
        name = max(min(width // 4, 28), 12)
        model = max(min(width // 3 - 4, 34), 12)
        start: list[tuple[str, str]] = [
            ("▸ " if offer.profile == self._present else "  ", "accent"),
            (fit(offer.profile, name) + " ", "strong"),
            (fit(offer.model, model) + " ", "dim"),
        ]
        if offer.fault:
            return [*start, (fit(offer.fault, max(width - name - model - 4, 8)), "bad")]
        return [
            *start,
            (fit(money(offer.usd), 9, right=True), ""),
            (fit(duration(offer.seconds), 10, right=True), ""),
            ("  thinks" if offer.thinks else "", "dim"),
        ]

    def on_row_list_chosen(self) -> None:
        self.dismiss(self._offers[self.query_one(RowList).cursor].profile)

    def action_leave(self) -> None:
        self.dismiss(None)
