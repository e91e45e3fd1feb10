"""The part of the store about what is reviewed and decided: one row a target, and groups of decisions
that one undo takes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amx_tui.catalog.model import Target
from amx_tui.evidence.model import Passage
from amx_tui.review.model import Decision, NewDecision, ReviewRow, Sent, StoreProblem
from amx_tui.review.part import (
    LAST_WRITE,
    STANDING,
    StorePart,
    database_id,
    find_database,
    find_target,
    inserted,
    target_ids,
)
from amx_tui.review.records import (
    pack,
    read_decision,
    read_passage,
    read_review_row,
    read_sent,
    read_target,
)

_ROWS = f"""
SELECT t.schema_name, t.table_name, t.column_name,
       s.alternatives, s.previous, s.run, l.model, s.at,
       d.id, d.verdict, d.text, d.alternative, d.previous, d.at, d.reason,
       w.id, w.new
FROM (SELECT max(x.id) AS id FROM suggestions x JOIN targets y ON y.id = x.target
      WHERE y.database = :database {{which}} GROUP BY x.target) newest
JOIN suggestions s ON s.id = newest.id
JOIN targets t ON t.id = s.target
JOIN legs l ON l.run = s.run AND l.number = s.leg
LEFT JOIN decisions d ON d.id = {STANDING}
LEFT JOIN writes w ON w.id = {LAST_WRITE}
ORDER BY t.schema_name, t.table_name, t.id
"""

# What was decided without ever being drafted, such as along with others of its name.
_UNDRAFTED = f"""
SELECT t.schema_name, t.table_name, t.column_name,
       '[]', d.previous, NULL, '', d.at,
       d.id, d.verdict, d.text, d.alternative, d.previous, d.at, d.reason,
       w.id, w.new
FROM targets t
JOIN decisions d ON d.id = {STANDING}
LEFT JOIN writes w ON w.id = {LAST_WRITE}
WHERE t.database = :database AND d.verdict <> 'open' {{which}}
  AND NOT EXISTS (SELECT 1 FROM suggestions WHERE target = t.id)
ORDER BY t.schema_name, t.table_name, t.id
"""

# The group that the next undo is about, and the next redo.
_NEXT_BACK = "SELECT max(id) FROM decision_groups WHERE database = ? AND state = 'standing'"
_NEXT_AGAIN = "SELECT min(id) FROM decision_groups WHERE database = ? AND state = 'undone'"


class Decisions(StorePart):
    """See `amx_tui.review.store.Store`."""

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
            known = find_database(connection, database)
            target = find_target(connection, known, only) if only else None
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

    def sent(self, run: int, target: Target) -> Sent | None:
        """What went to the model about `target` when `run` drafted it; None where it did not."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            found = connection.execute(
                "SELECT l.privacy, p.evidence FROM targets t"
                " JOIN runs r ON r.id = :run AND r.database = t.database"
                " JOIN planned p ON p.run = r.id AND p.target = t.id"
                " JOIN legs l ON l.run = p.run AND l.number = p.leg"
                " WHERE t.schema_name = :schema AND t.table_name = :table"
                " AND t.column_name = :column"
                " AND EXISTS (SELECT 1 FROM suggestions WHERE run = r.id AND target = t.id)",
                {
                    "run": run,
                    "schema": pack(target.schema),
                    "table": pack(target.table),
                    "column": pack(target.column),
                },
            ).fetchone()
            if found is None:
                return None
            return self._decoded(read_sent, (*found, self.passages(run, target)))

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
            known = database_id(connection, database)
            connection.execute(
                "UPDATE decision_groups SET state = 'dropped'"
                " WHERE database = ? AND state = 'undone'",
                (known,),
            )
            group = inserted(
                connection,
                "INSERT INTO decision_groups (database, state) VALUES (?, 'standing')",
                (known,),
            )
            ids = target_ids(connection, known, [new.target for new in decisions])
            for new in decisions:
                text = new.text if new.verdict.keeps_text else None
                number = inserted(
                    connection,
                    "INSERT INTO decisions"
                    " (grp, target, verdict, text, alternative, previous, run, at, reason)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(group, ids[new.target], new.verdict.value, pack(text)),
                        *(new.alternative, pack(new.previous), new.run, at, pack(new.reason)),
                    ),
                )
                taken.append(
                    Decision(
                        *(number, new.target, new.verdict, text, new.alternative, new.previous),
                        at,
                        new.reason,
                    )
                )
        return tuple(taken)

    def undo(self, database: str) -> tuple[Target, ...]:
        """Takes back what was decided last and still stands, however long ago; what it was about.
        Empty where nothing is left."""
        return self._turn(database, _NEXT_BACK, "undone", self._clock())

    def redo(self, database: str) -> tuple[Target, ...]:
        """Takes the last undo back; what it was about. Empty where there is none, or where something
        was decided since."""
        return self._turn(database, _NEXT_AGAIN, "standing", None)

    def count_next(self, database: str, *, back: bool) -> int:
        """How many decisions the next `undo` (`back`) or `redo` is about; 0 where nothing is left."""
        with self._file.reading() as connection:
            if connection is None:
                return 0
            known = find_database(connection, database)
            group = connection.execute(_NEXT_BACK if back else _NEXT_AGAIN, (known,)).fetchone()[0]
            found = connection.execute("SELECT count(*) FROM decisions WHERE grp = ?", (group,))
            return int(found.fetchone()[0])

    def _turn(
        self, database: str, newest: str, state: str, undone_at: float | None
    ) -> tuple[Target, ...]:
        with self._file.reading() as connection:
            if connection is None:
                return ()
        with self._file.writing() as connection:
            known = find_database(connection, database)
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
                " d.verdict, d.text, d.alternative, d.previous, d.at, d.reason, d.run, t.id"
                f" FROM targets t JOIN decisions d ON d.id = {STANDING}"
                " WHERE t.database = ? AND d.verdict IN ('accepted', 'edited')"
                " ORDER BY t.schema_name, t.table_name, t.id",
                (find_database(connection, database),),
            )
            return [
                (self._decoded(read_decision, row[:10]), row[10], row[11])
                for row in found.fetchall()
            ]
