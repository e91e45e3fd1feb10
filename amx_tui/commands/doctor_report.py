"""The doctor's report as text, for a shell, a screen reader or a clipboard, and as JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from amx_tui import __version__
from amx_tui.commands.doctor_parts import Report, Section
from amx_tui.commands.model import Check, State

# The shape of the JSON document; it counts up where a reader would have to change.
FORMAT = 1

# Select Graphic Rendition, by state; the word stands there as well.
_COLOURS = {State.OK: "32", State.WARNING: "33", State.FAILED: "31", State.SKIPPED: "2"}
_STATE_WIDTH, _WHAT_WIDTH = 8, 18
_KEYS = re.compile(r"\b[Pp]ress \S\b")


class TextReport:
    """Writes the report bit by bit, in its order. `width` 0: one line for each fact, however long."""

    def __init__(self, *, width: int = 0, has_colour: bool = False) -> None:
        self._width = width
        self._has_colour = has_colour
        self._section: Section | None = None

    def head(self) -> str:
        return f"amx-tui doctor, {__version__}"

    def lines(self, section: Section, checks: Iterable[Check]) -> Iterator[str]:
        """What follows what was written before; the section's name where it is a new one."""
        if section is not self._section:
            self._section = section
            yield ""
            yield self._paint(section.value, "1")
        for check in checks:
            yield from self.lines_of(check)

    def foot(self, report: Report) -> Iterator[str]:
        yield ""
        yield summary(report)
        told = " ".join(check.remedy for _, check in report.lines)
        if _KEYS.search(told):
            yield "The keys to press are those of amx-tui's own screens: start it, then press them."

    def lines_of(self, check: Check) -> Iterator[str]:
        """One check, the way the report has it."""
        state = check.state.value.ljust(_STATE_WIDTH)
        took = f" ({check.seconds:.2f} s)" if check.seconds is not None else ""
        first, *rest = self._wrap(f"{check.what.ljust(_WHAT_WIDTH)}  {check.result}{took}")
        yield f"  {self._paint(state, _COLOURS.get(check.state, ''))} {first}"
        indent = " " * (_STATE_WIDTH + 3)
        for line in rest:
            yield indent + line
        for mark, words in (("why: ", check.why), ("do:  ", check.remedy)):
            for line in self._wrap(mark + words) if words else ():
                yield indent + line

    def _wrap(self, words: str) -> list[str]:
        words = words.replace("\n", " ")
        room = self._width - _STATE_WIDTH - 3
        if self._width <= 0 or room < 30:
            return [words]
        return textwrap.wrap(
            words, room, subsequent_indent="     ", break_long_words=False, break_on_hyphens=False
        )

    def _paint(self, words: str, code: str) -> str:
        return f"\x1b[{code}m{words}\x1b[0m" if self._has_colour and code else words


def summary(report: Report) -> str:
    """How many are wrong, and how many were not looked at, in one sentence."""
    failed, warned = report.count(State.FAILED), report.count(State.WARNING)
    pieces = [f"{failed} failed" if failed else "nothing is wrong"]
    if warned:
        pieces.append(f"{warned} warning{'' if warned == 1 else 's'}")
    pieces.append(f"{report.count(State.OK)} ok")
    if skipped := report.count(State.SKIPPED):
        pieces.append(f"{skipped} not looked at")
    if running := report.count(State.RUNNING):
        pieces.append(f"{running} under way")
    return ", ".join(pieces)


def report_text(report: Report) -> str:
    """The whole report as plain text, with a line end behind each line."""
    text = TextReport()
    lines = [text.head()]
    for part in report.parts:
        lines += text.lines(part.section, part.checks)
    lines += text.foot(report)
    return "".join(f"{line}\n" for line in lines)


def report_json(report: Report) -> str:
    """One JSON document. `checks` are in the report's order; each has all of its fields, empty texts
    where there is nothing to say, `seconds` null where nothing was waited for."""
    document = {
        "format": FORMAT,
        "version": __version__,
        "is_healthy": report.count(State.FAILED) == 0,
        "counts": {
            state.value: report.count(state) for state in State if state is not State.RUNNING
        },
        "checks": [
            {
                "section": section.value,
                "what": check.what,
                "state": check.state.value,
                "result": check.result,
                "why": check.why,
                "remedy": check.remedy,
                "seconds": None if check.seconds is None else round(check.seconds, 3),
            }
            for section, check in report.lines
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
