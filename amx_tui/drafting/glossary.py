"""Which of the team's terms go along with which request. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from amx_tui.catalog.model import Table
from amx_tui.evidence.model import Term

# Characters. A glossary that is no longer goes along whole, before all that differs from batch to batch, so
# that it costs little and tells how the team speaks; of a longer one, what a table's names are made of.
_WHOLE = 4_000
# Terms that go with one table.
_MOST = 40
_BETWEEN = re.compile(r"[\W_]+")
# CustomerId is made of Customer and Id.
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Glossary:
    """`whole` are the terms that go with every request, `of` those that a table has beside them."""

    def __init__(self, terms: Sequence[Term] = ()) -> None:
        size = sum(len(term.word) + len(term.meaning) for term in terms)
        self.whole: tuple[Term, ...] = tuple(terms) if size <= _WHOLE else ()
        self._by_word: dict[str, Term] = {}
        for term in () if self.whole else terms:
            self._by_word.setdefault(_fold(term.word), term)

    def of(self, table: Table) -> tuple[Term, ...]:
        """In the order of the table's names."""
        if not self._by_word:
            return ()
        found: dict[str, Term] = {}
        for name in (table.name, *(column.name for column in table.columns)):
            for word in _words(name):
                if word in self._by_word:
                    found.setdefault(word, self._by_word[word])
            if len(found) >= _MOST:
                break
        return tuple(found.values())[:_MOST]


def _words(name: str) -> Iterable[str]:
    """A name as a whole, then each of its parts."""
    parts = [part for part in _BETWEEN.split(_HUMP.sub("_", name)) if part]
    return dict.fromkeys((_fold(name), *map(str.casefold, parts)))


def _fold(word: str) -> str:
    return _BETWEEN.sub("", word).casefold()
