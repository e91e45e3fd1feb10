"""The rows of one run as Review lists them: its own drafts, also where a later run drafted the same again,
each with the decision that stands. It draws nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.review.model import ReviewRow


class RunRows(Mapping[Target, ReviewRow]):
    """What `run` drafted. Making it reads the store: in a thread. Afterwards it follows the session,
    which knows what is decided and what the run drafts further."""

    def __init__(self, session: Session, run: int) -> None:
        self._session = session
        self._run = run
        found = session.workspace.store.rows(session.connector.identity, run)
        self._drafted = {row.target: row for row in found}

    def __getitem__(self, target: Target) -> ReviewRow:
        now = self._session.rows.get(target)
        if now is not None and now.run == self._run:
            self._drafted[target] = now
            return now
        drafted = self._drafted[target]
        if now is None:
            return drafted
        return replace(drafted, decision=now.decision, written=now.written)

    def __iter__(self) -> Iterator[Target]:
        return iter(tuple(self._drafted))

    def __len__(self) -> int:
        return len(self._drafted)
