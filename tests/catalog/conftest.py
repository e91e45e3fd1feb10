"""Real databases for the tests of the catalog: SQLite and DuckDB files, and a PostgreSQL server of
the tests' own, on a socket in a short folder."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

MakeSqlite = Callable[..., Path]

# What a name may hold, besides letters.
ODD_NAMES = (
    "plain",
    "Upper Case",
    'quo"te',
    "it's",
    "select",
    "per%cent %s",
    "co:lon :x",
    "{brace}",
    "[/bold]",
    "dol$lar",
    "back\\slash",
    "semi;--",
    "🐘 Ärger",
    "new\nline",
    "n" * 60,
)
ODD_TEXTS = (
    "Plain words",
    'It\'s "quoted" `so` [and so]',
    "back\\slash \\n \\' E'",
    "two\nlines\tand a tab",
    "🐘 Ärger 漢字",
    "%s %(x)s {0} :x $1 $$ ; -- /* */",
    "[/bold][red]",
    "null",
    "  spaces around  ",
    "- : # & * ! | > yes no 1.0 2024-01-01",
    "x" * 10_000,
)


@pytest.fixture
def make_sqlite(tmp_path: Path) -> MakeSqlite:
    """Makes a SQLite file of a script, `legacy.db` unless it is named."""

    def make(script: str, name: str = "legacy.db") -> Path:
        path = tmp_path / name
        connection = sqlite3.connect(path)
        connection.executescript(script)
        connection.commit()
        connection.close()
        return path

    return make


def _find_binaries() -> Path | None:
    """The newest server of Debian's packages, or the one in PATH."""
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    if installed:
        return installed[-1].parent
    found = shutil.which("initdb")
    return Path(found).parent if found else None


class Server:
    """A running PostgreSQL. `url` makes a URL of a database and a role."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str = "postgres", user: str = "owner", password: str = "") -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@/{quote(database, safe='')}?host={self.folder}"

    def run(self, *statements: str, database: str = "postgres") -> None:
        import psycopg

        with psycopg.connect(
            host=str(self.folder), user="owner", dbname=database, autocommit=True
        ) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def ask(self, query: str, database: str = "postgres") -> str:
        """What psql prints, fields separated by a tab."""
        binaries = _find_binaries()
        assert binaries
        command = [str(binaries / "psql"), "-XAtq", "-F", "\t", "-h", str(self.folder)]
        answer = subprocess.run(
            [*command, "-U", "owner", "-d", database, "-c", query],
            capture_output=True,
            check=True,
            text=True,
        )
        return answer.stdout.removesuffix("\n")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The server refuses to run as root: then it runs as `postgres`, or as `nobody`."""
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="amxpg", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:
        import pwd

        names = {entry.pw_name for entry in pwd.getpwall()}
        account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        as_user = [
            "setpriv",
            f"--reuid={account.pw_uid}",
            f"--regid={account.pw_gid}",
            "--clear-groups",
        ]
    data = folder / "data"
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            [*as_user, *map(str, command)],
            capture_output=True,
            cwd=folder,
            env=environment,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run(binaries / "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-k {folder} -c listen_addresses= -c fsync=off -c full_page_writes=off"
    control = (binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-w")
    try:
        run(*control, "-o", options, "start")
        yield Server(folder)
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
