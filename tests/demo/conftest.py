"""The demo's database, built once for all tests of this room that only read it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from amx_tui.demo.database import build_database


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_database(tmp_path_factory.mktemp("demo") / "demo.db")


@pytest.fixture
def demo(demo_file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{demo_file.as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def read_columns(demo: sqlite3.Connection) -> dict[str, list[str]]:
    """The names of all columns by table or view."""
    names = [
        name
        for (name,) in demo.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
        )
    ]
    return {
        name: [row[0] for row in demo.execute("SELECT name FROM pragma_table_info(?)", (name,))]
        for name in names
    }
