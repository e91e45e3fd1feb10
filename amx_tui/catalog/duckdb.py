"""Reads DuckDB files and writes comments into them. A file is open only while it is read or written,
since DuckDB lets nobody else write to a file that is open. It knows no other database.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amx_tui.base.building import building
from amx_tui.base.text import one_line
from amx_tui.catalog.assembling import KeyFacts, Words, assemble, read_enumeration
from amx_tui.catalog.changes import group_by_table, judge, refuse_all
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
    SAMPLED_ROWS,
    VALUE_CHARACTERS,
    choose_columns,
    sample_share,
    stopped_after,
    summarise,
)
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    import duckdb

_EVIDENCE_SECONDS = 0.5
_TABLES_A_WRITE = 50  # opening takes as long as writing many comments

_TABLES = """
    SELECT schema_name, table_name, 'table', comment, estimated_size
    FROM duckdb_tables() WHERE ($hidden OR NOT internal) AND {here}
    UNION ALL
    SELECT schema_name, view_name, 'view', comment, NULL
    FROM duckdb_views() WHERE ($hidden OR NOT internal) AND {here}
    ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, comment
    FROM duckdb_columns() WHERE ($hidden OR NOT internal) AND {here}
    ORDER BY schema_name, table_name, column_index
"""
_KEYS = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names,
           referenced_table, referenced_column_names, expression
    FROM duckdb_constraints()
    WHERE database_name = current_database() AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY', 'CHECK')
"""
_PRESENT = """
    SELECT '', comment FROM duckdb_tables()
    WHERE database_name = current_database() AND schema_name = $schema AND table_name = $table
    UNION ALL
    SELECT '', comment FROM duckdb_views()
    WHERE database_name = current_database() AND schema_name = $schema AND view_name = $table
    UNION ALL
    SELECT column_name, comment FROM duckdb_columns()
    WHERE database_name = current_database() AND schema_name = $schema AND table_name = $table
"""

# What a driver's message contains: what happened, why, what to do.
_FAILURES = (
    (
        re.compile(r"lock on file.*?held in (?P<who>[^()]*)\(PID (?P<pid>\d+)\)", re.DOTALL),
        "is locked",
        "{who} (process {pid}) has it open, and DuckDB lets nobody else in while it may be written",
        "Close that program, then try again",
    ),
    (
        re.compile(r"lock on file|being used by another process"),
        "is locked",
        "Another program has it open, and DuckDB lets nobody else in while it may be written",
        "Close that program, then try again",
    ),
    (
        re.compile(r"different configuration than existing"),
        "is in use",
        "This program is reading and writing it at the same time",
        "Wait a moment, then try again",
    ),
    (
        re.compile(r"newer version|storage version|version number", re.IGNORECASE),
        "was written by another version of DuckDB",
        "{error}",
        "Try: python -m pip install --upgrade duckdb",
    ),
    (
        re.compile(r"encrypt", re.IGNORECASE),
        "is encrypted",
        "amx-tui has no key for DuckDB files",
        "Open a copy that is not encrypted",
    ),
    (
        re.compile(r"corrupt|checksum|could not read enough|not a valid DuckDB", re.IGNORECASE),
        "is damaged",
        "{error}",
        "Restore it from a backup",
    ),
    (
        re.compile(r"permission denied|read-only file", re.IGNORECASE),
        "may not be opened by you",
        "{error}",
        "Check the permissions of the file and of its folder (ls -l)",
    ),
)

# Within one program a file can be open either for reading or for writing.
_IN_USE: dict[Path, threading.Lock] = {}


def _import_driver() -> None:
    try:
        import duckdb  # noqa: F401
    except ImportError:
        raise CatalogProblem(
            "The driver for DuckDB is not installed",
            remedy="Type: python -m pip install 'amx-tui[duckdb]'",
        ) from None


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quote_text(text: str | None) -> str:
    """DuckDB's literals know no escapes but the doubled quote."""
    return "NULL" if not text else "'" + text.replace("'", "''") + "'"


class DuckdbConnector:
    """A DuckDB file.

    Args:
        path: The file, existing.
        read_only: The person said, in the connection's settings, that nothing is to be written.

    Raises:
        CatalogProblem: where the driver is missing, or the file cannot be read.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        _import_driver()
        self._path = path.resolve()
        self._read_only = read_only
        self._in_use = _IN_USE.setdefault(self._path, threading.Lock())
        with self._open() as database:
            # Part of every quoted name: a schema may be called as the file is.
            self._database = str(database.execute("SELECT current_database()").fetchall()[0][0])

    @property
    def identity(self) -> str:
        return f"duckdb:{self._path.as_posix()}"

    @property
    def label(self) -> str:
        return f"{self._shown_name} (duckdb)"

    @property
    def _shown_name(self) -> str:
        return one_line(self._path.name, 80)

    @property
    def dialect(self) -> str:
        return "duckdb"

    @property
    def abilities(self) -> Abilities:
        if self._read_only:
            return Abilities(
                Home.NOWHERE, "nowhere: the connection is set to read_only", writers="nobody"
            )
        return Abilities(
            Home.DATABASE,
            f"comments in {self._shown_name}",
            writers="whoever may write the file",
            is_transactional=True,
        )

    @contextmanager
    def _open(self, *, writing: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """Raises CatalogProblem for whatever DuckDB says inside."""
        import duckdb

        with self._in_use:
            try:
                # DuckDB would make a file that is gone when it opens it for writing.
                if not self._path.exists():
                    raise CatalogProblem(
                        f"{self._shown_name} is no longer there",
                        one_line(f"It was in {self._path.parent}", 200),
                        "Put it back, then press r",
                    )
                database = duckdb.connect(
                    self._path, read_only=not writing, config={"enable_external_access": False}
                )
                try:
                    yield database
                finally:
                    database.close()
            except duckdb.Error as error:
                raise self._explain(error) from None

    def _explain(self, error: Exception) -> CatalogProblem:
        text = str(error)
        words = {"error": one_line(text, 200)}
        for pattern, what, why, remedy in _FAILURES:
            match = pattern.search(text)
            if match:
                words |= {key: one_line(value, 80) for key, value in match.groupdict().items()}
                return CatalogProblem(f"{self._shown_name} {what}", why.format(**words), remedy)
        return CatalogProblem(
            f"{self._shown_name} could not be read", words["error"], "Press r to try again"
        )

    # Reading ---------------------------------------------------------------------------------

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        with self._open() as database:
            return tuple(map(_make_table, _ask(database, _TABLES, hidden)))

    def load(self, *, hidden: bool = False) -> Catalog:
        with building(), self._open() as database:
            listed = map(_make_table, _ask(database, _TABLES, hidden))
            tables = {(table.schema, table.name): table for table in listed}
            facts: KeyFacts[tuple[str, str], str] = KeyFacts()
            for schema, name, *constraint in database.execute(_KEYS).fetchall():
                _add_constraint(facts, schema, name, *constraint)
            return assemble(tables, _make_columns(_ask(database, _COLUMNS, hidden), facts))

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        if privacy is Privacy.METADATA or not columns:
            return TableEvidence()
        import duckdb

        types = {column.name: column.type for column in table.columns}
        values = ", ".join(_select_value(name, types.get(name, "")) for name in columns)
        share = sample_share(table.row_count) if table.kind is TableKind.TABLE else None
        part = "" if share is None else f"TABLESAMPLE SYSTEM ({share})"
        sql = f"SELECT {values} FROM {self._quote_table(table.target)} {part} LIMIT {ROWS}"
        stopped = ""
        rows: Sequence[Sequence[object]] = []
        with self._open() as database:
            timer = threading.Timer(_EVIDENCE_SECONDS, database.interrupt)
            timer.start()
            try:
                rows = database.execute(sql).fetchall()
            except duckdb.InterruptException:
                stopped = stopped_after(_EVIDENCE_SECONDS)
            except duckdb.Error as error:  # a view that is broken has nothing to tell
                stopped = one_line(str(error), 200)
            finally:
                timer.cancel()
                timer.join()  # it must not interrupt what comes after
        found = summarise(choose_columns(table, columns), rows, privacy)
        return TableEvidence(found, FIRST_ROWS if share is None else SAMPLED_ROWS, stopped)

    # Writing ---------------------------------------------------------------------------------

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        if self._read_only:
            return dict.fromkeys(targets, "The connection is set to read_only.")
        if not os.access(self._path, os.W_OK):
            why = f"{self._shown_name} may not be written by you. Check its permissions (ls -l)."
            return dict.fromkeys(targets, why)
        return {}

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        tables = group_by_table(changes)
        with self._open() as database:
            views = {target for target in tables if self._is_view(database, target)}
        return tuple(
            self._write_statement(change, change.target.of_table in views) for change in changes
        )

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        if self._read_only:
            yield from refuse_all(changes, Outcome.REFUSED, "The connection is set to read_only.")
            return
        tables = list(group_by_table(changes).values())
        while tables:
            # In between the file is free: whoever takes the results may take long.
            chunk, tables = tables[:_TABLES_A_WRITE], tables[_TABLES_A_WRITE:]
            results: list[Written] = []
            try:
                with self._open(writing=True) as database:
                    for of_table in chunk:
                        results += self._write_table(database, of_table)
            except CatalogProblem as problem:
                left = [change for of_table in chunk for change in of_table][len(results) :]
                results += refuse_all(left, Outcome.FAILED, str(problem))
            yield from results

    def _write_table(
        self, database: duckdb.DuckDBPyConnection, changes: Sequence[Change]
    ) -> list[Written]:
        """One transaction: all of the table's changes, or none."""
        import duckdb

        table = changes[0].target.of_table
        results = []
        database.execute("BEGIN")
        try:
            known = {"schema": table.schema, "table": table.table}
            present: dict[Target, str | None] = {
                Target(table.schema, table.table, column): comment
                for column, comment in database.execute(_PRESENT, known).fetchall()
            }
            is_view = self._is_view(database, table)
            for change in changes:
                result = judge(change, present)
                if result is None:
                    database.execute(self._write_statement(change, is_view))
                results.append(result or Written(change, Outcome.WRITTEN))
            database.execute("COMMIT")
        except duckdb.Error as error:
            with contextlib.suppress(duckdb.Error):
                database.execute("ROLLBACK")
            return refuse_all(changes, Outcome.FAILED, one_line(str(error), 200))
        return results

    def _is_view(self, database: duckdb.DuckDBPyConnection, table: Target) -> bool:
        sql = """
            SELECT count(*) FROM duckdb_views()
            WHERE database_name = current_database() AND schema_name = ? AND view_name = ?
        """
        return bool(database.execute(sql, [table.schema, table.table]).fetchall()[0][0])

    def _write_statement(self, change: Change, is_view: bool) -> str:
        text = _quote_text(change.new)
        name = self._quote_table(change.target)
        if change.target.column:
            return f"COMMENT ON COLUMN {name}.{_quote(change.target.column)} IS {text}"
        return f"COMMENT ON {'VIEW' if is_view else 'TABLE'} {name} IS {text}"

    def _quote_table(self, target: Target) -> str:
        return ".".join(map(_quote, (self._database, target.schema, target.table)))

    def close(self) -> None:
        """Nothing is open between two calls."""


def _ask(database: duckdb.DuckDBPyConnection, query: str, hidden: bool) -> list[tuple[Any, ...]]:
    """What is internal lives in databases of DuckDB's own, beside the one that is open."""
    here = f"(database_name = current_database(){' OR internal' if hidden else ''})"
    return database.execute(query.format(here=here), {"hidden": hidden}).fetchall()


def _add_constraint(
    facts: KeyFacts[tuple[str, str], str],
    schema: str,
    table: str,
    kind: str,
    columns: Sequence[str],
    parent: str | None,
    parent_columns: Sequence[str] | None,
    condition: str | None,
) -> None:
    place = (schema, table)
    if kind == "PRIMARY KEY":
        facts.add_key(place, columns)
    elif kind == "CHECK":
        facts.add_check(place, columns, condition or "")
    elif parent is not None:
        for name, parent_name in zip(columns, parent_columns or (), strict=False):
            facts.add_reference(place, name, Target(schema, parent, parent_name))


def _make_columns(
    rows: Sequence[tuple[Any, ...]], facts: KeyFacts[tuple[str, str], str]
) -> dict[tuple[str, str], list[Column]]:
    words = Words()
    by_table: dict[tuple[str, str], list[Column]] = {}
    for schema, table, name, type_, nullable, default, comment in rows:
        place = (schema, table)
        by_table.setdefault(place, []).append(
            Column(
                words[name],
                words[type_],
                bool(nullable),
                default,
                facts.positions.get(place, {}).get(name, 0),
                facts.references.get(place, {}).get(name),
                comment or None,
                values=read_enumeration(type_),
                check=facts.checks.get(place, {}).get(name),
            )
        )
    return by_table


def _make_table(row: Sequence[object]) -> Table:
    schema, name, kind, comment, rows = row
    return Table(
        str(schema),
        str(name),
        TableKind(str(kind)),
        str(comment) if comment else None,
        row_count=None if rows is None else int(str(rows)),
    )


def _select_value(column: str, type_: str) -> str:
    """As text, since Python has no value for some of DuckDB's (`infinity`, time zones without pytz)."""
    name = _quote(column)
    if type_ == "BLOB":
        return f"CASE WHEN {name} IS NOT NULL THEN ''::BLOB END"
    return f"left(CAST({name} AS VARCHAR), {VALUE_CHARACTERS})"
