"""Writes an export to a file. It never replaces a file that is not ours, nor one of ours that somebody
edited since, unless it is told to; into a dbt file it puts descriptions and keeps everything else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Catalog, Connector, Target
from amx_tui.catalog.sidecar import name_sidecar
from amx_tui.commands.recent import file_of
from amx_tui.commands.writing import find_writer
from amx_tui.review.exports.formats import FORMATS
from amx_tui.review.exports.material import ExportProblem, Format, Made, Material, What
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store

__all__ = ["FORMATS", "ExportProblem", "ExportReport", "Overwrites", "What", "export", "render"]

# A file to be merged into beyond this is something else.
LARGEST = 32 * 1024 * 1024  # bytes
_NEW_MODE = 0o644


class Overwrites(ExportProblem):
    """Files are in the way that amx-tui did not write, or that were changed since. Nothing was written;
    the same export with `over=problem.seen` replaces them as long as they stay what they were. `seen`
    holds the digests of their contents."""

    def __init__(self, what: str, why: str, remedy: str, seen: Mapping[Path, str]) -> None:
        super().__init__(what, why, remedy)
        self.seen = seen


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The files that were written, how many descriptions are in them, which decided targets are no
    longer in the database and were left out, and in words what else was left as it is."""

    paths: tuple[Path, ...]
    texts: int
    left_out: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()


def export(
    format: str,
    path: Path,
    store: Store,
    connector: Connector,
    catalog: Catalog,
    *,
    what: What | None = None,
    over: Mapping[Path, str] | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Makes the files of `format` (an id of `FORMATS`) at `path` and beside it; `what` None is what
    usually goes into it. Each file is replaced whole or not at all, and not where it changed while the
    export was made. `overwrite` replaces whatever is there, `over` only what has these digests.

    Raises:
        ExportProblem: no such format, nothing to export, or a place that cannot or may not be written.
        Overwrites: a file that is not ours is in the way.
        StoreProblem: the decisions cannot be read.
        CatalogProblem: the database cannot tell its own statements.
    """
    chosen = _find_format(format)
    material = _gather(chosen, what, store, connector, catalog)
    place = _find_place(path, "", chosen.suffix)
    if not os.path.exists(place.parent):  # noqa: PTH110 - says no where it may not look
        folder = one_line(str(place.parent))
        raise ExportProblem(
            f"There is no folder {folder}",
            "Exports make no folders, so that a slip of the pen makes none",
            f"Choose another place, or make it: mkdir -p {shlex.quote(folder)}",
        )
    if place in _own_files(connector):
        raise ExportProblem(
            f"{one_line(str(place))} is what is exported",
            "The database and its comments would be gone",
            "Choose another name; W, or amx-tui apply, writes comments into the database",
        )
    main = _read(place)
    merges = chosen.merges and main is not None
    made = chosen.make(material, _decoded(place, main) if chosen.merges else None)
    files = {
        _find_place(path, between, chosen.suffix): text for between, text in made.files.items()
    }
    present = {file: main if file == place else _read(file) for file in files}
    for file, content in present.items():
        if content is not None:
            _refuse_read_only(file)
    if not (merges or overwrite):
        _check(store, present, over or {})
    for file, text in files.items():
        _write(file, text, present[file])
        # The file is there. Should this fail, the next export asks before it replaces it.
        with contextlib.suppress(StoreProblem):
            if not merges:
                store.record_export(file, _digest(text.encode("utf-8")))
    texts = material.texts - made.left
    return ExportReport(tuple(files), texts, material.left_out, made.notes)


def render(
    format: str,
    store: Store,
    connector: Connector,
    catalog: Catalog,
    *,
    what: What | None = None,
) -> Made:
    """The same, written nowhere.

    Raises:
        ExportProblem: no such format, or nothing to export.
        StoreProblem: the decisions cannot be read.
    """
    chosen = _find_format(format)
    return chosen.make(_gather(chosen, what, store, connector, catalog), None)


def _own_files(connector: Connector) -> tuple[Path, ...]:
    """The file of the database, and that beside it which holds its comments; none of a server's."""
    path = file_of(connector.identity)
    if path is None:
        return ()
    return (path, name_sidecar(path).resolve()) if connector.dialect == "sqlite" else (path,)


def _find_format(name: str) -> Format:
    chosen = FORMATS.get(name)
    if chosen is None:
        raise ExportProblem(
            f"There is no export called '{one_line(name, 40)}'",
            "",
            f"Choose one of {', '.join(FORMATS)}",
        )
    return chosen


def _gather(
    chosen: Format, what: What | None, store: Store, connector: Connector, catalog: Catalog
) -> Material:
    identity = connector.identity
    rows = {row.target: row for row in store.rows(identity)}
    # A store is one person's own; what was written says itself by whom.
    reviewers = dict.fromkeys(rows, find_writer())
    reviewers |= {
        entry.change.target: entry.who
        for entry in reversed(store.journal(identity))
        if entry.change.target in rows and rows[entry.change.target].written
    }
    decided = store.decided(identity)
    material = Material(
        connector.label,
        connector.dialect,
        catalog,
        decided,
        what or chosen.usual,
        rows,
        reviewers,
        connector.statements,
    )
    if material.what is What.DECIDED and len(decided) == len(material.left_out):
        raise ExportProblem(
            "There is nothing to export yet",
            "No text is accepted or edited",
            "Accept what is right (R, or amx-tui review), then export; or export the whole catalog",
        )
    return material


def _find_place(path: Path, between: str, suffix: str) -> Path:
    """The file itself: `~` is the home of this user, links are followed, and a name without a suffix
    gets one."""
    try:
        found = path.expanduser()
        is_home = found != path and len(path.parts) == 1  # ~, or ~ann
        if is_home or found.name in ("", "..") or found.is_dir():
            raise ExportProblem(
                f"{one_line(str(path))} is a folder", "", "Add a name for the file in it"
            )
        if found.exists() and not found.is_file():
            raise ExportProblem(
                f"{one_line(str(path))} is no file",
                "A pipe or a device cannot be replaced as a whole",
                "Choose another place",
            )
        return found.with_name(f"{found.stem}{between}{found.suffix or suffix}").resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise ExportProblem(
            f"{one_line(str(path))} is no place for a file",
            one_line(str(error), 300),
            "Choose another place",
        ) from error


def _read(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unwritable(place, error) from error


def _refuse_read_only(place: Path) -> None:
    """A file could be renamed over it, but somebody does not want it changed; root may write it all
    the same, so that its mode is asked as well."""
    if not (os.access(place, os.W_OK) and place.stat().st_mode & 0o222):
        name = one_line(str(place))
        raise ExportProblem(
            f"{name} may not be written",
            "It is read-only",
            f"Choose another place, or make it writable: chmod u+w {shlex.quote(name)}",
        )


def _decoded(place: Path, content: bytes | None) -> str | None:
    if content is None:
        return None
    why = f"It has more than {LARGEST:,} bytes" if len(content) > LARGEST else ""
    try:
        text = "" if why else content.decode("utf-8")
    except UnicodeDecodeError:
        why = "It is not UTF-8 text"
    if why:
        raise ExportProblem(
            f"{one_line(str(place))} is no file that can be merged into", why, "Choose another name"
        )
    return text


def _check(store: Store, present: Mapping[Path, bytes | None], over: Mapping[Path, str]) -> None:
    seen = {place: _digest(content) for place, content in present.items() if content is not None}
    for place, digest in seen.items():
        ours = store.exported(place)
        if digest in (ours, over.get(place)):
            continue
        changed = place in over
        raise Overwrites(
            f"{one_line(str(place))} is there already",
            "It changed while you were asked"
            if changed
            else "amx-tui did not write it"
            if ours is None
            else "It was changed since amx-tui wrote it",
            "Choose another name, or say that it may be overwritten",
            seen,
        )


def _write(place: Path, text: str, present: bytes | None) -> None:
    """Raises where the file is no longer what was looked at."""

    def still() -> bool:
        return _read(place) == present

    try:
        mode = stat.S_IMODE(place.stat().st_mode) if present is not None else _NEW_MODE
        is_written = write_atomic(place, text, mode=mode, still=still)
    except UnicodeEncodeError as error:
        raise ExportProblem(
            f"{one_line(str(place))} was not written",
            "A name or text holds half of a Unicode character (a lone surrogate)",
            "Edit the text, or reject it, and export again",
        ) from error
    except OSError as error:
        raise _unwritable(place, error) from error
    if not is_written:
        raise ExportProblem(
            f"{one_line(str(place))} was not written",
            "Another program changed it in this very moment; what it wrote is kept",
            "Export again",
        )


def _unwritable(place: Path, error: OSError) -> ExportProblem:
    return ExportProblem(
        f"{one_line(str(place))} cannot be written",
        one_line(error.strerror or str(error), 300),
        "Choose another place",
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
