"""What documents and code said goes into the store with the run, so that a reviewer sees what was sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amx_tui.drafting.model import Plan
from amx_tui.evidence.model import Passage
from amx_tui.review.file import StoreFile
from amx_tui.review.schema import MIGRATIONS
from amx_tui.review.store import Store
from tests.review.made import DATABASE, column, draft_all, drafted, plan

BUKRS, WAERS, LAND1 = column("BUKRS"), column("WAERS"), column("LAND1", "T005")
TOLD = (Passage("docs/a.md", 12, "BUKRS:\ncompany code", "Keys"), Passage("g.pdf", 1, "x", page=7))


def with_passages(made: Plan, passages: Sequence[Passage], table: str = "BSEG") -> Plan:
    batches = [
        replace(batch, passages=tuple(passages)) if batch.table.table == table else batch
        for batch in made.batches
    ]
    return replace(made, batches=tuple(batches))


def test_they_are_there_for_every_target_of_the_table_after_a_restart(store: Store) -> None:
    run = store.start_run(with_passages(plan([BUKRS], [WAERS], [LAND1]), TOLD), "legacy.db", 1.0)
    for batch, target in enumerate((BUKRS, WAERS, LAND1), start=1):
        store.record(run, drafted(target, batch=batch))
    store.close()
    again = Store(store.path)
    assert again.passages(run, BUKRS) == again.passages(run, WAERS) == TOLD
    assert again.passages(run, LAND1) == ()
    again.close()


def test_a_run_that_goes_on_tells_of_each_target_what_was_sent_with_it(store: Store) -> None:
    run = store.start_run(with_passages(plan([BUKRS], [WAERS]), TOLD[:1]), "legacy.db", 1.0)
    store.record(run, drafted(BUKRS))
    store.continue_run(run, with_passages(plan([WAERS]), TOLD[1:]), 2.0)
    store.record(run, drafted(WAERS))
    assert store.passages(run, BUKRS) == TOLD[:1]
    assert store.passages(run, WAERS) == TOLD[1:]


def test_what_was_not_drafted_has_none(store: Store) -> None:
    run = store.start_run(with_passages(plan([BUKRS]), TOLD), "legacy.db", 1.0)
    assert store.passages(run, BUKRS) == ()
    assert store.passages(run + 1, BUKRS) == ()


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(st.text(st.characters()), st.text(st.characters(), min_size=1))
def test_any_text_comes_back_as_it_was(store: Store, text: str, path: str) -> None:
    told = (Passage(path, 1, text, text),)
    run = store.start_run(with_passages(plan([BUKRS]), told), "legacy.db", 1.0)
    store.record(run, drafted(BUKRS))
    assert store.passages(run, BUKRS) == told


def test_a_store_from_before_there_were_passages_is_read_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "tui.db"
    old = StoreFile(path, MIGRATIONS[:2])
    with old.writing() as connection:
        connection.execute("INSERT INTO databases (identity) VALUES (?)", (DATABASE,))
    old.close()
    store = Store(path)
    run = draft_all(store, BUKRS)
    assert store.passages(run, BUKRS) == ()
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
