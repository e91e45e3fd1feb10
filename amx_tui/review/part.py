"""What the parts of the store have in common: the file, and the numbers that databases and targets have
in it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from amx_tui.catalog.model import Target
from amx_tui.review.file import StoreFile
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
        self.path = path
        self._clock = clock
        self._file = StoreFile(path)

    def _decoded(self, decode: Callable[..., _T], row: Row) -> _T:
        try:
            return decode(*row)
        except (ValueError, KeyError, TypeError) as error:
            raise self._file.damaged(f"It holds something that it cannot hold: {error}") from error


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
