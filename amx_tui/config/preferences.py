"""`tui.yml`: what is the program's alone. It knows no profile and no key of a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import (
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
from amx_tui.base.yaml_text import STRING, Kind, Node, others_are_same, plain_tag
from amx_tui.config.file import read_root
from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem, Preferences, Privacy, Wording
from amx_tui.config.settings_text import read_text
from amx_tui.config.updating import update_file

MOST_CONCURRENT = 32
_WORDING = ("language", "style", "glossary", "alternatives")
_KNOWN = ("theme", "privacy", "concurrency", *_WORDING, "connections", "keys")
# What `alternatives` may be, and whether that asks for paraphrases.
_ALTERNATIVES = {"readings": False, "paraphrases": True}
# Characters: a language has a name, and a house style is a note, not a book.
_LONGEST_LANGUAGE = 40
_LONGEST_STYLE = 1_000

Unusable = Callable[[str, Node, str], None]


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
    return _read(top, name, path.parent)


def _read(top: Mapping[str, Node], name: str, folder: Path) -> Preferences:
    """`folder` is where a glossary without one of its own stands."""
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
    wording = _read_wording(top, usual.wording, folder, "", unusable)
    wordings: dict[str, Wording] = {}
    for key, value in top.items():
        node = value.resolved
        if node.is_null or key in _WORDING:
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
        elif key == "connections":
            if node.kind is not Kind.MAPPING:
                unusable(key, value, "It has to be a list of connections with their settings")
            for database, settings in node.mapping().items():
                if settings.resolved.kind is not Kind.MAPPING and not settings.resolved.is_null:
                    unusable(f"connections.{database}", settings, f"It has {', '.join(_WORDING)}")
                own, place = settings.resolved.mapping(), f"connections.{database}."
                for setting in own.keys() - {*_WORDING}:
                    unusable(f"{place}{setting}", own[setting], f"There are {', '.join(_WORDING)}")
                wordings[database] = _read_wording(own, wording, folder, place, unusable)
        elif key == "keys":
            if node.kind is not Kind.MAPPING:
                unusable(key, value, "It has to be a list of actions with their keys")
            for action, pressed in node.mapping().items():
                text = pressed.resolved.text.strip()
                if text and not pressed.is_null:
                    keys[action] = text
                else:
                    unusable(f"keys.{action}", pressed, "It has to name keys, such as ctrl+d,f5")
        else:
            unusable(key, value, f"There are {', '.join(_KNOWN)}")
    return Preferences(theme, keys, privacy, concurrency, wording, wordings, tuple(problems))


def _read_wording(
    settings: Mapping[str, Node], usual: Wording, folder: Path, place: str, unusable: Unusable
) -> Wording:
    """What `settings` say, over what is said for all; an empty value takes that away."""
    wording = usual
    for key in _WORDING:
        node = settings.get(key)
        if node is None:
            continue
        text = "" if node.resolved.is_null else node.resolved.text.strip()
        if node.resolved.kind is not Kind.SCALAR:
            unusable(f"{place}{key}", node, "It has to be one text")
        elif key == "language" and len(text) > _LONGEST_LANGUAGE:
            unusable(f"{place}{key}", node, "It has to be the name of a language, such as German")
        elif key == "style" and len(text) > _LONGEST_STYLE:
            why = f"It goes along with each request, and may have {_LONGEST_STYLE} characters"
            unusable(f"{place}{key}", node, why)
        elif key == "alternatives" and text and text not in _ALTERNATIVES:
            unusable(f"{place}{key}", node, f"There are {', '.join(_ALTERNATIVES)}")
        elif key == "alternatives":
            wording = replace(wording, paraphrases=_ALTERNATIVES.get(text, False))
        elif key == "glossary":
            path = folder / Path(text).expanduser() if text else None
            wording = replace(wording, glossary=path)
        elif key == "language":
            wording = replace(wording, language=one_line(text))
        else:
            wording = replace(wording, style=one_line(text))
    return wording


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
    problems = _read({heading: alone}, "tui.yml", Path()).problems
    if problems:
        raise ConfigProblem(f"{one_line(key, 80)} was not saved", problems[0].why)
