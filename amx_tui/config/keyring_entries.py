"""Under which names a secret of `config.yml` stands in the keyring, and how it is put there, copied and
taken away, so that amx-cli finds it too.

Everything that asks the keyring blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from amx_tui.base.text import one_line
from amx_tui.base.yaml_text import Kind, Node
from amx_tui.config.file import read_root
from amx_tui.config.keys import (
    SCHEME,
    SERVICE,
    KeyringFailed,
    Place,
    is_reference,
    keyring_state,
    places_of,
    read_entry,
    write_entry,
)
from amx_tui.config.model import ConfigProblem
from amx_tui.config.sections import SECTIONS, Section


class Form(Enum):
    """How a file refers to the keyring."""

    PAGE = "keyring://amx/NAME/SETTING"  # as AMX's documentation has it
    AMX = "keyring:SECTION/NAME/SETTING"  # as amx-cli 0.19 writes it


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose secret it is: the setting of an entry."""

    section: Section
    name: str
    setting: str

    @property
    def users(self) -> tuple[str, str, str]:
        """The users of the service `amx` under which it may stand: the one that the form of AMX's page
        means; the one that amx-cli 0.19 makes of that form, since it takes all that follows `keyring:`
        as the user; and the one of amx-cli's own form."""
        own = f"{self.name}/{self.setting}"
        return own, f"//{SERVICE}/{own}", f"{self.section.many}/{own}"

    def owns(self, stored: str) -> bool:
        """Whether what the file says refers to one of these."""
        return any(place in self._places for place in places_of(stored))

    @property
    def _places(self) -> set[Place]:
        return {(SERVICE, user) for user in self.users}

    def reference(self, form: Form, spare: Collection[Place] = ()) -> str:
        """What the file says of it, in `form`, or in the other one where that place is somebody else's.

        Raises:
            ConfigProblem: where both are.
        """
        own, _, amx = self.users
        found = {Form.PAGE: f"{SCHEME}//{SERVICE}/{own}", Form.AMX: f"{SCHEME}{amx}"}
        for reference in (found.pop(form), *found.values()):
            if not any(place in spare for place in places_of(reference)):
                return reference
        raise ConfigProblem(
            f"There is no place in the keyring for “{one_line(self.name, 60)}”",
            "Other entries of config.yml refer to the places of that name",
            "Choose another name",
        )


def form_of(stored: Iterable[str], usual: Form = Form.PAGE) -> Form:
    """The form that a file uses, by the first of its references; `usual` where it has none."""
    for text in stored:
        if is_reference(text):
            is_page = text.strip().removeprefix(SCHEME).startswith("//")
            return Form.PAGE if is_page else Form.AMX
    return usual


def references_in(text: str, section: Section | None = None, name: str = "") -> list[str]:
    """All references of a file, in order, but those of the entry `name` of `section` and those of AMX's
    copies of the active entries.

    Raises:
        ConfigProblem: where `text` is not valid.
    """
    root = read_root(text, "config.yml")
    copies = {row.only for row in SECTIONS if root is not None and row.many in root.mapping()}
    found: list[str] = []
    for key, value in root.mapping().items() if root is not None else ():
        if key in copies:
            continue
        if section is not None and key == section.many:
            nodes = [node for other, node in value.mapping().items() if other != name]
        else:
            nodes = [value]
        found += [text for node in nodes for text in _references(node)]
    return found


def _references(node: Node) -> Iterator[str]:
    node = node.resolved if node.resolved.kind is Kind.SCALAR else node
    if node.kind is Kind.SCALAR and is_reference(node.text):
        yield node.text.strip()
    for item in node.items:
        yield from _references(item)
    for _, value in node.pairs:
        yield from _references(value)


def keep(secrets: Mapping[Owner, str], spare: Collection[Place] = ()) -> dict[str, str | None]:
    """Puts each secret under all names of its owner but `spare`, which belong to others, and reads it
    back. Gives what stood there before, for `put_back`.

    Raises:
        ConfigProblem: where the keyring cannot be used, or gives back something else; what was there
            before is put back.
    """
    if not secrets:
        return {}
    what = _what(secrets)
    state = keyring_state()
    if not state.is_usable:
        raise ConfigProblem(
            f"The {what} was not stored: this machine has no usable keyring",
            state.reason,
            _instead(secrets),
        )
    before: dict[str, str | None] = {}
    try:
        for owner, secret in secrets.items():
            for user in owner.users:
                if (SERVICE, user) in spare:
                    continue
                before[user] = read_entry(SERVICE, user)
                write_entry(user, secret)
                if read_entry(SERVICE, user) != secret:
                    raise KeyringFailed("What was read back is not what was stored")
    except KeyringFailed as failure:
        put_back(before)
        raise ConfigProblem(
            f"The {what} was not stored in the keyring",
            str(failure),
            f"Unlock the keyring and save again. {_instead(secrets)}",
        ) from None
    return before


def put_back(before: Mapping[str, str | None]) -> None:
    """Gives the keyring back what `keep` found there."""
    for user, old in before.items():
        # The failure that came first is the one to tell of.
        with contextlib.suppress(KeyringFailed):
            write_entry(user, old)


def forget(owners: Iterable[Owner], spare: Collection[Place] = ()) -> int:
    """Takes the secrets of `owners` away under all their names but `spare`; how many entries went.

    Raises:
        KeyringFailed: at the first one that could not be asked for or taken away.
    """
    count = 0
    for owner in owners:
        for user in owner.users:
            if (SERVICE, user) not in spare and read_entry(SERVICE, user) is not None:
                write_entry(user, None)
                count += 1
    return count


def left_over(owner: Owner, spare: Collection[Place] = ()) -> str:
    """A secret that stands under one of the names of `owner`, though the file does not refer to it.

    Raises:
        KeyringFailed: the keyring cannot be asked.
    """
    for user in owner.users:
        if (SERVICE, user) not in spare and (secret := read_entry(SERVICE, user)):
            return secret
    return ""


def _what(secrets: Iterable[Owner]) -> str:
    settings = {owner.setting for owner in secrets}
    return "key" if settings == {"api_key"} else " and ".join(sorted(settings)).replace("_", " ")


def _instead(secrets: Iterable[Owner]) -> str:
    variables = {"api_key": "AMX_LLM_API_KEY", "password": "AMX_DB_PASSWORD"}
    for owner in secrets:
        if variable := variables.get(owner.setting):
            return f"Or leave it blank and set it before each start: export {variable}=…"
    return "Or leave it blank"
