"""The index: made, brought up to date, deleted and damaged."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amx_tui.evidence.index import Index, Stopped
from amx_tui.evidence.model import EvidenceProblem, Passage, Reading, Skipped, Standing


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("one\n\nBUKRS is the company code\n")
    (folder / "b.sql").write_text("SELECT WAERS FROM T001\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def index(docs: Path, cache: Path) -> Iterator[Index]:
    index = Index(cache, [docs])
    yield index
    index.close()


def found(index: Index, term: str) -> list[Passage]:
    return list(index.passages(index.holding(term, 100)).values())


def places(index: Index, term: str) -> list[str]:
    return [passage.place for passage in found(index, term)]


def test_a_word_is_found_in_either_case_and_only_whole(index: Index) -> None:
    standing = index.refresh()
    assert (standing.reading, standing.files, standing.passages) == (Reading.DONE, 2, 2)
    assert places(index, "bukrs") == places(index, "BUKRS") == ["docs/a.md:1"]
    assert places(index, "BUKR") == places(index, "UKRS") == []


def test_an_underscore_belongs_to_the_word(index: Index, docs: Path) -> None:
    (docs / "c.md").write_text("X_LEGACY_FLG marks it\n")
    index.refresh()
    assert places(index, "x_legacy_flg") == ["docs/c.md:1"]
    assert places(index, "LEGACY") == []


@pytest.mark.parametrize(
    "term", ['"', "a OR b", "NEAR(", "text:BUKRS", "*", "", "\0", "'; DROP", "-"]
)
def test_a_name_is_never_a_query(index: Index, term: str) -> None:
    index.refresh()
    assert index.holding(term, 10) == []
    assert index.ranked([term, "BUKRS"], 10) == index.holding("BUKRS", 10)


def test_the_folder_of_the_file_tells_as_well(index: Index, docs: Path) -> None:
    (docs / "BSEG.md").write_text("What is in the segments\n")
    index.refresh()
    assert places(index, "bseg") == ["docs/BSEG.md:1"]


def test_what_changed_is_read_again_and_what_is_gone_is_forgotten(index: Index, docs: Path) -> None:
    first = index.refresh()
    (docs / "a.md").write_text("MANDT is the client, edited\n")
    (docs / "b.sql").unlink()
    second = index.refresh()
    assert second.state != first.state
    assert places(index, "BUKRS") == places(index, "WAERS") == []
    assert places(index, "MANDT") == ["docs/a.md:1"]


def test_what_is_renamed_is_found_under_its_new_name_only(index: Index, docs: Path) -> None:
    index.refresh()
    (docs / "a.md").rename(docs / "z.md")
    index.refresh()
    assert places(index, "BUKRS") == ["docs/z.md:1"]


def test_what_is_ignored_from_now_on_is_forgotten(index: Index, docs: Path) -> None:
    index.refresh()
    (docs / ".gitignore").write_text("a.md\n")
    index.refresh()
    assert places(index, "BUKRS") == []


def test_what_did_not_change_is_not_read_again(index: Index, docs: Path) -> None:
    first = index.refresh()
    status = (docs / "a.md").stat()
    (docs / "a.md").write_text("one\n\nOTHER is the company code\n")  # of the same size
    os.utime(docs / "a.md", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert index.refresh() == first
    assert places(index, "BUKRS") == ["docs/a.md:1"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["a.md", "b.md", "c.sql", "d/e.md"]),
            st.sampled_from(["BUKRS one", "WAERS two", "BUKRS WAERS", "\0"]),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_after_any_changes_it_is_as_if_made_anew(
    tmp_path_factory: pytest.TempPathFactory, states: list[dict[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("changes")
    docs = folder / "docs"
    kept = Index(folder / "kept", [docs])
    for clock, state in enumerate(states):
        for old in list(docs.rglob("*.*")):
            old.unlink()
        docs.mkdir(exist_ok=True)
        for name, text in state.items():
            (docs / name).parent.mkdir(exist_ok=True)
            (docs / name).write_text(text)
            # As a clock would have it, however quick this test is.
            os.utime(docs / name, ns=(clock * 10**9, clock * 10**9))
        standing = kept.refresh()
    fresh = Index(folder / "fresh", [docs])
    assert fresh.refresh() == standing
    for term in ("BUKRS", "WAERS"):
        assert sorted(places(kept, term)) == sorted(places(fresh, term))
        texts = [[p.text for p in i.passages(i.ranked([term], 9)).values()] for i in (kept, fresh)]
        assert texts[0] == texts[1]
    kept.close()
    fresh.close()


def test_what_cannot_be_read_is_counted_and_not_tried_again(index: Index, docs: Path) -> None:
    (docs / "c.md").write_bytes(b"\0\1\2")
    assert index.refresh().skipped == {Skipped.BINARY: 1}
    assert index.refresh().skipped == {Skipped.BINARY: 1}


def test_only_its_owner_may_read_it_and_no_secret_is_in_it(
    index: Index, docs: Path, cache: Path
) -> None:
    (docs / "c.md").write_text("password: hunter2hunter2\nBUKRS mails to jane.doe@example.com\n")
    (docs / ".env").write_text("KEY=hunter2hunter2")
    index.refresh()
    for file in cache.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    index.close()
    for file in cache.iterdir():
        assert b"hunter2" not in file.read_bytes() and b"jane.doe" not in file.read_bytes()


@pytest.mark.parametrize("damage", ["no database", "torn", "version", "table", "empty"])
def test_a_damaged_or_other_index_is_made_anew(
    index: Index, docs: Path, cache: Path, damage: str
) -> None:
    before = index.refresh()
    index.close()
    match damage:
        case "no database":
            index.path.write_bytes(b"no database at all, " * 500)
        case "torn":
            data = index.path.read_bytes()
            index.path.write_bytes(data[: len(data) // 2])
        case "version" | "table":
            said = "PRAGMA user_version = 999" if damage == "version" else "DROP TABLE files"
            with sqlite3.connect(index.path) as connection:
                connection.execute(said)
            connection.close()
        case _:
            index.path.write_bytes(b"")
    again = Index(cache, [docs])
    assert again.refresh() == before
    assert places(again, "BUKRS") == ["docs/a.md:1"]
    again.close()


def test_it_may_be_deleted_at_any_time(index: Index) -> None:
    before = index.refresh()
    for file in index.path.parent.iterdir():
        file.unlink()
    assert index.holding("BUKRS", 9) == []
    assert index.refresh() == before
    assert places(index, "BUKRS") == ["docs/a.md:1"]


def test_a_folder_that_cannot_be_written_is_told(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvidenceProblem, match="cannot be looked up"):
        Index(tmp_path / "file" / "cache", [docs]).refresh()


def test_a_folder_that_is_not_there_is_told_and_the_others_are_read(
    docs: Path, cache: Path
) -> None:
    index = Index(cache, [docs, docs / "gone"])
    standing = index.refresh()
    assert standing.files == 2
    assert ["is not there" in problem.what for problem in standing.problems] == [True]
    index.close()


def test_what_was_read_before_a_stop_stays_read(docs: Path, index: Index) -> None:
    for number in range(250):
        (docs / f"n{number:03}.md").write_text(f"WORD{number}")
    asked = iter(range(1_000))
    with pytest.raises(Stopped):
        index.refresh(stop=lambda: next(asked) >= 150)
    assert len(index.holding("docs", 1_000)) == 100
    assert index.refresh().files == 252


def test_how_far_it_is_is_told(docs: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amx_tui.evidence.index._TELLING", 0.0)
    told: list[Standing] = []
    index.refresh(told.append)
    assert [(one.done, one.total) for one in told] == [(0, 0), (1, 2), (2, 2)]


def test_two_processes_may_read_the_same_folders(docs: Path, cache: Path) -> None:
    for number in range(120):
        (docs / f"n{number:03}.md").write_text(f"BUKRS WORD{number}")
    both = [Index(cache, [docs]), Index(cache, [docs])]
    stood: list[Standing] = []
    threads = [threading.Thread(target=lambda i=i: stood.append(i.refresh())) for i in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.passages for one in stood] == [122, 122]
    assert len(both[0].holding("BUKRS", 1_000)) == 121
    for index in both:
        index.close()
