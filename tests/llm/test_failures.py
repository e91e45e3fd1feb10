"""Every row of the failure table, over real HTTP: what is said, and how often is asked."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from string import Formatter

import httpx
import pytest

from amx_tui.config.model import Settings
from amx_tui.llm.client import Client
from amx_tui.llm.failures import (
    FAILURES,
    When,
    classify,
    classify_transport,
    describe,
)
from amx_tui.llm.model import CallFailed
from amx_tui.llm.model import FailureKind as Kind
from amx_tui.llm.providers import provider as provider_row
from amx_tui.llm.services import list_models
from tests.llm.setups import MESSAGES, SECRET, Waits, ask, collect, setup_for
from tests.provider import (
    Reply,
    ScriptedProvider,
    bare,
    chunk,
    error,
    event,
    html,
    raw,
    stall,
    status,
    stream,
)

# Made for these tests, for 127.0.0.1, valid until 2126; trusted nowhere.
CERTIFICATE = Path(__file__).with_name("self_signed.pem")
QUOTA = "Your account org-1 is suspended due to insufficient balance, please recharge"
OVERFLOW = "Your request exceeded model token limit: 262144 (requested: 269030)"
MISSING = "Not found the model kimi-k2-thinking or Permission denied"


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@dataclass(frozen=True)
class Case:
    reply: Reply
    kind: Kind
    says: tuple[str, ...]  # anywhere in the failure


CASES = {
    "401": Case(
        error(401, "Invalid Authentication", "invalid_authentication_error"),
        Kind.KEY_REJECTED,
        ("the keyring", "sk-…CRET", "made for another provider", "Press P"),
    ),
    "403": Case(
        error(403, "only available for Coding Agents", "permission_denied_error"),
        Kind.FORBIDDEN,
        ("only available for Coding Agents", "Press P"),
    ),
    "404 of a retired model": Case(
        error(404, MISSING, "resource_not_found_error"),
        Kind.MODEL_MISSING,
        (
            "2026-05-25",
            "kimi-k2.6",
            "moonshotai/kimi-k2-thinking",
            "Press P",
            "This key has kimi-k2.6, kimi-k3",
        ),
    ),
    "429 by rate": Case(
        error(429, "rpm limit", "rate_limit_reached_error"),
        Kind.RATE_LIMITED,
        ("rpm limit", "column_batch_size", "tier"),
    ),
    "429 by concurrency": Case(
        error(429, "request reached organization max concurrency: 1", "rate_limit_reached_error"),
        Kind.RATE_LIMITED,
        ("column_batch_size", "platform.moonshot.cn/docs/pricing/limits"),
    ),
    "429 by tokens": Case(
        error(429, "request reached organization TPM rate limit", "rate_limit_reached_error"),
        Kind.RATE_LIMITED,
        ("lower column_batch_size (now 10): tokens", "platform.moonshot.cn/docs/pricing/limits"),
    ),
    "429 by day": Case(
        error(429, "request reached organization TPD rate limit", "rate_limit_reached_error"),
        Kind.DAY_LIMITED,
        ("TPD", "tomorrow", "higher tier"),
    ),
    "429 by day, until a moment": Case(
        error(429, "Rate limit exceeded: free-models-per-day", "", {"Retry-After": "864000"}),
        Kind.DAY_LIMITED,
        ("Press t from",),
    ),
    "407": Case(status(407), Kind.UNREACHABLE, ("HTTPS_PROXY", "a name and a password")),
    "408": Case(status(408), Kind.SERVER_ERROR, ("408",)),
    "429 by overload": Case(
        error(429, "The engine is currently overloaded", "engine_overloaded_error"),
        Kind.OVERLOADED,
        ("overloaded", "Press t"),
    ),
    "429 by quota": Case(
        error(429, QUOTA, "exceeded_current_quota_error"),
        Kind.QUOTA_SPENT,
        ("insufficient balance", "Recharge", "platform.moonshot.cn"),
    ),
    "403 by quota, as it was once": Case(error(403, QUOTA), Kind.QUOTA_SPENT, ("Recharge",)),
    "402": Case(error(402, "Payment required"), Kind.QUOTA_SPENT, ("Payment required",)),
    "400 by length": Case(
        error(400, OVERFLOW, "invalid_request_error"),
        Kind.CONTEXT_OVERFLOW,
        ("269030", "column_batch_size (now 10)"),
    ),
    "413": Case(status(413), Kind.CONTEXT_OVERFLOW, ("262 144",)),
    "400 by content": Case(
        error(400, "The request was rejected", "content_filter"),
        Kind.CONTENT_FILTERED,
        ("privacy level",),
    ),
    "400": Case(
        error(400, "messages is empty", "invalid_request_error"),
        Kind.BAD_REQUEST,
        ("400", "messages is empty"),
    ),
    "a redirect": Case(status(302), Kind.REDIRECTED, ("Press P",)),
    "500": Case(error(500, "oops", "server_error"), Kind.SERVER_ERROR, ("500", "oops", "Press t")),
    "504 as a web page": Case(html(504), Kind.SERVER_ERROR, ("504",)),
    "503": Case(error(503, "down", "server_unavailable"), Kind.OVERLOADED, ("down",)),
    "a web page": Case(html(), Kind.MALFORMED, ("web page", "API base")),
    "nonsense": Case(raw(b"upstream connect error"), Kind.MALFORMED, ("upstream connect error",)),
    "an empty body": Case(raw(b""), Kind.MALFORMED, ("empty",)),
    "a cut connection": Case(bare(b""), Kind.CUT, ("closed the connection", "Press t")),
    "no HTTP": Case(bare(b"SSH-2.0-OpenSSH\r\n\r\n"), Kind.CUT, ("Press t",)),
    "silence": Case(stall(), Kind.SILENCE, ("AMX_LLM_TIMEOUT_SEC (now 0.5)", "waiting", "+")),
    "silence in mid-thought": Case(
        stall(after=event(chunk(reasoning="Hm."))), Kind.SILENCE, ("(thinking)", "Press t", "+")
    ),
    "silence after the headers": Case(stall(), Kind.SILENCE, ("waiting for the first token",)),
    "an error in mid-stream": Case(
        raw(event({"error": {"message": "busy", "type": "engine_overloaded_error"}})),
        Kind.OVERLOADED,
        ("busy",),
    ),
    "an answer that the filter stopped": Case(
        stream(content="Half", finish="content_filter"), Kind.CONTENT_FILTERED, ("privacy level",)
    ),
    "nothing visible": Case(
        stream(reasoning="Hm."), Kind.NOTHING_VISIBLE, ("AMX_LLM_MIN_MAX_TOKENS", "Press t")
    ),
}


# A proxy that wants a password will want it again.
ASKED_ONCE = {"407"}


@pytest.mark.parametrize("name", CASES)
async def test_every_failure_is_told_and_asked_again_as_often_as_its_row_says(
    provider: ScriptedProvider, name: str
) -> None:
    case = CASES[name]
    provider.answer = lambda body: case.reply
    setup = setup_for(base=provider.base_url, settings=Settings(timeout_seconds=0.5))
    waits = Waits()
    _, failure = await ask(setup, sleep=waits)
    assert failure is not None
    assert failure.kind is case.kind
    told = f"{failure.what}. {failure.why}. {failure.remedy}"
    for words in case.says:
        assert words in told
    assert SECRET not in told
    row = FAILURES[case.kind]
    attempts = 1 if name in ASKED_ONCE else row.attempts
    assert len(provider.calls) == attempts
    assert len(waits.seconds) == attempts - 1
    assert failure.hits_all is row.hits_all
    assert not failure.is_retried


def test_every_kind_has_a_case_or_a_test_of_its_own() -> None:
    assert set(Kind) - {case.kind for case in CASES.values()} == {Kind.TLS}


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("provider_id", ["kimi", "openrouter", "local"])
def test_every_row_has_something_to_say_in_every_setup(kind: Kind, provider_id: str) -> None:
    keyless = describe(kind, setup_for(provider_id, "unheard-of", key=None))
    full = describe(kind, setup_for(provider_id), status=418)
    for failure in (keyless, full):
        for said in (failure.what, failure.why, failure.remedy):
            assert said
            assert "{" not in said
            assert not said.endswith(".")


def test_every_word_of_the_table_is_known_to_somebody() -> None:
    """A misspelt word would silently never be said."""
    from inspect import getsource

    from amx_tui.llm import client, exchange, failures

    code = "".join(map(getsource, (client, exchange, failures)))
    for row in FAILURES.values():
        for one in (*row.what, *row.why, *row.remedy):
            sentence = one.sentence if isinstance(one, When) else one
            words = {name for _, name, _, _ in Formatter().parse(sentence) if name}
            for word in words | ({one.word} if isinstance(one, When) else set()):
                assert f"{word}=" in code or f'"{word}"' in code.replace(f'When("{word}"', "")


async def test_nobody_listening_is_told_apart_from_no_such_name() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        waits = Waits()
        _, failure = await ask(setup_for(base=f"http://127.0.0.1:{port}/v1"), sleep=waits)
    assert failure is not None and failure.kind is Kind.UNREACHABLE
    assert "refused" in failure.what
    assert len(waits.seconds) == FAILURES[Kind.UNREACHABLE].attempts - 1
    error = httpx.ConnectError("x")
    error.__cause__ = socket.gaierror(-2, "Name or service not known")
    failure = classify_transport(error, setup_for(), has_text=False)
    assert "api.moonshot.cn" in failure.what and "resolved" in failure.why


@pytest.mark.parametrize(
    "base",
    [
        "api.moonshot.cn/v1",
        "ftp://host/v1",
        "http://[::1/v1",
        "http://",
        "http://127.0.0.1:99999/v1",
        "https://xn--a.example/v1",
    ],
)
async def test_a_base_that_is_no_address_is_said_at_once(base: str) -> None:
    waits = Waits()
    _, failure = await ask(setup_for(base=base), sleep=waits)
    assert failure is not None and failure.kind is Kind.UNREACHABLE
    assert base in failure.why
    assert waits.seconds == []
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_for(base=base))
    assert failed.value.failure.kind is Kind.UNREACHABLE


async def test_an_error_from_below_the_network_ends_the_question_not_the_program() -> None:
    class Failing(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise RuntimeError(f"unable to perform operation for {SECRET}")

    client = Client(setup_for(), concurrency=1, transport=Failing(), sleep=Waits())
    _, failure = await collect(client.call(MESSAGES))
    await client.aclose()
    assert failure is not None and failure.kind is Kind.UNREACHABLE
    assert "unable" in failure.what and SECRET not in str(failure)
    with pytest.raises(CallFailed) as failed:
        await list_models(setup_for(), transport=Failing())
    assert failed.value.failure.kind is Kind.UNREACHABLE


async def test_a_server_that_speaks_no_tls_is_a_tls_failure() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, failure = await ask(setup_for(base=f"https://127.0.0.1:{port}/v1"))
    assert failure is not None and failure.kind is Kind.TLS
    assert "No safe connection" in failure.what


async def test_a_certificate_that_is_not_trusted_names_the_bundle_which_then_helps() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with ScriptedProvider(tls=tls) as provider:
        waits = Waits()
        _, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
        assert failure is not None and failure.kind is Kind.TLS
        assert waits.seconds == []
        assert "cannot be trusted" in failure.what
        assert "Set AMX_CA_BUNDLE" in failure.remedy
        settings = Settings(ca_bundle=str(CERTIFICATE))
        _, failure = await ask(setup_for(base=provider.base_url, settings=settings))
        assert failure is None


@pytest.mark.parametrize(("here", "there"), [(0, 1), (1, 0)])
def test_a_refused_key_is_offered_the_other_host_of_moonshot(here: int, there: int) -> None:
    bases = provider_row("kimi").bases
    setup = setup_for(base=bases[here])
    failure = classify(401, "invalid_authentication_error", "Invalid", {}, setup)
    assert "not interchangeable" in failure.why
    assert failure.other_base == bases[there]
    assert bases[there] in failure.remedy
    assert bases[here] not in failure.remedy
    # The page of the platform that the key was sent to.
    assert bases[here].split("api.")[1].removesuffix("/v1") in failure.remedy


@pytest.mark.parametrize(("key", "says"), [("sk-short", "key from"), (SECRET, "key sk-…CRET from")])
def test_of_a_short_key_only_its_source_is_told(key: str, says: str) -> None:
    failure = classify(401, "invalid_authentication_error", "", {}, setup_for(key=key))
    assert f"refused the API {says} the keyring" in failure.what
    assert key not in str(failure)


def test_a_key_that_does_not_look_like_one_is_told_what_they_look_like() -> None:
    odd = classify(401, "", "Invalid", {}, setup_for(key="eyJhbGciOiJIUzI1NiJ9"))
    assert "start with sk-" in odd.why
    usual = classify(401, "", "Invalid", {}, setup_for())
    assert "start with" not in usual.why


@pytest.mark.parametrize(
    ("provider_id", "base"),
    [
        ("kimi", "https://gateway.example.com/v1"),
        ("kimi", "https://api.moonshot.cn.example.com/v1"),
        ("openrouter", "https://openrouter.ai/api/v1"),
        ("local", "https://api.moonshot.cn/v1"),
    ],
)
def test_a_key_is_never_offered_to_a_host_that_is_not_its_providers(
    provider_id: str, base: str
) -> None:
    setup = setup_for(provider_id, "kimi-k2.6", base=base)
    failure = classify(401, "", "Invalid", {}, setup)
    assert failure.kind is Kind.KEY_REJECTED
    assert failure.other_base is None
    assert "moonshot.ai" not in failure.remedy


def test_only_a_refused_key_is_offered_another_host() -> None:
    for kind in set(Kind) - {Kind.KEY_REJECTED}:
        assert describe(kind, setup_for()).other_base is None
    assert classify(401, "", "", {}, setup_for(key=None)).other_base is None


async def test_a_name_that_does_not_exist_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _, failure = await ask(setup_for(base="http://kimi.invalid/v1"))
    assert failure is not None and failure.kind is Kind.UNREACHABLE
    assert "kimi.invalid" in failure.what and "name" in failure.what


async def test_a_proxy_that_does_not_let_through_is_named(
    provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{provider.port}")
    _, failure = await ask(setup_for(base="https://provider.invalid/v1"))
    assert failure is not None and failure.kind is Kind.UNREACHABLE
    assert "proxy" in failure.why.lower() and "HTTPS_PROXY" in failure.remedy


async def test_a_handshake_that_nobody_answers_is_a_silence_while_connecting() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings(timeout_seconds=0.3)
        _, failure = await ask(setup_for(base=f"https://127.0.0.1:{port}/v1", settings=settings))
    assert failure is not None and failure.kind is Kind.SILENCE
    assert "(connecting)" in failure.what and "firewall" in failure.why
    assert "AMX_LLM_TIMEOUT_SEC" in failure.remedy


async def test_a_list_of_models_that_cannot_be_had_takes_nothing_from_the_failure(
    provider: ScriptedProvider,
) -> None:
    provider.models = ()
    provider.answer = lambda body: error(404, MISSING, "resource_not_found_error")
    _, failure = await ask(setup_for(base=provider.base_url))
    assert failure is not None and failure.kind is Kind.MODEL_MISSING
    assert "This key has" not in failure.remedy
    assert "kimi-k2.6" in failure.remedy


def test_without_a_key_none_is_blamed() -> None:
    failure = classify(401, "", "", {}, setup_for(key=None))
    assert "none was sent" in failure.what
    assert "interchangeable" not in failure.why
    assert "platform.moonshot.cn" in failure.remedy


def test_an_address_where_nothing_is_points_at_the_base() -> None:
    setup = setup_for("local", "m", base="http://127.0.0.1:1")
    failure = classify(404, "", "Not Found", {}, setup)
    assert failure.kind is Kind.MODEL_MISSING
    assert "/v1" in failure.remedy


@pytest.mark.parametrize(
    ("header", "message", "seconds"),
    [
        ("7", "", 7),
        ("0.5", "", 0.5),
        ("", "please try again after 1 seconds", 1),
        ("", "Please try again in 1.5s.", 1.5),
        ("", "try again in 250 ms", 0.25),
        ("", "Please retry after 2 minutes", 120),
        ("", "Please try again in 6m0s. Visit https://host/limits to learn more.", 360),
        ("", "Please try again in 1m2.5s.", 62.5),
        ("", "Try again in 1h30m", 5400),
        ("", "try again in 2 hours and 5 minutes", 7500),
        ("", "retry after 1 day", 86_400),
        ("", "try again after 3", 3),
        ("", "try again in 2 weeks", None),
        ("", "Rate limit reached, please wait 20 seconds", 20),
        ("3600", "", 3600),
        ("7200", "tokens per hour", 7200),
        ("9", "try again after 1 seconds", 9),
        ("", "RPM: 3, current: 4, please try again after 1 seconds", 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "", None),
        ("soon", "", None),
        ("nan", "", None),
        ("inf", "", None),
        ("-1", "", None),
        ("", "slow down", None),
    ],
)
def test_how_long_to_wait_is_read_from_the_header_or_the_sentence(
    header: str, message: str, seconds: float | None
) -> None:
    headers = {"retry-after": header} if header else {}
    failure = classify(429, "rate_limit_reached_error", message, headers, setup_for())
    assert failure.retry_after == seconds
    assert failure.is_retried


@pytest.mark.parametrize("factor", [1, 1000])
def test_a_moment_when_the_limit_ends_is_understood(factor: int) -> None:
    headers = {"x-ratelimit-reset": str(round((time.time() + 60) * factor))}
    failure = classify(429, "rate_limit_error", "slow down", headers, setup_for())
    assert failure.retry_after == pytest.approx(60, abs=5)
    assert failure.is_retried


async def test_who_is_still_refused_after_many_waits_is_told_until_when(
    provider: ScriptedProvider,
) -> None:
    headers = {"Retry-After": str(3 * 86_400)}
    provider.answer = lambda body: error(429, "", "rate_limit_reached_error", headers)
    waits = Waits()
    _, failure = await ask(setup_for(base=provider.base_url), sleep=waits)
    assert failure is not None
    assert waits.seconds == [3 * 86_400.0] * 6
    # Such as "3 December, 14:05".
    month = time.strftime("%B", time.localtime(time.time() + 3 * 86_400))
    assert "asks to wait until" in failure.remedy and month in failure.remedy


def test_what_a_server_says_is_quoted_clean_and_short() -> None:
    nasty = f"\x1b[31mred\x1b[0m {SECRET} {{base}} [bold]\n" + "x" * 5000
    failure = classify(500, "", nasty, {}, setup_for())
    assert "\x1b" not in failure.why and "\n" not in failure.why
    assert SECRET not in failure.why
    assert "{base} [bold]" in failure.why
    assert len(failure.why) < 250


def test_a_password_in_the_base_is_not_shown() -> None:
    setup = setup_for(base="https://me:hunter2@host/v1")
    endpoint = replace(setup.endpoint, base="https://me:hunter2@host/v1")
    for kind in Kind:
        assert "hunter2" not in str(describe(kind, replace(setup, endpoint=endpoint)))
