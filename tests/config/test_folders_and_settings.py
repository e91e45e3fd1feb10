"""Where files are kept, and what the AMX_* variables may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from amx_tui.config.folders import find_folders, shown_path
from amx_tui.config.model import ConfigProblem, Settings
from amx_tui.config.settings import EFFORTS, read_settings


def test_the_folder_is_amx_s_own(clean_environment: Path) -> None:
    folders = find_folders()
    assert folders.config_file == clean_environment / ".amx" / "config.yml"
    assert folders.cache == clean_environment / ".cache" / "amx-tui"


def test_amx_config_dir_moves_it(tmp_path: Path) -> None:
    assert find_folders({"AMX_CONFIG_DIR": str(tmp_path)}).config == tmp_path
    assert find_folders({"AMX_CONFIG_DIR": "~/x", "HOME": "/h"}).config == Path("/h/x")
    assert find_folders({"AMX_CONFIG_DIR": "  ", "HOME": "/h"}).config == Path("/h/.amx")


def test_looking_for_folders_makes_none(clean_environment: Path) -> None:
    find_folders()
    assert list(clean_environment.iterdir()) == []


def test_a_path_is_shown_with_a_tilde_and_without_control_characters(
    clean_environment: Path,
) -> None:
    assert shown_path(clean_environment / ".amx" / "config.yml") == "~/.amx/config.yml"
    assert shown_path(Path("/x/\x1b[31mred")) == "/x/red"


def test_without_variables_the_defaults_count() -> None:
    assert read_settings({}) == Settings()
    assert read_settings({"AMX_LLM_TIMEOUT_SEC": " ", "AMX_REASONING_EFFORT": ""}) == Settings()


def test_the_variables_count(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("x")
    assert read_settings(
        {
            "AMX_LLM_TIMEOUT_SEC": "2.5",
            "AMX_LLM_MIN_MAX_TOKENS": "65536",
            "AMX_REASONING_EFFORT": "High",
            "AMX_CA_BUNDLE": str(bundle),
        }
    ) == Settings(2.5, 65536, "high", str(bundle))


@pytest.mark.parametrize("value", ["soon", "0", "-3", "nan", "inf", "1e999", "\x1b[31m"])
def test_a_time_that_is_no_time_is_named(value: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        read_settings({"AMX_LLM_TIMEOUT_SEC": value})
    assert "AMX_LLM_TIMEOUT_SEC" in caught.value.what
    assert "export AMX_LLM_TIMEOUT_SEC=180" in caught.value.remedy
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", "9" * 5000, "²"])
def test_a_number_of_tokens_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ConfigProblem, match="AMX_LLM_MIN_MAX_TOKENS"):
        read_settings({"AMX_LLM_MIN_MAX_TOKENS": value})


def test_an_effort_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(ConfigProblem) as caught:
        read_settings({"AMX_REASONING_EFFORT": "maximal"})
    assert all(effort in caught.value.why for effort in EFFORTS)


def test_a_ca_bundle_has_to_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem, match="There is no such file"):
        read_settings({"AMX_CA_BUNDLE": str(tmp_path / "none.pem")})
    with pytest.raises(ConfigProblem, match="It is not a file"):
        read_settings({"AMX_CA_BUNDLE": str(tmp_path)})
