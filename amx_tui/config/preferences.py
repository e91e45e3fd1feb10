"""`tui.yml`: what is the program's alone. It knows no profile and no key of a provider."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.config.file import read_root
from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem, Preferences, Privacy, Wishes
from amx_tui.config.updating import update_file
from amx_tui.config.yaml_edits import (
    NotEditable,
    Splice,
    Value,
    after_block,
    appended,
    apply,
    emptied,
    line_end,
    lines,
    render,
    set_entries,
)
from amx_tui.config.yaml_text import STRING, Kind, Node, others_are_same, plain_tag, read_text

MOST_CONCURRENT = 32
_KNOWN = ("theme", "privacy", "concurrency", "keys", "descriptions", "connections")
_TEXTS = ("language", "style", "glossary")
_WISHES = (*_TEXTS, "paraphrases")
_YES_NO = {"true": True, "yes": True, "false": False, "no": False}


def load_preferences(path: Path) -> Preferences:
    """What `path` says; the defaults where there is no such file. Whatever cannot be read becomes one
    of `Preferences.problems`, and its default counts. Raises nothing."""
    name = shown_path(path)
    try:
        text = read_text(path)
        root = read_root(text, name) if text is not None else None
        top = root.mapping() if root is not None else {}
    except ConfigProblem as problem:
        return Preferences(problems=(problem,))
    return _read(top, name)


def _read(top: dict[str, Node], name: str) -> Preferences:
    problems: list[Problem] = []
    usual = Preferences()

    def unusable(key: str, node: Node, why: str) -> None:
        problems.append(
            ConfigProblem(
                f"{one_line(key, 80)} in {name}, line {node.line}, cannot be used",
                why,
                f"Correct line {node.line} of {name}, or take it out",
            )
        )

    theme, privacy, concurrency = usual.theme, usual.privacy, usual.concurrency
    keys: dict[str, str] = {}
    descriptions = Wishes()
    connections: dict[str, Wishes] = {}

    def wishes(path: str, value: Node) -> Wishes:
        found: dict[str, Any] = {}
        if value.resolved.kind is not Kind.MAPPING:
            unusable(path, value, f"It has to say any of {', '.join(_WISHES)}")
        for key, said in value.resolved.mapping().items():
            text = said.resolved.text.strip()
            if said.is_null:
                continue
            if key in _TEXTS and said.resolved.kind is Kind.SCALAR and text:
                found[key] = text
            elif key == "paraphrases" and text.lower() in _YES_NO:
                found[key] = _YES_NO[text.lower()]
            else:
                why = (
                    "It has to be true or false" if key == "paraphrases" else "It has to be a text"
                )
                known = f"There are {', '.join(_WISHES)}"
                unusable(f"{path}.{key}", said, why if key in _WISHES else known)
        return Wishes(**found)

    for key, value in top.items():
        node = value.resolved
        if node.is_null:
            continue
        if key == "theme":
            theme = node.text.strip() or None
            if node.kind is not Kind.SCALAR:
                unusable(key, value, "It has to be the name of a theme")
        elif key == "privacy":
            if node.text.strip() in list(Privacy):
                privacy = Privacy(node.text.strip())
            else:
                unusable(key, value, f"There are {', '.join(Privacy)}; {privacy} counts")
        elif key == "concurrency":
            number = node.number
            if number is not None and number == int(number) and 1 <= number <= MOST_CONCURRENT:
                concurrency = int(number)
            else:
                why = f"It has to be a whole number from 1 to {MOST_CONCURRENT}"
                unusable(key, value, f"{why}; {concurrency} counts")
        elif key == "keys":
            if node.kind is not Kind.MAPPING:
                unusable(key, value, "It has to be a list of actions with their keys")
            for action, pressed in node.mapping().items():
                text = pressed.resolved.text.strip()
                if text and not pressed.is_null:
                    keys[action] = text
                else:
                    unusable(f"keys.{action}", pressed, "It has to name keys, such as ctrl+d,f5")
        elif key == "descriptions":
            descriptions = wishes(key, value)
        elif key == "connections":
            if node.kind is not Kind.MAPPING:
                unusable(key, value, "It has to be a list of connections or files, by name")
            for name_, said in node.mapping().items():
                connections[name_] = wishes(f"{key}.{name_}", said)
        else:
            unusable(key, value, f"There are {', '.join(_KNOWN)}")
    return Preferences(
        theme, keys, privacy, concurrency, tuple(problems), descriptions, connections
    )


def save_preference(path: Path, key: str, value: str | int) -> None:
    """Sets `theme`, `privacy`, `concurrency`, or `keys.ACTION`; no other byte of the file changes.
    Blocks (lock, disk).

    Raises:
        ConfigProblem: where `value` cannot be used, or the file is not valid, cannot be edited in
            place, locked or written. Nothing is changed then.
    """
    _check(key, value)
    name = shown_path(path)
    heading, _, action = key.partition(".")

    def change(text: str) -> str:
        root = read_root(text, name)
        try:
            edited = (
                _with_key(text, root, action, value) if action else _with(text, root, key, value)
            )
            _verify(root, edited, heading, action, value, name)
        except NotEditable as reason:
            block = f"{heading}:\n  {render(action)}: " if action else f"{key}: "
            raise ConfigProblem(
                f"{name} was not changed",
                f"It cannot be edited in place: {reason}",
                f"Put this into it by hand:\n{block}{render(value)}",
            ) from None
        return edited

    update_file(path, change)


def _with(text: str, root: Node | None, key: str, value: Value) -> str:
    if root is None:
        return appended(text, lines(text, 0, [(key, render(value))]))
    return apply(text, set_entries(text, root, [(key, render(value))], (key,)))


def _with_key(text: str, root: Node | None, action: str, value: Value) -> str:
    entry = (render(action), render(value))
    present = root.pair("keys") if root is not None else None
    if root is None or present is None:
        return appended(text, lines(text, 0, [("keys", "")]) + lines(text, 2, [entry]))
    if root.is_flow:
        raise NotEditable("all of it is written in braces")
    key, node = present
    if node.kind is Kind.MAPPING and not node.is_flow:
        if node.pair(action):
            return apply(text, set_entries(text, node, [(action, render(value))], (action,)))
        child = node.pairs[0][0].column - 1
        place = after_block(text, node.pairs[-1][1], child)
        return apply(text, [Splice(place, place, lines(text, child, [entry]))])
    place = line_end(text, node.end)
    indent = root.pairs[0][0].column + 1
    return apply(
        text, [emptied(text, key, node), Splice(place, place, lines(text, indent, [entry]))]
    )


def _verify(
    before: Node | None, after: str, heading: str, action: str, value: Value, name: str
) -> None:
    """Holds `after` against what was meant: this value, and all else the same."""
    try:
        root = read_root(after, name)
        new = root.mapping() if root is not None else {}
    except ConfigProblem as problem:
        raise NotEditable("its layout is too unusual") from problem
    old = before.mapping() if before is not None else {}
    is_right = others_are_same(old, new, (heading,))
    if action:
        kept = old[heading].mapping() if heading in old else {}
        new = new[heading].mapping() if heading in new else {}
        is_right &= others_are_same(kept, new, (action,))
    node = new.get(action or heading)
    if not is_right or node is None or node.resolved.text != str(value):
        raise NotEditable("its layout is too unusual")


def _check(key: str, value: str | int) -> None:
    """Raises what the value would be told of when it is read."""
    heading, _, action = key.partition(".")
    # A text is written in quotation marks where it would mean something else without.
    tag = STRING if isinstance(value, str) else plain_tag(str(value))
    alone = Node(Kind.SCALAR, 0, 0, 1, 1, tag=tag, text=str(value))
    if heading == "keys" and action:
        entry = Node(Kind.SCALAR, 0, 0, 1, 1, text=action)
        alone = Node(Kind.MAPPING, 0, 0, 1, 1, pairs=[(entry, alone)])
    elif action:
        heading = key
    problems = _read({heading: alone}, "tui.yml").problems
    if problems:
        raise ConfigProblem(f"{one_line(key, 80)} was not saved", problems[0].why)
