"""How soon a large schema is there, and whether looking at it ever holds up the program.

First half, PostgreSQL with 2 000 tables of 25 columns: the tables listed and then everything loaded, as the
program does at its start, against SQLAlchemy's Inspector table by table (columns, primary key, foreign
keys, comment), and against the bare query: the same columns with their types, defaults and comments, and
all keys, fetched as rows and left so. All in one run, in turn; medians but for the Inspector, which is
asked once.

Second half, 200 000 columns in a SQLite file and the real screen in a process of its own: the first paint of
tables, the frame after a key in the filter, how late the event loop was at its latest, and the memory
above that of an empty Textual app. Once without a copy kept from before, and once with one.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from _postgresql import make_tables, postgresql
from _terminal import CHECKOUT, empty_home, judge

sys.path.insert(0, str(CHECKOUT))
from amx_tui.catalog.opening import open_database

FASTER_THAN_INSPECTOR = 40.0
OVER_BARE_QUERY = 2.0
WORST_STALL_MS = 150.0
P99_STALL_MS = 50.0
MEMORY_MB = 200.0
COLUMNS = 25

BARE_COLUMNS = """
    SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
           pg_get_expr(v.adbin, v.adrelid), d.description
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
    LEFT JOIN pg_description d
        ON d.objoid = a.attrelid AND d.classoid = 'pg_class'::regclass AND d.objsubid = a.attnum
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
          AND n.nspname = 'public'
    ORDER BY n.nspname, c.relname, a.attnum
"""
BARE_KEYS = "SELECT conrelid, contype, conkey, confrelid, confkey FROM pg_constraint"

EMPTY = """
import asyncio, sys
sys.path.insert(0, {here!r})
from _stalls import memory_mb
from textual.app import App

async def look():
    async with App().run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        print(memory_mb())

asyncio.run(look())
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it, at most 15 seconds")
    parts = 10 if parser.parse_args().quick else 1
    met = [*_load(2_000 // parts), *_browse(8_000 // parts)]
    return 0 if all(met) else 1


# Loading -----------------------------------------------------------------------------------------


def _load(tables: int) -> list[bool]:
    print(f"PostgreSQL, {tables} tables of {COLUMNS} columns")
    with postgresql() as socket:
        make_tables(socket, "postgres", tables, COLUMNS)
        url = f"@/postgres?host={socket}"
        connector = open_database(f"postgresql://owner{url}")
        listed, ours, bare = [], [], []
        bare_query = _make_bare_query(socket)
        for counted in range(-1, 5):
            seconds = (_time(connector.tables), _time(connector.load), _time(bare_query))
            if counted >= 0:
                listed.append(seconds[0])
                ours.append(seconds[0] + seconds[1])
                bare.append(seconds[2])
        found = sum(len(table.columns) for table in connector.load().tables)
        connector.close()
        inspected = _time(lambda: _inspect(f"postgresql+psycopg://owner{url}", tables))
    if found != tables * COLUMNS:
        sys.exit(f"{found} columns were loaded of {tables * COLUMNS}")
    both, query = statistics.median(ours), statistics.median(bare)
    print(f"  tables listed                    {statistics.median(listed):8.3f} s")
    print(f"  tables listed, everything loaded {both:8.3f} s")
    print(f"  bare query                       {query:8.3f} s")
    print(f"  Inspector, table by table        {inspected:8.3f} s")
    return [
        judge("catalog_inspector", inspected / both, FASTER_THAN_INSPECTOR, at_most=False),
        judge("catalog_bare_query", both / query, OVER_BARE_QUERY),
    ]


def _time(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _make_bare_query(socket: str) -> Callable[[], object]:
    import psycopg

    connection = psycopg.connect(host=socket, user="owner", dbname="postgres", autocommit=True)

    def ask() -> object:
        return (
            connection.execute(BARE_COLUMNS).fetchall(),
            connection.execute(BARE_KEYS).fetchall(),
        )

    return ask


def _inspect(url: str, tables: int) -> None:
    from sqlalchemy import create_engine, inspect

    engine = create_engine(url)
    inspector = inspect(engine)
    names = inspector.get_table_names()
    assert len(names) == tables
    for name in names:
        inspector.get_columns(name)
        inspector.get_pk_constraint(name)
        inspector.get_foreign_keys(name)
        inspector.get_table_comment(name)
    engine.dispose()


# Looking at it -----------------------------------------------------------------------------------


def _browse(tables: int) -> list[bool]:
    print(f"SQLite, {tables * COLUMNS} columns, the screen at 140x40")
    here = str(Path(__file__).resolve().parent)
    with empty_home() as environ, tempfile.TemporaryDirectory(prefix="amx-bench-") as folder:
        database = Path(folder) / "large.db"
        _make_sqlite(database, tables)
        empty = float(_python(EMPTY.format(here=here), environ))
        looks = {}
        for words in ("first time", "with a kept copy"):
            printed = _python(
                f"import sys; sys.path.insert(0, {here!r}); import _stalls; "
                f"_stalls.look({str(database)!r}, {tables * COLUMNS})",
                environ,
            )
            looks[words] = json.loads(printed.splitlines()[-1])
    for words, seen in looks.items():
        print(
            f"  {words:<17} first paint {seen['first_paint']:.2f} s, all there {seen['whole']:.2f} s, "
            f"filter key p50 {seen['filter_p50_ms']:.0f} ms worst {seen['filter_worst_ms']:.0f} ms, "
            f"loop late p99 {seen['p99_ms']:.0f} ms worst {seen['worst_ms']:.0f} ms ({seen['worst_in']}), "
            f"{seen['memory_mb'] - empty:.0f} MB above an empty app's {empty:.0f}"
        )
    worst = {name: max(seen[name] for seen in looks.values()) for name in ("worst_ms", "p99_ms")}
    memory = max(seen["memory_mb"] for seen in looks.values()) - empty
    return [
        judge("catalog_stall_worst_ms", worst["worst_ms"], WORST_STALL_MS),
        judge("catalog_stall_p99_ms", worst["p99_ms"], P99_STALL_MS),
        judge("catalog_memory_mb", memory, MEMORY_MB),
    ]


def _python(code: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return done.stdout


def _make_sqlite(path: Path, tables: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    types = ("CHAR(4)", "INTEGER", "DECIMAL(13,2)", "TEXT", "DATE")
    with connection:
        for table in range(tables):
            columns = [f"f{table:05}_{at:03} {types[at % 5]}" for at in range(COLUMNS)]
            columns[0] += " PRIMARY KEY"
            if table % 2:
                columns[7] += f" REFERENCES t{table - 1:05} (f{table - 1:05}_000)"
            connection.execute(f"CREATE TABLE t{table:05} ({', '.join(columns)})")
    connection.close()


if __name__ == "__main__":
    sys.exit(main())
