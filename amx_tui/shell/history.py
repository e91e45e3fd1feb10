"""`amx-tui history`: past runs of a database, what one of them brought, and what was written by whom."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from amx_tui.base.text import one_line
from amx_tui.commands.model import NotReady
from amx_tui.review.model import JournalEntry, RunRecord
from amx_tui.shell.plain import (
    DONE,
    Opened,
    make_parser,
    path_of,
    print_json,
    say,
    target_json,
    with_database,
)
from amx_tui.shell.rows import row_json, row_lines
from amx_tui.widgets.words import moment, money, number


def run(words: Sequence[str]) -> int:
    parser = make_parser("history", "Tells of past runs, and of what was written.")
    parser.add_argument("--run", type=int, metavar="NUMBER", help="what this run brought")
    parser.add_argument("--written", action="store_true", help="what was written, by whom and when")
    options = parser.parse_args(words)
    return with_database(options, lambda opened: _tell(options, opened))


def _tell(options: argparse.Namespace, opened: Opened) -> int:
    identity = opened.connector.identity
    runs = opened.store.runs(identity)
    if options.run is not None:
        _tell_run(options, opened, runs)
        return DONE
    entries = opened.store.journal(identity)
    if options.json:
        written = [_entry_json(entry) for entry in entries]
        print_json({"runs": [_run_json(record) for record in runs], "written": written})
    elif options.written:
        for entry in entries:
            say(_entry_words(entry))
        if not entries:
            say("Nothing was written yet.")
    else:
        for record in runs:
            say(_run_words(record))
        if not runs:
            say("No run yet.")
    return DONE


def _tell_run(options: argparse.Namespace, opened: Opened, runs: Sequence[RunRecord]) -> None:
    record = next((record for record in runs if record.id == options.run), None)
    if record is None:
        known = ", ".join(str(record.id) for record in runs)
        raise NotReady(
            f"There is no run {options.run} of this database",
            f"There are {known}" if known else "There is none at all",
            "See them all: amx-tui history DATABASE",
        )
    rows = opened.store.rows(opened.connector.identity, record.id)
    notes = opened.store.notes(record.id)
    if options.json:
        print_json(
            {
                **_run_json(record),
                "notes": [{"batch": n.batch, "at": _iso(n.at), "text": n.text} for n in notes],
                "suggestions": [row_json(row, opened.catalog) for row in rows],
            }
        )
        return
    say(_run_words(record))
    for note in notes:
        say(f"  {moment(note.at)} request {note.batch}: {one_line(note.text)}")
    for row in rows:
        say("\n".join(row_lines(row, opened.catalog)))


def _run_words(record: RunRecord) -> str:
    parts = (
        f"run {record.id}",
        moment(record.started_at),
        record.state.value,
        f"{record.drafted} of {record.targets} drafted, {record.kept} kept, {record.rejected} rejected",
        f"{number(record.usage.total)} tokens",
        money(record.usd),
        f"{one_line(record.profile)}, {one_line(record.model)}",
        one_line(record.scope),
    )
    return "; ".join(parts)


def _entry_words(entry: JournalEntry) -> str:
    outcome = entry.outcome.value if entry.outcome else "begun, end unknown"
    undone = f" (takes back writing {entry.undoes})" if entry.undoes is not None else ""
    text = one_line(entry.change.new or "") or "no text"
    return (
        f"{moment(entry.at)}; {one_line(entry.who)}; writing {entry.group}{undone};"
        f" {path_of(entry.change.target)}: {outcome}: {text}"
    )


def _run_json(record: RunRecord) -> dict[str, object]:
    return {
        "run": record.id,
        "label": record.label,
        "scope": record.scope,
        "profile": record.profile,
        "model": record.model,
        "effort": record.effort,
        "hint": record.hint,
        "kept": record.kept,
        "rejected": record.rejected,
        "state": record.state.value,
        "started_at": _iso(record.started_at),
        "ended_at": _iso(record.ended_at),
        "targets": record.targets,
        "drafted": record.drafted,
        "tokens": record.usage.total,
        "usd": record.usd,
    }


def _entry_json(entry: JournalEntry) -> dict[str, object]:
    return {
        **target_json(entry.change.target),
        "old": entry.change.old,
        "new": entry.change.new,
        "outcome": entry.outcome.value if entry.outcome else None,
        "detail": entry.detail,
        "who": entry.who,
        "at": _iso(entry.at),
        "group": entry.group,
        "undoes": entry.undoes,
        "run": entry.run,
        "model": entry.model,
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
