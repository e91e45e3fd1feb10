"""Edits YAML in place: each edit says which characters are replaced, so that all others stay as they
are. It knows YAML and nothing of what the file means; whoever edits parses the outcome again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from amx_tui.base.yaml_text import STRING, Kind, Node, content_end, plain_tag

Value = str | int | float | bool | None


class NotEditable(Exception):
    """What stands in the file cannot be edited in place without guessing. The text says what it is,
    and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Splice:
    """The characters from `start` up to `end` are replaced by `text`."""

    start: int
    end: int
    text: str


def apply(text: str, splices: Iterable[Splice]) -> str:
    """`text` after all `splices`, which do not overlap; those at one place keep their order."""
    pieces: list[str] = []
    done = 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        pieces += text[done : splice.start], splice.text
        done = splice.end
    return "".join(pieces) + text[done:]


def render(value: Value) -> str:
    """`value` as one line of YAML 1.1 that reads back as the same value and the same type."""
    import yaml

    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value if _is_plain(value) else quoted(value)
    if isinstance(value, float):
        # YAML 1.1 wants a point in what is a float: 1.0e-07.
        return str(yaml.safe_dump(value)).partition("\n")[0]
    return str(value)


_PLAIN_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/")
_PLAIN = _PLAIN_START | frozenset("0123456789.:+@-")


def _is_plain(value: str) -> bool:
    if not value or value[0] not in _PLAIN_START or not _PLAIN.issuperset(value):
        return False
    return value[-1] != ":" and plain_tag(value) == STRING


# PyYAML escapes what is beyond U+FFFF, such as emoji, which YAML takes as it is.
_ESCAPE = re.compile(r"\\(?:U([0-9A-F]{8})|.)")


def quoted(value: str) -> str:
    """`value` in double quotes, on one line, every character that can be seen as itself."""
    import yaml

    dumped = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return _ESCAPE.sub(_as_itself, str(dumped).removesuffix("\n"))


def _as_itself(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16)) if escape[1] else ""
    return character if character.isprintable() and character else escape[0]


def line_break(text: str) -> str:
    """The line end that `text` uses."""
    return "\r\n" if "\r\n" in text else "\n"


def line_end(text: str, position: int) -> int:
    """Where the line of `position` ends, before its line end."""
    end = position
    while end < len(text) and text[end] not in "\r\n":
        end += 1
    return end


def lines(text: str, indent: int, entries: Iterable[tuple[str, str]]) -> str:
    """`key: value` lines to be put in at a `line_end`: each begins with the line end of `text`."""
    start = line_break(text) + " " * indent
    return "".join(f"{start}{key}: {value}".rstrip(" ") for key, value in entries)


def appended(text: str, block: str) -> str:
    """`block`, which `lines` made, at the end of `text`."""
    if not text or text == "\ufeff" or text.endswith(("\n", "\r")):
        block = block.removeprefix(line_break(text))
    return text + block + line_break(text)


def set_entries(
    text: str, mapping: Node, values: Sequence[tuple[str, str]], order: Sequence[str]
) -> list[Splice]:
    """Splices that give `mapping`, a block mapping with content, these rendered values.

    A key that is there keeps its line, its place and its comment. A new one is put in after the
    nearest key that precedes it in `order`, else at the end of the mapping.

    Raises:
        NotEditable: for a flow mapping, and for a value that is neither a simple scalar nor an alias.
    """
    if mapping.kind is not Kind.MAPPING or mapping.is_flow or not mapping.pairs:
        raise NotEditable("it is written in braces, or through an alias")
    splices: list[Splice] = []
    fresh: dict[int, list[tuple[str, str]]] = {}
    for key, value in sorted(values, key=lambda item: order.index(item[0])):
        present = mapping.pair(key)
        if present is not None:
            splices.append(replaced(present[1], value))
            continue
        before = [mapping.pair(earlier) for earlier in order[: order.index(key)]]
        known = [pair for pair in before if pair is not None]
        _, last = known[-1] if known else mapping.pairs[-1]
        place = line_end(text, content_end(last, text))
        fresh.setdefault(place, []).append((render(key), value))
    indent = mapping.pairs[0][0].column - 1
    return splices + [
        Splice(place, place, lines(text, indent, entries)) for place, entries in fresh.items()
    ]


def replaced(value: Node, rendered: str) -> Splice:
    """Puts `rendered` in the place of a simple scalar or an alias.

    Raises:
        NotEditable: for any other value, and for one that others may depend on.
    """
    if value.anchor:
        raise NotEditable("one of its values carries an anchor (&)")
    is_scalar = value.kind is Kind.SCALAR and value.style not in ("|", ">")
    if not is_scalar and value.kind is not Kind.ALIAS:
        raise NotEditable("one of its values is not a text or a number on one line")
    if value.start == value.end:
        return Splice(value.start, value.start, f" {rendered}")
    return Splice(value.start, value.end, rendered)


_BLOCK_HEADER = re.compile(r"[|>][0-9+-]*")


def replaced_text(text: str, value: Node, rendered: str) -> list[Splice]:
    """Puts `rendered` in the place of any scalar, of several lines too, or of an alias. A comment
    beside the sign of a block scalar stays."""
    if value.style not in ("|", ">"):
        gap = " " if value.start == value.end else ""
        return [Splice(value.start, value.end, gap + rendered)]
    # The sign of the block goes, and its lines.
    sign = _BLOCK_HEADER.search(text, value.start)
    assert sign is not None
    content = line_end(text, sign.end())
    end = value.start + len(text[value.start : value.end].rstrip(" \t\r\n"))
    splices = [Splice(value.start, sign.end(), rendered)]
    return splices + ([Splice(content, end, "")] if end > content else [])


def without(text: str, key: Node, value: Node) -> Splice:
    """Takes the lines of a key of a block mapping away, with the comments that belong to its value.

    Raises:
        NotEditable: where something else stands on its line, or others may depend on it.
    """
    if key.anchor or any(node.anchor for node in nodes_of(value)):
        raise NotEditable("it carries an anchor (&), so others may depend on it")
    begin = key.start - (key.column - 1)
    if text[begin : key.start].strip(" "):
        raise NotEditable("something else stands on its line")
    return whole_lines(text, begin, after_block(text, value, key.column - 1))


def whole_lines(text: str, begin: int, end: int) -> Splice:
    """Takes away the lines from the beginning of one up to the end of another, with one line end."""
    if end < len(text):
        return Splice(begin, end + (2 if text.startswith("\r\n", end) else 1), "")
    before = 2 if text[:begin].endswith("\r\n") else 1 if begin else 0
    return Splice(begin - before, end, "")


def left_empty(text: str, key: Node, first: Node, last: Node, sign: str) -> list[Splice]:
    """Takes away all lines of the block collection below `key`, from the node `first` up to `last`,
    and puts `sign` (`{}`, `[]`) behind the colon.

    Raises:
        NotEditable: where its first child stands on the line of its key.
    """
    colon = text.find(":", key.end)
    begin = first.start - (first.column - 1)
    if colon < 0 or colon > begin:
        raise NotEditable("it is laid out in an unusual way")
    gone = whole_lines(text, begin, after_block(text, last, key.column - 1))
    return [Splice(colon + 1, colon + 1, f" {sign}"), gone]


def nodes_of(node: Node) -> Iterator[Node]:
    """`node` and all that stands in it; an alias is not followed."""
    yield node
    for item in node.items:
        yield from nodes_of(item)
    for key, value in node.pairs:
        yield from nodes_of(key)
        yield from nodes_of(value)


def as_flow(node: Node) -> str:
    """`node` on one line, as it can stand behind a key: `{enabled: true, bands: {high: 0.75}}`.

    Raises:
        NotEditable: for what cannot be copied without guessing: anchors, aliases of whole mappings,
            tags of one's own.
    """
    if node.kind is Kind.ALIAS and node.resolved.kind is not Kind.SCALAR:
        raise NotEditable("it refers with * to something larger than a text or a number")
    node = node.resolved
    if node.kind is Kind.SEQUENCE:
        return f"[{', '.join(as_flow(item) for item in node.items)}]"
    if node.kind is Kind.MAPPING:
        return "{" + ", ".join(f"{as_flow(k)}: {as_flow(v)}" for k, v in node.pairs) + "}"
    if node.tag == STRING:
        return render(node.text)
    if node.is_null:
        return "null"
    if plain_tag(node.text) != node.tag:
        raise NotEditable("one of its values has a tag (!) of its own")
    return node.text


def with_names(text: str, value: Node, names: Sequence[str]) -> list[Splice]:
    """Splices that make the list `value` one of `names`. Items that stay keep their lines; a new one
    takes the line of the first.

    Raises:
        NotEditable: for a list that is laid out in another way than one item a line, or on one line.
    """
    if value.anchor or value.kind is not Kind.SEQUENCE or not value.items:
        raise NotEditable("one of its lists is not written as one")
    old = [item.resolved.text for item in value.items]
    if value.is_flow:
        if "\n" in text[value.start : value.end]:
            raise NotEditable("one of its lists is written over several lines")
        return [Splice(value.start, value.end, f"[{', '.join(map(render, names))}]")]
    splices = []
    wanted = list(names)
    fresh = [name for name in names if name not in old]
    for item, name in zip(value.items, old, strict=True):
        begin = item.start - (item.column - 1)
        if item.anchor or text[begin : item.start].replace("-", " ", 1).strip(" "):
            raise NotEditable("one of its lists is laid out in an unusual way")
        if name in wanted:
            wanted.remove(name)
        elif fresh:
            splices.append(replaced(item, render(fresh[0])))
            wanted.remove(fresh.pop(0))
        else:
            splices.append(whole_lines(text, begin, line_end(text, content_end(item, text))))
    if wanted:
        raise NotEditable("one of its lists has no room for a new name")
    return splices


def emptied(text: str, key: Node, value: Node) -> Splice:
    """Takes away the `{}`, `null` or nothing that is the value of `key`, so that lines can follow.

    Raises:
        NotEditable: where more than white space stands between the two, or the value is not empty.
    """
    value_is_empty = value.kind is Kind.SCALAR and value.is_null
    value_is_empty |= value.kind is Kind.MAPPING and value.is_flow and not value.pairs
    colon = text.find(":", key.end)
    if not value_is_empty or value.anchor or colon < 0 or text[colon + 1 : value.start].strip():
        raise NotEditable("it is written in braces or in another way that has no lines to add to")
    return Splice(colon + 1, value.end, "")


def after_block(text: str, value: Node, indent: int) -> int:
    """Where a sibling of `value`, whose keys stand at `indent`, can be put in: behind its content and
    behind the comments that are indented deeper than it, which belong to it."""
    end = line_end(text, content_end(value, text))
    place = end
    while place < len(text):
        start = place + (2 if text.startswith("\r\n", place) else 1)
        place = line_end(text, start)
        line = text[start:place]
        body = line.lstrip(" ")
        if body.startswith("#") and len(line) - len(body) > indent:
            end = place
        elif body.strip():
            break
    return end
