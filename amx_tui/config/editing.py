"""Changes `config.yml`: one entry of it at a time, under the lock, and held against what was meant
before it is written. Unknown keys, order, comments and formatting stay byte for byte.

Everything that writes blocks (lock, disk): call it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic

from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import NotEditable, render
from amx_tui.base.yaml_text import Node, is_same, others_are_same
from amx_tui.config.clearing import Clear, cleared
from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.entries import (
    activated,
    copied,
    heir,
    is_like,
    mirrored,
    modernized,
    naming,
    put,
    removed,
    renamed,
    top_of,
)
from amx_tui.config.file import (
    active_name,
    entry_nodes,
    is_too_new,
    listed,
    newer_schema,
    read_root,
)
from amx_tui.config.folders import shown_path
from amx_tui.config.kinds import Entry, EntryKind, unusable_setting
from amx_tui.config.model import ConfigProblem, Connection, Profile
from amx_tui.config.profile_entries import PROFILES
from amx_tui.config.settings_text import read_text
from amx_tui.config.updating import BACKUPS, update_file


@dataclass(frozen=True, slots=True)
class Change(Generic[Entry]):
    """One change of one section. `was` is the name of the entry that it is about; without it there is
    a new one. `copies` is an entry that the new one is like. `entry` has the values that it gets, None
    where it keeps them: of an entry that is there, only those that differ are replaced, and keys that we
    do not know stay. `since` is what the file said when a person began to change it. `name` is what it
    is called afterwards, "" where it is removed. `clears` are secrets that must not stand in the file's
    copy of the active entry, nor in a backup."""

    kind: EntryKind[Entry]
    name: str
    was: str | None = None
    copies: str | None = None
    entry: Entry | None = None
    since: Entry | None = None
    activate: bool = False
    clears: tuple[Clear, ...] = field(default=(), repr=False)

    def apply(self, text: str, file: str) -> str:
        """`text` after the change; the same text where there is nothing to change. `file` is how a
        problem calls it.

        Raises:
            ConfigProblem: where it is not valid, is written by a newer AMX, lacks the entry, has
                another of that name, or cannot be edited in place.
        """
        root = read_root(text, file)
        if root is not None and is_too_new(root.mapping()):
            raise newer_schema(file)
        try:
            edited = modernized(text, self.kind.section)
            self._check_names(edited, file)
            entry = self._merged(edited, file)
            edited = self._edited(edited, entry, file)
            self._verify(text, edited, entry, file)
        except NotEditable as reason:
            raise self._by_hand(file, str(reason)) from None
        return edited

    def _check_names(self, text: str, file: str) -> None:
        present = entry_nodes(top_of(text), self.kind.section)
        what = self.kind.section.what
        for wanted in (self.was, self.copies):
            if wanted is not None and wanted not in present:
                raise ConfigProblem(
                    f"{file} has no {what} called “{one_line(wanted, 60)}”",
                    f"There are {listed(present)}" if present else "It has none at all",
                    "Press P and choose another one, or make it",
                )
        if self.name != self.was and self.name:
            self.kind.check_name(self.name)
            if self.name in present:
                raise ConfigProblem(
                    f"There is a {what} “{one_line(self.name, 60)}” already",
                    "Each has a name of its own",
                    "Type another name, or change that one",
                )

    def _merged(self, text: str, file: str) -> Entry | None:
        """What the entry is to say, over what was changed in the file meanwhile."""
        if self.entry is None:
            return None
        entry = self.kind.tidied(self.entry)
        origin = self.was or self.copies
        if self.since is None or origin is None:
            return entry
        node = entry_nodes(top_of(text), self.kind.section)[origin]
        now = self.kind.read(origin, node, file)[0]
        entry, both = self.kind.merged(entry, self.since, now)
        if both:
            raise ConfigProblem(
                f"The {self.kind.section.what} “{one_line(origin, 60)}” was not saved",
                f"Its {listed(both)} changed in {file} while you changed it too",
                "Open it again to see what it says now, and change that",
            )
        return entry

    def _edited(self, text: str, entry: Entry | None, file: str) -> str:
        kind, section = self.kind, self.kind.section
        was_active = active_name(top_of(text), section)
        if not self.name:
            assert self.was is not None
            return mirrored(removed(text, section, self.was), section)
        if self.was is not None and self.was != self.name:
            text = renamed(text, section, self.was, self.name)
        if self.copies is not None:
            text = copied(text, section, self.copies, self.name)
        if entry is not None:
            fresh, order = kind.settings(entry), kind.order(entry)
            text = put(
                text, section, self.name, fresh, lambda node: kind.changes(node, entry, file), order
            )
        if self.activate:
            text = activated(text, section, self.name)
        # AMX's copy follows where what it is a copy of has changed.
        if self.activate or was_active in (self.was, self.name):
            text = mirrored(text, section)
        return cleared(text, self.clears, below=section.only)

    def _verify(self, before: str, after: str, entry: Entry | None, file: str) -> None:
        """Holds `after` against what was meant: this entry, this active one, all else the same.

        Raises:
            NotEditable: where something else came out.
            ConfigProblem: where the entry has a value that cannot be read back.
        """
        section = self.kind.section
        old, new = top_of(before), top_of(after)
        olds, news = entry_nodes(old, section), entry_nodes(new, section)
        is_right = others_are_same(old, new, section.edited)
        expected = [self.name if name == self.was else name for name in olds]
        if self.name and self.name not in expected:
            expected.append(self.name)
        is_right &= list(news) == [name for name in expected if name]
        is_right &= all(
            is_same(node, news.get(name)) for name, node in olds.items() if name != self.was
        )
        is_right &= self._active_is_right(old, new)
        is_right &= self._names_are_right(old, new)
        if self.name and self.name in news:
            is_right &= self._entry_is_right(olds, news[self.name], entry, file)
        single, active = new.get(section.only), news.get(active_name(new, section))
        if single is not None and section.many in new and not self.clears:
            was = old.get(section.only)
            is_right &= (was is not None and is_same(was, single)) or (
                active is not None and is_like(single, active)
            )
        if not is_right:
            raise NotEditable("its layout is too unusual")

    def _active_is_right(self, old: dict[str, Node], new: dict[str, Node]) -> bool:
        section = self.kind.section
        was, now = active_name(old, section), active_name(new, section)
        if self.activate:
            return now == self.name
        if was and was == self.was:
            if self.name:
                return now == self.name
            return now == heir(old, section, gone=was)
        return now == was

    def _names_are_right(self, old: dict[str, Node], new: dict[str, Node]) -> bool:
        """Whether no other name was given or lost by the keys that refer to entries."""
        section = self.kind.section
        for key, names in naming(old, section).items():
            if key == section.active:
                continue
            expected = [self.name if name == self.was else name for name in names]
            if self.activate and key == section.active_list and names:
                expected = [self.name]
            if naming(new, section).get(key) != [name for name in expected if name]:
                return False
        return True

    def _entry_is_right(
        self, olds: dict[str, Node], node: Node, entry: Entry | None, file: str
    ) -> bool:
        kind = self.kind
        origin = olds.get(self.copies or self.was or self.name)
        if entry is None:
            return origin is None or is_same(origin, node)
        read, told = kind.read(self.name, node, file)
        for key, why in told.items():
            raise unusable_setting(kind.section, self.name, key, why)
        changed = [key for key, _ in kind.changes(origin, entry, file)] if origin else []
        return read == entry and (
            origin is None or others_are_same(origin.mapping(), node.mapping(), changed)
        )

    def _by_hand(self, file: str, reason: str) -> ConfigProblem:
        section = self.kind.section
        if self.entry is not None:
            block = self.kind.block(self.kind.tidied(self.entry), activate=self.activate)
            remedy = f"Put this into it by hand:\n{block}"
        elif self.activate:
            remedy = f"Put this into it by hand: {section.active}: {render(self.name)}"
        else:
            remedy = f"Change {section.many} in an editor"
        return ConfigProblem(
            f"{file} was not changed", f"It cannot be edited in place: {reason}", remedy
        )


def write(path: Path, change: Change[Entry]) -> int:
    """Makes `change` in `path`: whole, or not at all. How many backups lost what `change.clears` names.

    Raises:
        ConfigProblem: as `Change.apply` does, and where the file cannot be locked or written. Nothing
            is changed then.
    """
    file = shown_path(path)

    def clear(text: str) -> str:
        return cleared(text, change.clears)

    return update_file(
        path,
        lambda text: change.apply(text, file),
        backups=BACKUPS,
        clear=clear if change.clears else None,
    )


def try_out(path: Path, change: Change[Entry]) -> str:
    """The text that `write` would write now, without writing it.

    Raises:
        ConfigProblem: as `write` does.
    """
    return change.apply(read_text(path) or "", shown_path(path))


def profile_block(profile: Profile, *, activate: bool = True) -> str:
    """The YAML that a new profile is in a new file, to be looked at: the sample block of AMX's page for
    Kimi, with other keys where they differ from the defaults of `Profile`. A key that is not a
    reference is replaced by an ellipsis."""
    return PROFILES.block(profile, activate=activate)


def connection_block(connection: Connection, *, activate: bool = False) -> str:
    """`profile_block` for a connection."""
    return CONNECTIONS.block(CONNECTIONS.tidied(connection), activate=activate)
