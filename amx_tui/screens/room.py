"""What every screen has in common: the two bars, the bindings of its room, and hearing of changes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol, cast

from textual import events, on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.worker import Worker, WorkerError

from amx_tui.base.problem import Problem
from amx_tui.commands.model import CatalogFailed, ManyDecided, SessionEvent, TranscriptsFailed
from amx_tui.commands.session import Session
from amx_tui.commands.workspace import Workspace
from amx_tui.widgets.bars import Bar, KeyBar, TopBar, Whereabouts
from amx_tui.widgets.plain import say
from amx_tui.widgets.seen import is_pressing, is_seen

Work = Callable[[], Coroutine[Any, Any, None]]

# A key that waits longer for the one before it is for what stands on the screen: a disk that answers so
# late may never do so.
PATIENCE_SECONDS = 2.0
_DECIDING = {
    "taken": "Deciding",
    "taken back": "Taking back",
    "taken again": "Deciding again",
}


class Desk(Protocol):
    """What a screen may ask of the app; the app itself it does not know."""

    workspace: Workspace

    @property
    def has_database(self) -> bool: ...

    @property
    def session(self) -> Session: ...

    @property
    def keymap(self) -> Mapping[str, str]: ...

    def whereabouts(self) -> Whereabouts: ...

    def go(self, room: str, then: Callable[[], None] | None = None) -> None: ...

    def open_database(self, text: str) -> None: ...

    def profile_changed(self) -> None: ...


class Room(Screen[None]):
    """A screen of its own, with a name in the registry of actions (`ROOM`).

    Textual calls `on_mount` and its like of every class in turn: a room that has one of its own must
    not call this one's.
    """

    ROOM: ClassVar[str]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    # One look at the state serves all events of that time; five times a second is as often as
    # numbers can be read, and leaves the time between to the keys.
    REFRESH_SECONDS: ClassVar[float] = 0.2

    def __init__(self) -> None:
        super().__init__()
        self._is_stale = True
        self._made_way = False
        self._is_retired = False
        self._takes_long = asyncio.Event()  # what a key began
        self._styled_for: object = None  # the conditions under which it was left
        self._session: Session | None = None
        self._unsubscribe: Callable[[], None] | None = None

    @property
    def desk(self) -> Desk:
        return cast(Desk, self.app)

    @property
    def session(self) -> Session:
        """That of the database that was open when this room was first shown, for good: another one has
        rooms of its own."""
        if self._session is None:
            self._session = self.desk.session
        return self._session

    @property
    def unsaved(self) -> str:
        """What would be lost by leaving this screen, in words; empty where nothing would."""
        return ""

    def compose(self) -> ComposeResult:
        # Textual says so only when the screen is laid out, and then styles and lays out all of it anew.
        width = self.app.size.width
        fitting = max(start for start, _ in self.HORIZONTAL_BREAKPOINTS if start <= width)
        classes = {name: start == fitting for start, name in self.HORIZONTAL_BREAKPOINTS}
        self.update_classes(classes, update=False)
        yield TopBar(self.ROOM, self.desk.whereabouts)
        yield from self.compose_body()
        yield KeyBar(self.ROOM, self.desk.keymap)

    @abstractmethod
    def compose_body(self) -> ComposeResult: ...

    @abstractmethod
    def show_state(self) -> None:
        """Draws what the session says now. Called when this screen is shown and after changes."""

    def heard(self, event: SessionEvent) -> None:
        """Something happened; `show_state` is called soon by itself."""

    def listen(self) -> None:
        """Hears of what happens from now on, also before it is shown for the first time."""
        # Profiles and prices can be seen without a database.
        if self._unsubscribe is None and self.desk.has_database:
            self._unsubscribe = self.session.subscribe(self._hear)

    def on_mount(self) -> None:
        self.listen()
        self.set_interval(self.REFRESH_SECONDS, self._catch_up)

    def on_unmount(self) -> None:
        self.retire()

    def retire(self) -> None:
        """Its database is closed: it hears and draws nothing any more."""
        self._is_retired = True
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None

    def _hear(self, event: SessionEvent) -> None:
        self._is_stale = True
        if isinstance(event, CatalogFailed | TranscriptsFailed) and is_seen(self):
            # What is on the screen stays there.
            say(self, tell(event.problem), title=event.problem.what, severity="error")
        elif isinstance(event, ManyDecided) and is_seen(self):
            title = f"{_DECIDING[event.what]} {event.count}"
            say(self, "It takes some seconds, and you can go on meanwhile.", title=title)
            self._takes_long.set()
        self.heard(event)

    def _catch_up(self) -> None:
        if not self._is_stale or not is_seen(self):
            return
        if is_pressing(self.app) and not self._made_way:
            self._made_way = True  # for a key; the next time it is drawn in any case
            return
        self._made_way = False
        self.show_now()

    def show_now(self) -> None:
        """Draws at once, such as after a key."""
        # While a screen is taken away, its widgets may be gone before it.
        if self._is_retired or self._pruning or not self.is_attached:
            return
        self._is_stale = True
        if not (self.is_mounted and is_seen(self)):  # it is drawn when it is
            return
        self._is_stale = False
        self.show_state()
        for bar in self.query(Bar):
            bar.refresh_changed()

    def on_screen_resume(self) -> None:
        self.show_now()

    @on(events.ScreenResume)
    def _keep_styles(self, event: events.ScreenResume) -> None:
        # Textual works out all styles of a screen that is shown again, and draws most of it anew for that.
        event.refresh_styles = self._styled_for != self._style_conditions

    @property
    def _style_conditions(self) -> object:
        """What the styles of a room depend on beside its own widgets, which tell of themselves."""
        return self.app.theme, self.app.app_focus

    def draw_ahead(self) -> None:
        """Does for a room that is mounted and was never shown what takes long when it is shown for the first
        time: styles, layout, and drawing all that is seen then."""
        if self._styled_for is not None or is_seen(self):
            return
        if self.AUTO_FOCUS:
            self.set_focus(self.query_one(self.AUTO_FOCUS))
        self.update_node_styles(animate=False)
        self._styled_for = self._style_conditions
        # Textual (8.2.8) has no public way to lay out and draw what is not shown.
        self._refresh_layout(self.app.size)
        self.show_state()
        self._refresh_layout(self.app.size)  # with the scroll bars of what there is
        self._compositor.render_full_update().render_segments(self.app.console)

    def on_screen_suspend(self) -> None:
        self._styled_for = self._style_conditions
        if self not in self.app.screen_stack and not self.app.is_screen_installed(self):
            # It is taken away for good. Textual ends its work only after its widgets are gone, and
            # what is waited for, such as a slow keyring, may come in between.
            self.workers.cancel_node(self)

    def write_in(self, field: Widget) -> None:
        """Shows a field and gives it the focus at once: Textual's own way does so a message later, and a key
        that came before that would be an order."""
        field.display = True
        self.set_focus(field)

    def do(self, work: Work, *, only: str = "") -> Worker[None]:
        """Work that a key started: what goes wrong is said, never raised. Work with the same `only`
        takes the place of what is still under way, or has not begun."""

        async def told() -> None:
            try:
                await work()
            except Problem as problem:
                say(self, tell(problem), title=problem.what, severity="error")

        # Not told(): work that another takes the place of before it began is never made then.
        return self.run_worker(told, group=only or "default", exclusive=bool(only))

    async def see_done(self, work: Work) -> None:
        """The same work, which the next key waits for where an action waits for this: that key is for what
        the work leaves on the screen. Not for ever: after `PATIENCE_SECONDS`, or where it is told that it takes
        long, it goes on by itself."""
        self._takes_long.clear()
        done = asyncio.ensure_future(self._end_of(self.do(work)))
        long = asyncio.ensure_future(self._takes_long.wait())
        try:
            await asyncio.wait(
                {done, long}, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            long.cancel()  # the other one would take the work along

    @staticmethod
    async def _end_of(worker: Worker[None]) -> None:
        with contextlib.suppress(WorkerError):
            await worker.wait()

    def action_copy_text(self) -> None:
        """What is selected with the mouse; Textual's own says nothing of it."""
        selected = self.get_selected_text()
        if not selected:
            raise SkipAction
        self.do(partial(self.copy_text, selected))

    async def copy_text(self, text: str) -> None:
        """Wherever it can be pasted from; says where that is."""
        from amx_tui.commands.clipboard import copy_elsewhere

        self.app.copy_to_clipboard(text)  # what the terminal makes of it, nobody is told
        folders = self.desk.workspace.folders
        place = await asyncio.to_thread(copy_elsewhere, text, os.environ, folders.copied_text)
        say(self, f"Sent to the terminal's clipboard (OSC 52), and {place}.", title="Copied")


def tell(problem: Problem) -> str:
    """Why and what to do, below a title that says what."""
    return "\n".join(part for part in (problem.why, problem.remedy) if part) or problem.what
