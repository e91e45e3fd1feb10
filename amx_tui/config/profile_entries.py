"""How an LLM profile stands in `config.yml`: which keys, in which order, and which only where they
differ from the default. The file itself is `amx_tui.config.editing`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from amx_tui.base.yaml_edits import Value, render
from amx_tui.base.yaml_text import Node
from amx_tui.config.entries import Changes
from amx_tui.config.file import read_profile
from amx_tui.config.kinds import EntryKind
from amx_tui.config.model import Profile
from amx_tui.config.sections import LLM

# The keys of AMX's own sample block, in its order: a new profile always has them.
_SAMPLE = ("provider", "model", "api_base", "api_key", "temperature", "n_alternatives")
_NO_KEYS = ("name", "left_out")
_ORDER = (
    *_SAMPLE,
    *(field.name for field in fields(Profile) if field.name not in (*_SAMPLE, *_NO_KEYS)),
)
_USUAL = Profile("", "", "")


class ProfileKind(EntryKind[Profile]):
    section = LLM

    def read(self, name: str, node: Node, file: str) -> tuple[Profile, dict[str, str]]:
        told: dict[str, str] = {}
        return read_profile(name, node, file, [], told), told

    def tidied(self, entry: Profile) -> Profile:
        self.check_name(entry.name)
        return replace(
            entry,
            provider=entry.provider.strip(),
            model=entry.model.strip(),
            api_base=(entry.api_base or "").strip() or None,
            api_key=entry.api_key.strip(),
            temperature=float(entry.temperature),
        )

    def settings(self, entry: Profile) -> list[tuple[str, str]]:
        return [
            (key, render(_value(entry, key)))
            for key in _ORDER
            if (key in _SAMPLE and key not in entry.left_out)
            or _value(entry, key) != _value(_USUAL, key)
        ]

    def changes(self, node: Node, entry: Profile, file: str) -> Changes:
        read, told = self.read(entry.name, node, file)
        present = node.mapping()
        changes: list[tuple[str, str | None]] = []
        for key in _ORDER:
            value = _value(entry, key)
            # A value that cannot be used reads as its default, and has to go all the same. A profile that
            # is no more than a name becomes one like a new one.
            is_new = not present and key in _SAMPLE
            if is_new or key in told or _value(read, key) != value:
                changes.append((key, render(value)))
        return changes

    def order(self, entry: Profile) -> Sequence[str]:
        return _ORDER

    def merged(self, entry: Profile, since: Profile, now: Profile) -> tuple[Profile, list[str]]:
        kept: dict[str, Value] = {}
        both: list[str] = []
        for key in _ORDER:
            mine, old, theirs = (_value(profile, key) for profile in (entry, since, now))
            if theirs != old and mine == old:
                kept[key] = theirs
            elif theirs not in (old, mine):
                both.append(key)
        return replace(entry, **kept), both  # type: ignore[arg-type]

    def secrets(self, entry: Profile) -> dict[str, str]:
        return {"api_key": entry.api_key}

    def with_secrets(self, entry: Profile, stored: Mapping[str, str]) -> Profile:
        return replace(entry, api_key=stored.get("api_key", entry.api_key))

    def called(self, entry: Profile, name: str) -> Profile:
        return replace(entry, name=name)


def _value(profile: Profile, key: str) -> Value:
    value: Value = getattr(profile, key)
    return value


PROFILES = ProfileKind()
