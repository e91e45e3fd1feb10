"""Keys: where they come from, where they go, and that they go nowhere else."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.config.connections import connection_settings
from amx_tui.config.editing import profile_block
from amx_tui.config.file import load_config, read_config
from amx_tui.config.keyring_entries import Form, Owner, forget, keep
from amx_tui.config.keys import clean_key, keyring_state, resolve_key
from amx_tui.config.model import ConfigProblem, Connection, Profile
from amx_tui.config.sections import LLM
from tests.canary import CANARY
from tests.canary import assert_nowhere as search

from .conftest import MEMORY, PLAINTEXT
from .keyrings import MemoryKeyring
from .saving import save

Use = Callable[[str], type[MemoryKeyring]]


def store_key(name: str, secret: str) -> str:
    owner = Owner(LLM, name, "api_key")
    keep({owner: secret})
    return owner.reference(Form.PAGE)


def test_both_forms_of_reference_are_found(memory: type[MemoryKeyring], kimi: Profile) -> None:
    memory.entries = {
        ("amx", "kimi-thinking/api_key"): "sk-uri",
        ("amx", "llm_profiles/work/api_key"): "sk-amx",
        ("elsewhere", "a/b"): "sk-other",
    }
    key = resolve_key(kimi, variable=None, environ={"AMX_LLM_API_KEY": "sk-env"})
    assert key is not None
    assert (key.secret, key.source) == ("sk-uri", "keyring amx · kimi-thinking/api_key")
    work = resolve_key(
        replace(kimi, api_key="keyring:llm_profiles/work/api_key"), variable=None, environ={}
    )
    assert work is not None
    assert (work.secret, work.source) == ("sk-amx", "keyring amx · llm_profiles/work/api_key")
    other = resolve_key(replace(kimi, api_key="keyring://elsewhere/a/b"), variable=None, environ={})
    assert other is not None
    assert other.secret == "sk-other"


def test_a_key_that_amx_put_under_its_odd_name_is_found(
    memory: type[MemoryKeyring], kimi: Profile
) -> None:
    memory.entries = {("amx", "//amx/kimi-thinking/api_key"): "sk-odd"}
    key = resolve_key(kimi, variable=None, environ={})
    assert key is not None
    assert (key.secret, key.source) == ("sk-odd", "keyring amx · kimi-thinking/api_key")


@pytest.mark.parametrize("backend", ["keyring.backends.fail.Keyring", MEMORY, "no.such.Backend"])
def test_a_reference_that_leads_nowhere_falls_back_to_the_variable(
    backend: str, use_keyring: Use, kimi: Profile
) -> None:
    use_keyring(backend)
    environ = {"OPENAI_API_KEY": "sk-openai", "AMX_LLM_API_KEY": " sk-env\n"}
    key = resolve_key(kimi, variable="MOONSHOT_API_KEY", environ=environ)
    assert key is not None
    assert (key.secret, key.source) == ("sk-env", "AMX_LLM_API_KEY")
    del environ["AMX_LLM_API_KEY"]
    with pytest.raises(ConfigProblem) as caught:
        resolve_key(kimi, variable=None, environ=environ)
    assert "“kimi-thinking”" in caught.value.what
    assert caught.value.why
    assert "Press P" in caught.value.remedy
    assert "AMX_LLM_API_KEY" in caught.value.remedy


def test_a_blank_key_means_the_provider_s_variable_then_amx_s(kimi: Profile) -> None:
    blank = replace(kimi, api_key=" ")
    environ = {"OPENROUTER_API_KEY": "sk-or", "AMX_LLM_API_KEY": "sk-amx", "OPENAI_API_KEY": "no"}
    own = resolve_key(blank, variable="OPENROUTER_API_KEY", environ=environ)
    assert own is not None
    assert own.source == "OPENROUTER_API_KEY"
    amx = resolve_key(blank, variable=None, environ=environ)
    assert amx is not None
    assert amx.secret == "sk-amx"
    assert resolve_key(blank, variable=None, environ={"OPENAI_API_KEY": "no"}) is None


def test_a_key_in_the_file_counts_and_is_said_to_be_there(kimi: Profile) -> None:
    key = resolve_key(replace(kimi, api_key=CANARY), variable=None, environ={})
    assert key is not None
    assert (key.secret, key.source) == (CANARY, "plaintext in config.yml")
    assert key.hint == "sk-…CDEF"
    assert "CANARY" not in repr(key)


@pytest.mark.parametrize(
    ("backend", "is_usable", "reason"),
    [
        ("keyring.backends.fail.Keyring", False, "no keyring here"),
        ("keyring.backends.null.Keyring", False, "switched off"),
        (PLAINTEXT, False, "unencrypted"),
        ("no.such.Backend", False, "could not be started"),
        (MEMORY, True, ""),
    ],
)
def test_whether_the_keyring_can_be_used_is_known(
    backend: str, is_usable: bool, reason: str, use_keyring: Use
) -> None:
    use_keyring(backend)
    state = keyring_state()
    assert state.is_usable is is_usable
    assert reason in state.reason
    assert bool(state.reason) is not is_usable


def test_keyrings_in_a_row_are_judged_by_the_one_that_stores(
    use_keyring: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_keyring("keyring.backends.chainer.ChainerBackend")
    from keyring.backends.chainer import ChainerBackend
    from keyrings.alt.file import PlaintextKeyring

    for first, is_usable in ((MemoryKeyring(), True), (PlaintextKeyring(), False)):
        monkeypatch.setattr(ChainerBackend, "backends", [first, PlaintextKeyring()])
        assert keyring_state().is_usable is is_usable


def test_a_stored_key_is_under_all_names_under_which_amx_may_look_for_it(
    memory: type[MemoryKeyring], kimi: Profile
) -> None:
    stored = store_key("kimi-thinking", CANARY)
    assert stored == kimi.api_key
    assert memory.entries == {
        ("amx", "kimi-thinking/api_key"): CANARY,
        ("amx", stored.removeprefix("keyring:")): CANARY,
        ("amx", "llm_profiles/kimi-thinking/api_key"): CANARY,
    }
    for reference in (stored, "keyring:llm_profiles/kimi-thinking/api_key"):
        key = resolve_key(replace(kimi, api_key=reference), variable=None, environ={})
        assert key is not None
        assert key.secret == CANARY
    assert forget([Owner(LLM, "kimi-thinking", "api_key")]) == 3
    assert memory.entries == {}


def test_the_place_of_somebody_else_is_neither_used_nor_cleared(
    memory: type[MemoryKeyring],
) -> None:
    owner = Owner(LLM, "a", "api_key")
    memory.entries = {("amx", "a/api_key"): "another's"}
    spare = {("amx", "a/api_key")}
    keep({owner: CANARY}, spare)
    assert owner.reference(Form.PAGE, spare) == "keyring:llm_profiles/a/api_key"
    forget([owner], spare)
    assert memory.entries == {("amx", "a/api_key"): "another's"}
    with pytest.raises(ConfigProblem, match="no place in the keyring"):
        owner.reference(Form.PAGE, {("amx", user) for user in owner.users})


@pytest.mark.parametrize(
    "backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring", PLAINTEXT]
)
def test_without_a_usable_keyring_nothing_is_stored_anywhere(
    backend: str, use_keyring: Use, clean_environment: Path
) -> None:
    use_keyring(backend)
    with pytest.raises(ConfigProblem) as caught:
        store_key("kimi-thinking", CANARY)
    assert "export AMX_LLM_API_KEY" in caught.value.remedy
    assert_nowhere(clean_environment, caught.value)


@pytest.mark.parametrize("trouble", ["garbles", "first write", "third write", "locked"])
def test_a_key_that_was_not_stored_leaves_the_old_one(
    trouble: str, memory: type[MemoryKeyring], clean_environment: Path
) -> None:
    memory.entries = before = {("amx", "k/api_key"): "sk-old"}
    memory.garbles = trouble == "garbles"
    memory.is_locked = trouble == "locked"
    memory.refuses = {"first write": 0, "third write": 2}.get(trouble)
    with pytest.raises(ConfigProblem) as caught:
        store_key("k", CANARY)
    if trouble != "garbles":  # what it gives back is not what it keeps
        assert memory.entries == before == {("amx", "k/api_key"): "sk-old"}
    assert CANARY not in memory.entries.values()
    assert_nowhere(clean_environment, caught.value)


@given(st.text(alphabet="sk-AZ09_ \t\r\n\u00a0\u200b\ufeff\x1b[200~", max_size=40))
def test_a_pasted_key_has_no_white_space_left(pasted: str) -> None:
    cleaned = clean_key(pasted)
    assert cleaned.isprintable()
    assert not any(character.isspace() for character in cleaned)
    assert clean_key(f"\n {cleaned[:3]}\r\n  {cleaned[3:]}\t") == cleaned


def test_a_connection_gets_its_password_in_memory_only(memory: type[MemoryKeyring]) -> None:
    memory.entries = {("amx", "db_profiles/erp/password"): f"{CANARY} "}
    config = read_config(
        "db_profiles:\n  erp: {backend: postgresql, host: h, port: 5432, user: u, database: d,"
        " password: 'keyring:db_profiles/erp/password', sslmode: '', read_only: false}\n",
        Path("config.yml"),
    )
    settings = connection_settings(config.connections["erp"], environ={})
    assert dict(settings) == {
        "host": "h",
        "port": "5432",
        "user": "u",
        "database": "d",
        "read_only": "false",
        "password": f"{CANARY} ",
    }
    assert CANARY not in f"{settings} {settings!r} {config!r}"


def test_postgresql_s_port_elsewhere_means_no_port() -> None:
    assert connection_settings(Connection("a", "mysql", {"port": 5432}), environ={}) == {}
    assert connection_settings(Connection("a", "mysql", {"port": 3307}), environ={}) == {
        "port": "3307"
    }


def test_a_password_that_is_not_found_names_the_variable(use_keyring: Use) -> None:
    connection = Connection("erp", "postgresql", {"user": "u", "password": "keyring:x"})
    with pytest.raises(ConfigProblem) as caught:
        connection_settings(connection, environ={})
    assert "export AMX_DB_PASSWORD" in caught.value.remedy
    environ = {"AMX_DB_PASSWORD": "pw"}
    assert connection_settings(connection, environ=environ)["password"] == "pw"
    blank = Connection("erp", "postgresql", {"user": "u", "password": ""})
    assert connection_settings(blank, environ=environ)["password"] == "pw"
    assert connection_settings(blank, environ={}) == {"user": "u"}
    file = Connection("f", "duckdb", {"database": "/x"})
    assert connection_settings(file, environ=environ) == {"database": "/x"}


def test_the_key_is_in_no_file_no_log_and_no_error(
    memory: type[MemoryKeyring],
    config_file: Path,
    clean_environment: Path,
    kimi: Profile,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    reference = store_key(kimi.name, CANARY)
    save(config_file, replace(kimi, api_key=reference), activate=True)
    edited = replace(kimi, api_key=reference, max_tokens=9000)
    save(config_file, edited, was=kimi.name, activate=True)
    config = load_config(config_file)
    key = resolve_key(config.profiles[kimi.name], variable=None, environ={})
    assert key is not None
    assert key.secret == CANARY
    memory.is_locked = True
    with pytest.raises(ConfigProblem) as caught:
        resolve_key(config.profiles[kimi.name], variable=None, environ={})
    assert_nowhere(clean_environment, caught.value)
    shown = f"{config!r} {key!r} {profile_block(replace(kimi, api_key=CANARY))} {caplog.text}"
    assert "CANARY" not in shown


def test_nothing_heavy_is_imported_with_the_room() -> None:
    code = (
        "import sys, amx_tui.commands.profiles, amx_tui.config.editing, amx_tui.config.keys, amx_tui.config.connections, "
        "amx_tui.config.preferences, amx_tui.config.settings\n"
        "print([name for name in ('yaml', 'keyring', 'filelock', 'platformdirs', 'textual')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def assert_nowhere(folder: Path, problem: BaseException) -> None:
    """The canary is in no file below `folder`, nor in `problem` or what it came from."""
    search(folder)
    told: BaseException | None = problem
    while told is not None:
        search(f"{told} {told.args!r} {vars(told)!r}")
        told = told.__cause__ or told.__context__
