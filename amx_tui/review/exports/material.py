"""What an export is made of, and what comes out of one.

Where a file goes, and whether it may be replaced, is decided by whoever writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Catalog, Change, Column, Table, Target
from amx_tui.review.model import Decision, ReviewRow


class ExportProblem(Problem):
    """There is nothing to export, or no place to put it."""


class What(StrEnum):
    """What goes into an export."""

    DECIDED = "decided"  # the decided texts alone
    ALL = "all"  # the whole catalog, with the decided texts where there are some


@dataclass(frozen=True, slots=True)
class Material:
    """`label` names the database for people, `dialect` is the connector's; `decided` holds the decisions
    that have a text. `rows` are what was drafted and decided, and `reviewers` who decided, where an
    export tells of that; `statements` are the connector's."""

    label: str
    dialect: str
    catalog: Catalog
    decided: Mapping[Target, Decision]
    what: What = What.DECIDED
    rows: Mapping[Target, ReviewRow] = field(default_factory=dict)
    reviewers: Mapping[Target, str] = field(default_factory=dict)
    statements: Callable[[Sequence[Change]], Sequence[str]] = lambda changes: ()

    @property
    def left_out(self) -> tuple[Target, ...]:
        """What was decided and is no longer in the catalog."""
        return tuple(target for target in self.decided if not self.catalog.holds(target))

    @property
    def texts(self) -> int:
        """How many descriptions are in the export."""
        return sum(1 for _ in self.described())

    def described(self) -> Iterator[tuple[Target, str]]:
        """Each target that has a text in the export, in the order of the catalog."""
        for table, columns in self.tables():
            for target in (table.target, *map(table.column_target, columns)):
                if text := self.text(target):
                    yield target, text

    def tables(self) -> Iterator[tuple[Table, tuple[Column, ...]]]:
        """The tables that the export is about, each with those of its columns that it is about."""
        if self.what is What.ALL:
            for table in self.catalog.tables:
                yield table, table.columns
            return
        wanted = {target.of_table for target in self.decided}
        for table in self.catalog.tables:
            if table.target not in wanted:
                continue
            columns = tuple(c for c in table.columns if table.column_target(c) in self.decided)
            if columns or table.target in self.decided:
                yield table, columns

    def text(self, target: Target) -> str | None:
        """The decided text of a target; in an export of everything, else the one that stands there."""
        decision = self.decided.get(target)
        if decision is not None:
            return decision.text
        return self.catalog.comment(target) if self.what is What.ALL else None

    def old(self, target: Target) -> str | None:
        """The text that the one of the export takes the place of: what stands there now; where the decided
        text stands there already, what stood there when it was decided."""
        decision, present = self.decided.get(target), self.catalog.comment(target)
        return decision.previous if decision and present == decision.text else present

    @property
    def changed(self) -> tuple[Target, ...]:
        """What somebody gave another text since it was decided."""
        return tuple(
            target
            for target, decision in self.decided.items()
            if self.catalog.holds(target)
            and (self.catalog.comment(target) or None)
            not in (decision.previous or None, decision.text)
        )


@dataclass(frozen=True, slots=True)
class Made:
    """The texts of the files, by what is put between the name and the suffix: "" is the file that was
    asked for. `notes` say in words what was left as it is, and why; `left` descriptions are not in the
    files therefore."""

    files: Mapping[str, str]
    notes: tuple[str, ...] = ()
    left: int = 0


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of export. `make` is given the text of the file that is there already where the format
    `merges`, that is keeps everything in it that is not a description; else None. `usual` is what goes
    into it unless something else is asked for, `name` what such a file is mostly called."""

    id: str
    title: str
    suffix: str
    make: Callable[[Material, str | None], Made]
    usual: What = What.DECIDED
    merges: bool = False
    name: str = ""

    def offered(self, stem: str) -> str:
        """The name of a file, where nobody chose one yet."""
        return self.name or f"{stem}{self.suffix}"
