"""The card of Review as it is read: whose it is, which of its alternatives keys are about, and what it said
stands in the database. What it says of a suggestion is made in `review_card`."""

from __future__ import annotations

from functools import partial

from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Alternative
from amx_tui.review.model import ReviewRow, State
from amx_tui.screens.review_card import card_of, taken_of
from amx_tui.screens.room import Room
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import entitle
from amx_tui.widgets.seen import is_seen


class Card(Page):
    def __init__(self, room: Room) -> None:
        super().__init__(id="card")
        self._at_home = room
        self.target: Target | None = None  # whose it is
        self._marked: int | None = None  # the alternative that the reviewer marked here
        self._marked_lines = range(0)
        self._now: str | None = None  # the text in the database, as this says
        self._read: tuple[Target, int | None] | None = None  # whose evidence was asked for

    def clear_card(self) -> None:
        self.target = None
        entitle(self, "")
        self.show([])

    def tell(self, row: ReviewRow, state: State) -> None:
        """Says all there is to know of a row, which is in that state; where it is another one, from its
        beginning."""
        room, session = self._at_home, self._at_home.session
        if row.target != self.target:
            self.target = row.target
            self._marked = None
            self.jump(0)
        # A new draft of the same one was sent other things. What is drawn ahead looks at nothing.
        if (row.target, row.run) != self._read and is_seen(room):
            self._read = (row.target, row.run)
            # Behind the frame: a thread that works at the same time makes it later.
            look = partial(session.read_sent, row)
            room.call_after_refresh(partial(room.do, look, only="sent"))
        entitle(self, session.index.name_of(row.target))
        self._now = session.catalog.comment(row.target)
        width = self.scrollable_content_region.width
        lines, self._marked_lines = card_of(
            session, row, self.mark_of(row), self._now, state, width
        )
        self.show(lines)

    def seen_at(self, target: Target) -> str | None:
        """What this says stands at `target`; the catalog may already know better."""
        return self._now if target == self.target else self._at_home.session.catalog.comment(target)

    @property
    def is_outdated(self) -> bool:
        """Whether another text stands in the database than this says."""
        if self.target is None:
            return False
        return self._at_home.session.catalog.comment(self.target) != self._now

    # The mark. -----------------------------------------------------------------------------------

    def mark_of(self, row: ReviewRow) -> int:
        """The alternative of `row` that keys are about: what the reviewer marked, else what was accepted, else
        the first."""
        if self._marked is None or row.target != self.target:
            return taken_of(row) or 0
        return min(self._marked, max(len(row.suggestion.alternatives) - 1, 0))

    def alternative_marked(self, row: ReviewRow) -> Alternative | None:
        marked, alternatives = self.mark_of(row), row.suggestion.alternatives
        return alternatives[marked] if marked < len(alternatives) else None

    def text_marked(self, row: ReviewRow) -> str:
        """That of the marked alternative; a person's own words until another one is marked."""
        if self._marked is None and row.decision is not None and row.decision.text:
            return row.decision.text
        marked = self.alternative_marked(row)
        return marked.text if marked is not None else ""

    def mark(self, row: ReviewRow, step: int, state: State) -> None:
        """The next alternative, or the one before, in sight."""
        if row.suggestion.alternatives:
            self._marked = (self.mark_of(row) + step) % len(row.suggestion.alternatives)
            self.tell(row, state)
            self.reveal(self._marked_lines)

    def unmark(self) -> None:
        self._marked = None

    def turn(self) -> None:
        """To the next page of it, and after its end to its beginning."""
        if self.scroll_offset.y >= self.max_scroll_y:
            self.jump(0)
        else:
            self.jump(self.scroll_offset.y + max(self.size.height - 1, 1))
