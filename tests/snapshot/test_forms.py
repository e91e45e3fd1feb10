"""The lists of profiles and connections and their forms, at both sizes. Look at the pictures when they
change."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.screens.form import FormRoom
from tests.config.keyrings import MemoryKeyring
from tests.provider import ScriptedProvider, error, stream
from tests.snapshot.conftest import START, until
from tests.snapshot.test_screens import Compare, both_sizes, go, on, picture

KEY = "sk-canary-that-nobody-may-see"
FILE = """\
llm_profiles:
  kimi-thinking:
    provider: kimi
    model: kimi-k2-thinking
    api_base: https://api.moonshot.cn/v1
    api_key: keyring://amx/kimi-thinking/api_key
    temperature: 0.2
    n_alternatives: 3
  router:
    provider: openrouter
    model: moonshotai/kimi-k2.6
    api_key: sk-or-canary-readable-in-the-file
    prompt_detail: full
  house:
    provider: ollama
    model: qwen3
active_llm_profile: kimi-thinking
rag_llm_profile: router
db_profiles:
  sap:
    backend: postgresql
    host: db.example.org
    port: 5432
    user: reader
    password: keyring://amx/sap/password
    database: sap
    profiling_mode: metadata
  warehouse:
    backend: snowflake
    account: xy12345
  legacy:
    backend: sqlite
    database: legacy.db
active_db_profile: sap
"""


class Rerouted(httpx.AsyncBaseTransport):
    """The network, in which every host is the scripted one: no port of the day is in the picture."""

    def __init__(self, server: ScriptedProvider) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._there = httpx.URL(server.base_url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        there = self._there
        request.url = request.url.copy_with(scheme="http", host=there.host, port=there.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedProvider]:
    """Its answers take no time in a picture."""
    still = SimpleNamespace(monotonic=lambda: 0.0, time=lambda: START)
    monkeypatch.setattr("amx_tui.commands.profile_test.time", still)
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=49.58) as running:
        yield running


@pytest.fixture
def memory() -> Iterator[None]:
    import keyring

    before = keyring.get_keyring()
    MemoryKeyring.reset()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)
    MemoryKeyring.reset()


@pytest.fixture
def empty(home: Path, memory: None) -> Workspace:
    return real_workspace(os.environ, find_folders(os.environ))


@pytest.fixture
def mine(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    folders = empty.folders
    folders.config.mkdir(mode=0o700)
    folders.config_file.write_text(FILE)
    MemoryKeyring.entries["amx", "kimi-thinking/api_key"] = KEY
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("legacy.db") as connection:
        connection.execute("CREATE TABLE BKPF (BUKRS TEXT)")
    connection.close()
    return empty


async def lists(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, AmxApp)
    await until(pilot, lambda: bool(app.whereabouts().model))
    app.go("profiles")
    await until(pilot, lambda: on(pilot, "ProfilesScreen"))
    await until(pilot, lambda: app.screen._config is not None)  # type: ignore[attr-defined]
    await pilot.pause()


async def form(pilot: Pilot[None], key: str, name: str = "ProfileForm") -> FormRoom:
    await go(pilot, key, name)
    screen = pilot.app.screen
    assert isinstance(screen, FormRoom)
    await until(pilot, lambda: screen._keyring is not None)  # type: ignore[attr-defined]
    # The key was looked for as well.
    await until(pilot, lambda: all(w.is_finished for w in screen.workers if w.group == "keyring"))
    await pilot.pause()
    return screen


async def type_in(pilot: Pilot[None], id: str, text: str) -> None:
    field = pilot.app.screen.query_one(f"#{id}", Input)
    field.focus()
    await pilot.pause()
    field.value = text
    await pilot.pause()


async def new_with(pilot: Pilot[None], **values: str) -> FormRoom:
    await lists(pilot)
    screen = await form(pilot, "n")
    for id, text in values.items():
        await type_in(pilot, id, text)
    return screen


# LLM profiles. -----------------------------------------------------------------------------------


@both_sizes
def test_the_lists_of_profiles_and_connections(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    picture(snap_compare, mine, size, lists)


@both_sizes
def test_an_empty_form(snap_compare: Compare, empty: Workspace, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await new_with(pilot)

    picture(snap_compare, empty, size, act)


@both_sizes
def test_a_filled_form(snap_compare: Compare, empty: Workspace, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None]) -> None:
        screen = await new_with(
            pilot, name="kimi-thinking", model="kimi-k2-thinking", api_key=KEY, max_tokens="8192"
        )
        screen.query_one("#temperature").focus()
        await pilot.pause()

    picture(snap_compare, empty, size, act)


@both_sizes
def test_what_will_be_written(
    snap_compare: Compare, empty: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await new_with(pilot, model="kimi-k2-thinking", api_key=KEY)
        await pilot.press("f2")

    picture(snap_compare, empty, size, act)


@both_sizes
def test_the_models_with_when_to_pick_each(
    snap_compare: Compare, empty: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        screen = await new_with(pilot)
        screen.query_one("#model").focus()
        await pilot.pause()
        await until(pilot, lambda: bool(screen._choices))
        await pilot.press("down")
        await until(pilot, lambda: screen.text("model") == "kimi-k2.6")
        await pilot.press("down", "down", "down", "down")
        await until(pilot, lambda: screen.text("model") == "kimi-k2-thinking")

    picture(snap_compare, empty, size, act)


@both_sizes
def test_the_form_asks_where_the_key_is_from(
    snap_compare: Compare, empty: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        screen = await new_with(pilot)
        screen.query_one("#platform").focus()
        await pilot.pause()
        await pilot.press("right")

    picture(snap_compare, empty, size, act)


# `test_profile_fields` has the words for every field.
MISTAKES = {
    "model": {"model": "kimi-k2-thinking"},
    "base": {"api_base": "http://api.moonshot.cn/v1"},
    "key": {"api_key": "canary-that-nobody-may-see"},
    "budget": {"model": "moonshot-v1-8k", "max_tokens": "9000"},
    "all": {
        "name": "router",
        "api_base": "api.moonshot.cn",
        "temperature": "9",
        "n_alternatives": "7",
    },
}


@both_sizes
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_words(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int], mistake: str
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        screen = await new_with(pilot, **MISTAKES[mistake])
        if mistake == "all":
            await pilot.press("ctrl+s")
            await until(pilot, lambda: screen.focused is screen.query_one("#name"))
            pilot.app.clear_notifications()
        else:
            await pilot.press("tab")
        await pilot.pause()

    picture(snap_compare, mine, size, act)


async def run_test(pilot: Pilot[None]) -> None:
    screen = await new_with(pilot, api_key=KEY)
    await pilot.press("f5")
    await until(pilot, lambda: bool(screen._checks) and not screen._is_testing)
    await until(pilot, lambda: all(w.is_finished for w in screen.workers))


@both_sizes
def test_a_test_that_passed(
    snap_compare: Compare, empty: Workspace, server: ScriptedProvider, size: tuple[int, int]
) -> None:
    empty.transport = lambda: Rerouted(server)
    server.script(stream(content="ready"))
    picture(snap_compare, empty, size, run_test)


@both_sizes
def test_a_test_that_failed(
    snap_compare: Compare, empty: Workspace, server: ScriptedProvider, size: tuple[int, int]
) -> None:
    empty.transport = lambda: Rerouted(server)
    refused = error(401, "Invalid Authentication", "invalid_authentication_error")
    server.pages["/models"] = server.pages["/users/me/balance"] = refused
    picture(snap_compare, empty, size, run_test)


@both_sizes
def test_no_keyring_is_said_before_a_key_is_typed(
    snap_compare: Compare, home: Path, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        screen = await new_with(pilot)
        screen.query_one("#api_key").focus()
        await pilot.pause()

    picture(snap_compare, real_workspace(os.environ, find_folders(os.environ)), size, act)


@both_sizes
def test_plain_text_is_asked_for(snap_compare: Compare, home: Path, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await new_with(pilot, api_key=KEY)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: on(pilot, "Question"))

    picture(snap_compare, real_workspace(os.environ, find_folders(os.environ)), size, act)


@both_sizes
def test_a_profile_is_edited_with_what_is_folded(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await form(pilot, "e")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: pilot.app.screen.focused is not None)
        await pilot.pause()

    picture(snap_compare, mine, size, act)


@both_sizes
def test_a_key_that_stands_readable_in_the_file(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await pilot.press("down")
        await form(pilot, "e")

    picture(snap_compare, mine, size, act)


@both_sizes
def test_removing_a_profile_says_what_refers_to_it(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await pilot.press("down")
        await go(pilot, "x", "Question")

    picture(snap_compare, mine, size, act)


# Connections. ------------------------------------------------------------------------------------


@both_sizes
def test_a_new_connection(snap_compare: Compare, mine: Workspace, size: tuple[int, int]) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await pilot.press("tab")
        screen = await form(pilot, "n", "ConnectionForm")
        await type_in(pilot, "name", "warehouse-2")
        screen.query_one("#backend").focus()
        await pilot.pause()

    picture(snap_compare, mine, size, act)


@both_sizes
def test_a_connection_is_edited(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await pilot.press("tab")
        await form(pilot, "e", "ConnectionForm")

    picture(snap_compare, mine, size, act)


@both_sizes
def test_a_connection_that_opens(
    snap_compare: Compare, mine: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await lists(pilot)
        await pilot.press("tab", "down", "down")
        screen = await form(pilot, "t", "ConnectionForm")
        await until(pilot, lambda: bool(screen._checks) and not screen._is_testing)

    picture(snap_compare, mine, size, act)
