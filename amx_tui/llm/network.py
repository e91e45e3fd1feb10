"""The way out over HTTP, for the chat too, and short questions beside it: answered in one piece, within
bounds of size and time. It knows neither models nor prices; httpx is imported when it is opened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amx_tui import __version__
from amx_tui.base.text import one_line
from amx_tui.llm.model import LlmProblem

if TYPE_CHECKING:
    import ssl

    import httpx

# An idle connection is kept for the next request; a new one costs a handshake. Seconds.
_KEEP_ALIVE = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """Status, headers in lower case, and the body as far as it was read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool


def open_http(
    ca_bundle: str | None, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client without a time limit, which follows no redirect. `ca_bundle` is AMX_CA_BUNDLE, a file or
    a folder; `transport` replaces the network. Reads certificates, which takes a while, and needs no
    event loop: call it in a worker thread.

    Raises:
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
    """
    import httpx

    why = (
        "One is not of the form http://USER:PASSWORD@HOST:PORT, or a sign in its password needs its"
        " percent code, such as %2F for /"
    )
    try:
        return httpx.AsyncClient(
            transport=transport,
            verify=_trust(ca_bundle) if ca_bundle and transport is None else True,
            # Each question has its own clock; the chat's knows what a silence is.
            timeout=None,
            # A key goes to the host that it belongs to and nowhere else.
            follow_redirects=False,
            limits=httpx.Limits(keepalive_expiry=_KEEP_ALIVE),
            headers={"User-Agent": f"amx-tui/{__version__}"},
        )
    except ImportError as error:  # SOCKS
        why = one_line(str(error), 200)
    except (ValueError, httpx.InvalidURL):
        pass  # these quote the variable, and with it a password
    raise LlmProblem(
        "A proxy of the environment cannot be used",
        why,
        "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, then start again",
    )


def _trust(bundle: str) -> ssl.SSLContext:
    import ssl

    try:
        if Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except (OSError, ValueError) as error:
        raise LlmProblem(
            f"AMX_CA_BUNDLE names {one_line(bundle, 120)}, which cannot be used",
            one_line(str(error), 200),
            "Set it to a file of certificates in PEM form, or unset it, then start again",
        ) from None


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
    http = await asyncio.to_thread(open_http, ca_bundle, transport)
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
        http.stream(
            "GET", url, headers={"Accept": "application/json", **headers}, follow_redirects=False
        ) as response,
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
