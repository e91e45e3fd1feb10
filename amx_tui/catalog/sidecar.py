"""Keeps descriptions in a YAML file beside a database that cannot hold them, in the shape of tbls'
`comments:` (github.com/k1LoW/tbls, "Comments"). It knows files and YAML, and no database.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from amx_tui.base.files import write_atomic
from amx_tui.base.text import one_line
from amx_tui.catalog.model import CatalogProblem

if TYPE_CHECKING:
    from yaml.nodes import MappingNode, Node, SequenceNode

_LOCK_SECONDS = 5
_NULL = "tag:yaml.org,2002:null"
_STRING = "tag:yaml.org,2002:str"
_MAPPING = "tag:yaml.org,2002:map"
_SEQUENCE = "tag:yaml.org,2002:seq"


class Place(NamedTuple):
    """What a description stands at: a table (`column` is empty) or a column of it."""

    table: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` None takes the entry out; an empty one says that there is no description, also where
    the database's own text has one."""

    place: Place
    text: str | None


Texts = Mapping[Place, str]


def name_sidecar(database: Path) -> Path:
    """`legacy.comments.yml` for `legacy.db`."""
    return database.with_name(f"{database.stem}.comments.yml")


def write_fragment(edit: Edit) -> str:
    """The lines of YAML that `edit` puts into the file, or in words what it takes out."""
    table, column = edit.place
    if edit.text is None:
        what = f"columnComments: {_dump(column)}" if column else "tableComment"
        return f"# taken out: {what} of table: {_dump(table)}\n"
    entry = _mapping([(_scalar("table"), _scalar(table))])
    _put(entry, column, edit.text)
    return _serialise(_sequence([entry]))


def read_sidecar(path: Path) -> Texts:
    """Every description in the file; of two for the same place the later one. Nothing where there is
    no file.

    Raises:
        CatalogProblem: where the file cannot be read, or is not such a file.
    """
    text = _read_text(path)
    return {} if text is None else _collect(_parse(text, path))


def edit_sidecar(path: Path, choose: Callable[[Texts], Sequence[Edit]]) -> None:
    """Puts into the file what `choose` makes of what stands there, in one atomic step and under a lock
    that every amx-tui of this user honours; unknown keys and other tables stay. YAML's own `#`
    comments do not. A file that stood as amx-tui writes it, and holds nothing any more, is removed.

    Raises:
        CatalogProblem: where the file cannot be read or written, or is not such a file; it is then
            as it was.
    """
    with _locked(path):
        text = _read_text(path)
        root = None if text is None else _parse(text, path)
        # Word for word as it leaves this room: nobody has put a remark into it, or a hand to it.
        is_ours = root is None or (text == _serialise(root) and not path.is_symlink())
        edits = choose({} if root is None else _collect(root))
        if not edits:
            return
        root = root or _mapping([])
        for edit in edits:
            _apply(root, edit)
        written = _serialise(root)
        present = _collect(_parse(written, path))
        lost = [edit.place for edit in edits if present.get(edit.place) != edit.text]
        if lost:
            raise CatalogProblem(
                f"{path.name} was not written: YAML would not give "
                f"{one_line('.'.join(filter(None, lost[0])), 80)} back as it is",
                remedy="Edit that text, then write again",
            )
        try:
            if is_ours and _is_empty(root):
                path.unlink(missing_ok=True)
            else:
                write_atomic(path, written, mode=_mode_of(path))
        except OSError as error:
            raise CatalogProblem(
                f"{path.name} cannot be written",
                f"{error.strerror or error}: {path.parent}",
                "Make that folder writable, or export the texts instead",
            ) from None


def _is_empty(root: MappingNode) -> bool:
    """Whether there is nothing but a list of tables, with none in it."""
    return all(key.value == "comments" and not node.value for key, node in root.value)


def _mode_of(path: Path) -> int:
    """The permissions of the file, or those that a new file gets here: it is shared as the database
    beside it is, and holds no secret."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One lock file a user, for all sidecars, with the temporary files: beside the database it would be
    litter, and a lock file that is deleted is no lock."""
    from filelock import FileLock, Timeout

    user = str(getattr(os, "getuid", lambda: "user")())
    lock = FileLock(Path(tempfile.gettempdir()) / f"amx-tui-{user}.lock")
    try:
        lock.acquire(timeout=_LOCK_SECONDS)
    except Timeout:
        raise CatalogProblem(
            f"{path.name} is being written by another amx-tui",
            remedy="Let it finish, then write again",
        ) from None
    except OSError as error:
        raise CatalogProblem(
            f"{path.name} cannot be locked",
            f"{error.strerror or error}: {lock.lock_file}",
            "Delete that file, then write again",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise _broken(path, f"byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise CatalogProblem(
            f"{path.name} cannot be read",
            f"{error.strerror or error}: {path.parent}",
            "Make it readable, or move it away, then press r",
        ) from None


def _broken(path: Path, why: str) -> CatalogProblem:
    return CatalogProblem(
        f"{path.name} does not hold descriptions that can be read",
        f"{why}. In {path.parent}",
        "Correct it or move it away, then press r; until then nothing is written to it",
    )


# YAML is handled as a tree of nodes: what is not ours keeps its spelling (`NO`, `0x10`, quotes), and
# a table called NO is not read as False.


def _parse(text: str, path: Path) -> MappingNode:
    import yaml

    try:
        root = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _broken(path, where + one_line(str(error.problem or error), 120)) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise _broken(path, one_line(str(error), 120)) from None
    if root is None:
        return _mapping([])
    _check_shape(root, path)
    assert isinstance(root, yaml.MappingNode)
    return root


def _check_shape(root: Node, path: Path) -> None:
    """Raises where an entry is not what tbls writes; what is unknown is let be."""
    import yaml

    def expect(node: Node | None, kind: type[Node], what: str) -> bool:
        if node is None or node.tag == _NULL:
            return False
        if not isinstance(node, kind):
            raise _broken(path, f"line {node.start_mark.line + 1}: {what}")
        return True

    expect(root, yaml.MappingNode, "the file should start with comments:")
    if not isinstance(root, yaml.MappingNode):
        raise _broken(path, "the file should start with comments:")
    comments = _get(root, "comments")
    if not expect(comments, yaml.SequenceNode, "comments: should be a list"):
        return
    assert isinstance(comments, yaml.SequenceNode)
    for entry in comments.value:
        expect(entry, yaml.MappingNode, "each of comments: should have a table: and its texts")
        if not isinstance(entry, yaml.MappingNode):
            continue
        for key in ("table", "tableComment"):
            expect(_get(entry, key), yaml.ScalarNode, f"{key}: should be a text")
        columns = _get(entry, "columnComments")
        if expect(columns, yaml.MappingNode, "columnComments: should have a text a column"):
            assert isinstance(columns, yaml.MappingNode)
            for key, value in columns.value:
                expect(key, yaml.ScalarNode, "the name of a column should be a text")
                expect(value, yaml.ScalarNode, "the comment of a column should be a text")


def _get(mapping: MappingNode, key: str) -> Node | None:
    for name, value in reversed(mapping.value):
        if name.value == key:
            node: Node = value
            return node
    return None


def _entries(root: MappingNode, table: str | None = None) -> Iterator[tuple[str, MappingNode]]:
    import yaml

    comments = _get(root, "comments")
    if isinstance(comments, yaml.SequenceNode):
        for entry in comments.value:
            if isinstance(entry, yaml.MappingNode):
                name = _get(entry, "table")
                if isinstance(name, yaml.ScalarNode) and table in (None, name.value):
                    yield name.value, entry


def _collect(root: MappingNode) -> dict[Place, str]:
    import yaml

    texts: dict[Place, str] = {}
    for table, entry in _entries(root):
        comment = _get(entry, "tableComment")
        if isinstance(comment, yaml.ScalarNode) and comment.tag != _NULL:
            texts[Place(table)] = comment.value
        columns = _get(entry, "columnComments")
        if isinstance(columns, yaml.MappingNode):
            for name, value in columns.value:
                if name.value and value.tag != _NULL:
                    texts[Place(table, name.value)] = value.value
    return texts


def _apply(root: MappingNode, edit: Edit) -> None:
    """Takes out every entry for the place or, where there is a text, all but one, which gets it."""
    table, column = edit.place
    entries = [entry for _, entry in _entries(root, table)]
    home = entries.pop() if entries and edit.text is not None else None
    for entry in entries:
        _take_out(entry, column)
        if [key.value for key, _ in entry.value] == ["table"]:
            _comments_of(root).value.remove(entry)
    if edit.text is not None:
        if home is None:
            home = _mapping([(_scalar("table"), _scalar(table))])
            _comments_of(root).value.append(home)
        _put(home, column, edit.text)


def _comments_of(root: MappingNode) -> SequenceNode:
    import yaml

    found = _get(root, "comments")
    if isinstance(found, yaml.SequenceNode):
        if not found.value:
            found.flow_style = False
        return found
    fresh = _sequence([])
    _set(root, "comments", fresh)
    return fresh


def _take_out(entry: MappingNode, column: str) -> None:
    import yaml

    if not column:
        entry.value[:] = [pair for pair in entry.value if pair[0].value != "tableComment"]
        return
    columns = _get(entry, "columnComments")
    if isinstance(columns, yaml.MappingNode):
        columns.value[:] = [pair for pair in columns.value if pair[0].value != column]
        if not columns.value:
            entry.value[:] = [pair for pair in entry.value if pair[1] is not columns]


def _put(entry: MappingNode, column: str, text: str) -> None:
    import yaml

    if not column:
        _set(entry, "tableComment", _scalar(text), at=1)
        return
    columns = _get(entry, "columnComments")
    if not isinstance(columns, yaml.MappingNode):
        columns = _mapping([])
        _set(entry, "columnComments", columns)
    _set(columns, column, _scalar(text))


def _set(mapping: MappingNode, key: str, value: Node, at: int | None = None) -> None:
    """Gives `key` its value where it stands first, or at the end, or as the pair number `at`."""
    places = [place for place, (name, _) in enumerate(mapping.value) if name.value == key]
    mapping.value[:] = [pair for place, pair in enumerate(mapping.value) if place not in places[1:]]
    if places:
        mapping.value[places[0]] = (mapping.value[places[0]][0], value)
    else:
        mapping.value.insert(len(mapping.value) if at is None else at, (_scalar(key), value))


def _scalar(text: str) -> Node:
    import yaml

    return yaml.ScalarNode(_STRING, text)


def _mapping(pairs: list[tuple[Node, Node]]) -> MappingNode:
    import yaml

    return yaml.MappingNode(_MAPPING, pairs, flow_style=False)


def _sequence(nodes: Sequence[Node]) -> SequenceNode:
    import yaml

    return yaml.SequenceNode(_SEQUENCE, list(nodes), flow_style=False)


def _serialise(node: Node) -> str:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.serialize(node, Dumper=dumper, allow_unicode=True, width=10_000)
    return text


def _dump(text: str) -> str:
    """`text` as one YAML scalar, quoted where it has to be."""
    return _serialise(_sequence([_scalar(text)])).removeprefix("- ").rstrip("\n")
