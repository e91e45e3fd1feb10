"""What would be sent, to whom, and what it costs: read before the first byte leaves the machine."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalGroup

from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Target
from amx_tui.commands.model import DocumentsRead, Draft, NotReady, Offer, SessionEvent
from amx_tui.config.model import Privacy
from amx_tui.evidence.model import Reading
from amx_tui.screens.ask import Ask
from amx_tui.screens.draft_facts import Choice, can_hold_cap, plan_lines
from amx_tui.screens.draft_host import Host
from amx_tui.screens.offers import OffersDialog, offer_lines
from amx_tui.screens.room import Room, tell
from amx_tui.widgets.keys import bindings_of
from amx_tui.widgets.plain import Line, Plain, entitle, say
from amx_tui.widgets.stream_view import StreamView

# The first press sends less, never more.
LESS_FIRST = {
    Privacy.SHAPES: Privacy.METADATA,
    Privacy.METADATA: Privacy.VALUES,
    Privacy.VALUES: Privacy.SHAPES,
}


class DraftScreen(Room):
    """For `targets`; gone after the start, which shows Drafting. `run` is one that goes on, as it was sent
    before. `again` is what a reviewer said who has these drafted again: it goes along with the earlier
    readings, and the start leads back to Review."""

    ROOM = "draft"
    CSS_PATH = "draft.tcss"
    BINDINGS = bindings_of("draft")
    AUTO_FOCUS: ClassVar[str] = "#sent"

    def __init__(
        self, targets: frozenset[Target], *, run: int | None = None, again: str | None = None
    ) -> None:
        super().__init__()
        self._is_again = again is not None
        self._hint = again or ""
        self._targets = targets
        self._run = run
        self._draft: Draft | None = None
        self._waiting = 0  # of what it holds: drafted already, and not decided
        self._problem: Problem | None = None
        self._profile: str | None = None
        self._cap: float | None = None
        self._spent = 0.0  # USD, by a run that goes on
        self._is_like_before = run is None  # a run that goes on keeps to how it was sent
        self._batch = 0
        self._redo = False  # what is described already is drafted too
        self._only_low = False  # what was drafted before and came out low, instead of all else
        self._offers: tuple[Offer, ...] = ()  # what each profile would cost for this
        self._has_asked = False  # the form was opened for what is missing
        self._host = Host(self, self._plan)

    def compose_body(self) -> ComposeResult:
        with VerticalGroup(id="summary"):
            yield Plain(id="facts")
        yield StreamView(id="sent", empty="making the plan …")

    def on_mount(self) -> None:
        self.session.read_documents()  # they may have changed since the catalog was read
        self._plan()

    def _plan(self) -> None:
        """Makes the plan anew, in a thread: it may read rows."""
        self._draft, self._problem, self._batch = None, None, 0
        self._offers = ()
        self.show_now()
        self.run_worker(self._prepare(), exclusive=True, group="plan")

    async def _prepare(self) -> None:
        from amx_tui.commands.drafting import prepare_draft

        session = self.session
        try:
            if not self._is_like_before and self._run is not None:
                await self._keep_to(self._run)
                self._is_like_before = True
            self._draft = await asyncio.to_thread(
                prepare_draft,
                session.workspace,
                session.catalog,
                self._wanted(),
                privacy=session.evidence.privacy,
                read_evidence=session.evidence.read,
                cap_usd=self._cap,
                profile=self._profile,
                hint=self._hint,
                earlier=self._earlier(),
            )
        except Problem as problem:
            self._problem = problem
            if isinstance(problem, NotReady) and problem.opens_form and not self._has_asked:
                self._has_asked = True
                await self._open_form(problem)
        if self._draft is not None:
            batches = self._draft.plan.batches
            targets = (target for batch in batches for target in batch.targets)
            self._waiting = await asyncio.to_thread(session.review.waiting, targets)
        self.show_now()
        self._show_batch()
        if self._draft is not None:
            self._host.ask(self._draft.setup)
            self._take_documents()
            self.run_worker(self._compare(self._draft), exclusive=True, group="offers")

    async def _keep_to(self, run: int) -> None:
        """Profile, privacy, cap, hint and whether it drafted again, as that run had them."""
        from amx_tui.commands.setup import profile_of

        leg = await self.session.unfinished.keep_to(run)
        if leg is not None:
            self._profile = await asyncio.to_thread(profile_of, self.session.workspace, leg)
            self._spent, self._cap = leg.spent_usd, leg.cap_usd
            self._hint, self._is_again = leg.hint, leg.is_again

    async def _compare(self, draft: Draft) -> None:
        """What the other profiles would cost and take, behind the plan itself."""
        from amx_tui.commands.drafting import compare_profiles

        with contextlib.suppress(Problem):  # the plan has told it
            self._offers = await asyncio.to_thread(compare_profiles, self.session.workspace, draft)
            self.show_now()

    def _earlier(self) -> dict[Target, tuple[str, ...]] | None:
        """What did not satisfy: the readings so far of what is drafted again."""
        return self.session.review.readings_of(self._targets) if self._is_again else None

    def heard(self, event: SessionEvent) -> None:
        if isinstance(event, DocumentsRead):
            self._take_documents()

    def _take_documents(self) -> None:
        """Makes the plan again where more was read since."""
        standing = self.session.workspace.library.standing
        if self._draft is None or self._draft.plan.privacy is Privacy.METADATA:
            return
        if standing.reading is Reading.DONE and standing.state != self._draft.material.documents:
            self._plan()

    async def _open_form(self, problem: NotReady) -> None:
        """What is missing can be typed at once; coming back makes the plan again."""
        from amx_tui.screens.profile_form import ProfileForm

        config = await asyncio.to_thread(self.session.workspace.read_config)
        name = self._profile or self.session.workspace.profile_name or config.active_profile or ""
        profile = config.profiles.get(name)
        self.app.push_screen(ProfileForm(profile, list(config.profiles), problem))

    def on_screen_resume(self) -> None:
        if self._problem is not None:
            self._plan()

    def show_state(self) -> None:
        what = "draft again" if self._is_again else "draft"
        what = what if self._run is None else f"the rest of run {self._run}"
        entitle(self.query_one("#summary"), f"{what} · nothing has been sent yet")
        self.query_one("#facts", Plain).write_lines(self._facts())

    def _facts(self) -> list[Line]:
        if self._problem is not None:
            return [[(self._problem.what, "bad")], [(tell(self._problem), "")]]
        if self._draft is None:
            return [[("making the plan …", "dim")]]
        from amx_tui.commands.drafting import own_offer

        draft = self._draft
        is_hard = self._only_low or self._is_again
        choice = Choice(self._only_low, self._redo, 0 if is_hard else self._waiting, self._spent)
        return [
            *plan_lines(draft, choice, self.session.workspace.library.standing),
            *offer_lines(own_offer(draft), self._offers, 0 if is_hard else draft.plan.targets),
            *self._host.lines(draft.setup),
        ]

    def _show_batch(self) -> None:
        view = self.query_one("#sent", StreamView)
        if self._draft is None:
            view.empty = "" if self._problem else "making the plan …"
            view.replace("")
            return
        plan = self._draft.plan
        batch = plan.batches[self._batch]
        entitle(
            view,
            f"word for word: request {batch.number} of {len(plan.batches)} · {plan.title_of(batch)}",
            "n next batch",
        )
        parts = (f"── {message.role} ──\n{message.content}" for message in batch.messages)
        view.replace("\n\n".join(parts), follow=False)

    # Keys. ---------------------------------------------------------------------------------------

    async def action_start(self) -> None:
        if self._draft is None:
            self._has_asked = False
            if self._problem is not None:
                self._plan()
            else:
                say(self, "What would be sent is still being made.")
            return
        draft = self._draft
        if not can_hold_cap(draft):
            say(self, "No price is known, so a cap cannot hold. Press c and clear it.")
            return

        async def start() -> None:
            if self.session.is_running:  # the key was pressed twice
                return
            await self.session.runner.start(draft, run=self._run)
            self.app.pop_screen()
            self.desk.go("review" if self._is_again and self._run is None else "drafting")

        # A key that goes elsewhere right behind this one would take the screen away, and the start with it.
        await self.see_done(start)

    def action_profile(self) -> None:
        try:
            names = sorted(self.session.workspace.read_config().profiles)
        except Problem:
            return
        if len(names) < 2:
            can_make = self.desk.workspace.can_edit_profiles
            more = " Press P to make one." if can_make else " The demo has but this one."
            say(self, f"There is no other profile.{more}")
            return
        present = self._draft.plan.profile if self._draft else self._profile or ""
        offers = self._offers or tuple(Offer(name, "") for name in names)

        def chosen(name: str | None) -> None:
            if name is not None and name != present:
                self._profile = name
                self._plan()

        self.app.push_screen(OffersDialog(offers, present), chosen)

    def action_privacy(self) -> None:
        if self.session.workspace.metadata_only:
            say(self, "Its connection has profiling_mode: metadata, so no row is ever read.")
            return
        evidence = self.session.evidence
        evidence.privacy = LESS_FIRST[evidence.privacy]
        self._plan()

    def _wanted(self) -> frozenset[Target]:
        """The targets, and with `o` the described ones of their tables; or those that came out low."""
        if self._only_low:
            return frozenset(self.session.marks.came_out_low())
        if not self._redo:
            return self._targets
        tables = {target.of_table for target in self._targets}
        found = {target for target in tables if self.session.catalog.comment(target)}
        for name in tables:
            table = self.session.catalog.table(name)
            columns = table.columns if table is not None else ()
            found |= {Target(name.schema, name.table, c.name) for c in columns if c.comment}
        return self._targets | found

    def action_redo(self) -> None:
        self._redo = not self._redo
        before = self._targets
        if self._redo and self._wanted() == before:
            self._redo = False
            say(self, "Nothing in these tables is described yet.")
            return
        self._plan()

    def action_low(self) -> None:
        if self._run is not None:
            say(self, "What a run lacks is what it goes on with.")
            return
        if not self._only_low and not self.session.marks.came_out_low():
            say(self, "Nothing that was drafted came out low, or all of it is decided.")
            return
        self._only_low = not self._only_low
        self._plan()

    def action_cap(self) -> None:
        def set_cap(words: str | None) -> None:
            if words is None:
                return
            self._cap = float(words) if words.strip() else None
            self._plan()

        self.app.push_screen(
            Ask(
                "Spending cap",
                "The run stops before it would cost more than this many US dollars. Empty: no cap.",
                "" if self._cap is None else f"{self._cap:g}",
                check=_check_cap,
            ),
            set_cap,
        )

    def action_following(self) -> None:
        if self._draft is not None:
            self._batch = (self._batch + 1) % len(self._draft.plan.batches)
            self._show_batch()

    def action_back(self) -> None:
        self.app.pop_screen()


def _check_cap(words: str) -> str:
    if not words.strip():
        return ""
    try:
        cap = float(words)
    except ValueError:
        cap = math.nan
    if not math.isfinite(cap):
        return "A number, such as 0.50."
    return "" if cap > 0 else "A cap is more than 0."
