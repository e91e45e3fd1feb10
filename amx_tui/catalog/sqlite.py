"""Reads SQLite databases, and keeps their descriptions in the sidecar, because SQLite has no comments
of its own. It never writes into the database, and knows no other one.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from amx_tui.base.building import building
from amx_tui.base.text import one_line
from amx_tui.catalog.assembling import Words
from amx_tui.catalog.changes import judge
from amx_tui.catalog.ddl_comments import read_ddl_comments
from amx_tui.catalog.model import (
    Abilities,
    Catalog,
    CatalogProblem,
    Change,
    Column,
    Home,
    Outcome,
    Table,
    TableEvidence,
    TableKind,
    Target,
    Written,
)
from amx_tui.catalog.sampling import (
    FIRST_ROWS,
    ROWS,
    choose_columns,
    stopped_after,
    summarise,
)
from amx_tui.catalog.sidecar import edit_sidecar, name_sidecar, read_sidecar
from amx_tui.catalog.sidecar_edits import Edit, write_fragment
from amx_tui.catalog.sidecar_text import Place, Texts
from amx_tui.config.model import Privacy

SCHEMA = "main"
_BUSY_SECONDS = 2.0
_EVIDENCE_SECONDS = 0.5
_COUNT_SECONDS = 0.005  # a table
_COUNTS_SECONDS = 0.05  # all tables together
_STEPS = 1000  # of SQLite's virtual machine, between two looks at the clock

_TABLES = """
    SELECT name, type, sql FROM sqlite_master
    WHERE type IN ('table', 'view') {more}
    ORDER BY name
"""
# What a full-text index keeps its own data in. SQLite tells since 3.37 (sqlite.org/pragma.html).
_NO_OWN_TABLES = """
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
"""
_NO_SHADOWS = """
    AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')
"""
# hidden: 1 is the inside of a virtual table, 2 and 3 are generated columns.
_COLUMNS = """
    SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
    FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
    WHERE m.type IN ('table', 'view') AND c.hidden <> 1 {more}
    ORDER BY m.name, c.cid
"""
_KEYS = """
    SELECT m.name, k."from", k."table", k."to", k.seq
    FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) k
    WHERE m.type = 'table'
    ORDER BY m.name, k.id DESC, k.seq
"""

# SQLite's own error codes (sqlite.org/rescode.html): what they mean to a person.
_FAILURES: Mapping[int, tuple[str, str, str]] = {
    sqlite3.SQLITE_BUSY: (
        "is locked",
        "Another program is writing to it{holder}",
        "Close that program or let it finish, then try again",
    ),
    sqlite3.SQLITE_NOTADB: (
        "is damaged or encrypted",
        "It begins as a SQLite database does, but does not go on so",
        "Restore it from a backup, or open a copy that is not encrypted",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "{error}",
        "Restore it from a backup, or save what can be read with: sqlite3 {name} .recover",
    ),
    sqlite3.SQLITE_READONLY: (
        "was left in the middle of a write",
        "The program that wrote to it ended before it was done, and only a program that may write "
        "can repair that",
        "Open it once with the program that it belongs to, or with: sqlite3 {name}",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "The file, or its folder, may not be readable, or it was moved",
        "Check its permissions",
    ),
    sqlite3.SQLITE_IOERR: (
        "cannot be read",
        "The disk or the network drive reported an error",
        "Try again, or copy the file to a local disk",
    ),
}


def _find_holder(path: Path) -> str:
    """Who holds a lock on the file, in words, where Linux tells."""
    try:
        inode = path.stat().st_ino
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[3] == "WRITE" and fields[5].endswith(f":{inode}"):
                command = Path(f"/proc/{int(fields[4])}/comm").read_text()
                return f": {one_line(command, 40)} (process {fields[4]})"
    except (OSError, ValueError):
        pass
    return ""


def _explain(error: sqlite3.Error, path: Path) -> CatalogProblem:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    name, folder = one_line(path.name, 80), one_line(str(path.parent), 120)
    known = _FAILURES.get(code)
    if known is None:
        return CatalogProblem(
            f"{name} could not be read", one_line(str(error), 200), "Press r to try again"
        )
    words = {
        "holder": _find_holder(path) if code == sqlite3.SQLITE_BUSY else "",
        "error": one_line(str(error), 200),
        "name": name,
    }
    what, why, remedy = (part.format(**words) for part in known)
    return CatalogProblem(f"{name} {what}", f"{why}. In {folder}", remedy)


def _is_quiet_wal(path: Path) -> bool:
    """Whether the file is in WAL mode and nobody has it open. Then all of it is in this one file, and
    opening it as usual would leave a `-wal` and a `-shm` behind (sqlite.org/wal.html#readonly)."""
    with path.open("rb") as file:
        in_wal_mode = file.read(20)[18:20] == b"\x02\x02"
    wal = path.with_name(f"{path.name}-wal")
    return in_wal_mode and not (wal.exists() and wal.stat().st_size)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _decode(raw: bytes) -> str:
    """SQLite lets anything be stored as text, in any encoding."""
    return raw.decode("utf-8", "replace")


class SqliteConnector:
    """A SQLite file. Each method opens it, reads and closes it: nothing is held in between.

    Args:
        path: The file, existing.

    Raises:
        CatalogProblem: where it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._sidecar = name_sidecar(self._path)
        with self._open() as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()

    @property
    def identity(self) -> str:
        return f"sqlite:{self._path.as_posix()}"

    @property
    def label(self) -> str:
        return f"{one_line(self._path.name, 80)} (sqlite)"

    @property
    def dialect(self) -> str:
        return "sqlite"

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            Home.SIDECAR,
            f"{one_line(self._sidecar.name, 80)}, beside the database",
            writers="whoever may write into the database's folder",
            is_transactional=True,
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Raises CatalogProblem for whatever SQLite says inside."""
        try:
            database = self._connect()
        except sqlite3.Error as error:
            raise _explain(error, self._path) from None
        except OSError as error:
            raise CatalogProblem(
                f"{one_line(self._path.name, 80)} cannot be read",
                one_line(f"{error.strerror or error}: {self._path.parent}", 200),
                "Check that it is still there, then press r",
            ) from None
        try:
            yield database
        except sqlite3.Error as error:
            raise _explain(error, self._path) from None
        finally:
            database.close()

    def _connect(self) -> sqlite3.Connection:
        if _is_quiet_wal(self._path):
            return self._connect_with("&immutable=1")
        try:
            return self._connect_with("")
        except sqlite3.OperationalError as error:
            # A `-wal` whose `-shm` cannot be made here: what the main file holds is better than nothing.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CANTOPEN:
                raise
            return self._connect_with("&immutable=1")

    def _connect_with(self, option: str) -> sqlite3.Connection:
        database = sqlite3.connect(
            f"{self._path.as_uri()}?mode=ro{option}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            database.text_factory = _decode
            # `mode=ro` alone would let an attached file be written.
            database.execute("PRAGMA query_only = 1")
            database.execute("BEGIN")  # all that is read is of the same moment
            database.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except BaseException:
            database.close()
            raise
        return database

    # Reading ---------------------------------------------------------------------------------

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        texts = read_sidecar(self._sidecar)
        with self._open() as database:
            return tuple(table for table, _ in self._read_tables(database, texts, hidden))

    def load(self, *, hidden: bool = False) -> Catalog:
        with building():
            return self._load(hidden)

    def _load(self, hidden: bool) -> Catalog:
        texts = read_sidecar(self._sidecar)
        with self._open() as database:
            tables = self._read_tables(database, texts, hidden)
            columns = _read_columns(database, [table.name for table, _ in tables])
            references = _read_references(database, columns)
        return Catalog(
            tuple(
                replace(
                    table,
                    columns=tuple(
                        _complete(
                            column,
                            references.get(table.column_target(column)),
                            _choose(
                                texts, Place(table.name, column.name), described.get(column.name)
                            ),
                        )
                        for column in columns.get(table.name, ())
                    ),
                )
                for table, described in tables
            )
        )

    def _read_tables(
        self, database: sqlite3.Connection, texts: Texts, hidden: bool
    ) -> list[tuple[Table, Mapping[str, str]]]:
        """Each table without its columns, and what its own text says of them."""
        tables = []
        rows = _query_tables(database, hidden=hidden)
        counts = _count_rows(database, [name for name, kind, _ in rows if kind == "table"])
        for name, kind, sql in rows:
            is_view = kind == "view"
            found = read_ddl_comments("" if is_view else sql or "")
            table = Table(
                SCHEMA,
                name,
                TableKind.VIEW if is_view else TableKind.TABLE,
                _choose(texts, Place(name), found.table),
                row_count=counts.get(name),
            )
            tables.append((table, found.columns))
        return tables

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        if privacy is Privacy.METADATA or not columns:
            return TableEvidence()
        names = ", ".join(map(_quote, columns))
        sql = f"SELECT {names} FROM {SCHEMA}.{_quote(table.name)} LIMIT {ROWS}"
        rows: list[tuple[object, ...]] = []
        stopped = ""
        with self._open() as database:
            _set_deadline(database, _EVIDENCE_SECONDS)
            try:
                rows.extend(database.execute(sql))
            except sqlite3.OperationalError as error:
                # A view that is slow or broken leaves what was read until then.
                is_late = error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT
                stopped = stopped_after(_EVIDENCE_SECONDS) if is_late else one_line(str(error), 200)
        return TableEvidence(
            summarise(choose_columns(table, columns), rows, privacy), FIRST_ROWS, stopped
        )

    # Writing ---------------------------------------------------------------------------------

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        folder = self._sidecar.resolve().parent
        if os.access(folder, os.W_OK | os.X_OK):
            return {}
        why = one_line(
            f"Nothing can be written into {folder} by you. Check its permissions (ls -ld), or "
            "export instead (x, or amx-tui export).",
            300,
        )
        return dict.fromkeys(targets, why)

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        described = self._read_described()
        return tuple(write_fragment(_make_edit(change, described)) for change in changes)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        """All of them in one step, since one file holds them all."""
        results: dict[Change, Written] = {}
        try:
            described = self._read_described()
            edit_sidecar(
                self._sidecar,
                lambda texts: _choose_edits(changes, described, texts, results),
            )
        except CatalogProblem as problem:
            outcome, detail = Outcome.FAILED, str(problem)
        else:
            outcome, detail = Outcome.WRITTEN, ""
        for change in changes:
            yield results.get(change) or Written(change, outcome, detail)

    def _read_described(self) -> dict[Target, str | None]:
        """Every target, with what the database's own text says of it."""
        described: dict[Target, str | None] = {}
        with self._open() as database:
            rows = _query_tables(database)
            columns = _read_columns(database, [name for name, _, _ in rows])
        for name, kind, sql in rows:
            found = read_ddl_comments("" if kind == "view" else sql or "")
            described[Target(SCHEMA, name)] = found.table
            for column in columns.get(name, ()):
                described[Target(SCHEMA, name, column.name)] = found.columns.get(column.name)
        return described

    def close(self) -> None:
        """Nothing is open between two calls."""


def _choose(texts: Texts, place: Place, own: str | None) -> str | None:
    """The sidecar's text over the database's own; an empty one there says that there is none."""
    return texts.get(place, own) or None


def _make_edit(change: Change, described: Mapping[Target, str | None]) -> Edit:
    place = Place(change.target.table, change.target.column)
    own = described.get(change.target)
    new = change.new or None
    if new == own:
        return Edit(place, None)
    return Edit(place, new or "")


def _choose_edits(
    changes: Sequence[Change],
    described: Mapping[Target, str | None],
    texts: Texts,
    results: dict[Change, Written],
) -> list[Edit]:
    """What is to be written over what stands there now; into `results` goes what is not."""
    present = {
        target: _choose(texts, Place(target.table, target.column), own)
        for target, own in described.items()
    }
    edits = []
    for change in changes:
        result = judge(change, present)
        if result:
            results[change] = result
        else:
            edits.append(_make_edit(change, described))
            present[change.target] = change.new
    return edits


def _query_tables(
    database: sqlite3.Connection, *, hidden: bool = False
) -> list[tuple[str, str, str | None]]:
    more = "" if hidden else _NO_OWN_TABLES
    if not hidden and sqlite3.sqlite_version_info >= (3, 37):
        more += _NO_SHADOWS
    return list(database.execute(_TABLES.format(more=more)))


def _set_deadline(database: sqlite3.Connection, seconds: float) -> None:
    end = time.monotonic() + seconds
    database.set_progress_handler(lambda: time.monotonic() > end, _STEPS)


def _count_rows(database: sqlite3.Connection, tables: Sequence[str]) -> dict[str, int]:
    """From ANALYZE's figures where there are any; else counted, as far as that costs nothing."""
    counts: dict[str, int] = {}
    with contextlib.suppress(sqlite3.OperationalError):
        counts.update(
            database.execute(
                "SELECT tbl, max(CAST(stat AS INTEGER)) FROM sqlite_stat1 GROUP BY tbl"
            )
        )
    end = time.monotonic() + _COUNTS_SECONDS
    for name in tables:
        left = end - time.monotonic()
        if left <= 0:
            break
        if name not in counts:
            _set_deadline(database, min(left, _COUNT_SECONDS))
            with contextlib.suppress(sqlite3.OperationalError):
                sql = f"SELECT count(*) FROM {SCHEMA}.{_quote(name)}"
                counts[name] = database.execute(sql).fetchone()[0]
    database.set_progress_handler(None, 0)
    return counts


def _make_column(row: Sequence[object], words: Words) -> Column:
    name, type_, not_null, default, key, hidden = row
    return Column(
        str(name),
        words[str(type_ or "")],
        nullable=not (not_null or key),
        default=None if default is None else words[str(default)],
        key_position=int(str(key)),
        is_generated=hidden in (2, 3),
    )


def _complete(column: Column, references: Target | None, comment: str | None) -> Column:
    if references is None and comment is None:
        return column
    return replace(column, references=references, comment=comment)


def _read_columns(
    database: sqlite3.Connection, tables: Sequence[str]
) -> Mapping[str, tuple[Column, ...]]:
    found: dict[str, list[Column]] = {}
    words = Words()
    try:
        for name, *row in database.execute(_COLUMNS.format(more="")):
            found.setdefault(name, []).append(_make_column(row, words))
    except sqlite3.OperationalError as error:
        # One view over a table that is gone, or one unknown extension, ends the query for all.
        if error.sqlite_errorcode != sqlite3.SQLITE_ERROR:
            raise
        found = {}
        for table in tables:
            with contextlib.suppress(sqlite3.OperationalError):
                rows = database.execute(_COLUMNS.format(more="AND m.name = ?"), (table,))
                found[table] = [_make_column(row[1:], words) for row in rows]
    return {name: tuple(columns) for name, columns in found.items()}


def _read_references(
    database: sqlite3.Connection, columns: Mapping[str, tuple[Column, ...]]
) -> dict[Target, Target]:
    """Where each foreign key points. SQLite keeps the names as they were typed, in any case, and none
    for the columns where the parent's primary key is meant."""
    tables = {name.lower(): name for name in columns}
    references: dict[Target, Target] = {}
    for child, column, typed_parent, typed_column, position in database.execute(_KEYS):
        parent = tables.get(typed_parent.lower(), typed_parent)
        of_parent = columns.get(parent, ())
        if typed_column is None:
            keys = sorted((c for c in of_parent if c.key_position), key=lambda c: c.key_position)
            pointed = keys[position].name if position < len(keys) else ""
        else:
            matching = (c.name for c in of_parent if c.name.lower() == typed_column.lower())
            pointed = next(matching, typed_column)
        own = next(
            (c.name for c in columns.get(child, ()) if c.name.lower() == column.lower()), column
        )
        references.setdefault(Target(SCHEMA, child, own), Target(SCHEMA, parent, pointed))
    return references
