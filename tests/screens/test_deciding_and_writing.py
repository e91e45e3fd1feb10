"""From a decision to the text in the database: only what was decided, over what was seen."""

from __future__ import annotations

import asyncio
import getpass
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.screen import Screen

from amx_tui.app import AmxApp
from amx_tui.catalog.model import Change, Outcome, Target
from amx_tui.catalog.opening import open_database
from amx_tui.commands import writing
from amx_tui.commands.model import CatalogRead, SessionEvent
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.commands.writing import PendingChange
from amx_tui.config.folders import find_folders
from amx_tui.review.model import ReviewRow, State, Verdict
from amx_tui.screens.review import ReviewScreen
from amx_tui.widgets.rows import RowList
from amx_tui.widgets.signs import BANDS
from tests.review.made import accept as accepted
from tests.screens.test_many_at_once import choose, open_review
from tests.snapshot.conftest import at_rest, session_of, settle, until


def on(pilot: Pilot[None], name: str) -> bool:
    return type(pilot.app.screen).__name__ == name


def title(pilot: Pilot[None], place: str) -> str:
    return str(pilot.app.screen.query_one(place).border_title)


def words(screen: Screen[object], place: str) -> str:
    shown = screen.query_one(place)
    return "\n".join(
        "".join(part.text for part in shown.render_line(y)) for y in range(shown.size.height)
    )


async def accept(pilot: Pilot[None], count: int) -> list[Target]:
    session = session_of(pilot)
    await until(pilot, lambda: bool(session.rows))
    targets = sorted(session.rows)[:count]
    for target in targets:
        text = session.rows[target].suggestion.alternatives[0].text
        await session.decide([target], Verdict.ACCEPTED, text=text, alternative=0)
    return targets


async def open_write(pilot: Pilot[None], count: int) -> None:
    await pilot.press("W")
    await until(pilot, lambda: on(pilot, "WriteScreen"))
    await until(pilot, lambda: f"{count} to write" in title(pilot, "#changes"))


async def write_all(pilot: Pilot[None]) -> None:
    await pilot.press("a")
    await until(pilot, lambda: on(pilot, "Question"))
    await pilot.press("y")


async def test_what_was_taken_back_cannot_be_written_while_the_list_is_read(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    read: Callable[..., tuple[PendingChange, ...]] = writing.pending

    def slow(*parts: object) -> tuple[PendingChange, ...]:
        may_go_on.wait(20)
        return read(*parts)

    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await accept(pilot, 1)
        await open_write(pilot, 1)
        await pilot.press("R")
        await until(pilot, lambda: on(pilot, "ReviewScreen"))
        await session_of(pilot).undo()
        monkeypatch.setattr(writing, "pending", slow)
        try:
            await pilot.press("W")
            await until(pilot, lambda: on(pilot, "WriteScreen"))
            assert "reading" in title(pilot, "#changes")
            await pilot.press("a")
            await pilot.pause()
            assert on(pilot, "WriteScreen")
        finally:
            may_go_on.set()
        await until(pilot, lambda: "0 to write" in title(pilot, "#changes"))


async def test_the_cursor_stays_when_a_question_is_answered_with_no(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        targets = await accept(pilot, 3)
        await open_write(pilot, 3)
        await pilot.press("j", "a")
        await until(pilot, lambda: on(pilot, "Question"))
        await pilot.press("n")
        await until(pilot, lambda: "3 to write" in title(pilot, "#changes"))
        assert targets[1].path in title(pilot, "#statement")


async def test_tables_of_one_name_in_two_schemas_are_told_apart_before_they_are_written(
    tmp_path: Path, clean_environment: Path
) -> None:
    path = tmp_path / "dwh.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE SCHEMA hr; CREATE TABLE hr.p (a INT); CREATE TABLE p (a INT)")
        database.execute("COMMENT ON TABLE p IS 'by somebody else'")
    workspace = real_workspace(os.environ, find_folders(os.environ))
    workspace.connector = open_database(str(path))
    texts = {Target("hr", "p"): "of hr", Target("main", "p"): "of main"}
    decisions = [accepted(target, text) for target, text in texts.items()]
    workspace.store.decide(workspace.connector.identity, decisions)
    app = AmxApp(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await open_write(pilot, 1)
        await until(pilot, lambda: "≠ main.p " in words(pilot.app.screen, "#changes"))
        first, second, *_ = words(pilot.app.screen, "#changes").splitlines()
        assert "· hr.p " in first and "of hr" in first and title(pilot, "#statement") == "hr.p"
        # It would be left alone: the decision was taken over another text.
        assert "≠ main.p " in second and "of main" in second
        await pilot.press("enter")
        await until(pilot, lambda: on(pilot, "Question"))
        await pilot.press("y")
        await until(pilot, lambda: "1 written" in title(pilot, "#changes"))
        await at_rest(pilot)  # what was written is read again
        await session_of(pilot).close()  # DuckDB opens a file in one way at a time in a process
    with duckdb.connect(str(path)) as database:
        found = database.execute("SELECT schema_name, comment FROM duckdb_tables() ORDER BY 1")
        assert found.fetchall() == [("hr", "of hr"), ("main", "by somebody else")]


async def test_after_a_text_was_left_alone_the_text_that_stands_there_is_shown(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        (target,) = await accept(pilot, 1)
        await open_write(pilot, 1)
        connector = session_of(pilot).connector
        old = session_of(pilot).catalog.comment(target)
        (theirs,) = connector.write([Change(target, old, "Theirs")])
        assert theirs.outcome is Outcome.WRITTEN
        await write_all(pilot)
        await until(pilot, lambda: "1 changed meanwhile" in title(pilot, "#changes"))
        await until(pilot, lambda: "old  Theirs" in words(pilot.app.screen, "#statement-text"))
        assert "review it again" in words(pilot.app.screen, "#statement-text")


async def test_what_stands_there_already_is_said_where_nothing_is_to_be_written(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        await until(pilot, lambda: bool(session.rows))
        await open_write(pilot, 0)
        assert "accept a suggestion first" in words(pilot.app.screen, "#changes")
        first, second = sorted(session.rows)[:2]
        for target in (first, second):
            old = session.catalog.comment(target)
            (there,) = session.connector.write([Change(target, old, "Ours")])
            assert there.outcome is Outcome.WRITTEN
        await session.read_catalog()
        await session.decide([first], Verdict.EDITED, text="Ours")
        stands = "The text that you decided on stands there already."
        await until(pilot, lambda: stands in words(pilot.app.screen, "#changes"))
        assert "accept a suggestion" not in words(pilot.app.screen, "#changes")
        await session.decide([second], Verdict.EDITED, text="Ours")
        await until(pilot, lambda: "All 2 texts that" in words(pilot.app.screen, "#changes"))
        (theirs,) = session.connector.write([Change(second, "Ours", "Theirs")])
        assert theirs.outcome is Outcome.WRITTEN
        await session.read_catalog()
        changed = "1 stood there and was changed since: decide again to write it."
        await until(pilot, lambda: changed in words(pilot.app.screen, "#changes"))


async def test_the_question_counts_what_would_be_written_and_what_would_not(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        first, second, third = await accept(pilot, 3)
        session = session_of(pilot)
        decided = {target: row.decision for target, row in session.rows.items()}
        same = decided[second]
        assert same is not None
        for target, text in ((first, "Theirs"), (second, same.text)):
            (there,) = session.connector.write(
                [Change(target, session.catalog.comment(target), text)]
            )
            assert there.outcome is Outcome.WRITTEN
        await session.read_catalog()
        await open_write(pilot, 2)
        assert "2 to write · 1 left alone" in title(pilot, "#changes")
        pilot.app.screen.query_one("#changes", RowList).go(1)
        await until(
            pilot,
            lambda: (
                "It says so already; nothing changes." in words(pilot.app.screen, "#statement-text")
            ),
        )
        await pilot.press("a")
        await until(pilot, lambda: on(pilot, "Question"))
        asked = words(pilot.app.screen, ".dialog-body")
        assert "2 texts into" in asked and "replace" not in asked
        assert "1 was changed since you reviewed it, and stays as it is" in asked
        await pilot.press("n")
        await session.decide([second, third], Verdict.OPEN)
        await until(pilot, lambda: "0 to write · 1 left alone" in title(pilot, "#changes"))
        await pilot.press("a")
        said = "Nothing of this would be written"
        await until(pilot, lambda: any(n.title == said for n in pilot.app._notifications))
        assert on(pilot, "WriteScreen")


async def test_what_is_gone_from_the_database_is_said_in_its_row_before_and_after_the_rest_is_written(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await accept(pilot, 2)
        session = session_of(pilot)
        await session.decide([Target("main", "BKPF", "NOWHERE")], Verdict.EDITED, text="Lost")
        await open_write(pilot, 2)

        def row() -> str:
            lines = words(pilot.app.screen, "#changes").splitlines()
            return next(line for line in lines if "NOWHERE" in line)

        await until(pilot, lambda: "1 left alone" in title(pilot, "#changes"))
        assert row().startswith(" ✗ ") and "it is no longer in the database" in row()
        await write_all(pilot)
        await until(
            pilot, lambda: title(pilot, "#changes") == "0 to write · 1 left alone · 2 written"
        )
        assert "it is no longer in the database" in row()


async def test_where_nothing_can_be_written_the_way_to_look_again_is_said(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: bool(session_of(pilot).rows))
        nowhere = Target("main", "BKPF", "NOWHERE")
        await session_of(pilot).decide([nowhere], Verdict.EDITED, text="Lost")
        await open_write(pilot, 0)
        await pilot.press("a")
        await until(
            pilot, lambda: any("r looks again" in n.message for n in pilot.app._notifications)
        )


async def test_what_is_undone_is_said_to_be_put_back_by_a_user_without_a_name(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    app = AmxApp(reviewed)
    said: list[tuple[str, str]] = []
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        await accept(pilot, 2)
        await open_write(pilot, 2)
        await write_all(pilot)
        await until(pilot, lambda: "2 written" in title(pilot, "#changes"))
        app.clear_notifications()
        await pilot.press("u")
        await until(pilot, lambda: on(pilot, "Question"))
        await pilot.press("y")
        await until(pilot, lambda: "2 to write" in title(pilot, "#changes"))
        said = [(one.title, one.message) for one in app._notifications]
        journal = reviewed.store.journal(session_of(pilot).connector.identity)
    assert said == [("Put back", "2 put back")]
    assert {entry.who[:4] for entry in journal} == {"uid "}


@pytest.mark.parametrize("key", ["e", "1"])
async def test_a_decision_is_about_the_text_that_was_seen(reviewed: Workspace, key: str) -> None:
    """Somebody else's text arrives with the editor open, or just before a key."""
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        target = next(t for t in sorted(session.rows) if t.path == title(pilot, "#card"))
        seen = session.catalog.comment(target)
        if key == "e":
            await pilot.press("e")
            await until(pilot, lambda: on(pilot, "Editor"))
        (theirs,) = session.connector.write([Change(target, seen, "Theirs")])
        assert theirs.outcome is Outcome.WRITTEN
        review = app.screen_stack[1]
        if key == "e":
            await session.read_catalog()
            await until(pilot, lambda: "Theirs" in words(review, "#card"))
            await pilot.press("x", "ctrl+s")
        else:
            # Nothing else is about to draw the card anew.
            assert isinstance(review, ReviewScreen)
            await until(
                pilot,
                lambda: (
                    session.sent_at_hand(session.rows[target]) is not None and not review._is_stale
                ),
            )
            session.opened.catalog = session.connector.load()  # the screen has not heard of it yet
            await pilot.press("1")
        await until(pilot, lambda: session.rows[target].decision is not None)
        decision = session.rows[target].decision
        assert decision is not None and decision.previous == seen
        await open_write(pilot, 0)
        assert "1 left alone" in title(pilot, "#changes")
        await pilot.press("a")
        said = "Nothing of this would be written"
        await until(pilot, lambda: any(one.title == said for one in app._notifications))
        assert session.connector.load().comment(target) == "Theirs"


async def test_what_was_decided_stands_beside_the_text_of_now_also_in_a_small_terminal(
    reviewed: Workspace,
) -> None:
    async with AmxApp(reviewed).run_test(size=(80, 24)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        (target,) = [t for t in session.rows if t.path == title(pilot, "#card")]
        text = session.rows[target].suggestion.alternatives[1].text
        seen = {target: session.catalog.comment(target)}

        def says(*wanted: str) -> bool:
            above = words(pilot.app.screen, "#card").split("high (")[0]  # where alternatives begin
            return "now" in above and all(one in above for one in wanted)

        for verdict, said, more, wanted in (
            (Verdict.REJECTED, None, {"reason": "Too vague"}, ("✗ rejected", "Too vague")),
            (Verdict.EDITED, "My own words", {}, ("✎ edited", "My own words")),
            (Verdict.ACCEPTED, text, {"alternative": 1}, ("✓ accepted", "alternative 2")),
        ):
            await session.decide([target], verdict, text=said, previous=seen, **more)
            await until(pilot, lambda wanted=wanted: says(*wanted))  # type: ignore[misc]
        await session.decide([target], Verdict.EDITED, text="Ours", previous={target: "Theirs"})
        await until(pilot, lambda: says("! changed meanwhile", "Ours", "over “Theirs”"))


async def test_keys_that_are_quicker_than_the_disk_are_for_one_card_after_the_other(
    reviewed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        first, second, third, fourth = [row.target for row in shown_rows(pilot)][:4]
        await until(pilot, lambda: title(pilot, "#card") == first.path)
        decide = reviewed.store.decide
        began, may_go_on = threading.Event(), threading.Event()

        def decide_slowly(*told: Any, **more: Any) -> Any:
            began.set()
            may_go_on.wait(20)
            return decide(*told, **more)

        monkeypatch.setattr(reviewed.store, "decide", decide_slowly)
        for key in "12rus":
            app.post_message(Key(key, key))
        assert await asyncio.to_thread(began.wait, 20)  # `pilot` would wait for the key itself
        may_go_on.set()
        await until(pilot, lambda: session.rows[third].state is State.LATER)
        decisions = [session.rows[target].decision for target in (first, second)]
        assert [one and one.alternative for one in decisions] == [0, 1]
        assert session.rows[fourth].state is State.TODO


async def test_a_key_for_the_card_with_the_old_text_is_not_taken_for_the_new_one(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        target = next(t for t in sorted(session.rows) if t.path == title(pilot, "#card"))
        review = app.screen
        assert isinstance(review, ReviewScreen)
        ready: list[bool] = []

        def hear(event: SessionEvent) -> None:
            if isinstance(event, CatalogRead):
                ready.append(review._ready() is not None)

        session.subscribe(hear)
        review._grace_until = 0.0
        await session.read_catalog()
        (theirs,) = session.connector.write(
            [Change(target, session.catalog.comment(target), "Theirs")]
        )
        assert theirs.outcome is Outcome.WRITTEN
        review._grace_until = 0.0
        await session.read_catalog()
        assert ready == [True, False]
        await until(pilot, lambda: "Theirs" in words(review, "#card"))


async def test_review_opens_at_what_is_undecided_and_shows_the_sign_of_what_was_accepted(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        order = [row.target for row in shown_rows(pilot)]
        await pilot.press("W")
        # Two alternatives whose signs differ.
        first = next(
            target
            for target in order
            if len({a.confidence.band for a in session.rows[target].suggestion.alternatives}) > 1
        )
        alternatives = session.rows[first].suggestion.alternatives
        number = next(
            i
            for i, one in enumerate(alternatives)
            if one.confidence.band is not alternatives[0].confidence.band
        )
        text = alternatives[number].text
        await session.decide([first], Verdict.ACCEPTED, text=text, alternative=number)
        own = next(target for target in order if target != first)
        await session.decide([own], Verdict.EDITED, text="Words of my own")
    again = AmxApp(reviewed)
    async with again.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        rows = shown_rows(pilot)
        todo = next(row for row in rows if row.state is State.TODO)
        assert todo.target.path == title(pilot, "#card")
        review = again.screen
        assert isinstance(review, ReviewScreen)
        signs = {
            row.target: review.query_one("#suggestions", RowList)._draw(index, 80)[-1][0].strip()
            for index, row in enumerate(rows)
        }
        assert signs[first] == BANDS[alternatives[number].confidence.band][0]
        assert signs[own] == ""
        assert signs[todo.target] == BANDS[todo.suggestion.alternatives[0].confidence.band][0]


def shown_rows(pilot: Pilot[None]) -> list[ReviewRow]:
    review = pilot.app.screen
    assert isinstance(review, ReviewScreen)
    return list(review.listing or ())


async def test_the_end_of_a_filtered_list_is_not_the_end_of_the_review(reviewed: Workspace) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        (only, *_) = shown_rows(pilot)
        await pilot.press("slash", *only.target.path.lower())
        await until(pilot, lambda: bool(shown_rows(pilot)) and only in shown_rows(pilot))
        count = len(shown_rows(pilot))
        await pilot.press("enter")
        for left in range(count, 0, -1):
            await pilot.press("r")
            await until(
                pilot,
                lambda left=left: (  # type: ignore[misc]
                    sum(1 for row in shown_rows(pilot) if row.state is State.TODO) == left - 1
                ),
            )
        (told,) = app._notifications
        assert told.title == "No more of these"
        assert told.message == f"{len(session.rows) - count} elsewhere (esc shows all)"
        await pilot.press("escape")
        await until(pilot, lambda: len(shown_rows(pilot)) == len(session.rows))
        app.clear_notifications()
        here = next(t for t in session.rows if t.path == title(pilot, "#card"))
        rest = [t for t, row in session.rows.items() if row.state is State.TODO and t != here]
        await session.decide(rest, Verdict.LATER)
        await pilot.press("r")
        await until(pilot, lambda: len(app._notifications) == 1)
        (told,) = app._notifications
        assert told.title == "Nothing is left to decide"
        assert told.message.startswith(f"{len(rest)} later (f lists them). ")


async def test_who_lists_what_was_set_aside_goes_from_one_of_these_to_the_next(
    reviewed: Workspace,
) -> None:
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        await open_review(pilot)
        aside = [row.target for row in shown_rows(pilot)[2:5]]
        await session.decide(aside, Verdict.LATER)
        await choose(pilot, "later")
        await until(pilot, lambda: [row.target for row in shown_rows(pilot)] == aside)
        for left in (2, 1):
            await pilot.press("1")
            await until(pilot, lambda left=left: len(shown_rows(pilot)) == left)  # type: ignore[misc]
            assert title(pilot, "#card") == shown_rows(pilot)[0].target.path
        assert not app._notifications
        await pilot.press("1")
        await until(pilot, lambda: len(app._notifications) == 1)


async def test_a_list_that_is_ready_while_review_is_only_just_shown_is_drawn_when_it_can_be(
    reviewed: Workspace,
) -> None:
    """The key came before the widgets did."""
    app = AmxApp(reviewed)
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        session = session_of(pilot)
        review = ReviewScreen()
        shown = app.push_screen(review)
        assert app.screen is review and not review.query("#suggestions")
        review.show_now()
        await shown
        await until(pilot, lambda: f"{len(session.rows)} sugg" in title(pilot, "#list"))


async def test_review_is_made_before_somebody_goes_there_and_opens_at_what_is_undecided_by_then(
    reviewed: Workspace,
) -> None:
    """The key that goes there finds it drawn; until then no row of the database is read for it."""
    app = AmxApp(reviewed)
    asked: list[Target] = []
    async with app.run_test(size=(140, 40)) as pilot:
        session = session_of(pilot)
        read = session.read_sent

        async def noticed(row: ReviewRow) -> None:
            asked.append(row.target)
            await read(row)

        session.read_sent = noticed  # type: ignore[method-assign]
        await settle(pilot)
        await until(pilot, lambda: "review" in app._rooms and app._rooms["review"].is_running)
        review = app._rooms["review"]
        assert isinstance(review, ReviewScreen)
        await until(pilot, lambda: bool(review.size) and review.listing is not None)
        await session.review.read_rows()
        await settle(pilot)
        assert not asked and review.listing is not None
        first = review.listing[0]
        await session.decide([first.target], Verdict.REJECTED)
        await pilot.press("R")
        await until(pilot, lambda: on(pilot, "ReviewScreen") and bool(asked))
        rows = review.query_one("#suggestions", RowList)
        await until(pilot, lambda: rows.cursor > 0)
        row = review.listing[rows.cursor]
        assert row.target != first.target and row.state is State.TODO
