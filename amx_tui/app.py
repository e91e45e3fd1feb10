"""The Textual app: owns the screens and the session, and goes from one room to another. Small."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePath
from time import monotonic
from typing import ClassVar, Protocol, runtime_checkable

from textual import events
from textual.app import App, SystemCommand
from textual.message import Message
from textual.screen import Screen
from textual.theme import Theme
from textual.widget import Widget

from amx_tui.actions import ACTIONS, Action, actions_of, find_clashes, key_name, keys_of
from amx_tui.base.building import calm_collector
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Connector
from amx_tui.commands.model import CatalogRead, RowsChanged, SessionEvent
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace
from amx_tui.config.folders import shown_path
from amx_tui.screens.room import Room, tell
from amx_tui.theme import AMX_THEME, KeptStyles
from amx_tui.widgets.bars import Whereabouts
from amx_tui.widgets.hidden import Hidden
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, say
from amx_tui.widgets.words import balance_words

# A room is imported when somebody goes there for the first time: the first paint needs only one.
ROOMS: dict[str, tuple[str, str]] = {
    "browse": ("amx_tui.screens.browse", "BrowseScreen"),
    "drafting": ("amx_tui.screens.drafting", "DraftingScreen"),
    "review": ("amx_tui.screens.review", "ReviewScreen"),
    "write": ("amx_tui.screens.write", "WriteScreen"),
    "history": ("amx_tui.screens.history", "HistoryScreen"),
    "profiles": ("amx_tui.screens.profiles", "ProfilesScreen"),
    "prices": ("amx_tui.screens.prices", "PricesScreen"),
    "doctor": ("amx_tui.screens.doctor", "DoctorScreen"),
}
# What can be seen before a database is open.
ALWAYS_OPEN = ("profiles", "prices", "doctor")


@runtime_checkable
class Preparing(Protocol):
    """A room that takes long to be made."""

    async def prepare(self) -> None: ...


class AmxApp(App[None]):
    TITLE = "amx-tui"
    # Textual loads a screen's own stylesheet when it is pushed; these two can be the first.
    CSS_PATH: ClassVar[list[str | PurePath]] = ["screens/browse.tcss", "screens/start.tcss"]
    BINDINGS = bindings_of("app")
    ENABLE_COMMAND_PALETTE = True
    # `esc` goes one level out and nothing else.
    ESCAPE_TO_MINIMIZE: ClassVar[bool] = False
    # A drag scrolls from the first and the last line on; Textual's three are all of a view of six. Lines
    # a second.
    SELECT_AUTO_SCROLL_LINES: ClassVar[int] = 1
    SELECT_AUTO_SCROLL_SPEED: ClassVar[float] = 15.0

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self.workspace = workspace
        self._session: Session | None = None
        self._rooms: dict[str, Room] = {}
        self._model_words = ""
        self.pressed_at = 0.0
        self._remembered: Session | None = None  # among the files opened last
        self._offered_for: Session | None = None  # to go on with its interrupted run
        self._was_running = False
        self._told: tuple[Problem, ...] = ()  # of the store
        self._profile_name = ""
        if workspace.connector is not None:
            self._open_session()
        self.register_theme(AMX_THEME)
        wanted = workspace.preferences.theme
        if wanted in self.available_themes:
            self.theme = wanted
        elif "TEXTUAL_THEME" not in os.environ:
            self.theme = AMX_THEME.name
        self.stylesheet = KeptStyles(variables=self.get_css_variables())
        self.set_keymap(dict(workspace.preferences.keys))

    # What screens ask of it (`screens.room.Desk`). -------------------------------------------------

    @property
    def has_database(self) -> bool:
        return self._session is not None

    @property
    def session(self) -> Session:
        assert self._session is not None
        return self._session

    @property
    def keymap(self) -> Mapping[str, str]:
        return self.workspace.preferences.keys

    def whereabouts(self) -> Whereabouts:
        if self._session is None:
            return Whereabouts(model=self._model_words)
        board = self._session.board
        run = ""
        if board is not None and self._session.is_running:
            run = f"drafting {board.drafted}/{board.targets}"
        label = one_line(self._session.connector.label, 40)
        account = self.workspace.accounts.get(self._profile_name)
        left = account.balance if account is not None else None
        balance = f"balance {balance_words(left.available, left.currency)}" if left else ""
        return Whereabouts(label, self._model_words, self.workspace.notice, run, balance)

    def go(self, room: str, then: Callable[[], None] | None = None) -> None:
        """Leaves whatever lies on top, after a question where something would be lost, and shows a
        room; `then` is done there."""
        top = self.screen
        if isinstance(top, Room) and top.unsaved:
            from amx_tui.screens.question import leave_unsaved

            leave_unsaved(top, top.unsaved, partial(self._go, room, then))
            return
        self._go(room, then)

    def _go(self, room: str, then: Callable[[], None] | None) -> None:
        if self._session is None and room not in ALWAYS_OPEN:
            while len(self.screen_stack) > 1:
                self.pop_screen()
            if room != "browse":
                say(self.screen, "Open a database first.")
            return
        target = self._room(room)
        while len(self.screen_stack) > 1 and self.screen is not target:
            self.pop_screen()
        if self.screen is not target:
            self.push_screen(target)
        if then is not None:
            then()

    def _room(self, name: str) -> Room:
        if name not in self._rooms:
            module, title = ROOMS[name]
            room: Room = getattr(importlib.import_module(module), title)()
            self._rooms[name] = room
            # Installed screens are kept when they are popped.
            self.install_screen(room, f"{name} {id(room)}")
        return self._rooms[name]

    def open_database(self, text: str) -> None:
        """Opens what was chosen, in a thread: a server may take its time."""
        self.run_worker(self._open(text), exclusive=True, group="open")

    async def _open(self, text: str) -> None:
        from amx_tui.screens.start import StartScreen

        top = self.screen
        try:
            self._refuse_while_running()
            if text == "demo" and self._session is None:
                from amx_tui.demo.workspace import demo_workspace

                self.workspace = await asyncio.to_thread(demo_workspace, self.workspace.environ)
                connector = self.workspace.connector
            else:
                from amx_tui.commands.opening import open_named

                connector = await asyncio.to_thread(open_named, self.workspace, text)
                self._refuse_while_running()
        except Problem as problem:
            if isinstance(top, StartScreen):
                top.refuse(problem)
            else:
                say(top, tell(problem), title=problem.what, severity="error")
            return
        await self._change_database(connector)

    def _refuse_while_running(self) -> None:
        if self._session is not None and self._session.is_running:
            raise Problem(
                "A run is going in the database that is open",
                "Another one can be opened when it has ended",
                "Press D to see it, and x there to stop it",
            )

    async def _change_database(self, connector: Connector | None) -> None:
        """Shows another database in rooms of its own, and closes the one that was open."""
        old, rooms = self._session, self._rooms
        self.workspace.connector = connector
        if old is not None:
            self._rooms = {}
            for room in rooms.values():
                room.retire()
            while len(self.screen_stack) > 1:
                self.pop_screen()
        self._open_session()
        self.profile_changed()
        self.go("browse")
        if old is None:
            return
        for room in rooms.values():
            if room in self.screen_stack:
                # Textual (8.2.8) cannot take its first screen away: it stays below, empty.
                await room.remove_children()
            else:
                self.uninstall_screen(room)
                await room.remove()
        await old.close()

    def profile_changed(self) -> None:
        self.workspace.accounts.clear()  # of another key or host, perhaps
        self.run_worker(self._read_model(), exclusive=True, group="profile")

    async def _read_model(self) -> None:
        """Which profile and model the header names; what is wrong with them is told by Draft."""
        from amx_tui.commands.setup import find_profile

        try:
            profile = await asyncio.to_thread(find_profile, self.workspace)
            self._profile_name = profile.name
            self._model_words = f"{profile.name} · {profile.model}"
        except Problem:
            self._profile_name, self._model_words = "", "no profile"
        self.screen.refresh(recompose=False)
        for bar in self.screen.query("TopBar"):
            bar.refresh()

    def post_message(self, message: Message) -> bool:
        """A paste may be a key: Textual's log writes down what it is."""
        if isinstance(message, events.Paste):
            message.text = Hidden(message.text)
        return super().post_message(message)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key):
            self.pressed_at = monotonic()  # what it does is drawn before the stream
        await super().on_event(event)

    async def on_key(self, event: events.Key) -> None:
        """A key that nothing took where it was sent. What had the focus then may not have it any more: a field
        that takes letters gets it as its text, and no screen takes it for an order."""
        screen, focused = self.screen, self.screen.focused
        taker: Widget | None = None
        if screen.is_modal and not screen.is_mounted:
            taker = screen  # which sends it here again, when it has its field
        elif focused is not None and focused.check_consume_key(event.key, event.character):
            taker = focused
        if taker is not None:
            event.prevent_default()
            taker._forward_event(events.Key(event.key, event.character))

    # Start and end. ------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[None]:
        if self._session is not None:
            return self._room("browse")
        from amx_tui.screens.start import StartScreen

        return StartScreen(self)

    def _open_session(self) -> None:
        self._session = Session(self.workspace)
        self._session.subscribe(self._hear)

    def on_mount(self) -> None:
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """After the first paint: what was not needed for it."""
        self.profile_changed()
        for problem in (*self.workspace.preferences.problems, *self._wrong_wishes()):
            say(self.screen, tell(problem), title=problem.what, severity="warning")
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        calm_collector()

    def _keep_theme(self, theme: Theme) -> None:
        """A theme that was chosen in the palette is there at the next start."""
        if not self.workspace.can_edit_profiles:  # the demo keeps nothing of the person's
            return
        from amx_tui.config.preferences import save_preference

        async def keep() -> None:
            try:
                path = self.workspace.folders.preferences_file
                await asyncio.to_thread(save_preference, path, "theme", theme.name)
            except Problem as problem:
                say(self.screen, tell(problem), title=problem.what, severity="warning")

        self.run_worker(keep(), group="theme", exclusive=True)

    def _wrong_wishes(self) -> Iterable[Problem]:
        """What `tui.yml` asks for and cannot be had: what only the app itself can tell."""
        preferences = self.workspace.preferences
        where = shown_path(self.workspace.folders.preferences_file)
        if preferences.theme and preferences.theme not in self.available_themes:
            yield Problem(
                f"{where}: there is no theme '{one_line(preferences.theme, 40)}'",
                f"There are {', '.join(sorted(self.available_themes))}",
                "Press ctrl-p and type theme to try them",
            )
        for clash in find_clashes(preferences.keys):
            yield Problem(f"{where}: {clash}", "", "The first of them works; give it another key")

    def _hear(self, event: SessionEvent) -> None:
        if self.session.is_running != self._was_running:
            self._was_running = self.session.is_running
            if self._was_running:
                gc.freeze()  # what the run imported
        is_read = isinstance(event, CatalogRead) and event.is_whole and not event.is_kept
        if is_read and self._remembered is not self.session:  # not again at each refresh
            self._remembered = self.session
            self.run_worker(self._remember(), group="recent")
        if isinstance(event, RowsChanged) and not event.targets:  # all were read
            self._tell_of_store()
            if self._offered_for is not self.session:
                # Not sooner: the readings so far go along where it drafted again.
                self._offered_for = self.session
                self.run_worker(self._offer_to_go_on(), group="interrupted", exclusive=True)
            self.run_worker(self.session.follow_store(), group="store", exclusive=True)
            if self.session.rows:
                self.run_worker(self._prepare_review(), group="prepare", exclusive=True)

    def _tell_of_store(self) -> None:
        """What was found at its place when it was first used, once."""
        told, self._told = self._told, self.workspace.store.notices
        if told is self._told:
            return
        from amx_tui.screens.notice import Notice

        for problem in self._told:
            self.push_screen(Notice("Runs and decisions", problem))

    async def _prepare_review(self) -> None:
        """Where there is something to decide, the key that goes there finds all that it needs."""
        await asyncio.to_thread(importlib.import_module, ROOMS["review"][0])
        review = self._room("review")
        assert isinstance(review, Preparing)
        await review.prepare()
        for path in (*review.css_path, Path(__file__).parent / "screens" / "dialog.tcss"):
            if not self.stylesheet.has_source(str(path)):
                # With the screen, Textual reads this and parses the styles of all others anew.
                self.stylesheet.read(path)
                self.stylesheet.parse()
        if not review.is_running:
            # What `push_screen` begins with; Textual (8.2.8) has no public way to it.
            await self._get_screen(review)[1]
        review.draw_ahead()

    async def _offer_to_go_on(self) -> None:
        if self.session.is_running:
            return
        from amx_tui.screens.resume import offer_to_go_on

        await offer_to_go_on(self, self.session)

    async def _remember(self) -> None:
        workspace = self.workspace
        if workspace.transport is None and workspace.connector is not None:  # no demo
            from amx_tui.commands.recent import remember

            await asyncio.to_thread(remember, workspace.folders, workspace.connector)

    async def action_quit(self) -> None:
        top = self.screen
        if isinstance(top, Room) and top.unsaved:
            from amx_tui.screens.question import leave_unsaved

            def quit_unsaved() -> None:
                self.run_worker(self._quit())

            leave_unsaved(top, top.unsaved, quit_unsaved)
            return
        await self._quit()

    async def _quit(self) -> None:
        if self._session is None or not self._session.is_running:
            await self._leave()
            return
        from amx_tui.screens.question import Question

        rows: list[Line] = [
            [("What has arrived is kept; the rest can be drafted at the next start.", "")]
        ]

        def answered(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._leave())

        self.push_screen(Question("A run is going. Stop it and quit?", rows), answered)

    async def _leave(self) -> None:
        if self._session is not None:
            await self._session.close()
        self.exit()

    # Actions that work everywhere. ---------------------------------------------------------------

    def action_browse(self) -> None:
        self.go("browse")

    def action_drafting(self) -> None:
        self.go("drafting")

    def action_review(self) -> None:
        self.go("review")

    def action_write(self) -> None:
        self.go("write")

    def action_history(self) -> None:
        self.go("history")

    def action_profiles(self) -> None:
        self.go("profiles")

    def action_prices(self) -> None:
        self.go("prices")

    def action_doctor(self) -> None:
        self.go("doctor")

    def action_help(self) -> None:
        from amx_tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(getattr(self.screen, "ROOM", "start"), self.keymap))

    def action_help_quit(self) -> None:
        """`ctrl+c` where nothing is selected: a habit from elsewhere, which ends nothing here."""
        (leave,) = (one for one in actions_of("app") if one.id == "app.quit")
        key = keys_of(leave, self.keymap).split()[-1]  # the one that no text field takes
        words = f"ctrl-c copies what the mouse was dragged over. {key} quits."
        say(self.screen, words, title="Nothing is selected")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: everything that can be done here, and AMX's commands from everywhere, from the
        table of actions."""
        here = getattr(screen, "ROOM", "")
        for action in (*actions_of(here), *actions_of("app")):
            target = screen if action.room == here else self
            if not target.check_action(action.name, ()):
                continue
            run = getattr(target, f"action_{action.name}")
            title = action.command or action.label.rstrip("…")
            yield SystemCommand(title, action.help, run)
        for action in ACTIONS:
            if action.command and action.room not in (here, "app"):
                yield SystemCommand(action.command, action.help, partial(self._go_and_do, action))
        yield SystemCommand("theme", "Change the colours", self.action_change_theme)

    def _go_and_do(self, action: Action) -> None:
        """Something of another room: there it is done, or a row is chosen for it."""

        def there() -> None:
            if not action.needs_row:
                self.call_after_refresh(getattr(self.screen, f"action_{action.name}"))
            else:
                say(self.screen, f"{action.help}: {key_name(action)}")

        self.go(action.room, then=there)

    def _fatal_error(self) -> None:
        """A crash prints where it happened, without the values of variables: one might be a key."""
        from rich.segment import Segments
        from rich.traceback import Traceback

        self.bell()
        traceback = Traceback(show_locals=False, width=None)
        segments = self.console.render(traceback, self.console.options)
        self._exit_renderables.append(Segments(segments))
        self._close_messages_no_wait()
