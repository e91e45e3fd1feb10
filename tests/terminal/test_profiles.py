"""A newcomer makes the profile of AMX's page for Kimi, with the keyboard alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terminal.conftest import CANARY
from tests.terminal.terminal import Terminal

# The sample block of AMX's page for Kimi.
BLOCK = """\
llm_profiles:
  kimi-thinking:
    provider: kimi
    model: kimi-k2-thinking
    api_base: https://api.moonshot.cn/v1
    api_key: keyring://amx/kimi-thinking/api_key
    temperature: 0.2
    n_alternatives: 3
active_llm_profile: kimi-thinking
"""


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_the_pages_answers_make_the_pages_block(
    terminal: Terminal,
    program: list[str],
    legacy: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "tests.config.keyrings.MemoryKeyring")
    terminal.start([*program, legacy.name], size=size, cwd=legacy.parent)
    terminal.wait_for("schema", "no profile")
    terminal.press("P")
    terminal.wait_for("There is no profile yet")
    terminal.press("n")
    terminal.wait_for("new LLM profile", "goes into the keyring")
    terminal.fill("kimi-thinking")
    terminal.press("enter")
    terminal.wait_for("a direct relationship with Moonshot", "←→ choose")
    terminal.press("enter")
    terminal.wait_for_field("Model")
    terminal.fill("kimi-k2-thinking")
    terminal.wait_for("kimi-k2.6 follows it")
    terminal.press("enter")
    terminal.wait_for("platform.moonshot.ai or platform.kimi.ai", "the platform that made it")
    terminal.press("enter")
    terminal.wait_for_field("api.moonshot.cn")
    terminal.press("enter")
    terminal.wait_for("https://platform.moonshot.cn/console/api-keys")
    # What is beside the field tells that it has the focus.
    terminal.wait_for("Paste it; it is not shown")
    terminal.type(CANARY)
    terminal.wait_for("•" * len(CANARY))
    terminal.press("enter")
    terminal.wait_for("sk-…mnop", "0 answers alike each time")
    if size[0] < 100:
        terminal.press("f2")
    terminal.wait_for(*BLOCK.splitlines())
    if size[0] < 100:
        terminal.press("f2")
        terminal.wait_for("0 answers alike each time")
    terminal.press("enter")
    terminal.wait_for_field("4096")
    terminal.wait_for("not written; AMX itself reads a missing")
    terminal.press("enter")
    terminal.wait_for_field("Alternatives/column")
    terminal.press("enter")
    terminal.wait_for("✓ Saved LLM profile 'kimi-thinking' to ~/.amx/config.yml", "LLM profiles")
    assert (home / ".amx" / "config.yml").read_text() == BLOCK
    # Nobody saw the key, and no file has it.
    assert CANARY.encode() not in terminal.drawn()
    for path in home.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


def test_the_palette_finds_amx_s_commands_from_everywhere(
    terminal: Terminal, program: list[str], legacy: Path
) -> None:
    terminal.start([*program, legacy.name], size=(100, 30), cwd=legacy.parent)
    terminal.wait_for("schema", "no profile")
    terminal.press("ctrl+p")
    terminal.wait_for("Search for commands")
    terminal.type("llm")
    terminal.wait_for("add-llm-profile", "use-llm", "remove-llm-profile", "llm-profiles")
    terminal.press("ctrl+u")
    terminal.type("add-llm")
    terminal.wait_until_gone("remove-llm-profile")
    terminal.press("enter")
    terminal.wait_for("new LLM profile")
