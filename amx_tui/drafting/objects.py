"""Finds the objects of an answer in its text while it streams, whatever a model wraps around them.

It knows the shape in which suggestions are told, and neither targets nor suggestions themselves.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Literal

Value = None | str | list["Value"] | dict[str, "Value"]

COLUMN_KEYS = ("column", "column_name", "field")
TABLE_KEYS = ("table", "table_name")
NAME_KEYS = ("name", "target")
ALTERNATIVES_KEYS = ("alternatives", "readings", "suggestions", "descriptions", "options")
TEXT_KEYS = ("text", "description", "alternative", "reading", "meaning", "comment", "value")
CONFIDENCE_KEYS = ("confidence", "certainty", "band", "score")
REASON_KEYS = ("reason", "reasoning", "why", "rationale", "evidence")
# Under these an object may hold `name: reading` pairs instead of a list of objects.
_HOLDER_KEYS = frozenset(("columns", "tables", "targets", "results", "descriptions", "suggestions"))
_OWN_KEYS = frozenset(
    (
        *COLUMN_KEYS,
        *TABLE_KEYS,
        *NAME_KEYS,
        *ALTERNATIVES_KEYS,
        *TEXT_KEYS,
        *CONFIDENCE_KEYS,
        *REASON_KEYS,
    )
)


class Quote(str):
    """A text as the answer says it, which knows where: from which character to which of all that was
    fed, without the quotes around it."""

    __slots__ = ("end", "start")

    def __new__(cls, text: str, start: int, end: int) -> Quote:
        quote = super().__new__(cls, text)
        quote.start, quote.end = start, end
        return quote

    start: int
    end: int


def first(found: dict[str, Value], keys: Iterable[str]) -> Value:
    return next((found[key] for key in keys if found.get(key) is not None), None)


def first_text(found: dict[str, Value], keys: Iterable[str]) -> str:
    value = first(found, keys)
    return value if isinstance(value, str) else ""


def names_a_target(found: dict[str, Value]) -> bool:
    return bool(first_text(found, (*COLUMN_KEYS, *TABLE_KEYS, *NAME_KEYS)))


def says_something(found: dict[str, Value]) -> bool:
    return any(key in found for key in (*ALTERNATIVES_KEYS, *TEXT_KEYS))


def says_why(found: dict[str, Value]) -> bool:
    return any(key in found for key in (*CONFIDENCE_KEYS, *REASON_KEYS))


_START = re.compile(r"\{|<think(?:ing)?>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_LONGEST_TAG: Final = len("</thinking>")
_STRING_STOP = re.compile(r'["\\\n]')
_SPACE = re.compile(r"\s+")
_LITERAL = re.compile(r"[^\s{}\[\]:,\"]+")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class _Object:
    """An object that is open: its members so far by lower-case key, the key that waits for a value,
    and what has to come next."""

    __slots__ = ("expects", "holds_names", "key", "members", "named")

    def __init__(self, holds_names: bool) -> None:
        self.members: dict[str, Value] = {}
        # True where its own keys may be names of targets: at the root, or under a word for "all".
        self.holds_names = holds_names
        self.named: list[tuple[str, Value]] = []  # such members, with their keys as written
        self.key = ""
        self.expects: Literal["key", "colon", "value", "comma"] = "key"


class _Array:
    __slots__ = ("items", "key")

    def __init__(self, key: str) -> None:
        self.items: list[Value] = []
        self.key = key


class ObjectParser:
    """A lenient, incremental JSON parser that hands out each object that describes a target when it
    closes, however deep it stands. Numbers and bare words are kept as the text that they are.

    Outside of objects everything is prose, so fences, lists and what a model says around its answer
    need no rule of their own; what it thinks inside `<think>` is skipped. Every character is looked
    at a bounded number of times, and nothing recurses.
    """

    def __init__(self, is_name: Callable[[str], bool]) -> None:
        self.found: deque[dict[str, Value]] = deque()
        self.broken = 0  # objects that nothing could be taken from
        self._handed_out = 0
        self._handed_out_before = 0  # when the outermost object began
        self._is_name = is_name
        self._stack: list[_Object | _Array] = []
        self._state = self._in_prose
        self._rest = ""  # what a state could not yet judge without what follows
        self._pieces: list[str] = []  # of a string or literal that is not closed yet
        self._offset = 0  # of the text under way, in all that was fed
        self._fed = 0
        self._text_start = self._text_end = 0  # of the last string
        self._gap = ""  # white space after a quote that may be the end of its string

    def feed(self, text: str) -> None:
        if not text:
            return
        self._offset = self._fed - len(self._rest)
        self._fed += len(text)
        text = self._rest + text
        self._rest = ""
        at = 0
        while at < len(text):
            at = self._state(text, at)

    def finish(self, *, is_whole: bool) -> None:
        if self._state == self._after_quote:
            self._close_string()
        elif self._state == self._in_literal:
            self._close_literal()
        self._pieces.clear()
        self._rest = ""
        if self._stack:
            self._abandon(keep=is_whole, counts=is_whole)
        self._state = self._in_prose

    # States: each takes the text and a place in it, and returns the place where the next goes on.

    def _in_prose(self, text: str, at: int) -> int:
        start = _START.search(text, at)
        if start is None:
            # The beginning of a tag may stand at the end of this piece.
            tail = text.rfind("<", max(at, len(text) - _LONGEST_TAG))
            self._rest = text[tail:] if tail >= 0 else ""
            return len(text)
        if start.group() == "{":
            self._stack.append(_Object(holds_names=True))
            self._state = self._in_structure
        else:
            self._state = self._in_thought
        return start.end()

    def _in_thought(self, text: str, at: int) -> int:
        end = _THOUGHT_END.search(text, at)
        if end is None:
            tail = text.rfind("<", max(at, len(text) - _LONGEST_TAG))
            self._rest = text[tail:] if tail >= 0 else ""
            return len(text)
        self._state = self._in_prose
        return end.end()

    def _in_structure(self, text: str, at: int) -> int:
        character = text[at]
        space = _SPACE.match(text, at)
        if space is not None:
            return space.end()
        if character == '"':
            self._state = self._in_string
            self._text_start = self._offset + at + 1
            return at + 1
        if character == "{":
            self._open_object()
            return at + 1
        if character == "[":
            self._open_array()
            return at + 1
        if character in "}]":
            self._close(character)
            return at + 1
        if character == ",":
            self._pass_comma()
            return at + 1
        if character == ":":
            self._pass_colon()
            return at + 1
        self._state = self._in_literal
        return at

    def _in_literal(self, text: str, at: int) -> int:
        match = _LITERAL.match(text, at)
        if match is not None:
            self._pieces.append(match.group())
            at = match.end()
        if at < len(text):
            self._close_literal()
        return at

    def _in_string(self, text: str, at: int) -> int:
        stop = _STRING_STOP.search(text, at)
        if stop is None:
            self._pieces.append(text[at:])
            return len(text)
        self._pieces.append(text[at : stop.start()])
        mark = stop.group()
        if mark == '"':
            self._gap = ""
            self._text_end = self._offset + stop.start()
            self._state = self._after_quote
            return stop.end()
        if mark == "\n":
            self._gap = "\n"
            self._state = self._after_break
            return stop.end()
        if stop.end() == len(text):  # a backslash, and what it escapes is still to come
            self._rest = "\\"
            return len(text)
        self._pieces.append(text[stop.start() : stop.end() + 1])
        return stop.end() + 1

    def _after_quote(self, text: str, at: int) -> int:
        """Weak models forget to escape quotes: one ends its string only where the grammar can go on
        after it, or at the end of a line."""
        character = text[at]
        if character in ",:}]\n":
            self._close_string()
            return at
        if character in " \t\r":
            self._gap += character if len(self._gap) < 8 else ""
            return at + 1
        self._pieces.append('"' + self._gap)
        self._state = self._in_string
        return at

    def _after_break(self, text: str, at: int) -> int:
        """A line that begins with a brace inside of a string: the string was never closed, and this
        is the next object."""
        character = text[at]
        if character in " \t\r\n":
            return at + 1
        if character == "{":
            self._pieces.clear()
            self._abandon(keep=False)
        else:
            self._pieces.append(self._gap)
            self._state = self._in_string
        return at

    # The grammar, forgiving where the meaning is plain. ------------------------------------------

    def _open_object(self) -> None:
        top = self._stack[-1]
        if isinstance(top, _Object) and top.expects != "value":
            # Its closing brackets were forgotten, or it was no object at all: a new one begins here.
            self._abandon(keep=top.expects == "comma")
            self._stack.append(_Object(holds_names=True))
            self._state = self._in_structure
            return
        holds_names = top.key.strip().lower() in _HOLDER_KEYS and len(self._stack) <= 2
        self._stack.append(_Object(holds_names))

    def _open_array(self) -> None:
        top = self._stack[-1]
        if isinstance(top, _Object) and top.expects != "value":
            self._abandon(keep=top.expects == "comma")
        else:
            self._stack.append(_Array(top.key))

    def _close(self, character: str) -> None:
        wanted = _Object if character == "}" else _Array
        # A forgotten bracket of the other kind is closed along; one too many is passed over.
        if any(isinstance(part, wanted) for part in self._stack[-2:]):
            while not isinstance(self._stack[-1], wanted):
                self._close_top()
            self._close_top()

    def _close_top(self) -> None:
        top = self._stack.pop()
        value: Value
        if isinstance(top, _Array):
            value = top.items
        else:
            value = None if self._hand_out(top) else top.members
        if self._stack:
            self._set_value(value)
        else:
            self._end_root(counts=bool(value))

    def _end_root(self, *, counts: bool) -> None:
        """The outermost object is over; with `counts` it is one more that nothing came of, if so."""
        if counts and self._handed_out == self._handed_out_before:
            self.broken += 1
        self._handed_out_before = self._handed_out
        self._state = self._in_prose

    def _set_value(self, value: Value) -> None:
        top = self._stack[-1]
        if isinstance(top, _Array):
            top.items.append(value)
            return
        if top.expects != "value":
            return
        top.expects = "comma"
        key = top.key.strip().lower()
        if (
            isinstance(value, dict)
            and key not in _OWN_KEYS
            and says_something(value)
            and self._is_name(top.key)
        ):
            # Under a name, an object without one: `"BUKRS": {"alternatives": […]}`.
            self._hand({**value, "name": top.key})
            return
        if top.holds_names and isinstance(value, (str, list)):
            top.named.append((top.key, value))
        top.members.setdefault(key, value)

    def _pass_comma(self) -> None:
        top = self._stack[-1]
        if isinstance(top, _Object):
            if top.expects in ("comma", "key"):  # a comma too many is only one too many
                top.expects = "key"
            else:
                self._abandon(keep=False)

    def _pass_colon(self) -> None:
        top = self._stack[-1]
        if isinstance(top, _Object) and top.expects == "colon":
            top.expects = "value"
        else:
            self._abandon(keep=False)

    def _close_string(self) -> None:
        raw = "".join(self._pieces)
        self._pieces.clear()
        self._state = self._in_structure
        text = _unescape(raw) if "\\" in raw else raw
        self._pass_text(Quote(text, self._text_start, self._text_end))

    def _close_literal(self) -> None:
        word = "".join(self._pieces)
        self._pieces.clear()
        self._state = self._in_structure
        self._pass_text(word, is_literal=True)

    def _pass_text(self, text: str, *, is_literal: bool = False) -> None:
        top = self._stack[-1]
        if isinstance(top, _Array) or top.expects == "value":
            self._set_value(None if is_literal and text.lower() in ("null", "none") else text)
        elif top.expects == "key" or (top.expects == "comma" and not is_literal):
            top.key = text
            top.expects = "colon"
        else:
            # What follows a text that was broken by its own quotes: nothing of it is to be trusted.
            self._abandon(keep=False)

    def _abandon(self, *, keep: bool, counts: bool = True) -> None:
        """Gives up what is open. With `keep`, what lacks only its closing brackets counts as closed."""
        has_members = any(isinstance(part, _Object) and part.members for part in self._stack)
        if keep:
            while self._stack:
                self._close_top()
        else:
            self._stack.clear()
            self._end_root(counts=counts and has_members)

    def _hand_out(self, top: _Object) -> bool:
        """True where the object said something for itself and need not be kept for its holder."""
        members = top.members
        if says_something(members) and names_a_target(members):
            self._hand(members)
            return True
        if not top.named or (says_something(members) and says_why(members)):
            return False
        known = [(name, value) for name, value in top.named if value and self._is_name(name)]
        for name, value in known:
            self._hand({"name": name, "alternatives": value})
        return bool(known)

    def _hand(self, found: dict[str, Value]) -> None:
        self._handed_out += 1
        self.found.append(found)


def _unescape(raw: str) -> str:
    def replace(match: re.Match[str]) -> str:
        escape = match.group(1)
        if len(escape) == 5:
            return chr(int(escape[1:], 16))
        return _ESCAPED.get(escape, escape)

    text = _ESCAPE.sub(replace, raw)
    # Two escapes may be the halves of one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
