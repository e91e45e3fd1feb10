"""Which passages are found for a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from amx_tui.catalog.model import Column, Table
from amx_tui.evidence.index import Index
from amx_tui.evidence.model import Passage
from amx_tui.evidence.retrieval import MOST_PASSAGES, Retrieval

Find = Callable[[Table], tuple[Passage, ...]]

FILLER = "Nothing of this tells anything about databases or what is kept in them at all. " * 4


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(20):
        (folder / f"filler{number:02}.md").write_text(FILLER)
    return folder


@pytest.fixture
def find(docs: Path, tmp_path: Path) -> Iterator[Find]:
    index = Index(tmp_path / "cache", [docs])

    def find(table: Table) -> tuple[Passage, ...]:
        return Retrieval(index, index.refresh().passages).find(table)

    yield find
    index.close()


def table(name: str, *columns: str, comment: str | None = None) -> Table:
    return Table("main", name, comment=comment, columns=tuple(Column(c, "TEXT") for c in columns))


def places(passages: tuple[Passage, ...]) -> list[str]:
    return [passage.place for passage in passages]


def test_what_names_the_table_and_its_columns_comes_first(find: Find, docs: Path) -> None:
    (docs / "a.md").write_text("MANDT is the client.")
    (docs / "b.md").write_text("In bseg, bukrs is the company code and waers the currency.")
    (docs / "c.md").write_text("BUKRS alone.")
    found = places(find(table("BSEG", "MANDT", "BUKRS", "WAERS")))
    assert found == ["docs/b.md:1", "docs/a.md:1", "docs/c.md:1"]


def test_a_list_of_names_gives_way_to_what_tells_of_them(find: Find, docs: Path) -> None:
    names = [f"COL_{number}" for number in range(40)]
    for number in range(9):
        (docs / f"a{number}.sql").write_text(f"SELECT {', '.join(names)} FROM ORD_HDR -- {number}")
    (docs / "z.md").write_text(
        "COL_7 is the day on which the goods were handed over to the carrier."
    )
    assert places(find(table("ORD_HDR", *names))) == ["docs/z.md:1"]


def test_what_says_the_same_word_for_word_comes_once(find: Find, docs: Path) -> None:
    for number in range(9):
        (docs / f"z{number}.md").write_text("BUKRS is the company code.")
    assert places(find(table("BSEG", "BUKRS"))) == ["docs/z0.md:1"]


def test_a_word_of_every_day_alone_tells_nothing(find: Find, docs: Path) -> None:
    (docs / "a.md").write_text("The name and the rest.")
    (docs / "b.md").write_text("The name has a status here.")
    assert places(find(table("T1", "name"))) == []
    assert places(find(table("T1", "name", "status"))) == ["docs/b.md:1"]


def test_part_of_a_word_is_another_word(find: Find, docs: Path) -> None:
    (docs / "a.md").write_text("BUKRS_OLD and XBUKRS are something else.")
    assert find(table("BSEG", "BUKRS")) == ()


def test_where_no_name_is_found_the_words_in_it_are_looked_for(find: Find, docs: Path) -> None:
    (docs / "a.md").write_text("A customer order is shipped when its ship date has come.")
    (docs / "b.md").write_text("Whatever else a customer does.")
    assert places(find(table("CUSTOMER_ORDER", "SHIP_DT"))) == ["docs/a.md:1"]


def test_at_most_a_few_are_found_and_always_the_same(find: Find, docs: Path) -> None:
    for number in range(30):
        (docs / f"z{number:02}.md").write_text(f"ORD_HDR has COL_{number} and COL_{number + 1}.")
    orders = table("ORD_HDR", *(f"COL_{number}" for number in range(31)))
    first = find(orders)
    assert len(first) == MOST_PASSAGES
    (docs / "z00.md").write_text("ORD_HDR has COL_0 and COL_1. ")
    (docs / "z00.md").write_text("ORD_HDR has COL_0 and COL_1.")  # read again, under another number
    assert find(orders) == first


def test_a_name_that_stands_everywhere_does_not_count(find: Find, docs: Path) -> None:
    text = "\n\n".join(f"ID of row {n}. " + "word " * 60 for n in range(500))
    (docs / "rows.md").write_text(text)
    (docs / "a.md").write_text("BUKRS is the company code.")
    assert places(find(table("T9", "ID", "BUKRS"))) == ["docs/a.md:1"]


def test_names_that_no_query_could_hold_are_looked_for_all_the_same(find: Find, docs: Path) -> None:
    (docs / "a.md").write_text('The column Rechnungs-Nr. "alt" of LFA1.')
    odd = table("LFA1", 'Rechnungs-Nr. "alt"', "", "☃", "\udcff", "a\0b", "x" * 10_000)
    assert places(find(odd)) == ["docs/a.md:1"]


def test_without_documents_there_is_nothing(tmp_path: Path) -> None:
    index = Index(tmp_path / "cache", [])
    assert Retrieval(index, index.refresh().passages).find(table("BSEG", "BUKRS")) == ()
    index.close()
