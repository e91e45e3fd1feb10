"""Reads `config.yml`, every shape of it that AMX or a person wrote; it writes nothing and resolves no
secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.config.folders import shown_path
from amx_tui.config.model import Config, ConfigProblem, Connection, Profile
from amx_tui.config.yaml_text import Kind, Node, parse, read_text

NEWEST_SCHEMA = 3

# Where the profiles stand, in files of today and in those from before there were several.
PROFILES, ACTIVE_PROFILE, ONLY_PROFILE = "llm_profiles", "active_llm_profile", "llm"
CONNECTIONS, ACTIVE_CONNECTION, ONLY_CONNECTION = "db_profiles", "active_db_profile", "db"
DEFAULT = "default"

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
        for key, node in _entries(top, PROFILES, ONLY_PROFILE, name, problems).items()
    }
    connections = {
        key: _read_connection(key, node, name, problems)
        for key, node in _entries(top, CONNECTIONS, ONLY_CONNECTION, name, problems).items()
    }
    profile = active_name(top, ACTIVE_PROFILE, PROFILES, ONLY_PROFILE)
    connection = active_name(top, ACTIVE_CONNECTION, CONNECTIONS, ONLY_CONNECTION)
    return Config(
        path,
        profiles=profiles,
        active_profile=_known(profile, profiles, "profile", name, problems),
        connections=connections,
        active_connection=_known(connection, connections, "connection", name, problems),
        problems=tuple(problems),
    )


def read_root(text: str, name: str) -> Node | None:
    """The mapping that a settings file is; None for an empty one.

    Raises:
        ConfigProblem: where `text` is not YAML, or not a mapping.
    """
    root = parse(text, name)
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


def is_from_before(top: Mapping[str, Node], many: str, only: str) -> bool:
    """Whether `only` (`llm`, `db`) stands for a profile called `default`, because the file has no
    list of profiles; beside such a list it is AMX's copy of the active one."""
    listed = top.get(many)
    single = top.get(only)
    return (listed is None or listed.is_null) and single is not None and bool(single.mapping())


def _entries(
    top: Mapping[str, Node], many: str, only: str, name: str, problems: list[Problem]
) -> dict[str, Node]:
    if is_from_before(top, many, only):
        return {DEFAULT: top[only]}
    listed = top.get(many)
    if listed is None or listed.is_null:
        return {}
    if not listed.is_mapping:
        problems.append(_unusable(name, many, listed, "It has to be a list of names with settings"))
        return {}
    entries: dict[str, Node] = {}
    for key, node in listed.mapping().items():
        if node.is_mapping or node.is_null:
            entries[key] = node
        else:
            problems.append(_unusable(name, f"{many}.{key}", node, "It has no settings below it"))
    return entries


def active_name(top: Mapping[str, Node], key: str, many: str, only: str) -> str:
    """The name that `key` gives, whether or not there is such an entry; "" where it gives none."""
    node = top.get(key)
    wanted = _text(node) if node is not None else ""
    return wanted or (DEFAULT if is_from_before(top, many, only) else "")


def _known(
    wanted: str, present: Mapping[str, object], what: str, name: str, problems: list[Problem]
) -> str | None:
    if not wanted or wanted in present:
        return wanted or None
    problems.append(
        ConfigProblem(
            f"The active {what} of {name} is “{one_line(wanted, 60)}”, which is not in it",
            f"There are {_listed(present)}" if present else f"It has no {what} at all",
            "Press P and choose another one",
        )
    )
    return None


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(one_line(name, 60) for name in names)


def _text(node: Node) -> str:
    """A scalar as it is written, without the white space around it; "" for null and for no scalar."""
    node = node.resolved
    return "" if node.kind is not Kind.SCALAR or node.is_null else node.text.strip()


def _unusable(name: str, where: str, node: Node, why: str, instead: str = "") -> ConfigProblem:
    return ConfigProblem(
        f"{one_line(where, 120)} in {name}, line {node.line}, cannot be used",
        f"{why}; {instead}" if instead else why,
        f"Correct line {node.line} of {name}",
    )


def read_profile(
    profile: str,
    node: Node,
    name: str,
    problems: list[Problem],
    unusable: dict[str, str] | None = None,
) -> Profile:
    """The LLM profile that `node` says; every value that cannot be used is replaced by its default
    and adds to `problems`, its key and the reason to `unusable`. `name` is how these call the file."""
    fields = _Fields(f"{PROFILES}.{profile}", node, name, problems, unusable)
    usual = Profile(profile, "", "")
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
    )


def _read_connection(connection: str, node: Node, name: str, problems: list[Problem]) -> Connection:
    fields = _Fields(f"{CONNECTIONS}.{connection}", node, name, problems)
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


class _Fields:
    """The values of one mapping, each read with what it may be; what it may not be is noted."""

    def __init__(
        self,
        where: str,
        node: Node,
        name: str,
        problems: list[Problem],
        unusable: dict[str, str] | None = None,
    ) -> None:
        self.nodes = node.mapping()
        self._node = node
        self._where = where
        self._name = name
        self._problems = problems
        self._unusable = {} if unusable is None else unusable

    def _note(self, key: str, why: str, instead: str = "") -> None:
        node = self.nodes.get(key, self._node)
        self._unusable[key] = why
        self._problems.append(_unusable(self._name, f"{self._where}.{key}", node, why, instead))

    def text(self, key: str, *, is_needed: bool = False) -> str:
        node = self.nodes.get(key)
        if node is not None and node.resolved.kind is not Kind.SCALAR:
            self._note(key, "It has to be one text")
            return ""
        text = _text(node) if node is not None else ""
        if is_needed and not text:
            self._note(key, "It is missing")
        return text

    def number(
        self, key: str, usual: float, *, least: float, most: float, clamps: bool = False
    ) -> float:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return usual
        value = node.number
        if value is not None and clamps:
            value = min(max(value, least), most)
        if value is not None and least <= value <= most:
            return float(value)
        why = f"{_quoted(node)} is not a number from {least:g} to {most:g}"
        self._note(key, why, f"{usual:g} is used instead")
        return usual

    def whole(
        self, key: str, usual: int, *, least: int = 1, most: int | None = None, clamps: bool = False
    ) -> int:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return usual
        value = node.number
        if value is not None and clamps and most is not None:
            value = min(max(value, least), most)
        if value is not None and value == int(value) and least <= value <= (most or value):
            return int(value)
        limit = f" from {least} to {most}" if most else " above 0"
        self._note(
            key,
            f"{_quoted(node)} is not a whole number{limit}",
            f"{usual} is used instead" if usual else "it counts as not set",
        )
        return usual

    def choice(self, key: str, usual: str, choices: tuple[str, ...]) -> str:
        node = self.nodes.get(key)
        text = _text(node) if node is not None else ""
        if node is None or not text or text in choices:
            return text or usual
        why = f"{_quoted(node)} is none of {', '.join(choices)}"
        self._note(key, why, f"{usual} is used instead")
        return usual

    def flag(self, key: str) -> bool | None:
        node = self.nodes[key]
        if node.truth is None:
            self._note(key, f"{_quoted(node)} is neither true nor false", "it counts as not set")
        return node.truth

    def rate(self, key: str) -> float | None:
        node = self.nodes.get(key)
        if node is None or node.is_null:
            return None
        value = node.number
        if value is not None and value >= 0:
            return float(value)
        self._note(key, f"{_quoted(node)} is not USD per million tokens", "it counts as not set")
        return None


def _quoted(node: Node) -> str:
    """What stands there, if it is short: a longer text may be a key in the wrong line."""
    node = node.resolved
    if node.kind is not Kind.SCALAR:
        return "What stands there"
    return f"“{one_line(node.text)}”" if len(node.text) <= 12 else "What stands there"
