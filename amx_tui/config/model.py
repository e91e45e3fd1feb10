"""The words of the config room: profiles, connections, keys, settings, folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from amx_tui.base.problem import Problem


class Privacy(StrEnum):
    """How much of the rows a model may see."""

    METADATA = "metadata"  # names, types and keys; no row is read
    SHAPES = "shapes"  # samples masked: letters become a/A, digits 9
    VALUES = "values"  # samples as they are

    def stricter(self, other: Privacy) -> Privacy:
        """The one of the two that shows less."""
        return min(self, other, key=list(Privacy).index)


class ConfigProblem(Problem):
    """`config.yml`, a profile or a key cannot be used."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A named LLM set-up, with AMX's own field names and, where AMX's page gives one, its default.

    `api_key` is what the file says (a `keyring:` reference, a plaintext key, or blank) and is never
    shown; `resolve_key` makes a key of it. Rates are USD per million tokens. `left_out` are the keys
    that the file does without: they are written only where they are no longer the default.
    """

    name: str
    provider: str
    model: str
    api_base: str | None = None
    api_key: str = field(default="", repr=False)
    temperature: float = 0.2
    max_tokens: int = 4096
    n_alternatives: int = 3
    column_batch_size: int = 10
    logprob_high: float = 0.85
    logprob_medium: float = 0.5
    prompt_detail: str = "standard"
    description_verbosity: str = "brief"
    custom_input_cost_per_mtok: float | None = None
    custom_output_cost_per_mtok: float | None = None
    left_out: frozenset[str] = field(default=frozenset(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """A named database of `db_profiles`: its backend and AMX's own keys for it, unresolved."""

    name: str
    backend: str
    settings: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sources:
    """Documents or code that may be evidence (AMX's `doc_profiles`, `code_profiles`): paths by name,
    and the names that a run uses (`run_…_profiles`, else `active_…_profile`). `linked` are the
    connections that one is about (`…_profile_linked_dbs`), where it is not about all."""

    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    linked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def active_for(self, connection: str) -> tuple[str, ...]:
        """Those that a run over a connection uses."""
        return tuple(
            name
            for name in self.active
            if not self.linked.get(name) or connection in self.linked[name]
        )


@dataclass(frozen=True, slots=True)
class Config:
    """What `config.yml` says. A file that is not there is an empty one."""

    path: Path
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    active_profile: str | None = None
    connections: Mapping[str, Connection] = field(default_factory=dict)
    active_connection: str | None = None
    documents: Sources = field(default_factory=Sources)
    code: Sources = field(default_factory=Sources)
    is_read_only: bool = False  # written by a newer AMX
    # One for each entry that could not be read; the others are still there.
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and, in words, where it came from. Only `secret` holds it, and no repr shows it."""

    secret: str = field(repr=False)
    source: str

    @property
    def hint(self) -> str:
        """At most the first three and the last four characters; nothing of a short key."""
        return f"{self.secret[:3]}…{self.secret[-4:]}" if len(self.secret) >= 16 else "…"


@dataclass(frozen=True, slots=True)
class Settings:
    """The `AMX_*` variables that a run obeys, checked. Seconds and tokens."""

    timeout_seconds: float = 180.0  # AMX_LLM_TIMEOUT_SEC: the longest silence
    min_max_tokens: int = 32_768  # AMX_LLM_MIN_MAX_TOKENS: the output floor of reasoning routes
    reasoning_effort: str = "low"  # AMX_REASONING_EFFORT
    ca_bundle: str | None = None  # AMX_CA_BUNDLE


@dataclass(frozen=True, slots=True)
class Wording:
    """How descriptions are to be worded: in which `language`, by which house `style`, with the words of
    which `glossary` (a file), and whether the alternatives are paraphrases of one reading and not
    different ones. What is empty is not asked for."""

    language: str = ""
    style: str = ""
    glossary: Path | None = None
    paraphrases: bool = False


NO_WORDING = Wording()


@dataclass(frozen=True, slots=True)
class Preferences:
    """`tui.yml`: what is ours alone. `wordings` are those of single databases, by the name that stands
    in the header: of the connection, or of the file."""

    theme: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)  # action id -> keys, comma-separated
    privacy: Privacy = Privacy.SHAPES
    concurrency: int = 3
    wording: Wording = NO_WORDING
    wordings: Mapping[str, Wording] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def wording_for(self, database: str) -> Wording:
        return self.wordings.get(database, self.wording)


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are kept: `config` holds config.yml, tui.yml and tui.db; `cache` may be deleted."""

    config: Path
    cache: Path

    @property
    def config_file(self) -> Path:
        return self.config / "config.yml"

    @property
    def preferences_file(self) -> Path:
        return self.config / "tui.yml"

    @property
    def store_file(self) -> Path:
        return self.config / "tui.db"

    @property
    def transcripts(self) -> Path:
        return self.cache / "transcripts"

    @property
    def catalogs(self) -> Path:
        return self.cache / "catalogs"

    @property
    def evidence(self) -> Path:
        return self.cache / "evidence"

    @property
    def prices_file(self) -> Path:
        return self.cache / "prices.json"

    @property
    def copied_text(self) -> Path:
        return self.cache / "copied.txt"

    @property
    def recent_file(self) -> Path:
        return self.cache / "recent.json"
