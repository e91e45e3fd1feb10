"""The list of Review: what of all is listed, where its cursor goes when that changes, and which rows are
marked for a decision on many."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from amx_tui.catalog.model import Target
from amx_tui.review.model import ReviewRow
from amx_tui.screens.review_following import Following
from amx_tui.screens.review_listing import Suggestions, Wanted
from amx_tui.screens.review_rows import choice_of, counts_of, row_line
from amx_tui.screens.room import Room
from amx_tui.widgets.line_input import FilterInput
from amx_tui.widgets.plain import Frame, Line, entitle
from amx_tui.widgets.rows import RowList

# Cells of the upper border that are not its words.
BORDER = 6


class SuggestionList(Frame):
    """`moved` is called when a key or the mouse has moved the cursor. What changes here is drawn by
    `catch_up`, which `room` calls when it draws."""

    def __init__(self, room: Room, moved: Callable[[], None]) -> None:
        super().__init__(id="list")
        self._at_home = room
        self._tell_moved = moved
        self._following = Following(room)
        self.picked: set[Target] = set()  # marked for a decision on many
        self._goal: Target | None = None  # where the cursor goes when this catches up
        self._is_new = True  # nobody has seen it yet
        self._is_asked = False  # a key of the reviewer's wants another list, or another place in it

    def compose(self) -> ComposeResult:
        yield FilterInput(self._filter, placeholder="filter by text", id="filter")
        yield RowList(self._draw_row, moved=self._moved, id="suggestions")

    def on_mount(self) -> None:
        self._field.display = False

    @property
    def _rows(self) -> RowList:
        return self.query_one("#suggestions", RowList)

    @property
    def _field(self) -> FilterInput:
        return self.query_one("#filter", FilterInput)

    # What is listed. -----------------------------------------------------------------------------

    @property
    def listing(self) -> Suggestions | None:
        """What is listed; None while a long list is being made."""
        return self._following.at_hand

    def up_to_date(self) -> Suggestions | None:
        """The same with all that changed; None while a long list is being made anew."""
        return self._following.now()

    @property
    def wanted(self) -> Wanted:
        return self._following.wanted

    @property
    def is_behind(self) -> bool:
        """Whether something else would be listed than is."""
        return self._following.is_behind

    @property
    def row(self) -> ReviewRow | None:
        """The one under the cursor."""
        listing = self.listing
        return listing.at(self._rows.cursor) if listing is not None else None

    async def prepare(self) -> None:
        """Makes a long list before anybody asks for it, so that the key that does shows it at once."""
        await self._following.prepare()

    def change(self, targets: Iterable[Target]) -> None:
        """These rows are other ones, new, or gone."""
        self._following.change(targets)

    def forget(self) -> None:
        """Everything may be another one."""
        self._following.forget()

    def want(self, wanted: Wanted) -> None:
        """Lists what is wanted from now on."""
        if wanted.run != self.wanted.run:
            self.picked.clear()  # another draft of these would be decided on
        self._following.want(wanted)
        self._is_asked = True

    def list_run(self, run: int | None, target: Target | None) -> None:
        """Lists what a run drafted, None for the newest of all runs; the cursor goes to `target`, or to the
        first that is undecided."""
        self.picked.clear()
        self._close_filter()
        self._following.want(Wanted(run=run))
        self._following.forget()
        self._goal = target
        self._is_new = target is None

    # Where the cursor is. ------------------------------------------------------------------------

    def begin(self) -> None:
        """At the first that is undecided, when it catches up next."""
        self._is_new = True

    def go_to(self, target: Target) -> None:
        """There, when it catches up next, because a key of the reviewer's says so."""
        self._goal, self._is_asked = target, True

    def _moved(self) -> None:
        self._goal = None
        self._tell_moved()

    def catch_up(self) -> bool:
        """Draws it as it is now; the cursor stays on its target, so that nothing that arrives moves what the
        reviewer looks at. Whether there is another one under it though no key of theirs asked for that."""
        # Not the target of the card: a key may have moved the cursor on before the card follows.
        standing = self._goal or (self.row.target if self.row else None)
        stays, self._goal = self._goal is None, None
        listing = self._following.now()
        if listing is None:
            self._goal = standing
            self._show_old()
            return False
        return self._show(listing, standing, stays=stays)

    def _show(self, listing: Suggestions, standing: Target | None, *, stays: bool) -> bool:
        """`stays` where the row under the cursor is to stay where it is on the screen."""
        is_asked, self._is_asked = self._is_asked, False
        place = listing.place_of(standing) if standing is not None else None
        if self._is_new and len(listing):
            self._is_new = False
            place, stays = listing.first_undecided(), False
        is_gone = place is None
        if place is None:
            place, stays = min(self._rows.cursor, max(len(listing) - 1, 0)), False
        empty = "Nothing has been drafted yet.\nPress B, mark what lacks a description, then d."
        if self._at_home.session.is_running:
            empty = "Suggestions appear here as they arrive.\nD shows how far the run is."
        if listing.total or listing.wanted.run is not None:
            empty = "No suggestion fits. Press f or / to see others."
        self._rows.show(len(listing), cursor=place, stays=stays, empty=empty)
        self._entitle(listing, choice_of(listing, len(self.picked)))
        return is_gone and not is_asked

    def _show_old(self) -> None:
        """What was listed, while a long list is made anew: its rows are those of now."""
        if self.listing is None:
            self._rows.show(0, empty="The list is being made.")
            entitle(self)
            return
        self._rows.refresh_changed()
        self._entitle(self.listing, "bringing it up to date…")

    def _entitle(self, listing: Suggestions, below: str) -> None:
        # Before it is laid out for the first time it has no width.
        width = self.outer_size.width or self.app.size.width
        entitle(self, counts_of(listing, width - BORDER), below)

    def _draw_row(self, index: int, width: int) -> Line:
        listing = self.listing
        row = listing.at(index) if listing is not None else None
        if listing is None or row is None:
            return []
        is_picked = row.target in self.picked
        name = self._at_home.session.index.name_of(row.target)
        return row_line(name, row, listing.state_of(row), width, is_picked=is_picked)

    # Keys. ---------------------------------------------------------------------------------------

    def pick(self) -> None:
        """Marks the row under the cursor, or takes its mark away, and goes on."""
        if self.row is not None:
            self.picked ^= {self.row.target}
            self._rows.action_down()
            self._at_home.show_now()

    def find(self) -> None:
        self._at_home.write_in(self._field)

    def back(self) -> bool:
        """One level out: the filter by text, the marks, whatever else is not all. False where nothing is left
        to go out of."""
        if self._field.display:
            self._close_filter()
            self._rows.focus()
        elif self.picked:
            self.picked.clear()
            self._at_home.show_now()
        elif self.wanted != Wanted():
            self.want(Wanted())
            self._at_home.show_now()
        else:
            return False
        return True

    def _filter(self, typed: str) -> None:
        wanted = replace(self.wanted, words=typed.strip())
        if wanted != self.wanted:
            self.want(wanted)
            self._at_home.show_now()

    def _close_filter(self) -> None:
        for field in self.query("#filter").results(Input):  # none before this is shown
            field.value = ""
            field.display = False

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self._rows.focus()
