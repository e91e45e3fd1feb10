"""A file at the place of `tui.db` that cannot be used is set aside or left alone, never deleted."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from amx_tui.review.model import ForeignStore, StoreProblem
from amx_tui.review.place import find_set_aside
from amx_tui.review.schema import MIGRATIONS
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column

NEWEST = len(MIGRATIONS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with 200 decisions, which nobody has open."""
    store = Store(tmp_path / "tui.db")
    store.decide(DATABASE, [accept(column(f"C{n}"), "x" * 500) for n in range(200)])
    store.close()
    return tmp_path / "tui.db"


def damage(path: Path) -> bytes:
    """Pages in its middle are not what SQLite wrote; the header is."""
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    return bytes(content)


def decided(store: Store) -> int:
    return len(store.decided(DATABASE))


def said(store: Store) -> str:
    (notice,) = store.notices
    return str(notice)


def test_a_damaged_file_is_set_aside_with_a_name_that_says_so_and_a_new_one_begun(
    path: Path,
) -> None:
    before = damage(path)
    store = Store(path)
    assert decided(store) == 0 and store.path == path
    (aside,) = find_set_aside(path)
    assert aside.read_bytes() == before
    assert "tui.db is damaged" in said(store) and "Nothing was deleted" in said(store)
    assert str(aside) in said(store) and ".recover" in said(store)
    store.decide(DATABASE, [accept(column("A"))])
    store.close()
    # It is told once: the next start finds a whole one.
    again = Store(path)
    assert (decided(again), again.notices) == (1, ())
    assert find_set_aside(path) == (aside,)


def test_two_files_that_were_damaged_in_the_same_second_both_stay(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amx_tui.review.place.time.strftime", lambda _: "2026-11-27-044427")
    contents = set()
    for text in (b"not a database, " * 300, b"nor this one, " * 300, damage(path)):
        path.write_bytes(text)
        contents.add(text)
        assert decided(Store(path)) == 0
    asides = find_set_aside(path)
    assert {one.read_bytes() for one in asides} == contents
    assert asides[0].name == "tui.damaged-2026-11-27-044427-2.db"


def test_its_log_goes_along(path: Path) -> None:
    """The last decisions may be in the log alone, as after a kill."""
    killed = f"""
import os
from pathlib import Path
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column
Store(Path({str(path)!r})).decide(DATABASE, [accept(column("LAST"), "in the log alone")])
os._exit(9)
"""
    run_python(killed)
    log = path.with_name("tui.db-wal")
    assert b"in the log alone" in log.read_bytes()
    path.write_bytes(b"overwritten by somebody, " * 500)
    assert decided(Store(path)) == 0
    (aside,) = find_set_aside(path)
    assert b"in the log alone" in Path(f"{aside}-wal").read_bytes()


@pytest.mark.parametrize("is_there", [True, False])
def test_a_file_that_was_emptied_or_lost_leaves_its_log_which_is_set_aside(
    path: Path, is_there: bool
) -> None:
    """SQLite itself would throw it away."""
    test_its_log_goes_along(path)
    (aside,) = find_set_aside(path)
    log = Path(f"{aside}-wal").rename(path.with_name("tui.db-wal")).read_bytes()
    aside.unlink()
    if is_there:
        path.write_bytes(b"")
    else:
        path.unlink(missing_ok=True)
    store = Store(path)
    assert decided(store) == 0 and "damaged" in said(store)
    (aside,) = find_set_aside(path)
    assert Path(f"{aside}-wal").read_bytes() == log


def test_a_damaged_file_that_somebody_has_open_is_not_renamed(path: Path) -> None:
    """The other one would go on writing the log of what would then be another file."""
    with held_open(path):
        before = damage(path)
        store = Store(path)
        for _ in range(2):
            with pytest.raises(StoreProblem, match="another program has it open") as told:
                decided(store)
            assert "Close the other amx-tui" in told.value.remedy
        assert path.read_bytes() == before and find_set_aside(path) == ()
    assert decided(store) == 0
    assert len(find_set_aside(path)) == 1


def test_many_that_start_at_once_set_it_aside_once_and_lose_nothing(path: Path) -> None:
    damage(path)
    decide = f"""
import sys
from pathlib import Path
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column
sys.stdin.read(1)
store = Store(Path({str(path)!r}))
store.decide(DATABASE, [accept(column(sys.argv[1]))])
store.close()
"""
    names = ["A", "B", "C", "D", "E", "F"]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", decide, name],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        for name in names
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b".")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert {target.column for target in Store(path).decided(DATABASE)} == set(names)
    assert len(find_set_aside(path)) == 1


def test_one_that_cannot_be_set_aside_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also root, whom no permission stops, cannot take a mount point away."""
    before = damage(path)

    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", refuse)
        with pytest.raises(StoreProblem, match="cannot be set aside") as told:
            decided(Store(path))
    assert "AMX_CONFIG_DIR" in told.value.remedy
    assert path.read_bytes() == before


def make_newer(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    connection.close()


def make_foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


NOT_OURS = {
    make_newer: ("newer amx-tui", "pip install --upgrade"),
    make_foreign: ("not amx-tui's", "Move it away"),
    make_a_folder: ("is not a file", "Move it away"),
}


@pytest.mark.parametrize("make", NOT_OURS)
def test_what_is_not_ours_stays_untouched_and_we_work_beside_it(path: Path, make: object) -> None:
    assert callable(make)
    make(path)
    before = content_of(path)
    for count in range(1, 4):  # at each start again
        store = Store(path)
        assert decided(store) == count - 1
        store.decide(DATABASE, [accept(column(f"NEW{count}"))])
        assert store.path.name == f"tui.v{NEWEST}.db"
        for words in (*NOT_OURS[make], store.path.name, "left as it is"):
            assert words in said(store)
        store.close()
    assert content_of(path) == before
    assert find_set_aside(path) == ()


def test_a_newer_file_that_is_in_use_is_no_hindrance(path: Path) -> None:
    make_newer(path)
    with held_open(path):
        store = Store(path)
        store.decide(DATABASE, [accept(column("A"))])
        assert decided(store) == 1 and "newer amx-tui" in said(store)
        store.close()


def test_the_file_beside_may_be_damaged_as_well(path: Path) -> None:
    make_newer(path)
    beside = path.with_name(f"tui.v{NEWEST}.db")
    beside.write_bytes(b"not a database, " * 300)
    store = Store(path)
    assert decided(store) == 0
    newer, damaged = map(str, store.notices)
    assert "newer amx-tui" in newer and f"{beside.name} is damaged" in damaged
    assert len(find_set_aside(path)) == 1


def test_where_neither_is_ours_nothing_is_touched(path: Path) -> None:
    make_newer(path)
    path.with_name(f"tui.v{NEWEST}.db").mkdir()
    with pytest.raises(ForeignStore, match="not a file"):
        decided(Store(path))


def test_a_newer_program_that_takes_it_over_meanwhile_is_told(path: Path) -> None:
    """What its tables mean by then, this one does not know."""
    store = Store(path)
    store.decide(DATABASE, [accept(column("A"))])
    make_newer(path)
    for use in (lambda: decided(store), lambda: store.decide(DATABASE, [accept(column("B"))])):
        with pytest.raises(ForeignStore, match="newer amx-tui"):
            use()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM decisions").fetchone() == (201,)
    connection.close()


def test_a_link_stays_one_and_the_file_itself_is_set_aside(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    real = path.rename(elsewhere / "kept.db")
    path.symlink_to(real)
    damage(real)
    store = Store(path)
    assert decided(store) == 0
    store.decide(DATABASE, [accept(column("A"))])
    store.close()
    assert path.is_symlink() and path.resolve() == real
    assert len(find_set_aside(real)) == 1
    assert decided(Store(path)) == 1
    assert real.stat().st_mode & 0o777 == 0o600


def content_of(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def run_python(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], env=environment(), check=False)


@contextmanager
def held_open(path: Path) -> Iterator[None]:
    """By another process, as an amx-tui that does nothing at the moment."""
    hold = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("SELECT count(*) FROM sqlite_master").fetchone()
print("held", flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdin and holder.stdout and holder.stdout.readline()
        yield
        holder.stdin.close()
