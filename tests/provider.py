"""A real HTTP server on loopback that speaks like Moonshot or OpenRouter, and like them when they fail.

It runs in a thread with a loop of its own, so that any test can use it, whatever it runs in:

    with ScriptedProvider() as provider:
        provider.script(status(429, {"error": {...}}, {"Retry-After": "1"}), stream(content="Hello"))
        ...  # ask provider.base_url
        assert provider.requests[0].body["model"] == "kimi-k2-thinking"

What is scripted is answered first, in order; then `provider.answer`, a function from the request's body
to a reply, which by default drafts an answer to whatever columns were asked (`draft`). It can also be
started as a process: `python -m tests.provider --port 0 --ttft 2 --rate 300` prints its URL.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import ssl
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

_WAIT = 10.0
_EVENTS = "text/event-stream; charset=utf-8"
_JSON = "application/json; charset=utf-8"


# What a server can do while it answers. ------------------------------------------------------------


@dataclass(frozen=True)
class Send:
    """Bytes of the body, written at once."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """Seconds."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """Nothing more until `ScriptedProvider.release()`, or until the client is gone."""


@dataclass(frozen=True)
class Cut:
    """The connection ends here, without the end of the body."""


Step = Send | Pause | Hold | Cut


@dataclass(frozen=True)
class Reply:
    """One response. `is_bare` writes the steps without any HTTP around them."""

    steps: tuple[Step, ...] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_bare: bool = False


@dataclass(frozen=True)
class Request:
    """What was asked. Header names are in lower case; `body` is empty where there was no JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    port: int  # the client's


# Replies -------------------------------------------------------------------------------------------


def chunk(
    *,
    content: str | None = None,
    reasoning: str | None = None,
    finish: str | None = None,
    usage: Mapping[str, Any] | None = None,
    reasoning_as: str = "reasoning_content",
    role: str | None = None,
) -> dict[str, Any]:
    """One object of a stream, as Moonshot writes it. `usage` goes into the choice."""
    delta: dict[str, Any] = {} if role is None else {"role": role}
    if reasoning is not None:
        delta[reasoning_as] = reasoning
    if content is not None:
        delta["content"] = content
    choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": finish}
    if usage is not None:
        choice["usage"] = dict(usage)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [choice],
    }


def event(value: Mapping[str, Any] | str, *, newline: str = "\n") -> bytes:
    """A server-sent event."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"data: {text}{newline}{newline}".encode()


def usage_of(
    input: int = 100, output: int = 50, cached: int = 0, reasoning: int = 0
) -> dict[str, Any]:
    """A usage object, as complete as they get."""
    return {
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input + output,
        "cached_tokens": cached,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def stream(
    *,
    reasoning: str = "",
    content: str = "",
    usage: Mapping[str, Any] | None = None,
    usage_at: Literal["choice", "top", "chunk"] = "choice",
    finish: str | None = "stop",
    done: bool = True,
    piece: int = 24,
    chunk_size: int | None = None,
    pause: float = 0.0,
    ttft: float = 0.0,
    comments: Sequence[str] = (),
    reasoning_as: str = "reasoning_content",
    newline: str = "\n",
    hold: Literal["start", "answer", "end"] | None = None,
) -> Reply:
    """A streamed answer.

    Args:
        piece: characters of text in one event.
        chunk_size: bytes in one write; None writes event by event.
        usage_at: in the last choice, beside the choices, or in a chunk that has none.
        pause: seconds after each write. `ttft`: seconds before the first.
        comments: lines such as `: OPENROUTER PROCESSING`, sent first.
        hold: where to wait for `release()`: before anything, before the answer, before the finish.
    """
    usage = usage_of() if usage is None else usage
    before = [f": {comment}{newline}{newline}".encode() for comment in comments]
    before.append(event(chunk(role="assistant", content=""), newline=newline))
    thoughts = [
        event(chunk(reasoning=text, reasoning_as=reasoning_as), newline=newline)
        for text in _pieces(reasoning, piece)
    ]
    texts = [event(chunk(content=text), newline=newline) for text in _pieces(content, piece)]
    after = []
    if finish is not None:
        last = chunk(finish=finish, usage=usage if usage_at == "choice" else None)
        if usage_at == "top":
            last["usage"] = dict(usage)
        after.append(event(last, newline=newline))
    if usage_at == "chunk":
        after.append(event(chunk() | {"choices": [], "usage": dict(usage)}, newline=newline))
    if done:
        after.append(event("[DONE]", newline=newline))
    steps: list[Step] = [Pause(ttft)] if ttft else []
    for name, part in (("start", before + thoughts), ("answer", texts), ("end", after)):
        if hold == name:
            steps.append(Hold())
        data = part if chunk_size is None else list(_cut(b"".join(part), chunk_size))
        for written in data:
            steps.append(Send(written))
            if pause:
                steps.append(Pause(pause))
    return Reply(tuple(steps), headers={"Content-Type": _EVENTS})


def status(
    code: int, body: Mapping[str, Any] | str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """A refusal: a JSON object, or a text as it is."""
    text = body if isinstance(body, str) else json.dumps(body)
    steps = (Send(text.encode()),) if text else ()
    return Reply(steps, status=code, headers={"Content-Type": _JSON} | dict(headers or {}))


def error(
    code: int, message: str, type: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """A refusal in Moonshot's shape."""
    return status(code, {"error": {"message": message, "type": type}}, headers)


def raw(body: bytes, *, content_type: str = _EVENTS, chunk_size: int | None = None) -> Reply:
    """A body as it is, with status 200."""
    parts = [body] if chunk_size is None else _cut(body, chunk_size)
    return Reply(tuple(Send(part) for part in parts), headers={"Content-Type": content_type})


def bare(data: bytes) -> Reply:
    """Bytes in place of an HTTP response; then the connection ends."""
    return Reply((Send(data), Cut()), is_bare=True)


def stall(*, after: bytes = b"", headers: bool = True) -> Reply:
    """Silence: after the headers and some bytes, or with nothing at all."""
    steps: tuple[Step, ...] = (Send(after), Hold()) if after else (Hold(),)
    return Reply(steps, headers={"Content-Type": _EVENTS}, is_bare=not headers)


def cut_after(n_bytes: int, reply: Reply | None = None) -> Reply:
    """`reply` (a short answer, if none is given), with the connection ended after so many bytes of its
    body."""
    reply = reply or stream(reasoning="Let me see. ", content="An answer that is longer than that.")
    steps: list[Step] = []
    left = n_bytes
    for step in reply.steps:
        if isinstance(step, Send):
            step = Send(step.data[:left])
            left -= len(step.data)
        steps.append(step)
        if left <= 0:
            break
    return replace(reply, steps=(*steps, Cut()))


def html(code: int = 200) -> Reply:
    """A web page, as a proxy or a login gate sends it."""
    page = b"<!DOCTYPE html>\n<html><title>Gateway</title><body>Please log in</body></html>"
    return Reply((Send(page),), status=code, headers={"Content-Type": "text/html"})


def json_answer(
    content: str, *, reasoning: str = "", usage: Mapping[str, Any] | None = None
) -> Reply:
    """A whole answer in one JSON object, though a stream was asked for."""
    message = {"role": "assistant", "content": content, "reasoning_content": reasoning}
    body = {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": dict(usage_of() if usage is None else usage),
    }
    return Reply((Send(json.dumps(body).encode()),), headers={"Content-Type": _JSON})


# Drafting ------------------------------------------------------------------------------------------


def asked_targets(body: Mapping[str, Any]) -> list[tuple[Literal["column", "table"], str]]:
    """The columns, and perhaps the table, that a drafting request asks to describe: the JSON lines of
    its last user message with a `column`, or a `table` and no `columns`."""
    messages = body.get("messages") or [{}]
    text = next(
        (str(one["content"]) for one in reversed(messages) if one.get("role") == "user"), ""
    )
    found: list[tuple[Literal["column", "table"], str]] = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and isinstance(row.get("column"), str):
                found.append(("column", row["column"]))
            elif (
                isinstance(row, dict) and isinstance(row.get("table"), str) and "columns" not in row
            ):
                found.append(("table", row["table"]))
    return found


def asked_paths(body: Mapping[str, Any]) -> list[str]:
    """The same with their table, such as `BSEG` and `BSEG.BUKRS`."""
    found = re.search(r'"table": ?"(\w+)"', str(body["messages"][-1]["content"]))
    table = found[1] if found else ""
    return [f"{table}.{name}" if kind == "column" else table for kind, name in asked_targets(body)]


def draft_lines(body: Mapping[str, Any]) -> str:
    """JSON lines that describe every target asked for, three readings each."""
    lines = []
    for kind, name in asked_targets(body):
        readings = (("Meaning of", "high"), ("Perhaps the code of", "medium"), ("Mark of", "low"))
        alternatives = [
            {"text": f"{text} {name}", "confidence": band, "reason": "from the name"}
            for text, band in readings
        ]
        lines.append(json.dumps({kind: name, "alternatives": alternatives}, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def draft(body: Mapping[str, Any], **options: Any) -> Reply:
    """A streamed answer to a drafting request, thinking first; `options` as `stream` has them."""
    names = ", ".join(name for _, name in asked_targets(body))
    reasoning = f"Let me look at {names or 'this'}. The names follow an old convention. "
    content = draft_lines(body) or "I was asked nothing that I know."
    usage = usage_of(len(json.dumps(body)) // 4, (len(reasoning) + len(content)) // 4, 0, 20)
    return stream(**{"reasoning": reasoning, "content": content, "usage": usage} | options)


# The server ----------------------------------------------------------------------------------------


class _Gone(Exception):
    """The client closed the connection while an answer was being held or written."""


class ScriptedProvider:
    """See the module. Everything here may be called from any thread."""

    def __init__(
        self,
        *,
        port: int = 0,
        models: Sequence[str] = ("kimi-k2.6", "kimi-k3"),
        balance: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.answer: Callable[[Mapping[str, Any]], Reply] = draft
        self.requests: list[Request] = []
        self.open_connections = 0
        self.unfinished = 0  # answers whose client went away before their end
        self.models = models
        self.balance = balance  # None: this server does not tell it
        self.most_at_once: int | None = None  # answers; more are refused with 429
        self.refused = 0  # for that
        self._answering = 0
        self.pages: dict[str, Reply] = {}  # by the end of a path, before everything else
        self._port = port
        self._tls = tls
        self._replies: deque[Reply] = deque()
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted provider", daemon=True)
        self._ready = threading.Event()
        self._server: asyncio.Server | None = None
        self._gate = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        """Such as `http://127.0.0.1:40123/v1`."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}/v1"

    @property
    def calls(self) -> list[Request]:
        """The chat completion requests alone."""
        return [one for one in list(self.requests) if one.path.endswith("/chat/completions")]

    def script(self, *replies: Reply) -> None:
        """Queues replies to the next chat completion requests."""
        with self._changed:
            self._replies.extend(replies)

    def release(self) -> None:
        """Lets every reply go on that holds now; later ones hold again."""

        def open_gate() -> None:
            self._gate.set()
            self._gate = asyncio.Event()

        self._loop.call_soon_threadsafe(open_gate)

    def wait_until(self, is_true: Callable[[], bool], what: str = "condition") -> None:
        """Blocks until `is_true`, which is asked again after everything that the server does."""
        with self._changed:
            if not self._changed.wait_for(is_true, _WAIT):
                raise AssertionError(f"waited {_WAIT:g} s in vain for: {what}")

    def wait_for_calls(self, count: int) -> None:
        """Blocks until so many chat completion requests have come."""
        self.wait_until(lambda: len(self.calls) >= count, f"{count} requests")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(_WAIT):
            raise RuntimeError("the scripted provider did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_WAIT)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._stop())
            self._loop.close()

    async def _start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self._port, ssl=self._tls
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # The transports hear of their end in the next turn of the loop.
        await asyncio.sleep(0)

    @contextlib.contextmanager
    def _change(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with self._change():
            self.open_connections += 1
        try:
            while (request := await _read_request(reader, writer)) is not None:
                with self._change():
                    self.requests.append(request)
                    reply = self._choose(request)
                    self._answering += 1
                try:
                    is_open = await self._answer(reply, reader, writer)
                finally:
                    self._answering -= 1
                if not is_open:
                    break
        except (_Gone, ConnectionError, asyncio.IncompleteReadError):
            with self._change():
                self.unfinished += 1
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with self._change():
                self.open_connections -= 1

    def _choose(self, request: Request) -> Reply:
        for path, page in self.pages.items():
            if request.path.endswith(path):
                return page
        if request.path.endswith("/users/me/balance") and self.balance is not None:
            return status(200, {"code": 0, "data": {"available_balance": self.balance}})
        if request.path.endswith("/models"):
            rows = [{"id": id, "object": "model", "context_length": 262_144} for id in self.models]
            return status(200, {"object": "list", "data": rows})
        if not request.path.endswith("/chat/completions"):
            return status(404, "Not Found")
        if self.most_at_once is not None and self._answering >= self.most_at_once:
            self.refused += 1
            said = f"request reached max organization concurrency: {self.most_at_once}"
            return error(429, said, "rate_limit_reached_error")
        if self._replies:
            return self._replies.popleft()
        return self.answer(request.body)

    async def _answer(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Plays a reply; whether the connection may be used again."""
        if not reply.is_bare:
            headers = {"Transfer-Encoding": "chunked"} | dict(reply.headers)
            lines = [f"HTTP/1.1 {reply.status} Scripted"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "", ""]).encode())
        # A client that is gone is noticed at once, not at the next write.
        gone = asyncio.ensure_future(reader.read(1))
        try:
            for step in reply.steps:
                match step:
                    case Send(data) if data:
                        head, tail = (
                            (b"", b"") if reply.is_bare else (b"%x\r\n" % len(data), b"\r\n")
                        )
                        writer.write(head + data + tail)
                        await writer.drain()
                    case Pause(seconds):
                        await self._race(asyncio.sleep(seconds), gone)
                    case Hold():
                        await self._race(self._gate.wait(), gone)
                    case Cut():
                        await writer.drain()
                        return False
                if gone.done():
                    raise _Gone
            # From here on, what the client sends is its next request.
            await _give_up(gone)
            if not reply.is_bare:
                writer.write(b"0\r\n\r\n")
                await writer.drain()
            return not reply.is_bare
        finally:
            await _give_up(gone)

    async def _race(self, waiting: Any, gone: asyncio.Future[bytes]) -> None:
        waiter = asyncio.ensure_future(waiting)
        try:
            await asyncio.wait({waiter, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                raise _Gone
        finally:
            waiter.cancel()


async def _give_up(watch: asyncio.Future[bytes]) -> None:
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await watch


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines)
        if name
    }
    data = await reader.readexactly(int(headers.get("content-length", "0")))
    body: Any = {}
    with contextlib.suppress(ValueError):
        body = json.loads(data) if data else {}
    port = writer.get_extra_info("peername")[1]
    return Request(method, path, headers, body, port)


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.provider", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ttft", type=float, default=0.0, help="seconds before the first piece")
    parser.add_argument("--rate", type=float, default=0.0, help="characters a second; 0: at once")
    options = parser.parse_args(arguments)
    piece = 12
    pause = piece / options.rate if options.rate > 0 else 0.0
    provider = ScriptedProvider(port=options.port)
    provider.answer = lambda body: draft(body, ttft=options.ttft, piece=piece, pause=pause)
    with provider:
        sys.stdout.write(f"{provider.base_url}\n")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
