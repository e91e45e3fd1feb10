"""What looking at a catalog of any size asks of it, computed once: how much is described at each level,
which columns share a name, what points where, and a search over all names. It knows nothing of who
looks, and nothing here reads the database."""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass

from amx_tui.catalog.model import Catalog, Column, Coverage, Table, Target, coverage

# Entries that a search looks at before others get their turn: about two milliseconds.
SLICE = 4_000
# What fits only letter by letter is a guess, and more guesses than this nobody reads.
MOST_GUESSES = 200
# Tables whose columns' places are kept: who asks in the order of the catalog needs one.
KEPT_PLACES = 100
# A guess may stretch over this many characters for each one that was typed.
STRETCH = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """A table (`column` None) or a column that a search found."""

    table: Table
    column: Column | None

    @property
    def target(self) -> Target:
        return self.table.column_target(self.column) if self.column else self.table.target


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found, best first; each hit is made when it is looked at. The first `exact` ones
    contain the words, the others have their letters."""

    of: CatalogIndex
    entries: array[int]
    exact: int

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, place: int) -> Hit:
        return self.of.hit(self.entries[place])

    def __iter__(self) -> Iterator[Hit]:
        return map(self.of.hit, self.entries)

    async def only(self, is_wanted: Callable[[Hit], bool]) -> Hits:
        """Those that are wanted. Others get their turn meanwhile."""
        kept = array("I")
        exact = 0
        for place, entry in enumerate(self.entries):
            if place % SLICE == 0:
                await asyncio.sleep(0)
            if is_wanted(self.of.hit(entry)):
                kept.append(entry)
                exact += place < self.exact
        return Hits(self.of, kept, exact)


class CatalogIndex:
    """Made of a catalog, in a thread where that is large (200 000 columns take about half a second);
    everything but `search` is then a look-up."""

    def __init__(self, catalog: Catalog) -> None:
        self._tables = catalog.tables
        self._coverage: dict[str, Coverage] = {}
        self._of_table: list[Coverage] = []
        self.total = Coverage()
        # Entry by entry (a table, then its columns): its path in small letters, how many characters
        # of that are its own name, and which table and column it is.
        self._paths: list[str] = []
        self._name_lengths = array("I")
        self._table_numbers = array("I")
        self._column_numbers = array("i")  # -1: the table itself
        self._described = array("I")  # the entries that have a comment
        self._number_of: dict[tuple[str, str], int] = {}
        # Most names of a large catalog stand there once: only what repeats is kept as a list.
        self._first: dict[str, int] = {}
        self._again: dict[str, list[int]] = {}
        self._pointing: dict[Target, list[int]] = {}
        self._places: dict[int, dict[str, int]] = {}  # of the tables that were asked about
        for number, table in enumerate(catalog.tables):
            self._add(number, table)

    def _add(self, number: int, table: Table) -> None:
        self._number_of[table.schema, table.name] = number
        found = coverage(table)
        self._of_table.append(found)
        self._coverage[table.schema] = self._coverage.get(table.schema, Coverage()) + found
        self.total += found
        path = f"{table.schema}.{table.name}".lower()
        self._enter(path, table, number, -1)
        for position, column in enumerate(table.columns):
            entry = len(self._paths)
            self._enter(f"{path}.{column.name.lower()}", column, number, position)
            if column.name in self._first:
                self._again.setdefault(column.name, [self._first[column.name]]).append(entry)
            else:
                self._first[column.name] = entry
            if column.references is not None:
                self._pointing.setdefault(column.references, []).append(entry)

    def _enter(self, path: str, what: Table | Column, number: int, position: int) -> None:
        if what.comment:
            self._described.append(len(self._paths))
        self._paths.append(path)
        self._name_lengths.append(len(what.name.lower()))
        self._table_numbers.append(number)
        self._column_numbers.append(position)

    def over(self, catalog: Catalog) -> CatalogIndex:
        """This index for a catalog that differs from its own in how many rows tables have, and in
        nothing else."""
        if catalog.tables is self._tables:
            return self
        other = copy(self)
        other._tables = catalog.tables
        return other

    def __len__(self) -> int:
        """Tables and columns."""
        return len(self._paths)

    def hit(self, entry: int) -> Hit:
        table = self._tables[self._table_numbers[entry]]
        position = self._column_numbers[entry]
        return Hit(table, table.columns[position] if position >= 0 else None)

    @property
    def has_schemas(self) -> bool:
        """Whether there is more than one."""
        return len(self._coverage) > 1

    def name_of(self, target: Target) -> str:
        """`TABLE.COLUMN`, for people; with its schema where another one may have the same. Foreign text."""
        return target.whole_path if self.has_schemas else target.path

    # Look-ups. -----------------------------------------------------------------------------------

    def coverage_of(self, schema: str, table: str | None = None) -> Coverage:
        """Described and all columns of a schema, or of one table of it."""
        if table is None:
            return self._coverage.get(schema, Coverage())
        number = self._number_of.get((schema, table))
        return Coverage() if number is None else self._of_table[number]

    def place_of(self, target: Target) -> tuple[int, int]:
        """Where a target stands in the catalog, to sort by: its table, then 0 for the table itself or
        the number of its column; behind everything where it is not there."""
        number = self._number_of.get((target.schema, target.table))
        if number is None:
            return (len(self._tables), 0)
        if not target.column:
            return (number, 0)
        if number not in self._places:
            if len(self._places) >= KEPT_PLACES:
                self._places.clear()
            columns = enumerate(self._tables[number].columns, start=1)
            self._places[number] = {column.name: place for place, column in columns}
        places = self._places[number]
        return (number, places.get(target.column, len(places) + 1))

    def called(self, name: str) -> tuple[Target, ...]:
        """Every column that has this very name, in the order of the catalog."""
        if name in self._again:
            return tuple(self.hit(entry).target for entry in self._again[name])
        return (self.hit(self._first[name]).target,) if name in self._first else ()

    def count_called(self, name: str) -> int:
        return len(self._again[name]) if name in self._again else int(name in self._first)

    def pointing_at(self, target: Target) -> tuple[Target, ...]:
        """The columns whose foreign key refers to `target`."""
        return tuple(self.hit(entry).target for entry in self._pointing.get(target, ()))

    # The search. ---------------------------------------------------------------------------------

    async def search(self, words: str) -> Hits:
        """The tables and columns that fit all of `words` (parted by spaces; `.` parts schema, table
        and column), best first: called so, beginning so, containing it, in a table or schema of that
        name, described so; then what has the letters of the words in their order, close together.

        Others get their turn every two milliseconds; to leave it, cancel it.
        """
        terms = words.lower().split()
        if not terms:
            return Hits(self, array("I"), 0)
        ranks = [array("I") for _ in range(5)]
        is_found = bytearray(len(self._paths))
        for start in range(0, len(self._paths), SLICE):
            await asyncio.sleep(0)
            for entry in self._named_so(range(start, min(start + SLICE, len(self._paths))), terms):
                is_found[entry] = 1
                ranks[self._rank(entry, terms[-1])].append(entry)
        for start in range(0, len(self._described), SLICE):
            await asyncio.sleep(0)
            for entry in self._described[start : start + SLICE]:
                if not is_found[entry] and self._is_described_so(entry, terms):
                    is_found[entry] = 1
                    ranks[4].append(entry)
        found = array("I")
        for entries in ranks:
            found.extend(entries)
        exact = len(found)
        if exact < MOST_GUESSES and sum(map(len, terms)) > 1:
            found.extend(await self._guesses("".join(terms), is_found))
        return Hits(self, found, exact)

    def _named_so(self, entries: Iterable[int], terms: list[str]) -> Iterable[int]:
        paths = self._paths
        for term in terms:
            entries = [entry for entry in entries if term in paths[entry]]
        return entries

    def _rank(self, entry: int, term: str) -> int:
        """How well an entry fits whose path contains `term`; 0 is best."""
        name = self._paths[entry][-self._name_lengths[entry] :]
        if name.startswith(term):
            return 0 if name == term else 1
        return 2 if term in name else 3

    def _is_described_so(self, entry: int, terms: list[str]) -> bool:
        hit = self.hit(entry)
        comment = ((hit.column or hit.table).comment or "").lower()
        return all(term in comment or term in self._paths[entry] for term in terms)

    async def _guesses(self, letters: str, is_found: bytearray) -> list[int]:
        """Of the entries that are not found yet, those that have these letters in this order, the
        ones in which they stand closest together first."""
        # `[^.]` keeps a guess inside of one name, but for the dots that were typed.
        pattern = re.compile("[^.]*?".join(map(re.escape, letters)))
        longest = len(letters) * STRETCH
        # Those in the own name first, then the closest together, then the shorter name.
        ranked: list[tuple[bool, int, int, int]] = []
        for start in range(0, len(self._paths), SLICE):
            await asyncio.sleep(0)
            for entry, path in enumerate(self._paths[start : start + SLICE], start):
                if is_found[entry] or pattern.search(path) is None:
                    continue
                length = self._name_lengths[entry]
                above, span = min(
                    (found.end() <= len(path) - length, found.end() - found.start())
                    for found in pattern.finditer(path)
                )
                if span <= longest:
                    ranked.append((above, span, length, entry))
        ranked.sort()
        return [entry for *_, entry in ranked[:MOST_GUESSES]]
