"""The lists of LLM profiles and connections: switch, copy, rename, remove, open."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.commands.opening import open_named
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.file import load_config
from amx_tui.config.folders import find_folders
from amx_tui.screens.ask import Ask
from amx_tui.screens.question import Question
from amx_tui.widgets.rows import RowList
from tests.config.keyrings import MemoryKeyring
from tests.screens.profiles_world import FILE, KEY, until_read
from tests.snapshot.conftest import session_of, settle, until


def name_of(app: AmxApp) -> str:
    return type(app.screen).__name__


def told(app: AmxApp) -> str:
    return " ".join(f"{note.title} {note.message}" for note in app._notifications)


def rows_of(pilot: Pilot[None], id: str, width: int = 78) -> list[str]:
    rows = pilot.app.screen.query_one(f"#{id}", RowList)
    return ["".join(words for words, _ in rows._draw(i, width)) for i in range(rows.count)]


def database(folder: Path, name: str, table: str) -> Path:
    file = folder / name
    with sqlite3.connect(file) as connection:
        connection.execute(f"CREATE TABLE {table} (A TEXT)")
    connection.close()
    return file


async def test_enter_switches_the_active_profile(mine: Workspace) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_read(pilot)
        assert rows_of(pilot, "profiles")[0].startswith(" ● kimi-thinking")
        assert (
            "keyring" in rows_of(pilot, "profiles")[0] and "no key" in rows_of(pilot, "profiles")[1]
        )
        await pilot.press("down", "enter")
        await until(pilot, lambda: "'other' is the active profile now" in told(app))
        assert rows_of(pilot, "profiles")[1].startswith(" ● other")
        await until(pilot, lambda: "other · kimi-k3" in app.whereabouts().model)
    assert mine.folders.config_file.read_text() == FILE.replace(
        "active_llm_profile: kimi-thinking", "active_llm_profile: other"
    )


async def test_a_copy_has_everything_and_the_key(mine: Workspace) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_read(pilot)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        assert app.screen.query_one(Input).value == "kimi-thinking-copy"
        await pilot.press("enter")
        await until(pilot, lambda: "'kimi-thinking-copy' is in the list" in told(app))
    made = load_config(mine.folders.config_file).profiles["kimi-thinking-copy"]
    assert made.prompt_detail == "full"
    assert MemoryKeyring.entries["amx", "kimi-thinking-copy/api_key"] == KEY


async def test_a_name_that_is_taken_is_refused_before_anything_changes(mine: Workspace) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_read(pilot)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, Ask))
        await pilot.press("ctrl+u", *"other", "enter")
        wrong = app.screen.query_one("#wrong")
        await until(pilot, lambda: "'other' already" in str(wrong.render()))
        await pilot.press("ctrl+u", *"mine", "enter")
        await until(pilot, lambda: "'mine' is in the list" in told(app))
    config = load_config(mine.folders.config_file)
    assert list(config.profiles) == ["mine", "other"] and config.active_profile == "mine"
    assert MemoryKeyring.entries["amx", "mine/api_key"] == KEY


async def test_removing_asks_and_says_what_else_refers_to_it(mine: Workspace) -> None:
    mine.folders.config_file.write_text(FILE + "rag_llm_profile: kimi-thinking\n")
    app = AmxApp(mine)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_read(pilot)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        body = str(app.screen.query_one(".dialog-body").render())
        assert "rag_llm_profile" in body and "active_llm_profile" in body
        await pilot.press("n")
        await until(pilot, lambda: name_of(app) == "ProfilesScreen")
        assert "kimi-thinking" in load_config(mine.folders.config_file).profiles
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: "'kimi-thinking' is removed" in told(app))
    assert list(load_config(mine.folders.config_file).profiles) == ["other"]
    assert not MemoryKeyring.entries


async def test_a_file_of_a_newer_amx_is_read_and_not_changed(mine: Workspace) -> None:
    newer = "schema_version: 9\n" + FILE
    mine.folders.config_file.write_text(newer)
    app = AmxApp(mine)
    async with app.run_test(size=(80, 24)) as pilot:
        await until_read(pilot)
        assert "newer AMX" in str(app.screen.query_one("#profiles").border_subtitle)
        for key in ("n", "e", "c", "r", "x"):
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, lambda: "newer AMX" in told(app))
            assert name_of(app) == "ProfilesScreen"
    assert mine.folders.config_file.read_text() == newer


async def test_the_demo_edits_nothing(workspace: Workspace, home: Path) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until_read(pilot)
        for key in ("n", "e", "c", "r", "x"):
            app.clear_notifications()
            await pilot.press(key)
            await until(pilot, lambda: "profile of its own" in told(app))
            assert name_of(app) == "ProfilesScreen"
    assert not (home / ".amx").exists()


async def test_amxs_commands_are_in_the_palette_of_every_screen(workspace: Workspace) -> None:
    app = AmxApp(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        commands = {c.title: c for c in app.get_system_commands(app.screen)}
        assert {"llm-profiles", "add-llm-profile", "use-llm", "remove-llm-profile"} <= set(commands)
        commands["use-llm"].callback()
        await until(pilot, lambda: name_of(app) == "ProfilesScreen")
        await until(pilot, lambda: "enter" in told(app))


# Connections. ------------------------------------------------------------------------------------


async def test_a_connection_is_made_tested_and_opened_in_browse(
    home: Path, memory: None, tmp_path: Path
) -> None:
    first, second = database(tmp_path, "one.db", "ONE"), database(tmp_path, "two.db", "TWO")
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_named(workspace, str(first))
    app = AmxApp(workspace)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: session_of(pilot).is_whole)
        await until_read(pilot)
        await pilot.press("tab", "n")
        await until(pilot, lambda: name_of(app) == "ConnectionForm")
        screen = app.screen
        await pilot.press(*"mine", "enter", "left")
        await until(pilot, lambda: screen.query_one("#file-row").display)
        assert not screen.query_one("#host-row").display
        await pilot.press("enter")
        screen.query_one("#file", Input).value = str(second)
        await pilot.press("f5")
        await until(pilot, lambda: "1 table or view" in screen.query_one("#advice").text)  # type: ignore[attr-defined]
        await until(pilot, lambda: "two.comments.yml" in screen.query_one("#advice").text)  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved connection 'mine' to ~/.amx/config.yml" in told(app))
        await until(pilot, lambda: len(rows_of(pilot, "connections")) == 1)
        await pilot.press("enter")
        await until(pilot, lambda: name_of(app) == "BrowseScreen")
        await until(pilot, lambda: app.has_database and session_of(pilot).is_whole)
        assert [table.name for table in session_of(pilot).catalog.tables] == ["TWO"]
        # All rooms show the new one, and Browse is the outermost of them.
        await pilot.press("R")
        await until(pilot, lambda: name_of(app) == "ReviewScreen")
        assert app.screen.session is session_of(pilot)  # type: ignore[attr-defined]
        await pilot.press("B", "escape", "escape")
        assert name_of(app) == "BrowseScreen"
    assert workspace.folders.config_file.read_text() == (
        f"db_profiles:\n  mine:\n    backend: sqlite\n    database: {second}\n"
    )


async def test_a_connection_that_does_not_open_leaves_the_open_one(
    mine: Workspace, tmp_path: Path
) -> None:
    mine.folders.config_file.write_text(
        "db_profiles:\n  gone:\n    backend: sqlite\n    database: /no/such.db\n"
        "    profiling_mode: metadata\n"
    )
    mine.connector = open_named(mine, str(database(tmp_path, "one.db", "ONE")))
    app = AmxApp(mine)
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: session_of(pilot).is_whole)
        await until_read(pilot)
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "/no/such.db does not exist" in told(app))
        assert name_of(app) == "ProfilesScreen" and session_of(pilot).is_whole
        assert not mine.metadata_only


async def test_a_password_goes_into_the_keyring_and_other_settings_stay(mine: Workspace) -> None:
    before = (
        "db_profiles:\n  sap:\n    backend: postgresql  # the old one\n    host: db.example.org\n"
        "    port: 5433\n    user: me\n    password: ''\n    database: sap\n"
        "    profiling_max_rows: 500\n    my_own: stays\n"
    )
    mine.folders.config_file.write_text(before)
    app = AmxApp(mine)
    async with app.run_test(size=(140, 40)) as pilot:
        await until_read(pilot)
        await pilot.press("tab", "e")
        await until(pilot, lambda: name_of(app) == "ConnectionForm")
        screen = app.screen
        await until(pilot, lambda: screen._keyring is not None)  # type: ignore[attr-defined]
        field = screen.query_one("#password", Input)
        field.focus()
        await pilot.pause()
        await pilot.press(*"s3cret pw")
        await until(
            pilot,
            lambda: "keyring://amx/sap/password" in str(screen.query_one("#block").render()),  # type: ignore[attr-defined]
        )
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved connection 'sap'" in told(app))
    text = mine.folders.config_file.read_text()
    assert text == before.replace("password: ''", "password: keyring://amx/sap/password")
    assert MemoryKeyring.entries["amx", "sap/password"] == "s3cret pw"
