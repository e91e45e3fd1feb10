"""Decisions of Review on many rows at once: they are shown first, and one undo takes all of them back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from amx_tui.catalog.model import Target
from amx_tui.review.model import NewDecision, ReviewRow
from amx_tui.screens.room import Room
from amx_tui.widgets.plain import say


def decide_on_many(room: Room, rows: Sequence[ReviewRow], decided: Callable[[], None]) -> None:
    """Shows what each of `rows` would get and decides on them; calls `decided` then."""
    from amx_tui.screens.bulk import BulkDialog

    if not rows:
        say(room, "Nothing that is listed is undecided.")
        return
    take = _taker(room, [row.target for row in rows], decided)
    room.app.push_screen(BulkDialog(rows), take)


def decide_on_name(room: Room, row: ReviewRow, text: str, decided: Callable[[], None]) -> None:
    """Shows where `text` would go, to the columns that are called as that of `row`, and decides on them;
    calls `decided` then."""
    column = room.session.catalog.column(row.target)
    if column is None:
        say(room, "Only columns share their names.")
        return
    targets = room.session.index.called(column.name)
    if len(targets) < 2 or not text:
        say(room, f"{row.target.path} is the only column of its name.")
        return
    from amx_tui.screens.same_name import SameNameDialog

    take = _taker(room, targets, decided)
    room.app.push_screen(SameNameDialog(room.session, row.target, text), take)


def _taker(
    room: Room, targets: Sequence[Target], decided: Callable[[], None]
) -> Callable[[list[NewDecision] | None], None]:
    """Takes what a dialog was left with, over the texts that are seen when it opens."""
    seen = {target: room.session.catalog.comment(target) for target in targets}

    def take(decisions: list[NewDecision] | None) -> None:
        if not decisions:
            return
        over = [replace(d, previous=seen[d.target]) for d in decisions]

        async def work() -> None:
            await room.session.take(over)
            say(room, "u takes all of them back.", title=f"{len(over)} decided")
            decided()

        room.do(work)

    return take
