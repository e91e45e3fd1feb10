"""SQL exports run by the databases themselves: the script describes, its twin takes it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from amx_tui.catalog.opening import open_database
from amx_tui.commands.exporting import What, export
from amx_tui.review.store import Store
from tests.catalog.conftest import ODD_NAMES, ODD_TEXTS, MariaServer, Server, mariadb, postgresql
from tests.review.made import accept

__all__ = ["mariadb", "postgresql"]  # fixtures


@pytest.mark.xdist_group("postgresql")
def test_postgresql_runs_the_script_and_its_twin(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: Server = request.getfixturevalue("postgresql")
    server.run("CREATE DATABASE exports")
    columns = ", ".join(_quoted(name) + " int" for name in ODD_NAMES)
    server.run(
        f'CREATE SCHEMA "select"; CREATE TABLE "select"."Odd ""t" ({columns});'
        "CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW mv AS SELECT 1 AS one;"
        "COMMENT ON VIEW v IS 'a view''s text'",
        database="exports",
    )
    connector = open_database(server.url("exports"))
    store = Store(tmp_path / "tui.db")
    before = connector.load()
    texts = {}
    for table in before.tables:
        for target in (table.target, *map(table.column_target, table.columns)):
            texts[target] = ODD_TEXTS[len(texts) % len(ODD_TEXTS)]
            present = before.comment(target)
            store.decide(connector.identity, [accept(target, texts[target], previous=present)])
    report = export("sql", tmp_path / "x.sql", store, connector, before)
    assert report.texts == len(texts) > len(ODD_NAMES)
    server.run(report.paths[0].read_text(), database="exports")
    assert {target: connector.load().comment(target) for target in texts} == texts
    server.run(report.paths[1].read_text(), database="exports")
    assert connector.load() == before
    connector.close()
    store.close()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.xdist_group("mariadb")
@pytest.mark.parametrize("what", [What.DECIDED, What.ALL])
def test_mariadb_runs_the_script_and_its_twin(
    request: pytest.FixtureRequest, tmp_path: Path, what: What
) -> None:
    server: MariaServer = request.getfixturevalue("mariadb")
    name = f"exports_{what.value}"
    server.ask(
        f"CREATE DATABASE {name}",
        f"CREATE TABLE {name}.bseg (bukrs INT NOT NULL DEFAULT 7 COMMENT 'it''s old' CHECK (bukrs > 0),"
        " `select` TEXT, waers CHAR(5) INVISIBLE, txt INT COMMENT 'stays') COMMENT='was'",
    )
    definition = server.ask(f"SHOW CREATE TABLE {name}.bseg")
    connector = open_database(server.url(name))
    store = Store(tmp_path / "tui.db")
    before = connector.load()
    (table,) = before.tables
    texts = dict(
        zip(
            (table.target, *map(table.column_target, table.columns[:3])),
            ("It's \\ \"quoted\" -- ; \\' x", "two\nlines\tä漢字", "/* $$ %s */", "`so`"),
            strict=True,
        )
    )
    for target, text in texts.items():
        old = before.comment(target)
        store.decide(connector.identity, [accept(target, text, previous=old)])
    report = export("sql", tmp_path / "x.sql", store, connector, before, what=what)
    server.ask(report.paths[0].read_text())
    assert {target: connector.load().comment(target) for target in texts} == texts
    server.ask(report.paths[1].read_text())
    assert server.ask(f"SHOW CREATE TABLE {name}.bseg") == definition
    connector.close()
    store.close()


@pytest.mark.xdist_group("mariadb")
def test_what_the_server_has_no_statement_for_is_told_and_not_counted(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: MariaServer = request.getfixturevalue("mariadb")
    server.ask("CREATE DATABASE unsaid", "CREATE TABLE unsaid.t (a INT, b INT)")
    connector = open_database(server.url("unsaid"))
    store = Store(tmp_path / "tui.db")
    catalog = connector.load()
    (table,) = catalog.tables
    a, b = map(table.column_target, table.columns)
    store.decide(connector.identity, [accept(a, "beyond U+FFFF: 🎉"), accept(b, "plain")])
    report = export("sql", tmp_path / "x.sql", store, connector, catalog)
    assert report.texts == 1
    (note,) = report.notes
    assert note.startswith("unsaid.t.a is left out: The server's comments have no room for 🎉")
    server.ask(report.paths[0].read_text())
    assert {t: connector.load().comment(t) for t in (a, b)} == {a: None, b: "plain"}
    connector.close()
    store.close()
