"""The full-text index of documents and code: one SQLite file in the cache folder, with FTS5. It may be
deleted at any time, and is made anew where it is damaged or from another version.

It knows files and passages; which of them suit a table is the business of `retrieval`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from amx_tui.base.text import one_line
from amx_tui.evidence.folders import File, Found, find_files
from amx_tui.evidence.model import EvidenceProblem, Passage, Reading, Skipped, Standing
from amx_tui.evidence.reading import Unreadable, read_parts
from amx_tui.evidence.rows import make_passages

_T = TypeVar("_T")

# Goes up whenever files would be read, masked or cut differently: the index is then made anew.
VERSION = 2
_SCHEMA = """
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    skipped TEXT
);
CREATE VIRTUAL TABLE passages USING fts5 (
    path, heading, text, line UNINDEXED, page UNINDEXED, with_rows UNINDEXED,
    tokenize = "unicode61 remove_diacritics 0 tokenchars '_'"
);
-- Rows are kept, but nothing is found by them.
-- A number is never given twice: who holds one of a passage that is gone finds nothing, not another.
CREATE TABLE pieces (passage INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL);
CREATE INDEX pieces_of_file ON pieces (file);
"""
_OTHER_VERSION = "another version"
# Files are put in together, so that the disk is waited for a few times and what was read stays read
# when the program ends in the middle.
_FILES_TOGETHER = 100
# Seconds: how often it is told where the reading stands, and for how long another process is waited for.
_TELLING = 0.2
_PATIENCE = 5.0
# Between two files the thread sleeps that long (seconds) for every second that it worked: Python runs
# one thread at a time, and the keys' has to get its turn.
_REST = 0.2
# An index that was not used for that long (seconds) is of folders that nobody names any more.
_FORGOTTEN = 60 * 86_400.0


class Stopped(Exception):
    """Whoever asked for the reading does not want it any more."""


def index_file(folder: Path, roots: Collection[Path]) -> Path:
    """Where the index of these folders is: each set of folders has one of its own."""
    names = "\n".join(sorted(str(root) for root in roots))
    digest = hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / f"evidence-{digest}.db"


class Index:
    """The index of `roots` in `folder`. Making one touches nothing; its methods block, and may be
    called from any thread. `never` are folders that are not entered.

    All of them raise `EvidenceProblem` where the index cannot be kept.
    """

    def __init__(
        self, folder: Path, roots: Sequence[Path], *, never: Collection[Path] = ()
    ) -> None:
        self.roots = tuple(roots)
        self.path = index_file(folder, self.roots)
        self._never = tuple(never)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    # Reading the folders. ------------------------------------------------------------------------

    def refresh(
        self,
        told: Callable[[Standing], None] = lambda standing: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Standing:
        """Reads what is new or changed (by time and size), forgets what is gone; how it then stands.

        Raises:
            Stopped: `stop` said so; what was read until then is kept.
            EvidenceProblem: the index cannot be kept.
        """
        told(Standing(Reading.GOING_ON))
        found = find_files(self.roots, never=self._never)
        known = self._do(_known_files)
        present = {str(file.path): file for file in found.files}
        gone = [number for path, (number, *_) in known.items() if path not in present]
        due = [
            file
            for path, file in present.items()
            if path not in known
            or known[path][1:3] != (file.size, file.changed)
            # With the extra installed since, it can be read now.
            or (known[path][3] == Skipped.LACKS_EXTRA.name and _has_extra())
        ]
        if gone:
            self._do(lambda connection: _forget(connection, gone), writes=True)
        done, total = len(present) - len(due), len(present)
        worked = told_at = time.monotonic()
        for first in range(0, len(due), _FILES_TOGETHER):
            together = []
            for file in due[first : first + _FILES_TOGETHER]:
                if stop():
                    raise Stopped
                together.append((file, *_read_passages(file)))
                done += 1
                now = time.monotonic()
                if now - told_at >= _TELLING:
                    told(Standing(Reading.GOING_ON, done, total))
                    told_at = now
                time.sleep(min((now - worked) * _REST, 0.05))
                worked = time.monotonic()
            self._do(partial(_put, rows=together), writes=True)
        return self._do(lambda connection: _standing(connection, found))

    # Looking things up. --------------------------------------------------------------------------

    def holding(self, term: str, most: int) -> list[int]:
        """The passages in which `term` stands as a word, or its words in a row, in any case; at most
        `most`, by number."""
        query = quote(term)
        return self._do(
            lambda connection: [
                number
                for (number,) in connection.execute(
                    "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rowid LIMIT ?",
                    (query, most),
                )
            ]
        )

    def ranked(self, terms: Sequence[str], most: int) -> list[int]:
        """The passages that hold any of `terms`, the best by BM25 first; equals by path and line."""
        query = " OR ".join(quote(term) for term in terms)
        return self._do(
            lambda connection: [
                number
                for (number,) in connection.execute(
                    "SELECT rowid FROM passages WHERE passages MATCH ?"
                    " ORDER BY bm25(passages, 2.0, 2.0, 1.0), path, page, line LIMIT ?",
                    (query, most),
                )
            ]
        )

    def passages(self, numbers: Sequence[int]) -> dict[int, Passage]:
        """The passages of these numbers; those that are gone meanwhile are left out."""

        def look_up(connection: sqlite3.Connection) -> dict[int, Passage]:
            found = {}
            for number in numbers:
                row = connection.execute(
                    "SELECT path, line, text, heading, page, with_rows FROM passages"
                    " WHERE rowid = ?",
                    (number,),
                ).fetchone()
                if row is not None:
                    found[number] = Passage(*row)
            return found

        return self._do(look_up)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # The file. -----------------------------------------------------------------------------------

    def _do(self, work: Callable[[sqlite3.Connection], _T], *, writes: bool = False) -> _T:
        """Does `work` in one transaction. A damaged file is made anew, once; it is then empty until
        the folders are read again."""
        with self._lock:
            try:
                return self._try(work, writes)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise self._problem(error) from error
            except OSError as error:
                raise self._problem(error) from error
            try:
                self._delete()
                return self._try(work, writes)
            except (sqlite3.Error, OSError) as error:
                raise self._problem(error) from error

    def _try(self, work: Callable[[sqlite3.Connection], _T], writes: bool) -> _T:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return result

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self.path.exists():
            return self._connection
        self.close()  # somebody deleted the file, as they may
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(self.path)
        try:
            # Two processes that make the same index at once would trip over each other.
            with FileLock(f"{self.path}.lock", timeout=_PATIENCE, mode=0o600):
                self._connection = self._connect()
        except Timeout as error:
            raise OSError("another program holds it") from error
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"
                )
            elif version != VERSION:
                raise sqlite3.DatabaseError(_OTHER_VERSION)
            os.utime(self.path)  # it is used
        except BaseException:
            connection.close()
            raise
        return connection

    def _delete(self) -> None:
        self.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + end).unlink(missing_ok=True)

    def _problem(self, error: Exception) -> EvidenceProblem:
        said = getattr(error, "strerror", None) or str(error)
        return EvidenceProblem(
            "Documents and code cannot be looked up",
            f"Their index {one_line(str(self.path))} cannot be kept: {one_line(said, 200)}",
            "Make room, or make that folder writable, and try again; drafts go without them",
        )


def quote(term: str) -> str:
    """`term` as a string of FTS5's query language, in which nothing else has a meaning."""
    sendable = term.encode("utf-8", "replace").decode("utf-8").replace("\0", " ")
    return '"' + sendable.replace('"', '""') + '"'


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return str(error) == _OTHER_VERSION
    if code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return True
    # A file that calls itself ours and lacks a table.
    return code & 0xFF == sqlite3.SQLITE_ERROR and "no such table" in str(error)


def _sweep(present: Path) -> None:
    """Removes the indexes of folders that nobody has named for long."""
    for file in present.parent.glob("evidence-*.db*"):
        with contextlib.suppress(OSError):
            if not file.name.startswith(present.name) and (
                time.time() - file.stat().st_mtime > _FORGOTTEN
            ):
                file.unlink()


def _has_extra() -> bool:
    from importlib.util import find_spec

    return find_spec("pypdf") is not None and find_spec("docx") is not None


_Rows = tuple[File, list[Passage], Skipped | None]


def _read_passages(file: File) -> tuple[list[Passage], Skipped | None]:
    shown = one_line(file.shown)
    kind = file.path.suffix.lower()
    try:
        parts = read_parts(file)
    except Unreadable as left_out:
        return [], left_out.why
    return [passage for part in parts for passage in make_passages(shown, part, kind)], None


def _known_files(connection: sqlite3.Connection) -> dict[str, tuple[int, int, int, str | None]]:
    found = connection.execute("SELECT path, id, size, changed, skipped FROM files")
    return {_unpack(path): tuple(rest) for path, *rest in found}


def _pack(path: str) -> str | bytes:
    """A name of a file may hold bytes that are no text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def _unpack(path: str | bytes) -> str:
    return os.fsdecode(path)


def _forget(connection: sqlite3.Connection, files: Collection[int]) -> None:
    for file in files:
        connection.execute(
            "DELETE FROM passages WHERE rowid IN (SELECT passage FROM pieces WHERE file = ?)",
            (file,),
        )
        connection.execute("DELETE FROM pieces WHERE file = ?", (file,))
        connection.execute("DELETE FROM files WHERE id = ?", (file,))


def _put(connection: sqlite3.Connection, rows: Sequence[_Rows]) -> None:
    for file, passages, skipped in rows:
        path = _pack(str(file.path))
        # Another process may have put it in meanwhile.
        old = connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchall()
        _forget(connection, [number for (number,) in old])
        cursor = connection.execute(
            "INSERT INTO files (path, size, changed, skipped) VALUES (?, ?, ?, ?)",
            (path, file.size, file.changed, skipped.name if skipped else None),
        )
        number = cursor.lastrowid
        for one in passages:
            cursor = connection.execute("INSERT INTO pieces (file) VALUES (?)", (number,))
            connection.execute(
                "INSERT INTO passages (rowid, path, heading, text, line, page, with_rows)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(cursor.lastrowid, one.path, one.heading, one.text, one.line, one.page),
                    one.with_rows,
                ),
            )


def _standing(connection: sqlite3.Connection, found: Found) -> Standing:
    skipped: Counter[Skipped] = Counter(found.skipped)
    files = 0
    digest = hashlib.sha256()
    for path, size, changed, why in connection.execute(
        "SELECT path, size, changed, skipped FROM files ORDER BY path"
    ):
        if why is None:
            files += 1
            digest.update(repr((path, size, changed)).encode("utf-8", "surrogateescape"))
        else:
            skipped[Skipped[why]] += 1
    (passages,) = connection.execute("SELECT count(*) FROM pieces").fetchone()
    total = len(found.files)
    return Standing(
        Reading.DONE,
        total,
        total,
        files,
        passages,
        digest.hexdigest(),
        {why: skipped[why] for why in Skipped if skipped[why]},
        tuple(_missing(path) for path in found.missing),
    )


def _missing(path: Path) -> EvidenceProblem:
    return EvidenceProblem(
        f"{one_line(str(path))} is not there",
        "config.yml names it among its documents and code",
        "Put it back, or correct config.yml",
    )
