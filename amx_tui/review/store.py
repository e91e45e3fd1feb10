"""Keeps what must not be lost: runs with their suggestions, decisions, and what was written.

It knows nothing of models, prompts, databases or screens; a database is a name here. Every method
that changes something returns when the change is on disk, so that whoever shows it afterwards shows
what will still be there after a crash. Methods block for milliseconds: from async code they go
through a thread.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Change, Outcome, Target, Written
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
from amx_tui.evidence.model import Passage
from amx_tui.llm.model import Failure
from amx_tui.review.file import StoreFile
from amx_tui.review.locks import RunLocks
from amx_tui.review.model import (
    Decision,
    JournalEntry,
    NewDecision,
    Note,
    ReviewRow,
    RunRecord,
    StoreProblem,
)
from amx_tui.review.records import (
    Row,
    expected_text,
    pack,
    read_decision,
    read_journal_entry,
    read_passage,
    read_review_row,
    read_run_record,
    read_target,
    unpack,
    write_alternatives,
)

_Connection = sqlite3.Connection
_T = TypeVar("_T")

# A decision that stands is the newest one of its target that was not undone; what stands in the
# database, as far as we know, is the newest text that we wrote.
_STANDING = "(SELECT max(id) FROM decisions WHERE target = t.id AND undone_at IS NULL)"
_LAST_WRITE = "(SELECT max(id) FROM writes WHERE target = t.id AND outcome = 'written')"

_ROWS = f"""
SELECT t.schema_name, t.table_name, t.column_name,
       s.alternatives, s.previous, s.run, l.model, s.at,
       d.id, d.verdict, d.text, d.alternative, d.previous, d.at,
       w.id, w.new
FROM (SELECT max(x.id) AS id FROM suggestions x JOIN targets y ON y.id = x.target
      WHERE y.database = :database {{which}} GROUP BY x.target) newest
JOIN suggestions s ON s.id = newest.id
JOIN targets t ON t.id = s.target
JOIN legs l ON l.run = s.run AND l.number = s.leg
LEFT JOIN decisions d ON d.id = {_STANDING}
LEFT JOIN writes w ON w.id = {_LAST_WRITE}
ORDER BY t.schema_name, t.table_name, t.id
"""

# What was decided without ever being drafted, such as along with others of its name.
_UNDRAFTED = f"""
SELECT t.schema_name, t.table_name, t.column_name,
       '[]', d.previous, NULL, '', d.at,
       d.id, d.verdict, d.text, d.alternative, d.previous, d.at,
       w.id, w.new
FROM targets t
JOIN decisions d ON d.id = {_STANDING}
LEFT JOIN writes w ON w.id = {_LAST_WRITE}
WHERE t.database = :database AND d.verdict <> 'open' {{which}}
  AND NOT EXISTS (SELECT 1 FROM suggestions WHERE target = t.id)
ORDER BY t.schema_name, t.table_name, t.id
"""

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
# still stand.
_UNDOABLE_GROUP = """
SELECT max(g.id) FROM write_groups g JOIN writes w ON w.grp = g.id
WHERE g.database = ? AND g.undoes IS NULL AND w.outcome = 'written' AND w.closed_at IS NULL
"""

_ENDS_UNDOING = (Outcome.WRITTEN, Outcome.CHANGED_MEANWHILE)

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


class Store:
    """`tui.db`. Making one touches nothing on disk; `database` is `Connector.identity` everywhere.

    All methods raise `StoreProblem` where the file cannot be read or written, and may be called from
    any thread. Times are seconds since 1970.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._file = StoreFile(path)
        self._locks = RunLocks(path)

    @property
    def version(self) -> int:
        """Another number whenever another process changed something."""
        return self._file.version

    def close(self) -> None:
        """Lets go of everything. A run that has not ended is offered at the next start."""
        self._locks.let_all_go()
        self._file.close()

    # Runs ----------------------------------------------------------------------------------------

    def start_run(self, plan: Plan, label: str, at: float) -> int:
        """A new run's number. Its batches, targets and their texts are kept, its prompts are not."""
        run = 0
        try:
            with self._file.writing() as connection:
                database = _database_id(connection, plan.database)
                run = _inserted(
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
                database = _database_id(connection, plan.database)
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
        self, connection: _Connection, database: int, run: int, leg: int, plan: Plan, at: float
    ) -> None:
        connection.execute(
            "INSERT INTO legs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(run, leg, plan.profile, plan.provider, plan.model, plan.effort),
                *(plan.privacy.value, plan.cap_usd, at),
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
        known = _target_ids(
            connection, database, [target for batch in plan.batches for target in batch.targets]
        )
        # Counted once, not for each target: a plan may have tens of thousands.
        (first,) = connection.execute(
            "SELECT count(*) FROM planned WHERE run = ?", (run,)
        ).fetchone()
        planned = [
            (run, known[target], leg, batch.number, pack(batch.previous.get(target)))
            for batch in plan.batches
            for target in batch.targets
        ]
        connection.executemany(
            "INSERT INTO planned (run, target, leg, batch, previous, position)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (run, target) DO UPDATE SET leg = excluded.leg,"
            " batch = excluded.batch, previous = excluded.previous, cancelled = 0",
            [(*values, position) for position, values in enumerate(planned, start=first)],
        )

        self._add_passages(connection, run, leg, plan)

    def _add_passages(self, connection: _Connection, run: int, leg: int, plan: Plan) -> None:
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

    def spending(self, run: int) -> tuple[float, float | None]:
        """USD that a run has cost in all its legs, as far as it is known, and the cap that it was sent
        with last, None where it had none."""
        with self._file.reading() as connection:
            if connection is None:
                return 0.0, None
            (spent,) = connection.execute(
                "SELECT coalesce(sum(usd), 0.0) FROM usage WHERE run = ?", (run,)
            ).fetchone()
            last = connection.execute(
                "SELECT cap_usd FROM legs WHERE run = ? ORDER BY number DESC LIMIT 1", (run,)
            ).fetchone()
            return spent, last[0] if last is not None else None

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

    # Review --------------------------------------------------------------------------------------

    def rows(self, database: str, run: int | None = None) -> tuple[ReviewRow, ...]:
        """The newest suggestion of each target, of all runs or of one, with the decision that stands;
        ordered by schema, table, and the order in which the targets were first planned. Of all runs
        also, behind them, what was decided and never drafted."""
        return self._rows(database, run, None)

    def row(self, database: str, target: Target) -> ReviewRow | None:
        """The same for one target; None where it was never drafted nor decided."""
        found = self._rows(database, None, target)
        return found[0] if found else None

    def _rows(self, database: str, run: int | None, only: Target | None) -> tuple[ReviewRow, ...]:
        with self._file.reading() as connection:
            if connection is None:
                return ()
            known = _find_database(connection, database)
            target = _find_target(connection, known, only) if only else None
            if known is None or (only and target is None):
                return ()
            # Put together, so that SQLite looks one target up instead of walking through all.
            which = " AND x.run = :run" if run is not None else ""
            which += " AND x.target = :target" if target is not None else ""
            values = {"database": known, "run": run, "target": target}
            found = connection.execute(_ROWS.format(which=which), values)
            rows = [self._decoded(read_review_row, row) for row in found]
            if run is None and not (only and rows):
                which = "AND t.id = :target" if only else ""
                found = connection.execute(_UNDRAFTED.format(which=which), values)
                rows += [self._decoded(read_review_row, row) for row in found]
            return tuple(rows)

    def passages(self, run: int, target: Target) -> tuple[Passage, ...]:
        """What documents and code went along when `run` drafted `target`, as it was sent."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                "SELECT p.path, p.line, p.page, p.heading, p.text FROM passages p"
                " WHERE p.run = :run AND p.schema_name = :schema AND p.table_name = :table"
                " AND p.leg = (SELECT s.leg FROM suggestions s JOIN targets t ON t.id = s.target"
                "  WHERE s.run = :run AND t.schema_name = :schema AND t.table_name = :table"
                "  AND t.column_name = :column ORDER BY s.id DESC LIMIT 1)"
                " ORDER BY p.position",
                {
                    "run": run,
                    "schema": pack(target.schema),
                    "table": pack(target.table),
                    "column": pack(target.column),
                },
            )
            return tuple(self._decoded(read_passage, row) for row in found.fetchall())

    def decide(self, database: str, decisions: Sequence[NewDecision]) -> tuple[Decision, ...]:
        """Takes decisions that one undo takes back together, and ends what could be redone.

        Raises:
            StoreProblem: one of them accepts an empty text.
        """
        if any(new.verdict.keeps_text and not (new.text or "").strip() for new in decisions):
            raise StoreProblem(
                "There is no text to keep", "", "Write a description, or press r to reject this one"
            )
        if not decisions:
            return ()
        at = self._clock()
        taken = []
        with self._file.writing() as connection:
            known = _database_id(connection, database)
            connection.execute(
                "UPDATE decision_groups SET state = 'dropped'"
                " WHERE database = ? AND state = 'undone'",
                (known,),
            )
            group = _inserted(
                connection,
                "INSERT INTO decision_groups (database, state) VALUES (?, 'standing')",
                (known,),
            )
            ids = _target_ids(connection, known, [new.target for new in decisions])
            for new in decisions:
                text = new.text if new.verdict.keeps_text else None
                number = _inserted(
                    connection,
                    "INSERT INTO decisions"
                    " (grp, target, verdict, text, alternative, previous, run, at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(group, ids[new.target], new.verdict.value, pack(text)),
                        *(new.alternative, pack(new.previous), new.run, at),
                    ),
                )
                taken.append(
                    Decision(
                        number, new.target, new.verdict, text, new.alternative, new.previous, at
                    )
                )
        return tuple(taken)

    def undo(self, database: str) -> tuple[Target, ...]:
        """Takes back what was decided last and still stands, however long ago; what it was about.
        Empty where nothing is left."""
        return self._turn(
            database,
            "SELECT max(id) FROM decision_groups WHERE database = ? AND state = 'standing'",
            "undone",
            self._clock(),
        )

    def redo(self, database: str) -> tuple[Target, ...]:
        """Takes the last undo back; what it was about. Empty where there is none, or where something
        was decided since."""
        return self._turn(
            database,
            "SELECT min(id) FROM decision_groups WHERE database = ? AND state = 'undone'",
            "standing",
            None,
        )

    def _turn(
        self, database: str, newest: str, state: str, undone_at: float | None
    ) -> tuple[Target, ...]:
        with self._file.reading() as connection:
            if connection is None:
                return ()
        with self._file.writing() as connection:
            known = _find_database(connection, database)
            (group,) = connection.execute(newest, (known,)).fetchone()
            if group is None:
                return ()
            connection.execute("UPDATE decision_groups SET state = ? WHERE id = ?", (state, group))
            connection.execute(
                "UPDATE decisions SET undone_at = ? WHERE grp = ?", (undone_at, group)
            )
            found = connection.execute(
                "SELECT t.schema_name, t.table_name, t.column_name FROM decisions d"
                " JOIN targets t ON t.id = d.target WHERE d.grp = ? ORDER BY d.id",
                (group,),
            )
            return tuple(dict.fromkeys(read_target(*row) for row in found))

    def decided(self, database: str) -> Mapping[Target, Decision]:
        """The decisions that stand and have a text, for exports; ordered as `rows` are."""
        return {decision.target: decision for decision, _, _ in self._decided(database)}

    def _decided(self, database: str) -> list[tuple[Decision, int | None, int]]:
        """Each with the run it came from and the number of its target."""
        with self._file.reading() as connection:
            if connection is None:
                return []
            found = connection.execute(
                "SELECT d.id, t.schema_name, t.table_name, t.column_name,"
                " d.verdict, d.text, d.alternative, d.previous, d.at, d.run, t.id"
                f" FROM targets t JOIN decisions d ON d.id = {_STANDING}"
                " WHERE t.database = ? AND d.verdict IN ('accepted', 'edited')"
                " ORDER BY t.schema_name, t.table_name, t.id",
                (_find_database(connection, database),),
            )
            return [
                (self._decoded(read_decision, row[:9]), row[9], row[10]) for row in found.fetchall()
            ]

    # Writing -------------------------------------------------------------------------------------

    def to_write(self, database: str) -> tuple[Change, ...]:
        """What was decided and is not what we wrote last. `old` is what has to stand there now: what
        the decision was taken over, or what we wrote since that was read."""
        return tuple(change for change, _ in self._waiting(database))

    def _waiting(self, database: str) -> list[tuple[Change, str | None]]:
        """Each with the text that the decision was taken over."""
        with self._file.reading() as connection:
            if connection is None:
                return []
            decided = self._decided(database)
            written: dict[int, list[Row]] = {}
            for target, *write in connection.execute(
                "SELECT w.target, w.old, w.new, w.last_decision, w.last_run FROM writes w"
                " JOIN targets t ON t.id = w.target"
                " WHERE t.database = ? AND w.outcome = 'written' ORDER BY w.id",
                (_find_database(connection, database),),
            ):
                written.setdefault(target, []).append(tuple(write))
        waiting = []
        for decision, run, target in decided:
            old = expected_text(decision, run, written.get(target, []))
            if old != decision.text:
                change = Change(decision.target, old, decision.text)
                waiting.append((change, decision.previous))
        return waiting

    def begin_write(
        self, database: str, changes: Sequence[Change], *, who: str, undoes: int | None = None
    ) -> int:
        """Journals what is about to be written, before it is: should the process die in the middle,
        the next one can tell our own texts from anybody else's. The group's number."""
        with self._file.writing() as connection:
            known = _database_id(connection, database)
            return _begin_write(connection, known, changes, who, self._clock(), undoes)

    def begin_decided(
        self, database: str, changes: Sequence[Change], *, who: str
    ) -> tuple[int | None, tuple[Change, ...]]:
        """The same for those of the changes whose decision still stands at this moment, whoever took
        one back; the group's number, None where nothing is left, and what was journaled."""
        with self._file.writing() as connection:
            waiting = {now.target: (now, over) for now, over in self._waiting(database)}

            def stands(change: Change) -> bool:
                now, over = waiting.get(change.target, (None, None))
                return now is not None and now.new == change.new and change.old in (now.old, over)

            left = tuple(change for change in changes if stands(change))
            if not left:
                return None, ()
            known = _database_id(connection, database)
            return _begin_write(connection, known, left, who, self._clock(), None), left

    def record_written(
        self,
        database: str,
        results: Sequence[Written],
        *,
        who: str,
        at: float,
        group: int | None = None,
        only_open: bool = False,
    ) -> int:
        """Journals what became of changes. Results of one `group` are undone together; without one,
        these make a new group. `only_open` leaves alone what the writer itself has journaled by now.
        The group's number."""
        with self._file.writing() as connection:
            known = _database_id(connection, database)
            if group is None:
                changes = [result.change for result in results]
                group = _begin_write(connection, known, changes, who, at, None)
            journaled = [
                {
                    "group": group,
                    "target": _find_target(connection, known, result.change.target),
                    "outcome": result.outcome.value,
                    "detail": one_line(result.detail, 500),
                    "at": at,
                    "any": not only_open,
                }
                for result in results
            ]
            # By the target's few writes: SQLite would rather look through the group's ten thousand.
            connection.executemany(
                "UPDATE writes INDEXED BY writes_of_target"
                " SET outcome = :outcome, detail = :detail, at = :at"
                " WHERE grp = :group AND target = :target AND (outcome IS NULL OR :any)",
                journaled,
            )
            (undoes,) = connection.execute(
                "SELECT undoes FROM write_groups WHERE id = ?", (group,)
            ).fetchone()
            if undoes is not None:
                # Where somebody changed our text meanwhile there is nothing of ours to undo either;
                # what merely failed can be tried again.
                over = ", ".join(f"'{outcome}'" for outcome in _ENDS_UNDOING)
                connection.executemany(
                    "UPDATE writes INDEXED BY writes_of_target SET closed_at = :at"
                    f" WHERE target = :target AND grp = {undoes:d} AND EXISTS ("
                    "SELECT 1 FROM writes done INDEXED BY writes_of_target"
                    " WHERE done.target = :target AND done.grp = :group"
                    f" AND done.outcome IN ({over}))",
                    journaled,
                )
        return group

    def unresolved(self, database: str) -> tuple[JournalEntry, ...]:
        """Writes that were begun and of which nobody knows how they ended, oldest first."""
        return tuple(entry for entry in reversed(self.journal(database)) if entry.outcome is None)

    def undoable_group(self, database: str) -> int | None:
        """The newest group of texts of which something can be taken back."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            known = _find_database(connection, database)
            (group,) = connection.execute(_UNDOABLE_GROUP, (known,)).fetchone()
            return None if group is None else int(group)

    def undoable(self, database: str) -> tuple[Change, ...]:
        """What would take that group back: `old` is ours, `new` what stood there before."""
        with self._file.reading() as connection:
            group = self.undoable_group(database)
            if connection is None or group is None:
                return ()
            found = connection.execute(
                "SELECT t.schema_name, t.table_name, t.column_name, w.new, w.old FROM writes w"
                " JOIN targets t ON t.id = w.target"
                " WHERE w.grp = ? AND w.outcome = 'written' AND w.closed_at IS NULL ORDER BY w.id",
                (group,),
            )
            return tuple(
                Change(read_target(*row[:3]), unpack(row[3]), unpack(row[4])) for row in found
            )

    def journal(self, database: str) -> tuple[JournalEntry, ...]:
        """Everything that we tried to write, newest first."""
        with self._file.reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                "SELECT w.grp, t.schema_name, t.table_name, t.column_name, w.old, w.new, w.outcome,"
                " w.detail, g.who, w.at, d.run, l.model, g.undoes FROM writes w"
                " JOIN write_groups g ON g.id = w.grp JOIN targets t ON t.id = w.target"
                " LEFT JOIN decisions d ON d.id = w.decision"
                " LEFT JOIN runs r ON r.id = d.run"
                " LEFT JOIN legs l ON l.run = r.id AND l.number = r.leg"
                " WHERE g.database = ? ORDER BY w.id DESC",
                (_find_database(connection, database),),
            )
            return tuple(self._decoded(read_journal_entry, row) for row in found.fetchall())

    # Exports -------------------------------------------------------------------------------------

    def record_export(self, path: Path, digest: str) -> None:
        """Keeps that the file at `path` is ours, as long as its content has this digest."""
        with self._file.writing() as connection:
            connection.execute(
                "INSERT INTO exports VALUES (?, ?, ?)"
                " ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, at = excluded.at",
                (pack(str(path)), digest, self._clock()),
            )

    def exported(self, path: Path) -> str | None:
        """The digest of what we wrote to `path` last, None where we never did."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            found = connection.execute(
                "SELECT digest FROM exports WHERE path = ?", (pack(str(path)),)
            ).fetchone()
            return None if found is None else str(found[0])

    def _decoded(self, decode: Callable[..., _T], row: Row) -> _T:
        try:
            return decode(*row)
        except (ValueError, KeyError, TypeError) as error:
            raise self._file.damaged(f"It holds something that it cannot hold: {error}") from error


def _say(failure: Failure) -> str:
    return one_line(": ".join(part for part in (failure.what, failure.why) if part), 500)


def _busy(run: int) -> StoreProblem:
    return StoreProblem(
        f"Run {run} is going on in another amx-tui", "", "Go on there, or quit that one first"
    )


def _inserted(connection: _Connection, statement: str, values: tuple[object, ...]) -> int:
    number = connection.execute(statement, values).lastrowid
    assert number is not None
    return number


def _find_database(connection: _Connection, identity: str) -> int | None:
    found = connection.execute(
        "SELECT id FROM databases WHERE identity = ?", (pack(identity),)
    ).fetchone()
    return None if found is None else int(found[0])


def _database_id(connection: _Connection, identity: str) -> int:
    found = _find_database(connection, identity)
    if found is not None:
        return found
    return _inserted(connection, "INSERT INTO databases (identity) VALUES (?)", (pack(identity),))


def _find_target(connection: _Connection, database: int | None, target: Target) -> int | None:
    found = connection.execute(
        "SELECT id FROM targets WHERE database = ?"
        " AND schema_name = ? AND table_name = ? AND column_name = ?",
        (database, pack(target.schema), pack(target.table), pack(target.column)),
    ).fetchone()
    return None if found is None else int(found[0])


def _target_ids(
    connection: _Connection, database: int, targets: Iterable[Target]
) -> dict[Target, int]:
    """The numbers of these targets; those that have none yet get one, in this order."""
    found: dict[Target, int] = {}
    for target in targets:
        if target in found:
            continue
        known = _find_target(connection, database, target)
        if known is None:
            known = _inserted(
                connection,
                "INSERT INTO targets (database, schema_name, table_name, column_name)"
                " VALUES (?, ?, ?, ?)",
                (database, pack(target.schema), pack(target.table), pack(target.column)),
            )
        found[target] = known
    return found


def _leg(connection: _Connection, run: int) -> int:
    (leg,) = connection.execute("SELECT leg FROM runs WHERE id = ?", (run,)).fetchone()
    return int(leg)


def _add_suggestion(connection: _Connection, run: int, event: SuggestionDrafted) -> None:
    suggestion = event.suggestion
    (database,) = connection.execute("SELECT database FROM runs WHERE id = ?", (run,)).fetchone()
    ids = _target_ids(connection, database, [suggestion.target])
    connection.execute(
        "INSERT INTO suggestions (run, leg, batch, target, alternatives, previous, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(run, _leg(connection, run), event.batch, ids[suggestion.target]),
            *(write_alternatives(suggestion), pack(suggestion.previous), event.at),
        ),
    )


def _add_usage(connection: _Connection, run: int, event: UsageReported) -> None:
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


def _add_note(connection: _Connection, run: int, batch: int, at: float, text: str) -> None:
    connection.execute(
        "INSERT INTO notes (run, leg, batch, at, text) VALUES (?, ?, ?, ?, ?)",
        (run, _leg(connection, run), batch, at, one_line(text, 500)),
    )


def _end_batch(connection: _Connection, run: int, batch: int, state: str, at: float) -> None:
    connection.execute(
        "UPDATE batches SET state = ?, ended_at = ? WHERE run = ? AND leg = ? AND number = ?",
        (state, at, run, _leg(connection, run), batch),
    )


def _cancel(connection: _Connection, run: int, missing: Iterable[Target]) -> None:
    (database,) = connection.execute("SELECT database FROM runs WHERE id = ?", (run,)).fetchone()
    for target in missing:
        connection.execute(
            "UPDATE planned SET cancelled = 1 WHERE run = ? AND target = ?",
            (run, _find_target(connection, database, target)),
        )


def _begin_write(
    connection: _Connection,
    database: int,
    changes: Sequence[Change],
    who: str,
    at: float,
    undoes: int | None,
) -> int:
    group = _inserted(
        connection,
        "INSERT INTO write_groups (database, who, undoes) VALUES (?, ?, ?)",
        (database, one_line(who, 200), undoes),
    )
    ids = _target_ids(connection, database, [change.target for change in changes])
    (last_decision,) = connection.execute("SELECT coalesce(max(id), 0) FROM decisions").fetchone()
    (last_run,) = connection.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()
    connection.executemany(
        "INSERT INTO writes (grp, target, old, new, at, decision, last_decision, last_run)"
        " VALUES (:group, :target, :old, :new, :at,"
        " (SELECT max(id) FROM decisions"
        "  WHERE target = :target AND undone_at IS NULL AND :undoes IS NULL),"
        " :last_decision, :last_run)",
        [
            {
                "group": group,
                "target": ids[change.target],
                "old": pack(change.old),
                "new": pack(change.new),
                "at": at,
                "undoes": undoes,
                "last_decision": last_decision,
                "last_run": last_run,
            }
            for change in changes
        ],
    )
    return group
