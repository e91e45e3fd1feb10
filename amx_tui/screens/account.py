"""What a host told of a key, in the words of the Draft screen."""

from __future__ import annotations

from amx_tui.commands.account import missing_words
from amx_tui.commands.model import Account
from amx_tui.llm.model import Model
from amx_tui.widgets.plain import Line
from amx_tui.widgets.words import balance_words


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
        lines.append(note(missing_words(account, model)))
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
