"""What went to the model with a draft, in words: the evidence on which it was made, not what the database
or the privacy level would tell now."""

from __future__ import annotations

from collections.abc import Iterator

from amx_tui.base.text import one_line
from amx_tui.config.model import Privacy
from amx_tui.review.model import Sent

# As many of a list as there is room for; `s` in Browse and the transcripts have the whole prompt.
_NAMES = 12


def sent_words(sent: Sent, now: str | None) -> Iterator[tuple[str, str, str]]:
    """A label, what was sent, and what is to be said of it. `now` is the text that stands there: the one
    of that time is told where it was another one. Nothing where the facts were not kept."""
    facts = sent.facts
    if not facts:
        return
    level = f" ({sent.privacy.value})"
    if samples := _list(facts.get("samples")):
        yield "samples", " · ".join(samples), level
    if figures := _figures(facts):
        yield "rows", " · ".join(figures), "" if samples else level
    if not samples and not figures and "column" in facts:
        none = "no row was read" if sent.privacy is Privacy.METADATA else "nothing of its rows"
        yield "rows", none, level
    if facts.get("to"):
        means = f": {_text(facts['to_is'])}" if facts.get("to_is") else ""
        yield "to", _text(facts["to"]) + means, ""
    for label in ("values", "check", "default", "made_of"):
        if facts.get(label):
            yield label.replace("_", " "), _text(facts[label]), ""
    if key := _list(facts.get("primary_key")):
        yield "key", ", ".join(key), ""
    if names := _list(facts.get("columns")):
        more = len(names) + _number(facts.get("columns_left_out")) - _NAMES
        yield "columns", ", ".join(names[:_NAMES]), f" and {more} more" if more > 0 else ""
    comment = _text(facts["comment"]) if facts.get("comment") else ""
    if comment and comment != one_line(now or "", len(comment)):
        yield "was", comment, " when it was drafted"
    if earlier := _list(facts.get("earlier")):
        yield "earlier", " · ".join(earlier), " did not satisfy"


def _figures(facts: object) -> list[str]:
    assert isinstance(facts, dict)
    words = []
    if "rows" in facts:
        words.append(f"about {_text(facts['rows'])}")
    if "null" in facts:
        words.append(f"null {_text(facts['null'])}")
    if "distinct" in facts:
        words.append(f"{_text(facts['distinct'])} distinct")
    if "range" in facts:
        words.append(_text(facts["range"]))
    return words


def _text(value: object) -> str:
    return one_line(str(value), 400)


def _list(value: object) -> list[str]:
    return [_text(one) for one in value] if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
