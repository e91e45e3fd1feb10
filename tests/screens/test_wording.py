"""Language, house style and glossary of tui.yml, from Draft to the request, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amx_tui.app import AmxApp
from tests.provider import ScriptedProvider
from tests.screens.test_account import facts, open_draft, run_to_its_end, settle_real, workspace_at
from tests.snapshot.conftest import until

PREFERENCES = """\
style: No full stop at the end.
connections:
  legacy.db: {language: German, glossary: words.md}
  other.db: {language: French}
"""


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=["kimi-k2.6"], balance=49.58) as running:
        yield running


@pytest.fixture
def folder(clean_environment: Path) -> Path:
    folder = clean_environment / ".amx"
    folder.mkdir(mode=0o700)
    (folder / "tui.yml").write_text(PREFERENCES)
    return folder


async def test_what_tui_yml_asks_of_the_texts_is_shown_and_sent(
    server: ScriptedProvider, folder: Path, tmp_path: Path
) -> None:
    (folder / "words.md").write_text("BUKRS: company code\nWAERS: currency\n")
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_draft(pilot)
        said = "in German · by the house style of tui.yml · 2 terms of words.md"
        await until(pilot, lambda: said in facts(pilot))
        await run_to_its_end(pilot)
    rules = server.calls[0].body["messages"][0]["content"]
    assert "plain German" in rules and "No full stop at the end." in rules
    assert '{"term":"WAERS","means":"currency"}' in rules


async def test_a_glossary_that_is_not_there_is_told_before_anything_is_paid(
    server: ScriptedProvider, folder: Path, tmp_path: Path
) -> None:
    app = AmxApp(workspace_at(server.base_url, tmp_path))
    async with app.run_test(size=(140, 40)) as pilot:
        await settle_real(pilot)
        await pilot.press("m", "d")
        await until(pilot, lambda: bool(app.screen.query("#facts")))
        await until(pilot, lambda: "words.md cannot be used" in facts(pilot))
        assert "tui.yml" in facts(pilot)
        await pilot.press("enter")
        await pilot.pause()
        assert not server.calls
