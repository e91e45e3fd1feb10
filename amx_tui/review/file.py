"""Opens `tui.db`, guards its one connection, and says in words what SQLite says in codes. What is in
the tables is the business of `store.py`."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.review.model import DamagedStore, ForeignStore, StoreProblem
from amx_tui.review.schema import APPLICATION_ID, MIGRATIONS, statements

_PATIENCE = 5.0  # seconds to wait for another process that is writing
_ELSEWHERE = "Make room or set AMX_CONFIG_DIR to another folder, then try again"
_SET_ASIDE = "Leave amx-tui and start it again: it sets the file aside, deletes nothing, and begins a new one"
_NOT_OURS = "Move it away, or set AMX_CONFIG_DIR to another folder"

# SQLite's primary result codes: what happened to the file, and what to do. sqlite.org/rescode.html
_WORDS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_FULL: ("cannot be written: the disk is full", _ELSEWHERE),
    # What SQLite says as well where a quota or the largest size of a file is reached.
    sqlite3.SQLITE_IOERR: ("cannot be read or written; its disk may be full", _ELSEWHERE),
    sqlite3.SQLITE_READONLY: (
        "may not be written",
        "Make the file and its folder writable, or set AMX_CONFIG_DIR to a folder that is",
    ),
    sqlite3.SQLITE_PERM: (
        "may not be written",
        "Make the file and its folder writable, or set AMX_CONFIG_DIR to a folder that is",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "Make the file and its folder writable, or set AMX_CONFIG_DIR to a folder that is",
    ),
    sqlite3.SQLITE_BUSY: (
        "is held by another program",
        "Try again when the other amx-tui, or whatever has the file open, is done",
    ),
    sqlite3.SQLITE_LOCKED: (
        "is held by another program",
        "Try again when the other amx-tui, or whatever has the file open, is done",
    ),
}
# Where SQLite cannot make a log or its index.
_NO_LOG = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)
_OTHERWISE = ("cannot be used", _ELSEWHERE)


class StoreFile:
    """One SQLite file, opened when first needed.

    Reading a file that is not there gives None and makes nothing; writing makes the file `0600` and
    its folder `0700`. All methods may be called from any thread.
    """

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        self.path = path
        self._migrations = tuple(migrations)
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """One consistent view of the file, None where there is no file.

        Raises:
            StoreProblem: the file cannot be read.
        """
        with self._lock, self._in_words():
            # An empty one was made by somebody who did not come to fill it.
            if self._connection is None and not (self._is_there() and self.path.stat().st_size):
                yield None
                return
            connection = self._open_to_read()
            if connection.in_transaction:  # inside writing(), of this same thread
                yield connection
                return
            connection.execute("BEGIN")
            try:
                self._refuse_newer(connection)
                yield connection
            finally:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                if connection is not self._connection:
                    connection.close()

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction. It is on disk when the block is left, or nothing of it is.

        Raises:
            StoreProblem: the file cannot be written.
        """
        with self._lock, self._in_words():
            if self._connection is None and not self._is_there():
                self._create()
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._refuse_newer(connection)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already.
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def examine(self) -> int | None:
        """The version of the file, after a look at every page of it; None where there is no file.
        Changes nothing, also where a newer or a damaged one is found.

        Raises:
            DamagedStore, ForeignStore: it cannot be used.
            StoreProblem: it cannot be read.
        """
        with self._in_words():
            # Asked before the file is: whoever makes both fills the file first.
            has_log = _has_content(Path(f"{self.path}-wal"))
            is_there = self._is_there()
            if is_there and not self.path.is_file():
                raise ForeignStore(
                    f"{self._name} is not a file",
                    "A folder, or something else, lies in its place",
                    _NOT_OURS,
                )
            if not is_there or not self.path.stat().st_size:
                if has_log:  # SQLite would throw it away
                    raise self._damaged("It is gone or empty, and its log is not")
                return 0 if is_there else None
            uri = f"{self.path.resolve().as_uri()}?mode=ro"
            with contextlib.closing(
                sqlite3.connect(uri, uri=True, timeout=_PATIENCE)
            ) as connection:
                version = self._check(connection)
                said = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if said != "ok":
            raise self._damaged(said)
        return version

    @property
    def version(self) -> int:
        """Another number whenever another connection changed the file (sqlite.org/pragma.html,
        data_version); what this one writes does not count. 0 while there is no file."""
        with self.reading() as connection:
            if connection is None:
                return 0
            return int(connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def unreadable(self, why: str) -> StoreProblem:
        """What to raise where a whole file holds what its tables cannot hold."""
        return StoreProblem(
            f"{self._name} holds something that it cannot hold",
            one_line(why, 300),
            "It was left as it is. Move it away to begin a new one, or set AMX_CONFIG_DIR to another "
            "folder",
        )

    def _damaged(self, why: str) -> DamagedStore:
        return DamagedStore(f"{self._name} is damaged", one_line(why, 300), _SET_ASIDE)

    @property
    def _name(self) -> str:
        return one_line(str(self.path))

    def _is_there(self) -> bool:
        # Path.exists would swallow that we may not look into the folder.
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        connection = sqlite3.connect(
            self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            self._check(connection)
            self._use_wal(connection)
            # Every commit reaches the disk before the call returns, not only the operating system.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _open_to_read(self) -> sqlite3.Connection:
        """The connection; where no log can be made beside the file, as on a full disk or in a folder
        that may not be written, one for this time that needs none."""
        try:
            return self._open()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _NO_LOG or _has_content(
                Path(f"{self.path}-wal")
            ):
                raise
            # Whoever writes it meanwhile has a log (sqlite.org/uri.html, "immutable").
            uri = f"{self.path.resolve().as_uri()}?mode=ro&immutable=1"
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
            try:
                if self._check(connection) == len(self._migrations):
                    return connection
            except BaseException:
                connection.close()
                raise
            connection.close()  # it cannot be brought up to date now
            raise

    def _check(self, connection: sqlite3.Connection) -> int:
        """The version of the file, once it is sure that it is ours and that we can read it."""
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        is_empty = connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        if owner != APPLICATION_ID and not (is_empty and version == 0 and owner == 0):
            raise ForeignStore(
                f"{self._name} is not amx-tui's",
                "It is a SQLite file of another program",
                _NOT_OURS,
            )
        if version > len(self._migrations):
            raise ForeignStore(
                f"{self._name} was written by a newer amx-tui",
                f"Its version is {version}, this program knows {len(self._migrations)}",
                "Start the newer one to see it, or upgrade this one: python -m pip install --upgrade "
                "amx-tui",
            )
        return version

    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        """A newer program may bring the file up to date while this one has it open."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(self._migrations):
            self._check(connection)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        # Two processes that start on a new file at once: SQLite does not wait here by itself.
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _migrate(self, connection: sqlite3.Connection) -> None:
        if self._check(connection) == len(self._migrations):
            return
        for number, script in enumerate(self._migrations, start=1):
            connection.execute("BEGIN IMMEDIATE")
            try:
                # Asked again under the lock: another process may have done it meanwhile.
                if self._check(connection) < number:
                    for statement in statements(script):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                    connection.execute(f"PRAGMA user_version = {number}")
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            # The module's own errors have no code; the low byte of an extended code is the primary.
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise self._damaged(str(error)) from error
            what, remedy = _WORDS.get(code, _OTHERWISE)
            raise StoreProblem(f"{self._name} {what}", one_line(str(error), 300), remedy) from error
        except OSError as error:
            raise StoreProblem(
                f"{self._name} cannot be written",
                one_line(error.strerror or str(error), 300),
                "Make its folder writable, or set AMX_CONFIG_DIR to a folder that is",
            ) from error


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
