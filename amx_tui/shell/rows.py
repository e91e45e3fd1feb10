"""One target with its suggestion and its decision, as plain lines and as JSON."""

from __future__ import annotations

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Catalog
from amx_tui.commands.sent import sent_words
from amx_tui.drafting.model import Alternative, Confidence, Signal
from amx_tui.review.model import ReviewRow, Sent
from amx_tui.shell.plain import path_of, target_json

# Where the short word of the card does not speak for itself.
_LABELS = {"to": "refers to"}


def row_lines(row: ReviewRow, catalog: Catalog, sent: Sent | None = None) -> list[str]:
    """Where it is and what it is, its present text, what was sent, the alternatives by number, and the
    decision."""
    target, decision = row.target, row.decision
    lines = [f"{path_of(target)}{_kind_words(row, catalog)}"]
    lines.append(f"  now: {one_line(catalog.comment(target) or '') or 'no description'}")
    if sent is not None:
        present = catalog.comment(target)
        lines += [
            f"  {_LABELS.get(label, label)}: {said}{more}"
            for label, said, more in sent_words(sent, present)
        ]
        if sent.passages:
            places = ", ".join(one_line(passage.place, 120) for passage in sent.passages)
            lines.append(f"  documents and code: {places}")
    for number, alternative in enumerate(row.suggestion.alternatives, start=1):
        confidence = confidence_words(alternative.confidence)
        lines.append(f"  {number}. {confidence}: {one_line(alternative.text)}")
        if alternative.reason:
            lines.append(f"     because: {one_line(alternative.reason)}")
    state = row.state_over(catalog.comment(target)).value
    said = (decision.text or decision.reason) if decision is not None else None
    lines.append(f"  {state}{f': {one_line(said)}' if said else ''}")
    if row.is_redrafted:
        lines.append("  a new draft came since; the decision stands until you take another")
    return lines


def confidence_words(confidence: Confidence) -> str:
    """`high, declared by the model` or `high, 0.91 by its probabilities`."""
    if confidence.signal is Signal.LOGPROB:
        score = f"{confidence.score:.2f} " if confidence.score is not None else ""
        return f"{confidence.band.value}, {score}by its probabilities"
    return f"{confidence.band.value}, declared by the model"


def row_json(row: ReviewRow, catalog: Catalog) -> dict[str, object]:
    decision = row.decision
    return {
        **target_json(row.target),
        "present": catalog.comment(row.target),
        "state": row.state_over(catalog.comment(row.target)).value,
        "run": row.run,
        "model": row.model or None,
        "alternatives": [alternative_json(one) for one in row.suggestion.alternatives],
        "text": decision.text if decision is not None else None,
        "redrafted": row.is_redrafted,
        "reason": decision.reason if decision is not None else None,
    }


def alternative_json(alternative: Alternative) -> dict[str, object]:
    return {
        "text": alternative.text,
        "confidence": alternative.confidence.band.value,
        "signal": alternative.confidence.signal.value,
        "score": alternative.confidence.score,
        "reason": alternative.reason,
    }


def _kind_words(row: ReviewRow, catalog: Catalog) -> str:
    if row.target.is_table:
        table = catalog.table(row.target)
        return f", {table.kind.value}" if table is not None else ", no longer in the database"
    column = catalog.column(row.target)
    if column is None:
        return ", no longer in the database"
    words = f", {one_line(column.type, 80)}" if column.type else ""
    if column.key_position:
        words += ", primary key"
    if column.references is not None:
        words += f", refers to {path_of(column.references)}"
    return words
