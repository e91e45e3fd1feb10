"""What is exported for dbt, read by dbt itself, where there is one: `pip install "dbt-core==1.9.*"
"dbt-duckdb==1.9.*"` takes a quarter of a minute and 200 MB, too much for the development extras."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from amx_tui.review.exports.dbt import make_models, make_sources
from tests.review.test_dbt import BSEG, BUKRS, MANDT, TABLES, A, material

DBT = shutil.which("dbt")
pytestmark = pytest.mark.skipif(
    DBT is None, reason="no dbt command is found (pip install dbt-core==1.9.* dbt-duckdb==1.9.*)"
)

TEXTS = {
    BSEG: "Lines: of {{ documents }} {% raw %} and {# more #}",
    BUKRS: 'Company code, "quoted", it\'s\n\n- not a list: # nor a comment',
    MANDT: "Клиент 客户 \U0001f600 · {% endraw %}{{ '}}' }}",
    A: "yes",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    (tmp_path / "dbt_project.yml").write_text(
        "name: legacy\nversion: '1.0'\nprofile: legacy\nmodel-paths: [models]\n"
    )
    (tmp_path / "profiles.yml").write_text(
        "legacy:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:'}\n"
    )
    for name in ("BSEG", "T001", "P"):
        (tmp_path / "models" / f"{name}.sql").write_text("select 1 as a")
    return tmp_path


def parsed(project: Path) -> dict[str, Any]:
    assert DBT is not None
    done = subprocess.run(
        [
            DBT,
            "--no-send-anonymous-usage-stats",
            "--no-version-check",
            "parse",
            "--no-partial-parse",
        ],
        cwd=project,
        env={**os.environ, "DBT_PROFILES_DIR": str(project)},
        capture_output=True,
        encoding="utf-8",
    )
    said = done.stdout + done.stderr
    if "Could not find adapter type duckdb" in said:
        pytest.skip("this dbt has no adapter for DuckDB (pip install dbt-duckdb)")
    assert done.returncode == 0, said
    manifest: dict[str, Any] = json.loads((project / "target" / "manifest.json").read_text())
    return manifest


def described(nodes: dict[str, Any]) -> dict[tuple[str, str], str]:
    """By table and column."""
    found = {}
    for node in nodes.values():
        if node["resource_type"] in ("source", "model"):
            found[node["name"], ""] = node["description"]
            for column in node["columns"].values():
                found[node["name"], column["name"]] = column["description"]
    return {place: text for place, text in found.items() if text}


EXPECTED = {(target.table, target.column): text for target, text in TEXTS.items()}


def test_dbt_reads_the_sources_as_they_were_decided(project: Path) -> None:
    made = make_sources(material(TEXTS), None).files[""]
    (project / "models" / "schema.yml").write_text(made, encoding="utf-8")
    manifest = parsed(project)
    assert described(manifest["sources"]) == EXPECTED
    assert {s["schema"] for s in manifest["sources"].values()} == {t.schema for t in TABLES}


def test_dbt_reads_the_models_merged_into_a_file_with_tests(project: Path) -> None:
    old = """\
version: 2  # ours

models:
  - name: BSEG
    description: '{{ doc("bseg") }}'
    config: {tags: [daily]}
    columns:
      - name: BUKRS
        data_tests: [not_null, unique]
      - name: OTHER
        description: stays
  - name: T001
  - name: P
"""
    (project / "models" / "docs.md").write_text("{% docs bseg %}From a block{% enddocs %}\n")
    made = make_models(material(TEXTS), old).files[""]
    (project / "models" / "schema.yml").write_text(made, encoding="utf-8")
    manifest = parsed(project)
    found = described(manifest["nodes"])
    assert found == EXPECTED | {("BSEG", ""): "From a block", ("BSEG", "OTHER"): "stays"}
    tests = [n for n in manifest["nodes"].values() if n["resource_type"] == "test"]
    assert sorted(n["test_metadata"]["name"] for n in tests) == ["not_null", "unique"]
    (bseg,) = (n for n in manifest["nodes"].values() if n["name"] == "BSEG")
    assert bseg["tags"] == ["daily"]


def test_what_dbt_read_can_be_merged_into_again(project: Path) -> None:
    file = project / "models" / "schema.yml"
    first = make_sources(material(TEXTS), None).files[""]
    changed = TEXTS | {BUKRS: "Company code, decided anew {{ x }}"}
    again = make_sources(material(changed), first).files[""]
    file.write_text(again, encoding="utf-8")
    assert described(parsed(project)["sources"])["BSEG", "BUKRS"] == changed[BUKRS]
