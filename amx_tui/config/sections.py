"""Which keys of `config.yml` hold named set-ups, and which others refer to them, as data: one row for
profiles, one for connections. The keys are AMX's own (`amx-cli` 0.19)."""

from __future__ import annotations

from dataclasses import dataclass

# What a set-up from before there were several is called.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Section:
    """`many` lists the entries by name, `active` names one of them, `only` is AMX's copy of that one
    (and, in a file without `many`, the only entry there is). `active_list` may name several active
    ones; AMX takes its first before `active`. `referring` are the other keys that name entries: a
    name, a list of names, or lists by other names. `secrets` are the settings of an entry that belong
    into the keyring."""

    what: str
    many: str
    active: str
    only: str
    secrets: tuple[str, ...]
    active_list: str = ""
    referring: tuple[str, ...] = ()

    @property
    def naming(self) -> tuple[str, ...]:
        """All keys that name entries."""
        lists = (self.active_list,) if self.active_list else ()
        return (self.active, *lists, *self.referring)

    @property
    def edited(self) -> tuple[str, ...]:
        """All keys that a change of an entry may touch."""
        return (self.many, self.only, *self.naming)


LLM = Section(
    what="profile",
    many="llm_profiles",
    active="active_llm_profile",
    only="llm",
    secrets=("api_key",),
    referring=("rag_llm_profile",),
)
DB = Section(
    what="connection",
    many="db_profiles",
    active="active_db_profile",
    only="db",
    secrets=("password", "access_token", "jwt_token", "workspace_token", "motherduck_token"),
    active_list="active_db_profiles",
    referring=(
        "history_store_profile",
        "history_store_profiles",
        "doc_profile_linked_dbs",
        "code_profile_linked_dbs",
    ),
)
SECTIONS = (LLM, DB)
