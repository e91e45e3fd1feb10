"""Puts descriptions into the text of a sidecar, and takes them out, in place: every line that is about
something else stays as it is, with its remarks, its quotes and its layout. It knows no files; whoever
edits reads the outcome again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import (
    NotEditable,
    Splice,
    after_block,
    appended,
    apply,
    line_break,
    line_end,
    nodes_of,
    replaced_text,
    whole_lines,
)
from amx_tui.base.yaml_text import STRING, Kind, Node, content_end
from amx_tui.catalog.sidecar_text import (
    COLUMN_COMMENTS,
    COMMENTS,
    TABLE,
    TABLE_COMMENT,
    Place,
    entries_of,
    value_of,
)

if TYPE_CHECKING:
    import yaml

_MAPPING = "tag:yaml.org,2002:map"
_SEQUENCE = "tag:yaml.org,2002:seq"
# Wide enough for every text on one line: libyaml counts in a C int.
_ENDLESS = 2**31 - 1
# What YAML 1.1 takes for a line end.
_BREAKS = frozenset("\n\r\x85\u2028\u2029")


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` None takes the entry out; an empty one says that there is no description, also where
    the database's own text has one."""

    place: Place
    text: str | None


# What each table is to have: texts by column, where the empty column is the table itself.
Wanted = Mapping[str, Mapping[str, str | None]]


def by_table(edits: Iterable[Edit]) -> Wanted:
    """Of two edits of one place the later one counts."""
    wanted: dict[str, dict[str, str | None]] = {}
    for edit in edits:
        wanted.setdefault(edit.place.table, {})[edit.place.column] = edit.text
    return wanted


def write_fragment(edit: Edit) -> str:
    """The lines of YAML that `edit` puts into the file, or in words what it takes out."""
    table, column = edit.place
    if edit.text is None:
        what = f"columnComments: {_inline(column)}" if column else "tableComment"
        return f"# taken out: {what} of table: {_inline(table)}\n"
    return serialise(_sequence([_entry(table, {column: edit.text})]))


def put_in(text: str, root: Node | None, wanted: Wanted) -> str:
    """`text` with what is wanted where it is not None, in the last of several entries for a table.

    Raises:
        NotEditable: where one of these places is shared with others; says which.
    """
    puts = {
        table: {column: words for column, words in texts.items() if words is not None}
        for table, texts in wanted.items()
    }
    last = {table: (item, entry) for table, item, entry in entries_of(root)}
    putting = _Putting(text)
    fresh = []
    for table, texts in puts.items():
        if texts and table in last:
            putting.into_entry(root, *last[table], table, texts)
        elif texts:
            fresh.append(_entry(table, texts))
    if not fresh:
        return apply(text, putting.splices)
    if root is None:
        return appended(text, putting.lines(0, [f"{COMMENTS}:", *_listed(fresh, 2)]))
    putting.at_the_end(root, fresh)
    return apply(text, putting.splices)


def take_out(text: str, root: Node | None, wanted: Wanted) -> str:
    """`text` without what is wanted to be None, and without what `put_in` has made out of date: the
    earlier ones of several texts for a place. What is empty then goes as well, unless there is a
    remark in it.

    Raises:
        NotEditable: where one of these places is shared with others; says which.
    """
    entries: dict[str, list[tuple[Node, Node]]] = {}
    for table, item, entry in entries_of(root):
        if table in wanted:
            entries.setdefault(table, []).append((item, entry))
    taking = _Taking(text)
    emptied = []
    for table, found in entries.items():
        for item, entry in found:
            kept = {column for column, words in wanted[table].items() if words is not None}
            kept = kept if entry is found[-1][1] else set()
            if taking.out_of_entry(root, item, entry, table, set(wanted[table]), kept):
                emptied.append(item)
    if emptied:
        assert root is not None
        comments = value_of(root, COMMENTS)
        assert comments is not None
        taking.items(comments, emptied)
    return apply(text, taking.finished())


# Where something is put in. ------------------------------------------------------------------------


class _Putting:
    def __init__(self, text: str) -> None:
        self.text = text
        self.splices: list[Splice] = []
        self._break = line_break(text)

    def into_entry(
        self, root: Node | None, item: Node, entry: Node, table: str, texts: Mapping[str, str]
    ) -> None:
        columns = {column: words for column, words in texts.items() if column}
        own = entry.pair(COLUMN_COMMENTS)
        _check_own(root, item, own[1] if own is not None and columns else None, table)
        if "" in texts:
            self._table_comment(entry, texts[""])
        if not columns:
            return
        fresh = columns
        if own is not None and own[1].pairs:
            present = {name.resolved.text: (name, value) for name, value in own[1].pairs}
            for column in columns.keys() & present.keys():
                self._replace(*present[column], columns[column], is_flow=own[1].is_flow)
            fresh = {name: words for name, words in columns.items() if name not in present}
        if fresh:
            self._new_columns(entry, own, _texts(fresh))

    def _table_comment(self, entry: Node, words: str) -> None:
        own, name = entry.pair(TABLE_COMMENT), entry.pair(TABLE)
        if own is not None:
            self._replace(*own, words, is_flow=entry.is_flow)
            return
        assert name is not None
        pair = _mapping([(_scalar(TABLE_COMMENT), _scalar(words))])
        if entry.is_flow:
            self._put(_end_in_flow(*name), f", {_in_flow(pair)}")
        else:
            place = line_end(self.text, _end(self.text, name[1]))
            self._put(place, self.lines(_left_edge(entry), _block(pair)))

    def _new_columns(
        self, entry: Node, own: tuple[Node, Node] | None, columns: yaml.MappingNode
    ) -> None:
        key, value = own if own is not None else (None, None)
        headed = _mapping([(_scalar(COLUMN_COMMENTS), columns)])
        if value is not None and value.pairs and not value.is_flow:
            indent = _left_edge(value)
            place = after_block(self.text, value.pairs[-1][1], indent)
            self._put(place, self.lines(indent, _block(columns)))
        elif value is not None and value.kind is Kind.MAPPING and (value.pairs or entry.is_flow):
            self._extend_flow(value, _in_flow(columns))
        elif key is not None and value is not None and entry.is_flow:
            self._put_value(key, value, "{" + _in_flow(columns) + "}")
        elif key is not None and value is not None:
            self._begin_block(key, value, self.lines(key.column + 1, _block(columns)))
        elif entry.is_flow:
            self._extend_flow(entry, _in_flow(headed))
        else:
            indent = _left_edge(entry)
            place = after_block(self.text, entry.pairs[-1][1], indent)
            self._put(place, self.lines(indent, _block(headed)))

    def at_the_end(self, root: Node, fresh: Sequence[yaml.MappingNode]) -> None:
        """New entries, behind those that are there."""
        own = root.pair(COMMENTS)
        if own is None:
            if root.is_flow:
                self._extend_flow(root, f"{COMMENTS}: [{_listed_in_flow(fresh)}]")
            else:
                indent = _left_edge(root)
                place = after_block(self.text, root.pairs[-1][1], indent)
                self._put(place, self.lines(indent, [f"{COMMENTS}:", *_listed(fresh, 2)]))
            return
        key, comments = own
        if comments.kind is Kind.ALIAS or comments.anchor:
            raise NotEditable("its list of comments: is shared with other places (& or *)")
        if comments.items and not comments.is_flow:
            dash = _left_edge(comments)
            step = max(comments.items[-1].column - comments.column, 2)
            place = after_block(self.text, comments.items[-1], dash)
            self._put(place, self.lines(dash, _listed(fresh, step)))
        elif comments.items or (root.is_flow and comments.kind is Kind.SEQUENCE):
            self._extend_flow(comments, _listed_in_flow(fresh))
        elif root.is_flow:
            self._put_value(key, comments, f"[{_listed_in_flow(fresh)}]")
        else:
            self._begin_block(key, comments, self.lines(key.column - 1, _listed(fresh, 2)))

    def lines(self, indent: int, lines: Iterable[str]) -> str:
        """To be put in at the end of a line."""
        start = self._break + " " * indent
        return "".join(start + line for line in lines)

    def _replace(self, key: Node, value: Node, words: str, *, is_flow: bool) -> None:
        if value.resolved.text == words and not value.is_null:
            return  # also how it is quoted is the person's
        if value.anchor:
            raise NotEditable(f"line {value.line} is shared with other places of the file (&)")
        self._put_value(key, value, _inline_in_flow(words) if is_flow else _inline(words))

    def _put_value(self, key: Node, value: Node, rendered: str) -> None:
        if value.start == value.end:  # nothing, with a colon before it or, in braces, without
            colon = self.text.find(":", key.end, value.start)
            self._put(*((key.end, f": {rendered}") if colon < 0 else (colon + 1, f" {rendered}")))
        else:
            self.splices += replaced_text(self.text, value, rendered)

    def _begin_block(self, key: Node, value: Node, block: str) -> None:
        """Lines below a key that has nothing yet: no value, or `{}`, or `[]`."""
        colon = self.text.find(":", key.end)
        if value.anchor or colon < 0 or self.text[colon + 1 : value.start].strip():
            raise NotEditable(f"line {key.line} is laid out in an unusual way")
        self.splices.append(Splice(colon + 1, value.end, ""))
        self._put(line_end(self.text, value.end), block)

    def _extend_flow(self, node: Node, rendered: str) -> None:
        if node.pairs:
            self._put(_end_in_flow(*node.pairs[-1]), f", {rendered}")
        elif node.items:
            self._put(node.items[-1].end, f", {rendered}")
        else:
            self._put(node.end - 1, rendered)

    def _put(self, place: int, text: str) -> None:
        self.splices.append(Splice(place, place, text))


# Where something is taken out. ---------------------------------------------------------------------


class _Taking:
    def __init__(self, text: str) -> None:
        self.text = text
        self._splices: list[Splice] = []
        self._lines: list[tuple[int, int]] = []  # from the beginning of one to the end of another

    def finished(self) -> list[Splice]:
        """Lines that follow each other go as one, so that a file ends as it ended."""
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(self._lines):
            if joined and self._is_one_break(joined[-1][1], begin):
                begin = joined.pop()[0]
            joined.append((begin, end))
        return self._splices + [whole_lines(self.text, begin, end) for begin, end in joined]

    def out_of_entry(
        self,
        root: Node | None,
        item: Node,
        entry: Node,
        table: str,
        columns: set[str],
        kept: set[str],
    ) -> bool:
        """Takes out all texts for `columns`, but for the last one of those that are `kept`. True where
        the whole entry is to go instead, because nothing would be left in it."""
        names = ["" if key.resolved.text == TABLE_COMMENT else None for key, _ in entry.pairs]
        gone = _doomed(names, columns, kept)
        own = entry.pair(COLUMN_COMMENTS)
        pairs = own[1].resolved.pairs if own is not None else []
        doomed = _doomed([name.resolved.text for name, _ in pairs], columns, kept)
        if gone or doomed:
            _check_own(root, item, own[1] if own is not None and doomed else None, table)
        if own is not None and doomed and len(doomed) == len(pairs):
            leaves = [] if own[1].is_flow else pairs
            end = own[1].end
            if not entry.is_flow:
                end = after_block(self.text, own[1], own[0].column - 1)
            if not self._has_remark(own[0].start, end, own, leaves):
                gone |= {number for number, pair in enumerate(entry.pairs) if pair[1] is own[1]}
                doomed = set()
        left = [
            key.resolved.text for number, (key, _) in enumerate(entry.pairs) if number not in gone
        ]
        if left == [TABLE] and not self._keeps(root, item, entry, gone):
            return True
        self._pairs(entry, gone)
        if own is not None:
            self._pairs(own[1], doomed)
        return False

    def _keeps(self, root: Node | None, item: Node, entry: Node, gone: set[int]) -> bool:
        """Whether a remark stands in an entry, besides those on the lines that go."""
        if item.kind is Kind.ALIAS:
            return False
        if entry.is_flow:
            comments = value_of(root, COMMENTS) if root is not None else None
            is_alone = comments is not None and not comments.is_flow
            end = line_end(self.text, item.end) if is_alone else item.end
            return self._has_remark(item.start, end, (item,), ())
        dash = self._dash(item)
        if dash is None:
            return True
        begin = _line_start(self.text, dash)
        leaves = [pair for number, pair in enumerate(entry.pairs) if number in gone]
        columns = value_of(entry, COLUMN_COMMENTS)
        for key, value in list(leaves):
            if value is columns:
                leaves.remove((key, value))
                leaves += value.pairs if not value.is_flow else []
        return self._has_remark(
            dash, after_block(self.text, entry.pairs[-1][1], dash - begin), (item,), leaves
        )

    def _has_remark(
        self,
        begin: int,
        end: int,
        nodes: Iterable[Node],
        leaves: Iterable[tuple[Node, Node]],
    ) -> bool:
        """Whether there is a `#` between `begin` and `end` that is not in a text, nor on the lines of
        one of `leaves`."""
        spans = [
            (node.start, node.end if node.style not in ("|", ">") else _end(self.text, node))
            for top in nodes
            for node in nodes_of(top)
            if node.kind in (Kind.SCALAR, Kind.ALIAS)
        ]
        spans += [(key.start, line_end(self.text, _end(self.text, value))) for key, value in leaves]
        place = begin
        for start, stop in sorted(spans):
            if place < start and "#" in self.text[place : min(start, end)]:
                return True
            place = max(place, stop)
        return "#" in self.text[place:end]

    def _pairs(self, mapping: Node, gone: set[int]) -> None:
        if mapping.is_flow:
            spans = [(key.start, _end_in_flow(key, value)) for key, value in mapping.pairs]
            self._in_flow(mapping, spans, gone)
            return
        for number in sorted(gone):
            key, value = mapping.pairs[number]
            self._check_unshared(key, value)
            begin = _line_start(self.text, key.start)
            before = self.text[begin : key.start].rstrip(" ")
            end = line_end(self.text, _end(self.text, value))
            is_odd = value.start == value.end and ":" not in self.text[key.end : value.start]
            if before.strip(" ") in ("", "?") and not is_odd:
                self._lines.append((begin, end))
            elif before.strip(" ") == "-" and not is_odd:
                kept = mapping.pairs[number + 1 :][:1] if number + 1 not in gone else []
                if kept and self._is_one_break(end, kept[0][0].start):
                    self._splices.append(Splice(key.start, kept[0][0].start, ""))
                else:
                    self._splices.append(Splice(begin + len(before), end, ""))
            else:
                raise NotEditable(f"line {key.line} is laid out in an unusual way")

    def _is_one_break(self, begin: int, end: int) -> bool:
        return self.text[begin:end].rstrip(" ") in ("\n", "\r\n", "\r")

    def items(self, comments: Node, gone: Sequence[Node]) -> None:
        """Takes whole entries out of the list."""
        if comments.is_flow:
            spans = [(item.start, item.end) for item in comments.items]
            places = {id(item): number for number, item in enumerate(comments.items)}
            self._in_flow(comments, spans, {places[id(item)] for item in gone})
            return
        for item in gone:
            self._check_unshared(item)
            dash = self._dash(item)
            begin = _line_start(self.text, dash) if dash is not None else 0
            if dash is None or self.text[begin:dash].strip(" "):
                raise NotEditable(f"line {item.line} is laid out in an unusual way")
            self._lines.append((begin, line_end(self.text, _end(self.text, item))))

    def _in_flow(self, node: Node, spans: Sequence[tuple[int, int]], gone: set[int]) -> None:
        """Takes out of braces, or brackets, what stands at `gone`, with the commas that are too many."""
        if not gone:
            return
        kept = [number for number in range(len(spans)) if number not in gone]
        if not kept:
            self._cut(node, spans[0][0], node.end - 1)
            return
        for number in sorted(gone):
            if number < kept[-1]:
                self._cut(node, spans[number][0], spans[number + 1][0])
        if kept[-1] + 1 < len(spans):
            self._cut(node, spans[kept[-1]][1], spans[-1][1])

    def _cut(self, node: Node, begin: int, end: int) -> None:
        inside = [one for one in nodes_of(node) if begin <= one.start and one.end <= end]
        self._check_unshared(*inside)
        if self._has_remark(begin, end, inside, ()):
            raise NotEditable(f"a remark stands in what would go, near line {node.line}")
        self._splices.append(Splice(begin, end, ""))

    def _check_unshared(self, *nodes: Node) -> None:
        for top in nodes:
            if any(node.anchor for node in nodes_of(top)):
                raise NotEditable(f"line {top.line} is shared with other places of the file (&)")

    def _dash(self, item: Node) -> int | None:
        """Where the dash of an item stands; None where a remark is between the two."""
        place = item.start - 1
        while place > 0 and self.text[place] in " \t\r\n":
            place -= 1
        return place if self.text[place] == "-" else None


def _doomed(names: Sequence[str | None], columns: set[str], kept: set[str]) -> set[int]:
    """Which of the texts named so are to go: all for `columns`, but the last one that is `kept`."""
    last = {name: number for number, name in enumerate(names)}
    return {
        number
        for number, name in enumerate(names)
        if name in columns and not (name in kept and number == last[name])
    }


# What both need. -----------------------------------------------------------------------------------


def _check_own(root: Node | None, item: Node, columns: Node | None, table: str) -> None:
    """Raises where what is edited is the text of other places too, or may be."""
    comments = value_of(root, COMMENTS) if root is not None else None
    for node in filter(None, (comments, item, columns)):
        if node.kind is Kind.ALIAS or node.anchor:
            name = one_line(table, 80)
            raise NotEditable(f"the entry of {name} is shared with other places of it (& or *)")


def _end(text: str, node: Node) -> int:
    """Where the content of `node` ends; blank lines at the end of a block scalar are not counted."""
    end = content_end(node, text)
    while end > node.start and text[end - 1] in " \t\r\n":
        end -= 1
    return end


def _end_in_flow(key: Node, value: Node) -> int:
    return max(key.end, value.end)


def _line_start(text: str, place: int) -> int:
    return max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1


def _left_edge(node: Node) -> int:
    """The column of a block collection, counted from 0."""
    if node.tag or node.anchor or node.is_flow:
        raise NotEditable(f"line {node.line} is laid out in an unusual way")
    return node.column - 1


# How a text is written. ----------------------------------------------------------------------------


def _scalar(text: str) -> yaml.ScalarNode:
    """On one line, whatever is in it."""
    import yaml

    return yaml.ScalarNode(STRING, text, style=None if _BREAKS.isdisjoint(text) else '"')


def _mapping(pairs: list[tuple[yaml.Node, yaml.Node]]) -> yaml.MappingNode:
    import yaml

    return yaml.MappingNode(_MAPPING, pairs, flow_style=False)


def _sequence(nodes: Sequence[yaml.Node], flow_style: bool = False) -> yaml.SequenceNode:
    import yaml

    return yaml.SequenceNode(_SEQUENCE, list(nodes), flow_style=flow_style)


def _texts(columns: Mapping[str, str]) -> yaml.MappingNode:
    return _mapping([(_scalar(column), _scalar(words)) for column, words in columns.items()])


def _entry(table: str, texts: Mapping[str, str]) -> yaml.MappingNode:
    pairs: list[tuple[yaml.Node, yaml.Node]] = [(_scalar(TABLE), _scalar(table))]
    if "" in texts:
        pairs.append((_scalar(TABLE_COMMENT), _scalar(texts[""])))
    columns = {column: words for column, words in texts.items() if column}
    if columns:
        pairs.append((_scalar(COLUMN_COMMENTS), _texts(columns)))
    return _mapping(pairs)


def _block(node: yaml.Node) -> list[str]:
    return serialise(node).removesuffix("\n").split("\n")


def _listed(entries: Iterable[yaml.MappingNode], step: int) -> list[str]:
    lines = []
    for entry in entries:
        first, *others = _block(entry)
        lines += [f"{'-':<{step}}{first}", *(" " * step + line for line in others)]
    return lines


def _listed_in_flow(entries: Iterable[yaml.MappingNode]) -> str:
    return ", ".join("{" + _in_flow(entry) + "}" for entry in entries)


def _inline(text: str) -> str:
    """`text` as one YAML scalar, quoted where it has to be."""
    return serialise(_sequence([_scalar(text)])).removeprefix("- ").removesuffix("\n")


def _inline_in_flow(text: str) -> str:
    return serialise(_sequence([_scalar(text)], flow_style=True)).strip("\n")[1:-1]


def _in_flow(mapping: yaml.MappingNode) -> str:
    """The pairs of `mapping` as they stand in braces."""
    for _, value in mapping.value:
        if value.value and not isinstance(value.value, str):
            value.flow_style = True
    mapping.flow_style = True
    return serialise(mapping).strip("\n")[1:-1]


def serialise(node: yaml.Node) -> str:
    """As this room writes YAML: of what was composed the style of each text stays."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.serialize(node, Dumper=dumper, allow_unicode=True, width=_ENDLESS)
    return text
