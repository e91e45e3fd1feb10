"""Makes clean, masked lines of a file. It trusts none: what cannot be read is said, never raised."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from amx_tui.base.sensitive import mask_sensitive, mask_shape
from amx_tui.base.text import clean
from amx_tui.evidence.folders import PAGES, File
from amx_tui.evidence.model import Skipped

if TYPE_CHECKING:
    from docx.table import Table

# Bytes looked at to tell a text from anything else.
_LOOKED_AT = 8_192
# A longer line was made by a machine; it is looked through in pieces, since some patterns take time
# that grows with the square of a word's length (characters).
_LONGEST_LINE = 1_000
_MOST_PAGES = 500
# A Word file is an archive; one that unpacks to more is no letter (bytes).
_LARGEST_UNPACKED = 100_000_000


class Unreadable(Exception):
    """A file that is not read, and why."""

    def __init__(self, why: Skipped) -> None:
        super().__init__(why.value)
        self.why = why


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a file that are numbered together: all of it, or one page of a PDF."""

    text: str
    page: int | None = None


def read_parts(file: File) -> list[Part]:
    """The file's text, cleaned and masked, with its lines where they were.

    Raises:
        Unreadable: it is binary, cannot be opened, or needs the extra `docs`.
    """
    data = _read(file)
    kind = file.path.suffix.lower()
    if kind not in PAGES:
        return [Part(make_safe(_decode(data)))]
    try:
        parts = list(_pdf_pages(data)) if kind == ".pdf" else [Part(_word_text(data))]
    except ImportError:
        raise Unreadable(Skipped.LACKS_EXTRA) from None
    except Unreadable:
        raise
    except Exception as error:  # a damaged file makes these libraries raise anything at all
        raise Unreadable(Skipped.UNREADABLE) from error
    return [Part(make_safe(part.text), part.page) for part in parts]


def _read(file: File) -> bytes:
    """Its bytes, if it is still the plain file that was found."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(file.path, flags)
        with os.fdopen(handle, "rb") as opened:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(Skipped.UNREADABLE)
            # Not more than was found: it may be growing.
            return opened.read(file.size)
    except OSError as error:
        raise Unreadable(Skipped.UNREADABLE) from error


def _decode(data: bytes) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"),
                           (b"\xfe\xff", "utf-16")):  # fmt: skip
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:_LOOKED_AT]:
        raise Unreadable(Skipped.BINARY)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # What legacy systems wrote; every byte is a character there, so that none is lost.
        return data.decode("latin-1")


def _pdf_pages(data: bytes) -> Iterator[Part]:
    import logging

    from pypdf import PdfReader

    # It tells each flaw of a file on stderr, where the screen is.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    for number, page in enumerate(PdfReader(BytesIO(data)).pages[:_MOST_PAGES], start=1):
        text = page.extract_text()
        if text.strip():
            yield Part(text, number)


def _word_text(data: bytes) -> str:
    """Paragraphs and rows of tables, one a line, in the order of the document."""
    from docx import Document
    from docx.text.paragraph import Paragraph

    with zipfile.ZipFile(BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > _LARGEST_UNPACKED:
            raise Unreadable(Skipped.HUGE)
    lines: list[str] = []
    for block in Document(BytesIO(data)).iter_inner_content():
        if isinstance(block, Paragraph):
            level = re.fullmatch(r"Heading (\d)", block.style.name or "" if block.style else "")
            mark = "#" * int(level[1]) + " " if level else ""
            lines.append(mark + block.text.replace("\n", " "))
        else:
            lines += _rows(block)
    return "\n".join(lines)


def _rows(table: Table) -> Iterator[str]:
    for row in table.rows:
        cells = [" ".join(cell.text.split()) for cell in row.cells]
        yield "| " + " | ".join(cells) + " |"


# Safe to keep and to send. ---------------------------------------------------------------------------

_BREAKS = re.compile(r"\r\n?")
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----")
# `password: x`, `API_KEY = "x"`, `"client_secret": "x"`, `IDENTIFIED BY 'x'`: the value.
_TOLD = re.compile(
    r"(?P<name>(?:passw(?:or)?d|passphrase|passwort|kennwort|\bpwd|secret|token|api[_-]?key"
    r"|access[_-]?key|account[_-]?key|private[_-]?key|credentials?)"
    r"""[A-Za-z0-9_-]{0,20}["']?\s{0,4}(?::=|=>|[:=])\s{0,4}|\bIDENTIFIED\s+BY\s+|\bPASSWORD\s+(?=['"]))"""
    r"""(?P<value>"[^"]*"|'[^']*'|[^\s"',;|]+)""",
    re.IGNORECASE,
)
# What an ASCII text in lower case has to have any of for `_TOLD` to be worth trying.
_TELLING = (
    "passw", "passphrase", "kennwort", "pwd", "secret", "token", "key", "credential", "identified",
)  # fmt: skip


def make_safe(text: str) -> str:
    """`text` without control characters and with secrets as shapes; line by line, so that every line
    keeps its number."""
    lines = _BREAKS.sub("\n", text).split("\n")
    is_in_key = False
    for place, line in enumerate(lines):
        if not (line.isascii() and line.isprintable()):
            line = unicodedata.normalize("NFC", clean(line).replace("\n", " "))
        if is_in_key or "PRIVATE KEY" in line:
            begins, ends = _KEY_BEGINS.search(line), _KEY_ENDS.search(line)
            if is_in_key or begins:
                line = mask_shape(line)
            is_in_key = (is_in_key or begins is not None) and ends is None
        lines[place] = _mask_line(line)
    return "\n".join(lines)


def _mask_line(line: str) -> str:
    if len(line) > _LONGEST_LINE:
        return "".join(_mask_piece(piece) for piece in _pieces(line))
    return _mask_piece(line)


def _mask_piece(piece: str) -> str:
    low = piece.lower()
    if not piece.isascii() or [word for word in _TELLING if word in low]:
        piece = _TOLD.sub(_mask_told, piece)
    return mask_sensitive(piece, keeps_names=True)


def _mask_told(match: re.Match[str]) -> str:
    value = match["value"]
    quote = value[0] if value[0] in "\"'" else ""
    inner = value[1:-1] if quote else value
    # A name of a place where a secret is (`${DB_PASSWORD}`, `env_var(…)`) would say nothing more.
    return f"{match['name']}{quote}{mask_shape(inner)}{quote}"


def _pieces(line: str) -> Iterator[str]:
    """`line` cut after white space, and at least every so many characters; a piece that has no white
    space at all is no words but data, and comes as its shape."""
    start = 0
    while start < len(line):
        end = min(start + _LONGEST_LINE, len(line))
        if end < len(line):
            space = line.rfind(" ", start, end)
            if space < 0:
                yield mask_shape(line[start:end])
                start = end
                continue
            end = space + 1
        yield line[start:end]
        start = end
