"""The words of the catalog room: what a connection contains, and what can be done with it.

Names, types and comments here are foreign text, exactly as the database gave them: whoever shows
them cleans them (`amx_tui.base.text`), whoever writes SQL quotes or binds them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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

    @property
    def whole_path(self) -> str:
        """The same with its schema, where there is one."""
        return f"{self.schema}.{self.path}" if self.schema else self.path


class TableKind(StrEnum):
    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"


# Not frozen, because a catalog may hold 200 000 of them and freezing makes each take five times as long
# to make; nobody changes one.
@dataclass(slots=True, unsafe_hash=True)
class Column:
    """`key_position` counts from 1 inside the primary key, 0 outside it; `references` is the column
    that a foreign key points to; `comment` is None where nobody described it. `default` is the
    expression of a column that `is_generated`. `values` are all that its type allows, where that is an
    enumeration; `check` is the condition that the table puts on it, in the database's own SQL."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    key_position: int = 0
    references: Target | None = None
    comment: str | None = None
    is_generated: bool = False
    values: tuple[str, ...] = ()
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """`partition_of` is the table that holds this one as a part; those are hidden unless asked for."""

    schema: str
    name: str
    kind: TableKind = TableKind.TABLE
    comment: str | None = None
    columns: tuple[Column, ...] = ()
    row_count: int | None = None  # as the database estimates it; None where it does not
    partition_of: Target | None = None

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
    """What was read of a column's rows, already at the privacy level that was asked for: `minimum` and
    `maximum` as much as the samples.

    `null_share` is 0 to 1; `distinct` a count, of the whole table where the database keeps statistics,
    else among the rows looked at; None where not known.
    """

    null_share: float | None = None
    distinct: int | None = None
    samples: tuple[str, ...] = ()
    minimum: str | None = None
    maximum: str | None = None


@dataclass(frozen=True, eq=False)
class TableEvidence(Mapping[str, ColumnEvidence]):
    """What was read of a table, by column name. `source` says in words where from, `stopped` why it is
    not more: a deadline, a right that is missing; empty where nothing is."""

    columns: Mapping[str, ColumnEvidence] = field(default_factory=dict)
    source: str = ""
    stopped: str = ""

    def __getitem__(self, column: str) -> ColumnEvidence:
        return self.columns[column]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


class Home(StrEnum):
    """Where an accepted text can go."""

    DATABASE = "database"  # as a comment
    SIDECAR = "sidecar"  # into a file beside the database
    NOWHERE = "nowhere"  # export only


ALL_KINDS = frozenset(TableKind)


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an adapter can do; screens ask this, not the database's name.

    `where` says in words where texts go, such as "legacy.comments.yml, beside the database"; `writers`
    who may send them there. `describes` are the kinds of table that take a text of their own,
    `describes_columns_of` those whose columns do. `is_transactional` where the texts of a table are
    written all or none.
    """

    home: Home
    where: str
    writers: str = "whoever may write there"
    describes: frozenset[TableKind] = ALL_KINDS
    describes_columns_of: frozenset[TableKind] = ALL_KINDS
    is_transactional: bool = False

    def take(self, kind: TableKind, *, column: bool) -> bool:
        """Whether a table of that kind, or a column of one, can be described there."""
        kinds = self.describes_columns_of if column else self.describes
        return self.home is not Home.NOWHERE and kind in kinds


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
    """What became of one change; `detail` says why where it is not `WRITTEN`. `was_there`: the text
    stood there already, whoever wrote it, so there is nothing to take back."""

    change: Change
    outcome: Outcome
    detail: str = ""
    was_there: bool = False


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

    def tables(self, *, hidden: bool = False) -> tuple[Table, ...]:
        """The tables without their columns, as fast as the database can tell them. What the database
        keeps for itself and what is only a part of another table come along where `hidden` is true."""

    def load(self, *, hidden: bool = False) -> Catalog:
        """The same tables with everything: columns, keys, comments."""

    def evidence(self, table: Table, columns: Sequence[str], privacy: Privacy) -> TableEvidence:
        """What may be told of these columns of one table: from the database's statistics where it keeps
        some, else from a few rows, never from all; within a few seconds. `Privacy.METADATA` reads no
        row and no statistics, and gives nothing."""

    def refusals(self, targets: Sequence[Target]) -> Mapping[Target, str]:
        """Of these, what this user cannot describe here as things stand, and why in a sentence: a kind
        that takes no text, a right that is missing. Asked before a write is offered; `write` looks
        again."""

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
