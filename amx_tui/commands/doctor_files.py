"""What the doctor finds in the files and the keyring of this machine. It changes nothing, asks no host,
and blocks: call it in a thread."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from amx_tui.base.amounts import counted
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.model import Check, State, check_of
from amx_tui.commands.profile_test import key_words
from amx_tui.config.folders import shown_path

if TYPE_CHECKING:
    from amx_tui.commands.workspace import Workspace
    from amx_tui.config.model import Config, Folders, Key, Profile

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


def check_config(folders: Folders) -> Iterator[Check]:
    """`config.yml`: there, valid, of a version that we know, readable for nobody else, not locked."""
    from amx_tui.config.file import load_config, newer_schema

    path = folders.config_file
    name = shown_path(path)
    yield from _check_link(path)
    try:
        config = load_config(path)
    except Problem as problem:
        yield check_of("config.yml", problem)
        yield from check_permissions(folders, None)
        return
    if not path.exists():
        yield Check(
            "config.yml",
            State.WARNING,
            f"{name} is not there yet",
            "Press P, then n, to make a profile; AMX's /add-llm-profile makes one as well",
        )
    else:
        counts = (
            counted(len(config.profiles), "profile"),
            counted(len(config.connections), "connection"),
        )
        yield Check("config.yml", State.OK, f"{name} is valid: {' and '.join(counts)}")
        yield _check_schema(path)
        newer = newer_schema(name).what
        for entry in config.problems:
            if entry.what != newer:
                yield check_of("config.yml", entry, State.WARNING)
    yield from check_permissions(folders, config)
    yield _check_lock(path)
    yield from _check_backups(path, config)


def _check_link(path: Path) -> Iterator[Check]:
    if not path.is_symlink():
        return
    target = shown_path(path.resolve())
    if path.exists():
        yield Check("link", State.OK, f"{shown_path(path)} is a link to {target}, and stays one")
    else:
        yield Check(
            "link",
            State.FAILED,
            f"{shown_path(path)} is a link to {target}, which is not there",
            "Put the file back there, or remove the link",
        )


def _check_schema(path: Path) -> Check:
    from amx_tui.config.file import NEWEST_SCHEMA, is_too_new, newer_schema, read_root
    from amx_tui.config.settings_text import read_text

    root = read_root(read_text(path) or "", shown_path(path))
    top = root.mapping() if root is not None else {}
    if is_too_new(top):
        return check_of("schema version", newer_schema(shown_path(path)), State.WARNING)
    node = top.get("schema_version")
    if node is None or node.number is None:
        return Check("schema version", State.OK, "none is given, as in files written by hand")
    return Check("schema version", State.OK, f"{node.number:g}, of at most {NEWEST_SCHEMA}")


def check_permissions(folders: Folders, config: Config | None) -> Iterator[Check]:
    """Who may read and write the folder and what lies in it. A secret that others can read is wrong,
    everything else that they can read is a warning. `config` None: it could not be read."""
    if os.name != "posix":
        yield Check("permissions", State.SKIPPED, "this system keeps them otherwise")
        return
    folder = folders.config
    if not folder.exists():
        yield Check("permissions", State.OK, f"{shown_path(folder)} will be made 0700")
        return
    has_secret = config is None or _has_plaintext(config)
    files = [folders.config_file, folders.preferences_file, folders.store_file]
    files += _backups_of(folders.config_file)
    wanted = [(folder, _FOLDER_MODE), *((file, _FILE_MODE) for file in files if file.exists())]
    fine = []
    for path, mode in wanted:
        found = path.stat()
        own = stat.S_IMODE(found.st_mode)
        name = shown_path(path)
        if found.st_uid != os.geteuid():
            yield Check(
                "permissions",
                State.WARNING,
                f"{name} belongs to another user",
                f"Type: sudo chown {os.geteuid()} {name}",
            )
        if own & 0o077:
            is_secret = has_secret and path.name.startswith(folders.config_file.name)
            others = "read" if own & 0o044 else "write" if own & 0o022 else "enter"
            yield Check(
                "permissions",
                State.FAILED if is_secret else State.WARNING,
                f"{name} is {own:04o}: others on this machine may {others} it",
                f"Type: chmod {mode:o} {name}",
                why="There is a key or a password in it as plain text" if is_secret else "",
            )
        else:
            fine.append(f"{path.name} {own:04o}")
        if not os.access(path, os.W_OK | (os.X_OK if path is folder else 0)):
            yield Check(
                "permissions",
                State.FAILED,
                f"{name} cannot be written",
                f"Type: chmod u+w {name}",
                why="Nothing that you change or decide can be kept",
            )
    if len(fine) == len(wanted):
        yield Check("permissions", State.OK, ", ".join(fine))


def _check_lock(path: Path) -> Check:
    from filelock import FileLock, Timeout

    lock = Path(f"{path}.lock")
    if not lock.exists():
        return Check("lock", State.OK, "free")
    try:
        with FileLock(lock, timeout=0):
            return Check("lock", State.OK, "free")
    except Timeout:
        return Check(
            "lock",
            State.WARNING,
            f"{shown_path(lock)} is held",
            "Finish or close the other amx-tui, then look again",
            why="Another amx-tui is writing right now",
        )
    except OSError as error:
        return Check(
            "lock",
            State.FAILED,
            f"{shown_path(lock)} cannot be used: {_reason(error)}",
            f"Type: rm {shown_path(lock)}",
        )


def _check_backups(path: Path, config: Config) -> Iterator[Check]:
    """Backups that still hold a key which the file itself no longer holds."""
    from amx_tui.config.file import load_config

    there = _backups_of(path)
    if not there:
        return
    loose = []
    if not _has_plaintext(config):
        for backup in there:
            try:
                if _has_plaintext(load_config(backup)):
                    loose.append(backup)
            except Problem:  # a backup of a broken file is one too
                continue
    if loose:
        names = ", ".join(backup.name for backup in loose)
        yield Check(
            "backups",
            State.WARNING,
            f"there is a key or a password as plain text in {names}",
            f"Type: rm {' '.join(shown_path(backup) for backup in loose)}",
            why=f"{path.name} itself holds none any more",
        )
    else:
        yield Check("backups", State.OK, counted(len(there), "backup"))


def check_preferences(folders: Folders) -> Iterator[Check]:
    """`tui.yml`."""
    from amx_tui.config.preferences import load_preferences

    path = folders.preferences_file
    if not path.exists():
        yield Check("tui.yml", State.OK, f"{shown_path(path)} is not there: the defaults hold")
        return
    problems = load_preferences(path).problems
    for problem in problems:
        yield check_of("tui.yml", problem, State.WARNING)
    if not problems:
        yield Check("tui.yml", State.OK, f"{shown_path(path)} is valid")


def check_store(folders: Folders) -> Iterator[Check]:
    """`tui.db`, every page of it, or the one beside it that is worked on instead; and what was set
    aside."""
    from amx_tui.review.file import StoreFile
    from amx_tui.review.model import ForeignStore
    from amx_tui.review.place import beside, find_set_aside
    from amx_tui.review.schema import MIGRATIONS

    path = folders.store_file
    aside = find_set_aside(path)
    if aside:
        yield Check(
            "set aside",
            State.WARNING,
            f"{counted(len(aside), 'damaged file')}: {', '.join(one.name for one in aside)}",
            f"Try sqlite3 {shown_path(aside[-1])} .recover, or remove what you do not need",
            why="Nothing of what they hold is shown",
        )
    try:
        version = StoreFile(path).examine()
    except ForeignStore as problem:
        path = beside(path)
        yield check_of("tui.db", problem, State.WARNING)
        version = StoreFile(path).examine()
    if version is None:
        yield Check(
            path.name, State.OK, f"{shown_path(path)} is not there yet: nothing was drafted"
        )
        return
    newest = len(MIGRATIONS)
    later = "" if version == newest else f", brought to {newest} when it is next written"
    size = path.stat().st_size / 1e6
    words = f"{shown_path(path)} is whole: version {version}{later}, {size:.1f} MB"
    yield Check(path.name, State.OK, words)


def check_cache(folders: Folders) -> Iterator[Check]:
    """The cache folder, by a file that is written there and gone at once."""
    folder = folders.cache
    name = shown_path(folder)
    nearest = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    words = f"{name} can be written" if nearest == folder else f"{name} will be made when needed"
    try:
        with tempfile.TemporaryFile(dir=nearest):
            yield Check("cache", State.OK, words)
    except OSError as error:
        yield Check(
            "cache",
            State.FAILED,
            f"{name} cannot be written: {_reason(error)}",
            "Make it writable, or set XDG_CACHE_HOME to a folder that is",
            why="Transcripts and fetched prices are kept there",
        )


def check_keyring() -> Iterator[Check]:
    """Whether this machine has a keyring that keeps secrets."""
    from amx_tui.config.keys import KEY_VARIABLE, keyring_state

    state = keyring_state()
    if state.is_usable:
        yield Check("keyring", State.OK, f"{one_line(state.name, 80)} keeps secrets")
        return
    yield Check(
        "keyring",
        State.WARNING,
        f"no usable keyring ({one_line(state.name, 80)})",
        f"Install and unlock one, or set the key before each start: export {KEY_VARIABLE}=…",
        why=state.reason,
    )


def check_key(
    workspace: Workspace, profile: Profile, *, is_active: bool, found: Callable[[Key], None]
) -> Iterator[Check]:
    """Where the key of a profile comes from. `found` is told the key, so that it can be kept out of
    what is printed."""
    from amx_tui.config.keys import KEY_VARIABLE, is_reference
    from amx_tui.llm.providers import provider

    what = one_line(profile.name, 40)
    wrong = State.FAILED if is_active else State.WARNING
    again = "Press P and e, and enter it again"
    try:
        row = provider(profile.provider)
        key = workspace.find_key(profile)
    except Problem as problem:
        yield check_of(what, problem, wrong)
        return
    if key is not None:
        found(key)
        words = f"key {key_words(key)}"
        if profile.api_key.strip() and not is_reference(profile.api_key):
            yield Check(
                what,
                State.WARNING,
                words,
                f"{again}: it goes into the keyring, if there is one",
                why="Whoever can read that file, or a copy of it, has the key",
            )
        elif not key.secret.startswith(row.key_prefix):
            why = f"Keys of {row.title} begin with {row.key_prefix}"
            yield Check(what, State.WARNING, f"{words} looks like no key", again, why=why)
        else:
            yield Check(what, State.OK, words)
    elif row.needs_key:
        pages = " or ".join(row.key_pages)
        variables = " and ".join(name for name in (row.key_variable, KEY_VARIABLE) if name)
        yield Check(
            what,
            wrong,
            f"no key: api_key is blank, and nothing is in {variables}",
            f"Press P and e, and enter one{f' made at {pages}' if pages else ''}",
        )
    else:
        yield Check(what, State.OK, f"{row.title} needs no key")


def _has_plaintext(config: Config) -> bool:
    from amx_tui.config.connections import SECRETS
    from amx_tui.config.keys import is_reference

    stored = [profile.api_key for profile in config.profiles.values()]
    for connection in config.connections.values():
        stored += [str(value) for key, value in connection.settings.items() if key in SECRETS]
    return any(value.strip() and not is_reference(value) for value in stored)


def _backups_of(path: Path) -> list[Path]:
    from amx_tui.config.updating import BACKUPS

    names = [path.with_name(f"{path.name}.bak.{number}") for number in range(1, BACKUPS + 1)]
    return [backup for backup in names if backup.exists()]


def _reason(error: OSError) -> str:
    return one_line(error.strerror or type(error).__name__, 120)
