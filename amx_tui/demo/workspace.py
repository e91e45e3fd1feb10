"""The demo as a workspace: a database, a store and a profile of its own, and the replayed provider in
place of the network. It never reads `config.yml` and never opens a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.catalog.opening import open_database
from amx_tui.commands.workspace import Workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Config, Folders, Key, Profile
from amx_tui.demo.database import build_database

if TYPE_CHECKING:
    import httpx

NOTICE = "DEMO: nothing leaves this machine"

# The profile of the page that the program implements.
PROFILE = Profile("kimi-thinking", "kimi", "kimi-k2-thinking", "https://api.moonshot.cn/v1")


def demo_workspace(environ: Mapping[str, str], *, speed: float = 1.0) -> Workspace:
    """Builds the database where it is not there yet.

    Raises:
        Problem: the cache folder cannot be written.
    """
    folder = find_folders(environ).cache / "demo"
    try:
        file = build_database(folder / "demo.db")
    except OSError as error:
        raise Problem(
            f"The demo's database cannot be made in {folder}",
            error.strerror or str(error),
            "Make that folder writable, or set XDG_CACHE_HOME to one that is",
        ) from error
    folders = Folders(config=folder, cache=folder)

    def transport() -> httpx.AsyncBaseTransport:
        from amx_tui.demo.provider import ReplayTransport

        return ReplayTransport(speed=speed)

    return Workspace(
        folders=folders,
        environ={},
        read_config=lambda: Config(
            folders.config_file, profiles={PROFILE.name: PROFILE}, active_profile=PROFILE.name
        ),
        find_key=lambda profile: Key("demo", "the demo, which needs none"),
        connector=open_database(str(file)),
        notice=NOTICE,
        transport=transport,
        speed=speed,
        can_edit_profiles=False,
        price_sources=(),
    )
