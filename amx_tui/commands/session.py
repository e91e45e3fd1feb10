"""One open database and everything that a person does with it: catalog, marks, drafts, decisions.

It knows no screen. Whoever wants to see what happens subscribes; what they hear of is already in the
store. Blocking work goes to threads; everything else runs on the event loop that calls it.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import Catalog, Connector, Target
from amx_tui.catalog.serial import SerialConnector
from amx_tui.commands.listeners import Listeners
from amx_tui.commands.looking import KeptEvidence, KeptSent
from amx_tui.commands.marking import Marks
from amx_tui.commands.model import CatalogRead, DocumentsRead
from amx_tui.commands.open_catalog import OpenCatalog
from amx_tui.commands.reviewing import Review
from amx_tui.commands.running import Runner
from amx_tui.commands.unfinished import UnfinishedRuns
from amx_tui.commands.workspace import Workspace

if TYPE_CHECKING:  # a schema is on the screen before anything of runs and decisions is imported
    from amx_tui.drafting.board import Board
    from amx_tui.evidence.model import Standing
    from amx_tui.review.model import ReviewRow


class Session:
    """Everything on the screen comes from its parts, and every order goes to one of them; what concerns
    several is an order of its own."""

    def __init__(self, workspace: Workspace) -> None:
        assert workspace.connector is not None
        self.workspace = workspace
        # Evidence, catalog and writes come from threads of their own.
        self.connector: Connector = SerialConnector(workspace.connector)
        database, label = self.connector.identity, self.connector.label
        self.listeners = Listeners()
        tell = self.listeners.tell
        self.opened = OpenCatalog(workspace, self.connector, tell)
        self.evidence = KeptEvidence(workspace, self.connector, self.opened, tell)
        self.sent = KeptSent(workspace, tell)
        self.review = Review(workspace, database, self.opened, tell)
        self.marks = Marks(self.opened, self.review)
        self.unfinished = UnfinishedRuns(
            workspace, database, self.opened, self.review, self.evidence
        )
        self.runner = Runner(workspace, label, self.review, self.marks, self.unfinished, tell)
        self._reading = asyncio.Lock()
        # What many screens ask for has a short way.
        self.subscribe = self.listeners.subscribe
        self.decide, self.take = self.review.decide, self.review.take
        self.undo, self.redo = self.review.undo, self.review.redo
        self.follow_store = self.review.follow_store
        self.read_sent, self.sent_at_hand = self.sent.read, self.sent.at_hand

    @property
    def catalog(self) -> Catalog:
        return self.opened.catalog

    @property
    def index(self) -> CatalogIndex:
        return self.opened.index

    @property
    def is_whole(self) -> bool:
        return self.opened.is_whole

    @property
    def rows(self) -> dict[Target, ReviewRow]:
        return self.review.rows

    @property
    def board(self) -> Board | None:
        return self.runner.board

    @property
    def is_running(self) -> bool:
        return self.runner.is_running

    # What concerns several parts. ----------------------------------------------------------------

    async def read_catalog(self) -> None:
        """The copy that was kept the last time, or else the tables first; then everything, then what
        was drafted and decided before."""
        async with self._reading:
            found = await self.opened.find()
            if found is None:
                return
            gone = await self.marks.find_gone(found.catalog)
            self.opened.take(found)
            self.evidence.forget()
            self.marks.targets -= gone
        self.listeners.tell(CatalogRead(is_whole=True))
        await self.review.read_rows()
        await self.opened.keep(found)
        self.read_documents()

    async def fresh_catalog(self) -> Catalog:
        """The catalog as the database itself told it, never the copy that was kept; waits for it.

        Raises:
            CatalogProblem: it cannot be read.
        """
        async with self._reading:
            is_fresh = self.is_whole and self.opened.kept_at is None
        if not is_fresh:
            await self.read_catalog()
            if self.opened.problem is not None:
                raise self.opened.problem
        return self.catalog

    async def show_hidden(self, shown: bool) -> None:
        """Whether system schemas and partitions are part of the catalog; reads it again."""
        self.opened.shows_hidden = shown
        await self.read_catalog()

    def read_documents(self) -> None:
        """Begins to read what is new in the documents and code of `config.yml`; who listens hears of it."""
        loop = asyncio.get_running_loop()

        def told(standing: Standing) -> None:
            with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
                loop.call_soon_threadsafe(self.listeners.tell, DocumentsRead(standing))

        self.workspace.library.begin(told)

    async def close(self) -> None:
        """Ends the run and closes the database; what the run lacks is offered at the next start."""
        await self.runner.close()
        await asyncio.to_thread(self.workspace.library.stop)
        await asyncio.to_thread(self.connector.close)
