"""How long the keys of Review take to their effect on the screen among 100 000 suggestions, and what these
take in memory.

The real program in a terminal of 140x40, over a SQLite file of as many columns and a `tui.db` in which
each has three alternatives with their reasons. Keys are timed one after another to the first whole frame
that shows all that they do: opening Review (from Browse and back, the first time included), each letter of
a filter, the next suggestion with its card, accepting, rejecting, taking back and putting back with the
card of the suggestion that is shown then, and the dialog for many at once over all that is undecided.
Beside it the same program over 1 000 suggestions, in the same run.

The bars are milliseconds (the 99th percentile of each kind, of the dialog the worst) and MB of memory
above that of an empty Textual app, with everything that the program holds beside: the catalog, its index,
the screens. Memory is looked at twice: after all of these keys, and where every suggestion is decided.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _screen import ESCAPES, Watched
from _terminal import CHECKOUT, Terminal, amx_tui_command, empty_home, judge, percentile

sys.path.insert(0, str(CHECKOUT))
from amx_tui.catalog.model import Target
from amx_tui.catalog.opening import open_database
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import (
    Alternative,
    Band,
    Batch,
    Confidence,
    Estimate,
    Plan,
    RunEnded,
    RunState,
    Suggestion,
)
from amx_tui.review.packing import pack_alternatives
from amx_tui.review.store import Store

P99_LIMIT_MS = 50.0
# The dialog for many is opened once in a hundred keys: it is held against the limit of the worst of them.
BULK_LIMIT_MS = 150.0
MEMORY_LIMIT_MB = 250.0
COLUMNS = 25  # a table
FEW = 1_000  # suggestions
KINDS = ("open", "filter", "next", "accept", "reject", "undo", "redo", "bulk")

EMPTY = """
import asyncio, sys
sys.path.insert(0, {here!r})
from _stalls import memory_mb
from textual.app import App

async def look():
    async with App().run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        print(memory_mb())

asyncio.run(look())
"""

# Out of these the texts are made: about as long as a model's, and as often alike.
_SENTENCE = (
    "company code fiscal year document number amount in local currency key for the vendor posting date "
    "of a line item that was cleared by another one and sent to accounting with tax code and plant"
)
WORDS = _SENTENCE.split()

_LISTED = re.compile(rb"(\d+) listed")
_TO_DO = re.compile(rb"(\d+) to do")
_CARD = re.compile(
    rb"\xe2\x95\xad\xe2\x94\x80 ([A-Z0-9_.]+) \xe2\x94\x80"
)  # the title in its border


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, under 20 seconds")
    quick = parser.parse_args().quick
    many, presses = (10_000, 12) if quick else (100_000, 60)
    print(f"Review of {many} suggestions, three alternatives each, and of {FEW}, at 140x40")
    few_seconds, few_mb = _look(FEW, presses)
    seconds, memory = _look(many, presses)
    decided_mb = _look_at_decided(many)
    with empty_home() as environ:
        here = str(Path(__file__).resolve().parent)
        empty = float(_python(EMPTY.format(here=here), environ))
    print(f"  ms, {many} suggestions ({FEW})        p50            p99          worst   keys")
    for kind in KINDS:
        shares = "".join(
            f"{percentile(seconds[kind], share) * 1000:8.1f} ({percentile(few_seconds[kind], share) * 1000:5.1f})"
            for share in (0.5, 0.99, 1.0)
        )
        print(f"    {kind:<28}{shares}{len(seconds[kind]):6}")
    print(
        f"  {memory:.0f} MB in all, {decided_mb:.0f} MB with all decided, {few_mb:.0f} MB with {FEW},"
        f" {empty:.0f} MB an empty Textual app"
    )
    met = [
        judge(f"review_{kind}_p99_ms", percentile(seconds[kind], 0.99) * 1000, P99_LIMIT_MS)
        for kind in KINDS
        if kind != "bulk"
    ]
    met.append(judge("review_bulk_worst_ms", max(seconds["bulk"]) * 1000, BULK_LIMIT_MS))
    met.append(judge("review_memory_mb", memory - empty, MEMORY_LIMIT_MB))
    met.append(judge("review_decided_memory_mb", decided_mb - empty, MEMORY_LIMIT_MB))
    return 0 if all(met) else 1


@dataclass
class Reviewed(Watched):
    """Review in a terminal, and what its last frames said of it."""

    card: str = ""  # whose it is
    listed: int = 0
    to_do: int = 0

    def look_at(self, frame: bytes) -> None:
        super().look_at(frame)
        plain = ESCAPES.sub(b"", frame)
        if found := _CARD.findall(plain):
            self.card = found[-1].decode()
        if found := _LISTED.findall(plain):
            self.listed = int(found[-1])
        if found := _TO_DO.findall(plain):
            self.to_do = int(found[-1])

    def is_at_another(self) -> Callable[[], bool]:
        """Whether the cursor is, and the card with it."""
        before = self.under_cursor
        return lambda: self.under_cursor != before and self.card == self.under_cursor

    def has_other_counts(self) -> Callable[[], bool]:
        before = self.to_do
        return lambda: self.to_do != before and self.card == self.under_cursor

    def lists_others(self) -> Callable[[], bool]:
        before = self.listed
        return lambda: self.listed != before


def _look(count: int, presses: int) -> tuple[dict[str, list[float]], float]:
    """Seconds of each kind of key, and the MB that the program has in memory after all of them."""
    with _large(count) as (command, environ), Terminal(command, environ) as terminal:
        seconds = _press(Reviewed(terminal), count, presses)
        return seconds, terminal.memory_mb()


def _look_at_decided(count: int) -> float:
    """The MB that the program has in memory where every suggestion was accepted earlier."""
    with _large(count, decided=True) as (command, environ), Terminal(command, environ) as terminal:
        screen = Reviewed(terminal)
        screen.wait_for(f"0/{count}")
        _rest(screen)
        screen.time_until(b"R", lambda: f"{count} accepted".encode() in screen.text_of_frame())
        for _ in range(20):
            screen.time_until(b"j", screen.is_at_another())
            screen.wait(0.03)
        _rest(screen)
        return terminal.memory_mb()


@contextlib.contextmanager
def _large(count: int, *, decided: bool = False) -> Iterator[tuple[list[str], dict[str, str]]]:
    """The command that opens a database of so many columns, each with a suggestion, and its environment."""
    with empty_home() as environ, tempfile.TemporaryDirectory(prefix="amx-bench-") as folder:
        database = Path(folder) / "large.db"
        targets = _make_database(database, count)
        _make_store(Path(environ["HOME"]) / ".amx" / "tui.db", database, targets, decided)
        yield [*amx_tui_command(), str(database)], environ


def _press(screen: Reviewed, count: int, presses: int) -> dict[str, list[float]]:
    chance = random.Random(11)
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    screen.wait_for(f"0/{count}")
    # Until all of it is read and nothing more is painted or worked at.
    _rest(screen)

    def press(kind: str, key: bytes, holds: Callable[[], bool]) -> None:
        seconds[kind].append(screen.time_until(key, holds))
        screen.wait(chance.uniform(0.02, 0.05))

    for _ in range(max(presses // 3, 4)):
        press("open", b"R", lambda: f"{count} suggestions".encode() in screen.text_of_frame())
        screen.wait(0.1)
        screen.time_until(b"B", lambda: b"described" in screen.frame)
        screen.wait(0.1)
    screen.terminal.press(b"R")
    screen.wait(0.5)
    for kind, key in (("next", b"j"), ("accept", b"a"), ("reject", b"r")):
        for _ in range(presses):
            press(kind, key, screen.is_at_another())
    for kind, key in (("undo", b"u"), ("redo", b"\x12"), ("undo", b"u")):
        for _ in range(presses):
            press(kind, key, screen.has_other_counts())
    while len(seconds["filter"]) < presses:
        screen.terminal.press(b"/")
        screen.wait(0.2)
        screen.listed = count
        # Each letter leaves some out, so that each frame can be told from the one before.
        for letter in b"17_":
            press("filter", bytes([letter]), screen.lists_others())
        screen.terminal.press(b"\x1b")
        screen.wait(0.3)
    screen.terminal.press(b"f")  # the first choice below "all" is what is to do
    screen.wait(0.5)
    screen.terminal.press(b"j\r")
    screen.wait(0.5)
    screen.terminal.press(b"\x1b")
    screen.wait(0.5)
    for _ in range(max(presses // 3, 4)):
        press("bulk", b"b", lambda: b"suggestions at once" in screen.text_of_frame())
        screen.wait(0.2)
        screen.terminal.press(b"\x1b")
        screen.wait(0.3)
    return seconds


def _rest(screen: Watched) -> None:
    """Until the program has used no processor for a second."""
    before = -1.0
    while (now := screen.terminal.processor_seconds()) - before > 0.1:
        before = now
        screen.wait(1.0)


def _python(code: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


# What is reviewed --------------------------------------------------------------------------------


def _make_database(path: Path, count: int) -> list[Target]:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    types = ("CHAR(4)", "INTEGER", "DECIMAL(13,2)", "TEXT", "DATE")
    targets = []
    with connection:
        for number in range(count // COLUMNS):
            table = f"T{number:05}"
            names = [f"F{number:05}_{at:03}" for at in range(COLUMNS)]
            columns = ", ".join(f"{name} {types[at % 5]}" for at, name in enumerate(names))
            connection.execute(f"CREATE TABLE {table} ({columns})")
            targets += [Target("main", table, name) for name in names]
    connection.close()
    return targets


def _make_store(path: Path, database: Path, targets: Sequence[Target], decided: bool) -> None:
    """As the program itself records a run, but without waiting for the disk each time."""
    connector = open_database(str(database))
    tables: dict[Target, list[Target]] = {}
    for target in targets:
        tables.setdefault(target.of_table, []).append(target)
    estimate = Estimate(100, 50, 0.01, 3.0)
    plan = Plan(
        database=connector.identity,
        scope=f"{len(targets)} columns",
        profile="kimi-thinking",
        provider="kimi",
        model="kimi-k2-thinking",
        effort="low",
        privacy=Privacy.SHAPES,
        batches=tuple(
            Batch(number, table, tuple(columns), (), estimate)
            for number, (table, columns) in enumerate(tables.items(), start=1)
        ),
    )
    connector.close()
    chance = random.Random(3)
    store = Store(path)
    now = time.time()
    run = store.start_run(plan, "large.db (sqlite)", now)
    store.record(run, RunEnded(RunState.FINISHED, now))
    store.close()
    connection = sqlite3.connect(path)
    with connection:  # at once: the program itself waits for the disk with each
        connection.executemany(
            "INSERT INTO suggestions (run, leg, batch, target, alternatives, at)"
            " SELECT ?, 1, ?, id, ?, ? FROM targets"
            " WHERE database = 1 AND schema_name = ? AND table_name = ? AND column_name = ?",
            (
                (
                    *(
                        run,
                        batch.number,
                        pack_alternatives(_suggestion(target, chance).alternatives),
                        now,
                    ),
                    *(target.schema, target.table, target.column),
                )
                for batch in plan.batches
                for target in batch.targets
            ),
        )
        if decided:
            connection.execute(
                "INSERT INTO decision_groups (database, state) VALUES (1, 'standing')"
            )
            connection.execute(
                "INSERT INTO decisions (grp, target, verdict, text, alternative, run, at)"
                " SELECT 1, target, 'accepted', alternatives ->> '$[0][0]', 0, run, at"
                " FROM suggestions"
            )
    connection.close()


def _suggestion(target: Target, chance: random.Random) -> Suggestion:
    def say(words: int) -> str:
        return " ".join(chance.choices(WORDS, k=words)).capitalize()

    bands = tuple(Band)
    return Suggestion(
        target,
        tuple(
            Alternative(say(13), Confidence(chance.choice(bands)), f"{target.column}: {say(6)}")
            for _ in range(3)
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
