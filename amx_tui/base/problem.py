"""The one shape in which anything that went wrong reaches a person: what, why, and what to do."""

from __future__ import annotations


class Problem(Exception):
    """Something that a person has to be told.

    Args:
        what: What happened, one sentence, no trailing stop.
        why: Why it probably did; may be empty where `what` says it all.
        remedy: What to press or type next; may be empty only where nothing helps.

    The three are plain text without secrets; they may quote names, paths and server messages, so
    whoever builds one passes foreign text through `amx_tui.base.text.one_line` first.
    """

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return ". ".join(part.rstrip(".") for part in (self.what, self.why, self.remedy) if part)
