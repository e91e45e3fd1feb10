"""What is looked at beside a target: what the rows of its table tell, and what went to the model with its
draft. Each is read once, when somebody looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from amx_tui.base.building import give_back
from amx_tui.catalog.model import CatalogProblem, Connector, Table, TableEvidence, Target
from amx_tui.commands.listeners import Listener
from amx_tui.commands.model import EvidenceRead
from amx_tui.commands.open_catalog import OpenCatalog
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    from amx_tui.review.model import ReviewRow, Sent


class KeptEvidence:
    """What tables tell at each privacy level; `privacy` is the one at which the person looks and drafts."""

    def __init__(
        self, workspace: Workspace, connector: Connector, opened: OpenCatalog, tell: Listener
    ) -> None:
        self._connector = connector
        self._opened = opened
        self._tell = tell
        self.privacy = workspace.preferences.privacy
        if workspace.metadata_only:
            self.privacy = Privacy.METADATA
        self._found: dict[tuple[Target, Privacy], TableEvidence] = {}
        self._unread: dict[Target, CatalogProblem] = {}  # tables whose rows could not be read

    def read(self, table: Table, privacy: Privacy) -> TableEvidence:
        """Blocking, and kept: a draft sends what was looked at.

        Raises:
            CatalogProblem: it cannot be read.
        """
        place = (table.target, privacy)
        if place not in self._found:
            columns = [column.name for column in table.columns]
            self._found[place] = self._connector.evidence(table, columns, privacy)
        return self._found[place]

    async def look_at(self, table: Table) -> None:
        """Reads what the rows of a table tell, for looking at; the next time it is there already."""
        if (table.target, self.privacy) in self._found or not table.columns:
            return
        try:
            await asyncio.to_thread(self._look_at, table)
        except CatalogProblem as problem:
            if table.target in self._unread:  # told already
                return
            self._unread[table.target] = problem
        else:
            self._unread.pop(table.target, None)
        self._tell(EvidenceRead(table.target))

    def _look_at(self, table: Table) -> None:
        self.read(table, self.privacy)
        if self._opened.is_large:
            give_back()  # a connection to a large database has read its whole schema first

    def at_hand(self, table: Target) -> TableEvidence:
        """What has been read of a table at the present privacy level; empty where nothing has, with
        why where that is because it failed."""
        found = self._found.get((table, self.privacy))
        if found is None and (problem := self._unread.get(table)) is not None:
            return TableEvidence(stopped=f"{problem.what}. {problem.remedy}")
        return found or TableEvidence()

    def forget(self) -> None:
        """The rows may tell something else now."""
        self._found.clear()
        self._unread.clear()


class KeptSent:
    """What went to the model, by run and target: that never changes."""

    def __init__(self, workspace: Workspace, tell: Listener) -> None:
        self._workspace = workspace
        self._tell = tell
        self._found: dict[tuple[int, Target], Sent | None] = {}

    async def read(self, row: ReviewRow) -> None:
        """What went to the model when `row` was drafted; the next time it is there already."""
        if row.run is None or (row.run, row.target) in self._found:
            return
        found = await asyncio.to_thread(self._workspace.store.sent, row.run, row.target)
        self._found[row.run, row.target] = found
        if found is not None:
            self._tell(EvidenceRead(row.target.of_table))

    def at_hand(self, row: ReviewRow) -> Sent | None:
        """Of what was read; None where nothing was sent or kept as well."""
        return None if row.run is None else self._found.get((row.run, row.target))
