"""What of a table in a text file may be sent where no row may."""

from __future__ import annotations

import pytest

from amx_tui.catalog.model import Column, Table
from amx_tui.evidence.model import Passage
from amx_tui.evidence.rows import without_rows

TABLE = Table("main", "CUSTOMER", columns=(Column("KUNNR", "TEXT"), Column("NAME1", "TEXT")))


def test_of_an_export_only_the_headings_are_left() -> None:
    export = Passage("docs/c.csv", 1, 'KUNNR;"NAME1"\n4711;Meyer\n4712;"Schulze, KUNNR"\n')
    kept = without_rows(export, TABLE)
    assert kept is not None and kept.text == 'KUNNR;"NAME1"'
    assert without_rows(Passage("c.csv", 9, "4711;Meyer\n"), TABLE) is None


def test_an_export_without_headings_begins_with_a_row_too() -> None:
    rows = Passage("c.csv", 2, "4712,Schulze\n", heading="4711,Meyer")
    assert without_rows(rows, TABLE) is None


def test_the_entries_of_a_data_dictionary_stay_with_their_lines() -> None:
    text = "WERKS,plant\nkunnr,customer number\nNAME1,first name line\n"
    kept = without_rows(Passage("dict.csv", 7, text, heading="column,meaning"), TABLE)
    assert kept == Passage("dict.csv", 8, "kunnr,customer number\nNAME1,first name line")


@pytest.mark.parametrize("path", ["docs/a.md", "models/b.sql"])
def test_prose_and_code_stay_as_they_are(path: str) -> None:
    passage = Passage(path, 1, "Meyer says so")
    assert without_rows(passage, TABLE) is passage
