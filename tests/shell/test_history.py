"""`amx-tui history`, as text and as JSON, over a store in which two runs drafted the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amx_tui.commands.workspace import Workspace
from amx_tui.review.model import NewDecision, Verdict
from amx_tui.shell.history import run
from tests.screens.test_history import draft_again, write
from tests.snapshot.conftest import reviewed, workspace
from tests.snapshot.test_history import BUKRS

__all__ = ["reviewed", "workspace"]


@pytest.fixture
def demo(reviewed: Workspace, clean_environment: Path) -> Workspace:
    connector, store = reviewed.connector, reviewed.store
    assert connector is not None
    draft_again(reviewed)
    row = store.row(connector.identity, BUKRS)
    assert row is not None
    text = row.suggestion.alternatives[0].text
    taken = NewDecision(BUKRS, Verdict.ACCEPTED, text, 0, run=2)
    store.decide(connector.identity, [taken])
    write(reviewed, BUKRS, None, text, "ada")
    store.close()
    return reviewed


def test_words_that_only_something_written_has_are_not_called_missing(
    demo: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--search", "ada"]) == 0
    none, also = capsys.readouterr().out.splitlines()
    assert none == "No run has the words “ada”." and also == "1 of what was written: add --written"
    assert run(["demo", "--written", "--search", "bob"]) == 0
    (none,) = capsys.readouterr().out.splitlines()
    assert none == "Nothing that was written has the words “bob”."


def test_runs_and_writings_are_told_and_searched(
    demo: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo"]) == 0
    newest, oldest = capsys.readouterr().out.splitlines()
    assert newest.startswith("run 2; ") and "1 written" in newest and ", low; " in newest
    assert "to do" in oldest and "finished" in oldest
    assert run(["demo", "--search", "t052.zterm"]) == 0
    assert capsys.readouterr().out.startswith("run 1; ")
    assert run(["demo", "--written", "--search", "ADA bukrs"]) == 0
    assert "main.BKPF.BUKRS: written: " in capsys.readouterr().out
    assert run(["demo", "--written", "--search", "bob"]) == 0
    assert "has the words “bob”" in capsys.readouterr().out
    assert run(["demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["runs"][0]["effort"] == "low"
    assert told["runs"][0]["decisions"]["written"] == 1
    assert sum(told["runs"][1]["decisions"].values()) == told["runs"][1]["drafted"]
    assert told["written"][0]["undone"] is False


def test_two_runs_are_compared_where_they_differ_first(
    demo: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--compare", "1", "2"]) == 0
    said = capsys.readouterr().out
    first, second, *_ = said.splitlines()
    assert first.endswith("; 1 differ") and second == "main.BKPF.BUKRS: differs"
    assert said.count(", decided on: ") == 1 and "  written, on run 2: " in said
    assert run(["demo", "--compare", "1", "2", "--json", "--search", "bukrs differs"]) == 0
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    old, new = target["readings"]
    assert old["alternatives"] == new["alternatives"][::-1]
    assert (old["decided_on"], new["decided_on"], target["decided_on_run"]) == (None, 0, 2)
    assert run(["demo", "--compare", "1", "9"]) == 2
    said = capsys.readouterr().err
    assert "There is no run 9" in said and "amx-tui history demo" in said
