"""The doctor: everything that a draft and its writing back need, looked at side by side, each with
bounded patience, and told in an order that never changes.

It changes nothing. It asks the host that a draft would ask and the person's own databases; every other
host only where `all_hosts` says so.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.doctor_files import (
    check_cache,
    check_config,
    check_key,
    check_keyring,
    check_preferences,
    check_store,
)
from amx_tui.commands.doctor_machine import (
    Terminal,
    check_network,
    check_terminal,
    check_versions,
)
from amx_tui.commands.doctor_parts import (
    Examination,
    Part,
    Secrets,
    Section,
    Steps,
    asking_once,
    at_once,
    examine_all,
    patiently,
)
from amx_tui.commands.model import Check, NotReady, State, check_of
from amx_tui.commands.profile_test import KEY, check_account
from amx_tui.commands.setup import choose_profile, find_setup
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Config, Connection, Key, Profile

if TYPE_CHECKING:
    from amx_tui.catalog.model import Connector
    from amx_tui.commands.session import Session
    from amx_tui.llm.model import Setup
    from amx_tui.llm.prices import PriceSource

# A public table is a megabyte; that it answers at all is enough. Bytes, seconds.
_ENOUGH, _PRICE_SECONDS = 1_000, 10.0


@dataclass(frozen=True, slots=True)
class Visit:
    """What is to be looked at. `database` was named on the command line; `session` is the one that is
    open already. `all_hosts`: the person said yes to every host."""

    workspace: Workspace
    terminal: Terminal
    database: str = ""
    all_hosts: bool = False
    session: Session | None = None


def hosts_to_ask(workspace: Workspace) -> tuple[str, ...]:
    """The hosts that `all_hosts` would add: of the other profiles, the provider's own other host, those
    of the price tables. Blocking: reads config.yml.
    """
    if workspace.is_offline or workspace.transport is not None:
        return ()
    config = _read_config(workspace)
    active = _active_profile(workspace, config)
    own = _host_of(active) if active is not None else ""
    hosts = [_host_of(profile) for profile in config.profiles.values()]
    hosts += _sister_hosts(active) if active is not None else []
    hosts += [_host(source.url) for source in _price_sources(workspace)]
    return tuple(dict.fromkeys(host for host in hosts if host and host != own))


async def examine(visit: Visit) -> AsyncGenerator[Part, None]:
    """Every part at first as it begins, in order, then as they find something. No secret is in what it
    yields. Iterate it within `contextlib.aclosing`."""
    secrets = Secrets()
    workspace = replace(visit.workspace, find_key=asking_once(visit.workspace.find_key))
    visit = replace(visit, workspace=workspace)
    config = await patiently(lambda: _read_config(workspace))
    async with aclosing(examine_all(list(_plan(visit, config, secrets)), secrets)) as parts:
        async for part in parts:
            yield part


# What is looked at. --------------------------------------------------------------------------------


def _plan(visit: Visit, config: Config, secrets: Secrets) -> Iterator[Examination]:
    workspace = visit.workspace
    folders, environ = workspace.folders, workspace.environ
    if workspace.can_edit_profiles:
        yield Examination(Section.SETTINGS, "config.yml", at_once(lambda: check_config(folders)))
        yield Examination(Section.SETTINGS, "tui.yml", at_once(lambda: check_preferences(folders)))
    yield Examination(Section.SETTINGS, "tui.db", at_once(lambda: check_store(folders)))
    yield Examination(Section.SETTINGS, "cache", at_once(lambda: check_cache(folders)))

    active = _active_profile(workspace, config)
    if workspace.can_edit_profiles:  # the demo's own needs none
        yield Examination(Section.KEYS, "keyring", at_once(check_keyring))
        yield Examination(
            Section.KEYS, "keys", at_once(lambda: _check_keys(workspace, config, active, secrets))
        )
    yield Examination(Section.ACTIVE, "profile", lambda: _check_active(visit, config, secrets))
    yield from _plan_others(visit, config, active, secrets)
    yield from _plan_databases(visit, config, secrets)
    yield Examination(Section.TERMINAL, "terminal", at_once(lambda: check_terminal(visit.terminal)))
    if workspace.transport is None:
        yield Examination(Section.NETWORK, "network", at_once(lambda: check_network(environ)))
    yield Examination(Section.VERSIONS, "versions", at_once(check_versions))


def _read_config(workspace: Workspace) -> Config:
    try:
        return workspace.read_config()
    except Problem:  # told by the settings
        return Config(workspace.folders.config_file)


def _active_profile(workspace: Workspace, config: Config) -> Profile | None:
    """The profile that a draft would use; None where there is none, which is told in its section."""
    with suppress(Problem):
        return choose_profile(config, workspace.profile_name)
    return None


def _check_keys(
    workspace: Workspace, config: Config, active: Profile | None, secrets: Secrets
) -> Iterator[Check]:
    if not config.profiles:
        yield Check("keys", State.SKIPPED, "there is no profile, so no key is needed yet")

    def note(key: Key) -> None:
        secrets.add(key.secret)

    for profile in config.profiles.values():
        yield from check_key(workspace, profile, is_active=profile == active, found=note)


async def _check_active(visit: Visit, config: Config, secrets: Secrets) -> Steps:
    workspace = visit.workspace
    try:
        setup = await patiently(lambda: find_setup(workspace))
    except NotReady as problem:
        check = check_of("profile", problem)
        if not config.profiles:  # where Draft fails like this, the form is on the screen already
            words = "Press P, then n, and answer: a name, the provider, the model, the key"
            check = replace(check, remedy=words)
        yield (check,)
        return
    if setup.endpoint.key is not None:
        secrets.add(setup.endpoint.key.secret)
    profile = setup.profile
    words = " · ".join(
        one_line(text, 60) for text in (profile.name, profile.provider, profile.model)
    )
    about = (Check("profile", State.OK, words),)
    yield about
    if workspace.is_offline:
        yield (*about, Check("host", State.SKIPPED, "not asked: --offline forbids it"))
        return
    told: dict[str, Check] = {}
    async with aclosing(check_account(workspace, setup)) as checks:
        async for check in checks:
            told[check.what] = check
            yield (*about, *told.values())
    if told[KEY].state is State.FAILED:
        async with aclosing(_check_sister(visit, setup)) as checks:
            async for check in checks:
                told[check.what] = check
                yield (*about, *told.values())
    yield (*about, *told.values(), _check_limits(visit))


def _check_limits(visit: Visit) -> Check:
    words = visit.session.runner.learned() if visit.session is not None else ()
    if words:
        return Check("limits", State.OK, "; ".join(words))
    why = "They are learnt from the answers to a draft, and forgotten at the end of the program"
    return Check("limits", State.SKIPPED, "none was learnt yet", why=why)


async def _check_sister(visit: Visit, setup: Setup) -> AsyncGenerator[Check, None]:
    """A refused key at the provider's own other host, where it may belong, if a person said yes."""
    from amx_tui.llm.providers import is_own_base, other_bases

    endpoint = setup.endpoint
    if not is_own_base(endpoint.provider, endpoint.base):
        return
    for base in other_bases(endpoint.provider, endpoint.base):
        what = f"key at {_host(base)}"
        if not visit.all_hosts:
            words = "not asked: it may belong there, and a draft does not call that host"
            yield Check(what, State.SKIPPED, words, _ASK_ALL)
            continue
        yield Check(what, State.RUNNING, "asking …")
        there = replace(setup, endpoint=replace(endpoint, base=base))
        told: dict[str, Check] = {}
        async with aclosing(check_account(visit.workspace, there)) as checks:
            async for check in checks:
                told[check.what] = check
        key = told[KEY]
        if key.state is State.OK:
            remedy = f"Press P and e, and set the API base to {base}"
            yield Check(what, State.OK, f"accepted: it belongs to {_host(base)}", remedy)
        else:
            yield Check(what, State.WARNING, "not accepted there either", why=key.result)


_ASK_ALL = "Press a, or type: amx-tui doctor --all-hosts"


def _plan_others(
    visit: Visit, config: Config, active: Profile | None, secrets: Secrets
) -> Iterator[Examination]:
    workspace = visit.workspace
    may_ask_all = visit.all_hosts and not workspace.is_offline
    own = _host_of(active) if active is not None else ""
    for profile in config.profiles.values():
        if profile == active:
            continue
        host = _host_of(profile)
        title = one_line(profile.name, 40)
        # The host that a draft calls now may be asked, with this other key as well.
        if may_ask_all or (host and host == own and not workspace.is_offline):
            steps = _other_profile(workspace, profile, secrets)
        else:
            steps = at_once(_not_asked(workspace, title, host))
        yield Examination(Section.OTHERS, title, steps)
    for source in _price_sources(workspace):
        title = one_line(source.title, 40)
        if may_ask_all:
            steps = _price_source(workspace, source)
        else:
            steps = at_once(_not_asked(workspace, title, _host(source.url)))
        yield Examination(Section.OTHERS, title, steps)


def _not_asked(workspace: Workspace, title: str, host: str) -> Callable[[], Iterable[Check]]:
    if workspace.is_offline:
        check = Check(title, State.SKIPPED, "not asked: --offline forbids it")
    else:
        words = f"{host or 'its host'} was not asked: a draft does not call it"
        check = Check(title, State.SKIPPED, words, _ASK_ALL)
    return lambda: (check,)


def _other_profile(workspace: Workspace, profile: Profile, secrets: Secrets) -> Callable[[], Steps]:
    async def steps() -> Steps:
        title = one_line(profile.name, 40)
        try:
            setup = await patiently(lambda: find_setup(workspace, profile.name))
        except Problem as problem:
            yield (check_of(title, problem, State.WARNING),)
            return
        if setup.endpoint.key is not None:
            secrets.add(setup.endpoint.key.secret)
        told: dict[str, Check] = {}
        async with aclosing(check_account(workspace, setup)) as checks:
            async for check in checks:
                # Nobody drafts with it now: what is wrong there is a warning.
                state = State.WARNING if check.state is State.FAILED else check.state
                told[check.what] = replace(check, what=f"{title}: {check.what}", state=state)
                yield tuple(told.values())

    return steps


def _price_source(workspace: Workspace, source: PriceSource) -> Callable[[], Steps]:
    from amx_tui.config.settings import read_settings
    from amx_tui.llm.network import get

    async def steps() -> Steps:
        import httpx

        title, host = one_line(source.title, 40), _host(source.url)
        workspace.refuse_offline("The price table was not asked for")
        settings = await patiently(lambda: read_settings(workspace.environ))
        words = ""
        try:
            answered = await get(
                source.url,
                {},
                most_bytes=_ENOUGH,
                ca_bundle=settings.ca_bundle,
                seconds=_PRICE_SECONDS,
            )
            if answered.status != 200:
                words = f"{host} answers with {answered.status}"
        except TimeoutError:
            words = f"{host} said nothing for {_PRICE_SECONDS:g} s"
        except httpx.HTTPError as error:
            words = f"{host} cannot be reached ({one_line(str(error), 120) or 'no reason given'})"
        if words:
            remedy = (
                "Rates of your own in the profile need no table; those that came with amx-tui hold"
            )
            yield (Check(title, State.WARNING, words, remedy),)
        else:
            yield (Check(title, State.OK, f"{host} answers"),)

    return steps


def _plan_databases(visit: Visit, config: Config, secrets: Secrets) -> Iterator[Examination]:
    workspace = visit.workspace
    if visit.session is not None:
        connector = visit.session.connector
        title = one_line(connector.label, 40)
        yield Examination(
            Section.DATABASES, title, at_once(lambda: _check_database(title, connector))
        )
        return
    if visit.database:
        yield Examination(
            Section.DATABASES, "database", at_once(lambda: _check_named(visit, secrets))
        )
        return
    for connection in config.connections.values():
        title = one_line(connection.name, 40)
        steps = at_once(_connection_look(workspace, connection, secrets))
        yield Examination(Section.DATABASES, title, steps)
    if not config.connections:
        words = "config.yml has no connection, and none was named"
        none = Check("database", State.SKIPPED, words, "Type: amx-tui doctor DATABASE")
        yield Examination(Section.DATABASES, "database", at_once(lambda: (none,)))


def _check_named(visit: Visit, secrets: Secrets) -> Iterator[Check]:
    from amx_tui.commands.opening import open_named

    workspace = visit.workspace
    connection = _read_config(workspace).connections.get(visit.database)
    if connection is not None:
        yield from _connection_look(workspace, connection, secrets)()
        return
    with suppress(ValueError):  # it is no URL
        parts = urlsplit(visit.database)
        public = (parts.username or "", parts.hostname or "", parts.path.strip("/"))
        for password in (parts.password or "", unquote(parts.password or "")):
            secrets.add(password, public)
    connector = workspace.connector or open_named(workspace, visit.database)
    try:
        yield from _check_database(one_line(connector.label, 40), connector)
    finally:
        connector.close()


def _connection_look(
    workspace: Workspace, connection: Connection, secrets: Secrets
) -> Callable[[], Iterator[Check]]:
    from amx_tui.catalog.opening import open_connection, opens_backend
    from amx_tui.config.connections import SECRETS, connection_settings

    def look() -> Iterator[Check]:
        title = one_line(connection.name, 40)
        if not opens_backend(connection.backend):
            words = f"amx-tui does not open {one_line(connection.backend, 40)}; AMX may"
            yield Check(title, State.SKIPPED, words)
            return
        try:
            settings = connection_settings(connection, environ=workspace.environ)
            public = [value for name, value in settings.items() if name not in SECRETS]
            for name in SECRETS & settings.keys():
                secrets.add(settings[name], public)
            connector = open_connection(connection.backend, settings, connection.name)
        except Problem as problem:
            yield check_of(title, problem)
            return
        try:
            yield from _check_database(title, connector)
        finally:
            connector.close()

    return look


def _check_database(title: str, connector: Connector) -> Iterator[Check]:
    """That its tables can be listed, where texts go, and whether this user may put them there."""
    import time

    from amx_tui.commands.connection_test import texts_check

    began = time.monotonic()
    try:
        tables = connector.tables()
    except Problem as problem:
        yield check_of(title, problem)
        return
    seconds = time.monotonic() - began
    count = len(tables)
    label = one_line(connector.label, 80)
    words = f"{count} {'table or view' if count == 1 else 'tables and views'}"
    if label != title:
        words = f"{label}: {words}"
    if count:
        yield Check(title, State.OK, words, seconds=seconds)
    else:
        why = "It is empty, or this user may see nothing of it"
        yield Check(title, State.WARNING, words, seconds=seconds, why=why)
    yield texts_check(title, connector, tables, "texts go")


def _price_sources(workspace: Workspace) -> Sequence[PriceSource]:
    from amx_tui.llm.prices import SOURCES

    return SOURCES if workspace.price_sources is None else workspace.price_sources


def _host(url: str) -> str:
    from amx_tui.llm.providers import host_of, shown_base

    return one_line(host_of(shown_base(url)), 80)


def _host_of(profile: Profile) -> str:
    """The host of a profile's requests; empty where it names none."""
    from amx_tui.llm.providers import PROVIDERS

    row = PROVIDERS.get(profile.provider.strip().lower())
    return _host(profile.api_base or (row.bases[0] if row is not None and row.bases else ""))


def _sister_hosts(profile: Profile) -> list[str]:
    from amx_tui.llm.providers import PROVIDERS

    row = PROVIDERS.get(profile.provider.strip().lower())
    if row is None or _host_of(profile) not in map(_host, row.bases):
        return []
    return [host for host in map(_host, row.bases) if host != _host_of(profile)]
