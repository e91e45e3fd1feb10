"""How long 10 000 comments take on PostgreSQL with all that an apply does for them, against the same comments
one by one in autocommit. All sides in one run, on the same tables.

An apply is `commands.writing.apply_changes`: every text looked up in the store, the ownership and the
present text read under the lock of each table, one transaction for each table, and each result in the
journal (SQLite, synced to disk). The server syncs to disk as well, as servers do.

The same in autocommit is what one would write first, over one connection: for each comment the journal says
what is about to be written, the present text is read and compared, the comment is written, and the journal
says how it ended. Autocommit has no lock to read under, so that side does a little less. Comments in
autocommit with nothing around them at all are told as well: how much an apply gains on these depends on
how fast the disk is to sync, and it stays faster even where that costs almost nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from _postgresql import make_tables, postgresql
from _terminal import CHECKOUT, judge

sys.path.insert(0, str(CHECKOUT))
from amx_tui.catalog.model import Change, Outcome, Table, Target, Written
from amx_tui.catalog.opening import open_database
from amx_tui.commands.writing import apply_changes
from amx_tui.config.model import Privacy
from amx_tui.drafting.model import Batch, Estimate, Plan
from amx_tui.llm.model import Message
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.review.store import Store

if TYPE_CHECKING:
    import psycopg
    from psycopg.sql import Composed

LIMIT = 4.0
COLUMNS = 25


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 000 comments, at most 15 seconds")
    tables = 40 if parser.parse_args().quick else 400
    with postgresql() as socket, tempfile.TemporaryDirectory(prefix="amx-bench-") as folder:
        make_tables(socket, "postgres", tables, COLUMNS)
        print(f"{tables * COLUMNS} comments on {tables} tables of a PostgreSQL on this machine")
        applied = _apply(socket, Path(folder) / "tui.db")
        same = _apply_in_autocommit(socket, Path(folder) / "autocommit.db")
        bare = _autocommit(socket)
    print(f"  applied              {applied:7.2f} s")
    print(f"  same in autocommit   {same:7.2f} s")
    print(f"  bare in autocommit   {bare:7.2f} s ({bare / applied:.2f} times the apply)")
    return 0 if judge("apply", same / applied, LIMIT, at_most=False) else 1


def _apply(socket: str, store_file: Path) -> float:
    """Seconds; every comment is read back before they count."""
    connector = open_database(f"postgresql://owner@/postgres?host={socket}")
    targets = _columns(connector.load().tables)
    store = Store(store_file)
    changes = _decide(store, connector.identity, targets)
    began = time.perf_counter()
    results = list(apply_changes(store, connector, changes, who="benchmark"))
    took = time.perf_counter() - began
    catalog = connector.load()
    wrong = [result for result in results if result.outcome is not Outcome.WRITTEN]
    wrong += [
        result for result in results if catalog.comment(result.change.target) != result.change.new
    ]
    journaled = len(store.undoable(connector.identity))
    connector.close()
    if wrong or len(results) != len(targets) or journaled != len(targets):
        sys.exit(f"not all was written and journaled: {len(results)}, {journaled}, {wrong[:3]}")
    return took


def _columns(tables: Sequence[Table]) -> list[tuple[Target, str | None]]:
    """Every column, and what describes it now."""
    return [
        (table.column_target(column), column.comment)
        for table in tables
        for column in table.columns
    ]


def _decide(
    store: Store, database: str, targets: Sequence[tuple[Target, str | None]]
) -> tuple[Change, ...]:
    """What a person would have drafted and accepted before, and so what waits to be written."""
    plan = Plan(
        database=database,
        scope=f"{len(targets)} columns",
        profile="benchmark",
        provider="kimi",
        model="kimi-k2-thinking",
        effort="low",
        privacy=Privacy.SHAPES,
        batches=(
            Batch(
                1,
                targets[0][0].of_table,
                tuple(target for target, _ in targets),
                (Message("user", "…"),),
                Estimate(1, 1, 0.0, 1.0),
                {target: text for target, text in targets if text is not None},
            ),
        ),
    )
    run = store.start_run(plan, "benchmark", time.time())
    store.decide(
        database,
        [
            NewDecision(target, Verdict.ACCEPTED, f"A new text for {target.path}", 0, present, run)
            for target, present in targets
        ],
    )
    return store.to_write(database)


def _apply_in_autocommit(socket: str, store_file: Path) -> float:
    """Seconds; the texts are as long as those of an apply."""
    store = Store(store_file)
    database, changes = _make_changes(socket, "Same")
    statements = _make_statements(changes)
    with _connect(socket) as connection:
        connection.execute("SET lock_timeout = '2s'")
        began = time.perf_counter()
        for change, statement in zip(changes, statements, strict=True):
            group = store.begin_write(database, [change], who="benchmark")
            target = change.target
            found = connection.execute(
                "SELECT pg_has_role(c.relowner, 'USAGE'), col_description(c.oid, a.attnum)"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_attribute a ON a.attrelid = c.oid"
                " WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s",
                [target.schema, target.table, target.column],
            ).fetchone()
            if found != (True, change.old):
                sys.exit(f"somebody changed {target.path}")
            connection.execute(statement)
            written = [Written(change, Outcome.WRITTEN)]
            store.record_written(database, written, who="benchmark", at=time.time(), group=group)
        took = time.perf_counter() - began
    journaled = sum(entry.outcome is Outcome.WRITTEN for entry in store.journal(database))
    if journaled != len(changes):
        sys.exit(f"not all was journaled: {journaled}")
    return took


def _autocommit(socket: str) -> float:
    """Seconds for as many texts of the same length, and nothing else."""
    _, changes = _make_changes(socket, "Bare")
    statements = _make_statements(changes)
    with _connect(socket) as connection:
        began = time.perf_counter()
        for statement in statements:
            connection.execute(statement)
        return time.perf_counter() - began


def _make_changes(socket: str, word: str) -> tuple[str, list[Change]]:
    """The database's identity, and a change of every column."""
    connector = open_database(f"postgresql://owner@/postgres?host={socket}")
    targets = _columns(connector.load().tables)
    connector.close()
    return connector.identity, [
        Change(target, present, f"{word} text for {target.path}") for target, present in targets
    ]


def _make_statements(changes: Sequence[Change]) -> list[Composed]:
    from psycopg import sql

    return [
        sql.SQL("COMMENT ON COLUMN {} IS {}").format(
            sql.Identifier(change.target.schema, change.target.table, change.target.column),
            sql.Literal(change.new),
        )
        for change in changes
    ]


def _connect(socket: str) -> psycopg.Connection:
    import psycopg

    return psycopg.connect(host=socket, user="owner", dbname="postgres", autocommit=True)


if __name__ == "__main__":
    sys.exit(main())
