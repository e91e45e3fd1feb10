"""Adds and changes LLM profiles in `config.yml`, and nothing else in it: unknown keys, order, comments
and formatting stay byte for byte. It knows the file's shape, not what a profile is good for.

Everything that saves blocks (lock, disk): call it in a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.config.file import (
    ACTIVE_PROFILE,
    DEFAULT,
    ONLY_PROFILE,
    PROFILES,
    active_name,
    is_from_before,
    is_too_new,
    newer_schema,
    read_config,
    read_profile,
    read_root,
)
from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem, Profile
from amx_tui.config.updating import BACKUPS, update_file
from amx_tui.config.yaml_edits import (
    NotEditable,
    Splice,
    Value,
    after_block,
    appended,
    apply,
    emptied,
    line_break,
    line_end,
    lines,
    render,
    set_entries,
)
from amx_tui.config.yaml_text import Kind, Node, content_end, others_are_same

# The keys of AMX's own sample block, in its order: a new profile always has them.
_SAMPLE = ("provider", "model", "api_base", "api_key", "temperature", "n_alternatives")
_ORDER = (
    *_SAMPLE,
    *(field.name for field in fields(Profile) if field.name not in (*_SAMPLE, "name")),
)
_HIDDEN = "…  # the key itself, not shown"


def save_profile(path: Path, profile: Profile, *, activate: bool) -> None:
    """Adds `profile` to `path`, or gives the profile of that name its values; `activate` makes it the
    active one.

    A new profile is the sample block of AMX's page for Kimi, with other keys where they differ from
    the defaults of `Profile`. Of a profile that is there, only the values that differ are replaced;
    keys that `Profile` does not know stay. What comes out is read again before it is written.

    Raises:
        ConfigProblem: where the file is not valid, is written by a newer AMX, cannot be locked or
            written, or cannot be edited in place (the remedy then shows the block to put in by
            hand, without a plaintext key). Nothing is changed then.
    """
    profile = _tidied(profile)
    name = shown_path(path)

    def change(text: str) -> str:
        root = read_root(text, name)
        if root is not None and is_too_new(root.mapping()):
            raise newer_schema(name)
        try:
            edited = _with_profile(_modernized(text, name), profile, name)
            if activate:
                edited = _with_active(edited, profile.name, name)
            _verify(text, edited, profile, profile.name if activate else None, name)
        except NotEditable as reason:
            raise _by_hand(name, profile, activate, str(reason)) from None
        return edited

    update_file(path, change, backups=BACKUPS)


def activate_profile(path: Path, name: str) -> None:
    """Makes `name` the active profile; no other byte of the file changes.

    Raises:
        ConfigProblem: where there is no such profile, and as `save_profile` does.
    """
    file = shown_path(path)

    def change(text: str) -> str:
        config = read_config(text, path)
        if name not in config.profiles:
            known = ", ".join(one_line(other, 60) for other in config.profiles)
            raise ConfigProblem(
                f"{file} has no profile called “{one_line(name, 60)}”",
                f"There are {known}" if known else "It has none at all",
                "Press P and choose another one, or make it",
            )
        root = read_root(text, file)
        if root is not None and is_too_new(root.mapping()):
            raise newer_schema(file)
        if config.active_profile == name:
            return text
        try:
            edited = _with_active(_modernized(text, file), name, file)
            _verify(text, edited, None, name, file)
        except NotEditable as reason:
            raise ConfigProblem(
                f"{file} was not changed",
                f"It cannot be edited in place: {reason}",
                f"Put this into it by hand: {ACTIVE_PROFILE}: {render(name)}",
            ) from None
        return edited

    update_file(path, change, backups=BACKUPS)


def profile_block(profile: Profile, *, activate: bool = True) -> str:
    """The YAML that `save_profile` puts into a new file, to be looked at: a key that is not a
    reference is replaced by an ellipsis."""
    shown = _HIDDEN if profile.api_key and not profile.api_key.startswith("keyring:") else None
    entries = [
        (key, shown if shown and key == "api_key" else value) for key, value in _new(profile)
    ]
    block = f"{PROFILES}:" + _profile_lines("", profile.name, entries, 2, 2) + "\n"
    return block + (f"{ACTIVE_PROFILE}: {render(profile.name)}\n" if activate else "")


def _tidied(profile: Profile) -> Profile:
    """`profile` as it would be read again: texts without the white space around them."""
    if not profile.name or profile.name != one_line(profile.name):
        raise ConfigProblem(
            "The profile has no usable name" if profile.name.strip() else "The profile has no name",
            "A name is one line without spaces around it",
            "Type another name, such as kimi-thinking",
        )
    return replace(
        profile,
        provider=profile.provider.strip(),
        model=profile.model.strip(),
        api_base=(profile.api_base or "").strip() or None,
        api_key=profile.api_key.strip(),
        temperature=float(profile.temperature),
    )


def _by_hand(name: str, profile: Profile, activate: bool, reason: str) -> ConfigProblem:
    return ConfigProblem(
        f"{name} was not changed",
        f"It cannot be edited in place: {reason}",
        f"Put this into it by hand:\n{profile_block(profile, activate=activate)}",
    )


def _value(profile: Profile, key: str) -> Value:
    value: Value = getattr(profile, key)
    return value


def _new(profile: Profile) -> list[tuple[str, str]]:
    """The entries of a profile that is not in the file yet, rendered."""
    usual = Profile("", "", "")
    return [
        (key, render(_value(profile, key)))
        for key in _ORDER
        if key in _SAMPLE or _value(profile, key) != _value(usual, key)
    ]


def _profile_lines(
    text: str, name: str, entries: Sequence[tuple[str, str]], indent: int, step: int
) -> str:
    """A new profile, to be put in at the end of a line of `text`."""
    return lines(text, indent, [(render(name), "")]) + lines(text, indent + step, entries)


def _with_profile(text: str, profile: Profile, name: str) -> str:
    root = _root(text, name)
    if root is None:
        return appended(text, _first_profile(text, profile, 0))
    if root.is_flow:
        if root.pairs:
            raise NotEditable("all of it is written in braces")
        return apply(
            text,
            [Splice(root.start, root.end, _first_profile(text, profile, 0).lstrip("\r\n"))],
        )
    indent = root.pairs[0][0].column - 1
    listed = root.pair(PROFILES)
    if listed is None:
        if PROFILES in root.mapping():
            raise NotEditable(f"{PROFILES} is merged in with <<")
        return appended(text, _first_profile(text, profile, indent))
    key, profiles = listed
    if profiles.kind is not Kind.MAPPING or profiles.is_flow:
        added = _profile_lines(text, profile.name, _new(profile), indent + 2, 2)
        cut = emptied(text, key, profiles)
        place = line_end(text, profiles.end)
        return apply(text, [cut, Splice(place, place, added)])
    present = profiles.pair(profile.name)
    child = profiles.pairs[0][0].column - 1
    if present is None:
        if profile.name in profiles.mapping():
            raise NotEditable("the profile is merged in with <<")
        added = _profile_lines(text, profile.name, _new(profile), child, _step(profiles))
        place = after_block(text, profiles.pairs[-1][1], child)
        return apply(text, [Splice(place, place, added)])
    key, node = present
    if node.kind is not Kind.MAPPING or (node.is_flow and not node.pairs):
        added = lines(text, child + _step(profiles), _new(profile))
        place = line_end(text, node.end)
        return apply(text, [emptied(text, key, node), Splice(place, place, added)])
    if node.anchor:
        raise NotEditable("the profile carries an anchor (&), so others may depend on it")
    return apply(text, set_entries(text, node, _changes(node, profile, name), _ORDER))


def _first_profile(text: str, profile: Profile, indent: int) -> str:
    """A first profile, under its heading."""
    return lines(text, indent, [(PROFILES, "")]) + _profile_lines(
        text, profile.name, _new(profile), indent + 2, 2
    )


def _step(profiles: Node) -> int:
    """How far the settings of a profile are indented below its name."""
    for key, node in profiles.pairs:
        if node.kind is Kind.MAPPING and not node.is_flow and node.pairs:
            return max(node.pairs[0][0].column - key.column, 1)
    return 2


def _changes(node: Node, profile: Profile, name: str) -> list[tuple[str, Value]]:
    """The values in which the profile that stands in the file differs from `profile`."""
    unusable: dict[str, str] = {}
    read = read_profile(profile.name, node, name, [], unusable)
    usual = Profile("", "", "")
    present = node.mapping()
    changes: list[tuple[str, Value]] = []
    for key in _ORDER:
        value = _value(profile, key)
        if key in present:
            # A value that cannot be used reads as its default, and has to go all the same.
            differs = key in unusable or _value(read, key) != value
        else:
            differs = key in _SAMPLE or value != _value(usual, key)
        if differs:
            changes.append((key, value))
    return changes


def _with_active(text: str, profile: str, name: str) -> str:
    root = _root(text, name)
    if root is None or root.is_flow:
        raise NotEditable("all of it is written in braces")
    present = root.pair(ACTIVE_PROFILE)
    if present is not None:
        if not present[1].is_null and present[1].resolved.text.strip() == profile:
            return text
        return apply(text, set_entries(text, root, [(ACTIVE_PROFILE, profile)], (ACTIVE_PROFILE,)))
    listed = root.pair(PROFILES)
    if listed is None:
        raise NotEditable(f"{PROFILES} is merged in with <<")
    indent = root.pairs[0][0].column - 1
    place = after_block(text, listed[1], indent)
    return apply(
        text, [Splice(place, place, lines(text, indent, [(ACTIVE_PROFILE, render(profile))]))]
    )


def _modernized(text: str, name: str) -> str:
    """`text`, where a file has only the `llm:` of early versions with that as the profile `default`:
    once there is a list of profiles, nobody reads `llm:` any more."""
    root = _root(text, name)
    if root is None or not is_from_before(root.mapping(), PROFILES, ONLY_PROFILE):
        return text
    single = root.pair(ONLY_PROFILE)
    if root.is_flow or single is None or single[1].kind is not Kind.MAPPING:
        raise NotEditable("its only profile is written in braces, or through an alias")
    node = single[1]
    indent = root.pairs[0][0].column - 1
    new_line = line_break(text)
    start = new_line + " " * (indent + 2) + DEFAULT + ":"
    if node.is_flow:
        body = f" {text[node.start : node.end]}"
    else:
        first = node.pairs[0][0]
        begin = first.start - (first.column - 1)
        body = text[begin : line_end(text, content_end(node, text))]
        body = new_line + _shifted(body, indent + 5 - first.column)
    block = lines(text, indent, [(PROFILES, "")]) + start + body
    if listed := root.pair(PROFILES):
        place = line_end(text, listed[1].end)
        return _with_default(
            apply(text, [emptied(text, *listed), Splice(place, place, start + body)]), name
        )
    place = after_block(text, node, indent)
    return _with_default(apply(text, [Splice(place, place, block)]), name)


def _with_default(text: str, name: str) -> str:
    root = _root(text, name)
    chosen = root.mapping().get(ACTIVE_PROFILE) if root is not None else None
    is_chosen = chosen is not None and not chosen.is_null and chosen.resolved.text.strip()
    return text if is_chosen else _with_active(text, DEFAULT, name)


def _shifted(block: str, by: int) -> str:
    """`block` with each line moved to the right, or to the left as far as it has room."""
    moved = []
    for line in block.splitlines(keepends=True):
        if by < 0:
            moved.append(line[min(-by, len(line) - len(line.lstrip(" "))) :])
        else:
            moved.append(" " * by + line if line.strip() else line)
    return "".join(moved)


def _verify(
    before: str, after: str, profile: Profile | None, active: str | None, name: str
) -> None:
    """Holds `after` against what was meant: this profile, this active one, and all else the same.

    Raises:
        NotEditable: where something else came out.
        ConfigProblem: where `profile` has a value that cannot be read back.
    """
    old, new = _top(before, name), _top(after, name)
    old_profiles, new_profiles = _profiles(old), _profiles(new)
    is_right = others_are_same(old, new, (PROFILES, ACTIVE_PROFILE))
    is_right &= others_are_same(old_profiles, new_profiles, (profile.name,) if profile else ())
    is_right &= _active(new) == (active or _active(old))
    if profile is not None and profile.name in new_profiles:
        node = new_profiles[profile.name]
        unusable: dict[str, str] = {}
        is_right &= read_profile(profile.name, node, name, [], unusable) == profile
        for key, why in unusable.items():
            raise ConfigProblem(
                f"The profile “{one_line(profile.name, 60)}” was not saved",
                f"Its {key} cannot be used: {why[0].lower()}{why[1:]}",
                f"Correct {key}, then save again",
            )
        was = old_profiles.get(profile.name)
        is_right &= was is None or others_are_same(was.mapping(), node.mapping(), _ORDER)
    if not is_right or (profile is not None and profile.name not in new_profiles):
        raise NotEditable("its layout is too unusual")


def _active(top: dict[str, Node]) -> str:
    return active_name(top, ACTIVE_PROFILE, PROFILES, ONLY_PROFILE)


def _top(text: str, name: str) -> dict[str, Node]:
    root = _root(text, name)
    return root.mapping() if root is not None else {}


def _root(text: str, name: str) -> Node | None:
    """`read_root` of a text that was valid before an edit: if it is not now, the edit was wrong."""
    try:
        return read_root(text, name)
    except ConfigProblem as problem:
        raise NotEditable("its layout is too unusual") from problem


def _profiles(top: dict[str, Node]) -> dict[str, Node]:
    if is_from_before(top, PROFILES, ONLY_PROFILE):
        return {DEFAULT: top[ONLY_PROFILE]}
    return top[PROFILES].mapping() if PROFILES in top else {}
