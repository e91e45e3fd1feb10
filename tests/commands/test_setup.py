"""What is told before anything can be sent."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from amx_tui.commands.model import NotReady
from amx_tui.commands.setup import find_setup
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Config, Key, Profile


def workspace_with(base: str) -> Workspace:
    profile = Profile("mine", "kimi", "kimi-k3", base)
    real = real_workspace(os.environ, find_folders(os.environ))
    config = Config(real.folders.config_file, {"mine": profile}, "mine")
    return replace(
        real, read_config=lambda: config, find_key=lambda _: Key("sk-0123456789abcdef", "a test")
    )


@pytest.mark.parametrize(
    "base",
    [
        "https://user:secretpw@host/v1",
        "https://host/v1?key=secretpw",
        "https://host/v1#secretpw",
        "https://host:secretpw/v1",
    ],
)
def test_a_base_with_a_secret_is_refused_without_repeating_it(base: str) -> None:
    with pytest.raises(NotReady) as problem:
        find_setup(workspace_with(base))
    assert "API base" in problem.value.what
    assert "secretpw" not in str(problem.value)


@pytest.mark.parametrize("base", ["http://127.0.0.1:99999/v1", "https://xn--a.example/v1"])
def test_a_base_that_cannot_be_asked_is_told_before_a_draft(base: str) -> None:
    with pytest.raises(NotReady, match="API base"):
        find_setup(workspace_with(base))


def test_a_base_with_the_path_of_the_chat_serves_models_and_balance_too() -> None:
    setup = find_setup(workspace_with("https://api.moonshot.cn/v1/chat/completions/"))
    assert setup.endpoint.base == "https://api.moonshot.cn/v1"
