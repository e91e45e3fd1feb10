"""Short questions over HTTP beside the chat: opened, answered in one piece, within bounds of size and
time. It knows neither models nor prices; httpx is imported when something is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amx_tui import __version__
from amx_tui.base.text import one_line
from amx_tui.llm.model import LlmProblem

if TYPE_CHECKING:
    import ssl

    import httpx


@dataclass(frozen=True, slots=True)
class Answered:
    """Status, headers in lower case, and the body as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


async def get(
    url: str,
    headers: Mapping[str, str],
    *,
    most_bytes: int,
    ca_bundle: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    seconds: float,
) -> Answered:
    """What `url` answers; redirects are not followed, so that no header goes to another host.
    `transport` replaces the network.

    Raises:
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
        TimeoutError, httpx.HTTPError, httpx.InvalidURL: see `get_over`.
    """
    http = await asyncio.to_thread(_open_http, ca_bundle, transport)
    async with http:
        return await get_over(http, url, headers, most_bytes=most_bytes, seconds=seconds)


async def get_over(
    http: httpx.AsyncClient,
    url: str,
    headers: Mapping[str, str],
    *,
    most_bytes: int,
    seconds: float,
) -> Answered:
    """The same over a client that is open already; redirects are not followed.

    Raises:
        TimeoutError: it took more than `seconds`.
        httpx.HTTPError: the way there, or the answer, is broken.
        httpx.InvalidURL: `url` is none.
    """
    async with (
        asyncio.timeout(seconds),
        http.stream("GET", url, headers=dict(headers), follow_redirects=False) as response,
    ):
        body = bytearray()
        is_whole = True
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > most_bytes:
                is_whole = False
                break
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answered(response.status_code, lower, bytes(body[:most_bytes]), is_whole)


def read_json(body: bytes) -> object:
    """The JSON value of `body`.

    Raises:
        ValueError: it is none; NaN and infinities count as none.
    """

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is no JSON")

    try:
        value: object = json.loads(body, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _open_http(
    ca_bundle: str | None, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    """Reads certificates, which takes a while: call it in a worker thread."""
    import httpx

    try:
        return httpx.AsyncClient(
            transport=transport,
            verify=_trust(ca_bundle) if ca_bundle and transport is None else True,
            timeout=None,  # the whole question has one
            follow_redirects=False,
            headers={"User-Agent": f"amx-tui/{__version__}", "Accept": "application/json"},
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise LlmProblem(
            "A proxy of the environment cannot be used",
            one_line(str(error), 200),
            "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, then start again",
        ) from None


def _trust(bundle: str) -> ssl.SSLContext:
    import ssl

    try:
        return ssl.create_default_context(cafile=bundle)
    except (OSError, ValueError) as error:
        raise LlmProblem(
            f"AMX_CA_BUNDLE names {one_line(bundle, 120)}, which cannot be used",
            one_line(str(error), 200),
            "Set it to a file of certificates in PEM form, or unset it, then start again",
        ) from None
