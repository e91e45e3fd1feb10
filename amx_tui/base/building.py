"""Keeps Python's garbage collector away from large things that are being made: it would go through all
of them again and again, and holds up every key meanwhile (0.4 s for 100 000 suggestions). And gives back
the memory that making them took."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Iterator

_lock = threading.Lock()
_builders = 0
_was_enabled = False


@contextlib.contextmanager
def building() -> Iterator[None]:
    """Nothing is collected inside, in no thread; what was made is left alone afterwards too, and freed
    all the same when nobody refers to it any more."""
    global _builders, _was_enabled
    with _lock:
        if _builders == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _builders += 1
    try:
        yield
    finally:
        with _lock:
            _builders -= 1
            if _builders == 0:
                gc.freeze()
                if _was_enabled:
                    gc.enable()


def calm_collector() -> None:
    """For a screen that answers keys, once it is there: what was imported stays, and is not looked at
    again in mid-stream. A full collection holds up a key by tens of milliseconds, and a stream starts one
    each second with Python's own numbers; what a stream leaves is gone after the two quick ones."""
    gc.freeze()
    gc.set_threshold(2_000, 20, 20)
    gc.enable()


def give_back() -> None:
    """Returns to the system what was allocated and is free again, which glibc else keeps (40 MB after
    200 000 columns were read from SQLite). Takes milliseconds and lets other threads work; elsewhere
    than with glibc it does nothing."""
    import ctypes  # where something large was read, not at the start

    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
