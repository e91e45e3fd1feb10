"""Deciding, undoing, and what the review list then shows."""

from __future__ import annotations

import threading

import pytest

from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.drafting.model import RunEnded, RunState
from amx_tui.review.model import NewDecision, State, StoreProblem, Verdict
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, draft_all, drafted, plan

A, B, C = column("A"), column("B"), column("C")


def written(target: Target, old: str | None, new: str | None) -> Written:
    return Written(Change(target, old, new), Outcome.WRITTEN)


def write(store: Store, *results: Written) -> int:
    return store.record_written(DATABASE, results, who="ann", at=9.0)


def states(store: Store) -> dict[str, State]:
    return {row.target.column: row.state for row in store.rows(DATABASE)}


def test_a_row_shows_the_newest_suggestion_and_the_decision_that_stands(store: Store) -> None:
    run = store.start_run(plan([A]), "x", 1.0)
    store.record(run, drafted(A, "first"))
    store.record(run, drafted(A, "second", "third", at=5.0))
    (decision,) = store.decide(DATABASE, [accept(A, "third", previous="old", run=run)])
    row = store.row(DATABASE, A)
    assert row is not None and store.rows(DATABASE) == (row,)
    assert [option.text for option in row.suggestion.alternatives] == ["second", "third"]
    assert row.suggestion.alternatives[0].confidence.score == 0.9
    assert (row.run, row.model, row.drafted_at) == (run, "kimi-k2-thinking", 5.0)
    assert row.decision == decision and decision.previous == "old"
    assert row.state is State.ACCEPTED


def test_rows_stand_in_the_order_of_the_plan_and_stay_there(store: Store) -> None:
    other, table = column("Z", "BKPF"), Target("main", "BSEG")
    store.start_run(plan([table, B, A], [other]), "x", 1.0)
    for target in (A, other, B, table):
        store.record(1, drafted(target))
    expected = [other, table, B, A]
    assert [row.target for row in store.rows(DATABASE)] == expected
    draft_all(store, A)
    assert [row.target for row in store.rows(DATABASE)] == expected
    assert [row.target for row in store.rows(DATABASE, run=2)] == [A]


def test_a_new_draft_stands_beside_the_decision(store: Store) -> None:
    draft_all(store, A)
    store.decide(DATABASE, [accept(A, "mine")])
    run = store.start_run(plan([A]), "x", 5.0)
    store.record(run, drafted(A, "newer"))
    store.record(run, RunEnded(RunState.FINISHED, 6.0))
    (row,) = store.rows(DATABASE)
    assert row.suggestion.alternatives[0].text == "newer"
    assert row.decision is not None and row.decision.text == "mine"


def test_one_undo_takes_a_whole_bulk_back(store: Store) -> None:
    draft_all(store, A, B, C)
    store.decide(DATABASE, [NewDecision(A, Verdict.REJECTED)])
    store.decide(DATABASE, [accept(A), accept(B), accept(C)])
    assert set(states(store).values()) == {State.ACCEPTED}
    assert store.undo(DATABASE) == (A, B, C)
    assert states(store) == {"A": State.REJECTED, "B": State.TODO, "C": State.TODO}
    assert store.undo(DATABASE) == (A,)
    assert store.undo(DATABASE) == ()
    assert store.redo(DATABASE) == (A,)
    assert store.redo(DATABASE) == (A, B, C)
    assert store.redo(DATABASE) == ()


def test_undo_and_redo_go_on_after_a_restart(store: Store) -> None:
    draft_all(store, A, B)
    store.decide(DATABASE, [accept(A)])
    store.decide(DATABASE, [accept(B)])
    store.undo(DATABASE)
    store.close()
    again = Store(store.path)
    assert again.redo(DATABASE) == (B,)
    assert again.undo(DATABASE) == (B,)
    assert again.undo(DATABASE) == (A,)


def test_nothing_is_redone_over_a_new_decision(store: Store) -> None:
    store.decide(DATABASE, [accept(A)])
    store.decide(DATABASE, [accept(B)])
    store.undo(DATABASE)
    store.undo(DATABASE)
    store.decide(DATABASE, [accept(C)])
    assert store.redo(DATABASE) == ()
    store.undo(DATABASE)
    assert store.redo(DATABASE) == (C,)
    assert store.redo(DATABASE) == ()


def test_databases_have_nothing_to_do_with_each_other(store: Store) -> None:
    other = "postgresql://host:5432/erp"
    draft_all(store, A)
    draft_all(store, A, database=other)
    store.decide(DATABASE, [accept(A, "for legacy")])
    store.decide(other, [accept(A, "for erp")])
    assert store.undo(DATABASE) == (A,)
    (row,) = store.rows(other)
    assert row.decision is not None and row.decision.text == "for erp"
    assert list(store.decided(DATABASE)) == []
    assert store.redo(other) == ()


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_an_empty_text_is_not_accepted(store: Store, text: str | None) -> None:
    with pytest.raises(StoreProblem) as told:
        store.decide(DATABASE, [accept(B), NewDecision(A, Verdict.EDITED, text)])
    assert "press r" in told.value.remedy
    assert store.decided(DATABASE) == {}


def test_two_programs_see_each_others_decisions(store: Store) -> None:
    draft_all(store, A, B)
    other = Store(store.path)
    assert [row.state for row in other.rows(DATABASE)] == [State.TODO, State.TODO]
    store.decide(DATABASE, [accept(A)])
    assert [row.state for row in other.rows(DATABASE)] == [State.ACCEPTED, State.TODO]
    assert other.undo(DATABASE) == (A,)
    assert [row.state for row in store.rows(DATABASE)] == [State.TODO, State.TODO]
    other.close()


def test_many_threads_may_decide_at_once(store: Store) -> None:
    failed: list[BaseException] = []

    def decide(part: int) -> None:
        try:
            for number in range(10):
                store.decide(DATABASE, [accept(column(f"{part}-{number}"))])
                store.rows(DATABASE)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=decide, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(store.decided(DATABASE)) == 40


def test_a_text_counts_as_written_while_it_is_what_we_wrote_last(store: Store) -> None:
    draft_all(store, A, B)
    store.decide(DATABASE, [accept(A, "one", previous="old"), NewDecision(B, Verdict.LATER)])
    assert store.to_write(DATABASE) == (Change(A, "old", "one"),)
    write(store, written(A, "old", "one"))
    assert states(store) == {"A": State.WRITTEN, "B": State.LATER}
    assert store.to_write(DATABASE) == ()
    store.decide(DATABASE, [accept(A, "two", previous="one")])
    assert states(store)["A"] is State.ACCEPTED
    assert store.to_write(DATABASE) == (Change(A, "one", "two"),)
    store.undo(DATABASE)
    assert states(store)["A"] is State.WRITTEN


def test_a_stale_suggestion_does_not_hide_what_we_wrote_meanwhile(store: Store) -> None:
    """The reviewer accepts 1, writes it, then accepts 2 of the same old suggestion."""
    run = draft_all(store, A)
    store.decide(DATABASE, [accept(A, "one", previous="old", run=run)])
    write(store, written(A, "old", "one"))
    store.decide(DATABASE, [accept(A, "two", previous="old", run=run)])
    assert store.to_write(DATABASE) == (Change(A, "one", "two"),)


def test_a_text_that_was_read_after_we_wrote_is_believed(store: Store) -> None:
    run = draft_all(store, A)
    store.decide(DATABASE, [accept(A, "one", previous="old", run=run)])
    write(store, written(A, "old", "one"))
    # Somebody put the old text back, and it was drafted again over that.
    again = draft_all(store, A)
    store.decide(DATABASE, [accept(A, "two", previous="old", run=again)])
    assert store.to_write(DATABASE) == (Change(A, "old", "two"),)


def test_what_stands_there_already_is_not_written(store: Store) -> None:
    store.decide(DATABASE, [accept(A, "same", previous="same")])
    assert store.to_write(DATABASE) == ()


def test_what_failed_stays_to_be_written(store: Store) -> None:
    store.decide(DATABASE, [accept(A, "one"), accept(B, "two")])
    changes = store.to_write(DATABASE)
    store.record_written(
        DATABASE,
        [
            Written(changes[0], Outcome.CHANGED_MEANWHILE, "somebody else's text"),
            Written(changes[1], Outcome.FAILED, "lock \x1b[31mtimeout"),
        ],
        who="ann",
        at=9.0,
    )
    assert store.to_write(DATABASE) == changes
    assert store.undoable(DATABASE) == ()
    newest, oldest = store.journal(DATABASE)
    assert (newest.outcome, newest.detail) == (Outcome.FAILED, "lock timeout")
    assert (oldest.outcome, oldest.who, oldest.at) == (Outcome.CHANGED_MEANWHILE, "ann", 9.0)


def test_the_journal_says_where_a_text_came_from(store: Store) -> None:
    run = draft_all(store, A)
    store.decide(DATABASE, [accept(A, "one", run=run)])
    write(store, written(A, None, "one"))
    (entry,) = store.journal(DATABASE)
    assert (entry.run, entry.model) == (run, "kimi-k2-thinking")


def test_writing_can_be_undone_group_by_group(store: Store) -> None:
    store.decide(DATABASE, [accept(A, "a1", previous="a0"), accept(B, "b1")])
    first = write(store, written(A, "a0", "a1"), written(B, None, "b1"))
    second = write(store, written(A, "a1", "a2"))
    assert store.undoable_group(DATABASE) == second
    (back,) = store.undoable(DATABASE)
    assert back == Change(A, "a2", "a1")
    undo = store.begin_write(DATABASE, [back], who="ann", undoes=second)
    store.record_written(DATABASE, [Written(back, Outcome.WRITTEN)], who="ann", at=10.0, group=undo)
    assert store.undoable(DATABASE) == (Change(A, "a1", "a0"), Change(B, "b1", None))
    undo = store.begin_write(DATABASE, store.undoable(DATABASE), who="ann", undoes=first)
    results = [
        Written(Change(A, "a1", "a0"), Outcome.CHANGED_MEANWHILE),
        Written(Change(B, "b1", None), Outcome.FAILED, "no connection"),
    ]
    store.record_written(DATABASE, results, who="ann", at=11.0, group=undo)
    assert store.undoable(DATABASE) == (Change(B, "b1", None),)


def test_a_write_of_which_nobody_knows_the_end_is_remembered(store: Store) -> None:
    store.decide(DATABASE, [accept(A, "one")])
    store.begin_write(DATABASE, store.to_write(DATABASE), who="ann")
    store.close()
    (entry,) = Store(store.path).unresolved(DATABASE)
    assert entry.change == Change(A, None, "one") and entry.outcome is None
    assert store.to_write(DATABASE) == (Change(A, None, "one"),)
