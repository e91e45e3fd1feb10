"""What goes wrong while drafting, as a person sees it, at both sizes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from textual.pilot import Pilot

from amx_tui.commands.model import Account, Draft
from amx_tui.commands.texts import BatchTexts
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Key
from amx_tui.drafting.board import Board
from amx_tui.drafting.model import (
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    ParameterDropped,
    RunEnded,
    RunEvent,
    RunStarted,
    RunState,
    SuggestionDrafted,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.llm.body import pinned_parameters
from amx_tui.llm.failures import classify, describe
from amx_tui.llm.model import Balance, FailureKind, ListedModel, Phase, Usage
from amx_tui.llm.models import find_model
from amx_tui.screens.draft import DraftScreen
from tests.snapshot.conftest import START, Act, draft_of, session_of, suggestion_of, until
from tests.snapshot.test_screens import Compare, Remaining, both_sizes, go, picture


class Waiting(Remaining):
    phase = Phase.WAITING


def draft_with_key(workspace: Workspace) -> Draft:
    """Two batches, with a key as a person has it."""
    draft = draft_of(workspace, ["BKPF", "T052"])
    key = Key("sk-0123456789abcdefWXYZ", "the keyring")
    setup = replace(draft.setup, endpoint=replace(draft.setup.endpoint, key=key))
    return replace(draft, setup=setup)


def standing(draft: Draft, events: Iterable[RunEvent], *, countdown: object = None) -> Act:
    """Drafting, after these events of a run."""

    async def act(pilot: Pilot[None]) -> None:
        session = session_of(pilot)
        session.runner.draft, session.runner.board = draft, Board()
        session.board.apply(RunStarted(7, draft.plan, START))
        for batch in draft.plan.batches:
            session.board.apply(BatchStarted(batch.number, START))
        for event in events:
            session.board.apply(event)
        session.runner.texts = {batch.number: BatchTexts() for batch in draft.plan.batches}
        if countdown is not None:
            run = type("Standing", (), {"countdown": lambda self, batch: countdown})()
            session.runner.run = run
        await go(pilot, "D", "DraftingScreen")

    return act


Size = tuple[int, int]


@both_sizes
def test_a_rate_limit_is_waited_out_in_words(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    limited = classify(
        429,
        "rate_limit_reached_error",
        "request reached max organization concurrency: 1, please try again after 12 seconds",
        {},
        draft.setup,
    )
    events = [
        WaitingToRetry(1, 12.0, limited, START + 38),
        BatchPhase(2, Phase.WAITING, 1, START + 30),
    ]

    async def act(pilot: Pilot[None]) -> None:
        await standing(draft, events, countdown=Waiting())(pilot)
        await pilot.press("enter")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_a_raised_budget_is_told(snap_compare: Compare, workspace: Workspace, size: Size) -> None:
    draft = draft_with_key(workspace)
    events = [
        UsageReported(1, Usage(900, 0, 32_768, 32_768), 0.08),
        BudgetRaised(1, 32_768, 131_072, START + 40),
        BatchPhase(1, Phase.WAITING, 2, START + 40),
    ]
    picture(snap_compare, workspace, size, standing(draft, events, countdown=Waiting()))


@both_sizes
def test_a_dropped_parameter_is_told(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    settings = replace(draft.setup.settings, reasoning_effort="medium")
    pinning = replace(draft.setup, model=find_model("kimi", "kimi-k3"), settings=settings)
    said = "Kimi (Moonshot) said: unknown field reasoning"
    events: list[RunEvent] = [
        *(
            ParameterDropped(1, drop.name, drop.reason, START + 1, drop.instead)
            for drop in pinned_parameters(pinning)
        ),
        ParameterDropped(2, "reasoning", said, START + 2),
        BatchPhase(1, Phase.THINKING, 1, START + 9),
    ]
    picture(snap_compare, workspace, size, standing(draft, events, countdown=Remaining()))


@both_sizes
def test_a_refused_key_is_offered_to_the_other_host(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    refused = classify(
        401, "invalid_authentication_error", "Invalid Authentication", {}, draft.setup
    )
    targets = draft.plan.batches[0].targets
    events = [
        BatchFailed(1, refused, targets, START + 2),
        RunEnded(RunState.FAILED, START + 2, refused),
    ]
    picture(snap_compare, workspace, size, standing(draft, events))


@both_sizes
def test_the_other_host_gets_the_key_only_after_a_yes(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    refused = classify(
        401, "invalid_authentication_error", "Invalid Authentication", {}, draft.setup
    )

    async def act(pilot: Pilot[None]) -> None:
        await standing(draft, [RunEnded(RunState.FAILED, START + 2, refused)])(pilot)
        await go(pilot, "o", "Question")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_a_retired_model_names_what_follows(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    gone = classify(
        404,
        "resource_not_found_error",
        "Not found the model kimi-k2-thinking or Permission denied",
        {},
        draft.setup,
    )
    targets = draft.plan.batches[0].targets
    events = [
        BatchFailed(1, gone, targets, START + 2),
        RunEnded(RunState.FAILED, START + 2, gone),
    ]
    picture(snap_compare, workspace, size, standing(draft, events))


@both_sizes
def test_a_silence_offers_a_longer_one(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    draft = draft_with_key(workspace)
    silent = describe(
        FailureKind.SILENCE, draft.setup, seconds="180", phase="thinking", is_first="yes"
    )
    first, *others = draft.plan.batches
    events: list[RunEvent] = [BatchFailed(first.number, silent, first.targets, START + 30)]
    for batch in others:
        events += [
            SuggestionDrafted(batch.number, suggestion_of(target), START + 20)
            for target in batch.targets
        ]
        events.append(BatchFinished(batch.number, (), 0, START + 22))
    events.append(RunEnded(RunState.FINISHED, START + 40))

    picture(snap_compare, workspace, size, standing(draft, events))


@both_sizes
def test_draft_says_that_a_key_lacks_the_model(
    snap_compare: Compare, workspace: Workspace, size: Size
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("m", "d")
        await until(pilot, lambda: bool(workspace.accounts))
        base = workspace.accounts["kimi-thinking"].base
        listed = tuple(map(ListedModel, ("kimi-k2.6", "kimi-k2.7-code", "kimi-k3")))
        workspace.accounts["kimi-thinking"] = Account(base, START, listed, Balance(-1.2, "¥"))
        screen = pilot.app.screen
        assert isinstance(screen, DraftScreen)
        await until(pilot, lambda: "word for word" in str(screen.query_one("#sent").border_title))
        screen.show_now()

    picture(snap_compare, workspace, size, act)
