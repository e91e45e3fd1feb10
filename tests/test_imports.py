"""What is imported, and when: each in an interpreter of its own, as a person's shell starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
BELOW_THE_SCREENS = (
    "base",
    "config",
    "catalog",
    "llm",
    "evidence",
    "drafting",
    "review",
    "commands",
    "demo",
    "actions",
    "shell",
)
SCREENS = ("textual", "rich")
NETWORK = ("httpx", "httpcore", "ssl")
SECRETS = ("keyring",)
FILES = ("yaml", "filelock")
DATABASES = ("duckdb", "psycopg")

# Prints what was imported by the end, even where the program leaves by `sys.exit`.
_REPORT = """
import atexit, sys
atexit.register(lambda: print("\\nimported:", *sys.modules))
"""
_BROWSE = """
import asyncio, os
from amx_tui.app import AmxApp
from amx_tui.demo.workspace import demo_workspace
from amx_tui.screens.browse import BrowseScreen

async def look():
    app = AmxApp(demo_workspace(os.environ))
    async with app.run_test(size=(140, 40)) as pilot:
        while not app.session.is_whole:
            await pilot.pause(0.01)
        assert isinstance(app.screen, BrowseScreen)
        print(len(app.session.catalog.tables), "tables")

asyncio.run(look())
"""


def run(code: str) -> tuple[str, set[str]]:
    """What a fresh interpreter prints, and the modules that it has at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _REPORT + code],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said, _, imported = done.stdout.rpartition("\nimported:")
    return said, set(imported.split())


def modules_in(package: str) -> list[str]:
    """`amx_tui.llm` and all that lies in it; or the one module."""
    root = CHECKOUT / "amx_tui"
    files = [root / f"{package}.py"] if (root / f"{package}.py").exists() else []
    files += (root / package).rglob("*.py")
    names = (file.relative_to(CHECKOUT).with_suffix("").parts for file in files)
    return [".".join(part for part in parts if part != "__init__") for parts in names]


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_nothing_heavy(option: str) -> None:
    said, imported = run(f"from amx_tui.cli import main; raise SystemExit(main([{option!r}]))")
    assert "amx-tui" in said
    heavy = {*SCREENS, *NETWORK, *SECRETS, *FILES, *DATABASES, "sqlite3", "asyncio"}
    assert not imported & heavy


def test_version_imports_not_even_what_reads_a_command_line() -> None:
    _, imported = run("from amx_tui.cli import main; raise SystemExit(main(['--version']))")
    assert "argparse" not in imported
    assert {name for name in imported if name.startswith("amx_tui")} == {"amx_tui", "amx_tui.cli"}


def test_the_doctor_in_a_shell_imports_nothing_that_draws() -> None:
    # Not there at all: a look at the versions is no import. What httpx has of Rich is for its own command.
    absent = "".join(f"sys.modules[{name!r}] = None\n" for name in SCREENS)
    said, imported = run(
        f"{absent}from amx_tui.cli import main\n"
        "status = main(['doctor', '--offline', '--json'])\n"
        "print(status)\n"
    )
    assert '"textual"' in said and said.rstrip().endswith("1")
    assert not {name for name in imported if name.startswith(("amx_tui.screens", "amx_tui.app"))}


def test_looking_at_the_demo_imports_nothing_of_requests_keys_or_other_databases() -> None:
    said, imported = run(_BROWSE)
    assert int(said.split()[0]) >= 14
    assert "textual" in imported
    assert not imported & {"httpx", "httpcore", "httpx_sse", *SECRETS, *DATABASES, "yaml"}
    # Of our own, nothing that only a draft needs.
    assert not imported & {
        "amx_tui.llm.client",
        "amx_tui.drafting.engine",
        "amx_tui.drafting.plan",
        "amx_tui.demo.provider",
        "amx_tui.review.exports.formats",
    }


def test_the_first_paint_needs_no_store_and_no_draft() -> None:
    _, imported = run(
        "import os\n"
        "from amx_tui.demo.workspace import demo_workspace\n"
        "import amx_tui.app, amx_tui.screens.browse\n"
        "amx_tui.app.AmxApp(demo_workspace(os.environ))\n"
    )
    ours = {name for name in imported if name.startswith("amx_tui.")}
    assert not {name for name in ours if name.startswith(("amx_tui.review", "amx_tui.drafting"))}
    assert not {name for name in ours if name.startswith("amx_tui.llm")}


def test_nothing_below_the_screens_imports_what_draws() -> None:
    modules = [module for package in BELOW_THE_SCREENS for module in modules_in(package)]
    assert len(modules) > len(BELOW_THE_SCREENS)
    # Not there at all: httpx itself imports Rich where it can, for a command of its own.
    absent = "".join(f"sys.modules[{name!r}] = None\n" for name in SCREENS)
    _, imported = run(absent + "\n".join(f"import {module}" for module in modules))
    assert set(modules) <= imported


@pytest.mark.parametrize("command", ["draft", "review", "apply", "export", "history"])
def test_a_command_of_the_shell_imports_nothing_that_draws(command: str) -> None:
    # Not there at all: what httpx has of Rich is for its own command.
    absent = "".join(f"sys.modules[{name!r}] = None\n" for name in SCREENS)
    said, imported = run(
        f"{absent}from amx_tui.cli import main\n"
        f"print(main([{command!r}, 'demo', '--offline', *{_MORE.get(command, [])!r}]))\n"
    )
    assert said.rstrip().endswith("0")
    assert not {name for name in imported if name.startswith(("amx_tui.screens", "amx_tui.app"))}


_MORE = {"export": ["--format", "csv", "--what", "all", "--output", "-"], "draft": ["--dry-run"]}
