"""The files that were opened last, in the chooser; and going on without naming a database."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from amx_tui.app import AmxApp
from amx_tui.cli import _open_workspace, _parse
from amx_tui.commands.model import NotReady
from amx_tui.commands.recent import MOST, recent_files
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.widgets.rows import RowList
from tests.snapshot.conftest import session_of, until


@pytest.fixture
def workspace(clean_environment: Path) -> Workspace:
    return real_workspace(os.environ, find_folders(os.environ))


def make_database(path: Path) -> Path:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a TEXT)")
    connection.close()
    return path


def listed(app: AmxApp) -> list[str]:
    screen = app.screen
    rows = screen.query_one("#connections", RowList)
    drawn = [screen._draw(index, 80) for index in range(rows.count)]  # type: ignore[attr-defined]
    return [" ".join("".join(words for words, _ in line).split()) for line in drawn]


async def opened(app: AmxApp, path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_database(str(path))
        await until(pilot, lambda: app._session is not None and session_of(pilot).is_whole)
        await until(pilot, lambda: recent_files(app.workspace.folders)[:1] == (path,))


async def test_a_file_that_was_opened_is_one_key_away_at_the_next_start(
    workspace: Workspace, tmp_path: Path
) -> None:
    first, second = make_database(tmp_path / "first.db"), make_database(tmp_path / "second.db")
    for path in (first, second, first):
        await opened(AmxApp(real_workspace(os.environ, workspace.folders)), path)
    app = AmxApp(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.screen.query("#connections")) and len(listed(app)) == 2)
        assert [row.split()[:2] for row in listed(app)] == [
            ["first.db", "file"],
            ["second.db", "file"],
        ]
        await pilot.press("tab", "down", "enter")
        await until(pilot, lambda: app._session is not None and session_of(pilot).is_whole)
        assert session_of(pilot).connector.label == "second.db (sqlite)"
    second.unlink()
    assert recent_files(workspace.folders) == (first,)


async def test_the_files_are_there_though_config_yml_is_broken(
    workspace: Workspace, tmp_path: Path
) -> None:
    await opened(
        AmxApp(real_workspace(os.environ, workspace.folders)), make_database(tmp_path / "a.db")
    )
    workspace.folders.config.mkdir(exist_ok=True)
    workspace.folders.config_file.write_text("a: [")
    app = AmxApp(workspace)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.screen.query("#connections")) and len(listed(app)) == 1)
        assert "not valid YAML" in str(app.screen.query_one("#said").render())


@pytest.mark.parametrize("text", ["", "[", '{"a": 1}', '[1, null, "\\u0000"]', "[" * 100_000])
def test_a_list_that_cannot_be_used_is_an_empty_one(workspace: Workspace, text: str) -> None:
    workspace.folders.cache.mkdir(parents=True)
    workspace.folders.recent_file.write_text(text)
    assert recent_files(workspace.folders) == ()


def test_the_list_is_short(workspace: Workspace, tmp_path: Path) -> None:
    from amx_tui.commands.opening import open_named
    from amx_tui.commands.recent import remember

    for number in range(MOST + 2):
        connector = open_named(workspace, str(make_database(tmp_path / f"{number}.db")))
        remember(workspace.folders, connector)
        connector.close()
    names = [path.stem for path in recent_files(workspace.folders)]
    assert names == [str(number) for number in range(MOST + 1, 1, -1)]


def test_resume_says_where_nothing_was_interrupted(clean_environment: Path) -> None:
    with pytest.raises(NotReady, match="No run was interrupted"):
        _open_workspace(_parse(["--resume"]))
