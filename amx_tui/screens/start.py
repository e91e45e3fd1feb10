"""Where no database was named: the connections of `config.yml`, the files that were opened last, and a
field for a file or a URL."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalGroup
from textual.screen import Screen
from textual.widgets import Input

from amx_tui.base.problem import Problem
from amx_tui.commands.recent import recent_files
from amx_tui.config.folders import shown_path
from amx_tui.config.model import Connection
from amx_tui.screens.room import Desk, tell
from amx_tui.widgets.bars import KeyBar, TopBar
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit
from amx_tui.widgets.rows import RowList


class StartScreen(Screen[None]):
    CSS_PATH = "start.tcss"
    BINDINGS = bindings_of("start")
    AUTO_FOCUS: ClassVar[str] = "#database"

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._connections: list[Connection] = []
        self._files: tuple[Path, ...] = ()

    def compose(self) -> ComposeResult:
        yield TopBar("start", self._desk.whereabouts)
        with VerticalGroup(id="start"):
            yield Plain(("Which database?", "title"), "  A file, a URL, or one from below.")
            yield Input(placeholder="legacy.db  ·  sqlite:///legacy.db  ·  demo", id="database")
            yield Plain("", id="said")
            yield RowList(self._draw, empty="", id="connections")
        yield KeyBar("start", self._desk.keymap)

    def on_mount(self) -> None:
        self.query_one("#database", Input).cursor_blink = False
        entitle(
            self.query_one("#start"),
            "open a database",
            "enter open · tab those below · ctrl-q quit",
        )
        self.run_worker(self._read())

    async def _read(self) -> None:
        rows = self.query_one("#connections", RowList)
        workspace = self._desk.workspace
        self._files = await asyncio.to_thread(recent_files, workspace.folders)
        try:
            config = await asyncio.to_thread(workspace.read_config)
        except Problem as problem:
            self.refuse(problem)
        else:
            self._connections = list(config.connections.values())
        where = shown_path(workspace.folders.config_file)
        empty = f"{where} has no connections.\nTo look around first, type: demo"
        rows.show(len(self._connections) + len(self._files), empty=empty)

    def _draw(self, index: int, width: int) -> Line:
        if index >= len(self._connections):
            file = self._files[index - len(self._connections)]
            return [
                (f" {fit(file.name, 24)}", "strong"),
                (fit("file", 14), "dim"),
                (fit(shown_path(file.parent), width - 40), "dim"),
            ]
        connection = self._connections[index]
        place = connection.settings.get("database") or connection.settings.get("host") or ""
        return [
            (f" {fit(connection.name, 24)}", "strong"),
            (fit(connection.backend, 14), "dim"),
            (fit(str(place), width - 40), "dim"),
        ]

    def refuse(self, problem: Problem) -> None:
        """Says below the field why it cannot be opened; what was typed stays."""
        self.query_one("#said", Plain).write_lines(
            [[(problem.what, "bad")], *([(line, "")] for line in tell(problem).split("\n"))]
        )

    @on(Input.Submitted, "#database")
    def _typed(self, event: Input.Submitted) -> None:
        if event.value.strip():
            self._desk.open_database(event.value.strip())

    @on(RowList.Chosen, "#connections")
    def _chosen(self, event: RowList.Chosen) -> None:
        n_connections = len(self._connections)
        if event.index < n_connections:
            self._desk.open_database(self._connections[event.index].name)
        else:
            self._desk.open_database(str(self._files[event.index - n_connections]))

    def action_back(self) -> None:
        self.query_one("#connections").focus()
