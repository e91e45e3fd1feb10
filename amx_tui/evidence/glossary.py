"""The team's own words and what they mean, out of a file that a person names in `tui.yml`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from amx_tui.base.sensitive import mask_sensitive
from amx_tui.base.text import one_line
from amx_tui.evidence.model import EvidenceProblem, Term

# Bytes; a word and its meaning in characters; words.
_LARGEST = 2_000_000
_LONGEST_WORD = 80
_LONGEST_MEANING = 200
MOST_TERMS = 20_000

# `WORD: meaning`, `WORD = meaning`, `WORD – meaning`, a row of a Markdown table; as an item or not.
_LINE = re.compile(
    r"^\s*(?:[-*+|]\s*)?(?P<word>.+?)\s*(?::\s|=|\||\t|\s[–—-]\s)\s*(?P<meaning>.+?)\s*\|?\s*$"
)
_RULE = re.compile(r"^[\s|:=-]*$")
_MARKS = "`*_\"' "


def read_glossary(path: Path) -> tuple[Term, ...]:
    """The terms of `path`, each word once, as it stands first: two columns of a CSV, or a line each in
    Markdown, text or YAML; what is neither is passed over. Blocking.

    Raises:
        EvidenceProblem: it cannot be read, is no text, or has no term at all.
    """
    shown = one_line(str(path), 200)
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise _unusable(shown, f"It has {size:,} bytes; {_LARGEST:,} are read at most")
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unusable(shown, "It is no text in UTF-8") from None
    except (OSError, ValueError) as error:
        raise _unusable(
            shown, one_line(getattr(error, "strerror", None) or str(error), 120)
        ) from None
    terms: dict[str, Term] = {}
    pairs = _rows(text) if path.suffix.lower() in (".csv", ".tsv") else _lines(text)
    for word, meaning in pairs:
        word, meaning = (one_line(part.strip(_MARKS)) for part in (word, meaning))
        if not word or not meaning or len(word) > _LONGEST_WORD:
            continue
        term = Term(word, one_line(mask_sensitive(meaning, keeps_names=True), _LONGEST_MEANING))
        terms.setdefault(word.casefold(), term)
        if len(terms) == MOST_TERMS:
            break
    if not terms:
        raise _unusable(shown, "It has no line such as BUKRS: company code")
    return tuple(terms.values())


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for row, after in pairwise([*text.splitlines(), ""]):
        is_head = row.lstrip().startswith("|") and _RULE.match(after) and "|" in after
        if row.lstrip().startswith("#") or _RULE.match(row) or is_head:
            continue
        if match := _LINE.match(row):
            yield match["word"], match["meaning"].partition("|")[0]


def _rows(text: str) -> Iterator[tuple[str, str]]:
    first = text.partition("\n")[0]
    delimiter = max("\t;,", key=first.count)
    try:
        for row in csv.reader(text.splitlines(), delimiter=delimiter):
            if len(row) >= 2:
                yield row[0], row[1]
    except csv.Error:
        return


def _unusable(shown: str, why: str) -> EvidenceProblem:
    return EvidenceProblem(
        f"The glossary {shown} cannot be used",
        why,
        "Correct it, or take it out of tui.yml and start again",
    )
