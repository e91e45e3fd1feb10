"""One text for the columns of one name in many tables, after it was seen where it goes."""

from __future__ import annotations

from textual.app import ComposeResult

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.review.model import NewDecision, State, Verdict
from amx_tui.widgets.bars import KeyBar
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit, fit_name
from amx_tui.widgets.rows import RowList

MOST_LINES = 18


class SameNameDialog(Dialog[list[NewDecision]]):
    """Dismissed with the decisions, or None; `previous` is the caller's to fill in. At first those
    are chosen that have the type of `target`, no description and no decision."""

    BINDINGS = bindings_of("same")
    CSS_PATH = "dialog.tcss"

    def __init__(self, session: Session, target: Target, text: str) -> None:
        super().__init__()
        self._session = session
        self._target = target
        self._text = text
        self._targets = session.index.called(target.column)
        column = session.catalog.column(target)
        self._type = column.type if column is not None else ""
        # As they were when they were shown.
        self._decided = {t for t in self._targets if self._state_of(t) is not State.TODO}
        self._chosen = {found for found in self._targets if self._is_open(found)} | {target}

    def _type_of(self, target: Target) -> str:
        column = self._session.catalog.column(target)
        return column.type if column is not None else ""

    def _state_of(self, target: Target) -> State:
        row = self._session.rows.get(target)
        return row.state if row is not None else State.TODO

    def _is_open(self, target: Target) -> bool:
        return (
            self._type_of(target) == self._type
            and self._session.marks.is_lacking(target)
            and self._state_of(target) is State.TODO
        )

    def compose(self) -> ComposeResult:
        with Box(classes="dialog dialog-wide") as box:
            entitle(box, f"{one_line(self._target.column, 60)} in {len(self._targets)} tables")
            yield Plain(one_line(self._text), classes="dialog-body")
            rows = RowList(self._draw)
            rows.styles.height = min(len(self._targets), MOST_LINES)
            yield rows
            yield KeyBar("same", {})

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.show(len(self._targets))
        rows.focus()
        self._count()

    def _count(self) -> None:
        box = self.query_one(".dialog")
        title = f"{one_line(self._target.column, 60)} in {len(self._targets)} tables"
        decided = len(self._chosen & self._decided)
        again = f", {decided} decided already" if decided else ""
        entitle(box, title, f"{len(self._chosen)} get this text{again} · each keeps its own row")
        self.query_one(RowList).refresh_changed()

    def _draw(self, index: int, width: int) -> Line:
        target = self._targets[index]
        path = self._session.index.name_of(target)
        kind = self._type_of(target)
        state = self._state_of(target)
        now = self._session.catalog.comment(target)
        path_width = min(max(width // 3, 20), 40)
        words = "" if state is State.TODO else state.value
        return [
            (" ● " if target in self._chosen else "   ", "accent"),
            (fit_name(path, path_width) + " ", ""),
            (fit(kind, 14), "dim" if kind == self._type else "warn"),
            (fit(words, 11), "dim"),
            (fit(now or "–", width - path_width - 29), "" if now else "dim"),
        ]

    def action_one(self) -> None:
        rows = self.query_one(RowList)
        self._chosen ^= {self._targets[rows.cursor]}
        rows.action_down()
        self._count()

    def on_row_list_chosen(self) -> None:
        self.action_one()

    def action_all(self) -> None:
        everything = set(self._targets)
        self._chosen = set() if self._chosen == everything else everything
        self._count()

    def action_keep(self) -> None:
        self.dismiss([self._decision(found) for found in self._targets if found in self._chosen])

    def _decision(self, target: Target) -> NewDecision:
        row = self._session.rows.get(target)
        if row is None:
            return NewDecision(target, Verdict.EDITED, self._text)
        texts = [alternative.text for alternative in row.suggestion.alternatives]
        if self._text not in texts:
            return NewDecision(target, Verdict.EDITED, self._text, run=row.run)
        number = texts.index(self._text)
        return NewDecision(target, Verdict.ACCEPTED, self._text, alternative=number, run=row.run)

    def action_leave(self) -> None:
        self.dismiss(None)
