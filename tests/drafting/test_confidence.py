"""How sure a model was, by the probabilities of its tokens."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.model import Target
from amx_tui.drafting.confidence import TokenTrail, judge_score
from amx_tui.drafting.model import Band, Signal, Suggestion, Thresholds
from amx_tui.drafting.reader import AnswerReader

TARGET = Target("main", "T", "BUKRS")
OTHER = Target("main", "T", "WAERS")


def test_a_long_token_weighs_more_than_a_short_one() -> None:
    trail = TokenTrail()
    trail.add("ab", [(2, math.log(0.9))])
    trail.add("cdefgh", [(6, math.log(0.5))])
    assert trail.score(0, 8) == pytest.approx(0.9 ** (2 / 8) * 0.5 ** (6 / 8))


def test_a_token_counts_with_what_of_it_is_in_the_text() -> None:
    trail = TokenTrail()
    trail.add('"Code', [(5, math.log(0.25))])
    trail.add('s",', [(3, math.log(0.64))])
    # Codes
    assert trail.score(1, 6) == pytest.approx(0.25 ** (4 / 5) * 0.64 ** (1 / 5))


@pytest.mark.parametrize("place", [(0, 9), (2, 5), (5, 7), (7, 7)])
def test_a_text_with_a_token_that_nobody_told_has_no_score(place: tuple[int, int]) -> None:
    trail = TokenTrail()
    trail.add("abc", [(3, -0.1)])
    trail.add("def", [])
    trail.add("gh", [(2, -0.1)])
    assert trail.score(*place) is None
    assert trail.score(6, 8) == pytest.approx(math.exp(-0.1))


@pytest.mark.parametrize(
    ("score", "band"),
    [(1.0, Band.HIGH), (0.9, Band.HIGH), (0.89, Band.MEDIUM), (0.3, Band.MEDIUM), (0.2, Band.LOW)],
)
def test_the_profiles_thresholds_divide_the_bands(score: float, band: Band) -> None:
    confidence = judge_score(score, Thresholds(0.9, 0.3))
    assert (confidence.band, confidence.signal, confidence.score) == (band, Signal.LOGPROB, score)


def read(
    answer: str, logprobs: list[float | None], cuts: list[int], thresholds: Thresholds | None = None
) -> list[Suggestion]:
    """`answer` in pieces; each character is a token, with its log-probability where it is told."""
    reader = AnswerReader([TARGET, OTHER], thresholds=thresholds)
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(answer)], strict=True):
        told = logprobs[start:end]
        tokens = [(1, one) for one in told if one is not None]
        piece = answer[start:end]
        found += reader.feed(piece, tokens if len(tokens) == len(piece) else [])
    return found + reader.finish()


def line(column: str, *alternatives: tuple[str, str]) -> str:
    said = [{"text": text, "confidence": band} for text, band in alternatives]
    return json.dumps({"column": column, "alternatives": said}) + "\n"


def test_each_text_is_judged_by_its_own_tokens() -> None:
    answer = "Here you are:\n```json\n" + line("BUKRS", ("Company", "low"), ("A firm", "high"))
    answer += line("WAERS", ("Currency", "low"))
    logprobs: list[float | None] = [math.log(0.01)] * len(answer)
    for text, share in (("Company", 0.95), ("A firm", 0.6), ("Currency", 0.3)):
        start = answer.index(text)
        logprobs[start : start + len(text)] = [math.log(share)] * len(text)
    first, second = read(answer, logprobs, [10, 40])
    bands = [one.confidence.band for one in (*first.alternatives, *second.alternatives)]
    assert bands == [Band.HIGH, Band.MEDIUM, Band.LOW]
    scores = [one.confidence.score for one in (*first.alternatives, *second.alternatives)]
    assert scores == pytest.approx([0.95, 0.6, 0.3])
    assert all(one.confidence.signal is Signal.LOGPROB for one in first.alternatives)


def test_what_the_model_declares_counts_where_no_tokens_are_told() -> None:
    answer = line("BUKRS", ("Company", "medium"))
    (suggestion,) = read(answer, [None] * len(answer), [])
    confidence = suggestion.alternatives[0].confidence
    assert (confidence.band, confidence.signal, confidence.score) == (
        Band.MEDIUM,
        Signal.DECLARED,
        None,
    )


@given(st.data())
def test_however_the_answer_is_cut_the_scores_are_the_same(data: st.DataObject) -> None:
    words = st.text(st.sampled_from('ab"\\\n é会'), min_size=1, max_size=8)
    texts = data.draw(st.lists(words, min_size=1, max_size=3))
    answer = line("BUKRS", *((text, "low") for text in texts))
    logprobs: list[float | None] = list(
        data.draw(st.lists(st.floats(-3, 0), min_size=len(answer), max_size=len(answer)))
    )
    places = st.lists(st.integers(0, len(answer)), max_size=6)
    cut = read(answer, logprobs, sorted(data.draw(places)))
    whole = read(answer, logprobs, [])
    assert cut == whole
    for suggestion in whole:
        for alternative in suggestion.alternatives:
            assert alternative.confidence.signal is Signal.LOGPROB
            assert 0 < (alternative.confidence.score or 0) <= 1
