"""What a person can type to open a database, and what they are told when it cannot be opened."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.model import CatalogProblem
from amx_tui.catalog.opening import open_connection, open_database, redact

from .conftest import MakeSqlite

_SCRIPT = "CREATE TABLE BSEG (MANDT CHAR(3))"


@pytest.fixture
def sqlite_file(make_sqlite: MakeSqlite) -> Path:
    return make_sqlite(_SCRIPT)


@pytest.fixture
def duckdb_file(tmp_path: Path) -> Path:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(path) as database:
        database.execute(_SCRIPT)
    return path


def refuse(text: str) -> CatalogProblem:
    with pytest.raises(CatalogProblem) as caught:
        open_database(text)
    problem = caught.value
    assert problem.what
    assert problem.remedy
    assert "Traceback" not in str(problem)
    return problem


def test_a_sqlite_file_opens_by_path_and_by_url(
    sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sqlite_file.parent)
    for text in (
        str(sqlite_file),
        "legacy.db",
        " ./legacy.db ",
        "sqlite:///legacy.db",
        f"sqlite:///{sqlite_file}",
        "SQLITE:///legacy.db?mode=ro",
    ):
        connector = open_database(text)
        assert connector.identity == f"sqlite:{sqlite_file}"
        assert connector.label == "legacy.db (sqlite)"
        assert connector.dialect == "sqlite"
        assert [table.name for table in connector.tables()] == ["BSEG"]


def test_the_content_tells_the_kind_not_the_name(duckdb_file: Path, sqlite_file: Path) -> None:
    odd = duckdb_file.rename(duckdb_file.with_name("sales.db"))
    assert open_database(str(odd)).dialect == "duckdb"
    assert open_database(f"duckdb:///{odd}").identity == f"duckdb:{odd}"
    other = sqlite_file.rename(sqlite_file.with_name("legacy.duckdb"))
    assert open_database(str(other)).dialect == "sqlite"
    problem = refuse(f"duckdb:///{other}")
    assert "SQLite" in problem.what
    assert f"sqlite:///{other}" in problem.remedy


def test_a_connection_of_the_configuration_opens(sqlite_file: Path, duckdb_file: Path) -> None:
    assert open_connection("sqlite", {"database": str(sqlite_file)}, "old").dialect == "sqlite"
    found = open_connection("DuckDB", {"database": str(duckdb_file), "read_only": "True"}, "sales")
    assert found.abilities.home.value == "nowhere"


@pytest.mark.parametrize(
    ("backend", "settings", "words"),
    [
        ("snowflake", {"account": "x"}, "snowflake"),
        ("", {}, "no backend"),
        ("duckdb", {"database": "md:sales"}, "MotherDuck"),
        ("duckdb", {"database": ":memory:"}, "names no file"),
        ("sqlite", {}, "names no file"),
    ],
)
def test_a_connection_that_cannot_open_is_told_by_its_name(
    backend: str, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(CatalogProblem) as caught:
        open_connection(backend, settings, "warehouse")
    assert "warehouse" in caught.value.what
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_missing_file_suggests_the_one_that_was_meant(sqlite_file: Path) -> None:
    problem = refuse(str(sqlite_file.with_name("legazy.db")))
    assert "does not exist" in problem.what
    assert str(sqlite_file) in problem.remedy
    assert "no folder" in refuse("/nowhere/at/all.db").why


def test_a_folder_suggests_a_file_in_it(sqlite_file: Path) -> None:
    problem = refuse(str(sqlite_file.parent))
    assert "is a folder" in problem.what
    assert str(sqlite_file) in problem.remedy


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, world", "neither as SQLite nor as DuckDB"),
        (b"-- dump\nCREATE TABLE t (a);", "SQL commands"),
        (b"PGDMP\x01\x0e\x00", "PostgreSQL dump"),
        (b"PK\x03\x04xxxx", "ZIP"),
        (b"SQLite format 3\x00" + b"\xff" * 5000, "damaged or encrypted"),
        (b"SQLite format 3\x00", "damaged or encrypted"),
        (b"\0" * 8 + b"DUCK" + b"\xff" * 5000, "sales.db is damaged"),
        (b"\0" * 8 + b"DUCK", "sales.db is damaged"),
    ],
)
def test_a_file_that_is_not_a_database_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "sales.db"
    path.write_bytes(content)
    problem = refuse(str(path))
    assert words in str(problem)
    assert path.read_bytes() == content


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    assert "not a file" in refuse(str(tmp_path / "pipe.db")).what


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_may_not_be_read_says_so() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    path = folder / "secret.db"
    with sqlite3.connect(path) as database:
        database.execute(_SCRIPT)
    database.close()
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        problem = refuse(str(path))
    finally:
        os.seteuid(0)
        shutil.rmtree(folder)
    assert "cannot be read" in problem.what
    assert "Permission denied" in problem.why


@pytest.mark.parametrize(
    "text", ["", "  ", "sqlite://", "sqlite:///", "sqlite:///:memory:", "duckdb://x"]
)
def test_nothing_named_says_what_to_type(text: str) -> None:
    assert "FILE" in refuse(text).remedy


@pytest.mark.parametrize(
    "text",
    [
        "mysql://user:hunter2@host:port/db",
        "mongodb+srv://user:hunter2@host/db?x=1",
        "postgresql://user:hunter2@host:port/db",
        "postgresql://user:hunt@er/hunter2@[::1/db",
        "postgres://user:hunter2",
        "oracle://h/db?password=hunter2",
        "oracle+oracledb://user:hunter2@h:port/db",
        "snowflake://user:hunter2@account/db",
        "mssql+aioodbc://user:hunter2@h/db",
    ],
)
def test_a_url_that_cannot_open_never_shows_its_password(text: str) -> None:
    problem = refuse(text)
    assert "hunter2" not in str(problem)
    assert "://" in problem.remedy or "pip install" in problem.remedy


def test_an_unknown_scheme_lists_those_that_open() -> None:
    problem = refuse("mongodb://host/db")
    assert "mongodb" in problem.what
    for word in ("sqlite:///", "duckdb:///", "postgresql://", "mysql://", "mariadb://", "oracle"):
        assert word in problem.remedy


_SECRET = st.from_regex(r"QQ[a-zA-Z0-9@:/?#%&=.\[\]-]{0,20}QQ", fullmatch=True)


@given(
    _SECRET,
    st.sampled_from(["postgresql", "mysql", "x"]),
    st.sampled_from(["/db", ":1/db?a=b", ""]),
)
def test_redacting_takes_out_any_password(secret: str, scheme: str, rest: str) -> None:
    shown = redact(f"{scheme}://user:{secret}@host{rest}")
    assert "QQ" not in shown
    assert shown.startswith(f"{scheme}://user@host")


def test_redacting_leaves_paths_alone() -> None:
    assert redact("sqlite:////home/me@work/legacy.db") == "sqlite:////home/me@work/legacy.db"
    assert redact("me@work.db") == "me@work.db"
    assert redact("postgresql://host:5432/db") == "postgresql://host:5432/db"


@pytest.mark.parametrize(
    ("module", "text", "extra"),
    [
        ("duckdb", "{duckdb}", "amx-tui[duckdb]"),
        ("psycopg", "postgresql://host/db", "amx-tui[postgresql]"),
        ("pymysql", "mysql://host/db", "amx-tui[mysql]"),
        ("pymysql", "mariadb+pymysql://host/db", "amx-tui[mysql]"),
        ("sqlalchemy", "oracle+oracledb://host/db", "amx-tui[sql]' oracledb"),
    ],
)
def test_a_missing_driver_names_what_to_install(
    duckdb_file: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    problem = refuse(text.format(duckdb=duckdb_file))
    assert f"python -m pip install '{extra}" in problem.remedy


def test_no_driver_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys, amx_tui.catalog.opening; "
        "print([n for n in ('duckdb', 'psycopg', 'pymysql', 'sqlalchemy', 'yaml', 'filelock', "
        "'textual') if n in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[]\n"


def list_folder(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        entry.name: (entry.stat().st_mtime_ns, entry.stat().st_mode, entry.read_bytes())
        for entry in folder.iterdir()
        if entry.is_file()
    }


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_opening_and_reading_changes_nothing_on_disk(make_sqlite: MakeSqlite, mode: str) -> None:
    path = make_sqlite(f"PRAGMA journal_mode={mode}; {_SCRIPT}; INSERT INTO BSEG VALUES ('100')")
    before = list_folder(path.parent)
    connector = open_database(str(path))
    catalog = connector.load()
    connector.tables()
    connector.close()
    assert catalog.tables[0].row_count == 1
    assert list_folder(path.parent) == before


def test_opening_duckdb_changes_nothing_on_disk(duckdb_file: Path) -> None:
    before = list_folder(duckdb_file.parent)
    open_database(str(duckdb_file)).load()
    assert list_folder(duckdb_file.parent) == before


def hold(code: str, path: Path) -> subprocess.Popen[str]:
    """Another program that does `code` with `path`, says so, and waits until its input ends."""
    script = f"import sys\npath = sys.argv[1]\n{code}\nprint('held', flush=True)\nsys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def test_a_locked_sqlite_file_says_who_holds_it(sqlite_file: Path) -> None:
    holder = hold(
        "import sqlite3\nc = sqlite3.connect(path, isolation_level=None)\nc.execute('BEGIN EXCLUSIVE')",
        sqlite_file,
    )
    try:
        locks = Path("/proc/locks")
        # In a container Linux may hide who it is.
        shows_locks = locks.exists() and f" {holder.pid} " in locks.read_text()
        problem = refuse(str(sqlite_file))
    finally:
        holder.communicate()
    assert "is locked" in problem.what
    assert "Close that program" in problem.remedy
    if shows_locks:
        assert f"(process {holder.pid})" in problem.why
    assert open_database(str(sqlite_file)).tables()


def test_a_locked_duckdb_file_says_who_holds_it(duckdb_file: Path) -> None:
    holder = hold("import duckdb\nc = duckdb.connect(path)", duckdb_file)
    try:
        problem = refuse(str(duckdb_file))
    finally:
        holder.communicate()
    assert "is locked" in problem.what
    assert f"process {holder.pid}" in problem.why
    assert open_database(str(duckdb_file)).tables()


def test_a_wal_database_that_somebody_writes_to_is_read_with_what_they_wrote(
    make_sqlite: MakeSqlite,
) -> None:
    path = make_sqlite(f"PRAGMA journal_mode=wal; {_SCRIPT}")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("CREATE TABLE T001 (BUKRS CHAR(4))")
    assert path.with_name("legacy.db-wal").stat().st_size
    names = [table.name for table in open_database(str(path)).tables()]
    writer.close()
    assert names == ["BSEG", "T001"]
