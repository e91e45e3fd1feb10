"""Killed in any phase of a run, `draft --resume` asks for exactly what had not arrived, over real HTTP."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.provider import (
    Reply,
    ScriptedProvider,
    asked_paths,
    asked_targets,
    draft,
    draft_lines,
    error,
    stream,
)
from tests.shell.test_journey import command
from tests.terminal.conftest import UNDESCRIBED, home, legacy, profile, provider

__all__ = ["home", "legacy", "profile", "provider"]  # fixtures

# From the body of a request, and which one it is of its process, to the answer.
Answer = Callable[[Mapping[str, Any], int], Reply]


def cut(lines: int, **options: Any) -> Answer:
    """So many lines of the answer; then what `options` say."""

    def answer(body: Mapping[str, Any], _: int) -> Reply:
        first = draft_lines(body).splitlines(keepends=True)[:lines]
        return stream(reasoning="Hm. ", content="".join(first), **options)

    return answer


def held(where: str) -> Answer:
    return lambda body, _: draft(body, hold=where)


def first_alone(body: Mapping[str, Any], request: int) -> Reply:
    return draft(body, hold=None if request == 1 else "start")


def busy_after_the_first(body: Mapping[str, Any], request: int) -> Reply:
    if request == 1:
        return draft(body)
    return error(429, "Slow down", "rate_limit_reached_error", {"Retry-After": "50"})


def without_the_last(body: Mapping[str, Any], request: int) -> Reply:
    """Each batch leaves one out, and is never told when it asks again for that one."""
    whole = len(asked_targets(body))
    return cut(whole - 1)(body, request) if whole > 1 else draft(body, hold="start")


# The moment at which the process is killed, and what the server does until then.
PHASES: dict[str, tuple[dict[str, int], Answer]] = {
    "connecting": ({"connecting": 1}, held("start")),
    "waiting for the first token": ({"waiting for the first token": 2}, held("start")),
    "thinking": ({"ReasoningDelta": 2}, held("answer")),
    "answering": ({"SuggestionDrafted": 2}, cut(1, hold="end")),
    "waiting out a 429": ({"BatchFinished": 1, "WaitingToRetry": 1}, busy_after_the_first),
    "between batches": ({"BatchFinished": 1}, first_alone),
    "about to ask again": ({"AskingAgain": 1}, without_the_last),
    "asking again": ({"AskingAgain": 1, "waiting for the first token": 4}, without_the_last),
}


@pytest.fixture(scope="module")
def forker() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.shell.drafter_to_kill"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def run_until(
    forker: subprocess.Popen[str], moment: Mapping[str, int], *words: str
) -> tuple[set[str], int | None]:
    """What `draft` showed until it was killed at `moment`, or ended by itself, with its exit status."""
    assert forker.stdin is not None and forker.stdout is not None
    order = {"environ": dict(os.environ), "words": [*words, "--yes"], "moment": moment}
    forker.stdin.write(json.dumps(order) + "\n")
    forker.stdin.flush()
    shown: set[str] = set()
    child, status = 0, None
    for line in forker.stdout:
        what, value = json.loads(line)
        match what:
            case "born":
                child = value
            case "shown":
                shown.add(value)
            case "ended":
                status = value
            case "reached":
                os.kill(child, signal.SIGKILL)
            case "dead":
                assert value == (0 if status is not None else -signal.SIGKILL)
                return shown, status
    raise AssertionError("the process that forks has ended")


def drafted(home: Path) -> Counter[str]:
    """How many suggestions the store has of each target, in how many runs it may be."""
    with closing(sqlite3.connect(home / ".amx" / "tui.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return Counter(
            f"{table}.{column}" if column else table
            for table, column in connection.execute(
                "SELECT table_name, column_name FROM suggestions JOIN targets t ON t.id = target"
            )
        )


def asked(provider: ScriptedProvider, since: int) -> Counter[str]:
    return Counter(path for one in provider.calls[since:] for path in asked_paths(one.body))


def sent_so_far(provider: ScriptedProvider) -> int:
    """How many requests there were, those included that a killed process had sent and the server had not
    read yet: who connects after them is served after them."""
    httpx.get(f"{provider.base_url}/models")
    provider.wait_until(lambda: not provider.open_connections, "the end of all connections")
    return len(provider.calls)


@pytest.mark.parametrize("phase", PHASES)
def test_what_arrived_is_kept_and_the_rest_is_asked_once(
    phase: str,
    forker: subprocess.Popen[str],
    legacy: Path,
    home: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    moment, answer = PHASES[phase]
    arrived: Counter[str] = Counter()
    # Going on may be killed at the same moment as the start.
    for words in ([str(legacy)], ["--resume"]):
        before, sent = arrived, sent_so_far(provider)
        provider.answer = lambda body, sent=sent: answer(body, len(provider.calls) - sent)  # type: ignore[misc]
        shown, _ = run_until(forker, moment, *words)
        arrived = drafted(home)
        assert shown <= arrived.keys() and shown.isdisjoint(before)
        assert asked(provider, sent).keys().isdisjoint(before)
        assert before <= arrived and set(arrived.values()) <= {1}
    assert bool(arrived) is (phase not in ("connecting", "waiting for the first token", "thinking"))

    sent = sent_so_far(provider)
    provider.answer = draft
    shown, status = run_until(forker, {}, "--resume")
    planned = arrived.keys() | shown
    assert status == 0 and len(planned) == UNDESCRIBED
    assert asked(provider, sent) == Counter(planned - arrived.keys())
    assert drafted(home) == Counter(planned)
    with closing(sqlite3.connect(home / ".amx" / "tui.db")) as connection:
        assert connection.execute("SELECT id, state, leg FROM runs").fetchall() == [
            (1, "finished", 3)
        ]


def test_what_goes_on_is_sent_as_it_was(
    forker: subprocess.Popen[str], legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    provider.answer = lambda body: cut(1, hold="end")(body, 1)
    limits = ("--privacy", "metadata", "--cap", "0.75")
    run_until(forker, {"SuggestionDrafted": 1}, str(legacy), *limits)
    # What it had under way was sent and costs something, and nobody is told how much.
    assert "at least 0 tokens; at least $ 0.00" in command("history", legacy)
    other = "  other: {provider: kimi, model: kimi-k3, api_base: http://127.0.0.1:9}\n"
    config = profile.read_text().replace(
        "active_llm_profile: kimi-thinking", "active_llm_profile: other"
    )
    profile.write_text(config.replace("llm_profiles:\n", f"llm_profiles:\n{other}", 1))
    sent = sent_so_far(provider)
    told = command("draft", legacy, "--resume", "--dry-run")
    assert "the rest of run 1" in told and "to: kimi-thinking, kimi-k2-thinking" in told
    assert "privacy: metadata" in told and "stops before $ 0.75" in told
    assert "to: other" in command("draft", legacy, "--resume", "--dry-run", "--profile", "other")
    assert len(provider.calls) == sent
    command("draft", legacy, "BKPF", "--resume", status=2)
    command("draft", status=2)
    provider.answer = draft
    command("draft", legacy, "--resume", "--yes")
    assert "There is no run to go on with" in command("draft", legacy, "--resume", status=2)


def test_a_run_that_was_killed_when_all_had_arrived_hides_no_other(
    forker: subprocess.Popen[str],
    legacy: Path,
    home: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    provider.answer = lambda body: cut(1, hold="end")(body, 1)
    run_until(forker, {"SuggestionDrafted": 1}, str(legacy), "BKPF")
    provider.answer = draft
    run_until(forker, {"BatchFinished": 1}, str(legacy), "T001.BUTXT")
    assert "the rest of run 1" in command("draft", "--resume", "--dry-run")
    assert "the rest of run 1" in command("draft", legacy, "--resume", "--dry-run")
