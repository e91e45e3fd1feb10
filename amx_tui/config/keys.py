"""Where API keys and passwords really are: the system's keyring, a variable, or the file as the
person's own choice. It knows references and the keyring, nothing of providers.

Every function here that asks the keyring blocks, and may block for as long as the system shows its
own question for the keyring's password: call it in a thread, and say on the screen that the keyring
is being asked. What a keyring says in its errors is never repeated, because it may quote a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from amx_tui.base.text import clean, one_line
from amx_tui.config.model import ConfigProblem, Key, Profile

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

KEY_VARIABLE = "AMX_LLM_API_KEY"
SERVICE = "amx"
SCHEME = "keyring:"
Place: TypeAlias = tuple[str, str]  # service and user


@dataclass(frozen=True, slots=True)
class KeyringState:
    """Whether secrets can be put into the keyring of this machine; `name` is the backend's, `reason`
    says why not, where it is not."""

    is_usable: bool
    name: str
    reason: str = ""


def is_reference(value: str) -> bool:
    """Whether a value of the file names a place in the keyring and is not the secret itself."""
    return value.strip().startswith(SCHEME)


def clean_key(pasted: str) -> str:
    """`pasted` without the white space, line ends and invisible characters that a paste brings along,
    inside of it too: no key contains any."""
    return "".join(clean(pasted).split())


def resolve_key(
    profile: Profile, *, variable: str | None, environ: Mapping[str, str] | None = None
) -> Key | None:
    """The key of `profile`, and in words where it came from; None where there is none anywhere.

    A reference is looked up in the keyring, and where it leads nowhere, `AMX_LLM_API_KEY` counts, as
    it does for AMX. A blank `api_key` means `variable` (the provider's own, if it has one), then
    `AMX_LLM_API_KEY`. No other variable is ever read. Blocks while the keyring is asked.

    Raises:
        ConfigProblem: where a reference leads nowhere and `AMX_LLM_API_KEY` is not set.
    """
    variables = os.environ if environ is None else environ
    stored = profile.api_key.strip()
    if stored and not is_reference(stored):
        return Key(clean_key(stored), "plaintext in config.yml")
    reason = ""
    if stored:
        found, source, reason = look_up(stored)
        if found:
            return Key(clean_key(found), source)
    for name in (KEY_VARIABLE,) if stored else (variable, KEY_VARIABLE):
        if name and (key := clean_key(variables.get(name, ""))):
            return Key(key, name)
    if not stored:
        return None
    raise ConfigProblem(
        f"The key of the profile “{one_line(profile.name, 60)}” was not found",
        reason,
        f"Press P and store the key again, or: export {KEY_VARIABLE}=…",
    )


def look_up(stored: str) -> tuple[str, str, str]:
    """The secret behind a reference, its source in words, and, where there is none, the reason.
    Blocks."""
    places = places_of(stored)
    if not places:
        return "", "", "The reference in config.yml names nothing"
    try:
        found = find_secret(stored)
    except KeyringFailed as failure:
        return "", "", str(failure)
    service, user = places[0] if found is None else found[1]
    if found is None:
        return "", "", f"The keyring has no entry {one_line(user, 80)} of {one_line(service, 40)}"
    shown = one_line(user.removeprefix(f"//{SERVICE}/"), 80)
    return found[0], f"keyring {one_line(service, 40)} · {shown}", ""


def places_of(stored: str) -> list[Place]:
    """Where a reference leads, the likeliest first; nowhere for what is no reference.

    Both forms are read: `keyring://SERVICE/USERNAME`, and amx-cli's `keyring:NAME`, which is the user
    NAME of the service `amx`. amx-cli reads the first form as the second, so that a secret may also
    be under the user `//SERVICE/USERNAME` of the service `amx`.
    """
    if not is_reference(stored):
        return []
    name = stored.strip().removeprefix(SCHEME)
    places = [(SERVICE, name)] if name else []
    if name.startswith("//"):
        service, _, user = name[2:].partition("/")
        if service and user:
            places.insert(0, (service, user))
    return places


def find_secret(stored: str) -> tuple[str, Place] | None:
    """The secret behind a reference and where it was found; None where it leads nowhere. Blocks.

    Raises:
        KeyringFailed: the keyring cannot be asked.
    """
    for service, user in places_of(stored):
        secret = read_entry(service, user)
        if secret and secret.strip():
            return secret, (service, user)
    return None


def keyring_state() -> KeyringState:
    """Whether secrets can be put into the keyring: a backend that keeps plaintext, keeps nothing or
    always fails counts as none. Blocks; asks for no password."""
    try:
        backend = _backend()
    except KeyringFailed as failure:
        return KeyringState(False, "none", str(failure))
    name = f"{type(backend).__module__}.{type(backend).__name__}"
    if reason := _why_not(backend):
        return KeyringState(False, name, reason)
    return KeyringState(True, name)


class KeyringFailed(Exception):
    """The keyring did not do it; the text is ours and quotes nothing. `has_keyring` is false where this
    machine has none."""

    def __init__(self, why: str, *, has_keyring: bool = True) -> None:
        super().__init__(why)
        self.has_keyring = has_keyring


def _backend() -> KeyringBackend:
    # A backend is foreign code chosen by the machine's settings: it may raise anything.
    try:
        import keyring

        return keyring.get_keyring()
    except Exception as error:
        name = type(error).__name__
    raise KeyringFailed(f"The keyring could not be started ({name})", has_keyring=False)


def _why_not(backend: KeyringBackend) -> str:
    module = type(backend).__module__
    if module == "keyring.backends.fail":
        return "The system offers no keyring here, as is usual without a desktop"
    if module == "keyring.backends.null":
        return "The keyring is switched off in its settings"
    kinds = [kind.__name__.lower() for kind in type(backend).__mro__]
    if any("plaintext" in kind or "unencrypted" in kind for kind in kinds):
        return "The only keyring here keeps secrets unencrypted in a file"
    # keyrings.alt's wrapper for secrets that are too long for another one.
    if (inner := getattr(backend, "_keyring", None)) is not None and hasattr(inner, "get_password"):
        return _why_not(inner)
    # Several keyrings in a row: the first one is the one that stores.
    if module == "keyring.backends.chainer":
        chained = list(getattr(backend, "backends", ()))
        return _why_not(chained[0]) if chained else "The system offers no keyring here"
    return ""


def read_entry(service: str, user: str) -> str | None:
    """What the keyring keeps for `user` of `service`; None where it keeps nothing. Blocks.

    Raises:
        KeyringFailed: it cannot be asked.
    """
    backend = _backend()
    if type(backend).__module__ == "keyring.backends.fail":
        raise KeyringFailed(_why_not(backend), has_keyring=False)
    try:
        return backend.get_password(service, user)
    except Exception as error:
        reason = _reason(error)
    # Raised here, because the backend's own error would come along.
    raise KeyringFailed(reason)


def write_entry(user: str, secret: str | None) -> None:
    """Stores `secret` for `user` of the service `amx`; None takes the entry away. Blocks.

    Raises:
        KeyringFailed: it was not done.
    """
    backend = _backend()
    try:
        if secret is None:
            backend.delete_password(SERVICE, user)
        else:
            backend.set_password(SERVICE, user, secret)
        return
    except Exception as error:
        reason = _reason(error)
    raise KeyringFailed(reason)


def _reason(error: Exception) -> str:
    from keyring.errors import KeyringLocked

    if isinstance(error, KeyringLocked):
        return "The keyring is locked, and was not unlocked"
    return f"The keyring did not answer ({type(error).__name__})"
