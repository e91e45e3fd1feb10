"""Where a session works: folders, configuration, store, and how requests leave the machine. The demo
is another workspace, not another program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from amx_tui.catalog.model import Connector
from amx_tui.commands.model import Account, NotReady
from amx_tui.config.model import Config, Folders, Key, Preferences, Profile

if TYPE_CHECKING:
    import httpx

    from amx_tui.commands.documents import Library
    from amx_tui.llm.prices import PriceSource, PriceTable
    from amx_tui.review.store import Store


@dataclass
class Workspace:
    """`notice` stands in the header of every screen, such as the demo's. `transport` makes what
    stands in for the network, None for the network itself. `speed` is the demo's, 1 elsewhere. The
    demo's profile is its own, so `can_edit_profiles` is false there. `metadata_only` holds where the
    connection forbids reading rows (AMX's `profiling_mode: metadata`). `resumes` asks to go on with an
    interrupted run, once, without a question. `offline` forbids every call;
    `price_sources` are asked for prices, None for the public ones."""

    folders: Folders
    environ: Mapping[str, str]
    read_config: Callable[[], Config]
    find_key: Callable[[Profile], Key | None]
    preferences: Preferences = field(default_factory=Preferences)
    connector: Connector | None = None
    profile_name: str | None = None  # chosen on the command line or in Draft
    notice: str = ""
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    speed: float = 1.0
    can_edit_profiles: bool = True
    metadata_only: bool = False
    resumes: bool = False
    offline: bool = False
    price_sources: tuple[PriceSource, ...] | None = None
    accounts: dict[str, Account] = field(default_factory=dict)  # by profile, as last told

    @property
    def is_offline(self) -> bool:
        """Whether calls are forbidden. What stands in for the network makes none."""
        return self.offline and self.transport is None

    def refuse_offline(self, what: str) -> None:
        """Every call out of this machine comes by here first.

        Raises:
            NotReady: calls are forbidden; `what` says what did not happen.
        """
        if self.is_offline:
            raise NotReady(
                what,
                "amx-tui was started with --offline, so nothing leaves this machine",
                "Start it again without --offline",
            )

    @property
    def connection_name(self) -> str:
        """What the open database is called in the header, without its kind: the name of its connection,
        or of its file; empty where none is open."""
        if self.connector is None:
            return ""
        return self.connector.label.removesuffix(f" ({self.connector.dialect})")

    @cached_property
    def prices(self) -> PriceTable:
        """The prices that were fetched last; read from the cache folder when first asked for."""
        from amx_tui.llm.prices import load_prices

        return load_prices(self.folders.prices_file)

    @cached_property
    def library(self) -> Library:
        """Documents and code of `config.yml`; nothing is read before it is told to begin."""
        from amx_tui.commands.documents import Library

        return Library(self.folders, self.read_config, lambda: self.connection_name)

    @cached_property
    def store(self) -> Store:
        """Runs, suggestions and decisions; imported when first asked for, which is after the first
        paint. That first time is in the thread that reads the catalog."""
        from amx_tui.review.store import Store

        return Store(self.folders.store_file)


def real_workspace(environ: Mapping[str, str], folders: Folders) -> Workspace:
    """The person's own `config.yml`, keyring and store. Reads nothing yet but `tui.yml`."""
    from amx_tui.config.preferences import load_preferences

    def read_config() -> Config:
        from amx_tui.config.file import load_config

        return load_config(folders.config_file)

    def find_key(profile: Profile) -> Key | None:
        from amx_tui.config.keys import resolve_key
        from amx_tui.llm.providers import provider

        return resolve_key(
            profile, variable=provider(profile.provider).key_variable, environ=environ
        )

    return Workspace(
        folders=folders,
        environ=environ,
        read_config=read_config,
        find_key=find_key,
        preferences=load_preferences(folders.preferences_file),
    )
