"""Decisions, undo, redo, new drafts, writes and other people's edits in any order, against a model that
is simple enough to be believed."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from amx_tui.catalog.model import Change, Outcome, Target, Written
from amx_tui.drafting.model import RunEnded, RunState, SuggestionDrafted
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.review.store import Store
from tests.review.made import DATABASE, accept, column, plan, suggestion

TARGETS = [column("A"), column("B"), column('it\'s "odd"\n', "T\u00e4ble")]
TEXTS = ["x", "y", "z", "'; --"]
targets = st.sampled_from(TARGETS)
texts = st.sampled_from(TEXTS)
verdicts = st.sampled_from(Verdict)


@dataclass
class Group:
    """A group of our writes that can be undone: what we wrote, and over what."""

    open: dict[Target, tuple[str | None, str | None]] = field(default_factory=dict)


class Reviewing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="amx-"))
        self.path = self.folder / "tui.db"
        self.store = Store(self.path)
        self.other = Store(self.path)  # another amx-tui on the same file
        # The model.
        self.comments: dict[Target, str | None] = dict.fromkeys(TARGETS)
        self.suggested: dict[Target, tuple[str, str | None, int]] = {}  # text, previous, run
        self.standing: list[list[NewDecision]] = []
        self.undone: list[list[NewDecision]] = []
        self.last: dict[Target, str | None] = {}  # what we wrote last
        self.groups: list[Group] = []
        self.is_ours_alone = True  # nobody else edited the database

    def teardown(self) -> None:
        self.store.close()
        self.other.close()
        shutil.rmtree(self.folder)

    def decision(self, target: Target) -> NewDecision | None:
        taken = [new for group in self.standing for new in group if new.target == target]
        return taken[-1] if taken else None

    @rule(wanted=st.sets(targets, min_size=1), text=texts)
    def draft(self, wanted: set[Target], text: str) -> None:
        wanted_now = sorted(wanted)
        run = self.store.start_run(plan(wanted_now), "x", 1.0)
        for target in wanted_now:
            previous = self.comments[target]
            drafted = SuggestionDrafted(1, suggestion(target, text, previous=previous), 2.0)
            self.store.record(run, drafted)
            self.suggested[target] = (text, previous, run)
        self.store.record(run, RunEnded(RunState.FINISHED, 3.0))

    @rule(
        wanted=st.lists(targets, min_size=1, unique=True),
        verdict=verdicts,
        text=texts,
        is_stale=st.booleans(),
    )
    def decide(self, wanted: list[Target], verdict: Verdict, text: str, is_stale: bool) -> None:
        """One or many; over what stands there, or over what the suggestion quoted."""
        group = []
        for target in wanted:
            new = replace(accept(target, text), verdict=verdict, previous=self.comments[target])
            if target in self.suggested:
                _, previous, run = self.suggested[target]
                new = replace(new, run=run)
                if is_stale and self.is_ours_alone:
                    new = replace(new, previous=previous)
            group.append(new)
        self.store.decide(DATABASE, group)
        self.standing.append(group)
        self.undone.clear()

    @rule()
    def undo(self) -> None:
        expected: tuple[Target, ...] = ()
        if self.standing:
            self.undone.append(self.standing.pop())
            expected = tuple(new.target for new in self.undone[-1])
        assert self.other.undo(DATABASE) == expected

    @rule()
    def redo(self) -> None:
        expected: tuple[Target, ...] = ()
        if self.undone:
            self.standing.append(self.undone.pop())
            expected = tuple(new.target for new in self.standing[-1])
        assert self.store.redo(DATABASE) == expected

    @rule(edited=targets, text=texts)
    def somebody_else_edits(self, edited: Target, text: str) -> None:
        self.comments[edited] = text
        self.is_ours_alone = False

    @rule()
    def write(self) -> None:
        changes = self.store.to_write(DATABASE)
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
        results = [self._write(change) for change in changes]
        if self.is_ours_alone:
            assert [result.outcome for result in results] == [Outcome.WRITTEN] * len(results)
            assert all(self.comments[target] == text for target, text in decided.items())
        if results:
            self.store.record_written(DATABASE, results, who="ann", at=5.0)
            self.groups.append(
                Group(
                    {
                        result.change.target: (result.change.old, result.change.new)
                        for result in results
                        if result.outcome is Outcome.WRITTEN
                    }
                )
            )

    @rule()
    def undo_write(self) -> None:
        self.groups = [group for group in self.groups if group.open]
        changes = self.store.undoable(DATABASE)
        if not self.groups:
            assert changes == ()
            return
        group = self.groups[-1]
        assert set(changes) == {
            Change(target, new, old) for target, (old, new) in group.open.items()
        }
        undoes = self.store.undoable_group(DATABASE)
        number = self.store.begin_write(DATABASE, changes, who="ann", undoes=undoes)
        results = [self._write(change) for change in changes]
        self.store.record_written(DATABASE, results, who="ann", at=6.0, group=number)
        group.open.clear()

    def _write(self, change: Change) -> Written:
        """What `Connector.write` promises: nothing is written over a text that is not `old`."""
        present = self.comments[change.target]
        if present not in (change.old, change.new):
            return Written(change, Outcome.CHANGED_MEANWHILE)
        self.comments[change.target] = self.last[change.target] = change.new
        return Written(change, Outcome.WRITTEN)

    @rule()
    @precondition(lambda self: self.path.exists())
    def restart(self) -> None:
        self.store.close()
        self.store = Store(self.path)

    @invariant()
    def what_is_shown_is_what_was_done(self) -> None:
        rows = {row.target: row for row in self.other.rows(DATABASE)}
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
            is_last = target in self.last and self.last[target] == text_kept
            assert row.written == (new.verdict.keeps_text and is_last)
            assert self.other.row(DATABASE, target) == row

    @invariant()
    def what_is_exported_is_what_was_decided(self) -> None:
        assert {
            target: decision.text for target, decision in self.other.decided(DATABASE).items()
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
