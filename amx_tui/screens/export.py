"""Asks which format, what goes into it, and into which file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input

from amx_tui.review.exports.formats import FORMATS
from amx_tui.review.exports.material import What
from amx_tui.widgets.dialog import Box, Dialog
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit
from amx_tui.widgets.rows import RowList


@dataclass(frozen=True, slots=True)
class ExportWish:
    format: str
    path: Path
    what: What


_WORDS = {What.DECIDED: "decided texts only", What.ALL: "the whole catalog"}


class ExportDialog(Dialog[ExportWish | None]):
    """`stem` is the file's name without its ending, as it is offered."""

    BINDINGS = bindings_of("export")
    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#formats"

    def __init__(self, stem: str) -> None:
        super().__init__()
        self._stem = stem
        self._formats = list(FORMATS.values())
        self._what = self._formats[0].usual
        self._offered = -1  # the format that name and contents are shown for

    def compose(self) -> ComposeResult:
        with Box(classes="dialog") as box:
            entitle(
                box,
                "Export",
                "↑↓ format · w what goes in · enter file name, then write · esc leave",
            )
            formats = RowList(self._draw, id="formats")
            formats.styles.height = len(self._formats)
            yield formats
            yield Plain("", id="what", classes="dialog-body")
            yield Input(id="path", compact=True, placeholder="file")
            yield Plain("", id="wrong")

    def on_mount(self) -> None:
        self.query_one("#formats", RowList).show(len(self._formats))
        self._offer()

    def _draw(self, index: int, width: int) -> Line:
        row = self._formats[index]
        return [(f" {fit(row.title, width - 2)} ", "")]

    @property
    def _format_index(self) -> int:
        return self.query_one("#formats", RowList).cursor

    def _offer(self) -> None:
        """What usually belongs to the format under the cursor; a key may come before it is heard that
        the cursor moved, so that every key asks for it."""
        if self._offered == self._format_index:
            return
        self._offered = self._format_index
        row = self._formats[self._format_index]
        self.query_one("#path", Input).value = row.offered(self._stem)
        self._what = row.usual
        self._show_what()

    def _show_what(self) -> None:
        other = next(what for what in What if what is not self._what)
        self.query_one("#what", Plain).write_lines(
            [
                [],
                [
                    (" goes in  ", "dim"),
                    (_WORDS[self._what], "strong"),
                    ("   w ", "key"),
                    (f" {_WORDS[other]}", "dim"),
                ],
            ]
        )

    def action_what(self) -> None:
        self._offer()
        self._what = next(what for what in What if what is not self._what)
        self._show_what()

    @on(RowList.Moved)
    def _moved(self) -> None:
        self._offer()

    @on(RowList.Chosen)
    def _chosen(self) -> None:
        self._offer()
        self.query_one("#path").focus()

    @on(Input.Submitted)
    def _write(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.query_one("#wrong", Plain).write(("Name a file.", "bad"))
            return
        row = self._formats[self._format_index]
        self.dismiss(ExportWish(row.id, Path(event.value.strip()), self._what))

    def action_leave(self) -> None:
        self.dismiss(None)
