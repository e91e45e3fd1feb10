"""What went to the model with a draft is told as it was sent, after whatever changed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.catalog.model import Column, ColumnEvidence, Table, Target
from amx_tui.commands.sent import sent_words
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Plan, SuggestionDrafted
from amx_tui.evidence.model import Passage
from amx_tui.review.model import Sent
from amx_tui.review.store import Store
from tests.drafting.parts import plan_of
from tests.review.made import suggestion

BUKRS = Column(
    "BUKRS",
    "CHAR(4)",
    key_position=1,
    references=Target("main", "T001", "BUKRS"),
    comment="of that time",
    nullable=False,
)
WAERS = Column("WAERS", "ENUM", nullable=True, values=("EUR", "USD"))
BSEG = Table("main", "BSEG", columns=(BUKRS, WAERS), row_count=9812)
SEEN = {
    "BUKRS": ColumnEvidence(0.0, 4, ("A999", "9999"), "A000", "Z999"),
    "WAERS": ColumnEvidence(0.25, 2),
}
TOLD = (Passage("docs/a.md", 12, "BUKRS: company code"),)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "tui.db")


def drafted(store: Store, plan: Plan) -> int:
    run = store.start_run(plan, "legacy.db", 1.0)
    for batch in plan.batches:
        for target in batch.targets:
            store.record(run, SuggestionDrafted(batch.number, suggestion(target), 2.0))
    return run


def words(store: Store, run: int, target: Target, now: str | None = None) -> dict[str, str]:
    sent = store.sent(run, target)
    assert sent is not None
    return {label: said + more for label, said, more in sent_words(sent, now)}


def test_samples_figures_and_references_are_those_of_the_run(store: Store) -> None:
    undescribed = replace(BSEG, columns=(replace(BUKRS, comment=None), WAERS))
    plan = plan_of(undescribed, evidence={BSEG.target: SEEN}, passages={BSEG.target: TOLD})
    run = drafted(store, plan)
    store.close()  # and at the next start
    assert words(store, run, BSEG.column_target(BUKRS)) == {
        "samples": "A999 · 9999 (shapes)",
        "rows": "null never · 4 distinct · A000 to Z999",
        "to": "T001.BUKRS",
    }
    assert words(store, run, BSEG.column_target(WAERS)) == {
        "rows": "null 25% · 2 distinct (shapes)",
        "values": "EUR|USD",
    }
    assert words(store, run, BSEG.target) == {
        "rows": "about 9812 (shapes)",
        "key": "BUKRS",
        "columns": "BUKRS, WAERS",
    }
    sent = store.sent(run, BSEG.target)
    assert sent is not None and sent.passages == TOLD


def test_each_run_has_its_own_also_at_another_level(store: Store) -> None:
    first = drafted(store, plan_of(BSEG, evidence={BSEG.target: SEEN}))
    second = drafted(store, plan_of(BSEG, privacy=Privacy.METADATA))
    target = BSEG.column_target(WAERS)
    assert words(store, first, target)["rows"] == "null 25% · 2 distinct (shapes)"
    assert words(store, second, target)["rows"] == "no row was read (metadata)"


def test_a_run_that_goes_on_has_what_was_sent_then(store: Store) -> None:
    plan = plan_of(BSEG, evidence={BSEG.target: SEEN})
    run = store.start_run(plan, "legacy.db", 1.0)
    store.continue_run(run, plan_of(BSEG, privacy=Privacy.METADATA), 2.0)
    target = BSEG.column_target(WAERS)
    assert store.sent(run, target) is None  # it brought nothing yet
    store.record(run, SuggestionDrafted(1, suggestion(target), 3.0))
    assert words(store, run, target)["rows"] == "no row was read (metadata)"


def test_the_text_of_that_time_is_told_where_another_one_stands_there_now() -> None:
    sent = Sent(Privacy.SHAPES, {"column": "A", "comment": "of that time", "null": "0%"})
    assert ("was", "of that time", " when it was drafted") in list(sent_words(sent, "newer"))
    assert not any(label == "was" for label, *_ in sent_words(sent, "of that time"))


def test_what_was_kept_by_an_older_version_says_nothing() -> None:
    assert list(sent_words(Sent(Privacy.SHAPES, {}), None)) == []


def test_a_name_from_a_database_is_no_order_to_the_terminal(store: Store) -> None:
    odd = Table("main", "T", columns=(Column("A\x1b[2J\n", "TEXT"), Column("B", "TEXT")))
    plan = plan_of(odd, evidence={odd.target: {"B": ColumnEvidence(samples=("\x1b]0;x\x07",))}})
    run = drafted(store, plan)
    for column in (None, *odd.columns):
        target = odd.target if column is None else odd.column_target(column)
        assert not any("\x1b" in said for said in words(store, run, target).values())
