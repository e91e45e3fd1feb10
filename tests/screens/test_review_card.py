"""What the card of Review shows, for every text that a model, a database or a person may have written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from amx_tui.screens.review_card import difference

TEXTS = st.lists(
    st.sampled_from(["the", "code", "of", "a", "company", "key", "x"]), max_size=12
).map(" ".join)


def read(old: str, new: str, without: str) -> str:
    """The words of the difference but for those in one ink."""
    pieces = difference(old, new)
    return " ".join("".join(words for words, ink in pieces if ink != without).split())


@given(TEXTS, TEXTS)
def test_the_difference_holds_both_texts_word_for_word(old: str, new: str) -> None:
    assert read(old, new, "new") == old
    assert read(old, new, "old") == new


def test_one_word_that_changed_stands_alone_between_those_that_stay() -> None:
    assert [piece for piece in difference("Key of the plant", "Code of the plant") if piece[1]] == [
        ("Key", "old"),
        ("Code", "new"),
    ]


def test_texts_with_little_in_common_are_not_mixed() -> None:
    old, new = "The code of the company to which it belongs", "Meaning of BUKRS"
    assert [piece for piece in difference(old, new) if piece[0] != " "] == [
        (old, "old"),
        (new, "new"),
    ]
