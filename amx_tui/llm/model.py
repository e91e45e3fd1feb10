"""The words of the llm room: providers, models, requests, events, failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol

from amx_tui.base.problem import Problem
from amx_tui.config.model import Key, Profile, Settings

EffortAs = Literal["reasoning", "reasoning_effort", "none"]
OffAs = Literal["reasoning", "thinking"]
BudgetAs = Literal["max_tokens", "max_completion_tokens"]


class LlmProblem(Problem):
    """A provider, a model or a setting of theirs cannot be used."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A row of `providers.PROVIDERS`: who serves models, and how it wants to be asked."""

    id: str
    title: str
    bases: tuple[str, ...]  # the first is the default
    key_variable: str | None = None  # beside AMX_LLM_API_KEY
    key_pages: tuple[str, ...] = ()  # where a person makes a key: one for each base, or one for all
    # Where keys of each base come from, as people know the place; empty where there is but one.
    platforms: tuple[str, ...] = ()
    key_prefix: str = ""  # what its keys begin with, for a warning only
    needs_key: bool = True
    pick_when: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    # How effort is said on reasoning routes, unless the model says otherwise.
    effort_as: EffortAs = "reasoning"
    budget_as: BudgetAs = "max_tokens"
    # Its models tell token probabilities when they do not think.
    has_logprobs: bool = False
    # Where limits are explained and higher ones asked for: one page for each base, or one for all.
    limit_pages: tuple[str, ...] = ()
    models_path: str = "/models"  # below the base
    lists_for_anyone: bool = False  # its list says nothing of the key
    balance_path: str = ""  # below the base; empty where a key cannot ask for it
    currencies: tuple[str, ...] = ()  # of the balance: one for each base, or one for all


@dataclass(frozen=True, slots=True)
class Rates:
    """USD per million tokens, and where the figures come from. `cached` None: as `input`.
    `fetched_at` is seconds since 1970, None for figures that were not fetched."""

    input: float
    output: float
    cached: float | None = None
    source: str = ""
    fetched_at: float | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """What a model can do. `context` and `max_output` in tokens, None where not known."""

    id: str
    provider: str
    context: int | None = None
    max_output: int | None = None
    reasons: bool = False
    effort_as: EffortAs | None = None  # None: as the provider says it
    efforts: tuple[str, ...] = ("minimal", "low", "medium", "high")
    off_as: OffAs | None = None  # how thinking is switched off; None: it cannot be
    pins_temperature: bool = False
    has_logprobs: bool = False  # where it does not think
    rates: Rates | None = None
    pick_when: str = ""
    retired: str | None = None  # ISO date since when
    successor: str | None = None
    openrouter_id: str | None = None  # the same model there
    is_inferred: bool = False  # not in the table: guessed from its name


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model as a provider lists it for a key. What it does not say is None; tokens, and USD per
    million of them. `parameters` are the names that a request may have."""

    id: str
    context: int | None = None
    max_output: int | None = None
    reasons: bool | None = None
    parameters: frozenset[str] | None = None
    rates: Rates | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has left, negative where it owes. `currency` is a sign such as `¥`, empty where
    it is not known."""

    available: float
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a request goes, and the key that belongs there and nowhere else."""

    provider: Provider
    base: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything about a request but its messages."""

    profile: Profile
    model: Model
    endpoint: Endpoint
    settings: Settings


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests. `cached` is part of `input`, `reasoning` part of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    @property
    def total(self) -> int:
        return self.input + self.output


class Phase(StrEnum):
    CONNECTING = "connecting"
    WAITING = "waiting for the first token"
    THINKING = "thinking"
    ANSWERING = "answering"


class FailureKind(StrEnum):
    """One for each row of `failures.FAILURES`."""

    KEY_REJECTED = "key rejected"
    FORBIDDEN = "forbidden"
    MODEL_MISSING = "model missing"
    RATE_LIMITED = "rate limited"
    DAY_LIMITED = "limit of the day reached"
    OVERLOADED = "overloaded"
    QUOTA_SPENT = "quota spent"
    CONTEXT_OVERFLOW = "context overflow"
    CONTENT_FILTERED = "content filtered"
    BAD_REQUEST = "bad request"
    REDIRECTED = "redirected"
    SERVER_ERROR = "server error"
    UNREACHABLE = "unreachable"
    TLS = "TLS"
    SILENCE = "silence"
    CUT = "cut connection"
    MALFORMED = "malformed answer"
    NOTHING_VISIBLE = "nothing visible"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure in a person's words. `hits_all` is true where every other request of the run would
    fail the same way; `retry_after` is what the provider asked for, in seconds. `other_base` is the
    provider's own other host where it is the key that was refused: it may belong there, and goes there
    only when a person says so.

    `is_retried` in a `RetryWait`: the call asks again by itself. In a `CallFailed`: the answer broke
    off after text had been handed out, so that the call could not; what is missing may be asked for
    in a new one. False there means that all has been tried that may help without a person.
    """

    kind: FailureKind
    what: str
    why: str = ""
    remedy: str = ""
    is_retried: bool = False
    hits_all: bool = False
    retry_after: float | None = None
    status: int | None = None
    other_base: str | None = None


class CallFailed(LlmProblem):
    """A call ended without a whole answer."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what, failure.why, failure.remedy)
        self.failure = failure


class Allowance(Protocol):
    """What a call may spend; asked before each request that it makes."""

    async def grant(self, prompt_tokens: int, wanted: int, least: int) -> int:
        """How many tokens of output the next request may have: at most `wanted`, at least `least`.
        May wait for what others leave. Where not even `least` is allowed it raises, which ends the
        call before the request is made."""


# What a call yields, in the order in which it happens. -------------------------------------------


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    phase: Phase
    attempt: int  # counts from 1


@dataclass(frozen=True, slots=True)
class ReasoningText:
    text: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """`logprobs` covers `text` from its first character to its last, one entry a token: how many
    characters it has, and the natural logarithm of its probability. Empty where none were told."""

    text: str
    logprobs: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class UsageSeen:
    """The tokens of one attempt, exact, once each attempt at most."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class UsageMissing:
    """An attempt that will be billed ended without telling its tokens, once each attempt at most.
    `output` tokens of output it had at least."""

    output: int = 0


@dataclass(frozen=True, slots=True)
class RetryWait:
    """The call waits before it asks again."""

    seconds: float
    failure: Failure


@dataclass(frozen=True, slots=True)
class BudgetRaise:
    """The answer was empty because thinking spent the output budget; it is asked again with more.
    Both in tokens."""

    spent: int
    budget: int


@dataclass(frozen=True, slots=True)
class ParameterDrop:
    """A parameter was left out or replaced, because the model pins it or the provider refused it.
    `instead` is what is sent in its place, such as `low` or `max_completion_tokens`."""

    name: str
    reason: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is complete, or as complete as `finish_reason` (`stop`, `length`, …) says."""

    finish_reason: str


CallEvent = (
    PhaseChanged
    | ReasoningText
    | AnswerText
    | UsageSeen
    | UsageMissing
    | RetryWait
    | BudgetRaise
    | ParameterDrop
    | Ended
)
