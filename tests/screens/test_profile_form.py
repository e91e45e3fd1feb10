"""The form of LLM profiles as a person meets it: a real file, a keyring, a host on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from amx_tui.app import AmxApp
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.keys import keyring_state
from amx_tui.screens.form import FormRoom
from amx_tui.screens.question import Question
from amx_tui.widgets.form import Fold, Pick
from amx_tui.widgets.page import Page
from tests.config.keyrings import MemoryKeyring
from tests.provider import ScriptedProvider, error, stall, stream
from tests.screens.profiles_world import FILE, KEY, until_read
from tests.snapshot.conftest import until


def form(pilot: Pilot[None]) -> FormRoom:
    screen = pilot.app.screen
    assert isinstance(screen, FormRoom), screen
    return screen


def on(pilot: Pilot[None], name: str) -> bool:
    return type(pilot.app.screen).__name__ == name


async def open_form(pilot: Pilot[None], *keys: str) -> FormRoom:
    await until_read(pilot)
    await pilot.press(*keys)
    await until(pilot, lambda: on(pilot, "ProfileForm"))
    await until(pilot, lambda: form(pilot)._keyring is not None)  # type: ignore[attr-defined]
    await pilot.pause()
    return form(pilot)


def says(pilot: Pilot[None], id: str) -> str:
    widget = form(pilot).query_one(f"#{id}-says")
    return str(widget.render()) if widget.display else ""  # type: ignore[attr-defined]


def beside(pilot: Pilot[None]) -> str:
    return form(pilot).query_one("#advice", Page).text


def written(pilot: Pilot[None]) -> str:
    return str(form(pilot).query_one("#block").render())  # type: ignore[attr-defined]


async def type_in(pilot: Pilot[None], id: str, text: str) -> None:
    form(pilot).query_one(f"#{id}").focus()
    await pilot.pause()
    await pilot.press("ctrl+u", *text)
    assert form(pilot).text(id) == text


async def paste_in(pilot: Pilot[None], id: str, text: str) -> None:
    """As a person does with what is long, such as a key: not letter by letter."""
    field = form(pilot).query_one(f"#{id}", Input)
    field.focus()
    await pilot.pause()
    await pilot.press("ctrl+u")
    field.post_message(Paste(text))
    await until(pilot, lambda: form(pilot).text(id) == text)


def told(app: AmxApp) -> str:
    return " ".join(f"{note.title} {note.message}" for note in app._notifications)


async def test_a_field_is_judged_as_it_is_left_and_not_before(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, "n")
        await type_in(pilot, "temperature", "9")
        assert "From 0 to 2" not in says(pilot, "temperature")
        await pilot.press("tab")
        await until(pilot, lambda: "From 0 to 2" in says(pilot, "temperature"))
        # While it is corrected, nobody goes on complaining; and nothing else was lost.
        await pilot.press("shift+tab", "backspace", "1")
        assert "From 0" not in says(pilot, "temperature")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved LLM profile" in told(app))
        assert "temperature: 1.0" in empty.folders.config_file.read_text()


async def test_a_pasted_key_is_cleaned_and_that_is_said(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_form(pilot, "n")
        field = screen.query_one("#api_key", Input)
        field.focus()
        await pilot.pause()
        field.post_message(Paste(f"\n  {KEY} \n"))
        await until(pilot, lambda: screen.text("api_key") == KEY)
        assert field.value == KEY
        await until(pilot, lambda: "without the white space" in says(pilot, "api_key"))
        assert "sk-…cdef" in says(pilot, "api_key") and KEY not in says(pilot, "api_key")
        assert "keyring://amx/kimi-thinking/api_key" in written(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: on(pilot, "ProfilesScreen"))
    assert MemoryKeyring.entries["amx", "kimi-thinking/api_key"] == KEY
    assert KEY not in empty.folders.config_file.read_text()


async def test_where_the_key_is_from_sets_the_base(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_form(pilot, "n")
        screen.query_one("#platform").focus()
        await pilot.pause()
        assert "platform that made it" in beside(pilot)
        await pilot.press("right")
        await until(pilot, lambda: screen.text("api_base") == "https://api.moonshot.ai/v1")
        # And a base that is typed says where its key is from.
        await paste_in(pilot, "api_base", "https://api.moonshot.cn/v1")
        await until(
            pilot,
            lambda: screen.query_one("#platform", Pick).value == "https://api.moonshot.cn/v1",
        )


async def test_another_provider_changes_what_it_offers_and_nothing_that_was_typed(
    empty: Workspace,
) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_form(pilot, "n")
        provider = screen.query_one("#provider", Pick)
        provider.focus()
        await pilot.press("right")
        await until(pilot, lambda: screen.text("api_base") == "https://openrouter.ai/api/v1")
        assert screen.query_one("#model", Input).placeholder.startswith("moonshotai/")
        assert not screen.query_one("#platform-row").display
        await paste_in(pilot, "api_base", "https://proxy.example.org/v1")
        await type_in(pilot, "model", "my/model")
        provider.focus()
        await pilot.press("left")
        await until(pilot, lambda: provider.value == "kimi")
        assert screen.text("api_base") == "https://proxy.example.org/v1"
        assert screen.text("model") == "my/model"


async def test_the_successor_of_a_retired_model_is_one_key_away(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_form(pilot, "n")
        await paste_in(pilot, "model", "kimi-k2-thinking")
        await pilot.press("tab")
        await until(pilot, lambda: "2026-05-25" in says(pilot, "model"))
        await pilot.press("f4")
        await until(pilot, lambda: screen.text("model") == "kimi-k2.6")
        assert "model: kimi-k2.6" in written(pilot)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
async def test_arrows_choose_among_the_models(empty: Workspace, size: tuple[int, int]) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=size) as pilot:
        screen = await open_form(pilot, "n")
        screen.query_one("#model").focus()
        await pilot.pause()
        await pilot.press("down")
        await until(pilot, lambda: screen.text("model") == "kimi-k2.6")
        await pilot.press("down")
        await until(pilot, lambda: screen.text("model") == "kimi-k2.7-code")
        assert "context" in beside(pilot) and "$0.95" in beside(pilot)


async def test_models_are_asked_for_on_a_key_only(
    empty: Workspace, server: ScriptedProvider
) -> None:
    server.models = ["kimi-k3", "kimi-next"]
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_form(pilot, "n")
        await paste_in(pilot, "api_base", server.base_url)
        await paste_in(pilot, "api_key", KEY)
        await pilot.press("tab", "tab")
        assert not server.requests
        await pilot.press("f3")
        await until(pilot, lambda: bool(server.requests))
        await until(pilot, lambda: "lists 2 models" in told(app))
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        values = [choice.value for choice in screen._choices]
        assert values[:2] == ["kimi-k3", "kimi-next"] and "kimi-k2.6" in values
        await type_in(pilot, "model", "kimi-k2.6")
        await pilot.press("tab")
        await until(pilot, lambda: "does not list it" in says(pilot, "model"))


async def test_the_test_tells_each_thing_and_saves_nothing(
    empty: Workspace, server: ScriptedProvider
) -> None:
    server.script(stream(content="ready"))
    app = AmxApp(empty)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, "n")
        await paste_in(pilot, "api_base", server.base_url)
        await paste_in(pilot, "api_key", KEY)
        await pilot.press("f5")
        await until(pilot, lambda: "ready" in beside(pilot))
        await until(pilot, lambda: not form(pilot)._is_testing)
        for words in ("sk-…cdef", "kimi-k2.6", "49.58", " s"):
            assert words in beside(pilot)
        assert not empty.folders.config_file.exists() and not MemoryKeyring.entries
        # It holds for what was tested.
        await pilot.press("x")
        assert form(pilot)._checks is None


async def test_a_refused_key_is_the_row_of_the_table(
    empty: Workspace, server: ScriptedProvider
) -> None:
    server.script(error(401, "Invalid Authentication", "invalid_authentication_error"))
    app = AmxApp(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "n")
        await paste_in(pilot, "api_base", server.base_url)
        await paste_in(pilot, "api_key", KEY)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "refused the API key" in beside(pilot))
        await until(pilot, lambda: not form(pilot)._is_testing)
        assert "✗" in beside(pilot) and KEY not in beside(pilot)


async def test_esc_ends_a_test_and_leaves_no_connection(
    empty: Workspace, server: ScriptedProvider
) -> None:
    server.script(stall())
    app = AmxApp(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "n")
        await paste_in(pilot, "api_base", server.base_url)
        await paste_in(pilot, "api_key", KEY)
        await pilot.press("f5")
        await until(pilot, lambda: any("chat" in r.path for r in server.requests))
        await pilot.press("escape")
        assert on(pilot, "ProfileForm") and form(pilot).text("api_key") == KEY
        await until(pilot, lambda: not server.open_connections)


async def test_a_stored_key_goes_to_another_host_after_a_yes_only(
    mine: Workspace, server: ScriptedProvider
) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, "e")
        await paste_in(pilot, "api_base", server.base_url)
        await pilot.press("f5")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: on(pilot, "ProfileForm"))
        assert not server.requests


async def test_who_leaves_before_the_keyring_has_answered_is_simply_gone(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers in the midst of the form's being taken away, when some fields are gone."""
    answers, in_thread = asyncio.Event(), asyncio.to_thread

    async def later(work: Callable[..., object], *words: object) -> object:
        if work is keyring_state:
            await answers.wait()
        return await in_thread(work, *words) if work is not keyring_state else work()

    monkeypatch.setattr(asyncio, "to_thread", later)
    async with AmxApp(empty).run_test(size=(140, 40)) as pilot:
        await until_read(pilot)
        await pilot.press("n")
        await until(pilot, lambda: on(pilot, "ProfileForm"))
        left = form(pilot)
        leaving = asyncio.create_task(pilot.press("escape"))
        while left.query("#provider"):  # noqa: ASYNC110 -- the very moment
            await asyncio.sleep(0)
        answers.set()
        await leaving
        await until(pilot, lambda: on(pilot, "ProfilesScreen"))


async def test_esc_asks_where_something_would_be_lost(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "n")
        await pilot.press("escape")
        await until(pilot, lambda: on(pilot, "ProfilesScreen"))
        await open_form(pilot, "n")
        await type_in(pilot, "name", "abc")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("n")
        await until(pilot, lambda: on(pilot, "ProfileForm"))
        assert form(pilot).text("name") == "abc"
        # A capital letter outside a text field leads away: the same question.
        form(pilot).query_one("#provider").focus()
        await pilot.pause()
        await pilot.press("dollar_sign")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: on(pilot, "PricesScreen"))


async def test_editing_touches_what_was_edited_and_a_new_name_renames(mine: Workspace) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, "e")
        await until(pilot, lambda: "sk-…cdef" in says(pilot, "api_key"))
        assert "keyring" in says(pilot, "api_key")
        await type_in(pilot, "n_alternatives", "5")
        await type_in(pilot, "name", "kimi")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved LLM profile 'kimi'" in told(app))
    text = mine.folders.config_file.read_text()
    expected = (
        FILE.replace("n_alternatives: 3", "n_alternatives: 5")
        .replace("  kimi-thinking:", "  kimi:")
        .replace("amx/kimi-thinking/", "amx/kimi/")
        .replace("active_llm_profile: kimi-thinking", "active_llm_profile: kimi")
    )
    assert text == expected
    assert MemoryKeyring.entries["amx", "kimi/api_key"] == KEY
    assert ("amx", "kimi-thinking/api_key") not in MemoryKeyring.entries


async def test_editing_another_profile_does_not_switch_to_it(mine: Workspace) -> None:
    app = AmxApp(mine)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, "down", "e")
        await type_in(pilot, "n_alternatives", "5")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Saved LLM profile 'other'" in told(app))
    assert "active_llm_profile: kimi-thinking" in mine.folders.config_file.read_text()


async def test_what_is_folded_is_one_key_away_and_unfolds_for_a_mistake(empty: Workspace) -> None:
    app = AmxApp(empty)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_form(pilot, "n")
        assert not screen.query_one("#logprob_high-row").display
        await pilot.press("ctrl+o")
        await until(pilot, lambda: screen.focused is screen.query_one("#column_batch_size"))
        assert "AMX keeps none in a profile" in str(screen.query_one("#facts").render())  # type: ignore[attr-defined]
        await type_in(pilot, "logprob_medium", "0.9")
        await pilot.press("ctrl+o", "ctrl+s")
        await until(pilot, lambda: screen.query_one(Fold).is_open)
        await until(pilot, lambda: screen.focused is screen.query_one("#logprob_medium"))
        assert "below high" in says(pilot, "logprob_medium")


async def test_without_a_keyring_plain_text_is_kept_after_a_yes_only(
    home: Path,
) -> None:
    workspace = real_workspace(os.environ, find_folders(os.environ))
    app = AmxApp(workspace)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "n")
        await until(pilot, lambda: "export AMX_LLM_API_KEY" in says(pilot, "api_key"))
        await paste_in(pilot, "api_key", KEY)
        assert KEY not in written(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        assert not workspace.folders.config_file.exists()
        await pilot.press("n")
        await until(pilot, lambda: on(pilot, "ProfileForm"))
        assert form(pilot).text("api_key") == KEY
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: on(pilot, "ProfilesScreen"))
    assert KEY in workspace.folders.config_file.read_text()
    assert workspace.folders.config_file.stat().st_mode & 0o777 == 0o600
