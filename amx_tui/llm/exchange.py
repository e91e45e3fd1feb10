"""One request over HTTP and its answer: sent, read piece by piece under a countdown, closed.

It knows neither retries nor budgets; what goes wrong is classified and handed up.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from amx_tui.llm.countdown import Countdown
from amx_tui.llm.failures import classify, classify_transport, describe, quote
from amx_tui.llm.model import (
    AnswerText,
    Failure,
    FailureKind,
    Phase,
    ReasoningText,
    Setup,
    Usage,
)
from amx_tui.llm.providers import normal_base
from amx_tui.llm.stream import AnswerReader, Garbled, Piece, Refusal, read_error_body

if TYPE_CHECKING:
    import httpx

# After the finish reason come the usage and `[DONE]`, at once or never. Seconds.
_TAIL = 5.0
# What is left of the body after `[DONE]` is read so that the connection can be used again. Seconds.
_DRAIN = 0.25
# Bytes of a refusal that are read.
_REFUSAL = 65_536


class Broken(Exception):
    """The exchange came to no good end. `refusal` is what the provider said, if it was it."""

    def __init__(self, failure: Failure, refusal: Refusal | None = None) -> None:
        super().__init__(failure.what)
        self.failure = failure
        self.refusal = refusal


class Exchange:
    """`send`, then `answer`, then `read` until it returns None, and `aclose` in any case. The three
    raise `Broken`; cancelling any of them is safe, and `aclose` then closes the connection.

    Attributes:
        has_answer: something that a person could see has been answered.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        setup: Setup,
        headers: Mapping[str, str],
        body: Mapping[str, object],
        countdown: Countdown,
    ) -> None:
        self.has_answer = False
        self._http = http
        self._setup = setup
        self._headers = headers
        self._body = body
        self._countdown = countdown
        self._reader = AnswerReader()
        self._sending: asyncio.Task[httpx.Response] | None = None
        self._sent: asyncio.Future[None] | None = None
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None
        self._broken: Broken | None = None
        self._has_text = False  # thinking or answer
        self._is_refused = False
        self._is_over = False
        self._is_empty = True

    @property
    def usage(self) -> Usage | None:
        """The tokens of this exchange, as far as the provider has said them."""
        return self._reader.usage

    @property
    def finish(self) -> str | None:
        """Why the model stopped; None where the provider does not say."""
        return self._reader.finish

    @property
    def is_billed(self) -> bool:
        """Whether it reached the provider and was not refused: what it took is to be paid, though it
        may have ended without a word. One that was cut before its answer began counts too."""
        is_out = self._response is not None or (self._sent is not None and self._sent.done())
        return is_out and not self._is_refused

    async def send(self) -> None:
        """Connects and sends the request; returns when it is out, or answered already."""
        content = json.dumps(self._body).encode()
        try:
            request = self._http.build_request(
                "POST",
                f"{normal_base(self._setup.endpoint.base)}/chat/completions",
                headers=dict(self._headers),
                content=content,
                extensions={"trace": self._trace},
            )
        except Exception as error:
            raise Broken(classify_transport(error, self._setup, has_text=False)) from None
        self._sent = asyncio.get_running_loop().create_future()
        self._sending = asyncio.create_task(self._http.send(request, stream=True))
        either: set[asyncio.Future[Any]] = {self._sending, self._sent}
        try:
            with self._countdown:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            raise Broken(self._silence()) from None

    async def answer(self) -> None:
        """Waits for the response's headers; a refusal is read and raised."""
        assert self._sending is not None
        try:
            with self._countdown:
                self._response = await self._sending
                refusal = b"" if self._response.is_success else await self._read_refusal()
        except TimeoutError:
            raise Broken(self._silence()) from None
        except Exception as error:  # not only httpx's: sockets and idna have their own
            raise Broken(classify_transport(error, self._setup, has_text=False)) from error
        if not self._response.is_success:
            raise self._refused(refusal)
        # Decoding what is not encoded costs as much as reading it.
        is_plain = self._response.headers.get("content-encoding", "identity") == "identity"
        self._chunks = (self._response.aiter_raw if is_plain else self._response.aiter_bytes)()

    async def read(self) -> list[ReasoningText | AnswerText] | None:
        """The next pieces of text, perhaps none yet; None when the answer is over."""
        if self._broken is not None:
            raise self._broken
        if self._is_over:
            return None
        assert self._chunks is not None
        try:
            if self._reader.finish is None:
                with self._countdown:
                    chunk = await anext(self._chunks)
            else:
                # After the finish reason the silence means nothing any more.
                async with asyncio.timeout(_TAIL):
                    chunk = await anext(self._chunks)
        except StopAsyncIteration:
            return self._end(None)
        except TimeoutError:
            return self._end(Broken(self._silence()))
        except Exception as error:
            failure = classify_transport(error, self._setup, has_text=self.has_answer)
            return self._end(Broken(failure))
        if self._is_empty:
            self._is_empty = not chunk.strip()
        pieces = self._reader.feed(chunk)
        texts = self._take(pieces) if pieces else []
        if self._reader.is_done:
            await self._drain()
            texts += self._end(None)
        return texts

    async def aclose(self) -> None:
        """Closes the connection where the answer is not complete, else gives it back."""
        import httpx

        self._countdown.stop()
        if self._sending is not None:
            if not self._sending.done():
                self._sending.cancel()
                await asyncio.wait({self._sending})
            if not self._sending.cancelled() and self._sending.exception() is None:
                self._response = self._sending.result()
        if self._response is not None:
            with suppress(httpx.HTTPError, OSError):
                await self._response.aclose()

    async def _trace(self, event: str, info: Mapping[str, object]) -> None:
        """httpcore's trace extension: the request is out when it begins to wait for headers. A proxy is
        asked for a tunnel first; that answer is not the one."""
        method = getattr(info.get("request"), "method", b"")
        if event.endswith("receive_response_headers.started") and method != b"CONNECT":
            assert self._sent is not None
            if not self._sent.done():
                self._sent.set_result(None)

    async def _read_refusal(self) -> bytes:
        assert self._response is not None
        body = bytearray()
        async for chunk in self._response.aiter_bytes():
            body += chunk
            if len(body) >= _REFUSAL:
                break
        return bytes(body)

    async def _drain(self) -> None:
        assert self._chunks is not None
        with suppress(Exception):  # the answer is complete
            async with asyncio.timeout(_DRAIN):
                while await anext(self._chunks, None) is not None:
                    pass

    def _take(self, pieces: list[Piece]) -> list[ReasoningText | AnswerText]:
        """The texts among `pieces`; what is none breaks the exchange, after them."""
        texts: list[ReasoningText | AnswerText] = []
        for piece in pieces:
            if isinstance(piece, (ReasoningText, AnswerText)):
                if not piece.text.isspace():
                    self._countdown.restart()
                    self._has_text = True
                    if not self.has_answer:
                        self.has_answer = isinstance(piece, AnswerText)
                texts.append(piece)
            elif isinstance(piece, Refusal):
                failure = classify(piece.status, piece.type, piece.message, {}, self._setup)
                self._broken = Broken(failure, piece)
                self._is_refused = not self._has_text
                break
            else:
                self._broken = Broken(self._malformed(piece))
                self._is_refused = not self._has_text
                break
        return texts

    def _end(self, broken: Broken | None) -> list[ReasoningText | AnswerText]:
        """The end of the body, or of our patience. What has arrived is handed out first."""
        self._is_over = True
        texts = self._take(self._reader.close())
        is_complete = self._reader.finish is not None or self._reader.is_done
        if broken is not None:
            # Half an answer is no malformed one.
            self._broken = None if is_complete else broken
        elif not is_complete and self._broken is None:
            if self._is_empty:
                self._broken = Broken(describe(FailureKind.MALFORMED, self._setup))
            else:
                has_text = "yes" if self.has_answer else ""
                self._broken = Broken(describe(FailureKind.CUT, self._setup, has_text=has_text))
        return texts

    def _refused(self, body: bytes) -> Broken:
        assert self._response is not None
        self._is_refused = True
        said = read_error_body(body)
        if isinstance(said, Garbled):
            said = Refusal("" if said.is_page else said.excerpt)
        status, headers = self._response.status_code, self._response.headers
        return Broken(classify(status, said.type, said.message, headers, self._setup), said)

    def _malformed(self, piece: Garbled) -> Failure:
        return describe(
            FailureKind.MALFORMED,
            self._setup,
            said=quote(piece.excerpt, self._setup),
            is_page="yes" if piece.is_page else "",
        )

    def _silence(self) -> Failure:
        countdown = self._countdown
        return describe(
            FailureKind.SILENCE,
            self._setup,
            seconds=f"{countdown.limit:g}",
            phase=countdown.phase.value,
            is_connecting="yes" if countdown.phase is Phase.CONNECTING else "",
            is_first="" if self.has_answer else "yes",
        )
