"""`amx-tui draft`: says what would be sent, to whom and at which cost, asks, and drafts; progress comes as
plain lines."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import signal
from collections.abc import Callable, Iterator, Sequence

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.commands.documents import standing_words
from amx_tui.commands.drafting import prepare_draft, size_words, waiting_words
from amx_tui.commands.model import PRIVACY_WORDS, Draft, NotReady, SessionEvent, TranscriptsFailed
from amx_tui.commands.recent import remember
from amx_tui.commands.session import Session
from amx_tui.commands.setup import profile_of
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import RunEnded, RunState, SuggestionDrafted
from amx_tui.review.store import Store
from amx_tui.shell.opening import open_workspace
from amx_tui.shell.plain import (
    DONE,
    FAILED,
    add_targets,
    find_targets,
    is_yes,
    make_parser,
    next_command,
    path_of,
    print_json,
    run_told,
    say,
    target_json,
    tell_of_store,
)
from amx_tui.shell.rows import confidence_words, row_json
from amx_tui.widgets.words import duration, money, number


def run(words: Sequence[str]) -> int:
    parser = make_parser(
        "draft",
        "Lets the model draft descriptions of what lacks one. Nothing is sent before a yes; ctrl+c stops\n"
        "the run and keeps what came.",
        otherwise="with --resume, where the newest interrupted run is",
    )
    add_targets(parser, "draft only these: TABLE, TABLE.COLUMN (default: whatever is undescribed)")
    parser.add_argument("--again", action="store_true", help="also what is described already")
    parser.add_argument(
        "--low", action="store_true", help="only what was drafted before and came out low"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run that was interrupted or stopped, with what it lacks and as it was sent;"
        " without DATABASE, with the interrupted one that is newest of all",
    )
    parser.add_argument(
        "--hint",
        metavar="WORDS",
        help="draft these TARGETs again, with this hint and the earlier readings; decisions stay",
    )
    parser.add_argument("--profile", metavar="NAME", help="use this LLM profile")
    parser.add_argument(
        "--privacy",
        choices=[level.value for level in Privacy],
        help="how much of the rows the model may see (default: as in tui.yml)",
    )
    parser.add_argument(
        "--cap", type=_cap, metavar="USD", help="stop before it would cost more than this"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be sent; send nothing"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    options = parser.parse_args(words)
    if options.json and not (options.yes or options.dry_run):
        parser.error("--json asks nothing: add --yes or --dry-run")
    if not (options.database or options.resume):
        parser.error("name a DATABASE, or --resume the run that was interrupted")
    if options.hint and not options.targets:
        parser.error("--hint is about some TARGETs: name them")
    if options.resume and (options.targets or options.again or options.low):
        parser.error("--resume goes on with what the run lacks, nothing else")
    return run_told(lambda: _draft(options))


def _cap(words: str) -> float:
    try:
        value = float(words)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"“{one_line(words, 40)}” is no amount, such as 0.50")
    return value


def _draft(options: argparse.Namespace) -> int:
    try:
        workspace = open_workspace(
            options.database,
            profile=options.profile,
            offline=options.offline,
            resume=options.resume,
        )
    except Problem as problem:
        raise _cannot_start(problem) from problem
    if workspace.transport is None and workspace.connector is not None:  # no demo
        remember(workspace.folders, workspace.connector)
    session = Session(workspace)
    # One loop, with the question between its two parts: inside of it ctrl+c would wait for the answer.
    with asyncio.Runner() as runner:
        try:
            draft, run = runner.run(_prepare(options, session))
            if run is not None:
                say(f"the rest of run {run}", quietly=options.json)
            for line in _facts(draft, session):
                say(line, quietly=options.json)
            if options.dry_run:
                _show_requests(workspace.store, draft, is_json=options.json)
                return DONE
            workspace.refuse_offline("Nothing was sent")
            if not options.yes and not is_yes("Send it?"):
                say("Nothing was sent.")
                return DONE
            return runner.run(_send(options, session, draft, run))
        finally:
            runner.run(session.close())
            workspace.store.close()


def _cannot_start(problem: Problem) -> NotReady:
    return NotReady(problem.what, problem.why, problem.remedy)


async def _prepare(options: argparse.Namespace, session: Session) -> tuple[Draft, int | None]:
    """What would be sent, and the run that goes on with it, if one does."""
    try:
        await session.read_catalog()
        await asyncio.to_thread(tell_of_store, session.workspace.store)
    except Problem as problem:
        raise _cannot_start(problem) from problem
    if session.opened.problem is not None:
        raise _cannot_start(session.opened.problem)
    profile, cap_usd, hint = options.profile, options.cap, ""
    earlier: dict[Target, tuple[str, ...]] | None = None
    run: int | None = None
    if options.resume:
        run, targets = await _find_rest(session)
        leg = await session.unfinished.keep_to(run)
        if leg is not None:
            profile = await asyncio.to_thread(profile_of, session.workspace, leg)
            cap_usd, hint = options.cap or leg.cap_usd, leg.hint
            earlier = session.review.readings_of(targets) if leg.is_again else None
    else:
        targets = _chosen(options, session)
        hint = options.hint or ""
        earlier = session.review.readings_of(targets) if hint else None
    _set_privacy(options, session)
    if session.evidence.privacy is not Privacy.METADATA:
        # Nobody watches who could make the draft again.
        await asyncio.to_thread(session.workspace.library.wait)
    draft = await asyncio.to_thread(
        prepare_draft,
        session.workspace,
        session.catalog,
        targets,
        privacy=session.evidence.privacy,
        read_evidence=session.evidence.read,
        cap_usd=cap_usd,
        profile=profile,
        hint=hint,
        earlier=earlier,
    )
    return draft, run


async def _find_rest(session: Session) -> tuple[int, set[Target]]:
    """The run to go on with and what it lacks."""
    found = await session.unfinished.find_interrupted() or await session.unfinished.find_newest()
    if found is None:
        raise NotReady(
            "There is no run to go on with",
            "Whatever was begun here has brought what it was asked for",
            "Leave --resume out to draft what is undescribed",
        )
    run, missing = found
    return run.id, set(missing)


def _set_privacy(options: argparse.Namespace, session: Session) -> None:
    if options.privacy and not session.workspace.metadata_only:
        session.evidence.privacy = Privacy(options.privacy)
    elif options.privacy and options.privacy != Privacy.METADATA.value:
        raise NotReady(
            "No row of this connection may be read",
            "Its connection has profiling_mode: metadata",
            "Leave --privacy out",
        )


def _chosen(options: argparse.Namespace, session: Session) -> set[Target]:
    targets: set[Target] = session.marks.undescribed()
    if options.low:
        targets = session.marks.came_out_low()
        if options.targets:
            targets &= set(find_targets(session.catalog, options.targets))
    elif options.targets:
        named = set(find_targets(session.catalog, options.targets))
        targets = named if options.again or options.hint else named & targets
    elif options.again:
        tables = session.catalog.tables
        targets = {t.column_target(c) for t in tables for c in t.columns}
        targets |= {table.target for table in tables}
    if not targets:
        raise NotReady(
            "There is nothing to draft",
            "What you asked for is described or decided already",
            "Add --again to draft it all the same",
        )
    return targets


def _facts(draft: Draft, session: Session) -> Iterator[str]:
    plan, setup = draft.plan, draft.setup
    estimate, endpoint = plan.estimate, setup.endpoint
    effort = f", effort {plan.effort}" if plan.effort else ""
    source = f"from {draft.rates.source}" if draft.rates else "no price is known"
    cap = f", stops before {money(plan.cap_usd)}" if plan.cap_usd is not None else ", no cap"
    if plan.is_again:
        again = "the readings so far go along"
    else:
        again = waiting_words(session.review.waiting(t for b in plan.batches for t in b.targets))
    yield f"what: {plan.scope}{f', {again}' if again else ''}"
    if plan.hint:
        yield f"hint: {one_line(plan.hint)}"
    yield f"to: {one_line(plan.profile)}, {one_line(plan.model)}{effort}"
    yield f"at: {one_line(endpoint.base)}, key: {endpoint.key.source if endpoint.key else 'none'}"
    yield f"privacy: {plan.privacy.value}: {PRIVACY_WORDS[plan.privacy]}"
    if draft.wording:
        yield f"texts: {draft.wording}"
    for said, more in standing_words(session.workspace.library.standing, plan):
        yield f"documents and code: {said}{more}"
    size, smaller = size_words(draft)
    yield f"size: {size}{smaller}"
    yield f"cost: about {money(estimate.usd)}, {one_line(source)}{cap}"
    yield f"time: about {duration(draft.seconds)}"


def _show_requests(store: Store, draft: Draft, *, is_json: bool) -> None:
    plan = draft.plan
    if is_json:
        print_json(
            store,
            {
                "scope": plan.scope,
                "profile": plan.profile,
                "model": plan.model,
                "base": draft.setup.endpoint.base,
                "privacy": plan.privacy.value,
                "input_tokens": plan.estimate.input_tokens,
                "output_tokens": plan.estimate.output_tokens,
                "usd": plan.estimate.usd,
                "requests": [
                    {
                        "request": batch.number,
                        "targets": [target_json(target) for target in batch.targets],
                        "messages": [
                            {"role": m.role, "content": m.content} for m in batch.messages
                        ],
                    }
                    for batch in plan.batches
                ],
            },
        )
        return
    for batch in plan.batches:
        say(
            f"\nrequest {batch.number} of {len(plan.batches)}, {plan.title_of(batch)}, word for word:"
        )
        for message in batch.messages:
            say(f"\n[{message.role}]\n{message.content}")
    say("\nNothing was sent.")


async def _send(
    options: argparse.Namespace, session: Session, draft: Draft, run: int | None
) -> int:
    ended = asyncio.Event()
    told = 0

    def hear(event: SessionEvent) -> None:
        nonlocal told
        board = session.board
        if board is None:
            return
        if isinstance(event, SuggestionDrafted):
            best = event.suggestion.alternatives[:1]
            words = "".join(f"{confidence_words(b.confidence)}: {one_line(b.text)}" for b in best)
            count = f"{board.drafted} of {board.targets}"
            say(f"{count}, {path_of(event.suggestion.target)}: {words}", quietly=options.json)
        for line in board.log[told:]:
            say(one_line(line.text), quietly=options.json)
        told = len(board.log)
        if isinstance(event, TranscriptsFailed):
            say(str(event.problem), quietly=True)
        if isinstance(event, RunEnded):
            ended.set()

    unsubscribe = session.subscribe(hear)
    stopping: set[asyncio.Task[None]] = set()

    def stop() -> None:
        say("\nStopping; what came is kept.", quietly=True)
        stopping.add(asyncio.get_running_loop().create_task(session.runner.stop()))

    try:
        with _at_interrupt(stop):
            await session.runner.start(draft, run=run)
            await ended.wait()
            await session.runner.stop()  # waits until nothing of it is left
    finally:
        unsubscribe()
    return _conclude(options, session)


@contextlib.contextmanager
def _at_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """ctrl+c stops the run as the person wants it, instead of breaking it off."""
    loop = asyncio.get_running_loop()
    caught = []
    for number_ in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows breaks it off; what came is kept
            loop.add_signal_handler(number_, stop)
            caught.append(number_)
    try:
        yield
    finally:
        for number_ in caught:
            loop.remove_signal_handler(number_)


def _conclude(options: argparse.Namespace, session: Session) -> int:
    board, draft = session.runner.board, session.runner.draft
    assert board is not None and draft is not None
    asked = [target for batch in draft.plan.batches for target in batch.targets]
    came = [t for t in asked if t in session.rows and session.rows[t].run == board.run]
    is_whole = board.state is RunState.FINISHED and board.drafted == len(asked)
    if options.json:
        print_json(
            session.workspace.store,
            {
                "run": board.run,
                "state": board.state.value if board.state else None,
                "targets": len(asked),
                "drafted": board.drafted,
                "tokens": board.tokens,
                "usd": session.runner.spent_usd,
                "problem": board.what or None,
                "suggestions": [row_json(session.rows[t], session.catalog) for t in came],
                "missing": [target_json(t) for t in asked if t not in set(came)],
            },
        )
        return DONE if is_whole else FAILED
    for words in (board.why, board.remedy):
        if words:
            say(words)
    say(
        f"{board.drafted} of {len(asked)} drafted; {number(board.tokens)} tokens;"
        f" {money(session.runner.spent_usd)}"
    )
    if board.drafted:
        say(f"Review them: {next_command('review', options.database)}")
    if board.drafted < board.targets:
        say(f"Go on with the rest: {next_command('draft --resume', options.database)}")
    return DONE if is_whole else FAILED
