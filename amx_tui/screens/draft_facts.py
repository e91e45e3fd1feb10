"""What Draft says of a plan, above the prompt itself: what, to whom, how much of the rows, how large, what it
costs and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from amx_tui.base.text import one_line
from amx_tui.commands.model import PRIVACY_WORDS, Draft
from amx_tui.drafting.model import Calibration
from amx_tui.evidence.model import Standing
from amx_tui.screens.documents import standing_lines
from amx_tui.widgets.plain import Line
from amx_tui.widgets.words import duration, money, now, origin

if TYPE_CHECKING:
    from amx_tui.llm.model import Setup


@dataclass(frozen=True, slots=True)
class Choice:
    """What the person chose to have drafted, beside what was marked."""

    only_low: bool = False  # what was drafted before and came out low, instead of all else
    described: bool = False  # what is described already too
    waiting: int = (
        0  # of all: drafted before, and not decided; what is wanted again is none of these
    )
    spent_usd: float = 0.0  # by the run that goes on


def plan_lines(draft: Draft, choice: Choice, standing: Standing) -> list[Line]:
    from amx_tui.commands.drafting import size_words, waiting_words

    plan, setup = draft.plan, draft.setup
    effort = f" · effort {plan.effort}" if plan.effort else ""
    size, smaller = size_words(draft)
    waiting = waiting_words(choice.waiting)
    key = setup.endpoint.key
    return [
        [
            ("what     ", "dim"),
            (plan.scope, "strong"),
            (" · what came out low" if choice.only_low else "", "dim"),
            (" · described ones too" if choice.described and not choice.only_low else "", "warn"),
            (" · the readings so far go along" if plan.is_again else "", "dim"),
            (f" · {waiting}" if waiting else "", "warn"),
        ],
        *([[("hint     ", "dim"), (one_line(plan.hint), "")]] if plan.hint else []),
        [
            ("to       ", "dim"),
            (f"{plan.profile} · {plan.model}{effort}", "strong"),
            (_pinned_words(setup), "dim"),
        ],
        [
            ("at       ", "dim"),
            (setup.endpoint.base, ""),
            (f"  key: {key.source if key else 'none'}", "dim"),
        ],
        [("privacy  ", "dim"), (f"{plan.privacy.value}: {PRIVACY_WORDS[plan.privacy]}", "")],
        *standing_lines(standing, plan),
        *([[("texts    ", "dim"), (draft.wording, "")]] if draft.wording else []),
        [
            ("size     ", "dim"),
            (size, ""),
            (smaller, "dim"),
            (_calibration_words(plan.calibration), "dim"),
        ],
        [
            ("cost     ", "dim"),
            (f"about {money(plan.estimate.usd)}", "strong"),
            (f" · {_origin(draft)}" if draft.rates else "", "dim"),
            (f" · {_cap_words(draft, choice)}", "dim" if can_hold_cap(draft) else "bad"),
        ],
        [
            ("time     ", "dim"),
            (f"about {duration(draft.seconds)}", "strong"),
            (_side_by_side(draft.concurrency), "dim"),
        ],
    ]


def can_hold_cap(draft: Draft) -> bool:
    """Whether what it costs is known, where there is a cap."""
    return draft.plan.cap_usd is None or draft.rates is not None


def _cap_words(draft: Draft, choice: Choice) -> str:
    cap = draft.plan.cap_usd
    if cap is None:
        return "no cap"
    if not can_hold_cap(draft):
        return "no price is known, so a cap cannot hold"
    spent = f", {money(choice.spent_usd)} of it spent" if choice.spent_usd else ""
    return f"stops before {money(cap)}{spent}"


def _origin(draft: Draft) -> str:
    rates = draft.rates
    return origin(rates.source, rates.fetched_at, now()) if rates is not None else ""


def _calibration_words(calibration: Calibration) -> str:
    if not calibration.answers:
        return ""
    return f", going by {calibration.answers} earlier answers of this model"


def _pinned_words(setup: Setup) -> str:
    """What of profile and environment the model does not take."""
    from amx_tui.llm.body import pinned_parameters

    drops = pinned_parameters(setup)
    return "".join(
        f" · {drop.name} becomes {drop.instead}" if drop.instead else f" · {drop.name} left out"
        for drop in drops
    )


def _side_by_side(requests: int) -> str:
    return f", {requests} requests side by side" if requests > 1 else ", one request at a time"
