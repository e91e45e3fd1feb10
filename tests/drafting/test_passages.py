"""Passages of documents and code go along with a table's batches, as far as there is room."""

from __future__ import annotations

import json

import pytest

from amx_tui.config.model import Privacy
from amx_tui.drafting.plan import remaining_plan
from amx_tui.drafting.prompt import CLOSING, OPENING
from amx_tui.evidence.model import Passage
from tests.drafting.parts import SMALL, plan_of, setup_of, table_of

BSEG, T001 = table_of("BSEG", 4), table_of("T001", 2)
TOLD = (
    Passage("docs/BSEG.md", 12, "BUKRS is the\ncompany code.", "Keys"),
    Passage("docs/guide.pdf", 3, "MANDT: client", page=7),
)


def sent(content: str) -> list[dict[str, object]]:
    inside = content.split(f"{OPENING}\n")[1].split(f"\n{CLOSING}")[0]
    return [line for line in map(json.loads, inside.split("\n")) if "passage" in line]


def test_they_go_with_every_batch_of_their_table_and_no_other() -> None:
    plan = plan_of(BSEG, T001, passages={BSEG.target: TOLD})
    for batch in plan.batches:
        told = TOLD if batch.table == BSEG.target else ()
        assert batch.passages == told
        assert [line["passage"] for line in sent(batch.messages[1].content)] == [
            p.text for p in told
        ]
    first = sent(plan.batches[0].messages[1].content)
    assert first[0]["from"] == "docs/BSEG.md:12" and first[0]["under"] == "Keys"
    assert first[1]["from"] == "docs/guide.pdf:p7" and "under" not in first[1]


def test_the_rules_are_the_same_for_all_batches_and_speak_of_passages_only_where_there_are_some() -> (
    None
):
    plan = plan_of(BSEG, T001, passages={BSEG.target: TOLD})
    assert len({batch.messages[0].content for batch in plan.batches}) == 1
    assert '"passage"' in plan.batches[0].messages[0].content
    assert '"passage"' not in plan_of(BSEG).batches[0].messages[0].content


def test_the_batches_of_a_table_begin_with_the_same_words() -> None:
    one, two, *_ = (
        batch.messages[1].content for batch in plan_of(BSEG, passages={BSEG.target: TOLD}).batches
    )
    assert one.split("\n")[:4] == two.split("\n")[:4]
    assert '"passage"' in one.split("\n")[2]


def test_none_goes_along_at_metadata() -> None:
    plan = plan_of(BSEG, passages={BSEG.target: TOLD}, privacy=Privacy.METADATA)
    assert plan == plan_of(BSEG, privacy=Privacy.METADATA)


def test_they_are_counted_in_the_estimate() -> None:
    more = plan_of(BSEG, passages={BSEG.target: TOLD}).estimate.input_tokens
    assert more > plan_of(BSEG).estimate.input_tokens + 2 * 30


@pytest.mark.parametrize("model", [None, SMALL])
def test_a_long_one_gives_way_and_the_next_that_fits_goes_along(model: object) -> None:
    setup = setup_of() if model is None else setup_of(SMALL)
    long = Passage("docs/long.md", 1, "word " * 900)
    (first, *_) = plan_of(BSEG, setup=setup, passages={BSEG.target: (long, *TOLD)}).batches
    assert first.passages == TOLD


def test_there_is_an_end_to_what_goes_along() -> None:
    many = tuple(Passage(f"docs/{n}.md", 1, "BUKRS " * 100) for n in range(50))
    plan, without = plan_of(BSEG, passages={BSEG.target: many}), plan_of(BSEG)
    assert plan.batches[0].passages == many[: len(plan.batches[0].passages)]
    added = plan.batches[0].estimate.input_tokens - without.batches[0].estimate.input_tokens
    assert 0 < added < 1_000


def test_what_is_asked_again_keeps_them_word_for_word() -> None:
    plan = plan_of(BSEG, passages={BSEG.target: TOLD})
    rest = remaining_plan(plan, [plan.batches[-1].targets[-1]])
    (batch,) = rest.batches
    assert batch.passages == TOLD
    assert sent(batch.messages[1].content) == sent(plan.batches[-1].messages[1].content)
