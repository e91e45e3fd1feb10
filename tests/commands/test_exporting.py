"""Exporting to files: whole or not at all, and never over what is not ours."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.catalog.model import Connector
from amx_tui.catalog.opening import open_database
from amx_tui.commands.exporting import FORMATS, ExportProblem, Overwrites, export
from amx_tui.review.store import Store
from tests.review.made import accept, column

BUKRS = column("BUKRS")


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[Connector]:
    database = sqlite3.connect(tmp_path / "legacy.db")
    database.execute("CREATE TABLE BSEG (BUKRS TEXT, WAERS TEXT)")
    database.close()
    opened = open_database(str(tmp_path / "legacy.db"))
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path, connector: Connector) -> Iterator[Store]:
    made = Store(tmp_path / "amx" / "tui.db")
    made.decide(connector.identity, [accept(BUKRS, "Company code"), accept(column("GONE"), "x")])
    yield made
    made.close()


def test_sql_comes_with_the_script_that_reverts_it(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "comments.sql"
    report = export("sql", path, store, connector, connector.load())
    assert report.paths == (path, tmp_path / "out" / "comments.revert.sql")
    assert (report.texts, report.left_out) == (1, (column("GONE"),))
    assert "IS 'Company code';" in path.read_text()
    assert "IS NULL;" in report.paths[1].read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_name_without_a_suffix_gets_one(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    report = export("markdown", tmp_path / "dictionary", store, connector, connector.load())
    assert report.paths == (tmp_path / "dictionary.md",)
    assert "| BUKRS | TEXT |" in report.paths[0].read_text()


def test_our_own_file_is_brought_up_to_date(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    path = tmp_path / "comments.sql"
    export("sql", path, store, connector, connector.load())
    store.decide(connector.identity, [accept(BUKRS, "Another text")])
    export("sql", path, store, connector, connector.load())
    assert "Another text" in path.read_text()


@pytest.mark.parametrize("name", ["comments.sql", "comments.revert.sql"])
@pytest.mark.parametrize("was_ours", [True, False])
def test_a_file_that_is_not_ours_is_not_replaced(
    tmp_path: Path, store: Store, connector: Connector, name: str, was_ours: bool
) -> None:
    path = tmp_path / "comments.sql"
    if was_ours:
        export("sql", path, store, connector, connector.load())
        store.decide(connector.identity, [accept(BUKRS, "Another text")])
    (tmp_path / name).write_text("-- somebody's work\n")
    before = {file: file.read_text() for file in tmp_path.glob("*.sql")}
    with pytest.raises(Overwrites) as told:
        export("sql", path, store, connector, connector.load())
    assert name in told.value.what
    assert ("changed" in told.value.why) == was_ours
    assert {file: file.read_text() for file in tmp_path.glob("*.sql")} == before
    export("sql", path, store, connector, connector.load(), overwrite=True)
    assert "somebody" not in (tmp_path / name).read_text()
    export("sql", path, store, connector, connector.load())


def test_a_link_is_followed_and_stays_a_link(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    (tmp_path / "docs").mkdir()
    link = tmp_path / "dictionary.md"
    link.symlink_to(tmp_path / "docs" / "real.md")
    export("markdown", link, store, connector, connector.load())
    assert link.is_symlink() and "BUKRS" in (tmp_path / "docs" / "real.md").read_text()


def test_nothing_decided_is_no_script_but_still_a_dictionary(
    tmp_path: Path, connector: Connector
) -> None:
    empty = Store(tmp_path / "empty" / "tui.db")
    with pytest.raises(ExportProblem) as told:
        export("sql", tmp_path / "x.sql", empty, connector, connector.load())
    assert "R, or amx-tui review" in told.value.remedy and not (tmp_path / "x.sql").exists()
    export("markdown", tmp_path / "x.md", empty, connector, connector.load())
    assert "| BUKRS | TEXT |" in (tmp_path / "x.md").read_text()
    empty.close()


def test_an_unknown_format_names_the_known_ones(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    with pytest.raises(ExportProblem, match="sql, dbt"):
        export("docx", tmp_path / "x", store, connector, connector.load())


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.sql").mkdir()
    for path in (tmp_path / "file" / "x.sql", tmp_path / "folder.sql"):
        with pytest.raises(ExportProblem) as told:
            export("sql", path, store, connector, connector.load())
        assert str(path) in told.value.what and told.value.remedy


@pytest.mark.parametrize(
    "name", ["~nobodyatall/x.sql", "~", ".", "..", "/", "sub/..", "a\0b.sql", "half\ud800.sql"]
)
def test_a_name_that_no_file_can_have_is_told(
    tmp_path: Path,
    store: Store,
    connector: Connector,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "here"))
    with pytest.raises(ExportProblem) as told:
        export("sql", Path(name), store, connector, connector.load())
    assert not isinstance(told.value, Overwrites)
    assert told.value.what and told.value.remedy
    assert not list(tmp_path.glob("**/*.sql"))


def test_a_tilde_is_the_home_of_the_user(
    tmp_path: Path, store: Store, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    report = export("sql", Path("~/x.sql"), store, connector, connector.load())
    assert report.paths[0] == tmp_path / "home" / "x.sql"


def test_a_store_that_cannot_remember_does_not_lose_the_file(
    tmp_path: Path, connector: Connector
) -> None:
    (tmp_path / "blocked").write_text("in the way")
    blocked = Store(tmp_path / "blocked" / "tui.db")
    path = tmp_path / "x.md"
    assert export("markdown", path, blocked, connector, connector.load()).paths == (path,)
    with pytest.raises(Overwrites):
        export("markdown", path, blocked, connector, connector.load())


def test_a_folder_that_is_missing_is_told_and_not_made(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    with pytest.raises(ExportProblem) as told:
        export("sql", tmp_path / "modles" / "x.sql", store, connector, connector.load())
    assert "modles" in told.value.what and "mkdir -p" in told.value.remedy
    assert not (tmp_path / "modles").exists()


def test_a_dbt_file_of_others_is_merged_into_without_a_question(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    path = tmp_path / "schema.yml"
    path.write_text("# mine\nsources:\n- name: main\n  tables:\n  - name: BSEG  # mine\n")
    path.chmod(0o600)
    for _ in range(2):
        report = export("dbt", path, store, connector, connector.load())
        assert report.texts == 1
        assert path.read_text() == (
            "# mine\nsources:\n- name: main\n  tables:\n  - name: BSEG  # mine\n"
            '    columns:\n      - name: BUKRS\n        description: "Company code"\n'
        )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # The merged file is not ours: another format does not replace it.
    with pytest.raises(Overwrites):
        export("tbls", path, store, connector, connector.load())


@pytest.mark.parametrize("format", ["dbt", "csv"])
@pytest.mark.parametrize("was_there", [True, False])
def test_what_another_program_writes_in_this_moment_is_kept(
    tmp_path: Path,
    store: Store,
    connector: Connector,
    format: str,
    was_there: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "x.yml"
    if was_there:
        path.write_text("version: 2\n")
    made = FORMATS[format].make

    def make_while_another_writes(*material: object) -> object:
        path.write_text("# another's\n")
        return made(*material)  # type: ignore[arg-type]

    slow = replace(FORMATS[format], make=make_while_another_writes)  # type: ignore[arg-type]
    monkeypatch.setitem(FORMATS, format, slow)  # type: ignore[arg-type]
    with pytest.raises(ExportProblem) as told:
        export(format, path, store, connector, connector.load(), overwrite=True)
    assert path.read_text() == "# another's\n"
    assert "changed" in told.value.why or "there already" in told.value.what
    assert not list(tmp_path.glob(".x*"))


def test_a_yes_counts_for_what_was_there_when_it_was_asked(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("one\n")
    with pytest.raises(Overwrites) as asked:
        export("csv", path, store, connector, connector.load())
    path.write_text("two\n")
    with pytest.raises(Overwrites) as again:
        export("csv", path, store, connector, connector.load(), over=asked.value.seen)
    assert "changed while" in again.value.why and path.read_text() == "two\n"
    export("csv", path, store, connector, connector.load(), over=again.value.seen)
    assert "Company code" in path.read_text()


@pytest.mark.parametrize("name", ["legacy.db", "legacy.comments.yml", "link.db"])
def test_neither_the_database_nor_its_comments_are_replaced_by_an_export(
    tmp_path: Path, store: Store, connector: Connector, name: str
) -> None:
    """Whatever a person says to a question that names a file."""
    (tmp_path / "link.db").symlink_to(tmp_path / "legacy.db")
    before = (tmp_path / "legacy.db").read_bytes()
    with pytest.raises(ExportProblem, match="is what is exported") as told:
        export("tbls", tmp_path / name, store, connector, connector.load(), overwrite=True)
    assert not isinstance(told.value, Overwrites)
    assert (tmp_path / "legacy.db").read_bytes() == before
    assert not (tmp_path / "legacy.comments.yml").exists()


def test_a_command_to_type_names_a_folder_with_spaces_as_a_shell_takes_it(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    with pytest.raises(ExportProblem) as told:
        export("csv", tmp_path / "two words" / "a.csv", store, connector, connector.load())
    assert told.value.remedy.endswith(f"mkdir -p '{tmp_path}/two words'")


@pytest.mark.parametrize("format", ["sql", "dbt"])
def test_a_read_only_file_is_left_alone_though_its_folder_could_be_written(
    tmp_path: Path, store: Store, connector: Connector, format: str
) -> None:
    path = tmp_path / "kept.yml"
    path.write_text("version: 2\n")
    path.chmod(0o444)
    with pytest.raises(ExportProblem) as told:
        export(format, path, store, connector, connector.load(), overwrite=True)
    assert "read-only" in told.value.why and path.read_text() == "version: 2\n"


def test_a_pipe_or_a_device_gets_no_file_beside_it(
    tmp_path: Path, store: Store, connector: Connector
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/null")):
        with pytest.raises(ExportProblem) as told:
            export("csv", place, store, connector, connector.load())
        assert told.value.what == f"{place} is no file"
    assert not Path("/dev/null.csv").exists()
    assert [path.name for path in tmp_path.glob("pipe*")] == ["pipe"]
