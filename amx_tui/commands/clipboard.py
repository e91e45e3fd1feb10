"""Takes a text out of the program where the terminal may not: OSC 52 is answered by nobody, so that the
system's own command is asked as well, and where there is none the text goes into a file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.base.text import one_line
from amx_tui.config.folders import shown_path

# The command that puts its input on the clipboard, and the variable without which it reaches none.
_COMMANDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("pbcopy",), ""),
    (("wl-copy",), "WAYLAND_DISPLAY"),
    (("xclip", "-selection", "clipboard"), "DISPLAY"),
    (("xsel", "--clipboard", "--input"), "DISPLAY"),
    (("clip.exe",), ""),
)
_PATIENCE = 2.0  # seconds


def copy_elsewhere(text: str, environ: Mapping[str, str], path: Path) -> str:
    """Copies `text` by the first command that takes it, else writes it to `path`; says which, for people.
    Blocking: call it in a worker thread."""
    for command, needs in _COMMANDS:
        found = shutil.which(command[0], path=environ.get("PATH", ""))
        if found is None or (needs and not environ.get(needs)):
            continue
        try:
            done = subprocess.run(
                [found, *command[1:]],
                input=text.encode(),
                env=dict(environ),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return f"to the clipboard by {command[0]}"
    try:
        write_atomic(path, text + "\n")
    except OSError as error:
        reason = one_line(error.strerror or str(error), 100)
        return f"nowhere else: no clipboard command, and {shown_path(path)} cannot be written ({reason})"
    return f"into {shown_path(path)}, as there is no clipboard command"
