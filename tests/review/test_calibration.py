"""An estimate learns from what a model really used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.catalog.model import Target
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import (
    Batch,
    BatchFailed,
    BatchFinished,
    BatchStarted,
    Calibration,
    Estimate,
    Plan,
    UsageReported,
)
from amx_tui.llm.model import Failure, FailureKind, Usage
from amx_tui.review.file import StoreFile
from amx_tui.review.schema import MIGRATIONS
from amx_tui.review.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "tui.db")
    yield store
    store.close()


def plan_of(batches: int, model: str = "kimi-k3", **changes: object) -> Plan:
    made = tuple(
        Batch(
            n,
            Target("main", f"T{n}"),
            (Target("main", f"T{n}", "A"),),
            (),
            Estimate(1000, 2000, None, 9),
        )
        for n in range(1, batches + 1)
    )
    plan = Plan("sqlite:/x.db", "all", "kimi", "kimi", model, "low", Privacy.SHAPES, made)
    return replace(plan, **changes)  # type: ignore[arg-type]


def run_with(store: Store, plan: Plan, used: list[list[Usage]]) -> None:
    run = store.start_run(plan, "x.db", 1.0)
    for batch, attempts in zip(plan.batches, used, strict=True):
        store.record(run, BatchStarted(batch.number, 1.0))
        for usage in attempts:
            store.record(run, UsageReported(batch.number, usage, None))
        store.record(run, BatchFinished(batch.number, (), 0, 2.0))


def test_a_model_that_thinks_longer_than_assumed_raises_the_next_estimate(store: Store) -> None:
    run_with(
        store, plan_of(3), [[Usage(800, 0, 5000)], [Usage(900, 0, 6000)], [Usage(700, 0, 7000)]]
    )
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration(0.8, 3.0, 3)


def test_two_answers_are_too_few_to_go_by(store: Store) -> None:
    run_with(store, plan_of(2), [[Usage(800, 0, 5000)], [Usage(900, 0, 6000)]])
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration()


def test_another_model_or_effort_learns_nothing_from_it(store: Store) -> None:
    run_with(store, plan_of(3), [[Usage(800, 0, 5000)]] * 3)
    assert store.calibration("kimi", "kimi-k2.6", "low") == Calibration()
    assert store.calibration("kimi", "kimi-k3", "high") == Calibration()


def test_second_attempts_and_failures_say_nothing_of_an_estimate(store: Store) -> None:
    used = [[Usage(1000, 0, 2000)]] * 3 + [[Usage(1000, 0, 32_768), Usage(1000, 0, 4000)]]
    run_with(store, plan_of(4), used)
    run = store.start_run(plan_of(1), "x.db", 3.0)
    store.record(run, UsageReported(1, Usage(1000, 0, 99_999), None))
    failure = Failure(FailureKind.CUT, "The connection was cut")
    store.record(run, BatchFailed(1, failure, (), 4.0))
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration(1.0, 1.0, 3)


def test_what_no_provider_told_says_nothing_of_an_estimate(store: Store) -> None:
    run_with(store, plan_of(3), [[Usage(1000, 0, 2000)]] * 3)
    run = store.start_run(plan_of(1), "x.db", 3.0)
    store.record(run, BatchStarted(1, 3.0))
    store.record(run, UsageReported(1, Usage(1000, 0, 9000), 0.02, is_exact=False))
    store.record(run, BatchFinished(1, (), 0, 4.0))
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration(1.0, 1.0, 3)
    leg = store.last_leg(run)
    assert leg is not None and leg.spent_usd == 0.02  # but it was paid for


def test_a_corrected_estimate_is_not_corrected_twice(store: Store) -> None:
    corrected = plan_of(3, calibration=Calibration(0.5, 4.0, 7))
    run_with(store, corrected, [[Usage(1000, 0, 2000)]] * 3)
    # Announced were 1000 and 2000 tokens, and so it was: the same correction holds again.
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration(0.5, 4.0, 3)


def test_nonsense_from_a_provider_does_not_make_an_estimate_absurd(store: Store) -> None:
    run_with(store, plan_of(3), [[Usage(1, 0, 10_000_000)]] * 3)
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration(0.25, 4.0, 3)


def test_without_a_store_nothing_is_corrected_and_nothing_is_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "none" / "tui.db")
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration()
    assert not (tmp_path / "none").exists()


def test_a_store_of_the_first_version_keeps_its_runs_and_learns_from_then_on(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tui.db"
    with StoreFile(path, MIGRATIONS[:1]).writing() as connection:
        connection.execute("INSERT INTO databases (identity) VALUES ('sqlite:/x.db')")
        connection.execute(
            "INSERT INTO runs (database, label, scope, state, started_at, leg)"
            " VALUES (1, 'x.db', 'all', 'finished', 1.0, 1)"
        )
        connection.execute(
            "INSERT INTO legs VALUES (1, 1, 'k', 'kimi', 'kimi-k3', 'low', 'shapes', NULL, 1.0)"
        )
        connection.execute(
            "INSERT INTO batches (run, leg, number, state) VALUES (1, 1, 1, 'finished')"
        )
    store = Store(path)
    assert [run.id for run in store.runs("sqlite:/x.db")] == [1]
    assert store.calibration("kimi", "kimi-k3", "low") == Calibration()
    run_with(store, plan_of(3), [[Usage(800, 0, 5000)]] * 3)
    assert store.calibration("kimi", "kimi-k3", "low").answers == 3
    assert len(store.runs("sqlite:/x.db")) == 2
    store.close()
