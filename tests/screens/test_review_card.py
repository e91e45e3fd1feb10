"""What the card of Review shows, for every text that a model, a database or a person may have written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Change, Outcome
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.review_card import difference
from amx_tui.widgets.page import Page
from tests.screens.test_many_at_once import open_review
from tests.snapshot.conftest import session_of, until

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


async def test_what_goes_and_what_comes_are_told_apart_without_colour(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for is_plain in (False, True):
        if is_plain:
            monkeypatch.setenv("NO_COLOR", "1")
        async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
            await open_review(pilot)
            session = session_of(pilot)
            card = pilot.app.screen.query_one("#card", Page)
            (target,) = [t for t in session.rows if t.path == card.border_title]
            text = session.rows[target].suggestion.alternatives[0].text
            first, _, rest = text.partition(" ")
            old = session.catalog.comment(target)
            (there,) = session.connector.write([Change(target, old, f"Once {rest}")])
            assert there.outcome is Outcome.WRITTEN
            await session.read_catalog()
            change = f"[-Once-] {{+{first}+}} {rest}" if is_plain else f"Once {first} {rest}"
            await until(pilot, lambda: change in card.text)  # noqa: B023


async def test_an_alternative_that_stands_there_already_is_said_to_be_the_same(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await open_review(pilot)
        session = session_of(pilot)
        card = pilot.app.screen.query_one("#card", Page)
        (target,) = [t for t in session.rows if t.path == card.border_title]
        second = session.rows[target].suggestion.alternatives[1].text
        assert "the same as now" not in card.text
        change = Change(target, session.catalog.comment(target), second)
        (there,) = session.connector.write([change])
        assert there.outcome is Outcome.WRITTEN
        await session.read_catalog()
        await until(pilot, lambda: "the same as now" in card.text)
        (line,) = [line for line in card.text.splitlines() if "the same as now" in line]
        assert line.strip().startswith("2 ")
