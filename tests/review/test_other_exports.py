"""CSV, JSON and tbls' YAML, as their readers see them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.base.text import clean
from amx_tui.catalog.model import Catalog, Column, Table, TableKind, Target
from amx_tui.review.exports.material import Material, What
from amx_tui.review.exports.spreadsheet import HEADER, make_csv, safe_cell
from amx_tui.review.exports.tbls import make_comments, make_json
from amx_tui.review.model import Decision, ReviewRow, Verdict
from tests.review.made import suggestion

COMPANY = Target("sales", "T001", "BUKRS")
BUKRS = Target("sales", "BSEG", "BUKRS")
TABLES = (
    Table(
        "sales",
        "BSEG",
        comment="Segments",
        columns=(
            Column("BUKRS", "CHAR(4)", False, None, 1, COMPANY, "was"),
            Column("WAERS", "CHAR(5)", True, "'EUR'"),
        ),
    ),
    Table("sales", "V", TableKind.VIEW, columns=(Column("x", "INT"),)),
)
any_text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def material(text: str = "Company code", what: What = What.DECIDED) -> Material:
    decision = Decision(1, BUKRS, Verdict.ACCEPTED, text, 0, "was", 1_000_000_000.0)
    row = replace(
        ReviewRow.of(suggestion(BUKRS, text), 1, "kimi-k2-thinking", 1.0), decision=decision
    )
    return Material(
        "erp", "postgresql", Catalog(TABLES), {BUKRS: decision}, what, {BUKRS: row}, {BUKRS: "ann"}
    )


def rows_of(found: Material) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(make_csv(found, None).files[""], newline="")))


def test_a_spreadsheet_says_what_was_decided_by_whom_and_how_sure_the_model_was() -> None:
    assert rows_of(material()) == [
        {
            "schema": "sales",
            "table": "BSEG",
            "column": "BUKRS",
            "type": "CHAR(4)",
            "old": "was",
            "new": "Company code",
            "status": "accepted",
            "confidence": "high (0.90 logprob)",
            "reviewer": "ann",
            "time": "2001-09-09T01:46:40+00:00",
        }
    ]
    every = rows_of(material(what=What.ALL))
    assert [(row["table"], row["column"]) for row in every] == [
        ("BSEG", ""), ("BSEG", "BUKRS"), ("BSEG", "WAERS"), ("V", ""), ("V", "x"),
    ]  # fmt: skip
    assert every[0]["old"] == "Segments" and every[0]["status"] == every[0]["new"] == ""


def test_what_is_rejected_has_no_new_text_and_says_so() -> None:
    found = material(what=What.ALL)
    row = found.rows[BUKRS]
    assert row.decision is not None
    refused = replace(row, decision=replace(row.decision, verdict=Verdict.REJECTED, text=None))
    told = rows_of(replace(found, decided={}, rows={BUKRS: refused}))[1]
    assert (told["status"], told["new"], told["old"]) == ("rejected", "", "was")
    assert told["reviewer"] == "ann" and told["time"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "  =cmd|' /C calc'!A0", "\t=1", "\n=1", "＝1", "\u200b=1"],
)
def test_no_text_is_calculated_by_a_spreadsheet(text: str) -> None:
    (row,) = rows_of(material(text))
    assert row["new"].startswith("'") or row["new"].strip()[:1] not in "=+-@＝"
    assert row["new"].removeprefix("'") == clean(text)


@given(any_text)
@settings(max_examples=300, deadline=None)
def test_any_text_reads_back_from_a_spreadsheet(text: str) -> None:
    (row,) = rows_of(material(text))
    assert tuple(row) == HEADER
    assert row["new"] in (clean(text), f"'{clean(text)}")
    assert safe_cell(text).lstrip()[:1] not in set("=+-@＝＋－＠")


@given(any_text)
@settings(max_examples=200, deadline=None)
def test_json_has_the_shape_of_tbls(text: str) -> None:
    loaded = json.loads(make_json(material(text, What.ALL), None).files[""])
    assert set(loaded) == {"name", "desc", "tables", "relations"}
    segment, view = loaded["tables"]
    assert (segment["name"], segment["type"]) == ("sales.BSEG", "BASE TABLE")
    assert (segment["comment"], view["type"]) == ("Segments", "VIEW")
    assert segment["columns"] == [
        {"name": "BUKRS", "type": "CHAR(4)", "nullable": False, "default": None,
         "comment": clean(text)},
        {"name": "WAERS", "type": "CHAR(5)", "nullable": True, "default": "'EUR'", "comment": ""},
    ]  # fmt: skip
    assert segment["constraints"][0]["columns"] == ["BUKRS"]
    assert loaded["relations"] == [
        {
            "table": "sales.BSEG",
            "columns": ["BUKRS"],
            "parent_table": "sales.T001",
            "parent_columns": ["BUKRS"],
            "def": "FOREIGN KEY (BUKRS) REFERENCES sales.T001 (BUKRS)",
        }
    ]


@given(any_text, any_text)
@settings(max_examples=200, deadline=None)
def test_tbls_comments_read_back(text: str, name: str) -> None:
    target = Target("main", name, name)
    table = Table("main", name, columns=(Column(name, "INT"),))
    decision = Decision(1, target, Verdict.EDITED, text, None, None, 1.0)
    found = Material("erp", "sqlite", Catalog((table,)), {target: decision})
    loaded = yaml.safe_load(make_comments(found, None).files[""])
    assert loaded == {"comments": [{"table": name, "columnComments": {name: clean(text)}}]}
