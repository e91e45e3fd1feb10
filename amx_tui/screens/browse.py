"""The schema: what there is, what is described, what is marked for drafting. Where a draft begins."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.widgets import Input

from amx_tui.base.text import one_line
from amx_tui.catalog.model import Column, Table, Target
from amx_tui.commands.model import CatalogRead, SessionEvent
from amx_tui.screens.browse_listing import Entry, Listing, Shown
from amx_tui.screens.browse_rows import (
    about,
    draw_heads,
    draw_hit,
    draw_schema,
    draw_table,
    draw_target,
)
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.line_input import LineInput
from amx_tui.widgets.plain import Line, Plain, entitle, say
from amx_tui.widgets.rows import HeadLine, RowList
from amx_tui.widgets.words import moment

# A cursor that rests this long on a table means that its rows are of interest; scrolling past does
# not make the database work.
EVIDENCE_DELAY = 0.15


class BrowseScreen(Room):
    ROOM = "browse"
    CSS_PATH = "browse.tcss"
    BINDINGS = bindings_of("browse")
    AUTO_FOCUS: ClassVar[str] = "#tables"

    def __init__(self) -> None:
        super().__init__()
        self._listing: Listing | None = None
        self._table: Table | None = None
        self._trail: list[Target] = []  # where jumps began, the newest last

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="browse"):
            with VerticalGroup(id="schema"):
                yield LineInput(placeholder="filter tables and columns", id="filter", compact=True)
                yield RowList(self._draw_entry, empty="reading the schema …", id="tables")
            with VerticalGroup(id="inside"):
                yield HeadLine(self._draw_heads, id="heads")
                yield RowList(self._draw_target, empty="choose a table", id="columns")
                yield Plain(id="about")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self._read()

    def _read(self) -> None:
        self.do(self.session.read_catalog, only="catalog")

    # What is shown. ------------------------------------------------------------------------------

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, CatalogRead):
            self._arrange()
            if event.is_whole and self._table is not None:  # what was read before counts no more
                self._read_evidence(self._table.target)

    @property
    def listing(self) -> Listing:
        if self._listing is None:
            self._listing = Listing(self.session)
        return self._listing

    def _arrange(self) -> None:
        """Makes the left list anew, the cursor staying on its table."""
        if self.listing.words:
            self.run_worker(self._search(), group="search", exclusive=True)
            return
        self.workers.cancel_group(self, "search")
        standing = self._entry
        self.listing.arrange()
        self._show_entries(self.listing.place_after(standing))

    async def _search(self) -> None:
        """A later search takes the place of this one."""
        await self.listing.search()
        self._show_entries(0)
        self.show_now()

    def _show_entries(self, cursor: int) -> None:
        listing = self.listing
        empty = "reading the schema …"
        if (problem := self.session.opened.problem) is not None:
            empty = f"{problem.what}\n{tell(problem)}"
        elif self.session.is_whole:
            is_filtered = listing.words or listing.shown is not Shown.ALL
            empty = (
                "nothing fits: press f or / again" if is_filtered else "there are no tables here"
            )
        self.query_one("#tables", RowList).show(len(listing), cursor=cursor, empty=empty)
        self._follow_cursor()

    @property
    def _entry(self) -> Entry | None:
        cursor = self.query_one("#tables", RowList).cursor
        return self.listing[cursor] if cursor < len(self.listing) else None

    def show_state(self) -> None:
        opened = self.session.opened
        if opened.problem is not None and not len(self.listing):
            self._arrange()
        total = opened.index.total
        marked = len(self.session.marks.targets)
        shown, hits = self.listing.shown, self.listing.hits
        filtered = "" if shown is Shown.ALL else f" · {shown.value}"
        below = f"{total.described}/{total.total} described"
        if hits is not None:
            alike = len(hits) - hits.exact
            below = f"{hits.exact} found" + (f", {alike} alike" if alike else "")
        if marked:
            below = f"{marked} marked"
        if opened.kept_at is not None:
            below = f"as of {moment(opened.kept_at)} · being read …"
        entitle(self.query_one("#schema"), f"schema{filtered}", below)
        self.query_one("#tables", RowList).refresh_changed()
        self._show_table()

    def _follow_cursor(self) -> None:
        entry = self._entry
        table = entry.table if entry else None
        changed = (table and table.target) != (self._table and self._table.target)
        self._table = table
        columns = self.query_one("#columns", RowList)
        if entry is not None and entry.column is not None and table is not None:
            columns.show(len(table.columns) + 1, cursor=table.columns.index(entry.column) + 1)
        elif changed or self.listing.hits is not None:
            columns.show(0, cursor=0)
        self._show_table()
        if table is not None and changed:
            self.set_timer(EVIDENCE_DELAY, lambda: self._read_evidence(table.target))

    def _read_evidence(self, target: Target) -> None:
        table = self.session.catalog.table(target)
        if self._table is not None and self._table.target == target and table is not None:
            self.do(partial(self.session.evidence.look_at, table), only="evidence")

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
        found = self.session.index.coverage_of(table.schema, table.name)
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
        if index >= len(self.listing):
            return []
        entry = self.listing[index]
        if self.listing.hits is not None:
            return draw_hit(self.session, entry, self.listing.words, width)
        if entry.table is None:
            is_folded = entry.schema in self.listing.folded
            return draw_schema(self.session, entry.schema, width, is_folded=is_folded)
        return draw_table(self.session, entry.table, width)

    def _draw_heads(self, width: int) -> Line:
        return draw_heads(self._table, width) if self._table is not None else []

    def _draw_target(self, index: int, width: int) -> Line:
        return draw_target(self.session, self._table, index, width) if self._table else []

    @property
    def _column(self) -> Column | None:
        """The one under the right cursor; None where that is on the table itself."""
        index = self.query_one("#columns", RowList).cursor
        columns = self._table.columns if self._table is not None else ()
        return columns[index - 1] if 0 < index <= len(columns) else None

    def _show_about(self) -> None:
        """Everything about the row under the right cursor, below it."""
        if self._table is not None:
            rows = about(self.session, self._table, self._column)
            self.query_one("#about", Plain).write_lines(rows)

    # Keys. ---------------------------------------------------------------------------------------

    @on(RowList.Moved, "#tables")
    def _moved_table(self) -> None:
        self._follow_cursor()

    @on(RowList.Chosen, "#tables")
    def _chose_table(self) -> None:
        entry = self._entry
        if entry is not None and entry.table is None:
            self._fold({entry.schema} ^ self.listing.folded)
        elif entry is not None:
            self._enter_table()

    def _fold(self, folded: set[str]) -> None:
        self.listing.folded = folded
        self._arrange()

    @on(RowList.Chosen, "#columns")
    def _chose_column(self) -> None:
        if self._column is not None and self._column.references is not None:
            self.action_points()

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
            self._fold(self.listing.folded - {entry.schema})
        else:
            self._enter_table()

    def action_out(self) -> None:
        if self._is_inside:
            self._leave_table()
        elif self.listing.hits is None and (entry := self._entry) is not None:
            self._fold(self.listing.folded | {entry.schema})

    # Jumps. --------------------------------------------------------------------------------------

    @property
    def standing_on(self) -> Target | None:
        """What the keys are about: a column where the cursor is on one, else the table."""
        if self._table is None:
            return None
        entry = self._entry
        column = self._column if self._is_inside or (entry and entry.column) else None
        return self._table.column_target(column) if column else self._table.target

    def action_points(self) -> None:
        here = self.standing_on
        column = self.session.catalog.column(here) if here is not None else None
        if here is None or column is None:
            say(self, "Open a table and go to a column with → first.")
        elif column.references is None:
            say(
                self,
                "w shows where else it is.",
                title=f"{self.session.index.name_of(here)} refers to nothing",
            )
        else:
            self._jump(here, column.references)

    def action_elsewhere(self) -> None:
        from amx_tui.screens.elsewhere import ElsewhereDialog, places_of

        here = self.standing_on
        if here is None:
            return
        places = places_of(self.session.index, here)
        if not places:
            say(
                self,
                "Nothing refers to it, and nothing else is called so.",
                title=self.session.index.name_of(here),
            )
            return

        def chosen(target: Target | None) -> None:
            if target is not None:
                self._jump(here, target)

        self.app.push_screen(ElsewhereDialog(here, places, self.session), chosen)

    def action_return(self) -> None:
        if self._trail:
            self._go_to(self._trail.pop())
        else:
            say(self, "p follows a foreign key, b comes back from there.", title="No jump to undo")

    def _jump(self, here: Target, there: Target) -> None:
        if not self.session.catalog.holds(there):
            say(
                self,
                f"{self.session.index.name_of(there)} is not in this catalog.",
                severity="warning",
            )
            return
        self._trail.append(here)
        self._go_to(there)

    def _go_to(self, target: Target) -> None:
        """Shows a table, or a column in its table, wherever it is and whatever was filtered."""
        table = self.session.catalog.table(target)
        if table is None:
            return
        if self.listing.words:
            self._clear_filter()
        self.listing.folded -= {target.schema}
        self.listing.arrange()
        if (place := self.listing.place_of(table)) is None:
            self.listing.shown = Shown.ALL
            self.listing.arrange()
            place = self.listing.place_of(table)
        assert place is not None  # nothing is folded or left out any more
        self._show_entries(place)
        names = [column.name for column in table.columns]
        cursor = names.index(target.column) + 1 if target.column in names else 0
        self.query_one("#columns", RowList).show(len(names) + 1, cursor=cursor)
        self._enter_table()
        self.show_now()

    def _leave_table(self) -> None:
        self.remove_class("-inside")
        self.query_one("#tables").focus()

    def action_back(self) -> None:
        field = self.query_one("#filter", Input)
        if self._is_inside:
            self._leave_table()
        elif field.display and (field.has_focus or self.listing.words):
            self._close_filter()
        elif self.listing.shown is not Shown.ALL:
            self.listing.shown = Shown.ALL
            self._arrange()
            self.show_now()

    def action_find(self) -> None:
        field = self.query_one("#filter", Input)
        self.remove_class("-inside")
        self.write_in(field)

    def _close_filter(self) -> None:
        standing = self._entry
        self._clear_filter()
        self.listing.arrange()
        self._show_entries(self.listing.place_after(standing))
        self.query_one("#tables").focus()
        self.show_now()

    def _clear_filter(self) -> None:
        self.listing.words = ""
        field = self.query_one("#filter", Input)
        with self.prevent(Input.Changed):
            field.value = ""
        field.display = False

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self.listing.words = event.value.strip()
        self._arrange()

    @on(Input.Submitted, "#filter")
    def _leave_filter(self) -> None:
        self.query_one("#tables").focus()

    def action_show(self) -> None:
        self.listing.shown = self.listing.shown.following
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
        here = self.standing_on
        assert here is not None
        if self._is_inside or here.column:
            targets = {here}
        else:
            targets = self.session.marks.undescribed([self._table])
            if not targets:
                say(self, "Open the table and mark single columns to draft them again.",
                    title=f"Everything in {self._table.name} is described")  # fmt: skip
        if targets:
            self.session.marks.toggle(targets)
            focused = self.query_one("#columns" if self._is_inside else "#tables", RowList)
            focused.action_down()
            self.show_now()

    async def action_mark_all(self) -> None:
        """All that is listed and lacks a description; the next key waits until it is marked."""
        if not self._is_read():
            return
        targets = await asyncio.to_thread(self.listing.undescribed)
        if not targets:
            say(self, "Nothing here lacks a description.")
        self.session.marks.toggle(targets)
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
        if self.session.marks.targets:
            return frozenset(self.session.marks.targets)
        return frozenset(self.session.marks.undescribed([self._table] if self._table else None))

    def action_hidden(self) -> None:
        shown = not self.session.opened.shows_hidden
        self.do(partial(self.session.show_hidden, shown), only="catalog")
        words = "System schemas and partitions too." if shown else "Without system schemas."
        say(self, words, title="Reading the schema again")

    def action_refresh(self) -> None:
        self._read()
        say(self, "Reading the schema again.")
