"""Real databases for the tests of the catalog: SQLite and DuckDB files, and a PostgreSQL and a MariaDB
server of the tests' own, on sockets in short folders."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
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


def _hand_over(folder: Path, wanted: str) -> list[str]:
    """Where this is root, which no server wants to run as: gives `folder` to `wanted`, or to `nobody`,
    and returns what a command begins with that is to run as that user."""
    if os.getuid() != 0:
        return []
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    account = pwd.getpwnam(wanted if wanted in names else "nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return [
        "setpriv",
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
    ]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    binaries = _find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="amxpg", dir="/tmp"))
    as_user = _hand_over(folder, "postgres")
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


class MariaServer:
    """A running MariaDB. `url` makes a URL of a database and a user."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"

    def url(self, database: str = "", user: str = "root", password: str = "") -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        return f"mysql://{user}{secret}@/{quote(database, safe='')}?unix_socket={self.socket}"

    def ask(self, *statements: str) -> str:
        """What the server's own client prints, fields separated by a tab, as they are."""
        binary = shutil.which("mariadb")
        assert binary
        answer = subprocess.run(
            [binary, "--no-defaults", "-BNr", "-uroot", f"-S{self.socket}"],
            input="SET NAMES utf8mb4;\n" + ";\n".join(statements),
            capture_output=True,
            encoding="utf-8",
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout.removesuffix("\n")


def find_mariadb() -> str | None:
    """Debian puts servers where an ordinary user's PATH does not reach."""
    return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaServer]:
    server = find_mariadb()
    if server is None:
        pytest.skip("no MariaDB server here; on Debian: apt-get install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="amxmy", dir="/tmp"))
    as_user = _hand_over(folder, "mysql")
    environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin", "LC_ALL": "C.UTF-8"}
    data = (f"--datadir={folder / 'data'}", "--innodb-flush-method=nosync")
    only_here = (f"--socket={folder / 's'}", f"--pid-file={folder / 'pid'}", "--skip-networking")
    quick = ("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M")
    log = folder / "log"
    words = (f"--log-error={log}", "--character-set-server=utf8mb4")
    root = ("--auth-root-authentication-method=normal", "--skip-test-db")
    made = subprocess.run(
        [*as_user, "mariadb-install-db", "--no-defaults", *root, *data],
        capture_output=True,
        cwd=folder,
        env=environment,
        text=True,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    process = subprocess.Popen(
        [*as_user, server, "--no-defaults", *data, *only_here, *quick, *words],
        cwd=folder,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: _answers(folder / "s"), process, log)
        yield MariaServer(folder)
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(socket: Path) -> bool:
    import pymysql

    try:
        pymysql.connect(unix_socket=str(socket), user="root").close()
    except pymysql.Error:
        return False
    return True


def wait_until(
    is_so: Callable[[], bool],
    process: subprocess.Popen[bytes] | None = None,
    log: Path | None = None,
) -> None:
    """Waits at most 60 seconds, and no longer than `process` lives."""
    end = time.monotonic() + 60
    while not is_so():
        alive = process is None or process.poll() is None
        words = log.read_text() if log and log.exists() else ""
        assert alive and time.monotonic() < end, words
        time.sleep(0.02)
