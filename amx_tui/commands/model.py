"""The words of the commands: what a session tells whoever listens, and what a draft needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.evidence.model import Standing

if TYPE_CHECKING:  # who only looks at a schema imports nothing of a run
    from amx_tui.drafting.model import Plan, RunEvent
    from amx_tui.llm.model import Rates, Setup


class NotReady(Problem):
    """A draft cannot be made yet. `opens_form` is true where a profile or a key is missing, so that
    the form is the way out."""

    def __init__(self, what: str, why: str = "", remedy: str = "", *, opens_form: bool = False):
        super().__init__(what, why, remedy)
        self.opens_form = opens_form


@dataclass(frozen=True, slots=True)
class CatalogRead:
    """The catalog is there: at first tables only (`is_whole` false), then everything."""

    is_whole: bool


@dataclass(frozen=True, slots=True)
class CatalogFailed:
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


@dataclass(frozen=True, slots=True)
class DocumentsRead:
    """Where the reading of documents and code stands."""

    standing: Standing


SessionEvent: TypeAlias = (
    "CatalogRead | CatalogFailed | EvidenceRead | RowsChanged | DocumentsRead | RunEvent"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that is ready to be sent: the plan, word for word, and where it goes."""

    plan: Plan
    setup: Setup
    rates: Rates | None
    concurrency: int
    seconds: float  # about how long it takes with that many requests side by side
    documents: str = ""  # the state of documents and code whose passages are in it
