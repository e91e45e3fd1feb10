"""How many requests of a client may be out at once, learnt from the provider's refusals.

It knows nothing of requests; asyncio only.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

# So many whole answers in a row, and one more slot is tried; twice as many each time that this was
# refused, so that an account which allows one request at a time is bothered ever more rarely.
_SUCCESSES = 4
_MOST_SUCCESSES = 64


class Limiter:
    """Slots that are handed out in the order of asking; fewer after a rate limit, more again later."""

    def __init__(self, slots: int) -> None:
        self._most = max(slots, 1)
        self._slots = self._most
        self._taken = 0
        self._successes = 0
        self._needed = _SUCCESSES
        self._is_trying = (
            False  # the last slot was given back, and nothing proves yet that it holds
        )
        self._pauses = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._urgent: deque[asyncio.Future[None]] = deque()  # whom no pause holds up

    @property
    def slots(self) -> int:
        """How many requests may be out now."""
        return self._slots

    @property
    def most(self) -> int:
        """How many may be out where nobody refuses any."""
        return self._most

    @asynccontextmanager
    async def slot(self, *, at_once: bool = False) -> AsyncIterator[None]:
        """Waits for a slot, and holds it. `at_once` goes before the others, and through a pause."""
        await self._take(self._urgent if at_once else self._queue)
        try:
            yield
        finally:
            self._taken -= 1
            self._hand_on()

    @contextmanager
    def pause(self) -> Iterator[None]:
        """No slot is handed out meanwhile: whoever asked now would run into the same wall. What is out
        already goes on."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            self._hand_on()

    def note_success(self) -> None:
        """An answer came through: after some of them, a slot that was taken away is given back."""
        self._successes += 1
        if self._is_trying and self._successes >= _SUCCESSES:
            self._is_trying = False  # it holds: the next one is tried as soon as the first was
            self._needed = _SUCCESSES
        if self._successes >= self._needed and self._slots < self._most:
            self._slots += 1
            self._successes = 0
            self._is_trying = True
            self._hand_on()

    def note_refusal(self) -> None:
        """The provider said that it was too much at once: one slot less, one at least."""
        if self._is_trying:
            self._needed = min(2 * self._needed, _MOST_SUCCESSES)
            self._is_trying = False
        self._slots = max(self._slots - 1, 1)
        self._successes = 0

    async def _take(self, queue: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._hand_on()
        if turn.done():
            return
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The slot was handed over in the same moment: it goes to the next one.
                self._taken -= 1
            else:
                with suppress(ValueError):
                    queue.remove(turn)
            self._hand_on()
            raise

    def _hand_on(self) -> None:
        for queue in (self._urgent, self._queue):
            is_held = self._pauses and queue is self._queue
            while queue and self._taken < self._slots and not is_held:
                turn = queue.popleft()
                if not turn.done():
                    self._taken += 1
                    turn.set_result(None)
