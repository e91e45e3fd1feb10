"""Which file the store works on: `tui.db`, unless it cannot be used. A damaged one is set aside under a
name that says what it is and when, and a new one is begun. What is not ours to touch (a newer amx-tui's,
another program's, a folder) stays as it is, and the store works beside it. Nothing is deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amx_tui.base.files import sync_folder
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.review.file import StoreFile
from amx_tui.review.model import DamagedStore, ForeignStore, StoreProblem
from amx_tui.review.schema import MIGRATIONS

# What SQLite keeps beside a file and finds by its name.
_BESIDE = ("-wal", "-shm", "-journal")
# SQLite's own locks: a connection in WAL mode holds a shared one on these bytes for as long as it is
# open (sqlite.org/fileformat2.html, "The Lock-Byte Page"; os.h, PENDING_BYTE).
_SHARED_FIRST, _SHARED_SIZE = 0x40000000 + 2, 510
# Seconds to wait for another process that looks at the same damaged file.
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A file to work on, and what a person has to be told of how it was found."""

    path: Path
    notices: tuple[Problem, ...] = ()


def find_place(path: Path) -> Place:
    """The file to work on where `path` is wanted, after a look at every page of it.

    Only for who has no connection to it: as soon as a process closes a file, POSIX takes away all of
    its locks on that file.

    Raises:
        StoreProblem: it is damaged and cannot be set aside.
    """
    if path.is_symlink():  # its log lies beside the file itself
        path = path.resolve()
    try:
        return _usable(path)
    except ForeignStore as problem:
        place = _usable(beside(path))
        told = Problem(
            f"{problem.what}; this amx-tui works on {place.path.name} beside it",
            f"{problem.why}. It was left as it is, and what it holds is not shown here",
            problem.remedy,
        )
        return Place(place.path, (told, *place.notices))


def beside(path: Path) -> Path:
    """Where this version works while `path` is not ours to touch."""
    return path.with_name(f"{path.stem}.v{len(MIGRATIONS)}{path.suffix}")


def find_set_aside(path: Path) -> tuple[Path, ...]:
    """The damaged files that were set aside in the place of `path`, oldest first. Blocking."""
    name = re.compile(rf"{re.escape(path.stem)}\.(v\d+\.)?damaged-[\d-]+{re.escape(path.suffix)}")
    try:
        return tuple(sorted(one for one in path.parent.iterdir() if name.fullmatch(one.name)))
    except OSError:
        return ()


def _usable(path: Path) -> Place:
    while True:
        before = _file_number(path)
        try:
            StoreFile(path).examine()
        except DamagedStore as problem:
            aside = _set_aside(path, before, problem)
            if aside is None:  # another process was quicker
                continue
            return Place(path, (_told(path, aside, problem),))
        except ForeignStore:
            raise
        except StoreProblem:
            pass  # why it cannot be read now is told by whoever reads it
        return Place(path)


def _set_aside(path: Path, seen: int | None, problem: DamagedStore) -> Path | None:
    """Renames the damaged file that was `seen` at `path`; None where it is there no more."""
    try:
        with _alone(path, problem):
            if seen is not None and _file_number(path) != seen:
                return None
            if seen is None and path.stat().st_size:
                return None
            aside = _free_name(path)
            # The file first: a log without its file is found, and set aside, at the next start.
            path.rename(aside)
            for suffix in _BESIDE:
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").rename(f"{aside}{suffix}")
            sync_folder(path.parent)
            return aside
    except OSError as error:
        raise StoreProblem(
            f"{problem.what}, and cannot be set aside",
            one_line(error.strerror or str(error), 300),
            "Make it and its folder writable, or set AMX_CONFIG_DIR to another folder",
        ) from error


@contextlib.contextmanager
def _alone(path: Path, problem: DamagedStore) -> Iterator[None]:
    """While no other process has the file open: one that has would go on writing the log at its old
    name, which by then is another file's."""
    if sys.platform == "win32":  # where a file that is open cannot be renamed
        yield
        return
    import fcntl

    deadline = time.monotonic() + _PATIENCE
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
                break
            except (BlockingIOError, PermissionError):
                if time.monotonic() > deadline:
                    raise StoreProblem(
                        f"{problem.what}, and another program has it open",
                        problem.why,
                        "Close the other amx-tui, or whatever has the file open, and start this one "
                        "again: it sets the file aside and begins a new one",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _file_number(path: Path) -> int | None:
    """The same for as long as the same file lies there; None where none does."""
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    number = 1
    while True:
        more = f"-{number}" if number > 1 else ""
        aside = path.with_name(f"{path.stem}.damaged-{stamp}{more}{path.suffix}")
        if not any(Path(f"{aside}{suffix}").exists() for suffix in ("", *_BESIDE)):
            return aside
        number += 1


def _told(path: Path, aside: Path, problem: DamagedStore) -> Problem:
    kept = one_line(str(aside))
    return Problem(
        f"{problem.what}, so it was set aside and a new one begun",
        f"Nothing was deleted: it is {kept} now ({problem.why})",
        "Its runs and decisions are not in the new one; what was written into a database is there. "
        f"Some of it can perhaps be saved: sqlite3 {shlex.quote(kept)} .recover (or .dump)",
    )
