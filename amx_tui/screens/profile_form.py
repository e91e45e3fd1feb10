"""The form that makes an LLM profile or changes one: it asks what AMX's `/add-llm-profile` asks, in its
order and with its defaults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from itertools import count

from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.model import Check, State
from amx_tui.config.folders import shown_path
from amx_tui.config.keyring_entries import Owner, form_of
from amx_tui.config.keys import KeyringState, is_reference
from amx_tui.config.model import Key, Profile, Settings
from amx_tui.config.sections import LLM
from amx_tui.llm.model import ListedModel, Model, Provider
from amx_tui.llm.models import find_model, models_of
from amx_tui.llm.providers import PROVIDERS, host_of, normal_base
from amx_tui.screens.form import FormRoom
from amx_tui.screens.profile_advice import (
    advice,
    effort_lines,
    fold_words,
    model_choices,
    model_lines,
    platform_choices,
    provider_choices,
)
from amx_tui.screens.profile_fields import (
    ELSEWHERE,
    FIELDS,
    PLATFORM,
    Answers,
    base_of,
    judge,
    make_profile,
    tell_fact,
    text_of,
)
from amx_tui.screens.question import Question
from amx_tui.widgets.form import Choice, Field, Note
from amx_tui.widgets.plain import Line, fit, say

_FIRST_PROVIDER = "kimi"
# Stands in the block for a key that the file itself would hold.
_PLAIN = "the key itself"


class ProfileForm(FormRoom):
    """Makes a profile, or changes `profile`; `taken` are the names that there are, `is_active` whether it
    is the active one. `stored` is what the file says of the keys that it has."""

    fields = FIELDS
    lists_models = True

    def __init__(
        self,
        profile: Profile | None,
        taken: Sequence[str],
        said: Problem | None = None,
        *,
        is_active: bool = False,
        stored: Sequence[str] = (),
        starts_test: bool = False,
    ) -> None:
        self._old = profile
        self._taken = [name for name in taken if profile is None or name != profile.name]
        self._is_active = is_active or profile is None
        self._form = form_of(stored)
        self._starts_test = starts_test
        self._listed: dict[str, ListedModel] | None = None
        self._keyring: KeyringState | None = None
        self._found: Key | None = None
        self._lost = ""
        self._settings, self._has_effort, self._wrong_settings = Settings(), False, ""
        super().__init__(said=said)
        self.title_words = f"edit {one_line(profile.name, 30)}" if profile else "new LLM profile"

    def on_mount(self) -> None:
        if self._old is None:
            # It stands there because of the provider, until a person types another.
            self.put("api_base", self._own_base)
        self._given["api_base"] = self.text("api_base") if self._has_own_base else ""
        if self._old is not None:
            self._left = set(self._by_id)
        self._read_settings()
        self.run_worker(self._look(), group="keyring", exclusive=True)
        if self._starts_test:
            self.call_after_refresh(self.action_test)

    def _read_settings(self) -> None:
        from amx_tui.config.settings import read_settings

        environ = self.desk.workspace.environ
        self._has_effort = bool(environ.get("AMX_REASONING_EFFORT", "").strip())
        try:
            self._settings = read_settings(environ)
        except Problem as problem:
            self._wrong_settings = f"{problem.what}. {problem.why}."

    async def _look(self) -> None:
        """Where a key can be kept, and where the present one is: said before one is typed."""
        from amx_tui.config.keys import keyring_state

        workspace = self.desk.workspace
        await asyncio.to_thread(lambda: workspace.prices)  # read once; every line asks for them
        self._keyring = await asyncio.to_thread(keyring_state)
        self.show_now()
        asked = replace(self._profile, api_key=self._old.api_key if self._old else "")
        self._found, self._lost = None, ""
        try:
            self._found = await asyncio.to_thread(workspace.find_key, asked)
        except Problem as problem:
            self._lost = f"{problem.what}. {problem.why}"
        self.show_now()

    # What it knows. ------------------------------------------------------------------------------

    @property
    def _provider(self) -> Provider:
        id = self.text("provider")
        return PROVIDERS.get(id) or Provider(id, one_line(id, 40), ())

    @property
    def _own_base(self) -> str:
        bases = self._provider.bases
        return bases[0] if bases else ""

    @property
    def _has_own_base(self) -> bool:
        """Whether the base is one of the tables', such as a provider change may replace."""
        return any(self.text("api_base") in row.bases for row in PROVIDERS.values())

    def _model(self, id: str) -> Model:
        from amx_tui.llm.services import model_from_listing

        provider = self._provider
        row = (self._listed or {}).get(id)
        model = model_from_listing(row, provider) if row else find_model(provider.id, id)
        return self._priced(model)

    def _priced(self, model: Model) -> Model:
        from amx_tui.llm.prices import price_model

        return price_model(model, self.desk.workspace.prices)

    @property
    def answers(self) -> Answers:
        values = {field.id: self.value(field.id) for field in FIELDS}
        values["api_key"] = self.text("api_key")
        return Answers(
            values,
            self._provider,
            self._model(values["model"]),
            self._taken,
            self._old,
            self._listed,
            self._keyring,
            self._found,
            self._lost,
            self._settings,
            has_base=bool(self.text("api_base")),
        )

    @property
    def _profile(self) -> Profile:
        return make_profile(self.answers)[0]

    @property
    def _effort(self) -> str:
        from amx_tui.llm.body import effort_sent
        from amx_tui.llm.model import Endpoint, Setup

        answers = self.answers
        endpoint = Endpoint(answers.provider, answers.values["api_base"], None)
        return effort_sent(Setup(self._profile, answers.model, endpoint, self._settings))

    # What the form says. -------------------------------------------------------------------------

    def applies(self, field: Field) -> bool:
        return field.id != PLATFORM or bool(self._provider.platforms)

    def first_value(self, field: Field) -> str:
        old = self._old
        if field.id == "provider":
            return old.provider.lower() if old and old.provider else _FIRST_PROVIDER
        if field.id == PLATFORM:
            row = PROVIDERS.get(old.provider.lower() if old else _FIRST_PROVIDER)
            bases = row.bases if row else ()
            base = normal_base(base_of(old)) if old else (bases[0] if bases else "")
            return base if base in bases else ELSEWHERE
        return text_of(field, old)

    def kept(self, field: Field) -> str:
        if field.id == "name":
            if self._old is not None:
                return self._old.name
            name = "kimi-thinking" if self._provider.id == "kimi" else self._provider.id
            free = (f"{name}-{number}" for number in count(2))
            return (
                name if name not in self._taken else next(n for n in free if n not in self._taken)
            )
        if field.id == "model":
            served = [row.id for row in models_of(self._provider.id) if not row.retired]
            return served[0] if served else ""
        if field.id == "api_base":
            return self._own_base
        return field.default

    def options(self, field: Field) -> Sequence[tuple[str, str]]:
        if field.id == "provider":
            rows = [(row.id, row.title) for row in PROVIDERS.values()]
            old = self._old.provider.lower() if self._old else ""
            return rows if not old or old in PROVIDERS else [*rows, (old, old)]
        row = self._provider if self.is_mounted else PROVIDERS[_FIRST_PROVIDER]
        own = zip(row.bases, row.platforms, strict=False)
        return [*own, (ELSEWHERE, "another host")]

    def judge(self, field: Field) -> Note | None:
        return judge(field.id, self.answers)

    def fact(self, field: Field) -> Note | None:
        return tell_fact(field.id, self.answers)

    def choices(self, field: Field, words: str) -> Sequence[Choice]:
        match field.id:
            case "provider":
                return provider_choices(self._old.provider.lower() if self._old else "")
            case "platform":
                return platform_choices(self._provider)
            case "model":
                return model_choices(self._provider, self._listed, words, self._priced)
            case _:
                return ()

    def advice(self, field: Field) -> Sequence[Line]:
        answers = self.answers
        if field.id == "model" and answers.values["model"]:
            return model_lines(answers.model, self._listed)
        return advice(field.id, answers)

    def written(self) -> tuple[str, Sequence[Line]]:
        from amx_tui.config.editing import profile_block

        profile, wrong = make_profile(self.answers)
        where = shown_path(self.desk.workspace.folders.config_file)
        heading = f"what will be written to {where}"
        if not profile.name:
            return heading, [[("A profile needs a name.", "dim")]]
        if self.text("api_key"):
            usable = self._keyring is None or self._keyring.is_usable
            profile = replace(profile, api_key=self._reference(profile) if usable else _PLAIN)
        elif is_reference(profile.api_key) and self._old and profile.name != self._old.name:
            profile = replace(profile, api_key=self._reference(profile))  # it is renamed along
        block = profile_block(profile, activate=self._is_active)
        rows: list[Line] = [[(line, "")] for line in block.rstrip("\n").split("\n")]
        if wrong:
            names = ", ".join(self._by_id[id].label.lower() for id in wrong)
            rows.append([(f"still without: {names}", "warn")])
        if self._old is not None:
            rows.append([("Other lines of it stay as they are.", "dim")])
        return heading, rows

    def _reference(self, profile: Profile) -> str:
        """What the file will say of a key, in the form that its other keys have."""
        return Owner(LLM, profile.name, "api_key").reference(self._form)

    def fold_words(self) -> str:
        return fold_words(self.answers, self._effort)

    def facts(self) -> Sequence[Line]:
        pieces = effort_lines(self.answers, self._effort, self._has_effort, self._wrong_settings)
        return [[(fit("Effort", 21), "dim"), *pieces]]

    # Answers. ------------------------------------------------------------------------------------

    def answered(self, field: Field) -> None:
        if field.id in ("provider", PLATFORM, "api_base", "api_key"):
            self._listed = None
        match field.id:
            case "provider":
                if not self.is_own_text("api_base"):
                    self.put("api_base", self._own_base)
                self._show_platform()
                self.run_worker(self._look(), group="keyring", exclusive=True)
            case "platform":
                if (base := self.text(PLATFORM)) != ELSEWHERE:
                    self.put("api_base", base)
            case "api_base":
                self._show_platform()

    def _show_platform(self) -> None:
        base = normal_base(self.text("api_base"))
        self.put(PLATFORM, base if base in self._provider.bases else ELSEWHERE)

    # The test, and the models of this key. -------------------------------------------------------

    @property
    def _key(self) -> Key | None:
        typed = self.text("api_key")
        return Key(typed, "this form, not saved yet") if typed else self._found

    async def checks(self) -> AsyncGenerator[Check, None]:
        from amx_tui.commands.profile_test import test_profile

        await self._found_key()
        told = test_profile(self.desk.workspace, self._profile, self._key)
        async with aclosing(told) as checks:
            async for check in checks:
                yield check

    async def _found_key(self) -> None:
        """The keyring was asked, however long it takes."""
        for worker in self.workers:
            if worker.group == "keyring" and worker.node is self and not worker.is_finished:
                await worker.wait()

    def action_test(self) -> None:
        self._ask_before_sending(super().action_test)

    def action_list(self) -> None:
        self._ask_before_sending(lambda: self.do(self._list, only="list"))

    def _ask_before_sending(self, go_on: Callable[[], object]) -> None:
        """A stored key goes to another host than its own only after a yes."""
        answers = self.answers
        if not answers.moves_key or self._old is None:
            go_on()
            return
        there = one_line(host_of(answers.values["api_base"]), 80)
        rows: list[Line] = [
            [(f"It was stored for {one_line(host_of(base_of(self._old)), 80)}.", "")],
            [],
            [("yes  ", "key"), (f"{there} gets it", "")],
            [("no   ", "key"), ("go back, and type the key that belongs there", "")],
        ]

        def answered(yes: bool | None) -> None:
            if yes:
                go_on()

        self.app.push_screen(Question(f"Send the stored key to {there}?", rows), answered)

    async def _list(self) -> None:
        """Asks the host for the models of this key; the person pressed a key for it."""
        from amx_tui.commands.account import list_for_key

        await self._found_key()
        profile = self._profile
        if not profile.model:
            profile = replace(profile, model="-")  # the list does not depend on it
        asked = self.answers.values["api_base"], self.text("api_key")
        rows = await list_for_key(self.desk.workspace, profile, self._key)
        if asked != (self.answers.values["api_base"], self.text("api_key")):
            return  # another host or key by now
        self._listed = {row.id: row for row in rows}
        self.query_one("#model").focus()
        self.show_now()
        say(self, f"{host_of(asked[0])} lists {len(rows)} models for this key.")

    def tested(self, checks: dict[str, Check]) -> None:
        model = checks.get("model")
        if model is not None and model.state in (State.OK, State.WARNING, State.FAILED):
            self.run_worker(self._learn_models(), group="learn", exclusive=True)

    async def _learn_models(self) -> None:
        """A part of the test: the same host, the same key."""
        from amx_tui.commands.account import list_for_key

        try:
            rows = await list_for_key(self.desk.workspace, self._profile, self._key)
        except Problem:
            return  # the test has told it
        self._listed = {row.id: row for row in rows}
        self.show_now()

    # Saving. -------------------------------------------------------------------------------------

    async def save(self) -> None:
        from amx_tui.config.keys import keyring_state

        if self.text("api_key"):
            state = await asyncio.to_thread(keyring_state)
            if not state.is_usable:
                self._offer_plaintext(state.reason)
                return
        await self._save(plaintext=False)

    async def _save(self, *, plaintext: bool) -> None:
        from amx_tui.commands import profiles

        workspace = self.desk.workspace
        path = workspace.folders.config_file
        old = self._old
        outcome = await asyncio.to_thread(
            profiles.save,
            path,
            self._profile,
            was=old.name if old else None,
            secret=self.text("api_key"),
            plaintext=plaintext,
            activate=self._is_active,
            since=old,
        )
        name = outcome.entry.name
        if old is None:
            workspace.profile_name = None  # the new one is active
        elif workspace.profile_name == old.name:
            workspace.profile_name = name
        self.desk.profile_changed()
        said = "\n".join(outcome.said)
        done = f"✓ Saved LLM profile '{name}' to {shown_path(path)}"
        say(self, f"{done}\n{said}" if said else done)
        self.app.pop_screen()

    def _offer_plaintext(self, why: str) -> None:
        rows: list[Line] = [
            [(one_line(why), "")],
            [],
            [("yes  ", "key"), ("put the key into config.yml, readable for you alone (0600)", "")],
            [("no   ", "key"), ("go back; empty the key field, and export AMX_LLM_API_KEY", "")],
        ]

        def keep(yes: bool | None) -> None:
            if yes:
                self.do(partial(self._save, plaintext=True), only="save")

        self.app.push_screen(Question("No usable keyring: keep the key as plain text?", rows), keep)
