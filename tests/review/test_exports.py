"""What is exported says what was decided, to the machines and people that read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from amx_tui.base.text import clean, one_line
from amx_tui.catalog.model import Catalog, Column, Table, TableKind, Target
from amx_tui.review.exports.formats import FORMATS
from amx_tui.review.exports.markdown import markdown
from amx_tui.review.exports.material import Material, What
from amx_tui.review.exports.sql import make_sql, quote_name, sql_script
from amx_tui.review.model import Decision, Verdict

# Anything that a database takes: no NUL and no half of a character.
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
ODD = [
    "it's",
    "two\nlines\r\nand -- three",
    "\\'; DROP TABLE t; --",
    "🙂 naïve | pipe",
    "/* */ $$ :name {{ jinja }}",
]


def decision(target: Target, text: str, previous: str | None = None) -> Decision:
    return Decision(1, target, Verdict.ACCEPTED, text, 0, previous, 1.0)


def material(
    *tables: Table,
    texts: Mapping[Target, tuple[str, str | None]],
    dialect: str = "duckdb",
    what: What = What.DECIDED,
) -> Material:
    """`texts` are what was decided, and over what: it still stands there, unless a table says otherwise."""

    def standing(table: Table) -> Table:
        def old(target: Target, comment: str | None) -> str | None:
            return texts.get(target, ("", None))[1] if comment is None else comment

        columns = [
            replace(c, comment=old(table.column_target(c), c.comment)) for c in table.columns
        ]
        return replace(table, comment=old(table.target, table.comment), columns=tuple(columns))

    return Material(
        "erp (duckdb)",
        dialect,
        Catalog(tuple(map(standing, tables))),
        {target: decision(target, new, old) for target, (new, old) in texts.items()},
        what,
    )


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    yield connection
    connection.close()


def read_back(database: duckdb.DuckDBPyConnection) -> dict[Target, str | None]:
    found = database.execute(
        "SELECT schema_name, table_name, '', comment FROM duckdb_tables()"
        " UNION ALL SELECT schema_name, view_name, '', comment FROM duckdb_views()"
        "   WHERE NOT internal"
        " UNION ALL SELECT schema_name, table_name, column_name, comment FROM duckdb_columns()"
        "   WHERE NOT internal"
    ).fetchall()
    return {Target(schema, table, column): comment for schema, table, column, comment in found}


def test_the_twin_puts_back_what_the_script_takes_the_place_of_also_where_somebody_changed_it(
    database: duckdb.DuckDBPyConnection,
) -> None:
    database.execute("CREATE TABLE t (a int, b int); COMMENT ON TABLE t IS 'by somebody else'")
    database.execute("COMMENT ON COLUMN t.b IS 'ours already'")
    before = read_back(database)
    columns = (Column("a", "int"), Column("b", "int", comment="ours already"))
    table = Table("main", "t", comment="by somebody else", columns=columns)
    a, b = (Target("main", "t", name) for name in "ab")
    # When these were decided, the table had no comment, and b another one.
    texts = {table.target: ("ours", None), a: ("of a", None), b: ("ours already", "as it was")}
    made = make_sql(material(table, texts=texts), None)
    assert made.notes == ("Its text was changed since it was decided, and is replaced: main.t",)
    assert made.notes[0] in made.files[""]
    database.execute(made.files[""])
    assert read_back(database) == {t: text for t, (text, _) in texts.items()}
    database.execute(made.files[".revert"])
    assert read_back(database) == before | {b: "as it was"}


def test_the_script_writes_what_was_decided_and_its_twin_takes_it_back(
    database: duckdb.DuckDBPyConnection,
) -> None:
    odd = 'Od"d\nTable; --'
    database.execute('CREATE SCHEMA "select"; CREATE TABLE "select".plain (bukrs int, "order" int)')
    database.execute(f'CREATE TABLE {quote_name(odd)} ("\U0001f642 \'x\'" int, "A" int)')
    database.execute("CREATE VIEW v AS SELECT 1 AS one")
    database.execute("COMMENT ON COLUMN \"select\".plain.bukrs IS 'it''s old\nand two lines'")
    database.execute("COMMENT ON VIEW v IS ''")
    before = read_back(database)
    tables = (
        Table("select", "plain", columns=(Column("bukrs", "int"), Column("order", "int"))),
        Table("main", odd, columns=(Column("🙂 'x'", "int"), Column("A", "int"))),
        Table("main", "v", TableKind.VIEW, columns=(Column("one", "int"),)),
    )
    targets = [
        Target("select", "plain"),
        Target("select", "plain", "bukrs"),
        Target("select", "plain", "order"),
        Target("main", odd),
        Target("main", odd, "🙂 'x'"),
        Target("main", "v"),
        Target("main", "v", "one"),
    ]
    texts = {
        target: (ODD[number % len(ODD)], before[target]) for number, target in enumerate(targets)
    }
    export = sql_script(material(*tables, texts=texts))
    database.execute(export.script)
    after = read_back(database)
    assert {target: after[target] for target in targets} == {
        target: new for target, (new, _) in texts.items()
    }
    assert after[Target("main", odd, "A")] is None
    database.execute(export.revert)
    restored = read_back(database)
    assert {t: text or None for t, text in restored.items()} == {
        t: text or None for t, text in before.items()
    }


def test_no_keyword_breaks_the_script(database: duckdb.DuckDBPyConnection) -> None:
    names = [
        row[0] for row in database.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    ]
    assert "select" in names and "table" in names
    columns = sorted(set(names))
    defined = ", ".join(f'"{name}" int' for name in columns)
    database.execute(f"CREATE TABLE t ({defined})")
    table = Table("main", "t", columns=tuple(Column(name, "int") for name in columns))
    texts = {Target("main", "t", name): (f"about {name}", None) for name in columns}
    database.execute(sql_script(material(table, texts=texts)).script)
    after = read_back(database)
    assert all(after[target] == new for target, (new, _) in texts.items())


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=any_text, text=any_text, old=st.none() | any_text)
def test_any_name_and_any_text_survive_the_script(
    database: duckdb.DuckDBPyConnection, name: str, text: str, old: str | None
) -> None:
    database.execute(f"CREATE OR REPLACE TABLE t ({quote_name(name)} int)")
    target = Target("main", "t", name)
    table = Table("main", "t", columns=(Column(name, "int"),))
    export = sql_script(material(table, texts={target: (text, old)}))
    database.execute(export.script)
    assert read_back(database)[target] == text
    database.execute(export.revert)
    assert read_back(database)[target] == old


def test_plain_names_stay_plain() -> None:
    export = sql_script(
        material(
            Table("main", "bseg", columns=(Column("bukrs", "int"), Column("WAERS", "int"))),
            texts={
                Target("main", "bseg", "bukrs"): ("Company code", "old"),
                Target("main", "bseg", "WAERS"): ("Currency", None),
            },
        )
    )
    assert "COMMENT ON COLUMN main.bseg.bukrs IS 'Company code';\n" in export.script
    assert "COMMENT ON COLUMN main.bseg.\"WAERS\" IS 'Currency';\n" in export.script
    assert "COMMENT ON COLUMN main.bseg.bukrs IS 'old';\n" in export.revert
    assert 'COMMENT ON COLUMN main.bseg."WAERS" IS NULL;\n' in export.revert


@pytest.mark.parametrize(("kind", "word"), [(k, k.value.upper()) for k in TableKind])
def test_each_kind_of_table_is_called_by_its_name(kind: TableKind, word: str) -> None:
    target = Target("s", "t")
    export = sql_script(material(Table("s", "t", kind), texts={target: ("x", None)}))
    assert f"COMMENT ON {word} s.t IS 'x';" in export.script


@pytest.mark.parametrize(("dialect", "name"), [("mssql", "SQL Server"), ("sqlite", "SQLite")])
def test_a_script_that_its_own_database_cannot_run_says_so(dialect: str, name: str) -> None:
    target = Target("s", "t")
    export = sql_script(material(Table("s", "t"), texts={target: ("x", None)}, dialect=dialect))
    for script in (export.script, export.revert):
        assert name in script.split("\n")[1]
        assert "no COMMENT ON" in script
        assert "COMMENT ON TABLE " in script


def test_a_script_from_sqlite_says_where_it_can_be_run() -> None:
    target = Target("main", "T001", "BUKRS")
    export = sql_script(
        material(
            Table("main", "T001", columns=(Column("BUKRS", "TEXT"),)),
            texts={target: ("Company code", None)},
            dialect="sqlite",
        )
    )
    for script in (export.script, export.revert):
        assert "SQLite itself has no COMMENT ON" in script
        assert 'COMMENT ON COLUMN "T001"."BUKRS" IS' in script


def test_no_name_can_break_out_of_a_comment_line(database: duckdb.DuckDBPyConnection) -> None:
    evil = "x\nDROP TABLE t;\u2028DROP TABLE t;\r DROP TABLE t; --"
    found = Material(
        evil,
        "duckdb",
        Catalog((Table("main", "t"),)),
        {Target(evil, evil): decision(Target(evil, evil), "x")},
    )
    assert found.left_out == (Target(evil, evil),)
    for script in (sql_script(found).script, sql_script(found).revert):
        assert [line for line in script.splitlines() if line and not line.startswith("-- ")] == []
    database.execute("CREATE TABLE t (a int)")
    database.execute(sql_script(found).script)
    assert Target("main", "t") in read_back(database)


# Markdown, as its readers see it. ----------------------------------------------------------------


def cells(text: str) -> list[list[str]]:
    """The table rows that a CommonMark reader with tables sees: what each cell shows, as text."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and rows and token.level > 3:
            shown = ""
            for part in token.children or ():
                if part.type == "html_inline":
                    assert part.content == "<br>"
                    shown += "\n"
                else:
                    assert part.type == "text" or part.type == "text_special", part
                    shown += part.content
            rows[-1].append(shown)
    return rows


def test_the_dictionary_has_every_table_and_the_decided_texts() -> None:
    key = Target("main", "T001", "BUKRS")
    tables = (
        Table(
            "main",
            "BSEG",
            comment="as it was",
            columns=(
                Column("BUKRS", "CHAR(4)", False, "'0001'", 1, key, "old comment"),
                Column("WAERS", "CHAR(5)", comment="stays"),
            ),
        ),
        Table("main", "T001", columns=(Column("BUKRS", "CHAR(4)"),)),
    )
    text = markdown(
        material(
            *tables,
            texts={
                Target("main", "BSEG", "BUKRS"): ("Company | code", "old comment"),
                Target("main", "T001"): ("Companies", None),
            },
            what=What.ALL,
        )
    )
    assert re.findall(r"^#+ .*$", text, re.M) == [
        "# main.BSEG",
        "## Description",
        "## Columns",
        "# main.T001",
        "## Description",
        "## Columns",
    ]
    assert cells(text) == [
        ["Name", "Type", "Default", "Nullable", "Parents", "Comment"],
        ["BUKRS", "CHAR(4)", "'0001'", "false", "T001.BUKRS", "Company | code"],
        ["WAERS", "CHAR(5)", "", "true", "", "stays"],
        ["Name", "Type", "Default", "Nullable", "Parents", "Comment"],
        ["BUKRS", "CHAR(4)", "", "true", "", ""],
    ]
    assert "\nas it was\n" in text and "\nCompanies\n" in text and "old comment" not in text


@settings(max_examples=150, deadline=None)
@given(name=any_text, text=any_text, default=any_text)
def test_no_text_becomes_markup(name: str, text: str, default: str) -> None:
    column = Column(name, "INT", default=default)
    table = Table("main", "t", columns=(column, Column("last", "INT")))
    found = cells(
        markdown(material(table, texts={Target("main", "t", name): (text, None)}, what=What.ALL))
    )
    assert len(found) == 3 and found[2][0] == "last"
    shown = [one_line(cell) for cell in found[1]]
    lines = "\n".join(one_line(line) for line in clean(text).split("\n"))
    assert shown[:4] == [one_line(name), "INT", one_line(default), "true"]
    assert found[1][5].strip() == lines.strip()


@pytest.mark.parametrize(
    "text",
    [
        "# no heading",
        "- no list\n1. nor this\n2) nor this\n+ nor this",
        "> no quote\n\n    no code\n\n```\nnor this",
        "no heading\n===\nnor this\n---",
        "<script>alert(1)</script> &amp; [no](link) ![no](image) **no** `no` ~~no~~",
        "| no | table |\n|---|---|\n| a | b |",
        "***\n___\n---",
        "[ref]: https://example.org\n\n<https://example.org>",
    ],
)
def test_a_tables_description_reads_as_it_was_written(text: str) -> None:
    table = Table("main", "t")
    made = markdown(material(table, texts={table.target: (text, None)}))
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(made)
    body = tokens[6 : next(i for i, t in enumerate(tokens) if t.content == "Columns") - 1]
    assert {token.type for token in body} <= {"paragraph_open", "inline", "paragraph_close"}
    shown = []
    for token in body:
        for part in token.children or ():
            assert part.type in ("text", "text_special", "hardbreak", "softbreak"), part
            shown.append("\n" if part.type.endswith("break") else part.content)
        if token.type == "paragraph_close":
            shown.append("\n\n")
    written = re.sub(r"\n\s*\n", "\n\n", text)
    assert [line.strip() for line in "".join(shown).strip().split("\n")] == [
        one_line(line) for line in written.split("\n")
    ]


def test_every_format_says_what_it_is() -> None:
    found = material(Table("main", "t"), texts={Target("main", "t"): ("x", None)})
    for id, made in FORMATS.items():
        assert made.id == id and made.title and made.suffix.startswith(".")
        assert "" in made.make(found, None).files
