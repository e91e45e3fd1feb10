"""The demo's provider: answers httpx as Moonshot would, out of `replies`, without any network.

Everything above httpx is the product's own code, so requests are read, and answers streamed, in
Moonshot's own shape, at the pace of a thinking model and with two of its usual incidents. It knows
nothing of plans, batches or screens. Imported only when a demo draft starts.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from random import Random

import httpx

from amx_tui.demo.model import Reading, Replay
from amx_tui.demo.replies import reply_for

# About what English text and JSON take; the usage that is reported is computed with it.
_CHARACTERS_PER_TOKEN = 4
# The pace of kimi-k2-thinking on a good day, in seconds and tokens a second.
_CONNECT_SECONDS = 0.2
_FIRST_TOKEN_SECONDS = 2.0
_TOKENS_PER_SECOND = 60.0
# A thinking model draws breath at the end of a paragraph.
_BREATH_SECONDS = 0.35
# Pieces that are due within one tick go out together: a sleep for each of them would cost more than
# it paces at a thousand times the speed.
_TICK_SECONDS = 0.015
# What goes out at once at most; an unpaced stream must still let others run.
_CHUNK_BYTES = 4_096
# How many of the chunks are cut inside an event.
_CUT_SHARE = 0.15

# Which chat requests of a session meet an incident, counted from 1, retries included.
_RATE_LIMITED_REQUEST = 3
_EMPTY_REQUEST = 5
_RETRY_SECONDS = 4
# Where a request names no budget: the default output of Moonshot's K2 models.
_DEFAULT_BUDGET = 32_768
_DEFAULT_ALTERNATIVES = 3

_MODELS = (
    # id, context in tokens, reasons
    ("kimi-k2-thinking", 262_144, True),
    ("kimi-k2-thinking-turbo", 262_144, True),
    ("kimi-k2-instruct", 131_072, False),
    ("kimi-k3", 1_048_576, True),
    ("moonshot-v1-8k", 8_192, False),
    ("moonshot-v1-32k", 32_768, False),
    ("moonshot-v1-128k", 131_072, False),
)
_BALANCE = {"available_balance": 49.58, "voucher_balance": 46.59, "cash_balance": 2.99}
_ALTERNATIVES_LINE = re.compile(r"^\s*alternatives:\s*(\d+)", re.IGNORECASE | re.MULTILINE)

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class ReplayTransport(httpx.AsyncBaseTransport):
    """One demo session. `speed` divides all waiting; 0 or less, or infinity, means none at all.

    The third chat request is refused once for its rate, and the fifth thinks until its budget is
    spent. `clock` and `sleep` are for tests. The shapes are those of platform.kimi.ai/docs/api.
    """

    def __init__(
        self,
        *,
        speed: float = 1.0,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._pace = 1 / speed if speed > 0 else 0.0
        self._clock = clock
        self._sleep = sleep
        self._chats = 0
        self._prompts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        await self._sleep(_CONNECT_SECONDS * self._pace)
        match request.method, request.url.path.rstrip("/"):
            case "POST", path if path.endswith("/chat/completions"):
                return self._chat(body)
            case "GET", path if path.endswith("/models"):
                return _json(200, {"object": "list", "data": [_describe(*row) for row in _MODELS]})
            case "GET", path if path.endswith("/users/me/balance"):
                return _json(200, {"code": 0, "data": _BALANCE, "scode": "0x0", "status": True})
            case _, path:
                return _refuse(404, "resource_not_found_error", f"Not found the url {path}")

    def _chat(self, body: bytes) -> httpx.Response:
        try:
            asked = _read_request(json.loads(body))
        except ValueError as error:
            return _refuse(400, "invalid_request_error", f"Invalid request: {error}")
        self._chats += 1
        if self._chats == _RATE_LIMITED_REQUEST:
            return self._refuse_rate()
        spends_budget = self._chats == _EMPTY_REQUEST
        reasoning, answer = _compose(asked)
        if spends_budget:
            answer = ""
        usage = self._measure(asked, reasoning + answer)
        if spends_budget:
            usage["completion_tokens"] = asked.budget
            usage["total_tokens"] = usage["prompt_tokens"] + asked.budget
        finish = "length" if spends_budget else "stop"
        chat = _Chat(f"chatcmpl-demo-{self._chats:06d}", int(time.time()), asked.model)
        if not asked.is_streamed:
            return _json(200, chat.whole(reasoning, answer, finish, usage))
        # Seeded by the request: a session that asks the same is cut in the same places.
        rng = Random(f"{self._chats} {asked.model}")
        ending = chat.ending(finish, usage, asked.wants_usage_chunk)
        events = _schedule(chat, reasoning, answer, ending, rng)
        return httpx.Response(
            200,
            headers={"Content-Type": "text/event-stream; charset=utf-8"},
            stream=_PacedStream(events, self._pace, rng, self._clock, self._sleep),
        )

    def _refuse_rate(self) -> httpx.Response:
        seconds = max(1, math.ceil(_RETRY_SECONDS * self._pace)) if self._pace else 0
        response = _refuse(
            429,
            "rate_limit_reached_error",
            "Your account amx-demo request reached max organization concurrency: 1, "
            f"please try again after {seconds} seconds",
        )
        response.headers["Retry-After"] = str(seconds)
        return response

    def _measure(self, asked: _Request, output: str) -> dict[str, int]:
        """Moonshot's usage. What a prompt has in common with an earlier one comes from the cache."""
        shared = max(
            (_measure_common(asked.prompt, earlier) for earlier in self._prompts), default=0
        )
        self._prompts.append(asked.prompt)
        prompt = _count_tokens(len(asked.prompt))
        completion = _count_tokens(len(output))
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cached_tokens": min(shared // _CHARACTERS_PER_TOKEN, prompt),
        }


# What was asked -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """One target: a column, or the table where `column` is empty, and what was said of it before."""

    table: str
    column: str
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Request:
    model: str
    prompt: str
    budget: int
    is_streamed: bool
    wants_usage_chunk: bool
    alternatives: int
    table: str = ""
    targets: tuple[_Asked, ...] = ()
    hints: tuple[str, ...] = ()


def _read_request(body: object) -> _Request:
    """Raises `ValueError` where the body is none of a chat completion."""
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    listed = body.get("messages")
    if not isinstance(listed, list) or not listed:
        raise ValueError("messages must be a list that is not empty")
    messages = [
        (str(message.get("role")), str(message.get("content") or ""))
        for message in listed
        if isinstance(message, dict)
    ]
    system = "\n".join(content for role, content in messages if role == "system")
    user = next((content for role, content in reversed(messages) if role == "user"), "")
    options = body.get("stream_options")
    budget = body.get("max_completion_tokens") or body.get("max_tokens")
    wanted = _ALTERNATIVES_LINE.search(system)
    table, targets, hints = _read_lines(user)
    return _Request(
        model=str(body.get("model") or ""),
        prompt="\n".join(content for _, content in messages),
        budget=budget if isinstance(budget, int) else _DEFAULT_BUDGET,
        is_streamed=bool(body.get("stream")),
        wants_usage_chunk=isinstance(options, dict) and bool(options.get("include_usage")),
        alternatives=int(wanted[1]) if wanted else _DEFAULT_ALTERNATIVES,
        table=table,
        targets=targets,
        hints=hints,
    )


def _read_lines(user: str) -> tuple[str, tuple[_Asked, ...], tuple[str, ...]]:
    """The table, the targets and the hints among the lines of a user message; other lines are for
    the model to read, and this one does not."""
    table = ""
    targets: list[_Asked] = []
    hints: list[str] = []
    for line in user.split("\n"):
        try:
            facts = json.loads(line)
        except ValueError:
            continue
        if not isinstance(facts, dict):
            continue
        said = facts.get("earlier")
        earlier = tuple(map(str, said)) if isinstance(said, list) else ()
        match facts:
            case {"hint": str(hint)}:
                hints.append(hint)
            case {"column": str(column)}:
                targets.append(_Asked(table, column, earlier))
            case {"table": str(name), "columns": list()}:
                table = name
            case {"table": str(name)}:
                targets.append(_Asked(name, "", earlier))
    return table, tuple(targets), tuple(hints)


# What is answered -----------------------------------------------------------------------------------


def _compose(asked: _Request) -> tuple[str, str]:
    """The reasoning and the answer, in JSON Lines."""
    if not asked.targets:
        return "No table or column is asked for.", "OK"
    thoughts: list[str] = []
    if asked.table:
        about = reply_for(asked.table, "")
        count = len(asked.targets)
        what = f"{count} target{'s' if count != 1 else ''}"
        known = (
            f" {about.thought}" if about and _Asked(asked.table, "") not in asked.targets else ""
        )
        thoughts.append(f"Table {asked.table}, {what} to describe.{known}")
    thoughts += [f"The reviewer adds: “{hint}”. So I weigh the readings again, and those first that I had not preferred." for hint in asked.hints]  # fmt: skip
    lines: list[str] = []
    unsure = 0
    for target in asked.targets:
        reply = reply_for(target.table, target.column)
        if reply is None:
            name = target.column or target.table
            thoughts.append(f"{name} is not part of this replay, so I leave it out.")
            continue
        thoughts.append(reply.thought)
        readings = _order(reply, target.earlier, len(asked.hints) > 0)[: asked.alternatives]
        unsure += readings[0].band == "low"
        lines.append(_write_answer(target, readings))
    if lines:
        thoughts.append(
            f"{_say_doubts(unsure)} Now the answer: one object a line, in the order asked."
        )
    return "\n\n".join(thoughts), "\n".join(lines)


def _say_doubts(unsure: int) -> str:
    match unsure:
        case 0:
            return "None of these is a mere guess."
        case 1:
            return "One is a guess, and I mark it low."
        case _:
            return f"{unsure} are guesses, and I mark them low."


def _order(reply: Replay, earlier: Sequence[str], has_hint: bool) -> list[Reading]:
    """The readings as they are given: what did not satisfy goes back, and a hint moves all of them
    up by one. The bands stay in their places, for the list is always best first."""
    readings = list(reply.readings)
    if has_hint:
        readings = readings[1:] + readings[:1]
    readings.sort(key=lambda reading: reading.text in earlier)
    return [
        Reading(text=reading.text, band=first.band, reason=reading.reason)
        for reading, first in zip(readings, reply.readings, strict=True)
    ]


def _write_answer(target: _Asked, readings: Sequence[Reading]) -> str:
    named = {"column": target.column} if target.column else {"table": target.table}
    alternatives = [
        {"text": reading.text, "confidence": reading.band, "reason": reading.reason}
        for reading in readings
    ]
    return json.dumps({**named, "alternatives": alternatives}, ensure_ascii=False)


# How it is sent -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chat:
    """The chunks of one completion."""

    id: str
    created: int
    model: str

    def chunk(self, delta: Mapping[str, str]) -> bytes:
        return self._event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})

    def ending(
        self, finish: str, usage: Mapping[str, int], is_usage_apart: bool
    ) -> Iterator[bytes]:
        """The finish, the usage (in the choice, or in a chunk without choices), and the end mark."""
        last: dict[str, object] = {"index": 0, "delta": {}, "finish_reason": finish}
        if not is_usage_apart:
            last["usage"] = usage
        yield self._event({"choices": [last]})
        if is_usage_apart:
            yield self._event({"choices": [], "usage": usage})
        yield b"data: [DONE]\n\n"

    def whole(
        self, reasoning: str, answer: str, finish: str, usage: Mapping[str, int]
    ) -> dict[str, object]:
        message = {"role": "assistant", "content": answer, "reasoning_content": reasoning}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [choice],
            "usage": usage,
        }

    def _event(self, facts: Mapping[str, object]) -> bytes:
        head = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
        }
        return f"data: {json.dumps({**head, **facts}, ensure_ascii=False)}\n\n".encode()


def _schedule(
    chat: _Chat, reasoning: str, answer: str, ending: Iterable[bytes], rng: Random
) -> Iterator[tuple[float, bytes]]:
    """Each event with the second at which it is due, from the opening of the stream."""
    due = 0.0
    # A stream opens with the role and nothing else, well before the model has its first token.
    yield due, chat.chunk({"role": "assistant", "content": ""})
    due += _FIRST_TOKEN_SECONDS * rng.uniform(0.85, 1.15)
    for name, text in (("reasoning_content", reasoning), ("content", answer)):
        start = 0
        while start < len(text):
            piece = text[start : start + rng.randint(2, 12)]
            start += len(piece)
            yield due, chat.chunk({name: piece})
            due += len(piece) / _CHARACTERS_PER_TOKEN / _TOKENS_PER_SECOND
            if "\n\n" in piece:
                due += _BREATH_SECONDS
    for event in ending:
        yield due, event


class _PacedStream(httpx.AsyncByteStream):
    """Sends what is due, then sleeps until more is. It owns no task: closing it is all there is.

    `events` come with the second at which they are due, in order; `pace` multiplies it.
    """

    def __init__(
        self,
        events: Iterator[tuple[float, bytes]],
        pace: float,
        rng: Random,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        self._events = events
        self._next = next(events, None)
        self._pace = pace
        self._rng = rng
        self._clock = clock
        self._sleep = sleep
        self._opened = clock()
        self._kept_back = b""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        while True:
            chunk = self._take_due()
            if chunk:
                await self._sleep(0)
                return chunk
            if self._next is None:
                raise StopAsyncIteration
            wait = self._next[0] * self._pace - (self._clock() - self._opened)
            await self._sleep(max(wait, _TICK_SECONDS))

    async def aclose(self) -> None:
        self._next, self._kept_back = None, b""

    def _take_due(self) -> bytes:
        now = self._clock() - self._opened
        chunk, self._kept_back = self._kept_back, b""
        has_more = False
        while self._next is not None and len(chunk) < _CHUNK_BYTES:
            due, event = self._next
            if due * self._pace > now:
                break
            chunk += event
            has_more = True
            self._next = next(self._events, None)
        # A network cuts where it likes, also inside a line or a character.
        if has_more and self._next is not None and self._rng.random() < _CUT_SHARE:
            cut = self._rng.randrange(1, len(chunk))
            chunk, self._kept_back = chunk[:cut], chunk[cut:]
        return chunk


# Plain answers --------------------------------------------------------------------------------------


def _measure_common(one: str, other: str) -> int:
    """The length of what both begin with, by halving: comparing slices is fast, characters is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _count_tokens(characters: int) -> int:
    return math.ceil(characters / _CHARACTERS_PER_TOKEN)


def _describe(model: str, context: int, reasons: bool) -> dict[str, object]:
    return {
        "id": model,
        "object": "model",
        "created": 0,
        "owned_by": "moonshot",
        "context_length": context,
        "supports_reasoning": reasons,
    }


def _json(status: int, content: object) -> httpx.Response:
    # A stream, as from a socket: httpx takes a response with content as one that was read already.
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "Content-Length": str(len(body))}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _refuse(status: int, kind: str, message: str) -> httpx.Response:
    return _json(status, {"error": {"message": message, "type": kind}})
