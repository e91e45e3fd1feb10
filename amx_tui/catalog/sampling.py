"""Makes evidence of what an adapter read: rows, or the database's own statistics. It knows no database:
values come in as Python's, or as the database writes them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from amx_tui.base.text import one_line
from amx_tui.catalog.masking import mask
from amx_tui.catalog.model import Column, ColumnEvidence, Table
from amx_tui.config.model import Privacy

ROWS = 1000
# Longer than what is shown, so that what is sensitive is recognised before it is cut.
VALUE_CHARACTERS = 400
FIRST_ROWS = f"the first {ROWS:,} rows at most".replace(",", " ")
SAMPLED_ROWS = f"a sample of {ROWS:,} rows at most".replace(",", " ")
LARGE_TABLE = 100_000
_SURPLUS = 20
_SAMPLES = 3
# Two values seldom become the same text; shapes do, so that all are counted for them.
_VALUES_LOOKED_AT = 50
_SAMPLE_CHARACTERS = 60

# Names of types whose values are numbers, in the dialects that have an adapter.
_NUMBER = re.compile(
    r"(?:u?(?:tiny|small|medium|big|huge)?int(?:eger)?\d*|(?:small|big)?serial\d*|numeric|decimal|dec"
    r"|number|fixed|real|float\d*|double|money|year)\b(?!.*\[)",
    re.IGNORECASE,
)
# Types whose smallest and largest value say nothing, or are no order that people know.
_UNORDERED = re.compile(
    r"bool|json|xml|uuid|bit|blob|bytea|binary|geo|point|polygon|tsvector|\[\]|struct|map|list|enum",
    re.IGNORECASE,
)


def choose_columns(table: Table, names: Sequence[str]) -> list[Column]:
    """The columns of those names; one that the table does not have is of no known type."""
    known = {column.name: column for column in table.columns}
    return [known.get(name) or Column(name, "") for name in names]


def sample_share(rows: int | None) -> float | None:
    """The percentage of a large table's pages to look at instead of its beginning; None for others.

    So many times the rows that are wanted, since the share is of pages and those may be empty."""
    if rows is None or rows < LARGE_TABLE:
        return None
    return min(100 * ROWS * _SURPLUS / rows, 100)


def stopped_after(seconds: float) -> str:
    return f"reading it was stopped after {seconds:g} s"


def is_number(type_: str) -> bool:
    """Whether values of this type are numbers, by the type's name."""
    return _NUMBER.match(type_.strip()) is not None


def _shorten(value: object) -> object:
    """`value` at a size that a thousand rows can be kept at."""
    if isinstance(value, str):
        return value[:VALUE_CHARACTERS]
    return b"" if isinstance(value, bytes | bytearray | memoryview) else value


def _read_number(text: str) -> object:
    """The number that a database wrote; the text itself where it is none."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _mask_value(value: object, privacy: Privacy) -> str:
    if privacy is Privacy.SHAPES and isinstance(value, str):
        value = value[: 2 * _SAMPLE_CHARACTERS]
    return one_line(mask(value, privacy), _SAMPLE_CHARACTERS)


def _find_range(
    values: Iterable[object], type_: str, privacy: Privacy
) -> tuple[str | None, str | None]:
    """The smallest and the largest value, masked as samples are; None where there is no order."""
    if _UNORDERED.search(type_):
        return None, None
    numbers: list[Decimal] = []
    texts: list[str] = []
    for value in values:
        if isinstance(value, bool | bytes):
            return None, None
        if isinstance(value, int | float | Decimal):
            number = Decimal(value)
            if number.is_finite():
                numbers.append(number)
        elif not is_number(type_):
            texts.append(str(value))
    if bool(numbers) == bool(texts):  # neither, or a mixture
        return None, None
    low, high = (min(numbers), max(numbers)) if numbers else (min(texts), max(texts))
    return _mask_value(low, privacy) or None, _mask_value(high, privacy) or None


def _pick_samples(counted: Counter[object], privacy: Privacy) -> tuple[str, ...]:
    """The most frequent ones, after masking."""
    shown: Counter[str] = Counter()
    looked_at = _VALUES_LOOKED_AT if privacy is Privacy.VALUES else None
    for value, times in counted.most_common(looked_at):
        shown[_mask_value(value, privacy)] += times
    del shown[""]
    return tuple(sample for sample, _ in shown.most_common(_SAMPLES))


def _summarise_column(column: Column, values: Sequence[object], privacy: Privacy) -> ColumnEvidence:
    present = [value for value in values if value is not None]
    # Two long texts may differ after the cut, and binary values are not kept at all.
    whole = all(
        not isinstance(value, bytes)
        and not (isinstance(value, str) and len(value) >= VALUE_CHARACTERS)
        for value in present
    )
    distinct = len(set(present)) if whole and values else None
    counted: Counter[object] = Counter(present)
    if is_number(column.type):
        counted = Counter()
        for value in present:
            counted[_read_number(value) if isinstance(value, str) else value] += 1
    low, high = _find_range(counted, column.type, privacy)
    return ColumnEvidence(
        null_share=1 - len(present) / len(values) if values else None,
        distinct=distinct,
        samples=_pick_samples(counted, privacy),
        minimum=low,
        maximum=high,
    )


def summarise(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], privacy: Privacy
) -> dict[str, ColumnEvidence]:
    """The null share, the number of distinct values, the smallest, the largest and the most frequent
    ones of each column, among `rows`, which hold one value a column: Python's, or as text. Values are
    masked as `privacy` says; numbers that came as text count as numbers where the type says so."""
    by_column: list[list[object]] = [[] for _ in columns]
    for row in rows:
        for values, value in zip(by_column, row, strict=True):
            values.append(_shorten(value))
    return {
        column.name: _summarise_column(column, values, privacy)
        for column, values in zip(columns, by_column, strict=True)
    }


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a database keeps of a column: `distinct` as PostgreSQL counts it (below zero it is the
    share of the rows, 0 unknown), the most common values, and values that part the rest, in order."""

    null_share: float
    distinct: float
    common: Sequence[str] = ()
    bounds: Sequence[str] = ()

    @property
    def tells_values(self) -> bool:
        """False where somebody has to look at rows to know what is in the column."""
        return bool(self.common or self.bounds) or self.null_share >= 1


def summarise_statistics(
    column: Column, statistics: Statistics, rows: int | None, privacy: Privacy
) -> ColumnEvidence:
    """The same of statistics; `rows` is how many the table has, where that is known."""
    distinct: int | None = round(statistics.distinct) or None
    if statistics.distinct < 0:
        distinct = None if rows is None else max(round(-statistics.distinct * rows), 1)
    read = _read_number if is_number(column.type) else str
    common = [read(value[:VALUE_CHARACTERS]) for value in statistics.common]
    bounds = [read(value[:VALUE_CHARACTERS]) for value in statistics.bounds]
    low, high = _find_range([*common, *bounds], column.type, privacy)
    # The common ones come first; of the rest some from all over the column.
    step = max(len(bounds) // _VALUES_LOOKED_AT, 1)
    counted: Counter[object] = Counter(dict.fromkeys(bounds[::step], 1))
    counted.update({value: len(common) + 1 - at for at, value in enumerate(common)})
    return ColumnEvidence(
        null_share=statistics.null_share,
        distinct=distinct,
        samples=_pick_samples(counted, privacy),
        minimum=low,
        maximum=high,
    )
