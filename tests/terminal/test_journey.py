"""The same journey for real: a legacy SQLite file, a profile of config.yml, a key in the environment, and
HTTP to a provider that streams like Moonshot."""

from __future__ import annotations

import re
from pathlib import Path

from tests.provider import ScriptedProvider, asked_targets, draft
from tests.terminal.conftest import CANARY, UNDESCRIBED, snapshot_of, start_all
from tests.terminal.terminal import Terminal, box


def test_a_legacy_file_gets_its_comments(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    config = profile.read_bytes()
    database = legacy.read_bytes()
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    # The comment inside the CREATE TABLE text counts.
    terminal.wait_for(re.compile(r"T001 +1/3"), re.compile(r"BKPF +0/4"),
                      "kimi-k2-thinking")  # fmt: skip
    terminal.press("m")
    terminal.wait_for(f"{UNDESCRIBED} marked")
    terminal.press("d")
    terminal.wait_for("nothing has been sent yet", "word for word", provider.base_url,
                      "AMX_LLM_API_KEY")  # fmt: skip
    assert not provider.calls  # no prompt leaves before Enter
    terminal.press("enter")
    terminal.wait_for("R reviews them", f"{UNDESCRIBED}/{UNDESCRIBED} drafted")

    terminal.press("R")
    terminal.wait_for(f"{UNDESCRIBED} suggestions", lambda screen: box(screen, "BKPF "))
    terminal.press("1")
    terminal.wait_for("1 accepted", lambda screen: box(screen, "BKPF.BUKRS"))
    terminal.press("2")
    terminal.wait_for("2 accepted")

    terminal.press("W")
    terminal.wait_for("2 to write", "legacy.comments.yml", "Meaning of BKPF")
    terminal.press("enter")
    terminal.wait_for("Write to legacy.db")
    terminal.press("y")
    terminal.wait_for("2 written")
    sidecar = legacy.with_name("legacy.comments.yml")
    assert (
        "Meaning of BKPF" in sidecar.read_text()
        and "Perhaps the code of BUKRS" in sidecar.read_text()
    )
    terminal.press("q")
    assert terminal.wait_until_ended() == 0

    terminal.start([*program, f"sqlite:///{legacy}"], cwd=home)
    terminal.wait_for(re.compile(r"BKPF +1/4"))
    terminal.press("enter")
    terminal.wait_for("Meaning of BKPF", "Perhaps the code of BUKRS")
    terminal.press("q")
    assert terminal.wait_until_ended() == 0

    # The provider got the key where it belongs, and was asked each target once.
    assert {one.headers["authorization"] for one in provider.calls} == {f"Bearer {CANARY}"}
    for one in provider.requests:
        rest = {name: value for name, value in one.headers.items() if name != "authorization"}
        assert CANARY not in f"{rest} {one.body} {one.path}"
    asked = [target for one in provider.calls for target in asked_targets(one.body)]
    assert len(asked) == UNDESCRIBED
    # Nobody else did; and neither config.yml nor the database was touched.
    for path, content in snapshot_of(home, legacy.parent).items():
        assert CANARY.encode() not in content, path
    assert CANARY.encode() not in terminal.drawn()
    assert not any(CANARY in screen for screen in terminal.seen)
    assert profile.read_bytes() == config
    assert legacy.read_bytes() == database


def test_hostile_names_and_answers_stay_words(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    profile: Path,
    provider: ScriptedProvider,
) -> None:
    nasty = "x" * 100_000 + " \x1b[31mRED\x1b[0m \x1b]0;owned\x07 [bold red]"
    provider.answer = lambda body: draft(body, reasoning=nasty)
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    terminal.wait_for("X_LEGACY")
    terminal.press("end", "enter")
    terminal.wait_for("[/bold]")
    terminal.press("escape")
    start_all(terminal)
    terminal.wait_for("R reviews them", f"{UNDESCRIBED}/{UNDESCRIBED} drafted")
    terminal.wait_for("[bold red]")
    assert b"\x1b]0;owned" not in terminal.drawn()
    assert b"\x1b[31mRED" not in terminal.drawn()
    terminal.press("R", "end")
    terminal.wait_for("X_LEGACY.[/bold]")
    terminal.press("q")
    assert terminal.wait_until_ended() == 0


def test_40_columns_and_10_lines_crash_no_screen(
    terminal: Terminal, program: list[str], legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    terminal.start([*program, "legacy.db"], cwd=legacy.parent, size=(40, 10))
    terminal.wait_for("1/9")
    terminal.press("m", "d")
    terminal.wait_for("AMX_LLM_API_KEY")
    for key, words in (
        ("enter", "run 1"),
        ("R", "suggestions"),
        ("e", "▔▔▔"),
        ("escape", "suggestions"),
        ("W", "to write"),
        ("x", "Export"),
        ("escape", "to write"),
        ("H", "1 run of"),
        ("P", "LLM profiles"),
        ("n", "new LLM profile"),
        ("escape", "LLM profiles"),
        ("$", "USD per million"),
        ("?", "Keys"),
        ("escape", "USD per million"),
        ("D", "run 1"),
        ("B", "schema"),
    ):
        # What stands there already would not tell that the key has done its work.
        assert words not in terminal.screen(), (key, words)
        terminal.press(key)
        terminal.wait_for(words)
    terminal.press("q")
    assert terminal.wait_until_ended() == 0


def test_a_resize_in_mid_run_keeps_the_run(
    terminal: Terminal, program: list[str], legacy: Path, profile: Path, provider: ScriptedProvider
) -> None:
    provider.answer = lambda body: draft(body, hold="answer")
    terminal.start([*program, "legacy.db"], cwd=legacy.parent)
    start_all(terminal)
    terminal.wait_for("old convention", "thinking")
    for width, height in ((140, 40), (40, 10), (200, 60), (80, 24)):
        terminal.resize(width, height)
        screen = terminal.wait_for(
            "run 1", lambda screen, width=width: max(map(len, screen.split("\n"))) == width
        )
        assert len(screen.rstrip("\n").split("\n")) <= height
    terminal.wait_for("old convention", "of silence")
    provider.answer = draft
    provider.release()
    terminal.wait_for("R reviews them", f"{UNDESCRIBED}/{UNDESCRIBED} drafted")
    terminal.press("q")
    assert terminal.wait_until_ended() == 0


def test_no_color_draws_no_colour(
    terminal: Terminal, program: list[str], legacy: Path, profile: Path
) -> None:
    for wish in ({}, {"NO_COLOR": "1"}):
        terminal.start([*program, "legacy.db"], cwd=legacy.parent, env=wish)
        terminal.wait_for(re.compile(r"main +1/9"))
        for key, words in (("P", "LLM profiles"), ("W", "to write"), ("B", "schema")):
            terminal.press(key)
            terminal.wait_for(words)
            assert bool(hues(terminal.screen(colours=True))) == (not wish)
        terminal.press("q")
        assert terminal.wait_until_ended() == 0


def hues(screen: str) -> set[str]:
    """The colours of a screen that are not grey."""
    codes = ";".join(re.findall(r"\x1b\[([0-9;]*)m", screen))
    used = set(re.findall(r"\b[34]8;(?:2;\d+;\d+;\d+|5;\d+)", codes))
    rest = re.sub(r"\b[34]8;(?:2;\d+;\d+;\d+|5;\d+)", "", codes).split(";")
    basic = {code for code in rest if re.fullmatch(r"(?:3|4|9|10)[1-6]", code)}
    return {code for code in used if not is_grey(code)} | basic


def is_grey(code: str) -> bool:
    """Whether an SGR colour (`38;2;R;G;B` or `38;5;N`) has no hue."""
    numbers = [int(number) for number in code.split(";")[2:]]
    if len(numbers) == 3:
        return max(numbers) - min(numbers) <= 2
    number = numbers[0]
    if number < 16:
        return number in (0, 7, 8, 15)
    if number < 232:
        red, green, blue = (number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6
        return red == green == blue
    return True
