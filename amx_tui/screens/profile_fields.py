"""The fields of the LLM profile form: order, defaults and what is said of a value, as AMX's
`/add-llm-profile` has them. Pure: it asks nobody, and draws nothing."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from urllib.parse import urlsplit

from amx_tui.config.keys import KEY_VARIABLE, KeyringState, is_reference
from amx_tui.config.model import Key, Profile, Settings
from amx_tui.llm.model import ListedModel, Model, Provider
from amx_tui.llm.models import find_model, models_of
from amx_tui.llm.providers import (
    PROVIDERS,
    fault_of_base,
    host_of,
    is_own_base,
    normal_base,
    shown_base,
)
from amx_tui.widgets.form import Field, Note
from amx_tui.widgets.words import number

PLATFORM = "platform"  # the one field that is not AMX's: where the key is from, which sets the base
ELSEWHERE = "elsewhere"  # a base of none of the provider's platforms

FIELDS: tuple[Field, ...] = (
    Field("name", "Profile name"),
    Field("provider", "Provider", is_pick=True),
    Field("model", "Model"),
    Field(PLATFORM, "Your key is from", is_pick=True),
    Field("api_base", "API base"),
    Field("api_key", "API key", is_secret=True),
    Field("temperature", "Temperature", default="0.2"),
    Field("max_tokens", "Output token budget", default="4096"),
    Field("n_alternatives", "Alternatives/column", default="3"),
    Field("column_batch_size", "Columns per batch", default="10", is_folded=True),
    Field("logprob_high", "High from", default="0.85", is_folded=True),
    Field("logprob_medium", "Medium from", default="0.5", is_folded=True),
    Field("custom_input_cost_per_mtok", "Your rate, input", is_folded=True),
    Field("custom_output_cost_per_mtok", "Your rate, output", is_folded=True),
)
# What amx-cli 0.19 reads where the file says nothing; the page's form offers 4096.
AMX_MAX_TOKENS = 16_384
_MOST_TOKENS = 1_048_576
_MOST_RATE = 10_000.0
_RATES = ("custom_input_cost_per_mtok", "custom_output_cost_per_mtok")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the form knows. `values` are what counts, the defaults where nothing was typed. `listed`
    are the models of this very key at this very base, None where they were not asked for. `found` is
    the key that counts while none is typed, `lost` why there is none behind a reference. `has_base`: a
    base stands in the field, and is not only what the provider has."""

    values: Mapping[str, str] = field(repr=False)  # the key is among them
    provider: Provider
    model: Model
    taken: Sequence[str] = ()
    old: Profile | None = None
    listed: Mapping[str, ListedModel] | None = None
    keyring: KeyringState | None = None
    found: Key | None = None
    lost: str = ""
    settings: Settings = field(default_factory=Settings)
    has_base: bool = True

    @property
    def keeps_stored_key(self) -> bool:
        """Whether the key is the one that the profile has already."""
        return not self.values["api_key"] and self.old is not None and bool(self.old.api_key)

    @property
    def moves_key(self) -> bool:
        """Whether a stored key would from now on go to a host that it was not given for."""
        if not self.keeps_stored_key or self.old is None:
            return False
        before = host_of(base_of(self.old))
        return bool(before) and before != host_of(self.values["api_base"])


def base_of(profile: Profile) -> str:
    """Where requests of a profile go, its provider's own base where it names none."""
    row = PROVIDERS.get(profile.provider.lower())
    return profile.api_base or (row.bases[0] if row and row.bases else "")


def text_of(field: Field, profile: Profile | None) -> str:
    """What stands in a field at first; a key is never put there."""
    if profile is None or field.is_secret or field.is_pick:
        return ""
    value = getattr(profile, field.id)
    if field.id == "api_base" and value:
        return shown_base(value)
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def judge(name: str, answers: Answers) -> Note | None:
    """What is wrong with a value, or strange; None where nothing is."""
    value = answers.values[name]
    check = _CHECKS.get(name)
    return check(value, answers) if check is not None else None


def tell_fact(name: str, answers: Answers) -> Note | None:
    """What is worth knowing of a field whatever stands in it."""
    match name:
        case "api_key":
            return _whereabouts(answers)
        case "temperature" if answers.model.pins_temperature:
            return Note(f"{answers.model.id} sets its own; this is not sent")
        case "max_tokens" if answers.values[name] == "4096":
            return Note(f"not written; AMX itself reads a missing one as {number(AMX_MAX_TOKENS)}")
    return None


def make_profile(answers: Answers) -> tuple[Profile, tuple[str, ...]]:
    """The profile that the answers make, and the fields that are wrong, whose defaults it has instead.
    What the form does not show is as it was. A typed key is not in it."""
    values = answers.values
    wrong = tuple(
        row.id for row in FIELDS if (note := judge(row.id, answers)) is not None and note.is_bad
    )
    old = answers.old or Profile("", "", "")
    usual = Profile("", "", "")

    own = answers.provider.bases[0] if answers.provider.bases else ""
    base = own if "api_base" in wrong else values["api_base"]
    if not answers.has_base and answers.old is not None and not answers.old.api_base:
        base = ""  # the file leaves it to the provider, and goes on doing so

    def valid(name: str, make: Callable[[str], object]) -> object:
        return getattr(usual, name) if name in wrong else make(values[name])

    made = replace(
        old,
        name=values["name"],
        provider=answers.provider.id,
        model=values["model"],
        api_base=normal_base(base) or None,
        **{name: valid(name, make) for name, make in _MADE.items()},  # type: ignore[arg-type]
    )
    return made, wrong


def _rate(value: str) -> float | None:
    return float(value) if value else None


_MADE: Mapping[str, Callable[[str], object]] = {
    "temperature": float,
    "max_tokens": int,
    "n_alternatives": int,
    "column_batch_size": int,
    "logprob_high": float,
    "logprob_medium": float,
    "custom_input_cost_per_mtok": _rate,
    "custom_output_cost_per_mtok": _rate,
}


# What is said of each. ---------------------------------------------------------------------------


def _bad(words: str, offer: str = "") -> Note:
    return Note(words, "bad", offer)


def _warn(words: str, offer: str = "", offer_words: str = "") -> Note:
    return Note(words, "warn", offer, offer_words)


def _check_name(value: str, answers: Answers) -> Note | None:
    if not value:
        return _bad("A profile needs a name.")
    if value in answers.taken:
        return _bad(f"There is a profile '{value}' already.")
    return None


def _check_model(value: str, answers: Answers) -> Note | None:
    if not value:
        return _bad("Which model? The list tells when to pick which.")
    model, row = answers.model, answers.provider
    listed = answers.listed
    if listed is not None and value in listed:
        return None
    if model.retired:
        return _warn(f"It left {row.title} on {model.retired}.", model.successor or "")
    own = [known.id for known in models_of(row.id)]
    if listed:
        near = get_close_matches(value, [*listed], n=1, cutoff=0.5)
        return _warn("This key does not list it.", near[0] if near else "")
    if value in own:
        return None
    elsewhere = find_model("kimi", value).openrouter_id if row.id == "openrouter" else None
    if elsewhere:
        return _warn(f"{row.title} has another name for it.", elsewhere)
    if not answers.model.is_inferred or not own:
        return None
    near = get_close_matches(value, own, n=1, cutoff=0.85)
    return _warn("Not in our table; it can be right all the same.", near[0] if near else "")


def _check_base(value: str, answers: Answers) -> Note | None:
    if not value:
        return None if answers.provider.bases else _bad("Where is the server?")
    if fault := fault_of_base(value):
        fixed = f"https://{value}"
        can_fix = "://" not in value and not fault_of_base(fixed)
        return _bad(fault, fixed if can_fix else "")
    parts = urlsplit(value)
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        return _bad(
            "http would send the key unencrypted; use https.",
            "https" + value.removeprefix("http"),
        )
    for other in PROVIDERS.values():
        if other.id != answers.provider.id and other.needs_key and is_own_base(other, value):
            own = answers.provider.bases[0]
            return _warn(f"That is {other.title}'s host, not {answers.provider.title}'s.", own)
    return None


def _check_key(value: str, answers: Answers) -> Note | None:
    prefix = answers.provider.key_prefix
    if not value:
        if answers.moves_key and answers.old is not None:
            before = host_of(base_of(answers.old))
            return _warn(f"The stored key was given for {before}; type the one for this host.")
        is_plain = answers.old is not None and answers.keeps_stored_key
        if is_plain and answers.old is not None and not is_reference(answers.old.api_key):
            if answers.keyring is not None and answers.keyring.is_usable:
                hint = Key(answers.old.api_key.strip(), "").hint
                return _warn(
                    f"{hint}  stands in config.yml, readable.",
                    answers.old.api_key.strip(),
                    "moves it into the keyring",
                )
            return None
        is_missing = answers.found is None and not answers.keeps_stored_key
        if answers.provider.needs_key and is_missing and answers.keyring is not None:
            return _warn(f"No key yet: paste one, or export {KEY_VARIABLE}.")
        return None
    if not value.isascii() or not value.isprintable():
        return _bad("No key has such characters; copy it again.")
    if not value.startswith(prefix):
        return _warn(f"Keys of {answers.provider.title} usually begin with {prefix}")
    return None


def _check_temperature(value: str, answers: Answers) -> Note | None:
    return _number(value, 0, 2)


def _check_budget(value: str, answers: Answers) -> Note | None:
    if wrong := _whole(value, 1, _MOST_TOKENS):
        return wrong
    context = answers.model.context
    if context is not None and int(value) > context:
        return _bad(
            f"{answers.model.id} has {number(context)} tokens for question and answer together.",
            "4096" if context > 4096 else str(context // 2),
        )
    return None


def _check_alternatives(value: str, answers: Answers) -> Note | None:
    return _whole(value, 1, 5)


def _check_batch(value: str, answers: Answers) -> Note | None:
    return _whole(value, 1, 200)


def _check_threshold(value: str, answers: Answers) -> Note | None:
    return _number(value, 0, 1)


def _check_medium(value: str, answers: Answers) -> Note | None:
    high = answers.values["logprob_high"]
    if wrong := _number(value, 0, 1):
        return wrong
    if _number(high, 0, 1) is None and float(value) >= float(high):
        return _bad(f"Medium begins below high ({high}).")
    return None


def _check_rate(value: str, answers: Answers) -> Note | None:
    if value and (wrong := _number(value, 0, _MOST_RATE)):
        return wrong
    if bool(answers.values[_RATES[0]]) != bool(answers.values[_RATES[1]]) and not value:
        return _bad("Both rates or none: one alone gives no cost.")
    return None


_CHECKS: Mapping[str, Callable[[str, Answers], Note | None]] = {
    "name": _check_name,
    "model": _check_model,
    "api_base": _check_base,
    "api_key": _check_key,
    "temperature": _check_temperature,
    "max_tokens": _check_budget,
    "n_alternatives": _check_alternatives,
    "column_batch_size": _check_batch,
    "logprob_high": _check_threshold,
    "logprob_medium": _check_medium,
    **dict.fromkeys(_RATES, _check_rate),
}


def _whereabouts(answers: Answers) -> Note:
    """Where the key is, and where it would go."""
    value, state = answers.values["api_key"], answers.keyring
    if value:
        hint = Key(value, "").hint
        if state is None:
            return Note(f"{hint}  looking for a keyring …")
        if state.is_usable:
            return Note(f"{hint}  goes into the keyring")
        return Note(f"{hint}  no usable keyring: saving asks first", "warn")
    if answers.keeps_stored_key:
        if answers.found is not None:
            return Note(f"{answers.found.hint}  from: {answers.found.source}. Empty keeps it")
        return Note(answers.lost or "looking for the key …", "warn" if answers.lost else "dim")
    if answers.found is not None:
        return Note(f"{answers.found.hint}  from: {answers.found.source}. Empty keeps using it")
    if not answers.provider.needs_key:
        return Note("none needed")
    if state is not None and not state.is_usable:
        return Note(f"No usable keyring: export {KEY_VARIABLE} instead", "warn")
    if state is None:
        return Note("looking for a keyring …")
    return Note(f"goes into the keyring; empty: {KEY_VARIABLE}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _number(value: str, low: float, high: float) -> Note | None:
    try:
        amount = float(value)
    except ValueError:
        return _bad(f"A number from {low:g} to {high:g}.")
    return None if low <= amount <= high else _bad(f"From {low:g} to {high:g}.")


def _whole(value: str, low: int, high: int) -> Note | None:
    if not (value.isascii() and value.lstrip("+-").isdigit() and len(value) < 12):
        return _bad(f"A whole number from {number(low)} to {number(high)}.")
    return None if low <= int(value) <= high else _bad(f"From {number(low)} to {number(high)}.")
