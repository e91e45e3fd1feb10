"""The keyring and the file are those of the config room's tests."""

from tests.config.conftest import config_file, kimi, memory, use_keyring

__all__ = ["config_file", "kimi", "memory", "use_keyring"]
