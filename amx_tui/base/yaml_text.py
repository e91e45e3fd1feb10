"""YAML as a tree that still knows where each piece stands in the text; it knows YAML and nothing of
what the file means.

The tree is made of the parser's events. An alias stays a pointer and is never copied, so a file that
refers to itself a billion times costs no more than its length.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from amx_tui.base.problem import Problem

if TYPE_CHECKING:
    import yaml

_DEEPEST = 64

_NAMESPACE = "tag:yaml.org,2002:"
_MERGE = _NAMESPACE + "merge"
STRING = _NAMESPACE + "str"

# What the two parsers of PyYAML say, and what a person understands. Their own sentences may quote
# the file, and the file may hold a key: they are never repeated.
_WORDS = (
    ("cannot start any token", "A tab, or one of the signs @ ` %, stands where a value begins"),
    ("could not find expected ':'", "A colon is missing after a name"),
    ("mapping values are not allowed", "There is a colon too many, or the indentation is wrong"),
    ("expected <block end>", "This line is not indented like its neighbours"),
    ("did not find expected key", "This line is not indented like its neighbours"),
    ("found a tab", "A tab is used for indentation; YAML wants spaces"),
    ("unexpected end of stream", "A quotation mark is opened and not closed"),
    ("did not find expected ','", "A bracket or a brace is opened and not closed"),
    ("expected ','", "A bracket or a brace is opened and not closed"),
    ("escape", "A backslash inside double quotes means something else than you think"),
    ("unexpected ':'", "A colon inside brackets or braces needs a space or quotation marks"),
)


class YamlProblem(Problem):
    """A text is not YAML, where whoever reads it names no problem of its own."""


class Kind(StrEnum):
    SCALAR = "scalar"
    MAPPING = "mapping"
    SEQUENCE = "sequence"
    ALIAS = "alias"


@dataclass(eq=False, slots=True)
class Node:
    """A piece of YAML. `start` and `end` count characters of the text it was read from, `line` and
    `column` count from 1. The end of a block collection is not where its content ends: see
    `content_end`. No repr shows what the file says."""

    kind: Kind
    start: int
    end: int
    line: int
    column: int
    tag: str = ""
    text: str = field(default="", repr=False)
    style: str | None = None  # of a scalar: None plain, ' " | >
    is_flow: bool = False
    anchor: str | None = None
    pairs: Sequence[tuple[Node, Node]] = field(default=(), repr=False)
    items: Sequence[Node] = field(default=(), repr=False)
    target: Node | None = field(default=None, repr=False)
    problem: type[Problem] = field(default=YamlProblem, repr=False)  # what is raised over it

    @property
    def resolved(self) -> Node:
        """What an alias stands for; every other node is itself."""
        return self.target or self

    @property
    def is_null(self) -> bool:
        return self.resolved.tag == _NAMESPACE + "null"

    @property
    def is_mapping(self) -> bool:
        return self.resolved.kind is Kind.MAPPING

    @property
    def truth(self) -> bool | None:
        """The value of a yes/no scalar, None for anything else."""
        node = self.resolved
        if node.tag == _NAMESPACE + "bool" or node.text.lower() in ("true", "false"):
            return node.text.lower() in ("true", "yes", "on")
        return None

    @property
    def number(self) -> int | float | None:
        """The value of a number, also of one in quotation marks; None for anything else, and for
        what is infinite or too large to be exact."""
        import yaml

        node = self.resolved
        if node.kind is not Kind.SCALAR or node.tag == _NAMESPACE + "bool":
            return None
        scalar = yaml.ScalarNode(tag=node.tag, value=node.text)
        try:
            if node.tag == _NAMESPACE + "int":
                whole = int(yaml.constructor.SafeConstructor().construct_yaml_int(scalar))
                return whole if abs(whole) < 2**53 else None
            if node.tag == _NAMESPACE + "float":
                value = float(yaml.constructor.SafeConstructor().construct_yaml_float(scalar))
            else:
                value = float(node.text)
        except (ValueError, OverflowError):
            return None
        return value if math.isfinite(value) else None

    def pair(self, key: str) -> tuple[Node, Node] | None:
        """The key and the value that stand in this very mapping, the last of equal ones; merged-in
        keys are not looked at, and an alias is not followed."""
        found = None
        for pair in self.pairs:
            name = pair[0].target or pair[0]
            if name.text == key and name.kind is Kind.SCALAR and pair[0].tag != _MERGE:
                found = pair
        return found

    def mapping(self) -> dict[str, Node]:
        """The values by the text of their keys, `<<` followed, the last of equal keys; empty for
        whatever is no mapping. Keys that are no scalars are left out.

        Raises:
            Problem: of the kind that `parse` was given, where `<<` leads back to itself, or too deep.
        """
        return _flatten(self.resolved, (), {})


def _flatten(
    node: Node, above: tuple[int, ...], known: dict[int, dict[str, Node]]
) -> dict[str, Node]:
    if id(node) in known:
        return known[id(node)]
    if id(node) in above or len(above) > _DEEPEST:
        raise node.problem(
            f"The << of line {node.line} refers to itself, or through too many others",
            remedy="Write the keys out instead of merging them",
        )
    merged: dict[str, Node] = {}
    own: dict[str, Node] = {}
    for key, value in node.pairs:
        if key.tag == _MERGE:
            source = value.resolved
            sources = source.items if source.kind is Kind.SEQUENCE else [source]
            # The first of several wins, an explicit key wins over all: yaml.org/type/merge.html.
            for part in reversed(sources):
                merged |= _flatten(part.resolved, (*above, id(node)), known)
        elif key.resolved.kind is Kind.SCALAR:
            own[key.resolved.text] = value
    known[id(node)] = merged | own
    return known[id(node)]


def parse(
    text: str, name: str, problem: type[Problem] = YamlProblem, *, pure: bool = False
) -> Node | None:
    """The tree of the one document in `text`; None where it holds nothing but comments.

    `name` is how a problem calls the file, and `problem` its kind. `pure` asks for PyYAML's own
    parser, where the much faster libyaml would be used.

    Raises:
        Problem: of that kind, where `text` is not YAML; says the line and the column, and quotes
            nothing.
    """
    import yaml

    found: Problem | None = None
    # libyaml does not count a byte order mark, so its positions would be off by one.
    offset = 1 if text.startswith("\ufeff") else 0
    if stray := yaml.reader.Reader.NON_PRINTABLE.search(text, offset):
        line = text.count("\n", 0, stray.start()) + 1
        column = stray.start() - text.rfind("\n", 0, stray.start())
        raise _invalid(
            problem, name, line, column, "There is a control character, which YAML does not allow"
        )
    loader = yaml.SafeLoader if pure else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(name, offset, problem).build(yaml.parse(text[offset:], Loader=loader))
    except yaml.MarkedYAMLError as error:
        said = f"{error.context or ''} {error.problem or ''}"
        words = next((ours for theirs, ours in _WORDS if theirs in said), "")
        # What is opened and not closed is noticed far below the place where it has to be closed.
        is_open = words.endswith("not closed")
        mark = (error.context_mark if is_open else None) or error.problem_mark
        found = _invalid(
            problem, name, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, words
        )
    except yaml.YAMLError:
        found = _invalid(problem, name, 1, 1, "")
    # Raised here, because the error would carry lines of the file along.
    raise found


def _invalid(problem: type[Problem], name: str, line: int, column: int, why: str) -> Problem:
    return problem(
        f"{name} is not valid YAML at line {line}, column {column}",
        why or "What stands there, or just before it, does not fit",
        "Correct that line in an editor; until then nothing is written to the file",
    )


class _Builder:
    """Makes the tree of the events. Without recursion: depth is limited, and said."""

    def __init__(self, name: str, offset: int, problem: type[Problem]) -> None:
        self._name = name
        self._problem = problem
        self._offset = offset
        self._anchors: dict[str, Node] = {}

    def build(self, events: Iterable[yaml.Event]) -> Node | None:
        import yaml

        root: Node | None = None
        documents = 0
        open_: list[tuple[Node, list[Node]]] = []
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "A second document begins here; only one is read")
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                node, children = open_.pop()
                if event.end_mark is not None:
                    node.end = event.end_mark.index + self._offset
                if node.kind is Kind.SEQUENCE:
                    node.items = children
                else:
                    node.pairs = list(zip(children[::2], children[1::2], strict=True))
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            node = self._node(event)
            if open_:
                open_[-1][1].append(node)
            else:
                root = node
            if isinstance(event, yaml.CollectionStartEvent):
                open_.append((node, []))
                if len(open_) > _DEEPEST:
                    self._refuse(
                        event, "Something is nested here deeper than anything that is read"
                    )
        if root is not None and root.is_null and root.start == root.end:
            return None
        return root

    def _node(self, event: yaml.NodeEvent) -> Node:
        import yaml

        start, end = event.start_mark, event.end_mark
        # Both parsers mark every event; their types only do not say so.
        assert start is not None
        assert end is not None
        node = Node(
            Kind.ALIAS,
            start=start.index + self._offset,
            end=end.index + self._offset,
            line=start.line + 1,
            column=start.column + 1,
            problem=self._problem,
        )
        if isinstance(event, yaml.AliasEvent):
            node.target = self._anchors.get(event.anchor or "")
            if node.target is None:
                self._refuse(event, "It refers with * to an anchor that is not defined above")
            return node
        node.anchor = event.anchor
        if isinstance(event, yaml.ScalarEvent):
            node.kind, node.text = Kind.SCALAR, event.value
            node.style = event.style or None
            node.tag = event.tag or (plain_tag(event.value) if event.implicit[0] else STRING)
        elif isinstance(event, yaml.CollectionStartEvent):
            is_sequence = isinstance(event, yaml.SequenceStartEvent)
            node.kind = Kind.SEQUENCE if is_sequence else Kind.MAPPING
            node.is_flow = bool(event.flow_style)
            node.tag = event.tag or ""
        if node.anchor:
            self._anchors[node.anchor] = node
        return node

    def _refuse(self, event: yaml.Event, why: str) -> NoReturn:
        mark = event.start_mark
        raise _invalid(
            self._problem,
            self._name,
            mark.line + 1 if mark else 1,
            mark.column + 1 if mark else 1,
            why,
        )


def plain_tag(value: str) -> str:
    """The tag that YAML 1.1 gives to `value` where it stands without quotation marks and tag."""
    # What Resolver.resolve does, without what it does for paths: a large file asks for each scalar.
    for tag, pattern in _resolvers().get(value[:1], ()):
        if pattern.match(value):
            return tag
    return STRING


@cache
def _resolvers() -> Mapping[str, Sequence[tuple[str, re.Pattern[str]]]]:
    import yaml

    known: Mapping[str, Sequence[tuple[str, re.Pattern[str]]]]
    known = yaml.resolver.Resolver.yaml_implicit_resolvers
    return known


def is_same(one: Node | None, other: Node | None) -> bool:
    """Whether two trees mean the same: kinds, tags, values and the order of keys; not their style.
    Aliases are compared by what they stand for, each pair of nodes once."""
    seen: set[tuple[int, int]] = set()
    waiting: list[tuple[Node | None, Node | None]] = [(one, other)]
    while waiting:
        left, right = waiting.pop()
        if left is None or right is None:
            if left is not right:
                return False
            continue
        left, right = left.resolved, right.resolved
        if (id(left), id(right)) in seen:
            continue
        seen.add((id(left), id(right)))
        if left.is_null and right.is_null:
            continue
        if (left.kind, left.tag, left.text) != (right.kind, right.tag, right.text):
            return False
        if len(left.items) != len(right.items) or len(left.pairs) != len(right.pairs):
            return False
        waiting.extend(zip(left.items, right.items, strict=True))
        waiting.extend(zip(_flat(left), _flat(right), strict=True))
    return True


def _flat(node: Node) -> Iterator[Node]:
    for key, value in node.pairs:
        yield key
        yield value


def others_are_same(
    old: Mapping[str, Node], new: Mapping[str, Node], edited: Collection[str]
) -> bool:
    """Whether two mappings differ in nothing but the keys `edited`."""
    kept = [key for key in old if key not in edited]
    if kept != [key for key in new if key not in edited]:
        return False
    return all(is_same(old[key], new[key]) for key in kept)


def content_end(node: Node, text: str) -> int:
    """Where the content of `node` ends in `text`: trailing blank lines and comments do not belong to
    it, as they do for the parser."""
    while node.kind in (Kind.MAPPING, Kind.SEQUENCE) and not node.is_flow:
        last = node.pairs[-1][1] if node.pairs else node.items[-1] if node.items else None
        if last is None:
            break
        node = last
    end = node.end
    if node.style in ("|", ">"):
        # A block scalar ends with the line end of its last line.
        end -= len(re.search(r"(?:\r\n|[\r\n])?\Z", text[:end])[0])  # type: ignore[index]
    return end
