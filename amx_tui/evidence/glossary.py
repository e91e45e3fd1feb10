"""The team's own words: a file with a term and its meaning a line, and which of them a table needs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from amx_tui.base.sensitive import mask_sensitive
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Table
from amx_tui.evidence.model import EvidenceProblem

# A glossary that is larger is none (bytes); a meaning needs no more (characters), a table no more of
# them.
_LARGEST = 2_000_000
_LONGEST_TERM = 60
_LONGEST_MEANING = 160
MOST_TERMS = 30

# `BUKRS: company code` (YAML too), `BUKRS = …`, `BUKRS,…` (CSV), `| BUKRS | … |`, `- **BUKRS**: …`.
_LINE = re.compile(r"\s*[-*|>]?\s*[\"'`*]*(?P<term>[^\s:=|;,\t\"'`*#][^:=|;,\t\"'`*]*?)[\"'`*]*"
                   r"\s*[:=|;,\t]+\s*(?P<meaning>.+?)\s*\|?\s*$")  # fmt: skip
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+|\d+")


def read_glossary(path: Path) -> dict[str, str]:
    """Meanings by term, in lower case; lines that say none are passed over. Blocking.

    Raises:
        EvidenceProblem: the file cannot be read.
    """
    try:
        with path.expanduser().open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LARGEST)
    except (OSError, RuntimeError, ValueError) as error:
        raise EvidenceProblem(
            f"The glossary {one_line(str(path), 200)} cannot be read",
            one_line(getattr(error, "strerror", None) or str(error), 200),
            "Correct its path in tui.yml, or take it out",
        ) from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line[:1_000])
        if match is None or len(match["term"]) > _LONGEST_TERM:
            continue
        meaning = mask_sensitive(one_line(match["meaning"].strip("\"'"), _LONGEST_MEANING))
        if any(character.isalnum() for character in meaning):
            found.setdefault(one_line(match["term"]).casefold(), meaning)
    return found


def terms_for(table: Table, glossary: Mapping[str, str]) -> dict[str, str]:
    """The terms that the names of the table and of its columns are, or are made of, at most
    `MOST_TERMS` of them: whole names first. By the name as it is written there."""
    if not glossary:
        return {}
    names = [table.name, *(column.name for column in table.columns)]
    parts = [part for name in names for part in _PARTS.findall(name)]
    found: dict[str, str] = {}
    told: set[str] = set()
    for word in (*names, *parts):
        key = word.casefold()
        if key in glossary and key not in told:
            told.add(key)
            found[word] = glossary[key]
    return dict(list(found.items())[:MOST_TERMS])
