"""The fields of the profile form: order, defaults and checks, as AMX's `/add-llm-profile` has them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from amx_tui.config.model import Profile
from amx_tui.llm.model import Provider
from amx_tui.llm.providers import fault_of_base, shown_base


@dataclass(frozen=True, slots=True)
class Field:
    """`default` is what Enter keeps."""

    id: str
    label: str
    default: str = ""
    placeholder: str = ""
    is_secret: bool = False

    def value_of(self, profile: Profile | None) -> str:
        """What stands in the field at first; a key is never put there."""
        if profile is None or self.is_secret:
            return ""
        value = getattr(profile, self.id)
        if self.id == "api_base" and value:
            return shown_base(value)
        return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


FIELDS: tuple[Field, ...] = (
    Field("name", "Profile name"),
    Field("provider", "Provider", default="kimi"),
    Field("model", "Model"),
    Field("api_base", "API base"),
    Field("api_key", "API key", placeholder="sk-…  or AMX_LLM_API_KEY", is_secret=True),
    Field("temperature", "Temperature", default="0.2", placeholder="0.2"),
    Field("max_tokens", "Output token budget", default="4096", placeholder="4096"),
    Field("n_alternatives", "Alternatives/column", default="3", placeholder="3"),
)


def check_field(name: str, value: str, taken: Sequence[str] = ()) -> str:
    """What is wrong with a value, in words; "" where nothing is."""
    match name:
        case "name":
            if not value:
                return "A profile needs a name."
            if value in taken:
                return f"There is a profile '{value}' already."
        case "model":
            return "" if value else "Which model? The list beside tells when to pick which."
        case "api_base":
            return _check_base(value)
        case "temperature":
            return _check_number(value, 0, 2, whole=False)
        case "max_tokens":
            return _check_number(value, 1, 1_048_576, whole=True)
        case "n_alternatives":
            return _check_number(value, 1, 5, whole=True)
    return ""


def warn_field(name: str, value: str, provider: Provider) -> str:
    """What is strange about a value, though it may be right."""
    if name == "api_key" and value and not value.startswith(provider.key_prefix):
        return f"usually starts with {provider.key_prefix}"
    return ""


def _check_base(value: str) -> str:
    if not value:
        return ""
    if fault := fault_of_base(value):
        return fault
    parts = urlsplit(value)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return "http would send the key unencrypted; use https."
    return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_number(value: str, low: int, high: int, *, whole: bool) -> str:
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        return f"A {'whole ' if whole else ''}number from {low} to {high}."
    return "" if low <= number <= high else f"From {low} to {high}."
