"""Keeps descriptions in a YAML file beside a database that cannot hold them, in the shape of tbls'
`comments:` (github.com/k1LoW/tbls, "Comments"). It knows files and YAML, and no database.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.base.text import one_line
from amx_tui.base.yaml_edits import NotEditable
from amx_tui.base.yaml_text import Node, YamlProblem, parse
from amx_tui.catalog.model import CatalogProblem
from amx_tui.catalog.sidecar_edits import Edit, by_table, put_in, serialise, take_out
from amx_tui.catalog.sidecar_text import (
    Misshapen,
    Texts,
    check_shape,
    collect,
    is_empty,
    rest_is_same,
)

_LOCK_SECONDS = 5


def name_sidecar(database: Path) -> Path:
    """`legacy.comments.yml` for `legacy.db`."""
    return database.with_name(f"{database.stem}.comments.yml")


def read_sidecar(path: Path) -> Texts:
    """Every description in the file; of two for the same place the later one. Nothing where there is
    no file.

    Raises:
        CatalogProblem: where the file cannot be read, or is not such a file.
    """
    text = _read_text(path)
    return {} if text is None else collect(_parse(text, path))


def edit_sidecar(path: Path, choose: Callable[[Texts], Sequence[Edit]]) -> None:
    """Puts into the file what `choose` makes of what stands there, in one atomic step and under a lock
    that every amx-tui of this user honours. The lines of other descriptions, unknown keys, remarks,
    quotes and blank lines stay as they are. A file that stood as amx-tui writes it, and holds nothing
    any more, is removed.

    Raises:
        CatalogProblem: where the file cannot be read or written, is not such a file, or is laid out so
            that an edit would change something else; it is then as it was.
    """
    with _locked(path):
        text = _read_text(path)
        old = None if text is None else _parse(text, path)
        texts = collect(old)
        edits = choose(texts)
        if not edits:
            return
        written, new = _edited(text or "", old, edits, path)
        _hold_against(old, new, texts, edits, path)
        is_gone = is_empty(new) and (text is None or _is_ours(text, path))
        if not is_gone and written == text:
            return
        try:
            if is_gone:
                path.unlink(missing_ok=True)
            else:
                write_atomic(path, written, mode=_mode_of(path))
        except OSError as error:
            raise CatalogProblem(
                f"{path.name} cannot be written",
                f"{error.strerror or error}: {path.parent}",
                "Make that folder writable, or export the texts instead",
            ) from None


def _edited(
    text: str, root: Node | None, edits: Sequence[Edit], path: Path
) -> tuple[str, Node | None]:
    """The new text, and what is read in it."""
    wanted = by_table(edits)
    try:
        for edit in (put_in, take_out):
            before, text = text, edit(text, root, wanted)
            if text != before:
                root = parse(text, path.name)
    except NotEditable as odd:
        raise _unwritten(path, str(odd)) from None
    except YamlProblem:
        raise _unwritten(path, "it is laid out in an unusual way") from None
    return text, root


def _unwritten(path: Path, why: str) -> CatalogProblem:
    return CatalogProblem(
        f"{path.name} was not written: {why}",
        "An edit would change something else in it",
        "Edit it by hand, then press r; or export the texts instead",
    )


def _hold_against(
    old: Node | None, new: Node | None, texts: Texts, edits: Sequence[Edit], path: Path
) -> None:
    """Raises where the file would not say what was asked for, or something else than before."""
    expected = dict(texts)
    for edit in edits:
        expected.pop(edit.place, None)
        if edit.text is not None:
            expected[edit.place] = edit.text
    try:
        if new is not None:
            check_shape(new)
        present = collect(new)
    except Misshapen:
        present = {}
    places = [edit.place for edit in edits]
    lost = [place for place in places if present.get(place) != expected.get(place)]
    if lost:
        raise CatalogProblem(
            f"{path.name} was not written: YAML would not give "
            f"{one_line('.'.join(filter(None, lost[0])), 80)} back as it is",
            remedy="Edit that text, then write again",
        )
    # A block (|) at the very end of a file gets its last line end when something comes after it.
    is_kept = present.keys() == expected.keys() and all(
        text.rstrip("\n") == expected[place].rstrip("\n") for place, text in present.items()
    )
    if not is_kept or not rest_is_same(old, new):
        raise _unwritten(path, "it is laid out in an unusual way")


def _is_ours(text: str, path: Path) -> bool:
    """Whether a file stands word for word as it leaves this room, but for the line ends that git may
    give it: nobody has put a remark into it, or a hand to it."""
    import yaml

    text = text.replace("\r\n", "\n")
    root = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return root is not None and not path.is_symlink() and serialise(root) == text


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
    """Line ends as they are."""
    try:
        return path.read_bytes().decode("utf-8")
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


def _parse(text: str, path: Path) -> Node | None:
    try:
        root = parse(text, path.name)
        if root is not None:
            check_shape(root)
    except YamlProblem as problem:
        raise _broken(path, f"{problem.what}: {problem.why}") from None
    except Misshapen as odd:
        raise _broken(path, str(odd)) from None
    return root
