"""Which suggestions Review lists, and in which order. Of a hundred thousand, a decision moves one, and a
filter looks at each once; nothing is sorted anew for a key. It knows the session and draws nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import merge
from itertools import combinations, compress, product
from typing import overload

from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.drafting.model import Alternative, Band, Signal
from amx_tui.review.model import ReviewRow, State
from amx_tui.screens.run_rows import RunRows


class Kind(StrEnum):
    TABLES = "tables"
    COLUMNS = "columns"


class Order(StrEnum):
    PATH = "as in the schema"
    UNSURE = "least sure first"
    APART = "most disagreement first"
    LONG = "longest first"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person wants to see; None means all."""

    state: State | None = None
    band: Band | None = None
    kind: Kind | None = None
    schema: str | None = None
    table: Target | None = None
    redrafted: bool | None = None  # a new draft stands beside the decision
    words: str = ""
    order: Order = Order.PATH
    run: int | None = None

    @property
    def source(self) -> object:
        """What a list is made from; another one has to be made for another."""
        return self.order, self.run

    @property
    def is_filter(self) -> bool:
        return self != Wanted(order=self.order)

    def in_words(self, name_of: Callable[[Target], str]) -> str:
        """For the border of the list; "" where everything is shown in its usual order."""
        table = name_of(self.table) if self.table is not None else None
        run = f"run {self.run}" if self.run is not None else None
        again = "drafted again" if self.redrafted else None
        parts = [run, self.state, again, self.band, self.kind, self.schema, table]
        if self.order is not Order.PATH:
            parts.append(self.order)
        return ", ".join(str(part) for part in parts if part)


# What a row's state and the confidence of its first alternative are kept as; 0 is a row without one.
_STATES = tuple(State)
_CODES = {state: code for code, state in enumerate(_STATES)}
_TODO = _CODES[State.TODO]
_GONE = 255  # was listed once
_IS_TO_DO = bytes(code == _TODO for code in range(256))
_CONFIDENCES = tuple(product(Band, Signal))

Confidences = Mapping[tuple[Band, Signal] | None, int]


class Suggestions:
    """All rows of the session, or of one run, as they were when it was made, and what `update` was told of
    since.

    Making it costs about a second for 100 000 rows, and that of a run reads the store: in a thread then.
    `wanted` changes by `filter`.

    A target has a number from when it is first seen. What the list goes by is kept in columns, by these
    numbers: as an object for each row it would take as much memory as the rows.
    """

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session = session
        self.wanted = wanted
        self._of_run = RunRows(session, wanted.run) if wanted.run is not None else None
        self.counts: Counter[State] = Counter()
        self._numbers: dict[Target, int] = {}
        self._targets: list[Target] = []
        self._rows: list[ReviewRow] = []  # as they were when they were entered
        # What a filter by text looks at, in small letters: where a row is, and what is said of it.
        self._paths: list[str] = []
        self._said: list[str] = []
        self._words: set[str] = set()  # all that are said of any row
        self._measures = array("d")  # what the order goes by, then
        self._places = array("Q")  # where it stands in the catalog
        self._states = bytearray()
        self._confidences = bytearray()
        self._redrafted = bytearray()
        for row in tuple(self.rows.values()):
            self.counts[_STATES[self._states[self._enter(row)]]] += 1
        self._all = self._sorted(array("I", range(len(self._targets))))
        self._shown = self._fitting(self._all)

    @property
    def in_words(self) -> str:
        """What is listed of all; "" for everything in its usual order."""
        return self.wanted.in_words(self._session.index.name_of)

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, place: int) -> ReviewRow:
        return self.rows[self._targets[self._shown[place]]]

    def __iter__(self) -> Iterator[ReviewRow]:
        return (self.rows[self._targets[number]] for number in self._shown)

    @property
    def rows(self) -> Mapping[Target, ReviewRow]:
        """All that there are to list, listed or not."""
        return self._session.rows if self._of_run is None else self._of_run

    @property
    def total(self) -> int:
        return len(self._all)

    @property
    def redrafted(self) -> int:
        """How many have a new draft beside their decision."""
        return sum(map(self._redrafted.__getitem__, self._all))

    def at(self, place: int) -> ReviewRow | None:
        """What is listed there; None behind the end, and where the row went since `update`."""
        if place >= len(self._shown):
            return None
        return self.rows.get(self._targets[self._shown[place]])

    def state_of(self, row: ReviewRow) -> State:
        # Before the catalog is read, nobody knows what stands there.
        if not self._session.is_whole:
            return row.state
        return row.state_over(self._session.catalog.comment(row.target))

    def undecided(self) -> tuple[Sequence[ReviewRow], Confidences]:
        """What is listed and to do, whatever becomes of it later, and how many of each confidence there are;
        None is for those without a text."""
        is_to_do = self._states.translate(_IS_TO_DO)
        if len(self._shown) == self.counts[State.TODO] and self.wanted.state is State.TODO:
            # All there are: counted without looking each of them up.
            return self._kept(self._shown, compress(self._confidences, is_to_do))
        return self._kept(compress(self._shown, map(is_to_do.__getitem__, self._shown)))

    def these(self, targets: Iterable[Target]) -> tuple[Sequence[ReviewRow], Confidences]:
        """The same of these, as far as they are here."""
        known = (self._numbers.get(target) for target in targets if target in self.rows)
        return self._kept(number for number in known if number is not None)

    def _kept(
        self, numbers: Iterable[int], confidences: Iterable[int] | None = None
    ) -> tuple[Sequence[ReviewRow], Confidences]:
        kept = _Kept(list(self._rows), array("I", numbers))
        codes = bytes(confidences or [self._confidences[number] for number in kept.numbers])
        counts = {key: codes.count(code) for code, key in enumerate((None, *_CONFIDENCES))}
        return kept, counts

    def filter(self, wanted: Wanted) -> None:
        """Lists what is wanted now; another source needs another `Suggestions`."""
        assert wanted.source == self.wanted.source
        # Words that were only typed on leave out some more of what is listed.
        is_narrower = wanted.words.startswith(self.wanted.words) and wanted == _with_words(
            self.wanted, wanted.words
        )
        candidates = self._shown if is_narrower else self._all
        self.wanted = wanted
        self._shown = self._fitting(candidates)

    def update(self, targets: Iterable[Target]) -> None:
        """These rows are other ones, new, or gone."""
        for target in targets:
            number = self._numbers.get(target)
            if number is not None and self._take(self._all, number):
                self._take(self._shown, number)
                self.counts[_STATES[self._states[number]]] -= 1
            row = self.rows.get(target)
            if row is None:  # undone, and never drafted
                if number is not None:
                    self._states[number] = _GONE
                continue
            number = self._enter(row)
            self.counts[_STATES[self._states[number]]] += 1
            insort(self._all, number, key=self._key)
            if self._fitting(array("I", (number,))):
                insort(self._shown, number, key=self._key)

    def place_of(self, target: Target) -> int | None:
        """Where a target is listed."""
        number = self._numbers.get(target)
        return self._place_in(self._shown, number) if number is not None else None

    def next_undecided(self, target: Target) -> Target | None:
        """The first undecided one that is listed below `target`, else the first of all listed. Who lists
        what was drafted again, or what is in one state, such as later, decides on that."""
        if not self.counts[self._waiting_state] and not self.wanted.redrafted:
            return None
        known = self._numbers.get(target)
        start = self._start_in(self._shown, known) if known is not None else 0
        codes, waits = self._waiting
        for part in (self._shown[start:], self._shown[:start]):
            for number in part:
                if codes[number] == waits and number != known:
                    return self._targets[number]
        return None

    def first_undecided(self) -> int:
        codes, waits = self._waiting
        places = (place for place, number in enumerate(self._shown) if codes[number] == waits)
        return next(places, 0)

    @property
    def _waiting(self) -> tuple[bytearray, int]:
        """What tells of a number that a decision is still wanted, and with which code."""
        if self.wanted.redrafted:
            return self._redrafted, True
        return self._states, _CODES[self._waiting_state]

    @property
    def _waiting_state(self) -> State:
        return self.wanted.state or State.TODO

    # Numbers, in order. --------------------------------------------------------------------------

    def _enter(self, row: ReviewRow) -> int:
        """Writes down what the list goes by; the number of the row."""
        session, target = self._session, row.target
        first = row.suggestion.alternatives[0].confidence if row.suggestion.alternatives else None
        code = 1 + _CONFIDENCES.index((first.band, first.signal)) if first is not None else 0
        table, column = session.index.place_of(target)
        measure, place = _MEASURES[self.wanted.order](row), table << 32 | column
        state = _CODES[self.state_of(row)]
        words = _words_of(row)
        self._words |= words.keys()
        number = self._numbers.get(target)
        if number is None:
            number = self._numbers[target] = len(self._targets)
            self._targets.append(target)
            self._rows.append(row)
            self._paths.append(target.whole_path.lower())
            self._said.append(" ".join(words))
            self._measures.append(measure)
            self._places.append(place)
            self._states.append(state)
            self._confidences.append(code)
            self._redrafted.append(row.is_redrafted)
        else:
            self._rows[number], self._said[number] = row, " ".join(words)
            self._measures[number], self._places[number] = measure, place
            self._states[number], self._confidences[number] = state, code
            self._redrafted[number] = row.is_redrafted
        return number

    def _key(self, number: int) -> tuple[float, int, int]:
        return self._measures[number], self._places[number], number

    def _sorted(self, numbers: array[int]) -> array[int]:
        starts = range(0, len(numbers), SORTED_AT_ONCE)
        pieces = [sorted(numbers[at : at + SORTED_AT_ONCE], key=self._key) for at in starts]
        return array("I", merge(*pieces, key=self._key))

    def _start_in(self, numbers: array[int], number: int) -> int:
        return bisect_left(numbers, self._key(number), key=self._key)

    def _place_in(self, numbers: array[int], number: int) -> int | None:
        place = self._start_in(numbers, number)
        return place if place < len(numbers) and numbers[place] == number else None

    def _take(self, numbers: array[int], number: int) -> bool:
        place = self._place_in(numbers, number)
        if place is not None:
            del numbers[place]
        return place is not None

    def _fitting(self, numbers: array[int]) -> array[int]:
        """One wish after the other: each is then a loop that costs a hundredth of a second."""
        wanted, fitting = self.wanted, list(numbers)
        paths, said, targets = self._paths, self._said, self._targets
        for word in wanted.words.lower().split():
            # A name is mostly what no text has: then the texts, which are most of it, need no look.
            if any(word in known for known in self._words):
                fitting = [n for n in fitting if word in paths[n] or word in said[n]]
            else:
                fitting = [number for number in fitting if word in paths[number]]
        if wanted.state is not None:
            states, state = self._states, _CODES[wanted.state]
            fitting = [number for number in fitting if states[number] == state]
        if wanted.band is not None:
            codes = {code for code, (band, _) in enumerate(_CONFIDENCES, 1) if band is wanted.band}
            fitting = [number for number in fitting if self._confidences[number] in codes]
        if wanted.redrafted is not None:
            redrafted = self._redrafted
            fitting = [number for number in fitting if redrafted[number] == wanted.redrafted]
        if wanted.kind is not None:
            is_table = wanted.kind is Kind.TABLES
            fitting = [number for number in fitting if targets[number].is_table == is_table]
        if wanted.schema is not None:
            fitting = [number for number in fitting if targets[number].schema == wanted.schema]
        if wanted.table is not None:
            fitting = [number for number in fitting if targets[number].of_table == wanted.table]
        return array("I", fitting)


# One long sort would keep the interpreter, and so every key, for a tenth of a second, also in a thread.
SORTED_AT_ONCE = 5_000


class _Kept(Sequence[ReviewRow]):
    """Some of the rows, by their numbers."""

    def __init__(self, rows: Sequence[ReviewRow], numbers: Sequence[int]) -> None:
        self._rows = rows
        self.numbers = numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> ReviewRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ReviewRow]: ...
    def __getitem__(self, place: int | slice) -> ReviewRow | Sequence[ReviewRow]:
        if isinstance(place, slice):
            return _Kept(self._rows, self.numbers[place])
        return self._rows[self.numbers[place]]


def _with_words(wanted: Wanted, words: str) -> Wanted:
    return replace(wanted, words=words)


def _words_of(row: ReviewRow) -> dict[str, None]:
    """Each word once, in small letters: what is looked for has no spaces, and alternatives share most of
    their words."""
    texts = [alternative.text for alternative in row.suggestion.alternatives]
    return dict.fromkeys(" ".join([*texts, decided_text(row)]).lower().split())


def decided_text(row: ReviewRow) -> str:
    """What was decided, else what the model thinks first."""
    if row.decision is not None and row.decision.text:
        return row.decision.text
    alternatives = row.suggestion.alternatives
    return alternatives[0].text if alternatives else ""


def shown_alternative(row: ReviewRow) -> Alternative | None:
    """The one whose text the list shows; None for a person's own words, or those of an older draft."""
    alternatives = row.suggestion.alternatives
    decision = row.decision
    if decision is None or not decision.text:
        return alternatives[0] if alternatives else None
    number = decision.alternative
    if number is None or number >= len(alternatives) or alternatives[number].text != decision.text:
        return None
    return alternatives[number]


# What each order goes by; the smallest comes first. --------------------------------------------------

_RANKS = {Band.LOW: 0.0, Band.MEDIUM: 1.0, Band.HIGH: 2.0}


def _sureness(row: ReviewRow) -> float:
    alternatives = row.suggestion.alternatives
    if not alternatives:
        return -1.0
    confidence = alternatives[0].confidence
    return _RANKS[confidence.band] + (confidence.score or 0.0) / 2


def _agreement(row: ReviewRow) -> float:
    """0: no two alternatives share a word; 1: all have the same words, or there is only one."""
    words = [set(a.text.lower().split()) for a in row.suggestion.alternatives]
    shares = [len(one & other) / len(one | other or {""}) for one, other in combinations(words, 2)]
    return sum(shares) / len(shares) if shares else 1.0


_MEASURES: dict[Order, Callable[[ReviewRow], float]] = {
    Order.PATH: lambda row: 0.0,
    Order.UNSURE: _sureness,
    Order.APART: _agreement,
    Order.LONG: lambda row: -len(decided_text(row)),
}
