"""The parts of a form: fields of one line, what is said below them, and what can be chosen. They know
nothing of what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from amx_tui.base.text import clean, one_line
from amx_tui.widgets.hidden import Hidden
from amx_tui.widgets.line_input import LineInput
from amx_tui.widgets.plain import Line
from amx_tui.widgets.rows import Inked


@dataclass(frozen=True, slots=True)
class Field:
    """A line of a form. `default` is what Enter keeps where nothing is typed. `is_pick`: one of a few
    choices and no free text. `has_spaces`: a secret that may hold spaces, as passwords do. `is_folded`: among those that are seldom needed."""

    id: str
    label: str
    default: str = ""
    is_secret: bool = False
    has_spaces: bool = False
    is_pick: bool = False
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """What is said below a field. `bad`: it cannot be saved like this; `warn`: it may be right. `offer`
    is a better value, one key away; `offer_words` says it, where the value must not be shown."""

    words: str
    ink: str = "dim"
    offer: str = field(default="", repr=False)  # may be a key
    offer_words: str = ""

    @property
    def is_bad(self) -> bool:
        return self.ink == "bad"


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a field can have, and how it is drawn in so many cells. `about` is said below the
    list while it is the one."""

    value: str
    draw: Callable[[int], Line]
    about: Sequence[Line] = ()


class TextField(LineInput):
    """One line of text. A paste loses its line ends and the white space around it, and says so."""

    class Cleaned(Message):
        """A paste was not taken as it came."""

        def __init__(self, field: TextField) -> None:
            super().__init__()
            self.field = field

    def __init__(
        self, value: str = "", *, is_secret: bool = False, has_spaces: bool = False, id: str
    ) -> None:
        self._is_secret = is_secret
        # A stray key must not replace everything that stands there.
        super().__init__(value, password=is_secret, id=id, compact=True, select_on_focus=False)
        self.cursor_blink = False
        self._has_spaces = has_spaces

    def validate_value(self, value: str) -> str:
        """What is typed goes by here before any message tells of it."""
        return Hidden(value) if self._is_secret else value

    def tidy(self, text: str) -> str:
        """`text` as one line; of a key all white space goes, since none has any, and of a password
        only the line ends around it."""
        if self._has_spaces:
            return clean(text).strip("\n").replace("\n", " ")
        return "".join(clean(text).split()) if self._is_secret else one_line(text)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()  # which would take the first line alone, and that may be empty
        text = self.tidy(event.text)
        if self.selection.is_empty:
            self.insert_text_at_cursor(text)
        else:
            self.replace(text, *self.selection)
        if text != event.text:
            self.post_message(self.Cleaned(self))


class Pick(Inked, can_focus=True):
    """One of a few values: `‹ this one ›`. The arrows change it, Enter keeps it."""

    DEFAULT_CSS = """
    Pick { height: 1; overflow: hidden hidden; }
    Pick:focus { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", "Keep it and go on", show=False),
        Binding("left", "turn(-1)", "The one before", show=False),
        Binding("right,space", "turn(1)", "The next one", show=False),
    ]

    class Changed(Message):
        def __init__(self, pick: Pick) -> None:
            super().__init__()
            self.pick = pick

    class Kept(Changed):
        """Enter: on to the next field."""

    def __init__(self, options: Sequence[tuple[str, str]], value: str, *, id: str) -> None:
        super().__init__(id=id)
        self._options = tuple(options)
        self._value = value

    @property
    def value(self) -> str:
        return self._value

    def offer(self, options: Sequence[tuple[str, str]], value: str) -> None:
        """Other options, and which of them it is; nobody is told."""
        self._options, self._value = tuple(options), value
        self.refresh()

    def choose(self, value: str) -> None:
        if value != self._value:
            self._value = value
            self.refresh()
            self.post_message(self.Changed(self))

    def action_turn(self, by: int) -> None:
        values = [value for value, _ in self._options]
        place = values.index(self._value) if self._value in values else -1
        self.choose(values[(place + by) % len(values)])

    def action_keep(self) -> None:
        self.post_message(self.Kept(self))

    def on_click(self, event: events.Click) -> None:
        self.action_turn(-1 if event.x < 2 else 1)

    def look(self, y: int) -> object:
        return self.size.width, self.has_focus, self._value, self._options

    def draw(self, y: int) -> Strip:
        label = next((words for value, words in self._options if value == self._value), self._value)
        arrows = "key" if self.has_focus else "dim"
        line = [("‹ ", arrows), (label, "strong" if self.has_focus else ""), (" ›", arrows)]
        return self.strip_of(line, self.size.width)


class Fold(Inked, can_focus=True):
    """A heading that hides the fields below it, and says in short what they hold."""

    DEFAULT_CSS = """
    Fold { height: 1; overflow: hidden hidden; }
    Fold:focus { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space,left,right", "turn", "Fold or unfold", show=False)
    ]

    class Turned(Message):
        """It was opened or closed."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.is_open = False
        self._words = ""

    def say(self, words: str) -> None:
        if words != self._words:
            self._words = words
            self.refresh()

    def turn(self, is_open: bool) -> None:
        if is_open != self.is_open:
            self.is_open = is_open
            self.refresh()
            self.post_message(self.Turned())

    def action_turn(self) -> None:
        self.turn(not self.is_open)

    def on_click(self) -> None:
        self.action_turn()

    def look(self, y: int) -> object:
        return self.size.width, self.has_focus, self.is_open, self._words

    def draw(self, y: int) -> Strip:
        sign = "▾" if self.is_open else "▸"
        line = [(f"{sign} ", "key" if self.has_focus else "dim"), ("more  ", "strong")]
        return self.strip_of([*line, (self._words, "dim")], self.size.width)
