"""Finds in a text what must not leave the machine, such as keys, addresses and account numbers, and
leaves its shape. It knows no privacy level and no place where texts come from."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

from amx_tui.base.text import one_line

# What keeps the shape of a code, an address or a date recognisable and says nothing by itself.
_KEPT = frozenset(string.punctuation + " ")
_LONGEST_RUN = 20


class _Masks(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = masked = _mask_character(chr(code))
        return masked


def _mask_character(character: str) -> str:
    if character.isnumeric():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() or character.istitle() else "a"
    return character if character in _KEPT else "?"


_MASKS = _Masks()


def _cap_runs(masked: str) -> str:
    """Runs longer than `_LONGEST_RUN` are cut: a length can be as telling as a text."""
    return _LONG_RUNS.sub(lambda run: run[0][:_LONGEST_RUN], masked)


_LONG_RUNS = re.compile(rf"(.)\1{{{_LONGEST_RUN},}}")


def mask_shape(text: str) -> str:
    """`text` with every letter as `a` or `A`, every digit as `9`; ASCII punctuation and spaces stay,
    anything else is `?`."""
    return _cap_runs(one_line(text).translate(_MASKS))


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _passes_iban(text: str) -> bool:
    """ISO 13616: the first four characters moved to the end, letters counted from A=10, modulo 97."""
    compact = re.sub(r"\s", "", text).upper()
    return int("".join(str(int(sign, 36)) for sign in compact[4:] + compact[:4])) % 97 == 1


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"[^0-9]", "", match[0])
    return mask_shape(match[0]) if _passes_luhn(digits) else match[0]


def _mask_iban(match: re.Match[str]) -> str:
    """The match may have run on into the words that follow."""
    words = match[0].split(" ")
    for count in range(len(words), 0, -1):
        text = " ".join(words[:count])
        if len(text) >= 15 and _passes_iban(text):
            return mask_shape(text) + match[0][len(text) :]
    return match[0]


def _mask_match(match: re.Match[str]) -> str:
    return mask_shape(match[0])


def _mask_token(match: re.Match[str]) -> str:
    text = match[0]
    mixed = any(sign.isdigit() for sign in text) and any(sign.isalpha() for sign in text)
    return mask_shape(text) if mixed else text


# Words and numbers between underscores, such as X_CUSTOMER_ORDER_HISTORY_2019: how tables and files are
# called. What a machine drew mixes the two within a part.
_NAME = re.compile(r"[A-Za-z]+\d{0,4}(?:[_/-]+(?:[A-Za-z]+\d{0,4}|\d{1,8}))+", re.ASCII)


def _mask_token_but_no_name(match: re.Match[str]) -> str:
    return match[0] if _NAME.fullmatch(match[0]) else _mask_token(match)


_DIGITS = frozenset("0")  # stands for all ten
_AT = frozenset("@")
# In the order in which they are tried; the shape that one leaves is not recognised by the next. First,
# what an ASCII text in lower case has to have any of for the pattern to be worth trying: most lines of a
# document have none, and looking for a few characters takes a hundredth of the time.
_SENSITIVE: tuple[tuple[frozenset[str], re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    # A user and password inside a URL, then an address.
    (_AT, re.compile(r"(?<=://)[^\s/@]+:[^\s/@]*(?=@)"), _mask_match),
    (_AT, re.compile(r"""[^\s<>"'(),:;@\[\]{}]+@[^\s<>"'(),:;@\[\]{}]+"""), _mask_match),
    # Keys and tokens: known prefixes (OpenAI, Moonshot, GitHub, GitLab, AWS, Slack, Google, JWT), what
    # follows a telling name, and long runs of letters mixed with digits.
    (
        frozenset(("-", "_", "akia", "asia", "aiza", "eyj")),
        re.compile(
            r"\b(?:sk|pk|rk|ghp|gho|ghs|ghu|github_pat|glpat|xox[abeoprs])[-_][\w-]{8,}"
            r"|\b(?:AKIA|ASIA)[0-9A-Z]{12,}|\bAIza[\w-]{20,}"
            r"|\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?",
            re.ASCII,
        ),
        _mask_match,
    ),
    (
        frozenset(
            (
                "bearer ",
                "basic ",
                "password=",
                "passwd=",
                "secret=",
                "token=",
                "api_key=",
                "apikey=",
            )
        ),
        re.compile(
            r"(?<=bearer )\S+|(?<=basic )\S{8,}"
            r"|(?:(?<=password=)|(?<=passwd=)|(?<=secret=)|(?<=token=)|(?<=api_key=)|(?<=apikey=))"
            r"[^\s&;,]+",
            re.IGNORECASE,
        ),
        _mask_match,
    ),
    (
        _DIGITS,
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[0-9A-Z]){11,30}\b", re.ASCII | re.IGNORECASE),
        _mask_iban,
    ),
    (_DIGITS, re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)", re.ASCII), _mask_card),
    (_DIGITS, re.compile(r"(?<![\w-])[A-Za-z0-9+/_-]{24,}={0,2}(?![\w-])", re.ASCII), _mask_token),
    # National number (US), then phones: international, with a bracketed or a leading-zero area
    # code, and North American.
    (frozenset("-"), re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"), _mask_match),
    (
        _DIGITS,
        re.compile(
            r"(?<![\w+])\+\d[\d ()/.-]{5,}\d"
            r"|(?<!\d)\(\d{2,5}\)[ \d/.-]{4,}\d"
            r"|(?<![\d.,-])0\d{1,4}[ /-]{1,2}\d(?:[ \d/-]{3,})\d(?!\d)"
            r"|(?<![\d.,-])\d{3}[-. ]\d{3}[-. ]\d{4}(?!\d)"
            r"|(?<!\d)00[1-9]\d{8,12}(?!\d)"
        ),
        _mask_match,
    ),
)
_DIGIT = re.compile("[0-9]")
_SIGNS = tuple(sorted({sign for needs, *_ in _SENSITIVE for sign in needs} - {*_DIGITS}))


def mask_sensitive(text: str, *, keeps_names: bool = False) -> str:
    """`text` with e-mail addresses, phone, card, bank and national numbers, keys and tokens as shapes.
    `keeps_names`: in prose and code, a long word that reads as the name of a table or file stays."""
    present: list[str] | None = None
    if text.isascii():
        low = text.lower()
        present = [sign for sign in _SIGNS if sign in low]
        if _DIGIT.search(low):
            present += _DIGITS
        if not present:
            return text
    for needs, pattern, replace in _SENSITIVE:
        if present is not None and needs.isdisjoint(present):
            continue
        if keeps_names and replace is _mask_token:
            replace = _mask_token_but_no_name
        text = pattern.sub(replace, text)
    return text
