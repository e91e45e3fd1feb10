"""A PostgreSQL of the benchmarks' own: Debian's binaries, a socket in a short folder, no network, gone at
the end. It keeps what it is told on disk as a server does (`fsync`), since that is part of what an apply
costs. It knows nothing of what is measured."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

DATABASE = "postgres"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The folder of the server's socket; its superuser is `owner`.

    Raises:
        SystemExit: there is no server to start, or it does not start.
    """
    binaries = _find_binaries()
    if binaries is None:
        sys.exit("no PostgreSQL server here; on Debian: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="amxbench", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:  # no server wants to run as root
        names = {entry.pw_name for entry in pwd.getpwall()}
        account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}")
        as_user = ["setpriv", *ids, "--clear-groups"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}

    def run(*command: str | Path) -> None:
        done = subprocess.run(
            [*as_user, *map(str, command)],
            capture_output=True,
            cwd=folder,
            env=environment,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)

    data = folder / "data"
    control = (binaries / "pg_ctl", "-D", data, "-l", folder / "log", "-w")
    try:
        run(
            binaries / "initdb", "-D", data, "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        run(*control, "-o", f"-k {folder} -c listen_addresses=", "start")
        yield str(folder)
    finally:
        with contextlib.suppress(SystemExit):
            run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


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


def make_tables(socket: str, database: str, tables: int, columns: int) -> None:
    """`tables` tables of `columns` columns with cryptic names and types of several kinds, primary keys,
    a foreign key in every second one, and a comment on every third column."""
    import psycopg

    types = ("char(4)", "integer", "numeric(13,2)", "text", "date", "timestamptz", "varchar(40)")
    with psycopg.connect(host=socket, user="owner", dbname=database) as connection:
        for table in range(tables):
            body = [f"f{table:05}_{at:03} {types[at % len(types)]}" for at in range(columns)]
            body.append(f"PRIMARY KEY (f{table:05}_000)")
            if table % 2:
                parent = table - 1
                body.append(
                    f"FOREIGN KEY (f{table:05}_007) REFERENCES t{parent:05} (f{parent:05}_000)"
                )
            comments = "".join(
                f"; COMMENT ON COLUMN t{table:05}.f{table:05}_{at:03} IS 'What field {at} holds'"
                for at in range(0, columns, 3)
            )
            statement = f"CREATE TABLE t{table:05} ({', '.join(body)}){comments}"
            connection.execute(statement.encode())
            if table % 500 == 499:  # the locks of one transaction are counted
                connection.commit()
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE pg_catalog.pg_attribute")
        connection.execute("ANALYZE pg_catalog.pg_description")
