"""A list of any length of which only the pages that are seen are read. It knows neither whose rows they are
nor how they look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

PAGE = 100  # rows

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[_T]):
    """The numbers of all rows that have these words, and the rows that are seen first."""

    words: str
    numbers: tuple[int, ...]
    rows: Mapping[int, _T]


@dataclass(eq=False, slots=True)
class Paged(Generic[_T]):
    """`find` gives the numbers of the rows that have these words, `read` the rows of numbers; both block."""

    find: Callable[[str], tuple[int, ...]]
    read: Callable[[Sequence[int]], Mapping[int, _T]]
    numbers: tuple[int, ...] = ()
    words: str | None = None  # which all of them have; None: not read yet
    _rows: dict[int, _T] = field(default_factory=dict)
    _asked: set[int] = field(default_factory=set)  # pages

    def __len__(self) -> int:
        return len(self.numbers)

    def load(self, words: str, place: int) -> Loaded[_T]:
        """All numbers, with the rows of the first page and of the one about `place`; blocks."""
        numbers = self.find(words)
        begin = max(place - PAGE // 2, 0)
        seen = dict.fromkeys((*numbers[:PAGE], *numbers[begin : begin + PAGE]))
        return Loaded(words, numbers, self.read(tuple(seen)))

    def take(self, loaded: Loaded[_T]) -> None:
        self.words, self.numbers, self._rows = loaded.words, loaded.numbers, dict(loaded.rows)
        self._asked.clear()

    def at(self, place: int) -> _T | None:
        """The row at a place; None where it was not read yet, or is not there."""
        return self._rows.get(self.numbers[place]) if place < len(self.numbers) else None

    def place_of(self, number: int) -> int | None:
        return (
            self.numbers.index(number) if number in self._rows and number in self.numbers else None
        )

    def want(self, place: int) -> tuple[int, ...]:
        """The numbers of the page with this place; empty where it was wanted before."""
        page = place // PAGE
        if page in self._asked:
            return ()
        self._asked.add(page)
        return self.numbers[page * PAGE : (page + 1) * PAGE]

    def add(self, rows: Mapping[int, _T]) -> None:
        self._rows |= rows
