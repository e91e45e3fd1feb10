"""Which rows the left list of Browse has: schemas with their tables, or what a filter found. It knows the
session and draws nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from amx_tui.catalog.index import Hits
from amx_tui.catalog.model import Column, Table, Target
from amx_tui.commands.session import Session


class Shown(StrEnum):
    ALL = "all"
    UNDESCRIBED = "undescribed"
    MARKED = "marked"

    @property
    def following(self) -> Shown:
        order = list(Shown)
        return order[(order.index(self) + 1) % len(order)]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a schema (`table` None), a table, or a column that a filter found; `is_guess` where that
    only has the letters of the filter."""

    schema: str
    table: Table | None = None
    column: Column | None = None
    is_guess: bool = False

    @property
    def target(self) -> Target | None:
        if self.table is None:
            return None
        return self.table.column_target(self.column) if self.column else self.table.target


class Listing:
    """`shown`, `words` and `folded` are the person's wishes; `arrange` and `search` follow them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._entries: list[Entry] = []
        self._hits: Hits | None = None
        self.shown = Shown.ALL
        self.words = ""
        self.folded: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries) if self._hits is None else len(self._hits)

    def __getitem__(self, place: int) -> Entry:
        if self._hits is None:
            return self._entries[place]
        hit = self._hits[place]
        return Entry(hit.table.schema, hit.table, hit.column, is_guess=place >= self._hits.exact)

    @property
    def hits(self) -> Hits | None:
        """What the words found; None where the list is that of all tables."""
        return self._hits

    def arrange(self) -> None:
        """The schemas and their tables."""
        session = self._session
        tables: Iterable[Table] = session.catalog.tables
        match self.shown:
            case Shown.UNDESCRIBED:
                tables = [table for table in tables if session.marks.lacks(table)]
            case Shown.MARKED:
                marked = {(target.schema, target.table) for target in session.marks.targets}
                tables = [table for table in tables if (table.schema, table.name) in marked]
        self._hits = None
        self._entries = []
        schema: str | None = None
        for table in tables:
            if table.schema != schema:
                schema = table.schema
                self._entries.append(Entry(schema))
            if schema not in self.folded:
                self._entries.append(Entry(schema, table))

    async def search(self) -> None:
        """What fits the words in the whole catalog; cancelled, the list stays as it was."""
        hits = await self._session.index.search(self.words)
        if self.shown is not Shown.ALL:
            hits = await hits.only(lambda hit: self._is_wanted(hit.target))
        self._hits = hits

    def _is_wanted(self, target: Target) -> bool:
        if self.shown is Shown.MARKED:
            return target in self._session.marks.targets
        return bool(self._lacking(target))

    def place_of(self, table: Table) -> int | None:
        """Where a table stands in the list of all."""
        places = (place for place, entry in enumerate(self._entries) if entry.table is table)
        return next(places, None)

    def place_after(self, standing: Entry | None) -> int:
        """Where the cursor goes that stood on `standing` before the list of all was arranged: to the
        same table, at first to the first one; to its schema where that is folded."""
        first = None
        for place, entry in enumerate(self._entries):
            if first is None and entry.table is not None:
                first = place
            if standing is None or entry.schema != standing.schema:
                continue
            is_folded = standing.table is not None and entry.schema in self.folded
            if is_folded or (entry.table and entry.table.name) == (
                standing.table and standing.table.name
            ):
                return place
        # What stood there is filtered away: the first table that is left.
        return first or 0

    def undescribed(self) -> set[Target]:
        """All that is listed and lacks a description. In a large catalog a matter of a second: call
        it in a thread."""
        if self._hits is not None:
            return {target for hit in self._hits for target in self._lacking(hit.target)}
        shown = [entry.table for entry in self._entries if entry.table is not None]
        return self._session.marks.undescribed(shown)

    def _lacking(self, target: Target) -> set[Target]:
        """What a row stands for and lacks a description."""
        table = self._session.catalog.table(target)
        if target.column or table is None:
            return {target} if self._session.marks.is_lacking(target) else set()
        return self._session.marks.undescribed([table])
