"""What the profile form accepts and what it shows."""

from __future__ import annotations

import pytest

from amx_tui.config.model import Profile
from amx_tui.screens.profile_fields import FIELDS, check_field


@pytest.mark.parametrize("base", ["https://me:secretpw@host/v1", "https://host/v1?key=secretpw"])
def test_a_secret_in_the_base_is_refused_and_not_shown_again(base: str) -> None:
    fault = check_field("api_base", base)
    assert fault and "secretpw" not in fault
    (field,) = (field for field in FIELDS if field.id == "api_base")
    assert field.value_of(Profile("mine", "kimi", "kimi-k3", base)) == "https://host/v1"


def test_http_is_for_this_machine_alone() -> None:
    assert check_field("api_base", "http://localhost:11434/v1") == ""
    assert "https" in check_field("api_base", "http://api.moonshot.cn/v1")
