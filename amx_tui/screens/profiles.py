"""LLM profiles and connections: which there are and which one is active; made, changed, copied, renamed
and removed. What both lists have in common is here once, as two `Kind`s."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.app import ComposeResult

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.config.folders import shown_path
from amx_tui.config.keys import KEY_VARIABLE, is_reference
from amx_tui.config.model import Config, Connection, Profile
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import PROVIDERS, shown_base
from amx_tui.screens.ask import Ask
from amx_tui.screens.question import Question
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Piece, entitle, fit, say
from amx_tui.widgets.rows import RowList

if TYPE_CHECKING:
    from amx_tui.commands.profiles import Outcome

PROFILES, CONNECTIONS = "profiles", "connections"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a list is of: its words, and the functions that change it (blocking)."""

    word: str  # such as "LLM profile"
    secret: str  # what the keyring keeps of it
    copy: Callable[[Path, str, str], Outcome[Any]]
    rename: Callable[[Path, str, str], Outcome[Any]]
    remove: Callable[[Path, str], Outcome[None]]
    referring_to: Callable[[Path, str], list[str]]


def kind_of(list_id: str) -> Kind:
    from amx_tui.commands import profiles as p

    if list_id == PROFILES:
        return Kind("LLM profile", "key", p.copy, p.rename, p.remove, p.referring_to)
    return Kind(
        "connection",
        "password",
        p.copy_connection,
        p.rename_connection,
        p.remove_connection,
        p.connection_referring_to,
    )


class ProfilesScreen(Room):
    ROOM = "profiles"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("profiles")
    AUTO_FOCUS: ClassVar[str] = "#profiles"

    def __init__(self) -> None:
        super().__init__()
        self._config: Config | None = None
        self._problem: Problem | None = None
        self._told: set[str] = set()  # problems of the file, each once
        self._at = PROFILES

    def compose_body(self) -> ComposeResult:
        yield RowList(self._draw_profile, id=PROFILES)
        yield RowList(self._draw_connection, id=CONNECTIONS)

    def on_screen_resume(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="profiles")

    async def _read(self) -> None:
        try:
            config = await asyncio.to_thread(self.desk.workspace.read_config)
            self._config, self._problem = config, None
        except Problem as problem:
            self._config, self._problem = None, problem
        self.show_now()
        for wrong in self._config.problems if self._config else ():
            if wrong.what not in self._told:
                self._told.add(wrong.what)
                say(self, tell(wrong), title=wrong.what, severity="warning")

    async def _known(self) -> Config:
        """What the file says.

        Raises:
            ConfigProblem: it cannot be read.
        """
        if self._config is None:
            await self._read()
        if self._config is None:
            assert self._problem is not None
            raise self._problem
        return self._config

    # What stands there. --------------------------------------------------------------------------

    @property
    def _profiles(self) -> list[Profile]:
        return list(self._config.profiles.values()) if self._config else []

    @property
    def _connections(self) -> list[Connection]:
        return list(self._config.connections.values()) if self._config else []

    @property
    def _chosen(self) -> str | None:
        if self.desk.workspace.profile_name:
            return self.desk.workspace.profile_name
        return self._config.active_profile if self._config else None

    def show_state(self) -> None:
        rows = self.query_one(f"#{PROFILES}", RowList)
        others = self.query_one(f"#{CONNECTIONS}", RowList)
        can_edit = self.desk.workspace.can_edit_profiles
        empty = "There is no profile yet.\nPress n to make one: name, provider, model, key."
        none = "There is no connection yet. Press n here to make one,\nor open a file: amx-tui legacy.db"
        if self._problem is not None:
            empty, none = f"{self._problem.what}\n{tell(self._problem)}", ""
        if not can_edit:
            none = "The demo has its own database."
        rows.show(len(self._profiles), empty=empty)
        others.show(len(self._connections), empty=none)
        where = shown_path(self._config.path) if self._config else ""
        if not can_edit:
            where = "the demo's own; config.yml is not read"
        elif self._config is not None and self._config.is_read_only:
            where = f"{where}, of a newer AMX: it is read, not changed"
        entitle(rows, "LLM profiles", where)
        entitle(others, "connections", "enter opens it in Browse" if self._connections else "")

    def _draw_profile(self, index: int, width: int) -> Line:
        profile = self._profiles[index]
        is_active = profile.name == self._chosen
        retired = find_model(profile.provider, profile.model).retired
        name, model, key = (18, 20, 0) if width < 110 else (24, 28, 24)
        key = key or width - name - model - 24
        line: list[Piece] = [
            (" ● " if is_active else "   ", "accent"),
            (fit(profile.name, name) + " ", "strong"),
            (fit(profile.provider, 10) + " ", "dim"),
            (fit(profile.model, model), "warn" if retired else ""),
            (" retired " if retired else " " * 9, "warn"),
            (fit(self._key_words(profile), key), "dim"),
        ]
        left = width - (name + model + key + 24)
        return [*line, (" " + fit(shown_base(profile.api_base or ""), left - 1), "dim")]

    def _key_words(self, profile: Profile) -> str:
        """Where the key is, as far as the file and the variables tell: no keyring is asked for a list."""
        if not self.desk.workspace.can_edit_profiles:
            return "the demo needs none"
        if profile.api_key:
            return "keyring" if is_reference(profile.api_key) else "in config.yml"
        row = PROVIDERS.get(profile.provider.lower())
        if row is not None and not row.needs_key:
            return "needs none"
        variables = [row.key_variable if row else None, KEY_VARIABLE]
        environ = self.desk.workspace.environ
        return next((name for name in variables if name and environ.get(name)), "no key")

    def _draw_connection(self, index: int, width: int) -> Line:
        from amx_tui.screens.connection_fields import place_of, title_of

        connection = self._connections[index]
        is_active = self._config is not None and connection.name == self._config.active_connection
        title = title_of(connection.backend)
        return [
            (" ● " if is_active else "   ", "accent"),
            (fit(connection.name, 24) + " ", "strong"),
            (fit(title or connection.backend, 18), "dim" if title else "warn"),
            (fit(place_of(connection) if title else "not one that opens here", width - 46), "dim"),
        ]

    # Which one. ----------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if event.widget.id in (PROFILES, CONNECTIONS):
            self._at = event.widget.id or PROFILES
            self.query_one("#key-bar").refresh()

    @property
    def _entries(self) -> Mapping[str, Profile] | Mapping[str, Connection]:
        if self._config is None:
            return {}
        return self._config.profiles if self._at == PROFILES else self._config.connections

    @property
    def _current(self) -> Profile | Connection | None:
        cursor = self.query_one(f"#{self._at}", RowList).cursor
        entries: list[Profile] | list[Connection]
        entries = self._profiles if self._at == PROFILES else self._connections
        return entries[cursor] if cursor < len(entries) else None

    # Keys. ---------------------------------------------------------------------------------------

    def action_other(self) -> None:
        self.query_one(f"#{CONNECTIONS if self._at == PROFILES else PROFILES}").focus()

    @on(RowList.Chosen)
    def _chose(self) -> None:
        self.action_use()

    def action_use(self) -> None:
        entry = self._current
        if isinstance(entry, Profile):
            self.do(partial(self._use, entry.name), only="use")
        elif isinstance(entry, Connection):
            self.desk.open_database(entry.name)

    async def _use(self, name: str) -> None:
        from amx_tui.commands import profiles

        workspace = self.desk.workspace
        said: tuple[str, ...] = ()
        if workspace.can_edit_profiles:
            path = workspace.folders.config_file
            said = (await asyncio.to_thread(profiles.activate, path, name)).said
        workspace.profile_name = None
        self.desk.profile_changed()
        await self._read()
        say(self, "\n".join([f"'{name}' is the active profile now.", *said]))

    def action_add(self) -> None:
        self.do(partial(self._open_form, None), only="form")

    def action_edit(self) -> None:
        if (entry := self._current) is not None:
            self.do(partial(self._open_form, entry), only="form")

    def action_test(self) -> None:
        if (entry := self._current) is not None:
            self.do(partial(self._open_form, entry, starts_test=True), only="form")

    async def _open_form(
        self, entry: Profile | Connection | None, *, starts_test: bool = False
    ) -> None:
        config = await self._known()
        if not self._can_edit():
            return
        if self._at == PROFILES:
            from amx_tui.screens.profile_form import ProfileForm

            profile = entry if isinstance(entry, Profile) else None
            is_active = profile is not None and profile.name == config.active_profile
            form = ProfileForm(
                profile,
                list(config.profiles),
                is_active=is_active,
                stored=[other.api_key for other in config.profiles.values()],
                starts_test=starts_test,
            )
            await self.app.push_screen(form)
            return
        from amx_tui.screens.connection_fields import title_of
        from amx_tui.screens.connection_form import ConnectionForm

        connection = entry if isinstance(entry, Connection) else None
        if connection is not None and not title_of(connection.backend):
            backend = one_line(connection.backend, 40)
            say(self, "Change it with AMX; its lines stay as they are.",
                title=f"amx-tui does not open {backend}", severity="warning")  # fmt: skip
            return
        await self.app.push_screen(
            ConnectionForm(
                connection,
                list(config.connections),
                stored=[str(c.settings.get("password", "")) for c in config.connections.values()],
                starts_test=starts_test,
            )
        )

    def _can_edit(self) -> bool:
        if self._config is not None and self._config.is_read_only:
            from amx_tui.config.file import newer_schema

            problem = newer_schema(shown_path(self._config.path))
            say(self, tell(problem), title=problem.what, severity="warning")
            return False
        if self.desk.workspace.can_edit_profiles:
            return True
        say(self, "Start amx-tui with a database of your own to make profiles.",
            title="The demo has a profile of its own")  # fmt: skip
        return False

    def action_copy(self) -> None:
        self._ask_name("Copy", "-copy", lambda kind: kind.copy)

    def action_rename(self) -> None:
        self._ask_name("Rename", "", lambda kind: kind.rename)

    def _ask_name(
        self, verb: str, ending: str, choose: Callable[[Kind], Callable[[Path, str, str], Any]]
    ) -> None:
        entry, list_id = self._current, self._at
        if entry is None or not self._can_edit():
            return
        kind, taken = kind_of(list_id), set(self._entries)

        def check(words: str) -> str:
            name = one_line(words)
            if not name:
                return "It needs a name."
            if name != entry.name and name in taken:
                return f"There is a {kind.word} '{name}' already."
            return "That is its name." if name == entry.name else ""

        def named(words: str | None) -> None:
            if words is not None:
                self.do(
                    partial(self._change, choose(kind), entry.name, one_line(words)), only="change"
                )

        words = f"The new name of the {kind.word}. Its {kind.secret} goes along."
        if ending:
            words = f"The name of the copy. The {kind.secret} is copied as well."
        self.app.push_screen(
            Ask(f"{verb} '{one_line(entry.name, 40)}'", words, entry.name + ending, check=check),
            named,
        )

    def action_remove(self) -> None:
        entry = self._current
        if entry is not None and self._can_edit():
            self.do(partial(self._ask_to_remove, entry.name, kind_of(self._at)), only="change")

    async def _ask_to_remove(self, name: str, kind: Kind) -> None:
        path = self.desk.workspace.folders.config_file
        also = await asyncio.to_thread(kind.referring_to, path, name)
        rows: list[Line] = [[(f"Its {kind.secret} goes from the keyring as well.", "")]]
        if also:
            rows.append([("These refer to it, and forget it: ", "warn"), (", ".join(also), "")])

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(partial(self._change, kind.remove, name), only="change")

        shown = one_line(name, 40)
        self.app.push_screen(Question(f"Remove the {kind.word} '{shown}'?", rows), answered)

    async def _change(self, change: Callable[..., Outcome[Any]], name: str, *more: str) -> None:
        workspace = self.desk.workspace
        outcome = await asyncio.to_thread(change, workspace.folders.config_file, name, *more)
        after = outcome.entry.name if outcome.entry is not None else None
        if self._at == PROFILES and workspace.profile_name == name and change.__name__ != "copy":
            workspace.profile_name = after
        self.desk.profile_changed()
        await self._read()
        done = f"✓ '{after}' is in the list." if after else f"✓ '{name}' is removed."
        say(self, "\n".join([done, *outcome.said]))
        if after in (names := list(self._entries)):
            self.query_one(f"#{self._at}", RowList).go(names.index(after))

    def action_back(self) -> None:
        self.desk.go("browse")
