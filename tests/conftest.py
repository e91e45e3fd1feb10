"""The one place where the environment of every test is made: empty home, no colour wishes, UTC."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_REMOVED = ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "TMUX")
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
    for name in (*_REMOVED, *_KEYS, *_PROXIES, *(proxy.lower() for proxy in _PROXIES)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    time.tzset()
    yield home
