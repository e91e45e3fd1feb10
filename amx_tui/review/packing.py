"""The alternatives of a suggestion as one text, which is how they are kept: in `tui.db`, and in memory
until somebody looks at them. A hundred thousand suggestions take a third of the room that way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from amx_tui.drafting.model import Alternative, Band, Confidence, Signal

# Enum's own look-up is slow.
_BANDS = {band.value: band for band in Band}
_SIGNALS = {signal.value: signal for signal in Signal}


def pack_alternatives(alternatives: Sequence[Alternative]) -> str:
    """Text, band, signal, score and reason of each, as JSON."""
    return json.dumps(
        [
            (
                alternative.text,
                alternative.confidence.band.value,
                alternative.confidence.signal.value,
                alternative.confidence.score,
                alternative.reason,
            )
            for alternative in alternatives
        ],
        separators=(",", ":"),
    )


@lru_cache(maxsize=500)  # a few screens full: what is drawn is asked for again and again
def unpack_alternatives(packed: str) -> tuple[Alternative, ...]:
    """
    Raises:
        ValueError, KeyError, TypeError: it is no such text.
    """
    return tuple(
        Alternative(text, _confidence(band, signal, score), reason)
        for text, band, signal, score, reason in json.loads(packed)
    )


@lru_cache(maxsize=1_000)
def _confidence(band: str, signal: str, score: float | None) -> Confidence:
    return Confidence(_BANDS[band], _SIGNALS[signal], score)
