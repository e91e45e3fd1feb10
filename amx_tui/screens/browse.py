"""The schema: what there is, what is described, what is marked for drafting. Where a draft begins."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.widgets import Input

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Column, Coverage, Table, Target, coverage
from amx_tui.commands.model import CatalogRead, SessionEvent
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, fit, say
from amx_tui.widgets.rows import HeadLine, RowList

if TYPE_CHECKING:
    from amx_tui.review.model import ReviewRow

# A cursor that rests this long on a table means that its rows are of interest; scrolling past does
# not make the database work.
EVIDENCE_DELAY = 0.15


class Shown(StrEnum):
    ALL = "all"
    UNDESCRIBED = "undescribed"
    MARKED = "marked"


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the left list: a schema (`table` None) or a table."""

    schema: str
    table: Table | None


class BrowseScreen(Room):
    ROOM = "browse"
    CSS_PATH = "browse.tcss"
    BINDINGS = bindings_of("browse")
    AUTO_FOCUS: ClassVar[str] = "#tables"

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []
        self._folded: set[str] = set()
        self._shown = Shown.ALL
        self._words = ""
        self._table: Table | None = None
        self._index: list[tuple[str, Table]] = []  # lower-case names of a table and its columns

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="browse"):
            with VerticalGroup(id="schema"):
                yield Input(placeholder="filter tables and columns", id="filter", compact=True)
                yield RowList(self._draw_entry, empty="reading the schema …", id="tables")
            with VerticalGroup(id="inside"):
                yield HeadLine(self._draw_heads, id="heads")
                yield RowList(self._draw_target, empty="choose a table", id="columns")
                yield Plain(id="about")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self._read()

    def _read(self) -> None:
        self.do(self.session.read_catalog(), only="catalog")

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, CatalogRead):
            self._index = [
                ("\n".join([table.name, *(c.name for c in table.columns)]).lower(), table)
                for table in self.session.catalog.tables
            ]
            self._arrange()
            if event.is_whole and self._table is not None:  # what was read before counts no more
                self._read_evidence(self._table.target)

    def _arrange(self) -> None:
        """Makes the left list anew, the cursor staying on its table."""
        standing = self._entry
        words = self._words.lower()
        tables = [table for names, table in self._index if words in names] if words else None
        if tables is None:
            tables = list(self.session.catalog.tables)
        match self._shown:
            case Shown.UNDESCRIBED:
                tables = [t for t in tables if self.session.undescribed([t])]
            case Shown.MARKED:
                marked = {target.of_table for target in self.session.marked}
                tables = [t for t in tables if t.target in marked]
        self._entries = []
        for table in tables:
            if not self._entries or self._entries[-1].schema != table.schema:
                self._entries.append(Entry(table.schema, None))
            if table.schema not in self._folded:
                self._entries.append(Entry(table.schema, table))
        cursor = self._place(standing)
        empty = "reading the schema …"
        if self.session.problem is not None:
            empty = f"{self.session.problem.what}\n{tell(self.session.problem)}"
        elif self.session.is_whole:
            empty = "nothing fits: press f or / again" if words or self._shown != Shown.ALL else ""
            empty = empty or "there are no tables here"
        self.query_one("#tables", RowList).show(len(self._entries), cursor=cursor, empty=empty)
        self._follow_cursor()

    def _place(self, standing: Entry | None) -> int:
        """Where the cursor goes: to the same table, at first to the first table."""
        for index, entry in enumerate(self._entries):
            if standing is None:
                is_it = entry.table is not None
            elif standing.table is None or entry.table is None:
                is_it = standing.table is entry.table and standing.schema == entry.schema
            else:
                is_it = standing.table.target == entry.table.target
            if is_it:
                return index
        # What stood there is filtered away: the first table that is left.
        first = (i for i, entry in enumerate(self._entries) if entry.table is not None)
        return next(first, 0)

    @property
    def _entry(self) -> Entry | None:
        cursor = self.query_one("#tables", RowList).cursor
        return self._entries[cursor] if cursor < len(self._entries) else None

    def show_state(self) -> None:
        if self.session.problem is not None and not self._entries:
            self._arrange()
        catalog = self.session.catalog
        total = sum((coverage(table) for table in catalog.tables), Coverage())
        marked = len(self.session.marked)
        schema = self.query_one("#schema")
        filtered = "" if self._shown is Shown.ALL else f" · {self._shown.value}"
        entitle(
            schema,
            f"schema{filtered}",
            f"{marked} marked" if marked else f"{total.described}/{total.total} described",
        )
        self.query_one("#tables", RowList).refresh_changed()
        self._show_table()

    def _follow_cursor(self) -> None:
        entry = self._entry
        table = entry.table if entry else None
        changed = (table and table.target) != (self._table and self._table.target)
        self._table = table
        if changed:
            self.query_one("#columns", RowList).show(0, cursor=0)
        self._show_table()
        if table is not None and changed:
            self.set_timer(EVIDENCE_DELAY, lambda: self._read_evidence(table.target))

    def _read_evidence(self, target: Target) -> None:
        table = self.session.catalog.table(target)
        if self._table is not None and self._table.target == target and table is not None:
            self.do(self.session.read_evidence(table), only="evidence")

    def _show_table(self) -> None:
        if self._table is not None:
            self._table = self.session.catalog.table(self._table.target)
        table = self._table
        inside = self.query_one("#inside")
        columns = self.query_one("#columns", RowList)
        if table is None:
            entitle(inside, "")
            columns.show(0, empty="choose a table")
            self.query_one("#about", Plain).write("")
            return
        found = coverage(table)
        comment = f" · {one_line(table.comment, 60)}" if table.comment else ""
        entitle(
            inside,
            f"{table.name}{comment}",
            f"{found.described}/{found.total} described" if table.columns else "",
        )
        columns.show(len(table.columns) + 1)
        self.query_one("#heads").refresh()
        self._show_about()

    # How a row looks. ----------------------------------------------------------------------------

    def _draw_entry(self, index: int, width: int) -> Line:
        entry = self._entries[index]
        if entry.table is None:
            tables = [e for e in self.session.catalog.tables if e.schema == entry.schema]
            found = sum((coverage(table) for table in tables), Coverage())
            fold = "▸" if entry.schema in self._folded else "▾"
            count = f"{found.described}/{found.total} "
            return [
                (f" {fold} ", "dim"),
                (fit(entry.schema, width - 3 - len(count)), "strong"),
                (count, "dim"),
            ]
        table = entry.table
        found = coverage(table)
        marks = sum(1 for t in self._targets_of(table) if t in self.session.marked)
        sign, ink = _coverage_sign(found)
        count = f"{found.described}/{found.total} " if table.columns else " "
        kind = "" if table.kind == "table" else f"{table.kind.value} "
        mark = f"●{marks} " if marks else ""
        name_width = width - 5 - len(count) - len(mark) - len(kind)
        return [
            ("   ", ""),
            (f"{sign} ", ink),
            (fit(table.name, name_width), ""),
            (kind, "dim"),
            (mark, "accent"),
            (count, "dim"),
        ]

    def _targets_of(self, table: Table) -> list[Target]:
        return [table.target, *(table.column_target(column) for column in table.columns)]

    def _widths(self, width: int) -> tuple[int, int, int, int]:
        """Cells for name, type, null share with distinct count, and text; the figures give way first."""
        columns = self._table.columns if self._table is not None else ()
        widest = max((cell_len(column.name) for column in columns), default=8)
        name = min(max(widest, 8), 28 if width > 70 else 16) + 1
        kind = 14 if width > 70 else 10
        figures = 15 if width > 84 else 0
        return name, kind, figures, width - name - kind - figures - 6 - 11 - 3

    def _draw_heads(self, width: int) -> Line:
        if self._table is None:
            return []
        name, kind, figures, text = self._widths(width)
        heads = f"{fit('null', 5, right=True)} {fit('distinct', 8, right=True)} "
        return [
            (f"   {fit('column', name)}{fit('type', kind)}{fit('key', 6)}", "dim"),
            (heads[:figures], "dim"),
            (f"{fit('description', text)}{fit('draft', 11)}", "dim"),
        ]

    def _draw_target(self, index: int, width: int) -> Line:
        table = self._table
        if table is None:
            return []
        name_width, type_width, figures_width, text_width = self._widths(width)
        column = table.columns[index - 1] if index else None
        target = table.column_target(column) if column else table.target
        comment = column.comment if column else table.comment
        sign, ink = _sign(self.session.rows.get(target))
        if target in self.session.marked:
            mark: tuple[str, str] = ("● ", "accent")
        else:
            mark = ("✓ ", "good") if comment else ("  ", "")
        figures = ""
        evidence = self.session.evidence_at_hand(table.target).get(column.name) if column else None
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

    def _show_about(self) -> None:
        """Everything about the row under the right cursor, below it."""
        table = self._table
        about = self.query_one("#about", Plain)
        if table is None:
            return
        index = self.query_one("#columns", RowList).cursor
        column = table.columns[index - 1] if 0 < index <= len(table.columns) else None
        target = table.column_target(column) if column else table.target
        about.write_lines(self._about(table, column, target))

    def _about(self, table: Table, column: Column | None, target: Target) -> list[Line]:
        row = self.session.rows.get(target)
        comment = self.session.catalog.comment(target)
        facts: list[tuple[str, str]] = [(f"{target.path}  ", "title")]
        if column is None:
            rows = f"about {table.row_count:,} rows".replace(",", " ") if table.row_count else ""
            facts.append((" · ".join(p for p in (table.kind.value, rows) if p), "dim"))
        else:
            evidence = self.session.evidence_at_hand(table.target).get(column.name)
            null = "" if column.nullable else "not null"
            parts = [column.type, null]
            if evidence is not None and evidence.null_share is not None:
                parts.append(f"{evidence.null_share:.0%} null")
            if evidence is not None and evidence.distinct is not None:
                parts.append(f"{evidence.distinct} distinct")
            same = len(self.session.catalog.by_column_name.get(column.name, ()))
            if same > 1:
                parts.append(f"in {same} tables")
            facts.append((" · ".join(part for part in parts if part), "dim"))
        rows_: list[Line] = [facts]
        rows_.append([("now      ", "dim"), (one_line(comment or "–"), "")])
        if column is not None and column.references is not None:
            rows_.append([("refers   ", "dim"), (column.references.path, "")])
        if column is not None and evidence is not None and evidence.samples:
            level = self.session.privacy.value
            samples = " · ".join(one_line(sample, 40) for sample in evidence.samples)
            rows_.append([("samples  ", "dim"), (samples, ""), (f"  ({level})", "dim")])
        if row is not None and row.decision is not None and row.decision.text:
            rows_.append([("decided  ", "dim"), (one_line(row.decision.text), "good")])
        elif row is not None and row.suggestion.alternatives:
            first = row.suggestion.alternatives[0]
            rows_.append([("draft    ", "dim"), (one_line(first.text), "accent")])
        return rows_

    # Keys. ---------------------------------------------------------------------------------------

    @on(RowList.Moved, "#tables")
    def _moved_table(self) -> None:
        self._follow_cursor()

    @on(RowList.Chosen, "#tables")
    def _chose_table(self) -> None:
        entry = self._entry
        if entry is not None and entry.table is None:
            self._folded ^= {entry.schema}
            self._arrange()
        elif entry is not None:
            self._enter_table()

    @on(RowList.Moved, "#columns")
    def _moved_column(self) -> None:
        self._show_about()

    def _enter_table(self) -> None:
        self.add_class("-inside")
        self.query_one("#columns").focus()

    @property
    def _is_inside(self) -> bool:
        return self.focused is self.query_one("#columns")

    def action_into(self) -> None:
        entry = self._entry
        if entry is None or self._is_inside:
            return
        if entry.table is None:
            self._folded -= {entry.schema}
            self._arrange()
        else:
            self._enter_table()

    def action_out(self) -> None:
        if self._is_inside:
            self._leave_table()
        elif (entry := self._entry) is not None and entry.schema not in self._folded:
            self._folded |= {entry.schema}
            self._entries = [e for e in self._entries if e == entry or e.schema != entry.schema]
            self._arrange()

    def _leave_table(self) -> None:
        self.remove_class("-inside")
        self.query_one("#tables").focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if self._is_inside:
            self._leave_table()
        elif field.display and (field.has_focus or self._words):
            self._close_filter()
        elif self._shown is not Shown.ALL:
            self._shown = Shown.ALL
            self._arrange()
            self.show_now()

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        self.remove_class("-inside")
        field.display = True
        field.focus()

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.query_one("#tables").focus()

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._words = event.value.strip()
        self._arrange()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self.query_one("#tables").focus()

    def action_show(self) -> None:
        order = list(Shown)
        self._shown = order[(order.index(self._shown) + 1) % len(order)]
        self._arrange()
        self.show_now()

    def _is_read(self) -> bool:
        """Marks count columns: they wait until these are there."""
        if not self.session.is_whole:
            say(self, "The schema is still being read.")
        return self.session.is_whole

    def action_mark(self) -> None:
        if not self._table or not self._is_read():
            return
        if self._is_inside:
            index = self.query_one("#columns", RowList).cursor
            targets = {self._targets_of(self._table)[index]}
        else:
            targets = self.session.undescribed([self._table])
            if not targets:
                say(self, "Open the table and mark single columns to draft them again.",
                    title=f"Everything in {self._table.name} is described")  # fmt: skip
        if targets:
            self.session.toggle_marks(targets)
            focused = self.query_one("#columns" if self._is_inside else "#tables", RowList)
            focused.action_down()
            self.show_now()

    def action_mark_all(self) -> None:
        if not self._is_read():
            return
        tables = [entry.table for entry in self._entries if entry.table is not None]
        targets = self.session.undescribed(tables)
        if not targets:
            say(self, "Nothing here lacks a description.")
        self.session.toggle_marks(targets)
        self.show_now()

    def action_draft(self) -> None:
        if not self._is_read():
            return
        if self.session.is_running:
            say(self, "Press D to look at it, or x there to stop it.",
                title="A run is going already", severity="warning")  # fmt: skip
        else:
            from amx_tui.screens.draft import DraftScreen

            self.app.push_screen(DraftScreen(self._scope()))

    def action_sent(self) -> None:
        self.action_draft()

    def _scope(self) -> frozenset[Target]:
        """What is marked; where nothing is, what the table under the cursor lacks."""
        if self.session.marked:
            return frozenset(self.session.marked)
        return frozenset(self.session.undescribed([self._table] if self._table else None))

    def action_refresh(self) -> None:
        self._read()
        say(self, "Reading the schema again.")


def _coverage_sign(found: Coverage) -> tuple[str, str]:
    if not found.described:
        return ("○", "dim")
    return ("✓", "good") if found.described == found.total else ("◐", "warn")


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
