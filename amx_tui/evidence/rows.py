"""Tables in text files hold rows, and no row leaves the machine unmasked below `values`. Of a CSV file
goes along what is about a table's names, and so is documentation of it; of SQL everything but the rows."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from amx_tui.catalog.model import Table
from amx_tui.evidence.chunks import cut
from amx_tui.evidence.model import Passage
from amx_tui.evidence.reading import Part
from amx_tui.evidence.sql_rows import find_rows

_KINDS = (".csv",)
_SEPARATORS = ",;\t|"
# A cleaned text has none.
_BLANK = "\0"
_SIGN = re.compile(r"[^\n]")
_BLANKS = re.compile(r"\0+(?:\n+\0+)*+")
_WORD = re.compile(r"\w")


def make_passages(path: str, part: Part, kind: str) -> Iterator[Passage]:
    """The passages of a file, in order; those in which there is nothing but rows and the statements that
    these belong to are left out. `kind` is the end of its name, such as `.sql`."""
    text = part.text
    rows = () if kind in _KINDS else tuple(find_rows(text, kind))
    outline = _blank(text, [(one.start, one.end) for one in rows])
    bare = _blank(text, [(one.statement, one.end) for one in rows])
    end = 0
    for chunk in cut(text, kind, outline):
        start, end = end, end + len(chunk.text)
        rest = bare[start:end]
        if not rest.strip() or (rest != chunk.text and _WORD.search(rest) is None):
            continue
        told, whole = outline[start:end], chunk.text.strip("\n")
        if told == chunk.text:
            yield Passage(path, chunk.line, whole, chunk.heading, part.page)
        else:
            shown = _shorten(told).strip("\n")
            yield Passage(path, chunk.line, shown, chunk.heading, part.page, with_rows=whole)


def _blank(text: str, places: Iterable[tuple[int, int]]) -> str:
    """`text` with `_BLANK` at these places, of the same length and with the same lines."""
    parts, behind = [], 0
    for start, end in places:
        parts += [text[behind:start], _SIGN.sub(_BLANK, text[start:end])]
        behind = end
    return "".join([*parts, text[behind:]])


def _shorten(text: str) -> str:
    """One … for all that is blank, and one line where one is like the one before."""
    lines = _BLANKS.sub("…", text).split("\n")
    return "\n".join(
        line for before, line in pairwise(["", *lines]) if line != before or "…" not in line
    )


def with_rows(passage: Passage) -> Passage:
    """`passage` as it stands in its file."""
    return replace(passage, text=passage.with_rows or passage.text, with_rows="")


def without_rows(passage: Passage, table: Table) -> Passage | None:
    """`passage` with those lines alone in which a cell is the name of `table` or of one of its columns:
    the line of the headings, the entries of a data dictionary. A file without headings begins with a
    row as well, so that its first line is no exception. None where nothing is left; a passage that is
    not of a table comes back as it is."""
    if passage.with_rows:
        return replace(passage, with_rows="")
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
