"""How sure a model was of a text, by the probabilities of its tokens. It knows neither targets nor the
format of an answer; where a text stands in the answer it is told."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from amx_tui.drafting.model import Band, Confidence, Signal, Thresholds


class TokenTrail:
    """The tokens of an answer, in its order; places are counted in its characters, from 0."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # where each entry ends
        self._logprobs: list[float | None] = []  # None for text whose tokens were not told
        self._at = 0

    def add(self, text: str, logprobs: Sequence[tuple[int, float]]) -> None:
        """The next piece of the answer: `text`, and of its tokens the characters and the natural
        logarithm of the probability, where they were told."""
        begin = self._at
        for size, logprob in logprobs:
            if size > 0:
                self._at += size
                self._ends.append(self._at)
                self._logprobs.append(logprob)
        if self._at < begin + len(text):
            self._at = begin + len(text)
            self._ends.append(self._at)
            self._logprobs.append(None)

    def score(self, start: int, end: int) -> float | None:
        """The geometric mean of the probabilities of the tokens from `start` to `end`, 0 to 1, each
        weighted with how many of its characters are in there; None where one of them is not known."""
        if start >= end or end > self._at:
            return None
        entry, at, weighted = bisect_right(self._ends, start), start, 0.0
        while at < end:
            logprob, until = self._logprobs[entry], min(self._ends[entry], end)
            if logprob is None:
                return None
            weighted += logprob * (until - at)
            at = until
            entry += 1
        return math.exp(weighted / (end - start))


def judge_score(score: float, thresholds: Thresholds) -> Confidence:
    """The confidence of a text of this score: `high` and `medium` from the thresholds on."""
    band = Band.LOW
    if score >= thresholds.medium:
        band = Band.MEDIUM
    if score >= thresholds.high:
        band = Band.HIGH
    return Confidence(band, Signal.LOGPROB, score)
