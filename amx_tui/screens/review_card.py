"""How the card of Review looks: what a target is, what stands there, the alternatives and what speaks
for them. It draws what the session knows and changes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from rich.cells import cell_len

from amx_tui.base.amounts import counted
from amx_tui.base.text import one_line
from amx_tui.catalog.model import Column, Table
from amx_tui.commands.sent import sent_words
from amx_tui.commands.session import Session
from amx_tui.drafting.model import Alternative
from amx_tui.review.model import ReviewRow, State
from amx_tui.screens.documents import sent_line
from amx_tui.widgets.plain import Line, Piece
from amx_tui.widgets.signs import BANDS, STATES, confidence_words
from amx_tui.widgets.stream_view import wrap
from amx_tui.widgets.words import moment

# An alternative's text stands this far to the right.
INDENT = 4
# The share of words that two texts have in common from which on a change of one into the other is shown.
ALIKE = 0.5


def card_of(
    session: Session, row: ReviewRow, marked: int, now: str | None, state: State, width: int
) -> tuple[list[Line], range]:
    """The card, and which of its lines are those of the marked alternative. `marked` is the one that keys are
    about, `now` the text that stands in the database, `width` the cells of a line."""
    table = session.catalog.table(row.target)
    column = session.catalog.column(row.target)
    rows: list[Line] = [[(" · ".join(_facts(session, table, column)), "dim")]]
    rows.append([(_label("now"), "dim"), (one_line(now or "–"), "")])
    alternatives = row.suggestion.alternatives
    # Above what may not fit: whether anything is still to be done here is seen without scrolling.
    rows += [*_decision_lines(row, state), []]
    taken, marked_lines = taken_of(row), range(0)
    for index, alternative in enumerate(alternatives):
        start = len(rows)
        rows += alternative_lines(
            index,
            alternative,
            width,
            is_marked=index == marked,
            is_taken=index == taken,
            is_now=bool(now) and one_line(now or "") == one_line(alternative.text),
        )
        if index == marked:
            marked_lines = range(start, len(rows))
    if not alternatives and row.run is not None:
        rows.append([("The model had nothing to say. Press o for words of your own.", "warn")])
    text = alternatives[marked].text if marked < len(alternatives) else ""
    if now and text and one_line(now) != one_line(text):
        rows += [[], [(_label("change"), "dim"), *difference(one_line(now), text)]]
    rows.append([])
    sent = session.sent_at_hand(row)
    if sent is not None:
        rows += [
            [(_label(label), "dim"), (words, ""), (more, "dim")]
            for label, words, more in sent_words(sent, now)
        ]
        if sent.passages:
            rows.append(sent_line(sent.passages))
    said = "decided along with others of its name, never drafted"
    if row.run is not None:
        said = f"drafted by {row.model}, run {row.run}, {moment(row.drafted_at)}"
    rows.append([(said, "dim")])
    return rows, marked_lines


def _label(words: str) -> str:
    return f"{words:<8} "


def taken_of(row: ReviewRow) -> int | None:
    """Which alternative was accepted; None also where the decision is on another draft, whose alternatives
    were other ones."""
    decision, alternatives = row.decision, row.suggestion.alternatives
    index = decision.alternative if decision is not None else None
    if decision is None or index is None or index >= len(alternatives):
        return None
    return index if alternatives[index].text == decision.text else None


def _decision_lines(row: ReviewRow, state: State) -> Iterator[Line]:
    """What was decided, and what is to be known of it now; nothing while it is to be decided."""
    decision = row.decision
    if decision is None or state is State.TODO:
        return
    sign, ink = STATES[state]
    said = decision.text or decision.reason or ""
    if (taken := taken_of(row)) is not None:
        said = f"alternative {taken + 1}"  # whose text stands below
    yield [(f"{sign} {state.value}", ink), (f"  {one_line(said)}", "")]
    if state is State.CHANGED:
        over = f"“{one_line(decision.previous)}”" if decision.previous else "an empty comment"
        yield [(f"It was decided over {over}. Decide again, or it is not written.", "warn")]
    if row.is_redrafted:
        yield [("A new draft came since; the decision stands until you take another.", "warn")]


def _facts(session: Session, table: Table | None, column: Column | None) -> list[str]:
    """What the target is."""
    if table is None:
        return ["not in the database any more"]
    if column is None:
        return [f"{table.kind.value} of {counted(len(table.columns), 'column')}"]
    facts = [column.type]
    if column.key_position:
        facts.append("primary key")
    if column.references is not None:
        facts.append(f"refers to {session.index.name_of(column.references)}")
    others = session.index.count_called(column.name) - 1
    if others > 0:
        facts.append(f"in {counted(others, 'more table')} (n)")
    return facts


def alternative_lines(
    index: int,
    alternative: Alternative,
    width: int,
    *,
    is_marked: bool,
    is_taken: bool,
    is_now: bool = False,
) -> list[Line]:
    """Number, confidence and reason of an alternative, and its text; `width` in cells. `is_now`: that text
    stands in the database already."""
    sign, ink = BANDS[alternative.confidence.band]
    head = [
        ("▸ " if is_marked else "  ", "accent"),
        (f"{index + 1} ", "key"),
        (f"{sign} {confidence_words(alternative.confidence)}", ink),
        ("  ✓ accepted" if is_taken else "", "good"),
        ("  the same as now" if is_now else "", "accent"),
    ]
    room = max(width - INDENT - 1, 20)
    reason = wrap(one_line(alternative.reason), room) if alternative.reason else []
    used = sum(cell_len(words) for words, _ in head)
    if len(reason) == 1 and used + cell_len(reason[0]) + 2 <= room + INDENT:
        head.append(("  " + reason.pop(), "dim"))  # a line less where it fits
    ink_of_text = "strong" if is_marked else ""
    text = wrap(one_line(alternative.text), room)
    return [
        head,
        *([(" " * INDENT + line, ink_of_text)] for line in text),
        *([(" " * INDENT + line, "dim")] for line in reason),
    ]


def difference(old: str, new: str) -> list[Piece]:
    """Word by word: what goes, what comes, what stays. Of texts that have little in common, all of one and
    then all of the other: who reads both word for word mixed reads neither."""
    before, after = old.split(" "), new.split(" ")
    pieces: list[Piece] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    steps = matcher.get_opcodes()
    if matcher.ratio() < ALIKE:
        steps = [("replace", 0, len(before), 0, len(after))]
    for kind, a, b, c, d in steps:
        if kind == "equal":
            pieces.append((" ".join(before[a:b]) + " ", ""))
            continue
        if a < b:
            pieces.append((" ".join(before[a:b]), "old"))
            pieces.append((" ", ""))
        if c < d:
            pieces.append((" ".join(after[c:d]), "new"))
            pieces.append((" ", ""))
    return pieces
