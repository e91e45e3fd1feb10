"""Comments that people left inside CREATE TABLE count as descriptions."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.ddl_comments import read_ddl_comments


def test_a_comment_on_the_line_of_a_column_describes_it() -> None:
    found = read_ddl_comments(
        """CREATE TABLE BSEG ( -- Accounting document segment
            MANDT CHAR(3) NOT NULL, -- Client
            BUKRS CHAR(4) NOT NULL -- Company code
            , WRBTR DECIMAL(13,2) DEFAULT (1 + (2)), -- Amount, in document currency
            [SGTXT] TEXT CHECK (SGTXT <> '), -- no comment'), /* Item text */
            `X``Y` INT /* odd name */,
            "Z""Q" INT -- last
        )"""
    )
    assert found.table == "Accounting document segment"
    assert found.columns == {
        "MANDT": "Client",
        "BUKRS": "Company code",
        "WRBTR": "Amount, in document currency",
        "SGTXT": "Item text",
        "X`Y": "odd name",
        'Z"Q': "last",
    }


def test_a_comment_line_directly_above_a_column_describes_it() -> None:
    found = read_ddl_comments(
        """CREATE TABLE t (
            -- The client
            MANDT CHAR(3),
            /* The company code,
             * four characters */
            BUKRS CHAR(4),
            -- Currency,
            -- as in ISO 4217
            WAERS CHAR(5),
            -- Amounts ------------------

            WRBTR DECIMAL, -- beside
            -- above, but it has one beside it
            DMBTR DECIMAL -- own
        )"""
    )
    assert found.table is None
    assert found.columns == {
        "MANDT": "The client",
        "BUKRS": "The company code, four characters",
        "WAERS": "Currency, as in ISO 4217",
        "WRBTR": "beside",
        "DMBTR": "own",
    }


def test_a_comment_above_the_first_column_is_the_tables_where_that_column_has_its_own() -> None:
    beside = read_ddl_comments("CREATE TABLE t (\n -- Customers\n a INT, -- Number\n b INT)")
    assert (beside.table, beside.columns) == ("Customers", {"a": "Number"})
    apart = read_ddl_comments("CREATE TABLE t (\n -- Customers\n\n -- Number\n a INT)")
    assert (apart.table, apart.columns) == ("Customers", {"a": "Number"})
    alone = read_ddl_comments("CREATE TABLE t (\n -- Number\n a INT,\n b INT -- Name\n)")
    assert (alone.table, alone.columns) == (None, {"a": "Number", "b": "Name"})


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a INT,\n -- of b\n b INT)",
        "CREATE TABLE t (a INT\n -- of b\n , b INT)",
        "CREATE TABLE t (a INT, /* of b */ b INT)",
        "CREATE TABLE t (a INT, b INT, -- of b\n PRIMARY KEY (a) -- the key\n)",
        "CREATE TABLE t (a INT, b INT -- of\n          -- b\n)".replace(
            "          --", " " * 29 + "--"
        ),
        "CREATE TABLE t (a INT, b -- of b\n INT NOT NULL, CHECK (a > 0) -- positive\n)",
        "CREATE TABLE t (a INT, b DECIMAL(10, -- of b\n 2))",
    ],
)
def test_each_place_for_a_comment_is_understood(sql: str) -> None:
    sqlite3.connect(":memory:").execute(sql)
    assert read_ddl_comments(sql).columns == {"b": "of b"}


@pytest.mark.parametrize("noise", ["-----", "/******/", "-- old_name VARCHAR(10),", "--"])
def test_decoration_and_a_column_switched_off_describe_nothing(noise: str) -> None:
    found = read_ddl_comments(f"CREATE TABLE t (a INT,\n {noise}\n b INT)")
    assert found.columns == {}


_PIECES = st.sampled_from(
    [
        "CREATE TABLE t",
        "(",
        ")",
        ",",
        "--",
        "/*",
        "*/",
        "\n",
        " ",
        '"',
        "'",
        "`",
        "[",
        "]",
        "a",
        "b",
        "CHECK",
        "PRIMARY KEY",
        "int",
        "é",
        "9",
        "\x00",
        "-- x\n",
        "/* y */",
    ]
)


@given(st.one_of(st.text(), st.lists(_PIECES, max_size=40).map("".join)))
def test_no_text_breaks_it(sql: str) -> None:
    found = read_ddl_comments(sql)
    assert all(text.strip() for text in found.columns.values())


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
        min_size=1,
        max_size=6,
        unique_by=str.lower,
    ),
    st.data(),
)
def test_what_sqlite_takes_is_read_back_whatever_the_names(
    names: list[str], data: st.DataObject
) -> None:
    words = st.text("abc (),'\"[]`", min_size=1, max_size=20).map(lambda text: f"x{text}x")
    wanted = {name: data.draw(words) for name in names}
    lines = []
    for place, name in enumerate(names):
        comma = "," if place + 1 < len(names) else ""
        quoted = name.replace('"', '""')
        lines.append(f"\"{quoted}\" DECIMAL(1,2) DEFAULT ',)--'{comma} -- {wanted[name]}")
    sql = "CREATE TABLE t (\n" + "\n".join(lines) + "\n)"
    connection = sqlite3.connect(":memory:")
    connection.execute(sql)
    connection.close()
    assert read_ddl_comments(sql).columns == wanted
