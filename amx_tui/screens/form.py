"""What the forms for profiles and for connections have in common: fields that say below them what is
wrong as they are left, what can be chosen and what will be written beside them, a test, and nothing lost
by a mistake."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, HorizontalGroup, Vertical
from textual.widget import Widget
from textual.widgets import Input

from amx_tui.actions import BY_ID, keys_of
from amx_tui.base.problem import Problem
from amx_tui.commands.model import Check, State
from amx_tui.screens.question import leave_unsaved
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.form import Choice, Field, Fold, Note, Pick, TextField
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.page import Page
from amx_tui.widgets.plain import Line, Plain, entitle, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import check_lines

# So many rows of choices are shown at once, beside the fields and below them.
_CHOICES_WIDE, _CHOICES_NARROW = 12, 4
_FOLD = "#fold"


class FormRoom(Room):
    """A form over `fields`. Gone after it was saved. `said` is why it was opened, where the person did
    not open it."""

    ROOM = "form"
    CSS_PATH = "form.tcss"
    BINDINGS = bindings_of("form")
    AUTO_FOCUS: ClassVar[str] = "#name"

    fields: tuple[Field, ...]
    title_words: str
    lists_models: ClassVar[bool] = False  # `action_list` asks a host

    def __init__(self, *, said: Problem | None = None) -> None:
        super().__init__()
        self._said = said
        self._by_id = {field.id: field for field in self.fields}
        self._left: set[str] = set()  # fields that were left, so that they may be criticised
        self._was_cleaned: set[str] = set()  # their last paste was not taken as it came
        self._given: dict[str, str] = {}  # texts that we put into fields, and no person
        self._first: dict[str, str] = {}  # what stood in the fields at first
        self._at = self.fields[0].id
        self._words = ""  # what was typed to find a choice
        self._choices: Sequence[Choice] = ()
        self._offers: dict[str, str] = {}
        self._checks: dict[str, Check] | None = None  # of the test, None while none is shown
        self._is_testing = False
        self._shows_written = False  # instead of the advice, where there is no room for both

    # What each form says of itself. --------------------------------------------------------------

    def applies(self, field: Field) -> bool:
        """Whether the field is asked for, as the answers are now."""
        return True

    @abstractmethod
    def first_value(self, field: Field) -> str:
        """What stands in a field at first."""

    @abstractmethod
    def kept(self, field: Field) -> str:
        """What Enter keeps where nothing is typed."""

    @abstractmethod
    def options(self, field: Field) -> Sequence[tuple[str, str]]:
        """The values of a field that is a pick, and their words."""

    @abstractmethod
    def judge(self, field: Field) -> Note | None:
        """What is wrong with a field, or strange; told once it was left."""

    @abstractmethod
    def fact(self, field: Field) -> Note | None:
        """What is worth knowing of it before."""

    @abstractmethod
    def choices(self, field: Field, words: str) -> Sequence[Choice]:
        """What can be chosen for it; those that hold `words` first of all."""

    @abstractmethod
    def advice(self, field: Field) -> Sequence[Line]:
        """What stands beside it, where nothing is to be chosen."""

    @abstractmethod
    def written(self) -> tuple[str, Sequence[Line]]:
        """A heading, and what will be written, as far as it can be."""

    @abstractmethod
    def fold_words(self) -> str:
        """What the folded fields hold, in short."""

    def facts(self) -> Sequence[Line]:
        """What stands below the folded fields and cannot be changed here."""
        return ()

    @abstractmethod
    def checks(self) -> AsyncGenerator[Check, None]:
        """The test of what stands in the form."""

    @abstractmethod
    async def save(self) -> None:
        """Saves what stands in the form, all of which is in order, and tells it."""

    def answered(self, field: Field) -> None:
        """A person gave an answer: others may depend on it."""

    # The screen. ---------------------------------------------------------------------------------

    def compose_body(self) -> ComposeResult:
        if self._said is not None:
            why = self._said.why or self._said.remedy
            yield Plain((self._said.what, "warn"), (f". {why}." if why else "", ""), id="said")
        with Container(id="form"):
            # Not VerticalScroll, which takes the arrows for itself as soon as it can scroll.
            with Vertical(id="fields"):
                for field in self.fields:
                    if field is self._first_folded:
                        yield Fold(id="fold")
                    with HorizontalGroup(id=f"{field.id}-row", classes="row"):
                        yield Plain(field.label, classes="label")
                        yield self._widget_of(field)
                    yield Plain("", id=f"{field.id}-says", classes="says")
                yield Plain("", id="facts")
            with Vertical(id="beside"):
                with Vertical(id="written"):
                    yield Plain(id="block")
                with Vertical(id="aside"):
                    yield RowList(self._draw_choice, id="choices")
                    yield Page(id="advice")

    @property
    def _first_folded(self) -> Field | None:
        return next((field for field in self.fields if field.is_folded), None)

    @property
    def _folds_something(self) -> bool:
        return any(field.is_folded and self.applies(field) for field in self.fields)

    def _widget_of(self, field: Field) -> TextField | Pick:
        value = self._first[field.id] = self.first_value(field)
        if field.is_pick:
            return Pick(self.options(field), value, id=field.id)
        return TextField(value, is_secret=field.is_secret, has_spaces=field.has_spaces, id=field.id)

    def on_mount(self) -> None:
        self.query_one("#choices", RowList).can_focus = False
        # What appears below a field is laid out some time after it was said.
        self.watch(self.query_one("#fields"), "virtual_size", self._reveal_soon, init=False)
        self.show_now()

    def show_state(self) -> None:
        self._show_fields()
        heading, rows = self.written()
        entitle(self.query_one("#written"), heading)
        self.query_one("#block", Plain).write_lines(rows)
        self._show_aside()
        self.query_one("#beside").set_class(self._shows_written, "-written")
        self._reveal_soon()

    def _show_fields(self) -> None:
        fold = self.query_one(_FOLD, Fold) if self._first_folded else None
        tested = ""
        if self._checks and not self._is_testing:
            failed = any(check.state is State.FAILED for check in self._checks.values())
            tested = "✗ the test failed" if failed else "✓ tested"
        entitle(self.query_one("#fields"), self.title_words, tested or "enter keeps a default")
        self._offers = {}
        for field in self.fields:
            is_shown = self.applies(field) and (not field.is_folded or fold is None or fold.is_open)
            self.query_one(f"#{field.id}-row").display = is_shown
            says = self.query_one(f"#{field.id}-says", Plain)
            note = self._note_of(field) if is_shown else None
            says.display = note is not None
            if note is not None:
                says.write_lines([self._note_line(field, note)])
            if not field.is_pick:
                self.query_one(f"#{field.id}", TextField).placeholder = self.kept(field)
        if fold is not None:
            fold.say(self.fold_words())
            fold.display = self._folds_something
        facts = self.query_one("#facts", Plain)
        facts.display = fold is not None and fold.is_open
        facts.write_lines(self.facts() if facts.display else ())

    def _note_of(self, field: Field) -> Note | None:
        judged = self.judge(field) if field.id in self._left else None
        if judged is None and field.id in self._was_cleaned and self.text(field.id):
            fact = self.fact(field)
            more = f"  {fact.words}" if fact is not None else ""
            return Note(f"Taken without the white space around it.{more}")
        return judged or self.fact(field)

    def _note_line(self, field: Field, note: Note) -> Line:
        line = [(note.words, note.ink)]
        if note.offer:
            self._offers[field.id] = note.offer
            words = note.offer_words or f"takes {note.offer}"
            key = keys_of(BY_ID["form.take"], self.desk.keymap)
            line += [("  ", ""), (key, "key"), (f" {words}", note.ink)]
        return line

    def _show_aside(self) -> None:
        aside = self.query_one("#aside")
        rows = self.query_one("#choices", RowList)
        page = self.query_one("#advice", Page)
        field = self._by_id[self._at]
        if self._checks is not None:
            rows.display = False
            self._choices = ()
            rows.show(0)
            entitle(aside, "testing …" if self._is_testing else "the test")
            page.show(check_lines(self._checks.values()))
            self.query_one("#form").set_class(True, "-testing")
            return
        self.query_one("#form").set_class(False, "-testing")
        self._choices = self.choices(field, self._words)
        rows.display = bool(self._choices)
        if not self._choices:
            rows.show(0)
            entitle(aside, field.label)
            page.show(self.advice(field))
            return
        most = _CHOICES_NARROW if self.has_class("-narrow") else _CHOICES_WIDE
        height = min(len(self._choices), most)
        if rows.styles.height is None or rows.styles.height.value != height:
            rows.styles.height = height
        value = self.value(field.id)
        place = next((i for i, row in enumerate(self._choices) if row.value == value), None)
        rows.show(len(self._choices), cursor=place or 0)
        keys = "←→ choose" if field.is_pick else "↑↓ choose, or type"
        entitle(aside, field.label, f"{keys} · enter keep")
        about = self._choices[place].about if place is not None else self.advice(field)
        page.show(about)

    def _draw_choice(self, index: int, width: int) -> Line:
        return self._choices[index].draw(width)

    # Values. -------------------------------------------------------------------------------------

    def text(self, id: str) -> str:
        """What stands in a field, tidied; empty where nothing does."""
        widget = self.query_one(f"#{id}")
        if isinstance(widget, Pick):
            return widget.value
        assert isinstance(widget, TextField)
        return widget.tidy(widget.value)

    def value(self, id: str) -> str:
        """What counts: what stands in the field, else what Enter keeps."""
        return self.text(id) or self.kept(self._by_id[id])

    def put(self, id: str, text: str) -> None:
        """Puts our own text into a field: it is no answer of a person."""
        widget = self.query_one(f"#{id}")
        if isinstance(widget, Pick):
            widget.offer(self.options(self._by_id[id]), text)
        elif isinstance(widget, TextField) and widget.value != text:
            self._given[id] = text
            widget.value = text
            widget.cursor_position = len(text)

    def is_own_text(self, id: str) -> bool:
        """Whether a field holds what a person put there, and not we."""
        text = self.text(id)
        return bool(text) and text != self._given.get(id)

    @property
    def wrong(self) -> list[Field]:
        """The fields that cannot be saved like this."""
        return [
            field
            for field in self.fields
            if self.applies(field) and (note := self.judge(field)) is not None and note.is_bad
        ]

    @property
    def unsaved(self) -> str:
        for field in self.fields:
            if self.text(field.id) not in (self._first[field.id], self._given.get(field.id)):
                return "What you typed here is not saved."
        return ""

    # Answers. ------------------------------------------------------------------------------------

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        id = event.input.id or ""
        if event.value == self._given.get(id):
            self.show_now()
            return
        if id == self._at and event.value not in [choice.value for choice in self._choices]:
            self._words = event.value.strip()
        if self.focused is event.input:
            self._left.discard(id)  # nobody is criticised while typing
        if not event.value:
            self._was_cleaned.discard(id)
        self._answer(id)

    @on(Pick.Changed)
    def _picked(self, event: Pick.Changed) -> None:
        if not isinstance(event, Pick.Kept):
            self._answer(event.pick.id or "")

    def _answer(self, id: str) -> None:
        self._forget_test()
        self.answered(self._by_id[id])
        self.show_now()

    @on(TextField.Cleaned)
    def _cleaned(self, event: TextField.Cleaned) -> None:
        self._was_cleaned.add(event.field.id or "")
        self.show_now()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        id = event.widget.id or ""
        if id in self._by_id and id != self._at:
            self._at, self._words = id, ""
            if not self._is_testing:
                self._checks = None
            self.show_now()
        self._reveal_soon()

    def _reveal_soon(self) -> None:
        self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        """Puts the field that has the focus, with what is said below it, in the middle as far as the form
        goes: where it stands does not depend on what was said below others on the way to it."""
        widget = self.focused
        if widget is None or widget.id not in self._by_id:
            return
        fields = self.query_one("#fields")
        place = self.query_one(f"#{widget.id}-row").virtual_region
        says = self.query_one(f"#{widget.id}-says")
        if says.display:
            place = place.union(says.virtual_region)
        top = place.y - max(fields.scrollable_content_region.height - place.height, 0) // 2
        fields.scroll_to(y=top, animate=False, force=True, immediate=True)

        def place_cursor() -> None:
            # Textual does not take the terminal's own cursor along when a field is moved.
            if isinstance(widget, TextField) and widget.has_focus:
                self.app.cursor_position = widget.cursor_screen_offset
                widget.refresh()

        self.call_after_refresh(place_cursor)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        widget = event.widget
        id = widget.id or ""
        if id not in self._by_id:
            return
        self._left.add(id)
        if isinstance(widget, TextField):
            tidy = widget.tidy(widget.value)
            if tidy != widget.value:
                widget.value = tidy
                self._was_cleaned.add(id)
        self.show_now()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        self._go_on(event.input)

    @on(Pick.Kept)
    def _kept(self, event: Pick.Kept) -> None:
        self._go_on(event.pick)

    def _go_on(self, widget: Widget) -> None:
        """To the next field; after the last one it is saved, as AMX's own wizard does."""
        shown = [field.id for field in self.fields if self.query_one(f"#{field.id}-row").display]
        place = shown.index(widget.id) if widget.id in shown else -1
        if place + 1 < len(shown):
            self.query_one(f"#{shown[place + 1]}").focus()
        else:
            self.action_save()

    @on(RowList.Moved, "#choices")
    def _clicked(self, event: RowList.Moved) -> None:
        if not isinstance(event, RowList.Chosen) and event.index < len(self._choices):
            self._choose(self._choices[event.index].value)

    def _choose(self, value: str) -> None:
        widget = self.query_one(f"#{self._at}")
        if isinstance(widget, Pick):
            widget.choose(value)
        elif isinstance(widget, TextField):
            widget.value = value
            widget.cursor_position = len(value)

    @on(Fold.Turned)
    def _folded(self) -> None:
        self.show_now()

    # Keys. ---------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What makes no sense at the moment is not offered."""
        match action:
            case "written":
                return self.has_class("-narrow")
            case "take":
                return bool(self._offers)
            case "more":
                return self._folds_something
            case "list":
                return self.lists_models
            case _:
                return True

    def action_up(self) -> None:
        self._move(-1)

    def action_down(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        """In a text with choices beside it to the next of them, elsewhere to the next field."""
        field = self._by_id[self._at]
        focused = self.focused
        if isinstance(focused, TextField) and self._choices and not field.is_pick:
            value = self.value(field.id)
            values = [choice.value for choice in self._choices]
            if value in values:
                # What Enter would keep is the first that is taken, before it is gone past.
                step = by if self.text(field.id) else 0
                place = min(max(values.index(value) + step, 0), len(values) - 1)
                self._choose(values[place])
            else:
                self._choose(values[0 if by > 0 else -1])
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_page_up(self) -> None:
        self.query_one("#advice", Page).scroll_page_up(animate=False)

    def action_page_down(self) -> None:
        self.query_one("#advice", Page).scroll_page_down(animate=False)

    def action_more(self) -> None:
        fold = self.query_one(_FOLD, Fold)
        fold.turn(not fold.is_open)
        if fold.is_open and self._first_folded is not None:
            self.call_after_refresh(self.query_one(f"#{self._first_folded.id}").focus)
        elif self._by_id[self._at].is_folded:
            fold.focus()

    def action_written(self) -> None:
        self._shows_written = not self._shows_written
        self.show_now()

    def action_take(self) -> None:
        """Puts a better value into its field: that of the field with the focus, else the first one."""
        id = self._at if self._at in self._offers else next(iter(self._offers), "")
        if not id:
            return
        field = self.query_one(f"#{id}", TextField)
        field.value = self._offers[id]
        field.cursor_position = len(field.value)
        self._answer(id)

    def action_save(self) -> None:
        if wrong := self.wrong:
            self._left |= set(self._by_id)
            if wrong[0].is_folded:
                self.query_one(_FOLD, Fold).turn(True)
            self.show_now()
            self.call_after_refresh(self.query_one(f"#{wrong[0].id}").focus)
            say(self, "Look at the words in red.", title="Not saved yet", severity="warning")
            return
        self.do(self.save, only="save")

    def action_leave(self) -> None:
        if self._is_testing:
            self.workers.cancel_group(self, "test")
            self._forget_test()
            self.show_now()
        elif self._checks is not None:
            self._checks = None
            self.show_now()
        else:
            leave_unsaved(self, self.unsaved, self._pop)

    def _pop(self) -> None:
        self.app.pop_screen()

    # The test. -----------------------------------------------------------------------------------

    def action_test(self) -> None:
        self._left |= set(self._by_id)
        if self.wrong:
            self.show_now()
            say(self, "Look at the words in red.", title="Not tested yet", severity="warning")
            return
        self._checks, self._is_testing, self._shows_written = {}, True, False
        self.show_now()
        self.run_worker(self._test(), group="test", exclusive=True)

    async def _test(self) -> None:
        checks: dict[str, Check] = {}
        try:
            async with aclosing(self.checks()) as told:
                async for check in told:
                    checks[check.what] = check
                    self._checks = checks
                    self._is_stale = True
        except Problem as problem:
            self._checks = None
            say(self, tell(problem), title=problem.what, severity="error")
        self._is_testing = False
        self.tested(checks)
        self.show_now()

    def tested(self, checks: dict[str, Check]) -> None:
        """The test came to its end."""

    def _forget_test(self) -> None:
        """Its result holds for what was tested only."""
        if self._is_testing:
            self.workers.cancel_group(self, "test")
        self._checks, self._is_testing = None, False
