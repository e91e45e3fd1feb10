"""Takes apart what SHOW CREATE TABLE prints, so that a comment can be replaced and nothing else. It
knows no connection.

MySQL and MariaDB change a column's comment only together with the column's whole definition: whatever
a statement does not repeat is gone. What it repeats is therefore the server's own text, word for word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""  (?P<name>`(?:[^`]|``)*`)
        | (?P<text>'(?:[^'\\]|''|\\.)*')
        | (?P<word>[A-Za-z_]\w*)
        | (?P<space>\s+)
        | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    depth: int  # of brackets around it; a bracket itself is at the depth outside

    def is_word(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """One column's definition as the server wrote it, without the comma behind it.

    `is_uncertain` is true where a question mark stands in a type or a DEFAULT: servers print one for
    every character that their own dictionary (utf8mb3) cannot hold, and repeating it would change
    the column.
    """

    text: str
    is_uncertain: bool
    _before: str = field(repr=False)
    _after: str = field(repr=False)

    def with_comment(self, literal: str) -> str:
        """The definition with `literal`, quotes and all, as its comment."""
        return f"{self._before} COMMENT {literal}{self._after}"

    @property
    def without_comment(self) -> str:
        return self._before + self._after


@dataclass(frozen=True, slots=True)
class TableText:
    """`columns` by their unquoted names; `without_comments` is the whole statement except for what
    describes the table and its columns, so that two of them can be compared."""

    columns: Mapping[str, ColumnLine]
    without_comments: str


def read_table(sql: str) -> TableText:
    """Reads a `CREATE TABLE` text as it is printed under a `sql_mode` without ANSI_QUOTES and
    NO_BACKSLASH_ESCAPES.

    Raises:
        ValueError: where it is not such a text.
    """
    tokens = list(_tokenize(sql))
    opens = _find_sign(tokens, "(", 0)
    closes = _find_sign(tokens, ")", opens)
    columns: dict[str, ColumnLine] = {}
    definitions = []
    for definition in _split(tokens[opens + 1 : closes]):
        first = next((token for token in definition if token.kind != "space"), None)
        if first is not None and first.kind == "name":
            line = _read_column(definition)
            columns[first.text[1:-1].replace("``", "`")] = line
            definitions.append(line.without_comment)
        else:
            definitions.append(_join(definition).strip())
    head, tail = tokens[: opens + 1], tokens[closes:]
    rest = _cut(tail, *_find_comment(tail, depth=0))
    return TableText(columns, "".join((_join(head), ",\n".join(definitions), *rest)))


def _tokenize(sql: str) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(sql):
        kind, text = str(match.lastgroup), match[0]
        if kind == "sign" and text in "`'":
            raise ValueError("a quote that is not closed")
        if kind == "sign" and text == ")":
            depth -= 1
        yield _Token(kind, text, depth)
        if kind == "sign" and text == "(":
            depth += 1


def _join(tokens: Sequence[_Token]) -> str:
    return "".join(token.text for token in tokens)


def _find_sign(tokens: Sequence[_Token], sign: str, start: int) -> int:
    for at in range(start, len(tokens)):
        if tokens[at].depth == 0 and tokens[at].kind == "sign" and tokens[at].text == sign:
            return at
    raise ValueError(f"no {sign} where one belongs")


def _split(tokens: Sequence[_Token]) -> Iterator[Sequence[_Token]]:
    start = 0
    for at, token in enumerate(tokens):
        if token.depth == 1 and token.kind == "sign" and token.text == ",":
            yield tokens[start:at]
            start = at + 1
    yield tokens[start:]


def _find_comment(tokens: Sequence[_Token], depth: int) -> tuple[int, int]:
    """Where `COMMENT 'text'` or `COMMENT='text'` begins and ends, with the space before it; twice the
    end where there is none."""
    for at, token in enumerate(tokens):
        if token.depth != depth or not token.is_word("COMMENT"):
            continue
        for end in range(at + 1, len(tokens)):
            if tokens[end].kind == "text":
                has_space = at > 0 and tokens[at - 1].kind == "space"
                return at - has_space, end + 1
            if tokens[end].kind != "space" and tokens[end].text != "=":
                break
    return len(tokens), len(tokens)


def _cut(tokens: Sequence[_Token], start: int, end: int) -> tuple[str, str]:
    return _join(tokens[:start]), _join(tokens[end:])


def _read_column(tokens: Sequence[_Token]) -> ColumnLine:
    start, end = _find_comment(tokens, depth=1)
    # MariaDB takes nothing behind a column's CHECK, which it prints last.
    check = next(
        (at for at, token in enumerate(tokens) if token.depth == 1 and token.is_word("CHECK")),
        len(tokens),
    )
    described = [*tokens[:start], *tokens[end:check]] if start < end else tokens[:check]
    if start == end:
        has_space = check < len(tokens) and tokens[check - 1].kind == "space"
        start = end = check - has_space
    before, after = _cut(tokens, start, end)
    return ColumnLine(
        _join(tokens).strip(),
        is_uncertain=any(token.kind == "text" and "?" in token.text for token in described),
        _before=before.strip(),
        _after=after.rstrip(),
    )
