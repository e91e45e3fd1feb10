"""Asks a provider until it has answered or nothing more helps: the only retry layer there is.

It knows nothing of what is asked, nor of who listens; httpx is imported when a client is made.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from amx_tui.base.amounts import balance_words, number
from amx_tui.base.times import moment_in
from amx_tui.llm.body import output_budget, pinned_parameters, raised_budget, request_body
from amx_tui.llm.countdown import Countdown
from amx_tui.llm.exchange import Broken, Exchange
from amx_tui.llm.failures import FAILURES, backoff, describe, quote, replace_retried
from amx_tui.llm.limiter import Limiter
from amx_tui.llm.limits import LEAST_OUTPUT, Limits, read_limits
from amx_tui.llm.model import (
    Allowance,
    AnswerText,
    BudgetRaise,
    CallEvent,
    CallFailed,
    Ended,
    Failure,
    FailureKind,
    Message,
    ParameterDrop,
    Phase,
    PhaseChanged,
    RetryWait,
    Setup,
    UsageMissing,
    UsageSeen,
)
from amx_tui.llm.network import open_http
from amx_tui.llm.tokens import estimate_prompt

if TYPE_CHECKING:
    import httpx

# Without these a request is none; every other parameter may be refused.
_NEEDED = frozenset({"model", "messages", "stream"})
# A prompt's tokens are estimated, and lists of names up to a fifth too low.
_PROMPT_MARGIN = 1.25
# How often a call may learn that it asked for too much: once of the context, once of the output.
_MOST_LOWERED = 2
# Models that a failure names of those that a key has.
_MOST_NAMES = 8


class Client:
    """One endpoint, one key, one model; what it learns holds until it is closed.

    Making one imports httpx and reads certificates (about 0.2 s the first time), needs no event loop,
    and may be done in a worker thread. `concurrency` is how many requests may be out at once;
    `refused` remembers which parameters this model is not asked with any more, and `limits` how many
    tokens its `context` and its `output` were said to hold, for the next client;
    `transport` replaces the network, `sleep` the waiting between attempts.

    Raises:
        LlmProblem: AMX_CA_BUNDLE or a proxy variable cannot be used.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        concurrency: int,
        refused: set[str] | None = None,
        limits: dict[str, int] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._limits = limits if limits is not None else {}
        self.setup = _limited(setup, self._limits)
        self.limiter = Limiter(concurrency)
        self._sleep = sleep
        self._http = open_http(setup.settings.ca_bundle, transport)
        self._headers = request_headers(setup)
        self._refused = refused if refused is not None else set()
        self._unsaid = list(pinned_parameters(setup))
        title = setup.endpoint.provider.title
        for name in sorted(self._refused):
            self._unsaid.append(ParameterDrop(name, f"{title} refused it before"))
        for name, tokens in sorted(self._limits.items()):
            self._unsaid.append(_limit_drop(name, tokens, f"{title} said so before"))
        self._available: str | None = None
        self._waiting: set[Call] = set()  # to ask again

    def call(self, messages: Sequence[Message], allowance: Allowance | None = None) -> Call:
        """A conversation that has not begun; it begins with `Call.events()`. `allowance` limits the
        output of each of its requests, the repeated ones included; None: only the setup does."""
        return Call(self, tuple(messages), allowance)

    async def _say_available(self, failure: Failure) -> Failure:
        """`failure` with the models that this key has, where the provider lists them. It is asked once,
        with the same key at the same host."""
        from amx_tui.llm.services import read_available

        if self._available is None:
            ids = await read_available(self._http, self.setup)
            own = [id for id in ids if "kimi" in id or "moonshot" in id]
            shown = (own or list(ids))[:_MOST_NAMES]
            more = f" and {len(ids) - len(shown)} more" if len(ids) > len(shown) else ""
            self._available = f"{', '.join(shown)}{more}" if shown else ""
        if not self._available:
            return failure
        return replace(failure, remedy=f"{failure.remedy}. This key has {self._available}")

    async def _say_balance(self, failure: Failure) -> Failure:
        """`failure` with what the account has left now, where the provider tells it."""
        from amx_tui.llm.services import read_left

        balance = await read_left(self._http, self.setup)
        if balance is None:
            return failure
        left = balance_words(balance.available, balance.currency)
        return replace(failure, what=f"{failure.what}: its balance is {left}")

    def _end_waits(self) -> None:
        for call in self._waiting:
            call.hurry()

    async def aclose(self) -> None:
        """Closes what connections are left. Calls still going on fail."""
        await self._http.aclose()


class Call:
    """One question, asked as often as it takes. Made by `Client.call`.

    Attributes:
        countdown: how long the provider may still be silent; valid through all attempts.
    """

    def __init__(
        self, client: Client, messages: tuple[Message, ...], allowance: Allowance | None
    ) -> None:
        self._client = client
        self._messages = messages
        self._allowance = allowance
        self.countdown = Countdown(client.setup.settings.timeout_seconds)
        self._hurry = asyncio.Event()

    def hurry(self) -> bool:
        """Ends the wait before the next attempt: it asks at once, before the others and whatever they
        wait for. False where it waits for nothing."""
        if self not in self._client._waiting:
            return False
        self._hurry.set()
        return True

    async def events(self) -> AsyncGenerator[CallEvent, None]:
        """Asks, and yields what happens, to the `Ended` that completes the answer. Call it once, and
        iterate it within `contextlib.aclosing`: leaving that, or being cancelled, closes the connection
        and leaves no task behind.

        Raises:
            CallFailed: nothing more can be done; `Failure.is_retried` says whether a new call may ask
                for what is missing of an answer that has begun.
            Exception: whatever the allowance raises.
        """
        client, setup = self._client, self._client.setup
        while client._unsaid:
            yield client._unsaid.pop(0)
        prompt_tokens = estimate_prompt(self._messages)
        self._refuse_hopeless(prompt_tokens)
        # An estimate, and the context must hold the prompt that is counted there.
        wanted = output_budget(setup, round(prompt_tokens * _PROMPT_MARGIN))
        least = 1
        spent = 0  # by thinking, without an answer; the next request tells that it has more
        is_raised = False
        failures: Counter[FailureKind] = Counter()
        attempt = 0
        is_hurried = False
        lowered = 0
        # What this call holds up for all others, from a refusal to the end of its wait.
        with ExitStack() as wall:
            while True:
                attempt += 1
                broken: Broken | None = None
                async with client.limiter.slot(at_once=is_hurried):
                    budget = wanted
                    if self._allowance is not None:
                        budget = await self._allowance.grant(prompt_tokens, wanted, least)
                    if spent:
                        yield BudgetRaise(spent, budget)
                        spent = 0
                    body = request_body(
                        setup, self._messages, budget=budget, without=frozenset(client._refused)
                    )
                    exchange = Exchange(client._http, setup, client._headers, body, self.countdown)
                    try:
                        yield self._enter(Phase.CONNECTING, attempt)
                        self.countdown.restart()
                        await exchange.send()
                        yield self._enter(Phase.WAITING, attempt)
                        await exchange.answer()
                        if is_hurried:  # what let this one through lets the others try
                            client._end_waits()
                        has_answer = False
                        while (pieces := await exchange.read()) is not None:
                            for piece in pieces:
                                if isinstance(piece, AnswerText):
                                    if not has_answer:
                                        if piece.text.isspace():
                                            continue  # white space before the answer is none of it
                                        has_answer = True
                                    phase = Phase.ANSWERING
                                else:
                                    phase = Phase.THINKING
                                if self.countdown.phase is not phase:
                                    yield self._enter(phase, attempt)
                                yield piece
                    except Broken as error:
                        broken = error
                        if error.failure.kind is FailureKind.RATE_LIMITED:
                            # Before the slot goes to the next one, who would only be refused too.
                            client.limiter.note_refusal()
                            wall.enter_context(client.limiter.pause())
                    finally:
                        await exchange.aclose()
                if exchange.usage is not None:
                    prompt_tokens = exchange.usage.input or prompt_tokens
                    yield UsageSeen(exchange.usage)
                elif exchange.is_billed:
                    yield UsageMissing(budget if exchange.finish == "length" else 0)
                if broken is None:
                    finish = exchange.finish or "stop"
                    if finish == "content_filter":
                        failure = describe(FailureKind.CONTENT_FILTERED, setup)
                        raise CallFailed(replace_retried(failure, False))
                    if exchange.has_answer:
                        client.limiter.note_success()
                        yield Ended(finish)
                        return
                    more = raised_budget(setup, budget, prompt_tokens)
                    if finish == "length" and not is_raised and more > budget:
                        is_raised = True
                        # Little more than was too little would be spent the same way.
                        spent, wanted, least = budget, more, min(2 * budget, more)
                        continue
                    failure = self._nothing_visible(finish, budget)
                else:
                    failure = broken.failure
                    if not exchange.has_answer and lowered < _MOST_LOWERED:
                        smaller = self._smaller_budget(broken, budget, prompt_tokens)
                        if smaller is not None:
                            lowered += 1
                            for drop in self._learn(broken, budget):
                                yield drop
                            setup, wanted, least = client.setup, smaller, min(least, smaller)
                            continue
                    name = None if exchange.has_answer else _refused_parameter(broken, body)
                    if name is not None:
                        if name not in client._refused:
                            client._refused.add(name)
                            yield self._drop(name, broken, budget)
                        continue
                failures[failure.kind] += 1
                row = FAILURES[failure.kind]
                if exchange.has_answer:
                    raise CallFailed(replace_retried(failure, row.leaves_rest))
                if failure.kind is FailureKind.MODEL_MISSING:
                    failure = await client._say_available(failure)
                elif failure.kind is FailureKind.QUOTA_SPENT:
                    failure = await client._say_balance(failure)
                if not failure.is_retried or failures[failure.kind] >= row.attempts:
                    raise CallFailed(_give_up(failure))
                # Jitter keeps several calls that were refused together from coming back together.
                wait = backoff(failure.kind, failures[failure.kind]) * random.uniform(0.8, 1.2)
                wait = max(wait, failure.retry_after or 0.0)
                with self._patience():
                    yield RetryWait(wait, failure)
                    is_hurried = await self._wait(wait)
                wall.close()

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Meanwhile it can be told to `hurry`."""
        self._hurry.clear()
        self._client._waiting.add(self)
        try:
            yield
        finally:
            self._client._waiting.discard(self)

    async def _wait(self, seconds: float) -> bool:
        """Waits, and says whether somebody did not want to wait so long."""
        sleeping = asyncio.ensure_future(self._client._sleep(seconds))
        either = (sleeping, asyncio.ensure_future(self._hurry.wait()))
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()
            await asyncio.wait(either)
        return self._hurry.is_set()

    def _enter(self, phase: Phase, attempt: int) -> PhaseChanged:
        self.countdown.phase = phase
        return PhaseChanged(phase, attempt)

    def _refuse_hopeless(self, prompt_tokens: int) -> None:
        """Raises for what would fail before it could leave, or at once when it arrives."""
        setup = self._client.setup
        key = setup.endpoint.key
        if key is not None and not (key.secret.isascii() and key.secret.isprintable()):
            fault = "it holds characters that no key has"
            raise CallFailed(describe(FailureKind.KEY_REJECTED, setup, key_fault=fault))
        if setup.model.context is not None and prompt_tokens >= setup.model.context:
            counted = f"about {number(prompt_tokens)} tokens"
            raise CallFailed(describe(FailureKind.CONTEXT_OVERFLOW, setup, counted=counted))

    def _nothing_visible(self, finish: str, budget: int) -> Failure:
        setup = self._client.setup
        if finish != "length":
            return describe(FailureKind.NOTHING_VISIBLE, setup)
        failure = describe(
            FailureKind.NOTHING_VISIBLE,
            setup,
            spent=number(budget),
            budget=str(budget),
            more=str(2 * budget),
        )
        # The same budget would be spent the same way.
        return replace_retried(failure, False)

    def _smaller_budget(self, broken: Broken, budget: int, prompt_tokens: int) -> int | None:
        """How much output a request may have that was refused for wanting more; None where that is not
        why, or where what is left would be too little."""
        limits = _limits_in(broken, budget)
        room = limits.output
        if limits.context is not None:
            counted = limits.prompt or round(prompt_tokens * _PROMPT_MARGIN)
            # It is the prompt that is too long, or its figures mean something else.
            if counted > 2 * prompt_tokens + LEAST_OUTPUT:
                return None
            room = limits.context - counted
        return room if room is not None and min(LEAST_OUTPUT, budget) <= room < budget else None

    def _learn(self, broken: Broken, budget: int) -> list[ParameterDrop]:
        """Keeps to the limits that a refusal names from now on; what is new of them is to be said."""
        client = self._client
        limits = _limits_in(broken, budget)
        said = quote(broken.refusal.message, client.setup) if broken.refusal else ""
        drops = []
        for name, tokens in (("context", limits.context), ("output", limits.output)):
            if tokens is not None and client._limits.get(name) != tokens:
                client._limits[name] = tokens
                reason = f"{client.setup.endpoint.provider.title} said: {said}"
                drops.append(_limit_drop(name, tokens, reason))
        client.setup = _limited(client.setup, client._limits)
        return drops

    def _drop(self, name: str, broken: Broken, budget: int) -> ParameterDrop:
        client = self._client
        setup = client.setup
        said = quote(broken.refusal.message, setup) if broken.refusal else ""
        body = request_body(setup, (), budget=budget, without=frozenset(client._refused))
        other = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}.get(
            name
        )
        instead = other if other is not None and other in body else ""
        return ParameterDrop(name, f"{setup.endpoint.provider.title} said: {said}", instead)


def _limits_in(broken: Broken, budget: int) -> Limits:
    kinds = (FailureKind.CONTEXT_OVERFLOW, FailureKind.BAD_REQUEST)
    if broken.refusal is None or broken.failure.kind not in kinds:
        return Limits()
    limits = read_limits(broken.refusal.message, budget)
    if broken.failure.kind is FailureKind.BAD_REQUEST:
        # A number among the words on another parameter is none of ours.
        named = {broken.refusal.parameter, *re.findall(r"\w+", broken.refusal.message)}
        return limits if named & {"max_tokens", "max_completion_tokens"} else Limits()
    return limits


def _limited(setup: Setup, limits: Mapping[str, int]) -> Setup:
    """`setup` with what its provider said of the model's limits."""
    model = replace(
        setup.model,
        context=limits.get("context", setup.model.context),
        max_output=limits.get("output", setup.model.max_output),
    )
    return replace(setup, model=model)


def _limit_drop(name: str, tokens: int, reason: str) -> ParameterDrop:
    what = {"context": "the assumed context", "output": "the output budget"}[name]
    return ParameterDrop(what, reason, f"{'at most ' if name == 'output' else ''}{tokens} tokens")


def _give_up(failure: Failure) -> Failure:
    """`failure`, which is not waited out once more; the person may do that."""
    if failure.is_retried and failure.retry_after is not None:
        until = f"It asks to wait until {moment_in(failure.retry_after)}"
        failure = replace(failure, remedy=f"{failure.remedy}. {until}")
    return replace_retried(failure, False)


def _refused_parameter(broken: Broken, body: Mapping[str, object]) -> str | None:
    """The parameter of `body` that a refusal names: in its own field, else first in its sentence. Since
    what was named is not sent again, this comes to an end."""
    if broken.refusal is None or broken.failure.kind is not FailureKind.BAD_REQUEST:
        return None
    names = body.keys() - _NEEDED
    field = broken.refusal.parameter.partition(".")[0]
    if field in names:
        return field
    message = broken.refusal.message
    found = [
        (match.start(), name)
        for name in names
        if (match := re.search(rf"(?<![\w-]){name}(?![\w-])", message))
    ]
    return min(found)[1] if found else None


def request_headers(setup: Setup) -> dict[str, str]:
    """Those of every request; the key is in the one called `Authorization`."""
    endpoint = setup.endpoint
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        # A compressed stream arrives in lumps.
        "Accept-Encoding": "identity",
        **endpoint.provider.headers,
    }
    if endpoint.key is not None and endpoint.key.secret:
        headers["Authorization"] = f"Bearer {endpoint.key.secret}"
    return headers
