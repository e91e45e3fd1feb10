"""What earlier runs of the open database were asked for and did not bring."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amx_tui.catalog.model import Target
from amx_tui.commands.looking import KeptEvidence
from amx_tui.commands.open_catalog import OpenCatalog
from amx_tui.commands.reviewing import Review
from amx_tui.commands.workspace import Workspace

if TYPE_CHECKING:
    from amx_tui.review.model import Leg, RunRecord


class UnfinishedRuns:
    """Read from the store each time: another process may have drafted the rest. All methods raise
    `StoreProblem` where it cannot be read."""

    def __init__(
        self,
        workspace: Workspace,
        database: str,
        opened: OpenCatalog,
        review: Review,
        evidence: KeptEvidence,
    ) -> None:
        self._workspace = workspace
        self._database = database
        self._opened = opened
        self._review = review
        self._evidence = evidence

    async def find_interrupted(self) -> tuple[RunRecord, tuple[Target, ...]] | None:
        """The newest run of this database that ended with its process, and what it lacks. Those that
        lack nothing are not looked at again."""
        store = self._workspace.store
        while (run := await asyncio.to_thread(store.interrupted, self._database)) is not None:
            if missing := await self.missing_of(run.id):
                return run, missing
            await asyncio.to_thread(store.dismiss, run.id)
        return None

    async def find_newest(self) -> tuple[RunRecord, tuple[Target, ...]] | None:
        """The newest run of this database that lacks something, however it ended, and what."""
        store = self._workspace.store
        for record in await asyncio.to_thread(store.unfinished, self._database):
            if missing := await self.lacking(record.id):
                return record, missing
        return None

    async def missing_of(self, run: int) -> tuple[Target, ...]:
        """What a run was asked for and did not bring, as far as it is still in the catalog."""
        missing = await asyncio.to_thread(self._workspace.store.missing, run)
        return tuple(target for target in missing if self._opened.catalog.holds(target))

    async def lacking(self, run: int) -> tuple[Target, ...]:
        """What neither a run nor a later one brought."""
        return tuple(
            target
            for target in await self.missing_of(run)
            if (row := self._review.rows.get(target)) is None or (row.run or 0) < run
        )

    async def keep_to(self, run: int) -> Leg | None:
        """How a run was sent last, so that what goes on with it is sent likewise; from here on no more
        of the rows is shown than the run was allowed. None where there is no such run."""
        leg = await asyncio.to_thread(self._workspace.store.last_leg, run)
        if leg is not None:
            self._evidence.privacy = self._evidence.privacy.stricter(leg.privacy)
        return leg
