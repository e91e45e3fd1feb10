"""Texts are cut where a reader would pause, and nothing of them is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.evidence.chunks import LARGEST, cut

KINDS = (".md", ".txt", ".sql", ".py", ".yml", ".csv", "")
pieces = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["\n", "\n\n", "# Title\n", "## Below\n", "```\n", "def f():\n", "a;b;c\n"]),
    st.integers(1, 2 * LARGEST).map(lambda size: "x" * size),
    st.integers(1, 300).map(lambda size: "word " * size),
)
texts = st.lists(pieces, max_size=30).map("".join)


@settings(deadline=None)
@given(texts, st.sampled_from(KINDS))
def test_the_passages_one_after_another_are_the_text(text: str, kind: str) -> None:
    assert "".join(chunk.text for chunk in cut(text, kind)) == text


@settings(deadline=None)
@given(texts, st.sampled_from(KINDS))
def test_every_passage_says_in_which_line_it_begins(text: str, kind: str) -> None:
    place = 0
    for chunk in cut(text, kind):
        assert chunk.line == text.count("\n", 0, place) + 1
        assert 0 < len(chunk.text) <= LARGEST
        place += len(chunk.text)


def test_a_passage_names_what_it_stands_under() -> None:
    text = "# Tables\n\n## BSEG\n\n" + "\n\n".join(
        f"Paragraph {n}. " + "word " * 40 for n in range(8)
    )
    chunks = list(cut(text, ".md"))
    assert len(chunks) > 2
    assert chunks[-1].heading == "Tables > BSEG"
    assert chunks[-1].text.startswith("Paragraph")


def test_a_comment_in_a_fence_is_no_title() -> None:
    text = "# Guide\n```\n# not a title\n```\n" + "word " * 200
    assert {chunk.heading for chunk in cut(text, ".md")} <= {"", "Guide"}


def test_rows_of_a_table_know_the_names_of_its_columns() -> None:
    text = "column,meaning\n" + "".join(f"C{n},{'meaning ' * 8}\n" for n in range(40))
    first, *others = cut(text, ".csv")
    assert first.heading == "" and others
    assert {chunk.heading for chunk in others} == {"column,meaning"}


def test_statements_begin_passages_of_their_own() -> None:
    body = "".join(f"    C{n} CHAR(10), -- something about it\n" for n in range(8))
    text = f"CREATE TABLE ONE (\n{body});\n\nCREATE TABLE TWO (\n{body});\n"
    assert [c.text.split("\n")[0] for c in cut(text, ".sql")] == [
        "CREATE TABLE ONE (",
        "CREATE TABLE TWO (",
    ]
