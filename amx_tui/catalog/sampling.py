"""Makes evidence of the rows that an adapter read. It knows no database: rows come in as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from amx_tui.base.text import one_line
from amx_tui.catalog.masking import mask
from amx_tui.catalog.model import ColumnEvidence
from amx_tui.config.model import Privacy

ROWS = 1000
# Longer than what is shown, so that what is sensitive is recognised before it is cut.
VALUE_CHARACTERS = 400
_SAMPLES = 3
# Two values seldom become the same text; shapes do, so that all are counted for them.
_VALUES_LOOKED_AT = 50
_SAMPLE_CHARACTERS = 60


def shorten(value: object) -> object:
    """`value` at a size that a thousand rows can be kept at."""
    if isinstance(value, str):
        return value[:VALUE_CHARACTERS]
    return b"" if isinstance(value, bytes | bytearray | memoryview) else value


def _summarise_column(values: Sequence[object], privacy: Privacy) -> ColumnEvidence:
    present = [value for value in values if value is not None]
    # Two long texts may differ after the cut, and binary values are not kept at all.
    whole = all(
        not isinstance(value, bytes)
        and not (isinstance(value, str) and len(value) >= VALUE_CHARACTERS)
        for value in present
    )
    counted = Counter(present)
    shown: Counter[str] = Counter()
    looked_at = _VALUES_LOOKED_AT if privacy is Privacy.VALUES else None
    for value, times in counted.most_common(looked_at):
        if privacy is Privacy.SHAPES and isinstance(value, str):
            value = value[: 2 * _SAMPLE_CHARACTERS]
        shown[one_line(mask(value, privacy), _SAMPLE_CHARACTERS)] += times
    del shown[""]
    return ColumnEvidence(
        null_share=1 - len(present) / len(values) if values else None,
        distinct=len(counted) if whole and values else None,
        samples=tuple(sample for sample, _ in shown.most_common(_SAMPLES)),
    )


def summarise(
    columns: Sequence[str], rows: Iterable[Sequence[object]], privacy: Privacy
) -> Mapping[str, ColumnEvidence]:
    """The null share, the number of distinct values and the most frequent samples of each column,
    among `rows`, which hold one value a column. Values are masked as `privacy` says."""
    by_column: list[list[object]] = [[] for _ in columns]
    for row in rows:
        for values, value in zip(by_column, row, strict=True):
            values.append(shorten(value))
    return {
        name: _summarise_column(values, privacy)
        for name, values in zip(columns, by_column, strict=True)
    }
