"""How the doctor works: examinations side by side, each with bounded patience, and a report that keeps
their order. What is looked at, it does not know."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.model import Check, State, check_of
from amx_tui.config.model import Key, Profile

_T = TypeVar("_T")

# A whole examination, in seconds: a database behind a slow tunnel takes some, and a person who was
# asked for the keyring's password has to type it.
PATIENCE = 30.0
_SHORTEST_SECRET = 6


class Section(StrEnum):
    SETTINGS = "settings"
    KEYS = "keys"
    ACTIVE = "active profile"
    OTHERS = "other hosts"
    DATABASES = "databases"
    TERMINAL = "terminal"
    NETWORK = "network"
    VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Part:
    """How one examination stands: its place in the report, counted from 0, and what it has found."""

    place: int
    section: Section
    checks: tuple[Check, ...]
    is_done: bool


class Report:
    """The parts as they came, in their order."""

    def __init__(self) -> None:
        self._parts: dict[int, Part] = {}

    def add(self, part: Part) -> None:
        """Replaces what this examination had found before."""
        self._parts[part.place] = part

    @property
    def parts(self) -> tuple[Part, ...]:
        return tuple(self._parts[place] for place in sorted(self._parts))

    @property
    def lines(self) -> tuple[tuple[Section, Check], ...]:
        """Every check with its section, from the first to the last."""
        return tuple((part.section, check) for part in self.parts for check in part.checks)

    @property
    def is_done(self) -> bool:
        return bool(self._parts) and all(part.is_done for part in self._parts.values())

    def count(self, state: State) -> int:
        return sum(check.state is state for _, check in self.lines)


# All that the examination has found, each time that it has found something more.
Steps = AsyncGenerator[tuple[Check, ...], None]


@dataclass(frozen=True, slots=True)
class Examination:
    """`what` is its first line, as long as nothing is found."""

    section: Section
    what: str
    steps: Callable[[], Steps]


async def examine_all(
    planned: Sequence[Examination], secrets: Secrets
) -> AsyncGenerator[Part, None]:
    """Every part at first as it begins, in order, then as they find something. Iterate it within
    `contextlib.aclosing`: leaving that closes every connection; what hangs in a thread, such as a
    keyring, is left behind and keeps nobody from ending the program."""
    for place, one in enumerate(planned):
        begun = Check(one.what, State.RUNNING, "looking …")
        yield Part(place, one.section, (begun,), False)
    found: asyncio.Queue[Part] = asyncio.Queue()
    tasks = [
        asyncio.create_task(_carry_out(place, one, found)) for place, one in enumerate(planned)
    ]
    left = len(tasks)
    try:
        while left:
            part = await found.get()
            left -= part.is_done
            yield replace(part, checks=tuple(map(secrets.veil, part.checks)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry_out(place: int, one: Examination, found: asyncio.Queue[Part]) -> None:
    """Puts into `found` what the examination finds, at last as done, whatever goes wrong."""
    checks: tuple[Check, ...] = ()
    try:
        async with asyncio.timeout(PATIENCE), aclosing(one.steps()) as steps:
            async for checks in steps:
                found.put_nowait(Part(place, one.section, checks, False))
    except TimeoutError:
        late = Check(
            one.what,
            State.WARNING,
            f"nothing was heard for {PATIENCE:g} s",
            "Look whether a window asks for a password, then look again",
        )
        checks = (*_ended(checks), late)
    except Problem as problem:
        checks = (*_ended(checks), check_of(one.what, problem))
    except Exception as error:  # one that fails keeps the others from nothing
        name = type(error).__name__
        reason = error.strerror if isinstance(error, OSError) else ""
        words = f"could not be looked at ({name}{f': {one_line(reason, 120)}' if reason else ''})"
        checks = (*_ended(checks), Check(one.what, State.WARNING, words))
    found.put_nowait(Part(place, one.section, _ended(checks), True))


def _ended(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    return tuple(check for check in checks if check.state is not State.RUNNING)


async def patiently(work: Callable[[], _T]) -> _T:
    """`work` in a thread that keeps nobody from leaving: `asyncio.to_thread` would be waited for at the
    end of the program, and a keyring's own question may stand for hours."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except BaseException as error:
            failed = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="amx-tui doctor", daemon=True).start()
    return await done


def at_once(
    look: Callable[[], Iterable[Check]],
) -> Callable[[], Steps]:
    """The steps of a look that blocks and is told as a whole."""

    async def steps() -> Steps:
        yield await patiently(lambda: tuple(look()))

    return steps


class Secrets:
    """The last line of defence: the rooms below quote no secret, but a server's message might."""

    def __init__(self) -> None:
        self._patterns: set[str] = set()

    def add(self, secret: str, public: Iterable[str] = ()) -> None:
        """Keeps `secret` out of the report from now on. One that is shorter than a word, or that is a
        name in `public` too, could only be recognised by the hole that it leaves."""
        if len(secret) >= _SHORTEST_SECRET and secret not in public:
            self._patterns.add(rf"(?<!\w){re.escape(secret)}(?!\w)")

    def veil(self, check: Check) -> Check:
        def hide(text: str) -> str:
            for pattern in tuple(self._patterns):  # threads add to them
                text = re.sub(pattern, "…", text)
            return text

        return replace(
            check, result=hide(check.result), why=hide(check.why), remedy=hide(check.remedy)
        )


def asking_once(find_key: Callable[[Profile], Key | None]) -> Callable[[Profile], Key | None]:
    """The same, but the keyring is asked once for each profile, and never by two threads at a time:
    each of them would make the system ask the person for its password."""
    lock = threading.Lock()
    known: dict[str, Key | Problem | None] = {}

    def find(profile: Profile) -> Key | None:
        with lock:
            if profile.name not in known:
                try:
                    known[profile.name] = find_key(profile)
                except Problem as problem:
                    known[profile.name] = problem
        found = known[profile.name]
        if isinstance(found, Problem):
            raise found
        return found

    return find
