"""What SHOW CREATE TABLE prints, taken apart: only the comment of a column's line is replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.catalog.mysql_ddl import read_table

# As MySQL 8 prints it: attributes in comments that only newer servers read.
_MYSQL = r"""CREATE TABLE `t` (
  `id` bigint NOT NULL AUTO_INCREMENT COMMENT 'old',
  `h` int DEFAULT '1' /*!80023 INVISIBLE */ COMMENT 'old' /*!50606 STORAGE DISK */,
  `g` varchar(9) COLLATE utf8mb4_bin GENERATED ALWAYS AS (concat(`id`,_utf8mb4'COMMENT \'x\'')) VIRTUAL,
  PRIMARY KEY (`id`) COMMENT 'key',
  CONSTRAINT `c` CHECK ((`h` > 0))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT='old, too'
/*!50100 PARTITION BY RANGE (`id`)
(PARTITION p0 VALUES LESS THAN (10) COMMENT = 'part' ENGINE = InnoDB) */"""


def test_the_lines_of_mysql_8_keep_what_only_newer_servers_read() -> None:
    table = read_table(_MYSQL)
    assert {name: line.with_comment("'new'") for name, line in table.columns.items()} == {
        "id": "`id` bigint NOT NULL AUTO_INCREMENT COMMENT 'new'",
        "h": "`h` int DEFAULT '1' /*!80023 INVISIBLE */ COMMENT 'new' /*!50606 STORAGE DISK */",
        "g": "`g` varchar(9) COLLATE utf8mb4_bin GENERATED ALWAYS AS "
        "(concat(`id`,_utf8mb4'COMMENT \\'x\\'')) VIRTUAL COMMENT 'new'",
    }
    assert "old" not in table.without_comments
    assert "'key'" in table.without_comments
    assert "'part'" in table.without_comments


def test_a_comment_goes_before_the_check_that_mariadb_prints_last() -> None:
    sql = (
        "CREATE TABLE `t` (\n  `a` int(11) DEFAULT 1 CHECK (`a` > 0),\n  `check` text CHECK (1)\n)"
    )
    lines = read_table(sql).columns
    assert lines["a"].with_comment("'x'") == "`a` int(11) DEFAULT 1 COMMENT 'x' CHECK (`a` > 0)"
    assert lines["check"].with_comment("'x'") == "`check` text COMMENT 'x' CHECK (1)"
    assert lines["a"].text == "`a` int(11) DEFAULT 1 CHECK (`a` > 0)"


def test_a_question_mark_that_may_be_another_sign_is_noticed() -> None:
    sql = (
        "CREATE TABLE `t` (`?` int COMMENT '?', `e` enum('?','b'), `d` char(1) DEFAULT '?' COMMENT "
        "'x', `c` char(1) DEFAULT 'x' CHECK (`c` <> '?'))"
    )
    lines = read_table(sql).columns
    assert [name for name, line in lines.items() if line.is_uncertain] == ["e", "d"]


@pytest.mark.parametrize(
    "sql", ["", "CREATE TABLE `t`", "CREATE TABLE `t` (`a` int", "CREATE TABLE `t` (`a int)", "(')"]
)
def test_what_is_no_table_is_not_guessed_at(sql: str) -> None:
    with pytest.raises(ValueError, match=r"^(no |a quote)"):
        read_table(sql)


_TEXT = st.text(alphabet="aé`'\"\\,()?%\n☎ COMMENT", max_size=12)


def _quote_name(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _quote_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@given(
    st.dictionaries(_TEXT.filter(bool), st.tuples(_TEXT, _TEXT, st.booleans()), min_size=1), _TEXT
)
def test_whatever_names_and_texts_hold_only_the_comment_differs(
    columns: dict[str, tuple[str, str, bool]], new: str
) -> None:
    def build(of: dict[str, str | None]) -> str:
        lines = []
        for name, (default, _, has_check) in columns.items():
            comment = of[name]
            said = "" if comment is None else f" COMMENT {_quote_text(comment)}"
            check = f" CHECK ({_quote_name(name)} <> {_quote_text(default)})" if has_check else ""
            lines.append(
                f"  {_quote_name(name)} char(9) DEFAULT {_quote_text(default)}{said}{check}"
            )
        return "CREATE TABLE `t` (\n" + ",\n".join(lines) + "\n) ENGINE=InnoDB COMMENT='x'"

    bare = read_table(build(dict.fromkeys(columns)))
    described = read_table(build({name: old for name, (_, old, _) in columns.items()}))
    renewed = read_table(build(dict.fromkeys(columns, new)))
    assert list(bare.columns) == list(columns)
    assert bare.without_comments == described.without_comments == renewed.without_comments
    for name in columns:
        expected = renewed.columns[name].text
        assert bare.columns[name].with_comment(_quote_text(new)) == expected
        assert described.columns[name].with_comment(_quote_text(new)) == expected
