"""The part of the store about what was written, into the database and into files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Change, Outcome, Written
from amx_tui.review.decisions import Decisions
from amx_tui.review.model import JournalEntry
from amx_tui.review.part import (
    Connection,
    database_id,
    find_database,
    find_target,
    inserted,
    target_ids,
)
from amx_tui.review.records import Row, expected_text, pack, read_journal_entry, read_target, unpack

# The group that "undo" of writing is about: the newest ordinary one in which something of ours may
# still stand.
_UNDOABLE_GROUP = """
SELECT max(g.id) FROM write_groups g JOIN writes w ON w.grp = g.id
WHERE g.database = ? AND g.undoes IS NULL AND w.outcome = 'written' AND w.closed_at IS NULL
"""

# What leaves nothing of ours to undo.
_ENDS_UNDOING = (Outcome.WRITTEN, Outcome.CHANGED_MEANWHILE)


class Journal(Decisions):
    """See `amx_tui.review.store.Store`. What is to be written follows from what was decided."""

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
                (find_database(connection, database),),
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
            known = database_id(connection, database)
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
            known = database_id(connection, database)
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
            known = database_id(connection, database)
            if group is None:
                changes = [result.change for result in results]
                group = _begin_write(connection, known, changes, who, at, None)
            journaled = [
                {
                    "group": group,
                    "target": find_target(connection, known, result.change.target),
                    "outcome": result.outcome.value,
                    "detail": one_line(result.detail, 500),
                    "at": at,
                    "any": not only_open,
                    # What was there before us is not ours to take away.
                    "closed": at if result.was_there else None,
                }
                for result in results
            ]
            # By the target's few writes: SQLite would rather look through the group's ten thousand.
            connection.executemany(
                "UPDATE writes INDEXED BY writes_of_target"
                " SET outcome = :outcome, detail = :detail, at = :at, closed_at = :closed"
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
            known = find_database(connection, database)
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
                (find_database(connection, database),),
            )
            return tuple(self._decoded(read_journal_entry, row) for row in found.fetchall())

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


def _begin_write(
    connection: Connection,
    database: int,
    changes: Sequence[Change],
    who: str,
    at: float,
    undoes: int | None,
) -> int:
    group = inserted(
        connection,
        "INSERT INTO write_groups (database, who, undoes) VALUES (?, ?, ?)",
        (database, one_line(who, 200), undoes),
    )
    ids = target_ids(connection, database, [change.target for change in changes])
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
