"""Numbers as people read them, wherever they are told: on a screen, in a report, in a shell."""

from __future__ import annotations


def number(value: int) -> str:
    """41 812, with a thin look: groups of three."""
    return f"{value:,}".replace(",", " ")


def counted(count: int, noun: str) -> str:
    """1 text, 1 204 texts: for nouns whose plural is an s."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def money(usd: float | None) -> str:
    """USD; an unknown amount is said, never shown as zero."""
    if usd is None:
        return "unknown cost"
    if usd and usd < 0.01:
        return f"$ {usd:.4f}"
    return f"$ {usd:.2f}"


def rate(usd: float) -> str:
    """USD per million tokens, with two places at least, so that points stand below each other."""
    whole, _, places = f"{usd:.6f}".rstrip("0").partition(".")
    return f"{whole}.{places:0<2}"


def balance_words(available: float, currency: str) -> str:
    """What an account has left, in its own currency; never shown nearer to nothing than it is."""
    sign = f"{currency} " if currency else ""
    return f"{sign}{available:,.2f}".replace(",", " ")
