"""CSV for spreadsheets and scripts: one row a target, with what stood there, what was decided, and how
sure the model was."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

from amx_tui.base.text import clean
from amx_tui.catalog.model import Table, Target
from amx_tui.drafting.model import Confidence, Signal
from amx_tui.review.exports.material import Made, Material
from amx_tui.review.model import ReviewRow, State

HEADER = (
    "schema", "table", "column", "type", "old", "new", "status", "confidence", "reviewer", "time",
)  # fmt: skip

# What makes a spreadsheet take a cell for a formula, also behind white space, and in the wide letters
# of East Asian keyboards: owasp.org/www-community/attacks/CSV_Injection.
_FORMULA_STARTS = frozenset("=+-@＝＋－＠")


def make_csv(material: Material, present: str | None) -> Made:
    """Rows as RFC 4180 has them, in UTF-8. A cell that a spreadsheet would calculate begins with an
    apostrophe. `new` is what was decided; `time` is when, in UTC."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    for table, columns in material.tables():
        rows = [(table.target, table.kind.value)]
        rows += [(table.column_target(column), column.type) for column in columns]
        for target, kind in rows:
            if material.what.value == "all" or target in material.decided:
                writer.writerow([safe_cell(cell) for cell in _cells(table, target, kind, material)])
    return Made({"": text.getvalue()})


def safe_cell(text: str) -> str:
    """`text` without control characters, and as text to every spreadsheet."""
    cleaned = clean(text)
    is_formula = cleaned.lstrip()[:1] in _FORMULA_STARTS if cleaned.strip() else False
    return f"'{cleaned}" if is_formula else cleaned


def _cells(table: Table, target: Target, kind: str, material: Material) -> tuple[str, ...]:
    decision = material.decided.get(target)
    row = material.rows.get(target)
    state = row.state if row is not None else None
    is_settled = decision is not None or (row is not None and state is not State.TODO)
    taken = decision or (row.decision if row is not None and is_settled else None)
    when = datetime.fromtimestamp(taken.at, UTC).isoformat(timespec="seconds") if taken else ""
    return (
        table.schema,
        table.name,
        target.column,
        kind,
        material.old(target) or "",
        (decision.text or "") if decision else "",
        state.value if state is not None else decision.verdict.value if decision else "",
        _confidence(row, decision.text if decision else None),
        material.reviewers.get(target, "") if taken else "",
        when,
    )


def _confidence(row: ReviewRow | None, text: str | None) -> str:
    """That of the decided text, where a model wrote it; of the best alternative, where nothing was
    decided."""
    for alternative in row.suggestion.alternatives if row is not None else ():
        if text is None or alternative.text == text:
            return _words(alternative.confidence)
    return ""


def _words(confidence: Confidence) -> str:
    if confidence.signal is Signal.LOGPROB and confidence.score is not None:
        return f"{confidence.band.value} ({confidence.score:.2f} logprob)"
    return f"{confidence.band.value} ({confidence.signal.value})"
