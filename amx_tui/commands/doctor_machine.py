"""What the doctor finds in the terminal, the environment and the installation. It asks no host; where
it asks tmux, it blocks: call it in a thread."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata

from amx_tui import __version__
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.model import Check, State, check_of

# The smaller of the two sizes that every screen is made for.
LEAST_COLUMNS, LEAST_ROWS = 80, 24
# tmux holds esc back for so long; Textual waits 100 ms by itself (its ESCDELAY). Milliseconds.
_LONGEST_ESCAPE = 100
_TMUX_SECONDS = 2.0
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
# Terminals that ignore OSC 52, by the variable by which they can be told.
_WITHOUT_CLIPBOARD = (
    ("TERM_PROGRAM", "Apple_Terminal", "Terminal.app"),
    ("VTE_VERSION", "", "GNOME's terminals"),
)

# What a pip extra brings, and what for; the first of its packages tells whether it is there.
_DRIVERS = (
    ("psycopg", "postgresql", "PostgreSQL"),
    ("duckdb", "duckdb", "DuckDB"),
    ("pymysql", "mysql", "MySQL and MariaDB"),
    ("sqlalchemy", "sql", "all other databases, to read only"),
)
_LIBRARIES = ("textual", "httpx", "keyring", "PyYAML", "platformdirs", "filelock")


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where the program is, or would be, shown. `columns` is 0 where it is no terminal; `environ` are
    the variables by which programs tell what it can do."""

    columns: int
    rows: int
    encoding: str
    environ: Mapping[str, str] = field(repr=False)
    has_colour: bool = True  # NO_COLOR is not set

    @property
    def is_terminal(self) -> bool:
        return self.columns > 0


def find_terminal(environ: Mapping[str, str]) -> Terminal:
    """The terminal of this process, if it has one."""
    import os

    columns = rows = 0
    # Textual draws on the standard error stream; a report may go through a pipe meanwhile.
    for stream in (sys.__stderr__, sys.__stdout__, sys.__stdin__):
        try:
            if stream is not None and stream.isatty():
                columns, rows = os.get_terminal_size(stream.fileno())
                break
        except (OSError, ValueError):
            continue
    return terminal_of(columns, rows, environ, has_colour=not environ.get("NO_COLOR"))


def terminal_of(
    columns: int, rows: int, environ: Mapping[str, str], *, has_colour: bool
) -> Terminal:
    """A terminal of that size, in the locale of this process."""
    import locale

    return Terminal(columns, rows, locale.getpreferredencoding(False), environ, has_colour)


def check_terminal(terminal: Terminal) -> Iterator[Check]:
    """Colours, size, characters, tmux, and whether what is copied arrives."""
    environ = terminal.environ
    term = environ.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        yield Check(
            "terminal",
            State.FAILED if terminal.is_terminal else State.SKIPPED,
            f"TERM is {term or 'not set'}: such a terminal has no screen to draw on",
            "Start amx-tui in another terminal, or: export TERM=xterm-256color",
        )
    else:
        program = environ.get("TERM_PROGRAM", "")
        named = f", {one_line(program, 40)}" if program else ""
        yield Check("terminal", State.OK, f"TERM is {one_line(term, 40)}{named}")
    yield _check_colours(environ, terminal, term)
    yield _check_size(terminal)
    yield _check_characters(terminal)
    set_clipboard = None
    if environ.get("TMUX"):
        yield _check_tmux(environ)
        set_clipboard = _ask_tmux(environ, "show-options", "-s", "-v", "set-clipboard")
    yield _check_clipboard(environ, set_clipboard)


def _check_colours(environ: Mapping[str, str], terminal: Terminal, term: str) -> Check:
    if not terminal.has_colour:
        return Check("colours", State.OK, "NO_COLOR is set: shades of grey, every state has a word")
    colorterm = environ.get("COLORTERM", "").strip().lower()
    if colorterm in ("truecolor", "24bit"):
        return Check("colours", State.OK, f"16 million (COLORTERM is {colorterm})")
    count = "256" if "256color" in term else "16"
    return Check(
        "colours",
        State.OK,
        f"{count} (COLORTERM is {one_line(colorterm, 20) or 'not set'})",
        "If the terminal has more: export COLORTERM=truecolor",
    )


def _check_size(terminal: Terminal) -> Check:
    if not terminal.is_terminal:
        return Check("size", State.SKIPPED, "this is a pipe and no terminal")
    words = f"{terminal.columns} columns, {terminal.rows} rows"
    if terminal.columns >= LEAST_COLUMNS and terminal.rows >= LEAST_ROWS:
        return Check("size", State.OK, words)
    return Check(
        "size",
        State.WARNING,
        words,
        f"Make the window at least {LEAST_COLUMNS} by {LEAST_ROWS}, or its letters smaller",
        why="It works, and shows less than it could",
    )


def _check_characters(terminal: Terminal) -> Check:
    encoding = terminal.encoding.upper().replace("_", "-")
    if encoding in ("UTF-8", "UTF8"):
        return Check("characters", State.OK, "UTF-8")
    return Check(
        "characters",
        State.FAILED,
        f"the locale's encoding is {one_line(terminal.encoding, 40)}",
        "Type: export LC_ALL=C.UTF-8",
        why="Signs, lines and names in other scripts cannot be shown",
    )


def _check_tmux(environ: Mapping[str, str]) -> Check:
    version = one_line(_ask_tmux(environ, "-V"), 40)
    escape = _ask_tmux(environ, "show-options", "-s", "-v", "escape-time")
    if not (version and escape.isascii() and escape.isdigit()):
        return Check("tmux", State.WARNING, "TMUX is set, and tmux does not answer")
    words = f"{version}: escape-time is {escape} ms"
    if int(escape) <= _LONGEST_ESCAPE:
        return Check("tmux", State.OK, words)
    return Check(
        "tmux",
        State.WARNING,
        words,
        "Type: tmux set -s escape-time 25; and put set -s escape-time 25 into ~/.tmux.conf",
        why="It holds esc back for so long",
    )


def _ask_tmux(environ: Mapping[str, str], *words: str) -> str:
    program = shutil.which("tmux", path=environ.get("PATH"))
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *words],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TMUX_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _check_clipboard(environ: Mapping[str, str], tmux: str | None) -> Check:
    """What is copied goes to the terminal as OSC 52, which some do not hand on."""
    mouse = "Hold shift (on a Mac: option or fn) and select with the mouse, then copy as usual"
    if tmux is not None and tmux != "on":
        return Check(
            "clipboard",
            State.WARNING,
            f"tmux drops what is copied: its set-clipboard is {one_line(tmux, 20) or 'unknown'}",
            "Type: tmux set -s set-clipboard on; and put set -s set-clipboard on into ~/.tmux.conf",
            why="With external, tmux takes nothing from the programs that run in it",
        )
    if environ.get("STY"):
        return Check("clipboard", State.WARNING, "GNU screen drops what is copied", mouse)
    for variable, value, title in _WITHOUT_CLIPBOARD:
        given = environ.get(variable)
        if given and value in ("", given):
            why = "It is sent as OSC 52, which not every terminal takes"
            words = f"{title} mostly take nothing that a program copies"
            return Check("clipboard", State.WARNING, words, mouse, why=why)
    return Check("clipboard", State.OK, "what is copied is sent to the terminal (OSC 52)")


def check_network(environ: Mapping[str, str]) -> Iterator[Check]:
    """Proxies, certificates and the other variables that a request obeys. No host is asked."""
    from amx_tui.config.settings import read_settings
    from amx_tui.llm.network import open_http
    from amx_tui.llm.providers import shown_base

    bundle, is_known = None, False
    try:
        settings = read_settings(environ)
        bundle, is_known = settings.ca_bundle, True
    except Problem as problem:
        yield check_of("variables", problem)
    else:
        told = (
            ("AMX_LLM_TIMEOUT_SEC", f"a silence of {settings.timeout_seconds:g} s"),
            ("AMX_LLM_MIN_MAX_TOKENS", f"at least {settings.min_max_tokens} tokens of output"),
            ("AMX_REASONING_EFFORT", f"effort {settings.reasoning_effort}"),
        )
        given = ", ".join(words for name, words in told if environ.get(name, "").strip())
        yield Check("variables", State.OK, given or "no AMX_ variable changes a request")
    proxies = []
    for name in _PROXIES:
        for spelling in (name, name.lower()):
            if value := environ.get(spelling, "").strip():
                proxies.append(f"{spelling} {one_line(shown_base(value), 80)}")
    if not_for := environ.get("NO_PROXY") or environ.get("no_proxy"):
        proxies.append(f"not for {one_line(not_for, 80)}")
    # httpx reads the variables of the process itself.
    try:
        open_http(None)
    except Problem as problem:
        yield check_of("proxy", problem)
    else:
        yield Check("proxy", State.OK, ", ".join(proxies) or "none")
    if not is_known:
        return  # told by the variables
    if bundle is None:
        # httpx looks at these where nothing else is said.
        own = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)]
        words = f"those of {own[0]}, {one_line(environ[own[0]], 120)}" if own else "the usual ones"
        yield Check("certificates", State.OK, words)
        return
    try:
        open_http(bundle)
    except Problem as problem:
        yield check_of("certificates", problem)
    else:
        words = f"those of AMX_CA_BUNDLE, {one_line(bundle, 120)}"
        yield Check("certificates", State.OK, words)


def check_versions() -> Iterator[Check]:
    """What is installed, and how to install what is missing."""
    import sqlite3

    yield Check("amx-tui", State.OK, __version__)
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Check("Python", State.OK, one_line(python, 80))
    for name in _LIBRARIES:
        version = _version(name)
        if version:
            yield Check(name, State.OK, version)
        else:
            yield Check(name, State.FAILED, "missing", _install("amx-tui"))
    yield Check("SQLite", State.OK, sqlite3.sqlite_version)
    for name, extra, what_for in _DRIVERS:
        version = _version(name)
        if version:
            yield Check(name, State.OK, f"{version}, for {what_for}")
        else:
            words = f"not installed; it is for {what_for}"
            yield Check(name, State.SKIPPED, words, _install(f"amx-tui[{extra}]"))


def _version(name: str) -> str:
    try:
        return one_line(metadata.version(name), 40)
    except metadata.PackageNotFoundError:
        return ""


def _install(wanted: str) -> str:
    """The command that installs `wanted` where this program is."""
    place = sys.prefix.replace("\\", "/")
    if re.search(r"/pipx/venvs/", place):
        return f"Type: pipx install --force '{wanted}'"
    if re.search(r"/uv/tools/", place):
        return f"Type: uv tool install --force '{wanted}'"
    return f"Type: python -m pip install '{wanted}'"
