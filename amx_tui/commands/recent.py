"""Which databases a person worked on last: the files that were opened, and where a run was interrupted."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Connector
from amx_tui.commands.model import NotReady
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Folders

MOST = 8
# Characters; more was written by somebody else.
_LARGEST = 100_000


def recent_files(folders: Folders) -> tuple[Path, ...]:
    """The database files that were opened last, newest first, as far as they are still there. Blocking;
    a list that cannot be read is an empty one."""
    try:
        text = folders.recent_file.read_text("utf-8")
        listed = json.loads(text) if len(text) <= _LARGEST else []
    except (OSError, ValueError, RecursionError):
        return ()
    paths = (
        [Path(name) for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    )
    return tuple(path for path in paths[:MOST] if _is_file(path))


def remember(folders: Folders, connector: Connector) -> None:
    """Puts the file that is open at the top of the list; a server's database is not in it, because how to
    reach it is config.yml's to keep. Blocking; where the list cannot be written, it stays as it is."""
    path = file_of(connector.identity)
    if path is None:
        return
    before = recent_files(folders)
    paths = [path, *(other for other in before if other != path)][:MOST]
    if paths == list(before):
        return
    with contextlib.suppress(OSError, UnicodeError):
        write_atomic(folders.recent_file, json.dumps([str(path) for path in paths], indent=1))


def usual_database(workspace: Workspace) -> str:
    """What is meant where no database is named: the active connection of `config.yml`, else the file that
    was opened last. Blocking.

    Raises:
        NotReady: there is neither.
        ConfigProblem: `config.yml` is broken.
    """
    active = workspace.read_config().active_connection
    if active is not None:
        return active
    for path in recent_files(workspace.folders):
        return str(path)
    raise NotReady(
        "No database is named",
        "config.yml has no active connection, and no file was opened yet",
        "Name a DATABASE: a file, a URL, or a connection",
    )


def interrupted_database(workspace: Workspace) -> str:
    """What to open to go on with the newest run that was interrupted: a connection or a file. Blocking.

    Raises:
        NotReady: there is none, or it is in a database that has to be named.
        StoreProblem: the store cannot be read.
    """
    run = workspace.store.interrupted()
    if run is None:
        raise NotReady(
            "No run was interrupted",
            "Whatever was begun has ended, or was answered with no",
            "Name a database, and press d to draft what it lacks",
        )
    name = run.label.rpartition(" (")[0]
    with contextlib.suppress(Problem):  # a broken config.yml is told where it is needed
        if name in workspace.read_config().connections:
            return name
    path = file_of(run.database)
    if path is not None:
        return str(path)
    raise NotReady(
        f"The run that was interrupted is in {one_line(run.label, 80)}",
        "It is not a connection of config.yml, nor a file that is still there",
        "Name it: amx-tui DATABASE --resume",
    )


def file_of(identity: str) -> Path | None:
    """The file of an identity such as `sqlite:/folder/file.db`."""
    path = Path(identity.partition(":")[2])
    return path if path.is_absolute() and _is_file(path) else None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no system can have
        return False
