"""Makes foreign text safe to show: what comes out has no control characters of any kind.

It does not know about widgets: that nothing is read as markup is the business of
`amx_tui.widgets.plain`.
"""

from __future__ import annotations

import re
import unicodedata

# Whole escape sequences go, not just the ESC: otherwise "[31m" would be left standing in the text.
# CSI, OSC (ended by BEL or ST), the other string sequences, and two-character escapes.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]"
    r"|[\x1b][\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)
# Bidirectional overrides and isolates can make a text read as another one; zero-width characters
# make two different names look alike. ZWJ and ZWNJ stay: scripts and emoji need them.
_UNSEEN = "\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
_KEEPING_LINES = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_UNSEEN}\ud800-\udfff]")
_BREAKS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"\s+")


# What an escape sequence, or a line break of two characters, begins with at the end of a text. One that
# is still open after so many characters is none that anybody wrote.
_LONGEST_ESCAPE = 2_048
_UNFINISHED = re.compile(
    r"(?:\x1b\[[0-?]*[ -/]*|\x9b[0-?]*[ -/]*|[\x1b][\]PX^_][^\x07\x1b\x9c]*\x1b?"
    r"|[\x90\x98\x9d-\x9f][^\x07\x1b\x9c]*\x1b?|\x1b[ -/]*|\r)\Z"
)


def clean(text: str) -> str:
    """`text` without escape sequences, control and invisible characters; newlines stay, tabs become
    a space, and what is left is in Unicode's composed form (NFC)."""
    if text.isascii() and text.isprintable():
        return text
    text = _BREAKS.sub("\n", _ESCAPES.sub("", text)).replace("\t", " ")
    return unicodedata.normalize("NFC", _KEEPING_LINES.sub("", text))


class Cleaning:
    """`clean` for a text that comes in pieces: what may be the beginning of an escape sequence waits in
    `held` for the rest of it."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, piece: str) -> str:
        """What of the text is certain now and was not before, cleaned."""
        text = self.held + piece
        open_ = _UNFINISHED.search(text, max(len(text) - _LONGEST_ESCAPE, 0))
        place = open_.start() if open_ is not None else len(text)
        self.held = text[place:]
        return clean(text[:place])


def one_line(text: str, limit: int | None = None) -> str:
    """`clean`, with every run of white space made one space; longer than `limit` characters, it ends
    in an ellipsis, so that the reader sees that something is missing."""
    line = _SPACES.sub(" ", clean(text)).strip()
    if limit is not None and len(line) > limit:
        return line[: max(limit - 1, 0)].rstrip() + "…"
    return line
