"""Random files, random edits in a row: what comes out is what a dictionary would hold, and every line
that belongs to something else is there as it was, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from amx_tui.config.connection_entries import CONNECTIONS
from amx_tui.config.editing import Change
from amx_tui.config.file import read_config
from amx_tui.config.model import Config, ConfigProblem, Connection, Profile
from amx_tui.config.profile_entries import PROFILES
from amx_tui.config.sections import DB, LLM, Section

_remarks = st.sampled_from(["", "  # why", " # ' \" : {"])
_profile_lines = st.sampled_from(
    [
        "provider: kimi", "model: kimi-k2-thinking", "temperature: .7", "max_tokens: 16384", "api_key:",
        "api_key: 'keyring:llm_profiles/a/api_key'", "api_base: ~", "language: english", "thinking_budget: 0x10",
        "confidence: {enabled: true, bands: {high: .75}}", "'odd key': [1, 'x: y']", "note: >-\n{i}  folded\n{i}  text",
        "list:\n{i}- 1\n{i}- b: 2", "# commented-out: 1", "", "day: 2024-01-02", "n_alternatives: 2",
    ]
)  # fmt: skip
_connection_lines = st.sampled_from(
    [
        "backend: postgresql", "backend: duckdb", "host: h", "port: 5432", "port: '3306'", "user: yes",
        "password: 0123", "password: 'keyring:db_profiles/a/password'", "database: \"x y\"", "read_only: true",
        "profiling_mode: full", "max_bytes_billed: 1e3", "# nothing", "tags: [a, b]",
    ]
)  # fmt: skip
_names = st.sampled_from(["a", "b", "'with space'", '"quoted"', "ünï", "c"])
_others = st.sampled_from(
    [
        "schema_version: 3", "my_unknown_top: {a: 1}  # mine", "# a remark", "",
        "doc_profiles:\n  d: [x, y]\n  # e: z", "text: |\n  llm_profiles:\n    not: me\n",
        "current_schema: ''", "embedding_docs:\n  kind: minilm\n  api_key: ''\n\n# tail",
    ]
)  # fmt: skip


def _key(line: str) -> str:
    return line.partition(":")[0]


@st.composite
def entry(draw: st.DrawFn, lines: st.SearchStrategy[str], indent: int) -> str:
    chosen = draw(st.lists(lines, min_size=1, max_size=6, unique_by=_key))
    if all(not line or line.startswith("#") for line in chosen):
        chosen.append("extra: 1")
    inner = " " * indent
    return "\n".join(
        inner + line.replace("{i}", inner) + (draw(_remarks) if line and "\n" not in line else "")
        for line in chosen
    )


@st.composite
def section(draw: st.DrawFn, row: Section, lines: st.SearchStrategy[str]) -> list[str]:
    """The top-level blocks of one section."""
    indent, step = draw(st.sampled_from([(2, 2), (4, 4), (1, 3)]))
    names = draw(st.lists(_names, max_size=4, unique=True))
    blocks = []
    if names:
        listed = [f"{row.many}:{draw(_remarks)}"]
        for name in names:
            listed += [
                " " * indent + name + ":" + draw(_remarks),
                draw(entry(lines, indent + step)),
            ]
        blocks.append("\n".join(listed))
    if draw(st.booleans()):
        blocks.append(
            f"{row.only}:{draw(_remarks)}\n" + draw(entry(lines, draw(st.integers(1, 4))))
        )
    pick = st.sampled_from([*names, "gone"]) if names else st.just("gone")
    if draw(st.booleans()):
        blocks.append(f"{row.active}: {draw(pick)}{draw(_remarks)}")
    if row is LLM and draw(st.booleans()):
        blocks.append(f"rag_llm_profile: {draw(pick)}")
    if row is DB:
        for key in ("active_db_profiles", "history_store_profiles"):
            if draw(st.booleans()):
                several = draw(st.lists(pick, min_size=1, max_size=3, unique=True))
                blocks.append(draw(_list(key, several)))
        if draw(st.booleans()):
            several = draw(st.lists(pick, min_size=1, max_size=3, unique=True))
            linked = draw(_list("d", several)).replace("\n", "\n  ")
            blocks.append(f"doc_profile_linked_dbs:\n  {linked}")
    return blocks


@st.composite
def _list(draw: st.DrawFn, key: str, names: list[str]) -> str:
    if draw(st.booleans()):
        return f"{key}: [{', '.join(names)}]{draw(_remarks)}"
    dash = draw(st.sampled_from(["- ", "  - "]))
    return "\n".join([f"{key}:", *(f"{dash}{name}{draw(_remarks)}" for name in names)])


@st.composite
def files(draw: st.DrawFn) -> str:
    blocks = draw(section(LLM, _profile_lines)) + draw(section(DB, _connection_lines))
    blocks += draw(st.lists(_others, max_size=3, unique=True))
    text = "\n".join(draw(st.permutations(blocks))) + "\n"
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


_profiles = st.builds(
    Profile,
    name=st.just(""),
    provider=st.sampled_from(["kimi", "openai"]),
    model=st.sampled_from(["kimi-k2-thinking", "null", "# no"]),
    api_base=st.sampled_from([None, "https://api.moonshot.cn/v1"]),
    api_key=st.sampled_from(["", "keyring://amx/a/api_key", "sk-'\"\\ \u00e9"]),
    temperature=st.floats(0, 2),
    max_tokens=st.sampled_from([4096, 16384]),
)
_connections = st.builds(
    Connection,
    name=st.just(""),
    backend=st.sampled_from(["postgresql", "duckdb", "mysql", "sqlite", "oracle"]),
    settings=st.dictionaries(
        st.sampled_from(["host", "user", "password", "database", "service_name"]),
        st.sampled_from(
            ["", "x", "yes", "0123", "x: y", "keyring:db_profiles/a/password", "é\\ '"]
        ),
        max_size=4,
    ),
)
_operations = st.tuples(
    st.sampled_from(["save", "change", "rename", "copy", "remove", "activate"]),
    st.booleans(),
    st.integers(0, 9),
    st.sampled_from(["new", "yes", "x: y", "#1", "b"]),
    st.booleans(),
    _profiles,
    _connections,
)


def change_of(operation: tuple[Any, ...], config: Config) -> Change[Any] | None:
    verb, is_profile, number, new, flag, profile, connection = operation
    kind: Any = PROFILES if is_profile else CONNECTIONS
    entries: Any = config.profiles if is_profile else config.connections
    made: Any = profile if is_profile else connection
    if verb == "save":
        entry = replace(made, name=new)
        was = new if new in entries else None
        return Change(kind, new, was=was, entry=entry, activate=flag)
    if not entries:
        return None
    name = list(entries)[number % len(entries)]
    match verb:
        case "change":
            return Change(kind, name, was=name, entry=replace(made, name=name), activate=flag)
        case "rename":
            return Change(kind, new, was=name)
        case "copy":
            return Change(kind, new, copies=name)
        case "remove":
            return Change(kind, "", was=name)
    return Change(kind, name, was=name, activate=True)


@settings(max_examples=60, deadline=None)
@given(text=files(), operations=st.lists(_operations, min_size=1, max_size=4))
def test_an_edit_does_what_was_asked_and_nothing_else(
    text: str, operations: list[tuple[Any, ...]]
) -> None:
    path = Path("config.yml")
    for operation in operations:
        old_text, old = text, read_config(text, path)
        change = change_of(operation, old)
        if change is None:
            continue
        try:
            text = change.apply(old_text, "config.yml")
        except ConfigProblem as problem:
            # A name that is taken is the only thing that may be refused in these files.
            assert "already" in problem.what
            continue
        _compare_values(old, read_config(text, path), change)
        _compare_others(old_text, text, change)
        _compare_copy(yaml.safe_load(text), change, text != old_text)


def _compare_values(old: Config, new: Config, change: Change[Any]) -> None:
    is_profile = change.kind is PROFILES
    expected: dict[str, Any] = dict(old.profiles if is_profile else old.connections)
    active = old.active_profile if is_profile else old.active_connection
    gone = (
        expected.pop(change.was) if change.was is not None and change.was != change.name else None
    )
    if change.copies is not None:
        gone = expected[change.copies]
    if change.entry is not None:
        expected[change.name] = change.kind.tidied(change.entry)
    elif change.name and gone is not None:
        expected[change.name] = replace(gone, name=change.name)
    found: dict[str, Any] = dict(new.profiles if is_profile else new.connections)
    assert {k: _plain(v) for k, v in found.items()} == {k: _plain(v) for k, v in expected.items()}
    others: Callable[[Config], Any] = lambda c: (  # noqa: E731
        {k: _plain(v) for k, v in (c.connections if is_profile else c.profiles).items()},
        c.active_connection if is_profile else c.active_profile,
        # What links folders to a connection follows its name.
        replace(c.documents, linked={}),
        replace(c.code, linked={}),
    )
    assert others(old) == others(new)
    now = new.active_profile if is_profile else new.active_connection
    if change.activate:
        assert now == change.name
    elif active is not None and active == change.was:
        assert now == (change.name or now)
        assert change.name or now in (None, *found)
    elif active is not None:
        assert now == active


def _plain(entry: Profile | Connection) -> object:
    if isinstance(entry, Connection):
        return entry.name, entry.backend, dict(entry.settings)
    return entry


def _blocks(text: str, pattern: str) -> list[tuple[str, str]]:
    """The text cut at each line that `pattern` finds, by what it found."""
    cuts = list(re.finditer(pattern, text, re.MULTILINE))
    ends = [*(cut.start() for cut in cuts[1:]), len(text)][: len(cuts)]
    return [(cut[1], text[cut.start() : end]) for cut, end in zip(cuts, ends, strict=True)]


_TOP = r"^([a-z_]+):(?=[ \r\n])"


def _compare_others(old: str, new: str, change: Change[Any]) -> None:
    """Whatever stands under another key, and under another name, is byte for byte what it was."""
    edited = change.kind.section.edited
    assert _untouched(old, edited) == _untouched(new, edited)
    section = change.kind.section.many
    before = dict(_blocks(old, _TOP)).get(section)
    after = dict(_blocks(new, _TOP)).get(section)
    if before is None or after is None:
        return
    name = re.search(r"^( +)\S.*:", before.partition("\n")[2], re.MULTILINE)
    if name is None:
        return
    pattern = rf"^{name[1]}('.*?'|\".*?\"|[^#\s'\"].*?):(?=[ \r\n])"
    touched = {change.name, change.was}
    old_entries = [
        (key, _settled(text))
        for key, text in _blocks(before, pattern)
        if yaml.safe_load(key) not in touched
    ]
    new_entries = [
        (key, _settled(text))
        for key, text in _blocks(after, pattern)
        if str(yaml.safe_load(key)) not in touched
    ]
    assert old_entries == new_entries


def _settled(block: str) -> str:
    """A block without the remarks and blank lines at its end: they may belong to what follows."""
    lines = block.split("\n")
    while lines and (not lines[-1].strip() or lines[-1].lstrip(" ").startswith("#")):
        lines.pop()
    return "\n".join(lines).rstrip()


def _untouched(text: str, edited: tuple[str, ...]) -> list[str]:
    return [_settled(block) for key, block in _blocks(text, _TOP) if key not in edited]


def _compare_copy(data: dict[str, Any], change: Change[Any], is_changed: bool) -> None:
    """AMX's copy says what the active entry says, where the change was about that one."""
    section = change.kind.section
    several = data.get(section.active_list) if section.active_list else None
    active = str(several[0] if several else data.get(section.active))
    entries = data.get(section.many)
    if section.only in data and entries and is_changed and active in (change.name, change.was):
        by_name = {str(name): entry for name, entry in entries.items()}
        assert data[section.only] == by_name[active]
