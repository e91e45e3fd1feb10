"""What a person wrote into the file beside a database stays as it was written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.catalog.model import CatalogProblem
from amx_tui.catalog.sidecar import edit_sidecar, read_sidecar
from amx_tui.catalog.sidecar_edits import Edit, write_fragment
from amx_tui.catalog.sidecar_text import Place

_BY_HAND = """\
# Descriptions of the old ERP. Ask Finance before you change one.

dsn: 'sqlite:///legacy.db'   # tbls wants one
comments:

  # --- documents ---
  -   table: "BSEG"    # segments
      indexComments: {i1: an index}
      columnComments:
        # keys
        MANDT: Client    # three digits

        'NO': Number
        AMOUNT: |   # in the currency of the document
          The amount,
            always positive.

        EMPTY:           # nobody knows

  # --- the rest ---
  - {table: OTHER, columnComments: {A: 'first', B: "second"}}   # short
  - table: KNA1
    # checked in May
    tableComment: >-
      All customers,
      also former ones

format:
  hex: 0x10
# the end"""


def _edited(before: str, *edits: tuple[str, str, str | None]) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "legacy.comments.yml"
        path.write_bytes(before.encode())
        chosen = [Edit(Place(table, column), text) for table, column, text in edits]
        edit_sidecar(path, lambda _: chosen)
        return path.read_bytes().decode()


_EDITS = {
    "another text": (
        [("BSEG", "MANDT", "The client: all of it")],
        [("MANDT: Client ", "MANDT: 'The client: all of it' ")],
    ),
    "the same text": ([("OTHER", "A", "first"), ("BSEG", "NO", "Number")], []),
    "a text for none": (
        [("BSEG", "EMPTY", "Known now")],
        [("EMPTY:           # nobody", "EMPTY: Known now           # nobody")],
    ),
    "a text for several lines": (
        [("BSEG", "AMOUNT", "Short"), ("KNA1", "", "Customers")],
        [
            ("|   # in the", "Short   # in the"),
            ("\n          The amount,\n            always positive.", ""),
            (">-\n      All customers,\n      also former ones", "Customers"),
        ],
    ),
    "a new column": (
        [("BSEG", "NEW", "x: y"), ("KNA1", "NAME1", "Name"), ("OTHER", "C", "a, b")],
        [
            ("# nobody knows\n", "# nobody knows\n        NEW: 'x: y'\n"),
            ("ones\n\n", "ones\n\n    columnComments:\n      NAME1: Name\n"),
            ('"second"}}', "\"second\", C: 'a, b'}}"),
        ],
    ),
    "a table's text": (
        [("BSEG", "", "Segments"), ("OTHER", "", "The others")],
        [
            ("# segments\n", "# segments\n      tableComment: Segments\n"),
            ("{table: OTHER,", "{table: OTHER, tableComment: The others,"),
        ],
    ),
    "a new table": (
        [("NEW", "", "n"), ("NEW", "a", "x"), ("NEWER", "b", "y")],
        [
            (
                "also former ones\n\n",
                "also former ones\n\n  - table: NEW\n    tableComment: n\n    columnComments:\n"
                "      a: x\n  - table: NEWER\n    columnComments:\n      b: y\n",
            )
        ],
    ),
    "one column less": (
        [("BSEG", "NO", None), ("BSEG", "AMOUNT", None), ("OTHER", "A", None)],
        [
            ("        'NO': Number\n", ""),
            ("        AMOUNT: |   # in the currency of the document\n          The amount,\n", ""),
            ("            always positive.\n", ""),
            ("A: 'first', ", ""),
        ],
    ),
    "the last column less, of a table with remarks": (
        [("BSEG", name, None) for name in ("MANDT", "NO", "AMOUNT", "EMPTY")],
        [
            ("        MANDT: Client    # three digits\n", ""),
            ("        'NO': Number\n", ""),
            ("        AMOUNT: |   # in the currency of the document\n          The amount,\n", ""),
            ("            always positive.\n", ""),
            ("        EMPTY:           # nobody knows\n", ""),
        ],
    ),
    "the text of a table with a remark less": (
        [("KNA1", "", None)],
        [("    tableComment: >-\n      All customers,\n      also former ones\n", "")],
    ),
    "what is not there": ([("BSEG", "X", None), ("NONE", "", None)], []),
}


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("case", _EDITS)
def test_remarks_quotes_and_layout_stay(case: str, line_end: str) -> None:
    edits, changes = _EDITS[case]
    expected = _BY_HAND
    for old, new in changes:
        assert expected.count(old) == 1
        expected = expected.replace(old, new)
    after = _edited(_BY_HAND.replace("\n", line_end), *edits)
    assert after == expected.replace("\n", line_end)


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        # The first key of an entry stands beside its dash.
        (
            "comments:\n- tableComment: x\n  table: A\n  indexComments: {}\n",
            ("A", "", None),
            "comments:\n- table: A\n  indexComments: {}\n",
        ),
        (
            "comments:\n- columnComments:\n    B: x  # b\n  # a\n  table: A\n",
            ("A", "B", None),
            "comments:\n-\n  # a\n  table: A\n",
        ),
        # An entry goes as a whole; the remarks around it stay, and the end of the file.
        (
            "comments:\n- table: A\n  tableComment: x\n# of B\n- table: B\n  tableComment: y",
            ("B", "", None),
            "comments:\n- table: A\n  tableComment: x\n# of B",
        ),
        (
            "comments:  # all\n\n- table: A\n  columnComments:\n    B: x",
            ("A", "B", None),
            "comments:  # all\n",
        ),
        (
            "comments:\n- table: A\n  columnComments: {B: x}\n- {table: B, tableComment: y}\n# end\n",
            ("A", "B", None),
            "comments:\n- {table: B, tableComment: y}\n# end\n",
        ),
        # Braces, over several lines too.
        (
            "comments: [{table: A, tableComment: x}, {table: B, tableComment: y}]  # all\n",
            ("A", "", None),
            "comments: [{table: B, tableComment: y}]  # all\n",
        ),
        (
            "comments: [{table: A, tableComment: x}]  # all\n",
            ("A", "", None),
            "comments: []  # all\n",
        ),
        (
            "{dsn: x, # why\n comments: [\n  {table: A, columnComments: {\n    B: x, # b\n  }},\n]}\n",
            ("A", "C", "y"),
            "{dsn: x, # why\n comments: [\n  {table: A, columnComments: {\n    B: x, C: y, # b\n  }},\n]}\n",
        ),
        (
            "{dsn: x, # why\n comments: [\n  {table: A, tableComment: x},\n]}\n",
            ("B", "C", "y"),
            "{dsn: x, # why\n comments: [\n  {table: A, tableComment: x}, {table: B, columnComments: {C: y}},\n]}\n",
        ),
        (
            "{dsn: x} # why\n",
            ("A", "", "y"),
            "{dsn: x, comments: [{table: A, tableComment: y}]} # why\n",
        ),
        (
            "comments:\n- {table: A, columnComments: } # a\n",
            ("A", "B", "y"),
            "comments:\n- {table: A, columnComments: {B: y} } # a\n",
        ),
        # Nothing yet.
        ("# mine", ("A", "", "x"), "# mine\ncomments:\n- table: A\n  tableComment: x\n"),
        (
            "# mine\ncomments: [] # none\ndsn: x",
            ("A", "", "x"),
            "# mine\ncomments: # none\n- table: A\n  tableComment: x\ndsn: x",
        ),
        (
            "dsn: x # mine\n\n# end\n",
            ("A", "", "x"),
            "dsn: x # mine\ncomments:\n- table: A\n  tableComment: x\n\n# end\n",
        ),
        (
            "comments:\n- table: A\n  columnComments: {} # none\n- table: B # b\n",
            ("A", "B", "x"),
            "comments:\n- table: A\n  columnComments: # none\n    B: x\n- table: B # b\n",
        ),
        # The older of two entries goes, a remark in it does not.
        (
            "comments:\n- table: A # old\n  tableComment: x\n- table: A\n  tableComment: y # new\n",
            ("A", "", "z"),
            "comments:\n- table: A # old\n- table: A\n  tableComment: z # new\n",
        ),
        # Anchors and aliases that others depend on are not touched.
        (
            "std: &s Standard # all\ncomments:\n- table: A\n  tableComment: *s # a\n  columnComments: {B: *s}\n",
            ("A", "", "Own"),
            "std: &s Standard # all\ncomments:\n- table: A\n  tableComment: Own # a\n  columnComments: {B: *s}\n",
        ),
        # A long name needs a question mark.
        (
            f"comments:\n- table: A\n  columnComments:\n    ? {'n' * 200}\n    : x\n    B: y # b\n",
            ("A", "n" * 200, None),
            "comments:\n- table: A\n  columnComments:\n    B: y # b\n",
        ),
        (
            f"comments:\n- table: A\n  columnComments:\n    ? {'n' * 200}\n    : x # n\n",
            ("A", "m" * 200, "z"),
            f"comments:\n- table: A\n  columnComments:\n    ? {'n' * 200}\n    : x # n\n    ? {'m' * 200}\n    : z\n",
        ),
    ],
)
def test_every_layout_stays_where_it_is_edited(
    before: str, edit: tuple[str, str, str | None], after: str
) -> None:
    assert _edited(before, edit) == after


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        (
            "comments:\n- table: A\n  columnComments: &c {X: x} # a\n- table: B\n  columnComments: *c\n",
            ("B", "X", "own"),
        ),
        (
            "comments:\n- table: A\n  columnComments: &c {X: x} # a\n- table: B\n  columnComments: *c\n",
            ("A", "X", None),
        ),
        (
            "comments:\n- table: A\n  tableComment: &t x # a\n- table: B\n  tableComment: *t\n",
            ("A", "", "own"),
        ),
        ("base: &b\n- table: A # a\n  tableComment: x\ncomments: *b\n", ("B", "", "x")),
        ("comments:\n- {table: A, tableComment: x, # a\n  i: {}}\n", ("A", "", None)),
    ],
)
def test_a_place_that_others_share_is_told_and_left_alone(
    tmp_path: Path, text: str, edit: tuple[str, str, str | None]
) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_text(text)
    with pytest.raises(CatalogProblem, match=r"legacy\.comments\.yml was not written"):
        edit_sidecar(path, lambda _: [Edit(Place(*edit[:2]), edit[2])])
    assert path.read_text() == text


def test_what_is_written_is_what_was_shown() -> None:
    text = "Two lines:\nboth of them"
    shown = write_fragment(Edit(Place("NEW", "NO"), text))
    assert _edited(
        "# mine\ncomments:\n- table: A\n  tableComment: x\n", ("NEW", "NO", text)
    ).endswith(shown)


# Random files. -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """`about` is the table, or the place, without which the line would not be there. Nobody's: None."""

    text: str
    about: Place | str | None = None


_TABLES = ("T0", "T1", "NO", "T3")
_COLUMNS = ("C0", "C1", "0x10", "C3")
_PLACES = [Place(table, column) for table in _TABLES for column in ("", *_COLUMNS)]


@st.composite
def _files(draw: st.DrawFn) -> tuple[list[Line], dict[Place, str]]:
    """Lines, each of them there once, and what they say."""
    count = iter(range(10_000))
    texts: dict[Place, str] = {}

    def between(indent: str) -> Iterator[Line]:
        for space in draw(st.lists(st.sampled_from([None, "", indent]), max_size=2)):
            yield Line("" if space is None else f"{space}# remark {next(count)}: 'x' - y")

    def tail() -> str:
        return f"   # tail {next(count)}" if draw(st.booleans()) else ""

    def name(text: str) -> str:
        return draw(
            st.sampled_from(["{}", "'{}'", '"{}"'] if text[0] in "TC" else ["'{}'"])
        ).format(text)

    def valued(head: str, place: Place, indent: str) -> Iterator[Line]:
        said = f"text {next(count)} of # {'.'.join(place)}"
        style = draw(st.sampled_from(["'", '"', "|", ">-", "many"]))
        texts[place] = said
        if style in ("|", ">-"):
            texts[place] = said + ("\n" if style == "|" else "")
            yield Line(f"{head}: {style}{tail()}", place)
            yield Line(f"{indent}  {said}", place)
        elif style == "many":
            texts[place] = f"{said} and on {(number := next(count))}"
            yield Line(f"{head}: '{said}", place)
            yield Line(f"{indent}    and on {number}'{tail()}", place)
        else:
            yield Line(f"{head}: {style}{said}{style}{tail()}", place)

    lines = [*between(""), Line("dsn: 0x10" + tail()), Line("comments:" + tail())]
    dash = draw(st.sampled_from(["- ", "  - ", "  -   "]))
    inner = " " * len(dash)
    for number, table in enumerate(
        draw(st.lists(st.sampled_from(_TABLES), min_size=1, unique=True)), start=1
    ):
        lines += between(dash.replace("-", " "))
        lines.append(Line(f"{dash}table: {name(table)}{tail()}", table))
        if draw(st.booleans()):
            lines.append(Line(f"{inner}indexComments: {{{table}: {next(count)}}}{tail()}"))
        if draw(st.booleans()):
            lines += between(inner)
            lines += valued(f"{inner}tableComment", Place(table), inner)
        columns = draw(st.lists(st.sampled_from(_COLUMNS), unique=True))
        if columns:
            lines.append(Line(f"{inner}columnComments{' ' * number}:{tail()}", f"{table}."))
        for column in columns:
            lines += between(inner + "  ")
            lines += valued(f"{inner}  {name(column)}", Place(table, column), inner + "  ")
    if draw(st.booleans()):
        lines += [*between(""), Line("format: {a: [1, # one"), Line(" 2]}" + tail())]
    return [*lines, *between("")], texts


def test_a_remark_stays_though_the_table_below_it_goes_and_comes_again(tmp_path: Path) -> None:
    path = tmp_path / "x.comments.yml"
    path.write_text("dsn: x\ncomments:\n# from the old manual\n- table: NO\n")
    for words in (None, "Number"):
        edit_sidecar(path, lambda _, words=words: [Edit(Place("NO"), words)])  # type: ignore[misc]
        assert path.read_text().startswith("dsn: x\ncomments:\n")
        assert path.read_text().count("# from the old manual\n") == 1
    assert read_sidecar(path) == {Place("NO"): "Number"}


@settings(max_examples=300, deadline=None)
@given(
    _files(),
    st.lists(
        st.tuples(st.sampled_from(_PLACES), st.none() | st.text(max_size=3)), min_size=1, max_size=6
    ),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_is_edited_all_other_lines_stay(
    file: tuple[list[Line], dict[Place, str]],
    edits: list[tuple[Place, str | None]],
    line_end: str,
    is_ended: bool,
    at_once: bool,
) -> None:
    lines, texts = file
    expected = dict(texts)
    never_empty = _described(texts)
    went: set[str] = set()  # lines that were not there after one of the edits
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.comments.yml"
        before = line_end.join(line.text for line in lines) + line_end * is_ended
        path.write_bytes(before.encode())
        assert _ended(read_sidecar(path)) == _ended(texts)
        chosen = [
            Edit(place, None if words is None else f"new {number}: {words}\0"[:-1])
            for number, (place, words) in enumerate(edits)
        ]
        for group in [chosen] if at_once else [[edit] for edit in chosen]:
            edit_sidecar(path, lambda _, group=group: group)  # type: ignore[misc]
            for edit in group:
                expected.pop(edit.place, None)
                if edit.text is not None:
                    expected[edit.place] = edit.text
            present = read_sidecar(path)
            assert _ended(present) == _ended(expected)
            assert [present.get(edit.place) for edit in group] == [
                expected.get(edit.place) for edit in group
            ]
            never_empty &= _described(expected)
            after = path.read_bytes().decode()
            went |= {line.text for line in lines} - set(after.split(line_end))
    assert yaml.safe_load(after)["dsn"] == 16
    assert after.count(line_end) == after.count("\n")
    edited = {edit.place for edit in chosen}
    # What is about a table goes with its last text, where there is no remark, and is a new line if it
    # comes again; no other line goes, and none moves.
    emptied = {*(place.table for place in edited), *(f"{place.table}." for place in edited)}
    emptied -= never_empty
    stays = [line.text for line in lines if line.about not in edited and line.text]
    may_go = {line.text for line in lines if line.about in emptied and "#" not in line.text}
    assert not went & set(stays) - may_go
    known = set(stays) - went
    assert [line for line in after.split(line_end) if line in known] == [
        line for line in stays if line in known
    ]
    if not (emptied & {line.about for line in lines}):
        assert after.split(line_end).count("") == before.split(line_end).count("")


def _ended(texts: Mapping[Place, str]) -> dict[Place, str]:
    """A block at the very end of a file gets its last line end when something comes after it."""
    return {place: text.removesuffix("\n") for place, text in texts.items()}


def _described(texts: Mapping[Place, str]) -> set[str]:
    """`T` for a table with a text, `T.` for one with a column that has one."""
    return {place.table for place in texts} | {f"{place.table}." for place in texts if place.column}
