"""What the command line says. `--version` and `--help` are answered before anything heavy is
imported; what cannot be opened is told here, with exit status 2, before the screen is taken."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from amx_tui import __version__

if TYPE_CHECKING:
    import argparse

    from amx_tui.base.problem import Problem
    from amx_tui.commands.workspace import Workspace

# The commands that need no screen: the module whose `run` takes the words behind the command and gives
# the exit status, and what it does. A file of such a name is opened as ./NAME.
COMMANDS: dict[str, tuple[str, str]] = {
    "draft": ("amx_tui.shell.draft", "let the model draft descriptions"),
    "review": ("amx_tui.shell.review", "decide on them line by line"),
    "apply": ("amx_tui.shell.apply", "write what was decided, after a question"),
    "export": ("amx_tui.shell.export", "write it into a file: SQL, dbt, Markdown, CSV, JSON, tbls"),
    "history": ("amx_tui.shell.history", "past runs, and what was written"),
    "doctor": ("amx_tui.shell.doctor", "what is set up, what is wrong, and what to do"),
}

# Parsed by hand-written rules of argparse only when there is something to parse.
_EPILOG = """\
examples:
  amx-tui demo                 look around, nothing leaves this machine
  amx-tui legacy.db            a SQLite or DuckDB file
  amx-tui postgresql://me@host/sales
  amx-tui mysql://me@host/sales
  amx-tui                      choose a connection of ~/.amx/config.yml
  amx-tui --resume             go on where a run was interrupted

as plain text, for scripts and screen readers (--help after each tells more):
{commands}

The key is read from the OS keyring or AMX_LLM_API_KEY. AMX_CONFIG_DIR moves ~/.amx.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program and returns its exit status: 0, or 2 where it cannot start; the doctor's is 1
    where something is wrong."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"amx-tui {__version__}")
        return 0
    if words and words[0] in COMMANDS:
        import importlib

        command = importlib.import_module(COMMANDS[words[0]][0])
        status: int = command.run(words[1:])
        return status
    options = _parse(words)
    # Imports make many objects and no garbage, and the collector looks at all of them again and
    # again: half of the time to the first paint. The app lets it go on after that.
    gc.disable()
    try:
        return _run(options)
    finally:
        gc.enable()


def _run(options: argparse.Namespace) -> int:
    from amx_tui.base.problem import Problem

    try:
        workspace = _open_workspace(options)
    except Problem as problem:
        return _refuse(problem)
    # Textual draws on the standard error stream.
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return _refuse(
            Problem(
                "amx-tui is a full-screen program", "", "Start it in a terminal, without a pipe"
            )
        )
    from amx_tui.app import AmxApp

    app = AmxApp(workspace)
    app.run()
    return app.return_code or 0


def _parse(words: list[str]) -> argparse.Namespace:
    import argparse

    parser = argparse.ArgumentParser(
        prog="amx-tui",
        description="Describe cryptic database columns with a thinking model, in the terminal.",
        epilog=_EPILOG.format(
            commands="\n".join(
                f"  amx-tui {name + ' DATABASE':<20} {what}" for name, (_, what) in COMMANDS.items()
            )
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "database",
        nargs="?",
        help="a file, a URL, the name of a connection, 'demo' or 'doctor' (./demo for a file of that name)",
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="use this LLM profile instead of the active"
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        metavar="FACTOR",
        help="demo only: how much faster than a real model it answers (default 1)",
    )
    parser.add_argument(
        "--offline", action="store_true", help="let nothing leave this machine: no call at all"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run that was interrupted; without DATABASE, with the newest of all",
    )
    parser.add_argument("-V", "--version", action="version", version=f"amx-tui {__version__}")
    options = parser.parse_args(words)
    if options.speed is not None and options.database != "demo":
        parser.error("--speed is for the demo: a real model takes the time that it takes")
    return options


def _speed(words: str) -> float:
    import argparse
    import math

    from amx_tui.base.text import one_line

    try:
        value = float(words)
    except ValueError:
        value = 0.0
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(
            f"“{one_line(words, 40)}” is no number above 0, such as 20"
        )
    return value


def _open_workspace(options: argparse.Namespace) -> Workspace:
    from amx_tui.shell.opening import open_workspace

    return open_workspace(
        options.database,
        profile=options.profile,
        offline=options.offline,
        speed=options.speed or 1.0,
        resume=options.resume,
    )


def _refuse(problem: Problem) -> int:
    print(f"amx-tui: {problem.what}", file=sys.stderr)
    for words in (problem.why, problem.remedy):
        if words:
            print(f"  {words}", file=sys.stderr)
    return 2
