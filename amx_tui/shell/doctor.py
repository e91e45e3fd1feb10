"""`amx-tui doctor` in a shell: prints the report in its order as it comes, or as JSON. Imports nothing
that draws."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import TextIO

from amx_tui.base.problem import Problem
from amx_tui.commands.doctor import Visit, examine, hosts_to_ask
from amx_tui.commands.doctor_machine import find_terminal
from amx_tui.commands.doctor_parts import Report
from amx_tui.commands.doctor_report import TextReport, report_json
from amx_tui.commands.model import State
from amx_tui.commands.workspace import Workspace

_EPILOG = """\
exit status:
  0  nothing is wrong; there may be warnings
  1  something is wrong
  2  the doctor itself could not start

It asks the host of the active profile, and your own databases. Hosts that a draft would not call, such
as those of the other profiles, are asked after a question, or with --all-hosts. It changes nothing, and
tells no secret: a report can be sent to whoever helps.
"""


def run(words: Sequence[str]) -> int:
    """Looks at everything, and returns the exit status."""
    options = _parse(words)
    # This report has to come out where the characters themselves are what is wrong.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        workspace = _open_workspace(options)
    except Problem as problem:
        print(f"amx-tui: {problem}", file=sys.stderr)
        return 2
    is_asked = not options.all_hosts and not options.json
    visit = Visit(
        workspace,
        find_terminal(os.environ),
        options.database or "",
        all_hosts=options.all_hosts or (is_asked and _may_ask_all(workspace)),
    )
    try:
        report = asyncio.run(_look(visit, is_json=options.json))
        sys.stdout.flush()
    except BrokenPipeError:  # such as `| head`: what was asked for is there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return 1 if report.count(State.FAILED) else 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="amx-tui doctor",
        description="Tells what is set up, what is wrong, and what to do about it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "database",
        nargs="?",
        help="a file, a URL or the name of a connection; without it, every connection of config.yml",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document; asks nothing")
    parser.add_argument("--offline", action="store_true", help="let nothing leave this machine")
    parser.add_argument(
        "--all-hosts", action="store_true", help="also ask the hosts that a draft would not call"
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="look at this LLM profile instead of the active"
    )
    options = parser.parse_args(words)
    if options.offline and options.all_hosts:
        parser.error("--all-hosts asks hosts, and --offline forbids it")
    return options


def _open_workspace(options: argparse.Namespace) -> Workspace:
    if options.database == "demo":
        from amx_tui.demo.workspace import demo_workspace

        return demo_workspace(os.environ)
    from amx_tui.commands.workspace import real_workspace
    from amx_tui.config.folders import find_folders

    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.profile_name = options.profile
    workspace.offline = options.offline
    return workspace


def _may_ask_all(workspace: Workspace) -> bool:
    """Asks the person, where there is one; no is the default."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    hosts = hosts_to_ask(workspace)
    if not hosts:
        return False
    print(f"A draft would not call {', '.join(hosts)}.")
    print(
        "A key goes to its own profile's host, or to its provider's other one where it is refused."
    )
    with suppress(EOFError):
        return input("Ask them too? [y/N] ").strip().lower() in ("y", "yes")
    print()
    return False


async def _look(visit: Visit, *, is_json: bool) -> Report:
    """Prints each part as soon as all before it are done."""
    report = Report()
    text = TextReport(width=_width(sys.stdout), has_colour=_has_colour(sys.stdout))
    if not is_json:
        print(text.head(), flush=True)
    printed = 0
    async with aclosing(examine(visit)) as parts:
        async for part in parts:
            report.add(part)
            while printed < len(report.parts) and report.parts[printed].is_done:
                done = report.parts[printed]
                printed += 1
                if not is_json:
                    for line in text.lines(done.section, done.checks):
                        print(line, flush=True)
    if is_json:
        print(report_json(report))
    else:
        for line in text.foot(report):
            print(line)
    return report


def _width(stream: TextIO) -> int:
    return shutil.get_terminal_size().columns if stream.isatty() else 0


def _has_colour(stream: TextIO) -> bool:
    is_plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return stream.isatty() and not is_plain
