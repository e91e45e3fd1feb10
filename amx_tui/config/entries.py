"""Edits of the named entries of `config.yml`, profiles and connections alike: from one text to the
next, and each leaves every other byte. It knows which keys hold and name entries, not what an entry
says; whoever edits compares the outcome with what was meant (`amx_tui.config.editing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from amx_tui.base.yaml_edits import (
    NotEditable,
    Splice,
    after_block,
    appended,
    apply,
    as_flow,
    emptied,
    left_empty,
    line_break,
    line_end,
    lines,
    nodes_of,
    render,
    replaced,
    set_entries,
    with_names,
    without,
)
from amx_tui.base.yaml_text import Kind, Node, content_end, is_same
from amx_tui.config.fields import text_of, texts_of
from amx_tui.config.file import active_name, entry_nodes, is_from_before, read_root
from amx_tui.config.model import ConfigProblem
from amx_tui.config.sections import DEFAULT, Section

# The settings of an entry that differ, rendered; None takes a setting away.
Changes = Sequence[tuple[str, str | None]]


@lru_cache(maxsize=4)  # one change looks at the same few texts many times
def root_of(text: str) -> Node | None:
    """The mapping of a text that was valid before an edit: if it is none now, the edit was wrong."""
    try:
        return read_root(text, "config.yml")
    except ConfigProblem as problem:
        raise NotEditable("its layout is too unusual") from problem


def top_of(text: str) -> dict[str, Node]:
    root = root_of(text)
    return root.mapping() if root is not None else {}


def _block_root(text: str) -> Node:
    root = root_of(text)
    if root is None or root.is_flow:
        raise NotEditable("all of it is written in braces")
    return root


def modernized(text: str, section: Section) -> str:
    """`text`, where a file has only the `llm:` or `db:` of early versions with that as the entry
    `default`: once there is a list of entries, nobody reads the other any more."""
    root = root_of(text)
    if root is None or not is_from_before(root.mapping(), section):
        return text
    single = root.pair(section.only)
    if root.is_flow or single is None or single[1].kind is not Kind.MAPPING:
        raise NotEditable("its only entry is written in braces, or through an alias")
    node = single[1]
    if any(inner.anchor for inner in nodes_of(node)):
        raise NotEditable("its only entry carries an anchor (&), so others may depend on it")
    indent = root.pairs[0][0].column - 1
    start = line_break(text) + " " * (indent + 2) + DEFAULT + ":"
    body = _body(text, node, indent + 4)
    block = lines(text, indent, [(section.many, "")]) + start + body
    if listed := root.pair(section.many):
        place = line_end(text, listed[1].end)
        splices = [emptied(text, *listed), Splice(place, place, start + body)]
    else:
        place = after_block(text, node, indent)
        splices = [Splice(place, place, block)]
    is_active = active_name(root.mapping(), section) == DEFAULT
    text = apply(text, splices)
    return _with_active_key(text, section, DEFAULT) if is_active else text


def put(
    text: str,
    section: Section,
    name: str,
    fresh: Sequence[tuple[str, str]],
    changes: Callable[[Node], Changes],
    order: Sequence[str],
) -> str:
    """Adds the entry `name` with the rendered settings `fresh`; where there is one, it gets `changes`
    of what stands there. New settings take their place by `order`."""
    root = root_of(text)
    if root is None or (root.is_flow and not root.pairs):
        block = lines(text, 0, [(section.many, "")]) + _block(text, name, fresh, 2, 2)
        if root is None:
            return appended(text, block)
        return apply(text, [Splice(root.start, root.end, block.lstrip("\r\n"))])
    root = _block_root(text)
    indent = root.pairs[0][0].column - 1
    listed = root.pair(section.many)
    if listed is None:
        if section.many in root.mapping():
            raise NotEditable(f"{section.many} is merged in with <<")
        block = lines(text, indent, [(section.many, "")])
        return appended(text, block + _block(text, name, fresh, indent + 2, 2))
    key, entries = listed
    if entries.kind is not Kind.MAPPING or entries.is_flow:
        added = _block(text, name, fresh, indent + 2, 2)
        place = line_end(text, entries.end)
        return apply(text, [emptied(text, key, entries), Splice(place, place, added)])
    present = entries.pair(name)
    child = entries.pairs[0][0].column - 1
    if present is None:
        if name in entries.mapping():
            raise NotEditable(f"the {section.what} is merged in with <<")
        added = _block(text, name, fresh, child, _step(entries))
        place = after_block(text, entries.pairs[-1][1], child)
        return apply(text, [Splice(place, place, added)])
    key, node = present
    if node.kind is not Kind.MAPPING or (node.is_flow and not node.pairs):
        added = lines(text, child + _step(entries), [(render(k), value) for k, value in fresh])
        place = line_end(text, node.end)
        return apply(text, [emptied(text, key, node), Splice(place, place, added)])
    wanted = changes(node)
    if not wanted:
        return text
    if node.anchor:
        raise NotEditable(f"the {section.what} carries an anchor (&), so others may depend on it")
    set_ = [(key, value) for key, value in wanted if value is not None]
    gone = [key for key, value in wanted if value is None]
    text = apply(text, set_entries(text, node, set_, order))
    for key_gone in gone:
        entry = _entry(text, section, name)[1]
        pair = entry.pair(key_gone)
        if pair is None or len(entry.pairs) == 1:
            raise NotEditable("one of its values is merged in with <<")
        text = apply(text, [without(text, *pair)])
    return text


def renamed(text: str, section: Section, old: str, new: str) -> str:
    """The entry `old` is called `new`, also wherever the file names it."""
    key, _ = _entry(text, section, old)
    if key.anchor or key.kind is not Kind.SCALAR:
        raise NotEditable(f"the name of the {section.what} is referred to with *")
    splices = [Splice(key.start, key.end, render(new))]
    splices += [
        replaced(node, render(new))
        for _, node in _naming(text, section)
        for node in _scalars(node)
        if text_of(node) == old
    ]
    return apply(text, splices)


def copied(text: str, section: Section, name: str, new: str) -> str:
    """A copy of the entry `name` stands behind the last one, as it is written, comments included."""
    root = _block_root(text)
    _, node = _entry(text, section, name)
    entries = root.pair(section.many)
    assert entries is not None
    if node.kind is Kind.ALIAS or any(inner.anchor for inner in nodes_of(node)):
        raise NotEditable(f"the {section.what} carries an anchor (&), or is an alias")
    child = entries[1].pairs[0][0].column - 1
    step = _step(entries[1])
    start = line_break(text) + " " * child + render(new) + ":"
    place = after_block(text, entries[1].pairs[-1][1], child)
    body = f" {text[node.start : node.end]}".rstrip()
    if node.kind is Kind.MAPPING and not node.is_flow:
        body = _body(text, node, child + step)
    return apply(text, [Splice(place, place, start + body)])


def removed(text: str, section: Section, name: str) -> str:
    """The entry `name` is gone, and nothing names it. Where it was the active one, its heir is."""
    was_active = active_name(top_of(text), section) == name
    key, node = _entry(text, section, name)
    listed = _block_root(text).pair(section.many)
    assert listed is not None
    if any(inner.anchor for inner in nodes_of(node)):
        raise NotEditable("it carries an anchor (&), so others may depend on it")
    if len(listed[1].pairs) == 1:
        text = apply(text, left_empty(text, listed[0], key, node, "{}"))
    else:
        text = apply(text, [without(text, key, node)])
    text = _forgotten(text, section, name)
    top = top_of(text)
    next_one = heir(top, section)
    if was_active and (next_one or section.active in top):
        text = _with_active_key(text, section, next_one)
    if not entry_nodes(top, section) and (copy := _block_root(text).pair(section.only)):
        text = apply(text, [without(text, *copy)])
    return text


def heir(top: Mapping[str, Node], section: Section, gone: str = "") -> str:
    """Which entry is the active one once the active one, `gone`, is removed: the next of several active
    ones, else the first there is; AMX takes that one anyway where none is named. "" where none is
    left."""
    entries = entry_nodes(top, section)
    left = [name for name, node in entries.items() if node.is_mapping and name != gone]
    several = texts_of(top.get(section.active_list)) if section.active_list else ()
    return next((name for name in several if name in left), left[0] if left else "")


def activated(text: str, section: Section, name: str) -> str:
    """`name` is the active entry, and of several active ones the only one."""
    if section.active_list and (several := _block_root(text).pair(section.active_list)):
        names = texts_of(several[1])
        if names and names != (name,):
            text = apply(text, with_names(text, several[1], [name]))
    return _with_active_key(text, section, name)


def _with_active_key(text: str, section: Section, name: str) -> str:
    root = _block_root(text)
    present = root.pair(section.active)
    if present is not None:
        if text_of(present[1]) == name:
            return text
        return apply(text, [replaced(present[1], render(name))])
    listed = root.pair(section.many)
    if listed is None:
        raise NotEditable(f"{section.many} is merged in with <<")
    indent = root.pairs[0][0].column - 1
    place = after_block(text, listed[1], indent)
    added = lines(text, indent, [(section.active, render(name))])
    return apply(text, [Splice(place, place, added)])


def mirrored(text: str, section: Section) -> str:
    """`text` with AMX's copy of the active entry (`llm:`, `db:`), where there is one, saying what the
    entry says. Values that are right already stay as they are written."""
    top = top_of(text)
    entry = entry_nodes(top, section).get(active_name(top, section))
    root = root_of(text)
    pair = root.pair(section.only) if root is not None else None
    if pair is None or entry is None or section.many not in top or is_like(pair[1], entry):
        return text
    copy = pair[1]
    if any(node.anchor for node in nodes_of(copy)) or copy.kind is Kind.ALIAS:
        raise NotEditable(f"{section.only} carries an anchor (&), or is an alias")
    wanted = {name: as_flow(value) for name, value in entry.mapping().items()}
    is_block = copy.kind is Kind.MAPPING and not copy.is_flow
    if not wanted or not is_block:
        if is_block:
            return apply(text, [without(text, *pair)])
        body = "{" + ", ".join(f"{render(name)}: {value}" for name, value in wanted.items()) + "}"
        place = Splice(copy.start, copy.end, body)
        return apply(text, [place if copy.end > copy.start else replaced(copy, body)])
    settings, present = entry.mapping(), copy.mapping()
    changes = [
        (name, value)
        for name, value in wanted.items()
        if name not in present or not is_same(present[name], settings[name])
    ]
    # What is no single line is taken away and put in anew. What has to go goes last, so that there is
    # always something to stand beside.
    for name, _ in changes:
        old = present.get(name)
        if old is not None and (old.resolved.kind is not Kind.SCALAR or old.style in ("|", ">")):
            text = _without_setting(text, section, name)
    copy = _copy_of(text, section)
    text = apply(text, set_entries(text, copy, changes, list(wanted)))
    for name in [name for name in _copy_of(text, section).mapping() if name not in wanted]:
        text = _without_setting(text, section, name)
    return text


def is_like(one: Node, other: Node) -> bool:
    """Whether two entries say the same, in whatever order."""
    left, right = one.mapping(), other.mapping()
    return left.keys() == right.keys() and all(is_same(left[key], right[key]) for key in left)


def naming(top: Mapping[str, Node], section: Section) -> dict[str, list[str]]:
    """Which names each key gives that may name an entry of `section`."""
    return {
        key: [text_of(node) for node in _scalars(top[key]) if text_of(node)]
        for key in section.naming
        if key in top
    }


def _naming(text: str, section: Section) -> list[tuple[Node, Node]]:
    root = _block_root(text)
    return [pair for key in section.naming if (pair := root.pair(key)) is not None]


def _scalars(node: Node) -> Iterator[Node]:
    """The scalar values in `node`, not the keys; what an alias stands for is edited where it stands."""
    if node.kind in (Kind.SCALAR, Kind.ALIAS):
        yield node
    for item in node.items:
        yield from _scalars(item)
    for _, value in node.pairs:
        yield from _scalars(value)


def _forgotten(text: str, section: Section, name: str) -> str:
    """`text` without the places that name an entry that is gone."""
    while True:
        found = next(_places(text, section, name), None)
        if found is None:
            return text
        key, value = found
        if value.kind is not Kind.SEQUENCE:
            text = apply(text, [replaced(value, render(""))])
            continue
        names = [other for item in value.items if (other := text_of(item)) != name]
        if names or value.is_flow:
            text = apply(text, with_names(text, value, names))
        else:
            text = apply(text, left_empty(text, key, value.items[0], value.items[-1], "[]"))


def _places(text: str, section: Section, name: str) -> Iterator[tuple[Node, Node]]:
    """The keys whose value is `name`, or a list with it."""
    waiting = _naming(text, section)
    while waiting:
        key, value = waiting.pop()
        inner = value.items if value.kind is Kind.SEQUENCE else [value]
        if any(text_of(item) == name for item in inner):
            yield key, value
        waiting += value.pairs


def _entry(text: str, section: Section, name: str) -> tuple[Node, Node]:
    listed = _block_root(text).pair(section.many)
    if listed is None or listed[1].kind is not Kind.MAPPING or listed[1].is_flow:
        raise NotEditable(f"{section.many} is written in braces, or merged in with <<")
    pair = listed[1].pair(name)
    if pair is None:
        raise NotEditable(f"the {section.what} is merged in with <<")
    return pair


def _copy_of(text: str, section: Section) -> Node:
    pair = _block_root(text).pair(section.only)
    assert pair is not None
    return pair[1]


def _without_setting(text: str, section: Section, name: str) -> str:
    pair = _copy_of(text, section).pair(name)
    if pair is None:
        raise NotEditable(f"{section.only} is merged together with <<")
    return apply(text, [without(text, *pair)])


def _block(
    text: str, name: str, settings: Sequence[tuple[str, str]], indent: int, step: int
) -> str:
    """A new entry, to be put in at the end of a line of `text`."""
    settings = [(render(key), value) for key, value in settings]
    return lines(text, indent, [(render(name), "")]) + lines(text, indent + step, settings)


def _step(entries: Node) -> int:
    """How far the settings of an entry are indented below its name."""
    for key, node in entries.pairs:
        if node.kind is Kind.MAPPING and not node.is_flow and node.pairs:
            return max(node.pairs[0][0].column - key.column, 1)
    return 2


def _body(text: str, node: Node, indent: int) -> str:
    """What stands in `node`, to be put behind a colon, its lines moved to `indent`."""
    if node.is_flow:
        return f" {text[node.start : node.end]}"
    first = node.pairs[0][0]
    begin = first.start - (first.column - 1)
    body = text[begin : line_end(text, content_end(node, text))]
    return line_break(text) + _shifted(body, indent - (first.column - 1))


def _shifted(block: str, by: int) -> str:
    """`block` with each line moved to the right, or to the left as far as it has room."""
    moved = []
    for line in block.splitlines(keepends=True):
        if by < 0:
            moved.append(line[min(-by, len(line) - len(line.lstrip(" "))) :])
        else:
            moved.append(" " * by + line if line.strip() else line)
    return "".join(moved)
