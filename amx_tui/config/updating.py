"""Changes a settings file so that no other process loses anything: under a lock, from what stands in
the file now, checked against programs that know no lock, with backups. It does not know what the
text means.

Everything here blocks, for up to `PATIENCE` seconds while another process holds the lock: call it in
a thread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from amx_tui.base.files import sweep, write_atomic
from amx_tui.config.folders import shown_path
from amx_tui.config.model import ConfigProblem
from amx_tui.config.settings_text import read_text

PATIENCE = 10.0  # seconds
_GLANCE = 0.01  # seconds between two looks at a lock that is held: it is, for some milliseconds
BACKUPS = 5  # as many as AMX keeps
_ATTEMPTS = 5


def update_file(
    path: Path,
    change: Callable[[str], str],
    *,
    backups: int = 0,
    clear: Callable[[str], str] | None = None,
) -> int:
    """Replaces the text of `path` by `change` of it ("" where there is no file), whole or not at all.
    Returns how many backups lost something to `clear`.

    `change` may be called again, on the new text, when a program that knows no lock wrote the file
    meanwhile; whether one did is checked once more immediately before the rename. An unchanged text is
    not written. The file gets `0600`, a missing folder `0700`; a symbolic link stays one. The last
    `backups` texts are kept as `NAME.bak.1` (the newest) and so on, each after `clear`, which takes out
    what must not stand in them any more, before the file itself changes.

    Raises:
        ConfigProblem: where the file cannot be read, locked or written, and whatever `change` raises;
            the file is then as it was.
    """
    with _explained(path), _locked(path):
        # A backup stands beside the link, the file itself where the link leads.
        sweep(path)
        sweep(Path(os.path.realpath(path)))
        for _ in range(_ATTEMPTS):
            old = read_text(path)

            def still(old: str | None = old) -> bool:
                return read_text(path) == old

            new = change(old or "")
            if not still():
                continue
            count = _clear(path, backups, clear)
            if new == (old or ""):
                return count
            if old is not None:
                _rotate(path, clear(old) if clear else old, backups)
            if write_atomic(path, new, mode=0o600, still=still):
                return count
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
        lock.acquire(timeout=PATIENCE, poll_interval=_GLANCE)
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


def _backups(path: Path, count: int) -> list[Path]:
    return [path.with_name(f"{path.name}.bak.{number}") for number in range(1, count + 1)]


def _clear(path: Path, backups: int, clear: Callable[[str], str] | None) -> int:
    """How many backups were written anew without what `clear` takes out."""
    count = 0
    for backup in _backups(path, backups) if clear is not None else ():
        assert clear is not None
        with contextlib.suppress(ConfigProblem):  # one that cannot be read, or is no text
            old = read_text(backup)
            if old is not None and (new := clear(old)) != old:
                count += write_atomic(backup, new, mode=0o600)
    return count


def _rotate(path: Path, old: str, backups: int) -> None:
    if not backups:
        return
    names = _backups(path, backups)
    for younger, older in reversed(list(itertools.pairwise(names))):
        with contextlib.suppress(FileNotFoundError):
            younger.replace(older)
    write_atomic(names[0], old, mode=0o600)
