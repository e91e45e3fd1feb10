"""What was sent to the model in a run and what it said, while it is looked at: bounded, since the whole
is in the transcripts."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amx_tui.commands.model import Draft
    from amx_tui.drafting.model import Batch

# Characters kept of one batch's reasoning or answer: more than anybody reads on a screen.
MOST = 2_000_000


@dataclass(slots=True)
class Text:
    """Grows at its end and forgets its beginning."""

    pieces: deque[str] = field(default_factory=deque)
    size: int = 0

    def add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.size += len(piece)
        while self.size > MOST and len(self.pieces) > 1:
            self.size -= len(self.pieces.popleft())

    def __str__(self) -> str:
        return "".join(self.pieces)


def attempt_heading(attempt: int) -> str:
    """What stands between the words of an attempt and those of the one before."""
    return f"\n\n── attempt {attempt} ──\n\n"


@dataclass(slots=True)
class BatchTexts:
    reasoning: Text = field(default_factory=Text)
    answer: Text = field(default_factory=Text)

    def begin(self, attempt: int) -> None:
        """What comes from here on is of another attempt."""
        for text in (self.reasoning, self.answer):
            if text.size:
                text.add(attempt_heading(attempt))


def request_text(draft: Draft, batch: Batch, without: Collection[str] = ()) -> str:
    """The request of a batch as it goes out: address, headers without the key, parameters (but those
    in `without`, which the provider refused), and the messages word for word."""
    from amx_tui.llm.body import output_budget, request_body
    from amx_tui.llm.client import request_headers
    from amx_tui.llm.tokens import estimate_prompt

    setup = draft.setup
    budget = output_budget(setup, estimate_prompt(batch.messages))
    body = request_body(setup, (), budget=budget, without=frozenset(without))
    body.pop("messages")
    headers = request_headers(setup)
    if "Authorization" in headers and setup.endpoint.key is not None:
        headers["Authorization"] = f"Bearer (the key from {setup.endpoint.key.source})"
    head = [f"POST {setup.endpoint.base}/chat/completions"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    parts = [f"── {message.role} ──\n{message.content}" for message in batch.messages]
    return "\n\n".join(["\n".join(head), json.dumps(body, ensure_ascii=False), *parts])
