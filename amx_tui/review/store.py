"""Keeps what must not be lost: runs with their suggestions, decisions, and what was written.

It knows nothing of models, prompts, databases or screens; a database is a name here. Every method
that changes something returns when the change is on disk, so that whoever shows it afterwards shows
what will still be there after a crash. Methods block for milliseconds: from async code they go
through a thread.
"""

from __future__ import annotations

from amx_tui.review.journal import Journal
from amx_tui.review.runs import Runs


class Store(Runs, Journal):
    """`tui.db`. Making one touches nothing on disk; `database` is `Connector.identity` everywhere.

    All methods raise `StoreProblem` where the file cannot be read or written, and may be called from
    any thread. Times are seconds since 1970.
    """

    @property
    def version(self) -> int:
        """Another number whenever another process changed something."""
        return self._file.version

    def close(self) -> None:
        """Lets go of everything. A run that has not ended is offered at the next start."""
        self._locks.let_all_go()
        with self._guard:
            if self._found is not None:
                self._found.close()
                self._found = None
