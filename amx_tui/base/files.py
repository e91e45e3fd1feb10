"""Writes a file so that a reader, or a crash, sees either the old text or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_atomic(path: Path, text: str | Iterable[str], *, mode: int = 0o600) -> None:
    """Replaces `path` by `text` (UTF-8; whole, or piece by piece): written beside it, synced to disk,
    then renamed over it.

    A symbolic link is followed, so that it stays a link. `mode` is given to the new file; missing
    parent folders are made with `0700`.

    Raises:
        OSError: where the folder or the file cannot be written; the old file is then untouched.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.writelines((text,) if isinstance(text, str) else text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    # The rename itself is on disk only when the folder is. Windows cannot open a folder.
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
