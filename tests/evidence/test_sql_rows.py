"""Rows in SQL, as dumps of five databases and people write them: none is left in what may be sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.model import Table
from amx_tui.evidence.reading import Part
from amx_tui.evidence.rows import make_passages, with_rows, without_rows
from amx_tui.evidence.sql_rows import find_rows

TABLE = Table("main", "CUSTOMER")


def left(text: str, kind: str = ".sql") -> str:
    """`text` without its rows."""
    kept, behind = [], 0
    for rows in find_rows(text, kind):
        assert behind <= rows.statement < rows.start < rows.end <= len(text)
        kept.append(text[behind : rows.start])
        behind = rows.end
    return "…".join([*kept, text[behind:]])


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        # SQLite, PostgreSQL with --inserts, several lines, comments between.
        ("INSERT INTO T001 VALUES('100','Meyer');\nSELECT 1;", "INSERT INTO T001 VALUES…;\nSELECT 1;"),
        (
            "insert into public.c (id, name)\nvalues\n  (1, 'O''Hara; (x)'), -- the first, 'x\n"
            "  (2, E'it\\'s') /* ) */\nON CONFLICT (id) DO NOTHING;",
            "insert into public.c (id, name)\nvalues… /* ) */\nON CONFLICT (id) DO NOTHING;",
        ),
        ("INSERT INTO t(a) OVERRIDING SYSTEM VALUE VALUES (7)", "INSERT INTO t(a) OVERRIDING SYSTEM VALUE VALUES…"),
        ("INSERT INTO t VALUES ($$it's; (a$$, $x$)$x$), (2);--", "INSERT INTO t VALUES…;--"),
        # MySQL and MariaDB.
        ("INSERT INTO `a b` VALUES (1,'it\\'s'),(2,'C:\\\\'),(3,\"x;\");\nCREATE", "INSERT INTO `a b` VALUES…;\nCREATE"),
        ("REPLACE INTO t VALUES ROW(1,'a'), ROW(2,'b');", "REPLACE INTO t VALUES…;"),
        ("INSERT LOW_PRIORITY IGNORE INTO t VALUE (1);", "INSERT LOW_PRIORITY IGNORE INTO t VALUE…;"),
        # SQL Server and Oracle.
        ("INSERT [dbo].[T] ([A], [B]) VALUES (N'Meyer', 0x01)\nGO", "INSERT [dbo].[T] ([A], [B]) VALUES…\nGO"),
        (
            "INSERT ALL\n INTO a VALUES (1, 'x')\n INTO b (c) VALUES ('y')\nSELECT * FROM dual;",
            "INSERT ALL\n INTO a VALUES…\n INTO b (c) VALUES…\nSELECT * FROM dual;",
        ),
        ("INSERT /*+ append */ INTO t VALUES ('C:\\', 'Meyer');\nDROP", "INSERT /*+ append */ INTO t VALUES…;\nDROP"),
        # What is read from the text itself.
        (
            "COPY public.c (id, name) FROM stdin;\n1\tMeyer; 'x\n2\tcreate table\n\\.\n\nALTER TABLE c;",
            "COPY public.c (id, name) FROM stdin;\n…\n\nALTER TABLE c;",
        ),
        ("COPY c\nFROM STDIN WITH (FORMAT csv,\n DELIMITER ';');\n1;Meyer\n\\.\nx", "COPY c\nFROM STDIN WITH (FORMAT csv,\n DELIMITER ';');\n…\nx"),
        ("\\copy c from stdin csv\n1,Meyer\n\nselect 1", "\\copy c from stdin csv\n…\n\nselect 1"),
        # An end that never comes takes all that may still be of it.
        ("INSERT INTO t VALUES (1, 'Meyer\nCREATE TABLE", "INSERT INTO t VALUES…"),
    ],
)  # fmt: skip
def test_rows_are_found_to_their_end(text: str, rest: str) -> None:
    assert left(text) == rest


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a CHAR(4) DEFAULT '1000', CHECK (a IN ('A', 'B')));",
        "SELECT * FROM t WHERE name = 'x' AND id IN (1, 2); -- values (1, 2) are closed",
        "INSERT INTO t (a, b) SELECT x, 'ETL' FROM s WHERE c IN ('A');",
        "INSERT INTO t (a, b) VALUES (:a, :b), ($1, %s), (?, now());",
        "MERGE INTO t USING s ON (t.id = s.id) WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b2);",
        "WITH codes (code) AS (VALUES ('A'), ('B')) SELECT * FROM codes;",
        "PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (2000));",
        "INSERT INTO t DEFAULT VALUES; SELECT replace(a, 'x', 'y'), insert(b, 1, 2, 'c') FROM t;",
        "COPY t TO '/tmp/x.csv'; COPY t FROM '/tmp/x.csv';",
    ],
)  # fmt: skip
def test_definitions_comments_and_queries_stay(text: str) -> None:
    assert left(text) == text


def test_prose_stays_and_an_example_in_it_has_no_rows() -> None:
    prose = (
        "You insert what you know; allowed values (A = active, 1 = locked).\nCopy it from stdin.\n"
    )
    assert left(prose, ".md") == prose
    example = "run(\"INSERT INTO t VALUES (1, 'Meyer')\")\nit's (done)\n"
    assert left(example, ".py") == 'run("INSERT INTO t VALUES…")\nit\'s (done)\n'
    broken = "INSERT INTO t VALUES (1, 'Meyer\n\nThe next paragraph isn't of it."
    assert left(broken, ".md") == "INSERT INTO t VALUES…\n\nThe next paragraph isn't of it."


TEXTS = st.text(st.sampled_from("Qx'\"\\`$;,()-/*\n\t ."), max_size=12)


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


@given(
    st.lists(st.lists(TEXTS, min_size=1, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["doubled", "escaped", "copy"]),
)
def test_no_text_of_a_row_is_left_whatever_is_in_it(rows: list[list[str]], how: str) -> None:
    """Each value has a mark in front, which is in no statement."""
    if how == "copy":
        lines = ("\t".join("Q" + escaped(v).replace("\t", "\\t") for v in row) for row in rows)
        text = "COPY t FROM stdin;\n" + "\n".join(lines) + "\n\\.\n"
    else:
        quote = escaped if how == "escaped" else lambda value: value.replace("'", "''")
        tuples = ("(" + ", ".join(f"'Q{quote(v)}'" for v in row) + ")" for row in rows)
        text = f"INSERT INTO t VALUES {', '.join(tuples)};\n"
    kept = left(f"CREATE TABLE t (a TEXT);\n{text}ALTER TABLE t ADD b TEXT;")
    assert "Q" not in kept and kept.startswith("CREATE TABLE t (a TEXT);")
    if how == "copy" or not any("\\" in value for row in rows for value in row):
        assert kept.endswith("ALTER TABLE t ADD b TEXT;")


@given(st.text(st.sampled_from("Qx'\"\\`$;,()-/*\n\t .") | st.characters(), max_size=200))
def test_any_text_at_all_is_read(text: str) -> None:
    left(f"INSERT INTO t VALUES {text}", ".sql")
    left(f"INSERT INTO t VALUES {text}", ".md")


def test_passages_have_no_rows_below_values_and_all_of_them_there() -> None:
    ddl = "-- who buys\nCREATE TABLE CUSTOMER (\n  KUNNR CHAR(10) -- customer number\n);\n"
    rows = "".join(f"INSERT INTO CUSTOMER (KUNNR) VALUES ('{n:010}');\n" for n in range(60))
    copied = "COPY CUSTOMER FROM stdin;\n" + "with Meyer\tcreate x\n" * 80 + "\\.\n"
    text = (
        f"{ddl}{rows}\n{copied}-- the view of sales\nCREATE VIEW V AS SELECT KUNNR FROM CUSTOMER;\n"
    )
    passages = list(make_passages("a.sql", Part(text), ".sql"))
    told = [without_rows(one, TABLE) for one in passages]
    said = "\n".join(f"{one.heading}\n{one.text}" for one in told if one is not None)
    assert "Meyer" not in said and "0000" not in said
    assert "customer number" in said and "CREATE VIEW V" in said and len(passages) == 2
    assert said.count("INSERT INTO CUSTOMER (KUNNR) VALUES…;") == 1
    assert "'0000000000'" in with_rows(passages[0]).text
    assert passages[1].line == text.count("\n", 0, text.index("-- the view")) + 1


@pytest.mark.parametrize(
    "piece",
    ["INSERT INTO t VALUES (", "INSERT /* ", "INSERT INTO t VALUES ('\\'", "copy a from stdin\n",
     "INSERT INTO t VALUES ($a$", "INSERT (a, ", "-- INSERT ", "INSERT INTO t VALUES (1, '\\\\');\n",
     "insert into t values (1)\n", "insert into t values (\n\n", "INSERT INTO t VALUES (/* ", "copy a from stdin;\n"],
)  # fmt: skip
@pytest.mark.parametrize("kind", [".sql", ".md"])
def test_a_large_text_of_beginnings_comes_to_its_end(piece: str, kind: str) -> None:
    """It would not, if each of them were followed to the end of the text."""
    for rows in find_rows(piece * 30_000, kind):
        assert rows.start < rows.end
