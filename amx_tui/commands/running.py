"""The run of the open database: started, gone on with, watched, and stopped."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.listeners import Listener
from amx_tui.commands.marking import Marks
from amx_tui.commands.model import Draft, NotReady, RunLeft, TranscriptsFailed
from amx_tui.commands.reviewing import Review
from amx_tui.commands.texts import BatchTexts, request_text
from amx_tui.commands.unfinished import UnfinishedRuns
from amx_tui.commands.workspace import Workspace

if TYPE_CHECKING:  # a schema is on the screen before anything of runs is imported
    from amx_tui.drafting.board import Board
    from amx_tui.drafting.engine import Run
    from amx_tui.drafting.model import RunEvent
    from amx_tui.llm.client import Client
    from amx_tui.review.recorder import StoreRecorder


class Runner:
    """One run at a time: the one that is going, else the one that went last. `label` is what the
    transcripts call the database."""

    def __init__(
        self,
        workspace: Workspace,
        label: str,
        review: Review,
        marks: Marks,
        unfinished: UnfinishedRuns,
        tell: Listener,
    ) -> None:
        self._workspace = workspace
        self._label = label
        self._review = review
        self._marks = marks
        self._unfinished = unfinished
        self._tell = tell
        self.board: Board | None = None
        self.run: Run | None = None
        self.is_rest = False  # of a run that began earlier
        self.draft: Draft | None = None  # what the run was made from
        self.texts: dict[int, BatchTexts] = {}  # what the model said, by batch
        self._task: asyncio.Task[None] | None = None
        self._has_begun = asyncio.Event()  # nothing is on its way to be started
        self._has_begun.set()
        self._stop_is_wanted = False  # by somebody who did so before the run began
        self._client: Client | None = None
        self._refused: dict[tuple[str, str], set[str]] = {}  # parameters, by base and model
        self._limits: dict[tuple[str, str], dict[str, int]] = {}  # tokens, by base and model
        self._first_silence = 0.0  # the longest one, in seconds, when the run began
        self._longer: Counter[int] = Counter()  # how often each batch was given twice as long

    @property
    def is_running(self) -> bool:
        return self.is_starting or (self._task is not None and not self._task.done())

    @property
    def is_starting(self) -> bool:
        """A run is wanted and nothing of it was sent yet."""
        return not self._has_begun.is_set()

    @property
    def spent_usd(self) -> float | None:
        """What the run cost so far: as reported, and estimated for what is still streaming. None
        where no rate is known."""
        if self.board is None or self.draft is None or self.draft.rates is None:
            return self.board.usd if self.board is not None else None
        streaming = self.board.tokens - self.board.usage.total
        return (self.board.usd or 0.0) + streaming * self.draft.rates.output / 1e6

    async def start(self, draft: Draft, *, run: int | None = None) -> None:
        """Sends a draft; `run` names one that goes on. Returns when it is under way.

        Raises:
            LlmProblem: the way out of this machine is set up wrongly (a proxy, certificates).
            NotReady: no call is allowed; a run is going; it was stopped before it began.
        """
        with self._starting():
            await self._begin(draft, run)

    @contextlib.contextmanager
    def _starting(self) -> Iterator[None]:
        """Whoever starts is alone from here to the first request."""
        if self.is_running:
            raise NotReady(
                "A run is going already",
                "One run is drafted at a time",
                "Press D to watch it; x there stops it",
            )
        self._stop_is_wanted = False
        self._has_begun.clear()
        try:
            yield
        finally:
            self._has_begun.set()

    async def _begin(self, draft: Draft, run: int | None) -> None:
        self._workspace.refuse_offline("Nothing was sent")
        if draft.plan.cap_usd is not None and draft.rates is None:
            raise NotReady(
                "No price is known, so a cap cannot hold",
                f"Nothing tells what {draft.plan.model} costs; nothing was sent",
                "Press c and clear the cap, or P and enter what a million tokens cost",
            )
        # What a run imports would hold up the keys.
        client = await asyncio.to_thread(self._make_client, draft)
        if self._stop_is_wanted:
            await client.aclose()
            raise NotReady("The run was stopped before it began", "Nothing was sent", "")
        already_usd = 0.0
        if run is not None:
            try:
                draft = await self._claim(run, draft)
                leg = await asyncio.to_thread(self._workspace.store.last_leg, run)
                already_usd = leg.spent_usd if leg is not None else 0.0
            except BaseException:
                await client.aclose()
                self._workspace.store.let_go(run)
                raise
        self._drive(draft, client, run, already_usd)

    async def _claim(self, run: int, draft: Draft) -> Draft:
        """The draft of a run that goes on, without what another process drafted since it was made."""
        from amx_tui.drafting.plan import remaining_plan

        missing = await asyncio.to_thread(self._workspace.store.claim, run)
        plan = remaining_plan(draft.plan, missing)
        if not plan.batches:
            await self._review.read_rows()
            raise NotReady(
                f"Nothing of run {run} is missing any more",
                "Another amx-tui drafted the rest; nothing was sent",
                "Press R to review it",
            )
        return replace(draft, plan=plan)

    def _make_client(self, draft: Draft) -> Client:
        import amx_tui.drafting.board
        import amx_tui.drafting.engine
        import amx_tui.review.recorder  # noqa: F401
        from amx_tui.llm.client import Client

        make = self._workspace.transport
        model = (draft.setup.endpoint.base, draft.setup.model.id)
        return Client(
            draft.setup,
            concurrency=draft.concurrency,
            refused=self._refused.setdefault(model, set()),
            limits=self._limits.setdefault(model, {}),
            transport=make() if make is not None else None,
        )

    def _drive(
        self, draft: Draft, client: Client, run: int | None, already_usd: float = 0.0
    ) -> None:
        from amx_tui.drafting.board import Board
        from amx_tui.drafting.engine import Run
        from amx_tui.review.recorder import StoreRecorder

        recorder = StoreRecorder(
            self._workspace.store,
            self._workspace.folders.transcripts,
            self._label,
            continues=run,
        )
        self.draft = draft
        self.is_rest = run is not None
        self._client = client
        self._first_silence = draft.setup.settings.timeout_seconds
        self._longer.clear()
        self.texts = {batch.number: BatchTexts() for batch in draft.plan.batches}
        self.board = Board()
        self.run = Run(draft.plan, client, recorder, draft.rates, already_usd=already_usd)
        self._marks.targets -= {target for batch in draft.plan.batches for target in batch.targets}
        if self._stop_is_wanted:  # while it was claimed: it ends as it begins, and sends nothing
            self.run.stop()
        following = self._follow(self.run, self.board, recorder, client)
        self._task = asyncio.create_task(following, name="run")
        # Whoever drew the run's end may have drawn it as one that is still going.
        self._task.add_done_callback(lambda _: self._tell(RunLeft()))

    async def _follow(
        self, run: Run, board: Board, recorder: StoreRecorder, client: Client
    ) -> None:
        """Tells of every event of the run, which is in the store already, until nothing of it is left."""
        from amx_tui.drafting.model import RunEnded, RunState

        is_kept = True
        try:
            async with contextlib.aclosing(run.events()) as events:
                async for event in events:
                    board.apply(event)
                    if is_kept and (problem := recorder.transcript_problem) is not None:
                        is_kept = False
                        self._tell(TranscriptsFailed(problem))
                    self._keep(event, board.run, run.plan.model)
                    self._tell(event)
        except Exception as error:
            ended = RunEnded(RunState.FAILED, time.time(), problem=_fault_in_run(error))
            if board.run:
                # What cannot be recorded now is offered as interrupted at the next start.
                with contextlib.suppress(Exception):
                    await recorder.record(board.run, ended)
            board.apply(ended)
            self._tell(ended)
        finally:
            await recorder.aclose()
            await client.aclose()

    def _keep(self, event: RunEvent, run: int, model: str) -> None:
        """What is shown of an event longer than it is told of, beside the board."""
        from amx_tui.drafting.model import (
            AnswerDelta,
            BatchPhase,
            ReasoningDelta,
            SuggestionDrafted,
        )
        from amx_tui.llm.model import Phase

        match event:
            case SuggestionDrafted():
                self._review.add_draft(run, model, event)
            case BatchPhase(batch=batch, phase=Phase.CONNECTING, attempt=attempt):
                self.texts[batch].begin(attempt)
            case ReasoningDelta(batch=batch, text=text):
                self.texts[batch].reasoning.add(text)
            case AnswerDelta(batch=batch, text=text):
                self.texts[batch].answer.add(text)

    def request_text(self, batch: int) -> str:
        """What was or will be sent for a batch, word for word, without the key; empty where it is none
        of this run's."""
        if self.draft is None:
            return ""
        setup = self.draft.setup
        refused = self._refused.get((setup.endpoint.base, setup.model.id), ())
        found = next((one for one in self.draft.plan.batches if one.number == batch), None)
        return "" if found is None else request_text(self.draft, found, refused)

    @property
    def other_base(self) -> str | None:
        """The provider's other host, where the key that ended the run may belong; None elsewhere."""
        if self.board is None or self.is_running or self.board.failure is None:
            return None
        return self.board.failure.other_base

    async def retry(self, *, at_other_host: bool = False) -> bool:
        """Asks again for what the last run lacks, with the same words; False where nothing is
        missing. The run goes on under its own number, with
        `at_other_host` from now on at `other_base`: the key goes there too, so that a person has to
        have said so.

        Raises:
            LlmProblem, NotReady: see `start`.
        """
        if self.draft is None or self.board is None:
            return False
        draft, board, base = self.draft, self.board, self.other_base
        with self._starting():
            from amx_tui.drafting.plan import remaining_plan

            if not board.run:  # it could not be begun, such as on a full disk
                await self._begin(draft, None)
                return True
            missing = await self._unfinished.missing_of(board.run)
            plan = remaining_plan(draft.plan, missing)
            if not plan.batches:
                return False
            setup = draft.setup
            if at_other_host and base is not None:
                setup = replace(setup, endpoint=replace(setup.endpoint, base=base))
            await self._begin(replace(draft, plan=plan, setup=setup), board.run)
        return True

    def longer_silence(self, batches: Iterable[int]) -> float:
        """Twice the silence at which these batches were given up, in seconds."""
        times = max((self._longer[number] for number in batches), default=0) + 1
        present = self.draft.setup.settings.timeout_seconds if self.draft is not None else 0.0
        return max((self._first_silence or present) * 2.0**times, present)

    def allow_longer_silence(self, batches: Iterable[int]) -> float:
        """Lets the run be silent for that long from its next request on; the seconds."""
        assert self.draft is not None
        numbers = tuple(batches)
        seconds = self.longer_silence(numbers)
        self._longer.update(numbers)
        setup = self.draft.setup
        settings = replace(setup.settings, timeout_seconds=seconds)
        self.draft = replace(self.draft, setup=replace(setup, settings=settings))
        if self._client is not None:
            self._client.setup = replace(self._client.setup, settings=settings)
        return seconds

    async def stop(self) -> None:
        """Stops the run, also one that is only about to begin, and waits until nothing of it is left;
        what arrived is kept."""
        self._stop_is_wanted = True
        await self._has_begun.wait()
        if self.run is not None and self._task is not None and not self._task.done():
            self.run.stop()
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Ends the run; what it lacks is offered at the next start."""
        was_running = self.is_running
        await self.stop()
        if was_running and self.board is not None and self.board.run:
            with contextlib.suppress(Problem):  # D offers it all the same
                await asyncio.to_thread(self._workspace.store.leave_open, self.board.run)
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.exception()  # it was shown as the run's end; not again at exit

    def learned(self) -> tuple[str, ...]:
        """What the answers since the start taught of the host's limits, in words."""
        words = []
        if self._client is not None:
            limiter = self._client.limiter
            less = " after it refused more" if limiter.slots < limiter.most else ""
            words.append(f"{limiter.slots} of {limiter.most} requests side by side{less}")
        for (_, model), names in self._refused.items():
            if names:
                words.append(f"{one_line(model, 60)} is asked without {', '.join(sorted(names))}")
        return tuple(words)


def _fault_in_run(error: Exception) -> Problem:
    """A fault of this program, in words; a problem says itself."""
    if isinstance(error, Problem):
        return error
    said = one_line(str(error), 200)
    return Problem(
        "The run ended by a fault of amx-tui",
        f"{type(error).__name__}: {said}" if said else type(error).__name__,
        "Press t to draft what is missing; what arrived is kept",
    )
