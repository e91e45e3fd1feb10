"""The clock of a call: what it says, and when it runs out."""

from __future__ import annotations

import asyncio

import pytest

from amx_tui.llm.countdown import Countdown

FOREVER = 3600.0


class Clock:
    """The loop's time, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self.now)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def test_the_remaining_seconds_can_be_asked_at_any_moment(clock: Clock) -> None:
    countdown = Countdown(180)
    assert (countdown.remaining(), countdown.is_running) == (180, False)
    countdown.restart()
    clock.now += 50
    assert (countdown.remaining(), countdown.is_running) == (130, True)
    clock.now += 500
    assert countdown.remaining() == 0
    countdown.stop()
    assert (countdown.remaining(), countdown.is_running) == (180, False)


async def test_text_starts_it_again(clock: Clock) -> None:
    countdown = Countdown(180)
    countdown.restart()
    clock.now += 170
    countdown.restart()
    clock.now += 20
    assert countdown.remaining() == 160


async def test_more_time_lasts_until_the_call_ends(clock: Clock) -> None:
    countdown = Countdown(180)
    countdown.restart()
    clock.now += 170
    countdown.extend(60)
    assert (countdown.limit, countdown.remaining()) == (240, 70)
    countdown.restart()
    assert countdown.remaining() == 240
    countdown.stop()
    countdown.extend(60)
    assert countdown.remaining() == 300


async def test_silence_ends_the_wait() -> None:
    countdown = Countdown(0.01)
    with pytest.raises(TimeoutError), countdown:
        await asyncio.sleep(FOREVER)
    assert countdown.remaining() == 0


async def test_more_time_reaches_a_wait_that_has_begun() -> None:
    countdown = Countdown(0.2)
    woken = asyncio.Event()

    async def wait() -> str:
        with countdown:
            await woken.wait()
        return "answered"

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    countdown.extend(FOREVER)
    # Longer than the limit that it began with: it would be over by now.
    await asyncio.sleep(0.3)
    woken.set()
    assert await task == "answered"


async def test_what_has_arrived_is_read_though_the_time_is_up() -> None:
    countdown = Countdown(0.0)
    countdown.restart()
    arrived: asyncio.Queue[str] = asyncio.Queue()
    asyncio.get_running_loop().call_soon(arrived.put_nowait, "text")
    with countdown:
        assert await arrived.get() == "text"


async def test_noise_after_the_end_is_not_waited_for_again_and_again() -> None:
    countdown = Countdown(0.0)
    countdown.restart()
    with countdown:
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError), countdown:
        await asyncio.sleep(0)


async def test_being_cancelled_is_no_silence() -> None:
    countdown = Countdown(FOREVER)

    async def wait() -> None:
        with countdown:
            await asyncio.sleep(FOREVER)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
