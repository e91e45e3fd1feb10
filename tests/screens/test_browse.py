"""Finding one's way in a schema: the filter over everything, jumps along keys, the same name elsewhere."""

from __future__ import annotations

import gc
import os
import warnings
from functools import partial

from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Target
from amx_tui.commands.workspace import Workspace
from amx_tui.screens.browse import BrowseScreen
from amx_tui.screens.draft import DraftScreen
from amx_tui.screens.elsewhere import ElsewhereDialog
from amx_tui.widgets.plain import Plain
from amx_tui.widgets.rows import RowList
from tests.snapshot.conftest import session_of, settle, until


def browse(pilot: Pilot[None]) -> BrowseScreen:
    screen = pilot.app.screen
    assert isinstance(screen, BrowseScreen)
    return screen


def listed(pilot: Pilot[None]) -> list[str]:
    listing = browse(pilot).listing
    return [entry.target.path if entry.target else entry.schema for entry in listing]


def standing(pilot: Pilot[None]) -> Target | None:
    return browse(pilot).standing_on


async def type_filter(pilot: Pilot[None], words: str) -> None:
    """Types into the filter and waits until what it found is listed."""
    await pilot.press("slash", *words)
    listing = browse(pilot).listing
    await until(pilot, lambda: listing.hits is not None and listing.words == words)
    await until(pilot, lambda: not any(w.group == "search" for w in browse(pilot).workers))


async def test_the_filter_finds_columns_wherever_they_are(workspace: Workspace) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await type_filter(pilot, "waers")
        assert listed(pilot)[:3] == ["AUFKO.WAERS", "BKPF.WAERS", "BSEG.WAERS"]
        await pilot.press("enter", "down", "enter")
        assert standing(pilot) == Target("main", "BKPF", "WAERS")
        # One level out, and another one: the filter is gone, the table is kept.
        await pilot.press("escape", "escape")
        assert listed(pilot)[0] == "main"
        assert standing(pilot) == Target("main", "BKPF")


async def test_m_marks_the_columns_that_were_found_and_nothing_else(workspace: Workspace) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await type_filter(pilot, "waers")
        await pilot.press("enter", "m")
        session = pilot.app.session  # type: ignore[attr-defined]
        await until(pilot, lambda: bool(session.marks.targets))
        exact = browse(pilot).listing.hits
        assert exact is not None
        found = {hit.target for hit in exact}
        assert session.marks.targets <= found
        assert Target("main", "BKPF", "WAERS") in session.marks.targets
        assert Target("main", "T001", "WAERS") not in session.marks.targets  # described already


async def test_space_marks_the_column_that_was_found(workspace: Workspace) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await type_filter(pilot, "bseg.waers")
        await pilot.press("enter", "space")
        session = pilot.app.session  # type: ignore[attr-defined]
        assert session.marks.targets == {Target("main", "BSEG", "WAERS")}


async def test_the_filter_keeps_to_what_is_undescribed_where_f_says_so(
    workspace: Workspace,
) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await pilot.press("f")
        await type_filter(pilot, "waers")
        assert "T001.WAERS" not in listed(pilot)
        assert "BKPF.WAERS" in listed(pilot)


async def test_a_foreign_key_is_followed_and_come_back_from(workspace: Workspace) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await type_filter(pilot, "bseg.kd_nr")
        await pilot.press("enter", "p")
        catalog = pilot.app.session.catalog  # type: ignore[attr-defined]
        column = catalog.column(Target("main", "BSEG", "KD_NR"))
        assert column is not None
        assert standing(pilot) == column.references
        assert not browse(pilot).query_one("#filter", Input).display
        await pilot.press("b")
        assert standing(pilot) == Target("main", "BSEG", "KD_NR")
        # Enter follows it as well.
        await pilot.press("enter")
        assert standing(pilot) == column.references


async def test_where_else_lists_what_refers_here_and_what_is_called_so(
    workspace: Workspace,
) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await type_filter(pilot, "t001.bukrs")
        await pilot.press("enter", "w")
        await until(pilot, lambda: isinstance(pilot.app.screen, ElsewhereDialog))
        rows = pilot.app.screen.query_one(RowList)
        index = pilot.app.session.index  # type: ignore[attr-defined]
        company = Target("main", "T001", "BUKRS")
        assert rows.count >= len(index.pointing_at(company)) > 1
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, BrowseScreen))
        assert standing(pilot) == index.pointing_at(company)[1]
        await pilot.press("backspace")
        assert standing(pilot) == company


async def test_folding_a_schema_from_a_table_leaves_the_cursor_on_the_schema(
    workspace: Workspace,
) -> None:
    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        await pilot.press("down", "left")
        assert listed(pilot) == ["main"]
        await pilot.press("right")
        assert len(listed(pilot)) > 10


async def test_what_m_marked_is_what_d_drafts_however_quickly_it_is_pressed(
    workspace: Workspace,
) -> None:
    async with AmxApp(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        everything = session.marks.undescribed()
        await pilot.press("m", "d")
        await until(pilot, lambda: isinstance(pilot.app.screen, DraftScreen))
        draft = pilot.app.screen
        assert isinstance(draft, DraftScreen)
        assert draft._targets == everything


async def test_a_key_pressed_twice_at_once_does_its_work_once_and_leaves_no_fault(
    workspace: Workspace,
) -> None:
    done = []

    async def work(number: int) -> None:
        done.append(number)

    async with AmxApp(workspace).run_test() as pilot:
        await settle(pilot)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            browse(pilot).do(partial(work, 1), only="work")
            browse(pilot).do(partial(work, 2), only="work")
            await until(pilot, lambda: bool(done))
            gc.collect()
        assert done == [2]
        assert [str(one.message) for one in said if "never awaited" in str(one.message)] == []


async def test_a_refresh_that_fails_is_told_and_what_was_read_stays(workspace: Workspace) -> None:
    async with AmxApp(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        shown = listed(pilot)
        file = session.connector.identity.removeprefix("sqlite:")
        os.rename(file, f"{file}.away")  # noqa: PTH104
        await pilot.press("r")
        await until(pilot, lambda: session.opened.problem is not None)
        assert session.opened.problem is not None
        what = session.opened.problem.what
        await until(pilot, lambda: any(what in note.title for note in pilot.app._notifications))
        assert listed(pilot) == shown
        # The rows of the next table cannot be read either, and that is said where they would stand.
        await pilot.press("down", "down")
        about = browse(pilot).query_one("#about", Plain)
        await until(pilot, lambda: what in str(about.render()))
        os.rename(f"{file}.away", file)  # noqa: PTH104
        await pilot.press("r")
        await until(pilot, lambda: session.opened.problem is None)
        await until(pilot, lambda: what not in str(about.render()))
