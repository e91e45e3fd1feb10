"""Which API bases are accepted, and that what may be a secret in one is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.llm.providers import PROVIDERS, fault_of_base, normal_base, shown_base


@pytest.mark.parametrize(
    "base",
    [
        *(base for row in PROVIDERS.values() for base in row.bases),
        "http://127.0.0.1:1/v1",
        "http://[::1]:65535/v1",
        "https://my_server/v1/",
        "https://bücher.example/v1",
        "https://xn--bcher-kva.example/v1",
        "HTTPS://API.MOONSHOT.CN/v1",
    ],
)
def test_a_base_that_can_be_asked_has_no_fault(base: str) -> None:
    assert fault_of_base(base) == ""


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("https://user:secretpw@host/v1", "@"),
        ("https://user:12/secretpw@host/v1", "@"),
        ("https://user:se/secretpw@host/v1", "@"),
        ("user:secretpw@host", "@"),
        ("https://host/v1?key=secretpw", "?"),
        ("https://host/v1#secretpw", "#"),
        ("http://127.0.0.1:99999/v1", "65535"),
        ("http://127.0.0.1:0/v1", "65535"),
        ("http://host:secretpw/v1", "65535"),
        ("https://xn--a.example/v1", "name"),
        ("https://☃.example/v1", "name"),
        ("https://a..b/v1", "name"),
        (f"https://{'a' * 64}.example/v1", "name"),
        ("https://300.1.1.1/v1", "name"),
        ("https://[::1/v1", "URL"),
        ("https://ho\nst/v1", "URL"),
        ("api.moonshot.cn/v1", "URL"),
        ("ftp://host/v1", "URL"),
        ("https:///v1", "URL"),
    ],
)
def test_what_is_wrong_with_a_base_is_said_without_repeating_it(base: str, says: str) -> None:
    fault = fault_of_base(base)
    assert says in fault
    assert "secretpw" not in fault


@given(st.text(alphabet="abc/:@?#.[]%\\ xn-0é", max_size=20))
def test_whatever_is_no_fault_can_be_made_a_request_of(rest: str) -> None:
    import httpx

    base = f"https://{rest}"
    if not fault_of_base(base):
        url = httpx.URL(f"{normal_base(base)}/models")
        assert url.host and not url.userinfo and not url.query and not url.fragment


@pytest.mark.parametrize(
    "base",
    ["https://host/v1", " https://host/v1/ ", "https://host/v1/chat/completions/"],
)
def test_paths_are_put_behind_the_same_base_however_it_was_written(base: str) -> None:
    assert normal_base(base) == "https://host/v1"


@pytest.mark.parametrize(
    "base",
    [
        "https://user:secretpw@host/v1",
        "https://user:12/secretpw@host/v1",
        "https://host/v1?key=secretpw",
        "https://host/v1?key=secretpw@",
        "https://host/v1#secretpw",
        "secretpw@host/v1",
    ],
)
def test_what_is_shown_of_a_base_holds_no_secret(base: str) -> None:
    assert "secretpw" not in shown_base(base)
    assert shown_base("https://host:1/v1") == "https://host:1/v1"
