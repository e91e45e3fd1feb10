"""Keeps what a connection contained, so that the next start can show it before the database has answered.
It holds names, types, keys and comments: nothing of any row, no statistics, no password. It knows no
database, and a file that is not exactly what it wrote is as good as none.

One line of JSON for a head, one for each table and one for the end. A table's columns are written
attribute by attribute, an attribute that no column has as null: of the forms that were measured with
200 000 columns (all in one JSON text, a list for each column, SQLite) the quickest to read, and none of
it is twice in memory.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from hashlib import sha256
from itertools import repeat
from pathlib import Path
from typing import Any

from amx_tui.base.building import building
from amx_tui.base.files import write_atomic
from amx_tui.catalog.assembling import Words
from amx_tui.catalog.model import Catalog, Column, Table, TableKind, Target

FORMAT = 1
# A copy older than this says little about the database, and whoever never comes back to it wants the
# room on the disk.
KEPT_SECONDS = 90 * 24 * 3600.0

_ATTRIBUTES = tuple(field.name for field in fields(Column))
_DEFAULTS = tuple(None if field.default is MISSING else field.default for field in fields(Column))


@dataclass(frozen=True, slots=True)
class Kept:
    """A catalog as it was `at` (seconds since the epoch)."""

    catalog: Catalog
    at: float


def cache_file(folder: Path, identity: str) -> Path:
    """Where the catalog of that database is kept; the name tells nothing of it."""
    return folder / f"{sha256(identity.encode()).hexdigest()[:32]}.jsonl"


def write_cache(folder: Path, identity: str, catalog: Catalog) -> None:
    """Keeps `catalog` (mode 0600), and drops copies that nobody came back to.

    Raises:
        OSError: the folder cannot be written.
    """
    write_atomic(cache_file(folder, identity), _write_lines(identity, catalog))
    for other in folder.glob("*.jsonl"):
        with suppress(OSError):
            if other.stat().st_mtime < time.time() - KEPT_SECONDS:
                other.unlink()


def renew_cache(folder: Path, identity: str) -> None:
    """The copy is what the database holds at this moment, too.

    Raises:
        OSError: it is gone.
    """
    os.utime(cache_file(folder, identity))


def read_cache(folder: Path, identity: str) -> Kept | None:
    """What was kept of that database; None where there is nothing, or nothing that can be used: damaged,
    cut off, of another version, of another database."""
    try:
        with building(), cache_file(folder, identity).open(encoding="utf-8") as file:
            head = json.loads(file.readline())
            if head["format"] != FORMAT or head["identity"] != identity:
                return None
            words = Words()
            tables = tuple(
                _read_table(json.loads(file.readline()), words) for _ in range(head["tables"])
            )
            if json.loads(file.readline()) != {"end": head["tables"]} or file.read(1):
                return None
            return Kept(Catalog(tables), os.fstat(file.fileno()).st_mtime)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _write_lines(identity: str, catalog: Catalog) -> Iterator[str]:
    count = len(catalog.tables)
    yield _line({"format": FORMAT, "identity": identity, "tables": count})
    for table in catalog.tables:
        parent = table.partition_of
        attributes = [
            _pack([getattr(column, name) for column in table.columns], default)
            for name, default in zip(_ATTRIBUTES, _DEFAULTS, strict=True)
        ]
        yield _line(
            [
                table.schema,
                table.name,
                table.kind.value,
                table.comment,
                table.row_count,
                parent and _pack_target(parent),
                len(table.columns),
                attributes,
            ]
        )
    yield _line({"end": count})


def _line(what: object) -> str:
    # Half a character (a lone surrogate) has no UTF-8; escaped, it comes back as it was.
    return json.dumps(what, separators=(",", ":")) + "\n"


def _pack(values: list[Any], default: object) -> list[Any] | None:
    if all(value == default for value in values):
        return None
    return [_pack_target(value) if isinstance(value, Target) else value for value in values]


def _pack_target(target: Target) -> list[str]:
    return [target.schema, target.table, target.column]


def _read_table(row: Any, words: Words) -> Table:
    schema, name, kind, comment, rows, parent, count, attributes = row
    lists: list[Iterable[Any]] = []
    for attribute, default, values in zip(_ATTRIBUTES, _DEFAULTS, attributes, strict=True):
        if values is None:
            lists.append(repeat(default, count))
        elif len(values) != count:
            raise ValueError(f"{len(values)} times {attribute} for {count} columns")
        else:
            lists.append(_READERS[attribute](values, words))
    return Table(
        words[schema],
        words[name],
        TableKind(kind),
        _read_text(comment),
        tuple(map(Column, *lists)),
        None if rows is None else int(rows),
        parent and Target(*parent),
    )


def _read_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("no text")


def _read_words(values: list[Any], words: Words) -> list[Any]:
    return [None if value is None else words[value] for value in values]


def _read_plain(values: list[Any], words: Words) -> list[Any]:
    return values


def _read_targets(values: list[Any], words: Words) -> list[Any]:
    return [None if value is None else Target(*map(words.__getitem__, value)) for value in values]


def _read_lists(values: list[Any], words: Words) -> list[Any]:
    return [tuple(map(words.__getitem__, value)) for value in values]


_READERS = {
    "name": _read_words,
    "type": _read_words,
    "nullable": _read_plain,
    "default": _read_words,
    "key_position": _read_plain,
    "references": _read_targets,
    "comment": _read_words,
    "is_generated": _read_plain,
    "values": _read_lists,
    "check": _read_words,
}
