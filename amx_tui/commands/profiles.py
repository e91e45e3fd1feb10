"""What a person can do with profiles and connections: save, copy, rename, remove, switch. The file and
the keyring change together, in an order in which a kill at any instant loses no secret.

Everything here blocks (lock, disk, and the keyring, which may show a question of its own): call it in
a thread.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from amx_tui.base.text import one_line
from amx_tui.base.yaml_text import Node
from amx_tui.config.clearing import Clear, twins
from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.editing import Change, try_out, write
from amx_tui.config.entries import naming
from amx_tui.config.file import active_name, entry_nodes, read_root
from amx_tui.config.folders import shown_path
from amx_tui.config.keyring_entries import (
    Owner,
    forget,
    form_of,
    keep,
    left_over,
    put_back,
    references_in,
)
from amx_tui.config.keys import (
    KeyringFailed,
    Place,
    clean_key,
    find_secret,
    is_reference,
    keyring_state,
    places_of,
)
from amx_tui.config.kinds import Entry as FileEntry
from amx_tui.config.kinds import EntryKind
from amx_tui.config.model import ConfigProblem, Connection, Profile
from amx_tui.config.profile_entries import PROFILES
from amx_tui.config.settings_text import read_text

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
    secrets = {"api_key": clean_key(secret)}
    return _save(PROFILES, file, profile, was, secrets, plaintext, activate, since)


def copy(file: Path, name: str, new_name: str) -> Outcome[Profile]:
    """Adds a profile like `name` and does not switch to it; its key is copied, under its own names.

    Raises:
        ConfigProblem: as `save` does.
    """
    return _copy(PROFILES, file, name, new_name)


def rename(file: Path, name: str, new_name: str) -> Outcome[Profile]:
    """Gives the profile another name, in all places of the file that refer to it; its key goes along.

    Raises:
        ConfigProblem: as `save` does.
    """
    return _rename(PROFILES, file, name, new_name)


def remove(file: Path, name: str) -> Outcome[None]:
    """Takes the profile out of the file, and its key out of the keyring. Where it was the active one,
    the first of the others is, as with AMX; other places of the file forget it. `said` names all.

    Raises:
        ConfigProblem: nothing was changed.
    """
    return _remove(PROFILES, file, name)


def activate(file: Path, name: str) -> Outcome[Profile]:
    """Makes `name` the active profile.

    Raises:
        ConfigProblem: nothing was changed.
    """
    change = Change(PROFILES, name, was=name, activate=True)
    return _made(file, change, _Move(PROFILES, read_text(file) or "", name, name))


def referring_to(file: Path, name: str) -> list[str]:
    """What else in the file refers to the profile, in words: `active_llm_profile`, `rag_llm_profile`.

    Raises:
        ConfigProblem: the file cannot be read.
    """
    return _referring_to(PROFILES, file, name)


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
    # A password may hold spaces, also at its ends; a line end comes from a paste.
    given = {setting: secret.strip("\r\n") for setting, secret in secrets.items()}
    return _save(CONNECTIONS, file, connection, was, given, plaintext, activate, since)


def copy_connection(file: Path, name: str, new_name: str) -> Outcome[Connection]:
    """`copy` for a connection."""
    return _copy(CONNECTIONS, file, name, new_name)


def rename_connection(file: Path, name: str, new_name: str) -> Outcome[Connection]:
    """`rename` for a connection."""
    return _rename(CONNECTIONS, file, name, new_name)


def remove_connection(file: Path, name: str) -> Outcome[None]:
    """`remove` for a connection."""
    return _remove(CONNECTIONS, file, name)


def connection_referring_to(file: Path, name: str) -> list[str]:
    """`referring_to` for a connection."""
    return _referring_to(CONNECTIONS, file, name)


# What both kinds have in common. ------------------------------------------------------------------


def _save(
    kind: EntryKind[FileEntry],
    file: Path,
    entry: FileEntry,
    was: str | None,
    secrets: Mapping[str, str],
    plaintext: bool,
    activate: bool,
    since: FileEntry | None,
) -> Outcome[FileEntry]:
    text = read_text(file) or ""
    entry = kind.tidied(entry)
    move = _Move(kind, text, was, entry.name)
    for setting, secret in secrets.items():
        if secret.strip():
            move.take(setting, secret, plaintext)
    if was is not None and was != entry.name:
        move.carry(kind.secrets(entry))
    entry = kind.with_secrets(entry, move.stored)
    clears = tuple(move.clears)
    change = Change(
        kind, entry.name, was=was, entry=entry, since=since, activate=activate, clears=clears
    )
    return _made(file, change, move)


def _copy(kind: EntryKind[FileEntry], file: Path, name: str, new_name: str) -> Outcome[FileEntry]:
    text = read_text(file) or ""
    move = _Move(kind, text, None, new_name)
    present = _present(kind, text, name, file)
    entry = None
    if present is not None:
        move.carry(kind.secrets(present), of=name)
        entry = kind.called(kind.with_secrets(present, move.stored), new_name)
    return _made(file, Change(kind, new_name, copies=name, entry=entry, since=present), move)


def _rename(kind: EntryKind[FileEntry], file: Path, name: str, new_name: str) -> Outcome[FileEntry]:
    text = read_text(file) or ""
    move = _Move(kind, text, name, new_name)
    present = _present(kind, text, name, file)
    entry = None
    if present is not None and name != new_name:
        move.carry(kind.secrets(present))
        if move.stored:
            entry = kind.called(kind.with_secrets(present, move.stored), new_name)
    change = Change(kind, new_name, was=name, entry=entry, since=present if entry else None)
    return _made(file, change, move)


def _remove(kind: EntryKind[FileEntry], file: Path, name: str) -> Outcome[None]:
    section = kind.section
    referring = _naming_keys(read_text(file) or "", kind, name)
    present = _present(kind, read_text(file) or "", name, file)
    write(file, Change(kind, "", was=name))
    text = read_text(file) or ""
    said = []
    if others := [place for place in referring if place != section.active]:
        said.append(f"{' and '.join(others)} named it, and no longer does")
    if section.active in referring:
        now = active_name(_top(text), section)
        said.append(f"“{one_line(now, 60)}” is the active {section.what} now" if now else
                    f"There is no {section.what} any more")  # fmt: skip
    owners = [Owner(section, name, setting) for setting in section.secrets]
    referred = present is not None and any(map(is_reference, kind.secrets(present).values()))
    said += _forgotten(owners, _places(references_in(text)), is_expected=referred)
    return Outcome(None, tuple(said))


def _referring_to(kind: EntryKind[FileEntry], file: Path, name: str) -> list[str]:
    text = read_text(file) or ""
    found = _naming_keys(text, kind, name)
    for other_kind in (PROFILES, CONNECTIONS):
        other_section = other_kind.section
        for other, node in entry_nodes(_top(text), other_section).items():
            if other_section is kind.section and other == name:
                continue
            own = [Owner(kind.section, name, setting) for setting in kind.section.secrets]
            stored = [value.resolved.text for value in node.mapping().values()]
            if any(owner.owns(value) for owner in own for value in stored):
                found.append(f"{other_section.many}.{one_line(other, 60)}, which uses its key")
    return found


def _naming_keys(text: str, kind: EntryKind[FileEntry], name: str) -> list[str]:
    return [key for key, names in naming(_top(text), kind.section).items() if name in names]


def _made(file: Path, change: Change[FileEntry], move: _Move[FileEntry]) -> Outcome[FileEntry]:
    """Makes the change: the keyring first, then the file, then what nobody refers to any more."""
    kind, section = change.kind, change.kind.section
    try_out(file, change)  # what cannot be done is told before the keyring is asked
    before = keep(move.secrets, move.spare)
    try:
        backups = write(file, change)
    except ConfigProblem:
        put_back(before)
        raise
    text = read_text(file) or ""
    said = [*move.said, *_followed(change, move.text)]
    if move.secrets and move.is_new:
        said.insert(0, f"The {move.what} is in the keyring ({keyring_state().name})")
    if backups:
        said.append(
            f"{backups} backup{'s' if backups > 1 else ''} of it no longer hold it as plain text"
        )
    for clear in change.clears:
        if places := twins(text, clear.secret):
            said.append(f"{' and '.join(places)} still has it as plain text")
        elif len(clear.secret) >= 8 and clear.secret in text:
            said.append(f"A comment of {shown_path(file)} still has it as plain text")
    if change.was is not None and change.was != change.name:
        owners = [Owner(section, change.was, setting) for setting in section.secrets]
        spare = _places(references_in(text))
        said += _forgotten(owners, spare, is_expected=bool(move.secrets), quiet=True)
    now = _present(kind, text, change.name, file)
    assert now is not None
    return Outcome(now, tuple(said))


def _followed(change: Change[FileEntry], before: str) -> list[str]:
    if change.was is None or change.was == change.name:
        return []
    keys = _naming_keys(before, change.kind, change.was)
    return [f"{' and '.join(keys)} followed"] if keys else []


def _forgotten(
    owners: list[Owner], spare: Collection[Place], *, is_expected: bool, quiet: bool = False
) -> list[str]:
    try:
        count = forget(owners, spare)
    except KeyringFailed as failure:
        if not is_expected:
            return []
        return [f"What stood in the keyring under its name may still be there: {failure}"]
    return [] if quiet or not count else ["Its key went out of the keyring"]


class _Move(Generic[FileEntry]):
    """Where the secrets of one entry go while it becomes `name`: into the keyring (`secrets`), and what
    the file says of them (`stored`). `spare` are places that other entries refer to."""

    def __init__(self, kind: EntryKind[FileEntry], text: str, was: str | None, name: str) -> None:
        self.text = text
        self.secrets: dict[Owner, str] = {}
        self.stored: dict[str, str] = {}
        self.clears: list[Clear] = []
        self.said: list[str] = []
        self.is_new = False
        self._section = kind.section
        self._was = was
        self._name = name
        self.spare = _places(references_in(text, kind.section, name if was is None else was))
        self._form = form_of(references_in(text))
        old = _present(kind, text, was, Path("config.yml")) if was is not None else None
        self._old = kind.secrets(old) if old is not None else {}

    @property
    def what(self) -> str:
        names = [owner.setting.replace("_", " ") for owner in self.secrets]
        return "key" if names == ["api key"] else " and ".join(names)

    def take(self, setting: str, secret: str, plaintext: bool) -> None:
        """A secret that the person typed."""
        if plaintext:
            self.stored[setting] = secret
            words = "key" if setting == "api_key" else setting.replace("_", " ")
            self.said.append(f"The {words} is plain text in the file, readable for you alone")
            return
        owner = Owner(self._section, self._name, setting)
        old = self._old.get(setting, "")
        reference = owner.reference(
            form_of([old] if owner.owns(old) else [], self._form), self.spare
        )
        self.is_new = True
        self.secrets[owner] = secret
        self.stored[setting] = reference
        # What it replaces must not stay behind in a backup either.
        plain = [secret] if is_reference(old) or not old.strip() else [secret, old]
        self.clears += [Clear(text, reference) for text in dict.fromkeys(plain)]

    def carry(self, stored: Mapping[str, str], of: str | None = None) -> None:
        """The secrets that stand in the keyring go along to another name; or to a copy, `of` which they
        are.

        Raises:
            ConfigProblem: the keyring is there and did not answer.
        """
        source = of or self._was
        assert source is not None
        for setting in self._section.secrets:
            owner = Owner(self._section, source, setting)
            text = stored.get(setting, "")
            if setting in self.stored or (is_reference(text) and not owner.owns(text)):
                continue  # typed anew, or a place that the person chose
            try:
                found = find_secret(text)
                # Where the file refers to none, an old one may be left under the name.
                secret = found[0] if found else "" if of or text else left_over(owner, self.spare)
            except KeyringFailed as failure:
                if failure.has_keyring:
                    raise ConfigProblem(
                        f"The {self._section.what} “{one_line(source, 60)}” was left as it is",
                        f"Its key could not be taken along. {failure}",
                        "Unlock the keyring, then try again",
                    ) from None
                secret = ""
            if secret:
                self._keep(setting, secret, text)
            elif is_reference(text):
                self.said.append(
                    "Its key was not found in the keyring of this machine, so it still refers to "
                    f"{one_line(text, 80)}"
                )

    def _keep(self, setting: str, secret: str, stored: str) -> None:
        owner = Owner(self._section, self._name, setting)
        self.secrets[owner] = secret
        if is_reference(stored):
            self.stored[setting] = owner.reference(form_of([stored]), self.spare)


def _present(kind: EntryKind[FileEntry], text: str, name: str, file: Path) -> FileEntry | None:
    """The entry `name` of the file, None where there is none."""
    node = entry_nodes(_top(text), kind.section).get(name)
    return kind.read(name, node, shown_path(file))[0] if node is not None else None


def _top(text: str) -> Mapping[str, Node]:
    root = read_root(text, "config.yml")
    return root.mapping() if root is not None else {}


def _places(references: Collection[str]) -> set[Place]:
    return {place for reference in references for place in places_of(reference)}
