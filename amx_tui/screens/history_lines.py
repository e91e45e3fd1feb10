"""How runs and writings look: a line in their list, and a card with all of it. It asks nothing."""

from __future__ import annotations

from rich.cells import cell_len

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Outcome
from amx_tui.drafting.model import RunState
from amx_tui.review.history import PastRun, Writing
from amx_tui.review.model import State
from amx_tui.widgets.plain import Line, Piece, fit, fit_name
from amx_tui.widgets.signs import STATES
from amx_tui.widgets.words import duration, moment, money, number

WIDE = 120  # cells in which all of a run fits
# The states that a run counts, each under its sign; the card has the words.
_COUNTED = (State.ACCEPTED, State.EDITED, State.REJECTED, State.LATER, State.TODO, State.WRITTEN)
_COUNT_WIDTH = 5


def _setting(*parts: str) -> str:
    """Such as `profile · model · effort`; an effort that was not sent is not said."""
    return " · ".join(one_line(part, 60) for part in parts if part)


def _cells(
    width: int,
    *,
    mark: str,
    run: str,
    when: str,
    ended: str,
    what: str,
    drafted: str,
    tokens: str,
    cost: str,
) -> list[str]:
    """The columns of the list of runs before its counts."""
    is_wide = width >= WIDE
    used = 6 + 17 + 12 + 9 + (10 + 9 + _COUNT_WIDTH * len(_COUNTED) if is_wide else 9)
    cells = [fit(f"{mark}{run}", 6), fit(when, 17), fit(ended, 12), fit(what, width - used)]
    cells.append(fit(drafted, 9, right=True))
    if is_wide:
        cells.append(fit(tokens, 10, right=True))
    cells.append(fit(cost, 9, right=True))
    return cells


def run_head(width: int) -> Line:
    cells = _cells(
        width, mark="  ", run="run", when="when", ended="end", what="model · effort · profile, scope",
        drafted="drafted", tokens="tokens", cost="cost",
    )  # fmt: skip
    if width >= WIDE:
        cells += [fit(STATES[state][0], _COUNT_WIDTH, right=True) for state in _COUNTED]
    return [("".join(cells), "dim")]


def run_line(run: PastRun, width: int, *, is_marked: bool) -> Line:
    record = run.record
    cells = _cells(
        width,
        mark="● " if is_marked else "  ",
        run=str(record.id),
        when=moment(record.started_at),
        ended=record.state.value,
        what=f"{_setting(record.model, run.effort, record.profile)}, {one_line(record.scope, 80)}",
        drafted=f"{record.drafted}/{record.targets}",
        tokens=number(record.usage.total),
        cost=f"{'≥ ' if record.is_least else ''}{money(record.usd)}"
        if record.usd is not None
        else "unknown",
    )
    inks = ["accent" if is_marked else "key", "dim", _ink(record.state), "dim", "", "dim", ""]
    if width < WIDE:
        inks.remove("dim")
        inks[3:] = ["dim", "", ""]
    line: list[Piece] = list(zip(cells, inks, strict=True))
    if width >= WIDE:
        for state in _COUNTED:
            count = run.counts.get(state, 0)
            words = number(count) if count else "–"
            line.append(
                (fit(words, _COUNT_WIDTH, right=True), STATES[state][1] if count else "dim")
            )
    return line


def _ink(state: RunState) -> str:
    if state is RunState.FINISHED:
        return ""
    return "accent" if state is RunState.RUNNING else "warn"


def run_card(run: PastRun) -> list[Line]:
    record, usage = run.record, run.record.usage
    took = f", took {duration(record.ended_at - record.started_at)}" if record.ended_at else ""
    counts: list[Piece] = []
    for state, count in run.counts.items():
        sign, ink = STATES[state]
        counts += [(f"{sign} ", ink), (f"{number(count)} {state.value}   ", "")]
    tokens = f"{number(usage.input)} in, {number(usage.cached)} of them cached"
    tokens += f"; {number(usage.output)} out"
    if usage.reasoning:  # Moonshot counts it with the output and seldom tells how much it was
        tokens += f", {number(usage.reasoning)} of them thinking"
    lines: list[Line] = [
        [
            (one_line(record.scope), "strong"),
            (f"  {record.drafted} of {record.targets} drafted", ""),
        ],
        [
            (record.state.value, _ink(record.state)),
            (f" · {moment(record.started_at)}{took}", "dim"),
        ],
        [(_setting(record.profile, record.model, run.effort), "")],
        [
            ("at least " if record.is_least else "", ""),
            (f"{money(record.usd)} at the time", ""),
            (f" · {number(usage.total)} tokens: {tokens}", "dim"),
        ],
    ]
    if run.hint:
        lines.append([("hint  ", "dim"), (one_line(run.hint), "")])
    if run.failure:
        lines.append([(one_line(run.failure), "warn")])
    lines.append(counts or [("It drafted nothing.", "dim")])
    return lines


def outcome(writing: Writing) -> Piece:
    """How a writing ended, and whether it still holds: words and ink."""
    entry = writing.entry
    if writing.undone:
        return ("undone", "dim")
    if entry.outcome is None:
        return ("end unknown", "warn")
    if entry.outcome is Outcome.WRITTEN:
        return ("written", "good") if entry.undoes is None else ("put back", "accent")
    return (entry.outcome.value, "bad" if entry.outcome is Outcome.FAILED else "warn")


def _texts(writing: Writing) -> tuple[str, str]:
    change = writing.entry.change
    return one_line(change.old or "", 300) or "–", one_line(change.new or "", 300) or "–"


def _writing_widths(width: int) -> tuple[int, int, int, int]:
    """Of when and who, of how it ended, of the target, and what is left for the texts."""
    ended = 18 if width >= WIDE else 11
    path = min(max(width // 5, 12), 30)
    return 28, ended, path, max(width - 28 - ended - path - 1, 0)


def writing_head(width: int) -> Line:
    begin, ended, path, _ = _writing_widths(width)
    when_who = fit(f" {fit('when', 17)}who", begin)
    return [(f"{when_who}{fit('outcome', ended)}{fit('target', path)} old → new", "dim")]


def writing_line(name: str, writing: Writing, width: int) -> Line:
    entry = writing.entry
    begin, ended, path, left = _writing_widths(width)
    old, new = _texts(writing)
    words, ink = outcome(writing)
    # Both can be seen to begin; the card has them to their ends.
    old = old if cell_len(old) <= left // 3 else fit(old, left // 3)
    return [
        (" " + fit(moment(entry.at), 17), "dim"),
        (fit(one_line(entry.who), begin - 19) + " ", ""),
        (fit(words, ended - 1) + " ", ink),
        (fit_name(name, path) + " ", "strong"),
        (old, "dim"),
        (" → ", "dim"),
        (fit(new, left - cell_len(old) - 3), "dim" if writing.undone else ""),
    ]


def writing_card(writing: Writing) -> list[Line]:
    entry = writing.entry
    words, ink = outcome(writing)
    old, new = _texts(writing)
    facts = [moment(entry.at), f"by {one_line(entry.who)}", f"writing {entry.group}"]
    if entry.undoes is not None:
        facts.append(f"takes back writing {entry.undoes}")
    source = "the person's own words, or what stood there before"
    if entry.run is not None:
        source = f"from run {entry.run}, {one_line(entry.model or '')}"
    lines: list[Line] = [
        [(words, ink), (" · " + " · ".join(facts), "dim")],
        [("old  ", "dim"), (old, "")],
        [("new  ", "dim"), (new, "strong")],
        [(source, "dim")],
    ]
    if entry.detail:
        lines.insert(1, [(one_line(entry.detail), "warn")])
    return lines
