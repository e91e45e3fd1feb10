"""What leaves the machine of a row: shapes, or values without what is personal or secret."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.masking import mask
from amx_tui.catalog.model import Column
from amx_tui.catalog.sampling import Statistics, summarise, summarise_statistics
from amx_tui.config.model import Privacy


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("DE-4711 Köln", "AA-9999 Aaaa"),
        ("EUR", "AAA"),
        ("漢字٣", "aa9"),
        (4711, "9999"),
        (-12.5, "-99.9"),
        (3.14159265, "9.99"),
        (1e20, "9" * 20),
        (Decimal("1234.5678"), "9999.99"),
        (math.nan, "a"),
        (True, "a"),
        (date(2024, 1, 31), "9999-99-99"),
        (datetime(2024, 1, 31, 12, tzinfo=UTC), "9999-99-99 99:99:99+99:99"),
        (timedelta(minutes=5), "9:99:99"),
        (b"\xff\x00", "(binary)"),
        (None, ""),
        ("🐘\x1b[31m", "?"),
    ],
)
def test_shapes_keep_the_form_and_lose_the_content(value: object, shape: str) -> None:
    assert mask(value, Privacy.SHAPES) == shape


@given(
    st.one_of(st.text(), st.integers(), st.floats(), st.decimals(), st.datetimes(), st.booleans())
)
def test_no_letter_or_digit_of_a_value_survives_in_its_shape(value: object) -> None:
    shape = mask(value, Privacy.SHAPES)
    assert {sign for sign in shape if sign.isalnum()} <= {"a", "A", "9"}
    assert shape.isascii()


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none()))
def test_metadata_shows_nothing_at_all(value: object) -> None:
    assert mask(value, Privacy.METADATA) == ""


@pytest.mark.parametrize(
    "secret",
    [
        "jane.doe@example.com",
        "jürgen@müller.de",
        "+49 30 1234567",
        "+1-555-123-4567",
        "(030) 123 456-78",
        "030/1234567",
        "555-123-4567",
        "4111 1111 1111 1111",
        "4111111111111111",
        "378282246310005",
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "078-05-1120",
        "sk-abcdEFGH12345678",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-DEF_123",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "123e4567-e89b-12d3-a456-426614174000",
    ],
)
@pytest.mark.parametrize("around", ["{}", "call {} now", "<{}>,", "note: {};"])
def test_values_do_not_show_what_is_personal_or_secret(secret: str, around: str) -> None:
    shown = mask(around.format(secret), Privacy.VALUES)
    assert secret not in shown
    parts = secret.replace("@", " ").replace(".", " ").split()
    assert not any(part in shown for part in parts if len(part) > 4)
    assert shown.startswith(around.partition("{")[0])


def test_a_card_number_that_is_a_number_is_masked_too() -> None:
    assert mask(4111111111111111, Privacy.VALUES) == "9999999999999999"


def test_a_password_in_a_url_is_masked() -> None:
    assert "hunter2" not in mask("postgresql://app:hunter2@db/x", Privacy.VALUES)
    assert "hunter2" not in mask("x?password=hunter2&y=1", Privacy.VALUES)


@pytest.mark.parametrize(
    "plain",
    [
        "EUR",
        "4711",
        "0000004711",
        "2024-01-31",
        "2024-01-31 12:00:00",
        "1234567.89",
        "BSEG-BUKRS",
        "Invoice to Köln",
        "10.0.12.1",
        "A very long sentence about nothing in particular",
        "12/2024",
    ],
)
def test_values_show_what_is_neither_personal_nor_secret(plain: str) -> None:
    assert mask(plain, Privacy.VALUES) == plain


_LOCAL = st.from_regex(r"[b-z][b-z0-8.]{2,12}[b-z]", fullmatch=True)


@given(_LOCAL, st.from_regex(r"[b-z]{5,10}\.(com|de|org)", fullmatch=True), st.text(max_size=20))
def test_no_address_survives_whatever_stands_around_it(local: str, host: str, around: str) -> None:
    shown = mask(f"{around} {local}@{host} {around}", Privacy.VALUES)
    assert f"{local}@" not in shown
    assert f"@{host}" not in shown


def test_evidence_counts_what_it_saw_and_shows_the_most_frequent() -> None:
    columns = [Column("WAERS", "CHAR(5)"), Column("N", "INTEGER")]
    rows = [("EUR", 1), ("EUR", 2), ("USD", None), ("x" * 100, 4)]
    found = summarise(columns, rows, Privacy.VALUES)
    assert found["WAERS"].samples[0] == "EUR"
    assert found["WAERS"].distinct == 3
    assert found["WAERS"].null_share == 0
    assert len(found["WAERS"].samples[2]) == 60
    assert found["N"].null_share == 0.25
    shapes = summarise(columns, rows, Privacy.SHAPES)
    assert shapes["WAERS"].samples == ("AAA", "a" * 20)
    assert (found["N"].minimum, found["N"].maximum) == ("1", "4")
    assert (shapes["N"].minimum, shapes["N"].maximum) == ("9", "9")


def test_the_smallest_and_the_largest_value_obey_the_level_as_samples_do() -> None:
    columns = [Column("amount", "numeric(13,4)"), Column("mail", "text"), Column("day", "date")]
    rows = [
        ("9.5000", "bea@example.org", "2024-02-29"),
        ("12345.6789", "al@example.org", "1999-01-01"),
    ]
    values = summarise(columns, rows, Privacy.VALUES)
    assert (values["amount"].minimum, values["amount"].maximum) == ("9.5000", "12345.6789")
    assert (values["mail"].minimum, values["mail"].maximum) == ("aa@aaaaaaa.aaa", "aaa@aaaaaaa.aaa")
    shapes = summarise(columns, rows, Privacy.SHAPES)
    # As a number, not as a text: 9.5 is the smaller one. Only its magnitude is kept.
    assert (shapes["amount"].minimum, shapes["amount"].maximum) == ("9.99", "99999.99")
    assert (shapes["day"].minimum, shapes["day"].maximum) == ("9999-99-99", "9999-99-99")


def test_statistics_tell_the_whole_table() -> None:
    kept = Statistics(0.25, -0.5, ("4711", "12"), ("1", "99", "100000"))
    found = summarise_statistics(Column("n", "bigint"), kept, 1_000_000, Privacy.VALUES)
    assert (found.null_share, found.distinct) == (0.25, 500_000)
    assert found.samples[:2] == ("4711", "12")
    assert (found.minimum, found.maximum) == ("1", "100000")
    unknown = summarise_statistics(Column("n", "bigint"), kept, None, Privacy.SHAPES)
    assert unknown.distinct is None  # a share of nobody knows how many
    assert (unknown.minimum, unknown.maximum) == ("9", "999999")


def test_no_rows_are_no_evidence() -> None:
    found = summarise([Column("a", "TEXT")], [], Privacy.VALUES)["a"]
    assert (found.null_share, found.distinct, found.samples) == (None, None, ())
