"""A command of the program run to its end in a process of its own, which is a fork of one that has imported
the program: importing is most of what a short command takes. That each command imports what it needs, and
starts from nothing, is what `test_imports.py` and the tests of `tests/terminal` are for.

Usage of the process that forks: python -m tests.forked, and a line of JSON on stdin for each command: its
words, its environment, its folder, and three files: its input, its output, and what it says of problems.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# Everything that has a part in a command.
ROOMS = ("base", "config", "catalog", "llm", "evidence", "drafting", "review", "commands", "shell")
# What these, and what they use, import only where it is needed.
LATE = ("argparse", "duckdb", "filelock", "getpass", "keyring", "pathspec", "platformdirs", "yaml")
LATE_FOR_REQUESTS = ("anyio._backends._asyncio", "concurrent.futures.thread", "httpcore", "httpx")
LONGEST = 60  # seconds that a command may take


def run_forked(*words: str | Path, typed: str = "") -> tuple[int, str, str]:
    """The exit status, the output, and what was said on the error stream; `typed` is the whole input."""
    forker = _forker()
    assert forker.stdin is not None and forker.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("in", "out", "err")]
        files[0].write_text(typed, encoding="utf-8")
        order = {
            "words": [*map(str, words)],
            "environ": dict(os.environ),
            "folder": str(Path.cwd()),
            "files": [*map(str, files)],
        }
        forker.stdin.write(json.dumps(order) + "\n")
        forker.stdin.flush()
        answer = forker.stdout.readline()
        assert answer, "the process that forks has ended"
        out, problems = (file.read_text(encoding="utf-8") for file in files[1:])
    return int(answer), out, problems


@functools.cache
def _forker() -> subprocess.Popen[str]:
    """One for all tests of this process."""
    forker = subprocess.Popen(
        [sys.executable, "-m", "tests.forked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    atexit.register(forker.communicate)  # it ends when nobody can write to it any more
    return forker


def import_all() -> None:
    """What a command may import, so that no fork has to."""
    for room in ROOMS:
        package = importlib.import_module(f"amx_tui.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in LATE + LATE_FOR_REQUESTS:
        importlib.import_module(name)


def main() -> None:
    import_all()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            work(json.loads(line))
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


def work(order: dict[str, Any]) -> None:
    """Ends as the program does, with all that Python does then."""
    signal.alarm(LONGEST)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    new = os.O_WRONLY | os.O_CREAT
    for number, (path, flags) in enumerate(
        zip(order["files"], (os.O_RDONLY, new, new), strict=True)
    ):
        os.dup2(os.open(path, flags), number)
    # As Python opens them in a UTF-8 locale.
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    from amx_tui.cli import main as program

    sys.argv = ["amx-tui", *order["words"]]
    sys.exit(program())


if __name__ == "__main__":
    main()
