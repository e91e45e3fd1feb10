from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from amx_tui.review.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "amx" / "tui.db")
    yield made
    made.close()
