"""The words of the catalog room: what a connection contains, and what can be done with it.

Names, types and comments here are foreign text, exactly as the database gave them: whoever shows
them cleans them (`amx_tui.base.text`), whoever writes SQL quotes or binds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Protocol

from amx_tui.base.problem import Problem
from amx_tui.config.model import Privacy


class CatalogProblem(Problem):
    """The database cannot be opened, read or written."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What can be described: a table (`column` is empty) or a column of it."""

    schema: str
    table: str
    column: str = ""

    @property
    def is_table(self) -> bool:
        return not self.column

    @property
    def of_table(self) -> Target:
        return Target(self.schema, self.table)

    @property
    def path(self) -> str:
        """`TABLE` or `TABLE.COLUMN`, for people; not unique across schemas, and not quoted."""
        return f"{self.table}.{self.column}" if self.column else self.table


class TableKind(StrEnum):
    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"


@dataclass(frozen=True, slots=True)
class Column:
    """`key_position` counts from 1 inside the primary key, 0 outside it; `references` is the column
    that a foreign key points to; `comment` is None where nobody described it."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    key_position: int = 0
    references: Target | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    schema: str
    name: str
    kind: TableKind = TableKind.TABLE
    comment: str | None = None
    columns: tuple[Column, ...] = ()
    row_count: int | None = None  # as the database estimates it; None where it does not

    @property
    def target(self) -> Target:
        return Target(self.schema, self.name)

    def column_target(self, column: Column) -> Target:
        return Target(self.schema, self.name, column.name)


@dataclass(frozen=True)
class Catalog:
    """All tables of a connection, ordered by schema and name. Look-ups cost a dictionary access."""

    tables: tuple[Table, ...]

    @cached_property
    def _tables(self) -> dict[tuple[str, str], Table]:
        return {(table.schema, table.name): table for table in self.tables}

    @cached_property
    def _columns(self) -> dict[tuple[str, str], dict[str, Column]]:
        """The columns by name, of the tables that were asked about."""
        return {}

    def table(self, target: Target) -> Table | None:
        return self._tables.get((target.schema, target.table))

    def column(self, target: Target) -> Column | None:
        columns = self._columns.get((target.schema, target.table))
        if columns is None:
            table = self.table(target)
            columns = {column.name: column for column in table.columns} if table else {}
            self._columns[target.schema, target.table] = columns
        return columns.get(target.column)

    def comment(self, target: Target) -> str | None:
        """The text that describes `target` now, None where there is none or no such target."""
        described = self.table(target) if target.is_table else self.column(target)
        return described.comment if described else None

    def holds(self, target: Target) -> bool:
        return (self.table(target) if target.is_table else self.column(target)) is not None


@dataclass(frozen=True, slots=True)
class ColumnEvidence:
    """What was read of a column's rows, already at the privacy level that was asked for.

    `null_share` is 0 to 1, `distinct` a count among the rows looked at; both None where not known.
    """

    null_share: float | None = None
    distinct: int | None = None
    samples: tuple[str, ...] = ()


class Home(StrEnum):
    """Where an accepted text can go."""

    DATABASE = "database"  # as a comment
    SIDECAR = "sidecar"  # into a file beside the database
    NOWHERE = "nowhere"  # export only


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an adapter can do; screens ask this, not the database's name. `where` says in words where
    texts go, such as "legacy.comments.yml, beside the database"."""

    home: Home
    where: str


@dataclass(frozen=True, slots=True)
class Change:
    """A text to write: `old` is what stood there when it was drafted, `new` None removes it."""

    target: Target
    old: str | None
    new: str | None


class Outcome(StrEnum):
    WRITTEN = "written"
    CHANGED_MEANWHILE = "changed meanwhile"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one change; `detail` says why where it is not `WRITTEN`."""

    change: Change
    outcome: Outcome
    detail: str = ""


class Connector(Protocol):
    """One database. Methods block and are called from worker threads, one at a time; none keeps a
    lock or a transaction open after it returns. All raise `CatalogProblem`."""

    @property
    def identity(self) -> str:
        """The database itself, whoever connects: `sqlite:/resolved/file.db`,
        `postgresql://host:port/database`. Never a password."""

    @property
    def label(self) -> str:
        """For people, such as `demo.db (sqlite)`. Never a password."""

    @property
    def dialect(self) -> str:
        """`sqlite`, `duckdb`, `postgresql`, `mysql` (MariaDB too), or SQLAlchemy's name of another."""

    @property
    def abilities(self) -> Abilities: ...

    def tables(self) -> tuple[Table, ...]:
        """The tables without their columns, as fast as the database can tell them."""

    def load(self) -> Catalog:
        """Everything: columns, keys, comments."""

    def evidence(
        self, table: Table, columns: Sequence[str], privacy: Privacy
    ) -> Mapping[str, ColumnEvidence]:
        """What may be told of these columns of one table. `Privacy.METADATA` reads no row."""

    def statements(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """What `write` would do, word for word, one text a change, for people to read."""

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        """Writes table by table. A target whose text is no longer `old` is left alone."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Coverage:
    described: int = 0
    total: int = 0

    def __add__(self, other: Coverage) -> Coverage:
        return Coverage(self.described + other.described, self.total + other.total)


def coverage(table: Table) -> Coverage:
    """How many columns of `table` are described."""
    return Coverage(sum(1 for column in table.columns if column.comment), len(table.columns))
