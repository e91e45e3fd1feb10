"""The words of the commands: what a session tells whoever listens, and what a draft needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, TypeAlias

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Catalog, ColumnEvidence, Target
from amx_tui.config.model import Privacy, Wording
from amx_tui.evidence.model import Passage, Standing, Term

if TYPE_CHECKING:  # who only looks at a schema imports nothing of a run
    from amx_tui.drafting.model import Plan, RunEvent
    from amx_tui.llm.model import Balance, ListedModel, Rates, Setup


class NotReady(Problem):
    """A draft cannot be made yet. `opens_form` is true where a profile or a key is missing, so that
    the form is the way out."""

    def __init__(self, what: str, why: str = "", remedy: str = "", *, opens_form: bool = False):
        super().__init__(what, why, remedy)
        self.opens_form = opens_form


@dataclass(frozen=True, slots=True)
class CatalogRead:
    """The catalog is there: at first tables only (`is_whole` false), then everything. `is_kept` where
    it is the copy that was kept the last time, and the database is still being read."""

    is_whole: bool
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class CatalogFailed:
    problem: Problem


@dataclass(frozen=True, slots=True)
class TranscriptsFailed:
    """What the models say is no longer kept; the run goes on."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class EvidenceRead:
    table: Target


@dataclass(frozen=True, slots=True)
class RowsChanged:
    """The review rows of these targets are other ones; `by_reviewer` where a decision did it. Empty
    `targets`: all of them were read."""

    targets: tuple[Target, ...]
    by_reviewer: bool


PRIVACY_WORDS = {
    Privacy.METADATA: "names, types and keys only; no row is read",
    Privacy.SHAPES: "samples masked: letters become a/A, digits 9",
    Privacy.VALUES: "samples as they are; e-mail addresses and the like masked",
}


@dataclass(frozen=True, slots=True)
class DocumentsRead:
    """Where the reading of documents and code stands."""

    standing: Standing


@dataclass(frozen=True, slots=True)
class RunLeft:
    """Nothing of the run that ended is left: no task, no connection. Another one can be started."""


@dataclass(frozen=True, slots=True)
class ManyDecided:
    """Something that takes seconds begins with so many decisions at once: they are `taken`, taken back, or
    taken again."""

    count: int
    what: Literal["taken", "taken back", "taken again"]


SessionEvent: TypeAlias = (
    "CatalogRead | CatalogFailed | TranscriptsFailed | EvidenceRead | RowsChanged | ManyDecided"
    " | DocumentsRead | RunLeft | RunEvent"
)


@dataclass(frozen=True, slots=True)
class Material:
    """What a plan is made of, whichever profile it is for. `documents` is the state of what the passages
    are from; `hint` is what a reviewer tells the model, `earlier` the texts that did not satisfy them,
    None where nothing is drafted again."""

    catalog: Catalog
    wanted: tuple[Target, ...]
    evidence: Mapping[Target, Mapping[str, ColumnEvidence]]
    passages: Mapping[Target, Sequence[Passage]] | None
    documents: str
    privacy: Privacy
    wording: Wording
    terms: Sequence[Term]
    hint: str
    earlier: Mapping[Target, Sequence[str]] | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that is ready to be sent: the plan, word for word, and where it goes."""

    plan: Plan
    setup: Setup
    rates: Rates | None
    concurrency: int
    seconds: float  # about how long it takes with that many requests side by side
    material: Material
    wording: str = ""  # what tui.yml asks of the texts, in words; "" where it asks for nothing


@dataclass(frozen=True, slots=True)
class Offer:
    """What a profile would cost and take for a draft: USD (None where no rate is known), seconds with
    as many requests side by side as the draft has, and requests. `fault` says why it cannot draft."""

    profile: str
    model: str
    thinks: bool = False
    usd: float | None = None
    seconds: float = 0.0
    batches: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Account:
    """What `base` said at `at` (seconds since 1970). `models` None: it did not say, `problem` tells why;
    `balance` None: it does not tell, or `balance_problem` says why not."""

    base: str
    at: float
    models: tuple[ListedModel, ...] | None = None
    balance: Balance | None = None
    problem: Problem | None = None
    balance_problem: Problem | None = None

    def listed(self, model_id: str) -> ListedModel | None:
        """The model as this key has it; None where it does not, or nothing is known."""
        return next((row for row in self.models or () if row.id == model_id), None)

    def lacks(self, model_id: str) -> bool:
        """Whether the host lists other models for this key, and not this one."""
        return bool(self.models) and self.listed(model_id) is None


class State(StrEnum):
    """How a check came out. A warning keeps nobody from working; what is skipped was not looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. Of checks with the same `what`, one by one, the last one holds: at
    first it is `RUNNING`. `result` is what was found, `remedy` what to press or type where that is no
    good, `why` the reason where there is one. `seconds` is how long something else took to answer.
    Cleaned, and without any secret."""

    what: str
    state: State
    result: str
    remedy: str = ""
    seconds: float | None = None
    why: str = ""


def check_of(what: str, problem: Problem, state: State = State.FAILED) -> Check:
    """The check that ended in `problem`."""
    return Check(what, state, problem.what, problem.remedy, why=problem.why)
