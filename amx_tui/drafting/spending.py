"""What a run may spend: under its cap money is set aside for each request before it goes out, and
counted while it answers. It decides how much; when a run is over, its engine does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from amx_tui.drafting.model import Batch, Estimate
from amx_tui.llm.model import Rates, Usage
from amx_tui.llm.rates import cost

# Bytes of streamed text a token, until the provider reports the exact figure.
_BYTES_PER_TOKEN = 4
# A prompt's tokens are estimated, and lists of names up to a fifth too low.
_PROMPT_MARGIN = 1.25
# Where the cap does not pay for the whole output budget of all requests, each may have so many times
# what its answer is expected to take before another one is sent beside it.
_AMPLE = 4


class Capped(Exception):
    """The cap does not pay for a request, or for the rest of one."""


@dataclass(slots=True, eq=False)
class Outlay:
    """The requests of one batch, one after another. USD, unless it says otherwise."""

    expected: float = 0.0  # of the next request
    granted: float = 0.0  # what the request which is out costs at most
    prompt: float = 0.0  # its share of that
    streamed: int = 0  # bytes of text that came of it, and are in no usage yet
    is_out: bool = False  # it was sent, and will be billed for all that is known


class Spending:
    """The money of one run.

    Args:
        cap_usd: What it may cost in all; None: there is no cap.
        rates: USD per million tokens; without them nothing is priced and no cap can hold.
        already_usd: What a run that goes on has cost before.
    """

    def __init__(self, cap_usd: float | None, rates: Rates | None, already_usd: float) -> None:
        self.spent_usd = 0.0  # as reported, and estimated where a request ended without a usage
        self._cap = cap_usd
        self._rates = rates
        self._already_usd = already_usd
        self._open: set[Outlay] = set()
        self._freed = asyncio.Event()  # what a request had set aside is free again
        self._is_closed = False

    @property
    def cost_usd(self) -> float:
        """What the run cost with all that went before."""
        return self._already_usd + self.spent_usd

    def can_pay(self, estimate: Estimate) -> bool:
        """Whether the cap allows so much beside everything that is spent and in flight."""
        if self._cap is None or estimate.usd is None:
            return True
        reserved = sum(outlay.granted or outlay.expected for outlay in self._open)
        return self.cost_usd + reserved + estimate.usd <= self._cap

    def open(self, outlay: Outlay, estimate: Estimate) -> None:
        """A batch begins, and is expected to cost so much."""
        outlay.expected = estimate.usd or 0.0
        self._open.add(outlay)

    def close(self, outlay: Outlay) -> None:
        """A batch has ended; it may begin again."""
        self._open.discard(outlay)
        outlay.expected = 0.0
        self._settle(outlay)

    def end(self) -> None:
        """No further request is paid for."""
        self._is_closed = True
        self._freed.set()

    async def grant(
        self,
        outlay: Outlay,
        batch: Batch,
        *,
        prompt_tokens: int,
        wanted: int,
        least: int,
        asking: Callable[[], int],
    ) -> int:
        """Sets aside what a request may cost at most, so that all that are out together cannot pass
        the cap; see `Allowance.grant`. `asking` counts the requests that want a share, this one too.

        Raises:
            Capped: no further request is made.
        """
        self._settle(outlay)
        cap, rates = self._cap, self._rates
        if cap is None or rates is None:
            return wanted
        expected = batch.estimate.output_tokens
        least = min(max(least, expected), wanted)
        ample = min(max(least, _AMPLE * expected), wanted)
        prompt_tokens = max(round(prompt_tokens * _PROMPT_MARGIN), batch.estimate.input_tokens)
        prompt_usd = cost(Usage(prompt_tokens), rates) or 0.0
        while not self._is_closed:
            granted_usd = sum(other.granted for other in self._open)
            left = cap - self.cost_usd - granted_usd - prompt_usd
            if rates.output > 0:
                pays = int(left * 1e6 / rates.output)
            else:
                pays = wanted if left >= 0 else 0
            if pays >= ample or (pays >= least and not granted_usd):
                share = pays // max(asking(), 1)
                budget = min(wanted, pays, max(ample, share))
                outlay.prompt = prompt_usd
                outlay.granted = prompt_usd + budget * rates.output / 1e6
                return budget
            if not granted_usd:
                break
            self._freed.clear()
            await self._freed.wait()  # what is out may turn out cheaper
        raise Capped

    def count(self, outlay: Outlay, text: str) -> bool:
        """Counts text that came; False where what is out has cost more than the cap, because a provider
        does not keep to the limit that it was given."""
        outlay.streamed += len(text.encode("utf-8", "replace"))
        if self._cap is None or self._rates is None:
            return True
        rate = self._rates.output / _BYTES_PER_TOKEN / 1e6
        out = sum(other.prompt + other.streamed * rate for other in self._open)
        return self.cost_usd + out <= self._cap

    def report(self, outlay: Outlay, usage: Usage) -> float | None:
        """What the request that was out used: its price in USD, None where no rate is known."""
        usd = cost(usage, self._rates)
        self.spent_usd += usd or 0.0
        self._settle(outlay)
        return usd

    def refused(self, outlay: Outlay) -> None:
        """The request that was out cost nothing."""
        self._settle(outlay)

    def guess(self, outlay: Outlay, estimate: Estimate, least_output: int = 0) -> Usage:
        """What a request used that ended without telling: as it was expected to, or as much as came
        where that is more. A thought that is hidden is billed as any other."""
        streamed = outlay.streamed // _BYTES_PER_TOKEN
        output = max(streamed, estimate.output_tokens, least_output)
        return Usage(input=estimate.input_tokens, output=output)

    def _settle(self, outlay: Outlay) -> None:
        outlay.granted = outlay.prompt = 0.0
        outlay.streamed = 0
        outlay.is_out = False
        self._freed.set()
