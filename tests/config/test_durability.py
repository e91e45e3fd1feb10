"""Nothing of the file is lost: not to another process of ours, not to one that is killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from amx_tui.config import updating
from amx_tui.config.model import Profile

from .saving import save
from .shapes import written_by_amx

# Each edit needs the one before: it changes the name that the last one gave. One that got lost would
# leave the next without its profile.
RENAME = """
import sys
from pathlib import Path
from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.editing import Change, write
from amx_tui.config.profile_entries import PROFILES
path, kind, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
for number in range(500):
    write(path, Change(PROFILES if kind == "llm" else CONNECTIONS, f"{name}-{number + 1}", was=f"{name}-{number}"))
"""
SMALL = """\
# both of us
llm_profiles:
  mine-0: {provider: kimi, model: m}  # one
active_llm_profile: mine-0
db_profiles:
  yours-0: {backend: duckdb, database: /x}  # two
active_db_profile: yours-0
"""


def test_two_processes_that_change_the_file_500_times_each_lose_nothing(config_file: Path) -> None:
    config_file.parent.mkdir()
    config_file.write_text(SMALL)
    running = [
        subprocess.Popen([sys.executable, "-c", RENAME, str(config_file), kind, name])
        for kind, name in (("llm", "mine"), ("db", "yours"))
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    expected = SMALL.replace("mine-0", "mine-500").replace("yours-0", "yours-500")
    assert config_file.read_text() == expected
    assert [path.name for path in sorted(config_file.parent.iterdir())] == [
        "config.yml",
        *(f"config.yml.bak.{number}" for number in range(1, 6)),
        "config.yml.lock",
    ]


# A process that saves and is killed, again and again: forked, so that it needs no time to start.
KILLED = """
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path
import yaml, filelock
from amx_tui.config.editing import Change, write
from amx_tui.config.file import load_config
from amx_tui.config.profile_entries import PROFILES

path, times = Path(sys.argv[1]), int(sys.argv[2])
random.seed(int(sys.argv[3]))
last = 0
for turn in range(times):
    said, says = os.pipe()
    child = os.fork()
    if not child:
        number = load_config(path).profiles["work"].max_tokens
        while True:
            number += 1
            work = load_config(path).profiles["work"]
            edited = replace(work, max_tokens=number)
            write(path, Change(PROFILES, "work", was="work", entry=edited))
            os.write(says, b".")
    os.read(said, 1)  # it is in the middle of its work
    time.sleep(random.uniform(0.0, 0.08))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(said)
    os.close(says)
    config = load_config(path)
    assert config.problems == (), config.problems
    data = yaml.safe_load(path.read_text())
    assert data["llm"] == data["llm_profiles"]["work"]
    number = config.profiles["work"].max_tokens
    assert number >= last, (number, last)
    last = number
    for backup in path.parent.glob("config.yml.bak.*"):
        assert load_config(backup).profiles["work"].max_tokens <= number
print(last)
"""


def test_a_process_that_is_killed_at_any_instant_leaves_a_valid_file(config_file: Path) -> None:
    config_file.parent.mkdir()
    config_file.write_text(written_by_amx())
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(config_file), "25", "7"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 16384 + 25
    # What the killed ones left behind goes with the next save, AMX's own unfinished file does not.
    left = config_file.parent / ".config.yml.abc123.amx-tui"
    left.write_text("half")
    of_backup = config_file.parent / ".config.yml.bak.1.abc123.amx-tui"
    of_backup.write_text("half")
    of_amx = config_file.parent / ".config.yml.abc123.tmp"
    of_amx.write_text("half")
    save(config_file, Profile("x", "kimi", "m"), activate=False)
    hidden = [path for path in config_file.parent.iterdir() if path.name.startswith(".")]
    assert hidden == [of_amx]


def test_a_program_that_writes_in_the_last_moment_is_noticed(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AMX knows no lock: it may write while our text is being synced to disk."""
    config_file.parent.mkdir()
    config_file.write_text("a: 1\n")
    texts = iter(["a: 2\n", "a: 3\n"])
    real = updating.write_atomic

    def slow(path: Path, text: str, **given: object) -> bool:
        if path == config_file and (other := next(texts, None)):
            config_file.write_text(other)
        return real(path, text, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(updating, "write_atomic", slow)
    updating.update_file(config_file, lambda text: text + "b: 1\n", backups=5)
    assert config_file.read_text() == "a: 3\nb: 1\n"


def test_file_and_folder_are_synced_before_a_save_is_called_done(
    config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(handle: int) -> None:
        mode = os.fstat(handle).st_mode
        synced.append("folder" if stat.S_ISDIR(mode) else "file")
        real(handle)

    monkeypatch.setattr(os, "fsync", note)
    save(config_file, Profile("x", "kimi", "m"), activate=True)
    assert synced == ["file", "folder"]
    synced.clear()
    save(config_file, Profile("y", "kimi", "m"), activate=True)
    assert synced == ["file", "folder"] * 2  # the backup, then the file
