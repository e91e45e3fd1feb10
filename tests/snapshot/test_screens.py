"""Every screen as a person sees it, at both sizes. Look at the pictures when they change."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.base.files import write_atomic
from amx_tui.catalog.model import Target
from amx_tui.commands.opening import open_named
from amx_tui.commands.texts import BatchTexts
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.drafting.board import Board
from amx_tui.drafting.model import (
    BatchPhase,
    BatchStarted,
    BudgetRaised,
    RunStarted,
    SuggestionDrafted,
    UsageReported,
    WaitingToRetry,
)
from amx_tui.llm.model import Failure, FailureKind, Phase, Usage
from amx_tui.review.model import Verdict
from amx_tui.screens.browse import BrowseScreen
from amx_tui.screens.room import Room
from amx_tui.widgets.page import Page
from tests.snapshot.conftest import (
    SIZES,
    START,
    Act,
    draft_of,
    record_run,
    session_of,
    settle,
    suggestion_of,
    until,
)

Compare = Callable[..., bool]
both_sizes = pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])


def picture(compare: Compare, workspace: Workspace, size: tuple[int, int], act: Act) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(pilot.app.screen.query("#key-bar")))
        if workspace.connector is not None:
            await settle(pilot)
        await act(pilot)
        await rest(pilot)
        await pilot.pause()

    assert compare(AmxApp(workspace), terminal_size=size, run_before=run_before)


async def rest(pilot: Pilot[None]) -> None:
    """Until what was heard is drawn, and the card of Review shows what was sent, which comes behind the rest
    of it."""
    if isinstance(screen := pilot.app.screen, Room):
        await until(pilot, lambda: not screen._is_stale)
    if on(pilot, "ReviewScreen") and session_of(pilot).rows:
        card = pilot.app.screen.query_one("#card", Page)
        await until(pilot, lambda: "(shapes)" in card.text)


def on(pilot: Pilot[None], name: str) -> bool:
    return type(pilot.app.screen).__name__ == name


async def go(pilot: Pilot[None], key: str, name: str) -> None:
    await rest(pilot)  # behind a dialog nothing is drawn any more
    await pilot.press(key)
    await until(pilot, lambda: on(pilot, name))
    await rest(pilot)


# Browse and Draft. -------------------------------------------------------------------------------


@both_sizes
def test_browse_shows_tables_and_what_is_described(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None: ...

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_a_table_with_a_marked_column_and_its_evidence(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("j", "j", "j", "j", "enter", "j", "j", "space", "j")
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        bseg = next(t for t in session_of(pilot).catalog.tables if t.name == "BSEG")
        await until(pilot, lambda: bool(session_of(pilot).evidence.at_hand(bseg.target)))

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_the_filter_finds_columns_in_all_tables(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"kd_nr", "enter")
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        await until(pilot, lambda: screen.listing.hits is not None)
        screen.query_one(Input).cursor_blink = False
        aufko = Target("main", "AUFKO")
        await until(pilot, lambda: bool(session_of(pilot).evidence.at_hand(aufko)))

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_where_else_a_column_is(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"t001.bukrs", "enter")
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        await until(pilot, lambda: screen.listing.hits is not None)
        screen.query_one(Input).cursor_blink = False
        await pilot.press("w")
        t001 = Target("main", "T001")
        await until(pilot, lambda: bool(session_of(pilot).evidence.at_hand(t001)))

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_draft_shows_what_would_be_sent_before_it_is(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("m", "d")
        await until(
            pilot, lambda: "word for word" in str(pilot.app.screen.query_one("#sent").border_title)
        )
        await until(pilot, lambda: bool(workspace.accounts))

    picture(snap_compare, workspace, size, act)


# Drafting. ---------------------------------------------------------------------------------------


class Remaining:
    """A countdown that stands still, for the picture."""

    phase = Phase.THINKING
    limit = 180.0

    def remaining(self) -> float:
        return 142.0


def streaming(workspace: Workspace) -> Act:
    """In the middle of a run: one batch done, one thinks, one waits out a rate limit, one was raised."""
    draft = draft_of(workspace, ["BKPF", "T052", "SKO1", "WKURS", "LGBST"])

    async def act(pilot: Pilot[None]) -> None:
        session = session_of(pilot)
        board = Board()
        batches = draft.plan.batches
        limited = Failure(
            FailureKind.RATE_LIMITED,
            "Kimi (Moonshot) limits how much this account may ask at once (429)",
            is_retried=True,
            retry_after=4.0,
            status=429,
        )
        events = [
            RunStarted(7, draft.plan, START),
            *(BatchStarted(batch.number, START) for batch in batches[:4]),
            BatchPhase(1, Phase.ANSWERING, 1, START + 12),
            *(
                SuggestionDrafted(1, suggestion_of(target), START + 20)
                for target in batches[0].targets[:6]
            ),
            BatchPhase(2, Phase.THINKING, 1, START + 3),
            WaitingToRetry(3, 4.0, limited, START + 39),
            UsageReported(4, Usage(900, 0, 32_768, 32_768), 0.08),
            BudgetRaised(4, 32_768, 131_072, START + 40),
            BatchPhase(4, Phase.WAITING, 2, START + 40),
        ]
        for event in events:
            board.apply(event)  # type: ignore[arg-type]
        session.runner.draft, session.runner.board = draft, board
        session.runner.texts = {batch.number: BatchTexts() for batch in batches}
        session.runner.texts[1].reasoning.add(
            "BUKRS is four digits and refers to T001, so it is the company code.\n\n"
            "BELNR counts up within BUKRS and GJAHR: the number of the document.\n"
        )
        session.runner.run = type("Standing", (), {"countdown": lambda self, batch: Remaining()})()  # type: ignore[assignment]
        await go(pilot, "D", "DraftingScreen")

    return act


@both_sizes
def test_drafting_shows_every_batch_the_reasoning_and_the_countdown(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    picture(snap_compare, workspace, size, streaming(workspace))


@both_sizes
def test_drafting_before_any_run_says_where_one_begins(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "D", "DraftingScreen")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_stopping_a_run_is_asked_first(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        from amx_tui.screens.question import Question

        await go(pilot, "D", "DraftingScreen")
        pilot.app.push_screen(Question("Stop the run?", [[("What has arrived is kept.", "")]]))
        await until(pilot, lambda: on(pilot, "Question"))

    picture(snap_compare, workspace, size, act)


# Review. -----------------------------------------------------------------------------------------


@both_sizes
def test_review_shows_the_list_and_the_card_with_every_state(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await go(pilot, "R", "ReviewScreen")
        session = session_of(pilot)
        for key, verdict in (
            ("1", Verdict.ACCEPTED),
            ("2", Verdict.ACCEPTED),
            ("r", Verdict.REJECTED),
            ("s", Verdict.LATER),
        ):
            count = sum(1 for row in session.rows.values() if row.decision is not None)
            await pilot.press(key)
            await until(
                pilot,
                lambda count=count: (  # type: ignore[misc]
                    sum(1 for row in session.rows.values() if row.decision is not None) == count + 1
                ),
            )
            assert any(
                row.decision and row.decision.verdict is verdict for row in session.rows.values()
            )

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_review_asks_what_to_show(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "R", "ReviewScreen")
        await pilot.press("f")
        await until(pilot, lambda: on(pilot, "ShowDialog"))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_many_are_decided_after_they_were_seen(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "R", "ReviewScreen")
        await pilot.press("g", "m", "m", "m", "m", "m")
        await rest(pilot)
        await pilot.press("b")
        await until(pilot, lambda: on(pilot, "BulkDialog"))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_one_text_for_the_columns_of_one_name(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "R", "ReviewScreen")
        await pilot.press("g", "j")
        await rest(pilot)
        await pilot.press("n")
        await until(pilot, lambda: on(pilot, "SameNameDialog"))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_review_shows_word_by_word_what_would_change(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    connector = workspace.connector
    assert connector is not None
    catalog = connector.load()
    described = [
        table.column_target(column)
        for table in catalog.tables
        for column in table.columns
        if column.comment and table.name == "KDSTM"
    ]
    from amx_tui.commands.drafting import prepare_draft
    from amx_tui.commands.session import Session
    from amx_tui.config.model import Privacy

    session = Session(workspace)
    draft = prepare_draft(
        workspace, catalog, described, privacy=Privacy.SHAPES, read_evidence=session.evidence.read
    )
    record_run(workspace, draft)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await go(pilot, "R", "ReviewScreen")
        await pilot.press("right")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_the_editor_starts_from_the_marked_text(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await go(pilot, "R", "ReviewScreen")
        await go(pilot, "e", "Editor")

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_review_without_suggestions_says_how_to_get_some(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "R", "ReviewScreen")

    picture(snap_compare, workspace, size, act)


# Write. ------------------------------------------------------------------------------------------


async def accept_three(pilot: Pilot[None]) -> None:
    session = session_of(pilot)
    await until(pilot, lambda: bool(session.rows))
    for target in sorted(session.rows)[:3]:
        text = session.rows[target].suggestion.alternatives[0].text
        await session.decide([target], Verdict.ACCEPTED, text=text, alternative=0)
    await go(pilot, "W", "WriteScreen")
    await until(
        pilot, lambda: "3 to write" in str(pilot.app.screen.query_one("#changes").border_title)
    )


@both_sizes
def test_write_shows_what_will_be_written_word_for_word(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    picture(snap_compare, reviewed, size, accept_three)


@both_sizes
def test_writing_is_asked_first(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await accept_three(pilot)
        await go(pilot, "a", "Question")

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_after_writing_each_text_says_what_became_of_it(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await accept_three(pilot)
        await go(pilot, "a", "Question")
        await pilot.press("y")
        written = "3 written"
        await until(
            pilot,
            lambda: (
                written in str(pilot.app.screen.query("#changes").first().border_title)
                and "0 to write" in str(pilot.app.screen.query("#changes").first().border_title)
            ),
        )
        pilot.app.clear_notifications()

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_export_asks_for_format_and_file(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await accept_three(pilot)
        await go(pilot, "x", "ExportDialog")
        pilot.app.screen.query_one(Input).cursor_blink = False

    picture(snap_compare, reviewed, size, act)


# Everything else. --------------------------------------------------------------------------------


@both_sizes
def test_help_lists_every_key_of_the_screen(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "question_mark", "HelpScreen")

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_drafting_again_takes_a_hint_and_what_was_said_before(
    snap_compare: Compare, reviewed: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(session_of(pilot).rows))
        await go(pilot, "R", "ReviewScreen")
        await pilot.press("g", "d")
        await until(pilot, lambda: on(pilot, "Ask"))
        await pilot.press(*"SAP", "space", *"FI", "enter")
        await until(pilot, lambda: on(pilot, "DraftScreen"))
        await until(
            pilot, lambda: "word for word" in str(pilot.app.screen.query_one("#sent").border_title)
        )
        await until(pilot, lambda: bool(reviewed.accounts))

    picture(snap_compare, reviewed, size, act)


@both_sizes
def test_prices_name_their_source(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "dollar_sign", "PricesScreen")
        await until(pilot, lambda: pilot.app.screen.query_one("#models").virtual_size.height > 9)

    picture(snap_compare, workspace, size, act)


@both_sizes
def test_an_interrupted_run_is_offered_to_go_on(
    snap_compare: Compare, workspace: Workspace, size: tuple[int, int]
) -> None:
    draft = draft_of(workspace, ["BKPF", "T052"])
    run = workspace.store.start_run(draft.plan, "demo.db (sqlite)", START)
    for target in draft.plan.batches[0].targets[:4]:
        workspace.store.record(run, SuggestionDrafted(1, suggestion_of(target), START + 9))
    # The process died: its hold on the run is gone.
    workspace.store.close()

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: on(pilot, "Question"))

    picture(snap_compare, workspace, size, act)


@pytest.fixture
def real(home: Path, tmp_path: Path) -> Workspace:
    """A person's own database, in an empty home."""
    file = tmp_path / "legacy.db"
    with sqlite3.connect(file) as connection:
        connection.execute('CREATE TABLE "[/bold]" (BUKRS TEXT PRIMARY KEY, "X_LEGACY_FLG" TEXT)')
        connection.execute("INSERT INTO \"[/bold]\" VALUES ('0001', 'X')")
    connection.close()
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_named(workspace, str(file))
    return workspace


@both_sizes
def test_without_a_profile_draft_opens_the_form(
    snap_compare: Compare, real: Workspace, size: tuple[int, int]
) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await go(pilot, "d", "ProfileForm")
        says = pilot.app.screen.query_one("#api_key-says")
        await until(pilot, lambda: "keyring" in str(says.render()))

    picture(snap_compare, real, size, act)


@both_sizes
def test_without_a_database_a_chooser_opens(
    snap_compare: Compare, home: Path, size: tuple[int, int]
) -> None:
    workspace = real_workspace(os.environ, find_folders(os.environ))
    legacy = home / "projects" / "legacy.db"
    legacy.parent.mkdir()
    legacy.touch()
    write_atomic(workspace.folders.recent_file, json.dumps([str(legacy)]))

    async def act(pilot: Pilot[None]) -> None:
        field = pilot.app.screen.query_one("#database", Input)
        field.value = "no-such.db"
        await pilot.press("enter")
        await until(
            pilot, lambda: "does not exist" in str(pilot.app.screen.query_one("#said").render())
        )
        app = pilot.app
        assert isinstance(app, AmxApp)
        await until(pilot, lambda: bool(app.whereabouts().model))

    picture(snap_compare, workspace, size, act)
