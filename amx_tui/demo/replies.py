"""What the replayed model says of each target of the demo's database. The texts are data, in
`answers/`; this module reads them when the first one is asked for and knows nothing of the network.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from amx_tui.demo.model import Reading, Replay

_ANSWERS = Path(__file__).with_name("answers")
# In the files: what holds for a column of this name in any table that says nothing of its own.
_ANYWHERE = "*"


def reply_for(table: str, column: str) -> Replay | None:
    """What is said of a column, or of `table` itself where `column` is empty; best reading first.

    None for what is not in the demo, such as a column that somebody added: nothing is made up.
    """
    answers = _read_answers()
    if reply := answers.get((table, column)):
        return reply
    return answers.get((_ANYWHERE, column)) if column and (table, "") in answers else None


@cache
def _read_answers() -> dict[tuple[str, str], Replay]:
    """By table and column. A file maps tables to columns to `[thought, [band, text, reason], …]`."""
    found: dict[tuple[str, str], Replay] = {}
    for file in sorted(_ANSWERS.glob("*.json")):
        tables: dict[str, dict[str, list[object]]] = json.loads(file.read_text(encoding="utf-8"))
        for table, columns in tables.items():
            for column, (thought, *readings) in columns.items():
                found[table, column] = Replay(str(thought), tuple(map(_read_reading, readings)))
    return found


def _read_reading(entry: object) -> Reading:
    if not isinstance(entry, list):
        raise TypeError(f"a reading is a list of band, text and reason, not {entry!r}")
    band, text, reason = map(str, entry)
    return Reading(text=text, band=band, reason=reason)
