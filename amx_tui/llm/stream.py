"""From the bytes of an answer to pieces of text, however they are cut; knows no network and no clock.

A decoder of our own, because the same bytes may turn out to be an event stream, a plain JSON answer or
a web page, whatever their content type says, and because an event counts as soon as it is whole.
Shapes: platform.kimi.ai/docs/api/chat; AstrBotDevs/AstrBot#6614 (usage inside a choice);
OpenRouterTeam/typescript-sdk (comments, `reasoning`, errors in mid-stream).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from amx_tui.llm.model import AnswerText, ReasoningText, Usage

_OPEN, _CLOSE = "<think>", "</think>"
# A provider that never ends a line must not fill the memory. Bytes.
_LONGEST = 64 * 1024 * 1024
_EXCERPT = 300
_LEAST_LOGPROB = -100.0
# A server whose events never follow a pattern is not asked for ever.
_MOST_LESSONS = 32
_TEXT_NAMES = ("content", "reasoning_content", "reasoning", "reasoning_details")
_PROBE = b"probe"
_SURROGATE = re.compile("[\ud800-\udfff]")
_decode_json = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error object inside an answer that began well. `type` and `parameter` empty, `status` None
    where it has none."""

    message: str
    type: str = ""
    status: int | None = None
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Garbled:
    """Something that is no answer: how it begins, uncleaned, and whether it is a web page."""

    excerpt: str
    is_page: bool = False


Piece = ReasoningText | AnswerText | Refusal | Garbled


class AnswerReader:
    """One answer. `feed` it bytes as they come, `close` it at their end; both return the pieces that
    are whole by then. How the bytes were cut makes no difference to the pieces.

    Attributes:
        usage: what the provider counted, wherever it said so; None until then.
        finish: its finish reason; None until then.
        is_done: it said `[DONE]`, or the whole answer was one JSON object.
    """

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.finish: str | None = None
        self.is_done = False
        self._shape: Literal["events", "json", "page"] | None = None
        self._tail = bytearray()  # of the body before its shape is known, then of the last line
        self._ends_in_cr = False
        self._event: list[bytes] = []  # data lines that are no whole JSON yet
        self._stray = b""
        self._has_events = False
        self._is_between = False  # two events, with nothing of either left over
        self._content = _ThinkSplitter()
        self._content_joiner, self._reasoning_joiner = _PairJoiner(), _PairJoiner()
        self._aligner = _TokenAligner()
        self._pattern: _Pattern | None = None
        self._lessons = _MOST_LESSONS

    def feed(self, data: bytes) -> list[Piece]:
        """The pieces that `data` completes."""
        if not data:
            return []
        pieces: list[Piece] = []
        if self._is_between and data.startswith(b"data: {") and data.find(b"\n") == len(data) - 2:
            # One whole event, as servers write them: nothing is left over, and nothing was before it.
            pattern = self._pattern
            if pattern is not None and (text := pattern.text_of(data)):
                self._take_text(text, pattern.is_thought, pieces)
                return pieces
            chunk = _parse(data[6:]) if data.endswith(b"}\n\n") else None
            if chunk is not None:
                self._take_chunk(chunk, pieces)
                if self._lessons and not (pattern and data.startswith(pattern.head)):
                    self._lessons -= 1
                    self._pattern = _learn_pattern(data, chunk)
                return pieces
        if self._shape is None:
            self._tail += data
            body = self._tail.lstrip(b"\xef\xbb\xbf \t\r\n")
            if not body:
                return self._check_length()
            self._shape = {b"{": "json", b"[": "json", b"<": "page"}.get(bytes(body[:1]), "events")  # type: ignore[assignment]
            self._tail, data = bytearray(), bytes(body)
        if self._shape != "events":
            self._tail += data
            return self._check_length()
        if self._ends_in_cr and data.startswith(b"\n"):
            data = data[1:]
        self._ends_in_cr = data.endswith(b"\r")
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if not end:
            self._tail += data
            return self._check_length()
        lines = (bytes(self._tail) + data[:end]).splitlines()
        self._tail = bytearray(data[end:])
        for line in lines:
            self._take_line(line, pieces)
        self._is_between = self._has_events and not (
            self._tail or self._event or self._ends_in_cr or data.endswith(b"\r")
        )
        return pieces

    def close(self) -> list[Piece]:
        """The pieces that were waiting for more; afterwards `usage` and `finish` are final."""
        pieces: list[Piece] = []
        if self._shape == "page":
            pieces.append(Garbled(_excerpt(self._tail), is_page=True))
        elif self._shape == "json":
            self._take_whole(bytes(self._tail), pieces)
        else:
            if self._tail:
                self._take_line(bytes(self._tail), pieces)
            if not self._has_events and self._stray:
                pieces.append(Garbled(_excerpt(self._stray)))
        self._tail, self._event = bytearray(), []
        text = self._content_joiner.close()
        if text:
            pieces += self._content.split(text)
        pieces += self._content.close()
        text = self._reasoning_joiner.close()
        if text:
            pieces.append(ReasoningText(text))
        return pieces

    def _check_length(self) -> list[Piece]:
        if len(self._tail) <= _LONGEST:
            return []
        excerpt, self._tail = _excerpt(self._tail), bytearray()
        return [Garbled(excerpt)]

    def _take_line(self, line: bytes, pieces: list[Piece]) -> None:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                self.is_done = self._has_events = True
            elif data:
                self._event.append(data)
                # Whole already? Some servers send no blank line after an event, or none after the last.
                if data.endswith(b"}"):
                    self._take_event(pieces, is_ended=False)
        elif not line:
            if self._event:
                self._take_event(pieces, is_ended=True)
        elif not line.startswith((b":", b"event:", b"id:", b"retry:")) and not self._stray:
            self._stray = line[:_EXCERPT]

    def _take_event(self, pieces: list[Piece], *, is_ended: bool) -> None:
        data = b"\n".join(self._event)
        chunk = _parse(data)
        if chunk is None and not is_ended:
            return
        self._event = []
        if chunk is not None:
            self._has_events = True
            self._take_chunk(chunk, pieces)
        elif data.startswith((b"{", b"[")):
            pieces.append(Garbled(_excerpt(data)))
        elif not self._stray:
            # A word such as "ping" keeps a connection open; it is no answer, and no error either.
            self._stray = data[:_EXCERPT]

    def _take_whole(self, body: bytes, pieces: list[Piece]) -> None:
        chunk = _parse(body)
        before = len(pieces)
        if chunk is not None:
            self._take_chunk(chunk, pieces)
        if chunk is None or (len(pieces) == before and self.finish is None):
            pieces.append(Garbled(_excerpt(body)))
        self.is_done = True

    def _take_chunk(self, chunk: Mapping[str, object], pieces: list[Piece]) -> None:
        usage, error = chunk.get("usage"), chunk.get("error")
        if usage:
            self._note_usage(usage)
        choices = chunk.get("choices")
        choice = _mapping(choices[0]) if isinstance(choices, list) and choices else {}
        if choice:
            usage = choice.get("usage")
            if usage:
                self._note_usage(usage)
            error = error or choice.get("error")
        if error:
            pieces.append(read_error(error))
            return
        finish = choice.get("finish_reason")
        if finish and isinstance(finish, str):
            self.finish = finish
        said = _mapping(choice.get("delta") or choice.get("message"))
        if not said:
            return
        reasoning = (
            _text(said.get("reasoning_content"))
            or _text(said.get("reasoning"))
            or _text(said.get("reasoning_details"))
        )
        if reasoning:
            self._take_text(reasoning, True, pieces)
        content = _text(said.get("content"))
        logprobs = choice.get("logprobs")
        if not logprobs:
            if content:
                self._take_text(content, False, pieces)
        else:
            content = self._content_joiner.join(content) if content else ""
            told = self._aligner.align(content, logprobs)
            split = self._content.split(content)
            if told and len(split) == 1 and split[0] == AnswerText(content):
                pieces.append(AnswerText(content, told))
            else:
                pieces += split

    def _take_text(self, text: str, is_thought: bool, pieces: list[Piece]) -> None:
        if is_thought:
            text = self._reasoning_joiner.join(text)
            if text:
                pieces.append(ReasoningText(text))
        else:
            text = self._content_joiner.join(text)
            self._aligner.align(text, None)
            pieces += self._content.split(text)

    def _note_usage(self, value: object) -> None:
        """Counts only grow within an answer, and may be said twice, once with less detail."""
        if not value:
            return
        seen = read_usage(value)
        if seen is None:
            return
        before = self.usage or Usage()
        self.usage = Usage(
            max(before.input, seen.input),
            max(before.cached, seen.cached),
            max(before.output, seen.output),
            max(before.reasoning, seen.reasoning),
        )


def read_usage(value: object) -> Usage | None:
    """Tokens from a usage object; None where it says nothing. Cached tokens are told in three ways:
    `cached_tokens` (Moonshot), `prompt_tokens_details` (OpenAI), `prompt_cache_hit_tokens` (DeepSeek)."""
    usage = _mapping(value)
    prompt_details = _mapping(usage.get("prompt_tokens_details"))
    output_details = _mapping(usage.get("completion_tokens_details"))
    read = Usage(
        input=_count(usage.get("prompt_tokens")),
        cached=max(
            _count(usage.get("cached_tokens")),
            _count(prompt_details.get("cached_tokens")),
            _count(usage.get("prompt_cache_hit_tokens")),
        ),
        output=_count(usage.get("completion_tokens")),
        reasoning=_count(output_details.get("reasoning_tokens")),
    )
    return read if read.total else None


def read_error(value: object) -> Refusal:
    """An error object, or a text in its place: `{message, type}` (Moonshot), `{code, message,
    metadata: {error_type}}` (OpenRouter), `{message, type, param, code}` (OpenAI)."""
    error = _mapping(value)
    if not error:
        return Refusal(value if isinstance(value, str) else "")
    code, metadata = error.get("code"), _mapping(error.get("metadata"))
    types = (error.get("type"), metadata.get("error_type"), code)
    status = code if isinstance(code, int) and 400 <= code < 600 else None
    return Refusal(
        message=_text(error.get("message")) or _text(metadata.get("raw")),
        type=next((word for word in types if isinstance(word, str) and word), ""),
        status=status,
        parameter=_text(error.get("param")),
    )


def read_error_body(body: bytes) -> Refusal | Garbled:
    """What the body of a refused request says, in any of the shapes that servers use."""
    chunk = _parse(body)
    if chunk is None:
        return Garbled(_excerpt(body), is_page=body.lstrip()[:1] == b"<")
    error = chunk.get("error")
    if isinstance(error, dict):
        return read_error(error)
    for said in (error, chunk.get("message"), chunk.get("detail"), chunk.get("msg")):
        if isinstance(said, str) and said:
            return Refusal(said, type=_text(chunk.get("type")))
    return Garbled(_excerpt(body))


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An event that said nothing but a text: what stands before that text and after it, each with its
    quote.
    Most events differ from the one before in their text alone, and need no parsing to tell so."""

    head: bytes
    tail: bytes
    is_thought: bool

    def text_of(self, event: bytes) -> str | None:
        """The text of an event of this pattern; None where it is of another."""
        if not (event.startswith(self.head) and event.endswith(self.tail)):
            return None
        try:
            quoted = event[len(self.head) - 1 : len(event) - len(self.tail) + 1].decode()
            text, end = _decode_json(quoted)
        except ValueError:
            return None
        return text if end == len(quoted) else None


def _learn_pattern(event: bytes, chunk: Mapping[str, object]) -> _Pattern | None:
    """The pattern of `event`, which was parsed to `chunk`; None where it says more than a text."""
    for name in _TEXT_NAMES:
        text = _only_text(chunk, name)
        if not text:
            continue
        value = json.dumps(text, ensure_ascii=False)
        for key in (f'"{name}":', f'"{name}": '):
            head, found, tail = event.partition(f"{key}{value}".encode("utf-8", "replace"))
            if found:
                head, tail = head + key.encode() + b'"', b'"' + tail
                # Put another text there, and see whether it is that which changes, and nothing else.
                probe = _parse((head + _PROBE + tail)[len(b"data: ") :])
                is_sound = probe is not None and _only_text(probe, name) == _PROBE.decode()
                return _Pattern(head, tail, name != "content") if is_sound else None
    return None


def _only_text(chunk: Mapping[str, object], name: str) -> str:
    """The text that is all `chunk` says, under `name`; empty where there is none, or more than that."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or not choices or chunk.get("usage") or chunk.get("error"):
        return ""
    choice = _mapping(choices[0])
    if any(choice.get(one) for one in ("usage", "error", "finish_reason", "logprobs")):
        return ""
    said = _mapping(choice.get("delta") or choice.get("message"))
    if any(said.get(one) for one in _TEXT_NAMES if one != name):
        return ""
    text = said.get(name)
    return text if isinstance(text, str) else ""


class _ThinkSplitter:
    """Parts content into thinking and answer where a model thinks aloud between `<think>` and
    `</think>`. The tag opens only at the beginning of a line: inside an answer it is a quotation."""

    def __init__(self) -> None:
        self._held = ""
        self._thinks = False
        self._is_line_start = True

    def split(self, text: str) -> list[Piece]:
        if not self._held and not self._thinks and "<" not in text:
            if self._is_line_start or "\n" in text:
                self._note_line(text)
            return [AnswerText(text)] if text else []
        pieces: list[Piece] = []
        text, self._held = self._held + text, ""
        while text:
            text = (
                self._take_thinking(text, pieces)
                if self._thinks
                else self._take_answer(text, pieces)
            )
        return pieces

    def close(self) -> list[Piece]:
        held, self._held = self._held, ""
        if not held:
            return []
        return [ReasoningText(held) if self._thinks else AnswerText(held)]

    def _take_thinking(self, text: str, pieces: list[Piece]) -> str:
        thought, tag, rest = text.partition(_CLOSE)
        if tag:
            self._thinks, self._is_line_start = False, True
        else:
            thought = self._hold_back(text, _CLOSE)
        if thought:
            pieces.append(ReasoningText(thought))
        return rest

    def _take_answer(self, text: str, pieces: list[Piece]) -> str:
        start = text.find("<")
        while start >= 0:
            line = text.rfind("\n", 0, start) + 1
            begins_line = not text[line:start].strip() and (line > 0 or self._is_line_start)
            if begins_line and _OPEN.startswith(text[start : start + len(_OPEN)]):
                if start + len(_OPEN) > len(text):
                    self._held = text[start:]
                    rest = ""
                else:
                    self._thinks = True
                    rest = text[start + len(_OPEN) :]
                self._note_line(text[:start])
                if start:
                    pieces.append(AnswerText(text[:start]))
                return rest
            start = text.find("<", start + 1)
        self._note_line(text)
        pieces.append(AnswerText(text))
        return ""

    def _hold_back(self, text: str, tag: str) -> str:
        """`text` without an end that may become `tag`, which is held."""
        for length in range(min(len(tag) - 1, len(text)), 0, -1):
            if text.endswith(tag[:length]):
                self._held = text[-length:]
                return text[:-length]
        return text

    def _note_line(self, text: str) -> None:
        head, newline, last = text.rpartition("\n")
        del head
        self._is_line_start = not last.strip() and (bool(newline) or self._is_line_start)


class _PairJoiner:
    """Joins the halves of a character that a server escaped as two and cut between them; a half
    without its other one becomes U+FFFD, since it could not be written anywhere."""

    def __init__(self) -> None:
        self._half = ""

    def join(self, text: str) -> str:
        if not self._half and (text.isascii() or not _SURROGATE.search(text)):
            return text
        text, self._half = self._half + text, ""
        if "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

    def close(self) -> str:
        half, self._half = self._half, ""
        return "\ufffd" if half else ""


class _TokenAligner:
    """Says of a piece of content which tokens make it up. Tokens are parts of UTF-8: one may end within
    a character, whose rest comes with the next one and often in the next event."""

    def __init__(self) -> None:
        self._left: list[tuple[bytes, float]] = []  # tokens whose character is not complete yet

    def align(self, content: str, logprobs: object) -> tuple[tuple[int, float], ...]:
        """Characters and log-probability of each token of `content`; empty where they do not fit it."""
        tokens = _tokens(logprobs) if logprobs else []
        if not tokens and not self._left:
            return ()
        tokens, self._left = self._left + tokens, []
        if not content:
            self._left = tokens
            return ()
        text = content.encode("utf-8", "replace")
        told = []
        at = begun = 0
        sum_of = 0.0
        for number, (part, logprob) in enumerate(tokens):
            if at == len(text):
                self._left = tokens[number:]
                break
            if not text.startswith(part, at):
                return ()
            at += len(part)
            sum_of += logprob
            # Two tokens that share a character count as one: it needed both.
            if at == len(text) or text[at] & 0xC0 != 0x80:
                told.append((len(text[begun:at].decode()), sum_of))
                begun, sum_of = at, 0.0
        return tuple(told) if at == len(text) == begun else ()


def _tokens(logprobs: object) -> list[tuple[bytes, float]]:
    """The tokens of `logprobs: {content: [{token, logprob, bytes}]}`, which is OpenAI's shape and
    Moonshot's (UKGovernmentBEIS/inspect_ai#5142); none where one of them makes no sense."""
    content = _mapping(logprobs).get("content")
    tokens = []
    for entry in content if isinstance(content, list) else ():
        token = _mapping(entry)
        logprob, data = token.get("logprob"), token.get("bytes")
        if not isinstance(logprob, (int, float)) or not logprob <= 0:
            return []
        if isinstance(data, list):
            try:
                part = bytes(data)
            except (TypeError, ValueError):
                return []
        else:
            part = _text(token.get("token")).encode("utf-8", "replace")
        # An impossible token would make everything around it impossible (OpenAI writes -9999).
        tokens.append((part, max(float(logprob), _LEAST_LOGPROB)))
    return tokens


def _parse(data: bytes) -> dict[str, object] | None:
    try:
        text = data.decode("utf-8", "replace").strip(" \t\r\n")
        value, end = _decode_json(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and end == len(text) else None


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A text, or the texts of a list of parts; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = (_mapping(part) for part in value)
        return "".join(_text(part.get("text")) or _text(part.get("summary")) for part in parts)
    return ""


def _count(value: object) -> int:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1e12:  # type: ignore[operator]
        return 0
    return int(value)  # type: ignore[call-overload, no-any-return]


def _excerpt(data: bytes | bytearray) -> str:
    return bytes(data[: 8 * _EXCERPT]).decode("utf-8", "replace")
