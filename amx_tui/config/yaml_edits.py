"""Edits YAML in place: each edit says which characters are replaced, so that all others stay as they
are. It knows YAML and nothing of what the file means; whoever edits parses the outcome again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amx_tui.config.yaml_text import STRING, Kind, Node, content_end, plain_tag

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
        return value if _is_plain(value) else _quoted(value)
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


def _quoted(value: str) -> str:
    import yaml

    dumped = yaml.safe_dump(value, default_style='"', allow_unicode=True, width=float("inf"))
    return str(dumped).removesuffix("\n")


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
    text: str, mapping: Node, values: Sequence[tuple[str, Value]], order: Sequence[str]
) -> list[Splice]:
    """Splices that give `mapping`, a block mapping with content, these values.

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
            splices.append(_replaced(text, present[1], render(value)))
            continue
        before = [mapping.pair(earlier) for earlier in order[: order.index(key)]]
        known = [pair for pair in before if pair is not None]
        _, last = known[-1] if known else mapping.pairs[-1]
        place = line_end(text, content_end(last, text))
        fresh.setdefault(place, []).append((key, render(value)))
    indent = mapping.pairs[0][0].column - 1
    return splices + [
        Splice(place, place, lines(text, indent, entries)) for place, entries in fresh.items()
    ]


def _replaced(text: str, value: Node, rendered: str) -> Splice:
    if value.anchor:
        raise NotEditable("one of its values carries an anchor (&)")
    is_scalar = value.kind is Kind.SCALAR and value.style not in ("|", ">")
    if not is_scalar and value.kind is not Kind.ALIAS:
        raise NotEditable("one of its values is not a text or a number on one line")
    if value.start == value.end:
        return Splice(value.start, value.start, f" {rendered}")
    return Splice(value.start, value.end, rendered)


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
