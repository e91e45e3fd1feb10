"""The way out over HTTP: what its settings may be, and that no message quotes a proxy's password."""

from __future__ import annotations

import pytest

from amx_tui.llm.model import LlmProblem
from amx_tui.llm.network import get, open_http


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(
    "proxy",
    [
        "http://user:se/cret@host:8080",
        "gopher://user:cret@host:70",
        "gopher://user:12/cret@host:70",
    ],
)
async def test_a_proxy_that_cannot_be_used_is_told_without_its_password(
    name: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, proxy)
    with pytest.raises(LlmProblem) as problem:
        open_http(None)
    assert problem.value.__context__ is None
    told = str(problem.value)
    assert "proxy" in told and name.upper() in told
    assert "cret" not in told and "se'" not in told


async def test_a_folder_of_certificates_is_a_bundle_for_questions_too(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("certificates")
    with pytest.raises(Exception, match="connection attempts failed"):
        await get("http://127.0.0.1:9/", {}, most_bytes=1, ca_bundle=str(folder), seconds=5)
