"""Cuts a text into passages at places where a reader would pause. Nothing is lost, nothing is there
twice: the passages one after another are the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

# Characters. Five passages of the largest size are about 1 000 tokens; a smaller one than the least
# says too little to be found by.
LARGEST = 700
_LEAST = 200
_LONGEST_HEADING = 80

_MARKDOWN = frozenset((".md", ".markdown", ".docx", ".rst", ".adoc", ".txt"))
_CODE = frozenset((".sql", ".ddl", ".py", ".yml", ".yaml"))
_TITLE = re.compile(r"(#{1,6}|={1,5})\s+(\S.*?)\s*#*$")
_OPENING = re.compile(
    r"(?:async\s+)?(?:def|class)\s+\w|@\w|(?:create|alter|comment|insert|select|with|merge|grant)\b"
    r"|[\w\"'-]+:\s*(?:$|#)|  ?- name:|-- ?\w|# ?\w",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """`line` is the number of its first line, from 1. `heading` is what it stands under, but does
    not say itself."""

    line: int
    text: str
    heading: str = ""


def cut(text: str, kind: str, outline: str | None = None) -> Iterator[Chunk]:
    """The chunks of `text`, in order; `kind` is the end of the file's name, such as `.md`. Headings are
    found in `outline`, which is as long as `text` and has the same lines, and is `text` by default."""
    lines = _short_lines(text)
    headings = _headings(
        [line for _, line in lines] if outline is None else _like(lines, outline), kind
    )
    start, size = 0, 0
    for place, (_, line) in enumerate(lines):
        is_full = size + len(line) > LARGEST
        if size and (is_full or (size >= _LEAST and headings[place][0])):
            end = place
            if is_full:
                end = _best_end(lines, start, place)
            yield _chunk(lines, headings, start, end)
            start = end
            size = sum(len(rest) for _, rest in lines[start:place])
            if size and size + len(line) > LARGEST:
                yield _chunk(lines, headings, start, place)
                start, size = place, 0
        size += len(line)
    if size:
        yield _chunk(lines, headings, start, len(lines))


def _short_lines(text: str) -> list[tuple[int, str]]:
    """The lines with their ends and their numbers; one longer than a passage is cut at a space."""
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        rest = line + "\n"
        while len(rest) > LARGEST:
            end = rest.rfind(" ", LARGEST // 2, LARGEST) + 1 or LARGEST
            lines.append((number, rest[:end]))
            rest = rest[end:]
        lines.append((number, rest))
    number, last = lines[-1]
    lines[-1] = (number, last[:-1])  # the text does not end in the break that was added to each
    return lines


def _like(lines: Sequence[tuple[int, str]], outline: str) -> list[str]:
    """`outline` cut as `lines` are."""
    ends = list(accumulate((len(line) for _, line in lines), initial=0))
    return [outline[start:end] for start, end in pairwise(ends)]


def _headings(lines: Sequence[str], kind: str) -> list[tuple[bool, str]]:
    """For each line, whether it begins something, and what it stands under."""
    if kind == ".csv":
        names = lines[0].strip()[: 2 * _LONGEST_HEADING] if lines else ""
        return [(False, names if place else "") for place in range(len(lines))]
    found: list[tuple[bool, str]] = []
    titles: dict[int, str] = {}
    begun = ""
    is_markdown, is_code, is_fenced = kind in _MARKDOWN, kind in _CODE, False
    for line in lines:
        if is_markdown:
            if line.startswith(("```", "~~~")):
                is_fenced = not is_fenced
            title = None if is_fenced else _TITLE.match(line)
            found.append((title is not None, " > ".join(titles.values())))
            if title is not None:
                level = len(title[1])
                titles = {at: text for at, text in titles.items() if at < level}
                titles[level] = title[2][:_LONGEST_HEADING]
        elif is_code:
            begins = _OPENING.match(line) is not None
            found.append((begins, "" if begins else begun))
            if begins and not line.startswith(("#", "--", "@")):
                begun = line.strip()[:_LONGEST_HEADING]
        else:
            found.append((False, ""))
    return found


def _best_end(lines: Sequence[tuple[int, str]], start: int, full: int) -> int:
    """Where to cut before `full`: after the last blank line, if what stands before it is long enough."""
    size = sum(len(line) for _, line in lines[start:full])
    for place in range(full, start + 1, -1):
        if size < _LEAST:
            break
        if not lines[place - 1][1].strip():
            return place
        size -= len(lines[place - 1][1])
    return full


def _chunk(
    lines: Sequence[tuple[int, str]], headings: Sequence[tuple[bool, str]], start: int, end: int
) -> Chunk:
    return Chunk(lines[start][0], "".join(line for _, line in lines[start:end]), headings[start][1])
