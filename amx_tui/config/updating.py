"""Changes a settings file so that no other process loses anything: under a lock, from what stands in
the file now, checked against programs that know no lock, with backups. It does not know what the
text means.

Everything here blocks, for up to `PATIENCE` seconds while another process holds the lock: call it in
a thread.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem
from amx_tui.config.yaml_text import read_text

PATIENCE = 10.0  # seconds
BACKUPS = 5  # as many as AMX keeps
_ATTEMPTS = 5


def update_file(path: Path, change: Callable[[str], str], *, backups: int = 0) -> None:
    """Replaces the text of `path` by `change` of it ("" where there is no file), whole or not at all.

    `change` may be called again, on the new text, when a program that knows no lock wrote the file
    meanwhile. An unchanged text is not written. The file gets `0600`, a missing folder `0700`; a
    symbolic link stays one. The last `backups` texts are kept as `NAME.bak.1` (the newest) and so on.

    Raises:
        ConfigProblem: where the file cannot be read, locked or written, and whatever `change` raises;
            the file is then as it was.
    """
    with _explained(path), _locked(path):
        for _ in range(_ATTEMPTS):
            old = read_text(path)
            new = change(old or "")
            if new == (old or ""):
                return
            if old is not None:
                _rotate(path, old, backups)
            if read_text(path) == old:
                write_atomic(path, new, mode=0o600)
                return
    raise ConfigProblem(
        f"{shown_path(path)} was not saved",
        "Another program writes to it all the time",
        "Close that program, then save again",
    )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = shown_path(path)
        raise ConfigProblem(
            f"{name} cannot be written",
            error.strerror or "The system gave no reason",
            f"See who may write there and how much space is left: ls -ld {shown_path(path.parent)}; "
            f"df {shown_path(path.parent)}",
        ) from None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(f"{path}.lock", mode=0o600)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise ConfigProblem(
            f"{shown_path(path)} is being changed by another amx-tui",
            f"It has held {path.name}.lock for more than {PATIENCE:g} seconds",
            "Finish or close it there, then save again",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _rotate(path: Path, old: str, backups: int) -> None:
    if not backups:
        return
    names = [path.with_name(f"{path.name}.bak.{number}") for number in range(1, backups + 1)]
    for younger, older in reversed(list(itertools.pairwise(names))):
        with contextlib.suppress(FileNotFoundError):
            younger.replace(older)
    write_atomic(names[0], old, mode=0o600)
