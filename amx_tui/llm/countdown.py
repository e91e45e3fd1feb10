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

        with countdown:
            chunk = await anext(chunks)

    A stream enters and restarts it thousands of times, so both only note a moment: one timer for all of
    them looks whether it has passed.
    """

    def __init__(self, seconds: float) -> None:
        self.phase = Phase.CONNECTING
        self._limit = seconds
        self._deadline: float | None = None
        self._until = 0.0  # what the wait under way ends at: the deadline, or the last look
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None  # that waits now
        self._cancelling = 0  # how often others had cancelled it by then
        self._is_expired = False
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
        self._deadline = self._until = self._loop.time() + self._limit
        self._has_looked = False

    def stop(self) -> None:
        """No request is out any more."""
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def extend(self, seconds: float) -> None:
        """Adds `seconds` to the limit of this call, and to what remains now."""
        self._limit += seconds
        if self._deadline is not None:
            self._deadline = self._until = self._deadline + seconds
            self._has_looked = False

    def __enter__(self) -> Countdown:
        if self._deadline is None:
            self.restart()
        assert self._deadline is not None and self._loop is not None
        now = self._loop.time()
        if self._deadline <= now:
            if self._has_looked:
                raise TimeoutError
            self._has_looked = True
            self._until = now + _LAST_LOOK
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling, self._is_expired = task, task.cancelling(), False
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if not self._is_expired:
            return
        assert task is not None
        # Somebody else's cancellation is none of ours, though both came in the same moment.
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _set_timer(self) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._until, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._deadline is None or self._task is None or self._loop is None:
            return  # the next wait sets it again
        if self._loop.time() < self._until:
            self._set_timer()
        else:
            self._is_expired = True
            self._task.cancel()
