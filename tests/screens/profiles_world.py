"""A `config.yml` with profiles and connections, a keyring in memory, and a host on loopback."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from textual.pilot import Pilot

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from tests.config.keyrings import MemoryKeyring
from tests.provider import ScriptedProvider
from tests.snapshot.conftest import until

KEY = "sk-canary-0123456789abcdef"
FILE = """\
# mine, by hand
llm_profiles:
  kimi-thinking:
    provider: kimi
    model: kimi-k2.6   # the everyday one
    api_base: https://api.moonshot.cn/v1
    api_key: keyring://amx/kimi-thinking/api_key
    temperature: 0.2
    n_alternatives: 3
    prompt_detail: full
    my_own: stays
  other:
    provider: kimi
    model: kimi-k3
    api_key: ''
active_llm_profile: kimi-thinking
"""


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import keyring

    before = keyring.get_keyring()
    MemoryKeyring.reset()
    keyring.set_keyring(MemoryKeyring())
    yield
    keyring.set_keyring(before)
    MemoryKeyring.reset()


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=49.58) as running:
        yield running


@pytest.fixture
def mine(home: object, memory: None) -> Workspace:
    """No database; a `config.yml` of two profiles, the key of one in the keyring."""
    folders = find_folders(os.environ)
    folders.config.mkdir(mode=0o700)
    folders.config_file.write_text(FILE)
    MemoryKeyring.entries["amx", "kimi-thinking/api_key"] = KEY
    return real_workspace(os.environ, folders)


@pytest.fixture
def empty(home: object, memory: None) -> Workspace:
    return real_workspace(os.environ, find_folders(os.environ))


async def until_read(pilot: Pilot[None]) -> None:
    """The screen of the lists is there, and has read the file."""
    app = pilot.app
    assert isinstance(app, AmxApp)
    app.go("profiles")
    await until(pilot, lambda: type(app.screen).__name__ == "ProfilesScreen")
    await until(pilot, lambda: app.screen._config is not None)  # type: ignore[attr-defined]
    await pilot.pause()
