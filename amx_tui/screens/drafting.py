"""Watching a run: how far it is, what the model thinks, how long it may still be silent, what it cost.

Everything here is read from the board and the runner's texts; the run itself does not know that it
is looked at, and goes on when nobody does.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.css.query import NoMatches

from amx_tui.catalog.model import Target
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.commands.running import Runner
from amx_tui.commands.texts import attempt_heading
from amx_tui.drafting.board import BatchLine, BatchState, Board
from amx_tui.drafting.model import (
    AnswerDelta,
    BatchPhase,
    ReasoningDelta,
    RunEnded,
    RunStarted,
    RunState,
)
from amx_tui.llm.model import Phase
from amx_tui.llm.providers import host_of
from amx_tui.review.model import RunRecord
from amx_tui.screens.outcome import (
    outcome_lines,
    queued_words,
    silent_batches,
    waiting_lines,
)
from amx_tui.screens.question import Question
from amx_tui.screens.room import Room
from amx_tui.widgets.bars import Meter
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Frame, Line, Plain, entitle, fit, fit_name, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.seen import is_seen
from amx_tui.widgets.stream_view import StreamView
from amx_tui.widgets.words import clock, duration, money, now, number, time_of_day

MORE_SECONDS = 60

STATES: dict[BatchState, tuple[str, str]] = {
    BatchState.QUEUED: ("·", "dim"),
    BatchState.CONNECTING: ("◌", "accent"),
    BatchState.WAITING: ("◔", "accent"),
    BatchState.THINKING: ("◑", "accent"),
    BatchState.ANSWERING: ("◕", "good"),
    BatchState.RETRYING: ("◷", "warn"),
    BatchState.FINISHED: ("✓", "good"),
    BatchState.FAILED: ("✗", "bad"),
    BatchState.CANCELLED: ("–", "dim"),
}

# How a run ended that can be gone on with.
ENDED: dict[RunState, str] = {
    RunState.RUNNING: "was interrupted",
    RunState.INTERRUPTED: "was interrupted",
    RunState.FINISHED: "has ended",
    RunState.STOPPED: "was stopped",
    RunState.CAPPED: "was stopped by its spending cap",
    RunState.FAILED: "failed",
}


class View(StrEnum):
    REASONING = "thinking"
    ANSWER = "answer"
    REQUEST = "request"


class DraftingScreen(Room):
    ROOM = "drafting"
    CSS_PATH = "drafting.tcss"
    BINDINGS = bindings_of("drafting")
    AUTO_FOCUS: ClassVar[str] = "#batches"

    def __init__(self) -> None:
        super().__init__()
        self._followed: int | None = None  # the batch whose text is shown
        self._is_chosen = False  # by the person; else the screen goes on to the next by itself
        self._view = View.REASONING
        self._numbers: list[int] = []
        self._past: tuple[RunRecord, tuple[Target, ...]] | None = None  # what an earlier run lacks
        self._said = 0  # lines of the log that are on the screen

    def compose_body(self) -> ComposeResult:
        with Frame(id="overall"):
            yield Meter(id="meter")
        with Horizontal(id="middle"):
            yield RowList(self._draw_batch, id="batches")
            with Container(id="right"):
                yield StreamView(id="text")
                with Container(id="countdown"):
                    yield Plain(id="phase")
                    yield Meter(id="remaining")
        yield StreamView(id="log", empty="")

    def on_mount(self) -> None:
        # The countdown moves whether or not anything arrives.
        self.set_interval(0.25, self._tick)
        self._show_text()

    def on_screen_resume(self) -> None:
        if self._board is None:
            self.do(self._look_back, only="past")
        for view in self.query(StreamView):
            view.catch_up()

    async def _look_back(self) -> None:
        """Without a run of this start, the newest one that lacks something can be gone on with."""
        found = await self.session.unfinished.find_newest() if self.session.is_whole else None
        self._past = found if self._board is None else None
        self.show_now()

    @property
    def _runner(self) -> Runner:
        return self.session.runner

    @property
    def _board(self) -> Board | None:
        return self._runner.board

    def heard(self, event: SessionEvent) -> None:
        match event:
            case CatalogRead(is_whole=True) | RowsChanged(targets=()) if self._board is None:
                self.do(self._look_back, only="past")
            case RunStarted():
                self._past = None
                self._followed, self._is_chosen, self._said = None, False, 0
                self._numbers = []
                self.query_one("#log", StreamView).replace("")
            case BatchPhase(batch=batch, phase=Phase.CONNECTING, attempt=attempt):
                view = self.query_one("#text", StreamView)
                if batch == self._followed and self._view is not View.REQUEST and view.text:
                    view.append(attempt_heading(attempt))
            case ReasoningDelta(batch=batch, text=text):
                if batch == self._followed and self._view is View.REASONING:
                    self.query_one("#text", StreamView).append(text)
            case AnswerDelta(batch=batch, text=text):
                if batch == self._followed and self._view is View.ANSWER:
                    self.query_one("#text", StreamView).append(text)
            case RunEnded():
                self.call_after_refresh(self._tick)

    def offers(self, action: str) -> bool:
        """What has something to do now."""
        board = self._board
        match action:
            case "more_time" | "cancel" | "stop":
                return board is not None and board.plan is not None and board.ended_at is None
            case "retry":
                return self._past is not None or (board is not None and board.unasked > 0)
            case "view":
                return bool(self._numbers)
            case _:
                return True

    # What is shown. ------------------------------------------------------------------------------

    def show_state(self) -> None:
        board = self._board
        batches = self.query_one("#batches", RowList)
        if board is None or board.plan is None:
            self._numbers = []
            if self.session.is_running:
                batches.show(0, empty="starting …")
                entitle(self.query_one("#overall"), "the run is about to start")
                return
            batches.show(0, empty="No run yet.\nPress B, mark what\nlacks a description,\nthen d.")
            entitle(self.query_one("#overall"), "no run is going")
            entitle(batches, "batches")
            if board is None and self._past is not None:
                self._show_past(*self._past)
            elif board is not None and board.what:  # it ended before it began
                entitle(self.query_one("#overall"), "the run did not start")
                self.set_class(True, "-told")
                self.query_one("#phase", Plain).write_lines(self._outcome(board, None))
            return
        self._follow_by_itself(board)
        self._numbers = list(board.batches)
        batches.show(len(self._numbers))
        entitle(batches, f"batches · {len(self._numbers)}", "drafted · tokens · ×attempt · state")
        self._show_overall(board)
        self._show_log(board)
        self._tick()

    def _show_past(self, run: RunRecord, missing: tuple[Target, ...]) -> None:
        self.query_one("#batches", RowList).show(0, empty="")
        self.set_class(True, "-told")
        how = ENDED[run.state]
        self.query_one("#phase", Plain).write_lines(
            [
                [(f"run {run.id} {how}: {len(missing)} of {run.targets} are missing", "strong")],
                [("t  ", "key"), ("drafts the rest; it is shown before it is sent", "warn")],
            ]
        )

    def _show_overall(self, board: Board) -> None:
        overall = self.query_one("#overall")
        share = board.drafted / max(board.targets, 1)
        self.query_one("#meter", Meter).show(share)
        of = "" if board.estimate.usd is None else f" of about {money(board.estimate.usd)}"
        # Its figures are those of the rest alone.
        name = f"the rest of run {board.run}" if self._runner.is_rest else f"run {board.run}"
        parts = [name, f"{board.drafted}/{board.targets} drafted"]
        spent = [f"{number(board.tokens)} tokens", f"{money(self._runner.spent_usd)}{of}"]
        if board.state is RunState.RUNNING:
            parts.append(f"{board.under_way} of {len(board.batches)} batches under way")
            left = board.seconds_left(now())
            spent.append("" if left is None else f"about {duration(left)} left")
        elif board.state is not None:
            parts.append(f"{board.state.value} after {duration(board.elapsed(now()))}")
        entitle(overall, " · ".join(parts), " · ".join(part for part in spent if part))

    def _show_log(self, board: Board) -> None:
        log = self.query_one("#log", StreamView)
        if len(board.log) < self._said:
            self._said = 0
            log.replace("")
        for line in board.log[self._said :]:
            start = "\n" if self._said else ""
            log.append(f"{start}{time_of_day(line.at)}  {line.text}")
            self._said += 1
        entitle(log, "what happened")

    def _draw_batch(self, index: int, width: int) -> Line:
        board = self._board
        if board is None or index >= len(self._numbers):
            return []
        batch = board.batches.get(self._numbers[index])
        if batch is None:  # of the run before
            return []
        sign, ink = STATES[batch.state]
        follows = "▸" if batch.number == self._followed else " "
        return [
            (follows, "accent"),
            (f"{sign} ", ink),
            (fit_name(batch.title, max(width - 39, 10)), ""),
            (fit(f"{batch.drafted}/{batch.total}", 6, right=True), "dim"),
            (fit(number(batch.output_tokens) if batch.output_tokens else "", 9, right=True), "dim"),
            (fit(f" ×{batch.attempt}" if batch.attempt > 1 else "", 4), "warn"),
            (" ", ""),
            (fit(_state_words(batch, now(), is_over=board.ended_at is not None), 16), ink),
        ]

    def _follow_by_itself(self, board: Board) -> None:
        """Shows a batch that is streaming, and stays with it until it ends or the person chooses."""
        current = board.batches.get(self._followed) if self._followed is not None else None
        if current is not None and (self._is_chosen or not current.state.has_ended):
            return
        streaming = (BatchState.THINKING, BatchState.ANSWERING)
        alive = [b for b in board.batches.values() if b.state in streaming]
        alive = alive or [
            batch
            for batch in board.batches.values()
            if not batch.state.has_ended and batch.state is not BatchState.QUEUED
        ]
        following = alive[0].number if alive else self._followed or next(iter(board.batches), None)
        if following != self._followed:
            rows = self.query_one("#batches", RowList)
            places = {batch: place for place, batch in enumerate(board.batches)}
            # The cursor goes along unless the person moved it elsewhere.
            if rows.cursor == places.get(self._followed or 0, 0):
                rows.show(len(places), cursor=places.get(following or 0))
            self._followed = following
            self._show_text()

    def _show_text(self) -> None:
        """The text of the followed batch, from its end; hidden ones cost nothing."""
        view = self.query_one("#text", StreamView)
        texts = self._runner.texts.get(self._followed or 0)
        if texts is None:
            view.replace("")
            return
        match self._view:
            case View.REASONING:
                view.replace(str(texts.reasoning))
            case View.ANSWER:
                view.replace(str(texts.answer))
            case View.REQUEST:
                view.replace(self._runner.request_text(self._followed or 0), follow=False)

    def _tick(self) -> None:
        """The countdown and the times; the only things here that move by themselves."""
        board = self._board
        if board is None or board.plan is None or not is_seen(self):
            return
        try:
            phase, remaining = self.query_one("#phase", Plain), self.query_one("#remaining", Meter)
        except NoMatches:
            return
        batch = board.batches.get(self._followed or 0)
        if batch is not None:
            attempt = f" · attempt {batch.attempt}" if batch.attempt > 1 else ""
            tokens = f" · {number(batch.output_tokens)} tokens"
            entitle(
                self.query_one("#text"),
                f"{batch.title} · {self._view.value}{attempt}{tokens if batch.started_at else ''}",
                f"{self._way_to_the_end()}v thinking/answer/request",
            )
        has_failed = batch is not None and batch.failure is not None and batch.state.has_ended
        # Words need more room than a countdown.
        has_ended = board.state is not RunState.RUNNING
        waits = batch is not None and batch.retry_at is not None and not _is_due(batch, now())
        self.set_class(has_ended or has_failed or waits, "-told")
        run = self._runner.run
        countdown = run.countdown(self._followed or 0) if run is not None else None
        is_queued = batch is not None and batch.state is BatchState.QUEUED and not has_ended
        if batch is not None and (is_queued or _is_due(batch, now())):
            phase.write((queued_words(board, now()), "dim"))
            remaining.show(0.0)
        elif batch is not None and batch.retry_at is not None:
            phase.write_lines(waiting_lines(batch.waits_for, batch.retry_at - now()))
            remaining.show(0.0)
        elif batch is not None and countdown is not None and not batch.state.has_ended:
            left = countdown.remaining()
            limit = clock(countdown.limit)
            phase.write(
                (f"{countdown.phase.value}", "strong"),
                (f" · gives up after {limit} of silence · ", "dim"),
                (f"{clock(left)} left", "strong" if left > 30 else "bad"),
                ("   + more time", "dim"),
            )
            remaining.show(left / max(countdown.limit, 1))
        else:
            remaining.show(0.0)
            phase.write_lines(self._outcome(board, batch))
        self.query_one("#batches", RowList).refresh_changed()

    def _way_to_the_end(self) -> str:
        """How a text is followed again that waits where somebody scrolled, or dragged, it to."""
        view = self.query_one("#text", StreamView)
        if view.follows or self._view is View.REQUEST:
            return ""
        way = "G follows the end again" if view.has_focus else "scroll to the end to follow it"
        return f"{way} · "

    def _outcome(self, board: Board, batch: BatchLine | None) -> list[Line]:
        """How it ended, and the keys that go on."""
        runner = self._runner
        silent = silent_batches(board, batch)
        return outcome_lines(
            board,
            batch,
            longer=runner.longer_silence(silent) if silent else None,
            other_host=host_of(runner.other_base or ""),
            spent_usd=runner.spent_usd,
        )

    # Keys. ---------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> BatchLine | None:
        """The batch under the cursor."""
        board = self._board
        cursor = self.query_one("#batches", RowList).cursor
        if board is None or cursor >= len(self._numbers):
            return None
        return board.batches.get(self._numbers[cursor])

    @on(RowList.Chosen, "#batches")
    def _choose(self) -> None:
        self.action_follow()

    def action_follow(self) -> None:
        if (batch := self._chosen) is not None:
            self._followed, self._is_chosen = batch.number, True
            self._show_text()
            self.show_now()

    def action_view(self) -> None:
        order = list(View)
        self._view = order[(order.index(self._view) + 1) % len(order)]
        self._show_text()
        self.show_now()

    def action_more_time(self) -> None:
        run = self._runner.run
        if run is None or self._followed is None or not run.extend(self._followed, MORE_SECONDS):
            say(self, "No request is waiting there.")
            return
        say(self, "A minute more of silence for this request.")
        self._tick()

    def action_retry(self) -> None:
        """What the chosen batch lacks; after the run's end, what the whole run lacks."""
        runner, batch = self._runner, self._chosen
        if runner.is_starting:  # the key was pressed twice
            return
        if runner.board is None and self._past is not None:
            from amx_tui.screens.draft import DraftScreen

            run, missing = self._past
            self.app.push_screen(DraftScreen(frozenset(missing), run=run.id))
            return
        silent = silent_batches(runner.board, batch) if runner.board is not None else ()
        if runner.is_running and runner.run is not None and batch is not None:
            if not runner.run.retry(batch.number):
                say(self, f"{batch.title}: {_why_not_again(batch, now())}.")
            elif silent:
                self._allow_longer(silent)
            return
        if not runner.is_running and silent:
            self._allow_longer(silent)
        self.do(self._retry_all)

    def _allow_longer(self, silent: tuple[int, ...]) -> None:
        seconds = self._runner.allow_longer_silence(silent)
        say(self, f"It may be silent for {duration(seconds)} now, in this run.")

    async def _retry_all(self, *, at_other_host: bool = False) -> None:
        if not await self._runner.retry(at_other_host=at_other_host):
            is_given_up = self._board is not None and self._board.given_up
            left = " but what was cancelled; Browse (B) can draft that" if is_given_up else ""
            say(self, f"Nothing is missing{left}.")

    def action_other_host(self) -> None:
        """The refused key at the provider's other host, once a person has said yes to it."""
        base, draft = self._runner.other_base, self._runner.draft
        if base is None or draft is None:
            say(self, "No key was refused that may belong to another host.")
            return
        key = draft.setup.endpoint.key
        rows: list[Line] = [
            [(f"The key {key.hint} from {key.source} goes there with each request.", "")]
            if key is not None
            else [],
            [("It holds for this run; press P to set the API base for good.", "dim")],
        ]

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(partial(self._retry_all, at_other_host=True))

        self.app.push_screen(Question(f"Send the key to {host_of(base)}?", rows), answered)

    def action_cancel(self) -> None:
        run, batch = self._runner.run, self._chosen
        if run is not None and batch is not None and not run.cancel(batch.number):
            say(self, f"{batch.title} has ended already.")

    def action_stop(self) -> None:
        if not self.session.is_running:
            say(self, "No run is going.")
            return
        rows: list[Line] = [[("What has arrived is kept; t asks for the rest later.", "")]]

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(self._runner.stop)

        self.app.push_screen(Question("Stop the run?", rows), answered)

    def action_back(self) -> None:
        self.desk.go("browse")


def _is_due(batch: BatchLine, at: float) -> bool:
    """Its wait is over, and others hold the places."""
    return batch.retry_at is not None and batch.retry_at <= at


def _why_not_again(batch: BatchLine, at: float) -> str:
    if batch.state.has_ended:
        return "nothing failed there"
    is_queued = batch.state is BatchState.QUEUED or _is_due(batch, at)
    return "it is queued already" if is_queued else "it is under way"


def _state_words(batch: BatchLine, at: float, *, is_over: bool = False) -> str:
    match batch.state:
        case BatchState.QUEUED if is_over:
            return "not finished" if batch.drafted else "not asked"
        case BatchState.CANCELLED if not batch.is_given_up:
            return "broken off"
        case BatchState.RETRYING if _is_due(batch, at):
            return "queued"
        case BatchState.RETRYING if batch.retry_at is not None:
            status = batch.waits_for.status if batch.waits_for is not None else None
            left = batch.retry_at - at
            return f"{status or 'waits'} · {f'{left:.0f} s' if left < 60 else clock(left)}"
        case BatchState.QUEUED:
            return "queued"
        case BatchState.FINISHED if batch.missing:
            return f"{batch.missing} missing"
        case BatchState.FINISHED:
            return duration(batch.elapsed(at))
        case _ if batch.state.has_ended:
            return batch.state.value
        case _:
            return f"{batch.state.value} {duration(batch.elapsed(at))}"
