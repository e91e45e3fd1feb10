"""What the tests of this room share: a keyring chosen by its name, and the answers of AMX's page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keyring.core
import pytest

from amx_tui.config.model import Profile

from .keyrings import MemoryKeyring

MEMORY = "tests.config.keyrings.MemoryKeyring"
PLAINTEXT = "keyrings.alt.file.PlaintextKeyring"


@pytest.fixture
def use_keyring(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], type[MemoryKeyring]]:
    """Starts keyring anew with the backend of that name, through the variable that a person sets."""

    def use(name: str) -> type[MemoryKeyring]:
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", name)
        monkeypatch.setattr(keyring.core, "_keyring_backend", None)
        MemoryKeyring.reset()
        return MemoryKeyring

    use("keyring.backends.fail.Keyring")
    return use


@pytest.fixture
def memory(use_keyring: Callable[[str], type[MemoryKeyring]]) -> type[MemoryKeyring]:
    return use_keyring(MEMORY)


@pytest.fixture
def config_file(clean_environment: Path) -> Path:
    """`~/.amx/config.yml`, which does not exist yet."""
    return clean_environment / ".amx" / "config.yml"


@pytest.fixture
def kimi() -> Profile:
    """The answers of AMX's page for Kimi."""
    return Profile(
        name="kimi-thinking",
        provider="kimi",
        model="kimi-k2-thinking",
        api_base="https://api.moonshot.cn/v1",
        api_key="keyring://amx/kimi-thinking/api_key",
    )
