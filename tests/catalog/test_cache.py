"""The copy of a catalog that the next start shows first."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.cache import KEPT_SECONDS, cache_file, read_cache, write_cache
from amx_tui.catalog.model import Catalog, Column, Table, TableKind, Target

IDENTITY = "postgresql://db.example:5432/legacy"
CATALOG = Catalog(
    (
        Table(
            "fin",
            "bseg",
            TableKind.TABLE,
            "Segments",
            (
                Column("mandt", "character(3)", False, None, 1, Target("fin", "t000", "mandt")),
                Column("m", "fin.mood", comment="Mood 🐘", values=("a", "it's"), check="m <> 'a'"),
                Column("half", "numeric", default="wrbtr / 2", is_generated=True),
            ),
            4711,
        ),
        Table("fin", "bseg_1", partition_of=Target("fin", "bseg")),
        Table("fin", "v", TableKind.VIEW, columns=(Column("half \udc80 character", "text"),)),
    )
)

_TEXTS = st.text(max_size=8)
_TARGETS = st.builds(Target, _TEXTS, _TEXTS, _TEXTS)
_COLUMNS = st.builds(
    Column,
    _TEXTS,
    _TEXTS,
    st.booleans(),
    st.none() | _TEXTS,
    st.integers(0, 3),
    st.none() | _TARGETS,
    st.none() | _TEXTS,
    st.booleans(),
    st.lists(_TEXTS, max_size=2).map(tuple),
    st.none() | _TEXTS,
)
_TABLES = st.builds(
    Table,
    _TEXTS,
    _TEXTS,
    st.sampled_from(TableKind),
    st.none() | _TEXTS,
    st.lists(_COLUMNS, max_size=4).map(tuple),
    st.none() | st.integers(0),
    st.none() | _TARGETS,
)


def test_what_was_kept_comes_back_as_it_was(tmp_path: Path) -> None:
    write_cache(tmp_path / "deep" / "catalogs", IDENTITY, CATALOG)
    kept = read_cache(tmp_path / "deep" / "catalogs", IDENTITY)
    assert kept is not None
    assert kept.catalog == CATALOG
    file = cache_file(tmp_path / "deep" / "catalogs", IDENTITY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept.at == file.stat().st_mtime


@given(st.lists(_TABLES, max_size=3).map(lambda tables: Catalog(tuple(tables))))
def test_any_catalog_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, catalog: Catalog
) -> None:
    folder = tmp_path_factory.mktemp("catalogs")
    write_cache(folder, IDENTITY, catalog)
    kept = read_cache(folder, IDENTITY)
    assert kept is not None
    assert kept.catalog == catalog


def test_each_database_has_its_own(tmp_path: Path) -> None:
    write_cache(tmp_path, IDENTITY, CATALOG)
    assert read_cache(tmp_path, f"{IDENTITY}2") is None
    # Even where a file was copied over another one.
    cache_file(tmp_path, f"{IDENTITY}2").write_bytes(cache_file(tmp_path, IDENTITY).read_bytes())
    assert read_cache(tmp_path, f"{IDENTITY}2") is None


def test_a_copy_that_is_damaged_anywhere_is_ignored(tmp_path: Path) -> None:
    write_cache(tmp_path, IDENTITY, CATALOG)
    file = cache_file(tmp_path, IDENTITY)
    whole = file.read_bytes()
    for length in range(len(whole)):
        if length == len(whole) - 1:  # the last line's own end
            continue
        file.write_bytes(whole[:length])
        assert read_cache(tmp_path, IDENTITY) is None, length
    for other in (b"", b"\xff\xfe", b"[]\n", b"null\n", whole + b"more", b'{"format": 1}\n'):
        file.write_bytes(other)
        assert read_cache(tmp_path, IDENTITY) is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (b'"format":1', b'"format":0'),
        (b'"Segments"', b"4711"),
        (b'"character(3)"', b"7"),
        (b'"table"', b'"heap"'),
        (b'["fin","t000","mandt"]', b'["fin"]'),
    ],
)
def test_a_copy_of_another_version_or_shape_is_ignored(
    tmp_path: Path, right: bytes, wrong: bytes
) -> None:
    write_cache(tmp_path, IDENTITY, CATALOG)
    file = cache_file(tmp_path, IDENTITY)
    whole = file.read_bytes()
    assert right in whole
    file.write_bytes(whole.replace(right, wrong, 1))
    assert read_cache(tmp_path, IDENTITY) is None


def test_copies_that_nobody_came_back_to_are_dropped(tmp_path: Path) -> None:
    write_cache(tmp_path, "sqlite:/old.db", CATALOG)
    old = cache_file(tmp_path, "sqlite:/old.db")
    long_ago = old.stat().st_mtime - KEPT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    write_cache(tmp_path, IDENTITY, CATALOG)
    assert not old.exists()
    assert read_cache(tmp_path, IDENTITY) is not None
