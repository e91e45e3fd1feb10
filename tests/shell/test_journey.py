"""The commands of the shell as a script, or a person with a screen reader, uses them: real processes, a
real store, and HTTP to a provider that streams like Moonshot."""

from __future__ import annotations

import json
import os
import pty
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.forked import run_forked
from tests.provider import Reply, ScriptedProvider, draft, draft_lines, error, stream
from tests.terminal.conftest import (
    CANARY,
    UNDESCRIBED,
    home,
    legacy,
    profile,
    provider,
    snapshot_of,
)

__all__ = ["home", "legacy", "profile", "provider"]  # fixtures

ROOT = Path(__file__).parents[2]
PROGRAM = (sys.executable, "-m", "amx_tui")


def command(*words: str | Path, typed: str = "", status: int = 0) -> str:
    """What the program prints; `typed` is its whole input. What it says of problems comes behind."""
    ended, out, problems = run_forked(*words, typed=typed)
    said = out + problems
    assert ended == status, said
    assert "Traceback" not in said and "\x1b" not in said and CANARY not in said
    return said


def output_of(*words: str | Path, **environ: str) -> bytes:
    """The bytes on the standard output."""
    return subprocess.run(
        [*PROGRAM, *map(str, words)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


def document(*words: str | Path, status: int = 0) -> Any:
    """The JSON on the standard output."""
    ended, out, problems = run_forked(*words, "--json")
    assert ended == status, problems
    return json.loads(out)


def test_a_legacy_file_is_described_without_a_screen(
    legacy: Path, profile: Path, provider: ScriptedProvider, home: Path
) -> None:
    database = legacy.read_bytes()
    # What would be sent can be read; nothing is sent without a yes.
    asked = command("draft", legacy, typed="\n")
    assert provider.base_url in asked and "about $" in asked and "AMX_LLM_API_KEY" in asked
    assert "Send it? [y/N]" in asked and "Nothing was sent." in asked
    shown = command("draft", legacy, "BKPF.WAERS", "--dry-run")
    assert "word for word" in shown and '"column":"WAERS"' in shown
    command("draft", legacy, status=2)  # nobody answers
    assert not provider.calls

    told = command("draft", legacy, typed="y\n")
    assert f"{UNDESCRIBED} of {UNDESCRIBED} drafted" in told
    assert "main.BKPF.WAERS: high, declared by the model: Meaning of WAERS" in told
    assert f"Review them: amx-tui review {legacy}\n" in told
    calls = len(provider.calls)
    # Once more would cost once more.
    assert f"{UNDESCRIBED} of them drafted before" in command("draft", legacy, typed="\n")

    said = command("review", legacy, typed="2\ne\nA text of mine\nr\nzzz\n9\nu\nr\ns\n?\no\n\nq\n")
    assert "1 of 11: main.BKPF, table" in said
    assert "2. medium, declared by the model: Perhaps the code of BKPF" in said
    assert "main.BKPF: accepted: Perhaps the code of BKPF" in said
    assert "main.BKPF.BUKRS: edited: A text of mine" in said
    assert "main.BKPF.BELNR: rejected" in said and "main.BKPF.BELNR: taken back" in said
    assert "That is no command" in said and "There is no alternative 9" in said
    assert "main.BKPF.BUDAT: later" in said and "Nothing changed." in said
    assert f"4 decided. Write them: amx-tui apply {legacy}\n" in said
    # The end of the input leaves as well, and what is decided does not come again.
    assert "1 of 7: main.BKPF.WAERS" in command("review", legacy)

    would = command("apply", legacy, "--dry-run")
    assert "2 to write" in would and "new: A text of mine" in would
    assert "Nothing was written" in command("apply", legacy, typed="\n")
    sidecar = legacy.with_name("legacy.comments.yml")
    assert not sidecar.exists()
    assert "2 of 2 written" in command("apply", legacy, typed="y\n")
    assert "A text of mine" in sidecar.read_text()
    done = command("apply", legacy)
    assert "0 to write" in done and "All 2 texts that you decided on stand there already." in done

    out = legacy.with_name("schema.yml")
    out.write_text("version: 2  # ours\n")
    told = command("export", legacy, "--format", "dbt", "--output", out)
    assert f"2 descriptions written to {out}" in told
    assert yaml.safe_load(out.read_text())["sources"][0]["tables"][0]["description"]
    assert out.read_text().startswith("version: 2  # ours\n")

    runs = command("history", legacy)
    assert "run 1; " in runs and "finished; 11 of 11 drafted" in runs
    assert "main.BKPF.BUKRS: written: A text of mine" in command("history", legacy, "--written")

    assert "2 of 2 put back" in command("apply", legacy, "--undo", "--yes")
    assert not sidecar.exists() or "A text of mine" not in sidecar.read_text()
    assert legacy.read_bytes() == database
    assert len(provider.calls) == calls
    for path, content in snapshot_of(home, legacy.parent).items():
        assert CANARY.encode() not in content, path


def test_what_was_decided_is_drafted_again_with_a_hint_and_the_reason_it_was_rejected_stays(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "--yes")
    said = command("review", legacy, "BKPF.WAERS", typed="r too vague\n")
    assert "main.BKPF.WAERS: rejected: too vague" in said
    calls = len(provider.calls)
    assert "name them" in command("draft", legacy, "--hint", "it is money", "--yes", status=2)
    command("draft", legacy, "BKPF.WAERS", "--hint", "it is money", "--yes")
    (call,) = provider.calls[calls:]
    prompt = call.body["messages"][-1]["content"]
    assert '{"hint":"it is money"}' in prompt
    assert '"earlier":["Meaning of WAERS"' in prompt
    (row,) = (r for r in document("review", legacy)["suggestions"] if r["column"] == "WAERS")
    assert (row["state"], row["reason"], row["redrafted"]) == ("rejected", "too vague", True)
    told = command("review", legacy, "BKPF.WAERS", "--all", typed="q\n")
    assert "rejected: too vague" in told and "a new draft came since" in told
    assert document("history", legacy)["runs"][0]["hint"] == "it is money"


def test_json_has_a_stable_shape(legacy: Path, profile: Path, provider: ScriptedProvider) -> None:
    would = document("draft", legacy, "T001", "--dry-run")
    assert set(would) >= {"scope", "profile", "model", "base", "privacy", "usd", "requests"}
    assert would["requests"][0]["messages"][0]["role"] == "system"
    assert not provider.calls
    made = document("draft", legacy, "T001", "--yes")
    assert (made["state"], made["targets"], made["drafted"], made["missing"]) == (
        "finished", 3, 3, [],
    )  # fmt: skip
    assert set(made["suggestions"][0]) == {
        "schema", "table", "column", "present", "state", "run", "model", "alternatives", "text",
        "reason", "redrafted",
    }  # fmt: skip
    command("review", legacy, typed="1\n1\nr\n")
    (one, *_) = document("review", legacy)["suggestions"]
    assert one["state"] == "accepted" and one["text"] == one["alternatives"][0]["text"]
    pending = document("apply", legacy, "--dry-run")["pending"]
    assert [entry["table"] for entry in pending] == ["T001", "T001"]
    written = document("apply", legacy, "--yes")["written"]
    assert [entry["outcome"] for entry in written] == ["written", "written"]
    told = document("history", legacy)
    assert told["runs"][0]["run"] == 1 and len(told["written"]) == 2
    assert len(document("history", legacy, "--run", "1")["suggestions"]) == 3
    exported = document("export", legacy, "--format", "sql", "--output", legacy.with_name("x.sql"))
    assert exported["texts"] == 2 and len(exported["files"]) == 2
    compared = [document("draft", legacy, "T001", "--again", "--yes")]
    compared += [document("history", legacy, "--compare", "1", "2")]
    one_run = document("history", legacy, "--run", "1")
    # README tells of every key.
    readme = (ROOT / "README.md").read_text()
    for shape in (would, made, pending, written, told, exported, one_run, *compared):
        for key in keys_in(shape):
            assert f"`{key}`" in readme, key


def keys_in(value: Any) -> set[str]:
    """All of a JSON value, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(keys_in, value.values()))
    return set().union(*map(keys_in, value)) if isinstance(value, list) else set()


def test_a_command_that_comes_a_line_too_early_is_not_kept_as_a_text(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "--yes")
    said = command("review", legacy, typed="e\nq\no\n2\ne\nA text of mine\nq\n")
    assert "'q' is a command" in said and "'2' is a command" in said
    found = document("review", legacy)["suggestions"]
    assert [one["text"] for one in found if one["state"] == "edited"] == ["A text of mine"]


def test_ctrl_c_stops_the_run_and_keeps_what_came(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    def hold(body: Mapping[str, Any]) -> Reply:
        first, *_ = draft_lines(body).splitlines(keepends=True)
        return stream(reasoning="Hm. ", content=first, hold="end")

    provider.answer = hold
    process = subprocess.Popen(
        [*PROGRAM, "draft", str(legacy), "--yes"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None and process.stderr is not None
    seen = ""
    while "1 of 11," not in seen:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        seen += line
    process.send_signal(signal.SIGINT)
    out, problems = process.communicate(timeout=60)
    seen += out
    assert process.returncode == 1
    assert "Stopping; what came is kept" in problems and "Traceback" not in problems
    kept = len(document("review", legacy)["suggestions"])
    assert kept >= 1 and f"{kept} of 11 drafted" in seen
    assert document("history", legacy)["runs"][0]["state"] == "stopped"
    # The rest is what is still undescribed and undrafted or undecided.
    provider.answer = draft
    assert document("draft", legacy, "--yes")["state"] == "finished"


def test_what_fails_is_told_and_is_the_exit_status(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    provider.answer = lambda body: error(401, "Invalid Authentication", "invalid_authentication")
    said = command("draft", legacy, "--yes", status=1)
    assert "0 of 11 drafted" in said and "key" in said
    assert "There is no table or column “NIX”" in command("draft", legacy, "NIX", status=2)
    sent = len(provider.calls)
    assert "--offline" in command("draft", legacy, "--yes", "--offline", status=2)
    assert len(provider.calls) == sent
    assert "requests" in document("draft", legacy, "--offline", "--dry-run")
    assert "none.db" in command("apply", legacy.with_name("none.db"), status=2)
    assert "nothing to export" in command(
        "export", legacy, "--format", "csv", "--output", "-", status=1
    )
    command("export", legacy, "--format", "docx", "--output", "-", status=2)
    command("apply", legacy, "--json", status=2)
    missing = legacy.parent / "none" / "x.md"
    said = command("export", legacy, "--format", "markdown", "--output", missing, status=1)
    assert "There is no folder" in said and not missing.parent.exists()
    taken = legacy.with_name("mine.md")
    taken.write_text("mine")
    said = command("export", legacy, "--format", "markdown", "--output", taken, status=1)
    assert "--overwrite" in said and taken.read_text() == "mine"
    command("export", legacy, "--format", "markdown", "--output", taken, "--overwrite")
    assert "BKPF" in taken.read_text()


def test_a_text_that_changed_meanwhile_is_left_alone(
    tmp_path: Path, profile: Path, provider: ScriptedProvider
) -> None:
    import duckdb

    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (a INT, b INT)")
    command("draft", path, "t.a", "t.b", "--yes")
    command("review", path, typed="1\n1\n")
    with duckdb.connect(str(path)) as connection:
        connection.execute("COMMENT ON COLUMN t.a IS 'by somebody else'")
    said = command("apply", path, "--yes", status=1)
    assert "left alone: its text was changed since it was decided" in said
    assert "main.t.b: written" in said and "1 of 1 written" in said
    assert "main.t.a, INTEGER" in command("review", path)  # it is to be decided again
    with duckdb.connect(str(path)) as connection:
        found = connection.execute("SELECT comment FROM duckdb_columns() WHERE table_name = 't'")
        assert found.fetchall() == [("by somebody else",), ("Meaning of b",)]


@pytest.mark.skipif(not hasattr(pty, "openpty"), reason="needs a pseudo-terminal")
def test_an_edit_starts_from_the_text_where_a_line_can_be_edited(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "BKPF.WAERS", "--yes")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, "review", str(legacy)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = ""

    def until(words: str) -> None:
        nonlocal seen
        while words not in seen:
            seen += os.read(ours, 4096).decode()
        seen = seen.partition(words)[2]

    until("> ")
    os.write(ours, b"e\n")
    until("Meaning of WAERS")
    os.write(ours, b", mostly EUR\n")
    until("edited: Meaning of WAERS, mostly EUR")
    until("That was the last one.")
    os.write(ours, b"\n")
    assert process.wait(60) == 0
    os.close(ours)


def test_a_file_with_the_name_of_a_command_is_opened_with_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("draft") as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    assert "full-screen" in command("./draft", status=2)
    assert "usage: amx-tui draft" in command("draft", status=2)


def test_names_that_are_escapes_command_no_terminal(
    tmp_path: Path, profile: Path, provider: ScriptedProvider
) -> None:
    path = tmp_path / "odd.db"
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "x\x1b[31m\ny" ("c\x1b]0;t\x07" TEXT)')
    connection.close()
    assert "2 of 2 drafted" in command("draft", path, "--yes")
    command("review", path, typed="1\n1\n")
    command("apply", path, "--dry-run")
    for format in ("sql", "dbt", "dbt-models", "markdown", "csv", "json", "tbls"):
        command("export", path, "--format", format, "--output", tmp_path / f"out.{format}")


def test_documents_go_along_as_they_do_on_the_screen(
    legacy: Path, profile: Path, provider: ScriptedProvider, home: Path
) -> None:
    docs = legacy.parent / "dictionary"
    docs.mkdir()
    (docs / "fi.md").write_text("WAERS is the currency of the document.")
    with profile.open("a") as file:
        file.write(f"doc_profiles:\n  fi: [{docs}]\nactive_doc_profile: fi\n")
    shown = command("draft", legacy, "BKPF.WAERS", "--dry-run")
    assert "dictionary/fi.md:1" in shown and "WAERS is the currency of the document." in shown
    asked = command("draft", legacy, "BKPF.WAERS", typed="\n")
    assert "documents and code: 1 passage of 1 file goes along" in asked
    shown = command("draft", legacy, "BKPF.WAERS", "--dry-run", "--privacy", "metadata")
    assert "fi.md" not in shown and "currency of the document" not in shown


def test_an_export_goes_to_the_output_as_it_would_into_a_file(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "BKPF.WAERS", "--yes")
    command("review", legacy, typed="o\nWährung 🎉 客户\n")
    out = legacy.with_name("x.csv")
    command("export", legacy, "--format", "csv", "--output", out)
    # Whatever the terminal can show: it is a file that somebody redirects.
    latin = {"PYTHONIOENCODING": "latin-1"}
    for place in ("-", "/dev/stdout"):
        printed = output_of("export", legacy, "--format", "csv", "--output", place, **latin)
        assert printed == out.read_bytes()
    (one,) = json.loads(output_of("review", legacy, "--json", **latin))["suggestions"]
    assert one["text"] == "Währung 🎉 客户"
    said = command("export", legacy, "--format", "csv", "--output", "-", "--json", status=2)
    assert "--json" in said


def test_without_a_name_the_active_connection_is_meant_or_else_the_file_opened_last(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    said = command("history", status=2)
    assert "Name a DATABASE" in said and "no active connection" in said
    command("draft", legacy, "BKPF.WAERS", "--yes")
    assert "1 of 1: main.BKPF.WAERS" in command("review", typed="1\n")
    out = legacy.with_name("schema.yml")
    said = command("export", "--format", "dbt", "--output", out)
    assert "1 description written" in said and "legacy.db (sqlite)" in said
    assert "run 1; " in command("history")
    # What writes into a database has it named.
    assert "required: database" in command("apply", "--yes", status=2)
    other = legacy.with_name("other.db")
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    with profile.open("a") as file:
        file.write(
            f"db_profiles:\n  erp: {{backend: sqlite, database: {other}}}\nactive_db_profile: erp\n"
        )
    assert "other.db (sqlite): 0 suggestions" in command("review")


def test_what_was_decided_last_can_be_taken_back_also_behind_the_last_one_and_in_the_next_review(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "BKPF.WAERS", "BKPF.BUDAT", "--yes")
    said = command("review", legacy, typed="1\n1\nu\n2\n\n")
    assert "That was the last one. b goes back, u takes back" in said
    assert "main.BKPF.WAERS: taken back\n\n2 of 2: main.BKPF.WAERS" in said
    assert "main.BKPF.WAERS: accepted: Perhaps the code of WAERS" in said
    assert "review" in command("review", legacy) and "--all" in command("review", legacy)
    said = command("review", legacy, "--all", typed="u\nq\n")
    assert "main.BKPF.WAERS: taken back\n\n2 of 2: main.BKPF.WAERS" in said
    # What this review had not begun with comes to where one is.
    said = command("review", legacy, typed="u\nq\n")
    assert "1 of 1: main.BKPF.WAERS" in said
    assert "main.BKPF.BUDAT: taken back\n\n1 of 2: main.BKPF.BUDAT" in said


def test_words_behind_a_command_that_takes_none_decide_nothing(
    legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    command("draft", legacy, "BKPF.WAERS", "--yes")
    said = command("review", legacy, typed="1 2\na b\ns x\no hm\n0\nu 2\nq\n")
    assert said.count("That is no command. 3 alternatives") == 5
    assert "There is no alternative 0" in said and "0 decided." in said


def test_what_may_not_be_written_is_said_before_anybody_is_asked(
    tmp_path: Path, profile: Path, provider: ScriptedProvider
) -> None:
    import duckdb

    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (a INT)")
    with profile.open("a") as file:
        file.write(f"db_profiles:\n  dwh: {{backend: duckdb, path: {path}, read_only: true}}\n")
    command("draft", "dwh", "t.a", "--yes")
    command("review", "dwh", typed="1\n")
    said = command("apply", "dwh", status=1)
    assert "left alone: The connection is set to read_only." in said and "[y/N]" not in said
    assert "1 will be left alone" in said and "amx-tui export dwh" in said
    (left,) = document("apply", "dwh", "--yes", status=1)["pending"]
    assert left["left_alone"] == "The connection is set to read_only."
