"""What the command line refuses before the screen is taken."""

from __future__ import annotations

from pathlib import Path

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


@pytest.mark.parametrize("header", [b"SQLite format 3\0", b"01234567DUCK"])
def test_a_damaged_file_with_a_name_of_escapes_commands_no_terminal(
    header: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b\x1b[31mRED\n.db"
    path.write_bytes(header + b"\1" * 9000)
    assert main([str(path)]) == 2
    said = capsys.readouterr().err
    assert "bRED .db" in said
    assert "\x1b" not in said
