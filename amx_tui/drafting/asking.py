"""What of a batch is asked again after an answer that did not bring all of it, and how often. It decides;
it asks nothing itself."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum, auto

from amx_tui.catalog.model import Target
from amx_tui.llm.model import Failure, FailureKind

# Requests of one batch beyond its first: an answer that is cut, or that leaves targets out, is worth
# asking for the rest, but not for ever.
MOST_FURTHER_CALLS = 2
# Requests of one batch that look for the target that a content filter refuses: halving finds one among
# ten with eight. Where there are several, what is left is marked without being asked any more.
MOST_SEARCH_CALLS = 8
# Requests of one batch that halve what is too long for the model's context; a refusal costs nothing, and
# fourteen go down to an eighth of it.
MOST_SPLIT_CALLS = 14


class _Purpose(Enum):
    """What a further request is for; each has its own limit."""

    REST = auto()
    SPLIT = auto()
    SEARCH = auto()


_MOST = {
    _Purpose.REST: MOST_FURTHER_CALLS,
    _Purpose.SPLIT: MOST_SPLIT_CALLS,
    _Purpose.SEARCH: MOST_SEARCH_CALLS,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended. `is_cut`: the answer reached its length limit; `is_capped`: the spending cap
    ended it, or kept it from being asked."""

    failure: Failure | None
    is_cut: bool = False
    is_capped: bool = False

    @property
    def is_whole(self) -> bool:
        return self.failure is None and not self.is_cut and not self.is_capped

    def failed_by(self, kind: FailureKind) -> bool:
        return self.failure is not None and self.failure.kind is kind


class Asking:
    """The requests of one batch for `wanted`. Iterate it, and `note` how each of them ended: that adds
    what is asked again.

    Attributes:
        refused: what a content filter does not let through, found so far.
        is_cut: an answer had no room for all that it was asked for, and the rest is not asked again.
    """

    def __init__(self, wanted: tuple[Target, ...]) -> None:
        self.refused: list[Target] = []
        self.is_cut = False
        self._wanted = wanted
        self._next = deque([wanted])
        self._left = dict(_MOST)
        self._failure: Failure | None = None
        self._refusal: Failure | None = None
        self._is_halved = False
        self._has_asked_for_rest = False

    def __iter__(self) -> Asking:
        return self

    def __next__(self) -> tuple[Target, ...]:
        """What the next request asks for."""
        if not self._next:
            raise StopIteration
        return self._next.popleft()

    def note(self, asked: tuple[Target, ...], rest: tuple[Target, ...], answer: Answer) -> int:
        """A request for `asked` has ended and left `rest` out; how many requests ask for that again."""
        is_refused = answer.failed_by(FailureKind.CONTENT_FILTERED)
        if not is_refused:
            # Of two halves, the failure of one is not undone by the other.
            self._failure = answer.failure or (self._failure if self._is_halved else None)
        purpose, again = self._choose(asked, rest, answer)
        if not again or len(again) > self._left[purpose]:
            if is_refused:  # the offender, or what is too dear to search
                self._refusal = answer.failure
                self.refused += rest
            self.is_cut = self.is_cut or (answer.is_cut and bool(rest))
            return 0
        self._left[purpose] -= len(again)
        self._is_halved = self._is_halved or len(again) > 1
        self._has_asked_for_rest = self._has_asked_for_rest or answer.is_whole
        self._next.extendleft(reversed(again))
        return len(again)

    def failure(self, missing: tuple[Target, ...]) -> Failure | None:
        """Why the batch failed that ended without `missing`; None where it did not fail."""
        if self._failure is None and len(self.refused) == len(self._wanted):
            return self._refusal
        return self._failure if set(missing).difference(self.refused) else None

    def _choose(
        self, asked: tuple[Target, ...], rest: tuple[Target, ...], answer: Answer
    ) -> tuple[_Purpose, list[tuple[Target, ...]]]:
        if not rest:
            return _Purpose.REST, []
        if answer.failed_by(FailureKind.CONTENT_FILTERED):
            return _Purpose.SEARCH, _halve(rest)
        if answer.failed_by(FailureKind.CONTEXT_OVERFLOW):
            return _Purpose.SPLIT, _halve(rest)
        if answer.is_cut and len(rest) == len(asked):
            # As it is, it would only be cut again; half of it may fit.
            return _Purpose.REST, _halve(rest)
        if answer.failure is not None:
            return _Purpose.REST, [rest] if answer.failure.is_retried else []
        is_worth_it = answer.is_cut or not self._has_asked_for_rest
        return _Purpose.REST, [rest] if is_worth_it else []


def _halve(targets: tuple[Target, ...]) -> list[tuple[Target, ...]]:
    """Two halves; none where there is nothing to halve."""
    half = len(targets) // 2
    return [targets[:half], targets[half:]] if half else []
