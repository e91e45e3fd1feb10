"""The file beside a database that keeps what the database cannot."""

from __future__ import annotations

import multiprocessing
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.catalog.model import CatalogProblem
from amx_tui.catalog.sidecar import edit_sidecar, name_sidecar, read_sidecar
from amx_tui.catalog.sidecar_edits import Edit, write_fragment
from amx_tui.catalog.sidecar_text import Place

from .conftest import ODD_NAMES, ODD_TEXTS

_HAND_WRITTEN = """
# kept by hand
dsn: sqlite:///legacy.db
format:
  hex: 0x10
comments:
  - table: BSEG
    tableComment: Segments
    indexComments: {i1: an index}
    columnComments:
      MANDT: Client
      NO: Number
      1: One
      EMPTY:
  - table: OTHER
    columnComments: {A: 'first'}
"""


def put(path: Path, place: Place, text: str | None) -> None:
    edit_sidecar(path, lambda _: [Edit(place, text)])


def test_it_is_named_after_the_database() -> None:
    assert name_sidecar(Path("/x/legacy.db")) == Path("/x/legacy.comments.yml")
    assert name_sidecar(Path("/x/legacy.v2.sqlite")) == Path("/x/legacy.v2.comments.yml")
    assert name_sidecar(Path("/x/legacy")) == Path("/x/legacy.comments.yml")


def test_a_file_written_by_hand_is_read_and_keeps_what_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_text(_HAND_WRITTEN)
    assert read_sidecar(path) == {
        Place("BSEG"): "Segments",
        Place("BSEG", "MANDT"): "Client",
        Place("BSEG", "NO"): "Number",
        Place("BSEG", "1"): "One",
        Place("OTHER", "A"): "first",
    }
    before = yaml.safe_load(_HAND_WRITTEN)
    put(path, Place("BSEG", "MANDT"), "The client: all of it")
    put(path, Place("NEW", "B"), "b")
    put(path, Place("BSEG"), None)
    after = yaml.safe_load(path.read_text())
    before["comments"][0]["columnComments"]["MANDT"] = "The client: all of it"
    del before["comments"][0]["tableComment"]
    before["comments"].append({"table": "NEW", "columnComments": {"B": "b"}})
    assert after == before
    assert "0x10" in path.read_text()


def test_a_file_that_holds_nothing_any_more_is_gone_if_it_was_ours(tmp_path: Path) -> None:
    path = tmp_path / "legacy.comments.yml"
    put(path, Place("BSEG"), "Segments")
    put(path, Place("BSEG", "MANDT"), "Client")
    put(path, Place("BSEG"), None)
    assert path.exists()
    put(path, Place("BSEG", "MANDT"), None)
    assert not path.exists()
    put(path, Place("BSEG", "MANDT"), None)  # nor is an empty one made
    assert not path.exists()


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])  # git may have changed them
@pytest.mark.parametrize("name", [*ODD_NAMES, "n" * 200, "n" * 2000])
def test_a_file_of_ours_is_gone_with_its_last_text_whatever_was_in_it(
    tmp_path: Path, name: str, line_end: bytes
) -> None:
    path = tmp_path / "legacy.comments.yml"
    places = [Place("BSEG", name), Place(name), Place(name, name), Place("BSEG")]
    for place, text in zip(places, (*ODD_TEXTS[:3], "word " * 5_000), strict=True):
        put(path, place, "at first\n")
        put(path, place, text)
    path.write_bytes(path.read_bytes().replace(b"\n", line_end))
    for place in places[1:]:
        put(path, place, None)
    assert path.exists()
    put(path, places[0], None)
    assert not path.exists()


@pytest.mark.parametrize(
    "text",
    [
        "# kept by hand\ncomments:\n- table: BSEG\n  tableComment: Segments\n",
        "dsn: sqlite:///legacy.db\ncomments:\n- table: BSEG\n  tableComment: Segments\n",
        "comments:\n- table: BSEG\n  tableComment: Segments\n  indexComments:\n    i1: x\n",
        "comments:\n  - {table: BSEG, tableComment: Segments}\n",
    ],
)
def test_an_empty_file_of_somebody_elses_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_text(text)
    put(path, Place("BSEG"), None)
    assert path.exists() and read_sidecar(path) == {}


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("text", ODD_TEXTS)
def test_every_text_at_every_name_comes_back(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / "x.comments.yml"
    edit_sidecar(path, lambda _: [Edit(Place(name), text), Edit(Place(name, name), text)])
    assert read_sidecar(path) == {Place(name): text, Place(name, name): text}
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert loaded["comments"][0]["columnComments"] == {name: text}


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
_EDITS = st.lists(
    st.tuples(
        st.sampled_from(["BSEG", "BKPF", "NO"]) | _NAMES,
        st.just("") | st.sampled_from(["A", "B"]) | _NAMES,
        st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(_EDITS)
def test_it_is_a_dictionary_that_survives_the_file(
    edits: list[tuple[str, str, str | None]],
) -> None:
    expected: dict[Place, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.comments.yml"
        for table, column, text in edits:
            place = Place(table, column)
            put(path, place, text)
            expected.pop(place, None)
            if text is not None:
                expected[place] = text
            assert read_sidecar(path) == expected
        assert [entry.name for entry in Path(folder).iterdir()] in ([], ["x.comments.yml"])


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("comments:\n  - table: [unclosed\n", "line 2"),  # where it is opened
        ("just words", "comments:"),
        ("- a\n- b\n", "comments:"),
        ("comments: yes\n", "line 1"),
        ("comments:\n- BSEG\n", "line 2"),
        ("comments:\n- table: A\n  columnComments: [a]\n", "line 3"),
        ("comments:\n- table: A\n  columnComments: {a: {b: c}}\n", "line 3"),
        ("comments:\n- table: A\n  tableComment: [a]\n", "line 3"),
        ("a: \x00", ""),
        pytest.param("[" * 5000, "", id="deep"),
    ],
)
def test_a_broken_file_is_told_and_left_alone(tmp_path: Path, text: str, where: str) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_text(text)
    for use in (read_sidecar, lambda path: put(path, Place("A", "b"), "c")):
        with pytest.raises(CatalogProblem) as caught:
            use(path)
        assert "legacy.comments.yml" in caught.value.what
        assert where in caught.value.why
        assert "press r" in caught.value.remedy
    assert path.read_text() == text


def test_a_file_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_bytes(b"comments: \xff\xfe")
    with pytest.raises(CatalogProblem, match="not UTF-8"):
        read_sidecar(path)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "comments:\n", "comments: []\n"])
def test_a_file_without_descriptions_takes_the_first_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "legacy.comments.yml"
    path.write_text(text)
    assert read_sidecar(path) == {}
    put(path, Place("A", "b"), "c")
    assert read_sidecar(path) == {Place("A", "b"): "c"}


def test_the_last_of_two_entries_holds_and_one_is_left_after_writing(tmp_path: Path) -> None:
    path = tmp_path / "legacy.comments.yml"
    twice = "comments:\n- {table: A, columnComments: {b: old}}\n- {table: A, columnComments: {b: new}}\n"
    path.write_text(twice)
    assert read_sidecar(path) == {Place("A", "b"): "new"}
    put(path, Place("A", "b"), "newest")
    assert read_sidecar(path) == {Place("A", "b"): "newest"}
    put(path, Place("A", "b"), None)
    assert read_sidecar(path) == {}


def _add_many(path: Path, table: str) -> None:
    for number in range(20):
        put(path, Place(table, f"c{number}"), f"text {number}")


def test_two_writers_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "legacy.comments.yml"
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_add_many, args=(path, table)) for table in ("A", "B")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
        assert writer.exitcode == 0
    assert len(read_sidecar(path)) == 40
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == [path.name]


def test_what_is_shown_is_yaml_and_says_the_same() -> None:
    for text in ODD_TEXTS:
        shown = yaml.safe_load(write_fragment(Edit(Place("BSEG", "NO"), text)))
        assert shown == [{"table": "BSEG", "columnComments": {"NO": text}}]
    assert yaml.safe_load(write_fragment(Edit(Place("BSEG"), "x"))) == [
        {"table": "BSEG", "tableComment": "x"}
    ]
    assert yaml.safe_load(write_fragment(Edit(Place("BSEG", "A"), None))) is None
