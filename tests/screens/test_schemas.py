"""The same table in two schemas: on no screen can one be taken for the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from amx_tui.app import AmxApp
from amx_tui.commands.opening import open_named
from amx_tui.screens.bulk import BulkDialog
from amx_tui.screens.draft import DraftScreen
from amx_tui.screens.review import ReviewScreen
from amx_tui.screens.same_name import SameNameDialog
from tests.provider import ScriptedProvider
from tests.screens.test_account import open_draft, run_to_its_end, workspace_at
from tests.screens.test_deciding_and_writing import on, open_write, title, words
from tests.screens.test_many_at_once import choose
from tests.snapshot.conftest import session_of, until

NAMES = [
    "hr.PAY",
    "hr.PAY.BUKRS",
    "hr.PAY.WAERS",
    "sales.PAY",
    "sales.PAY.BUKRS",
    "sales.PAY.WAERS",
]


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"]) as running:
        yield running


async def test_a_table_that_two_schemas_have_is_named_with_its_schema_wherever_it_stands(
    server: ScriptedProvider, tmp_path: Path
) -> None:
    file = tmp_path / "two.duckdb"
    with duckdb.connect(str(file)) as connection:
        for schema in ("sales", "hr"):
            connection.execute(f"CREATE SCHEMA {schema}")
            connection.execute(f"CREATE TABLE {schema}.PAY (BUKRS TEXT, WAERS TEXT)")
    workspace = workspace_at(server.base_url, tmp_path)
    workspace.connector = open_named(workspace, str(file))
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:

        def names(place: str) -> list[str]:
            """What stands in a list, without what stands beside the names."""
            lines = words(app.screen, place).split("\n")
            return [word for line in lines for word in line.split() if ".PAY" in word]

        await open_draft(pilot)
        assert isinstance(app.screen, DraftScreen)
        await until(pilot, lambda: "hr.PAY · 2 columns" in title(pilot, "#sent"))
        await run_to_its_end(pilot)
        assert names("#batches") == ["hr.PAY", "sales.PAY"]
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        await until(pilot, lambda: names("#suggestions") == NAMES)
        await until(pilot, lambda: title(pilot, "#card") == "hr.PAY")
        await pilot.press("j", "n")
        await until(pilot, lambda: isinstance(app.screen, SameNameDialog))
        assert names("RowList") == ["hr.PAY.BUKRS", "sales.PAY.BUKRS"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ReviewScreen))
        # One table alone can be listed, of one schema.
        await choose(pilot, "only hr.PAY")
        await until(pilot, lambda: names("#suggestions") == NAMES[:3])
        below = app.screen.query_one("#list")
        assert "showing: hr.PAY · 3 listed" in str(below.border_subtitle)
        await pilot.press("m")
        await until(pilot, lambda: "1 marked · showing: hr" in str(below.border_subtitle))
        await pilot.press("escape", "escape")
        await until(pilot, lambda: names("#suggestions") == NAMES)
        # One schema alone can be listed, and all that is listed be decided.
        await choose(pilot, "sales")
        await until(pilot, lambda: names("#suggestions") == NAMES[3:])
        assert "showing: sales" in str(app.screen.query_one("#list").border_subtitle)
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, BulkDialog))
        assert names("RowList") == NAMES[3:]
        await pilot.press("a")
        await until(pilot, lambda: on(pilot, "ReviewScreen"))
        session = session_of(pilot)
        await until(pilot, lambda: sum(bool(row.decision) for row in session.rows.values()) == 3)
        await open_write(pilot, 3)
        assert names("#changes") == NAMES[3:]
        assert title(pilot, "#statement") == "sales.PAY"
