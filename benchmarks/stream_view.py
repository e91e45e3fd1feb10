"""What 200 kB of reasoning cost on the screen, in pieces of four characters, at full speed and at 20 kB a
second: the view of the panel against Textual's own Markdown stream, fed at 30 Hz with the same pieces.
Each in a process of its own in a real terminal, with nothing else on the screen but a line that counts
the keys pressed; they are pressed from outside, at random moments, and timed until the frame that has
counted them.

Measured are the CPU of the whole process, from the first piece to the last one on the screen, beyond
that of the same program which shows none of the pieces (giving the loop a turn after each of them is
what most of it costs); how late the event loop was at the worst; the keys; and the memory while five
megabytes run through the view, above the same program before the first piece. The bars of milliseconds
and megabytes are no ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from _stalls import Heart, memory_mb
from _terminal import CHECKOUT, Terminal, empty_home, judge, percentile

sys.path.insert(0, str(CHECKOUT))

PIECE = 4  # characters
SIZE = 200_000
LONG = 5_000_000
PACE = 20_000  # characters a second
# Characters a second of the five megabytes, and how many pieces of them come in one turn of the loop.
LONG_PACE, LONG_BURST = 1_000_000, 16
TIMES = 5  # at full speed

CPU_LIMIT = 0.1  # of the other side's
STALL_LIMIT = 60.0
P99_LIMIT = 50.0
WORST_LIMIT = 150.0
# MB above the program before the first piece, at the most; and how much of that comes after the third
# megabyte, when the view has as many lines as it keeps.
MEMORY_LIMIT = 24.0
GROWTH_LIMIT = 2.0

_PRESSED = re.compile(rb"pressed (\d+)")
_FRAME_END = b"\x1b[?2026l"
_SAID = (
    "BUKRS is probably the company code: samples have the shape 9999 and it references T001 ; then "
    "GJAHR the fiscal year, *perhaps*, `WRBTR` an amount in document currency (13,2), 会社コード, "
    "because the neighbouring columns MANDT, BELNR and BUZEI are the key of an accounting line"
)


def reasoning(size: int) -> Iterator[str]:
    """So many characters as models think: paragraphs of some sentences, in pieces."""
    rng = random.Random(7)
    words = _SAID.split()
    waiting, made = "", 0
    while made < size:
        paragraph = " ".join(rng.choice(words) for _ in range(rng.randrange(20, 160)))
        waiting += paragraph + "\n\n"
        while len(waiting) >= PIECE and made < size:
            yield waiting[:PIECE]
            waiting = waiting[PIECE:]
            made += PIECE


# Inside of the terminal. ---------------------------------------------------------------------------


def show(side: str, size: int, pace: int, burst: int, result: str) -> None:
    """The program that is looked at; writes one JSON object to the file `result`."""
    from textual import events
    from textual.app import App, ComposeResult
    from textual.containers import VerticalScroll
    from textual.widgets import Markdown

    from amx_tui.base.building import calm_collector
    from amx_tui.widgets.plain import Plain
    from amx_tui.widgets.stream_view import StreamView

    class Show(App[None]):
        CSS = "#keys { height: 1; } StreamView, VerticalScroll { height: 1fr; }"
        pressed_at = 0.0  # as the program's own app has it
        pressed = 0

        def compose(self) -> ComposeResult:
            yield Plain("ready", id="keys")
            if side != "Markdown":
                yield StreamView()
            else:
                with VerticalScroll():
                    yield Markdown()

        def on_mount(self) -> None:
            if side == "Markdown":
                self.query_one(VerticalScroll).anchor()
            self.run_worker(self.stream())

        async def on_event(self, event: events.Event) -> None:
            if isinstance(event, events.Key):
                self.pressed_at = time.monotonic()
            await super().on_event(event)

        def on_key(self) -> None:
            self.pressed += 1
            self.query_one("#keys", Plain).write(f"pressed {self.pressed}")

        async def stream(self) -> None:
            pieces = list(reasoning(size))
            await asyncio.sleep(0.5)  # the first paint is none of this
            calm_collector()  # as the program does after its own
            heart = Heart()
            beating = asyncio.create_task(heart.beat())
            memory = [memory_mb()]
            began, used = time.perf_counter(), time.process_time()
            feed = self.feed_markdown if side == "Markdown" else self.feed_own
            await feed(pieces, began, memory)
            took, used = time.perf_counter() - began, time.process_time() - used
            await asyncio.sleep(0.05)  # the last beat
            beating.cancel()
            memory.append(memory_mb())
            told = {
                "seconds": took,
                "cpu": used,
                "stall_ms": max(late for late, _ in heart.late) * 1000,
                "memory_mb": memory,
            }
            tell(told)
            await asyncio.sleep(0.2)  # a key that is on its way is none of the end
            self.exit()

        async def feed_own(self, pieces: list[str], began: float, memory: list[float]) -> None:
            view = self.query_one(StreamView)
            for place, piece in enumerate(pieces, 1):
                if side == "own":
                    view.append(piece)
                if place % burst == 0:
                    await self.turn(place, began)
                if place * PIECE % 1_000_000 == 0:
                    memory.append(memory_mb())
            view.catch_up()
            await self.painted()

        async def feed_markdown(self, pieces: list[str], began: float, _: list[float]) -> None:
            stream = Markdown.get_stream(self.query_one(Markdown))
            waiting: list[str] = []
            due = began
            for place, piece in enumerate(pieces, 1):
                waiting.append(piece)
                if time.perf_counter() >= due:
                    due = time.perf_counter() + 1 / 30
                    await stream.write("".join(waiting))
                    waiting.clear()
                await self.turn(place, began)
            await stream.write("".join(waiting))
            await stream.stop()
            await self.painted()

        async def turn(self, place: int, began: float) -> None:
            """Lets everybody else have theirs, as long as the pace says."""
            late = time.perf_counter() - began - place * PIECE / pace if pace else 0.0
            await asyncio.sleep(max(-late, 0.0))

        async def painted(self) -> None:
            done = asyncio.Event()
            self.call_after_refresh(done.set)
            await done.wait()

    def tell(told: object) -> None:
        Path(f"{result}.part").write_text(json.dumps(told))
        Path(f"{result}.part").replace(result)

    Show().run()


# Outside of it. ------------------------------------------------------------------------------------


@dataclass
class Seen:
    """What one showing gave: seconds of wall and CPU, milliseconds, MB at the start, after each megabyte
    and at the end, and the seconds of each key."""

    seconds: float
    cpu: float
    stall_ms: float
    memory_mb: list[float]
    keys: list[float] = field(default_factory=list)


def watch(side: str, size: int, rng: random.Random, *, pace: int = 0, burst: int = 1) -> Seen:
    with tempfile.TemporaryDirectory(prefix="amx-bench-") as folder, empty_home() as environ:
        result = Path(folder) / "result.json"
        numbers = [str(number) for number in (size, pace, burst)]
        command = [sys.executable, __file__, "--show", side, *numbers, str(result)]
        environ["PYTHONPATH"] = ":".join(sys.path[1:])
        with Terminal(command, environ) as terminal:
            terminal.paints_of(lambda text: "ready" in text)
            time.sleep(0.6)
            keys = _press_keys(terminal, result, rng)
        seen = json.loads(result.read_text())
    return Seen(**seen, keys=keys)


def _press_keys(terminal: Terminal, result: Path, rng: random.Random) -> list[float]:
    """Seconds from each key to the frame that counts it, as long as it streams."""
    keys: list[float] = []
    unfinished = b""
    while True:
        pressed = terminal.press(b"j")
        counted = 0
        while counted <= len(keys):
            if result.exists():  # what was pressed last was none of this
                return keys
            piece = terminal.next_piece(0.02)
            if piece is None:
                continue
            *whole, unfinished = (unfinished + piece.data).split(_FRAME_END)
            found = [int(number) for frame in whole for number in _PRESSED.findall(frame)]
            counted = max(found, default=0)
        keys.append(piece.at - pressed)
        pause = time.perf_counter() + rng.uniform(0.02, 0.06)
        while (left := pause - time.perf_counter()) > 0 and not result.exists():
            if (piece := terminal.next_piece(min(left, 0.02))) is not None:
                unfinished = (unfinished + piece.data).rsplit(_FRAME_END, 1)[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of it, under 20 seconds")
    parser.add_argument("--show", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.show:
        side, size, pace, burst, result = options.show
        show(side, int(size), int(pace), int(burst), result)
        return 0
    rng = random.Random(7)
    slow_size, long_size = (50_000, 4_000_000) if options.quick else (SIZE, LONG)
    print(f"{SIZE // 1000} kB in pieces of {PIECE} characters, 140x40")
    print("                        wall s   CPU s  stall ms   keys: p99 ms  worst ms  number")
    # In turns, and of each the middle one: what is told apart is some hundredths of a second.
    fast: dict[str, list[Seen]] = {"nothing": [], "own": [], "Markdown": []}
    for _ in range(1 if options.quick else TIMES):
        for side, seen in fast.items():
            seen.append(watch(side, SIZE, rng))
    nothing, own, markdown = (
        sorted(seen, key=lambda one: one.cpu)[len(seen) // 2] for seen in fast.values()
    )
    for side, one in zip(fast, (nothing, own, markdown), strict=True):
        _row(f"{side}, full speed", one)
    slow = watch("own", slow_size, rng, pace=PACE)
    _row(f"own, {PACE // 1000} kB/s", slow)
    if not options.quick:
        _row(f"Markdown, {PACE // 1000} kB/s", watch("Markdown", slow_size, rng, pace=PACE))
    long = watch("own", long_size, rng, pace=LONG_PACE, burst=LONG_BURST)
    _row(f"own, {long_size // 1_000_000} MB at 1 MB/s", long)
    first, *later = long.memory_mb
    above = [megabytes - first for megabytes in later]
    said = ", ".join(f"{one:.1f}" for one in above)
    print(f"  MB above the start, after each of them and at the end: {said}")
    print(f"  CPU with the pieces' own share: {own.cpu / markdown.cpu:.2f} of Markdown's")
    mine = [*fast["own"], slow, long]
    keys = [seconds for seen in mine for seconds in seen.keys]
    met = [
        judge("stream_view_cpu", (own.cpu - nothing.cpu) / (markdown.cpu - nothing.cpu), CPU_LIMIT),
        judge("stream_view_stall_ms", max(seen.stall_ms for seen in mine), STALL_LIMIT),
        judge("stream_view_key_p99_ms", percentile(keys, 0.99) * 1000, P99_LIMIT),
        judge("stream_view_key_worst_ms", max(keys) * 1000, WORST_LIMIT),
        judge("stream_view_memory_mb", max(above), MEMORY_LIMIT),
        judge("stream_view_growth_mb", above[-2] - above[2], GROWTH_LIMIT),
    ]
    return 0 if all(met) else 1


def _row(name: str, seen: Seen) -> None:
    p99, worst = (
        (percentile(seen.keys, 0.99) * 1000, max(seen.keys) * 1000) if seen.keys else (0.0, 0.0)
    )
    print(
        f"  {name:20}{seen.seconds:9.2f}{seen.cpu:8.2f}{seen.stall_ms:10.1f}"
        f"{p99:15.1f}{worst:10.1f}{len(seen.keys):8}"
    )


if __name__ == "__main__":
    sys.exit(main())
