"""Builds the demo's database, a real SQLite file, once. It knows nothing of models or screens."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line

if TYPE_CHECKING:
    from amx_tui.demo.rows import Row

# Raised whenever the schema or the rows change: a database that says otherwise is built anew.
VERSION = 1
# "AMXd": tells our own file from somebody else's, which is never replaced.
_APPLICATION_ID = 0x414D5864
_SCHEMA = Path(__file__).with_name("schema.sql")


class DemoProblem(Problem):
    """The demo's database cannot be made."""


def build_database(path: Path) -> Path:
    """Makes the demo's database at `path`, unless it is there already, and returns `path`.

    It is built under a name beside it and renamed, so that nobody ever sees half of it. One of
    another version is replaced, and so is a file that is no database (any more).

    Raises:
        DemoProblem: where `path` holds another program's database, or cannot be written.
    """
    if _is_current(path):
        return path
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        _fill(Path(temporary))
        Path(temporary).replace(path)
    except (OSError, sqlite3.Error) as error:
        raise DemoProblem(
            f"The demo database cannot be written to {one_line(str(path), 200)}",
            one_line(str(error), 200),
            "Free some space there, or set XDG_CACHE_HOME to a folder that you can write to",
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
    return path


def _is_current(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size == 0:
            return False
        with contextlib.closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        ) as db:
            application = db.execute("PRAGMA application_id").fetchone()[0]
            version = db.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise DemoProblem(
            f"The demo database {one_line(str(path), 200)} cannot be opened",
            one_line(str(error), 200),
            "Delete the file; it is made anew at the next start",
        ) from error
    except (OSError, sqlite3.DatabaseError):
        return False
    if application != _APPLICATION_ID:
        raise DemoProblem(
            f"{one_line(str(path), 200)} is a database, but not the demo's",
            "The demo never replaces a file that it did not make",
            "Move the file away and start again",
        )
    return bool(version == VERSION)


def _fill(path: Path) -> None:
    from amx_tui.demo.rows import make_rows

    # Without a transaction of its own: the script's statements and ours are one.
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        # A file that nobody knows yet needs no journal: a crash leaves it behind, not in the way.
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        db.execute("BEGIN")
        for statement in _statements(_SCHEMA.read_text(encoding="utf-8")):
            db.execute(statement)
        for table, rows in make_rows().items():
            _insert(db, table, rows)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")


def _statements(script: str) -> Iterable[str]:
    """The statements of `script`: SQLite itself knows where one ends (a comment may hold a `;`)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


def _insert(db: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    # Both names come from this room's own source, not from a person.
    columns = tuple(rows[0])
    places = ", ".join(f":{column}" for column in columns)
    db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)
