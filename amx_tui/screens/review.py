"""Where people decide: every suggestion, its alternatives, and one key for each decision."""

from __future__ import annotations

import time
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Container

from amx_tui.catalog.model import Target
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.review.model import ReviewRow, State, Verdict
from amx_tui.screens.card import Card
from amx_tui.screens.documents import PassagesDialog
from amx_tui.screens.editor import Editor
from amx_tui.screens.review_further import ask_why, compare_drafts, draft_again
from amx_tui.screens.review_list import SuggestionList
from amx_tui.screens.review_listing import Suggestions, Wanted
from amx_tui.screens.review_many import decide_on_many, decide_on_name
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import say
from amx_tui.widgets.seen import is_seen

# A key that was meant for the card that stood there before is not taken for the one that replaced
# it; only a change that the reviewer did not make starts this pause.
GRACE_SECONDS = 0.5


class ReviewScreen(Room):
    ROOM = "review"
    CSS_PATH = "review.tcss"
    BINDINGS = bindings_of("review")
    AUTO_FOCUS: ClassVar[str] = "#suggestions"

    def __init__(self) -> None:
        super().__init__()
        self._list = SuggestionList(self, self._moved)
        self.card = Card(self)
        self._rejected: Target | None = None  # the last one
        self._grace_until = 0.0

    def compose_body(self) -> ComposeResult:
        with Container(id="review"):
            yield self._list
            yield self.card

    async def prepare(self) -> None:
        """Makes a long list before anybody asks for it, so that the key that does shows it at once."""
        self.listen()
        await self._list.prepare()

    def draw_ahead(self) -> None:
        super().draw_ahead()
        self._list.begin()  # nobody saw it

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        match event:
            case RowsChanged(targets=targets, by_reviewer=by_reviewer):
                if targets:
                    self._list.change(targets)
                else:
                    self._list.forget()
                if not by_reviewer and (not targets or self.card.target in targets):
                    self._begin_grace()
            case CatalogRead():
                self._list.forget()
                if self.card.is_outdated:
                    self._begin_grace()

    def _begin_grace(self) -> None:
        if self.card.target is not None and is_seen(self):
            self._grace_until = time.monotonic() + GRACE_SECONDS

    def show_state(self) -> None:
        self._arrange()
        self._show_card()

    def _arrange(self) -> None:
        # Among many, the list is made for longer than the pause that began when it was heard.
        if self._list.catch_up():
            self._begin_grace()

    @property
    def listing(self) -> Suggestions | None:
        """What is listed; None while a long list is being made."""
        return self._list.listing

    @property
    def _row(self) -> ReviewRow | None:
        return self._list.row

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_now)

    def _show_card(self) -> None:
        row = self._row
        if row is None:
            self.card.clear_card()
        else:
            self.card.tell(row, self._state_of(row))

    def _state_of(self, row: ReviewRow) -> State:
        return self.listing.state_of(row) if self.listing is not None else row.state

    def _moved(self) -> None:
        self._grace_until = 0.0
        self._show_card()

    # Decisions. ----------------------------------------------------------------------------------

    def _ready(self) -> ReviewRow | None:
        """The row to decide, None where there is none or the card has only just been replaced."""
        # Something may have come since the card was drawn: the key is for what was seen.
        if time.monotonic() >= self._grace_until and self._list.is_behind:
            self._arrange()
        return self._row if time.monotonic() >= self._grace_until else None

    async def _decide(
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
                run=row.run,
            )
            self._go_on(row.target)

        await self.see_done(decide)

    def _go_on(self, target: Target) -> None:
        """To the next undecided one below, else above; where none is left, that is said."""
        listing = self._list.up_to_date()
        known = listing or self.listing
        following = known.next_undecided(target) if known is not None else None
        self._list.go_to(following or target)
        self.card.unmark()
        self.show_now()
        if following is not None or listing is None:
            return
        if left := listing.counts[State.TODO]:
            say(self, f"{left} elsewhere (esc shows all)", title="No more of these")
        else:
            set_aside = [
                f"{listing.counts[state]} {state.value}"
                for state in (State.LATER, State.CHANGED)
                if listing.counts[state]
            ]
            aside = f"{' and '.join(set_aside)} (f lists them). " if set_aside else ""
            say(
                self,
                f"{aside}Press W to read what will be written.",
                title="Nothing is left to decide",
            )

    async def _accept(self, index: int | None = None) -> None:
        """The alternative of that index, the marked one by default."""
        row = self._ready()
        if row is None:
            return
        if index is None:
            index = self.card.mark_of(row)
        if index >= len(row.suggestion.alternatives):
            say(self, f"There is no alternative {index + 1} here.", severity="warning")
            return
        text = row.suggestion.alternatives[index].text
        seen = self.card.seen_at(row.target)
        await self._decide(row, Verdict.ACCEPTED, seen, text=text, alternative=index)

    async def action_accept(self) -> None:
        await self._accept()

    async def action_accept_1(self) -> None:
        await self._accept(0)

    async def action_accept_2(self) -> None:
        await self._accept(1)

    async def action_accept_3(self) -> None:
        await self._accept(2)

    async def action_accept_4(self) -> None:
        await self._accept(3)

    async def action_accept_5(self) -> None:
        await self._accept(4)

    async def action_reject(self) -> None:
        if (row := self._ready()) is not None:
            self._rejected = row.target
            await self._decide(row, Verdict.REJECTED, self.card.seen_at(row.target))

    def action_why(self) -> None:
        """Of this one where it is rejected, else of the one that was rejected last: whoever rejects
        fifty in a row never has to say anything."""
        rows = [self._row]
        if self._rejected is not None:
            known = self.listing.rows if self.listing is not None else self.session.rows
            rows.append(known.get(self._rejected))
        for row in rows:
            if row is not None and row.state is State.REJECTED:
                ask_why(self, row)
                return
        say(self, "Nothing was rejected here. r rejects, w then says why.")

    async def action_later(self) -> None:
        if (row := self._ready()) is not None:
            await self._decide(row, Verdict.LATER, self.card.seen_at(row.target))

    def action_edit(self) -> None:
        if (row := self._ready()) is not None:
            self._open_editor(row, self.card.text_marked(row))

    def action_own(self) -> None:
        if (row := self._ready()) is not None:
            self._open_editor(row, "")

    def _open_editor(self, row: ReviewRow, text: str) -> None:
        # The card may be drawn anew behind the editor.
        seen = self.card.seen_at(row.target)

        async def keep(words: str) -> None:
            await self.session.decide(
                [row.target],
                Verdict.EDITED,
                text=words,
                previous={row.target: seen},
                run=row.run,
            )

        def left(kept: bool | None) -> None:
            if kept:
                self._go_on(row.target)

        self.app.push_screen(Editor(self.session.index.name_of(row.target), text, keep), left)

    async def action_undo(self) -> None:
        await self.see_done(partial(self._step, back=True))

    async def action_redo(self) -> None:
        await self.see_done(partial(self._step, back=False))

    async def _step(self, *, back: bool) -> None:
        targets = await (self.session.undo() if back else self.session.redo())
        if not targets:
            say(self, f"There is nothing to {'undo' if back else 'redo'}.")
            return
        self._list.go_to(targets[0])
        self.show_now()

    def action_next_alternative(self) -> None:
        self._mark(1)

    def action_previous_alternative(self) -> None:
        self._mark(-1)

    def _mark(self, step: int) -> None:
        if (row := self._row) is not None:
            self.card.mark(row, step, self._state_of(row))

    def action_more(self) -> None:
        self.card.turn()

    def action_passages(self) -> None:
        row = self._row
        sent = self.session.sent_at_hand(row) if row is not None else None
        passages = sent.passages if sent is not None else ()
        if row is None or not passages:
            say(self, "No document and no code went along with this one.")
            return
        self.app.push_screen(
            PassagesDialog(self.session.index.name_of(row.target.of_table), passages)
        )

    def action_versions(self) -> None:
        if (row := self._row) is not None:
            self.do(partial(compare_drafts, self, row), only="compare")

    def action_copy(self) -> None:
        row = self._row
        marked = self.card.alternative_marked(row) if row is not None else None
        if marked is not None:
            self.do(partial(self.copy_text, marked.text))

    # Once more. ----------------------------------------------------------------------------------

    def action_draft(self) -> None:
        """What is marked, else this one: asked again, with a hint and all earlier readings."""
        row = self._row
        targets = {t for t in self._list.picked if self.session.catalog.holds(t)}
        if not targets and row is not None and self.session.catalog.holds(row.target):
            targets = {row.target}
        reason = row.decision.reason if row is not None and row.decision is not None else None
        draft_again(self, frozenset(targets), reason or "", self._list.picked.clear)

    # Many at once. -------------------------------------------------------------------------------

    def action_pick(self) -> None:
        self._list.pick()

    def action_bulk(self) -> None:
        """What is marked, else what a filter lists: never rows that nobody asked for."""
        row = self._ready()
        if row is None or (listing := self.listing) is None:
            return
        if self._list.picked:
            targets = sorted(self._list.picked, key=self.session.index.place_of)
            rows, counts = listing.these(targets)
            # As few as somebody has marked by hand.
            decided = sum(row.state is not State.TODO for row in rows)
        elif listing.wanted.is_filter:
            rows, counts = listing.undecided()
            decided = 0
        else:
            say(self, "Mark some with m, or list some with f or /, then press b.",
                title="Many at once needs a choice")  # fmt: skip
            return
        go_on = partial(self._decided_many, row.target)
        decide_on_many(self, rows, counts, go_on, decided_already=decided)

    def action_same_name(self) -> None:
        """The marked alternative, for every column of this name."""
        row = self._ready()
        if row is None:
            return
        text = self.card.text_marked(row)
        decide_on_name(self, row, text, partial(self._decided_many, row.target))

    def _decided_many(self, at: Target) -> None:
        self._list.picked.clear()
        # Of a list that has to be made first, the next one is not known.
        if self._list.up_to_date() is None:
            self._list.begin()
        row = self._row
        if row is not None and row.target == at and row.state is State.TODO:
            self.show_now()  # it was none of them, and is the next one
        else:
            self._go_on(at)

    async def action_reopen(self) -> None:
        """Takes back what was decided here, alone, whatever was decided along with it."""
        row = self._ready()
        if row is None:
            return
        if row.decision is None or row.decision.verdict is Verdict.OPEN:
            say(self, "Nothing is decided here.")
            return
        target = row.target

        async def reopen() -> None:
            await self.session.decide([target], Verdict.OPEN)
            self._list.go_to(target)
            self.show_now()

        await self.see_done(reopen)

    # Finding. ------------------------------------------------------------------------------------

    def list_run(self, run: int | None, target: Target | None = None) -> None:
        """Lists what a run drafted, None for the newest of all runs, when this screen is shown next; the
        cursor goes to `target`."""
        self._list.list_run(run, target)

    def action_show(self) -> None:
        from amx_tui.screens.show import ShowDialog

        if self._list.is_behind:
            self._arrange()  # the counts are those of now
        row, listing = self._row, self.listing
        counts = listing.counts if listing is not None else {}
        schemas = sorted({target.schema for target in self.session.rows})
        table = row.target.of_table if row is not None else None
        redrafted = listing.redrafted if listing is not None else 0
        wanted, name_of = self._list.wanted, self.session.index.name_of

        def choose(chosen: Wanted) -> None:
            self._list.want(chosen)
            self.show_now()

        self.app.push_screen(ShowDialog(wanted, counts, redrafted, schemas, table, choose, name_of))

    def action_find(self) -> None:
        self._list.find()

    def action_back(self) -> None:
        if not self._list.back():
            self.desk.go("browse")


def show_in_review(room: Room, run: int | None, target: Target | None = None) -> None:
    """Leaves `room` for Review; see `ReviewScreen.list_run`."""

    def there() -> None:
        screen = room.app.screen
        assert isinstance(screen, ReviewScreen)
        screen.list_run(run, target)

    room.desk.go("review", there)
