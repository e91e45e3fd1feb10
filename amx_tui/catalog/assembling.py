"""Puts together what an adapter read in separate queries: tables, columns, keys. It knows no database and
no SQL; every adapter that reads a whole catalog at once uses it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from amx_tui.catalog.model import Catalog, Column, Table, Target

Place = TypeVar("Place", bound=Hashable)  # what the database knows a table by
ColumnPlace = TypeVar("ColumnPlace", bound=Hashable)  # and a column of it


_QUOTED = re.compile(r"'((?:[^']|'')*)'")


def read_enumeration(type_: str) -> tuple[str, ...]:
    """The values of a type that is written as `enum('a','b')`; none of any other type."""
    if not type_.lower().startswith(("enum(", "set(")):
        return ()
    return tuple(text.replace("''", "'") for text in _QUOTED.findall(type_))


class Words(dict[str, str]):
    """One object for each text: names and types repeat all over a catalog."""

    def __missing__(self, text: str) -> str:
        if not isinstance(text, str):  # of a file that somebody else wrote
            raise TypeError("no text")
        self[text] = text
        return text


class KeyFacts(Generic[Place, ColumnPlace]):
    """What constraints say of columns, by table and then by column."""

    def __init__(self) -> None:
        self.positions: dict[Place, dict[ColumnPlace, int]] = {}
        self.references: dict[Place, dict[ColumnPlace, Target]] = {}
        self.checks: dict[Place, dict[ColumnPlace, str]] = {}

    def add_key(self, table: Place, columns: Sequence[ColumnPlace]) -> None:
        self.positions[table] = {column: at for at, column in enumerate(columns, 1)}

    def add_reference(self, table: Place, column: ColumnPlace, to: Target) -> None:
        """The first one counts, where a column is part of several foreign keys."""
        self.references.setdefault(table, {}).setdefault(column, to)

    def add_check(self, table: Place, columns: Sequence[ColumnPlace], condition: str) -> None:
        """A condition on several columns is told of each."""
        of_table = self.checks.setdefault(table, {})
        for column in dict.fromkeys(columns):
            known = of_table.get(column)
            of_table[column] = f"{known} AND {condition}" if known else condition


def assemble(tables: Mapping[Place, Table], columns: Mapping[Place, Sequence[Column]]) -> Catalog:
    """The tables with their columns, in the order of `tables`."""
    return Catalog(
        tuple(
            replace(table, columns=tuple(columns.get(place, ()))) for place, table in tables.items()
        )
    )
