"""One open database and everything that a person does with it: catalog, marks, drafts, decisions.

It knows no screen. Whoever wants to see what happens subscribes; what they hear of is already in the
store. Blocking work goes to threads; everything else runs on the event loop that calls it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from amx_tui.base.building import building, give_back
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.index import CatalogIndex
from amx_tui.catalog.model import (
    Catalog,
    CatalogProblem,
    Connector,
    Table,
    TableEvidence,
    Target,
)
from amx_tui.catalog.serial import SerialConnector
from amx_tui.commands.model import (
    CatalogFailed,
    CatalogRead,
    DocumentsRead,
    Draft,
    EvidenceRead,
    NotReady,
    RowsChanged,
    RunLeft,
    SessionEvent,
    TranscriptsFailed,
)
from amx_tui.commands.reading import CatalogReader, Reading
from amx_tui.commands.texts import BatchTexts, request_text
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Privacy

if TYPE_CHECKING:  # a schema is on the screen before anything of runs and decisions is imported
    from amx_tui.drafting.board import Board
    from amx_tui.drafting.engine import Run
    from amx_tui.drafting.model import SuggestionDrafted
    from amx_tui.evidence.model import Standing
    from amx_tui.llm.client import Client
    from amx_tui.review.model import Leg, NewDecision, ReviewRow, RunRecord, Sent, Verdict

Listener = Callable[[SessionEvent], None]

# How often the store is asked whether another process changed it: a question of microseconds.
STORE_SECONDS = 0.4
# Rows from which on the store is asked for all that it has.
_MANY = 2_000
# Columns from which on reading a catalog takes memory that is worth giving back.
_LARGE = 20_000


class Session:
    """Everything on the screen comes from here, and every order goes here."""

    def __init__(self, workspace: Workspace) -> None:
        assert workspace.connector is not None
        self.workspace = workspace
        # Evidence, catalog and writes come from threads of their own.
        self.connector: Connector = SerialConnector(workspace.connector)
        self._reader = CatalogReader(self.connector, workspace.folders.catalogs)
        self.catalog = Catalog(())
        self.index = CatalogIndex(self.catalog)
        self.is_whole = False  # columns, keys and comments are there, not only the tables
        self.kept_at: float | None = None  # what is shown was kept then; None: it was read just now
        self.shows_hidden = False  # system schemas and partitions as well
        self.problem: Problem | None = None  # why the catalog could not be read
        self.marked: set[Target] = set()
        self.rows: dict[Target, ReviewRow] = {}
        self.privacy = workspace.preferences.privacy
        if workspace.metadata_only:
            self.privacy = Privacy.METADATA
        self.board: Board | None = None
        self.run: Run | None = None
        self.is_rest = False  # of a run that began earlier
        self.draft: Draft | None = None  # what the run was made from
        self.texts: dict[int, BatchTexts] = {}  # what the model said, by batch
        self._evidence: dict[tuple[Target, Privacy], TableEvidence] = {}
        self._unread: dict[Target, CatalogProblem] = {}  # tables whose rows could not be read
        self._sent: dict[tuple[int, Target], Sent | None] = {}  # by run and target
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self._has_begun = asyncio.Event()  # nothing is on its way to be started
        self._has_begun.set()
        self._stop_is_wanted = False  # by somebody who did so before the run began
        self._client: Client | None = None
        self._refused: dict[tuple[str, str], set[str]] = {}  # parameters, by base and model
        self._limits: dict[tuple[str, str], dict[str, int]] = {}  # tokens, by base and model
        self._first_silence = 0.0  # the longest one, in seconds, when the run began
        self._longer: Counter[int] = Counter()  # how often each batch was given twice as long
        self._reading = asyncio.Lock()
        self._store_version = 0  # at which the rows were read

    # Who listens. --------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener` with every event from now on, until what is returned is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    def _tell(self, event: SessionEvent) -> None:
        """Whoever listens cannot end what is told of: a run goes on when a screen cannot draw it."""
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "A listener of the session failed", "exception": error}
                )

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

    # The catalog. --------------------------------------------------------------------------------

    async def read_catalog(self) -> None:
        """The copy that was kept the last time, or else the tables first; then everything, then what
        was drafted and decided before."""
        async with self._reading:
            hidden = self.shows_hidden
            try:
                if not self.catalog.tables:
                    await self._show_first()
                present = Reading(self.catalog, self.index)
                found = await asyncio.to_thread(self._load, present, hidden)
            except CatalogProblem as problem:
                self.problem = problem
                self._tell(CatalogFailed(problem))
                return
            gone = set[Target]()
            if found.catalog is not present.catalog:
                gone = await asyncio.to_thread(self._find_gone, found.catalog)
            self.problem = None
            self._take(found)
            self.is_whole = True
            self._evidence.clear()
            self._unread.clear()
            self.marked -= gone
        self._tell(CatalogRead(is_whole=True))
        await self.read_rows()
        if not hidden:
            await asyncio.to_thread(self._reader.keep, found.catalog)
        if self.index.total.total > _LARGE:
            await asyncio.to_thread(give_back)
        self.read_documents()

    async def _show_first(self) -> None:
        """What can be shown before the database has told everything."""
        kept = None if self.shows_hidden else await asyncio.to_thread(self._reader.kept)
        if kept is None:
            listed = await asyncio.to_thread(self._reader.list, hidden=self.shows_hidden)
        self._take(kept if kept is not None else listed)
        self.is_whole = kept is not None
        self._tell(CatalogRead(self.is_whole, is_kept=self.is_whole))

    def _take(self, reading: Reading) -> None:
        self.catalog, self.index, self.kept_at = reading.catalog, reading.index, reading.kept_at

    def _load(self, present: Reading, hidden: bool) -> Reading:
        # Asked for, and so imported, in this thread: what is heard next needs it.
        assert self.workspace.store is not None
        return self._reader.load(present, hidden=hidden)

    def _find_gone(self, catalog: Catalog) -> set[Target]:
        """The marks on what is there no more."""
        return {target for target in tuple(self.marked) if not catalog.holds(target)}

    async def fresh_catalog(self) -> Catalog:
        """The catalog as the database itself told it, never the copy that was kept; waits for it.

        Raises:
            CatalogProblem: it cannot be read.
        """
        async with self._reading:
            is_fresh = self.is_whole and self.kept_at is None
        if not is_fresh:
            await self.read_catalog()
            if self.problem is not None:
                raise self.problem
        return self.catalog

    async def show_hidden(self, shown: bool) -> None:
        """Whether system schemas and partitions are part of the catalog; reads it again."""
        self.shows_hidden = shown
        await self.read_catalog()

    async def read_evidence(self, table: Table) -> None:
        """What the rows of a table tell, for looking at; the next time it is there already."""
        if (table.target, self.privacy) in self._evidence or not table.columns:
            return
        try:
            await asyncio.to_thread(self.evidence_for, table, self.privacy)
        except CatalogProblem as problem:
            if table.target in self._unread:  # told already
                return
            self._unread[table.target] = problem
        else:
            self._unread.pop(table.target, None)
        self._tell(EvidenceRead(table.target))

    def read_documents(self) -> None:
        """Begins to read what is new in the documents and code of `config.yml`; who listens hears of it."""
        loop = asyncio.get_running_loop()

        def told(standing: Standing) -> None:
            with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
                loop.call_soon_threadsafe(self._tell, DocumentsRead(standing))

        self.workspace.library.begin(told)

    async def read_sent(self, row: ReviewRow) -> None:
        """What went to the model when `row` was drafted; the next time it is there already."""
        if row.run is None or (row.run, row.target) in self._sent:
            return
        found = await asyncio.to_thread(self.workspace.store.sent, row.run, row.target)
        self._sent[row.run, row.target] = found
        if found is not None:
            self._tell(EvidenceRead(row.target.of_table))

    def sent_at_hand(self, row: ReviewRow) -> Sent | None:
        """Of what was read by `read_sent`."""
        return None if row.run is None else self._sent.get((row.run, row.target))

    def evidence_for(self, table: Table, privacy: Privacy) -> TableEvidence:
        """Blocking, and kept: a draft sends what was looked at."""
        place = (table.target, privacy)
        if place not in self._evidence:
            columns = [column.name for column in table.columns]
            self._evidence[place] = self.connector.evidence(table, columns, privacy)
        return self._evidence[place]

    def evidence_at_hand(self, table: Target) -> TableEvidence:
        """What has been read of a table at the present privacy level; empty where nothing has, with
        why where that is because it failed."""
        found = self._evidence.get((table, self.privacy))
        if found is None and (problem := self._unread.get(table)) is not None:
            return TableEvidence(stopped=f"{problem.what}. {problem.remedy}")
        return found or TableEvidence()

    # Marks. --------------------------------------------------------------------------------------

    def undescribed(self, tables: Iterable[Table] | None = None) -> set[Target]:
        """What lacks a description and has no decision that gives it one."""
        found: set[Target] = set()
        for table in self.catalog.tables if tables is None else tables:
            lacking = [table.column_target(c) for c in table.columns if not c.comment]
            if not table.comment:
                lacking.append(table.target)
            found.update(target for target in lacking if not self._is_settled(target))
        return found

    def lacks(self, table: Table) -> bool:
        """Whether anything of a table would be in `undescribed`."""
        return self.is_lacking(table.target) or any(
            not column.comment and not self._is_settled(table.column_target(column))
            for column in table.columns
        )

    def is_lacking(self, target: Target) -> bool:
        """Whether it would be in `undescribed`."""
        return not self.catalog.comment(target) and not self._is_settled(target)

    def _is_settled(self, target: Target) -> bool:
        row = self.rows.get(target)
        return bool(row and row.decision and row.decision.verdict.keeps_text)

    def came_out_low(self) -> set[Target]:
        """What was drafted with low confidence and has no decision that gives it a text."""
        return {
            target
            for target, row in self.rows.items()
            if row.is_low and not self._is_settled(target) and self.catalog.holds(target)
        }

    def toggle_marks(self, targets: set[Target]) -> None:
        """Marks all of them, or unmarks them where all are marked."""
        if targets <= self.marked:
            self.marked -= targets
        else:  # two large sets beside each other are for where both are needed
            self.marked = self.marked | targets if self.marked else targets

    # A run. --------------------------------------------------------------------------------------

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
        self.workspace.refuse_offline("Nothing was sent")
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
                leg = await asyncio.to_thread(self.workspace.store.last_leg, run)
                already_usd = leg.spent_usd if leg is not None else 0.0
            except BaseException:
                await client.aclose()
                self.workspace.store.let_go(run)
                raise
        self._drive(draft, client, run, already_usd)

    async def _claim(self, run: int, draft: Draft) -> Draft:
        """The draft of a run that goes on, without what another process drafted since it was made."""
        from amx_tui.drafting.plan import remaining_plan

        missing = await asyncio.to_thread(self.workspace.store.claim, run)
        plan = remaining_plan(draft.plan, missing)
        if not plan.batches:
            await self.read_rows()
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

        make = self.workspace.transport
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
        from amx_tui.drafting.model import (
            AnswerDelta,
            BatchPhase,
            ReasoningDelta,
            RunEnded,
            RunStarted,
            RunState,
            SuggestionDrafted,
        )
        from amx_tui.llm.model import Phase
        from amx_tui.review.recorder import StoreRecorder

        recorder = StoreRecorder(
            self.workspace.store,
            self.workspace.folders.transcripts,
            self.connector.label,
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
        self.marked -= {target for batch in draft.plan.batches for target in batch.targets}

        async def drive(run: Run, board: Board) -> None:
            number = 0
            is_kept = True
            try:
                async with contextlib.aclosing(run.events()) as events:
                    async for event in events:
                        board.apply(event)
                        if is_kept and (problem := recorder.transcript_problem) is not None:
                            is_kept = False
                            self._tell(TranscriptsFailed(problem))
                        match event:
                            case RunStarted(run=number):
                                pass
                            case SuggestionDrafted():
                                self._add_row(number, draft.plan.model, event)
                            case BatchPhase(batch=batch, phase=Phase.CONNECTING, attempt=attempt):
                                self.texts[batch].begin(attempt)
                            case ReasoningDelta(batch=batch, text=text):
                                self.texts[batch].reasoning.add(text)
                            case AnswerDelta(batch=batch, text=text):
                                self.texts[batch].answer.add(text)
                        self._tell(event)
            except Exception as error:
                ended = RunEnded(RunState.FAILED, time.time(), problem=_fault_in_run(error))
                if number:
                    # What cannot be recorded now is offered as interrupted at the next start.
                    with contextlib.suppress(Exception):
                        await recorder.record(number, ended)
                board.apply(ended)
                self._tell(ended)
            finally:
                await recorder.aclose()
                await client.aclose()

        if self._stop_is_wanted:  # while it was claimed: it ends as it begins, and sends nothing
            self.run.stop()
        self._task = asyncio.create_task(drive(self.run, self.board), name="run")
        # Whoever drew the run's end may have drawn it as one that is still going.
        self._task.add_done_callback(lambda _: self._tell(RunLeft()))

    def _add_row(self, run: int, model: str, event: SuggestionDrafted) -> None:
        from amx_tui.review.model import ReviewRow

        target = event.suggestion.target
        old = self.rows.get(target)
        row = ReviewRow.of(event.suggestion, run, model, event.at)
        if old is not None:  # what a person decided stays; the new draft stands beside it
            row = replace(row, decision=old.decision, written=old.written)
        self.rows[target] = row
        self._tell(RowsChanged((target,), by_reviewer=False))

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
            missing = await self.missing_of(board.run)
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
        """Ends the run and closes the database; what the run lacks is offered at the next start."""
        was_running = self.is_running
        await self.stop()
        if was_running and self.board is not None and self.board.run:
            with contextlib.suppress(Problem):  # D offers it all the same
                await asyncio.to_thread(self.workspace.store.leave_open, self.board.run)
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.exception()  # it was shown as the run's end; not again at exit
        await asyncio.to_thread(self.workspace.library.stop)
        await asyncio.to_thread(self.connector.close)

    async def find_interrupted(self) -> tuple[RunRecord, tuple[Target, ...]] | None:
        """The newest run of this database that ended with its process, and what it lacks. Those that
        lack nothing are not looked at again."""
        store, database = self.workspace.store, self.connector.identity
        while (run := await asyncio.to_thread(store.interrupted, database)) is not None:
            if missing := await self.missing_of(run.id):
                return run, missing
            await asyncio.to_thread(store.dismiss, run.id)
        return None

    async def keep_to(self, run: int) -> Leg | None:
        """How a run was sent last, so that what goes on with it is sent likewise; from here on no more
        of the rows is shown than the run was allowed. None where there is no such run."""
        leg = await asyncio.to_thread(self.workspace.store.last_leg, run)
        if leg is not None:
            self.privacy = self.privacy.stricter(leg.privacy)
        return leg

    def readings_of(self, targets: Iterable[Target]) -> dict[Target, tuple[str, ...]]:
        """The texts that were drafted so far, of what was drafted already."""
        return {
            target: tuple(one.text for one in self.rows[target].suggestion.alternatives)
            for target in targets
            if target in self.rows
        }

    async def missing_of(self, run: int) -> tuple[Target, ...]:
        """What a run was asked for and did not bring, as far as it is still in the catalog."""
        missing = await asyncio.to_thread(self.workspace.store.missing, run)
        return tuple(target for target in missing if self.catalog.holds(target))

    async def lacking(self, run: int) -> tuple[Target, ...]:
        """What neither a run nor a later one brought."""
        return tuple(
            target
            for target in await self.missing_of(run)
            if (row := self.rows.get(target)) is None or (row.run or 0) < run
        )

    async def find_unfinished(self) -> tuple[RunRecord, tuple[Target, ...]] | None:
        """The newest run of this database that lacks something, however it ended, and what."""
        store = self.workspace.store
        for record in await asyncio.to_thread(store.unfinished, self.connector.identity):
            if missing := await self.lacking(record.id):
                return record, missing
        return None

    # Decisions. ----------------------------------------------------------------------------------

    async def read_rows(self) -> None:
        """Everything that was drafted and decided for this database."""
        store = self.workspace.store

        def read() -> tuple[int, dict[Target, ReviewRow]]:
            version = (
                store.version
            )  # asked first: what is changed while rows are read is read again
            with building():
                return version, {row.target: row for row in store.rows(self.connector.identity)}

        self._store_version, self.rows = await asyncio.to_thread(read)
        self._tell(RowsChanged((), by_reviewer=False))

    async def follow_store(self) -> None:
        """Hears of what other processes draft and decide, within a second; runs until it is
        cancelled."""
        store = self.workspace.store
        while True:
            began = time.monotonic()
            with contextlib.suppress(
                Problem
            ):  # the next decision tells what is wrong with the store
                version = await asyncio.to_thread(lambda: store.version)
                if version != self._store_version:
                    await self._read_changed_rows()
                    self._store_version = version
            # Much to read is not read all the time.
            await asyncio.sleep(max(STORE_SECONDS, 3 * (time.monotonic() - began)))

    async def _read_changed_rows(self) -> None:
        before = dict(self.rows)

        def read() -> dict[Target, ReviewRow | None]:
            with building():
                rows = self.workspace.store.rows(self.connector.identity)
            changed: dict[Target, ReviewRow | None] = {
                row.target: row for row in rows if before.get(row.target) != row
            }
            gone = before.keys() - {row.target for row in rows}
            return changed | dict.fromkeys(gone)

        changed = await asyncio.to_thread(read)
        told = []
        for target, row in changed.items():
            if self.rows.get(target) is not before.get(target):
                continue  # this process was quicker
            told.append(target)
            if row is not None:
                self.rows[target] = row
            else:
                del self.rows[target]
        if told:
            self._tell(RowsChanged(tuple(told), by_reviewer=False))

    async def decide(
        self,
        targets: Sequence[Target],
        verdict: Verdict,
        *,
        text: str | None = None,
        alternative: int | None = None,
        previous: Mapping[Target, str | None] | None = None,
        reason: str | None = None,
        run: int | None = None,
    ) -> None:
        """One decision for one or many; on disk before anybody hears of it. `previous` is what the
        person saw standing there; the catalog, which it defaults to, may be newer than that. `run` is the
        one whose drafts they saw, by default the newest of each.

        Raises:
            StoreProblem: it could not be kept; nothing changed.
        """
        from amx_tui.review.model import NewDecision

        seen = previous or {}
        await self.take(
            [
                NewDecision(
                    target=target,
                    verdict=verdict,
                    text=text,
                    alternative=alternative,
                    previous=seen[target] if target in seen else self.catalog.comment(target),
                    run=run or (self.rows[target].run if target in self.rows else None),
                    reason=reason,
                )
                for target in targets
            ]
        )

    async def take(self, decisions: Sequence[NewDecision]) -> None:
        """Decisions that one undo takes back together; on disk before anybody hears of them.

        Raises:
            StoreProblem: they could not be kept; nothing changed.
        """
        await asyncio.to_thread(self.workspace.store.decide, self.connector.identity, decisions)
        await self._refresh([decision.target for decision in decisions])

    async def undo(self) -> tuple[Target, ...]:
        """Takes back the newest decision and says whose it was."""
        return await self._step(self.workspace.store.undo)

    async def redo(self) -> tuple[Target, ...]:
        return await self._step(self.workspace.store.redo)

    async def _step(self, step: Callable[[str], tuple[Target, ...]]) -> tuple[Target, ...]:
        targets = await asyncio.to_thread(step, self.connector.identity)
        await self._refresh(targets)
        return targets

    async def _refresh(self, targets: Sequence[Target]) -> None:
        store, database = self.workspace.store, self.connector.identity

        def read() -> list[ReviewRow | None]:
            if len(targets) < _MANY:
                return [store.row(database, target) for target in targets]
            with building():  # all of them are read sooner than so many, one by one
                rows = {row.target: row for row in store.rows(database)}
                return [rows.get(target) for target in targets]

        for target, row in zip(targets, await asyncio.to_thread(read), strict=True):
            if row is not None:
                self.rows[target] = row
            else:
                self.rows.pop(target, None)
        if targets:
            self._tell(RowsChanged(tuple(targets), by_reviewer=True))


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
