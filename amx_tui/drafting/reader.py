"""Reads suggestions out of an answer while it streams, whatever a model makes of the format.

It asks for JSON Lines, because a line that was cut off costs one target and not the whole answer; it
takes much more, because weak models do much else. It knows only the targets that were asked and the
text that came; nothing in that text can do more than become a suggestion to review.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.confidence import TokenTrail, judge_score
from amx_tui.drafting.model import Alternative, Band, Confidence, Suggestion, Thresholds
from amx_tui.drafting.objects import (
    ALTERNATIVES_KEYS,
    COLUMN_KEYS,
    CONFIDENCE_KEYS,
    NAME_KEYS,
    REASON_KEYS,
    TABLE_KEYS,
    TEXT_KEYS,
    ObjectParser,
    Quote,
    Value,
    first,
    first_text,
)

# More than that has no key on the review screen.
MOST_ALTERNATIVES = 5

# Where a declared confidence is a number, AMX's default bands divide it.
_HIGH_FROM = 0.75
_MEDIUM_FROM = 0.5


class AnswerReader:
    """Turns pieces of an answer into suggestions, each the moment its object closes.

    Any way of cutting the same text into pieces gives the same suggestions, no text raises, and the
    work is linear in the text. The first suggestion of a target wins.

    Args:
        targets: What was asked; anything else in the answer is dropped and counted.
        previous: The text that described a target when it was asked, where there was one.
        thresholds: What divides the scores of texts whose tokens' probabilities are told.
    """

    def __init__(
        self,
        targets: Iterable[Target],
        previous: Mapping[Target, str] | None = None,
        thresholds: Thresholds | None = None,
    ) -> None:
        self._thresholds = thresholds or Thresholds()
        self._trail = TokenTrail()
        self._targets = tuple(targets)
        self._previous = previous or {}
        self._names = _Names(self._targets)
        self._done: set[Target] = set()
        self._parser = ObjectParser(self._names.knows)
        self._unusable = 0

    @property
    def unusable(self) -> int:
        """How many things in the answer could not be used: unknown names, empty or broken objects."""
        return self._unusable + self._parser.broken

    @property
    def missing(self) -> tuple[Target, ...]:
        """The targets that no suggestion came for yet."""
        return tuple(target for target in self._targets if target not in self._done)

    def feed(self, text: str, logprobs: Sequence[tuple[int, float]] = ()) -> list[Suggestion]:
        """The suggestions that became complete with this piece; `logprobs` as in
        `amx_tui.llm.model.AnswerText`."""
        self._trail.add(text, logprobs)
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
            alternatives = self._read_alternatives(found, target) if target is not None else ()
            if target is None or not alternatives:
                self._unusable += 1  # it named nothing that was asked, or said nothing of it
            elif target not in self._done:
                self._done.add(target)
                previous = self._previous.get(target)
                suggestions.append(Suggestion(target, alternatives, previous))
        return suggestions

    def _read_alternatives(
        self, found: dict[str, Value], target: Target
    ) -> tuple[Alternative, ...]:
        value = first(found, ALTERNATIVES_KEYS) or first(found, TEXT_KEYS)
        entries: list[Value]
        if isinstance(value, list):
            entries = value
        elif isinstance(value, dict):  # {"1": …, "2": …}, or one alternative without its list
            entries = [value] if first_text(value, TEXT_KEYS) else list(value.values())
        else:
            entries = [value]
        alternatives: list[Alternative] = []
        known: set[str] = set()
        for entry in entries:
            facts = entry if isinstance(entry, dict) else {}
            said = entry if isinstance(entry, str) else first_text(facts, TEXT_KEYS)
            text = clean_description(said, target)
            if not text or text.casefold() in known:
                continue
            known.add(text.casefold())
            declared = first_text(facts, CONFIDENCE_KEYS) or first_text(found, CONFIDENCE_KEYS)
            reason = first_text(facts, REASON_KEYS) or first_text(found, REASON_KEYS)
            alternatives.append(Alternative(text, self._judge(said, declared), one_line(reason)))
        return tuple(alternatives[:MOST_ALTERNATIVES])

    def _judge(self, said: str, declared: str) -> Confidence:
        """By the probabilities of the text's own tokens; by the model's word where they are not told."""
        score = self._trail.score(said.start, said.end) if isinstance(said, Quote) else None
        return read_confidence(declared) if score is None else judge_score(score, self._thresholds)


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
            for name in {
                _fold(n) for n in (target.column or target.table, target.path, target.whole_path)
            }:
                # Two targets that differ only in case are told apart by their exact names alone.
                loose[name] = None if name in loose and loose[name] != target else target

    def find(self, found: dict[str, Value]) -> Target | None:
        column = first_text(found, COLUMN_KEYS)
        if column:
            return self._look_up(column, self._columns, self._loose_columns)
        name = first_text(found, NAME_KEYS)
        if name:
            return self._look_up_any(name)
        table = first_text(found, TABLE_KEYS)
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


# What an object says. ------------------------------------------------------------------------------


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
    return _strip_quotes(_without_name(line, target)) or line


# Before and behind a name that is repeated; the name itself is compared, because compiling a pattern
# for each target takes longer than all the rest of reading an answer.
_BEFORE_NAME = re.compile(r"(?:the\s+)?(?:column\s+|field\s+|table\s+)?[\"'“]?", re.IGNORECASE)
_BEHIND_NAME = re.compile(r"[\"'”]?\s*(?::|=|–|—|-(?=\s))\s*")


def _without_name(line: str, target: Target) -> str:
    """`line` without a prefix that only repeats the target's name."""
    begins = _BEFORE_NAME.match(line)
    rest = line[begins.end() :] if begins is not None else line
    if target.column:
        rest = _without_start(rest, f"{target.table}.") or rest
    behind = _without_start(rest, target.column or target.table)
    found = _BEHIND_NAME.match(behind) if behind is not None else None
    return line if behind is None or found is None else behind[found.end() :]


def _without_start(text: str, start: str) -> str | None:
    return text[len(start) :] if text[: len(start)].lower() == start.lower() else None


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
