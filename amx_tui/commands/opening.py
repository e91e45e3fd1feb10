"""From what a person typed to an open database: a connection of `config.yml`, a file or a URL."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import CatalogProblem, Connector
from amx_tui.catalog.opening import open_connection, open_database
from amx_tui.commands.workspace import Workspace


def open_named(workspace: Workspace, text: str) -> Connector:
    """Opens the connection of that name where there is one, else the file or URL. Blocking.

    Raises:
        CatalogProblem: it cannot be opened.
        ConfigProblem: a connection's password cannot be found; or `config.yml` is broken, where no
            file of that name exists either.
    """
    broken: Problem | None = None
    names: list[str] | None = None  # of the connections, where the text may be one of them
    if "/" not in text and "\\" not in text:
        try:
            connections = workspace.read_config().connections
        except Problem as problem:
            broken = problem  # for a file, it is told where a profile is needed
        else:
            names = list(connections)
        connection = None if names is None else connections.get(text)
        if connection is not None:
            from amx_tui.config.connections import connection_settings

            settings = connection_settings(connection, environ=workspace.environ)
            opened = open_connection(connection.backend, settings, connection.name)
            workspace.metadata_only = settings.get("profiling_mode") == "metadata"
            return opened
    try:
        opened = open_database(text)
        workspace.metadata_only = False  # of the one that is open now, not of one that failed
        return opened
    except CatalogProblem as problem:
        if Path(text).exists():
            raise
        if broken is not None:
            raise broken from None
        if names is None or Path(text).suffix:
            raise
        near = get_close_matches(text, names, n=3, cutoff=0.5) or names[:5]
        known = f"; it has {', '.join(one_line(name, 40) for name in near)}" if near else ""
        raise CatalogProblem(
            problem.what, f"config.yml has no connection of that name either{known}", problem.remedy
        ) from None
