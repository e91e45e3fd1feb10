"""How a connection stands in `config.yml`: AMX's own keys for each database, in AMX's order. The file
itself is `amx_tui.config.editing`'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from amx_tui.base.yaml_edits import Value, render
from amx_tui.base.yaml_text import Node, parse
from amx_tui.config.entries import Changes
from amx_tui.config.file import read_connection
from amx_tui.config.kinds import EntryKind, unusable_setting
from amx_tui.config.model import ConfigProblem, Connection
from amx_tui.config.sections import DB

_SERVER = ("host", "port", "user", "password", "database")
_PROFILING = (
    "profiling_mode",
    "profiling_max_rows",
    "profiling_sample_size",
    "profiling_stats_batch_size",
    "profiling_approximate",
)
# Of the databases that amx-tui opens; amx-cli 0.19 reads and keeps `sqlite`, and opens it not.
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "sqlite": ("database",),
    "duckdb": ("database", "read_only", "motherduck_token"),
    "postgresql": (*_SERVER, "sslmode", "sslrootcert"),
    "mysql": (*_SERVER, "ssl_disabled", "ssl_ca"),
}


class ConnectionKind(EntryKind[Connection]):
    section = DB

    def read(self, name: str, node: Node, file: str) -> tuple[Connection, dict[str, str]]:
        told: dict[str, str] = {}
        return read_connection(name, node, file, [], told), told

    def tidied(self, entry: Connection) -> Connection:
        """As it would be read again: `port: "5432"` is a number, what is null is not there."""
        self.check_name(entry.name)
        backend = entry.backend.strip().lower() or "postgresql"
        settings = {key: value for key, value in entry.settings.items() if value is not None}
        entry = replace(entry, backend=backend, settings=settings)
        pairs = (f"{render(key)}: {value}" for key, value in self.settings(entry))
        node = parse(f"{{{', '.join(pairs)}}}", "it", ConfigProblem)
        assert node is not None
        read, told = self.read(entry.name, node, "it")
        for key, why in told.items():
            raise unusable_setting(self.section, entry.name, key, why)
        return read

    def settings(self, entry: Connection) -> list[tuple[str, str]]:
        return [(key, render(_value(entry, key))) for key in self.order(entry) if _has(entry, key)]

    def changes(self, node: Node, entry: Connection, file: str) -> Changes:
        read, told = self.read(entry.name, node, file)
        present = node.mapping()
        changes: list[tuple[str, str | None]] = []
        for key in dict.fromkeys([*self.order(entry), *read.settings]):
            if not _has(entry, key):
                if key in read.settings or key in told:
                    changes.append((key, None))
            elif key == "backend" and key not in present:
                # Where nothing else is left, something has to stand there.
                if entry.backend != read.backend or not entry.settings:
                    changes.append((key, render(entry.backend)))
            elif not _has(read, key) or key in told or _value(read, key) != _value(entry, key):
                changes.append((key, render(_value(entry, key))))
        return changes

    def order(self, entry: Connection) -> Sequence[str]:
        own = SETTINGS.get(entry.backend, ())
        return tuple(dict.fromkeys(["backend", *own, *entry.settings, *_PROFILING]))

    def merged(
        self, entry: Connection, since: Connection, now: Connection
    ) -> tuple[Connection, list[str]]:
        settings = dict(entry.settings)
        both: list[str] = []
        for key in dict.fromkeys([*since.settings, *now.settings, *entry.settings]):
            mine, old, theirs = (one.settings.get(key) for one in (entry, since, now))
            if theirs == old:
                continue
            if mine != old:
                both += [key] if theirs != mine else []
            elif theirs is None:
                settings.pop(key, None)
            else:
                settings[key] = theirs
        backend = entry.backend
        if now.backend != since.backend:
            if entry.backend == since.backend:
                backend = now.backend
            elif entry.backend != now.backend:
                both.insert(0, "backend")
        return replace(entry, backend=backend, settings=settings), both

    def secrets(self, entry: Connection) -> dict[str, str]:
        return {key: str(entry.settings[key]) for key in DB.secrets if key in entry.settings}

    def with_secrets(self, entry: Connection, stored: Mapping[str, str]) -> Connection:
        return replace(entry, settings={**entry.settings, **stored})

    def called(self, entry: Connection, name: str) -> Connection:
        return replace(entry, name=name)


def _has(connection: Connection, key: str) -> bool:
    return key == "backend" or key in connection.settings


def _value(connection: Connection, key: str) -> Value:
    value = connection.backend if key == "backend" else connection.settings[key]
    assert value is None or isinstance(value, str | int | float | bool)
    return value


CONNECTIONS = ConnectionKind()
