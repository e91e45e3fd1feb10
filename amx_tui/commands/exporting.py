"""Writes an export to a file. It never replaces a file that is not ours, nor one of ours that somebody
edited since, unless it is told to."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from amx_tui.base.files import write_atomic
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Catalog, Connector, Target
from amx_tui.review.exports import FORMATS, Material
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store


class ExportProblem(Problem):
    """There is nothing to export, or no place to put it."""


class Overwrites(ExportProblem):
    """A file is in the way that amx-tui did not write, or that was changed since. Nothing was written;
    the same export with `overwrite=True` replaces it."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """The files that were written, how many decided texts are in them, and which decided targets are
    no longer in the database and were left out."""

    paths: tuple[Path, ...]
    texts: int
    left_out: tuple[Target, ...] = ()


def export(
    format: str,
    path: Path,
    store: Store,
    connector: Connector,
    catalog: Catalog,
    *,
    overwrite: bool = False,
) -> ExportReport:
    """Makes the files of `format` (an id of `FORMATS`) at `path` and beside it. Each is replaced whole
    or not at all.

    Raises:
        ExportProblem: no such format, nothing to export, or a place that cannot be written.
        Overwrites: a file that is not ours is in the way.
        StoreProblem: the decisions cannot be read.
    """
    chosen = FORMATS.get(format)
    if chosen is None:
        raise ExportProblem(
            f"There is no export called '{one_line(format, 40)}'",
            "",
            f"Choose one of {', '.join(FORMATS)}",
        )
    material = Material(
        connector.label, connector.dialect, catalog, store.decided(connector.identity)
    )
    texts = len(material.decided) - len(material.left_out)
    if chosen.needs_decisions and not texts:
        raise ExportProblem(
            "There is nothing to export yet",
            "No text is accepted or edited",
            "Press R and accept what is right, then export again",
        )
    files = {
        place: text
        for between, text in chosen.make(material).items()
        for place in [_find_place(path, between, chosen.suffix)]
    }
    if not overwrite:
        for place in files:
            _check(store, place)
    for place, text in files.items():
        _write(place, text)
        # The file is there. Should this fail, the next export asks before it replaces it.
        with contextlib.suppress(StoreProblem):
            store.record_export(place, _digest(text.encode("utf-8", "surrogatepass")))
    return ExportReport(tuple(files), texts, material.left_out)


def _find_place(path: Path, between: str, suffix: str) -> Path:
    """The file itself: `~` is the home of this user, links are followed, and a name without a suffix
    gets one."""
    try:
        found = path.expanduser()
        is_home = found != path and len(path.parts) == 1  # ~, or ~ann
        if is_home or found.name in ("", ".."):
            raise ExportProblem(
                f"{one_line(str(path))} is a folder", "", "Add a name for the file in it"
            )
        return found.with_name(f"{found.stem}{between}{found.suffix or suffix}").resolve()
    except (RuntimeError, ValueError, OSError) as error:
        raise ExportProblem(
            f"{one_line(str(path))} is no place for a file",
            one_line(str(error), 300),
            "Choose another place",
        ) from error


def _check(store: Store, place: Path) -> None:
    try:
        present = place.read_bytes()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unwritable(place, error) from error
    ours = store.exported(place)
    if ours == _digest(present):
        return
    raise Overwrites(
        f"{one_line(str(place))} is there already",
        "amx-tui did not write it" if ours is None else "It was changed since amx-tui wrote it",
        "Choose another name, or say that it may be overwritten",
    )


def _write(place: Path, text: str) -> None:
    try:
        write_atomic(place, text, mode=0o644)
    except UnicodeEncodeError as error:
        raise ExportProblem(
            f"{one_line(str(place))} was not written",
            "A name or text holds half of a Unicode character (a lone surrogate)",
            "Edit the text, or reject it, and export again",
        ) from error
    except OSError as error:
        raise _unwritable(place, error) from error


def _unwritable(place: Path, error: OSError) -> ExportProblem:
    return ExportProblem(
        f"{one_line(str(place))} cannot be written",
        one_line(error.strerror or str(error), 300),
        "Choose another place",
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
