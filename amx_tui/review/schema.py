"""The tables of `tui.db`. A version is one script, run in one transaction; a script that was released
is never changed, only followed by another one. This file knows nothing of who reads the tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

# "amxt": tells our file from any other SQLite file that might lie at its place.
APPLICATION_ID = 0x616D7874

_FIRST = """
CREATE TABLE databases (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL UNIQUE
);
-- A target gets its number when it is first planned or decided, so that ordering by number keeps it
-- in its place however often it is drafted again.
CREATE TABLE targets (
    id INTEGER PRIMARY KEY,
    database INTEGER NOT NULL REFERENCES databases (id),
    schema_name TEXT NOT NULL,
    table_name TEXT NOT NULL,
    column_name TEXT NOT NULL,
    UNIQUE (database, schema_name, table_name, column_name)
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database INTEGER NOT NULL REFERENCES databases (id),
    label TEXT NOT NULL,
    scope TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    failure TEXT,
    leg INTEGER NOT NULL
);
-- A run that goes on after an interruption has one more leg, perhaps with another model.
CREATE TABLE legs (
    run INTEGER NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL,
    profile TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    effort TEXT NOT NULL,
    privacy TEXT NOT NULL,
    cap_usd REAL,
    started_at REAL NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE batches (
    run INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    started_at REAL,
    ended_at REAL,
    PRIMARY KEY (run, leg, number),
    FOREIGN KEY (run, leg) REFERENCES legs (run, number)
) WITHOUT ROWID;
CREATE TABLE planned (
    run INTEGER NOT NULL REFERENCES runs (id),
    target INTEGER NOT NULL REFERENCES targets (id),
    leg INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    previous TEXT,
    cancelled INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, target)
) WITHOUT ROWID;
CREATE TABLE suggestions (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    target INTEGER NOT NULL REFERENCES targets (id),
    alternatives TEXT NOT NULL,
    previous TEXT,
    at REAL NOT NULL,
    FOREIGN KEY (run, leg) REFERENCES legs (run, number)
);
CREATE INDEX suggestions_of_target ON suggestions (target, id);
CREATE INDEX suggestions_of_run ON suggestions (run, target);
CREATE TABLE usage (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    leg INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    usd REAL
);
CREATE INDEX usage_of_run ON usage (run);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES runs (id),
    leg INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    at REAL NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX notes_of_run ON notes (run);
-- What one key press decided, and what one undo takes back: standing, undone, or dropped (undone,
-- and out of redo's reach because something else was decided since).
CREATE TABLE decision_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database INTEGER NOT NULL REFERENCES databases (id),
    state TEXT NOT NULL
);
CREATE INDEX groups_by_state ON decision_groups (database, state, id);
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    grp INTEGER NOT NULL REFERENCES decision_groups (id),
    target INTEGER NOT NULL REFERENCES targets (id),
    verdict TEXT NOT NULL,
    text TEXT,
    alternative INTEGER,
    previous TEXT,
    run INTEGER REFERENCES runs (id),
    at REAL NOT NULL,
    undone_at REAL
);
CREATE INDEX standing_decisions ON decisions (target, id) WHERE undone_at IS NULL;
CREATE INDEX decisions_of_group ON decisions (grp);
CREATE TABLE write_groups (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    database INTEGER NOT NULL REFERENCES databases (id),
    who TEXT NOT NULL,
    undoes INTEGER REFERENCES write_groups (id)
);
-- outcome NULL: begun. last_decision and last_run are the newest ids at that time, so that a decision
-- or a draft can be told to be older or newer than this write without trusting a clock. closed_at:
-- undoing is over for this row.
CREATE TABLE writes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    grp INTEGER NOT NULL REFERENCES write_groups (id),
    target INTEGER NOT NULL REFERENCES targets (id),
    old TEXT,
    new TEXT,
    outcome TEXT,
    detail TEXT NOT NULL DEFAULT '',
    at REAL NOT NULL,
    decision INTEGER REFERENCES decisions (id),
    last_decision INTEGER NOT NULL,
    last_run INTEGER NOT NULL,
    closed_at REAL
);
CREATE INDEX writes_of_target ON writes (target, id);
CREATE INDEX writes_of_group ON writes (grp);
-- The files that we wrote, so that no other one, and no edited one, is written over.
CREATE TABLE exports (
    path TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
"""

# What a batch was locally estimated at, before earlier usage corrected it, in tokens: NULL where that
# was not kept.
_SECOND = """
ALTER TABLE batches ADD COLUMN estimated_input REAL;
ALTER TABLE batches ADD COLUMN estimated_output REAL;
CREATE INDEX usage_of_batch ON usage (run, leg, batch);
"""

# 1 where a request ended before the provider told its tokens, so that they are estimated.
_THIRD = """
ALTER TABLE usage ADD COLUMN is_estimated INTEGER NOT NULL DEFAULT 0;
"""

# What documents and code said of a table, as it was sent, so that a reviewer sees it; once for all of
# the table's batches in a leg.
_FOURTH = """
CREATE TABLE passages (
    run INTEGER NOT NULL,
    leg INTEGER NOT NULL,
    schema_name TEXT NOT NULL,
    table_name TEXT NOT NULL,
    position INTEGER NOT NULL,
    path TEXT NOT NULL,
    line INTEGER NOT NULL,
    page INTEGER,
    heading TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, leg, schema_name, table_name, position),
    FOREIGN KEY (run, leg) REFERENCES legs (run, number)
) WITHOUT ROWID;
"""

# Why a person rejected, and what they told the model when they asked again: NULL and empty where
# nothing. Alternatives as lists, which are kept in memory as they stand here: names in each of a
# hundred thousand would take twenty megabytes.
_FIFTH = """
ALTER TABLE decisions ADD COLUMN reason TEXT;
ALTER TABLE legs ADD COLUMN hint TEXT NOT NULL DEFAULT '';
UPDATE suggestions SET alternatives = (
    SELECT json_group_array(json_array(
        json_extract(value, '$.text'),
        json_extract(value, '$.band'),
        json_extract(value, '$.signal'),
        json_extract(value, '$.score'),
        json_extract(value, '$.reason')
    )) FROM json_each(alternatives)
);
"""

# What the prompt said of a target, as JSON: NULL where that was not kept.
_SIXTH = """
ALTER TABLE planned ADD COLUMN evidence TEXT;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH)


def statements(script: str) -> Iterator[str]:
    """The statements of `script`, one by one; sqlite3's own `executescript` would commit first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
