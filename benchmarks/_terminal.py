"""A terminal of a fixed size for the benchmarks: starts a program in a pty, answers what a terminal
answers, and keeps each piece of output with the moment at which it could be read. It knows nothing of
what is measured."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import queue
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

# What Textual asks at its start, and what a modern terminal says: synchronised output is there and
# off, resizing is told by a signal. Nobody waits for these answers, but they change what is sent.
_ANSWERS = {b"\x1b[?2026$p": b"\x1b[?2026;2$y", b"\x1b[?2048$p": b"\x1b[?2048;0$y"}
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")


def amx_tui_command() -> list[str]:
    """The `amx-tui` of the environment that runs this, else the checkout's module."""
    script = Path(sys.executable).with_name("amx-tui")
    return [str(script)] if script.exists() else [sys.executable, "-m", "amx_tui"]


@contextlib.contextmanager
def empty_home() -> Iterator[dict[str, str]]:
    """The environment of a newcomer, whose home vanishes afterwards: nothing of the person's own
    settings is read or written."""
    with tempfile.TemporaryDirectory(prefix="amx-bench-") as home:
        kept = ("PATH", "VIRTUAL_ENV", "TMPDIR", "SYSTEMROOT")
        yield {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": home,
            "XDG_CACHE_HOME": f"{home}/.cache",
            "PYTHONPATH": str(CHECKOUT),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        }


@dataclass
class Piece:
    """Output, and when it could be read (seconds of `time.perf_counter`)."""

    at: float
    data: bytes


@dataclass
class Terminal:
    """One program in a pty, from `__enter__` to `__exit__`, which kills it."""

    command: Sequence[str]
    environ: Mapping[str, str]
    columns: int = 140
    lines: int = 40
    started: float = field(init=False)
    pieces: list[Piece] = field(init=False, default_factory=list)
    _arrived: queue.SimpleQueue[Piece | None] = field(init=False, default_factory=queue.SimpleQueue)

    def __enter__(self) -> Terminal:
        size = struct.pack("HHHH", self.lines, self.columns, 0, 0)
        self.started = time.perf_counter()
        self._pid, self._master = pty.fork()
        if self._pid == 0:  # the program's side
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, size)
                os.execvpe(self.command[0], list(self.command), dict(self.environ))
            finally:
                os._exit(127)
        # In a thread of its own, so that a piece that comes while another is looked at is not dated
        # late. What is looked at is Python, and lets go of the interpreter only so often.
        sys.setswitchinterval(0.0005)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                select.select([self._master], [], [])
                data = os.read(self._master, 1 << 16)
            except OSError:  # Linux's way to say that nobody holds the other side any more
                data = b""
            if not data:
                self._arrived.put(None)
                return
            self._arrived.put(Piece(time.perf_counter(), data))
            for question, answer in _ANSWERS.items():
                if question in data:
                    os.write(self._master, answer)

    def press(self, keys: bytes) -> float:
        """Writes keys as a keyboard would; returns when, in seconds of `time.perf_counter`."""
        at = time.perf_counter()
        os.write(self._master, keys)
        return at

    def next_piece(self, seconds: float) -> Piece | None:
        """The next output, None where `seconds` pass without any.

        Raises:
            SystemExit: the program has ended; its last words are shown.
        """
        try:
            piece = self._arrived.get(timeout=max(seconds, 0))
        except queue.Empty:
            return None
        if piece is None:
            sys.exit(f"{' '.join(self.command)} has ended:\n{self.text()[-2000:]}")
        self.pieces.append(piece)
        return piece

    def text(self) -> str:
        """All output so far without its escape sequences."""
        joined = b"".join(piece.data for piece in self.pieces)
        return _ESCAPES.sub(b"", joined).decode(errors="replace")

    def memory_mb(self) -> float:
        """What the program has in memory now."""
        pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def processor_seconds(self) -> float:
        """What the program has used of the processor so far."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def paints_of(self, *wanted: Callable[[str], bool]) -> list[float]:
        """For each condition on the text of the output, the seconds from the start to the first piece
        with which it holds. The pieces are looked at when all have come, so looking delays nothing.

        Raises:
            SystemExit: after half a minute.
        """
        deadline = self.started + 30
        while not all(condition(self.text()) for condition in wanted):
            if time.perf_counter() > deadline:
                sys.exit(f"{' '.join(self.command)} did not paint:\n{self.text()[-2000:]}")
            self.next_piece(0.5)
        return [self._first(condition) for condition in wanted]

    def _first(self, condition: Callable[[str], bool]) -> float:
        output = b""
        for piece in self.pieces:
            output += piece.data
            if condition(_ESCAPES.sub(b"", output).decode(errors="replace")):
                return piece.at - self.started
        raise AssertionError("it held a moment ago")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all do not exceed."""
    ranked = sorted(values)
    return ranked[min(max(-(-int(share * 1e6) * len(ranked) // 10**6), 1), len(ranked)) - 1]


def in_words(seconds: Sequence[float]) -> str:
    """Median and spread, in milliseconds."""
    low, high = min(seconds) * 1000, max(seconds) * 1000
    middle = statistics.median(seconds) * 1000
    return f"median {middle:6.1f} ms   {low:6.1f} to {high:6.1f} ms   {len(seconds)} runs"


def judge(name: str, value: float, limit: float, *, at_most: bool = True) -> bool:
    """Prints the line of a bar and says whether it is met."""
    print(f"bar {name} ratio {value:.2f} limit {limit:.2f} at {'most' if at_most else 'least'}")
    return value <= limit if at_most else value >= limit
