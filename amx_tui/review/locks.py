"""Tells whether the process that owns a run still lives: it holds a file lock, which the operating
system lets go when the process dies. Process numbers are reused, so they are not asked."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock


class RunLocks:
    """The locks `NAME.run-N.lock` beside the store file. A lock file stays no longer than its run."""

    def __init__(self, store: Callable[[], Path]) -> None:
        self._store = store  # asked when the first lock is
        self._guard = threading.Lock()
        self._held: dict[int, BaseFileLock] = {}

    def hold(self, run: int) -> bool:
        """Takes the lock of `run` for this process; False where another process has it.

        Raises:
            OSError: the lock file cannot be made.
        """
        with self._guard:
            if run in self._held:
                return True
            lock = self._acquire(run)
            if lock is None:
                return False
            self._held[run] = lock
            return True

    def holds(self, run: int) -> bool:
        """Whether this process has the lock of `run`."""
        return run in self._held

    def is_alive(self, run: int) -> bool:
        """Whether a process holds `run`, this one included. What a dead process left is removed."""
        with self._guard:
            if run in self._held:
                return True
            if not self._path(run).exists():
                return False
            try:
                lock = self._acquire(run)
            except OSError:  # a lock file that we may not even open is somebody else's
                return True
            if lock is None:
                return True
            self._remove(run, lock)
            return False

    def let_go(self, run: int) -> None:
        with self._guard:
            lock = self._held.pop(run, None)
            if lock is not None:
                self._remove(run, lock)

    def let_all_go(self) -> None:
        for run in tuple(self._held):
            self.let_go(run)

    def _path(self, run: int) -> Path:
        store = self._store()
        return store.with_name(f"{store.name}.run-{run}.lock")

    def _acquire(self, run: int) -> BaseFileLock | None:
        from filelock import FileLock, Timeout

        # Taken in one thread and let go in another.
        lock = FileLock(self._path(run), thread_local=False, mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock

    def _remove(self, run: int, lock: BaseFileLock) -> None:
        # While it is held, so that nobody takes a lock on a file that is about to go. Windows does
        # not remove an open file; there, releasing it does.
        with contextlib.suppress(OSError):
            self._path(run).unlink()
        lock.release()
