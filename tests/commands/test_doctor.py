"""What the doctor finds: in real files, at real servers on loopback, in a real keyring and a real tmux."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from filelock import FileLock

from amx_tui.commands import doctor_parts
from amx_tui.commands.doctor import Visit, examine, hosts_to_ask
from amx_tui.commands.doctor_machine import Terminal, check_terminal, check_versions
from amx_tui.commands.doctor_parts import Report, Section
from amx_tui.commands.doctor_report import report_json, report_text, summary
from amx_tui.commands.model import Check, State
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.demo.workspace import demo_workspace
from amx_tui.llm import prices, providers
from amx_tui.review.place import find_set_aside
from amx_tui.review.schema import MIGRATIONS
from amx_tui.review.store import Store
from tests.config.conftest import MEMORY
from tests.provider import ScriptedProvider, error

SECRET = "sk-canary-0123456789abcdef"
REFUSAL = error(401, f"Incorrect API key: {SECRET}", "incorrect_api_key_error")


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6", "kimi-k3"], balance=49.58) as running:
        yield running


@pytest.fixture
def other() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"], balance=7.0) as running:
        yield running


@pytest.fixture(autouse=True)
def own_hosts(
    server: ScriptedProvider, other: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two servers stand where Moonshot's two hosts do, and the second where the prices are."""
    row = replace(providers.PROVIDERS["kimi"], bases=(server.base_url, other.base_url))
    monkeypatch.setattr(providers, "PROVIDERS", {**providers.PROVIDERS, "kimi": row})
    table = replace(prices.SOURCES[0], url=f"{other.base_url}/models")
    monkeypatch.setattr(prices, "SOURCES", (table,))


@dataclass(frozen=True)
class Home:
    """A person's own files."""

    folder: Path  # ~/.amx

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    def write(self, text: str, *, mode: int = 0o600, folder_mode: int = 0o700) -> None:
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(folder_mode)
        self.config.write_text(text)
        self.config.chmod(mode)

    def workspace(self) -> Workspace:
        return real_workspace(os.environ, find_folders(os.environ))


@pytest.fixture
def home(clean_environment: Path) -> Home:
    return Home(clean_environment / ".amx")


def profile_block(base: str, *, name: str = "mine", model: str = "kimi-k2.6") -> str:
    return f"  {name}:\n    provider: kimi\n    model: {model}\n    api_base: {base}\n"


def config_at(base: str, more: str = "", model: str = "kimi-k2.6") -> str:
    return (
        "schema_version: 3\nllm_profiles:\n"
        f"{profile_block(base, model=model)}{more}active_llm_profile: mine\n"
    )


def terminal(environ: Mapping[str, str] | None = None, **facts: object) -> Terminal:
    usual = Terminal(140, 40, "UTF-8", environ or {"TERM": "xterm-256color"})
    return replace(usual, **facts)


async def look(workspace: Workspace, **visit: object) -> Report:
    report = Report()
    async with aclosing(examine(replace(Visit(workspace, terminal()), **visit))) as parts:
        async for part in parts:
            report.add(part)
    assert report.is_done and not report.count(State.RUNNING)
    for told in (report_text(report), report_json(report)):
        assert SECRET not in told and "hunter2" not in told
    return report


def found(report: Report, section: Section, what: str = "") -> list[Check]:
    return [
        check
        for place, check in report.lines
        if place is section and (not what or check.what == what)
    ]


def one(report: Report, section: Section, what: str) -> Check:
    (check,) = found(report, section, what)
    return check


def tree(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
    }


# A whole look. -------------------------------------------------------------------------------------


async def test_a_newcomer_is_told_how_to_begin_and_nothing_is_made(
    home: Home, server: ScriptedProvider
) -> None:
    report = await look(home.workspace())
    profile = one(report, Section.ACTIVE, "profile")
    assert profile.state is State.FAILED and "Press P, then n" in profile.remedy
    assert one(report, Section.SETTINGS, "config.yml").state is State.WARNING
    assert one(report, Section.SETTINGS, "tui.db").state is State.OK
    assert report.count(State.FAILED) == 1
    assert not server.requests
    assert not home.folder.exists()


async def test_a_set_up_that_works_is_told_line_by_line_and_left_as_it_is(
    home: Home,
    server: ScriptedProvider,
    other: ScriptedProvider,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "legacy.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (BUKRS TEXT)")
    connection.close()
    connections = f"db_profiles:\n  old:\n    backend: sqlite\n    database: {file}\n"
    home.write(config_at(server.base_url) + connections)
    Store(home.workspace().folders.store_file).runs("nothing")
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    before = tree(tmp_path)
    report = await look(home.workspace())
    assert tree(tmp_path) == before
    host = f"127.0.0.1:{server.port}"
    assert "1 profile and 1 connection" in one(report, Section.SETTINGS, "config.yml").result
    assert one(report, Section.SETTINGS, "schema version").result == "3, of at most 3"
    assert one(report, Section.SETTINGS, "permissions").result == ".amx 0700, config.yml 0600"
    assert one(report, Section.KEYS, "mine").result == "key sk-…cdef from AMX_LLM_API_KEY"
    assert f"accepted by {host}" in one(report, Section.ACTIVE, "key").result
    assert one(report, Section.ACTIVE, "model").result.startswith("kimi-k2.6: listed")
    assert one(report, Section.ACTIVE, "balance").result == "¥ 49.58"
    tables, texts = found(report, Section.DATABASES, "old")
    assert "1 table" in tables.result and "legacy.comments.yml" in texts.result
    assert report.count(State.FAILED) == 0
    assert "nothing is wrong" in summary(report)
    assert not server.calls  # no answer was paid for
    assert not other.requests


async def test_the_order_is_the_same_whoever_answers_first(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url))
    sections = list(dict.fromkeys(place for place, _ in (await look(home.workspace())).lines))
    assert sections == list(Section)


async def test_what_hangs_is_given_up_and_holds_up_nothing_else(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_parts, "PATIENCE", 1.0)
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url))
    workspace = home.workspace()
    forever = threading.Event()
    workspace.find_key = lambda profile: forever.wait() and None
    try:
        report = await look(workspace)
    finally:
        forever.set()
    keys = one(report, Section.KEYS, "keys")
    assert keys.state is State.WARNING and "nothing was heard for 1 s" in keys.result
    assert one(report, Section.SETTINGS, "config.yml").state is State.OK
    assert one(report, Section.VERSIONS, "textual").state is State.OK


async def test_the_keyring_is_asked_once_for_each_key(home: Home, server: ScriptedProvider) -> None:
    home.write(config_at(server.base_url))
    workspace = home.workspace()
    asked = []
    workspace.find_key = lambda profile: asked.append(profile.name)
    await look(workspace)
    assert asked == ["mine"]


async def test_a_fault_in_one_look_is_told_and_keeps_the_others(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url))

    def broken(_: object) -> Iterator[Check]:
        raise RuntimeError(SECRET)

    monkeypatch.setattr("amx_tui.commands.doctor.check_store", broken)
    report = await look(home.workspace())
    store = one(report, Section.SETTINGS, "tui.db")
    assert store.state is State.WARNING and store.result == "could not be looked at (RuntimeError)"


async def test_leaving_it_leaves_no_task_and_no_connection(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url))
    before = asyncio.all_tasks()
    async with aclosing(examine(Visit(home.workspace(), terminal()))) as parts:
        async for part in parts:
            if part.section is Section.ACTIVE and server.requests:
                break
    assert asyncio.all_tasks() == before
    await asyncio.to_thread(server.wait_until, lambda: server.open_connections == 0)


# Hosts. --------------------------------------------------------------------------------------------


async def test_a_host_that_no_draft_would_call_is_asked_only_after_a_yes(
    home: Home, server: ScriptedProvider, other: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url, profile_block(other.base_url, name="second")))
    workspace = home.workspace()
    assert hosts_to_ask(workspace) == (f"127.0.0.1:{other.port}",)
    report = await look(workspace)
    assert {check.state for check in found(report, Section.OTHERS)} == {State.SKIPPED}
    assert "--all-hosts" in found(report, Section.OTHERS)[0].remedy
    assert server.requests and not other.requests
    report = await look(workspace, all_hosts=True)
    assert one(report, Section.OTHERS, "second: balance").result == "$ 7.00"
    assert one(report, Section.OTHERS, "LiteLLM's table").state is State.OK
    # The price table gets no key.
    public = [request for request in other.requests if "authorization" not in request.headers]
    assert len(public) == 1


async def test_another_profile_at_the_host_of_a_draft_is_asked_without_a_question(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    second = profile_block(server.base_url, name="second", model="kimi-k2-thinking")
    home.write(config_at(server.base_url, second))
    report = await look(home.workspace())
    model = one(report, Section.OTHERS, "second: model")
    assert model.state is State.WARNING and "retired 2026-05-25" in model.result
    assert report.count(State.FAILED) == 0  # nobody drafts with it now


async def test_a_refused_key_is_tried_at_the_providers_other_host_only_after_a_yes(
    home: Home, server: ScriptedProvider, other: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    server.pages = {"/models": REFUSAL, "/balance": REFUSAL}
    home.write(config_at(server.base_url))
    there = f"key at 127.0.0.1:{other.port}"
    report = await look(home.workspace())
    key = one(report, Section.ACTIVE, "key")
    assert key.state is State.FAILED and other.base_url in key.remedy
    assert one(report, Section.ACTIVE, there).state is State.SKIPPED
    assert not other.requests
    report = await look(home.workspace(), all_hosts=True)
    accepted = one(report, Section.ACTIVE, there)
    assert accepted.state is State.OK and other.base_url in accepted.remedy


async def test_offline_no_host_is_asked_at_all(
    home: Home, server: ScriptedProvider, other: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url, profile_block(server.base_url, name="second")))
    workspace = home.workspace()
    workspace.offline = True
    report = await look(workspace, all_hosts=True)
    assert "--offline" in one(report, Section.ACTIVE, "host").result
    assert {check.state for check in found(report, Section.OTHERS)} == {State.SKIPPED}
    assert not server.requests and not other.requests
    assert hosts_to_ask(workspace) == ()


async def test_the_demo_is_healthy_and_has_nothing_to_ask() -> None:
    workspace = demo_workspace(os.environ, speed=1000)
    session = Session(workspace)
    report = await look(workspace, session=session)
    assert report.count(State.FAILED) == 0
    assert not found(report, Section.KEYS) and not found(report, Section.OTHERS)
    assert "20 tables" in found(report, Section.DATABASES)[0].result
    assert one(report, Section.ACTIVE, "limits").state is State.SKIPPED


# Files and keys. -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "state"), [(f"    api_key: {SECRET}\n", State.FAILED), ("", State.WARNING)]
)
async def test_a_file_that_others_can_read_is_wrong_where_a_secret_is_in_it(
    key: str, state: State, home: Home, server: ScriptedProvider
) -> None:
    home.write(config_at(server.base_url, key), mode=0o644, folder_mode=0o755)
    report = await look(home.workspace())
    folder, file = found(report, Section.SETTINGS, "permissions")
    assert folder.state is State.WARNING and folder.remedy == "Type: chmod 700 ~/.amx"
    assert file.state is state and "0644" in file.result
    assert file.remedy == "Type: chmod 600 ~/.amx/config.yml"


async def test_a_plaintext_key_and_one_that_stayed_in_a_backup_are_told(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = f"    api_key: {SECRET}\n"
    home.write(config_at(server.base_url, key))
    report = await look(home.workspace())
    mine = one(report, Section.KEYS, "mine")
    assert mine.state is State.WARNING and "plaintext in config.yml" in mine.result
    home.config.rename(home.folder / "config.yml.bak.2")
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    home.write(config_at(server.base_url))
    report = await look(home.workspace())
    backups = one(report, Section.SETTINGS, "backups")
    assert backups.state is State.WARNING and backups.remedy == "Type: rm ~/.amx/config.yml.bak.2"


async def test_a_key_of_the_keyring_is_found_and_a_lost_one_is_told(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring.core

    from tests.config.keyrings import MemoryKeyring

    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", MEMORY)
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    MemoryKeyring.reset()
    MemoryKeyring.entries["amx", "mine/api_key"] = SECRET
    key = "    api_key: keyring://amx/mine/api_key\n"
    home.write(config_at(server.base_url, key))
    report = await look(home.workspace())
    assert one(report, Section.KEYS, "keyring").state is State.OK
    assert (
        one(report, Section.KEYS, "mine").result == "key sk-…cdef from keyring amx · mine/api_key"
    )
    MemoryKeyring.reset()
    report = await look(home.workspace())
    mine = one(report, Section.KEYS, "mine")
    assert mine.state is State.FAILED and "was not found" in mine.result
    assert "AMX_LLM_API_KEY" in mine.remedy


async def test_a_machine_without_a_keyring_is_told_the_variable(home: Home) -> None:
    keyring = one(await look(home.workspace()), Section.KEYS, "keyring")
    assert keyring.state is State.WARNING and "AMX_LLM_API_KEY" in keyring.remedy
    assert "no keyring here" in keyring.why


async def test_a_broken_file_is_told_with_its_line(home: Home) -> None:
    home.write("llm_profiles:\n  mine: [\n")
    report = await look(home.workspace())
    config = one(report, Section.SETTINGS, "config.yml")
    assert config.state is State.FAILED and "ine 3" in str(config)


async def test_a_newer_schema_and_an_unusable_entry_are_warnings(
    home: Home, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMX_LLM_API_KEY", SECRET)
    text = config_at(server.base_url, "    max_tokens: many\n").replace("version: 3", "version: 9")
    home.write(text)
    report = await look(home.workspace())
    schema = one(report, Section.SETTINGS, "schema version")
    assert schema.state is State.WARNING and "newer AMX" in schema.result
    valid, entry = found(report, Section.SETTINGS, "config.yml")
    assert valid.state is State.OK and "max_tokens" in entry.result
    assert entry.state is State.WARNING


async def test_a_link_is_followed_and_a_broken_one_is_wrong(home: Home, tmp_path: Path) -> None:
    home.folder.mkdir(mode=0o700)
    real = tmp_path / "dotfiles.yml"
    home.config.symlink_to(real)
    link = one(await look(home.workspace()), Section.SETTINGS, "link")
    assert link.state is State.FAILED and "dotfiles.yml" in link.result
    real.write_text("llm_profiles: {}\n")
    real.chmod(0o600)
    report = await look(home.workspace())
    assert one(report, Section.SETTINGS, "link").state is State.OK
    assert home.config.is_symlink()


async def test_a_lock_that_is_held_is_told(home: Home) -> None:
    home.write("llm_profiles: {}\n")
    with FileLock(f"{home.config}.lock"):
        lock = one(await look(home.workspace()), Section.SETTINGS, "lock")
    assert lock.state is State.WARNING and "config.yml.lock is held" in lock.result
    assert one(await look(home.workspace()), Section.SETTINGS, "lock").state is State.OK


async def test_a_damaged_or_newer_store_is_told_and_left_as_it_is(home: Home) -> None:
    home.folder.mkdir(mode=0o700)
    store = home.folder / "tui.db"
    store.write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    before = store.read_bytes()
    told = one(await look(home.workspace()), Section.SETTINGS, "tui.db")
    assert told.state is State.FAILED and "damaged" in told.result and told.remedy
    assert store.read_bytes() == before
    store.unlink()
    with sqlite3.connect(store) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    report = await look(home.workspace())
    told = one(report, Section.SETTINGS, "tui.db")
    assert told.state is State.WARNING and "not amx-tui's" in told.result and told.remedy
    beside = one(report, Section.SETTINGS, f"tui.v{len(MIGRATIONS)}.db")
    assert beside.state is State.OK and "not there yet" in beside.result


async def test_what_was_set_aside_is_named(home: Home) -> None:
    home.folder.mkdir(mode=0o700)
    path = home.workspace().folders.store_file
    path.write_bytes(b"not a database, " * 300)
    kept = Store(path)
    assert kept.runs() == ()
    kept.close()
    (aside,) = find_set_aside(path)
    told = one(await look(home.workspace()), Section.SETTINGS, "set aside")
    assert told.state is State.WARNING and aside.name in told.result and told.remedy


async def test_wrong_wishes_in_tui_yml_are_told(home: Home) -> None:
    home.write("llm_profiles: {}\n")
    (home.folder / "tui.yml").write_text("concurrency: many\n")
    told = one(await look(home.workspace()), Section.SETTINGS, "tui.yml")
    assert told.state is State.WARNING and "concurrency" in told.result


async def test_a_cache_that_cannot_be_written_is_wrong(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder below what is no folder: also root cannot write there.
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    told = one(await look(home.workspace()), Section.SETTINGS, "cache")
    assert told.state is State.FAILED and "XDG_CACHE_HOME" in told.remedy


# Databases. ----------------------------------------------------------------------------------------


async def test_connections_are_opened_and_what_cannot_be_is_told_without_its_password(
    home: Home,
) -> None:
    home.write(
        "db_profiles:\n"
        "  closed:\n    backend: postgresql\n    host: 127.0.0.1\n    port: 9\n    user: me\n"
        "    password: hunter2-canary\n    database: sales\n"
        "  cloud:\n    backend: snowflake\n    account: x\n"
    )
    report = await look(home.workspace())
    closed = one(report, Section.DATABASES, "closed")
    assert closed.state is State.FAILED and closed.remedy
    cloud = one(report, Section.DATABASES, "cloud")
    assert cloud.state is State.SKIPPED and "does not open snowflake" in cloud.result


async def test_a_named_database_is_looked_at_in_place_of_the_connections(
    home: Home, tmp_path: Path
) -> None:
    home.write("db_profiles:\n  other:\n    backend: sqlite\n    database: /nowhere.db\n")
    file = tmp_path / "mine.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (A TEXT)")
    connection.close()
    report = await look(home.workspace(), database=str(file))
    assert {check.what for check in found(report, Section.DATABASES)} == {"mine.db (sqlite)"}
    report = await look(home.workspace(), database="other")
    assert one(report, Section.DATABASES, "other").state is State.FAILED
    url = "postgresql://me:hunter2-canary@127.0.0.1:9/sales"
    report = await look(home.workspace(), database=url)
    assert one(report, Section.DATABASES, "database").state is State.FAILED


# The machine. --------------------------------------------------------------------------------------


def checks_of(place: Terminal) -> dict[str, Check]:
    return {check.what: check for check in check_terminal(place)}


@pytest.mark.parametrize(
    ("environ", "facts", "what", "state", "words"),
    [
        ({"TERM": "dumb"}, {}, "terminal", State.FAILED, "dumb"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, {}, "colours", State.OK, "16 million"),
        ({"TERM": "xterm-256color"}, {}, "colours", State.OK, "256"),
        ({"TERM": "xterm"}, {"has_colour": False}, "colours", State.OK, "NO_COLOR"),
        ({"TERM": "xterm"}, {"columns": 60}, "size", State.WARNING, "60 columns"),
        ({"TERM": "xterm"}, {"columns": 0}, "size", State.SKIPPED, "pipe"),
        ({"TERM": "xterm"}, {"encoding": "ISO-8859-1"}, "characters", State.FAILED, "8859"),
        ({"TERM": "screen", "STY": "1.a"}, {}, "clipboard", State.WARNING, "GNU screen"),
        ({"TERM": "x", "VTE_VERSION": "7"}, {}, "clipboard", State.WARNING, "GNOME"),
        ({"TERM": "xterm"}, {}, "clipboard", State.OK, "OSC 52"),
        ({"TERM": "tmux", "TMUX": "/no,1,0", "PATH": ""}, {}, "tmux", State.WARNING, "not answer"),
    ],
)
def test_what_the_terminal_cannot_do_is_told(
    environ: dict[str, str], facts: dict[str, object], what: str, state: State, words: str
) -> None:
    check = checks_of(terminal(environ, **facts))[what]
    assert check.state is state and words in check.result
    assert check.remedy or state in (State.OK, State.SKIPPED) or what == "tmux"


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_the_options_of_a_real_tmux_are_read(tmp_path: Path) -> None:
    socket = tmp_path / "t"
    tmux = ["tmux", "-f", "/dev/null", "-S", str(socket)]
    environ = {**os.environ, "TERM": "xterm-256color"}
    subprocess.run([*tmux, "new-session", "-d", "sleep 60"], check=True, env=environ)
    try:
        inside = {**environ, "TMUX": f"{socket},1,0"}
        told = checks_of(terminal(inside))
        assert told["clipboard"].state is State.WARNING and "external" in told["clipboard"].result
        assert told["tmux"].state is State.WARNING and "500 ms" in told["tmux"].result
        subprocess.run([*tmux, "set", "-s", "set-clipboard", "on"], check=True)
        subprocess.run([*tmux, "set", "-s", "escape-time", "25"], check=True)
        told = checks_of(terminal(inside))
        assert told["clipboard"].state is State.OK and told["tmux"].state is State.OK
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)


async def test_proxies_and_certificates_are_told_without_their_passwords(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@proxy.example:3128")
    report = await look(home.workspace())
    proxy = one(report, Section.NETWORK, "proxy")
    assert proxy.state is State.OK and proxy.result == "HTTPS_PROXY http://proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter2@:bad")
    assert one(await look(home.workspace()), Section.NETWORK, "proxy").state is State.FAILED
    monkeypatch.delenv("HTTPS_PROXY")
    bundle = tmp_path / "ca.pem"
    bundle.write_text("no certificate")
    monkeypatch.setenv("AMX_CA_BUNDLE", str(bundle))
    report = await look(home.workspace())
    assert one(report, Section.NETWORK, "certificates").state is State.FAILED
    monkeypatch.setenv("AMX_CA_BUNDLE", "/nowhere")
    report = await look(home.workspace())
    assert one(report, Section.NETWORK, "variables").state is State.FAILED


def test_a_missing_driver_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from importlib import metadata

    usual = metadata.version

    def without(name: str) -> str:
        if name == "psycopg":
            raise metadata.PackageNotFoundError(name)
        return usual(name)

    monkeypatch.setattr(metadata, "version", without)
    told = {check.what: check for check in check_versions()}
    assert told["psycopg"].state is State.SKIPPED
    assert "pip install 'amx-tui[postgresql]'" in told["psycopg"].remedy
    monkeypatch.setattr("sys.prefix", "/home/me/.local/share/pipx/venvs/amx-tui")
    told = {check.what: check for check in check_versions()}
    assert "pipx install --force 'amx-tui[postgresql]'" in told["psycopg"].remedy


# What a run taught. --------------------------------------------------------------------------------


async def test_limits_that_a_run_learned_are_told_where_it_is_open() -> None:
    from amx_tui.commands.drafting import prepare_draft
    from amx_tui.config.model import Privacy
    from amx_tui.drafting.model import RunEnded

    workspace = demo_workspace(os.environ, speed=1000)
    session = Session(workspace)
    await session.read_catalog()
    draft = await asyncio.to_thread(
        prepare_draft,
        workspace,
        session.catalog,
        session.marks.undescribed(session.catalog.tables),
        privacy=Privacy.METADATA,
        read_evidence=session.evidence.read,
    )
    has_ended = asyncio.Event()
    session.subscribe(lambda event: has_ended.set() if isinstance(event, RunEnded) else None)
    await session.runner.start(draft)
    await has_ended.wait()
    report = await look(workspace, session=session)
    limits = one(report, Section.ACTIVE, "limits")
    assert limits.state is State.OK and "of 3 requests side by side" in limits.result
