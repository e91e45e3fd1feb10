"""Offers to go on with a run whose process died: what arrived is there, only the rest is asked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from typing import Any

from textual.app import App

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.screens.question import Question
from amx_tui.widgets.plain import Line, say


async def offer_to_go_on(app: App[Any], session: Session) -> None:
    """Asks once; "no" is remembered, and what was drafted stays in Review. Who has asked for it on the
    command line is not asked again."""
    is_wanted, session.workspace.resumes = session.workspace.resumes, False
    try:
        found = await session.unfinished.find_interrupted()
    except Problem:
        return  # a store that cannot be read was told when the suggestions were read
    if found is None:
        if is_wanted:
            say(app.screen, "No run was interrupted here.")
        return
    run, missing = found

    if is_wanted:
        _go_on(app, run.id, missing)
        return

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
            _go_on(app, run.id, missing)
        else:
            app.run_worker(dismiss(run.id))

    title = f"A run was interrupted. Go on with the other {len(missing)}?"
    app.push_screen(Question(title, rows), answered)


def _go_on(app: App[Any], run: int, missing: Collection[Target]) -> None:
    """Shows what is left before it is sent."""
    from amx_tui.screens.draft import DraftScreen

    app.push_screen(DraftScreen(frozenset(missing), run=run))
