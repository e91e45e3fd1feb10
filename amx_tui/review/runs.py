"""The part of the store about runs: what was planned, what came, what it cost, how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Target
from amx_tui.drafting.model import (
    AnswerDelta,
    AskingAgain,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    Calibration,
    ParameterDropped,
    Plan,
    ReasoningDelta,
    RunEnded,
    RunEvent,
    RunStarted,
    RunState,
    SuggestionDrafted,
    TargetRefused,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.drafting.prompt import said_of
from amx_tui.llm.model import Failure
from amx_tui.review.locks import RunLocks
from amx_tui.review.model import Leg, Note, RunRecord, StoreProblem
from amx_tui.review.packing import pack_alternatives
from amx_tui.review.part import (
    Connection,
    StorePart,
    database_id,
    find_target,
    inserted,
    target_ids,
)
from amx_tui.review.records import pack, read_leg, read_run_record, read_target

_RUNS = """
SELECT r.id, b.identity, r.label, r.scope, l.profile, l.model, r.state, r.started_at, r.ended_at,
       (SELECT count(*) FROM planned WHERE run = r.id),
       (SELECT count(DISTINCT target) FROM suggestions WHERE run = r.id),
       u.input, u.cached, u.output, u.reasoning, u.usd, u.unknown
FROM runs r
JOIN databases b ON b.id = r.database
JOIN legs l ON l.run = r.id AND l.number = r.leg
LEFT JOIN (SELECT run, sum(input) AS input, sum(cached) AS cached, sum(output) AS output,
                  sum(reasoning) AS reasoning, sum(usd) AS usd, sum(usd IS NULL) AS unknown
           FROM usage GROUP BY run) u ON u.run = r.id
"""

# The group that "undo" of writing is about: the newest ordinary one in which something of ours may
# Enough to even out single answers, and few enough to follow a provider that changes.
_ANSWERS_LOOKED_AT = 40
# Fewer may all be of one odd table.
_FEWEST_ANSWERS = 3
_CALIBRATION = """
SELECT count(*), sum(estimated_input), sum(estimated_output), sum(input), sum(output) FROM (
    SELECT b.estimated_input, b.estimated_output, sum(u.input) AS input, sum(u.output) AS output
    FROM batches AS b
    JOIN legs AS l ON l.run = b.run AND l.number = b.leg
    JOIN usage AS u ON u.run = b.run AND u.leg = b.leg AND u.batch = b.number
    WHERE l.provider = ? AND l.model = ? AND l.effort = ? AND b.state = 'finished'
        AND b.estimated_input > 0 AND b.estimated_output > 0
    GROUP BY b.run, b.leg, b.number
    HAVING count(*) = 1 AND sum(u.is_estimated) = 0 AND sum(u.input) > 0 AND sum(u.output) > 0
    ORDER BY b.run DESC, b.leg DESC, b.number DESC
    LIMIT ?
)
"""


def _bounded(ratio: float) -> float:
    """A provider that reports nonsense must not make an estimate absurd."""
    return min(max(ratio, 0.25), 4.0)


class Runs(StorePart):
    """See `amx_tui.review.store.Store`."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, clock=clock)
        self._locks = RunLocks(lambda: self.path)

    def start_run(self, plan: Plan, label: str, at: float) -> int:
        """A new run's number. Its batches, targets, their texts and what is said of each are kept,
        its prompts are not."""
        run = 0
        try:
            with self._file.writing() as connection:
                database = database_id(connection, plan.database)
                run = inserted(
                    connection,
                    "INSERT INTO runs (database, label, scope, state, started_at, leg)"
                    " VALUES (?, ?, ?, ?, ?, 1)",
                    (database, pack(label), pack(plan.scope), RunState.RUNNING.value, at),
                )
                self._add_leg(connection, database, run, 1, plan, at)
                # Before the run can be seen, so that no other process takes it for a dead one.
                self._locks.hold(run)
        except BaseException:
            self._locks.let_go(run)
            raise
        return run

    def continue_run(self, run: int, plan: Plan, at: float) -> None:
        """Goes on with a run that was interrupted; what it drafted already stays.

        Raises:
            StoreProblem: another process is at it.
        """
        try:
            with self._file.writing() as connection:
                if not self._locks.hold(run):
                    raise _busy(run)
                database = database_id(connection, plan.database)
                leg = _leg(connection, run) + 1
                connection.execute(
                    "UPDATE runs SET leg = ?, state = ?, ended_at = NULL, failure = NULL"
                    " WHERE id = ?",
                    (leg, RunState.RUNNING.value, run),
                )
                self._add_leg(connection, database, run, leg, plan, at)
        except BaseException:
            self._locks.let_go(run)
            raise

    def _add_leg(
        self, connection: Connection, database: int, run: int, leg: int, plan: Plan, at: float
    ) -> None:
        connection.execute(
            "INSERT INTO legs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(run, leg, plan.profile, plan.provider, plan.model, plan.effort),
                *(plan.privacy.value, plan.cap_usd, at, pack(plan.hint)),
            ),
        )
        connection.executemany(
            "INSERT INTO batches (run, leg, number, state, estimated_input, estimated_output)"
            " VALUES (?, ?, ?, 'queued', ?, ?)",
            [
                (
                    *(run, leg, batch.number),
                    batch.estimate.input_tokens / plan.calibration.input,
                    batch.estimate.output_tokens / plan.calibration.output,
                )
                for batch in plan.batches
            ],
        )
        known = target_ids(
            connection, database, [target for batch in plan.batches for target in batch.targets]
        )
        # Counted once, not for each target: a plan may have tens of thousands.
        (first,) = connection.execute(
            "SELECT count(*) FROM planned WHERE run = ?", (run,)
        ).fetchone()
        planned = [
            (
                *(run, known[target], leg, batch.number),
                *(pack(batch.previous.get(target)), said.get(target)),
            )
            for batch in plan.batches
            for said in (said_of(batch),)
            for target in batch.targets
        ]
        connection.executemany(
            "INSERT INTO planned (run, target, leg, batch, previous, evidence, position)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, target) DO UPDATE SET"
            " leg = excluded.leg, batch = excluded.batch, previous = excluded.previous,"
            " evidence = excluded.evidence, cancelled = 0",
            [(*values, position) for position, values in enumerate(planned, start=first)],
        )

        self._add_passages(connection, run, leg, plan)

    def _add_passages(self, connection: Connection, run: int, leg: int, plan: Plan) -> None:
        by_table = {batch.table: batch.passages for batch in plan.batches if batch.passages}
        connection.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(run, leg, pack(table.schema), pack(table.table), position),
                    *(pack(one.path), one.line, one.page, pack(one.heading), pack(one.text)),
                )
                for table, passages in by_table.items()
                for position, one in enumerate(passages)
            ],
        )

    def record(self, run: int, event: RunEvent) -> None:
        """Keeps one event. Pieces of text and phases are not kept: nothing of them is asked for after
        the process that showed them is gone. `RunStarted` of a run that this process does not own
        goes on with it."""
        match event:
            case RunStarted():
                if not self._locks.holds(run):
                    self.continue_run(run, event.plan, event.at)
            case SuggestionDrafted():
                with self._file.writing() as connection:
                    _add_suggestion(connection, run, event)
            case UsageReported():
                with self._file.writing() as connection:
                    _add_usage(connection, run, event)
            case BatchStarted():
                with self._file.writing() as connection:
                    connection.execute(
                        "UPDATE batches SET state = 'started', started_at = ?"
                        " WHERE run = ? AND leg = ? AND number = ?",
                        (event.at, run, _leg(connection, run), event.batch),
                    )
                    # One that was cancelled, and is tried again after all.
                    connection.execute(
                        "UPDATE planned SET cancelled = 0 WHERE run = ? AND leg = ? AND batch = ?",
                        (run, _leg(connection, run), event.batch),
                    )
            case BatchFinished():
                with self._file.writing() as connection:
                    _end_batch(connection, run, event.batch, "finished", event.at)
                    if event.unusable:
                        said = f"{event.unusable} of its answers could not be read"
                        _add_note(connection, run, event.batch, event.at, said)
            case BatchFailed():
                with self._file.writing() as connection:
                    _end_batch(connection, run, event.batch, "failed", event.at)
                    _add_note(connection, run, event.batch, event.at, _say(event.failure))
            case BatchCancelled():
                with self._file.writing() as connection:
                    _end_batch(connection, run, event.batch, "cancelled", event.at)
                    _cancel(connection, run, event.missing)
            case WaitingToRetry():
                said = f"{_say(event.failure)}; waited {event.seconds:.0f} s"
                self._add_note(run, event.batch, event.at, said)
            case AskingAgain():
                said = f"asked again for {len(event.targets)} targets"
                if event.failure:
                    said = f"{_say(event.failure)}; {said}"
                self._add_note(run, event.batch, event.at, said)
            case TargetRefused():
                said = f"{event.target.path}: {_say(event.failure)}"
                self._add_note(run, event.batch, event.at, said)
            case BudgetRaised():
                said = f"thinking spent all {event.spent} tokens; asked again with {event.budget}"
                self._add_note(run, event.batch, event.at, said)
            case ParameterDropped():
                done = f"replaced by {event.instead}" if event.instead else "left out"
                said = f"{event.name} {done}: {event.reason}"
                self._add_note(run, event.batch, event.at, said)
            case RunEnded():
                self._end_run(run, event)
            case BatchPhase() | ReasoningDelta() | AnswerDelta():
                pass

    def _add_note(self, run: int, batch: int, at: float, text: str) -> None:
        with self._file.writing() as connection:
            _add_note(connection, run, batch, at, text)

    def _end_run(self, run: int, event: RunEnded) -> None:
        said = _say(event.failure) if event.failure else None
        if event.problem is not None:
            said = one_line(str(event.problem), 500)
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, ended_at = ?, failure = ? WHERE id = ?",
                (event.state.value, event.at, said, run),
            )
        self._locks.let_go(run)

    def runs(self, database: str | None = None) -> tuple[RunRecord, ...]:
        """All runs, or those over one database, newest first. One whose process died is called
        interrupted."""
        return tuple(
            replace(record, state=RunState.INTERRUPTED) if self._is_dead(record) else record
            for record in self._records(database)
        )

    def _is_dead(self, record: RunRecord) -> bool:
        return record.state is RunState.RUNNING and not self.is_going_on(record.id)

    def is_going_on(self, run: int) -> bool:
        """Whether a process is at it."""
        return self._locks.is_alive(run)

    def _records(self, database: str | None) -> tuple[RunRecord, ...]:
        with self._file.reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                f"{_RUNS} WHERE :identity IS NULL OR b.identity = :identity ORDER BY r.id DESC",
                {"identity": pack(database)},
            ).fetchall()
            return tuple(self._decoded(read_run_record, row) for row in found)

    def unfinished(self, database: str) -> tuple[RunRecord, ...]:
        """The runs that drafted less than they were asked for and that no process is at, newest
        first, however they ended."""
        return tuple(
            record
            for record in self.runs(database)
            if record.drafted < record.targets and record.state is not RunState.RUNNING
        )

    def calibration(self, provider: str, model: str, effort: str) -> Calibration:
        """How the usage of this model's newest answers compares with what was estimated. Batches that
        took more than one request are passed over: a second attempt says nothing of an estimate."""
        with self._file.reading() as connection:
            if connection is None:
                return Calibration()
            (answers, estimated_in, estimated_out, used_in, used_out) = connection.execute(
                _CALIBRATION, (provider, model, effort, _ANSWERS_LOOKED_AT)
            ).fetchone()
        if answers < _FEWEST_ANSWERS:
            return Calibration()
        return Calibration(
            _bounded(used_in / estimated_in), _bounded(used_out / estimated_out), answers
        )

    def notes(self, run: int) -> tuple[Note, ...]:
        """What a run went through, in the order in which it happened."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                "SELECT batch, at, text FROM notes WHERE run = ? ORDER BY id", (run,)
            )
            return tuple(Note(batch, at, text) for batch, at, text in found)

    def interrupted(self, database: str | None = None) -> RunRecord | None:
        """The newest run, of one database or of all, whose process died in the middle of it, and which
        nobody dismissed."""
        for record in self._records(database):
            if self._is_dead(record):
                return replace(record, state=RunState.INTERRUPTED)
        return None

    def leave_open(self, run: int) -> None:
        """A run that was stopped only because its process ends is offered like one whose process
        died; one that did not end by being stopped is left alone."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, ended_at = NULL WHERE id = ? AND state = ?",
                (RunState.RUNNING.value, run, RunState.STOPPED.value),
            )

    def claim(self, run: int) -> tuple[Target, ...]:
        """Takes a run to go on with, and says what it still lacks: another process may have drafted
        some of it since somebody looked. Where nothing is missing it is not taken.

        Raises:
            StoreProblem: another process is at it.
        """
        with self._file.writing():
            if not self._locks.hold(run):
                raise _busy(run)
        try:
            missing = self.missing(run)
        except BaseException:
            self._locks.let_go(run)
            raise
        if not missing:
            self._locks.let_go(run)
        return missing

    def let_go(self, run: int) -> None:
        """Gives back a run that was claimed and is not gone on with."""
        self._locks.let_go(run)

    def missing(self, run: int) -> tuple[Target, ...]:
        """What was planned in a run, was not cancelled, and has no suggestion in it, as planned."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                "SELECT t.schema_name, t.table_name, t.column_name FROM planned p"
                " JOIN targets t ON t.id = p.target"
                " WHERE p.run = ? AND NOT p.cancelled AND NOT EXISTS"
                " (SELECT 1 FROM suggestions WHERE run = p.run AND target = p.target)"
                " ORDER BY p.position",
                (run,),
            )
            return tuple(read_target(*row) for row in found)

    def last_leg(self, run: int) -> Leg | None:
        """How a run was sent last; None where there is no such run."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            last = connection.execute(
                "SELECT profile, privacy, cap_usd, hint, (SELECT coalesce(sum(usd), 0.0) FROM usage"
                " WHERE run = legs.run) FROM legs WHERE run = ? ORDER BY number DESC LIMIT 1",
                (run,),
            ).fetchone()
            return self._decoded(read_leg, last) if last is not None else None

    def dismiss(self, run: int) -> None:
        """Marks a dead run as interrupted for good: it is not offered again.

        Raises:
            StoreProblem: it is not dead; another process is at it.
        """
        with self._file.writing() as connection:
            if not self._locks.hold(run):
                raise _busy(run)
            connection.execute(
                "UPDATE runs SET state = ?, ended_at = ? WHERE id = ? AND state = ?",
                (RunState.INTERRUPTED.value, self._clock(), run, RunState.RUNNING.value),
            )
        self._locks.let_go(run)


def _say(failure: Failure) -> str:
    return one_line(": ".join(part for part in (failure.what, failure.why) if part), 500)


def _busy(run: int) -> StoreProblem:
    return StoreProblem(
        f"Run {run} is going on in another amx-tui", "", "Go on there, or quit that one first"
    )


def _leg(connection: Connection, run: int) -> int:
    (leg,) = connection.execute("SELECT leg FROM runs WHERE id = ?", (run,)).fetchone()
    return int(leg)


def _add_suggestion(connection: Connection, run: int, event: SuggestionDrafted) -> None:
    suggestion = event.suggestion
    (database,) = connection.execute("SELECT database FROM runs WHERE id = ?", (run,)).fetchone()
    ids = target_ids(connection, database, [suggestion.target])
    connection.execute(
        "INSERT INTO suggestions (run, leg, batch, target, alternatives, previous, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(run, _leg(connection, run), event.batch, ids[suggestion.target]),
            *(pack_alternatives(suggestion.alternatives), pack(suggestion.previous), event.at),
        ),
    )


def _add_usage(connection: Connection, run: int, event: UsageReported) -> None:
    usage = event.usage
    connection.execute(
        "INSERT INTO usage (run, leg, batch, input, cached, output, reasoning, usd, is_estimated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(run, _leg(connection, run), event.batch),
            *(usage.input, usage.cached, usage.output, usage.reasoning, event.usd),
            not event.is_exact,
        ),
    )


def _add_note(connection: Connection, run: int, batch: int, at: float, text: str) -> None:
    connection.execute(
        "INSERT INTO notes (run, leg, batch, at, text) VALUES (?, ?, ?, ?, ?)",
        (run, _leg(connection, run), batch, at, one_line(text, 500)),
    )


def _end_batch(connection: Connection, run: int, batch: int, state: str, at: float) -> None:
    connection.execute(
        "UPDATE batches SET state = ?, ended_at = ? WHERE run = ? AND leg = ? AND number = ?",
        (state, at, run, _leg(connection, run), batch),
    )


def _cancel(connection: Connection, run: int, missing: Iterable[Target]) -> None:
    (database,) = connection.execute("SELECT database FROM runs WHERE id = ?", (run,)).fetchone()
    for target in missing:
        connection.execute(
            "UPDATE planned SET cancelled = 1 WHERE run = ? AND target = ?",
            (run, find_target(connection, database, target)),
        )
