"""What profiles and connections have in common for whoever edits them: how an entry is read, what of
it is written, and where its secrets stand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import lines, render
from amx_tui.base.yaml_text import Node
from amx_tui.config.entries import Changes
from amx_tui.config.model import ConfigProblem, Connection, Profile
from amx_tui.config.sections import Section

Entry = TypeVar("Entry", Profile, Connection)

_HIDDEN = "…  # the {what} itself, not shown"
_REFERENCE = "keyring:"


class EntryKind(ABC, Generic[Entry]):
    """One section of the file, with entries of one type."""

    section: Section

    @abstractmethod
    def read(self, name: str, node: Node, file: str) -> tuple[Entry, dict[str, str]]:
        """The entry that `node` says; and each setting that cannot be used, with the reason."""

    @abstractmethod
    def tidied(self, entry: Entry) -> Entry:
        """`entry` as it would be read again.

        Raises:
            ConfigProblem: where its name cannot be one.
        """

    @abstractmethod
    def settings(self, entry: Entry) -> list[tuple[str, str]]:
        """What a new entry has, in order, rendered."""

    @abstractmethod
    def changes(self, node: Node, entry: Entry, file: str) -> Changes:
        """The settings in which the entry that stands in the file differs from `entry`."""

    @abstractmethod
    def order(self, entry: Entry) -> Sequence[str]:
        """All settings that `changes` may name, in the order in which they stand."""

    @abstractmethod
    def merged(self, entry: Entry, since: Entry, now: Entry) -> tuple[Entry, list[str]]:
        """`entry`, which a person made of `since`, over what the file says `now`: what only one of
        both changed holds. The names of the settings that both changed come with it."""

    @abstractmethod
    def secrets(self, entry: Entry) -> dict[str, str]:
        """What the file says of each secret: a reference, or the secret itself."""

    @abstractmethod
    def with_secrets(self, entry: Entry, stored: Mapping[str, str]) -> Entry:
        """`entry` with other texts in the places of its secrets."""

    @abstractmethod
    def called(self, entry: Entry, name: str) -> Entry:
        """`entry` under another name."""

    def block(self, entry: Entry, *, activate: bool) -> str:
        """The YAML that a new file would get, to be looked at: a secret that is no reference is
        replaced by an ellipsis."""
        section = self.section
        shown = []
        for key, value in self.settings(entry):
            stored = self.secrets(entry).get(key, "")
            is_hidden = key in section.secrets and stored and not stored.startswith(_REFERENCE)
            what = "key" if key == "api_key" else key.replace("_", " ")
            shown.append((render(key), _HIDDEN.format(what=what) if is_hidden else value))
        block = f"{section.many}:" + lines("", 2, [(render(entry.name), "")]) + lines("", 4, shown)
        active = f"{section.active}: {render(entry.name)}\n" if activate else ""
        return f"{block}\n{active}"

    def check_name(self, name: str) -> None:
        """Raises:
        ConfigProblem: where `name` cannot name an entry.
        """
        what = self.section.what
        if not name or name != one_line(name):
            raise ConfigProblem(
                f"The {what} has no usable name" if name.strip() else f"The {what} has no name",
                "A name is one line without spaces around it",
                "Type another name, such as kimi-thinking",
            )


def unusable_setting(section: Section, name: str, key: str, why: str) -> ConfigProblem:
    """An entry was not saved, because one of its settings could not be read back."""
    return ConfigProblem(
        f"The {section.what} “{one_line(name, 60)}” was not saved",
        f"Its {one_line(key, 40)} cannot be used: {why[0].lower()}{why[1:]}",
        f"Correct {one_line(key, 40)}, then save again",
    )
