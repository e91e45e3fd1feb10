"""Bytes to pieces, whatever the shape and however they are cut."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amx_tui.llm.model import AnswerText, ReasoningText, Usage
from amx_tui.llm.stream import (
    AnswerReader,
    Garbled,
    Piece,
    Refusal,
    read_error_body,
    read_usage,
)
from tests.provider import Reply, Send, chunk, event, stream, usage_of

THOUGHT = "Größe ist 会社 <b> 🙂 "
ANSWER = '{"column": "BUKRS", "text": "Gesellschaft – 会社コード 🙂 <think>"}\n{"column": 1}\n'
USAGE = Usage(input=100, cached=30, output=50, reasoning=20)
RAW_USAGE = usage_of(100, 50, 30, 20)


def bytes_of(reply: Reply) -> bytes:
    return b"".join(step.data for step in reply.steps if isinstance(step, Send))


def read(*parts: bytes) -> tuple[list[Piece], AnswerReader]:
    reader = AnswerReader()
    pieces = [piece for part in parts for piece in reader.feed(part)]
    return pieces + reader.close(), reader


def answer_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, AnswerText))


def reasoning_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, ReasoningText))


def openrouter_stream() -> bytes:
    """As recorded in charmbracelet/fantasy: comments, both kinds of reasoning, finish said twice."""
    details = [{"type": "reasoning.text", "text": THOUGHT, "format": None, "index": 0}]
    parts = [
        b": OPENROUTER PROCESSING\n\n" * 3,
        event(chunk(reasoning=THOUGHT, reasoning_as="reasoning", content="")),
        event(chunk(content=ANSWER)),
        event(chunk(content="", finish="stop")),
        event(chunk(finish="stop") | {"usage": RAW_USAGE | {"cost": 0.01}}),
        event("[DONE]"),
    ]
    first = json.loads(parts[1][6:])
    first["choices"][0]["delta"]["reasoning_details"] = details
    parts[1] = event(first)
    return b"".join(parts)


def escaped_in_two() -> list[bytes]:
    """The answer in two events, one half of its emoji in each."""
    head, half, tail = json.dumps(ANSWER)[1:-1].partition("\\ude42")
    return [
        f'data: {{"choices":[{{"delta":{{"content":"{text}"}}}}]}}\n\n'.encode()
        for text in (head, half + tail)
    ] + [event(chunk(finish="stop", usage=RAW_USAGE))]


RECORDED: dict[str, bytes] = {
    "usage in the choice": bytes_of(
        stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, piece=5)
    ),
    "usage beside the choices": bytes_of(
        stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, usage_at="top", piece=1)
    ),
    "usage in a chunk without choices": bytes_of(
        stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, usage_at="chunk")
    ),
    "CRLF": bytes_of(stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, newline="\r\n")),
    "CR alone": bytes_of(stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, newline="\r")),
    "no [DONE]": bytes_of(stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE, done=False)),
    "thinking inside the content": bytes_of(
        stream(content=f"<think>{THOUGHT}</think>{ANSWER}", usage=RAW_USAGE, piece=3)
    ),
    "OpenRouter": openrouter_stream(),
    "byte order mark and blank lines": b"\xef\xbb\xbf\r\n\n"
    + bytes_of(stream(reasoning=THOUGHT, content=ANSWER, usage=RAW_USAGE)),
    "escaped halves of a character, cut between them": b"".join(
        [event(chunk(reasoning=THOUGHT)), *escaped_in_two(), b"data: [DONE]\n\n"]
    ),
    "a plain JSON answer": json.dumps(
        {
            "choices": [
                {
                    "message": {"content": ANSWER, "reasoning_content": THOUGHT},
                    "finish_reason": "stop",
                }
            ],
            "usage": RAW_USAGE,
        },
        indent=1,
    ).encode(),
}


@pytest.mark.parametrize("shape", RECORDED)
def test_every_shape_says_the_same(shape: str) -> None:
    pieces, reader = read(RECORDED[shape])
    assert reasoning_of(pieces) == THOUGHT
    assert answer_of(pieces) == ANSWER
    assert (reader.usage, reader.finish) == (USAGE, "stop")


@pytest.mark.parametrize("shape", RECORDED)
def test_one_byte_at_a_time_is_the_same(shape: str) -> None:
    whole, _ = read(RECORDED[shape])
    single, reader = read(*(bytes([byte]) for byte in RECORDED[shape]))
    assert single == whole
    assert (reader.usage, reader.finish) == (USAGE, "stop")


@given(
    shape=st.sampled_from(sorted(RECORDED)),
    cuts=st.lists(st.floats(0, 1, allow_nan=False), max_size=12),
)
def test_a_stream_cut_anywhere_gives_the_same_pieces(shape: str, cuts: list[float]) -> None:
    data = RECORDED[shape]
    places = sorted({0, len(data), *(int(cut * len(data)) for cut in cuts)})
    parts = [data[start:end] for start, end in pairwise(places)]
    cut, cut_reader = read(*parts)
    whole, whole_reader = read(data)
    assert cut == whole
    assert (cut_reader.usage, cut_reader.finish, cut_reader.is_done) == (
        whole_reader.usage,
        whole_reader.finish,
        whole_reader.is_done,
    )


TEXTS = st.text(st.sampled_from('aé会🙂<>"\\\n \x1f{}'), min_size=1, max_size=6)


@given(
    said=st.lists(
        st.tuples(TEXTS, st.sampled_from(["content", "reasoning_content"]), st.booleans()),
        max_size=12,
    ),
    ascii=st.booleans(),
    ids=st.lists(st.sampled_from(["1", 'content":"x']), min_size=12, max_size=12),
)
def test_events_that_come_one_by_one_say_the_same_as_in_one_read(
    said: list[tuple[str, str, bool]], ascii: bool, ids: list[str]
) -> None:
    parts = []
    for (text, name, is_last), id in zip(said, ids, strict=False):
        choice = {
            "delta": {"content": "", name: text},
            "finish_reason": "stop" if is_last else None,
        }
        made = {"content": text, "id": id, "choices": [choice]}
        parts.append(f"data: {json.dumps(made, ensure_ascii=ascii)}\n\n".encode())
    single, reader = read(*parts)
    whole, whole_reader = read(b"".join(parts))
    assert single == whole
    assert reader.finish == whole_reader.finish
    expected = "".join(text for text, name, _ in said if name == "reasoning_content")
    if "<think>" not in "".join(text for text, _, _ in said):
        assert reasoning_of(single) == expected


def test_a_text_that_stands_beside_the_answers_is_not_taken_for_it() -> None:
    parts = [
        event({"content": beside, "choices": [{"delta": {"content": text}}]})
        for beside, text in [("a", "a"), ("a", "a"), ("b", "a"), ("a", "b")]
    ]
    assert answer_of(read(*parts)[0]) == "aaab"


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_at_all_make_it_fail(parts: list[bytes]) -> None:
    pieces, _ = read(*parts)
    assert pieces == read(b"".join(parts))[0]


@given(text=st.text(st.characters(codec="utf-8"), max_size=60), piece=st.integers(1, 7))
def test_content_without_tags_is_never_taken_for_thinking(text: str, piece: int) -> None:
    text = text.replace("<think>", "")
    pieces, _ = read(bytes_of(stream(content=text, piece=piece)))
    assert answer_of(pieces) == text
    assert reasoning_of(pieces) == ""


def test_thinking_opens_at_the_beginning_of_a_line_only() -> None:
    pieces, _ = read(bytes_of(stream(content='a <think>b\n  <think>c</think>d "<think>"', piece=1)))
    assert reasoning_of(pieces) == "c"
    assert answer_of(pieces) == 'a <think>b\n  d "<think>"'


def test_a_tag_that_is_never_finished_is_text() -> None:
    pieces, _ = read(bytes_of(stream(content="<thin", piece=1)))
    assert answer_of(pieces) == "<thin"


def test_pieces_arrive_before_the_blank_line_does() -> None:
    reader = AnswerReader()
    assert reader.feed(event(chunk(content="early"))[:-1]) == [AnswerText("early")]
    assert reader.feed(b"\n") == []


def test_data_in_several_lines_is_one_event() -> None:
    data = json.dumps(chunk(content="x"), indent=1).replace("\n", "\ndata: ")
    assert answer_of(read(f"data: {data}\n\n".encode())[0]) == "x"


def test_a_line_of_five_megabytes_is_read() -> None:
    data = event(chunk(content="x" * 5_000_000))
    pieces, _ = read(*(data[start : start + 65_536] for start in range(0, len(data), 65_536)))
    assert len(answer_of(pieces)) == 5_000_000


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (
            {"message": "overloaded", "type": "engine_overloaded_error"},
            Refusal("overloaded", "engine_overloaded_error"),
        ),
        (
            {"code": 502, "message": "bad", "metadata": {"error_type": "provider_unavailable"}},
            Refusal("bad", "provider_unavailable", 502),
        ),
        ("just a text", Refusal("just a text")),
        (
            {"message": "no", "param": "temperature", "code": "unsupported_value"},
            Refusal("no", "unsupported_value", None, "temperature"),
        ),
    ],
)
def test_an_error_in_mid_stream_comes_after_what_was_said(error: Any, refusal: Refusal) -> None:
    data = event(chunk(content="Half")) + event({"error": error, "choices": []})
    pieces, _ = read(data)
    assert pieces == [AnswerText("Half"), refusal]


@pytest.mark.parametrize(
    ("body", "is_page"),
    [
        (b"<!doctype html><title>502</title>", True),
        (b"upstream connect error", False),
        (b'{"hello": "world"}', False),
        (b'{"choices": [', False),
        (b"[1, 2]", False),
        (b'data: {"choices": [{"delta"\n\n', False),
        (b'data: {"a":' + b"[" * 100_000 + b"}\n\n", False),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes, is_page: bool) -> None:
    pieces, reader = read(body)
    assert [type(piece) for piece in pieces] == [Garbled]
    assert isinstance(pieces[0], Garbled) and pieces[0].is_page is is_page
    assert reader.finish is None


def test_a_word_that_keeps_the_connection_open_is_no_error() -> None:
    data = b"data: ping\n\n: comment\n\ndata:\n\n" + event(chunk(content="x", finish="stop"))
    assert read(data)[0] == [AnswerText("x")]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ({}, None),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": 5, "completion_tokens": None}, Usage(input=5)),
        ({"prompt_tokens": 5, "prompt_cache_hit_tokens": 3}, Usage(input=5, cached=3)),
        ({"prompt_tokens": "5", "completion_tokens": True}, None),
        ({"prompt_tokens": float("nan"), "completion_tokens": 1e300}, None),
        ({"prompt_tokens": 5, "prompt_tokens_details": [1]}, Usage(input=5)),
    ],
)
def test_usage_is_read_however_odd(usage: Any, expected: Usage | None) -> None:
    assert read_usage(usage) == expected


def test_usage_said_twice_counts_once_with_all_its_detail() -> None:
    data = event(chunk(finish="stop", usage=RAW_USAGE)) + event(
        {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 50}}
    )
    assert read(data)[1].usage == USAGE


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error": {"message": "m", "type": "t"}}', Refusal("m", "t")),
        (b'{"error": "m"}', Refusal("m")),
        (b'{"message": "m", "type": "t"}', Refusal("m", "t")),
        (b'{"detail": "m"}', Refusal("m")),
        (b"{}", Garbled("{}")),
        (b"no", Garbled("no")),
        (b" <html>", Garbled(" <html>", is_page=True)),
    ],
)
def test_refusals_are_read_in_any_shape(body: bytes, expected: Any) -> None:
    assert read_error_body(body) == expected
