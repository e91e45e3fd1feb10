"""What is exported for dbt: right in a new file, and nothing else touched in one that is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jinja2
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from amx_tui.base.text import clean
from amx_tui.catalog.model import Catalog, Column, Table, Target
from amx_tui.review.exports.dbt import escape_jinja, make_models, make_sources
from amx_tui.review.exports.material import ExportProblem, Material, What
from amx_tui.review.model import Decision, Verdict

TABLES = (
    Table("hr", "P", columns=(Column("a", "INT"),)),
    Table(
        "sales",
        "BSEG",
        comment="as it stands",
        columns=(Column("BUKRS", "INT"), Column("WAERS", "INT", comment="stands"), Column("N", "")),
    ),
    Table("sales", "T001", columns=(Column("MANDT", "INT"),)),
)
BSEG = Target("sales", "BSEG")
BUKRS = Target("sales", "BSEG", "BUKRS")
MANDT = Target("sales", "T001", "MANDT")
A = Target("hr", "P", "a")

any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def material(
    texts: Mapping[Target, str],
    *,
    what: What = What.DECIDED,
    tables: tuple[Table, ...] = TABLES,
) -> Material:
    return Material(
        "erp",
        "postgresql",
        Catalog(tables),
        {t: Decision(1, t, Verdict.ACCEPTED, x, 0, None, 1.0) for t, x in texts.items()},
        what,
    )


def merged(old: str, texts: Mapping[Target, str], **options: Any) -> str:
    return make_sources(material(texts, **options), old).files[""]


def rendered(template: str) -> str:
    """As dbt renders a description: docs.getdbt.com/reference/dbt-jinja-functions."""
    return jinja2.Environment(keep_trailing_newline=True).from_string(template).render()


def test_a_new_file_is_one_source_a_schema() -> None:
    text = make_sources(material({BUKRS: "Company code", BSEG: "Segments", A: "x"}), None).files[""]
    assert yaml.safe_load(text) == {
        "version": 2,
        "sources": [
            {
                "name": "hr",
                "schema": "hr",
                "tables": [{"name": "P", "columns": [{"name": "a", "description": "x"}]}],
            },
            {
                "name": "sales",
                "schema": "sales",
                "tables": [
                    {
                        "name": "BSEG",
                        "description": "Segments",
                        "columns": [{"name": "BUKRS", "description": "Company code"}],
                    }
                ],
            },
        ],
    }


def test_an_export_of_everything_has_what_is_not_described_too() -> None:
    loaded = yaml.safe_load(make_models(material({}, what=What.ALL), None).files[""])
    assert [model["name"] for model in loaded["models"]] == ["P", "BSEG", "T001"]
    assert loaded["models"][1] == {
        "name": "BSEG",
        "description": "as it stands",
        "columns": [{"name": "BUKRS"}, {"name": "WAERS", "description": "stands"}, {"name": "N"}],
    }


@given(any_text)
@settings(max_examples=200, deadline=None)
def test_any_text_reads_back_from_the_file_and_renders_to_itself(text: str) -> None:
    loaded = yaml.safe_load(make_sources(material({BUKRS: text}), None).files[""])
    columns = loaded["sources"][0]["tables"][0]["columns"]
    expected = clean(text).strip()
    assert rendered(columns[0].get("description", "")) == expected


@given(st.text("{}%# 'x-\n", min_size=1, max_size=12))
@settings(max_examples=500, deadline=None)
def test_nothing_in_a_text_is_a_template(text: str) -> None:
    assert rendered(escape_jinja(text)) == text


FULL = """\
# the warehouse, by hand
version: 2

sources:
    - name: raw   # where it lands
      schema: sales
      freshness: {warn_after: {count: 12, period: hour}}
      tables:
          - name: segments
            identifier: BSEG
            tests: [unique]
            columns:
                # the key
                - name: bukrs
                  description: >-  # folded
                      old text

                      more of it
                  data_tests:
                      - not_null   # since 2019
                      - relationships:
                            to: ref('companies')
                            field: "{{ var('f') }}"
                - {name: n, quote: true}

          # T001 is loaded weekly
          - name: T001
            description: 'kept: nobody decided'
      # trailing thought

models:
    - name: bseg
      description: "{{ doc('bseg') }}"
"""


def test_only_descriptions_change_in_the_file_that_is_there() -> None:
    new = merged(FULL, {BUKRS: "Company {{ x }}", Target("sales", "BSEG", "N"): "n", MANDT: "c"})
    assert new == FULL.replace(
        ">-  # folded\n                      old text\n\n                      more of it\n",
        "\"Company {{ '{{' }} x }}\"  # folded\n",
    ).replace("{name: n, quote: true}", '{name: n, description: "n", quote: true}').replace(
        "nobody decided'\n",
        "nobody decided'\n            columns:\n              - name: MANDT\n"
        '                description: "c"\n',
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_second_export_changes_nothing(line_end: str) -> None:
    texts = {BUKRS: "Company", BSEG: "Segments", A: "x", MANDT: "{% raw %}"}
    once = merged(FULL.replace("\n", line_end), texts)
    assert merged(once, texts) == once
    assert once.count("\r") == (once.count("\n") if line_end == "\r\n" else 0)


def test_a_text_that_nobody_decided_on_replaces_none() -> None:
    old = "sources:\n- name: sales\n  tables:\n  - name: BSEG\n    description: by hand\n"
    new = merged(old, {}, what=What.ALL)
    assert "description: by hand\n" in new and '"stands"' in new and "as it stands" not in new
    assert 'description: "Segments"\n' in merged(old, {BSEG: "Segments"})


def test_a_description_that_calls_a_doc_block_stays_and_is_told() -> None:
    made = make_models(material({BSEG: "Segments", BUKRS: "Company"}), FULL)
    assert "description: \"{{ doc('bseg') }}\"\n" in made.files[""]
    assert any("BSEG" in note and "Jinja" in note for note in made.notes)
    assert made.left == 1  # its column is described
    assert '- name: BUKRS\n          description: "Company"' in made.files[""]
    # What an earlier export escaped is no such call.
    old = merged("", {BSEG: "{{ a }}"})
    assert "Other" in merged(old, {BSEG: "Other"})


def test_what_an_anchor_shares_stays_and_is_told() -> None:
    old = (
        "models:\n- &base\n  name: BSEG\n- name: T001\n  columns: &c\n  - name: MANDT\n"
        "- name: other\n  columns: *c\n"
    )
    made = make_models(material({BSEG: "x", MANDT: "y"}), old)
    assert made.files[""] == old
    assert len(made.notes) == 2


def test_seeds_and_snapshots_are_described_where_they_are() -> None:
    new = make_models(material({BSEG: "x", MANDT: "y"}), "seeds:\n  - name: bseg\n").files[""]
    loaded = yaml.safe_load(new)
    assert loaded["seeds"] == [{"name": "bseg", "description": "x"}]
    assert [model["name"] for model in loaded["models"]] == ["T001"]


def test_a_name_that_two_schemas_have_is_no_model() -> None:
    two = (Table("a", "T", columns=(Column("x", ""),)), Table("b", "T"), Table("b", "U"))
    made = make_models(
        material({Target("a", "T"): "1", Target("b", "T"): "2", Target("b", "U"): "3"}, tables=two),
        None,
    )
    assert [model["name"] for model in yaml.safe_load(made.files[""])["models"]] == ["U"]
    assert (len(made.notes), made.left) == (2, 2)


def test_a_schema_that_is_spread_over_two_sources_is_found_in_both() -> None:
    old = (
        "sources:\n- name: one\n  schema: sales\n  tables:\n  - name: T001\n"
        "- name: two\n  schema: sales\n  tables:\n  - name: BSEG\n"
    )
    loaded = yaml.safe_load(merged(old, {BSEG: "seg", Target("sales", "T001"): "companies"}))
    assert [s["tables"] for s in loaded["sources"]] == [
        [{"name": "T001", "description": "companies"}],
        [{"name": "BSEG", "description": "seg"}],
    ]


def test_names_that_differ_only_in_case_each_get_their_own_text() -> None:
    tables = tuple(
        Table(schema, name, columns=(Column("a", ""), Column("A", "")))
        for schema, name in (("sales", "p"), ("sales", "P"), ("Sales", "p"))
    )
    texts = {Target("sales", "p", "A"): "upper"}
    texts |= {Target("sales", "P", "a"): "of P", Target("Sales", "p", "a"): "of Sales"}
    old = (
        "sources:\n- name: sales\n  tables:\n  - name: p\n    columns:\n    - name: a\n"
        "      description: lower\n"
    )
    loaded = yaml.safe_load(merged(old, texts, tables=tables))
    assert loaded["sources"] == [
        {
            "name": "sales",
            "tables": [
                {
                    "name": "p",
                    "columns": [
                        {"name": "a", "description": "lower"},
                        {"name": "A", "description": "upper"},
                    ],
                },
                {"name": "P", "columns": [{"name": "a", "description": "of P"}]},
            ],
        },
        {
            "name": "Sales",
            "schema": "Sales",
            "tables": [{"name": "p", "columns": [{"name": "a", "description": "of Sales"}]}],
        },
    ]


def test_a_source_whose_schema_is_a_template_is_found_by_its_name() -> None:
    old = (
        "sources:\n- name: sales\n  schema: \"{{ env_var('SALES') }}\"\n  tables:\n"
        "  - name: BSEG\n    identifier: \"{{ var('bseg') }}\"\n"
    )
    (source,) = yaml.safe_load(merged(old, {BSEG: "Segments"}))["sources"]
    assert [table["description"] for table in source["tables"]] == ["Segments"]


def test_a_name_that_the_file_has_for_something_else_is_not_taken_twice_and_told() -> None:
    """dbt refuses a whole project in which a source has two tables of one name."""
    old = (
        "sources:\n- name: hr\n  schema: people\n  tables:\n  - name: P\n"
        "- name: sales\n  tables:\n  - name: BSEG\n    identifier: bseg_2019\n"
    )
    made = make_sources(material({A: "x", BSEG: "Segments", MANDT: "client"}), old)
    people, sales = yaml.safe_load(made.files[""])["sources"]
    assert people == {"name": "hr", "schema": "people", "tables": [{"name": "P"}]}
    assert [table["name"] for table in sales["tables"]] == ["BSEG", "T001"]
    assert "description" not in sales["tables"][0]
    assert made.notes == (
        "hr is left out: the file has the name hr for something else",
        "sales.BSEG is left out: the file has the name BSEG for something else",
    )
    assert made.left == 2  # of the three texts


def test_the_columns_that_a_version_of_a_model_has_of_its_own_are_described_too() -> None:
    """What a version lists hides what the model says of the same column."""
    old = (
        "models:\n- name: BSEG\n  versions:\n  - v: 1\n    columns:\n    - name: BUKRS\n"
        "      data_tests: [unique]\n  - v: 2\n    description: the second\n    columns:\n"
        "    - include: all\n      exclude: [N]\n"
    )
    made = make_models(material({BSEG: "Segments", BUKRS: "Company"}), old)
    (model,) = yaml.safe_load(made.files[""])["models"]
    company = {"name": "BUKRS", "description": "Company"}
    assert model["columns"] == [company]
    assert model["versions"] == [
        {"v": 1, "columns": [{**company, "data_tests": ["unique"]}]},
        {"v": 2, "description": "the second", "columns": [{"include": "all", "exclude": ["N"]}]},
    ]


def test_what_comes_from_another_place_of_the_file_is_not_hidden_by_a_new_list() -> None:
    old = (
        "usual: &usual\n  description: as usual\n  columns:\n  - name: BUKRS\n"
        "    data_tests: [unique]\nmodels:\n- name: BSEG\n  <<: *usual\n"
    )
    made = make_models(material({BUKRS: "Company", BSEG: "Segments"}), old)
    (model,) = yaml.safe_load(made.files[""])["models"]
    assert model["columns"] == [{"name": "BUKRS", "data_tests": ["unique"]}]
    assert model["description"] == "Segments"
    assert made.notes == (
        "sales.BSEG.BUKRS is left as it is: it is shared with other places of the file (& or *)",
    )
    # The whole catalog has another text of it, which nobody decided on.
    (model, *_) = yaml.safe_load(make_models(material({}, what=What.ALL), old).files[""])["models"]
    assert model["description"] == "as usual"


def test_every_character_stands_in_the_file_as_a_person_reads_it() -> None:
    text = r"Grüße 客户 𠮷 🎉 \U0001F389 \\U0001F389"
    new = merged("", {BUKRS: text})
    assert "Grüße 客户 𠮷 🎉" in new
    (source,) = yaml.safe_load(new)["sources"]
    assert source["tables"][0]["columns"][0]["description"] == text


@pytest.mark.parametrize(
    "old",
    [
        "- a list\n",
        "just words\n",
        "{version: 2}\n",
        "a: [\n",
        "a: 1\n---\nb: 2\n",
        "sources: *x\n",
    ],
)
def test_what_is_no_dbt_file_is_refused(old: str) -> None:
    with pytest.raises(ExportProblem) as told:
        merged(old, {BUKRS: "x"})
    assert told.value.what and told.value.remedy


@pytest.mark.parametrize("old", ["", "# only a comment\n", "---\n", "version: 2\n", "sources:\n",
                                 "version: 2\nsources: []", "\ufeffversion: 2\n"])  # fmt: skip
def test_an_empty_file_is_filled(old: str) -> None:
    new = merged(old, {BUKRS: "x"})
    assert yaml.safe_load(new.removeprefix("\ufeff"))["sources"][0]["name"] == "sales"


# Any file. ---------------------------------------------------------------------------------------

names = st.sampled_from(["BSEG", "bseg", "T001", "other", "BUKRS", "bukrs", "MANDT", "N", "x y"])
comments = st.sampled_from(["", "  # why", "   #: {{ }}"])
gaps = st.sampled_from(["", "\n", "# a line\n", "        # deep\n", "\n\n# - name: old\n\n"])
scalars = st.sampled_from(
    ["plain words", "'it''s'", '"a \\n b"', "|\n{i}  one\n{i}  two", ">-\n{i}  one\n\n{i}  two",
     "", "~", "\"{{ doc('x') }}\"", "two\n{i}  lines", '""', "|+\n{i}  kept\n\n"]
)  # fmt: skip
others = st.sampled_from(
    ["tests: [unique, {accepted: {values: [a, 'b']}}]", "meta: {description: mine, x: 0x1F}",
     "data_tests:\n{i}  - not_null   # yes\n{i}  - unique", "quote: yes", "config:\n{i}  tags: ['a']"]
)  # fmt: skip


@st.composite
def listed(draw: st.DrawFn, indent: int, below: tuple[str, ...]) -> str:
    """A block list of entries with names, as people write them."""
    text = ""
    i = " " * (indent + 2)
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()) and draw(st.booleans()):
            text += f"{' ' * indent}- {{name: {draw(names)!r}, quote: true}}{draw(comments)}\n"
            continue
        keys = []
        if draw(st.booleans()):
            value = draw(scalars)
            tail = "" if "\n" in value or value.startswith(("|", ">")) else draw(comments)
            keys.append(f"description: {value.replace('{i}', i)}{tail}\n")
        if draw(st.booleans()):
            keys.append(draw(others).replace("{i}", i) + draw(comments) + "\n")
        if below and draw(st.booleans()):
            keys.append(f"{below[0]}:\n" + draw(listed(indent + 4, below[1:])))
        name = draw(names)
        keys = draw(st.permutations(keys))
        text += f"{' ' * indent}- name: {name}{draw(comments)}\n"
        text += "".join(f"{i}{key}{draw(gaps)}" for key in keys)
    return text


@given(
    listed(2, ("columns",)),
    gaps,
    st.dictionaries(
        st.sampled_from([BSEG, BUKRS, MANDT, A, Target("sales", "T001")]),
        st.sampled_from(["Company", "a {{ b", "two\nlines", "# no comment", 'it\'s: "x"']),
        min_size=1,
    ),
    st.sampled_from(What),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=120, deadline=None)
def test_everything_else_in_the_file_is_unchanged(
    models: str, gap: str, texts: Mapping[Target, str], what: What, line_end: str
) -> None:
    old = f"version: 2\n{gap}models:\n{models}{gap}exposures: []  # end\n"
    # Behind a text of several lines, what is indented as far as that text belongs to it.
    assume(not re.search(r": [|>][+-]?\n(?: {4,}.*\n|\n)* {8}# deep", old))
    old = old.replace("\n", line_end)
    before = yaml.safe_load(old)
    new = make_models(material(texts, what=what), old).files[""]
    after = yaml.safe_load(new)
    assert list(after)[: len(before)] == list(before)
    assert _without(after, before) == _without(before, before)
    # Comments and lines of others are there, in their order.
    lines = iter(new.split("\n"))
    for line in old.split("\n"):
        if "#" in line or "tests" in line or "meta" in line or "name" in line:
            kept = line.strip()
            if "description:" in line and "#" in line:
                kept = line[line.index("#") :].strip()
            elif "{name" in line:
                kept = "quote: true"
            assert any(kept in other for other in lines), line
    assert make_models(material(texts, what=what), new).files[""] == new


def _without(value: Any, before: Any) -> Any:
    """`value` without descriptions of models and columns, and without what was added to lists."""
    models = value["models"][: len(before["models"])]
    cut = []
    for model, old in zip(models, before["models"], strict=True):
        columns = (model.get("columns") or [])[: len(old.get("columns") or [])]
        rest = {k: v for k, v in model.items() if k not in ("description", "columns")}
        cut.append((rest, [{k: v for k, v in c.items() if k != "description"} for c in columns]))
    return {k: v for k, v in value.items() if k != "models"}, cut
