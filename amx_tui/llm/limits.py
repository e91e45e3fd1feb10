"""What a refusal says of how much a model may be asked for: its context, or its longest answer. A model
that is not in the table, and a server of one's own, tell it nowhere else."""

from __future__ import annotations

import re
from dataclasses import dataclass

# An answer of fewer tokens is not worth asking for: a smaller batch is.
LEAST_OUTPUT = 1_024

_NUMBER = r"(\d{1,3}(?:,\d{3})+|\d{2,9})"
# "maximum context length is 16384 tokens" (OpenAI, vLLM), "exceeded model token limit: 8192
# (requested: 9500)" (Moonshot), "the available context size (4096 tokens)" (llama.cpp).
_CONTEXT = re.compile(
    rf"(?:context (?:length|window|size)|token limit)[^\d.]{{0,20}}{_NUMBER}", re.I
)
_PROMPT = re.compile(
    rf"{_NUMBER} (?:input tokens|prompt tokens|tokens? in the prompt|in the messages)", re.I
)
_REQUESTED = re.compile(rf"requested:? (?:about )?{_NUMBER}", re.I)
# "at most 16384 completion tokens" (OpenAI), "the valid range of max_tokens is [1, 8192]" (DeepSeek),
# "must be less than or equal to `4096`" (Groq).
_OUTPUT = re.compile(
    rf"(?:at most|up to|no more than|less than or equal to|<=|maximum (?:value |of |is )+|\[\d+, ?)\W{{0,3}}{_NUMBER}",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """In tokens, as far as a refusal names them. `prompt` is what the refused request had of it."""

    context: int | None = None
    output: int | None = None
    prompt: int | None = None


def read_limits(message: str, budget: int) -> Limits:
    """What `message`, which refuses a request with `budget` tokens of output, says of limits."""
    context, prompt = _read(_CONTEXT, message), _read(_PROMPT, message)
    if context is None:
        return Limits(output=_read(_OUTPUT, message))
    requested = _read(_REQUESTED, message)
    if prompt is None and requested is not None and requested > budget:
        prompt = requested - budget
    return Limits(context, prompt=prompt)


def _read(pattern: re.Pattern[str], message: str) -> int | None:
    match = pattern.search(message)
    return int(match[1].replace(",", "")) if match else None
