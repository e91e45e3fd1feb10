"""Finds the rows that stand in SQL: the lists behind the VALUES of an INSERT, and what a COPY reads from
its own text. It looks at these statements alone and parses no SQL; where dialects read the same text
differently, more is taken for rows, never less. The time it takes grows with the text, not faster.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

# In these the INTO of an INSERT may be left out, as SQL Server, MySQL and every MERGE do; elsewhere
# that would find prose.
_SQL = frozenset((".sql", ".ddl"))

_ANCHOR = re.compile(
    r"\b(?P<insert>insert|replace|upsert)\b(?P<into>\s{1,20}(?:\w{1,20}\s{1,20}){0,2}into\b)?"
    # Oracle's INSERT ALL has one INTO after the other.
    r"|(?P<again>(?<=\))\s{1,20}into\b)"
    r"|^[ \t]{0,80}(?P<client>\\?)copy\b",
    re.IGNORECASE | re.MULTILINE,
)
# What may stand before the rows. Each is short, so that a text full of beginnings is gone through once.
_HEAD = re.compile(
    r"(?P<gap>\s+|--[^\n]{0,300}\n|/\*[^*]{0,500}\*/)|(?P<word>[\w.@#$]+)|\"[^\"\n]{0,200}\""
    r"|`[^`\n]{0,200}`|\[[^]\n]{0,200}\]|(?P<mark>[(),=])|'[^'\n]{0,20}'"
)
_MOST_WORDS = 24
_MOST_OPTIONS = 40
_NO_HEAD = frozenset(("insert", "replace", "upsert", "copy", "select", "with", "set", "exec", "on"))

_GAP = re.compile(r"(?:\s++|--[^\n]*+(?:\n|\Z)|/\*[^*]{0,500}\*/)*+")
_OPENS = re.compile(r"(?:row\s{0,20})?(?=\()", re.IGNORECASE)
# A row that every dialect reads in the same way, at once.
_PLAIN_ROW = re.compile(r"\((?:[^'\"`$()\\/-]++|'[^'\\]*+'|-(?!-)|/(?!\*))*+\)")
_NEXT = re.compile(r"[\"'`()]|--(?!\d)|/\*|\$\w{0,20}\$")
_QUOTED = {
    # With a backslash that takes the meaning from what follows it, and without.
    ("'", True): re.compile(r"'[^'\\]*+(?:\\.[^'\\]*+)*+'", re.DOTALL),
    ("'", False): re.compile(r"'[^']*+'"),
    ('"', True): re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL),
    ('"', False): re.compile(r'"[^"]*+"'),
}
_NAME = re.compile(r"`[^`\n]{0,200}`")
# What stands in a row and is neither a name, nor a parameter such as $1, :1 or %s.
_LITERAL = re.compile(r"[\"']|\$\w{0,20}\$|(?<![\w.:$@?%])\d|\b(?:true|false)\b", re.IGNORECASE)
_END_OF_COPY = re.compile(r"^\\\.[ \t]*$", re.MULTILINE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
# Looking in vain for the end of a comment or of a quotation goes through the rest of the text.
_MOST_IN_VAIN = 20


@dataclass(frozen=True, slots=True)
class Rows:
    """Places in a text: where the statement begins, where its rows do, and behind the last of them."""

    statement: int
    start: int
    end: int


def find_rows(text: str, kind: str) -> Iterator[Rows]:
    """The rows in `text`, in order, none within another; `kind` is the end of the file's name, such as
    `.sql`."""
    return _Finder(text, kind).find()


class _Finder:
    def __init__(self, text: str, kind: str) -> None:
        self._text = text
        self._is_sql = kind in _SQL
        self._in_vain = 0
        # Whether a backslash within quotes is an escape depends on the dialect; a reading that comes
        # to no end is not that of this text.
        self._readings = [False, True]
        # An end that is not found by then is not looked for: in prose a list ends with its paragraph.
        self._limit = len(text) if self._is_sql else 0
        self._ends_of_copy = [match.start() for match in _END_OF_COPY.finditer(text)]

    def find(self) -> Iterator[Rows]:
        place = 0
        while (match := _ANCHOR.search(self._text, place)) is not None:
            place = match.end()
            if match["client"] is not None:
                start = self._copy_start(place, is_client=bool(match["client"]))
                end = self._copy_end(start) if start is not None else 0
            elif match["into"] or (self._is_sql and (match["insert"] or "i")[0] in "iI"):
                start = self._skip_head(place, ("values", "value"))
                end = self._list_end(start) if start is not None else 0
            else:
                continue
            if start is None or end <= start:
                continue
            place = end
            if match["client"] is not None or self._has_rows(start, end):
                yield Rows(match.start(), start, end)

    def _has_rows(self, start: int, end: int) -> bool:
        """Whether a list has more in it than names and parameters; one that does not end may have."""
        return not self._readings or _LITERAL.search(self._text, start, end) is not None

    # Before the rows. ----------------------------------------------------------------------------

    def _skip_head(self, place: int, last: tuple[str, ...]) -> int | None:
        """Behind the word `last`, where it stands outside of brackets and nothing is before it that
        begins something else."""
        depth = words = 0
        while (match := _HEAD.match(self._text, place)) is not None:
            place = match.end()
            word, mark = (match["word"] or "").lower(), match["mark"]
            if mark == "(":
                depth += 1
            elif mark == ")":
                depth -= 1
            elif word in _NO_HEAD or depth < 0 or words > _MOST_WORDS:
                return None
            elif not depth and match["gap"] is None:
                # In OVERRIDING SYSTEM VALUE it is another word.
                if word in last and (word != "value" or self._opens(place)):
                    return place
                words += 1
        return None

    def _copy_start(self, place: int, *, is_client: bool) -> int | None:
        """The line behind a COPY that reads from its own text; the client's own ends with its line."""
        behind = self._skip_head(place, ("stdin",))
        if behind is None:
            return None
        line = self._text.find("\n", behind)
        if not is_client:
            for _ in range(_MOST_OPTIONS):
                if (match := _HEAD.match(self._text, behind)) is None:
                    break
                behind = match.end()
            if not self._text.startswith(";", behind):
                return None
            line = self._text.find("\n", behind)
        return line + 1 if line >= 0 else None

    def _copy_end(self, start: int) -> int:
        at = bisect_left(self._ends_of_copy, start)
        if at < len(self._ends_of_copy):
            return self._text.index(".", self._ends_of_copy[at]) + 1
        return self._paragraph_end(start)

    def _paragraph_end(self, place: int) -> int:
        match = _BLANK_LINE.search(self._text, place)
        return match.start() if match is not None else len(self._text)

    # The lists behind VALUES. --------------------------------------------------------------------

    def _list_end(self, start: int) -> int:
        """Behind the last row of the list that begins at `start`; `start` where there is none."""
        if start >= self._limit:  # of SQL it is the end of the text
            self._limit, self._readings = self._paragraph_end(start), [False, True]
        end = start
        for escapes in tuple(self._readings):
            found = self._read_list(start, escapes)
            if found is None:
                self._readings.remove(escapes)
                continue
            end = max(end, found)
            if self._text.find("\\", start, found) < 0:
                break  # it makes no difference
        return end if self._readings else self._limit

    def _read_list(self, place: int, escapes: bool) -> int | None:
        """Behind the list in one reading of its quotes; None where it comes to no end."""
        end = place
        while True:
            place = self._skip_gap(place)
            opens = _OPENS.match(self._text, place, self._limit)
            if opens is None:
                return end
            closed = self._row_end(opens.end(), escapes)
            if closed is None:
                return None
            end = closed
            place = self._skip_gap(end)
            if not self._text.startswith(",", place):
                return end
            place += 1

    def _opens(self, place: int) -> bool:
        return _OPENS.match(self._text, self._skip_gap(place)) is not None

    def _skip_gap(self, place: int) -> int:
        match = _GAP.match(self._text, place)
        return match.end() if match is not None else place

    def _row_end(self, place: int, escapes: bool) -> int | None:
        plain = _PLAIN_ROW.match(self._text, place, self._limit)
        if plain is not None:
            return plain.end()
        depth = 0
        while (match := _NEXT.search(self._text, place, self._limit)) is not None:
            sign, place = match[0], match.end()
            if sign == "(":
                depth += 1
            elif sign == ")":
                depth -= 1
                if not depth:
                    return place
            elif sign in "'\"":
                # PostgreSQL's E'…' has escapes wherever it stands.
                has_escapes = escapes or self._text[match.start() - 1 : match.start()] in ("e", "E")
                quoted = _QUOTED[sign, has_escapes].match(self._text, match.start(), self._limit)
                if quoted is None:
                    return None
                place = quoted.end()
            elif sign == "`":
                name = _NAME.match(self._text, match.start())
                place = name.end() if name is not None else place
            elif sign == "--":
                place = self._behind("\n", place)
            else:
                place = self._behind("*/" if sign == "/*" else sign, place)
        return None

    def _behind(self, mark: str, place: int) -> int:
        """Behind the next `mark`; `place` where there is none, which is not looked for too often."""
        if self._in_vain > _MOST_IN_VAIN:
            return place
        found = self._text.find(mark, place)
        if found < 0:
            self._in_vain += 1
            return place
        return found + len(mark)
