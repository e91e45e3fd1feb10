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


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast\x1b[31m", ""])
def test_a_speed_that_is_none_is_told_in_words(
    speed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["demo", f"--speed={speed}"])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert "is no number above 0" in said
    assert "_speed" not in said and "\x1b" not in said


@pytest.mark.parametrize("words", [["legacy.db", "--speed", "20"], ["--speed", "1"]])
def test_a_speed_is_for_the_demo_alone(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "--speed is for the demo" in capsys.readouterr().err


def test_the_help_names_every_server_that_is_written_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert "postgresql://" in said and "mysql://" in said


def test_the_name_of_a_connection_in_a_broken_file_points_at_the_file(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clean_environment / ".amx"
    folder.mkdir()
    (folder / "config.yml").write_text("db_profiles:\n  warehouse: [\n")
    monkeypatch.chdir(clean_environment)
    assert main(["warehouse"]) == 2
    said = capsys.readouterr().err
    assert "config.yml" in said and "ine 3" in said
    assert "does not exist" not in said
    (clean_environment / "warehouse").write_text("no database")
    assert main(["warehouse"]) == 2
    assert "not a database" in capsys.readouterr().err


def test_a_name_that_is_neither_a_file_nor_a_connection_lists_the_connections(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clean_environment)
    assert main(["warehose"]) == 2
    assert "config.yml has no connection of that name either\n" in capsys.readouterr().err
    folder = clean_environment / ".amx"
    folder.mkdir()
    (folder / "config.yml").write_text("db_profiles:\n  warehouse: {backend: sqlite}\n  crm: {}\n")
    assert main(["warehose"]) == 2
    assert "either; it has warehouse\n" in capsys.readouterr().err
    assert main(["zzz"]) == 2
    assert "either; it has warehouse, crm\n" in capsys.readouterr().err
