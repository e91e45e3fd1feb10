"""How many requests may be out at once."""

from __future__ import annotations

import asyncio

from amx_tui.llm.limiter import Limiter


class Workers:
    """Tasks that each hold a slot until told to give it back."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.holding: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.ends: dict[int, asyncio.Event] = {}

    async def start(self, *names: int) -> None:
        for name in names:
            self.ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._work(name))
            await asyncio.sleep(0)

    async def end(self, name: int) -> None:
        self.ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def _work(self, name: int) -> None:
        async with self.limiter.slot():
            self.holding.append(name)
            await self.ends[name].wait()
            self.holding.remove(name)


async def test_slots_are_handed_out_in_the_order_of_asking() -> None:
    workers = Workers(Limiter(2))
    await workers.start(1, 2, 3, 4)
    assert workers.holding == [1, 2]
    await workers.end(2)
    assert workers.holding == [1, 3]
    await workers.end(1)
    assert workers.holding == [3, 4]
    await workers.end(3)
    await workers.end(4)


async def test_a_refusal_takes_a_slot_away_but_never_the_last() -> None:
    limiter = Limiter(3)
    workers = Workers(limiter)
    await workers.start(1, 2, 3, 4)
    for expected in (2, 1, 1):
        limiter.note_refusal()
        assert limiter.slots == expected
    await workers.end(1)
    await workers.end(2)
    assert workers.holding == [3]
    await workers.end(3)
    assert workers.holding == [4]
    await workers.end(4)


async def test_successes_give_it_back_up_to_what_was_configured() -> None:
    limiter = Limiter(2)
    limiter.note_refusal()
    workers = Workers(limiter)
    await workers.start(1, 2)
    assert workers.holding == [1]
    while limiter.slots == 1:
        limiter.note_success()
    await asyncio.sleep(0)
    assert workers.holding == [1, 2]
    for _ in range(50):
        limiter.note_success()
    assert limiter.slots == 2
    await workers.end(1)
    await workers.end(2)


async def test_one_who_gives_up_waiting_takes_no_slot_with_them() -> None:
    workers = Workers(Limiter(1))
    await workers.start(1, 2, 3)
    workers.tasks[2].cancel()
    await asyncio.gather(workers.tasks[2], return_exceptions=True)
    await workers.end(1)
    assert workers.holding == [3]
    await workers.end(3)


async def test_a_slot_handed_to_one_who_is_cancelled_in_the_same_moment_goes_on() -> None:
    workers = Workers(Limiter(1))
    await workers.start(1, 2, 3)
    workers.ends[1].set()
    await asyncio.sleep(0)
    # The slot of 1 is now promised to 2, which has not run yet.
    workers.tasks[2].cancel()
    await asyncio.gather(workers.tasks[1], workers.tasks[2], return_exceptions=True)
    await asyncio.sleep(0)
    assert workers.holding == [3]
    await workers.end(3)


async def test_during_a_pause_nobody_begins_and_who_has_begun_goes_on() -> None:
    limiter = Limiter(2)
    workers = Workers(limiter)
    await workers.start(1)
    with limiter.pause():
        await workers.start(2, 3)
        assert workers.holding == [1]
        with limiter.pause():
            pass
        await workers.end(1)
        assert workers.holding == []
    await asyncio.sleep(0)
    assert workers.holding == [2, 3]
    await workers.end(2)
    await workers.end(3)


async def test_who_gives_up_during_a_pause_leaves_the_queue() -> None:
    limiter = Limiter(1)
    workers = Workers(limiter)
    with limiter.pause():
        await workers.start(1, 2)
        workers.tasks[1].cancel()
        await asyncio.gather(workers.tasks[1], return_exceptions=True)
    await asyncio.sleep(0)
    assert workers.holding == [2]
    await workers.end(2)


def test_an_account_that_allows_one_request_is_tried_with_two_ever_more_rarely() -> None:
    limiter = Limiter(4)
    for _ in range(3):
        limiter.note_refusal()
    refused = 3
    for _ in range(100):  # answers
        limiter.note_success()
        if limiter.slots > 1:
            limiter.note_refusal()
            refused += 1
    assert refused <= 10


def test_a_slot_that_holds_makes_the_next_one_come_soon_again() -> None:
    limiter = Limiter(3)
    limiter.note_refusal()
    limiter.note_refusal()

    def successes_until(slots: int) -> int:
        count = 0
        while limiter.slots < slots:
            limiter.note_success()
            count += 1
        return count

    first = successes_until(2)
    limiter.note_refusal()
    assert successes_until(2) > first
    assert successes_until(3) == first
