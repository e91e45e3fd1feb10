"""A disk without room, and a home that may not be written: told in words, nothing lost that was there, and
the program goes on. The errors are the system's own: a limit on the size of files (`RLIMIT_FSIZE`, which
needs no privilege and can be set and lifted while the program runs), a small tmpfs, a read-only mount."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.forked import run_forked
from tests.provider import Reply, ScriptedProvider, draft, draft_lines, stream
from tests.terminal.conftest import UNDESCRIBED, snapshot_of, start_all
from tests.terminal.terminal import Terminal

NO_ROOM = "its disk may be full"
REST = UNDESCRIBED - 3


def limit(terminal: Terminal, size: int = resource.RLIM_INFINITY) -> None:
    """From now on the program cannot write into a file beyond `size` bytes."""
    resource.prlimit(terminal.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def shell(*words: str | Path, status: int = 0) -> tuple[str, str]:
    """What a command prints, and what it says on the error stream."""
    ended, out, problems = run_forked(*words)
    assert ended == status, out + problems
    assert "Traceback" not in out + problems
    return out, problems


def states(legacy: Path) -> list[str]:
    """What a new process finds in the store, of each suggestion."""
    said, _ = shell("review", legacy, "--json")
    return [row["state"] for row in json.loads(said)["suggestions"]]


def go_to_review(terminal: Terminal, program: list[str], legacy: Path) -> None:
    shell("draft", legacy, "--yes")
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions")


@pytest.fixture
def settled(profile: Path, provider: ScriptedProvider) -> Path:
    """A profile whose provider drafts everything."""
    provider.answer = draft
    return profile


def test_a_run_that_cannot_be_kept_does_not_begin_and_begins_when_there_is_room(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path, provider: ScriptedProvider
) -> None:
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    limit(terminal, 0)
    start_all(terminal)
    terminal.wait_for("the run did not start", NO_ROOM, "Make room")
    assert not provider.calls  # nothing was sent, and nothing paid
    limit(terminal)
    terminal.press("t")
    terminal.wait_for(f"{UNDESCRIBED}/{UNDESCRIBED} drafted", "R reviews them")
    leave(terminal)
    assert states(legacy) == ["to do"] * UNDESCRIBED


def test_a_run_in_the_middle_ends_in_words_and_t_drafts_the_rest(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path, provider: ScriptedProvider
) -> None:
    def hold_after_the_first_line(body: Mapping[str, Any]) -> Reply:
        first, *_ = draft_lines(body).splitlines(keepends=True)
        return stream(reasoning="Hm. ", content=first, hold="end")

    provider.answer = hold_after_the_first_line
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    terminal.wait_for(f"3/{UNDESCRIBED} drafted")
    limit(terminal, 0)
    provider.answer = draft
    provider.release()
    terminal.wait_for(f"3/{UNDESCRIBED} drafted · failed", NO_ROOM, "R reviews them")
    # What had been shown is there, in this process and in another one.
    terminal.press("R")
    terminal.wait_for("3 suggestions · 3 to do")
    assert states(legacy) == ["to do"] * 3
    limit(terminal)
    terminal.press("D")
    terminal.wait_for("batches")
    terminal.press("t")
    terminal.wait_for(f"{REST}/{REST} drafted", "R reviews them")
    leave(terminal)
    assert states(legacy) == ["to do"] * UNDESCRIBED


def test_a_decision_that_cannot_be_kept_is_not_shown_and_what_was_typed_stays(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path
) -> None:
    go_to_review(terminal, program, legacy)
    terminal.press("1")
    terminal.wait_for("1 accepted")
    limit(terminal, 0)
    terminal.press("2")
    terminal.wait_for(NO_ROOM, "1 accepted")
    terminal.press("u")
    terminal.wait_for("1 accepted")
    terminal.press("o")
    terminal.wait_for("ctrl-s keep")
    terminal.type("A text of mine")
    terminal.press("ctrl+s")
    terminal.wait_for("A text of mine", "ctrl-s keep", NO_ROOM)
    assert states(legacy).count("to do") == UNDESCRIBED - 1
    limit(terminal)
    terminal.press("ctrl+s")
    terminal.wait_until_gone("ctrl-s keep")
    terminal.wait_for("1 accepted", "1 edited")
    terminal.press("r")
    terminal.wait_for("1 rejected")
    terminal.kill9()
    assert sorted(states(legacy))[:3] == ["accepted", "edited", "rejected"]


def test_nothing_is_written_that_the_journal_cannot_hold(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path
) -> None:
    go_to_review(terminal, program, legacy)
    terminal.press("1")
    terminal.wait_for("1 accepted")
    terminal.press("W")
    terminal.wait_for("1 to write")
    limit(terminal, 0)
    terminal.press("enter")
    terminal.wait_for("Write to legacy.db")
    terminal.press("y")
    terminal.wait_for(NO_ROOM, "1 to write")
    assert not sidecar(legacy).exists()
    limit(terminal)
    terminal.press("enter")
    terminal.wait_for("Write to legacy.db")
    terminal.press("y")
    terminal.wait_for("1 written")
    assert "Meaning of BKPF" in sidecar(legacy).read_text()


def test_a_text_that_was_written_and_not_journaled_is_found_out_about(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    settled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The room ends while the database writes."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the lock of the sidecars is
    go_to_review(terminal, program, legacy)
    terminal.press("1")
    terminal.wait_for("1 accepted")
    terminal.press("W")
    terminal.wait_for("1 to write")
    with held(tmp_path / f"amx-tui-{os.getuid()}.lock"):
        terminal.press("enter")
        terminal.wait_for("Write to legacy.db")
        terminal.press("y")
        terminal.wait_for(lambda _: '"outcome": null' in history(legacy))
        # As large as the log is now: the sidecar has room, the journal has none.
        limit(terminal, settled.with_name("tui.db-wal").stat().st_size)
    terminal.wait_for(NO_ROOM)
    terminal.wait_for("found out")
    assert "Meaning of BKPF" in sidecar(legacy).read_text()
    terminal.kill9()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +2/9|main"))
    terminal.press("W")
    terminal.wait_for("Nothing is waiting to be written")
    assert states(legacy).count("written") == 1
    assert "found written after amx-tui was cut off" in history(legacy)
    _, said = shell("apply", legacy, "--undo", "--yes", "--json")
    assert "1 of 1 put back" in said


def test_an_export_that_has_no_room_leaves_the_file_that_is_there(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path
) -> None:
    go_to_review(terminal, program, legacy)
    terminal.press("1")
    terminal.wait_for("1 accepted")
    terminal.press("W")
    terminal.wait_for("1 to write")
    export(terminal)
    terminal.wait_for("legacy.sql")
    terminal.wait_for(lambda _: legacy.with_name("legacy.sql").exists())
    before = snapshot_of(legacy.parent)
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions")
    terminal.press("1")
    terminal.wait_for("2 accepted")
    terminal.press("W")
    terminal.wait_for("2 to write")
    limit(terminal, 0)
    export(terminal)
    terminal.wait_for("cannot be written", "File too large")
    assert snapshot_of(legacy.parent) == before  # and nothing beside it
    limit(terminal)
    export(terminal)
    terminal.wait_for(lambda _: "BUKRS" in legacy.with_name("legacy.sql").read_text(), timeout=10)
    leave(terminal)


def export(terminal: Terminal) -> None:
    terminal.press("x")
    terminal.wait_for("goes in", "SQL, with a script")
    terminal.press("enter")
    terminal.wait_for_field()
    terminal.press("enter")
    terminal.wait_until_gone("goes in")


FULL = [
    (("draft", "LEGACY", "--again", "--yes"), 1),
    (("apply", "LEGACY", "--yes"), 1),
    (("apply", "LEGACY", "--undo", "--yes"), 0),
    (("export", "LEGACY", "--format", "csv", "--output", "TEXTS"), 1),
    (("history", "LEGACY", "--json"), 0),
    (("review", "LEGACY", "--json"), 0),
]


def test_the_shell_says_it_and_changes_nothing(
    program: list[str], legacy: Path, settled: Path, provider: ScriptedProvider
) -> None:
    shell("draft", legacy, "--yes")
    run_forked("review", legacy, typed="1\n2\nq\n")
    folders = (legacy.parent, settled.parent)
    before, kept = snapshot_of(*folders), states(legacy)
    assert kept.count("accepted") == 2
    calls = len(provider.calls)
    names = {"LEGACY": str(legacy), "TEXTS": str(legacy.with_name("texts.csv"))}
    for words, status in FULL:
        told = without_room([*program, *(names.get(word, word) for word in words)], status)
        if status:
            assert "Make room" in told or "another place" in told or "AMX_CONFIG_DIR" in told
        assert len(provider.calls) == calls, words
        after = snapshot_of(*folders)
        assert without_shared_memory(after) == without_shared_memory(before), words
        assert states(legacy) == kept, words


def without_room(command: list[str], status: int) -> str:
    """What it says where no file may grow."""

    def restrict() -> None:
        # Python ignores the signal itself, so that the call fails; what is started here inherits that.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        preexec_fn=restrict,
    )
    said = done.stdout + done.stderr
    assert done.returncode == status, said
    assert "Traceback" not in said
    return said


def without_shared_memory(files: dict[str, bytes]) -> dict[str, bytes]:
    """SQLite's log and its index come and go with whoever looks."""
    return {path: content for path, content in files.items() if not path.endswith(("-shm", "-wal"))}


def test_a_disk_that_is_really_full_is_called_so(
    terminal: Terminal, program: list[str], legacy: Path, settled: Path
) -> None:
    """Half a megabyte of tmpfs in a mount namespace of the program's own."""
    shell("draft", legacy, "--yes")
    config = settled.parent
    seed = config.rename(config.with_name("seed"))
    config.mkdir()
    prepare = (
        f"mount -t tmpfs -o size=512k,mode=700 none {config} && cp {seed}/config.yml {seed}/tui.db"
        f' {config} && exec "$@"'
    )
    terminal.start(
        [*in_a_namespace(), "sh", "-c", prepare, "sh", *program, "legacy.db"], cwd=legacy.parent
    )
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions")
    terminal.press("1")
    terminal.wait_for("1 accepted")
    filler = Path(f"/proc/{terminal.pid}/root{config}/filler")
    fill(filler)
    for _ in range(UNDESCRIBED):  # as many as there was room for, to the first that has none
        terminal.press("s")
    terminal.wait_for("the disk is full", "Make room")
    filler.unlink()
    for _ in range(UNDESCRIBED):
        terminal.press("s")
    terminal.wait_for("1 accepted", f"{UNDESCRIBED - 1} later")
    leave(terminal)


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@pytest.mark.parametrize("has_store", [False, True])
def test_a_home_that_may_not_be_written_is_told_and_what_is_in_it_can_be_read(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    settled: Path,
    home: Path,
    provider: ScriptedProvider,
    has_store: bool,
) -> None:
    if has_store:
        go_to_review(terminal, program, legacy)
        terminal.press("1")
        terminal.wait_for("1 accepted")
        leave(terminal)
        states(legacy)  # whoever leaves it last takes its log away
        assert not settled.with_name("tui.db-wal").exists()
    before, calls = snapshot_of(home), len(provider.calls)
    with read_only(home) as words:
        terminal.start([*words, *program, "legacy.db"], cwd=legacy.parent)
        terminal.wait_for(re.compile(r"main +1/9"))
        if has_store:
            terminal.press("R")
            terminal.wait_for(f"{UNDESCRIBED} suggestions", "1 accepted")
            terminal.press("1")
            terminal.wait_for("cannot be opened", "1 accepted", "writable")
        else:
            start_all(terminal)
            terminal.wait_for("the run did not start", "cannot be written", "AMX_CONFIG_DIR")
        leave(terminal)
        assert len(provider.calls) == calls
    assert without_shared_memory(snapshot_of(home)) == without_shared_memory(before)


@contextmanager
def read_only(folder: Path) -> Iterator[list[str]]:
    """Words before a command for which `folder` may not be written: by a mount for root, whom no
    permission stops."""
    if os.geteuid() == 0:
        mount = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
        yield [*in_a_namespace(), "sh", "-c", mount, "sh"]
        return
    inside = [folder, *(path for path in folder.rglob("*") if not path.is_symlink())]
    modes = {path: path.stat().st_mode for path in inside}
    try:
        for path in reversed(inside):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield []
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def in_a_namespace() -> list[str]:
    """Words before a command that may mount what it likes, for itself alone."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        if shutil.which("unshare") is not None:
            try_out = [*words, "sh", "-c", "mount -t tmpfs none /mnt"]
            if subprocess.run(try_out, capture_output=True, check=False).returncode == 0:
                return words
    pytest.skip("this machine lets nobody mount anything, not even in a namespace of their own")


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """As filelock holds it."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def history(legacy: Path) -> str:
    return shell("history", legacy, "--json")[0]


def sidecar(legacy: Path) -> Path:
    return legacy.with_name("legacy.comments.yml")


def leave(terminal: Terminal) -> None:
    terminal.press("q")
    assert terminal.wait_until_ended() == 0
    assert b"Traceback" not in terminal.drawn()
