"""How the tests of this room save an entry of `config.yml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.editing import Change, write
from amx_tui.config.kinds import EntryKind
from amx_tui.config.model import Connection, Profile
from amx_tui.config.profile_entries import PROFILES


def save(
    path: Path, entry: Profile | Connection, *, was: str | None = None, activate: bool
) -> None:
    """`was` is the name of the entry that it changes, None for a new one."""
    kind: EntryKind[Any] = PROFILES if isinstance(entry, Profile) else CONNECTIONS
    write(path, Change(kind, entry.name, was=was, entry=entry, activate=activate))


def activate_profile(path: Path, name: str) -> None:
    write(path, Change(PROFILES, name, was=name, activate=True))
