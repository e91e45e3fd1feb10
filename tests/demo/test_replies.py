"""What the replayed model says covers the whole demo and is worth reading."""

from __future__ import annotations

import re
import sqlite3

from amx_tui.demo.model import Replay
from amx_tui.demo.replies import _read_answers, reply_for
from tests.demo.conftest import read_columns

_BANDS = ("high", "medium", "low")


def _all_replies(demo: sqlite3.Connection) -> dict[tuple[str, str], Replay | None]:
    return {
        (table, column): reply_for(table, column)
        for table, columns in read_columns(demo).items()
        for column in ("", *columns)
    }


def test_every_table_and_column_has_three_readings_and_a_thought(demo: sqlite3.Connection) -> None:
    for target, reply in _all_replies(demo).items():
        assert reply is not None, target
        assert len(reply.readings) == 3, target
        assert len(reply.thought.split()) >= 6, target
        for reading in reply.readings:
            assert 5 <= len(reading.text.split()) <= 25, (target, reading)
            assert reading.reason, target


def test_readings_of_a_target_differ_and_come_best_first(demo: sqlite3.Connection) -> None:
    for target, reply in _all_replies(demo).items():
        assert reply is not None
        assert len({reading.text for reading in reply.readings}) == 3, target
        ranks = [_BANDS.index(reading.band) for reading in reply.readings]
        assert ranks == sorted(ranks), target


def test_about_a_fifth_is_a_guess_and_some_say_unclear(demo: sqlite3.Connection) -> None:
    replies = [reply for reply in _all_replies(demo).values() if reply]
    low = sum(reply.readings[0].band == "low" for reply in replies)
    assert 0.15 <= low / len(replies) <= 0.25
    unclear = [r for r in replies if any(x.text.startswith("Unclear: ") for x in r.readings)]
    assert len(unclear) >= 3


def test_the_best_reading_of_different_columns_is_seldom_the_same(demo: sqlite3.Connection) -> None:
    texts = {
        (target[1], reply.readings[0].text)
        for target, reply in _all_replies(demo).items()
        if reply and target[1] != "MANDT"
    }
    assert len({text for _, text in texts}) == len(texts)


def test_a_tables_own_answer_wins_over_the_one_for_any_table() -> None:
    of_bseg, of_fakko = reply_for("BSEG", "BUKRS"), reply_for("FAKKO", "BUKRS")
    assert of_bseg and of_fakko and of_bseg != of_fakko
    assert reply_for("BSEG", "MANDT") == reply_for("FAKKO", "MANDT")
    assert reply_for("CRM_OPP", "MANDT") != reply_for("FAKKO", "MANDT")


def test_nothing_is_made_up_for_what_the_demo_does_not_know() -> None:
    assert reply_for("BSEG", "NEW_COLUMN") is None
    assert reply_for("NEW_TABLE", "") is None
    assert reply_for("NEW_TABLE", "MANDT") is None


def test_no_answer_is_for_a_column_that_is_not_there(demo: sqlite3.Connection) -> None:
    columns = read_columns(demo)
    for table, column in _read_answers():
        if table != "*" and column:
            assert column in columns[table], (table, column)


def test_other_columns_that_an_answer_names_exist(demo: sqlite3.Connection) -> None:
    columns = read_columns(demo)
    for target, reply in _all_replies(demo).items():
        assert reply is not None
        said = " ".join((reply.thought, *(f"{x.text} {x.reason}" for x in reply.readings)))
        for table, column in re.findall(r"\b([A-Z][A-Z0-9_]{2,})\.([A-Z][A-Z0-9_]+)\b", said):
            assert column in columns.get(table, ()), (target, table, column)


def test_the_null_shares_that_are_told_are_the_real_ones(demo: sqlite3.Connection) -> None:
    checked = 0
    for (table, column), reply in _all_replies(demo).items():
        assert reply is not None
        said = " ".join((reply.thought, *(reading.reason for reading in reply.readings)))
        for share in re.findall(r"(\d+) % null", said):
            empty = demo.execute(
                f"SELECT 100.0 * sum({column} IS NULL) / count(*) FROM {table}"
            ).fetchone()[0]
            assert abs(empty - int(share)) <= 0.5 + 1e-9, (table, column, empty, share)
            checked += 1
    assert checked > 40
