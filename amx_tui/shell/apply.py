"""`amx-tui apply`: shows what would be written word for word, asks, and writes it; or takes it back."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Change, Home, Outcome, Written
from amx_tui.commands.writing import (
    PendingChange,
    apply_changes,
    find_writer,
    pending,
    undo_write,
    why_none,
)
from amx_tui.shell.plain import (
    DONE,
    FAILED,
    Opened,
    is_yes,
    make_parser,
    next_command,
    path_of,
    print_json,
    say,
    target_json,
    with_database,
)


def run(words: Sequence[str]) -> int:
    parser = make_parser(
        "apply",
        "Writes the decided texts into the database, after a question. A text that somebody changed\n"
        "since it was decided is left alone.",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be written")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--undo",
        action="store_true",
        help="put back what stood before the last time, if ours stands",
    )
    options = parser.parse_args(words)
    if options.json and not (options.yes or options.dry_run):
        parser.error("--json asks nothing: add --yes or --dry-run")
    work = _undo if options.undo else _apply
    return with_database(options, lambda opened: work(options, opened))


def _apply(options: argparse.Namespace, opened: Opened) -> int:
    found = pending(opened.store, opened.connector, opened.catalog)
    abilities = opened.connector.abilities
    can_write = abilities.home is not Home.NOWHERE
    waiting = [change for change in found if not _why_not(change)]
    if not options.json:
        for entry in found:
            _show(entry)
        left = len(found) - len(waiting)
        say(f"{len(waiting)} to write into {abilities.where}" if can_write else abilities.where)
        if left:
            say(f"{left} will be left alone, for the reasons above")
        if not found and (why := why_none(opened.store, opened.connector, opened.catalog)):
            say(why)
    if not can_write and not options.dry_run:
        say(
            f"Export them instead: {next_command('export', options.database)}", quietly=options.json
        )
    if options.dry_run or not waiting or not can_write:
        if options.json:
            print_json(
                opened.store, {"pending": [_pending_json(entry) for entry in found], "written": []}
            )
        is_done = options.dry_run or (can_write and not found)
        return DONE if is_done else FAILED
    if not options.yes and not is_yes(f"Write to {opened.connector.label}?"):
        say("Nothing was written.")
        return DONE
    changes = [entry.change for entry in waiting]
    results = apply_changes(opened.store, opened.connector, changes, find_writer())
    done = _tell(results, "written", quietly=options.json)
    if options.json:
        left_alone = [_pending_json(entry) for entry in found if _why_not(entry)]
        print_json(
            opened.store, {"pending": left_alone, "written": [_written_json(one) for one in done]}
        )
    is_whole = len(waiting) == len(found) and all(one.outcome is Outcome.WRITTEN for one in done)
    return DONE if is_whole else FAILED


def _undo(options: argparse.Namespace, opened: Opened) -> int:
    changes = opened.store.undoable(opened.connector.identity)
    if not options.json:
        for change in changes:
            _show_texts(change, change.old)
        say(f"{len(changes)} to put back")
    if options.dry_run or not changes:
        if options.json:
            print_json(
                opened.store,
                {"pending": [_change_json(change) for change in changes], "written": []},
            )
        return DONE
    if not options.yes and not is_yes("Put the old texts back?"):
        say("Nothing was put back.")
        return DONE
    results = undo_write(opened.store, opened.connector, find_writer())
    done = _tell(results, "put back", quietly=options.json)
    if options.json:
        print_json(opened.store, {"pending": [], "written": [_written_json(one) for one in done]})
    return DONE if all(one.outcome is Outcome.WRITTEN for one in done) else FAILED


def _why_not(entry: PendingChange) -> str:
    if entry.is_gone:
        return "it is no longer in the database"
    if entry.refusal:
        return one_line(entry.refusal)
    return "its text was changed since it was decided" if entry.changed_meanwhile else ""


def _show(entry: PendingChange) -> None:
    _show_texts(entry.change, entry.present)
    if why := _why_not(entry):
        say(f"  left alone: {why}")
    elif entry.is_there:
        say("  It says so already; nothing changes.")
    else:
        say("\n".join(f"  {line}" for line in clean(entry.statement).rstrip().split("\n")))


def _show_texts(change: Change, present: str | None) -> None:
    say(path_of(change.target))
    say(f"  old: {one_line(present or '') or 'none'}")
    say(f"  new: {one_line(change.new or '') or 'none'}")


def _tell(results: Iterable[Written], word: str, *, quietly: bool) -> list[Written]:
    """Says what became of each as it comes."""
    done = []
    for one in results:
        done.append(one)
        outcome = word if one.outcome is Outcome.WRITTEN else one.outcome.value
        detail = f": {one_line(one.detail)}" if one.detail else ""
        say(f"{path_of(one.change.target)}: {outcome}{detail}", quietly=quietly)
    count = sum(one.outcome is Outcome.WRITTEN for one in done)
    say(f"{count} of {len(done)} {word}", quietly=quietly)
    return done


def _change_json(change: Change) -> dict[str, object]:
    return {**target_json(change.target), "old": change.old, "new": change.new}


def _pending_json(entry: PendingChange) -> dict[str, object]:
    return {
        **_change_json(entry.change),
        "present": entry.present,
        "statement": entry.statement,
        "left_alone": _why_not(entry) or None,
    }


def _written_json(one: Written) -> dict[str, object]:
    return {**_change_json(one.change), "outcome": one.outcome.value, "detail": one.detail}
