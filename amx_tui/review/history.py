"""What happened so far over one database: runs with what became of their drafts, two runs beside each
other, and who wrote what when.

It reads through a connection of its own, so that a search through all that was ever drafted holds up no
decision. What is listed are numbers, which cost little; what is seen of them is read by the page.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from amx_tui.catalog.model import Target
from amx_tui.drafting.model import Alternative, RunState
from amx_tui.review.file import StoreFile
from amx_tui.review.model import Decision, JournalEntry, RunRecord, State
from amx_tui.review.packing import unpack_alternatives
from amx_tui.review.part import LAST_WRITE, STANDING
from amx_tui.review.records import (
    Row,
    pack,
    read_decision,
    read_journal_entry,
    read_run_record,
    read_target,
    unpack,
)
from amx_tui.review.store import Store


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run, and where the targets that it drafted stand now, in the order of `State`; what stands there
    changed by others is not known here. `effort` is "" where none was sent, `hint`
    what a reviewer told the model, `failure` why it ended early."""

    record: RunRecord
    effort: str
    hint: str
    failure: str
    counts: Mapping[State, int]


@dataclass(frozen=True, slots=True)
class Writing:
    """Something that was written or tried; `undone` where the old text was put back since."""

    entry: JournalEntry
    undone: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """A target that both of two runs drafted: the numbers of the suggestions, and whether their texts
    differ."""

    target: Target
    first: int
    second: int
    differs: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What one run said of a target, when and with which model."""

    run: int
    model: str
    effort: str
    at: float
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both readings of a target, the decision that stands and the run whose draft it was taken on."""

    target: Target
    first: Reading
    second: Reading
    decision: Decision | None
    decided_on: int | None
    written: bool

    def taken(self, reading: Reading) -> int | None:
        """Which alternative of a reading was decided on; None where none was."""
        decision = self.decision
        if decision is None or decision.alternative is None or self.decided_on != reading.run:
            return None
        number = decision.alternative
        if number >= len(reading.alternatives):
            return None
        return number if reading.alternatives[number].text == decision.text else None


_CHOSEN = "(SELECT value FROM json_each(:numbers))"
_PATH = "t.schema_name || '.' || t.table_name || '.' || t.column_name"

_RUNS = f"""
SELECT r.id, b.identity, r.label, r.scope, l.profile, l.model, r.state, r.started_at, r.ended_at,
       (SELECT count(*) FROM planned WHERE run = r.id),
       (SELECT count(DISTINCT target) FROM suggestions WHERE run = r.id),
       u.input, u.cached, u.output, u.reasoning, u.usd, u.unknown, l.effort, l.hint, r.failure
FROM runs r
JOIN databases b ON b.id = r.database
JOIN legs l ON l.run = r.id AND l.number = r.leg
LEFT JOIN (SELECT run, sum(input) AS input, sum(cached) AS cached, sum(output) AS output,
                  sum(reasoning) AS reasoning, sum(usd) AS usd, sum(usd IS NULL) AS unknown
           FROM usage WHERE run IN {_CHOSEN} GROUP BY run) u ON u.run = r.id
WHERE r.id IN {_CHOSEN} AND b.identity = :identity
"""

# Where each target of a run stands, as Review says it before it knows the database.
_COUNTS = f"""
SELECT s.run,
       CASE WHEN d.verdict IN ('accepted', 'edited') AND w.id IS NOT NULL AND w.new IS d.text
            THEN 'written'
            WHEN d.verdict IS NULL OR d.verdict = 'open' THEN 'to do'
            ELSE d.verdict END AS state,
       count(*)
FROM (SELECT DISTINCT run, target FROM suggestions WHERE run IN {_CHOSEN}) s
JOIN targets t ON t.id = s.target
LEFT JOIN decisions d ON d.id = {STANDING}
LEFT JOIN writes w ON w.id = {LAST_WRITE}
GROUP BY s.run, state
"""

_WRITINGS = f"""
SELECT w.id, w.grp, t.schema_name, t.table_name, t.column_name, w.old, w.new, w.outcome, w.detail,
       g.who, w.at, d.run, l.model, g.undoes,
       EXISTS (SELECT 1 FROM writes x JOIN write_groups h ON h.id = x.grp
               WHERE x.target = w.target AND h.undoes = w.grp AND x.outcome = 'written')
FROM writes w
JOIN write_groups g ON g.id = w.grp
JOIN databases b ON b.id = g.database
JOIN targets t ON t.id = w.target
LEFT JOIN decisions d ON d.id = w.decision
LEFT JOIN runs r ON r.id = d.run
LEFT JOIN legs l ON l.run = r.id AND l.number = r.leg
WHERE b.identity = :identity AND w.id IN {_CHOSEN}
"""

_SHARED = """
SELECT t.schema_name, t.table_name, t.column_name, one.id, two.id, one.alternatives, two.alternatives
FROM (SELECT target, max(id) AS id FROM suggestions WHERE run = :first GROUP BY target) a
JOIN (SELECT target, max(id) AS id FROM suggestions WHERE run = :second GROUP BY target) z
     ON z.target = a.target
JOIN suggestions one ON one.id = a.id
JOIN suggestions two ON two.id = z.id
JOIN targets t ON t.id = a.target
JOIN databases b ON b.id = t.database
WHERE b.identity = :identity
ORDER BY t.schema_name, t.table_name, t.id
"""

_READING = """
SELECT s.run, l.model, l.effort, s.at, s.alternatives
FROM suggestions s JOIN legs l ON l.run = s.run AND l.number = s.leg WHERE s.id = ?
"""

_DECISION = f"""
SELECT d.id, t.schema_name, t.table_name, t.column_name, d.verdict, d.text, d.alternative,
       d.previous, d.at, d.reason, d.run, w.id IS NOT NULL AND w.new IS d.text
FROM suggestions s
JOIN targets t ON t.id = s.target
JOIN decisions d ON d.id = {STANDING}
LEFT JOIN writes w ON w.id = {LAST_WRITE}
WHERE s.id = ? AND d.verdict <> 'open'
"""

# The texts of a suggestion's alternatives, without the words of confidence that stand among them.
_DRAFTED = """EXISTS (
SELECT 1 FROM suggestions s JOIN targets t ON t.id = s.target
WHERE s.run = r.id AND ({path} OR ({maybe} AND EXISTS (
    SELECT 1 FROM json_tree(s.alternatives) a WHERE a.type = 'text'
    AND a.atom NOT IN ('high', 'medium', 'low', 'declared', 'logprob') AND {atom}))))"""


class History:
    """The past of `database`, which is `Connector.identity`. Methods block; they may be called from any
    thread, and raise `StoreProblem` where the file cannot be read."""

    def __init__(self, store: Store, database: str) -> None:
        self._store = store
        self._database = database

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        file = StoreFile(self._store.path)
        with contextlib.closing(file), file.reading() as connection:
            try:
                yield connection
            except (ValueError, KeyError, TypeError) as error:
                raise file.unreadable(str(error)) from error

    # Runs. ---------------------------------------------------------------------------------------

    def run_numbers(self, words: str = "") -> tuple[int, ...]:
        """The runs that have each of these words in their scope, profile, model, effort or end, or in what
        they drafted; newest first."""
        with self._reading() as connection:
            if connection is None:
                return ()
            conditions, values = _search(
                words,
                lambda has: " OR ".join(
                    [
                        *map(has, ("r.scope", "l.profile", "l.model", "l.effort", "r.state")),
                        _DRAFTED.format(
                            path=has(_PATH),
                            maybe=has.anywhere("s.alternatives"),
                            atom=has("a.atom"),
                        ),
                    ]
                ),
            )
            found = connection.execute(
                "SELECT r.id FROM runs r JOIN databases b ON b.id = r.database"
                " JOIN legs l ON l.run = r.id AND l.number = r.leg"
                f" WHERE b.identity = :identity {conditions} ORDER BY r.id DESC",
                {"identity": pack(self._database), **values},
            )
            return tuple(number for (number,) in found)

    def runs(self, numbers: Sequence[int]) -> dict[int, PastRun]:
        """These runs, in this order; those that are not of this database are left out."""
        with self._reading() as connection:
            if connection is None:
                return {}
            values = {"numbers": json.dumps(list(numbers)), "identity": pack(self._database)}
            counts: dict[int, dict[State, int]] = {}
            for run, state, count in connection.execute(_COUNTS, values):
                counts.setdefault(run, {})[State(state)] = count
            found: dict[int, PastRun] = {}
            for *columns, effort, hint, failure in connection.execute(_RUNS, values):
                record = read_run_record(*columns)
                of_run = counts.get(record.id, {})
                ordered = {state: of_run[state] for state in State if state in of_run}
                found[record.id] = PastRun(
                    self._as_it_is(record), effort, unpack(hint) or "", failure or "", ordered
                )
            return {number: found[number] for number in numbers if number in found}

    def _as_it_is(self, record: RunRecord) -> RunRecord:
        is_dead = record.state is RunState.RUNNING and not self._store.is_going_on(record.id)
        return replace(record, state=RunState.INTERRUPTED) if is_dead else record

    # Writing. ------------------------------------------------------------------------------------

    def writing_numbers(self, words: str = "") -> tuple[int, ...]:
        """What was written or tried that has each of these words in its target, texts, run, model, outcome
        or in who did it; newest first."""
        with self._reading() as connection:
            if connection is None:
                return ()
            conditions, values = _search(
                words,
                lambda has: " OR ".join(
                    map(
                        has,
                        (_PATH, "w.old", "w.new", "g.who", "l.model", "l.profile", "w.outcome"),
                    )
                ),
            )
            further = (
                " JOIN targets t ON t.id = w.target LEFT JOIN decisions d ON d.id = w.decision"
                " LEFT JOIN runs r ON r.id = d.run"
                " LEFT JOIN legs l ON l.run = r.id AND l.number = r.leg"
            )
            found = connection.execute(
                "SELECT w.id FROM writes w JOIN write_groups g ON g.id = w.grp"
                f" JOIN databases b ON b.id = g.database{further if conditions else ''}"
                f" WHERE b.identity = :identity {conditions} ORDER BY w.id DESC",
                {"identity": pack(self._database), **values},
            )
            return tuple(number for (number,) in found)

    def writings(self, numbers: Sequence[int]) -> dict[int, Writing]:
        """These, in this order."""
        with self._reading() as connection:
            if connection is None:
                return {}
            values = {"numbers": json.dumps(list(numbers)), "identity": pack(self._database)}
            found = {
                number: Writing(read_journal_entry(*columns), bool(undone))
                for number, *columns, undone in connection.execute(_WRITINGS, values)
            }
            return {number: found[number] for number in numbers if number in found}

    # Two runs. -----------------------------------------------------------------------------------

    def shared(self, first: int, second: int) -> tuple[Shared, ...]:
        """What both runs drafted: first where their texts differ, then the rest; by schema and table."""
        with self._reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                _SHARED, {"first": first, "second": second, "identity": pack(self._database)}
            )
            shared = [
                Shared(read_target(*row[:3]), row[3], row[4], _differ(row[5], row[6]))
                for row in found
            ]
        return tuple(sorted(shared, key=lambda one: not one.differs))

    def compare(self, shared: Sequence[Shared]) -> list[Comparison]:
        """What the two runs said of these targets, and what was decided of each."""
        with self._reading() as connection:
            return [_compare(connection, one) for one in shared] if connection is not None else []

    def runs_of(self, target: Target) -> tuple[int, ...]:
        """The runs that drafted a target, newest first."""
        with self._reading() as connection:
            if connection is None:
                return ()
            found = connection.execute(
                "SELECT DISTINCT s.run FROM suggestions s JOIN targets t ON t.id = s.target"
                " JOIN databases b ON b.id = t.database WHERE b.identity = ?"
                " AND t.schema_name = ? AND t.table_name = ? AND t.column_name = ?"
                " ORDER BY s.run DESC",
                tuple(map(pack, (self._database, target.schema, target.table, target.column))),
            )
            return tuple(number for (number,) in found)


def _compare(connection: sqlite3.Connection, shared: Shared) -> Comparison:
    first, second = (
        _reading_of(connection.execute(_READING, (number,)).fetchone())
        for number in (shared.first, shared.second)
    )
    decided = connection.execute(_DECISION, (shared.second,)).fetchone()
    if decided is None:
        return Comparison(shared.target, first, second, None, None, False)
    *columns, run, written = decided
    return Comparison(shared.target, first, second, read_decision(*columns), run, bool(written))


def _reading_of(row: Row) -> Reading:
    run, model, effort, at, alternatives = row
    assert isinstance(run, int) and isinstance(at, float)
    return Reading(run, str(model), str(effort), at, unpack_alternatives(str(alternatives)))


def _differ(first: str, second: str) -> bool:
    if first == second:
        return False
    one, two = unpack_alternatives(first), unpack_alternatives(second)
    return [a.text for a in one] != [a.text for a in two]


class _Has:
    """Says in SQL that a column has a word in it. SQLite knows capitals of ASCII only, so that the usual
    spellings of other words are asked for one by one."""

    def __init__(self, number: int, word: str) -> None:
        usual = (word.lower(), word.upper(), word.capitalize())
        spellings = dict.fromkeys(_lower(spelling) for spelling in usual)
        self.values = {f"word_{number}_{i}": spelling for i, spelling in enumerate(spellings)}
        self._is_plain = json.dumps(word) == f'"{word}"'

    def __call__(self, column: str) -> str:
        said = (f"instr(lower({column}), :{name}) > 0" for name in self.values)
        return f"({' OR '.join(said)})"

    def anywhere(self, column: str) -> str:
        """Whether a text of JSON may have it, which may be escaped there."""
        return self(column) if self._is_plain else "1"


def _lower(text: str) -> str:
    """As SQLite does it: https://www.sqlite.org/lang_corefunc.html#lower"""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _search(words: str, one: Callable[[_Has], str]) -> tuple[str, dict[str, str]]:
    """The conditions of a search for all of `words`, and the values that are bound in them."""
    conditions = ""
    values: dict[str, str] = {}
    for number, word in enumerate(words.split()):
        has = _Has(number, word)
        values |= has.values
        conditions += f" AND ({one(has)})"
    return conditions, values
