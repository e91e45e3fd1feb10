"""How soon `amx-tui demo` paints, against the smallest Textual app there is, and how soon `--version` is
answered, against an interpreter that does nothing. Both sides in one run, in turn, after a first
round that is not counted: it builds the demo's database and compiles the modules.

The bar is on the first paint: the first frame of Browse with its bars and panes. The names of the tables
come with a frame of their own, and their moment is printed beside it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from _terminal import Terminal, amx_tui_command, empty_home, in_words, judge

FIRST_PAINT_LIMIT = 1.8
VERSION_LIMIT = 3.0

MINIMAL_WORDS = "first paint of a minimal app"
MINIMAL = f"""
from textual.app import App, ComposeResult
from textual.widgets import Static

class Minimal(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("{MINIMAL_WORDS}")

Minimal().run()
"""
# The title of Browse's left pane, and two of the demo's tables.
FRAME = "╭─ schema"
TABLES = ("BKPF", "BSEG")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, at most 15 seconds")
    rounds = 5 if parser.parse_args().quick else 15
    with empty_home() as environ:
        met = [_first_paint(environ, rounds), _version(environ, rounds * 2)]
    return 0 if all(met) else 1


def _first_paint(environ: Mapping[str, str], rounds: int) -> bool:
    demo = [*amx_tui_command(), "demo"]
    minimal = [sys.executable, "-c", MINIMAL]
    print(f"first paint, 140x40: {' '.join(demo)}")
    frames, tables, minimals = [], [], []
    for counted in range(-1, rounds):
        with Terminal(demo, environ) as terminal:
            frame, names = terminal.paints_of(
                lambda text: FRAME in text, lambda text: all(name in text for name in TABLES)
            )
        with Terminal(minimal, environ) as terminal:
            [least] = terminal.paints_of(lambda text: MINIMAL_WORDS in text)
        if counted >= 0:
            frames.append(frame)
            tables.append(names)
            minimals.append(least)
    print(f"  first frame of Browse  {in_words(frames)}")
    print(f"  names of the tables    {in_words(tables)}")
    print(f"  minimal Textual app    {in_words(minimals)}")
    base = statistics.median(minimals)
    print(f"  names of the tables, against the minimal app: {statistics.median(tables) / base:.2f}")
    return judge("first_paint", statistics.median(frames) / base, FIRST_PAINT_LIMIT)


def _version(environ: Mapping[str, str], rounds: int) -> bool:
    version = [*amx_tui_command(), "--version"]
    nothing = [sys.executable, "-c", "pass"]
    print(f"version: {' '.join(version)}")
    versions, nothings = [], []
    for counted in range(-1, rounds):
        pair = (_time(version, environ), _time(nothing, environ))
        if counted >= 0:
            versions.append(pair[0])
            nothings.append(pair[1])
    print(f"  amx-tui --version      {in_words(versions)}")
    print(f"  python -c pass         {in_words(nothings)}")
    ratio = statistics.median(versions) / statistics.median(nothings)
    return judge("version", ratio, VERSION_LIMIT)


def _time(command: Sequence[str], environ: Mapping[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
