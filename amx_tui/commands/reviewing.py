"""Every row that was drafted or decided for the open database, the decisions on them, and what other
processes do to them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from amx_tui.base.building import building
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.commands.listeners import Listener
from amx_tui.commands.model import ManyDecided, RowsChanged
from amx_tui.commands.open_catalog import OpenCatalog
from amx_tui.commands.workspace import Workspace

if TYPE_CHECKING:  # a schema is on the screen before anything of runs and decisions is imported
    from amx_tui.drafting.model import SuggestionDrafted
    from amx_tui.review.model import NewDecision, ReviewRow, Verdict

# How often the store is asked whether another process changed it: a question of microseconds.
STORE_SECONDS = 0.4
# Rows from which on the store is asked for all that it has.
_MANY = 2_000
# More decisions at once than these are told of before they are on disk.
TOLD_BEFORE = 5_000


class Review:
    """`rows` is what the store has, by target; whatever changes there is on disk before it is here.
    `database` is `Connector.identity`."""

    def __init__(
        self, workspace: Workspace, database: str, opened: OpenCatalog, tell: Listener
    ) -> None:
        self._workspace = workspace
        self._database = database
        self._opened = opened
        self._tell = tell
        self.rows: dict[Target, ReviewRow] = {}
        self._store_version = 0  # at which the rows were read

    def is_settled(self, target: Target) -> bool:
        """Whether a decision gives it a text."""
        row = self.rows.get(target)
        return bool(row and row.decision and row.decision.verdict.keeps_text)

    def waiting(self, targets: Iterable[Target]) -> int:
        """How many of these were drafted and wait for a decision: drafting them once more costs once more."""
        rows = (self.rows.get(target) for target in targets)
        return sum(row is not None and row.is_waiting for row in rows)

    def readings_of(self, targets: Iterable[Target]) -> dict[Target, tuple[str, ...]]:
        """The texts that were drafted so far, of what was drafted already."""
        return {
            target: tuple(one.text for one in self.rows[target].suggestion.alternatives)
            for target in targets
            if target in self.rows
        }

    # What changes the rows. -------------------------------------------------------------------------

    async def read_rows(self) -> None:
        """Everything that was drafted and decided for this database."""
        store = self._workspace.store

        def read() -> tuple[int, dict[Target, ReviewRow]]:
            version = store.version  # asked first: what changes while rows are read is read again
            with building():
                return version, {row.target: row for row in store.rows(self._database)}

        self._store_version, self.rows = await asyncio.to_thread(read)
        self._tell(RowsChanged((), by_reviewer=False))

    async def follow_store(self) -> None:
        """Hears of what other processes draft and decide, within a second; runs until it is
        cancelled."""
        store = self._workspace.store
        while True:
            began = time.monotonic()
            with contextlib.suppress(Problem):  # the next decision tells what is wrong with it
                version = await asyncio.to_thread(lambda: store.version)
                if version != self._store_version:
                    await self._read_changed_rows()
                    self._store_version = version
            # Much to read is not read all the time.
            await asyncio.sleep(max(STORE_SECONDS, 3 * (time.monotonic() - began)))

    async def _read_changed_rows(self) -> None:
        before = dict(self.rows)

        def read() -> dict[Target, ReviewRow | None]:
            with building():
                rows = self._workspace.store.rows(self._database)
            changed: dict[Target, ReviewRow | None] = {
                row.target: row for row in rows if before.get(row.target) != row
            }
            gone = before.keys() - {row.target for row in rows}
            return changed | dict.fromkeys(gone)

        changed = await asyncio.to_thread(read)
        told = []
        for target, row in changed.items():
            if self.rows.get(target) is not before.get(target):
                continue  # this process was quicker
            told.append(target)
            if row is not None:
                self.rows[target] = row
            else:
                del self.rows[target]
        if told:
            self._tell(RowsChanged(tuple(told), by_reviewer=False))

    async def decide(
        self,
        targets: Sequence[Target],
        verdict: Verdict,
        *,
        text: str | None = None,
        alternative: int | None = None,
        previous: Mapping[Target, str | None] | None = None,
        reason: str | None = None,
        run: int | None = None,
    ) -> None:
        """One decision for one or many; on disk before anybody hears of it. `previous` is what the
        person saw standing there; the catalog, which it defaults to, may be newer than that. `run` is the
        one whose drafts they saw, by default the newest of each.

        Raises:
            StoreProblem: it could not be kept; nothing changed.
        """
        from amx_tui.review.model import NewDecision

        seen = previous or {}
        await self.take(
            [
                NewDecision(
                    target=target,
                    verdict=verdict,
                    text=text,
                    alternative=alternative,
                    previous=seen[target]
                    if target in seen
                    else self._opened.catalog.comment(target),
                    run=run or (self.rows[target].run if target in self.rows else None),
                    reason=reason,
                )
                for target in targets
            ]
        )

    async def take(self, decisions: Sequence[NewDecision]) -> None:
        """Decisions that one undo takes back together; on disk before anybody hears of them.

        Raises:
            StoreProblem: they could not be kept; nothing changed.
        """
        if len(decisions) > TOLD_BEFORE:
            self._tell(ManyDecided(len(decisions), "taken"))
        await asyncio.to_thread(self._workspace.store.decide, self._database, decisions)
        await self._refresh([decision.target for decision in decisions])

    async def undo(self) -> tuple[Target, ...]:
        """Takes back the newest decision and says whose it was."""
        return await self._step(back=True)

    async def redo(self) -> tuple[Target, ...]:
        """Takes the last undo back and says whose it was."""
        return await self._step(back=False)

    async def _step(self, *, back: bool) -> tuple[Target, ...]:
        store, database = self._workspace.store, self._database
        loop = asyncio.get_running_loop()

        def step() -> tuple[Target, ...]:
            count = store.count_next(database, back=back)
            if count > TOLD_BEFORE:
                many = ManyDecided(count, "taken back" if back else "taken again")
                loop.call_soon_threadsafe(self._tell, many)
            return store.undo(database) if back else store.redo(database)

        targets = await asyncio.to_thread(step)
        await self._refresh(targets)
        return targets

    async def _refresh(self, targets: Sequence[Target]) -> None:
        store, database = self._workspace.store, self._database

        def read() -> list[ReviewRow | None]:
            if len(targets) < _MANY:
                return [store.row(database, target) for target in targets]
            with building():  # all of them are read sooner than so many, one by one
                rows = {row.target: row for row in store.rows(database)}
                return [rows.get(target) for target in targets]

        for target, row in zip(targets, await asyncio.to_thread(read), strict=True):
            if row is not None:
                self.rows[target] = row
            else:
                self.rows.pop(target, None)
        if targets:
            self._tell(RowsChanged(tuple(targets), by_reviewer=True))

    def add_draft(self, run: int, model: str, event: SuggestionDrafted) -> None:
        """A suggestion that is in the store now, drafted by `model` in `run`."""
        from amx_tui.review.model import ReviewRow

        target = event.suggestion.target
        old = self.rows.get(target)
        row = ReviewRow.of(event.suggestion, run, model, event.at)
        if old is not None:  # what a person decided stays; the new draft stands beside it
            row = replace(row, decision=old.decision, written=old.written)
        self.rows[target] = row
        self._tell(RowsChanged((target,), by_reviewer=False))
