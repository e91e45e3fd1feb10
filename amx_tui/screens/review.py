"""Where people decide: every suggestion, its alternatives, and one key for each decision."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Input

from amx_tui.catalog.model import Target
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.drafting.model import Alternative
from amx_tui.review.model import ReviewRow, State, Verdict
from amx_tui.screens.documents import PassagesDialog
from amx_tui.screens.editor import Editor
from amx_tui.screens.review_card import card_of, taken_of
from amx_tui.screens.review_following import Following
from amx_tui.screens.review_further import ask_why, compare_drafts, draft_again
from amx_tui.screens.review_listing import Suggestions, Wanted
from amx_tui.screens.review_many import decide_on_many, decide_on_name
from amx_tui.screens.review_rows import choice_of, counts_of, row_line
from amx_tui.screens.room import Room
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.line_input import FilterInput
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Frame, Line, entitle, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.seen import is_seen

# A key that was meant for the card that stood there before is not taken for the one that replaced
# it; only a change that the reviewer did not make starts this pause.
GRACE_SECONDS = 0.5
# Cells of the upper border that are not its words.
BORDER = 6


class ReviewScreen(Room):
    ROOM = "review"
    CSS_PATH = "review.tcss"
    BINDINGS = bindings_of("review")
    AUTO_FOCUS: ClassVar[str] = "#suggestions"

    def __init__(self) -> None:
        super().__init__()
        self._following = Following(self)
        self._picked: set[Target] = set()  # for a decision on many
        self._current: Target | None = None  # whose card is shown
        self._read: tuple[Target, int | None] | None = None  # whose evidence was asked for
        self._is_new = True  # nothing was shown here yet
        self._marked_lines = range(0)  # of the card
        self._goal: Target | None = None  # where the cursor goes when the list is arranged again
        self._marked: int | None = None  # the alternative that the reviewer marked on this card
        self._rejected: Target | None = None  # the last one
        self._seen: tuple[Target, str | None] | None = None  # whose comment the card shows, and it
        self._grace_until = 0.0
        self._is_asked = False  # a key of the reviewer's wants another list, or another place in it

    def compose_body(self) -> ComposeResult:
        with Container(id="review"):
            with Frame(id="list"):
                yield FilterInput(self._filter, placeholder="filter by text", id="filter")
                yield RowList(self._draw_row, moved=self._moved, id="suggestions")
            yield Page(id="card")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False

    async def prepare(self) -> None:
        """Makes a long list before anybody asks for it, so that the key that does shows it at once."""
        self.listen()
        await self._following.prepare()

    def draw_ahead(self) -> None:
        super().draw_ahead()
        self._is_new = True  # nobody saw it

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        match event:
            case RowsChanged(targets=targets, by_reviewer=by_reviewer):
                if targets:
                    self._following.change(targets)
                else:
                    self._following.forget()
                if not by_reviewer and (not targets or self._current in targets):
                    self._begin_grace()
            case CatalogRead():
                self._following.forget()
                if self._seen is not None:
                    target, comment = self._seen
                    if self.session.catalog.comment(target) != comment:
                        self._begin_grace()

    def _begin_grace(self) -> None:
        if self._current is not None:
            self._grace_until = time.monotonic() + GRACE_SECONDS

    def show_state(self) -> None:
        self._arrange()
        self._show_card()

    @property
    def listing(self) -> Suggestions | None:
        """What is listed; None while a long list is being made."""
        return self._following.at_hand

    def _arrange(self) -> None:
        """Brings the list up to date; the cursor stays on its target, so that nothing that arrives
        moves what the reviewer looks at."""
        # Not the target of the card: a key may have moved the cursor on before the card follows.
        standing = self._goal or (self._row.target if self._row else None)
        stays, self._goal = self._goal is None, None
        listing = self._following.now()
        if listing is None:
            self._goal = standing
            self._show_old()
        else:
            self._show_list(listing, standing, stays=stays)

    def _show_list(self, listing: Suggestions, standing: Target | None, *, stays: bool) -> None:
        """`stays` where the row under the cursor is to stay where it is on the screen."""
        rows = self.query_one("#suggestions", RowList)
        is_asked, self._is_asked = self._is_asked, False
        place = listing.place_of(standing) if standing is not None else None
        if self._is_new and len(listing):
            self._is_new = False
            place, stays = listing.first_undecided(), False
        if place is None:
            place, stays = min(rows.cursor, max(len(listing) - 1, 0)), False
            if (
                not is_asked
            ):  # a long list is made for longer than the pause that began when it was heard
                self._begin_grace()
        empty = "Nothing has been drafted yet.\nPress B, mark what lacks a description, then d."
        if listing.total or listing.wanted.run is not None:
            empty = "No suggestion fits. Press f or / to see others."
        rows.show(len(listing), cursor=place, stays=stays, empty=empty)
        self._entitle(listing, choice_of(listing, len(self._picked)))

    def _entitle(self, listing: Suggestions, below: str) -> None:
        frame = self.query_one("#list")
        # Before it is laid out for the first time it has no width.
        width = frame.outer_size.width or self.app.size.width
        entitle(frame, counts_of(listing, width - BORDER), below)

    def _show_old(self) -> None:
        """What was listed, while a long list is made anew: its rows are those of now."""
        rows = self.query_one("#suggestions", RowList)
        if self.listing is None:
            rows.show(0, empty="The list is being made.")
            entitle(self.query_one("#list"))
            return
        rows.refresh_changed()
        self._entitle(self.listing, "bringing it up to date…")

    @property
    def _row(self) -> ReviewRow | None:
        cursor = self.query_one("#suggestions", RowList).cursor
        listing = self.listing
        return listing.at(cursor) if listing is not None else None

    def _draw_row(self, index: int, width: int) -> Line:
        listing = self.listing
        row = listing.at(index) if listing is not None else None
        if listing is None or row is None:
            return []
        is_picked = row.target in self._picked
        name = self.session.index.name_of(row.target)
        return row_line(name, row, listing.state_of(row), width, is_picked=is_picked)

    def on_resize(self) -> None:
        self.call_after_refresh(self.show_now)

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
            self._marked = None
            card.jump(0)
        # A new draft of the same one was sent other things. What is drawn ahead looks at nothing.
        if (row.target, row.run) != self._read and is_seen(self):
            self._read = (row.target, row.run)
            # Behind the frame: a thread that works at the same time makes it later.
            look = partial(self.session.read_sent, row)
            self.call_after_refresh(partial(self.do, look, only="sent"))
        entitle(card, self.session.index.name_of(row.target))
        now = self.session.catalog.comment(row.target)
        self._seen = (row.target, now)
        assert self.listing is not None
        state = self.listing.state_of(row)
        width = card.scrollable_content_region.width
        lines, self._marked_lines = card_of(
            self.session, row, self._mark_of(row), now, state, width
        )
        card.show(lines)

    def _mark_of(self, row: ReviewRow) -> int:
        """The alternative that keys are about: what the reviewer marked, else what was accepted, else the
        first."""
        if self._marked is None:
            return taken_of(row) or 0
        return min(self._marked, max(len(row.suggestion.alternatives) - 1, 0))

    def _alternative_marked(self, row: ReviewRow) -> Alternative | None:
        marked, alternatives = self._mark_of(row), row.suggestion.alternatives
        return alternatives[marked] if marked < len(alternatives) else None

    def _text_marked(self, row: ReviewRow) -> str:
        """That of the marked alternative; a person's own words until another one is marked."""
        if self._marked is None and row.decision is not None and row.decision.text:
            return row.decision.text
        marked = self._alternative_marked(row)
        return marked.text if marked is not None else ""

    def _moved(self) -> None:
        self._grace_until = 0.0
        self._goal = None
        self._show_card()

    # Decisions. ----------------------------------------------------------------------------------

    def _ready(self) -> ReviewRow | None:
        """The row to decide, None where there is none or the card has only just been replaced."""
        # Something may have come since the card was drawn: the key is for what was seen.
        if time.monotonic() >= self._grace_until and self._following.is_behind:
            self._arrange()
        return self._row if time.monotonic() >= self._grace_until else None

    def _seen_at(self, target: Target) -> str | None:
        """What the card says stands at `target` now; the catalog may already know better."""
        if self._seen is not None and self._seen[0] == target:
            return self._seen[1]
        return self.session.catalog.comment(target)

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
        listing = self._following.now()
        known = listing or self.listing
        following = known.next_undecided(target) if known is not None else None
        self._goal, self._is_asked = following or target, True
        self._marked = None
        self.show_now()
        if following is not None:
            return
        if listing is None:
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

    async def _accept(self, index: int) -> None:
        row = self._ready()
        if row is None:
            return
        if index >= len(row.suggestion.alternatives):
            say(self, f"There is no alternative {index + 1} here.", severity="warning")
            return
        text = row.suggestion.alternatives[index].text
        seen = self._seen_at(row.target)
        await self._decide(row, Verdict.ACCEPTED, seen, text=text, alternative=index)

    async def action_accept(self) -> None:
        row = self._row
        await self._accept(self._mark_of(row) if row is not None else 0)

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
            await self._decide(row, Verdict.REJECTED, self._seen_at(row.target))

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
            await self._decide(row, Verdict.LATER, self._seen_at(row.target))

    def action_edit(self) -> None:
        if (row := self._ready()) is not None:
            self._open_editor(row, self._text_marked(row))

    def action_own(self) -> None:
        if (row := self._ready()) is not None:
            self._open_editor(row, "")

    def _open_editor(self, row: ReviewRow, text: str) -> None:
        # The card may be drawn anew behind the editor.
        seen = self._seen_at(row.target)

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
        self._goal, self._is_asked = targets[0], True
        self.show_now()

    def action_next_alternative(self) -> None:
        self._mark(1)

    def action_previous_alternative(self) -> None:
        self._mark(-1)

    def _mark(self, step: int) -> None:
        row = self._row
        if row is not None and row.suggestion.alternatives:
            self._marked = (self._mark_of(row) + step) % len(row.suggestion.alternatives)
            self._show_card()
            self.query_one("#card", Page).reveal(self._marked_lines)

    def action_more(self) -> None:
        """The next page of the card, and after its end its beginning."""
        card = self.query_one("#card", Page)
        if card.scroll_offset.y >= card.max_scroll_y:
            card.jump(0)
        else:
            card.jump(card.scroll_offset.y + max(card.size.height - 1, 1))

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
        marked = self._alternative_marked(row) if row is not None else None
        if marked is not None:
            self.do(partial(self.copy_text, marked.text))

    # Once more. ----------------------------------------------------------------------------------

    def action_draft(self) -> None:
        """What is marked, else this one: asked again, with a hint and all earlier readings."""
        row = self._row
        targets = {t for t in self._picked if self.session.catalog.holds(t)}
        if not targets and row is not None and self.session.catalog.holds(row.target):
            targets = {row.target}
        reason = row.decision.reason if row is not None and row.decision is not None else None
        draft_again(self, frozenset(targets), reason or "", self._picked.clear)

    # Many at once. -------------------------------------------------------------------------------

    def action_pick(self) -> None:
        row = self._row
        if row is not None:
            self._picked ^= {row.target}
            self.query_one("#suggestions", RowList).action_down()
            self.show_now()

    def action_bulk(self) -> None:
        """What is marked, else what a filter lists: never rows that nobody asked for."""
        row = self._ready()
        if row is None or (listing := self.listing) is None:
            return
        if self._picked:
            targets = sorted(self._picked, key=self.session.index.place_of)
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
        text = self._text_marked(row)
        decide_on_name(self, row, text, partial(self._decided_many, row.target))

    def _decided_many(self, at: Target) -> None:
        self._picked.clear()
        # Of a list that has to be made first, the next one is not known.
        self._is_new = self._following.now() is None
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
            self._goal, self._is_asked = target, True
            self.show_now()

        await self.see_done(reopen)

    # Finding. ------------------------------------------------------------------------------------

    def _want(self, wanted: Wanted) -> None:
        """Lists what is wanted from now on."""
        if wanted.run != self._following.wanted.run:
            self._picked.clear()  # another draft of these would be decided on
        self._following.want(wanted)
        self._is_asked = True
        self.show_now()

    def list_run(self, run: int | None, target: Target | None = None) -> None:
        """Lists what a run drafted, None for the newest of all runs, when this screen is shown next; the
        cursor goes to `target`."""
        self._picked.clear()
        self._close_filter()
        self._following.want(Wanted(run=run))
        self._following.forget()
        self._goal = target
        self._is_new = target is None

    def action_show(self) -> None:
        from amx_tui.screens.show import ShowDialog

        if self._following.is_behind:
            self._arrange()  # the counts are those of now
        wanted, row = self._following.wanted, self._row
        counts = self.listing.counts if self.listing is not None else {}
        schemas = sorted({target.schema for target in self.session.rows})
        table = row.target.of_table if row is not None else None
        redrafted = self.listing.redrafted if self.listing is not None else 0
        name_of = self.session.index.name_of
        self.app.push_screen(
            ShowDialog(wanted, counts, redrafted, schemas, table, self._want, name_of)
        )

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        self.write_in(field)

    def _filter(self, typed: str) -> None:
        wanted = replace(self._following.wanted, words=typed.strip())
        if wanted != self._following.wanted:
            self._want(wanted)

    def _close_filter(self) -> None:
        for field in self.query("#filter").results(Input):  # none before this is shown
            field.value = ""
            field.display = False

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self.query_one("#suggestions").focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if field.display:
            self._close_filter()
            self.query_one("#suggestions").focus()
        elif self._picked:
            self._picked.clear()
            self.show_now()
        elif self._following.wanted != Wanted():
            self._want(Wanted())
        else:
            self.desk.go("browse")


def show_in_review(room: Room, run: int | None, target: Target | None = None) -> None:
    """Leaves `room` for Review; see `ReviewScreen.list_run`."""

    def there() -> None:
        screen = room.app.screen
        assert isinstance(screen, ReviewScreen)
        screen.list_run(run, target)

    room.desk.go("review", there)
