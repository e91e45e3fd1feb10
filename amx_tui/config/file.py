"""Reads `config.yml`, every shape of it that AMX or a person wrote; it writes nothing and resolves no
secret."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields as fields_of
from pathlib import Path

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.base.yaml_text import Kind, Node, parse
from amx_tui.config.fields import Fields, text_of, texts_of, unusable
from amx_tui.config.folders import shown_path
from amx_tui.config.model import Config, ConfigProblem, Connection, Profile, Sources
from amx_tui.config.sections import DB, DEFAULT, LLM, Section
from amx_tui.config.settings_text import read_text

NEWEST_SCHEMA = 3

PROMPT_DETAILS = ("minimal", "standard", "detailed", "full")
VERBOSITIES = ("brief", "detailed", "comprehensive", "exhaustive")

# The keys of a connection that are not texts; all others are taken as they are written, so that the
# password 0123 stays 0123.
_FLAGS = frozenset(
    [
        "read_only",
        "insecure_mode",
        "ocsp_fail_open",
        "tls_no_verify",
        "ssl_disabled",
        "encrypt",
        "secure",
        "verify",
        "trust_server_certificate",
        "profiling_approximate",
    ]
)
_COUNTS = frozenset(
    ("port", "profiling_max_rows", "profiling_sample_size", "profiling_stats_batch_size")
)


def load_config(path: Path) -> Config:
    """What `path` says; an empty `Config` where there is no such file.

    An entry that cannot be used becomes one of `Config.problems`, with its key and line, and the
    rest is still there.

    Raises:
        ConfigProblem: where the file as a whole cannot be read: permissions, encoding, broken YAML
            (with line and column), or no mapping.
    """
    text = read_text(path)
    if text is None:
        return Config(path)
    return read_config(text, path)


def read_config(text: str, path: Path) -> Config:
    """`load_config` of a text that was already read from `path`."""
    name = shown_path(path)
    root = read_root(text, name)
    if root is None:
        return Config(path)
    top = root.mapping()
    problems: list[Problem] = []
    if is_too_new(top):
        problems.append(newer_schema(name))
    profiles = {
        key: read_profile(key, node, name, problems)
        for key, node in _entries(top, LLM, name, problems).items()
    }
    connections = {
        key: read_connection(key, node, name, problems)
        for key, node in _entries(top, DB, name, problems).items()
    }
    return Config(
        path,
        profiles=profiles,
        active_profile=_known(top, LLM, profiles, name, problems),
        connections=connections,
        active_connection=_known(top, DB, connections, name, problems),
        documents=_sources(top, "doc", name, problems),
        code=_sources(top, "code", name, problems),
        is_read_only=is_too_new(top),
        problems=tuple(problems),
    )


def read_root(text: str, name: str) -> Node | None:
    """The mapping that a settings file is; None for an empty one.

    Raises:
        ConfigProblem: where `text` is not YAML, or not a mapping.
    """
    root = parse(text, name, ConfigProblem)
    if root is None or root.is_null:
        return None
    if root.kind is not Kind.MAPPING:
        raise ConfigProblem(
            f"{name} holds no settings",
            f"Line {root.line} is not of the form “name: value”",
            "Correct it in an editor, or move it away and press P to make a profile",
        )
    return root


def is_too_new(top: Mapping[str, Node]) -> bool:
    """Whether the file says that it was written by an AMX that we do not know."""
    node = top.get("schema_version")
    return node is not None and (node.number or 0) > NEWEST_SCHEMA


def newer_schema(name: str) -> ConfigProblem:
    """What a person is told of such a file: it is read, and not written."""
    return ConfigProblem(
        f"{name} was written by a newer AMX (schema_version above {NEWEST_SCHEMA})",
        "What it says is used as far as it is understood; it is not changed",
        "Update amx-tui, or change the file with AMX itself",
    )


def is_from_before(top: Mapping[str, Node], section: Section) -> bool:
    """Whether the `only` of a section (`llm`, `db`) stands for an entry called `default`, because the
    file has no list of them; beside such a list it is AMX's copy of the active one."""
    listed = top.get(section.many)
    single = top.get(section.only)
    return (listed is None or listed.is_null) and single is not None and bool(single.mapping())


def entry_nodes(top: Mapping[str, Node], section: Section) -> dict[str, Node]:
    """What the file says of each entry of a section, whatever that is."""
    if is_from_before(top, section):
        return {DEFAULT: top[section.only]}
    return top[section.many].mapping() if section.many in top else {}


def _entries(
    top: Mapping[str, Node], section: Section, name: str, problems: list[Problem]
) -> dict[str, Node]:
    listed = top.get(section.many)
    if listed is not None and not listed.is_null and not listed.is_mapping:
        why = "It has to be a list of names with settings"
        problems.append(unusable(name, section.many, listed, why))
    entries: dict[str, Node] = {}
    for key, node in entry_nodes(top, section).items():
        if node.is_mapping or node.is_null:
            entries[key] = node
        else:
            why = "It has no settings below it"
            problems.append(unusable(name, f"{section.many}.{key}", node, why))
    return entries


def active_name(top: Mapping[str, Node], section: Section) -> str:
    """The name of the active entry, whether or not there is such an entry; "" where none is named.
    Of several active ones it is the first that is there, which AMX takes as well."""
    several = texts_of(top.get(section.active_list)) if section.active_list else ()
    present = entry_nodes(top, section)
    wanted = next((name for name in several if name in present), "")
    wanted = wanted or text_of(top.get(section.active))
    return wanted or (DEFAULT if is_from_before(top, section) else "")


def _known(
    top: Mapping[str, Node],
    section: Section,
    present: Mapping[str, object],
    name: str,
    problems: list[Problem],
) -> str | None:
    wanted = active_name(top, section)
    if not wanted or wanted in present:
        return wanted or None
    what = section.what
    problems.append(
        ConfigProblem(
            f"The active {what} of {name} is “{one_line(wanted, 60)}”, which is not in it",
            f"There are {listed(present)}" if present else f"It has no {what} at all",
            "Press P and choose another one",
        )
    )
    return None


def listed(names: Iterable[str]) -> str:
    """Names of a file, for a sentence."""
    return ", ".join(one_line(name, 60) for name in names)


def _sources(top: Mapping[str, Node], kind: str, name: str, problems: list[Problem]) -> Sources:
    """`doc_profiles` or `code_profiles`. Early files have only `doc_paths` or `code_paths`: AMX calls
    them `default`, further folders of code `repo1` and so on."""
    many = f"{kind}_profiles"
    paths: dict[str, tuple[str, ...]] = {}
    present = top.get(many)
    if present is not None and not present.is_null and not present.is_mapping:
        problems.append(unusable(name, many, present, "It has to be a list of names with paths"))
    for key, node in present.mapping().items() if present is not None else ():
        if found := texts_of(node):
            paths[key] = found
        elif node.resolved.items or node.resolved.pairs:
            problems.append(unusable(name, f"{many}.{key}", node, "It has to be a list of paths"))
    early = texts_of(top.get(f"{kind}_paths"))
    if not paths and early:
        names = ["default", *(f"repo{number}" for number in range(1, len(early)))]
        paths = (
            {"default": early}
            if kind == "doc"
            else {key: (path,) for key, path in zip(names, early, strict=True)}
        )
    chosen = texts_of(top.get(f"run_{kind}_profiles")) or texts_of(
        top.get(f"active_{kind}_profile")
    )
    active = tuple(dict.fromkeys(key for key in chosen if key in paths))
    if not active and not chosen and early and "default" in paths:
        active = ("default",)
    links = top.get(f"{kind}_profile_linked_dbs")
    linked = {
        key: found
        for key, node in (links.mapping() if links is not None else {}).items()
        if (found := texts_of(node))
    }
    return Sources(paths, active, linked)


_PROFILE_KEYS = {field.name for field in fields_of(Profile)}


def read_profile(
    profile: str,
    node: Node,
    name: str,
    problems: list[Problem],
    told: dict[str, str] | None = None,
) -> Profile:
    """The LLM profile that `node` says; every value that cannot be used is replaced by its default
    and adds to `problems`, its key and the reason to `told`. `name` is how these call the file."""
    fields = Fields(f"{LLM.many}.{profile}", node, name, problems, told)
    usual = Profile(profile, "", "")
    present = node.mapping()
    key = fields.text("api_key")
    return Profile(
        name=profile,
        provider=fields.text("provider", is_needed=True),
        model=fields.text("model", is_needed=True),
        api_base=fields.text("api_base") or None,
        # amx-cli 0.19 makes the word None of `api_key: null`, and may have written it back.
        api_key="" if key == "None" else key,
        temperature=fields.number("temperature", usual.temperature, least=0, most=2, clamps=True),
        max_tokens=fields.whole("max_tokens", usual.max_tokens),
        n_alternatives=fields.whole("n_alternatives", usual.n_alternatives, most=5, clamps=True),
        column_batch_size=fields.whole("column_batch_size", usual.column_batch_size),
        logprob_high=fields.number("logprob_high", usual.logprob_high, least=0, most=1),
        logprob_medium=fields.number("logprob_medium", usual.logprob_medium, least=0, most=1),
        prompt_detail=fields.choice("prompt_detail", usual.prompt_detail, PROMPT_DETAILS),
        description_verbosity=fields.choice(
            "description_verbosity", usual.description_verbosity, VERBOSITIES
        ),
        custom_input_cost_per_mtok=fields.rate("custom_input_cost_per_mtok"),
        custom_output_cost_per_mtok=fields.rate("custom_output_cost_per_mtok"),
        left_out=frozenset(_PROFILE_KEYS - present.keys()) if present else frozenset(),
    )


def read_connection(
    connection: str,
    node: Node,
    name: str,
    problems: list[Problem],
    told: dict[str, str] | None = None,
) -> Connection:
    """The connection that `node` says, as `read_profile` reads a profile: a setting that cannot be used
    is left out. What is no scalar (or null) is not among its settings either."""
    fields = Fields(f"{DB.many}.{connection}", node, name, problems, told)
    # Files from before there were other backends name none.
    backend = fields.text("backend").lower() or "postgresql"
    settings: dict[str, object] = {}
    for key, value in fields.nodes.items():
        if key == "backend" or value.is_null or value.resolved.kind is not Kind.SCALAR:
            continue
        if key in _FLAGS:
            flag = fields.flag(key)
            if flag is not None:
                settings[key] = flag
        elif key in _COUNTS:
            most = 65535 if key == "port" else None
            if count := fields.whole(key, 0, most=most):
                settings[key] = count
        else:
            settings[key] = value.resolved.text
    return Connection(connection, backend, settings)
