"""How the texts of a draft are to be worded, as `tui.yml` asks for the database that is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amx_tui.base.amounts import number
from amx_tui.base.problem import Problem
from amx_tui.base.text import one_line
from amx_tui.commands.model import NotReady
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Wording

if TYPE_CHECKING:
    from amx_tui.evidence.model import Term


def find_wording(workspace: Workspace) -> Wording:
    """What is asked for the database by its name in the header, without its kind."""
    return workspace.preferences.wording_for(workspace.connection_name)


def find_terms(wording: Wording) -> tuple[Term, ...]:
    """The terms of the glossary, if there is one. Blocking.

    Raises:
        NotReady: what a person wants along cannot be read; a draft without it would be paid for in vain.
    """
    if wording.glossary is None:
        return ()
    from amx_tui.evidence.glossary import read_glossary

    try:
        return read_glossary(wording.glossary)
    except Problem as problem:
        raise NotReady(problem.what, problem.why, problem.remedy) from problem


def wording_in_words(wording: Wording, terms: int) -> str:
    """Such as "in German · by the house style of tui.yml · 34 terms of glossary.md"."""
    parts = []
    if wording.language:
        parts.append(f"in {wording.language}")
    if wording.style:
        parts.append("by the house style of tui.yml")
    if wording.glossary is not None:
        name = one_line(wording.glossary.name, 40)
        parts.append(f"{number(terms)} term{'s' if terms != 1 else ''} of {name}")
    if wording.paraphrases:
        parts.append("paraphrases")
    return " · ".join(parts)
