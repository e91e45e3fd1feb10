"""Reads suggestions out of an answer while it streams, whatever a model makes of the format.

It asks for JSON Lines, because a line that was cut off costs one target and not the whole answer; it
takes much more, because weak models do much else. It knows only the targets that were asked and the
text that came; nothing in that text can do more than become a suggestion to review.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Alternative, Band, Confidence, Suggestion

Value = None | str | list["Value"] | dict[str, "Value"]

# More than that has no key on the review screen.
MOST_ALTERNATIVES = 5

# Where a declared confidence is a number, AMX's default bands divide it.
_HIGH_FROM = 0.75
_MEDIUM_FROM = 0.5

_COLUMN_KEYS = ("column", "column_name", "field")
_TABLE_KEYS = ("table", "table_name")
_NAME_KEYS = ("name", "target")
_ALTERNATIVES_KEYS = ("alternatives", "readings", "suggestions", "descriptions", "options")
_TEXT_KEYS = ("text", "description", "alternative", "reading", "meaning", "comment", "value")
_CONFIDENCE_KEYS = ("confidence", "certainty", "band", "score")
_REASON_KEYS = ("reason", "reasoning", "why", "rationale", "evidence")
# Under these an object may hold `name: reading` pairs instead of a list of objects.
_HOLDER_KEYS = frozenset(("columns", "tables", "targets", "results", "descriptions", "suggestions"))
_OWN_KEYS = frozenset(
    (
        *_COLUMN_KEYS,
        *_TABLE_KEYS,
        *_NAME_KEYS,
        *_ALTERNATIVES_KEYS,
        *_TEXT_KEYS,
        *_CONFIDENCE_KEYS,
        *_REASON_KEYS,
    )
)


class AnswerReader:
    """Turns pieces of an answer into suggestions, each the moment its object closes.

    Any way of cutting the same text into pieces gives the same suggestions, no text raises, and the
    work is linear in the text. The first suggestion of a target wins.

    Args:
        targets: What was asked; anything else in the answer is dropped and counted.
        previous: The text that described a target when it was asked, where there was one.
    """

    def __init__(
        self, targets: Iterable[Target], previous: Mapping[Target, str] | None = None
    ) -> None:
        self._targets = tuple(targets)
        self._previous = previous or {}
        self._names = _Names(self._targets)
        self._done: set[Target] = set()
        self._parser = _Parser(self._names.knows)
        self._unusable = 0

    @property
    def unusable(self) -> int:
        """How many things in the answer could not be used: unknown names, empty or broken objects."""
        return self._unusable + self._parser.broken

    @property
    def missing(self) -> tuple[Target, ...]:
        """The targets that no suggestion came for yet."""
        return tuple(target for target in self._targets if target not in self._done)

    def feed(self, text: str) -> list[Suggestion]:
        """The suggestions that became complete with this piece."""
        self._parser.feed(text)
        return self._take()

    def finish(self, *, is_whole: bool = True) -> list[Suggestion]:
        """What is left. `is_whole` says that the model ended by itself: an object that lacks only its
        closing brackets then counts. In an answer that was cut off it does not: alternatives, or half
        of one, may be missing from it."""
        self._parser.finish(is_whole=is_whole)
        return self._take()

    def _take(self) -> list[Suggestion]:
        suggestions = []
        while self._parser.found:
            found = self._parser.found.popleft()
            target = self._names.find(found)
            alternatives = _read_alternatives(found, target) if target is not None else ()
            if target is None or not alternatives:
                self._unusable += 1  # it named nothing that was asked, or said nothing of it
            elif target not in self._done:
                self._done.add(target)
                previous = self._previous.get(target)
                suggestions.append(Suggestion(target, alternatives, previous))
        return suggestions


# Names. ------------------------------------------------------------------------------------------


class _Names:
    """Finds the target that an answer means: exactly, or in another case, quoted or qualified."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self._columns: dict[str, Target] = {}
        self._tables: dict[str, Target] = {}
        self._loose_columns: dict[str, Target | None] = {}
        self._loose_tables: dict[str, Target | None] = {}
        for target in targets:
            exact, loose = (
                (self._tables, self._loose_tables)
                if target.is_table
                else (self._columns, self._loose_columns)
            )
            exact.setdefault(target.column or target.table, target)
            qualified = f"{target.schema}.{target.path}"
            for name in {_fold(n) for n in (target.column or target.table, target.path, qualified)}:
                # Two targets that differ only in case are told apart by their exact names alone.
                loose[name] = None if name in loose and loose[name] != target else target

    def find(self, found: dict[str, Value]) -> Target | None:
        column = _first_text(found, _COLUMN_KEYS)
        if column:
            return self._look_up(column, self._columns, self._loose_columns)
        name = _first_text(found, _NAME_KEYS)
        if name:
            return self._look_up_any(name)
        table = _first_text(found, _TABLE_KEYS)
        return self._look_up(table, self._tables, self._loose_tables)

    def knows(self, name: str) -> bool:
        return self._look_up_any(name) is not None

    def _look_up_any(self, name: str) -> Target | None:
        return self._look_up(name, self._columns, self._loose_columns) or self._look_up(
            name, self._tables, self._loose_tables
        )

    @staticmethod
    def _look_up(
        name: str, exact: dict[str, Target], loose: dict[str, Target | None]
    ) -> Target | None:
        return exact.get(name) or loose.get(_fold(name))


_QUOTES = str.maketrans("", "", "\"'`[]")


def _fold(name: str) -> str:
    """A name without quotes, case and the white space around its parts."""
    if len(name) > 1_000:  # no database has such a name
        return ""
    return ".".join(part.strip() for part in name.translate(_QUOTES).casefold().split("."))


# What an object says. ----------------------------------------------------------------------------


def _first(found: dict[str, Value], keys: Iterable[str]) -> Value:
    return next((found[key] for key in keys if found.get(key) is not None), None)


def _first_text(found: dict[str, Value], keys: Iterable[str]) -> str:
    value = _first(found, keys)
    return value if isinstance(value, str) else ""


def _names_a_target(found: dict[str, Value]) -> bool:
    return bool(_first_text(found, (*_COLUMN_KEYS, *_TABLE_KEYS, *_NAME_KEYS)))


def _says_something(found: dict[str, Value]) -> bool:
    return any(key in found for key in (*_ALTERNATIVES_KEYS, *_TEXT_KEYS))


def _says_why(found: dict[str, Value]) -> bool:
    return any(key in found for key in (*_CONFIDENCE_KEYS, *_REASON_KEYS))


def _read_alternatives(found: dict[str, Value], target: Target) -> tuple[Alternative, ...]:
    value = _first(found, _ALTERNATIVES_KEYS) or _first(found, _TEXT_KEYS)
    entries: list[Value]
    if isinstance(value, list):
        entries = value
    elif isinstance(value, dict):  # {"1": …, "2": …}, or one alternative without its list
        entries = [value] if _first_text(value, _TEXT_KEYS) else list(value.values())
    else:
        entries = [value]
    alternatives: list[Alternative] = []
    known: set[str] = set()
    for entry in entries:
        facts = entry if isinstance(entry, dict) else {}
        text = entry if isinstance(entry, str) else _first_text(facts, _TEXT_KEYS)
        text = clean_description(text, target)
        if not text or text.casefold() in known:
            continue
        known.add(text.casefold())
        confidence = _first_text(facts, _CONFIDENCE_KEYS) or _first_text(found, _CONFIDENCE_KEYS)
        reason = _first_text(facts, _REASON_KEYS) or _first_text(found, _REASON_KEYS)
        alternatives.append(Alternative(text, read_confidence(confidence), one_line(reason)))
    return tuple(alternatives[:MOST_ALTERNATIVES])


def read_confidence(said: str) -> Confidence:
    """What a model says of itself. A word that means none of the three, or no word, counts as low:
    low is what reviewers look at first, and nothing unsaid is taken for certain."""
    word = said.strip().lower()
    try:
        score = float(word.removesuffix("%"))
    except ValueError:
        pass
    else:
        if word.endswith("%") or 1 < score <= 100:
            score /= 100
        if 0 <= score <= 1:
            band = Band.LOW
            if score >= _MEDIUM_FROM:
                band = Band.HIGH if score >= _HIGH_FROM else Band.MEDIUM
            return Confidence(band, score=score)
        return Confidence(Band.LOW)
    if word.startswith(("high", "very high")):
        return Confidence(Band.HIGH)
    if word.startswith(("medium", "moderate", "mid")):
        return Confidence(Band.MEDIUM)
    return Confidence(Band.LOW)


# Each is linear: what is between two marks never holds such a mark.
_EMPHASIS = (
    (re.compile(r"(?<!\w)\*{1,3}(?=\S)([^*]+)\*{1,3}(?!\w)"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\w)([^_]+)__(?!\w)"), r"\1"),
    (re.compile(r"`([^`]*)`"), r"\1"),
)
_BULLET = re.compile(r"^(?:[#>*•-]+\s+|\d[.)]\s+)")
_LABEL = re.compile(r"^(?:description|text|alternative)(?:[ _]?\d)?\s*:\s+", re.IGNORECASE)
_PAIRS = (('"', '"'), ("'", "'"), ("“", "”"), ("„", "“"), ("«", "»"), ("‘", "’"))


def clean_description(text: str, target: Target) -> str:
    """`text` as a description: one line, without control characters, Markdown emphasis, quotes around
    all of it, or a prefix that only repeats the target's name. Words are never cut."""
    line = one_line(text)
    for pattern, kept in _EMPHASIS:
        line = pattern.sub(kept, line)
    line = _BULLET.sub("", _strip_quotes(line), count=1)
    line = _LABEL.sub("", line, count=1)
    name = re.escape(target.column or target.table)
    qualifier = rf"(?:{re.escape(target.table)}\.)?" if target.column else ""
    prefix = re.compile(
        rf"^(?:the\s+)?(?:column\s+|field\s+|table\s+)?[\"'“]?{qualifier}{name}[\"'”]?\s*(?::|=|–|—|-(?=\s))\s*",
        re.IGNORECASE,
    )
    rest = prefix.sub("", line, count=1)
    return _strip_quotes(rest) or line


def _strip_quotes(line: str) -> str:
    line = line.strip()
    for opening, closing in _PAIRS:
        inner = line[1:-1]
        if (
            len(line) >= 2
            and line[0] == opening
            and line[-1] == closing
            and opening not in inner
            and closing not in inner
        ):
            return inner.strip()
    return line


# The text. ---------------------------------------------------------------------------------------

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


class _Parser:
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
        self._gap = ""  # white space after a quote that may be the end of its string

    def feed(self, text: str) -> None:
        if not text:
            return
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
            and _says_something(value)
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
        self._pass_text(_unescape(raw) if "\\" in raw else raw)

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
        if _says_something(members) and _names_a_target(members):
            self._hand(members)
            return True
        if not top.named or (_says_something(members) and _says_why(members)):
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
