"""The words of the evidence room: passages, and where the reading of documents and code stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from amx_tui.base.problem import Problem


class EvidenceProblem(Problem):
    """Documents or code cannot be read, or their index cannot be kept."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A few lines of a document or of code, cleaned and masked. `path` begins with the name of the
    folder that config.yml names; `line` is that of its first line, counted from 1, in a PDF within
    `page` (from 1; None elsewhere). `heading` is what it stands under, "" where nothing tells.
    `text` has … for rows of a table that stand in it as SQL; `with_rows` is all of it then, else ""."""

    path: str
    line: int
    text: str
    heading: str = ""
    page: int | None = None
    with_rows: str = ""

    @property
    def place(self) -> str:
        """Such as `docs/BSEG.md:12`, or `docs/guide.pdf:p3`."""
        return f"{self.path}:{self.line}" if self.page is None else f"{self.path}:p{self.page}"


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the team's own and what it means, cleaned and masked."""

    word: str
    meaning: str


class Skipped(StrEnum):
    """Why a file that stands in a folder is not read; what it is called where it is counted."""

    SECRET = "that may hold secrets"
    OUTSIDE = "links that lead elsewhere"
    HUGE = "too large"
    BINARY = "binary"
    UNREADABLE = "unreadable"
    LACKS_EXTRA = "PDF or Word"
    TOO_MANY = "beyond the first 50 000"


class Reading(StrEnum):
    """Where the reading of the folders stands."""

    NOT_YET = "not yet"
    GOING_ON = "going on"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of the folders now. `done` of `total` files are looked at (`total` 0: they are
    being counted); `files` of them are in the index, as `passages`. `state` of the index changes with
    everything that is found in it, so that whoever used it knows whether to look again."""

    reading: Reading = Reading.NOT_YET
    done: int = 0
    total: int = 0
    files: int = 0
    passages: int = 0
    state: str = ""
    skipped: Mapping[Skipped, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
