"""tui.yml: read with what is wrong in it, changed one value at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amx_tui.config.model import NO_WORDING, ConfigProblem, Preferences, Privacy, Wording
from amx_tui.config.preferences import load_preferences, save_preference


@pytest.fixture
def file(clean_environment: Path) -> Path:
    return clean_environment / ".amx" / "tui.yml"


def test_without_a_file_the_defaults_count(file: Path) -> None:
    assert load_preferences(file) == Preferences()
    assert not file.parent.exists()


def test_what_the_file_says_counts(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        "theme: nord\nprivacy: metadata\nconcurrency: 1\nkeys:\n  draft: ctrl+d,f5\n  quit: 0\n"
    )
    assert load_preferences(file) == Preferences(
        "nord", {"draft": "ctrl+d,f5", "quit": "0"}, Privacy.METADATA, 1
    )


def test_a_broken_file_is_told_of_and_the_defaults_count(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("theme: a: b\n")
    preferences = load_preferences(file)
    assert "line 1, column 9" in preferences.problems[0].what
    assert preferences.theme is None
    file.write_text("theme: nord\nprivacy: none at all\nconcurrency: 900\nkeys: [1]\ncolour: red\n")
    preferences = load_preferences(file)
    assert preferences.theme == "nord"
    assert preferences.concurrency == 3
    assert preferences.privacy is Privacy.SHAPES
    assert [problem.what.split(" ")[0] for problem in preferences.problems] == [
        "privacy",
        "concurrency",
        "keys",
        "colour",
    ]
    assert "metadata, shapes, values" in preferences.problems[0].why


def test_the_wording_is_said_for_all_and_over_it_for_single_databases(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        "language: German\nstyle: |\n  No full stop.\n  Present tense.\nglossary: words.md\n"
        "connections:\n  sap: {alternatives: paraphrases, glossary: /etc/sap.csv}\n"
        "  legacy.db:\n    language:\n    style: ''\n    glossary: ~/g.txt\n"
    )
    preferences = load_preferences(file)
    assert preferences.problems == ()
    style = "No full stop. Present tense."
    usual = Wording("German", style, file.parent / "words.md")
    assert preferences.wording_for("whatever") == usual
    assert preferences.wording_for("sap") == Wording("German", style, Path("/etc/sap.csv"), True)
    assert preferences.wording_for("legacy.db") == Wording(glossary=Path.home() / "g.txt")


def test_a_wording_that_cannot_be_used_is_told_with_its_place(file: Path) -> None:
    file.parent.mkdir()
    file.write_text(
        f"language: [de]\nstyle: {'x' * 1001}\nalternatives: many\n"
        f"connections:\n  sap: {{tone: dry, language: {'y' * 41}}}\n  crm: 1\n"
    )
    preferences = load_preferences(file)
    assert preferences.wording_for("sap") == NO_WORDING == preferences.wording_for("crm")
    assert [problem.what.split(" ")[0] for problem in preferences.problems] == [
        "language",
        "style",
        "alternatives",
        "connections.sap.tone",
        "connections.sap.language",
        "connections.crm",
    ]
    assert "readings, paraphrases" in preferences.problems[2].why


def test_one_value_is_changed_and_the_rest_stays(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("# mine\ntheme: nord  # dark\n\nunknown: {a: 1}\nkeys:\n  draft: f5\n# end\n")
    save_preference(file, "theme", "gruvbox")
    save_preference(file, "concurrency", 5)
    save_preference(file, "keys.quit", "ctrl+x,[")
    save_preference(file, "keys.draft", "f6")
    assert file.read_text() == (
        "# mine\ntheme: gruvbox  # dark\n\nunknown: {a: 1}\n"
        'keys:\n  draft: f6\n  quit: "ctrl+x,["\nconcurrency: 5\n# end\n'
    )
    assert load_preferences(file).keys == {"draft": "f6", "quit": "ctrl+x,["}


def test_a_new_file_is_for_its_owner_alone(file: Path) -> None:
    save_preference(file, "keys.draft", "f5")
    save_preference(file, "privacy", Privacy.VALUES)
    assert file.read_text() == "keys:\n  draft: f5\nprivacy: values\n"
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("key", "value"),
    [("concurrency", 0), ("concurrency", "many"), ("privacy", "some"), ("colour", "red"), ("keys", "f5"), ("theme.dark", "x")],
)  # fmt: skip
def test_a_value_that_would_not_be_read_is_not_saved(
    key: str, value: str | int, file: Path
) -> None:
    with pytest.raises(ConfigProblem, match="was not saved"):
        save_preference(file, key, value)
    assert not file.exists()


@pytest.mark.parametrize("text", ["theme: a: b\n", "{theme: nord}\n", "theme: &a nord\nx: *a\n"])
def test_a_file_that_cannot_be_edited_is_left_alone(text: str, file: Path) -> None:
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigProblem):
        save_preference(file, "theme", "gruvbox")
    assert file.read_text() == text


@pytest.mark.parametrize("key", ["~", "null", "1"])
def test_a_key_that_yaml_would_read_as_something_else_is_kept(file: Path, key: str) -> None:
    save_preference(file, "keys.browse.draft", key)
    assert load_preferences(file).keys == {"browse.draft": key}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(
            st.sampled_from(["theme", "keys.a", "keys.yes", "keys.b: c"]), st.text(min_size=1)
        ),
        max_size=4,
    )
)
def test_any_text_comes_back_as_it_was_saved(edits: list[tuple[str, str]], file: Path) -> None:
    file.unlink(missing_ok=True)
    expected: dict[str, str] = {}
    for key, value in edits:
        try:
            save_preference(file, key, value)
        except ConfigProblem:
            assert not value.strip() or value.strip() != value or not value.isprintable()
        else:
            expected[key] = value.strip()
    preferences = load_preferences(file)
    found = {f"keys.{action}": text for action, text in preferences.keys.items()}
    if preferences.theme:
        found["theme"] = preferences.theme
    assert found == {key: value for key, value in expected.items() if value}
