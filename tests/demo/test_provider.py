"""The replayed provider streams as Moonshot does, at a thinking model's pace, incidents included."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from amx_tui.demo.provider import ReplayTransport
from amx_tui.demo.replies import reply_for

_BASE = "https://api.moonshot.cn/v1"
_CONTEXT = {"schema": "main", "table": "BSEG", "columns": ["BUKRS", "ZUO_TX", "NEW"]}


def _request(
    targets: Sequence[dict[str, object]] = ({"column": "BUKRS"}, {"column": "ZUO_TX"}),
    *,
    alternatives: int | None = 3,
    more: dict[str, object] | None = None,
) -> dict[str, object]:
    system = "You describe columns.\n" + "Rules. " * 200
    if alternatives is not None:
        system += f"\nAlternatives: {alternatives}\nAnswer in JSON Lines."
    lines = [json.dumps(line) for line in (_CONTEXT, *targets)]
    user = "\n".join(("<evidence>", *lines, "</evidence>", "Describe every target."))
    return {
        "model": "kimi-k2-thinking",
        "stream": True,
        "max_tokens": 32_768,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": user},
        ],
        **(more or {}),
    }


@dataclass
class Streamed:
    status: int
    headers: httpx.Headers
    chunks: list[dict[str, Any]] = field(default_factory=list)
    ends_with_done: bool = False
    reads: list[bytes] = field(default_factory=list)

    def _join(self, name: str) -> str:
        return "".join(
            choice["delta"].get(name, "") for chunk in self.chunks for choice in chunk["choices"]
        )

    @property
    def reasoning(self) -> str:
        return self._join("reasoning_content")

    @property
    def content(self) -> str:
        return self._join("content")

    @property
    def answers(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.content.splitlines()]

    @property
    def usage(self) -> dict[str, int]:
        found = [
            usage
            for chunk in self.chunks
            for usage in (chunk.get("usage"), *(c.get("usage") for c in chunk["choices"]))
            if usage
        ]
        assert len(found) == 1
        return found[0]

    @property
    def finish(self) -> str:
        (reason,) = {c["finish_reason"] for chunk in self.chunks for c in chunk["choices"]} - {None}
        return str(reason)


async def _ask(client: httpx.AsyncClient, body: dict[str, object]) -> Streamed:
    async with client.stream("POST", "/chat/completions", json=body) as response:
        reads = [read async for read in response.aiter_raw()]
        streamed = Streamed(response.status_code, response.headers, reads=reads)
        if response.status_code != 200:
            return streamed
        *events, rest = b"".join(reads).decode().split("\n\n")
        assert rest == ""
        assert all(event.startswith("data: ") for event in events)
        streamed.ends_with_done = events.pop() == "data: [DONE]"
        streamed.chunks = [json.loads(event.removeprefix("data: ")) for event in events]
        return streamed


def _open(transport: ReplayTransport) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=transport, base_url=_BASE)


async def test_an_answer_thinks_first_and_then_gives_one_object_for_each_target() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        streamed = await _ask(client, _request([{"column": "BUKRS"}, {"table": "BSEG"}]))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert streamed.chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    kinds = [
        name
        for chunk in streamed.chunks[1:]
        for choice in chunk["choices"]
        for name in choice["delta"]
    ]
    thinking = kinds.index("content")
    assert thinking > 10
    assert set(kinds[:thinking]) == {"reasoning_content"}
    assert set(kinds[thinking:]) == {"content"}
    reply = reply_for("BSEG", "BUKRS")
    assert reply is not None and reply.thought in streamed.reasoning
    first, second = streamed.answers
    assert first["column"] == "BUKRS" and second["table"] == "BSEG"
    assert first["alternatives"] == [
        {"text": reading.text, "confidence": reading.band, "reason": reading.reason}
        for reading in reply.readings
    ]
    assert streamed.finish == "stop" and streamed.ends_with_done


async def test_pieces_are_uneven_and_the_network_cuts_inside_lines() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        streamed = await _ask(client, _request([{"column": name} for name in ("WRBTR", "HW_BTR", "KD_NR", "LF_NR", "ZTERM")]))  # fmt: skip
    sizes = {
        len(choice["delta"].get(name, ""))
        for chunk in streamed.chunks
        for choice in chunk["choices"]
        for name in ("reasoning_content", "content")
    }
    assert {2, 7, 12} < sizes and max(sizes) == 12
    assert any(not read.endswith(b"\n\n") for read in streamed.reads)


@pytest.mark.parametrize("apart", [True, False])
async def test_usage_is_in_the_choice_or_in_a_chunk_of_its_own(apart: bool) -> None:
    more: dict[str, object] = {"stream_options": {"include_usage": True}} if apart else {}
    async with _open(ReplayTransport(speed=math.inf)) as client:
        first = await _ask(client, _request(more=more))
        second = await _ask(client, _request([{"column": "LF_NR"}], more=more))
    last = first.chunks[-1]
    assert ("usage" in last) is apart
    assert (last["choices"] == []) is apart
    assert first.usage["cached_tokens"] == 0
    assert second.usage["prompt_tokens"] > second.usage["cached_tokens"] > 300
    written = len(first.reasoning) + len(first.content)
    assert first.usage["completion_tokens"] == math.ceil(written / 4)
    total = first.usage["prompt_tokens"] + first.usage["completion_tokens"]
    assert first.usage["total_tokens"] == total


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (2, 2), (5, 3), (None, 3)])
async def test_it_gives_as_many_alternatives_as_the_profile_asks(
    asked: int | None, given: int
) -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        streamed = await _ask(client, _request(alternatives=asked))
    assert [len(answer["alternatives"]) for answer in streamed.answers] == [given, given]


async def test_a_column_that_the_demo_does_not_know_is_left_out() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        streamed = await _ask(client, _request([{"column": "NEW"}, {"column": "BUKRS"}]))
    assert [answer["column"] for answer in streamed.answers] == ["BUKRS"]
    assert "NEW is not part of this replay" in streamed.reasoning


async def test_a_hint_brings_another_reading_first_and_is_thought_about() -> None:
    hint = {"hint": "It is about the regional split"}
    async with _open(ReplayTransport(speed=math.inf)) as client:
        plain = await _ask(client, _request([{"column": "BUKRS"}]))
        hinted = await _ask(client, _request([hint, {"column": "BUKRS"}]))
    before, after = plain.answers[0]["alternatives"], hinted.answers[0]["alternatives"]
    assert after[0]["text"] == before[1]["text"]
    assert {reading["text"] for reading in after} == {reading["text"] for reading in before}
    assert [reading["confidence"] for reading in after] == ["high", "medium", "low"]
    assert hint["hint"] in hinted.reasoning


async def test_a_reading_that_did_not_satisfy_goes_to_the_end() -> None:
    reply = reply_for("BSEG", "BUKRS")
    assert reply is not None
    rejected = reply.readings[0].text
    async with _open(ReplayTransport(speed=math.inf)) as client:
        target: dict[str, object] = {"column": "BUKRS", "earlier": [rejected]}
        streamed = await _ask(client, _request([target]))
    assert streamed.answers[0]["alternatives"][-1]["text"] == rejected


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, "4"), (2.0, "2"), (50.0, "1")])
async def test_the_third_request_is_refused_once_for_its_rate(speed: float, seconds: str) -> None:
    async with _open(ReplayTransport(speed=speed, sleep=_sleep_never, clock=_Later())) as client:
        states = [await _ask(client, _request()) for _ in range(4)]
        assert [streamed.status for streamed in states] == [200, 200, 429, 200]
        assert states[2].headers["retry-after"] == seconds
        error = json.loads(b"".join(states[2].reads))["error"]
    assert error["type"] == "rate_limit_reached_error"
    assert f"try again after {seconds} seconds" in error["message"]


async def test_the_fifth_request_thinks_until_its_budget_is_spent() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        *_, fifth = [await _ask(client, _request()) for _ in range(5)]
        sixth = await _ask(client, _request(more={"max_tokens": 131_072}))
    assert (fifth.finish, fifth.content) == ("length", "")
    assert fifth.reasoning and fifth.ends_with_done
    assert fifth.usage["completion_tokens"] == 32_768
    assert sixth.finish == "stop" and len(sixth.answers) == 2


async def test_each_session_meets_the_incidents_anew() -> None:
    for _ in range(2):
        async with _open(ReplayTransport(speed=math.inf)) as client:
            states = [(await _ask(client, _request())).status for _ in range(3)]
        assert states == [200, 200, 429]


class _Timeline:
    """A clock that only moves while somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += seconds > 0


class _Later:
    """A clock by which all that is planned is overdue."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 3_600.0
        return self.now


async def _sleep_never(seconds: float) -> None:
    return None


async def _time_stream(speed: float) -> tuple[float, float, int, Streamed]:
    """Seconds to the first token, seconds in all, sleeps, and what came."""
    time = _Timeline()
    transport = ReplayTransport(speed=speed, clock=time.clock, sleep=time.sleep)
    first = math.nan
    reads = []
    async with (
        _open(transport) as client,
        client.stream("POST", "/chat/completions", json=_request()) as response,
    ):
        async for read in response.aiter_raw():
            reads.append(read)
            if math.isnan(first) and b"reasoning_content" in read:
                first = time.now
    text = b"".join(reads).decode().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in text[:-2]]
    return first, time.now, time.sleeps, Streamed(200, httpx.Headers(), chunks)


async def test_it_takes_its_time_like_a_thinking_model() -> None:
    first, total, _, streamed = await _time_stream(1.0)
    assert 1.5 < first < 3.0
    tokens = (len(streamed.reasoning) + len(streamed.content)) / 4
    # Breaths between paragraphs make it a little slower than 60 a second.
    assert 45 < tokens / (total - first) < 62


async def test_speed_divides_all_waiting() -> None:
    first, total, _, _ = await _time_stream(1.0)
    faster_first, faster_total, _, _ = await _time_stream(4.0)
    assert faster_first == pytest.approx(first / 4, rel=0.1)
    assert faster_total == pytest.approx(total / 4, rel=0.1)


async def test_a_thousand_times_the_speed_hardly_sleeps() -> None:
    _, total, sleeps, streamed = await _time_stream(1_000.0)
    assert sleeps <= 6 < len(streamed.chunks)
    assert total < 0.1


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf])
async def test_no_pace_means_no_waiting_at_all(speed: float) -> None:
    first, total, _, streamed = await _time_stream(speed)
    assert first == total == 0.0
    assert len(streamed.answers) == 2


async def test_closing_the_stream_early_leaves_no_task() -> None:
    transport = ReplayTransport(speed=1.0)
    before = asyncio.all_tasks()
    async with _open(transport) as client:
        async with client.stream("POST", "/chat/completions", json=_request()) as response:
            async for _ in response.aiter_raw():
                break
        assert response.is_closed
        assert asyncio.all_tasks() == before


async def test_a_cancelled_request_ends_while_the_model_waits() -> None:
    transport = ReplayTransport(speed=0.001)
    waits = asyncio.Event()
    before = asyncio.all_tasks()

    async with _open(transport) as client:

        async def read() -> None:
            waits.set()
            await _ask(client, _request())

        task = asyncio.create_task(read())
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before


async def test_models_and_balance_answer_as_moonshot_does() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        models = (await client.get("/models")).json()["data"]
        balance = (await client.get("/users/me/balance")).json()
    thinking = next(model for model in models if model["id"] == "kimi-k2-thinking")
    assert thinking["context_length"] == 262_144 and thinking["supports_reasoning"] is True
    assert balance["data"]["available_balance"] == 49.58
    assert (balance["code"], balance["scode"], balance["status"]) == (0, "0x0", True)


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/chat/completions"), ("POST", "/models")])  # fmt: skip
async def test_anything_else_is_not_found(method: str, path: str) -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        response = await client.request(method, path)
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "resource_not_found_error"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"messages": []}', b'{"messages": "hi"}'])
async def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        response = await client.post("/chat/completions", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_without_streaming_the_same_answer_comes_whole() -> None:
    async with _open(ReplayTransport(speed=math.inf)) as client:
        streamed = await _ask(client, _request())
        whole = (
            await client.post("/chat/completions", json=_request(more={"stream": False}))
        ).json()
    message = whole["choices"][0]["message"]
    assert message["content"] == streamed.content
    assert message["reasoning_content"] == streamed.reasoning
    assert whole["usage"]["completion_tokens"] == streamed.usage["completion_tokens"]


def test_the_database_and_the_answers_load_without_httpx() -> None:
    code = (
        "import sys, amx_tui.demo.database, amx_tui.demo.replies as r; r.reply_for('BSEG', '')\n"
        "print([n for n in ('httpx', 'asyncio', 'textual', 'keyring') if n in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
