"""From the words of a command line to a workspace with an open database."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from amx_tui.config.settings import read_settings

if TYPE_CHECKING:
    from amx_tui.commands.workspace import Workspace


def open_workspace(
    database: str | None,
    *,
    profile: str | None = None,
    offline: bool = False,
    speed: float = 1.0,
    resume: bool = False,
) -> Workspace:
    """The person's own workspace, or the demo's, with `database` opened where one is named; to `resume`
    needs none. Blocking.

    Raises:
        Problem: the database cannot be opened, or a variable cannot be obeyed.
    """
    # A variable that cannot be obeyed is told now, not at the first draft.
    read_settings(os.environ)
    if database == "demo":
        from amx_tui.demo.workspace import demo_workspace

        workspace = demo_workspace(os.environ, speed=speed)
        workspace.resumes = resume
        return workspace
    from amx_tui.commands.workspace import real_workspace
    from amx_tui.config.folders import find_folders

    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.profile_name = profile
    workspace.offline = offline
    workspace.resumes = resume
    if resume and not database:
        from amx_tui.commands.recent import interrupted_database

        database = interrupted_database(workspace)
    if database:
        from amx_tui.commands.opening import open_named

        workspace.connector = open_named(workspace, database)
    return workspace
