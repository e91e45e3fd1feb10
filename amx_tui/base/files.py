"""Writes a file so that a reader, or a crash, sees either the old text or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

# What the names of unfinished files end in. AMX's own end in .tmp, and are left to it.
_UNFINISHED = ".amx-tui"


def write_atomic(
    path: Path,
    text: str | Iterable[str],
    *,
    mode: int = 0o600,
    still: Callable[[], bool] | None = None,
) -> bool:
    """Replaces `path` by `text` (UTF-8; whole, or piece by piece): written beside it, synced to disk,
    then renamed over it.

    A symbolic link is followed, so that it stays a link. `mode` is given to the new file; missing
    parent folders are made with `0700`. `still` is asked immediately before the rename; where it says
    no, nothing is written and the answer is False.

    Raises:
        OSError: where the folder or the file cannot be written; the old file is then untouched.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_UNFINISHED)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines((text,) if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        if still is not None and not still():
            Path(name).unlink()
            return False
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """What was renamed in it is on disk only when the folder is."""
    with contextlib.suppress(OSError):  # Windows cannot open a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(path: Path) -> None:
    """Removes what a process that was killed in the middle of `write_atomic` left of `path` and of the
    files whose names begin with its name, such as backups. Only for who holds the lock of `path`: what
    another process is still writing would go as well."""
    with contextlib.suppress(OSError):
        for left in path.parent.iterdir():
            if left.name.startswith(f".{path.name}.") and left.name.endswith(_UNFINISHED):
                left.unlink(missing_ok=True)
