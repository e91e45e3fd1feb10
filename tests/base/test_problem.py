"""Whatever a message quotes, it is plain text when it reaches a terminal or a screen."""

from __future__ import annotations

from amx_tui.base.problem import Problem


def test_no_part_of_a_message_can_command_the_terminal() -> None:
    problem = Problem("b\x1b[31mRED.db is damaged", "said \x1b]0;title\x07so", "see\x9b2J it\r")
    assert (problem.what, problem.why) == ("bRED.db is damaged", "said so")
    for words in (str(problem), repr(problem), problem.remedy, *problem.args):
        assert not set(words) & {"\x1b", "\x9b", "\x07", "\r"}


def test_a_message_keeps_its_lines() -> None:
    assert Problem("Two\nlines").what == "Two\nlines"
