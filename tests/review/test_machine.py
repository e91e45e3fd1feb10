"""Decisions on one and on many, reasons, undo, redo, new drafts with hints, writes that the database takes,
refuses or finds changed, writes that are cut off, and other people's edits, in any order, by either of two
amx-tui on one store that are started anew now and then; against a model that is simple enough to be
believed."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.drafting.model import RunEnded, RunState, SuggestionDrafted
from amx_tui.review.history import History
from amx_tui.review.model import NewDecision, State, Verdict
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, plan, suggestion

TARGETS = [column("A"), column("B"), column('it\'s "odd"\n', "T\u00e4ble")]
TEXTS = ["x", "y", "z", "'; --"]
targets = st.sampled_from(TARGETS)
texts = st.sampled_from(TEXTS)
verdicts = st.sampled_from(Verdict)
reasons = st.sampled_from([None, "too vague", "'; --"])
hints = st.sampled_from(["", "it is money", "'; --"])
either = st.integers(0, 1)


@dataclass
class Group:
    """A group of our writes that can be undone: what we wrote, and over what. `number` is the store's where
    it was cut off."""

    open: dict[Target, tuple[str | None, str | None]] = field(default_factory=dict)
    number: int | None = None


class Reviewing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="amx-"))
        self.path = self.folder / "tui.db"
        self.stores = [Store(self.path), Store(self.path)]
        # The model.
        self.comments: dict[Target, str | None] = dict.fromkeys(TARGETS)
        self.suggested: dict[Target, tuple[str, str | None, int]] = {}  # text, previous, run
        self.runs: dict[int, tuple[str, str, list[Target]]] = {}  # hint, text, targets
        self.standing: list[list[NewDecision]] = []
        self.undone: list[list[NewDecision]] = []
        self.last: dict[Target, str | None] = {}  # what we wrote last
        self.groups: list[Group] = []
        self.is_ours_alone = True  # nobody else edited the database

    def teardown(self) -> None:
        for store in self.stores:
            store.close()
        shutil.rmtree(self.folder)

    def decision(self, target: Target) -> NewDecision | None:
        taken = [new for group in self.standing for new in group if new.target == target]
        return taken[-1] if taken else None

    @rule(wanted=st.sets(targets, min_size=1), text=texts, hint=hints, by=either)
    def draft(self, wanted: set[Target], text: str, hint: str, by: int) -> None:
        wanted_now, store = sorted(wanted), self.stores[by]
        run = store.start_run(replace(plan(wanted_now), hint=hint), "x", 1.0)
        self.runs[run] = (hint, text, wanted_now)
        for target in wanted_now:
            previous = self.comments[target]
            drafted = SuggestionDrafted(1, suggestion(target, text, previous=previous), 2.0)
            store.record(run, drafted)
            self.suggested[target] = (text, previous, run)
        store.record(run, RunEnded(RunState.FINISHED, 3.0))

    @rule(
        wanted=st.lists(targets, min_size=1, unique=True),
        verdict=verdicts,
        text=texts,
        reason=reasons,
        is_stale=st.booleans(),
        by=either,
    )
    def decide(
        self,
        wanted: list[Target],
        verdict: Verdict,
        text: str,
        reason: str | None,
        is_stale: bool,
        by: int,
    ) -> None:
        """One or many; over what stands there, or over what the suggestion quoted."""
        group = []
        for target in wanted:
            new = replace(
                accept(target, text),
                verdict=verdict,
                previous=self.comments[target],
                reason=reason if verdict is Verdict.REJECTED else None,
            )
            if target in self.suggested:
                _, previous, run = self.suggested[target]
                new = replace(new, run=run)
                if is_stale and self.is_ours_alone:
                    new = replace(new, previous=previous)
            group.append(new)
        self.stores[by].decide(DATABASE, group)
        self.standing.append(group)
        self.undone.clear()

    @rule(by=st.lists(either, min_size=1, max_size=4))
    def undo(self, by: list[int]) -> None:
        for one in by:
            expected: tuple[Target, ...] = ()
            if self.standing:
                self.undone.append(self.standing.pop())
                expected = tuple(new.target for new in self.undone[-1])
            assert self.stores[one].undo(DATABASE) == expected

    @rule(by=st.lists(either, min_size=1, max_size=4))
    def redo(self, by: list[int]) -> None:
        for one in by:
            expected: tuple[Target, ...] = ()
            if self.undone:
                self.standing.append(self.undone.pop())
                expected = tuple(new.target for new in self.standing[-1])
            assert self.stores[one].redo(DATABASE) == expected

    @rule(edited=targets, text=texts)
    def somebody_else_edits(self, edited: Target, text: str) -> None:
        self.comments[edited] = text
        self.is_ours_alone = False

    @rule(by=either, refused=st.sets(targets))
    def write(self, by: int, refused: set[Target]) -> None:
        """The database refuses some, such as those whose table this user does not own."""
        store = self.stores[by]
        self._settle(store)
        changes = store.to_write(DATABASE)
        decided = {
            target: new.text
            for target in TARGETS
            if (new := self.decision(target)) and new.verdict.keeps_text
        }
        for change in changes:
            new = self.decision(change.target)
            assert new is not None and change.new == decided[change.target]
            # Only what a person saw there, or what is our own, is ever to be replaced.
            assert change.old in (new.previous, self.last.get(change.target, new.previous))
        number, begun = store.begin_decided(DATABASE, changes, who="ann")
        assert begun == changes and (number is None) == (not changes)
        results = [self._write(change, refused) for change in changes]
        if self.is_ours_alone:
            for target, text in decided.items():
                assert target in refused or self.comments[target] == text
            assert all(r.outcome is Outcome.WRITTEN or r.change.target in refused for r in results)
        if results:
            store.record_written(DATABASE, results, who="ann", at=5.0, group=number)
            self.groups.append(Group())
            self._note(self.groups[-1], results)
        left = {change.target for change in store.to_write(DATABASE)}
        assert left == {r.change.target for r in results if r.outcome is not Outcome.WRITTEN}

    @rule(by=either, done=st.sets(targets))
    def die_while_writing(self, by: int, done: set[Target]) -> None:
        """Between the database and the journal; another one finds out what stands there."""
        store = self.stores[by]
        self._settle(store)
        number, changes = store.begin_decided(DATABASE, store.to_write(DATABASE), who="ann")
        if number is not None:
            self.groups.append(Group(number=number))
        for change in changes:
            if change.target in done and self.comments[change.target] == change.old:
                self.comments[change.target] = change.new
        self.restart(by)

    def _settle(self, store: Store) -> None:
        """As `commands.writing.settle_cut_off` does it."""
        for entry in store.unresolved(DATABASE):
            stands = self.comments[entry.change.target] == entry.change.new
            written = Written(entry.change, Outcome.WRITTEN if stands else Outcome.FAILED)
            store.record_written(
                DATABASE, [written], who="ann", at=5.5, group=entry.group, only_open=True
            )
            (group,) = (one for one in self.groups if one.number == entry.group)
            self._note(group, [written])
        assert store.unresolved(DATABASE) == ()

    @rule(by=either, refused=st.sets(targets))
    def undo_write(self, by: int, refused: set[Target]) -> None:
        store = self.stores[by]
        self._settle(store)
        self.groups = [group for group in self.groups if group.open]
        changes = store.undoable(DATABASE)
        if not self.groups:
            assert changes == ()
            return
        group = self.groups[-1]
        assert set(changes) == {
            Change(target, new, old) for target, (old, new) in group.open.items()
        }
        undoes = store.undoable_group(DATABASE)
        number = store.begin_write(DATABASE, changes, who="ann", undoes=undoes)
        results = [self._write(change, refused) for change in changes]
        store.record_written(DATABASE, results, who="ann", at=6.0, group=number)
        for result in results:
            if result.outcome is Outcome.WRITTEN:
                self.last[result.change.target] = result.change.new
            if result.outcome is not Outcome.REFUSED:  # what was refused can be tried again
                del group.open[result.change.target]

    def _write(self, change: Change, refused: set[Target]) -> Written:
        """What `Connector.write` promises: nothing is written over a text that is not `old`."""
        if change.target in refused:
            return Written(change, Outcome.REFUSED, "you do not own it")
        present = self.comments[change.target]
        if present not in (change.old, change.new):
            return Written(change, Outcome.CHANGED_MEANWHILE)
        self.comments[change.target] = change.new
        return Written(change, Outcome.WRITTEN)

    def _note(self, group: Group, results: list[Written]) -> None:
        for result in results:
            if result.outcome is Outcome.WRITTEN:
                self.last[result.change.target] = result.change.new
                group.open[result.change.target] = (result.change.old, result.change.new)

    @rule(by=either)
    @precondition(lambda self: self.path.exists())
    def restart(self, by: int) -> None:
        self.stores[by].close()
        self.stores[by] = Store(self.path)
        assert self.stores[by].notices == ()

    @rule(by=either)
    def look_at_the_past(self, by: int) -> None:
        """Each run still has its own texts and hint, and counts what became of its targets."""
        store = self.stores[by]
        history = History(store, DATABASE)
        past = history.runs(history.run_numbers())
        assert set(past) == set(self.runs)
        for run, (hint, text, drafted) in self.runs.items():
            assert past[run].hint == hint
            assert dict(past[run].counts) == Counter(self.state(target) for target in drafted)
            rows = {row.target: row for row in store.rows(DATABASE, run)}
            assert set(rows) == set(drafted)
            for row in rows.values():
                assert row.suggestion.alternatives[0].text == text
                assert row.state is self.state(row.target)

    def state(self, target: Target) -> State:
        new = self.decision(target)
        if new is None or new.verdict is Verdict.OPEN:
            return State.TODO
        if new.verdict.keeps_text and target in self.last and self.last[target] == new.text:
            return State.WRITTEN
        return State(new.verdict.value)

    @invariant()
    def what_is_shown_is_what_was_done(self) -> None:
        first, second = (store.rows(DATABASE) for store in self.stores)
        assert first == second
        rows = {row.target: row for row in first}
        undrafted = {
            target
            for target in TARGETS
            if target not in self.suggested
            and (new := self.decision(target)) is not None
            and new.verdict is not Verdict.OPEN
        }
        assert set(rows) == set(self.suggested) | undrafted
        for target, row in rows.items():
            new = self.decision(target)
            if target in undrafted:
                assert row.run is None and not row.suggestion.alternatives
            else:
                text, previous, run = self.suggested[target]
                assert row.suggestion.alternatives[0].text == text
                assert (row.suggestion.previous, row.run) == (previous, run)
            if new is None:
                assert row.decision is None and not row.written
                continue
            assert row.decision is not None
            text_kept = new.text if new.verdict.keeps_text else None
            assert (row.decision.verdict, row.decision.text) == (new.verdict, text_kept)
            assert row.decision.reason == new.reason
            assert row.state is self.state(target)
            assert [store.row(DATABASE, target) for store in self.stores] == [row, row]

    @invariant()
    def what_is_exported_is_what_was_decided(self) -> None:
        assert {
            target: decision.text for target, decision in self.stores[1].decided(DATABASE).items()
        } == {
            target: new.text
            for target in TARGETS
            if (new := self.decision(target)) and new.verdict.keeps_text
        }


Reviewing.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestReviewing = Reviewing.TestCase
