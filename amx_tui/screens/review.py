"""Where people decide: every suggestion, its alternatives, and one key for each decision."""

from __future__ import annotations

import difflib
import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.drafting.model import Alternative
from amx_tui.review.model import ReviewRow, State, Verdict
from amx_tui.screens.editor import Editor
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Frame, Line, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import BANDS, STATES, confidence_words
from amx_tui.widgets.stream_view import wrap
from amx_tui.widgets.words import moment

# A key that was meant for the card that stood there before is not taken for the one that replaced
# it; only a change that the reviewer did not make starts this pause.
GRACE_SECONDS = 0.5

SHOWN: tuple[State | None, ...] = (None, *State)


class ReviewScreen(Room):
    ROOM = "review"
    CSS_PATH = "review.tcss"
    BINDINGS = bindings_of("review")
    AUTO_FOCUS: ClassVar[str] = "#suggestions"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[ReviewRow] = []
        self._order: dict[Target, int] = {}
        self._current: Target | None = None  # whose card is shown
        self._is_new = True  # nothing was shown here yet
        self._goal: Target | None = None  # where the cursor goes when the list is arranged again
        self._marked = 0  # which alternative
        self._shown: State | None = None
        self._words = ""
        self._seen: tuple[Target, str | None] | None = None  # whose comment the card shows, and it
        self._grace_until = 0.0
        self._is_due = True  # the list has to be arranged again

    def compose_body(self) -> ComposeResult:
        with Container(id="review"):
            with Frame(id="list"):
                yield Input(placeholder="filter by text", id="filter", compact=True)
                yield RowList(self._draw_row, id="suggestions")
            yield Page(id="card")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        match event:
            case RowsChanged(targets=targets, by_reviewer=by_reviewer):
                self._is_due = True
                if not by_reviewer and (not targets or self._current in targets):
                    self._begin_grace()
            case CatalogRead():
                self._order = {}
                self._is_due = True
                if self._seen is not None:
                    target, comment = self._seen
                    if self.session.catalog.comment(target) != comment:
                        self._begin_grace()

    def _begin_grace(self) -> None:
        if self._current is not None:
            self._grace_until = time.monotonic() + GRACE_SECONDS

    def show_state(self) -> None:
        if self._is_due:
            self._arrange()
        self._show_card()

    def _arrange(self) -> None:
        """Makes the list anew; the cursor stays on its target, so that nothing that arrives moves
        what the reviewer looks at."""
        self._is_due = False
        # Not the target of the card: a key may have moved the cursor on before the card follows.
        standing = self._goal or (self._row.target if self._row else None)
        stays, self._goal = self._goal is None, None
        if not self._order:
            catalog = self.session.catalog
            targets = (
                target
                for table in catalog.tables
                for target in (table.target, *(table.column_target(c) for c in table.columns))
            )
            self._order = {target: place for place, target in enumerate(targets)}
        last = len(self._order)
        everything = self.session.rows.values()
        self._rows = sorted(
            filter(self._fits, everything),
            key=lambda row: (self._order.get(row.target, last), row.target),
        )
        place = next((i for i, row in enumerate(self._rows) if row.target == standing), None)
        rows = self.query_one("#suggestions", RowList)
        if self._is_new and self._rows:
            self._is_new = False
            place = next((i for i, row in enumerate(self._rows) if row.state is State.TODO), 0)
            stays = False
        if place is None:
            place, stays = min(rows.cursor, max(len(self._rows) - 1, 0)), False
        empty = "Nothing has been drafted yet.\nPress B, mark what lacks a description, then d."
        if everything:
            empty = "No suggestion fits. Press f or / to see others."
        rows.show(len(self._rows), cursor=place, stays=stays, empty=empty)
        counts = Counter(row.state for row in everything)
        parts = [f"{len(everything)} suggestions"]
        parts += [f"{counts[s]} {s.value}" for s in (*list(State)[1:], State.TODO) if counts[s]]
        shown = "" if self._shown is None else f"showing: {self._shown.value}"
        entitle(self.query_one("#list"), " · ".join(parts), shown)

    def _fits(self, row: ReviewRow) -> bool:
        words = self._words.lower()
        return (self._shown is None or row.state is self._shown) and (
            not words or words in _text_of(row)
        )

    @property
    def _row(self) -> ReviewRow | None:
        cursor = self.query_one("#suggestions", RowList).cursor
        return self._rows[cursor] if cursor < len(self._rows) else None

    def _draw_row(self, index: int, width: int) -> Line:
        row = self._rows[index]
        sign, ink = STATES[row.state]
        path_width = min(max(width // 3, 14), 32)
        text = _decided_text(row)
        shown = _shown_alternative(row)
        band, band_ink = BANDS[shown.confidence.band] if shown is not None else ("", "")
        return [
            (f" {sign} ", ink),
            (fit(row.target.path, path_width), "" if row.state is State.TODO else "dim"),
            (" ", ""),
            (fit(one_line(text, 200), width - path_width - 7), "dim" if row.decision else ""),
            (f" {band} ", band_ink),
        ]

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_card)

    def _show_card(self) -> None:
        row = self._row
        card = self.query_one("#card", Page)
        if row is None:
            self._current = self._seen = None
            entitle(card, "")
            card.show([])
            return
        if row.target != self._current:
            self._current = row.target
            self._marked = 0
            card.jump(0)
            self._read_evidence(row.target)
        self._marked = min(self._marked, max(len(row.suggestion.alternatives) - 1, 0))
        entitle(card, row.target.path)
        self._seen = (row.target, self.session.catalog.comment(row.target))
        card.show(self._card(row))

    def _read_evidence(self, target: Target) -> None:
        table = self.session.catalog.table(target)
        if table is not None and not self.session.evidence_at_hand(table.target):
            self.do(self.session.read_evidence(table), only="evidence")

    def _card(self, row: ReviewRow) -> list[Line]:
        catalog = self.session.catalog
        column = catalog.column(row.target)
        table = catalog.table(row.target)
        now = self._seen_at(row.target)
        rows: list[Line] = []
        if column is not None and table is not None:
            facts = [column.type]
            if column.key_position:
                facts.append("primary key")
            if column.references is not None:
                facts.append(f"refers to {column.references.path}")
            others = self.session.index.count_called(column.name) - 1
            if others > 0:
                facts.append(f"in {others} more table{'s' if others > 1 else ''}")
            rows.append([(" · ".join(facts), "dim")])
        elif table is not None:
            rows.append([(f"{table.kind.value} of {len(table.columns)} columns", "dim")])
        rows.append([("now  ", "dim"), (one_line(now or "–"), "")])
        rows.append([])
        for index, alternative in enumerate(row.suggestion.alternatives):
            rows += self._alternative(row, index, alternative)
        if not row.suggestion.alternatives:
            rows.append([("The model had nothing to say. Press o for words of your own.", "warn")])
        marked = self._alternative_marked(row)
        if now and marked is not None and one_line(now) != marked.text:
            rows += [[], [("change  ", "dim"), *_difference(one_line(now), marked.text)]]
        rows.append([])
        decision = row.decision
        if decision is not None:
            sign, ink = STATES[row.state]
            words = f"{sign} {row.state.value}"
            rows.append([(words, ink), (f"  {one_line(decision.text or '')}", "")])
        if table is not None and column is not None:
            samples = self.session.evidence_at_hand(table.target).get(column.name)
            if samples is not None and samples.samples:
                words = " · ".join(one_line(sample, 40) for sample in samples.samples)
                level = self.session.privacy.value
                rows.append([("samples ", "dim"), (words, ""), (f" ({level})", "dim")])
        rows.append([(f"drafted by {row.model}, run {row.run}, {moment(row.drafted_at)}", "dim")])
        return rows

    def _alternative(self, row: ReviewRow, index: int, alternative: Alternative) -> list[Line]:
        is_marked = index == self._marked
        decided = row.decision is not None and row.decision.alternative == index
        sign, ink = BANDS[alternative.confidence.band]
        head = [
            ("▸ " if is_marked else "  ", "accent"),
            (f"{index + 1} ", "key"),
            (f"{sign} {confidence_words(alternative.confidence)}", ink),
            ("  ✓ accepted" if decided else "", "good"),
        ]
        reason = self._wrapped(alternative.reason)
        used = sum(cell_len(words) for words, _ in head)
        if len(reason) == 1 and used + cell_len(reason[0]) + 2 <= self._card_width + 4:
            head.append(("  " + reason.pop(), "dim"))  # a line less where it fits
        ink_of_text = "strong" if is_marked else ""
        return [
            head,
            *([("    " + line, ink_of_text)] for line in self._wrapped(alternative.text)),
            *([("    " + line, "dim")] for line in reason),
        ]

    @property
    def _card_width(self) -> int:
        """Cells beside the indent of an alternative."""
        return max(self.query_one("#card").scrollable_content_region.width - 5, 20)

    def _wrapped(self, text: str) -> list[str]:
        return wrap(one_line(text), self._card_width) if text else []

    def _alternative_marked(self, row: ReviewRow) -> Alternative | None:
        alternatives = row.suggestion.alternatives
        return alternatives[self._marked] if self._marked < len(alternatives) else None

    @on(RowList.Moved, "#suggestions")
    def _moved(self) -> None:
        self._grace_until = 0.0
        self._show_card()

    # Decisions. ----------------------------------------------------------------------------------

    def _ready(self) -> ReviewRow | None:
        """The row to decide, None where there is none or the card has only just been replaced."""
        if time.monotonic() < self._grace_until:
            return None
        if self._is_due:  # something came since the card was drawn: the key is for what was seen
            self._arrange()
        return self._row

    def _seen_at(self, target: Target) -> str | None:
        """What the card says stands at `target` now; the catalog may already know better."""
        if self._seen is not None and self._seen[0] == target:
            return self._seen[1]
        return self.session.catalog.comment(target)

    def _decide(
        self,
        row: ReviewRow,
        verdict: Verdict,
        previous: str | None,
        *,
        text: str | None = None,
        alternative: int | None = None,
    ) -> None:
        async def decide() -> None:
            await self.session.decide(
                [row.target],
                verdict,
                text=text,
                alternative=alternative,
                previous={row.target: previous},
            )
            self._go_on(row.target)

        self.do(decide())

    def _go_on(self, target: Target) -> None:
        """To the next undecided one below, else above; where none is left, that is said."""
        before = [row.target for row in self._rows]
        start = before.index(target) if target in before else 0
        wanted = [*self._rows[start + 1 :], *self._rows[:start]]
        # What came since the list was made, and fits, comes last.
        wanted += [row for row in self.session.rows.values() if row.target not in before]
        now = (self.session.rows[row.target] for row in wanted)
        following = next((r.target for r in now if r.state is State.TODO and self._fits(r)), None)
        self._goal = following or target
        self._marked = 0
        self._is_due = True
        self.show_now()
        if following is not None:
            return
        left = sum(1 for row in self.session.rows.values() if row.state is State.TODO)
        if left:
            say(self, f"{left} elsewhere (esc shows all)", title="No more of these")
        else:
            say(self, "Press W to read what will be written.", title="Nothing is left to decide")

    def _accept(self, index: int) -> None:
        row = self._ready()
        if row is None:
            return
        if index >= len(row.suggestion.alternatives):
            say(self, f"There is no alternative {index + 1} here.", severity="warning")
            return
        text = row.suggestion.alternatives[index].text
        seen = self._seen_at(row.target)
        self._decide(row, Verdict.ACCEPTED, seen, text=text, alternative=index)

    def action_accept(self) -> None:
        self._accept(self._marked)

    def action_accept_1(self) -> None:
        self._accept(0)

    def action_accept_2(self) -> None:
        self._accept(1)

    def action_accept_3(self) -> None:
        self._accept(2)

    def action_accept_4(self) -> None:
        self._accept(3)

    def action_accept_5(self) -> None:
        self._accept(4)

    def action_reject(self) -> None:
        if (row := self._ready()) is not None:
            self._decide(row, Verdict.REJECTED, self._seen_at(row.target))

    def action_later(self) -> None:
        if (row := self._ready()) is not None:
            self._decide(row, Verdict.LATER, self._seen_at(row.target))

    def action_edit(self) -> None:
        if (row := self._ready()) is not None:
            marked = self._alternative_marked(row)
            decided = row.decision.text if row.decision is not None else None
            self._open_editor(row, decided or (marked.text if marked else ""))

    def action_own(self) -> None:
        if (row := self._ready()) is not None:
            self._open_editor(row, "")

    def _open_editor(self, row: ReviewRow, text: str) -> None:
        # The card may be drawn anew behind the editor.
        seen = self._seen_at(row.target)

        def keep(words: str | None) -> None:
            if words:
                self._decide(row, Verdict.EDITED, seen, text=words)

        self.app.push_screen(Editor(row.target.path, text), keep)

    def action_undo(self) -> None:
        self.do(self._step(back=True))

    def action_redo(self) -> None:
        self.do(self._step(back=False))

    async def _step(self, *, back: bool) -> None:
        targets = await (self.session.undo() if back else self.session.redo())
        if not targets:
            say(self, f"There is nothing to {'undo' if back else 'redo'}.")
            return
        self._goal = targets[0]
        self._is_due = True
        self.show_now()

    def action_next_alternative(self) -> None:
        self._mark(1)

    def action_previous_alternative(self) -> None:
        self._mark(-1)

    def _mark(self, step: int) -> None:
        row = self._row
        if row is not None and row.suggestion.alternatives:
            self._marked = (self._marked + step) % len(row.suggestion.alternatives)
            self._show_card()

    def action_more(self) -> None:
        """The next page of the card, and after its end its beginning."""
        card = self.query_one("#card", Page)
        if card.scroll_offset.y >= card.max_scroll_y:
            card.jump(0)
        else:
            card.jump(card.scroll_offset.y + max(card.size.height - 1, 1))

    def action_copy(self) -> None:
        row = self._row
        marked = self._alternative_marked(row) if row is not None else None
        if marked is not None:
            self.app.copy_to_clipboard(marked.text)
            say(self, "Sent to the terminal's clipboard (OSC 52).")

    # Finding. ------------------------------------------------------------------------------------

    def action_show(self) -> None:
        self._shown = SHOWN[(SHOWN.index(self._shown) + 1) % len(SHOWN)]
        self._is_due = True
        self.show_now()

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value.strip()
        self._is_due = True
        self.show_now()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self.query_one("#suggestions").focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if field.display:
            field.value = ""
            field.display = False
            self.query_one("#suggestions").focus()
        elif self._shown is not None:
            self._shown = None
            self._is_due = True
            self.show_now()
        else:
            self.desk.go("browse")


def _shown_alternative(row: ReviewRow) -> Alternative | None:
    """The one whose text the list shows; None for a person's own words, or those of an older draft."""
    alternatives = row.suggestion.alternatives
    decision = row.decision
    if decision is None or not decision.text:
        return alternatives[0] if alternatives else None
    number = decision.alternative
    if number is None or number >= len(alternatives) or alternatives[number].text != decision.text:
        return None
    return alternatives[number]


def _decided_text(row: ReviewRow) -> str:
    if row.decision is not None and row.decision.text:
        return row.decision.text
    alternatives = row.suggestion.alternatives
    return alternatives[0].text if alternatives else ""


def _text_of(row: ReviewRow) -> str:
    texts: Sequence[str] = [a.text for a in row.suggestion.alternatives]
    return "\n".join([row.target.path, *texts, _decided_text(row)]).lower()


def _difference(old: str, new: str) -> list[tuple[str, str]]:
    """Word by word: what goes, what comes, what stays."""
    before, after = old.split(" "), new.split(" ")
    pieces: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            pieces.append((" ".join(before[a:b]) + " ", ""))
            continue
        if a < b:
            pieces.append((" ".join(before[a:b]), "old"))
            pieces.append((" ", ""))
        if c < d:
            pieces.append((" ".join(after[c:d]), "new"))
            pieces.append((" ", ""))
    return pieces
