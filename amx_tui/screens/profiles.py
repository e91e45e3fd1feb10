"""LLM profiles: which there are, which one is active, and the form that makes one.

The form asks what AMX's `/add-llm-profile` asks, in its order and with its defaults.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, HorizontalGroup, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Input, Select

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.config.folders import shown_path
from amx_tui.config.model import Config, Profile
from amx_tui.llm.model import Model, Provider
from amx_tui.llm.providers import normal_base, shown_base
from amx_tui.screens.profile_fields import FIELDS, Field, check_field, warn_field
from amx_tui.screens.question import Question
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit, say
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.secret import SecretInput


class Choice(Select[str]):
    """Enter keeps what is chosen, as it does in every other field; space or an arrow opens the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", "Keep it and go on", show=False),
        Binding("down,space,up", "show_overlay", "Show the list", show=False),
    ]

    def action_keep(self) -> None:
        self.screen.focus_next()


class ProfilesScreen(Room):
    ROOM = "profiles"
    CSS_PATH = "lists.tcss"
    BINDINGS = bindings_of("profiles")
    AUTO_FOCUS: ClassVar[str] = "#profiles"

    def __init__(self) -> None:
        super().__init__()
        self._config: Config | None = None
        self._problem: Problem | None = None

    def compose_body(self) -> ComposeResult:
        yield RowList(self._draw, id="profiles")

    def on_screen_resume(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="profiles")

    async def _read(self) -> None:
        self._config, self._problem = None, None
        try:
            self._config = await asyncio.to_thread(self.desk.workspace.read_config)
        except Problem as problem:
            self._problem = problem
        self.show_now()
        for wrong in self._config.problems if self._config else ():
            say(self, tell(wrong), title=wrong.what, severity="warning")

    @property
    def _profiles(self) -> list[Profile]:
        return list(self._config.profiles.values()) if self._config else []

    @property
    def _chosen(self) -> str | None:
        if self.desk.workspace.profile_name:
            return self.desk.workspace.profile_name
        return self._config.active_profile if self._config else None

    def show_state(self) -> None:
        rows = self.query_one("#profiles", RowList)
        empty = "There is no profile yet.\nPress n to make one: name, provider, model, key."
        if self._problem is not None:
            empty = f"{self._problem.what}\n{tell(self._problem)}"
        rows.show(len(self._profiles), empty=empty)
        where = shown_path(self._config.path) if self._config else ""
        if not self.desk.workspace.can_edit_profiles:
            where = "the demo's own; config.yml is not read"
        entitle(rows, "LLM profiles", where)

    def _draw(self, index: int, width: int) -> Line:
        profile = self._profiles[index]
        is_active = profile.name == self._chosen
        return [
            (" ● " if is_active else "   ", "accent"),
            (fit(profile.name, 24), "strong"),
            (fit(profile.provider, 12), "dim"),
            (fit(profile.model, 30), ""),
            (fit(shown_base(profile.api_base or ""), width - 70), "dim"),
        ]

    @on(RowList.Chosen, "#profiles")
    def _chose(self) -> None:
        self.action_use()

    @property
    def _current(self) -> Profile | None:
        cursor = self.query_one("#profiles", RowList).cursor
        return self._profiles[cursor] if cursor < len(self._profiles) else None

    def action_use(self) -> None:
        profile = self._current
        if profile is None:
            return

        async def use(name: str) -> None:
            from amx_tui.config.editing import activate_profile

            workspace = self.desk.workspace
            if workspace.can_edit_profiles:
                await asyncio.to_thread(activate_profile, workspace.folders.config_file, name)
            workspace.profile_name = None
            self.desk.profile_changed()
            await self._read()
            say(self, f"'{name}' is the active profile now.")

        self.do(use(profile.name))

    def action_add(self) -> None:
        self._open_form(None)

    def action_edit(self) -> None:
        if self._current is not None:
            self._open_form(self._current)

    def _open_form(self, profile: Profile | None) -> None:
        if not self.desk.workspace.can_edit_profiles:
            say(self, "Start amx-tui with a database of your own to make profiles.",
                title="The demo has a profile of its own")  # fmt: skip
            return
        if self._problem is not None:
            say(self, tell(self._problem), title=self._problem.what, severity="error")
            return
        self.app.push_screen(ProfileForm(profile, [p.name for p in self._profiles]))

    def action_back(self) -> None:
        self.desk.go("browse")


class ProfileForm(Room):
    """Makes a profile, or changes `profile`. Gone after it was saved. `said` is why it was opened,
    where the person did not open it."""

    ROOM = "profile"
    CSS_PATH = "profiles.tcss"
    BINDINGS = bindings_of("profile")
    AUTO_FOCUS: ClassVar[str] = "#name"

    def __init__(
        self, profile: Profile | None, taken: list[str], said: Problem | None = None
    ) -> None:
        super().__init__()
        from amx_tui.llm.providers import PROVIDERS

        self._old = profile
        self._said = said
        self._taken = [name for name in taken if profile is None or name != profile.name]
        self._providers = PROVIDERS
        self._offered_base = ""
        self._kept: dict[str, str] = {}  # defaults that depend on the provider

    @property
    def _provider(self) -> Provider:
        chosen = self.query_one("#provider", Select).value
        return self._providers[chosen if isinstance(chosen, str) else "kimi"]

    def compose_body(self) -> ComposeResult:
        if self._said is not None:
            yield Plain(
                (self._said.what, "warn"),
                (f". {self._said.why or self._said.remedy}.", ""),
                id="said",
            )
        with Container(id="form"):
            with VerticalScroll(id="fields", can_focus=False):
                for field in FIELDS:
                    with HorizontalGroup():
                        yield Plain(field.label, classes="label")
                        yield self._widget_of(field)
                    yield Plain("", id=f"{field.id}-says", classes="says")
            with VerticalScroll(id="beside", can_focus=False):
                yield Plain(id="block")
                yield Plain(id="advice")

    def _widget_of(self, field: Field) -> Input | Select[str]:
        old = self._old
        if field.id == "provider":
            return Choice(
                [(row.title, row.id) for row in self._providers.values()],
                value=old.provider if old and old.provider in self._providers else "kimi",
                allow_blank=False,
                id="provider",
                compact=True,
            )
        if field.is_secret:
            return SecretInput(field.placeholder, id=field.id, compact=True)
        return Input(
            field.value_of(old),
            placeholder=field.placeholder,
            id=field.id,
            compact=True,
        )

    def on_mount(self) -> None:
        for field in self.query(Input):
            field.cursor_blink = False
        self._offer()
        self.run_worker(self._look_at_keyring(), group="keyring")

    async def _look_at_keyring(self) -> None:
        """Whether a key can be kept safely is said before one is typed."""
        from amx_tui.config.keys import keyring_state

        state = await asyncio.to_thread(keyring_state)
        words = f"goes into the keyring: {state.name}"
        if not state.is_usable:
            words = f"no usable keyring: {state.reason}"
        self.query_one("#api_key-says", Plain).write((words, "dim" if state.is_usable else "warn"))

    def show_state(self) -> None:
        verb = "edit" if self._old else "new"
        entitle(self.query_one("#fields"), f"{verb} LLM profile", "enter keeps a default")
        entitle(self.query_one("#beside"), "what will be written")
        self._show_block()

    @on(Select.Changed, "#provider")
    def _offer(self) -> None:
        """The provider's own base and models, unless the person typed others."""
        from amx_tui.llm.models import models_of

        provider = self._provider
        base = self.query_one("#api_base", Input)
        if not base.value or base.value == self._offered_base:
            base.value = self._offered_base = provider.bases[0] if provider.bases else ""
        models = models_of(provider.id)
        served = [row.id for row in models if not row.retired]
        # What Enter keeps: the everyday model of this provider, and a name that is free.
        self._kept["model"] = served[0] if served else ""
        name = "kimi-thinking" if provider.id == "kimi" else provider.id
        self._kept["name"] = "" if name in self._taken else name
        for field, kept in self._kept.items():
            self.query_one(f"#{field}", Input).placeholder = kept
        model = self.query_one("#model", Input)
        model.suggester = SuggestFromList([row.id for row in models], case_sensitive=False)
        self.query_one("#advice", Plain).write_lines(_advice(provider, models))
        self._show_block()

    @on(Input.Changed)
    def _typed(self) -> None:
        self._show_block()

    @on(Input.Blurred)
    def _left(self, event: Input.Blurred) -> None:
        if event.input.id is not None:
            self._check(next(field for field in FIELDS if field.id == event.input.id))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        if event.input.id == FIELDS[-1].id:
            self.action_save()
        else:
            self.focus_next()

    def _value(self, field: Field) -> str:
        if field.id == "provider":
            return self._provider.id
        value = self.query_one(f"#{field.id}", Input).value.strip()
        return value or self._kept.get(field.id, field.default)

    def _check(self, field: Field) -> bool:
        """Says what is wrong with a field, in words below it."""
        says = self.query_one(f"#{field.id}-says", Plain)
        wrong = check_field(field.id, self._value(field), self._taken)
        if wrong:
            says.write((wrong, "bad"))
        elif field.id != "api_key" or self._value(field):
            says.write((warn_field(field.id, self._value(field), self._provider), "warn"))
        return not wrong

    def _profile(self) -> Profile | None:
        """What the fields say, None while one of them is wrong. The key is not in it."""
        values = {field.id: self._value(field) for field in FIELDS}
        if any(check_field(name, value, self._taken) for name, value in values.items()):
            return None
        old = self._old or Profile(values["name"], values["provider"], values["model"])
        return replace(
            old,
            name=values["name"],
            provider=values["provider"],
            model=values["model"],
            api_base=normal_base(values["api_base"]) or None,
            temperature=float(values["temperature"]),
            max_tokens=int(values["max_tokens"]),
            n_alternatives=int(values["n_alternatives"]),
        )

    def _show_block(self) -> None:
        from amx_tui.config.editing import profile_block

        profile = self._profile()
        block = self.query_one("#block", Plain)
        if profile is None:
            block.write(("Fill in name and model to see it.", "dim"))
            return
        if self.query_one("#api_key", Input).value:
            profile = replace(profile, api_key=f"keyring://amx/{profile.name}/api_key")
        block.write(profile_block(profile))

    # Keys. ---------------------------------------------------------------------------------------

    def action_save(self) -> None:
        wrong = [field for field in FIELDS if not self._check(field)]
        profile = self._profile()
        if wrong or profile is None:
            self.query_one(f"#{wrong[0].id}").focus()
            say(self, "Look at the words in red.", title="Not saved yet", severity="warning")
            return
        self.do(self._save(profile, plaintext=False))

    async def _save(self, profile: Profile, *, plaintext: bool) -> None:
        from amx_tui.commands.profiles import save
        from amx_tui.config.keys import clean_key, keyring_state

        secret = clean_key(self.query_one("#api_key", Input).value)
        if secret and not plaintext:
            state = await asyncio.to_thread(keyring_state)
            if not state.is_usable:
                self._offer_plaintext(profile, state.reason)
                return
        path = self.desk.workspace.folders.config_file
        old = self._old
        done = await asyncio.to_thread(
            save,
            path,
            profile,
            was=old.name if old else None,
            secret=secret,
            plaintext=plaintext,
            since=old,
        )
        self.desk.workspace.profile_name = None
        self.desk.profile_changed()
        said = ". ".join(
            [f"✓ Saved LLM profile '{profile.name}' to {shown_path(path)}", *done.said]
        )
        say(self, said)
        self.app.pop_screen()

    def _offer_plaintext(self, profile: Profile, why: str) -> None:
        rows: list[Line] = [
            [(one_line(why), "")],
            [],
            [("yes  ", "key"), ("put the key into config.yml, readable for you alone (0600)", "")],
            [("no   ", "key"), ("go back; empty the key field, and export AMX_LLM_API_KEY", "")],
        ]

        def keep(yes: bool | None) -> None:
            if yes:
                self.do(self._save(profile, plaintext=True))

        self.app.push_screen(Question("No usable keyring: keep the key as plain text?", rows), keep)

    def action_leave(self) -> None:
        self.app.pop_screen()


def _advice(provider: Provider, models: tuple[Model, ...]) -> list[Line]:
    rows: list[Line] = [[(provider.title, "title"), (f"  {provider.pick_when}", "dim")]]
    for base, page in zip(provider.bases, provider.key_pages, strict=False):
        rows.append([("keys  ", "dim"), (page, ""), (f" for {base}", "dim")])
    if len(provider.bases) > 1:
        rows.append([("A key works at the platform that made it only.", "warn")])
    rows.append([])
    for model in models:
        retired = f" retired {model.retired}" if model.retired else ""
        follows = f", now {model.successor}" if model.successor else ""
        ink = "dim" if model.retired else "strong"
        rows.append([(fit(model.id, 26), ink), (retired + follows, "warn")])
        if model.pick_when:
            rows.append([("  " + model.pick_when, "dim")])
    rows.append([])
    return rows
