"""Counts tokens without a tokenizer and without the network: good enough to plan with, never to bill.

It knows nothing of models; what was really used is what a provider's usage says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from amx_tui.llm.model import Message

_ASCII_PER_TOKEN = 3.5
_OTHER_PER_TOKEN = 1.2
# A role and its delimiters.
_PER_MESSAGE = 4


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` is: one for 3.5 ASCII characters, one for 1.2 others.

    Meant to err upwards. English prose has 4 to 5 characters a token, so that it is estimated up to
    a third too high; lists of names such as `X_LEGACY_FLG` have about 3, so that they may be a fifth
    too low; Chinese and Japanese have about 1 to 1.7. Leave a margin of a quarter where it matters.
    """
    if text.isascii():
        return math.ceil(len(text) / _ASCII_PER_TOKEN)
    ascii_count = len(text.encode("ascii", "ignore"))
    return math.ceil(ascii_count / _ASCII_PER_TOKEN + (len(text) - ascii_count) / _OTHER_PER_TOKEN)


def estimate_prompt(messages: Iterable[Message]) -> int:
    """About how many tokens a request's messages are, with what a chat format adds to each."""
    return sum(estimate_tokens(message.content) + _PER_MESSAGE for message in messages)
