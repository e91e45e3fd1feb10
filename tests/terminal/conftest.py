"""What every test in a real terminal needs: the terminal, a home, a legacy database, a provider, and
the program as a newcomer has it, installed from its wheel."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from tests.provider import ScriptedProvider
from tests.terminal.terminal import Terminal

ROOT = Path(__file__).parents[2]

# No word of it may ever be seen anywhere but in the request's own header.
CANARY = "sk-canary-0123456789abcdefghijklmnop"

LEGACY = """
CREATE TABLE T001 (
    MANDT CHAR(3) NOT NULL, -- client
    BUKRS CHAR(4) NOT NULL,
    BUTXT VARCHAR(25),
    PRIMARY KEY (MANDT, BUKRS)
);
CREATE TABLE BKPF (
    BUKRS CHAR(4) NOT NULL REFERENCES T001 (BUKRS),
    BELNR CHAR(10) NOT NULL,
    BUDAT CHAR(8),
    WAERS CHAR(5),
    PRIMARY KEY (BUKRS, BELNR)
);
CREATE TABLE X_LEGACY (FLG CHAR(1), "[/bold]" TEXT);
INSERT INTO T001 VALUES ('100', '1000', 'Werk Hamburg');
INSERT INTO BKPF VALUES ('1000', '0000000001', '19980401', 'DEM');
"""
# Tables and columns in it that lack a description: 3 + 2 + 4 + 2.
UNDESCRIBED = 11


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is missing; .ci/run installs it")
    with Terminal() as opened:
        yield opened


@pytest.fixture
def home(clean_environment: Path) -> Path:
    return clean_environment


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The words that start the program of this checkout, from any folder."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return [sys.executable, "-m", "amx_tui"]


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """A database in a folder of its own, with one description in its CREATE TABLE text."""
    folder = tmp_path / "work"
    folder.mkdir()
    path = folder / "legacy.db"
    connection = sqlite3.connect(path)
    connection.executescript(LEGACY)
    connection.close()
    return path


@pytest.fixture
def provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


def write_profile(home: Path, base_url: str) -> Path:
    """`~/.amx/config.yml` with an active profile that asks there, its key left to the environment."""
    folder = home / ".amx"
    folder.mkdir(mode=0o700)
    path = folder / "config.yml"
    path.write_text(
        "llm_profiles:\n"
        "  kimi-thinking:\n"
        "    provider: kimi\n"
        "    model: kimi-k2-thinking\n"
        f"    api_base: {base_url}\n"
        "    api_key: ''\n"
        "    temperature: 0.2\n"
        "    n_alternatives: 3\n"
        "    column_batch_size: 2\n"
        "active_llm_profile: kimi-thinking\n"
    )
    return path


@pytest.fixture
def profile(home: Path, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An active profile for `provider`, and its key in the environment."""
    monkeypatch.setenv("AMX_LLM_API_KEY", CANARY)
    return write_profile(home, provider.base_url)


@pytest.fixture
def installed(wheel_program: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installed `amx-tui`, which sees nothing of this checkout."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return wheel_program


@pytest.fixture(scope="session")
def wheel_program(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """`amx-tui` in a virtual environment that has the wheel and what it depends on, nothing else;
    made once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    folder = shared / "installed"
    program = folder / "venv" / "bin" / "amx-tui"
    with FileLock(shared / "installed.lock"):
        if not program.exists():
            shutil.rmtree(folder, ignore_errors=True)
            wheels = folder / "wheels"
            _run(sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(ROOT))
            (wheel,) = wheels.glob("*.whl")
            python = folder / "venv" / "bin" / "python"
            _run(sys.executable, "-m", "venv", "--without-pip", str(python.parents[1]))
            _run(
                sys.executable,
                "-m",
                "pip",
                "--python",
                str(python),
                "install",
                "--no-compile",
                str(wheel),
            )
    return program


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        words: Sequence[str] = (done.stdout + done.stderr).splitlines()[-30:]
        raise RuntimeError(f"{' '.join(command)}:\n" + "\n".join(words))


def start_all(terminal: Terminal) -> None:
    """From the browser of the legacy database: everything is marked, and the run started."""
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("m")
    terminal.wait_for(f"{UNDESCRIBED} marked")
    terminal.press("d")
    terminal.wait_for("nothing has been sent yet", "word for word")
    terminal.press("enter")


def snapshot_of(*folders: Path) -> dict[str, bytes]:
    """Every file below, with its content: what must not have changed. The copy of the catalog and the
    list of the files opened last, in the cache folder, do not count; they are made at each start."""
    return {
        str(path): path.read_bytes()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
        if path.parent.name != "catalogs" and path.name != "recent.json"
    }
