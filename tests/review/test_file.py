"""What happens to `tui.db` itself: when it is made, and what is said when it cannot be used."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from amx_tui.drafting.model import Alternative, Band, Confidence, RunState, Signal, Suggestion
from amx_tui.llm.model import Usage
from amx_tui.review.file import StoreFile
from amx_tui.review.model import State, StoreProblem
from amx_tui.review.schema import APPLICATION_ID, MIGRATIONS, statements
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, plan


def test_looking_at_a_store_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "home" / ".amx" / "tui.db")
    assert store.rows(DATABASE) == ()
    assert store.row(DATABASE, column("BUKRS")) is None
    assert store.runs() == ()
    assert store.interrupted(DATABASE) is None
    assert store.missing(1) == ()
    assert store.notes(1) == ()
    assert store.undo(DATABASE) == () == store.redo(DATABASE)
    assert store.decided(DATABASE) == {}
    assert store.to_write(DATABASE) == () == store.undoable(DATABASE)
    assert store.journal(DATABASE) == () == store.unresolved(DATABASE)
    assert store.exported(tmp_path / "x.sql") is None
    store.close()
    assert not (tmp_path / "home" / ".amx").exists()


def test_only_its_owner_may_read_the_store(store: Store) -> None:
    store.decide(DATABASE, [accept(column("BUKRS"))])
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700
    for file in store.path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_every_commit_is_synced_to_disk(store: Store) -> None:
    store.decide(DATABASE, [accept(column("BUKRS"))])
    with store._file.reading() as connection:
        assert connection is not None
        ask = [f"PRAGMA {name}" for name in ("journal_mode", "synchronous", "foreign_keys")]
        assert [connection.execute(query).fetchone()[0] for query in ask] == ["wal", 2, 1]


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """As one is left by a process that died between making the file and filling it."""
    path = tmp_path / "tui.db"
    path.touch()
    store = Store(path)
    assert store.rows(DATABASE) == ()
    store.decide(DATABASE, [accept(column("BUKRS"))])
    assert len(store.decided(DATABASE)) == 1


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / ".amx").write_text("in the way")
    store = Store(tmp_path / ".amx" / "tui.db")
    assert store.rows(DATABASE) == ()
    with pytest.raises(StoreProblem) as told:
        store.start_run(plan([column("A")]), "x", 1.0)
    assert str(tmp_path / ".amx") in told.value.what
    assert "AMX_CONFIG_DIR" in told.value.remedy


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are for their owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="amx-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


_AS_NOBODY = """
import os, sys
from pathlib import Path
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column
if os.getuid() == 0:
    os.setuid(65534)
try:
    Store(Path(sys.argv[1])).decide(DATABASE, [accept(column("A"))])
except StoreProblem as problem:
    print(problem)
"""


@pytest.mark.parametrize("has_file", [False, True])
def test_a_folder_that_may_not_be_written_is_told(open_folder: Path, has_file: bool) -> None:
    path = open_folder / "tui.db"
    if has_file:
        made = Store(path)
        made.decide(DATABASE, [accept(column("B"))])
        made.close()
        path.chmod(0o444)
    open_folder.chmod(0o555)
    before = sorted(open_folder.iterdir())
    said = subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert said.returncode == 0, said.stderr
    assert str(path) in said.stdout and "AMX_CONFIG_DIR" in said.stdout
    assert sorted(open_folder.iterdir()) == before


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    store.decide(DATABASE, [accept(column("BUKRS"))])
    with store._file.reading() as connection:
        assert connection is not None
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        # SQLite's own word for "no room", from its own code.
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreProblem, match="disk is full"):
        store.decide(DATABASE, [accept(column("WAERS"), "x" * 100_000)])
    assert [target.column for target in store.decided(DATABASE)] == ["BUKRS"]
    store.close()
    store.decide(DATABASE, [accept(column("WAERS"), "x" * 100_000)])
    assert [target.column for target in store.decided(DATABASE)] == ["BUKRS", "WAERS"]


def test_an_old_store_is_brought_up_to_date_once(tmp_path: Path) -> None:
    path = tmp_path / "tui.db"
    first = "CREATE TABLE a (x);\nINSERT INTO a VALUES ('kept; not a statement');"
    old = StoreFile(path, [first])
    with old.writing():
        pass
    old.close()
    new = StoreFile(path, [first, "ALTER TABLE a ADD y;\nUPDATE a SET y = 1;"])
    with new.reading() as connection:
        assert connection is not None
        assert connection.execute("SELECT * FROM a").fetchall() == [("kept; not a statement", 1)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tui.db"
    first = "CREATE TABLE a (x);"
    old = StoreFile(path, [first])
    with old.writing():
        pass
    old.close()
    broken = StoreFile(path, [first, "ALTER TABLE a ADD y;\nINSERT INTO missing VALUES (1);"])
    with pytest.raises(StoreProblem), broken.reading():
        pass
    with old.reading() as connection:
        assert connection is not None
        assert [row[1] for row in connection.execute("PRAGMA table_info(a)")] == ["x"]


_DECIDE = """
import sys
from pathlib import Path
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column
sys.stdin.read(1)
store = Store(Path(sys.argv[1]))
store.decide(DATABASE, [accept(column(sys.argv[2]))])
"""


def test_many_processes_may_start_on_a_new_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "amx" / "tui.db"
    names = ["A", "B", "C", "D"]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _DECIDE, str(path), name],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for name in names
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b".")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors.decode()
    assert {target.column for target in Store(path).decided(DATABASE)} == set(names)


_OF_THE_FIRST_VERSION = """
INSERT INTO databases VALUES (1, 'sqlite:/data/legacy.db');
INSERT INTO targets VALUES (1, 1, 'main', 'BSEG', 'BUKRS'), (2, 1, 'main', 'BSEG', 'WAERS');
INSERT INTO runs VALUES (1, 1, 'legacy.db', '2 columns', 'finished', 1.0, 9.0, NULL, 1);
INSERT INTO legs VALUES (1, 1, 'kimi-thinking', 'kimi', 'kimi-k2-thinking', 'low', 'shapes', NULL, 1.0);
INSERT INTO batches (run, leg, number, state) VALUES (1, 1, 1, 'finished');
INSERT INTO planned VALUES (1, 1, 1, 1, 0, 'old', 0), (1, 2, 1, 1, 1, NULL, 0);
INSERT INTO suggestions VALUES
    (1, 1, 1, 1, 1, '[{"text": "Company code ä", "band": "high", "signal": "logprob", "score": 0.9375,'
     || ' "reason": "it \\"says\\" so"}, {"text": "Booking circle", "band": "low",'
     || ' "signal": "declared", "score": null, "reason": ""}]', 'old', 2.0),
    (2, 1, 1, 1, 2, '[]', NULL, 2.5);
INSERT INTO usage (run, leg, batch, input, cached, output, reasoning, usd)
    VALUES (1, 1, 1, 100, 10, 50, 20, 0.5);
INSERT INTO decision_groups VALUES (1, 1, 'standing');
INSERT INTO decisions VALUES (1, 1, 1, 'accepted', 'Company code ä', 0, 'old', 1, 3.0, NULL);
INSERT INTO write_groups VALUES (1, 1, 'me', NULL);
INSERT INTO writes VALUES (1, 1, 1, 'old', 'Company code ä', 'written', '', 4.0, 1, 1, 1, NULL);
"""


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_what_an_earlier_version_kept_is_all_there_in_this_one(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "tui.db"
    first = StoreFile(path, MIGRATIONS[:1])
    with first.writing() as connection:
        for statement in statements(_OF_THE_FIRST_VERSION):
            connection.execute(statement)
    first.close()
    earlier = StoreFile(path, MIGRATIONS[:version])
    with earlier.writing():
        pass
    earlier.close()
    store = Store(path)
    bukrs, waers = store.rows(DATABASE)
    assert bukrs.suggestion == Suggestion(
        column("BUKRS"),
        (
            Alternative(
                "Company code ä", Confidence(Band.HIGH, Signal.LOGPROB, 0.9375), 'it "says" so'
            ),
            Alternative("Booking circle", Confidence(Band.LOW)),
        ),
        "old",
    )
    assert bukrs.state is State.WRITTEN and bukrs.decision is not None
    assert (bukrs.decision.text, bukrs.decision.reason) == ("Company code ä", None)
    assert waers.suggestion.alternatives == ()
    (run,) = store.runs(DATABASE)
    assert (run.state, run.drafted, run.usage, run.usd) == (
        RunState.FINISHED,
        2,
        Usage(100, 10, 50, 20),
        0.5,
    )
    (entry,) = store.journal(DATABASE)
    assert (entry.change.old, entry.change.new) == ("old", "Company code ä")
    assert store.undo(DATABASE) == (column("BUKRS"),)
