"""A real terminal for a program: a tmux server of its own, keys in, screens out.

Nothing here waits for time to pass: whoever drives it waits for what should stand on the screen.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

# Textual's key names are not tmux's.
_KEYS = {
    "enter": "Enter",
    "escape": "Escape",
    "space": "Space",
    "tab": "Tab",
    "shift+tab": "BTab",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "home": "Home",
    "end": "End",
    "pageup": "PageUp",
    "pagedown": "PageDown",
    "backspace": "BSpace",
    "delete": "DC",
    **{f"f{number}": f"F{number}" for number in range(1, 6)},
}
_SETTINGS = """\
set -g default-terminal tmux-256color
set -g status off
set -s escape-time 0
set -g allow-rename off
"""
# Runs the program under a shell that stays and writes down how it ended (tmux itself sometimes never
# notices): $1 is the folder of the terminal, the rest is the program.
_RUN = """\
folder=$1; shift
read -r _ <"$folder/gate"
/bin/sh -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" "$@"
echo $? >"$folder/new-status"; mv "$folder/new-status" "$folder/status"
exec sleep 86400
"""
# How long a screen may take; a busy machine is slow, a broken program never gets there.
PATIENCE = 20.0
_POLL = 0.03
# Escape is told from the beginning of another key by the silence after it; Textual waits 100 ms.
_ESCAPE_SECONDS = 0.15
# Textual gives a new screen the focus shortly after it drew it; no person is quicker than that.
_REACTION_SECONDS = 0.06


class ScreenTimeout(AssertionError):
    """What was waited for did not appear; the message holds the screen."""


class Terminal:
    """One program at a time in a terminal of its own; ended, with its program, by `close`.

    Every screen that was looked at is in `seen`, and everything that was ever drawn in
    `drawn()`, as the bytes that the program wrote.
    """

    def __init__(self) -> None:
        # tmux's socket must have a short path.
        self._folder = Path(tempfile.mkdtemp(prefix="amx-terminal-"))
        self._config = self._folder / "tmux.conf"
        self._log = self._folder / "drawn"
        self._log.touch()
        self.seen: list[str] = []
        self._starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        """Runs `command` in a fresh terminal of `size` columns and lines, in place of the one before.
        `env` is added to the present environment."""
        self._end_server()
        self._starts += 1
        for name in ("pid", "status", "gate"):
            (self._folder / name).unlink(missing_ok=True)
        # What writes down all that is drawn must be there before the program draws.
        os.mkfifo(self._folder / "gate")
        self._config.write_text(_SETTINGS)
        width, height = size
        self._tmux(
            "new-session", "-d", "-x", str(width), "-y", str(height),
            "-c", str(cwd or Path.cwd()),
            "--", "/bin/sh", "-c", _RUN, "sh", str(self._folder), *command,
            env=env,
        )  # fmt: skip
        self._tmux("pipe-pane", f"cat >> {shlex.quote(str(self._log))}")
        with (self._folder / "gate").open("w") as opened:
            opened.write("\n")

    # In. -----------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Keys by Textual's names, such as `ctrl+s` or `escape`; a letter is itself."""
        time.sleep(_REACTION_SECONDS)
        for key in keys:
            if key.startswith("ctrl+"):
                self._tmux("send-keys", f"C-{key.removeprefix('ctrl+')}")
            elif key in _KEYS:
                self._tmux("send-keys", _KEYS[key])
                if key == "escape":
                    time.sleep(_ESCAPE_SECONDS)
            else:
                self._tmux("send-keys", "-l", "--", key)

    def type(self, text: str) -> None:
        time.sleep(_REACTION_SECONDS)
        self._tmux("send-keys", "-l", "--", text)

    def paste(self, text: str) -> None:
        """As a terminal hands over what was copied elsewhere: in brackets, not key by key."""
        self._tmux("set-buffer", "--", text)
        self._tmux("paste-buffer", "-p", "-d")

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def kill9(self) -> None:
        """Ends the program's own process with SIGKILL, and waits until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait_until_ended()

    # Out. ----------------------------------------------------------------------------------------

    def screen(self, *, colours: bool = False) -> str:
        """What stands there now, line by line, without trailing spaces; with escape codes if wanted."""
        text = self._tmux("capture-pane", "-p", *(["-e"] if colours else []))
        if not colours:
            text = "\n".join(line.rstrip() for line in text.split("\n"))
            if not self.seen or self.seen[-1] != text:
                self.seen.append(text)
        return text

    def wait_for(
        self, *wanted: str | re.Pattern[str] | Callable[[str], object], timeout: float = PATIENCE
    ) -> str:
        """Waits until all of `wanted` hold for one screen, and returns that screen. A text may be
        broken into two lines on the screen."""
        deadline = time.monotonic() + timeout
        while True:
            screen = self.screen()
            missing = [one for one in wanted if not _holds(one, screen)]
            if not missing:
                return screen
            if time.monotonic() > deadline or self.has_ended:
                # What was drawn last may have come after the look at it.
                screen = self.screen()
                missing = [one for one in wanted if not _holds(one, screen)]
                if not missing:
                    return screen
                state = f"ended with {self.exit_status}" if self.has_ended else "still running"
                raise ScreenTimeout(
                    f"waited in vain for {missing!r} ({state}); the screen:\n{_framed(screen)}"
                )
            time.sleep(_POLL)

    def wait_for_field(
        self, text: str = "", *, without: str = "", timeout: float = PATIENCE
    ) -> None:
        """Waits until a text field has the focus, the one by which `text` stands (and `without`
        does not): what is typed before that goes elsewhere."""

        def is_there(screen: str) -> bool:
            line, column = map(int, self._ask("#{cursor_y}/#{cursor_x}").split("/"))
            # Textual does not move the terminal's cursor when only the layout above it changed.
            rows = screen.split("\n")[max(line - 1, 0) : line + 2]
            near = "\n".join(rows)
            return column > 0 and text in near and not (without and without in near)

        self.wait_for(is_there, timeout=timeout)

    def fill(self, text: str, *, instead_of: str = "") -> None:
        """Puts `text` into the field with the focus. Textual handles typed text before a shortcut that
        came just before it, so each step is waited for."""
        self.wait_for_field(instead_of)
        if instead_of:
            self.press("ctrl+u")
            self.wait_for_field(without=instead_of)
        self.type(text)
        self.wait_for(text)

    def wait_until_gone(self, text: str, timeout: float = PATIENCE) -> str:
        return self.wait_for(lambda screen: text not in joined(screen), timeout=timeout)

    def wait_until_ended(self, timeout: float = PATIENCE) -> int:
        """Waits for the program's end and returns its exit status; -9 where it was killed."""
        deadline = time.monotonic() + timeout
        while not self.has_ended:
            if time.monotonic() > deadline:
                raise ScreenTimeout(
                    f"the program did not end; the screen:\n{_framed(self.screen())}"
                )
            time.sleep(_POLL)
        return self.exit_status or 0

    @property
    def pid(self) -> int:
        """The program's own process."""
        return int((self._folder / "pid").read_text())

    @property
    def has_ended(self) -> bool:
        return self.exit_status is not None

    @property
    def exit_status(self) -> int | None:
        """None while it runs; the negative number of the signal where one ended it."""
        try:
            status = int((self._folder / "status").read_text())
        except FileNotFoundError:
            return None
        return 128 - status if status > 128 else status

    def drawn(self) -> bytes:
        """Everything that was drawn in this terminal since the first start."""
        return self._log.read_bytes()

    # tmux. ---------------------------------------------------------------------------------------

    def close(self) -> None:
        self._end_server()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end_server(self) -> None:
        subprocess.run(
            self._command("kill-server"), env=self._environment(), capture_output=True, check=False
        )

    def _command(self, *words: str) -> list[str]:
        # A server of its own for each start: one that is ending would take the next one with it.
        socket = self._folder / f"tmux-{self._starts}"
        return ["tmux", "-S", str(socket), "-f", str(self._config), *words]

    def _environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        # A terminal has a size of its own, whatever was exported where pytest runs.
        inherited = {k: v for k, v in os.environ.items() if k not in ("LINES", "COLUMNS", "TMUX")}
        return inherited | dict(more or {})

    def _ask(self, format: str) -> str:
        return self._tmux("display-message", "-p", format).strip()

    def _tmux(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            self._command(*words),
            env=self._environment(env),
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"tmux {words[0]}: {done.stderr.strip()}")
        return done.stdout


def box(screen: str, title: str) -> list[str]:
    """The lines inside the frame whose title begins with `title`; none where there is no such frame."""
    rows = screen.split("\n")
    for place, row in enumerate(rows):
        found = re.search(rf"[╭┌]─ {re.escape(title)}[^╭┌]*?[╮┐]", row)
        if found is not None:
            inside: list[str] = []
            for line in rows[place + 1 :]:
                part = line[found.start() : found.end()]
                if not part or part[0] in "╰└":
                    return inside
                inside.append(part[1:-1].strip())
    return []


def joined(screen: str) -> str:
    """The words of a screen in one line, without frames, so that a broken sentence is found whole."""
    return " ".join(re.sub(r"[│╭╮╰╯─━┃▌▐█▎▊▔▁]", " ", screen).split())


def _holds(wanted: str | re.Pattern[str] | Callable[[str], object], screen: str) -> bool:
    if isinstance(wanted, str):
        return wanted in screen or " ".join(wanted.split()) in joined(screen)
    if isinstance(wanted, re.Pattern):
        return bool(wanted.search(screen) or wanted.search(joined(screen)))
    return bool(wanted(screen))


def _framed(screen: str) -> str:
    return "\n".join(f"  ▏{line}" for line in screen.split("\n"))
