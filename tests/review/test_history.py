"""What the store tells of the past: runs with what became of them, two runs beside each other, writings."""

from __future__ import annotations

from amx_tui.catalog.model import Change, Outcome, Written
from amx_tui.drafting.model import RunEnded, RunState, UsageReported
from amx_tui.llm.model import Usage
from amx_tui.review.history import History
from amx_tui.review.model import NewDecision, State, Verdict
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, draft_all, drafted, plan

A, B, C = column("A"), column("B"), column("C")


def draft(store: Store, **texts: str) -> int:
    """A finished run in which each column got this text."""
    targets = [column(name) for name in texts]
    run = store.start_run(plan(targets), "legacy.db (sqlite)", 1.0)
    for target in targets:
        store.record(run, drafted(target, texts[target.column]))
    store.record(run, RunEnded(RunState.FINISHED, 3.0))
    return run


def write(store: Store, change: Change, *, undoes: int | None = None, who: str = "ada") -> int:
    group = store.begin_write(DATABASE, [change], who=who, undoes=undoes)
    done = [Written(change, Outcome.WRITTEN)]
    return store.record_written(DATABASE, done, who=who, at=9.0, group=group)


def test_a_run_tells_where_its_drafts_stand_now(store: Store) -> None:
    targets = [column(name) for name in "ABCDEFG"]
    run = store.start_run(plan(targets), "x", 1.0)
    for target in targets:
        store.record(run, drafted(target, "about it"))
    store.record(run, drafted(A, "about it, again"))
    store.record(run, UsageReported(1, Usage(100, 40, 20, 5), 0.25))
    a, b, c, d, e, f, _ = targets
    decisions = [
        *(accept(target, run=run) for target in (a, b)),
        NewDecision(c, Verdict.EDITED, "mine", run=run),
        NewDecision(d, Verdict.REJECTED, run=run),
        NewDecision(e, Verdict.LATER, run=run),
        NewDecision(f, Verdict.ACCEPTED, "x", 0, run=run),
    ]
    store.decide(DATABASE, decisions)
    store.decide(DATABASE, [NewDecision(f, Verdict.OPEN)])
    store.decide(DATABASE, [accept(column("G"))])
    store.undo(DATABASE)
    write(store, Change(a, None, "a text"))
    past = History(store, DATABASE).runs([run])[run]
    assert past.counts == {
        State.TODO: 2, State.ACCEPTED: 1, State.EDITED: 1, State.REJECTED: 1, State.LATER: 1,
        State.WRITTEN: 1,
    }  # fmt: skip
    assert sum(past.counts.values()) == past.record.drafted == 7
    (known,) = store.runs(DATABASE)
    assert past.record == known and past.effort == "low"


def test_runs_come_newest_first_and_only_those_of_the_database(store: Store) -> None:
    first, other, last = (
        draft(store, A="one"),
        draft_all(store, A, database="sqlite:/data/other.db"),
        draft(store, B="two"),
    )
    history = History(store, DATABASE)
    assert history.run_numbers() == (last, first)
    assert [*history.runs([first, other, last])] == [first, last]
    assert History(store, "sqlite:/nowhere.db").run_numbers() == ()


def test_a_run_that_died_is_called_interrupted(store: Store) -> None:
    run = store.start_run(plan([A]), "x", 1.0)
    history = History(store, DATABASE)
    assert history.runs([run])[run].record.state is RunState.RUNNING
    store.close()
    assert history.runs([run])[run].record.state is RunState.INTERRUPTED


def test_runs_are_found_by_what_they_were_asked_and_what_they_said(store: Store) -> None:
    money = draft(store, BUKRS="The Ärger of a company’s 100% “code”", B_X="x")
    text = draft(store, ZTERM="Zahlungsziel")
    history = History(store, DATABASE)
    for words in ("bseg.bukrs", "ärger", "ÄRGER", "100%", "company’s", "B_X", "kimi-k2 COMPANY"):
        assert history.run_numbers(words) == (money,), words
    assert history.run_numbers("zahlungs") == (text,)
    assert history.run_numbers("low zterm columns") == (
        text,
    )  # the effort, and the scope in its words
    assert history.run_numbers("finished kimi-thinking") == (text, money)
    # Neither the way it is kept nor a sign that SQL knows is part of any text.
    for words in ("band", "declared", "100_", "' OR 1=1", "company zahlungsziel"):
        assert history.run_numbers(words) == (), words


def test_the_targets_of_two_runs_stand_beside_each_other_those_that_differ_first(
    store: Store,
) -> None:
    one = draft(store, A="the same", B="this", X="alone")
    two = draft(store, A="the same", B="that", Y="alone")
    store.decide(DATABASE, [accept(B, "this", run=one)])
    history = History(store, DATABASE)
    shared = history.shared(one, two)
    assert [(s.target, s.differs) for s in shared] == [(B, True), (A, False)]
    seen, undecided = history.compare(shared)
    assert [r.alternatives[0].text for r in (seen.first, seen.second)] == ["this", "that"]
    assert (seen.first.run, seen.second.run) == (one, two)
    assert seen.taken(seen.first) == 0 and seen.taken(seen.second) is None
    assert undecided.decision is None
    assert history.runs_of(B) == (two, one) and history.runs_of(C) == ()


def test_who_wrote_what_when_and_whether_it_was_taken_back(store: Store) -> None:
    run = draft(store, A="about A", B="about B")
    store.decide(DATABASE, [accept(A, "about A", run=run)])
    group = write(store, Change(A, "old A", "about A"))
    write(store, Change(B, None, "words of ours"), who="bob")
    undoing = write(store, Change(A, "about A", "old A"), undoes=group)
    history = History(store, DATABASE)
    numbers = history.writing_numbers()
    written = list(history.writings(numbers).values())
    assert [(w.entry.change.target, w.entry.who, w.undone) for w in written] == [
        (A, "ada", False), (B, "bob", False), (A, "ada", True),
    ]  # fmt: skip
    assert [w.entry for w in written] == list(store.journal(DATABASE))
    assert written[0].entry.group == undoing and written[2].entry.run == run
    assert history.writing_numbers("BOB ours") == (numbers[1],)
    assert history.writing_numbers("kimi-k2") == (numbers[2],)
    assert history.writing_numbers("old bseg.a") == (numbers[0], numbers[2])
    assert history.writing_numbers("nothing") == ()


def test_where_nothing_was_kept_yet_there_is_no_past_and_no_file(store: Store) -> None:
    history = History(store, DATABASE)
    assert history.run_numbers() == () and history.writing_numbers("x") == ()
    assert not history.runs([1]) and not history.writings([1]) and not history.shared(1, 2)
    assert not store.path.exists()
