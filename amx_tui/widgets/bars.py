"""The first and the last line of every screen: where you are, and what you can press."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from rich.cells import cell_len
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from amx_tui.actions import BY_ID, KEY_NAMES, Action, actions_of, key_name
from amx_tui.widgets.rows import Inked


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What the first line says."""

    database: str = ""
    model: str = ""
    notice: str = ""
    run: str = ""  # such as "drafting 34/143"
    balance: str = ""  # such as "balance ¥ 49.58", once a host was asked for it


ROOMS = ("app.browse", "app.drafting", "app.review", "app.write")
FURTHER_ROOMS = ("app.history", "app.profiles", "app.prices")
# Named only while it is shown.
RARE_ROOMS = ("app.doctor",)


# Keys by Textual's names that are written by a text field, beside letters and digits.
TYPED = ("question_mark", "dollar_sign", "slash", "plus", "equals_sign", "space")
_FUNCTION_KEY = re.compile(r"f\d+$")


class Bar(Inked):
    """One line with places that can be clicked."""

    DEFAULT_CSS = """
    Bar { height: 1; background: $panel; color: $foreground; overflow: hidden hidden; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: list[tuple[int, int, str]] = []  # from, to, action

    def on_click(self, event: events.Click) -> None:
        for start, end, action in self._places:
            if start <= event.x < end:
                self.call_later(self.screen.run_action, action)
                break

    def pieces(self, width: int) -> list[tuple[str, str, str]]:
        """Words, ink, and the action that a click on them starts ("" for none)."""
        raise NotImplementedError

    def look(self, y: int) -> object:
        return self.size.width, self.pieces(self.size.width)

    def draw(self, y: int) -> Strip:
        width = self.size.width
        self._places = []
        line: list[tuple[str, str]] = []
        x = 0
        for words, ink, action in self.pieces(width):
            cells = cell_len(words)
            if action:
                self._places.append((x, x + cells, action))
            x += cells
            line.append((words, ink))
        return self.strip_of(line, width)


class TopBar(Bar):
    """Program, database, model, and the rooms, the present one marked."""

    def __init__(self, room: str, facts: Callable[[], Whereabouts]) -> None:
        super().__init__(id="top-bar")
        self._room = room
        self._facts = facts

    def pieces(self, width: int) -> list[tuple[str, str, str]]:
        facts = self._facts()
        right: list[tuple[str, str, str]] = []
        for id in (*ROOMS, *FURTHER_ROOMS, *RARE_ROOMS):
            action = BY_ID[id]
            # A narrow line has the letters only, and the name of the present room.
            is_short = width < 100 or id in FURTHER_ROOMS
            if action.name == self._room:
                right.append((f" {action.label} ", "here", ""))
            elif id in ROOMS or (width >= 100 and id in FURTHER_ROOMS):
                right.append((_room_words(action, is_short), "", action.id))
        left = [(" amx-tui", "title", "app.help")]
        used = cell_len(left[0][0])
        if facts.notice and width < used + cell_len(facts.notice) + 24:
            right, left, used = [], [], -2  # the notice before everything else
        room = width - sum(cell_len(words) for words, _, _ in right)
        for choices, ink in (
            ((facts.notice,), "demo"),
            ((facts.run,), "accent"),
            ((facts.database, facts.database.partition(" (")[0]), "strong"),
            ((facts.model, facts.model.rpartition(" · ")[2]), ""),
            ((facts.balance, facts.balance.removeprefix("balance ")), ""),
        ):
            # What does not fit is said shorter, or left out whole; the notice comes first because it
            # must never be.
            words = next((w for w in choices if w and used + cell_len(w) + 4 <= room), "")
            if words:
                left += [(" │ " if left else " ", "dim", ""), (words, ink, "")]
                used += cell_len(words) + 3
        return [*left, (" " * max(room - used, 0), "", ""), *right]


def _room_words(action: Action, is_short: bool) -> str:
    key = key_name(action)
    rest = action.label.removeprefix(key)
    return f" {key} " if is_short else f" {key}·{rest} "


@runtime_checkable
class Offering(Protocol):
    """A screen whose keys do not always have something to do: pressed all the same, they say so."""

    def offers(self, action: str) -> bool: ...


class KeyBar(Bar):
    """What can be pressed here: as many actions as the line holds, the most needed first."""

    def __init__(self, room: str, keymap: Mapping[str, str]) -> None:
        super().__init__(id="key-bar")
        self._room = room
        self._keymap = keymap

    def on_mount(self) -> None:
        self.watch(self.screen, "focused", self.refresh_changed, init=False)

    def pieces(self, width: int) -> list[tuple[str, str, str]]:
        # What makes no sense at the moment is not offered.
        screen = self.screen
        shown = [a for a in actions_of(self._room) if a.bar and screen.check_action(a.name, ())]
        if isinstance(screen, Offering):
            shown = [action for action in shown if screen.offers(action.name)]
        shown.sort(key=lambda action: action.bar)
        keys = [(self._key(action), action.label, action.name) for action in shown]
        back = BY_ID.get(f"{self._room}.back")
        if back is not None and screen.focused is not None and screen.focused.id == "filter":
            keys[:0] = [("enter", "to the list", ""), (self._key(back), "no filter", back.name)]
        helping: list[tuple[str, str, str]] = []
        if not screen.is_modal:  # from a dialog, nothing of the program around it is reached
            help_action = BY_ID["app.help"]
            helping = [(f" {self._key(help_action)} ", "key", help_action.id)]
            helping.append(("help ", "", help_action.id))
        room = width - sum(cell_len(words) for words, _, _ in helping)
        pieces: list[tuple[str, str, str]] = []
        used = 0
        for key, label, name in keys:
            cells = cell_len(key) + cell_len(label) + 4
            if not key or used + cells > room:
                continue
            used += cells
            pieces += [(f" {key} ", "key", name), (f"{label}  ", "", name)]
        pieces.append((" " * (room - used), "", ""))
        return [*pieces, *helping]

    def _key(self, action: Action) -> str:
        """The key to name; "" where the field that has the focus takes all of them for itself."""
        own = self._keymap.get(action.id)
        if not self._is_typed_in:
            return KEY_NAMES.get(own, own) if own else key_name(action)
        keys = (own or action.keys).split(",")
        left = next((key for key in keys if not (len(key) == 1 or key in TYPED)), "")
        if not own and left == keys[0]:
            return key_name(action)
        return KEY_NAMES.get(left, left.upper() if _FUNCTION_KEY.match(left) else left)

    @property
    def _is_typed_in(self) -> bool:
        """Whether a letter goes into a text instead of doing something."""
        focused = self.screen.focused
        return focused is not None and focused.check_consume_key("a", "a")


class Meter(Widget):
    """A bar that fills: `share` 0 to 1, drawn in eighths of a cell."""

    DEFAULT_CSS = """
    Meter { height: 1; color: $primary; background: $surface; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._share = 0.0

    def show(self, share: float) -> None:
        share = min(max(share, 0.0), 1.0)
        if share != self._share:
            self._share = share
            self.refresh()

    def render_line(self, y: int) -> Strip:
        from rich.segment import Segment

        width = self.size.width
        return Strip([Segment(meter(self._share, width), self.rich_style)], width)


def meter(share: float, width: int) -> str:
    """`share` of `width` cells, filled."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")).ljust(width)
