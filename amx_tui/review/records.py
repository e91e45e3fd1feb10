"""What a row of `tui.db` means: from columns to the room's words, and the few rules that are more than
a look-up. It opens nothing and asks nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from sys import intern

from amx_tui.catalog.model import Change, Outcome, Target
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import RunState
from amx_tui.evidence.model import Passage
from amx_tui.llm.model import Usage
from amx_tui.review.model import Decision, JournalEntry, Leg, ReviewRow, RunRecord, Sent, Verdict

Row = tuple[object, ...]

# A list of a hundred thousand rows asks for these many times; Enum's own look-up is slow.
_VERDICTS = {verdict.value: verdict for verdict in Verdict}


def pack(text: str | None) -> str | bytes | None:
    """SQLite takes no lone surrogates as text, which names of files and old databases may contain."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def unpack(stored: object) -> str | None:
    if isinstance(stored, bytes):
        return stored.decode("utf-8", "surrogatepass")
    return None if stored is None else str(stored)


def _name(stored: object) -> str:
    return unpack(stored) or ""


def read_target(schema: object, table: object, column: object) -> Target:
    # Names repeat: a hundred thousand rows share them.
    return Target(intern(_name(schema)), intern(_name(table)), intern(_name(column)))


def expected_text(decision: Decision, run: int | None, writes: Sequence[Row]) -> str | None:
    """The text that has to stand at the decision's target now. `writes` are our own ones there, oldest
    first: old, new, and the newest decision and run of that time."""
    if not writes:
        return decision.previous
    # The numbers tell what came first; a clock may have been set back.
    _, new, last_decision, last_run = writes[-1]
    assert isinstance(last_decision, int) and isinstance(last_run, int)
    if decision.id > last_decision:
        read_since = run is not None and run > last_run
        # A suggestion that was drafted before we wrote still quotes the text from before.
        if read_since or decision.previous not in [unpack(old) for old, *_ in writes]:
            return decision.previous
    return unpack(new)


def read_decision(
    number: int,
    schema: object,
    table: object,
    column: object,
    verdict: str,
    text: object,
    alternative: int | None,
    previous: object,
    at: float,
    reason: object,
) -> Decision:
    return Decision(
        number,
        read_target(schema, table, column),
        _VERDICTS[verdict],
        unpack(text),
        alternative,
        unpack(previous),
        at,
        unpack(reason),
    )


def read_review_row(
    schema: object,
    table: object,
    column: object,
    alternatives: str,
    previous: object,
    run: int | None,
    model: str,
    drafted_at: float,
    decision: int | None,
    verdict: str,
    text: object,
    alternative: int | None,
    over: object,
    decided_at: float,
    reason: object,
    write: int | None,
    written: object,
) -> ReviewRow:
    target, now = read_target(schema, table, column), unpack(previous)
    if decision is None:
        return ReviewRow(target, alternatives, now, run, intern(model), drafted_at)
    taken = read_decision(
        decision, schema, table, column, verdict, text, alternative, over, decided_at, reason
    )
    is_written = write is not None and taken.verdict.keeps_text and taken.text == unpack(written)
    return ReviewRow(target, alternatives, now, run, intern(model), drafted_at, taken, is_written)


def read_leg(
    profile: str, privacy: str, cap_usd: float | None, hint: object, spent_usd: float
) -> Leg:
    return Leg(profile, Privacy(privacy), cap_usd, _name(hint), spent_usd)


def read_run_record(
    number: int,
    database: object,
    label: object,
    scope: object,
    profile: str,
    model: str,
    state: str,
    started_at: float,
    ended_at: float | None,
    targets: int,
    drafted: int,
    input: int | None,
    cached: int | None,
    output: int | None,
    reasoning: int | None,
    usd: float | None,
    unknown: int | None,
) -> RunRecord:
    return RunRecord(
        number,
        _name(database),
        _name(label),
        _name(scope),
        profile,
        model,
        RunState(state),
        started_at,
        ended_at,
        targets,
        drafted,
        Usage(input or 0, cached or 0, output or 0, reasoning or 0),
        None if unknown else (usd or 0.0),
    )


def read_journal_entry(
    group: int,
    schema: object,
    table: object,
    column: object,
    old: object,
    new: object,
    outcome: str | None,
    detail: str,
    who: str,
    at: float,
    run: int | None,
    model: str | None,
    undoes: int | None,
) -> JournalEntry:
    return JournalEntry(
        group,
        Change(read_target(schema, table, column), unpack(old), unpack(new)),
        None if outcome is None else Outcome(outcome),
        detail,
        who,
        at,
        run,
        model,
        undoes,
    )


def read_sent(privacy: str, line: str | None, passages: tuple[Passage, ...]) -> Sent:
    facts = json.loads(line) if line else {}
    if not isinstance(facts, dict):
        raise TypeError("what was sent is no JSON object")
    return Sent(Privacy(privacy), facts, passages)


def read_passage(
    path: object, line: int, page: int | None, heading: object, text: object
) -> Passage:
    return Passage(_name(path), line, _name(text), _name(heading), page)
