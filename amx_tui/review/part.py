"""What the parts of the store have in common: the file, and the numbers that databases and targets have
in it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.review.file import StoreFile
from amx_tui.review.place import find_place
from amx_tui.review.records import Row, pack

Connection = sqlite3.Connection
_T = TypeVar("_T")

# A decision that stands is the newest one of its target that was not undone; what stands in the
# database, as far as we know, is the newest text that we wrote.
STANDING = "(SELECT max(id) FROM decisions WHERE target = t.id AND undone_at IS NULL)"
LAST_WRITE = "(SELECT max(id) FROM writes WHERE target = t.id AND outcome = 'written')"


class StorePart:
    """See `amx_tui.review.store.Store`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._wanted = path
        self._clock = clock
        self._guard = threading.Lock()
        self._found: StoreFile | None = None
        self._notices: tuple[Problem, ...] = ()

    @property
    def path(self) -> Path:
        """The file that is worked on; the first time it is asked for, or used, it is looked at."""
        return self._file.path

    @property
    def notices(self) -> tuple[Problem, ...]:
        """What a person has to be told of how the file was found: that a damaged one was set aside, or
        why another one is worked on. The same from the first use to `close`."""
        _ = self._file
        return self._notices

    @property
    def _file(self) -> StoreFile:
        with self._guard:
            if self._found is None:
                place = find_place(self._wanted)
                self._found, self._notices = StoreFile(place.path), place.notices
            return self._found

    def _decoded(self, decode: Callable[..., _T], row: Row) -> _T:
        try:
            return decode(*row)
        except (ValueError, KeyError, TypeError) as error:
            raise self._file.unreadable(str(error)) from error


def inserted(connection: Connection, statement: str, values: tuple[object, ...]) -> int:
    number = connection.execute(statement, values).lastrowid
    assert number is not None
    return number


def find_database(connection: Connection, identity: str) -> int | None:
    found = connection.execute(
        "SELECT id FROM databases WHERE identity = ?", (pack(identity),)
    ).fetchone()
    return None if found is None else int(found[0])


def database_id(connection: Connection, identity: str) -> int:
    found = find_database(connection, identity)
    if found is not None:
        return found
    return inserted(connection, "INSERT INTO databases (identity) VALUES (?)", (pack(identity),))


def find_target(connection: Connection, database: int | None, target: Target) -> int | None:
    found = connection.execute(
        "SELECT id FROM targets WHERE database = ?"
        " AND schema_name = ? AND table_name = ? AND column_name = ?",
        (database, pack(target.schema), pack(target.table), pack(target.column)),
    ).fetchone()
    return None if found is None else int(found[0])


def target_ids(
    connection: Connection, database: int, targets: Iterable[Target]
) -> dict[Target, int]:
    """The numbers of these targets; those that have none yet get one, in this order."""
    found: dict[Target, int] = {}
    for target in targets:
        if target in found:
            continue
        known = find_target(connection, database, target)
        if known is None:
            known = inserted(
                connection,
                "INSERT INTO targets (database, schema_name, table_name, column_name)"
                " VALUES (?, ?, ?, ?)",
                (database, pack(target.schema), pack(target.table), pack(target.column)),
            )
        found[target] = known
    return found
