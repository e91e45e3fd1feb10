"""Writing what was decided into a real database, and taking it back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pytest

from amx_tui.catalog.model import (
    Catalog,
    CatalogProblem,
    Change,
    Connector,
    Outcome,
    Target,
    Written,
)
from amx_tui.catalog.opening import open_database
from amx_tui.commands.writing import apply_changes, pending, settle_cut_off, undo_write
from amx_tui.review.model import NewDecision, State, Verdict
from amx_tui.review.store import Store
from tests.review.made import accept, column, draft_all

BUKRS, WAERS, T001 = column("BUKRS"), column("WAERS"), Target("main", "T001")
TABLES = 'CREATE TABLE "BSEG" ("BUKRS" TEXT, "WAERS" TEXT); CREATE TABLE "T001" ("BUKRS" TEXT);'


def make_sqlite(folder: Path) -> str:
    connection = sqlite3.connect(folder / "legacy.db")
    connection.executescript(TABLES)
    connection.close()
    return str(folder / "legacy.db")


def make_duckdb(folder: Path) -> str:
    connection = duckdb.connect(str(folder / "legacy.duckdb"))
    connection.execute(TABLES)
    connection.close()
    return str(folder / "legacy.duckdb")


@pytest.fixture(params=[make_sqlite, make_duckdb])
def connector(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connector]:
    make: Callable[[Path], str] = request.param
    opened = open_database(make(tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "amx" / "tui.db")
    yield made
    made.close()


def decide(store: Store, connector: Connector, target: Target, text: str) -> None:
    """As a reviewer does: over what stands there now."""
    present = connector.load().comment(target)
    store.decide(connector.identity, [accept(target, text, previous=present)])


def waiting(store: Store, connector: Connector) -> list[Change]:
    return [found.change for found in pending(store, connector, connector.load())]


def edit_elsewhere(connector: Connector, target: Target, old: str | None, new: str) -> None:
    (result,) = connector.write([Change(target, old, new)])
    assert result.outcome is Outcome.WRITTEN


def outcomes(results: Iterator[Written]) -> dict[str, Outcome]:
    return {result.change.target.path: result.outcome for result in results}


def test_what_would_be_written_can_be_read_before(store: Store, connector: Connector) -> None:
    decide(store, connector, BUKRS, "it's the company code")
    store.decide(connector.identity, [NewDecision(T001, Verdict.REJECTED)])
    (found,) = pending(store, connector, connector.load())
    assert found.change == Change(BUKRS, None, "it's the company code")
    assert found.statement == connector.statements([found.change])[0]
    assert "company code" in found.statement
    assert (found.present, found.changed_meanwhile, found.is_gone) == (None, False, False)
    assert connector.load().comment(BUKRS) is None


def test_what_is_written_is_there_and_no_longer_waits(store: Store, connector: Connector) -> None:
    draft_all(store, BUKRS, WAERS, database=connector.identity)
    decide(store, connector, BUKRS, "Company code")
    decide(store, connector, T001, "Companies")
    results = list(apply_changes(store, connector, waiting(store, connector), "ann"))
    assert [result.outcome for result in results] == [Outcome.WRITTEN] * 2
    catalog = connector.load()
    assert (catalog.comment(BUKRS), catalog.comment(T001)) == ("Company code", "Companies")
    assert waiting(store, connector) == []
    # The table was decided on without a draft, and has a row behind those that were drafted.
    states = [row.state for row in store.rows(connector.identity)]
    assert states == [State.WRITTEN, State.TODO, State.WRITTEN]
    assert {(entry.who, entry.outcome) for entry in store.journal(connector.identity)} == {
        ("ann", Outcome.WRITTEN)
    }


def test_somebody_elses_text_is_left_alone(store: Store, connector: Connector) -> None:
    decide(store, connector, BUKRS, "ours")
    decide(store, connector, WAERS, "Currency")
    edit_elsewhere(connector, BUKRS, None, "theirs")
    found = {one.change.target: one for one in pending(store, connector, connector.load())}
    assert found[BUKRS].changed_meanwhile and found[BUKRS].present == "theirs"
    assert not found[WAERS].changed_meanwhile
    changes = [one.change for one in found.values()]
    assert outcomes(apply_changes(store, connector, changes, "ann")) == {
        "BSEG.BUKRS": Outcome.CHANGED_MEANWHILE,
        "BSEG.WAERS": Outcome.WRITTEN,
    }
    assert connector.load().comment(BUKRS) == "theirs"
    # It stays, and is written once the reviewer has decided over the new text.
    assert [change.target for change in waiting(store, connector)] == [BUKRS]
    decide(store, connector, BUKRS, "ours")
    assert outcomes(apply_changes(store, connector, waiting(store, connector), "ann")) == {
        "BSEG.BUKRS": Outcome.WRITTEN
    }
    assert connector.load().comment(BUKRS) == "ours"


def test_a_text_that_came_back_can_be_decided_over(store: Store, connector: Connector) -> None:
    run = draft_all(store, BUKRS, database=connector.identity)
    decide(store, connector, BUKRS, "one")
    list(apply_changes(store, connector, waiting(store, connector), "ann"))
    decide(store, connector, BUKRS, "two")
    list(apply_changes(store, connector, waiting(store, connector), "ann"))
    edit_elsewhere(connector, BUKRS, "two", "one")
    store.decide(connector.identity, [accept(BUKRS, "three", previous="one", run=run)])
    assert waiting(store, connector) == [Change(BUKRS, "one", "three")]


def test_undo_puts_the_old_texts_back(store: Store, connector: Connector) -> None:
    edit_elsewhere(connector, BUKRS, None, "old")
    for target, text in ((BUKRS, "new"), (WAERS, "Currency"), (T001, "Companies")):
        decide(store, connector, target, text)
    list(apply_changes(store, connector, waiting(store, connector), "ann"))
    edit_elsewhere(connector, WAERS, "Currency", "theirs")
    assert outcomes(undo_write(store, connector, "bob")) == {
        "BSEG.BUKRS": Outcome.WRITTEN,
        "BSEG.WAERS": Outcome.CHANGED_MEANWHILE,
        "T001": Outcome.WRITTEN,
    }
    catalog = connector.load()
    texts = [catalog.comment(target) for target in (BUKRS, WAERS, T001)]
    assert texts == ["old", "theirs", None]
    assert list(undo_write(store, connector, "bob")) == []
    assert store.journal(connector.identity)[0].who == "bob"
    # What was decided still is, and can be written again.
    assert waiting(store, connector)[0] == Change(BUKRS, "old", "new")


def test_undo_leaves_a_text_that_somebody_else_had_written_word_for_word(
    store: Store, connector: Connector
) -> None:
    decide(store, connector, BUKRS, "Company code")
    decide(store, connector, WAERS, "Currency")
    edit_elsewhere(connector, BUKRS, None, "Company code")
    assert outcomes(apply_changes(store, connector, waiting(store, connector), "ann")) == {
        "BSEG.BUKRS": Outcome.WRITTEN,
        "BSEG.WAERS": Outcome.WRITTEN,
    }
    assert waiting(store, connector) == []
    assert [change.target for change in store.undoable(connector.identity)] == [WAERS]
    assert outcomes(undo_write(store, connector, "ann")) == {"BSEG.WAERS": Outcome.WRITTEN}
    catalog = connector.load()
    assert [catalog.comment(target) for target in (BUKRS, WAERS)] == ["Company code", None]
    assert list(undo_write(store, connector, "ann")) == []


def test_a_target_that_is_gone_is_said_to_be(store: Store, connector: Connector) -> None:
    gone = column("DROPPED")
    store.decide(connector.identity, [accept(gone, "x"), accept(BUKRS, "Company code")])
    found = pending(store, connector, connector.load())
    assert [(one.change.target, one.is_gone) for one in found] == [(gone, True), (BUKRS, False)]
    results = outcomes(apply_changes(store, connector, [one.change for one in found], "ann"))
    assert results["BSEG.BUKRS"] is Outcome.WRITTEN
    assert results["BSEG.DROPPED"] is Outcome.FAILED


@pytest.mark.parametrize("is_done", [True, False])
def test_a_write_that_was_cut_off_is_found_out_about(
    store: Store, connector: Connector, is_done: bool
) -> None:
    """The process died after the database had the text, or before, and before the journal did."""
    draft_all(store, BUKRS, database=connector.identity)
    decide(store, connector, BUKRS, "Company code")
    changes = waiting(store, connector)
    store.begin_write(connector.identity, changes, who="ann")
    if is_done:
        list(connector.write(changes))
    store.close()
    assert waiting(store, connector) == ([] if is_done else changes)
    assert store.unresolved(connector.identity) == ()
    (row,) = store.rows(connector.identity)
    assert row.written == is_done
    assert len(list(undo_write(store, connector, "ann"))) == is_done
    assert connector.load().comment(BUKRS) is None


def test_looking_at_what_is_to_be_written_while_it_is_written_takes_nothing_for_cut_off(
    store: Store, connector: Connector
) -> None:
    """Whoever looks has the schema as it was before, and is overtaken by the writer."""
    draft_all(store, BUKRS, database=connector.identity)
    decide(store, connector, BUKRS, "Company code")
    changes = waiting(store, connector)
    before = connector.load()
    group = store.begin_write(connector.identity, changes, who="ann")

    class Overtaken(Catalog):
        def comment(self, target: Target) -> str | None:
            written = list(connector.write(changes))
            store.record_written(connector.identity, written, who="ann", at=1.0, group=group)
            return before.comment(target)

    settle_cut_off(store, connector, Overtaken(before.tables))
    assert waiting(store, connector) == []
    assert [entry.outcome for entry in store.journal(connector.identity)] == [Outcome.WRITTEN]


class Breaking:
    """A real database whose connection breaks after the first table."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector

    def __getattr__(self, name: str) -> object:
        return getattr(self._connector, name)

    def write(self, changes: Sequence[Change]) -> Iterator[Written]:
        first = [one for one in changes if one.target.of_table == changes[0].target.of_table]
        yield from self._connector.write(first)
        raise CatalogProblem("The connection broke", "", "Connect again")


def test_what_was_written_before_the_connection_broke_is_kept(
    store: Store, connector: Connector
) -> None:
    decide(store, connector, BUKRS, "Company code")
    decide(store, connector, T001, "Companies")
    broken: Connector = Breaking(connector)  # type: ignore[assignment]
    with pytest.raises(CatalogProblem):
        list(apply_changes(store, broken, waiting(store, connector), "ann"))
    assert [change.target for change in waiting(store, connector)] == [T001]
    failed, kept = store.journal(connector.identity)
    assert (kept.change.target, kept.outcome) == (BUKRS, Outcome.WRITTEN)
    assert (failed.change.target, failed.outcome) == (T001, Outcome.FAILED)


def test_a_listener_that_goes_away_loses_nothing(store: Store, connector: Connector) -> None:
    decide(store, connector, BUKRS, "Company code")
    decide(store, connector, T001, "Companies")
    results = apply_changes(store, connector, waiting(store, connector), "ann")
    next(results)
    del results
    pending(store, connector, connector.load())
    catalog = connector.load()
    for entry in store.journal(connector.identity):
        is_there = catalog.comment(entry.change.target) == entry.change.new
        assert entry.outcome is (Outcome.WRITTEN if is_there else Outcome.FAILED)


def test_a_decision_that_was_taken_back_meanwhile_is_not_written(
    store: Store, connector: Connector
) -> None:
    """The list that is shown is older than what another amx-tui just did."""
    decide(store, connector, T001, "Companies")
    decide(store, connector, WAERS, "Currency")
    decide(store, connector, BUKRS, "Company code")
    shown = waiting(store, connector)
    other = Store(store.path)
    other.undo(connector.identity)
    decide(other, connector, WAERS, "Currency of the item")
    other.close()
    results = list(apply_changes(store, connector, shown, "ann"))
    assert {(one.change.target, one.outcome, one.detail) for one in results} == {
        (BUKRS, Outcome.CHANGED_MEANWHILE, "no longer decided"),
        (WAERS, Outcome.CHANGED_MEANWHILE, "no longer decided"),
        (T001, Outcome.WRITTEN, ""),
    }
    catalog = connector.load()
    assert [catalog.comment(one) for one in (BUKRS, WAERS, T001)] == [None, None, "Companies"]
    assert [entry.change.target for entry in store.journal(connector.identity)] == [T001]
    # Nor is what is written already written a second time.
    assert [one.outcome for one in apply_changes(store, connector, shown, "ann")] == (
        [Outcome.CHANGED_MEANWHILE] * 3
    )
    assert len(list(undo_write(store, connector, "ann"))) == 1


def test_nothing_decided_means_nothing_written(store: Store, connector: Connector) -> None:
    assert pending(store, connector, connector.load()) == ()
    assert list(apply_changes(store, connector, [], "ann")) == []
    assert list(undo_write(store, connector, "ann")) == []
    assert not store.path.exists()
