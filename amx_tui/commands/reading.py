"""Reads the catalog of one connection, and keeps a copy of it for the next start. Blocking: call it in
worker threads. It knows no session and no screen."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from operator import is_
from pathlib import Path

from amx_tui.base.building import building
from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import Catalog, Connector, Table


@dataclass(frozen=True, slots=True)
class Reading:
    """A catalog with its index; `kept_at` (seconds since the epoch) where it is the copy that was kept
    then, None where the database has just told it. `has_hidden`: system schemas and partitions as well."""

    catalog: Catalog
    index: CatalogIndex
    kept_at: float | None = None
    has_hidden: bool = False


class CatalogReader:
    """`folder` is where copies are kept. What is hidden otherwise is never part of one."""

    def __init__(self, connector: Connector, folder: Path) -> None:
        self._connector = connector
        self._folder = folder
        self._kept: Catalog | None = None

    def kept(self) -> Reading | None:
        """The copy of the last time, None where there is none that can be used."""
        from amx_tui.catalog.cache import read_cache

        kept = read_cache(self._folder, self._connector.identity)
        if kept is None:
            return None
        self._kept = kept.catalog
        with building():
            return Reading(kept.catalog, CatalogIndex(kept.catalog), kept.at)

    def list(self, *, hidden: bool) -> Reading:
        """The tables alone.

        Raises:
            CatalogProblem: it cannot be read.
        """
        catalog = Catalog(self._connector.tables(hidden=hidden))
        return Reading(catalog, CatalogIndex(catalog), has_hidden=hidden)

    def load(self, present: Reading, *, hidden: bool) -> Reading:
        """Everything; what is `present` already where that is the same, so that it is there once.

        Raises:
            CatalogProblem: it cannot be read.
        """
        with building():
            catalog = _take_known(self._connector.load(hidden=hidden), present.catalog)
            if _differs_in_rows_only(catalog, present.catalog):
                index = present.index.over(catalog)
            else:
                index = CatalogIndex(catalog)
            return Reading(catalog, index, has_hidden=hidden)

    def keep(self, catalog: Catalog) -> None:
        """For the next start; where it cannot be kept, that is as the first one was."""
        from amx_tui.catalog.cache import renew_cache, write_cache

        with contextlib.suppress(OSError):
            if catalog is self._kept:
                renew_cache(self._folder, self._connector.identity)
            else:
                write_cache(self._folder, self._connector.identity, catalog)
                self._kept = catalog


def _take_known(found: Catalog, known: Catalog) -> Catalog:
    """What was found, made of what is known wherever that says the same: `known` itself where all of it
    does."""
    tables = tuple(_take_known_table(table, known.table(table.target)) for table in found.tables)
    same = len(tables) == len(known.tables) and all(map(is_, tables, known.tables))
    return known if same else Catalog(tables)


def _take_known_table(found: Table, known: Table | None) -> Table:
    if known is None or found.columns != known.columns:
        return found
    # Where there was no time to count the rows again, they are as many as they were.
    rows = known.row_count if found.row_count is None else found.row_count
    table = replace(found, columns=known.columns, row_count=rows)
    return known if table == known else table


def _differs_in_rows_only(found: Catalog, known: Catalog) -> bool:
    """At most in how many rows tables have, which an index does not tell."""
    return len(found.tables) == len(known.tables) and all(
        table is other or replace(table, row_count=other.row_count) == other
        for table, other in zip(found.tables, known.tables, strict=True)
    )
