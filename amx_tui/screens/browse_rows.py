"""How the rows of Browse look: schemas, tables, columns, and everything about one of them. It draws what
the session knows and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.cells import cell_len

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Column, Coverage, Table, Target
from amx_tui.commands.session import Session
from amx_tui.screens.browse_listing import Entry
from amx_tui.widgets.plain import Line, Piece, fit, fit_name

if TYPE_CHECKING:
    from amx_tui.review.model import ReviewRow

# Columns that point here, or are called alike, that are named below a column; `w` lists all.
NAMED = 3


def targets_of(table: Table) -> list[Target]:
    """The table itself, then its columns: the rows of the right list."""
    return [table.target, *(table.column_target(column) for column in table.columns)]


def draw_schema(session: Session, schema: str, width: int, *, is_folded: bool) -> Line:
    found = session.index.coverage_of(schema)
    count = f"{found.described}/{found.total} "
    return [
        (" ▸ " if is_folded else " ▾ ", "dim"),
        (fit(schema, width - 3 - len(count)), "strong"),
        (count, "dim"),
    ]


def draw_table(session: Session, table: Table, width: int) -> Line:
    found = session.index.coverage_of(table.schema, table.name)
    sign, ink = _coverage_sign(found)
    mark, count, kind = _beside(session, table, found)
    return [
        ("   ", ""),
        (f"{sign} ", ink),
        (fit(table.name, width - 5 - len(count) - len(mark) - len(kind)), ""),
        (kind, "dim"),
        (mark, "accent"),
        (count, "dim"),
    ]


def draw_hit(session: Session, entry: Entry, words: str, width: int) -> Line:
    """A table or a column that the filter found, by its whole name, what was typed in it marked."""
    table, column, target = entry.table, entry.column, entry.target
    assert table is not None
    assert target is not None
    path = session.index.name_of(target)
    if column is None:
        found = session.index.coverage_of(table.schema, table.name)
        sign, ink = _coverage_sign(found)
        mark, count, kind = _beside(session, table, found)
    else:
        sign, ink = ("✓", "good") if column.comment else ("·", "dim")
        kind = f" {fit(column.type, 12, right=True) if width > 36 else ''} "
        mark, count = ("● " if target in session.marks.targets else ""), ""
    guess = "≈" if entry.is_guess else " "
    room = width - 3 - len(count) - len(mark) - len(kind)
    return [
        (f"{guess}{sign} ", ink),
        *_marked_up(fit_name(path, room), words.lower().split()),
        (kind, "dim"),
        (mark, "accent"),
        (count, "dim"),
    ]


def _marked_up(shown: str, terms: Iterable[str]) -> list[Piece]:
    """`shown` with the terms in it standing out; of terms that lie in each other the first one."""
    small = shown.lower()
    # Where small letters take another number of characters, places in one are none in the other.
    spans = []
    if len(small) == len(shown):
        spans = sorted((at, at + len(term)) for term in terms if (at := small.rfind(term)) >= 0)
    pieces: list[Piece] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            pieces += [(shown[end:start], ""), (shown[start:stop], "key")]
            end = stop
    return [*pieces, (shown[end:], "")]


def _beside(session: Session, table: Table, found: Coverage) -> tuple[str, str, str]:
    """The marks, the count and the kind that stand behind a table's name."""
    marks = 0
    if session.marks.targets:
        marks = sum(1 for target in targets_of(table) if target in session.marks.targets)
    count = f"{found.described}/{found.total} " if table.columns else " "
    kind = "" if table.kind == "table" else f" {table.kind.value} "
    return (f"●{marks} " if marks else ""), count, kind


def _coverage_sign(found: Coverage) -> tuple[str, str]:
    if not found.described:
        return ("○", "dim")
    return ("✓", "good") if found.described == found.total else ("◐", "warn")


# The right list. ---------------------------------------------------------------------------------


def _widths(table: Table, width: int) -> tuple[int, int, int, int]:
    """Cells for name, type, null share with distinct count, and text; the figures give way first."""
    widest = max((cell_len(column.name) for column in table.columns), default=8)
    name = min(max(widest, 8), 28 if width > 70 else 16) + 1
    kind = 14 if width > 70 else 10
    figures = 15 if width > 84 else 0
    return name, kind, figures, width - name - kind - figures - 6 - 11 - 3


def draw_heads(table: Table, width: int) -> Line:
    name, kind, figures, text = _widths(table, width)
    heads = f"{fit('null', 5, right=True)} {fit('distinct', 8, right=True)} "
    return [
        (f"   {fit('column', name)}{fit('type', kind)}{fit('key', 6)}", "dim"),
        (heads[:figures], "dim"),
        (f"{fit('description', text)}{fit('draft', 11)}", "dim"),
    ]


def draw_target(session: Session, table: Table, index: int, width: int) -> Line:
    """Row `index` of the right list: 0 is the table itself."""
    name_width, type_width, figures_width, text_width = _widths(table, width)
    column = table.columns[index - 1] if index else None
    target = table.column_target(column) if column else table.target
    comment = column.comment if column else table.comment
    sign, ink = _sign(session.rows.get(target))
    if target in session.marks.targets:
        mark: Piece = ("● ", "accent")
    else:
        mark = ("✓ ", "good") if comment else ("  ", "")
    figures = ""
    evidence = session.evidence.at_hand(table.target).get(column.name) if column else None
    if figures_width and evidence is not None:
        share = "" if evidence.null_share is None else f"{evidence.null_share:.0%}"
        distinct = "" if evidence.distinct is None else str(evidence.distinct)
        figures = f"{fit(share, 5, right=True)} {fit(distinct, 8, right=True)}"
    return [
        (" ", ""),
        mark,
        (fit(column.name if column else table.name, name_width), "" if column else "strong"),
        (fit(column.type if column else table.kind.value, type_width), "dim"),
        (fit(_key_words(column), 6), "accent"),
        (fit(figures, figures_width), "dim"),
        (fit(comment or "–", text_width - 1) + " ", "" if comment else "dim"),
        (fit(sign, 11), ink),
    ]


def _sign(row: ReviewRow | None) -> tuple[str, str]:
    """What was decided or drafted; most rows have nothing, and then nothing is imported for it."""
    if row is None:
        return ("", "")
    from amx_tui.widgets.signs import draft_sign

    return draft_sign(row)


def _key_words(column: Column | None) -> str:
    if column is None:
        return ""
    key = "PK" if column.key_position else ""
    return f"{key} →".strip() if column.references else key


# Below it. ---------------------------------------------------------------------------------------


def about(session: Session, table: Table, column: Column | None) -> list[Line]:
    """Everything about one row of the right list."""
    name_of = session.index.name_of
    target = table.column_target(column) if column else table.target
    evidence = None
    facts: list[Piece] = [(f"{target.path}  ", "title")]
    if column is None:
        rows = f"about {table.row_count:,} rows".replace(",", " ") if table.row_count else ""
        part = f"a part of {one_line(table.partition_of.path, 40)}" if table.partition_of else ""
        facts.append((" · ".join(p for p in (table.kind.value, part, rows) if p), "dim"))
    else:
        evidence = session.evidence.at_hand(table.target).get(column.name)
        parts = [column.type, "" if column.nullable else "not null"]
        if evidence is not None and evidence.null_share is not None:
            parts.append(f"{evidence.null_share:.0%} null")
        if evidence is not None and evidence.distinct is not None:
            parts.append(f"{evidence.distinct} distinct")
        if evidence is not None and evidence.minimum is not None and evidence.maximum is not None:
            low, high = one_line(evidence.minimum, 24), one_line(evidence.maximum, 24)
            parts.append(f"{low} to {high}" if low != high else f"all like {low}")
        same = session.index.count_called(column.name)
        if same > 1:
            parts.append(f"in {same} tables")
        facts.append((" · ".join(part for part in parts if part), "dim"))
    rows_: list[Line] = [facts]
    rows_.append([("now      ", "dim"), (one_line(target_comment(table, column) or "–"), "")])
    if column is not None and column.references is not None:
        rows_.append(
            [("refers   ", "dim"), (name_of(column.references), ""), ("  p goes there", "dim")]
        )
    if pointing := session.index.pointing_at(target):
        named = ", ".join(one_line(name_of(other), 60) for other in pointing[:NAMED])
        more = f" and {len(pointing) - NAMED} more" if len(pointing) > NAMED else ""
        rows_.append([("from     ", "dim"), (named + more, ""), ("  w lists them", "dim")])
    if column is not None:
        rows_ += _rules(column)
    if evidence is not None and evidence.samples:
        samples = " · ".join(one_line(sample, 40) for sample in evidence.samples)
        rows_.append(
            [("samples  ", "dim"), (samples, ""), (f"  ({session.evidence.privacy.value})", "dim")]
        )
    if stopped := session.evidence.at_hand(table.target).stopped:
        rows_.append([("rows     ", "dim"), (one_line(stopped, 120), "warn")])
    row = session.rows.get(target)
    if row is not None and row.decision is not None and row.decision.text:
        rows_.append([("decided  ", "dim"), (one_line(row.decision.text), "good")])
    elif row is not None and row.suggestion.alternatives:
        first = row.suggestion.alternatives[0]
        rows_.append([("draft    ", "dim"), (one_line(first.text), "accent")])
    return rows_


def _rules(column: Column) -> list[Line]:
    """What the schema itself says of a column's values."""
    found: list[Line] = []
    for word, text in (
        ("allowed  ", " · ".join(column.values)),
        ("check    ", column.check),
        ("made of  " if column.is_generated else "default  ", column.default),
    ):
        if text:
            found.append([(word, "dim"), (one_line(text, 200), "")])
    return found


def target_comment(table: Table, column: Column | None) -> str | None:
    return column.comment if column else table.comment
