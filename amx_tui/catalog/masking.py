"""Takes out of a value what a model must not see, and leaves its shape. It knows no database and
reads no row."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from amx_tui.base.sensitive import mask_sensitive, mask_shape
from amx_tui.base.text import one_line
from amx_tui.config.model import Privacy

BINARY = "(binary)"


def _write_number(value: float | Decimal) -> str:
    """Positional notation, at most two places after the point: the magnitude, not the precision."""
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        return "a"
    whole, _, rest = f"{number:f}".partition(".")
    return f"{whole}.{rest[:2]}" if rest else whole


def mask(value: object, privacy: Privacy) -> str:
    """What a model may see of `value`, on one line.

    Nothing at `METADATA`. At `SHAPES` letters become `a`/`A` and digits `9`, so that a number keeps
    its magnitude and a date its shape. At `VALUES` the value itself, except that e-mail addresses,
    phone, card, bank and national numbers, keys and tokens are given as shapes.
    """
    if privacy is Privacy.METADATA or value is None:
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        return BINARY
    if privacy is Privacy.VALUES:
        return mask_sensitive(one_line(str(value)))
    if isinstance(value, bool):
        return "a"
    if isinstance(value, int):
        return mask_shape(str(value))
    if isinstance(value, float | Decimal):
        return mask_shape(_write_number(value))
    if isinstance(value, date | datetime | time | timedelta):
        return mask_shape(str(value))
    return mask_shape(str(value))
