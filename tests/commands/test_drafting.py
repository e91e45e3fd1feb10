"""What is told before anything can be sent."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from amx_tui.base.problem import Problem
from amx_tui.commands.drafting import find_setup, prepare_draft
from amx_tui.commands.model import NotReady
from amx_tui.commands.opening import open_named
from amx_tui.commands.workspace import Workspace, real_workspace
from amx_tui.config.folders import find_folders
from amx_tui.config.model import Config, Key, Preferences, Privacy, Profile, Wishes
from amx_tui.drafting.model import Scope
from amx_tui.drafting.plan import choose_targets, remaining_plan


def workspace_with(base: str) -> Workspace:
    profile = Profile("mine", "kimi", "kimi-k3", base)
    real = real_workspace(os.environ, find_folders(os.environ))
    config = Config(real.folders.config_file, {"mine": profile}, "mine")
    return replace(
        real, read_config=lambda: config, find_key=lambda _: Key("sk-0123456789abcdef", "a test")
    )


@pytest.mark.parametrize(
    "base",
    [
        "https://user:secretpw@host/v1",
        "https://host/v1?key=secretpw",
        "https://host/v1#secretpw",
        "https://host:secretpw/v1",
    ],
)
def test_a_base_with_a_secret_is_refused_without_repeating_it(base: str) -> None:
    with pytest.raises(NotReady) as problem:
        find_setup(workspace_with(base))
    assert "API base" in problem.value.what
    assert "secretpw" not in str(problem.value)


@pytest.mark.parametrize("base", ["http://127.0.0.1:99999/v1", "https://xn--a.example/v1"])
def test_a_base_that_cannot_be_asked_is_told_before_a_draft(base: str) -> None:
    with pytest.raises(NotReady, match="API base"):
        find_setup(workspace_with(base))


def test_a_base_with_the_path_of_the_chat_serves_models_and_balance_too() -> None:
    setup = find_setup(workspace_with("https://api.moonshot.cn/v1/chat/completions/"))
    assert setup.endpoint.base == "https://api.moonshot.cn/v1"


def test_the_wishes_of_tui_yml_are_in_the_prompt_of_the_connection_they_are_for(
    tmp_path: Path,
) -> None:
    file = tmp_path / "legacy.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (BUKRS TEXT, NET_WAERS TEXT, X TEXT)")
    connection.close()
    (tmp_path / "words.md").write_text(
        "# Ours\n\n- **BUKRS**: Firma\nwaers = Währung\nY: nothing\n"
    )
    workspace = workspace_with("https://api.moonshot.cn/v1")
    own = Wishes(style="No {full} stop.", glossary=str(tmp_path / "words.md"), paraphrases=True)
    workspace.preferences = Preferences(
        descriptions=Wishes(language="German", style="Not this."), connections={"legacy.db": own}
    )
    connector = workspace.connector = open_named(workspace, str(file))
    catalog = connector.load()
    targets = choose_targets(catalog, Scope())

    draft = prepare_draft(
        workspace, catalog, targets, privacy=Privacy.METADATA, read_evidence=lambda *_: {}
    )

    (batch,) = draft.plan.batches
    rules, user = (message.content for message in batch.messages)
    assert "plain German without" in rules and "in different words" in rules
    assert "No {full} stop." in rules and "Not this." not in rules
    assert '{"glossary":{"BUKRS":"Firma","WAERS":"Währung"}}' in user
    # What is asked again goes with the same words.
    (again,) = remaining_plan(draft.plan, [batch.targets[-1]]).batches
    assert '"glossary":{"BUKRS"' in again.messages[-1].content
    connector.close()


def test_a_glossary_that_is_not_there_is_told_before_a_draft(tmp_path: Path) -> None:
    file = tmp_path / "legacy.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE T (BUKRS TEXT)")
    connection.close()
    workspace = workspace_with("https://api.moonshot.cn/v1")
    workspace.preferences = Preferences(descriptions=Wishes(glossary="gone.md"))
    connector = workspace.connector = open_named(workspace, str(file))
    catalog = connector.load()
    with pytest.raises(Problem, match="glossary"):
        prepare_draft(
            workspace,
            catalog,
            choose_targets(catalog, Scope()),
            privacy=Privacy.METADATA,
            read_evidence=lambda *_: {},
        )
    connector.close()
