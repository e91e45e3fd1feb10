"""Profiles are saved without losing anything: not a byte, not another process's edit, not the link."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amx_tui.config import updating
from amx_tui.config.editing import profile_block
from amx_tui.config.file import load_config
from amx_tui.config.model import ConfigProblem, Profile

from .saving import activate_profile, save
from .test_reading import SAMPLE, WRITTEN_BY_AMX

# AMX's file without its copy of the active profile, which follows what it is a copy of.
WITHOUT_COPY = WRITTEN_BY_AMX.replace("llm:\n  provider: kimi\n  model: kimi-k2-thinking\n", "")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())
    return path


def text_of(path: Path) -> str:
    return path.read_bytes().decode()


def test_the_page_s_answers_make_the_page_s_sample_block(config_file: Path, kimi: Profile) -> None:
    save(config_file, kimi, activate=True)
    assert text_of(config_file) == SAMPLE
    assert profile_block(kimi) == SAMPLE
    assert load_config(config_file).profiles == {"kimi-thinking": kimi}


def test_other_keys_are_written_only_where_they_differ(config_file: Path, kimi: Profile) -> None:
    other = replace(kimi, max_tokens=8192, custom_input_cost_per_mtok=0.6, api_key="", api_base="")
    save(config_file, other, activate=False)
    assert text_of(config_file) == (
        "llm_profiles:\n  kimi-thinking:\n    provider: kimi\n    model: kimi-k2-thinking\n"
        '    api_base: null\n    api_key: ""\n    temperature: 0.2\n    n_alternatives: 3\n'
        "    max_tokens: 8192\n    custom_input_cost_per_mtok: 0.6\n"
    )


def test_a_new_file_is_for_its_owner_alone(config_file: Path, kimi: Profile) -> None:
    save(config_file, kimi, activate=True)
    save(config_file, replace(kimi, temperature=1.0), was=kimi.name, activate=True)
    assert config_file.parent.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in config_file.parent.iterdir()}
    assert modes == {"config.yml": 0o600, "config.yml.lock": 0o600, "config.yml.bak.1": 0o600}


def test_five_backups_are_kept_the_newest_first(config_file: Path, kimi: Profile) -> None:
    texts = []
    for number in range(8):
        was = kimi.name if texts else None
        save(config_file, replace(kimi, max_tokens=5000 + number), was=was, activate=True)
        texts.append(text_of(config_file))
    for number in range(1, 6):
        assert text_of(config_file.with_name(f"config.yml.bak.{number}")) == texts[-1 - number]
    assert not config_file.with_name("config.yml.bak.6").exists()


def test_saving_what_is_there_already_writes_nothing(config_file: Path, kimi: Profile) -> None:
    write(config_file, SAMPLE.replace("0.2", "0.20"))
    before = config_file.stat()
    save(config_file, kimi, was=kimi.name, activate=True)
    assert config_file.stat().st_ino == before.st_ino
    assert not config_file.with_name("config.yml.bak.1").exists()


def test_a_link_stays_a_link_and_its_target_is_written(
    config_file: Path, tmp_path: Path, kimi: Profile
) -> None:
    real = write(tmp_path / "dotfiles" / "amx.yml", "# mine\n")
    config_file.parent.mkdir()
    config_file.symlink_to(real)
    save(config_file, kimi, activate=True)
    assert config_file.is_symlink()
    assert text_of(real) == "# mine\n" + SAMPLE
    assert [path.name for path in real.parent.iterdir()] == ["amx.yml"]


def test_only_the_edited_values_of_a_profile_change(config_file: Path) -> None:
    before = WITHOUT_COPY.replace("    temperature: 0.2\n", "    temperature: 0.20  # cool\n")
    write(config_file, before)
    work = load_config(config_file).profiles["work"]
    edited = replace(work, temperature=0.7, max_tokens=32768)
    save(config_file, edited, was=work.name, activate=True)
    assert text_of(config_file) == before.replace(
        "temperature: 0.20  # cool", "temperature: 0.7  # cool"
    ).replace("max_tokens: 16384", "max_tokens: 32768")


def test_an_edit_adds_no_key_that_the_profile_did_without(config_file: Path) -> None:
    before = "llm_profiles:\n  short:\n    provider: openai\n    model: gpt-5\n"
    write(config_file, before)
    short = load_config(config_file).profiles["short"]
    save(config_file, replace(short, n_alternatives=5), was=short.name, activate=False)
    after = before + "    n_alternatives: 5\n"
    assert text_of(config_file) == after
    shown = profile_block(load_config(config_file).profiles["short"], activate=False)
    assert sorted(shown.split("\n")) == sorted(after.split("\n"))


def test_a_profile_is_added_to_a_file_of_amx_without_touching_the_rest(
    config_file: Path, kimi: Profile
) -> None:
    write(config_file, WITHOUT_COPY)
    save(config_file, kimi, activate=True)
    block = SAMPLE.removeprefix("llm_profiles:\n").removesuffix(
        "active_llm_profile: kimi-thinking\n"
    )
    head, old, tail = WITHOUT_COPY.partition("active_llm_profile: work\n")
    assert text_of(config_file) == head + block + old.replace("work", "kimi-thinking") + tail


LAYOUTS = {
    "empty braces": ("llm_profiles: {}  # none\nx: 1\n", "llm_profiles:  # none\n%sx: 1\n"),
    "nothing": ("llm_profiles:\n# end\nx: 1", "llm_profiles:\n%s# end\nx: 1"),
    "null": ("x: 1\nllm_profiles: ~\n", "x: 1\nllm_profiles:\n%s"),
    "no line end": (
        "llm_profiles:\n  a: {provider: p, model: m}",
        "llm_profiles:\n  a: {provider: p, model: m}\n%s",
    ),
    "comments of the one before": (
        "llm_profiles:\n  a:\n    provider: p\n    # model: old\n\n    # more\n  # next\nx: 1\n",
        "llm_profiles:\n  a:\n    provider: p\n    # model: old\n\n    # more\n%s  # next\nx: 1\n",
    ),
    "comments only": ("# mine\n", "# mine\nllm_profiles:\n%s"),
    "other keys": ("x: |\n  text\n\n# tail\n", "x: |\n  text\n\n# tail\nllm_profiles:\n%s"),
    "empty file in braces": ("{}\n", "llm_profiles:\n%s"),
    "windows": ("x: 1\r\nllm_profiles: {}\r\n", "x: 1\r\nllm_profiles:\r\n%s"),
    "mark": ("\ufeffx: 1\n", "\ufeffx: 1\nllm_profiles:\n%s"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_block_finds_its_place_in_every_layout(
    layout: str, config_file: Path, kimi: Profile
) -> None:
    before, after = LAYOUTS[layout]
    block = SAMPLE.removeprefix("llm_profiles:\n").removesuffix(
        "active_llm_profile: kimi-thinking\n"
    )
    if "\r" in before:
        block = block.replace("\n", "\r\n")
    expected = after % block
    if not before.endswith("\n") and not after.endswith("x: 1"):
        expected = expected.removesuffix("\n")
    save(write(config_file, before), kimi, activate=False)
    assert text_of(config_file) == expected


def test_an_early_file_keeps_its_profile_as_default(config_file: Path, kimi: Profile) -> None:
    write(config_file, "llm:\n    provider: openai # old\n    model: gpt-4o\n    odd: 1\n# end\n")
    save(config_file, kimi, activate=False)
    config = load_config(config_file)
    assert list(config.profiles) == ["default", "kimi-thinking"]
    assert config.active_profile == "default"
    assert "    provider: openai # old\n    model: gpt-4o\n    odd: 1\n" in text_of(config_file)
    edited = replace(config.profiles["default"], model="gpt-5")
    save(config_file, edited, was="default", activate=False)
    assert load_config(config_file).profiles["default"].model == "gpt-5"


def test_a_profile_that_was_only_a_name_is_filled(config_file: Path, kimi: Profile) -> None:
    write(config_file, "llm_profiles:\n  kimi-thinking:  # later\n  b: {provider: p, model: m}\n")
    save(config_file, kimi, was=kimi.name, activate=False)
    assert "  kimi-thinking:  # later\n    provider: kimi\n" in text_of(config_file)
    assert load_config(config_file).profiles["kimi-thinking"] == kimi


def test_a_value_that_could_not_be_used_is_replaced(config_file: Path, kimi: Profile) -> None:
    write(config_file, SAMPLE.replace("0.2", "warm  # ?").replace(": 3", ": many"))
    save(config_file, kimi, was=kimi.name, activate=False)
    assert text_of(config_file) == SAMPLE.replace("0.2", "0.2  # ?")


@pytest.mark.parametrize(
    "text",
    [
        '{"llm_profiles": {"a": {"provider": "p"}}}\n',
        "llm_profiles: {a: {provider: p, model: m}}\n",
        "llm_profiles:\n  kimi-thinking: {provider: p, model: m}\n",
        "llm_profiles:\n  kimi-thinking: &k\n    provider: p\n    model: m\n  b: *k\n",
        "llm_profiles:\n  kimi-thinking:\n    provider: &p kimi2\n    model: *p\n",
        "llm_profiles:\n  kimi-thinking:\n    provider: |\n      kimi2\n    model: m\n",
        "x: 1\n...\n",
        "x: |\n  a literal text that would get a line end",
        "? llm_profiles\n: ? a\n  : provider: p\n    model: m\n",
    ],
)
def test_what_cannot_be_edited_in_place_is_shown_and_left_alone(
    text: str, config_file: Path, kimi: Profile
) -> None:
    write(config_file, text)
    was = kimi.name if kimi.name in text else None
    with pytest.raises(ConfigProblem) as caught:
        save(config_file, replace(kimi, api_key="sk-CANARY-0123456789"), was=was, activate=True)
    assert text_of(config_file) == text
    assert [path.name for path in config_file.parent.iterdir() if "lock" not in path.name] == [
        "config.yml"
    ]
    assert "by hand:\nllm_profiles:\n  kimi-thinking:\n" in caught.value.remedy
    assert "CANARY" not in str(caught.value)


def test_a_broken_or_newer_file_is_left_alone(config_file: Path, kimi: Profile) -> None:
    for text, told in (("a: b: c\n", "not valid YAML"), ("schema_version: 4\n", "newer AMX")):
        write(config_file, text)
        with pytest.raises(ConfigProblem, match=told):
            save(config_file, kimi, activate=True)
        with pytest.raises(ConfigProblem):
            activate_profile(config_file, "kimi-thinking")
        assert text_of(config_file) == text


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"name": " x"}, {"name": "a\nb"}, {"model": ""}, {"n_alternatives": 9},
        {"temperature": float("nan")}, {"max_tokens": 0}, {"prompt_detail": "chatty"},
    ],
)  # fmt: skip
def test_a_profile_that_could_not_be_read_back_is_not_saved(
    change: dict[str, object], config_file: Path, kimi: Profile
) -> None:
    with pytest.raises(ConfigProblem):
        save(config_file, replace(kimi, **change), activate=True)  # type: ignore[arg-type]
    assert not config_file.exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, kimi: Profile) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigProblem) as caught:
        save(tmp_path / "file" / "config.yml", kimi, activate=True)
    assert "cannot be" in caught.value.what
    assert caught.value.remedy


def test_switching_changes_one_word(config_file: Path, kimi: Profile) -> None:
    write(config_file, WITHOUT_COPY)
    save(config_file, kimi, activate=False)
    before = text_of(config_file)
    activate_profile(config_file, "kimi-thinking")
    assert text_of(config_file) == before.replace(
        "active_llm_profile: work", "active_llm_profile: kimi-thinking"
    )
    with pytest.raises(ConfigProblem) as caught:
        activate_profile(config_file, "nobody")
    assert "work, kimi-thinking" in caught.value.why


def test_the_preview_hides_a_key_that_is_no_reference(kimi: Profile) -> None:
    assert "CANARY" not in profile_block(replace(kimi, api_key="sk-CANARY"))


def test_a_lock_that_is_held_says_who_holds_it(
    config_file: Path, kimi: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr(updating, "PATIENCE", 0.05)
    config_file.parent.mkdir()
    with (
        FileLock(f"{config_file}.lock"),
        pytest.raises(ConfigProblem, match="another amx-tui"),
    ):
        save(config_file, kimi, activate=True)


def test_an_edit_of_a_program_that_knows_no_lock_is_not_lost(config_file: Path) -> None:
    write(config_file, "a: 1\n")
    seen: list[str] = []

    def change(text: str) -> str:
        seen.append(text)
        if len(seen) == 1:
            config_file.write_text("a: 2\n")
        return text + "b: 1\n"

    updating.update_file(config_file, change, backups=5)
    assert seen == ["a: 1\n", "a: 2\n"]
    assert text_of(config_file) == "a: 2\nb: 1\n"
    with pytest.raises(ConfigProblem, match="was not saved"):
        updating.update_file(config_file, _always_disturbed(config_file))


def _always_disturbed(path: Path) -> Callable[[str], str]:
    numbers = iter(range(100))

    def change(text: str) -> str:
        path.write_text(f"a: {next(numbers)}\n")
        return text + "b: 1\n"

    return change


ADD_PROFILES = """
import sys
from pathlib import Path
from amx_tui.config.editing import Change, write
from amx_tui.config.model import Profile
from amx_tui.config.profile_entries import PROFILES
for number in range(50):
    profile = Profile(f"{sys.argv[2]}-{number}", "kimi", "kimi-k2-thinking")
    write(Path(sys.argv[1]), Change(PROFILES, profile.name, entry=profile))
"""


def test_two_processes_that_save_lose_nothing(config_file: Path) -> None:
    write(config_file, "# both of us\nllm_profiles: {}\n")
    running = [
        subprocess.Popen([sys.executable, "-c", ADD_PROFILES, str(config_file), name])
        for name in ("one", "two")
    ]
    assert [process.wait(60) for process in running] == [0, 0]
    expected = {f"{name}-{number}" for name in ("one", "two") for number in range(50)}
    assert set(load_config(config_file).profiles) == expected


def test_threads_of_one_process_lose_nothing(config_file: Path, kimi: Profile) -> None:
    threads = [
        threading.Thread(
            target=save,
            args=(config_file, replace(kimi, name=f"p{number}")),
            kwargs={"activate": False},
        )
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(load_config(config_file).profiles) == 8


# Random files, random edits. ---------------------------------------------------------------------

_comments = st.sampled_from(["", "  # why", " # ' \" : {", "\t# tab"])
_unknown = st.sampled_from(
    [
        "thinking_budget: 2048", "confidence: {enabled: true, bands: {high: .75}}", "'odd key': [1, 2]",
        "note: >-\n{i}  folded\n{i}  text", "list:\n{i}- 1\n{i}- b: 2", "# provider: commented-out", "",
        "language: english", "empty:",
    ]
)  # fmt: skip
_known = st.sampled_from(
    [
        "provider: kimi", "provider: 'openai'", 'model: "gpt 4"', "model: kimi-k2-thinking", "temperature: .7",
        "temperature: warm", "max_tokens: 16384", "n_alternatives:   2", "api_key: null", "api_key:", "api_base: ~",
        "api_key: 'keyring:llm_profiles/a/api_key'", "logprob_high: 0.9", "column_batch_size: 0x10",
    ]
)  # fmt: skip
_names = st.sampled_from(["a", "kimi-thinking", "'with space'", '"quoted"', "ünï"])
_top = st.sampled_from(
    [
        "schema_version: 3", "my_unknown_top: {a: 1}", "# a remark", "", "doc_profiles:\n  d: [x, y]",
        "db_profiles:\n  erp:\n    backend: postgresql   # pg\n    port: 5432\n",
        "text: |\n  llm_profiles:\n    not: me", "rag_llm_profile: a",
    ]
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> str:
    indent, step = draw(st.sampled_from([(2, 2), (4, 4), (1, 3), (2, 4)]))
    parts = draw(st.lists(_top, max_size=4, unique=True))
    if draw(st.booleans()):
        block = ["llm_profiles:" + draw(_comments)]
        for name in draw(st.lists(_names, max_size=3, unique=True)):
            block.append(" " * indent + name + ":" + draw(_comments))
            inner = " " * (indent + step)
            fields = draw(st.lists(_known, min_size=1, max_size=5, unique_by=_key))
            fields += draw(st.lists(_unknown, max_size=3, unique_by=_key))
            for field in draw(st.permutations(fields)):
                tail = draw(_comments) if field and "\n" not in field else ""
                block.append(inner + field.replace("{i}", inner) + tail)
        parts.insert(draw(st.integers(0, len(parts))), "\n".join(block))
    if draw(st.booleans()):
        active = draw(st.sampled_from(["a", "kimi-thinking", "null", "'gone'  # once"]))
        parts.insert(draw(st.integers(0, len(parts))), f"active_llm_profile: {active}")
    # A literal text at the very end would get a line end of its own with whatever follows it.
    endings = ["\n", "\n\n# the end\n"] + ([] if parts and "|" in parts[-1] else [""])
    text = "\n".join(parts) + draw(st.sampled_from(endings))
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def _key(field: str) -> str:
    return field.partition(":")[0]


profiles = st.builds(
    Profile,
    name=st.sampled_from(["a", "kimi-thinking", "with space", "quoted", "ünï", "new", "yes", "1.5", "x: y"]),
    provider=st.sampled_from(["kimi", "openai"]),
    model=st.sampled_from(["kimi-k2-thinking", "a/b:free", "null", "# no", "1e3"]),
    api_base=st.sampled_from([None, "https://api.moonshot.cn/v1", "http://[::1]:8080/v1?a=b#c"]),
    api_key=st.sampled_from(["", "keyring://amx/a/api_key", "sk-'\"\\ \u00e9"]),
    temperature=st.floats(0, 2),
    max_tokens=st.sampled_from([4096, 16384, 99]),
    n_alternatives=st.integers(1, 5),
    column_batch_size=st.sampled_from([10, 16]),
    logprob_high=st.sampled_from([0.85, 0.9, 1e-07]),
)  # fmt: skip

_EDITED = re.compile(
    r"\s*(llm_profiles|active_llm_profile|provider|model|api_base|api_key|temperature|n_alternatives"
    r"|max_tokens|column_batch_size|logprob_high|a|kimi-thinking|new|quoted|ünï|default|\"[^\"]+\"|'[^']+'):"
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=files(), profile=profiles, activate=st.booleans())
def test_what_was_not_edited_is_unchanged_byte_for_byte(
    before: str, profile: Profile, activate: bool, config_file: Path
) -> None:
    write(config_file, before)
    old = load_config(config_file)
    was = profile.name if profile.name in old.profiles else None
    save(config_file, profile, was=was, activate=activate)
    new = load_config(config_file)
    after = text_of(config_file)

    assert new.profiles == {**old.profiles, profile.name: profile}
    if activate:
        assert new.active_profile == profile.name
    elif old.active_profile:
        assert new.active_profile == old.active_profile
    assert {name: conn.settings for name, conn in new.connections.items()} == {
        name: conn.settings for name, conn in old.connections.items()
    }
    # Every old line but edited values is there, in order, with its line end; what is new or changed
    # is nothing but known keys and names, and a changed line keeps its comment.
    remaining = iter(after.splitlines(keepends=True))
    others: list[str] = []
    for line in before.splitlines(keepends=True):
        if not _EDITED.match(line):
            others += _until(line, remaining)
    others += list(remaining)
    assert all(_EDITED.match(line) or not line.strip() for line in others)
    for comment in ("# why", "# ' \" : {", "# tab", "# once", "# pg", "# the end"):
        assert after.count(comment) == before.count(comment)


def _until(wanted: str, lines: Iterator[str]) -> list[str]:
    """The lines before `wanted`; its line end may be new where it was the last one."""
    skipped: list[str] = []
    for line in lines:
        if line == wanted or (line.rstrip("\r\n") == wanted and wanted):
            return skipped
        skipped.append(line)
    raise AssertionError(f"lost: {wanted!r}")
