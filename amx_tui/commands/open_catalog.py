"""The catalog of the open database, as far as it is known: at first the copy of the last time or the tables
alone, then everything."""

from __future__ import annotations

import asyncio

from amx_tui.base.building import give_back
from amx_tui.base.problem import Problem
from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import Catalog, CatalogProblem, Connector
from amx_tui.commands.listeners import Listener
from amx_tui.commands.model import CatalogFailed, CatalogRead
from amx_tui.commands.reading import CatalogReader, Reading
from amx_tui.commands.workspace import Workspace

# Columns from which on reading a catalog takes memory that is worth giving back.
_LARGE = 20_000


class OpenCatalog:
    """What is shown is here at any time; who reads says when: `find`, `take`, `keep`."""

    def __init__(self, workspace: Workspace, connector: Connector, tell: Listener) -> None:
        self._workspace = workspace
        self._reader = CatalogReader(connector, workspace.folders.catalogs)
        self._tell = tell
        self.catalog = Catalog(())
        self.index = CatalogIndex(self.catalog)
        self.is_whole = False  # columns, keys and comments are there, not only the tables
        self.kept_at: float | None = None  # what is shown was kept then; None: it was read just now
        self.shows_hidden = False  # system schemas and partitions as well, from the next `find` on
        self.problem: Problem | None = None  # why the catalog could not be read

    @property
    def is_large(self) -> bool:
        """Whether reading it takes memory that is worth giving back."""
        return self.index.total.total > _LARGE

    async def find(self) -> Reading | None:
        """Everything, as the database tells it now; `take` shows it. Where nothing is shown yet, what is
        sooner at hand is shown meanwhile. None where it cannot be read: `problem` says why, and whoever
        listens was told."""
        hidden = self.shows_hidden
        try:
            if not self.catalog.tables:
                await self._show_first(hidden)
            present = Reading(self.catalog, self.index)
            return await asyncio.to_thread(self._load, present, hidden)
        except CatalogProblem as problem:
            self.problem = problem
            self._tell(CatalogFailed(problem))
            return None

    async def _show_first(self, hidden: bool) -> None:
        """What can be shown before the database has told everything."""
        kept = None if hidden else await asyncio.to_thread(self._reader.kept)
        if kept is None:
            listed = await asyncio.to_thread(self._reader.list, hidden=hidden)
        self._show(kept if kept is not None else listed)
        self.is_whole = kept is not None
        self._tell(CatalogRead(self.is_whole, is_kept=self.is_whole))

    def _load(self, present: Reading, hidden: bool) -> Reading:
        # Asked for, and so imported, in this thread: what is heard next needs it.
        assert self._workspace.store is not None
        return self._reader.load(present, hidden=hidden)

    def _show(self, reading: Reading) -> None:
        self.catalog, self.index, self.kept_at = reading.catalog, reading.index, reading.kept_at

    def take(self, found: Reading) -> None:
        """Shows what `find` found. It is told by whoever reads, when nothing of before is left."""
        self.problem = None
        self._show(found)
        self.is_whole = True

    async def keep(self, found: Reading) -> None:
        """Keeps a copy of it for the next start, and gives back the memory that reading took."""
        if not found.has_hidden:
            await asyncio.to_thread(self._reader.keep, found.catalog)
        if self.is_large:
            await asyncio.to_thread(give_back)
