"""What the command line refuses before the screen is taken."""

from __future__ import annotations

import pytest

from amx_tui.cli import main
from amx_tui.config.settings import EFFORTS


@pytest.mark.parametrize("words", [["demo"], []])
def test_an_effort_that_does_not_exist_is_told_at_the_start_with_those_that_do(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMX_REASONING_EFFORT", "maximal")
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "AMX_REASONING_EFFORT is “maximal”" in said
    assert ", ".join(EFFORTS) in said
    assert "export AMX_REASONING_EFFORT=low" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("AMX_LLM_TIMEOUT_SEC", "soon"), ("AMX_LLM_MIN_MAX_TOKENS", "many"), ("AMX_CA_BUNDLE", "/no")],
)
def test_any_variable_that_cannot_be_obeyed_is_told_at_the_start(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["demo"]) == 2
    assert name in capsys.readouterr().err
