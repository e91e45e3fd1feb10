"""Reads the comments that people left inside a `CREATE TABLE` text. It knows SQL's quotes, brackets
and comments, and no database; it never raises, whatever the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class DdlComments:
    table: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


# An unclosed quote or comment reaches to the end of the text.
_TOKENS = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*(?s:.*?)(?:\*/|\Z) )
  | (?P<quoted>  "[^"]*(?:""[^"]*)*"? | `[^`]*(?:``[^`]*)*`? | '[^']*(?:''[^']*)*'?
               | \[[^\]]*\]? )
  | (?P<word>    [\w$]+ )
  | (?P<space>   \s+ )
  | (?P<sign>    [(),] )
  | (?P<other>   . )
    """,
    re.VERBOSE | re.DOTALL,
)
# SQLite reserves these, so that an unquoted one opens a constraint of the table, never a column.
_CONSTRAINTS = frozenset(("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"))
_DECORATION = re.compile(r"^[\s\-*=#/!+~_.]*$")
# A column that somebody switched off is not what describes the next one.
_SWITCHED_OFF = re.compile(
    r"^\W?\w+\W?\s+(?:INT|INTEGER|BIGINT|SMALLINT|TEXT|CHAR|VARCHAR2?|NUMERIC|NUMBER|DECIMAL|REAL|"
    r"FLOAT|DOUBLE|DATE|DATETIME|TIMESTAMP|BLOB|BOOLEAN|BOOL|CLOB)\b[^;]*,$",
    re.IGNORECASE,
)


class _Token(NamedTuple):
    """`line` and `last_line` count from 0; `indent` is the place in its line at which it starts."""

    kind: str
    text: str
    line: int
    last_line: int
    indent: int


@dataclass(slots=True)
class _Definition:
    """A column or, with an empty name, a constraint of the table. `above` are the comments between
    the previous definition and this one, `beside` those on its own lines."""

    name: str
    line: int
    above: list[_Token]
    beside: list[_Token] = field(default_factory=list)


def _tokenize(sql: str) -> list[_Token]:
    tokens = []
    line, line_start = 0, 0
    for match in _TOKENS.finditer(sql):
        text = match[0]
        breaks = text.count("\n")
        if match.lastgroup != "space":
            indent = match.start() - line_start
            tokens.append(_Token(match.lastgroup or "", text, line, line + breaks, indent))
        if breaks:
            line += breaks
            line_start = match.start() + text.rindex("\n") + 1
    return tokens


def _read_comment(raw: str) -> str:
    """The words of a comment, on one line; empty where it only decorates."""
    if raw.startswith("--"):
        lines = [raw[2:].lstrip("-!")]
    else:
        lines = [line.strip().lstrip("*!") for line in raw[2:].removesuffix("*/").split("\n")]
    text = " ".join(line.strip() for line in lines if not _DECORATION.match(line))
    return "" if _SWITCHED_OFF.match(text) else text


def _join(comments: list[_Token]) -> str:
    return " ".join(filter(None, (_read_comment(comment.text) for comment in comments)))


def _unquote(token: _Token) -> str:
    if token.kind == "word":
        return token.text
    mark = token.text[0]
    close = "]" if mark == "[" else mark
    closed = len(token.text) > 1 and token.text.endswith(close)
    inner = token.text[1:-1] if closed else token.text[1:]
    return inner if mark == "[" else inner.replace(mark * 2, mark)


def _split_blocks(comments: list[_Token]) -> list[list[_Token]]:
    """Comments on lines that follow each other are one block."""
    blocks: list[list[_Token]] = []
    for comment in comments:
        if not blocks or comment.line > blocks[-1][-1].last_line + 1:
            blocks.append([])
        blocks[-1].append(comment)
    return blocks


class _Reader:
    """Walks through the tokens once and sorts each comment to what it stands beside or above."""

    def __init__(self, sql: str) -> None:
        self._tokens = _tokenize(sql)
        self.of_table: list[_Token] = []
        self.definitions: list[_Definition] = []
        self._depth = 0
        self._opens = False  # the next token opens a definition
        self._beside = self.of_table  # where a comment goes that stands beside the last token
        self._above: list[_Token] = []
        self._last_line = -1  # of the last token that is no comment
        for index, token in enumerate(self._tokens):
            if token.kind == "comment":
                self._place(
                    token, self._tokens[index + 1] if index + 1 < len(self._tokens) else None
                )
            else:
                self._step(token)
                self._last_line = token.last_line

    def _place(self, comment: _Token, following: _Token | None) -> None:
        sign = following.text if following else ""
        if self._opens and following and following.line == comment.last_line:
            self._above.append(comment)  # `a int, /* of b */ b int`
        elif comment.line == self._last_line or self._continues(comment) or self._depth == 0:
            self._beside.append(comment)
        elif self._opens:
            self._above.append(comment)
        elif self._depth > 1 or sign not in (",", ")"):
            self._beside.append(comment)
        elif sign == ",":
            self._above.append(comment)  # of a line that leads with its comma: `, b int`

    def _continues(self, comment: _Token) -> bool:
        """Whether `comment` stands right below another one that is beside the last definition."""
        if self._above or not self._beside:
            return False
        above = self._beside[-1]
        return (
            above.line >= self._last_line
            and above.last_line + 1 == comment.line
            and above.indent == comment.indent
        )

    def _step(self, token: _Token) -> None:
        sign = token.text if token.kind == "sign" else ""
        if self._depth == 1 and self._opens and sign != ")":
            self._open_definition(token)
        if sign == "(":
            self._depth += 1
            if self._depth == 1 and not self.definitions:
                self._opens = True
        elif sign == ")":
            self._depth -= 1
            if self._depth == 0:
                self._beside, self._opens, self._above = self.of_table, False, []
        elif sign == "," and self._depth == 1:
            self._opens = True

    def _open_definition(self, token: _Token) -> None:
        is_name = token.kind == "quoted" or (
            token.kind == "word" and token.text.upper() not in _CONSTRAINTS
        )
        name = _unquote(token) if is_name else ""
        definition = _Definition(name, token.line, self._above)
        self.definitions.append(definition)
        self._beside, self._above, self._opens = definition.beside, [], False


@lru_cache(maxsize=10_000)
def read_ddl_comments(sql: str) -> DdlComments:
    """What the comments in `sql`, a `CREATE TABLE` text, say of the table and of its columns.

    A comment on the line of a column describes it, also behind the comma; without one, the comment
    lines directly above it do. The table is described by a comment beside its name or its opening
    bracket; or by one above the first column where that column has another one beside it or, after
    an empty line, above it. Names are given unquoted.
    """
    if "--" not in sql and "/*" not in sql:
        return DdlComments()
    reader = _Reader(sql)
    table = _join(reader.of_table)
    columns: dict[str, str] = {}
    for number, definition in enumerate(reader.definitions):
        blocks = _split_blocks(definition.above)
        text = _join(definition.beside)
        if not text and blocks and blocks[-1][-1].last_line + 1 >= definition.line:
            text = _join(blocks.pop())
        if number == 0 and blocks and not table:
            table = _join(blocks[0])
        if definition.name and text:
            columns.setdefault(definition.name, text)
    return DdlComments(table or None, columns)
