"""How long a key takes to the frame that shows its effect while the demo streams, against the same keys
on the same screens when nothing streams.

The stream paints as well, so a frame that comes after a key proves nothing. A key counts as painted with
the first whole frame in which the cursor's bar lies on a row of another name: only keys move it. Half of
the presses go up and down the batches of Drafting, beside the reasoning that runs through, and half the
suggestions of Review, which come in meanwhile. The next key follows a random pause, so that keys meet
the stream at any moment. A run that ends before the keys do is followed by another one.

The bars are milliseconds, not ratios: the 99th percentile and the worst of the presses while it streams.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from _screen import ESCAPES, PATIENCE, Watched
from _terminal import Terminal, amx_tui_command, empty_home, judge, percentile

P99_LIMIT = 50.0
WORST_LIMIT = 150.0
# Times the pace of a real model. Above this the demo's whole database is drafted before the keys are
# pressed, and most of the time would be spent in starting new runs.
SPEED = 10
MOST_ROWS = 40  # that the cursor goes down before it comes up again: more than the screen has

_TOP_LINE = re.compile(rb"\x1b\[1;\d+H((?:(?!\x1b\[\d+;\d+H).)*)", re.DOTALL)
_DRAFTED = re.compile(r"drafting (\d+)/(\d+)")


@dataclass
class Demo(Watched):
    """The demo in a terminal, and what its last frames showed."""

    is_streaming: bool = False
    drafted: int = 0  # of the run that goes on
    arrived: int = 0  # of all runs

    def look_at(self, frame: bytes) -> None:
        super().look_at(frame)
        for line in _TOP_LINE.findall(frame):
            words = ESCAPES.sub(b"", line).decode(errors="replace")
            if "amx-tui" not in words:  # a frame ends with the terminal's own cursor going there
                continue
            said = _DRAFTED.search(words)
            self.is_streaming = said is not None
            if said is not None:
                drafted = int(said[1])
                self.arrived += max(drafted - self.drafted, 0)
                self.drafted = drafted

    def start_run(self) -> None:
        """From anywhere: all that lacks a description, drafted."""
        self.terminal.press(b"B")
        self.wait(0.3)
        self.terminal.press(b"m")
        self.wait(0.2)
        self.terminal.press(b"d")
        self.wait_for("word for word")
        self.terminal.press(b"\r")
        end = time.perf_counter() + PATIENCE
        while not self.is_streaming and time.perf_counter() < end:
            self.wait(0.05)


@dataclass
class Presses:
    """What one scene gave: seconds of each key."""

    seconds: list[float] = field(default_factory=list)
    restarts: int = 0


def press_keys(
    demo: Demo, room: bytes, count: int, rows: int, rng: random.Random, *, streams: bool
) -> Presses:
    """`count` keys in the list of a room: down `rows` rows and up again, over and over."""
    presses = Presses()
    _enter(demo, room)
    place, step = 0, 1
    for _ in range(count):
        if streams and not demo.is_streaming:
            demo.start_run()
            _enter(demo, room)
            presses.restarts += 1
            place = 0
        if place in (0, rows):
            step = 1 if place == 0 else -1
        presses.seconds.append(demo.time_key(b"j" if step > 0 else b"k"))
        place += step
        demo.wait(rng.uniform(0.015, 0.045))
    return presses


def _enter(demo: Demo, room: bytes) -> None:
    """Goes to a room, and to the top of its list."""
    demo.terminal.press(room)
    demo.wait(0.5)
    demo.terminal.press(b"g")
    demo.wait(0.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 keys, at most 15 seconds")
    parser.add_argument("--speed", type=float, default=SPEED, help="times a real model's pace")
    options = parser.parse_args()
    count = 50 if options.quick else 250
    rng = random.Random(7)
    command = [*amx_tui_command(), "demo", "--speed", f"{options.speed:g}"]
    print(f"key to paint, 140x40: {' '.join(command)}")
    with empty_home() as environ, Terminal(command, environ) as terminal:
        streaming, idle = _measure(Demo(terminal), count, rng)
    _print_distribution("streaming", streaming)
    _print_distribution("idle", idle)
    both = [*streaming["Drafting"].seconds, *streaming["Review"].seconds]
    still = [*idle["Drafting"].seconds, *idle["Review"].seconds]
    ratio = percentile(both, 0.99) / percentile(still, 0.99)
    print(f"  99th percentile, streaming against idle: {ratio:.2f}")
    met = [
        judge("key_p99_ms", percentile(both, 0.99) * 1000, P99_LIMIT),
        judge("key_worst_ms", max(both) * 1000, WORST_LIMIT),
    ]
    return 0 if all(met) else 1


def _measure(
    demo: Demo, count: int, rng: random.Random
) -> tuple[dict[str, Presses], dict[str, Presses]]:
    demo.wait_for("described ─")
    demo.wait(0.5)
    demo.start_run()
    frames, size, began = demo.frames, demo.size, time.perf_counter()
    streaming = {"Drafting": press_keys(demo, b"D", count, 20, rng, streams=True)}
    while demo.drafted < 3:
        demo.wait(0.1)
    arrived = demo.arrived
    rows = min(MOST_ROWS, demo.drafted - 1)
    streaming["Review"] = press_keys(demo, b"R", count, rows, rng, streams=True)
    took = time.perf_counter() - began
    print(
        f"  {(demo.frames - frames) / took:.0f} frames and {(demo.size - size) / took / 1000:.0f} kB"
        f" a second for {took:.0f} s; {demo.arrived - arrived} suggestions came during Review;"
        f" {sum(presses.restarts for presses in streaming.values())} further runs"
    )
    demo.terminal.press(b"D")
    demo.wait(0.3)
    demo.terminal.press(b"xy")
    end = time.perf_counter() + PATIENCE
    while demo.is_streaming and time.perf_counter() < end:
        demo.wait(0.1)
    some = min(count // 2, 50)
    idle = {
        "Drafting": press_keys(demo, b"D", some, 20, rng, streams=False),
        "Review": press_keys(demo, b"R", some, rows, rng, streams=False),
    }
    return streaming, idle


def _print_distribution(what: str, scenes: Mapping[str, Presses]) -> None:
    print(f"  {what}, ms              p50    p90    p99  worst  keys")
    everything: list[float] = []
    for room, presses in scenes.items():
        everything += presses.seconds
        print(f"    {room:<22}{_row(presses.seconds)}")
    print(f"    {'both':<22}{_row(everything)}")


def _row(seconds: Sequence[float]) -> str:
    shares = (0.5, 0.9, 0.99, 1.0)
    ranks = "".join(f"{percentile(seconds, share) * 1000:7.1f}" for share in shares)
    return f"{ranks}{len(seconds):6}"


if __name__ == "__main__":
    sys.exit(main())
