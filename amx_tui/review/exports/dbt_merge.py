"""Puts descriptions into a dbt file in place: every other byte of it stays as it is.

It knows lists of entries with a `name:` and a `description:`, and lists of such entries below them; of
what the rest of the file means it knows nothing, and so changes nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import (
    Splice,
    after_block,
    appended,
    apply,
    line_break,
    line_end,
    quoted,
    render,
    replaced_text,
)
from amx_tui.base.yaml_text import Kind, Node, YamlProblem, content_end, is_same, parse
from amx_tui.review.exports.material import ExportProblem

_JINJA = re.compile(r"\{[{%#]")
_OURS = re.compile(r"\{\{ '\{[{%#]' \}\}")
# What may be new in a file; everything else in it has to be there already.
_ADDED = frozenset({"version", "sources", "models", "tables", "columns", "description"})


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry of a list is to say. `text` None leaves its description alone. Only a text that
    `is_decided` replaces another one. `keys` come behind the name of a new entry. `entries` are the
    ones of its list `below`. `found_by` are the keys that name an entry, the same for all of a list;
    the first that is there counts. `has_twin` is true where another one of the database differs from it in
    upper and lower case only, so that the spelling counts. `path` is for people."""

    name: str
    text: str | None
    is_decided: bool
    keys: tuple[tuple[str, str], ...] = ()
    below: str = "columns"
    entries: tuple[Entry, ...] = ()
    found_by: tuple[str, ...] = ("name",)
    has_twin: bool = False
    path: str = ""

    @property
    def texts(self) -> int:
        """How many descriptions it has, with those below it."""
        return bool(self.text) + sum(entry.texts for entry in self.entries)


def merge_into(
    text: str, section: str, sections: Sequence[str], entries: Sequence[Entry]
) -> tuple[str, tuple[str, ...], int]:
    """`text` with the descriptions of `entries`, in words which were left as they are, and why, and how many
    descriptions these are.
    Entries are looked for in all `sections`, and new ones go to `section`. What comes out is read
    again, and held against what was there.

    Raises:
        ExportProblem: `text` is no YAML, or is laid out in a way that cannot be edited in place.
    """
    root = _read(text)
    merge = _Merge(text)
    if root is None:
        block = "version: 2" + line_break(text) + merge.fresh(section, entries, 0)
        new = appended(text, line_break(text) + block)
    else:
        if root.kind is not Kind.MAPPING or root.is_flow or not root.pairs or root.anchor:
            raise ExportProblem(
                "The file that is there is no schema.yml of dbt",
                "It has no keys such as version: and sources: at its left edge",
                "Choose another file",
            )
        merge.sections(root, section, sections, entries)
        new = apply(text, merge.splices)
    _hold_against(root, new, merge, section, sections, entries)
    return new, tuple(merge.notes), merge.left


def _read(text: str) -> Node | None:
    problem: YamlProblem | None = None
    try:
        return parse(text, "The file that is there")
    except YamlProblem as found:
        problem = found
    raise ExportProblem(
        problem.what, problem.why, "Correct that line in an editor, or choose another file"
    )


class _Merge:
    """Collects what has to be put in, in the order in which it stands at one place."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.splices: list[Splice] = []
        self.notes: list[str] = []
        self.left = 0  # descriptions that the notes are about
        self._break = line_break(text)

    # What is there. ------------------------------------------------------------------------------

    def sections(
        self, root: Node, section: str, sections: Sequence[str], entries: Sequence[Entry]
    ) -> None:
        known = [pair for name in sections if (pair := root.pair(name)) is not None]
        lists = [value for _, value in known if value.kind is Kind.SEQUENCE]
        fresh = self._entries([item for one in lists for item in one.items], entries)
        if not fresh:
            return
        own = root.pair(section)
        if own is None:
            indent = root.pairs[0][0].column - 1
            place = after_block(self.text, root.pairs[-1][1], indent)
            self._put(place, self._break + self.fresh(section, fresh, indent))
        else:
            self._extend(root, *own, fresh)

    def _entries(self, items: Sequence[Node], entries: Sequence[Entry]) -> list[Entry]:
        """Changes those of `entries` that are among `items`, and returns the others."""
        by_name: dict[str, list[Node]] = {}
        loosely: dict[str, list[Node]] = {}
        taken = {_name_of(item, ("name",)) for item in items}
        found_by = entries[0].found_by if entries else ()
        for item in items:
            if name := _name_of(item, found_by):
                by_name.setdefault(name, []).append(item)
                loosely.setdefault(name.casefold(), []).append(item)
        fresh = []
        for entry in entries:
            there = by_name.get(entry.name, [])
            if not there and not entry.has_twin:
                # Another spelling is meant only where there is one.
                others = loosely.get(entry.name.casefold(), [])
                there = others if len(others) == 1 else []
            if not there and entry.name in taken:
                name = one_line(entry.name, 80)
                why = f"the file has the name {name} for something else"
                self.notes.append(f"{one_line(entry.path, 120)} is left out: {why}")
                self.left += entry.texts
            elif not there:
                fresh.append(entry)
            elif len(there) > 1 and entry.below == "tables":
                self._in_several(there, entry)
            else:
                self._entry(there[0], entry)
        return fresh

    def _in_several(self, there: Sequence[Node], entry: Entry) -> None:
        """A schema may be spread over several sources: what is in none of them goes to the first."""
        left = entry.entries
        for item in there[1:]:
            pair = item.pair(entry.below)
            if pair is not None and pair[1].kind is Kind.SEQUENCE and not pair[1].anchor:
                left = tuple(self._entries(pair[1].items, left))
        self._entry(there[0], replace(entry, entries=left))

    def _entry(self, item: Node, entry: Entry) -> None:
        if item.kind is not Kind.MAPPING or item.anchor:
            self._keep(entry, "it is shared with other places of the file (& or *)")
            return
        self._description(item, entry)
        if not entry.entries:
            return
        left = self.left
        for own in _lists_of_versions(item, entry.below):
            self._entries(own.items, entry.entries)
        self.left = left  # what a version keeps to itself, the model says all the same
        pair = item.pair(entry.below)
        is_merged = pair is None and _merged(item, entry.below) is not None
        if pair is None and not is_merged:
            self._begin(item, entry)
            return
        if pair is None or pair[1].anchor or pair[1].kind is Kind.ALIAS:
            for below in entry.entries:
                self._keep(below, "it is shared with other places of the file (& or *)")
            return
        fresh = self._entries(pair[1].items, entry.entries)
        if fresh:
            self._extend(item, *pair, fresh)

    def _description(self, item: Node, entry: Entry) -> None:
        if entry.text is None:
            return
        pair = item.pair("description")
        if pair is None:
            merged = _merged(item, "description")
            if merged is not None and not (merged.is_null or entry.is_decided):
                return
            name = item.pair("name") or item.pairs[0]
            if item.is_flow:
                self._put(name[1].end, f", description: {quoted(entry.text)}")
                return
            place = line_end(self.text, content_end(name[1], self.text))
            indent = " " * (item.pairs[0][0].column - 1)
            self._put(place, f"{self._break}{indent}description: {quoted(entry.text)}")
            return
        value = pair[1]
        said = value.resolved.text.strip() if value.resolved.kind is Kind.SCALAR else "?"
        said = "" if value.is_null else said
        if said == entry.text:
            return
        if _is_template(said):
            self._keep(replace(entry, entries=()), "its description is a Jinja expression")
        elif said and not entry.is_decided:
            return  # it is described in the file, and nobody decided on another text
        elif value.anchor or value.kind not in (Kind.SCALAR, Kind.ALIAS):
            why = "its description is shared with other places of the file (&)"
            self._keep(replace(entry, entries=()), why)
        else:
            self.splices += replaced_text(self.text, value, quoted(entry.text))

    def _keep(self, entry: Entry, why: str) -> None:
        """With all that is below it."""
        self.left += entry.texts
        self.notes.append(f"{one_line(entry.path, 120)} is left as it is: {why}")

    # What is new. --------------------------------------------------------------------------------

    def _begin(self, item: Node, entry: Entry) -> None:
        """A list that an entry does not have yet."""
        last = item.pairs[-1][1]
        if item.is_flow:
            self._put(last.end, f", {entry.below}: {_flow_list(entry.entries)}")
            return
        indent = item.pairs[0][0].column - 1
        place = after_block(self.text, last, indent)
        self._put(place, self.fresh(entry.below, entry.entries, indent))

    def _extend(self, owner: Node, key: Node, value: Node, fresh: Sequence[Entry]) -> None:
        """Puts new entries behind those of a list."""
        if value.kind is Kind.SEQUENCE and value.items and not value.anchor:
            if value.is_flow:
                put = "".join(f", {_flow(entry)}" for entry in fresh)
                self._put(value.items[-1].end, put)
                return
            dash = value.column - 1
            place = after_block(self.text, value.items[-1], dash)
            step = max(value.items[-1].column - value.column, 2)
            self._put(place, "".join(self._block(entry, dash, step) for entry in fresh))
            return
        is_empty = value.is_null or (value.is_flow and not value.items and not value.pairs)
        colon = self.text.find(":", key.end)
        if not is_empty or value.anchor or self.text[colon + 1 : value.start].strip():
            for entry in fresh:
                self._keep(entry, f"there is no list behind {one_line(key.text, 40)}:")
        elif owner.is_flow:
            self.splices.append(Splice(colon + 1, value.end, f" {_flow_list(fresh)}"))
        else:
            self.splices.append(Splice(colon + 1, value.end, ""))
            block = "".join(self._block(entry, key.column + 1, 2) for entry in fresh)
            self._put(line_end(self.text, value.end), block)

    def fresh(self, key: str, entries: Sequence[Entry], indent: int) -> str:
        """A new list, `key:` at `indent`; begins with a line end."""
        block = "".join(self._block(entry, indent + 2, 2) for entry in entries)
        return f"{self._break}{' ' * indent}{key}:{block}"

    def _block(self, entry: Entry, dash: int, step: int) -> str:
        """A new entry of a block list, its dash at column `dash`, counted from 0."""
        start = self._break + " " * dash + "-" + " " * (step - 1)
        further = self._break + " " * (dash + step)
        keys = [f"name: {render(entry.name)}"]
        keys += [f"{key}: {render(value)}" for key, value in entry.keys]
        keys += [f"description: {quoted(entry.text)}"] if entry.text else []
        block = start + further.join(keys)
        return (
            block + self.fresh(entry.below, entry.entries, dash + step) if entry.entries else block
        )

    def _put(self, place: int, text: str) -> None:
        self.splices.append(Splice(place, place, text))


def _name_of(item: Node, keys: Sequence[str]) -> str:
    if item.resolved.kind is not Kind.MAPPING:
        return ""
    for key in keys:
        pair = item.resolved.pair(key)
        value = pair[1].resolved if pair is not None else None
        if value is None or value.kind is not Kind.SCALAR or value.is_null:
            continue
        if not _is_template(value.text):  # what one comes to is dbt's to know
            return value.text
    return ""


def _merged(item: Node, key: str) -> Node | None:
    """What `<<` brings of another place of the file."""
    with contextlib.suppress(YamlProblem):  # it refers to itself, which dbt refuses as well
        return item.mapping().get(key)
    return None


def _lists_of_versions(item: Node, key: str) -> Iterator[Node]:
    """Those of the versions of a model: what stands in one hides the same of the model
    (docs.getdbt.com/reference/resource-properties/versions)."""
    pair = item.pair("versions")
    for version in pair[1].items if pair is not None and not pair[1].anchor else ():
        own = version.pair(key)
        if own is not None and not (version.anchor or own[1].anchor):
            yield own[1]


def _is_template(text: str) -> bool:
    return _JINJA.search(_OURS.sub("", text)) is not None


def _flow_list(entries: Sequence[Entry]) -> str:
    return f"[{', '.join(map(_flow, entries))}]"


def _flow(entry: Entry) -> str:
    pairs = [f"name: {quoted(entry.name)}"]
    pairs += [f"{key}: {quoted(value)}" for key, value in entry.keys]
    pairs += [f"description: {quoted(entry.text)}"] if entry.text else []
    pairs += [f"{entry.below}: {_flow_list(entry.entries)}"] if entry.entries else []
    return "{" + ", ".join(pairs) + "}"


# Whether it came out as it was meant. --------------------------------------------------------------


def _hold_against(
    old: Node | None,
    new: str,
    merge: _Merge,
    section: str,
    sections: Sequence[str],
    entries: Sequence[Entry],
) -> None:
    """Raises where something else than descriptions changed, or something is missing."""
    problem: ExportProblem | None = None
    try:
        root = _read(new)
    except ExportProblem as found:
        problem = found
        root = None
    again = _Merge(new)
    if root is not None:
        again.sections(root, section, sections, entries)
    is_right = problem is None and root is not None
    is_right &= not again.splices and again.notes == merge.notes
    is_right &= old is None or (root is not None and _is_kept(old, root))
    if not is_right:
        raise ExportProblem(
            "The file that is there was not changed",
            "Its layout is too unusual to put descriptions into it",
            "Export to a new file, and move the descriptions over by hand",
        )


def _is_kept(old: Node, new: Node) -> bool:
    """Whether all that is in `old` is in `new`, in its order, but for descriptions."""
    if old.kind is Kind.ALIAS or new.kind is Kind.ALIAS or old.kind is not new.kind:
        return is_same(old, new)
    if old.kind is Kind.SEQUENCE:
        pairs = zip(old.items, new.items, strict=False)
        return len(new.items) >= len(old.items) and all(_is_kept(*pair) for pair in pairs)
    if old.kind is not Kind.MAPPING:
        return is_same(old, new)
    rest = iter(new.pairs)
    for key, value in old.pairs:
        for new_key, new_value in rest:  # noqa: B007 - looked at below
            if is_same(key, new_key):
                break
            if new_key.text not in _ADDED:
                return False
        else:
            return False
        may_differ = key.text == "description" or (key.text in _ADDED and value.is_null)
        if not (may_differ or _is_kept(value, new_value)):
            return False
    return all(key.text in _ADDED for key, _ in rest)
