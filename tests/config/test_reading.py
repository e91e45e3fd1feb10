"""config.yml in every shape that AMX or a person gives it, good and bad."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.base.yaml_text import Kind, Node, parse
from amx_tui.config.file import load_config, read_config
from amx_tui.config.model import Config, ConfigProblem

SAMPLE = """\
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

# As amx-cli 0.19 writes it, shortened to what matters and what might disturb.
WRITTEN_BY_AMX = """\
schema_version: 3
db:
  backend: postgresql
  host: db.example
  port: 5432
  user: erp
  password: keyring:db_profiles/erp/password
  database: erp
db_profiles:
  erp:
    backend: postgresql
    host: db.example
    port: 5432
    user: erp
    password: keyring:db_profiles/erp/password
    database: erp
    sslmode: require
    profiling_mode: sampled
    profiling_max_rows: 1000000
    profiling_approximate: false
  warehouse:
    backend: duckdb
    port: 5432
    database: /data/wh.duckdb
    read_only: true
    motherduck_token: ''
active_db_profile: erp
active_db_profiles: [erp]
current_schema: ''
llm:
  provider: kimi
  model: kimi-k2-thinking
llm_profiles:
  work:
    provider: kimi
    model: kimi-k2-thinking
    language: english
    api_key: keyring:llm_profiles/work/api_key
    api_base: https://api.moonshot.ai/v1
    temperature: 0.2
    max_tokens: 16384
    completion_mode: chat_completions
    n_alternatives: 9
    column_batch_size: 12
    prompt_detail: detailed
    description_verbosity: brief
    logprob_high: 0.9
    logprob_medium: 0.4
    custom_input_cost_per_mtok: null
    custom_output_cost_per_mtok: 2.5
    confidence: {enabled: true, bands: {high: 0.75, med: 0.5}}
active_llm_profile: work
rag_llm_profile: null
doc_profiles: {}
selected_tables: []
"""


def read(text: str) -> Config:
    return read_config(text, Path("config.yml"))


def test_no_file_is_an_empty_configuration(config_file: Path) -> None:
    assert load_config(config_file) == Config(config_file)
    assert not config_file.parent.exists()


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "null\n", "{}\n", "\ufeff"])
def test_a_file_that_says_nothing_is_empty(text: str) -> None:
    assert read(text) == Config(Path("config.yml"))


def test_the_page_s_sample_block_is_read() -> None:
    config = read(SAMPLE)
    assert config.active_profile == "kimi-thinking"
    profile = config.profiles["kimi-thinking"]
    assert (profile.provider, profile.model) == ("kimi", "kimi-k2-thinking")
    assert profile.api_key == "keyring://amx/kimi-thinking/api_key"
    assert (profile.temperature, profile.n_alternatives, profile.max_tokens) == (0.2, 3, 4096)
    assert config.problems == ()


@pytest.mark.parametrize("schema", ["", "schema_version: 0\n", "schema_version: 1\n"])
def test_a_file_written_by_amx_is_read(schema: str) -> None:
    config = read(WRITTEN_BY_AMX.replace("schema_version: 3\n", schema))
    assert config.problems == ()
    work = config.profiles["work"]
    assert config.active_profile == "work"
    assert list(config.profiles) == ["work"]
    assert work.n_alternatives == 5
    assert (work.max_tokens, work.column_batch_size) == (16384, 12)
    assert (work.logprob_high, work.prompt_detail) == (0.9, "detailed")
    assert (work.custom_input_cost_per_mtok, work.custom_output_cost_per_mtok) == (None, 2.5)
    erp, warehouse = config.connections["erp"], config.connections["warehouse"]
    assert config.active_connection == "erp"
    assert (erp.backend, erp.settings["port"]) == ("postgresql", 5432)
    assert erp.settings["profiling_approximate"] is False
    assert warehouse.settings["read_only"] is True


def test_an_early_file_has_one_profile_called_default() -> None:
    config = read("llm:\n  provider: kimi\n  model: k\n  api_key: null\ndb:\n  host: h\n")
    assert (config.active_profile, config.active_connection) == ("default", "default")
    assert config.profiles["default"].model == "k"
    assert config.profiles["default"].api_key == ""
    assert config.connections["default"].backend == "postgresql"


def test_the_key_none_that_amx_makes_of_null_is_blank() -> None:
    assert read("llm: {provider: kimi, model: k, api_key: None}").profiles["default"].api_key == ""


def test_texts_are_taken_as_they_are_written() -> None:
    config = read(
        "db_profiles:\n  a:\n    backend: mysql\n    password: 0123\n    user: yes\n"
        "llm_profiles:\n  2024:\n    provider: kimi\n    model: 4\nactive_llm_profile: 2024\n"
    )
    assert config.connections["a"].settings == {"password": "0123", "user": "yes"}
    assert config.active_profile == "2024"
    assert config.profiles["2024"].model == "4"


def test_the_last_of_equal_keys_counts_and_merges_are_followed() -> None:
    config = read(
        "llm_profiles:\n  base: &b {provider: kimi, model: one, temperature: 0.5}\n"
        "  a: {<<: *b, model: two}\n  c: {provider: x, model: y, provider: z}\n"
    )
    assert (config.profiles["a"].provider, config.profiles["a"].model) == ("kimi", "two")
    assert config.profiles["a"].temperature == 0.5
    assert config.profiles["c"].provider == "z"


def test_one_bad_entry_is_told_with_its_line_and_the_rest_is_there() -> None:
    config = read(
        "db_profiles:\n  a:\n    backend: postgresql\n    host: h\n    port: abc\n  b: 7\n"
        "llm_profiles:\n  k:\n    provider: kimi\n    model: m\n    temperature: warm\n"
        "    n_alternatives: 0\n    max_tokens: -5\n    prompt_detail: chatty\n"
        "  l: [1]\n  m:\n    provider: kimi\n"
        "active_llm_profile: gone\n"
    )
    told = [problem.what for problem in config.problems]
    assert told == [
        "llm_profiles.l in config.yml, line 15, cannot be used",
        "llm_profiles.k.temperature in config.yml, line 11, cannot be used",
        "llm_profiles.k.max_tokens in config.yml, line 13, cannot be used",
        "llm_profiles.k.prompt_detail in config.yml, line 14, cannot be used",
        "llm_profiles.m.model in config.yml, line 17, cannot be used",
        "db_profiles.b in config.yml, line 6, cannot be used",
        "db_profiles.a.port in config.yml, line 5, cannot be used",
        "The active profile of config.yml is “gone”, which is not in it",
    ]
    assert "“warm” is not a number from 0 to 2; 0.2 is used instead" in config.problems[1].why
    assert config.profiles["k"].temperature == 0.2
    assert config.profiles["k"].n_alternatives == 1
    assert config.connections["a"].settings == {"host": "h"}
    assert config.active_profile is None


def test_a_newer_file_is_read_and_said_to_be_newer() -> None:
    config = read("schema_version: 4\n" + SAMPLE)
    assert "newer AMX" in config.problems[0].what
    assert config.active_profile == "kimi-thinking"


@pytest.mark.parametrize(
    ("text", "place", "why"),
    [
        ("llm_profiles:\n  a: b: c\n", "line 2, column 7", "colon too many"),
        ("a: 1\n b: 2\n", "line 2, column 3", "colon too many"),
        ("a:\n  b: 1\n c: 2\n", "line 3, column 2", "indented"),
        ("a:\n\tb: 1\n", "line 2, column 1", "tab"),
        ('a: "open\nb: 2\n', "line 1, column 4", "quotation mark"),
        ("a: [1, 2\nb: 3\n", "line 1, column 4", "bracket"),
        ("a: *nowhere\n", "line 1, column 4", "anchor"),
        ("a: 1\n---\nb: 2\n", "line 2, column 1", "second document"),
        ("a: 1\nb: \x07\n", "line 2, column 4", "control character"),
        ("a: " + "[" * 80 + "]" * 80, "line 1, column 67", "deeper"),
        ('a: "\\q"\n', "line 1, column ", "backslash"),
    ],
)
@pytest.mark.parametrize("pure", [False, True])
def test_broken_yaml_is_told_with_line_and_column(
    text: str, place: str, why: str, pure: bool
) -> None:
    with pytest.raises(ConfigProblem) as caught:
        parse(text, "~/.amx/config.yml", ConfigProblem, pure=pure)
    told = caught.value
    assert told.what.startswith("~/.amx/config.yml is not valid YAML at line ")
    assert place in told.what
    assert why in told.why
    assert told.remedy


def test_a_key_in_a_broken_line_is_not_repeated() -> None:
    for text in ('api_key: "sk-CANARY\n', "api_key: sk-CANARY: x\n", "api_key: *sk-CANARY\n"):
        with pytest.raises(ConfigProblem) as caught:
            read("temperature: 1\n" + text)
        told: BaseException | None = caught.value
        while told is not None:
            assert "CANARY" not in f"{told} {told.args}"
            told = told.__cause__ or told.__context__
    config = read("llm_profiles: {a: {provider: p, model: m, temperature: sk-CANARY-0123456}}")
    assert config.problems
    assert "CANARY" not in f"{config!r} {[str(problem) for problem in config.problems]}"


def test_a_file_that_is_no_settings_file_is_told(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="holds no settings"):
        read("- a\n- b\n")
    config_file.mkdir(parents=True)
    with pytest.raises(ConfigProblem, match="is not a file"):
        load_config(config_file)
    latin = tmp_path / "latin.yml"
    latin.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ConfigProblem, match="not UTF-8 text at line 2, column 7"):
        load_config(latin)
    huge = tmp_path / "huge.yml"
    huge.write_bytes(b"#" * 3_000_000)
    with pytest.raises(ConfigProblem, match="too large"):
        load_config(huge)
    pipe = tmp_path / "pipe.yml"
    os.mkfifo(pipe)
    with pytest.raises(ConfigProblem, match="is not a file"):
        load_config(pipe)
    loop = tmp_path / "loop.yml"
    loop.symlink_to(loop)
    with pytest.raises(ConfigProblem, match="cannot be read"):
        load_config(loop)


def test_a_file_that_multiplies_itself_costs_nothing() -> None:
    laughs = "a0: &a0 {k: lol}\n" + "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], x: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n"
        for n in range(1, 40)
    )
    config = read(laughs + "llm_profiles: *a39\n")
    assert config.problems
    with pytest.raises(ConfigProblem, match="refers to itself"):
        read("llm_profiles: &a {<<: *a}\n")
    assert read("llm_profiles: &a {b: *a}\n").profiles["b"].model == ""


def _shape(node: Node | None) -> object:
    if node is None:
        return None
    node_end = node.end if node.kind in (Kind.SCALAR, Kind.ALIAS) else None
    return (
        *(node.kind, node.tag, node.text, node.start, node_end, node.line, node.column),
        [(_shape(key), _shape(value)) for key, value in node.pairs],
        [_shape(item) for item in node.items],
    )


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=12)
)
trees = st.dictionaries(
    st.text(max_size=6),
    st.recursive(
        scalars,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


@given(trees, st.sampled_from([None, True, False]), st.sampled_from(["\n", "\r\n"]))
def test_both_parsers_of_pyyaml_give_the_same_tree_at_the_same_places(
    tree: dict[str, object], flow: bool | None, new_line: str
) -> None:
    text = yaml.safe_dump(tree, default_flow_style=flow, line_break=new_line, allow_unicode=True)
    assert _shape(parse(text, "x")) == _shape(parse(text, "x", pure=True))
    bom = parse("\ufeff" + text, "x")
    assert bom is None or bom.start == (parse(text, "x") or bom).start + 1


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}'\"#&*!|> \n\t", max_size=60))
def test_any_text_is_read_or_told_of_and_nothing_else_happens(text: str) -> None:
    try:
        config = read(text)
    except ConfigProblem as problem:
        assert problem.what.startswith(("config.yml", "The <<"))
    else:
        assert isinstance(config, Config)
