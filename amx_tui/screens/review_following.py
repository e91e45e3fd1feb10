"""The list of Review as time goes on: it is made once, in a thread where that takes long, and then told
of what changes. It draws nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from amx_tui.base.building import building, give_back
from amx_tui.catalog.model import Target
from amx_tui.screens.review_listing import Suggestions, Wanted
from amx_tui.screens.room import Room

# A list of more rows than this is made in a thread; fewer take less time than a frame.
MADE_AT_ONCE = 1_000
# More changes than this are not told to a list of that size one by one.
TOLD_AT_ONCE = 500


class Following:
    """What `room` lists; the room is drawn when what was made in a thread is there."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._wanted = Wanted()
        self._made: Suggestions | None = None
        self._is_old = True  # and has to be made anew
        self._is_making = False  # in a thread
        self._changed: list[Target] = []  # since it was made or told

    @property
    def wanted(self) -> Wanted:
        return self._wanted

    @property
    def at_hand(self) -> Suggestions | None:
        """What is listed, perhaps without the latest; None while a long list is made for the first time, or
        in another order."""
        return self._made

    @property
    def is_behind(self) -> bool:
        """Whether something else would be listed than `at_hand`."""
        return bool(self._changed) or self._is_old or self._is_making

    def change(self, targets: Iterable[Target]) -> None:
        """These rows are other ones, new, or gone."""
        self._changed += targets

    def forget(self) -> None:
        """Everything may be another one. What is listed stays until the new list is there."""
        self._is_old = True

    def want(self, wanted: Wanted) -> None:
        """Lists what is wanted from now on."""
        if self._made is not None and wanted.source == self._made.wanted.source:
            self._made.filter(wanted)
        else:
            self._made = None
            self._is_old = True
        self._wanted = wanted

    def now(self) -> Suggestions | None:
        """The list with all that changed; None while a long one is being made."""
        if self._is_making:
            return None
        if self._is_old or len(self._changed) > TOLD_AT_ONCE:
            if self._wanted.run is not None or len(self._room.session.rows) > MADE_AT_ONCE:
                self._is_making = True
                self._room.do(self._make)
                return None
            self._changed.clear()
            self._made = Suggestions(self._room.session, self._wanted)
            self._is_old = False
        assert self._made is not None
        if self._changed:
            self._made.update(dict.fromkeys(self._changed))
            self._changed.clear()
        return self._made

    async def prepare(self) -> None:
        """Makes a long list before anybody asks for it, so that the key that does shows it at once."""
        if self._is_old and not self._is_making:
            self._is_making = True
            await self._make()

    async def _make(self) -> None:
        self._is_old = False  # but for what is heard from now on
        changed = len(self._changed)
        try:
            made = await asyncio.to_thread(self._suggestions)
        except BaseException:
            self._is_old = True
            raise
        finally:
            self._is_making = False
        if made.wanted.source == self._wanted.source:
            del self._changed[:changed]
            if made.wanted != self._wanted:  # a key said otherwise meanwhile
                made.filter(self._wanted)
            self._made = made
        else:
            self._is_old = True
        self._room.show_now()

    def _suggestions(self) -> Suggestions:
        with building():
            made = Suggestions(self._room.session, self._wanted)
        give_back()
        return made
