"""Profiles and connections with their keys: nothing is lost, nothing stays behind, nothing is silent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amx_tui.commands import profiles
from amx_tui.commands.profiles import (
    copy,
    copy_connection,
    referring_to,
    remove,
    remove_connection,
    rename,
    rename_connection,
    save,
    save_connection,
)
from amx_tui.config.connections import connection_settings, find_password
from amx_tui.config.editing import profile_block
from amx_tui.config.file import load_config
from amx_tui.config.keys import resolve_key
from amx_tui.config.model import ConfigProblem, Connection, Profile
from tests.config.conftest import PLAINTEXT
from tests.config.keyrings import MemoryKeyring
from tests.config.shapes import early, written_by_amx

OLD, NEW = "sk-OLDOLD0123456789abcdef", "sk-NEWNEW0123456789abcdef"
Use = Callable[[str], type[MemoryKeyring]]

# The sample block of AMX's page for Kimi, word for word.
PAGE = """\
llm_profiles:
  kimi-thinking:
    provider: kimi
    model: kimi-k2-thinking
    api_base: https://api.moonshot.cn/v1
    api_key: keyring://amx/kimi-thinking/api_key
    temperature: 0.2
    n_alternatives: 3
active_llm_profile: kimi-thinking
"""


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())
    return file


def key_of(file: Path, name: str) -> str:
    key = resolve_key(load_config(file).profiles[name], variable=None, environ={})
    return key.secret if key else ""


def users(
    name: str, section: str = "llm_profiles", setting: str = "api_key"
) -> set[tuple[str, str]]:
    own = f"{name}/{setting}"
    return {("amx", own), ("amx", f"//amx/{own}"), ("amx", f"{section}/{own}")}


def everything(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file())


def test_the_page_s_answers_write_the_page_s_block(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    answers = Profile("kimi-thinking", "kimi", "kimi-k2-thinking", "https://api.moonshot.cn/v1")
    done = save(config_file, answers, was=None, secret=f" {NEW[:7]}\n{NEW[7:]}")
    assert config_file.read_text() == PAGE == profile_block(done.entry)
    assert memory.entries == dict.fromkeys(users("kimi-thinking"), NEW)
    assert done.said == ("The key is in the keyring (tests.config.keyrings.MemoryKeyring)",)


def test_the_file_s_own_form_of_reference_is_used(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, written_by_amx())
    save(config_file, Profile("mine", "kimi", "m"), was=None, secret=NEW)
    assert load_config(config_file).profiles["mine"].api_key == "keyring:llm_profiles/mine/api_key"
    work = load_config(config_file).profiles["work"]
    save(config_file, work, was="work", secret=NEW)
    assert load_config(config_file).profiles["work"].api_key == work.api_key
    put(config_file, PAGE)
    save_connection(
        config_file,
        Connection("erp", "postgresql", {"user": "u"}),
        was=None,
        secrets={"password": "pw"},
    )
    erp = load_config(config_file).connections["erp"]
    assert erp.settings["password"] == "keyring://amx/erp/password"
    assert connection_settings(erp, environ={})["password"] == "pw"
    assert set(memory.entries) >= users("erp", "db_profiles", "password")


def test_a_key_that_moves_into_the_keyring_stays_in_no_backup_and_no_copy(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, early(None))
    put(config_file.with_name("config.yml.bak.1"), f"# sk-early-0123456789\n{early(1)}")
    put(config_file.with_name("config.yml.bak.5"), "llm: {api_key: 'sk-early-0123456789'\n")
    old = load_config(config_file).profiles["default"]
    done = save(config_file, old, was="default", secret=old.api_key)
    assert key_of(config_file, "default") == "sk-early-0123456789"
    assert "sk-early" not in everything(config_file.parent)
    assert "2 backups of it no longer hold it as plain text" in done.said
    backup = config_file.with_name("config.yml.bak.2")
    assert load_config(backup).profiles["default"].api_key == done.entry.api_key


def test_a_key_that_was_replaced_stays_in_no_backup(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    plain = PAGE.replace("keyring://amx/kimi-thinking/api_key", OLD)
    put(
        config_file,
        plain.replace("active_", "llm:\n  provider: kimi\n  api_key: " + OLD + "\nactive_"),
    )
    profile = load_config(config_file).profiles["kimi-thinking"]
    save(config_file, replace(profile, temperature=1.0), was=profile.name, secret="")
    assert OLD in config_file.read_text()
    save(config_file, profile, was=profile.name, secret=NEW)
    text = everything(config_file.parent)
    assert OLD not in text
    assert NEW not in text


def test_what_still_holds_the_key_as_plain_text_is_named(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, f"llm_profiles:\n  a:\n    provider: p\n    model: m\n    api_key: {OLD}\n"
        f"  b:\n    provider: p\n    model: m\n    api_key: {OLD}\n")  # fmt: skip
    profile = load_config(config_file).profiles["a"]
    done = save(config_file, profile, was="a", secret=OLD)
    assert "llm_profiles.b still has it as plain text" in done.said
    assert key_of(config_file, "b") == OLD
    put(config_file, f"# was {NEW}\n" + PAGE)
    done = save(config_file, load_config(config_file).profiles["kimi-thinking"],
                was="kimi-thinking", secret=NEW)  # fmt: skip
    assert "A comment of ~/.amx/config.yml still has it as plain text" in done.said


@pytest.mark.parametrize(
    "backend", ["keyring.backends.fail.Keyring", "keyring.backends.null.Keyring", PLAINTEXT]
)
def test_without_a_usable_keyring_only_an_explicit_yes_puts_the_key_into_the_file(
    backend: str, use_keyring: Use, config_file: Path, kimi: Profile, clean_environment: Path
) -> None:
    use_keyring(backend)
    blank = replace(kimi, api_key="")
    with pytest.raises(ConfigProblem, match="no usable keyring") as caught:
        save(config_file, blank, was=None, secret=NEW)
    assert "export AMX_LLM_API_KEY=" in caught.value.remedy
    assert not config_file.exists()
    assert NEW not in everything(clean_environment)
    done = save(config_file, blank, was=None, secret=NEW, plaintext=True)
    assert key_of(config_file, kimi.name) == NEW
    assert config_file.stat().st_mode & 0o777 == 0o600
    assert done.said == ("The key is plain text in the file, readable for you alone",)


def test_what_cannot_be_saved_leaves_file_and_keyring_as_they_were(
    config_file: Path, memory: type[MemoryKeyring], kimi: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(config_file, PAGE)
    memory.entries = before = dict.fromkeys(users("kimi-thinking"), OLD)
    for wrong in (replace(kimi, n_alternatives=9), replace(kimi, name=" x")):
        with pytest.raises(ConfigProblem):
            save(config_file, wrong, was=kimi.name, secret=NEW)

    def refuse(*_: object) -> None:
        raise ConfigProblem("The disk is full")

    monkeypatch.setattr(profiles, "write", refuse)
    with pytest.raises(ConfigProblem, match="disk is full"):
        save(config_file, replace(kimi, name="other"), was=kimi.name, secret=NEW)
    assert memory.entries == before
    assert config_file.read_text() == PAGE


def test_a_new_name_takes_key_and_references_along(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, PAGE + "rag_llm_profile: kimi-thinking\n")
    memory.entries = {("amx", "//amx/kimi-thinking/api_key"): OLD, ("amx", "else/api_key"): "x"}
    done = rename(config_file, "kimi-thinking", "k2")
    assert config_file.read_text() == PAGE.replace("kimi-thinking", "k2") + "rag_llm_profile: k2\n"
    assert memory.entries == {**dict.fromkeys(users("k2"), OLD), ("amx", "else/api_key"): "x"}
    assert done.said == ("active_llm_profile and rag_llm_profile followed",)
    saved = save(config_file, replace(done.entry, name="k3", temperature=1.0), was="k2", secret="")
    assert key_of(config_file, "k3") == OLD
    assert saved.entry.api_key == "keyring://amx/k3/api_key"
    assert set(memory.entries) == users("k3") | {("amx", "else/api_key")}


def test_a_key_left_in_the_keyring_under_the_old_name_goes_along_too(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, PAGE.replace("keyring://amx/kimi-thinking/api_key", '""'))
    memory.entries = {("amx", "llm_profiles/kimi-thinking/api_key"): OLD}
    rename(config_file, "kimi-thinking", "k2")
    assert set(memory.entries) == users("k2")


def test_a_copy_has_its_own_key(config_file: Path, memory: type[MemoryKeyring]) -> None:
    put(config_file, PAGE)
    memory.entries = dict.fromkeys(users("kimi-thinking"), OLD)
    done = copy(config_file, "kimi-thinking", "twin")
    assert done.entry.api_key == "keyring://amx/twin/api_key"
    assert load_config(config_file).active_profile == "kimi-thinking"
    save(config_file, done.entry, was="twin", secret=NEW, activate=False)
    assert (key_of(config_file, "kimi-thinking"), key_of(config_file, "twin")) == (OLD, NEW)
    remove(config_file, "twin")
    assert config_file.read_text() == PAGE
    assert set(memory.entries) == users("kimi-thinking")


def test_removal_tells_what_referred_and_takes_the_key_out(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, written_by_amx().replace("rag_llm_profile: spare", "rag_llm_profile: work"))
    memory.entries = dict.fromkeys(users("work"), OLD)
    assert referring_to(config_file, "work") == ["active_llm_profile", "rag_llm_profile"]
    done = remove(config_file, "work")
    assert done.said == (
        "rag_llm_profile named it, and no longer does",
        "“spare” is the active profile now",
        "Its key went out of the keyring",
    )
    assert memory.entries == {}
    assert load_config(config_file).problems == ()


def test_a_key_that_another_profile_uses_is_neither_removed_nor_replaced(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    other = (
        "  b:\n    provider: p\n    model: m\n    api_key: keyring://amx/kimi-thinking/api_key\n"
    )
    put(config_file, PAGE.replace("active_", other + "active_"))
    memory.entries = dict.fromkeys(users("kimi-thinking"), OLD)
    assert referring_to(config_file, "kimi-thinking") == [
        "active_llm_profile",
        "llm_profiles.b, which uses its key",
    ]
    profile = load_config(config_file).profiles["kimi-thinking"]
    save(config_file, profile, was=profile.name, secret=NEW)
    assert (key_of(config_file, profile.name), key_of(config_file, "b")) == (NEW, OLD)
    remove(config_file, "kimi-thinking")
    assert key_of(config_file, "b") == OLD
    # A new profile of that name does not take the place over either.
    save(config_file, replace(profile, api_key=""), was=None, secret=NEW)
    assert (key_of(config_file, profile.name), key_of(config_file, "b")) == (NEW, OLD)


def test_where_the_keyring_does_not_answer_a_profile_keeps_its_name_and_its_key(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, PAGE)
    memory.entries = before = dict.fromkeys(users("kimi-thinking"), OLD)
    memory.is_locked = True
    for attempt in (
        lambda: rename(config_file, "kimi-thinking", "k2"),
        lambda: copy(config_file, "kimi-thinking", "k2"),
    ):
        with pytest.raises(ConfigProblem, match="was left as it is") as caught:
            attempt()
        assert "locked" in caught.value.why
    assert config_file.read_text() == PAGE
    done = remove(config_file, "kimi-thinking")
    assert any("may still be there" in said and "locked" in said for said in done.said)
    assert memory.entries == before


def test_without_a_keyring_a_new_name_still_refers_to_where_the_key_is(
    config_file: Path, use_keyring: Use
) -> None:
    use_keyring("keyring.backends.fail.Keyring")
    put(config_file, PAGE)
    done = rename(config_file, "kimi-thinking", "k2")
    assert done.entry.api_key == "keyring://amx/kimi-thinking/api_key"
    assert any("still refers to keyring://amx/kimi-thinking/api_key" in said for said in done.said)


def test_all_secrets_of_a_connection_go_where_it_goes(
    config_file: Path, memory: type[MemoryKeyring]
) -> None:
    put(config_file, written_by_amx())
    erp = load_config(config_file).connections["postgresql-1"]
    secrets = {"password": " p w ", "access_token": "dapi-0123456789"}
    save_connection(config_file, erp, was=erp.name, secrets=secrets)
    rename_connection(config_file, erp.name, "erp")
    copy_connection(config_file, "erp", "twin")
    remove_connection(config_file, "erp")
    twin = load_config(config_file).connections["twin"]
    assert twin.settings["password"] == "keyring:db_profiles/twin/password"
    settings = connection_settings(twin, environ={})
    assert (settings["password"], settings["access_token"]) == (" p w ", "dapi-0123456789")
    assert set(memory.entries) == {
        place for setting in secrets for place in users("twin", "db_profiles", setting)
    }
    assert "dapi" not in everything(config_file.parent)


def test_where_a_password_comes_from_is_said(memory: type[MemoryKeyring]) -> None:
    memory.entries = {("amx", "db_profiles/erp/password"): "pw"}

    def source(password: str, **environ: str) -> str | None:
        connection = Connection("erp", "postgresql", {"user": "u", "password": password})
        found = find_password(connection, environ=environ)
        return found and found.source

    assert source("keyring:db_profiles/erp/password") == "keyring amx · db_profiles/erp/password"
    assert source("plain") == "plaintext in config.yml"
    assert source("", AMX_DB_PASSWORD="pw") == "AMX_DB_PASSWORD"
    assert source("keyring:db_profiles/gone/password", AMX_DB_PASSWORD="pw") == "AMX_DB_PASSWORD"
    assert source("") is None


# Killed at any instant. --------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it, nothing is tidied up."""


def plain_file() -> str:
    return PAGE.replace("keyring://amx/kimi-thinking/api_key", OLD)


OPERATIONS: dict[str, tuple[str, Callable[[Path], Any], set[str]]] = {
    # The file, what is done to it, and the keys that a profile of it may have afterwards.
    "a new key": (
        PAGE,
        lambda file: save(
            file, load_config(file).profiles["kimi-thinking"], was="kimi-thinking", secret=NEW
        ),
        {OLD, NEW},
    ),
    "out of the file": (
        plain_file(),
        lambda file: save(
            file, load_config(file).profiles["kimi-thinking"], was="kimi-thinking", secret=OLD
        ),
        {OLD},
    ),
    "another name": (PAGE, lambda file: rename(file, "kimi-thinking", "k2"), {OLD}),
    "another name and key": (
        PAGE,
        lambda file: save(
            file,
            replace(load_config(file).profiles["kimi-thinking"], name="k2"),
            was="kimi-thinking",
            secret=NEW,
        ),
        {OLD, NEW},
    ),
    "a copy": (PAGE, lambda file: copy(file, "kimi-thinking", "k2"), {OLD}),
    "removal": (PAGE, lambda file: remove(file, "kimi-thinking"), {OLD}),
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_any_instant_every_profile_has_its_key(
    operation: str,
    config_file: Path,
    memory: type[MemoryKeyring],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text, run, allowed = OPERATIONS[operation]
    instants = itertools.count()
    last = -1

    def instant(step: Callable[..., Any]) -> Callable[..., Any]:
        """Before and after the step, the process may be gone."""

        def stepped(*given: Any) -> Any:
            if next(instants) == last:
                raise Killed
            done = step(*given)
            if next(instants) == last:
                raise Killed
            return done

        return stepped

    monkeypatch.setattr(MemoryKeyring, "set_password", instant(MemoryKeyring.set_password))
    monkeypatch.setattr(MemoryKeyring, "delete_password", instant(MemoryKeyring.delete_password))
    monkeypatch.setattr(Path, "replace", instant(Path.replace))
    for last in range(200):
        for left in config_file.parent.glob("*") if config_file.parent.exists() else ():
            left.unlink()
        put(config_file, text)
        memory.entries = dict.fromkeys(users("kimi-thinking"), OLD) if text == PAGE else {}
        instants = itertools.count()
        try:
            run(config_file)
        except Killed:
            found = {key_of(config_file, name) for name in load_config(config_file).profiles}
            assert found <= allowed, last
            assert operation == "removal" or found
            continue
        break
    assert 4 < last < 199
