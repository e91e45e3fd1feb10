"""What is true of a change whatever database it goes to: which table it belongs to, whether any
database could take its text, whether the text that stands there still allows it. It knows no database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amx_tui.catalog.model import Change, Outcome, Target, Written


def group_by_table(changes: Sequence[Change]) -> dict[Target, list[Change]]:
    """The changes of each table, tables in the order in which they first appear."""
    grouped: dict[Target, list[Change]] = {}
    for change in changes:
        grouped.setdefault(change.target.of_table, []).append(change)
    return grouped


def _find_refusal(text: str) -> str | None:
    """Why no database could keep this text, None where it could."""
    if "\0" in text:
        return (
            "It holds a NUL character, which no database stores. Edit the text, then write again."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        return "It holds half a character (a lone surrogate). Edit the text, then write again."
    return None


def judge(change: Change, present: Mapping[Target, str | None]) -> Written | None:
    """What becomes of `change` without anything being written; None where it is to be written.

    `present` is what stands there now, with every target that there is. A text that already stands
    there counts as written: an apply that was cut off can be repeated.
    """
    why = _find_refusal(change.new or "")
    if why:
        return Written(change, Outcome.REFUSED, why)
    if change.target not in present:
        return Written(
            change, Outcome.FAILED, "It is no longer in the database. Press r to refresh."
        )
    now = present[change.target] or None
    if now == (change.new or None):
        return Written(change, Outcome.WRITTEN, "It already said so.", was_there=True)
    if now != (change.old or None):
        return Written(
            change,
            Outcome.CHANGED_MEANWHILE,
            "Somebody changed it since it was drafted. Draft it again, or decide over the new text.",
        )
    return None


def refuse_all(changes: Sequence[Change], outcome: Outcome, detail: str) -> list[Written]:
    return [Written(change, outcome, detail) for change in changes]
