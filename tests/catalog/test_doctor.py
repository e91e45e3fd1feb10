"""What the doctor tells of a server's databases."""

from __future__ import annotations

import os
from contextlib import aclosing
from pathlib import Path

from amx_tui.commands.doctor import Visit, examine
from amx_tui.commands.doctor_machine import Terminal
from amx_tui.commands.doctor_parts import Report, Section
from amx_tui.commands.model import State
from amx_tui.commands.workspace import real_workspace
from amx_tui.config.folders import find_folders
from tests.catalog.conftest import Server


async def test_the_databases_of_a_real_server_are_counted_or_told_why_not(
    postgresql: Server, clean_environment: Path
) -> None:
    postgresql.run(
        "CREATE TABLE examined (bukrs text)",
        "CREATE ROLE onlooker LOGIN",
        "CREATE TABLE theirs (bukrs text)",
        "ALTER TABLE theirs OWNER TO onlooker",
        "GRANT SELECT ON examined TO onlooker",
    )
    folder = clean_environment / ".amx"
    folder.mkdir(mode=0o700)
    block = (
        "  {0}:\n    backend: postgresql\n    host: {1}\n    user: {3}\n"
        "    password: hunter2-canary\n    database: {2}\n"
    )
    here = postgresql.folder
    (folder / "config.yml").write_text(
        "db_profiles:\n"
        + block.format("there", here, "postgres", "owner")
        + block.format("looked_at", here, "postgres", "onlooker")
        + block.format("lost", here, "no_such_database", "owner")
    )
    workspace = real_workspace(os.environ, find_folders(os.environ))
    report = Report()
    visit = Visit(workspace, Terminal(80, 24, "UTF-8", {"TERM": "xterm"}))
    async with aclosing(examine(visit)) as parts:
        async for part in parts:
            report.add(part)
    tables, texts, _, refused, lost = (c for place, c in report.lines if place is Section.DATABASES)
    assert tables.state is State.OK and "there (postgresql)" in tables.result
    assert tables.seconds is not None
    assert texts.state is State.OK and texts.result == "texts go to comments in postgres"
    assert refused.what == "looked_at" and refused.state is State.WARNING
    assert "this user may not describe 1 of 2 tables" in refused.result
    assert "own" in refused.why and "Connect as the owner of each table" in refused.remedy
    assert lost.what == "lost" and lost.state is State.FAILED and lost.remedy
    assert "no_such_database" in lost.result + lost.why
    assert "hunter2" not in repr(report.lines)
