"""What Review does with one suggestion beside deciding on it: why it was rejected, drafting it again, and what
an earlier run said of it. Each is done for the room that asks, whatever it lists."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.review.model import ReviewRow, Verdict
from amx_tui.screens.ask import Ask
from amx_tui.screens.room import Room
from amx_tui.widgets.plain import say


def ask_why(room: Room, row: ReviewRow, typed: str | None = None) -> None:
    """Asks for the reason of a row that is rejected, and keeps it with that decision. What was `typed` and
    could not be kept, such as on a full disk, is there to be kept again."""
    assert row.decision is not None
    seen = row.decision.previous

    def keep(words: str | None) -> None:
        if words is None:
            return
        reason = one_line(words) or None

        async def work() -> None:
            try:
                await room.session.decide(
                    [row.target],
                    Verdict.REJECTED,
                    previous={row.target: seen},
                    run=row.run,
                    reason=reason,
                )
            except Problem:
                ask_why(room, row, words)
                raise
            room.show_now()

        room.do(work)

    title = f"Why was {room.session.index.name_of(row.target)} rejected?"
    use = "For whoever looks at it later, and for the model if it is drafted again (d)."
    said = typed if typed is not None else row.decision.reason or ""
    room.app.push_screen(Ask(title, use, said), keep)


def draft_again(
    room: Room, targets: frozenset[Target], reason: str, began: Callable[[], None]
) -> None:
    """Asks for a hint, which may be `reason`, and shows what would be sent; `began` is called before that."""
    if not targets:
        say(room, "It is not in the database any more.")
        return
    if room.session.is_running:
        say(room, "A run is going already. Press D to watch it.")
        return
    one = next(iter(targets))
    what = room.session.index.name_of(one) if len(targets) == 1 else f"{len(targets)} marked ones"

    def go(hint: str | None) -> None:
        if hint is None:
            return
        from amx_tui.screens.draft import DraftScreen

        began()
        room.app.push_screen(DraftScreen(targets, again=hint.strip()))

    words = "A hint for the model, or nothing. It gets the earlier readings too; decisions stay."
    # Nothing is sent by that yet.
    room.app.push_screen(Ask(f"Draft {what} again", words, reason, enter="go on"), go)


async def compare_drafts(room: Room, row: ReviewRow) -> None:
    """This draft beside the one before it or, where there is none, the next one."""
    from amx_tui.review.history import History
    from amx_tui.screens.compare import CompareScreen

    history = History(room.session.workspace.store, room.session.connector.identity)
    runs = await asyncio.to_thread(history.runs_of, row.target)
    if row.run not in runs or len(runs) < 2:
        say(room, f"Only one run has drafted {room.session.index.name_of(row.target)}.")
        return
    place = min(runs.index(row.run), len(runs) - 2)
    second, first = runs[place], runs[place + 1]
    shared = await asyncio.to_thread(history.shared, first, second)
    room.app.push_screen(CompareScreen(history, first, second, shared, row.target))
