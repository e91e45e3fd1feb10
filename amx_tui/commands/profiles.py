"""What a person can do with profiles and connections: save, copy, rename, remove, switch. The file and
the keyring change together, in an order in which a kill at any instant loses no secret.

Everything here blocks (lock, disk, and the keyring, which may show a question of its own): call it in
a thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from amx_tui.config.model import Connection, Profile

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Entry]):
    """What was done. `entry` is what the file says now (None after a removal); `said` tells, one
    sentence each, whatever else happened than what was asked for: where the key went, which backups
    were cleared of it, which entries of the file followed. The caller shows it."""

    entry: Entry
    said: tuple[str, ...] = ()


def save(
    file: Path,
    profile: Profile,
    *,
    was: str | None,
    secret: str = "",
    plaintext: bool = False,
    activate: bool = True,
    since: Profile | None = None,
) -> Outcome[Profile]:
    """Saves `profile`; `was` is the name it had, None for a new one. Another name renames it.

    A `secret` goes into the keyring and is read back before anything else changes, and only then does
    the file name it; `plaintext` is the person's explicit choice to put it into the file. Without a
    `secret`, the key stays where it is. `since` is the profile as it was read when the person began:
    what was changed in the file meanwhile stays, and a field that both changed is a conflict.

    Raises:
        ConfigProblem: nothing was changed in the file; the keyring holds what it held before.
    """
    raise NotImplementedError


def copy(file: Path, name: str, new_name: str) -> Outcome[Profile]:
    """Adds a profile like `name` and does not switch to it; its key is copied, under its own names.

    Raises:
        ConfigProblem: as `save` does.
    """
    raise NotImplementedError


def rename(file: Path, name: str, new_name: str) -> Outcome[Profile]:
    """Gives the profile another name, in all places of the file that refer to it; its key goes along.

    Raises:
        ConfigProblem: as `save` does.
    """
    raise NotImplementedError


def remove(file: Path, name: str) -> Outcome[None]:
    """Takes the profile out of the file, and its key out of the keyring. Where it was the active one,
    the first of the others is, as with AMX; other places of the file forget it. `said` names all.

    Raises:
        ConfigProblem: nothing was changed.
    """
    raise NotImplementedError


def activate(file: Path, name: str) -> Outcome[Profile]:
    """Makes `name` the active profile.

    Raises:
        ConfigProblem: nothing was changed.
    """
    raise NotImplementedError


def referring_to(file: Path, name: str) -> list[str]:
    """What else in the file refers to the profile, in words: `active_llm_profile`, `rag_llm_profile`.

    Raises:
        ConfigProblem: the file cannot be read.
    """
    raise NotImplementedError


def save_connection(
    file: Path,
    connection: Connection,
    *,
    was: str | None,
    secrets: Mapping[str, str],
    plaintext: bool = False,
    activate: bool = False,
    since: Connection | None = None,
) -> Outcome[Connection]:
    """`save` for a connection. `secrets` are by their setting (`password`, `motherduck_token`, …); a
    setting that is left out of `connection` is taken out of the file, one that the form does not show
    has to be handed back as it was read.

    Raises:
        ConfigProblem: as `save` does.
    """
    raise NotImplementedError


def copy_connection(file: Path, name: str, new_name: str) -> Outcome[Connection]:
    """`copy` for a connection."""
    raise NotImplementedError


def rename_connection(file: Path, name: str, new_name: str) -> Outcome[Connection]:
    """`rename` for a connection."""
    raise NotImplementedError


def remove_connection(file: Path, name: str) -> Outcome[None]:
    """`remove` for a connection."""
    raise NotImplementedError


def activate_connection(file: Path, name: str) -> Outcome[Connection]:
    """`activate` for a connection; of several active ones (AMX's `active_db_profiles`), it alone is
    then active, as with AMX."""
    raise NotImplementedError


def connection_referring_to(file: Path, name: str) -> list[str]:
    """`referring_to` for a connection."""
    raise NotImplementedError
