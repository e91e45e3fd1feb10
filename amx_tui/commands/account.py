"""What the host of a draft tells of its key before anything is sent: models and balance."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from amx_tui.base.problem import Problem
from amx_tui.commands.model import Account
from amx_tui.commands.setup import make_setup
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Key, Profile

if TYPE_CHECKING:
    import httpx

    from amx_tui.llm.model import ListedModel, Model, Setup

_Told = TypeVar("_Told")

# So many of a key's models are named.
_NAMED = 4


async def ask_account(
    workspace: Workspace, setup: Setup, *, clock: Callable[[], float] = time.time
) -> Account:
    """Asks the host that will get the prompt, side by side, and remembers the answer for the header
    and for models that are not in the table. What it does not tell is in the account.

    Raises:
        NotReady: no call is allowed here.
        LlmProblem: a proxy variable or AMX_CA_BUNDLE cannot be used.
    """
    from amx_tui.llm.services import list_models, read_balance

    workspace.refuse_offline("The host was not asked")

    def transport() -> httpx.AsyncBaseTransport | None:
        return workspace.transport() if workspace.transport is not None else None

    (models, problem), (balance, balance_problem) = await asyncio.gather(
        tell_or_problem(list_models(setup, transport=transport())),
        tell_or_problem(read_balance(setup, transport=transport())),
    )
    account = Account(setup.endpoint.base, clock(), models, balance, problem, balance_problem)
    workspace.accounts[setup.profile.name] = account
    return account


async def list_for_key(
    workspace: Workspace, profile: Profile, key: Key | None
) -> tuple[ListedModel, ...]:
    """The models that the profile's host lists for `key`; the profile need not be saved anywhere.

    Raises:
        NotReady: no call is allowed here, or the profile is not complete.
        CallFailed: it did not tell.
        LlmProblem: a proxy variable or AMX_CA_BUNDLE cannot be used.
    """
    from amx_tui.llm.services import list_models

    workspace.refuse_offline("The host was not asked")
    setup = await asyncio.to_thread(make_setup, workspace, profile, key)
    transport = workspace.transport() if workspace.transport is not None else None
    return await list_models(setup, transport=transport)


def changes_model(account: Account, setup: Setup) -> bool:
    """Whether the host told something of the setup's model that the plan was made without."""
    from amx_tui.llm.services import model_from_listing

    row = account.listed(setup.model.id)
    if row is None:
        return False
    told = model_from_listing(row, setup.endpoint.provider)
    return replace(told, rates=None) != replace(setup.model, rates=None) or (
        setup.model.rates is None and told.rates is not None
    )


def missing_words(account: Account, model: Model) -> str:
    """That the account's key does not list `model`, and what it lists that is nearest to it."""
    import difflib

    ids = [row.id for row in account.models or ()]
    near = difflib.get_close_matches(model.id, ids, n=_NAMED, cutoff=0.3) or ids[:_NAMED]
    if model.successor in ids:
        near = [model.successor, *(id for id in near if id != model.successor)][:_NAMED]
    more = f" and {len(ids) - len(near)} more" if len(ids) > len(near) else ""
    retired = f" (retired {model.retired}; {model.successor} follows it)" if model.retired else ""
    return f"this key does not list {model.id}{retired}; it lists {', '.join(near)}{more}"


async def tell_or_problem(
    question: Coroutine[Any, Any, _Told],
) -> tuple[_Told | None, Problem | None]:
    """What was asked, or why it was not told.

    Raises:
        LlmProblem: the way out itself cannot be used.
    """
    from amx_tui.llm.model import CallFailed

    try:
        return await question, None
    except CallFailed as failed:
        return None, failed
