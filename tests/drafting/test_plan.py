from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.model import Catalog, Column, ColumnEvidence, Table, Target
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Scope
from amx_tui.drafting.plan import choose_targets, make_plan, remaining_plan, scope_in_words
from amx_tui.llm.tokens import estimate_tokens
from tests.drafting.parts import RATES, SMALL, plan_of, setup_of, table_of


def described(table: Table, *names: str) -> Table:
    columns = tuple(
        replace(column, comment=f"what {column.name} is") if column.name in names else column
        for column in table.columns
    )
    return replace(table, columns=columns)


def test_described_ones_are_left_alone_unless_a_person_chooses_otherwise() -> None:
    catalog = Catalog((described(table_of(comment="segments"), "MANDT", "BUKRS"),))
    chosen = choose_targets(catalog, Scope())
    assert [target.path for target in chosen] == ["BSEG.BELNR", "BSEG.GJAHR"]
    assert len(choose_targets(catalog, Scope(redo_described=True))) == 5


def test_a_marked_table_stands_for_itself_and_its_columns_a_marked_column_for_itself() -> None:
    one, two, three = table_of("A", 2), table_of("B", 2), table_of("C", 2)
    catalog = Catalog((one, two, three))
    marked = frozenset({one.target, two.column_target(two.columns[1])})
    paths = [target.path for target in choose_targets(catalog, Scope(marked))]
    assert paths == ["A", "A.MANDT", "A.BUKRS", "B.BUKRS"]
    exactly = choose_targets(catalog, Scope(marked, exact=True))
    assert [target.path for target in exactly] == ["A", "B.BUKRS"]
    assert choose_targets(catalog, Scope(frozenset())) == ()


def test_the_scope_is_said_in_words() -> None:
    table = table_of()
    columns = [table.column_target(column) for column in table.columns]
    assert scope_in_words([table.target, *columns]) == "4 columns and 1 table itself, in 1 table"
    assert scope_in_words(columns[:1]) == "1 column, in 1 table"


@given(
    widths=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    size=st.integers(1, 12),
)
def test_every_target_is_asked_once_and_no_batch_is_too_big(widths: list[int], size: int) -> None:
    tables = [table_of(f"T{number}", width) for number, width in enumerate(widths)]
    plan = plan_of(*tables, setup=setup_of(batch_size=size))
    asked = [target for batch in plan.batches for target in batch.targets]
    assert sorted(asked) == sorted(choose_targets(Catalog(tuple(tables)), Scope()))
    assert len(asked) == len(set(asked))
    assert [batch.number for batch in plan.batches] == list(range(1, len(plan.batches) + 1))
    for batch in plan.batches:
        columns = [target for target in batch.targets if not target.is_table]
        assert len(columns) <= size
        assert {target.of_table for target in batch.targets} == {batch.table}
    for table in tables:  # the table itself with its first batch
        first = next(batch for batch in plan.batches if batch.table == table.target)
        assert first.targets[0] == table.target


def test_a_small_context_makes_smaller_batches_that_fit() -> None:
    table = table_of(columns=40)
    evidence = {
        table.target: {
            column.name: ColumnEvidence(0.0, 900, ("x" * 48,) * 3) for column in table.columns
        }
    }
    wish = setup_of(batch_size=40, verbosity="detailed", max_tokens=16_384)
    large = plan_of(table, setup=wish, evidence=evidence)
    small = plan_of(table, setup=replace(wish, model=SMALL), evidence=evidence)
    assert len(large.batches) == 1
    assert len(small.batches) > 1
    for batch in small.batches:
        tokens = sum(estimate_tokens(message.content) for message in batch.messages)
        assert tokens + batch.estimate.output_tokens < 8_192


def test_an_answer_must_fit_the_output_budget_too() -> None:
    table = table_of(columns=60)
    wish = setup_of(replace(SMALL, context=131_072), batch_size=60, max_tokens=2_000)
    plan = plan_of(table, setup=wish)
    assert all(batch.estimate.output_tokens <= 2_000 for batch in plan.batches)
    assert len(plan.batches) > 1


def test_a_column_that_cannot_fit_is_still_asked_alone() -> None:
    wish = setup_of(replace(SMALL, context=600), batch_size=10)
    plan = plan_of(table_of(columns=3), setup=wish)
    assert [len(batch.targets) for batch in plan.batches] == [1, 1, 1, 1]


def test_a_table_too_wide_for_its_names_says_how_many_it_leaves_out() -> None:
    table = table_of(columns=3_000)
    wish = setup_of(SMALL, batch_size=10)
    plan = plan_of(table, setup=wish)
    assert '"columns_left_out":' in plan.batches[0].messages[1].content
    assert all(len(batch.targets) >= 5 for batch in plan.batches[:-1])


def test_the_estimate_is_about_what_is_sent_and_priced_by_the_rates() -> None:
    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=4))
    for batch in plan.batches:
        tokens = sum(estimate_tokens(message.content) for message in batch.messages)
        assert tokens <= batch.estimate.input_tokens <= tokens * 1.1 + 30
        usd = (
            batch.estimate.input_tokens * RATES.input + batch.estimate.output_tokens * RATES.output
        ) / 1e6
        assert batch.estimate.usd == pytest.approx(usd)
    unpriced = plan_of(setup=setup_of(replace(SMALL, rates=None)))
    assert unpriced.estimate.usd is None


def test_what_stands_there_now_goes_along_unaltered() -> None:
    odd = "  two\nlines\x1b[31m "
    table = replace(table_of(comment=odd), columns=(Column("A", "INT", comment=odd),))
    target = table.column_target(table.columns[0])
    plan = make_plan(
        Catalog((table,)),
        [target, table.target, Target("main", "GONE", "X")],
        {},
        setup_of(),
        database="d",
        scope="s",
        privacy=Privacy.METADATA,
        first_number=7,
    )
    (batch,) = plan.batches
    assert batch.number == 7
    assert batch.previous == {table.target: odd, target: odd}


def test_what_remains_of_a_run_asks_for_that_alone_with_the_same_evidence() -> None:
    plan = plan_of(table_of(columns=8), setup=setup_of(batch_size=4))
    first, second = plan.batches
    missing = {first.targets[1], first.targets[3]}
    rest = remaining_plan(plan, missing)
    (batch,) = rest.batches
    assert batch.number == first.number
    assert set(batch.targets) == missing
    lines = [line for line in batch.messages[1].content.split("\n") if '{"column"' in line]
    assert len(lines) == 2
    assert all(line in first.messages[1].content for line in lines)
    assert batch.estimate.output_tokens < first.estimate.output_tokens
    assert remaining_plan(plan, set(second.targets)).batches == (second,)


def test_planning_ten_times_the_columns_takes_about_ten_times_as_long() -> None:
    def seconds(tables: int, width: int) -> float:
        made = [table_of(f"T{number}", width) for number in range(tables)]
        begun = time.process_time()
        plan_of(*made, setup=setup_of(batch_size=10))
        return time.process_time() - begun

    seconds(1, 100)
    # Quadratic would be a hundred times; one wide table is the hard case.
    assert seconds(1, 10_000) < 40 * max(seconds(1, 1_000), 0.02)
