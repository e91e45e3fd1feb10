"""What a host told of a key, in the words of the Draft screen."""

from __future__ import annotations

import difflib

from amx_tui.commands.account import Account
from amx_tui.llm.model import Model
from amx_tui.widgets.plain import Line
from amx_tui.widgets.words import balance_words

# So many of a key's models are named.
_NAMED = 4


def account_lines(account: Account, model: Model) -> list[Line]:
    """Balance, whether `model` is there for this key, and what could not be learnt; none of it keeps
    anybody from drafting."""
    pieces: list[tuple[str, str]] = []
    if account.balance is not None:
        left = account.balance.available
        words = f"balance {balance_words(left, account.balance.currency)}"
        pieces.append((words, "strong") if left > 0 else (f"{words}: recharge it first", "bad"))
    if account.listed(model.id) is not None:
        pieces.append((f"{' · ' if pieces else ''}this key lists {model.id}", "dim"))
    lines: list[Line] = [[("account  ", "dim"), *pieces]] if pieces else []
    if account.lacks(model.id):
        lines.append(note(_missing_words(account, model)))
    for problem in (account.problem, account.balance_problem):
        if problem is not None:
            lines.append(note(f"{problem.what}. {problem.remedy or problem.why}"))
            break  # the second is mostly the first again
    return lines


def note(words: str) -> Line:
    """A warning among the facts."""
    return [("note     ", "dim"), (words, "warn")]


def retired_words(model: Model) -> str:
    follows = f"; {model.successor} follows it" if model.successor else ""
    return f"{model.id} left Moonshot's own API on {model.retired}{follows}"


def _missing_words(account: Account, model: Model) -> str:
    ids = [row.id for row in account.models or ()]
    near = difflib.get_close_matches(model.id, ids, n=_NAMED, cutoff=0.3) or ids[:_NAMED]
    if model.successor in ids:
        near = [model.successor, *(id for id in near if id != model.successor)][:_NAMED]
    more = f" and {len(ids) - len(near)} more" if len(ids) > len(near) else ""
    retired = f" (retired {model.retired}; {model.successor} follows it)" if model.retired else ""
    return f"this key does not list {model.id}{retired}; it lists {', '.join(near)}{more}"
