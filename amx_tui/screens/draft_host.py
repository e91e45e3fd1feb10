"""What the host that would get the prompt says before it does: balance and models, asked for behind the plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.llm.providers import host_of
from amx_tui.screens.account import account_lines, note, retired_words
from amx_tui.screens.room import Room
from amx_tui.widgets.plain import Line

if TYPE_CHECKING:
    from amx_tui.llm.model import Setup


class Host:
    """Asked once for each profile, base and key while `room` is open; `changed` is called where the answer
    makes the plan another one."""

    def __init__(self, room: Room, changed: Callable[[], None]) -> None:
        self._room = room
        self._changed = changed
        self._asked: set[tuple[str, str, str]] = set()  # profile, base, and the hint of the key
        self._asking: Setup | None = None
        self._problem: Problem | None = None  # why it could not even be asked

    def ask(self, setup: Setup) -> None:
        """In the background: the plan waits for nothing."""
        workspace, key = self._room.desk.workspace, setup.endpoint.key
        asked = (setup.profile.name, setup.endpoint.base, key.hint if key else "")
        is_told = self._asking or self._problem or setup.profile.name in workspace.accounts
        if (asked in self._asked and is_told) or workspace.is_offline:
            return
        self._asked.add(asked)
        self._room.run_worker(self._ask(setup), exclusive=True, group="host")

    async def _ask(self, setup: Setup) -> None:
        from amx_tui.commands.account import ask_account, changes_model

        self._asking, self._problem = setup, None
        self._room.show_now()
        try:
            account = await ask_account(self._room.desk.workspace, setup)
        except Problem as problem:
            self._asking, self._problem = None, problem
        else:
            self._asking = None
            if changes_model(account, setup):
                self._changed()
        self._room.show_now()

    def lines(self, setup: Setup) -> list[Line]:
        """What it said, or why it said nothing; and what is to be known of a model that it does not list."""
        workspace = self._room.desk.workspace
        rows: list[Line] = []
        account = workspace.accounts.get(setup.profile.name)
        if account is not None and account.base != setup.endpoint.base:
            account = None
        if workspace.is_offline:
            rows.append(note("started with --offline: it can be read here, not sent"))
        elif self._asking is not None:
            words = f"asking {host_of(setup.endpoint.base)} for balance and models …"
            rows.append([("account  ", "dim"), (words, "dim")])
        elif self._problem is not None:
            rows.append(note(self._problem.what))
        elif account is not None:
            rows += account_lines(account, setup.model)
        is_listed = account is not None and account.listed(setup.model.id) is not None
        is_missing = account is not None and account.lacks(setup.model.id)
        if setup.model.retired and not is_listed and not is_missing:
            rows.append(note(retired_words(setup.model)))
        return rows
