"""What was on the screen is there after SIGKILL at any instant, and only the rest is asked again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.provider import Reply, ScriptedProvider, asked_paths, draft, draft_lines, stream
from tests.shell.test_journey import command
from tests.terminal.conftest import UNDESCRIBED, start_all
from tests.terminal.terminal import Terminal, box, joined


def test_killed_in_mid_run_it_goes_on_with_the_rest_alone(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    def hold_after_the_first_line(body: Mapping[str, Any]) -> Reply:
        """The first target of each batch arrives, the rest is under way for ever."""
        first, *_ = draft_lines(body).splitlines(keepends=True)
        return stream(reasoning="Hm. ", content=first, hold="end")

    provider.answer = hold_after_the_first_line
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    # Three requests side by side, one target of each has arrived.
    terminal.wait_for(f"3/{UNDESCRIBED} drafted")
    provider.wait_for_calls(3)
    terminal.press("R")
    terminal.wait_for("3 suggestions", "BKPF")
    shown = rows_of(terminal.screen())
    assert len(shown) == 3
    terminal.kill9()
    before = len(provider.calls)
    first = Counter(target for one in provider.calls for target in asked_paths(one.body))
    assert max(first.values()) == 1

    provider.answer = draft
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    rest = UNDESCRIBED - 3
    terminal.wait_for(f"A run was interrupted. Go on with the other {rest}?",
                      f"3 of {UNDESCRIBED} were drafted")  # fmt: skip
    terminal.press("y")
    terminal.wait_for("the rest of run 1", "word for word")
    terminal.press("enter")
    terminal.wait_for("R reviews them", f"{rest}/{rest} drafted")
    again = Counter(target for one in provider.calls[before:] for target in asked_paths(one.body))
    assert max(again.values()) == 1 and sum(again.values()) == rest
    # Only what was in flight is asked twice; what arrived never.
    assert again.keys().isdisjoint(shown)
    terminal.press("R")
    screen = terminal.wait_for(f"{UNDESCRIBED} suggestions")
    assert shown.keys() <= rows_of(screen).keys()

    # The run is whole now: nobody asks again.
    terminal.kill9()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    screen = terminal.wait_for(f"{UNDESCRIBED} suggestions · {UNDESCRIBED} to do")
    assert "interrupted" not in screen


def test_resume_goes_on_where_the_newest_run_was_killed_without_a_question(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda _: stream(reasoning="Hm. ", hold="end")
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    provider.wait_for_calls(3)
    terminal.wait_for(f"0/{UNDESCRIBED} drafted")
    terminal.kill9()
    terminal.start([*program, "--resume"], cwd=home)
    terminal.wait_for("the rest of run 1", "word for word", "legacy.db (sqlite)")
    terminal.press("escape")
    terminal.wait_for(re.compile(r"main +1/9"))


def test_a_redraft_without_a_hint_that_was_killed_goes_on_with_the_earlier_readings(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    said = '"earlier":["Meaning of WAERS"'
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    terminal.wait_for("R reviews them")
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions", lambda screen: box(screen, "BKPF "))
    terminal.press("/")
    terminal.type("WAERS")
    terminal.press("enter")
    terminal.wait_for(lambda screen: box(screen, "BKPF.WAERS "))
    provider.answer = lambda _: stream(reasoning="Hm. ", hold="end")
    terminal.press("d")
    terminal.wait_for("A hint for the model")
    terminal.press("enter")
    terminal.wait_for("word for word", "the readings so far go along")
    before = len(provider.calls)
    terminal.press("enter")
    provider.wait_for_calls(before + 1)
    assert said in messages(provider)
    # Killed, and killed again while it goes on.
    terminal.kill9()
    shown = command("draft", legacy, "--resume", "--dry-run")
    assert said in shown and "the readings so far go along" in shown
    terminal.start([*program, "--resume"], cwd=legacy.parent)
    terminal.wait_for("the rest of run 2", "word for word", "the readings so far go along")
    terminal.press("enter")
    provider.wait_for_calls(before + 2)
    assert said in messages(provider)
    terminal.kill9()
    assert said in command("draft", legacy, "--resume", "--dry-run")


def messages(provider: ScriptedProvider) -> str:
    """The newest request's."""
    return "".join(one["content"] for one in provider.calls[-1].body["messages"])


def test_killed_in_mid_review_every_decision_is_there(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    terminal.wait_for("R reviews them")
    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions", lambda screen: box(screen, "BKPF "))
    decided = Counter[str]()
    for key, word in (
        ("1", "accepted"),
        ("r", "rejected"),
        ("2", "accepted"),
    ):
        terminal.press(key)
        decided[word] += 1
        terminal.wait_for(f"{decided[word]} {word}")
        # Killed the moment it was seen.
        terminal.kill9()
        terminal.start([*program, "legacy.db"], cwd=legacy.parent)
        terminal.wait_for(re.compile(r"main +1/9"))
        terminal.press("R")
        terminal.wait_for(*(f"{count} {word}" for word, count in decided.items()))
        go_to_the_next_undecided(terminal, sum(decided.values()))
    terminal.press("u")
    terminal.wait_for("1 accepted")
    terminal.kill9()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for(re.compile(r"main +1/9"))
    terminal.press("R")
    terminal.wait_for("1 accepted", "1 rejected", f"{UNDESCRIBED - 2} to do")


def go_to_the_next_undecided(terminal: Terminal, row: int) -> None:
    """The list begins at its top after a start."""
    names = list(rows_of(terminal.screen()))
    terminal.press("home", *["down"] * row)
    terminal.wait_for(lambda screen: names[row] in joined("\n".join(titles(screen))))


def titles(screen: str) -> list[str]:
    return [row for row in screen.split("\n") if row.startswith("╭")]


def rows_of(screen: str) -> dict[str, str]:
    """The suggestions in the list, by target."""
    found = {}
    for row in box(screen, next(t for t in re.findall(r"╭─ (\d+ suggestions)", screen))):
        match = re.match(r". ([A-Z][\w.\[\]/]*) +(.*)", row)
        if match:
            found[match[1]] = match[2]
    return found
