"""Finding a name in a catalog, and counting what is described, whatever its size."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.index import MOST_GUESSES, SLICE, CatalogIndex, Hits
from amx_tui.catalog.model import Catalog, Column, Coverage, Table, Target, coverage

COMPANY = Target("main", "T001", "BUKRS")
CATALOG = Catalog(
    (
        Table(
            "main",
            "BSEG",
            columns=(
                Column("BUKRS", "CHAR(4)", references=COMPANY),
                Column("X_BUKRS_OLD", "CHAR(4)"),
                Column("WRBTR", "DEC(13, 2)", comment="Amount in the currency of the document"),
            ),
        ),
        Table("main", "KUNDEN", columns=(Column("FIRMA", "CHAR(4)", references=COMPANY),)),
        Table(
            "main",
            "T001",
            comment="Companies",
            columns=(
                Column("BUKRS", "CHAR(4)", comment="Company code"),
                Column("LAND1", "CHAR(3)"),
            ),
        ),
        Table("old", "BUKRS_MAP", columns=(Column("ALT", "CHAR(4)"), Column("NEU", "CHAR(4)"))),
    )
)


@pytest.fixture(scope="module")
def index() -> CatalogIndex:
    return CatalogIndex(CATALOG)


def found(index: CatalogIndex, words: str) -> list[str]:
    return [hit.target.path for hit in asyncio.run(index.search(words))]


def test_what_is_called_so_comes_first_then_what_begins_so_then_what_contains_it(
    index: CatalogIndex,
) -> None:
    assert found(index, "bukrs") == [
        "BSEG.BUKRS",
        "T001.BUKRS",
        "BUKRS_MAP",
        "BSEG.X_BUKRS_OLD",
        "BUKRS_MAP.ALT",
        "BUKRS_MAP.NEU",
    ]


def test_table_and_column_can_be_typed_as_words_or_with_the_dot(index: CatalogIndex) -> None:
    assert found(index, "t001 buk")[0] == "T001.BUKRS"
    assert found(index, "t001.buk")[0] == "T001.BUKRS"
    assert found(index, "old.bukrs_map.neu") == ["BUKRS_MAP.NEU"]


def test_a_description_is_found_by_its_words(index: CatalogIndex) -> None:
    assert found(index, "currency") == ["BSEG.WRBTR"]
    assert found(index, "company t001") == ["T001.BUKRS"]


def test_letters_in_their_order_are_enough_and_are_marked_as_a_guess(index: CatalogIndex) -> None:
    hits = asyncio.run(index.search("bkrs"))
    assert hits.exact == 0
    assert [hit.target.path for hit in hits][:2] == ["BSEG.BUKRS", "T001.BUKRS"]
    assert "KUNDEN.FIRMA" not in [hit.target.path for hit in hits]


def test_nothing_typed_finds_nothing(index: CatalogIndex) -> None:
    assert found(index, "  ") == []
    assert found(index, "quux") == []


def test_one_can_keep_only_what_one_wants(index: CatalogIndex) -> None:
    async def search() -> Hits:
        hits = await index.search("bukrs")
        return await hits.only(lambda hit: hit.column is not None and not hit.column.comment)

    kept = asyncio.run(search())
    assert [hit.target.path for hit in kept][:2] == ["BSEG.BUKRS", "BSEG.X_BUKRS_OLD"]
    assert kept.exact == len(kept)


def test_a_column_knows_who_refers_to_it_and_who_else_is_called_so(index: CatalogIndex) -> None:
    assert [target.path for target in index.pointing_at(COMPANY)] == ["BSEG.BUKRS", "KUNDEN.FIRMA"]
    assert [target.path for target in index.called("BUKRS")] == ["BSEG.BUKRS", "T001.BUKRS"]
    assert index.count_called("BUKRS") == 2
    assert [target.path for target in index.called("LAND1")] == ["T001.LAND1"]
    assert index.called("nobody") == ()
    assert index.count_called("nobody") == 0


def test_what_is_described_is_counted_at_every_level(index: CatalogIndex) -> None:
    assert index.total == Coverage(2, 8)
    assert index.coverage_of("main") == Coverage(2, 6)
    assert index.coverage_of("main", "BSEG") == Coverage(1, 3)
    assert index.coverage_of("nowhere") == Coverage()
    assert index.coverage_of("main", "nothing") == Coverage()


names = st.text("aBß_.%İ [\n", min_size=1, max_size=6)
columns = st.builds(Column, names, st.just("TEXT"), comment=st.none() | st.text("abc ", max_size=5))
tables = st.builds(
    Table,
    st.sampled_from(["main", "s.t"]),
    names,
    comment=st.none() | names,
    columns=st.lists(columns, max_size=4, unique_by=lambda c: c.name).map(tuple),
)
catalogs = st.lists(tables, max_size=6, unique_by=lambda t: (t.schema, t.name)).map(
    lambda found: Catalog(tuple(sorted(found, key=lambda t: (t.schema, t.name))))
)


@given(catalogs, st.text("aBß_.%İ [c", max_size=4))
def test_whatever_contains_the_words_is_found_once_and_nothing_else_is_called_found(
    catalog: Catalog, words: str
) -> None:
    index = CatalogIndex(catalog)
    hits = asyncio.run(index.search(words))
    targets = [hit.target for hit in hits]
    assert len(set(targets)) == len(targets)
    expected = set()
    terms = words.lower().split()
    for table in catalog.tables:
        for target, comment in [
            (table.target, table.comment),
            *((table.column_target(c), c.comment) for c in table.columns),
        ]:
            path = ".".join(filter(None, (target.schema, target.table, target.column))).lower()
            text = (comment or "").lower()
            if terms and all(term in path or term in text for term in terms):
                expected.add(target)
    assert set(targets[: hits.exact]) == expected
    assert len(targets) - hits.exact <= MOST_GUESSES


@given(catalogs)
def test_counts_add_up(catalog: Catalog) -> None:
    index = CatalogIndex(catalog)
    assert index.total == sum((coverage(table) for table in catalog.tables), Coverage())
    by_schema = {table.schema: Coverage() for table in catalog.tables}
    for table in catalog.tables:
        by_schema[table.schema] += coverage(table)
        assert index.coverage_of(table.schema, table.name) == coverage(table)
    assert by_schema == {schema: index.coverage_of(schema) for schema in by_schema}


async def test_others_get_their_turn_while_a_large_catalog_is_searched() -> None:
    wide = tuple(Column(f"C{number}", "INT") for number in range(SLICE))
    index = CatalogIndex(
        Catalog((Table("main", "A", columns=wide), Table("main", "B", columns=wide)))
    )
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    hits = await index.search("c17")
    task.cancel()
    assert turns >= 2
    assert len(hits) == 2 * sum(1 for column in wide if "c17" in column.name.lower())
