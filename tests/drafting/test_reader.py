from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Band, Suggestion
from amx_tui.drafting.reader import AnswerReader, clean_description, read_confidence

TABLE = Target("main", "BSEG")
NAMES = ("MANDT", "BUKRS", "BELNR", "GJAHR")
COLUMNS = tuple(Target("main", "BSEG", name) for name in NAMES)
TARGETS = (TABLE, *COLUMNS)


def read(answer: str, piece: int = 0, *, is_whole: bool = True) -> tuple[list[Suggestion], int]:
    reader = AnswerReader(TARGETS)
    found = []
    for start in range(0, len(answer), piece or len(answer) or 1):
        found += reader.feed(answer[start : start + (piece or len(answer))])
    found += reader.finish(is_whole=is_whole)
    return found, reader.unusable


def texts(answer: str) -> dict[str, list[str]]:
    found, _ = read(answer)
    return {
        one.target.path: [alternative.text for alternative in one.alternatives] for one in found
    }


def line(name: str, *words: str, key: str = "column") -> str:
    readings = [{"text": word, "confidence": "high", "reason": "its name"} for word in words]
    return json.dumps({key: name, "alternatives": readings}, ensure_ascii=False)


def test_a_suggestion_is_there_the_moment_its_last_character_arrives() -> None:
    reader = AnswerReader(TARGETS, {COLUMNS[0]: "as it was"})
    answer = line("MANDT", "Client")
    assert reader.feed(answer[:-1]) == []
    (suggestion,) = reader.feed(answer[-1])
    assert suggestion.target == COLUMNS[0]
    assert suggestion.previous == "as it was"
    (alternative,) = suggestion.alternatives
    assert (alternative.text, alternative.reason) == ("Client", "its name")
    assert alternative.confidence.band is Band.HIGH
    assert reader.missing == (TABLE, *COLUMNS[1:])


GOOD = {"BSEG": ["Segment"], "BSEG.MANDT": ["Client", "Tenant"], "BSEG.BUKRS": ["Company code"]}
LINES = (
    line("BSEG", "Segment", key="table"),
    line("MANDT", "Client", "Tenant"),
    line("BUKRS", "Company code"),
)
WRAPPED = {
    "JSON lines": "\n".join(LINES),
    "in another order": "\n".join(reversed(LINES)),
    "one after another": "".join(LINES),
    "an array": f"[{', '.join(LINES)}]",
    "one object": '{"results": [' + ",".join(LINES) + "]}",
    "a code fence": "Here it is:\n```json\n" + "\n".join(LINES) + "\n```\nI hope that helps.",
    "trailing commas": "[" + ",\n".join(one.replace("}]", "},]") + "," for one in LINES) + "]",
    "after thinking": "<think>{"
    + LINES[2].replace("Company", "Wrong")
    + "</think>"
    + "".join(LINES),
    "spread over lines": "\n".join(json.dumps(json.loads(one), indent=2) for one in LINES),
    "prose with brackets": 'Notes [1] on {the table}: it\'s a "ledger"\n' + "\n".join(LINES),
    "an unclosed brace before": "Well { here:\n" + "\n".join(LINES),
    "a list": "\n".join(f"- {one}" for one in LINES),
    "wrong case": "\n".join(LINES).replace("BUKRS", "bukrs").replace('"column"', '"Column"'),
    "quoted and qualified": "\n".join(LINES).replace("BUKRS", r"\"BSEG\".\"BUKRS\""),
    "fully qualified": "\n".join(LINES).replace("BUKRS", "main.bseg.bukrs"),
    "closing brackets forgotten": "\n".join(one[:-1] for one in LINES),
    "names as keys": json.dumps(
        {"BSEG": ["Segment"], "MANDT": ["Client", "Tenant"], "BUKRS": "Company code"}
    ),
    "names as keys of objects": json.dumps(
        {
            "columns": {
                "BSEG": {"alternatives": ["Segment"]},
                "MANDT": {"alternatives": [{"text": "Client"}, {"text": "Tenant"}]},
                "BUKRS": {"description": "Company code", "confidence": "low"},
            }
        }
    ),
    "other words for the same": "\n".join(LINES)
    .replace('"text"', '"description"')
    .replace('"alternatives"', '"suggestions"')
    .replace('"column"', '"name"'),
    "bare words": "\n".join(LINES)
    .replace('"column"', "column")
    .replace('"alternatives"', "alternatives"),
}


@pytest.mark.parametrize("answer", WRAPPED.values(), ids=WRAPPED.keys())
def test_an_answer_is_read_however_it_is_wrapped(answer: str) -> None:
    assert texts(answer) == GOOD
    for piece in (1, 2, 7):
        assert read(answer, piece) == read(answer)


@given(
    answer=st.sampled_from(sorted(WRAPPED.values())),
    cuts=st.lists(st.integers(0, 800), max_size=12),
)
def test_any_cut_of_an_answer_gives_the_same_suggestions(answer: str, cuts: list[int]) -> None:
    reader = AnswerReader(TARGETS)
    places = [0, *sorted(cuts), len(answer)]
    found = [one for start, end in pairwise(places) for one in reader.feed(answer[start:end])]
    found += reader.finish()
    assert found == read(answer)[0]


STRUCTURE = st.text('{}[]:,"\\\n \t`<>/think', max_size=60)
WORDS = st.sampled_from(
    (
        "{",
        "}",
        '"column":',
        '"BUKRS"',
        '"alternatives":[',
        '{"text":"',
        '"}]}',
        "<think>",
        "\n",
        ",",
    )
)


@given(
    parts=st.lists(st.text(max_size=30) | STRUCTURE | WORDS, max_size=20),
    piece=st.integers(1, 40),
    is_whole=st.booleans(),
)
@settings(max_examples=400)
def test_no_text_at_all_raises_and_no_cut_of_it_matters(
    parts: list[str], piece: int, is_whole: bool
) -> None:
    answer = "".join(parts)
    assert read(answer, piece, is_whole=is_whole) == read(answer, is_whole=is_whole)


@given(
    values=st.lists(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=60).filter(str.strip),
        min_size=1,
        max_size=4,
    ),
    as_ascii=st.booleans(),
)
def test_what_a_model_writes_in_valid_json_comes_through(values: list[str], as_ascii: bool) -> None:
    answer = "\n".join(
        json.dumps({"column": name, "alternatives": [{"text": value}]}, ensure_ascii=as_ascii)
        for name, value in zip(NAMES, values, strict=False)
    )
    found, _ = read(answer, 3)
    expected = [
        (column, clean_description(value, column))
        for column, value in zip(COLUMNS, values, strict=False)
        if clean_description(value, column)
    ]
    assert [(one.target, one.alternatives[0].text) for one in found] == expected


def test_of_a_cut_answer_only_what_is_complete_counts() -> None:
    answer = "\n".join(LINES)
    cut = answer[: answer.index("Tenant") - 3]
    assert [one.target for one in read(cut, is_whole=False)[0]] == [TABLE]
    # One that ended by itself only forgot to close its brackets.
    closing = LINES[0] + "\n" + LINES[1].removesuffix("]}")
    assert [one.target for one in read(closing)[0]] == [TABLE, COLUMNS[0]]
    assert [one.target for one in read(closing, is_whole=False)[0]] == [TABLE]


def test_unescaped_quotes_inside_a_text_stay_in_it() -> None:
    answer = '{"column": "BUKRS", "alternatives": [{"text": "The "main" code of it", "confidence": "low"}]}'
    assert texts(answer) == {"BSEG.BUKRS": ['The "main" code of it']}


def test_a_text_broken_by_its_own_quotes_is_dropped_rather_than_cut() -> None:
    answer = (
        '{"column": "BUKRS", "alternatives": [{"text": "The "main", or first", "confidence": "low"}]}'
        "\n" + LINES[1]
    )
    assert texts(answer) == {"BSEG.MANDT": ["Client", "Tenant"]}
    assert read(answer)[1] == 1


def test_unknown_columns_are_dropped_and_counted_and_the_first_of_two_wins() -> None:
    answer = "\n".join(
        (
            line("NOPE", "Nothing"),
            line("BKPF.BUKRS", "Of another table"),
            line("BUKRS", "First"),
            line("BUKRS", "Second"),
            line("BELNR"),
        )
    )
    assert texts(answer) == {"BSEG.BUKRS": ["First"]}
    assert read(answer)[1] == 3


def test_columns_that_differ_only_in_case_are_told_apart_by_their_exact_names() -> None:
    lower, upper = Target("main", "T", "id"), Target("main", "T", "ID")
    reader = AnswerReader((lower, upper))
    answer = "\n".join((line("ID", "Upper"), line("id", "Lower"), line("Id", "Neither")))
    found = {one.target: one.alternatives[0].text for one in reader.feed(answer)}
    assert found == {upper: "Upper", lower: "Lower"}
    assert reader.unusable == 1


def test_columns_named_like_the_words_of_the_format_are_no_trap() -> None:
    names = ("TEXT", "REASON", "COLUMN", "TABLE", "NAME")
    targets = tuple(Target("main", "T", name) for name in names)
    reader = AnswerReader(targets)
    found = reader.feed("\n".join(line(name, f"The {name.lower()} it has") for name in names))
    assert [one.target for one in found] == list(targets)
    assert all(len(one.alternatives) == 1 for one in found)


@pytest.mark.parametrize(
    ("said", "band"),
    [
        ("high", Band.HIGH),
        ("Very High", Band.HIGH),
        ("MEDIUM", Band.MEDIUM),
        ("moderate", Band.MEDIUM),
        ("low", Band.LOW),
        ("0.9", Band.HIGH),
        ("60%", Band.MEDIUM),
        ("20", Band.LOW),
        ("certainly", Band.LOW),
        ("nan", Band.LOW),
        ("", Band.LOW),
    ],
)
def test_an_unknown_word_of_confidence_counts_as_low(said: str, band: Band) -> None:
    assert read_confidence(said).band is band


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("**Company code**", "Company code"),
        ("*Company* `code`", "Company code"),
        ('"Company code"', "Company code"),
        ("“Company code”", "Company code"),
        ('"Company" or "code"', '"Company" or "code"'),
        ("BUKRS: Company code", "Company code"),
        ("bukrs – Company code", "Company code"),
        ("**`BUKRS`**: Company code", "Company code"),
        ("Column BSEG.BUKRS: Company code", "Company code"),
        ("BUKRS is the company code", "BUKRS is the company code"),
        ("Description 1: Company code", "Company code"),
        ("- Company code", "Company code"),
        ("Company\ncode\t\x1b[31mred\x1b[0m\x07", "Company code red"),
        ("2 * 3 * 4 of Z_FLD__C", "2 * 3 * 4 of Z_FLD__C"),
        ("BUKRS:", "BUKRS:"),
        ("[/bold] code", "[/bold] code"),
    ],
)
def test_a_description_is_cleaned_of_what_is_not_its_text(said: str, shown: str) -> None:
    assert clean_description(said, Target("main", "BSEG", "BUKRS")) == shown


def test_alternatives_come_as_strings_or_objects_and_repeats_are_one() -> None:
    answer = '{"column":"BUKRS","confidence":"medium","alternatives":["A b",{"text":"a B"},"C",{}, 7, null]}'
    found, _ = read(answer)
    assert [alternative.text for alternative in found[0].alternatives] == ["A b", "C", "7"]
    assert found[0].alternatives[0].confidence.band is Band.MEDIUM


LONG = 100_000
HARD = {
    "no space": "x" * LONG,
    "no space in a text": '{"column":"BUKRS","text":"' + "x" * LONG + '"}',
    "unclosed braces": "{" * LONG,
    "unclosed brackets": '{"a":' + "[" * LONG,
    "nested objects": '{"a":' * (LONG // 5),
    "unclosed string": '{"' + "x" * LONG,
    "quotes": '{"' + '" "' * (LONG // 3),
    "backslashes": '{"' + "\\" * LONG,
    "lines in a string": '{"a":"' + "\n " * (LONG // 2),
    "tags": "<think" * (LONG // 6),
    "unclosed thinking": "<think>" + "<" * LONG,
    "emphasis": '{"column":"BUKRS","text":"' + "*a " * (LONG // 3) + '"}',
    "stars": '{"column":"BUKRS","text":"a' + "*" * LONG + '"}',
    "underscores": '{"column":"BUKRS","text":"' + "__a " * (LONG // 4) + '"}',
    "escapes": '{"column":"BUKRS","text":"' + "\\u001b]" * (LONG // 7) + '"}',
    "many names": "".join(f'{{"column":"C{n}","text":"t"}}' for n in range(LONG // 25)),
}


@pytest.mark.parametrize("answer", HARD.values(), ids=HARD.keys())
def test_a_hundred_thousand_characters_of_anything_are_read_in_no_time(answer: str) -> None:
    begun = time.process_time()
    read(answer)
    read(answer, 40)
    # Linear is well under a second; quadratic would be minutes.
    assert time.process_time() - begun < 5
