"""What the text of a sidecar says: descriptions by their place, in the shape of tbls' `comments:`. It
knows YAML, and neither files nor how one is edited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from amx_tui.base.yaml_text import Kind, Node, is_same

COMMENTS = "comments"
TABLE = "table"
TABLE_COMMENT = "tableComment"
COLUMN_COMMENTS = "columnComments"


class Place(NamedTuple):
    """What a description stands at: a table (`column` is empty) or a column of it."""

    table: str
    column: str = ""


Texts = Mapping[Place, str]


class Misshapen(Exception):
    """What is there is YAML and no sidecar. The text says where and why, and quotes nothing."""


# The tree keeps what is not ours as it is spelled (`NO`, `0x10`, quotes), and a table called NO is not
# read as False.


def check_shape(root: Node) -> None:
    """Lets be what is unknown.

    Raises:
        Misshapen: where an entry is not what tbls writes.
    """

    def expect(node: Node | None, kind: Kind, what: str) -> Node | None:
        if node is None or node.is_null:
            return None
        if node.resolved.kind is not kind:
            raise Misshapen(f"line {node.line}: {what}")
        return node.resolved

    if expect(root, Kind.MAPPING, "the file should start with comments:") is None:
        raise Misshapen("the file should start with comments:")
    comments = expect(value_of(root, COMMENTS), Kind.SEQUENCE, "comments: should be a list")
    for item in comments.items if comments is not None else ():
        entry = expect(item, Kind.MAPPING, "each of comments: should have a table: and its texts")
        if entry is None:
            continue
        for key in (TABLE, TABLE_COMMENT):
            expect(value_of(entry, key), Kind.SCALAR, f"{key}: should be a text")
        columns = value_of(entry, COLUMN_COMMENTS)
        columns = expect(columns, Kind.MAPPING, "columnComments: should have a text a column")
        for name, value in columns.pairs if columns is not None else ():
            if name.resolved.kind is not Kind.SCALAR:
                raise Misshapen(f"line {name.line}: the name of a column should be a text")
            expect(value, Kind.SCALAR, "the comment of a column should be a text")


def value_of(mapping: Node, key: str) -> Node | None:
    """The value that counts of equal keys, which is the last; an alias is not followed."""
    pair = mapping.pair(key)
    return pair[1] if pair is not None else None


def entries_of(root: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """Each entry with the name of its table: what stands in the list, and what that stands for."""
    comments = value_of(root, COMMENTS) if root is not None else None
    for item in comments.resolved.items if comments is not None else ():
        entry = item.resolved
        name = value_of(entry, TABLE)
        if name is not None and name.resolved.kind is Kind.SCALAR:
            yield name.resolved.text, item, entry


def collect(root: Node | None) -> dict[Place, str]:
    """Every description; of two for the same place the later one."""
    texts: dict[Place, str] = {}
    for table, _, entry in entries_of(root):
        comment = value_of(entry, TABLE_COMMENT)
        if comment is not None and not comment.is_null:
            texts[Place(table)] = comment.resolved.text
        columns = value_of(entry, COLUMN_COMMENTS)
        for name, value in columns.resolved.pairs if columns is not None else ():
            if name.resolved.text and not value.is_null:
                texts[Place(table, name.resolved.text)] = value.resolved.text
    return texts


def is_empty(root: Node | None) -> bool:
    """Whether there is nothing but a list of tables, with none in it."""
    return root is None or all(
        key.resolved.text == COMMENTS and not (value.resolved.items or value.resolved.text)
        for key, value in root.pairs
    )


def rest_is_same(old: Node | None, new: Node | None) -> bool:
    """Whether two sidecars say the same of what is no description of a place."""
    one, other = list(_rest(old)), list(_rest(new))
    return len(one) == len(other) and all(map(is_same, one, other))


def _rest(root: Node | None) -> Iterator[Node]:
    comments = value_of(root, COMMENTS) if root is not None else None
    for key, value in root.pairs if root is not None else ():
        if value is not comments:
            yield from (key, value)
    for _, _, entry in entries_of(root):
        name, columns = value_of(entry, TABLE), value_of(entry, COLUMN_COMMENTS)
        for key, value in entry.pairs:
            is_ours = key.resolved.text in (TABLE, TABLE_COMMENT) or value is columns
            if not is_ours and name is not None:
                yield from (name, key, value)
