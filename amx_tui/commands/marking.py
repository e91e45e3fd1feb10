"""What is marked for a draft, and what lacks one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from amx_tui.catalog.model import Catalog, Table, Target
from amx_tui.commands.open_catalog import OpenCatalog
from amx_tui.commands.reviewing import Review


class Marks:
    """`targets` are the marked ones."""

    def __init__(self, opened: OpenCatalog, review: Review) -> None:
        self._opened = opened
        self._review = review
        self.targets: set[Target] = set()

    def toggle(self, targets: set[Target]) -> None:
        """Marks all of them, or unmarks them where all are marked."""
        if targets <= self.targets:
            self.targets -= targets
        else:  # two large sets beside each other are for where both are needed
            self.targets = self.targets | targets if self.targets else targets

    async def find_gone(self, catalog: Catalog) -> set[Target]:
        """The marks on what is there no more in `catalog`, which follows the one that is shown."""
        if catalog is self._opened.catalog:
            return set()

        def find() -> set[Target]:
            return {target for target in tuple(self.targets) if not catalog.holds(target)}

        return await asyncio.to_thread(find)

    def undescribed(self, tables: Iterable[Table] | None = None) -> set[Target]:
        """What lacks a description and has no decision that gives it one."""
        found: set[Target] = set()
        for table in self._opened.catalog.tables if tables is None else tables:
            lacking = [table.column_target(c) for c in table.columns if not c.comment]
            if not table.comment:
                lacking.append(table.target)
            found.update(target for target in lacking if not self._review.is_settled(target))
        return found

    def lacks(self, table: Table) -> bool:
        """Whether anything of a table would be in `undescribed`."""
        return self.is_lacking(table.target) or any(
            not column.comment and not self._review.is_settled(table.column_target(column))
            for column in table.columns
        )

    def is_lacking(self, target: Target) -> bool:
        """Whether it would be in `undescribed`."""
        return not self._opened.catalog.comment(target) and not self._review.is_settled(target)

    def came_out_low(self) -> set[Target]:
        """What was drafted with low confidence and has no decision that gives it a text."""
        return {
            target
            for target, row in self._review.rows.items()
            if row.is_low
            and not self._review.is_settled(target)
            and self._opened.catalog.holds(target)
        }
