"""Tables in text files hold rows, and no row leaves the machine unmasked below `values`: what of such a
passage is about a table's names, and so is documentation of it, and nothing else."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace

from amx_tui.catalog.model import Table
from amx_tui.evidence.model import Passage

_KINDS = (".csv",)
_SEPARATORS = ",;\t|"


def without_rows(passage: Passage, table: Table) -> Passage | None:
    """`passage` with those lines alone in which a cell is the name of `table` or of one of its columns:
    the line of the headings, the entries of a data dictionary. A file without headings begins with a
    row as well, so that its first line is no exception. None where nothing is left; a passage that is
    not of a table comes back as it is."""
    if not passage.path.lower().endswith(_KINDS):
        return passage
    names = {name.casefold() for name in (table.name, *(c.name for c in table.columns))}

    def tells(line: str) -> bool:
        return any(cell.strip().casefold() in names for cell in _cells(line))

    lines = passage.text.split("\n")
    kept = [(place, line) for place, line in enumerate(lines) if tells(line)]
    if not kept:
        return None
    return replace(
        passage,
        line=passage.line + kept[0][0],
        text="\n".join(line for _, line in kept),
        heading=passage.heading if tells(passage.heading) else "",
    )


def _cells(line: str) -> Iterator[str]:
    """Its cells, whatever separates them."""
    for separator in _SEPARATORS:
        if separator in line:
            yield from next(csv.reader([line], delimiter=separator), ())
    yield line  # of one column alone
