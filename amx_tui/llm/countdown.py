"""The clock of one call: how long it may still be silent. Knows nothing of requests."""

from __future__ import annotations

import asyncio
from types import TracebackType

from amx_tui.llm.model import Phase

# What has arrived while nobody was reading must be read before silence is declared. Seconds.
_LAST_LOOK = 0.1


class Countdown:
    """Seconds until a call is given up. Only text starts it again (`restart`); `extend` lets a person
    wait longer. Ask it at any moment; call it from the call's own event loop.

    It is entered around each wait for the provider, and raises TimeoutError there when it runs out:

        async with countdown:
            chunk = await anext(chunks)
    """

    def __init__(self, seconds: float) -> None:
        self.phase = Phase.CONNECTING
        self._limit = seconds
        self._deadline: float | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wait: asyncio.Timeout | None = None
        self._has_looked = False  # once after the deadline

    @property
    def limit(self) -> float:
        """The longest silence of this call, in seconds, with what it was extended by."""
        return self._limit

    @property
    def is_running(self) -> bool:
        """Whether a request is out; between requests the whole limit remains."""
        return self._deadline is not None

    def remaining(self) -> float:
        """Seconds until the request is given up, 0 at least; the limit while none is out."""
        if self._deadline is None or self._loop is None:
            return self._limit
        return max(self._deadline - self._loop.time(), 0.0)

    def restart(self) -> None:
        """Something was said, or a request goes out: the whole limit again."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._move(self._loop.time() + self._limit)

    def stop(self) -> None:
        """No request is out any more."""
        self._deadline = None

    def extend(self, seconds: float) -> None:
        """Adds `seconds` to the limit of this call, and to what remains now."""
        self._limit += seconds
        if self._deadline is not None:
            self._move(self._deadline + seconds)

    def _move(self, deadline: float) -> None:
        self._deadline = deadline
        self._has_looked = False
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(deadline)

    async def __aenter__(self) -> Countdown:
        if self._deadline is None:
            self.restart()
        assert self._deadline is not None
        now = asyncio.get_running_loop().time()
        until = self._deadline
        if until <= now:
            if self._has_looked:
                raise TimeoutError
            self._has_looked = True
            until = now + _LAST_LOOK
        wait = asyncio.timeout_at(until)
        await wait.__aenter__()
        self._wait = wait
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wait, self._wait = self._wait, None
        assert wait is not None
        await wait.__aexit__(kind, error, traceback)
