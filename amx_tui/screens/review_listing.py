"""Which suggestions Review lists, and in which order. Of a hundred thousand, a decision moves one, and a
filter looks at each once; nothing is sorted anew for a key. It knows the session and draws nothing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from heapq import merge
from itertools import chain, combinations
from operator import attrgetter

from amx_tui.catalog.model import Target
from amx_tui.commands.session import Session
from amx_tui.drafting.model import Alternative, Band
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

    def in_words(self) -> str:
        """For the border of the list; "" where everything is shown in its usual order."""
        table = self.table.table if self.table is not None else None
        run = f"run {self.run}" if self.run is not None else None
        again = "drafted again" if self.redrafted else None
        parts = [run, self.state, again, self.band, self.kind, self.schema, table]
        if self.order is not Order.PATH:
            parts.append(self.order)
        return ", ".join(str(part) for part in parts if part)


@dataclass(eq=False, slots=True)
class _Entry:
    target: Target
    key: tuple[float, int, int, Target]
    text: str  # all that a filter by text looks at, in small letters
    state: State
    band: Band | None
    is_redrafted: bool


class Suggestions:
    """All rows of the session, or of one run, as they were when it was made, and what `update` was told of
    since.

    Making it costs about a second for 100 000 rows, and that of a run reads the store: in a thread then.
    `wanted` changes by `filter`.
    """

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self._session = session
        self.wanted = wanted
        self._of_run = RunRows(session, wanted.run) if wanted.run is not None else None
        self.counts: Counter[State] = Counter()
        self._of: dict[Target, _Entry] = {}
        for row in tuple(self.rows.values()):
            entry = self._of[row.target] = self._entry(row)
            self.counts[entry.state] += 1
        self._all = _sorted(list(self._of.values()))
        self._shown = self._fitting(self._all)

    def __len__(self) -> int:
        return len(self._shown)

    def __getitem__(self, place: int) -> ReviewRow:
        return self.rows[self._shown[place].target]

    def __iter__(self) -> Iterator[ReviewRow]:
        return (self.rows[entry.target] for entry in self._shown)

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
        return sum(entry.is_redrafted for entry in self._all)

    def state_of(self, target: Target) -> State:
        return self._of[target].state

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
            old = self._of.pop(target, None)
            if old is not None:
                self.counts[old.state] -= 1
                _remove(self._all, old)
                _remove(self._shown, old)
            row = self.rows.get(target)
            if row is None:  # undone, and never drafted
                continue
            new = self._of[target] = self._entry(row)
            self.counts[new.state] += 1
            insort(self._all, new, key=_key)
            if self._fitting([new]):
                insort(self._shown, new, key=_key)

    def place_of(self, target: Target) -> int | None:
        """Where a target is listed."""
        entry = self._of.get(target)
        if entry is None:
            return None
        place = bisect_left(self._shown, entry.key, key=_key)
        is_there = place < len(self._shown) and self._shown[place] is entry
        return place if is_there else None

    def next_undecided(self, target: Target) -> Target | None:
        """The first undecided one that is listed below `target`, else the first of all listed. Who lists
        what was drafted again decides on that."""
        entry = self._of.get(target)
        start = bisect_left(self._shown, entry.key, key=_key) if entry is not None else 0
        order = chain(range(start, len(self._shown)), range(start))
        found = (self._shown[place] for place in order)
        following = (e.target for e in found if self._waits(e) and e.target != target)
        return next(following, None)

    def first_undecided(self) -> int:
        places = (place for place, e in enumerate(self._shown) if self._waits(e))
        return next(places, 0)

    def _waits(self, entry: _Entry) -> bool:
        return entry.state is State.TODO or bool(self.wanted.redrafted and entry.is_redrafted)

    # Of one row. ---------------------------------------------------------------------------------

    def _entry(self, row: ReviewRow) -> _Entry:
        session, target = self._session, row.target
        first = row.suggestion.alternatives[0] if row.suggestion.alternatives else None
        return _Entry(
            target,
            (_MEASURES[self.wanted.order](row), *session.index.place_of(target), target),
            _text_of(row),
            # Before the catalog is read, nobody knows what stands there.
            row.state_over(session.catalog.comment(target)) if session.is_whole else row.state,
            first.confidence.band if first is not None else None,
            row.is_redrafted,
        )

    def _fitting(self, entries: list[_Entry]) -> list[_Entry]:
        """One wish after the other: each is then a loop that costs a hundredth of a second."""
        wanted = self.wanted
        for word in wanted.words.lower().split():
            entries = [entry for entry in entries if word in entry.text]
        if wanted.state is not None:
            entries = [entry for entry in entries if entry.state is wanted.state]
        if wanted.band is not None:
            entries = [entry for entry in entries if entry.band is wanted.band]
        if wanted.redrafted is not None:
            entries = [entry for entry in entries if entry.is_redrafted == wanted.redrafted]
        if wanted.kind is not None:
            is_table = wanted.kind is Kind.TABLES
            entries = [entry for entry in entries if entry.target.is_table == is_table]
        if wanted.schema is not None:
            entries = [entry for entry in entries if entry.target.schema == wanted.schema]
        if wanted.table is not None:
            entries = [entry for entry in entries if entry.target.of_table == wanted.table]
        return list(entries) if entries is self._all else entries


_key = attrgetter("key")

# One long sort would keep the interpreter, and so every key, for a tenth of a second, also in a thread.
SORTED_AT_ONCE = 5_000


def _sorted(entries: list[_Entry]) -> list[_Entry]:
    starts = range(0, len(entries), SORTED_AT_ONCE)
    pieces = [sorted(entries[at : at + SORTED_AT_ONCE], key=_key) for at in starts]
    return pieces[0] if len(pieces) == 1 else list(merge(*pieces, key=_key))


def _remove(entries: list[_Entry], entry: _Entry) -> None:
    place = bisect_left(entries, entry.key, key=_key)
    if place < len(entries) and entries[place] is entry:
        del entries[place]


def _with_words(wanted: Wanted, words: str) -> Wanted:
    return replace(wanted, words=words)


def _text_of(row: ReviewRow) -> str:
    """Each word once: what is looked for has no spaces, and alternatives share most of their words."""
    target = row.target
    texts = [alternative.text for alternative in row.suggestion.alternatives]
    said = " ".join([f"{target.schema}.{target.path}", *texts, decided_text(row)])
    return " ".join(dict.fromkeys(said.lower().split()))


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
