"""`amx-tui export`: decided texts, or the whole catalog, into a file or the standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from amx_tui.base.amounts import counted
from amx_tui.commands.exporting import FORMATS, Overwrites, What, export, render
from amx_tui.shell.plain import (
    DONE,
    USUAL,
    Opened,
    make_parser,
    path_of,
    print_json,
    say,
    target_json,
    with_database,
)

_FORMATS = "\n".join(
    f"  {row.id:<12}{row.title}{' (whole catalog)' if row.usual is What.ALL else ''}"
    for row in FORMATS.values()
)

_OUTPUT = ("-", "/dev/stdout")


def run(words: Sequence[str]) -> int:
    parser = make_parser(
        "export",
        "Writes decided texts, or the whole catalog, into a file.",
        f"formats:\n{_FORMATS}\n\nA dbt file that is there keeps everything but the descriptions of what is exported.\n",
        otherwise=USUAL,
    )
    parser.add_argument("--format", required=True, choices=list(FORMATS), metavar="FORMAT")
    parser.add_argument(
        "--output", required=True, metavar="FILE", help="a file, or - for the output"
    )
    parser.add_argument(
        "--what",
        choices=[what.value for what in What],
        help="decided texts only, or all of the catalog (default: as the format usually has it)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that amx-tui did not write"
    )
    options = parser.parse_args(words)
    if options.json and options.output in _OUTPUT:
        parser.error("--json tells of a file: name one as --output")
    return with_database(options, lambda opened: _export(options, opened))


def _export(options: argparse.Namespace, opened: Opened) -> int:
    what = What(options.what) if options.what else None
    place = (opened.store, opened.connector, opened.catalog)
    if options.output in _OUTPUT:
        made = render(options.format, *place, what=what)
        # As it would be in the file, whatever a terminal here could show.
        sys.stdout.flush()
        sys.stdout.buffer.write(made.files[""].encode("utf-8", errors="replace"))
        sys.stdout.buffer.flush()
        for note in made.notes:
            say(note, quietly=True)
        if len(made.files) > 1:
            say("The script that reverts it comes only with a file: --output FILE", quietly=True)
        return DONE
    path = Path(options.output)
    try:
        report = export(options.format, path, *place, what=what, overwrite=options.overwrite)
    except Overwrites as problem:
        raise Overwrites(
            problem.what, problem.why, "Choose another name, or add --overwrite", problem.seen
        ) from None
    if options.json:
        print_json(
            opened.store,
            {
                "format": options.format,
                "files": [str(file) for file in report.paths],
                "texts": report.texts,
                "left_out": [target_json(target) for target in report.left_out],
                "notes": list(report.notes),
            },
        )
        return DONE
    files = " and ".join(str(file) for file in report.paths)
    say(f"{counted(report.texts, 'description')} written to {files}")
    for target in report.left_out:
        say(f"{path_of(target)} is no longer in the database and was left out")
    for note in report.notes:
        say(note)
    return DONE
