"""Plans, suggestions and decisions that the tests of this room and its neighbours start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amx_tui.catalog.model import Target
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import (
    Alternative,
    Band,
    Batch,
    Confidence,
    Estimate,
    Plan,
    Signal,
    Suggestion,
    SuggestionDrafted,
)
from amx_tui.llm.model import Message
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.review.store import Store

DATABASE = "sqlite:/data/legacy.db"


def column(name: str, table: str = "BSEG", schema: str = "main") -> Target:
    return Target(schema, table, name)


def plan(
    *batches: Sequence[Target],
    database: str = DATABASE,
    model: str = "kimi-k2-thinking",
    previous: Mapping[Target, str] | None = None,
) -> Plan:
    return Plan(
        database=database,
        scope=f"{sum(map(len, batches))} columns",
        profile="kimi-thinking",
        provider="kimi",
        model=model,
        effort="low",
        privacy=Privacy.SHAPES,
        batches=tuple(
            Batch(
                number,
                targets[0].of_table,
                tuple(targets),
                (Message("user", "TOP SECRET PROMPT"),),
                Estimate(100, 50, 0.01, 3.0),
                {t: text for t, text in (previous or {}).items() if t in targets},
            )
            for number, targets in enumerate(batches, start=1)
        ),
    )


def suggestion(target: Target, *texts: str, previous: str | None = None) -> Suggestion:
    return Suggestion(
        target,
        tuple(
            Alternative(text, Confidence(Band.HIGH, Signal.LOGPROB, 0.9), "it says so")
            for text in texts or (f"about {target.column}",)
        ),
        previous,
    )


def drafted(target: Target, *texts: str, batch: int = 1, at: float = 2.0) -> SuggestionDrafted:
    return SuggestionDrafted(batch, suggestion(target, *texts), at)


def accept(
    target: Target, text: str = "a text", *, previous: str | None = None, run: int | None = None
) -> NewDecision:
    return NewDecision(target, Verdict.ACCEPTED, text, 0, previous, run)


def draft_all(store: Store, *targets: Target, database: str = DATABASE) -> int:
    """A finished run in which each target got a suggestion."""
    from amx_tui.drafting.model import RunEnded, RunState

    run = store.start_run(plan(targets, database=database), "legacy.db (sqlite)", 1.0)
    for target in targets:
        store.record(run, drafted(target))
    store.record(run, RunEnded(RunState.FINISHED, 3.0))
    return run
