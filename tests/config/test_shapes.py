"""Whatever amx-cli has ever written is read whole, and edited without touching the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.editing import Change, write
from amx_tui.config.file import load_config, read_config
from amx_tui.config.model import ConfigProblem, Connection, Profile
from amx_tui.config.profile_entries import PROFILES

from .saving import save
from .shapes import BACKENDS, LLM_PROFILE, PROFILING, early, written_by_amx

SCHEMAS = (None, 0, 1, 2, 3)


def put(file: Path, text: str) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text.encode())
    return file


def data_of(file: Path) -> dict[str, object]:
    data = yaml.safe_load(file.read_bytes())
    assert isinstance(data, dict)
    return data


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_backend_is_read_with_all_its_settings(schema: int | None) -> None:
    config = read_config(written_by_amx(schema), Path("config.yml"))
    assert config.problems == ()
    assert config.active_connection == "postgresql-1"
    for backend, settings in BACKENDS.items():
        connection = config.connections[f"{backend}-1"]
        expected = {**settings, **PROFILING}
        if backend == "postgresql":
            expected["password"] = "keyring:db_profiles/postgresql-1/password"
        assert (connection.backend, dict(connection.settings)) == (backend, expected)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_profiles_documents_and_code_are_read(schema: int | None) -> None:
    config = read_config(written_by_amx(schema), Path("config.yml"))
    assert (list(config.profiles), config.active_profile) == (["work", "spare"], "work")
    assert config.profiles["work"].max_tokens == 16384
    assert config.documents.paths == {"contracts": ("/docs", "/more.pdf"), "wiki": ("/wiki",)}
    assert config.documents.active == ("contracts", "wiki")
    assert config.code.paths == {"abap": ("/src",)}
    assert config.code.active == ("abap",)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_early_file_is_one_profile_one_connection_and_its_folders(schema: int | None) -> None:
    config = read_config(early(schema), Path("config.yml"))
    assert config.problems == ()
    assert (config.active_profile, config.active_connection) == ("default", "default")
    assert config.connections["default"].settings["password"] == "pw"
    assert config.documents.paths == {"default": ("/docs", "/more")}
    assert config.documents.active == ("default",)
    assert config.code.paths == {"default": ("/src",), "repo1": ("/lib",)}


def test_the_first_of_several_active_connections_counts_as_with_amx() -> None:
    text = written_by_amx().replace(
        "active_db_profiles:\n- postgresql-1", "active_db_profiles:\n- hive-1"
    )
    assert read_config(text, Path("config.yml")).active_connection == "hive-1"


def test_sources_that_are_no_paths_are_told_and_the_rest_is_there() -> None:
    config = read_config(
        "doc_profiles:\n  a: {x: 1}\n  b: [/x]\n  c:\ncode_profiles: 7\nactive_doc_profile: gone\n",
        Path("config.yml"),
    )
    assert config.documents.paths == {"b": ("/x",)}
    assert config.documents.active == ()
    told = [problem.what for problem in config.problems]
    assert told == [
        "doc_profiles.a in config.yml, line 2, cannot be used",
        "code_profiles in config.yml, line 5, cannot be used",
    ]


def test_a_newer_file_is_read_and_no_change_of_any_kind_is_made(config_file: Path) -> None:
    text = written_by_amx(4)
    config = load_config(put(config_file, text))
    assert "newer AMX" in config.problems[0].what
    work, erp = config.profiles["work"], config.connections["postgresql-1"]
    for change in (
        lambda: save(config_file, replace(work, model="x"), was="work", activate=True),
        lambda: save(config_file, replace(erp, backend="mysql"), was=erp.name, activate=True),
        lambda: write(config_file, Change(PROFILES, "", was="work")),
        lambda: write(config_file, Change(CONNECTIONS, "b", was="mysql-1")),
    ):
        with pytest.raises(ConfigProblem, match="newer AMX"):
            change()
    assert config_file.read_text() == text


@pytest.mark.parametrize("schema", SCHEMAS)
def test_amx_s_copy_of_the_active_profile_follows_every_change(
    schema: int | None, config_file: Path
) -> None:
    put(config_file, written_by_amx(schema))
    work = load_config(config_file).profiles["work"]
    edited = replace(work, temperature=1.0, max_tokens=32768)
    save(config_file, edited, was="work", activate=False)
    after = {**LLM_PROFILE, "temperature": 1.0, "max_tokens": 32768}
    assert data_of(config_file)["llm"] == after
    # The copy is edited as the profile is: two lines each.
    old, new = (text.splitlines() for text in (written_by_amx(schema), config_file.read_text()))
    assert len(old) == len(new)
    assert sum(one != other for one, other in zip(old, new, strict=True)) == 4

    save(config_file, Profile("mine", "openai", "gpt-5"), activate=True)
    assert data_of(config_file)["llm"] == data_of(config_file)["llm_profiles"]["mine"]  # type: ignore[index]
    write(config_file, Change(PROFILES, "work", was="work", activate=True))
    assert data_of(config_file)["llm"] == after
    assert data_of(config_file)["active_llm_profile"] == "work"
    write(config_file, Change(PROFILES, "", was="work"))
    data = data_of(config_file)
    assert data["active_llm_profile"] == "spare"
    assert data["llm"] == data["llm_profiles"]["spare"]  # type: ignore[index]


def test_a_profile_that_is_not_active_leaves_the_copy_alone(config_file: Path) -> None:
    put(config_file, written_by_amx())
    spare = load_config(config_file).profiles["spare"]
    save(config_file, replace(spare, temperature=1.0), was="spare", activate=False)
    assert data_of(config_file)["llm"] == LLM_PROFILE


def test_a_connection_is_edited_in_both_places_and_nowhere_else(config_file: Path) -> None:
    before = written_by_amx()
    put(config_file, before)
    erp = load_config(config_file).connections["postgresql-1"]
    changed = {**erp.settings, "host": "new.example", "port": "5433"}
    del changed["sslrootcert"]
    save(config_file, replace(erp, settings=changed), was=erp.name, activate=False)
    data = data_of(config_file)
    expected = {"backend": "postgresql", **changed, "port": 5433}
    assert data["db_profiles"]["postgresql-1"] == data["db"] == expected  # type: ignore[index]
    was = yaml.safe_load(before)
    for key in was:
        if key not in ("db", "db_profiles"):
            assert data[key] == was[key]


def test_all_that_names_a_connection_follows_its_new_name(config_file: Path) -> None:
    before = written_by_amx()
    put(config_file, before)
    write(config_file, Change(CONNECTIONS, "erp", was="postgresql-1"))
    # Its key still stands where it stood: that is not a name.
    place = "keyring:db_profiles/postgresql-1/password"
    expected = before.replace(place, "PLACE").replace("postgresql-1", "erp")
    assert config_file.read_text() == expected.replace("PLACE", place)


def test_nothing_names_a_connection_that_was_removed(config_file: Path) -> None:
    put(config_file, written_by_amx())
    write(config_file, Change(CONNECTIONS, "", was="postgresql-1"))
    data = data_of(config_file)
    assert "postgresql-1" not in config_file.read_text()
    # Of two active ones the other is left, and it is the active one.
    assert data["active_db_profiles"] == ["duckdb-1"]
    assert data["active_db_profile"] == "duckdb-1"
    assert data["db"] == data["db_profiles"]["duckdb-1"]  # type: ignore[index]
    assert data["history_store_profile"] == ""
    assert data["history_store_profiles"] == ["mysql-1"]
    assert data["doc_profile_linked_dbs"] == {"contracts": ["mysql-1"], "wiki": ["mysql-1"]}
    assert data["code_profile_linked_dbs"] == {"abap": []}


def test_switching_the_connection_makes_it_the_only_active_one(config_file: Path) -> None:
    put(config_file, written_by_amx())
    write(config_file, Change(CONNECTIONS, "hive-1", was="hive-1", activate=True))
    data = data_of(config_file)
    assert (data["active_db_profile"], data["active_db_profiles"]) == ("hive-1", ["hive-1"])
    assert data["db"] == data["db_profiles"]["hive-1"]  # type: ignore[index]
    assert load_config(config_file).active_connection == "hive-1"


def test_the_last_profile_can_be_removed_and_does_not_come_back(config_file: Path) -> None:
    put(config_file, early(None))
    write(config_file, Change(PROFILES, "", was="default"))
    config = load_config(config_file)
    assert (config.profiles, config.active_profile) == ({}, None)
    assert "sk-early" not in config_file.read_text()
    assert list(config.connections) == ["default"]
    write(config_file, Change(CONNECTIONS, "", was="default"))
    assert load_config(config_file).connections == {}


def test_comments_go_with_what_they_belong_to(config_file: Path) -> None:
    put(
        config_file,
        "# mine\nllm_profiles:  # all\n  # the first\n  a:\n    provider: p  # why\n    model: m\n"
        "    # not yet: 1\n  # the second\n  b: {provider: p, model: m}\nactive_llm_profile: a  # x\n",
    )
    write(config_file, Change(PROFILES, "c", copies="a"))
    write(config_file, Change(PROFILES, "", was="a"))
    assert config_file.read_text() == (
        "# mine\nllm_profiles:  # all\n  # the first\n  # the second\n  b: {provider: p, model: m}\n"
        "  c:\n    provider: p  # why\n    model: m\nactive_llm_profile: b  # x\n"
    )
    write(config_file, Change(PROFILES, "", was="b"))
    write(config_file, Change(PROFILES, "", was="c"))
    assert config_file.read_text() == (
        "# mine\nllm_profiles: {}  # all\n  # the first\n  # the second\n"
        'active_llm_profile: ""  # x\n'
    )


@pytest.mark.parametrize(
    ("connection", "block"),
    [
        (
            Connection("wh", "DuckDB", {"database": "/data/wh.duckdb", "read_only": "true"}),
            "  wh:\n    backend: duckdb\n    database: /data/wh.duckdb\n    read_only: true\n",
        ),
        (
            Connection("erp", "postgresql", {"user": "u", "host": "h", "port": "5433", "password": None}),
            "  erp:\n    backend: postgresql\n    host: h\n    port: 5433\n    user: u\n",
        ),
        (
            Connection("shop", "mysql", {"password": "keyring://amx/shop/password", "port": 3307}),
            "  shop:\n    backend: mysql\n    port: 3307\n    password: keyring://amx/shop/password\n",
        ),
        (
            Connection("f", "sqlite", {"database": "yes"}),
            '  f:\n    backend: sqlite\n    database: "yes"\n',
        ),
    ],
)  # fmt: skip
def test_a_new_connection_has_amx_s_keys_in_amx_s_order(
    connection: Connection, block: str, config_file: Path
) -> None:
    save(config_file, connection, activate=False)
    assert config_file.read_text() == "db_profiles:\n" + block


def test_a_connection_with_an_impossible_port_is_not_saved(config_file: Path) -> None:
    with pytest.raises(ConfigProblem, match="“erp” was not saved") as caught:
        save(config_file, Connection("erp", "mysql", {"port": "many"}), activate=False)
    assert "Correct port" in caught.value.remedy
    assert not config_file.exists()


def test_a_name_is_taken_once(config_file: Path) -> None:
    put(config_file, written_by_amx())
    for change in (
        Change(PROFILES, "spare", was="work"),
        Change(PROFILES, "spare", copies="work"),
        Change(PROFILES, "spare", entry=Profile("spare", "p", "m")),
    ):
        with pytest.raises(ConfigProblem, match="a profile “spare” already"):
            write(config_file, change)
    with pytest.raises(ConfigProblem, match="no connection called “gone”"):
        write(config_file, Change(CONNECTIONS, "", was="gone"))
    assert config_file.read_text() == written_by_amx()


def test_what_amx_changed_meanwhile_stays_and_what_both_changed_is_told(config_file: Path) -> None:
    put(config_file, written_by_amx())
    since = load_config(config_file).profiles["work"]
    config_file.write_text(
        written_by_amx().replace("column_batch_size: 10", "column_batch_size: 25")
    )
    mine = replace(since, temperature=0.9)
    write(config_file, Change(PROFILES, "work", was="work", entry=mine, since=since))
    now = load_config(config_file).profiles["work"]
    assert (now.temperature, now.column_batch_size) == (0.9, 25)
    other = replace(since, column_batch_size=7)
    with pytest.raises(ConfigProblem, match="was not saved") as caught:
        write(config_file, Change(PROFILES, "work", was="work", entry=other, since=since))
    assert "column_batch_size changed" in caught.value.why
    erp = load_config(config_file).connections["mysql-1"]
    config_file.write_text(config_file.read_text().replace("port: 3306", "port: 3399"))
    moved = replace(erp, settings={**erp.settings, "host": "h2"})
    write(config_file, Change(CONNECTIONS, "mysql-1", was="mysql-1", entry=moved, since=erp))
    settings = load_config(config_file).connections["mysql-1"].settings
    assert (settings["host"], settings["port"]) == ("h2", 3399)
