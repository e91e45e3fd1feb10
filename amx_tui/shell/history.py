"""`amx-tui history`: past runs of a database, what one of them brought, two of them beside each other, and
what was written by whom."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from amx_tui.base.text import one_line
from amx_tui.commands.model import NotReady
from amx_tui.review.history import Comparison, History, PastRun, Reading, Shared, Writing
from amx_tui.review.model import State
from amx_tui.shell.plain import (
    DONE,
    USUAL,
    Opened,
    make_parser,
    next_command,
    path_of,
    print_json,
    say,
    target_json,
    with_database,
)
from amx_tui.shell.rows import alternative_json, confidence_words, row_json, row_lines
from amx_tui.widgets.words import moment, money, number

# As many are held in memory at a time.
_AT_ONCE = 1_000


def run(words: Sequence[str]) -> int:
    parser = make_parser("history", "Tells of past runs, and of what was written.", otherwise=USUAL)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--run", type=int, metavar="NUMBER", help="what this run brought")
    what.add_argument("--written", action="store_true", help="what was written, by whom and when")
    what.add_argument(
        "--compare",
        type=int,
        nargs=2,
        metavar="RUN",
        help="what two runs said of the same targets, first where they differ",
    )
    parser.add_argument(
        "--search",
        default="",
        metavar="TEXT",
        help="only what has these words: in targets, texts, profile, model, who",
    )
    options = parser.parse_args(words)
    return with_database(options, lambda opened: _tell(options, opened))


def _tell(options: argparse.Namespace, opened: Opened) -> int:
    history = History(opened.store, opened.connector.identity)
    if options.run is not None:
        _tell_run(options, opened, _find_run(options, history, options.run))
    elif options.compare is not None:
        first, second = (_find_run(options, history, n).record.id for n in options.compare)
        _tell_comparison(options, opened, history, history.shared(first, second))
    elif options.json:
        print_json(
            opened.store,
            {
                "runs": [_run_json(past) for past in _runs(history, options.search)],
                "written": [_writing_json(one) for one in _writings(history, options.search)],
            },
        )
    elif options.written:
        lines = [_writing_words(one) for one in _writings(history, options.search)]
        _say_all(lines, "Nothing was written yet.", "Nothing that was written has", options.search)
    else:
        lines = [_run_words(past) for past in _runs(history, options.search)]
        _say_all(lines, "No run yet.", "No run has", options.search)
        if options.search and (also := len(history.writing_numbers(options.search))):
            say(f"{also} of what was written: add --written")
    return DONE


def _say_all(lines: Sequence[str], none: str, none_has: str, search: str) -> None:
    for line in lines:
        say(line)
    if not lines:
        say(f"{none_has} the words “{one_line(search, 80)}”." if search else none)


def _runs(history: History, search: str = "") -> list[PastRun]:
    numbers = history.run_numbers(search)
    pages = (numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE))
    return [past for page in pages for past in history.runs(page).values()]


def _writings(history: History, search: str) -> list[Writing]:
    numbers = history.writing_numbers(search)
    pages = (numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE))
    return [one for page in pages for one in history.writings(page).values()]


def _find_run(options: argparse.Namespace, history: History, number: int) -> PastRun:
    found = history.runs([number])
    if number not in found:
        known = ", ".join(map(str, history.run_numbers()[:20]))
        raise NotReady(
            f"There is no run {number} of this database",
            f"There are {known}" if known else "Nothing was drafted for it yet",
            f"{'See them all' if known else 'Begin'}:"
            f" {next_command('history' if known else 'draft', options.database)}",
        )
    return found[number]


def _tell_run(options: argparse.Namespace, opened: Opened, past: PastRun) -> None:
    words = options.search.lower().split()
    rows = [
        row
        for row in opened.store.rows(opened.connector.identity, past.record.id)
        if all(word in "\n".join(row_lines(row, opened.catalog)).lower() for word in words)
    ]
    notes = opened.store.notes(past.record.id)
    if options.json:
        print_json(
            opened.store,
            {
                **_run_json(past),
                "notes": [{"batch": n.batch, "at": _iso(n.at), "text": n.text} for n in notes],
                "suggestions": [row_json(row, opened.catalog) for row in rows],
            },
        )
        return
    say(_run_words(past))
    for note in notes:
        say(f"  {moment(note.at)} request {note.batch}: {one_line(note.text)}")
    for row in rows:
        say("\n".join(row_lines(row, opened.catalog)))


def _tell_comparison(
    options: argparse.Namespace, opened: Opened, history: History, shared: Sequence[Shared]
) -> None:
    words = options.search.lower().split()
    found = list(zip(shared, history.compare(shared), strict=True))
    lines = [_comparison_lines(one, comparison) for one, comparison in found]
    fitting = [
        (one, comparison, told)
        for (one, comparison), told in zip(found, lines, strict=True)
        if all(word in "\n".join(told).lower() for word in words)
    ]
    if options.json:
        print_json(
            opened.store, {"targets": [_comparison_json(one, seen) for one, seen, _ in fitting]}
        )
        return
    differ = sum(one.differs for one, _, _ in fitting)
    say(f"{len(fitting)} targets of both runs; {differ} differ")
    for _, _, told in fitting:
        say("\n".join(told))


def _comparison_lines(shared: Shared, comparison: Comparison) -> list[str]:
    lines = [f"{path_of(shared.target)}: {'differs' if shared.differs else 'the same'}"]
    for reading in (comparison.first, comparison.second):
        lines.append(f"  run {reading.run}, {one_line(reading.model)}, {moment(reading.at)}")
        taken = comparison.taken(reading)
        for index, alternative in enumerate(reading.alternatives):
            mark = ", decided on" if index == taken else ""
            confidence = confidence_words(alternative.confidence)
            lines.append(f"  {index + 1}. {confidence}{mark}: {one_line(alternative.text)}")
    state, decision = _decided(comparison), comparison.decision
    if decision is not None:
        source = f", on run {comparison.decided_on}" if comparison.decided_on else ""
        text = f": {one_line(decision.text)}" if decision.text else ""
        lines.append(f"  {state}{source}{text}")
    return lines


def _decided(comparison: Comparison) -> str:
    if comparison.decision is None:
        return State.TODO.value
    return State.WRITTEN.value if comparison.written else comparison.decision.verdict.value


def _run_words(past: PastRun) -> str:
    record = past.record
    setting = (record.profile, record.model, past.effort)
    least = "at least " if record.is_least else ""
    parts = [
        f"run {record.id}",
        moment(record.started_at),
        record.state.value,
        f"{record.drafted} of {record.targets} drafted",
        ", ".join(f"{count} {state.value}" for state, count in past.counts.items()),
        f"{least}{number(record.usage.total)} tokens",
        f"{least}{money(record.usd)}",
        ", ".join(one_line(part) for part in setting if part),
        one_line(record.scope),
        one_line(past.failure),
    ]
    return "; ".join(part for part in parts if part)


def _writing_words(writing: Writing) -> str:
    entry = writing.entry
    outcome = entry.outcome.value if entry.outcome else "begun, end unknown"
    if writing.undone:
        outcome += ", undone since"
    undoes = f" (takes back writing {entry.undoes})" if entry.undoes is not None else ""
    old, new = (one_line(text or "") or "no text" for text in (entry.change.old, entry.change.new))
    source = f"; from run {entry.run}, {one_line(entry.model or '')}" if entry.run else ""
    return (
        f"{moment(entry.at)}; {one_line(entry.who)}; writing {entry.group}{undoes};"
        f" {path_of(entry.change.target)}: {outcome}: {new}; before: {old}{source}"
    )


def _run_json(past: PastRun) -> dict[str, object]:
    record = past.record
    return {
        "run": record.id,
        "label": record.label,
        "scope": record.scope,
        "profile": record.profile,
        "model": record.model,
        "effort": past.effort or None,
        "state": record.state.value,
        "hint": past.hint or None,
        "failure": past.failure or None,
        "started_at": _iso(record.started_at),
        "ended_at": _iso(record.ended_at),
        "targets": record.targets,
        "drafted": record.drafted,
        "tokens": record.usage.total,
        "usd": record.usd,
        # What stands in the database now is not compared here.
        "decisions": {
            state.value: past.counts.get(state, 0) for state in State if state is not State.CHANGED
        },
    }


def _writing_json(writing: Writing) -> dict[str, object]:
    entry = writing.entry
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
        "undone": writing.undone,
        "run": entry.run,
        "model": entry.model,
    }


def _comparison_json(shared: Shared, comparison: Comparison) -> dict[str, object]:
    decision = comparison.decision
    return {
        **target_json(shared.target),
        "differs": shared.differs,
        "readings": [
            _reading_json(comparison, reading) for reading in (comparison.first, comparison.second)
        ],
        "decision": _decided(comparison),
        "decided_on_run": comparison.decided_on,
        "text": decision.text if decision is not None else None,
    }


def _reading_json(comparison: Comparison, reading: Reading) -> dict[str, object]:
    return {
        "run": reading.run,
        "model": reading.model,
        "effort": reading.effort or None,
        "at": _iso(reading.at),
        "alternatives": [alternative_json(alternative) for alternative in reading.alternatives],
        "decided_on": comparison.taken(reading),
    }


def _iso(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
