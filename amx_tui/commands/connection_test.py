"""The test of a connection: does it open, how many tables are there, and where would texts go. It need
not be saved; nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from time import monotonic

from amx_tui.base.amounts import number
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Connector, Home, Table
from amx_tui.catalog.opening import open_connection
from amx_tui.commands.model import Check, State, check_of
from amx_tui.commands.workspace import Workspace
from amx_tui.config.connections import connection_settings
from amx_tui.config.model import Connection

OPENS, TABLES, TEXTS = "opens", "tables", "texts"


async def test_connection(
    workspace: Workspace, connection: Connection, secrets: Mapping[str, str]
) -> AsyncGenerator[Check, None]:
    """Opens the database as Browse would, counts its tables, and says whether texts can be written.
    `secrets` are what was typed, by their settings; others are looked up."""
    yield Check(OPENS, State.RUNNING, "opening …")

    def open_it() -> Connector:
        typed = {**connection.settings, **secrets}
        asked = Connection(connection.name, connection.backend, typed)
        settings = connection_settings(asked, environ=workspace.environ)
        return open_connection(connection.backend, settings, connection.name)

    began = monotonic()
    opening = asyncio.ensure_future(asyncio.to_thread(open_it))
    try:
        connector = await asyncio.shield(opening)
    except Problem as problem:
        yield check_of(OPENS, problem)
        return
    except BaseException:  # whoever asked is gone; what opens in the meantime is closed
        opening.add_done_callback(_close_late)
        raise
    try:
        label = one_line(connector.label, 80)
        yield Check(OPENS, State.OK, label, seconds=monotonic() - began)
        yield Check(TABLES, State.RUNNING, "counting …")
        try:
            tables = await asyncio.to_thread(connector.tables)
        except Problem as problem:
            yield check_of(TABLES, problem)
            return
        is_empty = "" if tables else "Is it the right database?"
        state = State.OK if tables else State.WARNING
        words = "1 table or view" if len(tables) == 1 else f"{number(len(tables))} tables and views"
        yield Check(TABLES, state, words, is_empty)
        yield await asyncio.to_thread(texts_check, TEXTS, connector, tables)
    finally:
        await asyncio.shield(asyncio.to_thread(connector.close))


def _close_late(opening: asyncio.Future[Connector]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def texts_check(what: str, connector: Connector, tables: Sequence[Table], lead: str = "") -> Check:
    """Where texts go, behind `lead`, and whether this user may put them there for each of `tables`.
    Blocking."""
    abilities = connector.abilities
    to = "" if not lead else f"{lead} " if abilities.home is Home.NOWHERE else f"{lead} to "
    where = f"{to}{one_line(abilities.where, 120)}"
    if abilities.home is Home.NOWHERE:
        return Check(what, State.WARNING, where, "Export what you accept: W, then x")
    targets = [table.target for table in tables if abilities.take(table.kind, column=False)]
    try:
        refused = connector.refusals(targets)
    except Problem as problem:
        return check_of(what, problem)
    if not refused:
        return Check(what, State.OK, where)
    every = len(refused) == len(targets)
    words = (
        "this user may describe none of the tables"
        if every
        else (f"this user may not describe {number(len(refused))} of {number(len(targets))} tables")
    )
    why = one_line(next(iter(refused.values())), 200)
    remedy = f"Connect as {abilities.writers}, or export what you accept: W, then x"
    return Check(what, State.WARNING, f"{where}: {words}", remedy, why=why)
