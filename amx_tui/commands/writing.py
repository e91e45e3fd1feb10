"""Writes decided texts into the database and takes them back. Blocking: call it in worker threads.

Which texts, and whether the person agreed, is decided before; that nothing is written over a text that
changed since it was read is the connector's promise.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from amx_tui.base.amounts import counted
from amx_tui.catalog.model import Catalog, Change, Connector, Outcome, Written
from amx_tui.review.model import StoreProblem
from amx_tui.review.store import Store

# What was written is told this often, and told when it is on disk. Should the process die before, what
# stands in the database says how it ended (`settle_cut_off`).
_JOURNAL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class PendingChange:
    """What would be written: `statement` word for word, `present` the text that stands there now.
    `is_gone` is true where the target is no longer in the database, `refusal` says why this user
    cannot write there, empty where they can; nothing is written in either case."""

    change: Change
    statement: str
    present: str | None
    is_gone: bool = False
    refusal: str = ""

    @property
    def can_be_tried(self) -> bool:
        return not self.is_gone and not self.refusal

    @property
    def is_there(self) -> bool:
        """Whether the very text stands there already, whoever wrote it: nothing would change."""
        return (self.present or None) == (self.change.new or None)

    @property
    def changed_meanwhile(self) -> bool:
        """Whether somebody else's text stands there: it would be left alone."""
        return (self.present or None) not in (self.change.old or None, self.change.new or None)

    @property
    def is_left(self) -> bool:
        """Whether it would be left as it is, as far as is known now."""
        return not self.can_be_tried or self.changed_meanwhile


def pending(store: Store, connector: Connector, catalog: Catalog) -> tuple[PendingChange, ...]:
    """Everything that is decided and not written yet, in the order of the review. `catalog` is read
    from the same database, and says what stands there now.

    Raises:
        StoreProblem, CatalogProblem: where either cannot be read.
    """
    settle_cut_off(store, connector, catalog)
    decided = store.decided(connector.identity)
    changes = []
    for change in store.to_write(connector.identity):
        present = catalog.comment(change.target)
        # The very text over which the person decided may stand there again, whatever we wrote since.
        if present != change.old and present == decided[change.target].previous:
            change = replace(change, old=present)
        changes.append(change)
    there = [change for change in changes if catalog.holds(change.target)]
    statements = dict(zip(there, connector.statements(there), strict=True)) if there else {}
    refusals = connector.refusals([change.target for change in there]) if there else {}
    return tuple(
        PendingChange(
            change,
            statements.get(change, ""),
            catalog.comment(change.target),
            is_gone=change not in statements,
            refusal=refusals.get(change.target, ""),
        )
        for change in changes
    )


def why_none(store: Store, connector: Connector, catalog: Catalog) -> str:
    """Why nothing is pending though texts are decided, in words; empty where none is.

    Raises:
        StoreProblem: it cannot be read.
    """
    decided = store.decided(connector.identity)
    if not decided:
        return ""
    stand = sum(catalog.comment(target) == one.text for target, one in decided.items())
    if stand == len(decided) == 1:
        return "The text that you decided on stands there already."
    if stand == len(decided):
        return f"All {stand} texts that you decided on stand there already."
    gone = len(decided) - stand
    stands = "stands" if stand == 1 else "stand"
    was, it = ("was", "it") if gone == 1 else ("were", "them")
    return (
        f"{stand} of {counted(len(decided), 'text')} that you decided on {stands} there.\n"
        f"{gone} stood there and {was} changed since: decide again to write {it}."
    )


def apply_changes(
    store: Store,
    connector: Connector,
    changes: Sequence[Change],
    who: str,
    *,
    clock: Callable[[], float] = time.time,
) -> Iterator[Written]:
    """Writes table by table and yields what became of each change, already journaled, and so perhaps
    of some tables at once. All of it is one group: one `undo_write` takes it back. What is no longer
    decided when it begins is yielded first, and is neither written nor journaled.

    Raises:
        StoreProblem, CatalogProblem: what was written before that is journaled.
    """
    if not changes:
        return
    group, left = store.begin_decided(connector.identity, changes, who=who)
    is_left = frozenset(left)  # a person may have ten thousand written at once
    for change in changes:
        if change not in is_left:
            yield Written(change, Outcome.CHANGED_MEANWHILE, "no longer decided")
    if group is not None:
        yield from _write(store, connector, left, who, group, clock)


def undo_write(
    store: Store, connector: Connector, who: str, *, clock: Callable[[], float] = time.time
) -> Iterator[Written]:
    """Puts back what stood before the newest group of texts, wherever ours still stands. Yields
    nothing where there is nothing to take back.

    Raises:
        StoreProblem, CatalogProblem: what was put back before that is journaled.
    """
    undoes = store.undoable_group(connector.identity)
    changes = store.undoable(connector.identity)
    if undoes is not None and changes:
        group = store.begin_write(connector.identity, changes, who=who, undoes=undoes)
        yield from _write(store, connector, changes, who, group, clock)


def find_writer() -> str:
    """Who the journal says has written: the name of this user, or its number where it has none, as in
    many containers."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # Python 3.13 raises OSError, those before KeyError
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def settle_cut_off(store: Store, connector: Connector, catalog: Catalog) -> tuple[Written, ...]:
    """Finds out, from what stands in the database, how writes ended whose process died in the middle,
    and journals it."""
    settled = []
    for entry in store.unresolved(connector.identity):
        stands = (catalog.comment(entry.change.target) or None) == (entry.change.new or None)
        written = (
            Written(entry.change, Outcome.WRITTEN, "found written after amx-tui was cut off")
            if stands
            else Written(entry.change, Outcome.FAILED, "amx-tui was cut off before it was written")
        )
        # It may not have died but be writing at this very moment; then its own word counts.
        store.record_written(
            connector.identity,
            [written],
            who=entry.who,
            at=entry.at,
            group=entry.group,
            only_open=True,
        )
        settled.append(written)
    return tuple(settled)


def _write(
    store: Store,
    connector: Connector,
    changes: Sequence[Change],
    who: str,
    group: int,
    clock: Callable[[], float],
) -> Iterator[Written]:
    waiting: list[Written] = []
    journaled_at = time.monotonic()

    def journal() -> list[Written]:
        done = waiting.copy()
        waiting.clear()
        if done:
            try:
                store.record_written(connector.identity, done, who=who, at=clock(), group=group)
            except StoreProblem as problem:
                raise StoreProblem(
                    problem.what,
                    f"{problem.why}. What the database did before that is not in the journal yet",
                    f"{problem.remedy}. What stands there is then found out by itself",
                ) from problem
        return done

    try:
        for written in connector.write(changes):
            if time.monotonic() > journaled_at + _JOURNAL_SECONDS:
                yield from journal()
                journaled_at = time.monotonic()
            waiting.append(written)
        yield from journal()
    finally:
        # Where the database failed in the middle, or nobody listens any more, what it said is kept;
        # the rest stays open in the journal until `settle_cut_off` has looked what stands there.
        journal()
