"""Decisions of Review on many rows at once: they are shown first, and one undo takes all of them back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from amx_tui.catalog.model import Catalog
from amx_tui.review.model import NewDecision, ReviewRow, Verdict
from amx_tui.screens.review_listing import Confidences
from amx_tui.screens.room import Room
from amx_tui.widgets.plain import say


def decide_on_many(
    room: Room,
    rows: Sequence[ReviewRow],
    counts: Confidences,
    decided: Callable[[], None],
    *,
    decided_already: int = 0,
) -> None:
    """Shows what each of `rows` would get and decides on them; calls `decided` then. `decided_already` of
    them have a decision. Neither the rows nor the catalog that is known now are looked through here: there
    may be a hundred thousand."""
    from amx_tui.screens.bulk import BulkDialog

    if not rows:
        say(room, "Nothing that is listed is undecided.")
        return
    seen = room.session.catalog

    def take(verdict: Verdict | None) -> None:
        if verdict is not None:
            room.do(partial(_take, room, partial(_decisions, rows, verdict, seen), decided))

    name_of = room.session.index.name_of
    room.app.push_screen(BulkDialog(rows, counts, decided_already, name_of), take)


def _decisions(rows: Sequence[ReviewRow], verdict: Verdict, seen: Catalog) -> list[NewDecision]:
    """For a thread. Without a text nothing is accepted."""
    decisions = []
    for row in rows:
        text = None
        if verdict is Verdict.ACCEPTED:
            if not (alternatives := row.suggestion.alternatives):
                continue
            text = alternatives[0].text
        decisions.append(
            NewDecision(
                *(row.target, verdict, text),
                alternative=None if text is None else 0,
                previous=seen.comment(row.target),
                run=row.run,
            )
        )
    return decisions


def decide_on_name(room: Room, row: ReviewRow, text: str, decided: Callable[[], None]) -> None:
    """Shows where `text` would go, to the columns that are called as that of `row`, and decides on them;
    calls `decided` then."""
    column = room.session.catalog.column(row.target)
    if column is None:
        say(room, "Only columns share their names.")
        return
    if not text:
        say(room, "There is no text to give to others. o writes one.")
        return
    targets = room.session.index.called(column.name)
    if len(targets) < 2:
        say(room, f"{row.target.path} is the only column of its name.")
        return
    from amx_tui.screens.same_name import SameNameDialog

    seen = room.session.catalog

    def take(chosen: list[NewDecision] | None) -> None:
        if chosen:
            over = [replace(d, previous=seen.comment(d.target)) for d in chosen]
            room.do(partial(_take, room, lambda: over, decided))

    room.app.push_screen(SameNameDialog(room.session, row.target, text), take)


async def _take(
    room: Room, decisions: Callable[[], list[NewDecision]], decided: Callable[[], None]
) -> None:
    """Takes them over the texts that were seen when the dialog opened."""
    taken = await asyncio.to_thread(decisions)
    if not taken:
        say(room, "None of them has a text.")
        return
    await room.session.take(taken)
    say(room, "u takes all of them back.", title=f"{len(taken)} decided")
    decided()
