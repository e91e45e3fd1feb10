"""The team's glossary, as people keep such files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amx_tui.evidence.glossary import read_glossary
from amx_tui.evidence.model import EvidenceProblem, Term

MARKDOWN = """\
# Words of accounting

What we say, and what we do not: see below.

- **BUKRS**: company code
* `KZ` = a flag, from Kennzeichen
Debitor – customer account, never "debtor"
BUKRS: told twice

| word  | meaning       | since |
|-------|---------------|-------|
| GJAHR | fiscal year   | 1999  |
| OWNER | jane.doe@example.com | 2001 |
"""
EXPECTED = (
    Term("What we say, and what we do not", "see below."),
    Term("BUKRS", "company code"),
    Term("KZ", "a flag, from Kennzeichen"),
    Term("Debitor", 'customer account, never "debtor'),
    Term("GJAHR", "fiscal year"),
    Term("OWNER", "aaaa.aaa@aaaaaaa.aaa"),
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def test_markdown_and_text_are_read_a_line_a_term(tmp_path: Path) -> None:
    assert read_glossary(write(tmp_path / "words.md", MARKDOWN)) == EXPECTED


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t")])
def test_a_table_of_two_columns_is_read(tmp_path: Path, name: str, delimiter: str) -> None:
    rows = [["BUKRS", '"company code, or legal entity"', "FI"], ["KZ", "a flag", ""], ["only one"]]
    text = "\ufeff" + "\n".join(delimiter.join(row) for row in rows)
    assert read_glossary(write(tmp_path / name, text)) == (
        Term("BUKRS", "company code, or legal entity"),
        Term("KZ", "a flag"),
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "No such file"),
        (b"\xff\xfe\x00", "no text in UTF-8"),
        (b"nothing of the kind\n", "no line such as"),
        (b"a: b\n" * 500_000, "2,000,000 are read at most"),
    ],
)
def test_what_is_no_glossary_is_told(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EvidenceProblem) as told:
        read_glossary(path)
    assert (
        why in told.value.why and "words.txt" in told.value.what and "tui.yml" in told.value.remedy
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=300) | st.text('a:|=-, \n\t"*\x1b', max_size=80).map(str.encode))
def test_whatever_stands_in_it_terms_are_clean_and_told_once(
    tmp_path: Path, content: bytes
) -> None:
    for name in ("x.md", "x.csv"):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            terms = read_glossary(path)
        except EvidenceProblem:
            continue
        assert len({term.word.casefold() for term in terms}) == len(terms) > 0
        for text in (part for term in terms for part in (term.word, term.meaning)):
            assert text == text.strip() and text.isprintable() and text
