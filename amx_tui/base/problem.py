"""The one shape in which anything that went wrong reaches a person: what, why, and what to do."""

from __future__ import annotations

from amx_tui.base.text import clean


class Problem(Exception):
    """Something that a person has to be told.

    Args:
        what: What happened, one sentence, no trailing stop.
        why: Why it probably did; may be empty where `what` says it all.
        remedy: What to press or type next; may be empty only where nothing helps.

    The three hold no secrets. They may quote names, paths and server messages: control characters are
    taken out here; whoever builds one makes a single line of foreign text, and a short one
    (`amx_tui.base.text.one_line`).
    """

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        self.what, self.why, self.remedy = clean(what), clean(why), clean(remedy)
        super().__init__(self.what)

    def __str__(self) -> str:
        return ". ".join(part.rstrip(".") for part in (self.what, self.why, self.remedy) if part)
