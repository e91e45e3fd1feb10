"""The test of a profile: does the host answer, is the key accepted, is the model there, what is left to
spend, and how long does a short answer take. What fails is a row of the failure table.

The profile need not be saved. Whoever iterates sees each check twice at least, `RUNNING` at first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from amx_tui.base.amounts import balance_words, money, number
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.base.times import duration
from amx_tui.commands.account import missing_words, tell_or_problem
from amx_tui.commands.model import Account, Check, NotReady, State, check_of
from amx_tui.commands.setup import make_setup
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Key, Profile

if TYPE_CHECKING:
    import httpx

    from amx_tui.llm.model import Balance, CallFailed, ListedModel, Model, Setup

PROFILE, HOST, KEY, MODEL, BALANCE, ANSWER = "profile", "host", "key", "model", "balance", "answer"
_ASKING = "asking …"
# As short as a prompt can be that has an answer; a thinking model thinks about this one too.
_SYSTEM, _QUESTION = "Answer with one word.", "Say: ready"
_SHOWN_ANSWER = 40  # characters
# Seconds. A draft waits as long as a provider says; whoever tests a profile sits there and wants to know.
_LONGEST_WAIT = 20.0


async def test_profile(
    workspace: Workspace, profile: Profile, key: Key | None
) -> AsyncGenerator[Check, None]:
    """Asks the profile's host with `key`: its models and the balance side by side, then for one short
    answer, with the output floor and the thinking that a draft would have. That one costs something,
    which it tells. Iterate it within `contextlib.aclosing`: leaving that closes every connection and
    leaves no task.

    Raises:
        NotReady: no call is allowed here.
    """
    workspace.refuse_offline("The profile was not tested")
    try:
        setup = await asyncio.to_thread(make_setup, workspace, profile, key)
    except NotReady as problem:
        yield check_of(PROFILE, problem)
        return
    seen: dict[str, Check] = {}
    async with aclosing(check_account(workspace, setup)) as checks:
        async for check in checks:
            seen[check.what] = check
            yield check
    for needed in (HOST, KEY):
        if seen[needed].state is State.FAILED:
            yield Check(ANSWER, State.SKIPPED, f"not asked for: the {needed} comes first")
            return
    async with aclosing(_check_answer(workspace, setup, seen)) as checks:
        async for check in checks:
            yield check


async def check_account(workspace: Workspace, setup: Setup) -> AsyncGenerator[Check, None]:
    """What the host of `setup` tells of its key without being asked for an answer: `HOST`, `KEY`,
    `MODEL` and `BALANCE`. It costs nothing. Iterate it within `contextlib.aclosing`.

    Raises:
        NotReady: no call is allowed here.
    """
    from amx_tui.llm.model import CallFailed
    from amx_tui.llm.services import list_models, read_balance

    workspace.refuse_offline("The host was not asked")
    for what in (HOST, KEY, MODEL, BALANCE):
        yield Check(what, State.RUNNING, _ASKING)
    began = time.monotonic()
    listing = asyncio.create_task(
        tell_or_problem(list_models(setup, transport=_transport(workspace)))
    )
    balancing = asyncio.create_task(
        tell_or_problem(read_balance(setup, transport=_transport(workspace)))
    )
    try:
        try:
            models, problem = await listing
        except Problem as unusable:  # a proxy variable, or AMX_CA_BUNDLE
            models, problem = None, unusable
        seconds = time.monotonic() - began
        account = Account(setup.endpoint.base, time.time(), models)
        failed = problem if isinstance(problem, CallFailed) else None
        if problem is not None and (failed is None or _is_of_host(failed)):
            yield check_of(HOST, problem)
            for what in (KEY, MODEL, BALANCE):
                yield Check(what, State.SKIPPED, "not asked: the host comes first")
            return
        yield Check(HOST, State.OK, f"{_host(setup)} answers", seconds=seconds)
        if failed is not None and _is_of_key(failed):
            yield check_of(KEY, failed)
            for what in (MODEL, BALANCE):
                yield Check(what, State.SKIPPED, "not asked: the key comes first")
            return
        if failed is not None:
            yield check_of(MODEL, failed, State.WARNING)
        else:
            yield _model_check(account, setup)
        balance, balance_problem = await balancing
        is_proven = failed is None and not setup.endpoint.provider.lists_for_anyone
        if isinstance(balance_problem, CallFailed) and _is_of_key(balance_problem):
            yield check_of(KEY, balance_problem)
        else:
            yield _key_check(setup, is_proven=is_proven or balance is not None)
        yield _balance_check(setup, balance, balance_problem)
    finally:
        for task in (listing, balancing):
            task.cancel()
        await asyncio.gather(listing, balancing, return_exceptions=True)


async def _check_answer(
    workspace: Workspace, setup: Setup, seen: dict[str, Check]
) -> AsyncGenerator[Check, None]:
    """`ANSWER`, and once more what it taught of the key and the model."""
    from amx_tui.llm.client import Client
    from amx_tui.llm.model import (
        AnswerText,
        BudgetRaise,
        CallFailed,
        Ended,
        FailureKind,
        Message,
        ParameterDrop,
        PhaseChanged,
        RetryWait,
        Usage,
        UsageSeen,
    )
    from amx_tui.llm.rates import cost, rates_for

    yield Check(ANSWER, State.RUNNING, _ASKING)
    try:
        client = await asyncio.to_thread(
            Client, setup, concurrency=1, transport=_transport(workspace)
        )
    except Problem as problem:
        yield check_of(ANSWER, problem)
        return
    began = time.monotonic()
    first: float | None = None
    text, finish = "", ""
    usage: Usage | None = None
    notes: list[str] = []
    has_begun = False
    failed: CallFailed | None = None
    call = client.call((Message("system", _SYSTEM), Message("user", _QUESTION)))
    try:
        async with aclosing(call.events()) as events:
            async for event in events:
                match event:
                    case PhaseChanged(phase, attempt):
                        has_begun = True
                        again = f", attempt {attempt}" if attempt > 1 else ""
                        yield Check(ANSWER, State.RUNNING, f"{phase.value}{again} …")
                    case RetryWait(seconds, failure) if seconds > _LONGEST_WAIT:
                        notes.append(f"it asks to wait {duration(seconds)}")
                        failed = CallFailed(failure)
                        break
                    case RetryWait(seconds, failure):
                        words = f"{failure.what}; asking again in {seconds:.0f} s"
                        yield Check(ANSWER, State.RUNNING, words, why=failure.why)
                    case AnswerText(piece):
                        first = time.monotonic() - began if first is None else first
                        text += piece
                    case UsageSeen(seen_usage):
                        usage = seen_usage if usage is None else usage + seen_usage
                    case BudgetRaise(spent):
                        notes.append(f"{number(spent)} tokens of thinking were not enough")
                    case ParameterDrop(name, reason) if has_begun:  # before that, what it pins
                        notes.append(f"without {name} ({one_line(reason, 120)})")
                    case Ended(reason):
                        finish = reason
                    case _:
                        pass
    except CallFailed as error:
        failed = error
    finally:
        await client.aclose()
    seconds = time.monotonic() - began
    if usage is not None:
        spent_usd = money(cost(usage, rates_for(setup.profile, setup.model)))
        notes[:0] = [f"{number(usage.total)} tokens", spent_usd]
    if failed is not None:
        about = {FailureKind.KEY_REJECTED: KEY, FailureKind.MODEL_MISSING: MODEL}
        what = about.get(failed.failure.kind)
        if what is None:
            result = " · ".join([failed.what, *notes])
            yield Check(ANSWER, State.FAILED, result, failed.remedy, seconds, failed.why)
            return
        yield check_of(what, failed)
        yield Check(ANSWER, State.FAILED, f"none: the {what} comes first", seconds=seconds)
        return
    if seen[KEY].state is not State.OK:
        yield _key_check(setup, is_proven=True)
    if seen[MODEL].state in (State.FAILED, State.WARNING, State.SKIPPED):
        yield _answering_model(setup, seen[MODEL])
    if first is not None and seconds - first > 0.1:
        notes.insert(0, f"the first word after {first:.1f} s")
    result = " · ".join([f"“{one_line(text, _SHOWN_ANSWER)}” in {seconds:.1f} s", *notes])
    is_cut = finish == "length"
    yield Check(
        ANSWER,
        State.WARNING if is_cut else State.OK,
        result,
        "Set AMX_LLM_MIN_MAX_TOKENS higher" if is_cut else "",
        seconds,
        "The output budget ended it" if is_cut else "",
    )


def _transport(workspace: Workspace) -> httpx.AsyncBaseTransport | None:
    return workspace.transport() if workspace.transport is not None else None


def _host(setup: Setup) -> str:
    from amx_tui.llm.providers import host_of, shown_base

    return one_line(host_of(shown_base(setup.endpoint.base)), 80)


def _is_of_host(failed: CallFailed) -> bool:
    """Whether nothing that is asked there would be answered, whatever the key."""
    from amx_tui.llm.model import FailureKind

    return failed.failure.kind in (
        FailureKind.UNREACHABLE,
        FailureKind.TLS,
        FailureKind.REDIRECTED,
        FailureKind.SILENCE,
        FailureKind.CUT,
        FailureKind.MALFORMED,
    )


def _is_of_key(failed: CallFailed) -> bool:
    from amx_tui.llm.model import FailureKind

    return failed.failure.kind is FailureKind.KEY_REJECTED


def _key_check(setup: Setup, *, is_proven: bool) -> Check:
    key, provider = setup.endpoint.key, setup.endpoint.provider
    if key is None:
        return Check(KEY, State.OK, f"none is sent, and {_host(setup)} asks for none")
    words = key_words(key)
    if is_proven:
        return Check(KEY, State.OK, f"{words}: accepted by {_host(setup)}")
    return Check(
        KEY,
        State.SKIPPED,
        f"{words}: not tried",
        "Press P and t: a short answer tells",
        why=f"{provider.title} told nothing that only an accepted key is told",
    )


def key_words(key: Key) -> str:
    """Where a key comes from and, where it is long enough, its ends."""
    shown = "" if key.hint == "…" else f"{key.hint} "
    return f"{shown}from {one_line(key.source, 120)}"


def _model_check(account: Account, setup: Setup) -> Check:
    from amx_tui.llm.failures import describe
    from amx_tui.llm.model import FailureKind

    model = setup.model
    if not account.models:
        return Check(MODEL, State.SKIPPED, f"{_host(setup)} lists no model at all")
    row = account.listed(model.id)
    choose = describe(FailureKind.MODEL_MISSING, setup).remedy
    if row is None:
        return Check(MODEL, State.FAILED, missing_words(account, model), choose)
    if model.retired:
        why = f"{model.successor} takes its place" if model.successor else ""
        result = f"{model.id} is still listed, though it was retired on {model.retired}"
        return Check(MODEL, State.WARNING, result, choose, why=why)
    return Check(MODEL, State.OK, f"{model.id}: listed{_context_words(model, row)}")


def _context_words(model: Model, row: ListedModel) -> str:
    context = row.context or model.context
    return f", with a context of {number(context)} tokens" if context else ""


def _answering_model(setup: Setup, before: Check) -> Check:
    """The model answers: what the list said of it is a warning at most."""
    if setup.model.retired:
        result = f"{setup.model.id} answers, though it was retired on {setup.model.retired}"
        return Check(MODEL, State.WARNING, result, before.remedy, why=before.result)
    if before.state is State.FAILED:
        result = f"{setup.model.id} answers, though it is not listed"
        return Check(MODEL, State.WARNING, result, why=before.result)
    return Check(MODEL, State.OK, f"{setup.model.id} answers")


def _balance_check(setup: Setup, balance: Balance | None, problem: Problem | None) -> Check:
    from amx_tui.llm.providers import key_page_for

    provider = setup.endpoint.provider
    if problem is not None:
        return check_of(BALANCE, problem, State.WARNING)
    if balance is None:
        return Check(BALANCE, State.SKIPPED, f"{provider.title} does not tell it to this key")
    words = balance_words(balance.available, balance.currency)
    if balance.available > 0:
        return Check(BALANCE, State.OK, words)
    page = key_page_for(provider, setup.endpoint.base)
    return Check(
        BALANCE,
        State.FAILED,
        f"{words}: nothing is left to spend",
        f"Recharge it; the console is where keys are made: {page}" if page else "Recharge it",
    )
