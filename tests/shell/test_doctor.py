"""`amx-tui doctor` as a shell has it: text, JSON, exit status, and a question on a terminal only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from amx_tui.cli import main
from amx_tui.commands.doctor_parts import Part, Report, Section
from amx_tui.commands.doctor_report import TextReport, report_json, report_text
from amx_tui.commands.model import Check, State
from tests.provider import ScriptedProvider, error

SECRET = "sk-canary-0123456789abcdef"
CHECKOUT = Path(__file__).resolve().parent.parent
FIELDS = {"section", "what", "state", "result", "why", "remedy", "seconds"}


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["my-model"]) as running:
        yield running


@pytest.fixture
def config(clean_environment: Path, server: ScriptedProvider) -> Path:
    folder = clean_environment / ".amx"
    folder.mkdir(mode=0o700)
    file = folder / "config.yml"
    file.write_text(
        "llm_profiles:\n  mine:\n    provider: local\n    model: my-model\n"
        f"    api_base: {server.base_url}\nactive_llm_profile: mine\n"
    )
    file.chmod(0o600)
    return file


def test_a_set_up_without_a_fault_ends_with_status_0(
    config: Path, server: ScriptedProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("amx-tui doctor, ")
    assert "\nactive profile\n" in said and "nothing is wrong" in said
    # In a pipe: no colours, one line for each fact, and no question.
    assert "\x1b" not in said
    assert "was not asked: a draft does not call it" in said
    assert {request.path for request in server.requests} == {"/v1/models"}


def test_something_wrong_ends_with_status_1_and_says_what_to_do(
    config: Path, server: ScriptedProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    server.pages = {"/models": error(401, "who are you?", "invalid_authentication_error")}
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    assert "  failed   key " in said and "1 failed" in said
    assert "do:  Press P" in said and "The keys to press are those of amx-tui's own screens" in said


def test_json_is_one_document_of_a_stable_shape(
    config: Path, server: ScriptedProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.keys() == {"format", "version", "is_healthy", "counts", "checks"}
    assert document["format"] == 1 and document["is_healthy"] is True
    assert document["counts"].keys() == {"ok", "warning", "failed", "skipped"}
    assert all(check.keys() == FIELDS for check in document["checks"])
    assert {check["section"] for check in document["checks"]} == {place.value for place in Section}
    assert sum(document["counts"].values()) == len(document["checks"])


def test_a_wrong_variable_is_part_of_the_report_and_no_reason_not_to_start(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMX_REASONING_EFFORT", "maximal")
    assert main(["doctor"]) == 1
    assert "AMX_REASONING_EFFORT is “maximal”" in capsys.readouterr().out


def test_offline_asks_no_host_and_cannot_be_had_with_all_of_them(
    config: Path, server: ScriptedProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--offline"]) == 0
    assert "--offline forbids it" in capsys.readouterr().out
    assert not server.requests
    with pytest.raises(SystemExit) as left:
        main(["doctor", "--offline", "--all-hosts"])
    assert left.value.code == 2


def test_another_profile_can_be_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--profile", "nobody"]) == 1
    assert "There is no LLM profile 'nobody'" in capsys.readouterr().out


def test_the_demo_can_be_examined(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "demo"]) == 0
    assert "20 tables and views" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_fault(config: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m amx_tui doctor | head -1",
        shell=True,
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.startswith("amx-tui doctor") and done.stderr == ""


def test_characters_that_the_locale_lacks_do_not_end_the_report(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "amx_tui", "doctor", "--offline"],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONIOENCODING": "ascii:strict"},
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0 and b"Traceback" not in done.stderr


# What it looks like. -------------------------------------------------------------------------------


def report_of(*checks: Check) -> Report:
    report = Report()
    report.add(Part(0, Section.ACTIVE, checks, is_done=True))
    return report


def test_long_lines_are_wrapped_on_a_terminal_and_whole_in_a_pipe() -> None:
    check = Check("key", State.FAILED, "word " * 30, "do this " * 20, why="because " * 20)
    lines = list(TextReport(width=80).lines(Section.ACTIVE, [check]))
    assert max(map(len, lines)) <= 80
    whole = report_text(report_of(check)).splitlines()
    assert sum("word word" in line for line in whole) == 1
    assert len(whole) < len(lines) + 6


def test_every_state_is_a_word_and_colour_only_comes_on_top() -> None:
    checks = [Check("one", state, "words") for state in State]
    plain = "\n".join(TextReport().lines(Section.ACTIVE, checks))
    coloured = "\n".join(TextReport(has_colour=True).lines(Section.ACTIVE, checks))
    assert all(state.value in plain for state in State)
    assert "\x1b[31mfailed" in coloured and "\x1b" not in plain


def test_json_keeps_seconds_as_a_number_and_says_null_where_none_were() -> None:
    report = report_of(Check("host", State.OK, "x", seconds=0.12345), Check("a", State.OK, "y"))
    first, second = json.loads(report_json(report))["checks"]
    assert first["seconds"] == 0.123 and second["seconds"] is None
