"""How every command of the shell speaks: plain lines without colours or signs, one question at a time,
JSON on request, and an exit status.

Exit status: 0 what was asked for is done, 1 something failed or was left undone, 2 it could not start.
"""

from __future__ import annotations

import argparse
import codecs
import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from amx_tui.base.problem import Problem
from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Catalog, Connector, Target
from amx_tui.commands.model import NotReady
from amx_tui.commands.opening import open_named
from amx_tui.commands.recent import remember, usual_database
from amx_tui.commands.workspace import Workspace
from amx_tui.review.store import Store
from amx_tui.shell.opening import open_workspace

DONE, FAILED, CANNOT_START = 0, 1, 2

EXIT_STATUS = """\
exit status:
  0  done
  1  something failed, or was left undone
  2  it could not start
"""


class NobodyToAsk(NotReady):
    """A question came where the input has ended."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open database with its catalog, and the store."""

    workspace: Workspace
    connector: Connector
    catalog: Catalog
    store: Store


def next_command(name: str, database: str | None) -> str:
    """The command to type next, with the database that was named; a URL with a password is not repeated."""
    from amx_tui.catalog.opening import redact

    shown = shlex.quote(database) if database and redact(database) == database else "DATABASE"
    return f"amx-tui {name} {shown}"


# Where the database need not be named, which one is meant.
USUAL = "the active connection of config.yml, else the file that was opened last"


def make_parser(
    name: str, description: str, epilog: str = "", *, otherwise: str = ""
) -> argparse.ArgumentParser:
    """A parser with what all commands have in common; `otherwise` says which database is meant where none
    is named, empty where one has to be."""
    parser = argparse.ArgumentParser(
        prog=f"amx-tui {name}",
        description=description,
        epilog=f"{epilog}\n{EXIT_STATUS}" if epilog else EXIT_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "database",
        nargs="?" if otherwise else None,
        help="a file, a URL, the name of a connection, or 'demo'"
        + (f" (default: {otherwise})" if otherwise else ""),
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--offline", action="store_true", help="let nothing leave this machine")
    return parser


def run_told(work: Callable[[], int]) -> int:
    """The exit status of `work`; a problem is told on the error stream."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows the rest
    try:
        status = work()
        sys.stdout.flush()
        return status
    except NotReady as problem:
        tell(problem)
        if problem.opens_form:
            print("  The form is in the full-screen program: amx-tui, then P", file=sys.stderr)
        return CANNOT_START
    except Problem as problem:
        tell(problem)
        return FAILED
    except BrokenPipeError:  # such as `| head`: whoever read it has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        print("\nLeft. What was decided or written before is kept.", file=sys.stderr)
        return FAILED


def with_database(options: argparse.Namespace, work: Callable[[Opened], int]) -> int:
    """Opens the database, or the usual one where none is named, reads its catalog, and does `work` with
    it."""

    def opened() -> int:
        try:
            workspace = open_workspace(options.database, offline=options.offline)
            if workspace.connector is None:
                options.database = usual_database(workspace)
                workspace.connector = open_named(workspace, options.database)
                say(f"the database is {workspace.connector.label}", quietly=True)
            if workspace.transport is None:  # no demo
                remember(workspace.folders, workspace.connector)
        except Problem as problem:
            raise NotReady(problem.what, problem.why, problem.remedy) from problem
        with closing(workspace.connector) as connector, closing(workspace.store) as store:
            try:
                tell_of_store(store)
                catalog = connector.load()
            except Problem as problem:
                raise NotReady(problem.what, problem.why, problem.remedy) from problem
            return work(Opened(workspace, connector, catalog, store))

    return run_told(opened)


def say(words: str = "", *, quietly: bool = False) -> None:
    """One line or several; on the error stream where the output itself is JSON or a file."""
    print(clean(words), file=sys.stderr if quietly else sys.stdout, flush=True)


def tell(problem: Problem) -> None:
    print(f"amx-tui: {problem.what}", file=sys.stderr)
    for words in (problem.why, problem.remedy):
        if words:
            print(f"  {words}", file=sys.stderr)


def tell_of_store(store: Store) -> None:
    """What was found at its place, before anything is done with it."""
    for problem in store.notices:
        tell(problem)


def print_json(store: Store, value: Mapping[str, Any]) -> None:
    """One document, with what is to be told of the store in it as well; keys stay what they are from
    version to version, new ones may be added."""
    notices = [{"what": one.what, "why": one.why, "remedy": one.remedy} for one in store.notices]
    # No character of it is lost where the output is not to be in UTF-8.
    escapes = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    print(json.dumps({**value, "notices": notices}, ensure_ascii=escapes, indent=2))


def answer(question: str) -> str | None:
    """What was typed, None where the input has ended."""
    try:
        return input(f"{clean(question)} ")
    except EOFError:
        say()
        return None


def is_yes(question: str) -> bool:
    """Asks; anything but a yes is a no.

    Raises:
        NobodyToAsk: the input has ended.
    """
    said = answer(f"{question} [y/N]")
    if said is None:
        raise NobodyToAsk(
            "Nobody answered, and nothing was done",
            "The input has ended before the question",
            "Answer it in a terminal, or add --yes to the command",
        )
    return said.strip().lower() in ("y", "yes")


def path_of(target: Target) -> str:
    """`schema.table.column`, on one line."""
    parts = (target.schema, target.table, target.column)
    return ".".join(one_line(part, 200) for part in parts if part)


def target_json(target: Target) -> dict[str, str]:
    return {"schema": target.schema, "table": target.table, "column": target.column}


def find_targets(catalog: Catalog, names: Sequence[str]) -> list[Target]:
    """The targets that `names` mean, such as `BSEG`, `BSEG.BUKRS` or `main.BSEG.BUKRS`; a table stands
    for itself and its columns. Upper and lower case count only where both are there.

    Raises:
        NotReady: a name means nothing in this catalog.
    """
    exact: dict[str, list[Target]] = {}
    loose: dict[str, list[Target]] = {}
    for table in catalog.tables:
        columns = [table.column_target(column) for column in table.columns]
        for target, means in [
            (table.target, [table.target, *columns]),
            *((c, [c]) for c in columns),
        ]:
            bare = target.path
            for name in {bare, f"{target.schema}.{bare}" if target.schema else bare}:
                exact.setdefault(name, []).extend(means)
                loose.setdefault(name.casefold(), []).extend(means)
    found: dict[Target, None] = {}
    for name in names:
        meant = exact.get(name) or loose.get(name.casefold())
        if not meant:
            raise NotReady(
                f"There is no table or column “{one_line(name, 80)}”",
                f"This database has {len(catalog.tables)} tables",
                "Write it as TABLE, TABLE.COLUMN or SCHEMA.TABLE.COLUMN",
            )
        found |= dict.fromkeys(meant)
    return list(found)


def add_targets(parser: argparse.ArgumentParser, words: str) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=words)
