"""The doctor in a real terminal: it asks before it calls a host that no draft would call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.provider import ScriptedProvider
from tests.terminal.conftest import CANARY
from tests.terminal.terminal import Terminal


@pytest.fixture
def second(profile: Path) -> Iterator[ScriptedProvider]:
    """Another host, at which another profile asks."""
    with ScriptedProvider(models=["my-model"]) as running:
        block = (
            f"  own:\n    provider: local\n    model: my-model\n    api_base: {running.base_url}\n"
        )
        text = profile.read_text()
        profile.write_text(text.replace("active_llm_profile", f"{block}active_llm_profile"))
        profile.chmod(0o600)
        yield running


@pytest.mark.parametrize("answer", ["", "y"], ids=["enter", "y"])
def test_hosts_are_named_in_a_question_whose_default_is_no(
    answer: str,
    terminal: Terminal,
    program: list[str],
    provider: ScriptedProvider,
    second: ScriptedProvider,
) -> None:
    terminal.start([*program, "doctor"], size=(120, 90))
    terminal.wait_for(f"A draft would not call 127.0.0.1:{second.port}", "[y/N]")
    # Nobody was asked yet.
    assert not provider.requests and not second.requests
    terminal.type(answer)
    terminal.press("enter")
    # The active profile's model was retired, and this host does not list it: that is wrong.
    assert terminal.wait_until_ended() == 1
    assert provider.requests
    assert bool(second.requests) is (answer == "y")
    drawn = terminal.drawn().decode(errors="replace")
    assert "active profile" in drawn and "failed" in drawn and CANARY not in drawn
    # In colour, and the word as well.
    assert "\x1b[31mfailed" in drawn


def test_no_color_is_obeyed_and_all_hosts_asks_no_question(
    terminal: Terminal, program: list[str], second: ScriptedProvider
) -> None:
    words = [*program, "doctor", "--all-hosts"]
    terminal.start(words, size=(120, 90), env={"NO_COLOR": "1"})
    assert terminal.wait_until_ended() == 1
    assert second.requests
    drawn = terminal.drawn().decode(errors="replace")
    assert "failed" in drawn and "[y/N]" not in drawn and "\x1b[31m" not in drawn
    assert "NO_COLOR is set" in drawn


def test_40_columns_and_10_lines_still_show_a_list_and_the_finding(
    terminal: Terminal, program: list[str]
) -> None:
    terminal.start([*program, "demo"], size=(40, 10))
    terminal.wait_for("schema")
    terminal.press("E")
    terminal.wait_for("wrong, ", "! model", "model · warning", "retired on")
    terminal.press("escape")
    terminal.wait_for("schema")
    terminal.press("q")
    assert terminal.wait_until_ended() == 0
