"""Chooses the passages that tell most of a table: those in which its names stand as words, and where
there are too few, what is like it by BM25. Deterministic: the same files give the same passages."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import islice

from amx_tui.catalog.model import Table
from amx_tui.evidence.index import Index
from amx_tui.evidence.model import Passage

# A table may have that many, as far as they fit what a prompt has room for.
MOST_PASSAGES = 5
# A name that stands in more passages than this tells nothing by itself.
_COMMON = 400
_COMMON_TABLE = 5_000
# The table's own name weighs as much as this many of its columns'.
_TABLE_WEIGHT = 2.0
# What a name weighs that better passages have already, for each of them.
_REPEATED = 0.5
# A list of names tells nothing of them: to tell of one takes about that many other words.
_WORDS_A_NAME = 3
# Up to that share of it, a passage is nothing but a list.
_LIST = 0.1
# Passages that are looked at, of those that hold names.
_LOOKED_AT = 200
# Passages that BM25 is asked for, and words of a name that are worth asking for.
_RANKED = 12
_SHORTEST_WORD = 4
_MOST_WORDS = 24
_WORD = re.compile(r"\w+")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")


class Retrieval:
    """Finds passages in one state of an index, and remembers what it looked up for it: the same
    columns are in many tables. `size` is the number of passages in it."""

    def __init__(self, index: Index, size: int) -> None:
        self._index = index
        self._size = max(size, 1)
        self._holding: dict[tuple[str, int], list[int]] = {}

    def find(self, table: Table) -> tuple[Passage, ...]:
        """The best passages for `table`, best first.

        Raises:
            EvidenceProblem: the index cannot be read.
        """
        exact = self._find_exact(table)
        chosen = list(exact.values())
        if len(chosen) < MOST_PASSAGES:
            chosen += self._find_like(table, set(exact), MOST_PASSAGES - len(chosen))
        return tuple(chosen)

    def _find_exact(self, table: Table) -> dict[int, Passage]:
        weights: dict[str, float] = {}
        candidates: dict[int, set[str]] = {}
        about = self._look_up(table.name, _COMMON_TABLE)
        own = table.name.casefold()
        if len(about) < _COMMON_TABLE:
            weights[own] = _TABLE_WEIGHT * self._rarity(len(about))
        if len(about) <= _COMMON:
            candidates.update((number, {own}) for number in about)
        for column in table.columns:
            name = column.name.casefold()
            numbers = self._look_up(column.name, _COMMON + 1)
            if name in weights or len(numbers) > _COMMON:
                continue
            weights[name] = self._rarity(len(numbers))
            for number in numbers:
                candidates.setdefault(number, set()).add(name)
        if own in weights:
            for number in about:
                if number in candidates:
                    candidates[number].add(own)
        telling = {column.name.casefold() for column in table.columns if _is_telling(column.name)}
        candidates = {
            number: names
            for number, names in candidates.items()
            if own in names or len(names) > 1 or names & telling
        }
        return self._choose(candidates, weights)

    def _choose(
        self, candidates: dict[int, set[str]], weights: dict[str, float]
    ) -> dict[int, Passage]:
        """One after another, the passage that adds most to what those before it say."""
        passages = self._index.passages(_best(candidates, weights))
        shares = {
            number: _share_told(passage, candidates[number]) for number, passage in passages.items()
        }
        chosen: dict[int, Passage] = {}
        passages = {number: one for number, one in passages.items() if shares[number] > _LIST}
        told = dict.fromkeys(weights, 0.0)  # how often each name is told of already

        def worth(number: int) -> float:
            names = candidates[number]
            return shares[number] ** 2 * math.fsum(
                weights[name] * _REPEATED ** told[name] for name in names
            )

        while passages and len(chosen) < MOST_PASSAGES:
            best = min(passages, key=lambda number: (-worth(number), *_order(passages[number])))
            chosen[best] = passages[best]
            for name in candidates[best]:
                told[name] += shares[best]
            passages = {
                number: passage
                for number, passage in passages.items()
                if passage.text != chosen[best].text
            }
        return chosen

    def _find_like(self, table: Table, without: set[int], most: int) -> list[Passage]:
        """By the words of its names and comment: at least two of a passage's words have to be of the
        table itself, or one of it and one of its columns."""
        of_table = _words_of([table.name, table.comment or ""])
        of_columns = _words_of([column.name for column in table.columns])
        terms = [word for word in of_table if len(self._look_up(word, _COMMON + 1)) <= _COMMON]
        if not terms:
            return []
        more = [word for word in of_columns if word not in terms]
        numbers = self._index.ranked([*terms, *more][:_MOST_WORDS], _RANKED)
        passages = self._index.passages([number for number in numbers if number not in without])
        found = []
        for number, passage in passages.items():
            said = set(_split(f"{passage.path} {passage.heading} {passage.text}"))
            hits = said & set(terms)
            if hits and len(hits | (said & set(more))) > 1:
                found.append(passages[number])
        return found[:most]

    def _look_up(self, term: str, most: int) -> list[int]:
        place = (term.casefold(), most)
        if place not in self._holding:
            self._holding[place] = self._index.holding(term, most)
        return self._holding[place]

    def _rarity(self, count: int) -> float:
        return math.log(1 + self._size / max(count, 1))


def _best(candidates: dict[int, set[str]], weights: dict[str, float]) -> list[int]:
    """Those that are worth looking at; a cut among equals would depend on their numbers, which
    depend on when a file was read, so that equals stay together."""

    def worth(number: int) -> float:
        return math.fsum(weights[name] for name in candidates[number])

    ordered = sorted(candidates, key=lambda number: -worth(number))
    if len(ordered) <= _LOOKED_AT:
        return ordered
    least = worth(ordered[_LOOKED_AT - 1])
    return [number for number in ordered if worth(number) >= least]


def _share_told(passage: Passage, names: set[str]) -> float:
    """How much of a passage is more than its names, 0 to 1."""
    enough = _WORDS_A_NAME * len(names)
    words = (match[0].casefold() for match in _WORD.finditer(passage.text))
    others = islice((word for word in words if word not in names), enough)
    return sum(1 for _ in others) / enough


def _order(passage: Passage) -> tuple[str, int, int]:
    return passage.path, passage.page or 0, passage.line


def _is_telling(name: str) -> bool:
    """Whether a name is no word of every day: found alone, it is still this column. `BUKRS`, `ship_dt`,
    `PSTLZ2`, but not `name` or `Status`."""
    return "_" in name or any(sign.isdigit() for sign in name) or (len(name) > 3 and name.isupper())


def _split(text: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(text)]


def _words_of(names: Sequence[str]) -> list[str]:
    """The words that names are made of, each once, in their order."""
    words = [word for name in names for word in _split(name) if len(word) >= _SHORTEST_WORD]
    return list(dict.fromkeys(words))
