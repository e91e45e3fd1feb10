"""The garbage collector waits while much is being made, and comes back."""

from __future__ import annotations

import gc
import threading
import weakref

from amx_tui.base.building import building


class Thing:
    pass


def test_it_is_back_when_the_last_maker_is_done() -> None:
    assert gc.isenabled()
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with building():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with building():
        thread.start()
        assert inside.wait(10)
        assert not gc.isenabled()
    assert not gc.isenabled()  # the other one still makes something
    leave.set()
    thread.join(10)
    assert gc.isenabled()


def test_it_stays_away_where_it_was_away() -> None:
    gc.disable()
    try:
        with building():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_was_made_is_freed_all_the_same() -> None:
    with building():
        thing = Thing()
        seen = weakref.ref(thing)
    del thing
    assert seen() is None
