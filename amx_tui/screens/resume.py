"""Offers to go on with a run whose process died: what arrived is there, only the rest is asked."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from textual.app import App

from amx_tui.base.problem import Problem
from amx_tui.commands.session import Session
from amx_tui.screens.question import Question
from amx_tui.widgets.plain import Line, say


async def go_on(app: App[Any], session: Session) -> None:
    """Shows what the newest run lacks as a draft, which sends nothing before it is told to."""
    from amx_tui.screens.draft import DraftScreen

    try:
        found = await session.find_unfinished()
    except Problem:
        return  # as below
    if found is None:
        say(app.screen, "No run of this database lacks anything.")
        return
    run, missing = found
    app.push_screen(DraftScreen(frozenset(missing), run=run.id))


async def offer_to_go_on(app: App[Any], session: Session) -> None:
    """Asks once; "no" is remembered, and what was drafted stays in Review."""
    try:
        run = await session.find_interrupted()
        if run is None:
            return
        missing = await session.missing_of(run.id)
        if not missing:
            await asyncio.to_thread(session.workspace.store.dismiss, run.id)
            return
    except Problem:
        return  # a store that cannot be read was told when the suggestions were read

    async def dismiss(number: int) -> None:
        with contextlib.suppress(Problem):  # it is only asked once more then
            await asyncio.to_thread(session.workspace.store.dismiss, number)

    rows: list[Line] = [
        [(f"Run {run.id}", "strong"), (f" · {run.scope} · {run.profile} · {run.model}", "dim")],
        [],
        [
            (f"{run.drafted} of {run.targets}", "strong"),
            (" were drafted and are in Review (R).", ""),
        ],
        [("What arrived is not asked again.", "")],
        [("no: what it lacks can still be drafted from Browse.", "dim")],
    ]

    def answered(yes: bool | None) -> None:
        if yes:
            from amx_tui.screens.draft import DraftScreen

            app.push_screen(DraftScreen(frozenset(missing), run=run.id))
        else:
            app.run_worker(dismiss(run.id))

    title = f"A run was interrupted. Go on with the other {len(missing)}?"
    app.push_screen(Question(title, rows), answered)
