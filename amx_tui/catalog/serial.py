"""Lets several threads use one connector: a second call waits until the first has returned."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping, Sequence

from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    CatalogProblem,
    Change,
    Connector,
    Table,
    TableEvidence,
    Target,
    Written,
)
from amx_tui.config.model import Privacy


class SerialConnector:
    """A `Connector` around another one. A write holds the others up until its last result was
    taken, so that nobody reads half of it. What comes after `close`, such as from a thread that had its
    turn late, raises `CatalogProblem`: it would open the database again, and nobody would close it."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._lock = threading.RLock()
        self._is_closed = False
        # Said once, without waiting: screens ask it while the database is at work.
        self.identity = connector.identity
        self.label = connector.label
        self.dialect = connector.dialect

    @contextlib.contextmanager
    def _turn(self) -> Iterator[Connector]:
        with self._lock:
            if self._is_closed:
                raise CatalogProblem(f"{self.label} is closed", "", "Open it again")
            yield self._connector

    @property
    def abilities(self) -> Abilities:
        return self._connector.abilities

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        with self._turn() as connector:
            return connector.tables(hidden=hidden)

    def load(self, *, hidden: bool = False) -> Catalog:
        with self._turn() as connector:
            return connector.load(hidden=hidden)

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        with self._turn() as connector:
            return connector.evidence(table, columns, privacy)

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        with self._turn() as connector:
            return connector.refusals(targets)

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        with self._turn() as connector:
            return connector.statements(changes)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        with self._turn() as connector:
            yield from connector.write(changes)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._connector.close()
