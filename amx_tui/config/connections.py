"""The settings of a connection, with its secrets looked up; it knows the keyring, and opens no
database."""

from __future__ import annotations

import os
from collections.abc import Mapping

from amx_tui.base.text import one_line
from amx_tui.config.keys import is_reference, look_up
from amx_tui.config.model import ConfigProblem, Connection, Key
from amx_tui.config.sections import DB

# AMX's documentation promises it where a password cannot be found; amx-cli 0.19 does not read it.
PASSWORD_VARIABLE = "AMX_DB_PASSWORD"

SECRETS = frozenset(DB.secrets)
# AMX writes PostgreSQL's port into every connection whose own port was left open.
_POSTGRESQL_PORT = 5432


class ConnectionSettings(dict[str, str]):
    """Settings by AMX's names, whose repr shows no secret."""

    def __repr__(self) -> str:
        return repr({key: "…" if key in SECRETS else value for key, value in self.items()})

    __str__ = __repr__


def connection_settings(
    connection: Connection, *, environ: Mapping[str, str] | None = None
) -> ConnectionSettings:
    """What it takes to open `connection`, as texts by AMX's own names (`host`, `port`, `user`,
    `password`, `database`, `sslmode`, `read_only`: `true` or `false`, …). What is blank is left out.

    Keyring references are replaced by the secrets, in memory only. `AMX_DB_PASSWORD` stands in for a
    password that is blank, where there is a `user`, or whose reference leads nowhere. Blocks while
    the keyring is asked.

    Raises:
        ConfigProblem: where a reference leads nowhere.
    """
    variables = os.environ if environ is None else environ
    settings = ConnectionSettings()
    for key, value in connection.settings.items():
        text = _text(value)
        if key == "port" and value == _POSTGRESQL_PORT and connection.backend != "postgresql":
            continue
        if key in SECRETS:
            found = find_password(connection, key, environ=variables)
            text = found.secret if found else ""
        if text:
            settings[key] = text
    if "user" in settings and "password" not in settings:
        found = find_password(connection, environ=variables)
        if found:
            settings["password"] = found.secret
    return settings


def find_password(
    connection: Connection, setting: str = "password", *, environ: Mapping[str, str] | None = None
) -> Key | None:
    """A secret of `connection`, and in words where it came from; None where there is none anywhere.

    `AMX_DB_PASSWORD` stands in for a password that is blank or whose reference leads nowhere. Blocks
    while the keyring is asked.

    Raises:
        ConfigProblem: where a reference leads nowhere, and no variable stands in.
    """
    variables = os.environ if environ is None else environ
    stored = _text(connection.settings.get(setting))
    if stored and not is_reference(stored):
        return Key(stored, "plaintext in config.yml")
    reason = ""
    if stored:
        found, source, reason = look_up(stored)
        if found:
            return Key(found, source)
    if setting == "password" and (instead := variables.get(PASSWORD_VARIABLE, "")):
        return Key(instead, PASSWORD_VARIABLE)
    if not stored:
        return None
    what = setting.replace("_", " ")
    remedy = "Store it again with AMX"
    raise ConfigProblem(
        f"The {what} of the connection “{one_line(connection.name, 60)}” was not found",
        reason,
        f"{remedy}, or: export {PASSWORD_VARIABLE}=…" if setting == "password" else remedy,
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
