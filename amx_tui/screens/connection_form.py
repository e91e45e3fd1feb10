"""The form that makes a connection of `db_profiles` or changes one, for the databases that open here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from functools import partial

from amx_tui.base.text import one_line
from amx_tui.commands.model import Check
from amx_tui.config.folders import shown_path
from amx_tui.config.keyring_entries import Owner, form_of
from amx_tui.config.keys import KeyringState
from amx_tui.config.model import Connection
from amx_tui.config.sections import DB
from amx_tui.screens.connection_fields import (
    FIELDS,
    OPTIONS,
    advice,
    applies,
    backend_choices,
    database_of,
    judge,
    make_settings,
    option_choices,
    own_backend,
    password_words,
    text_of,
)
from amx_tui.screens.form import FormRoom
from amx_tui.screens.question import Question
from amx_tui.widgets.form import Choice, Field, Note
from amx_tui.widgets.plain import Line, say


class ConnectionForm(FormRoom):
    """Makes a connection, or changes `connection`; `taken` are the names that there are,
    `stored` what the file says of their passwords."""

    fields = FIELDS

    def __init__(
        self,
        connection: Connection | None,
        taken: Sequence[str],
        *,
        stored: Sequence[str] = (),
        starts_test: bool = False,
    ) -> None:
        self._old = connection
        self._taken = [n for n in taken if connection is None or n != connection.name]
        self._starts_test = starts_test
        self._form = form_of(stored)
        self._keyring: KeyringState | None = None
        super().__init__()
        shown = one_line(connection.name, 30) if connection else ""
        self.title_words = f"edit {shown}" if connection else "new connection"

    def on_mount(self) -> None:
        if self._old is not None:
            self._left = set(self._by_id)
        self.run_worker(self._look(), group="keyring", exclusive=True)
        if self._starts_test:
            self.call_after_refresh(self.action_test)

    async def _look(self) -> None:
        from amx_tui.config.keys import keyring_state

        self._keyring = await asyncio.to_thread(keyring_state)
        self.show_now()

    @property
    def _backend(self) -> str:
        return self.text("backend")

    @property
    def _values(self) -> dict[str, str]:
        return {field.id: self.value(field.id) for field in FIELDS}

    def _connection(self) -> Connection:
        old = self._old
        backend = self._backend
        # Its own spelling, such as postgres, stays.
        same = old is not None and own_backend(old.backend) == backend
        settings = make_settings(self._values, backend, old.settings if old else {})
        return Connection(self.value("name"), old.backend if old and same else backend, settings)

    # What the form says. -------------------------------------------------------------------------

    def applies(self, field: Field) -> bool:
        return applies(field.id, self._backend)

    def first_value(self, field: Field) -> str:
        return text_of(field.id, self._old)

    def kept(self, field: Field) -> str:
        if field.id == "port":
            return database_of(self._backend).port
        if field.id == "name" and self._old is not None:
            return self._old.name
        return field.default

    def options(self, field: Field) -> Sequence[tuple[str, str]]:
        return OPTIONS[field.id]

    def judge(self, field: Field) -> Note | None:
        return judge(field.id, self._values, self._taken)

    def fact(self, field: Field) -> Note | None:
        if field.id != "password":
            return None
        usable = self._keyring.is_usable if self._keyring else None
        return password_words(self._old, self.text("password"), usable)

    def choices(self, field: Field, words: str) -> Sequence[Choice]:
        if field.id == "backend":
            return backend_choices()
        return option_choices(field.id) if field.is_pick else ()

    def advice(self, field: Field) -> Sequence[Line]:
        return advice(field.id, self._backend)

    def written(self) -> tuple[str, Sequence[Line]]:
        from amx_tui.config.editing import connection_block

        heading = f"what will be written to {shown_path(self.desk.workspace.folders.config_file)}"
        if not self.value("name"):
            return heading, [[("A connection needs a name.", "dim")]]
        wrong = self.wrong
        if any(field.id == "port" for field in wrong):
            return heading, [[("Correct what is red to see it.", "dim")]]
        connection = self._connection()
        if self.text("password") and applies("password", self._backend):
            usable = self._keyring is None or self._keyring.is_usable
            name = connection.name
            owner = Owner(DB, name, "password")
            kept = owner.reference(self._form) if usable else "…"
            settings = {**connection.settings, "password": kept}
            connection = Connection(name, connection.backend, settings)
        block = connection_block(connection)
        rows: list[Line] = [[(line, "")] for line in block.rstrip("\n").split("\n")]
        if wrong:
            names = ", ".join(field.label.lower() for field in wrong)
            rows.append([(f"still without: {names}", "warn")])
        return heading, rows

    def fold_words(self) -> str:
        match self._backend:
            case "postgresql":
                return f"SSL {self.text('sslmode')}"
            case "mysql":
                return f"SSL root certificate: {self.text('ssl_ca') or 'the system’s'}"
            case "duckdb":
                return "read only" if self.text("read_only") == "true" else "not read only"
            case _:
                return "nothing more for this kind"

    # Test and save. ------------------------------------------------------------------------------

    async def checks(self) -> AsyncGenerator[Check, None]:
        from contextlib import aclosing

        from amx_tui.commands.connection_test import test_connection

        secrets = {"password": self.text("password")} if self.text("password") else {}
        told = test_connection(self.desk.workspace, self._connection(), secrets)
        async with aclosing(told) as checks:
            async for check in checks:
                yield check

    async def save(self) -> None:
        from amx_tui.config.keys import keyring_state

        if self.text("password") and applies("password", self._backend):
            state = await asyncio.to_thread(keyring_state)
            if not state.is_usable:
                self._offer_plaintext(state.reason)
                return
        await self._save(plaintext=False)

    async def _save(self, *, plaintext: bool) -> None:
        from amx_tui.commands import profiles

        path = self.desk.workspace.folders.config_file
        secret = self.text("password") if applies("password", self._backend) else ""
        outcome = await asyncio.to_thread(
            profiles.save_connection,
            path,
            self._connection(),
            was=self._old.name if self._old else None,
            secrets={"password": secret} if secret else {},
            plaintext=plaintext,
            activate=False,
            since=self._old,
        )
        done = f"✓ Saved connection '{outcome.entry.name}' to {shown_path(path)}"
        say(self, "\n".join([done, *outcome.said]))
        self.app.pop_screen()

    def _offer_plaintext(self, why: str) -> None:
        rows: list[Line] = [
            [(one_line(why), "")],
            [],
            [("yes  ", "key"), ("put it into config.yml, readable for you alone (0600)", "")],
            [("no   ", "key"), ("go back; empty the field, and export AMX_DB_PASSWORD", "")],
        ]

        def keep(yes: bool | None) -> None:
            if yes:
                self.do(partial(self._save, plaintext=True), only="save")

        title = "No usable keyring: keep the password as plain text?"
        self.app.push_screen(Question(title, rows), keep)
