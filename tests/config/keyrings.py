"""Keyrings by keyring's own interface, for the tests: chosen with `PYTHON_KEYRING_BACKEND`, as a
person would choose one. They keep secrets in memory, so that a search of all files finds none."""

from __future__ import annotations

from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError
from keyrings.alt.file import EncryptedKeyring


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given, and can be told to fail. `refuses` counts the writes until then."""

    priority = 0.1
    entries: ClassVar[dict[tuple[str, str], str]] = {}
    is_locked: ClassVar[bool] = False
    garbles: ClassVar[bool] = False
    refuses: ClassVar[int | None] = None

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    @classmethod
    def reset(cls) -> None:
        cls.entries = {}
        cls.is_locked = cls.garbles = False
        cls.refuses = None

    def get_password(self, service: str, username: str) -> str | None:
        if MemoryKeyring.is_locked:
            raise KeyringLocked("locked, and the secret is sk-CANARY")
        secret = MemoryKeyring.entries.get((service, username))
        return secret and (secret[:-1] if MemoryKeyring.garbles else secret)

    def set_password(self, service: str, username: str, password: str) -> None:
        if MemoryKeyring.refuses is not None:
            MemoryKeyring.refuses -= 1
            if MemoryKeyring.refuses < 0:
                MemoryKeyring.refuses = None
                raise KeyringError(f"could not store {password}")
        MemoryKeyring.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in MemoryKeyring.entries:
            raise PasswordDeleteError("not there")
        del MemoryKeyring.entries[service, username]


class UnlockedKeyring(EncryptedKeyring):  # type: ignore[misc]
    """An encrypted file whose own password was typed already."""

    priority = 0.1
    keyring_key = "the keyring's own"
