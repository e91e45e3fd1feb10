"""Lets several threads use one connector: a second call waits until the first has returned."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from amx_tui.catalog.model import (
    Abilities,
    Catalog,
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
    taken, so that nobody reads half of it."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._lock = threading.RLock()
        # Said once, without waiting: screens ask it while the database is at work.
        self.identity = connector.identity
        self.label = connector.label
        self.dialect = connector.dialect

    @property
    def abilities(self) -> Abilities:
        return self._connector.abilities

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        with self._lock:
            return self._connector.tables(hidden=hidden)

    def load(self, *, hidden: bool = False) -> Catalog:
        with self._lock:
            return self._connector.load(hidden=hidden)

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        with self._lock:
            return self._connector.evidence(table, columns, privacy)

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        with self._lock:
            return self._connector.refusals(targets)

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        with self._lock:
            return self._connector.statements(changes)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        with self._lock:
            yield from self._connector.write(changes)

    def close(self) -> None:
        with self._lock:
            self._connector.close()
