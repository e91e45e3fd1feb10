"""What a stream costs from the socket to typed events, in CPU seconds a megabyte: against the openai
package's async stream, and against a loop that only reads the bytes (httpx's `aiter_raw`). One server,
a process of its own whose CPU does not count, writes the same answer to all three, one event a write
as fast as it is read; the three sides take turns in one run.

The openai package comes with the extra `bench`. Without it that side is left out, and said so.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from _terminal import judge

OPENAI_LIMIT = 3.0
READING_LIMIT = 2.5

MODEL = "kimi-k2-thinking"
KEY = "sk-0123456789abcdef"
# What a token or two are: so much text stands in one event of a real stream.
THOUGHT, ANSWER = "Let me look: ", '"text": "Müll'
QUESTION = "What is BUKRS?"
MESSAGE = {"role": "user", "content": QUESTION}

Read = Callable[[], Awaitable[int]]
Side = Callable[[str], AbstractAsyncContextManager[Read]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less to read, at most 15 seconds")
    parser.add_argument("--serve", type=int, metavar="EVENTS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return 0
    events, rounds = (4_000, 3) if options.quick else (12_000, 9)
    sides: dict[str, Side] = {"bytes alone": reading_bytes, "amx-tui": reading_with_amx_tui}
    if importlib.util.find_spec("openai"):
        sides["openai"] = reading_with_openai
    with serving(events) as base:
        costs = asyncio.run(measure(sides, base, events, rounds))
    megabytes = len(answer(events)) / 1e6
    print(f"one answer: {events} events, {megabytes:.2f} MB; CPU a megabyte")
    for name, seconds in costs.items():
        each = [one / megabytes * 1000 for one in seconds]
        print(
            f"  {name:12} median {statistics.median(each):7.1f} ms"
            f"   {min(each):7.1f} to {max(each):7.1f} ms   {len(each)} runs"
        )
    own = costs["amx-tui"]
    met = []
    if "openai" in costs:
        met.append(judge("stream_openai", ratio(costs["openai"], own), OPENAI_LIMIT, at_most=False))
    else:
        print("openai is not installed (pip install 'amx-tui[bench]'): that side is left out")
    met.append(judge("stream_bytes", ratio(own, costs["bytes alone"]), READING_LIMIT))
    return 0 if all(met) else 1


def ratio(one: list[float], other: list[float]) -> float:
    """The median of each round's ratio: what slows the machine down slows both sides of a round."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


async def measure(
    sides: dict[str, Side], base: str, events: int, rounds: int
) -> dict[str, list[float]]:
    """CPU seconds of each side's rounds, after one that is not counted."""
    costs: dict[str, list[float]] = {name: [] for name in sides}
    text = len(THOUGHT) * (events // 2) + len(ANSWER) * (events - events // 2)
    async with contextlib.AsyncExitStack() as stack:
        reads = {name: await stack.enter_async_context(side(base)) for name, side in sides.items()}
        for counted in range(-1, rounds):
            for name, read in reads.items():
                gc.collect()
                start = time.process_time()
                size = await read()
                seconds = time.process_time() - start
                expected = len(answer(events)) if name == "bytes alone" else text
                if size != expected:
                    sys.exit(f"{name} read {size} of {expected}")
                if counted >= 0:
                    costs[name].append(seconds)
    return costs


# The sides: each makes its client, which is not measured, and a function that reads one answer and
# returns how much it saw: bytes, or characters of text. ----------------------------------------------


@contextlib.asynccontextmanager
async def reading_bytes(base: str) -> AsyncIterator[Read]:
    import httpx

    body = {"model": MODEL, "messages": [MESSAGE], "stream": True}
    async with httpx.AsyncClient(timeout=None) as client:

        async def read() -> int:
            size = 0
            async with client.stream("POST", f"{base}/chat/completions", json=body) as response:
                async for data in response.aiter_raw():
                    size += len(data)
            return size

        yield read


@contextlib.asynccontextmanager
async def reading_with_amx_tui(base: str) -> AsyncIterator[Read]:
    from amx_tui.config.model import Key, Profile, Settings
    from amx_tui.llm.client import Client
    from amx_tui.llm.model import AnswerText, Endpoint, Message, ReasoningText, Setup
    from amx_tui.llm.models import find_model
    from amx_tui.llm.providers import provider

    setup = Setup(
        Profile("bench", "kimi", MODEL, base),
        find_model("kimi", MODEL),
        Endpoint(provider("kimi"), base, Key(KEY, "the benchmark")),
        Settings(),
    )
    client = Client(setup, concurrency=1)

    async def read() -> int:
        size = 0
        async with contextlib.aclosing(client.call([Message("user", QUESTION)]).events()) as events:
            async for event in events:
                if isinstance(event, (AnswerText, ReasoningText)):
                    size += len(event.text)
        return size

    yield read
    await client.aclose()


@contextlib.asynccontextmanager
async def reading_with_openai(base: str) -> AsyncIterator[Read]:
    import openai

    async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0) as client:

        async def read() -> int:
            size = 0
            stream = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
            )
            async for chunk in stream:
                for choice in chunk.choices:
                    size += len(choice.delta.content or "")
                    size += len(getattr(choice.delta, "reasoning_content", None) or "")
            return size

        yield read


# The server. -----------------------------------------------------------------------------------------


def writes(events: int) -> list[bytes]:
    """The answer as Moonshot writes it, one event each."""
    made = []
    for number in range(events):
        thinks = number < events // 2
        delta = {"reasoning_content": THOUGHT} if thinks else {"content": ANSWER}
        made.append(as_event([{"index": 0, "delta": delta, "finish_reason": None}]))
    usage = {"prompt_tokens": 20, "completion_tokens": events, "total_tokens": events + 20}
    last = {"index": 0, "delta": {}, "finish_reason": "stop", "usage": usage}
    return [*made, as_event([last]), b"data: [DONE]\n\n"]


def as_event(choices: list[dict[str, object]]) -> bytes:
    chunk = {
        "id": "chatcmpl-66f1a2b3c4d5e6f708192a3b",
        "object": "chat.completion.chunk",
        "created": 1_763_900_000,
        "model": MODEL,
        "choices": choices,
        "system_fingerprint": "fpv0_ff52a3ef",
    }
    data = json.dumps(chunk, ensure_ascii=False, separators=(",", ":"))
    return f"data: {data}\n\n".encode()


def answer(events: int) -> bytes:
    return b"".join(writes(events))


def serve(events: int) -> None:
    """Prints the port, then answers one request a connection until the process is ended."""
    parts = [b"%x\r\n%s\r\n" % (len(part), part) for part in writes(events)]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            connection, _ = server.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                asked = b""
                while not asked.endswith(b"}"):  # the end of the request's JSON
                    asked += connection.recv(65_536)
                for part in (head, *parts, b"0\r\n\r\n"):
                    connection.sendall(part)


@contextlib.contextmanager
def serving(events: int) -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, __file__, "--serve", str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
