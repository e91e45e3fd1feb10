"""The one place where the environment of every test is made: empty home, no colour wishes, UTC; and where
no test depends on how fast a machine is today."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from textual import _wait

# How long the making of an example, or a test of it, took says nothing about the program.
settings.register_profile("amx", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("amx")

# Textual's pilot waits after each key until the process took next to no processor for 20 ms, while a
# stream is drawn for a second. Our tests wait for what they want to see; its wait is only made shorter
# here (seconds): half of what the tests of screens took was that.
_wait.SLEEP_GRANULARITY = 0.005
_wait.SLEEP_IDLE = 0.001

_REMOVED = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMUX")
# Hundreds of processes import the program: each of them would compile it anew.
_PYTHON = ("PYTHONDONTWRITEBYTECODE",)
_KEYS = ("OPENAI_API_KEY", "OPENROUTER_API_KEY", "DEEPSEEK_API_KEY", "MOONSHOT_API_KEY")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home in `tmp_path`, which it yields; nothing of the machine's own settings reaches a
    test, and no test reaches the machine's keyring."""
    home = tmp_path / "home"
    home.mkdir()
    for name in os.environ:
        # The snapshot plugin's own variable is not a setting.
        if name.startswith(("AMX_", "TEXTUAL", "LC_")) and name != "TEXTUAL_SNAPSHOT_TEMPDIR":
            monkeypatch.delenv(name)
    for name in (*_REMOVED, *_PYTHON, *_KEYS, *_PROXIES, *(proxy.lower() for proxy in _PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    time.tzset()
    yield home
