"""The server that all tests ask, as a process, for the tests that have a terminal of their own."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from tests.llm.setups import answer_of, ask, reasoning_of, setup_for
from tests.provider import asked_targets


def test_it_answers_what_was_asked_from_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.provider", "--port", "0", "--rate", "100000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            base = process.stdout.readline().strip()
            events, failure = asyncio.run(ask(setup_for(base=base)))
        finally:
            process.terminate()
    assert failure is None
    assert "BUKRS" in reasoning_of(events)
    assert '"text": "Meaning of BUKRS"' in answer_of(events)


def test_it_finds_columns_and_tables_but_not_their_surroundings() -> None:
    lines = [
        '{"table": "BSEG", "columns": ["BUKRS"]}',
        "Describe:",
        '{"table": "BSEG"}',
        '{"column": "BUKRS", "type": "CHAR(4)"}',
        "[1]",
    ]
    body = {"messages": [{"role": "user", "content": "\n".join(lines)}]}
    assert asked_targets(body) == [("table", "BSEG"), ("column", "BUKRS")]
