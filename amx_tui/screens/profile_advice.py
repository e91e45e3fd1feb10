"""What stands beside a field of the LLM profile form: what can be chosen, when to pick it, what it costs,
and where keys are made. Pure: words made of the tables and of what a key lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from amx_tui.config.keys import KEY_VARIABLE
from amx_tui.llm.model import ListedModel, Model, Provider
from amx_tui.llm.models import models_of
from amx_tui.llm.providers import PROVIDERS, host_of, key_page_for
from amx_tui.llm.services import model_from_listing
from amx_tui.screens.profile_fields import ELSEWHERE, Answers
from amx_tui.widgets.form import Choice
from amx_tui.widgets.plain import Line, Piece, fit
from amx_tui.widgets.words import number, rate

_Priced = Callable[[Model], Model]

_K = 1024
# Beside a long id, a context and two prices have so many cells.
_FIGURES = 25


def provider_choices(present: str = "") -> list[Choice]:
    """All providers; one that the file names and the table does not know stays among them."""
    choices = [
        Choice(
            row.id,
            lambda width, row=row: [  # type: ignore[misc]
                (f" {fit(row.title, 28)}", "strong"),
                (fit(row.pick_when, width - 29), "dim"),
            ],
            [
                [("pick it for  ", "dim"), (row.pick_when, "")],
                *([("keys  ", "dim"), (page, "accent")] for page in row.key_pages),
                *([[("keys  ", "dim"), ("it needs none", "")]] if not row.needs_key else []),
                *_variable_line(row),
            ],
        )
        for row in PROVIDERS.values()
    ]
    if present and present not in PROVIDERS:
        line: Line = [(f" {present}", "strong"), ("  not one that amx-tui can ask", "warn")]
        choices.append(Choice(present, lambda width: line))
    return choices


def _variable_line(row: Provider) -> list[Line]:
    if not row.needs_key:
        return []
    names = " or ".join(name for name in (row.key_variable, KEY_VARIABLE) if name)
    return [[("or export  ", "dim"), (names, "")]]


def platform_choices(row: Provider) -> list[Choice]:
    """Where a key of this provider can be from; empty where there is but one place."""
    if not row.platforms:
        return []
    choices = [
        Choice(
            base,
            lambda width, base=base, platform=platform: [  # type: ignore[misc]
                (f" {fit(platform, 44)}", "strong"),
                (host_of(base), "dim"),
            ],
            [
                [("keys  ", "dim"), (key_page_for(row, base), "accent")],
                [("base  ", "dim"), (base, "")],
                [("A key works at the platform that made it, and nowhere else.", "warn")],
            ],
        )
        for base, platform in zip(row.bases, row.platforms, strict=True)
    ]
    about: Line = [("Type the base of your proxy or gateway below.", "dim")]
    return [*choices, Choice(ELSEWHERE, lambda width: [(" another host", "strong")], [about])]


def model_choices(
    provider: Provider, listed: Mapping[str, ListedModel] | None, words: str, priced: _Priced
) -> list[Choice]:
    """The models to choose from: those that this key lists, where it was asked, then the table's;
    retired ones last. `words` is what they have to contain, where any does. `priced` gives a model its
    fetched rates."""
    table = models_of(provider.id)
    rows = [model_from_listing(row, provider) for row in (listed or {}).values()]
    own = {model.id for model in rows}
    rows += [model for model in table if model.id not in own]
    rows.sort(key=lambda model: (bool(model.retired) and model.id not in own, model.id not in own))
    if not listed:
        rows = list(table)
    wanted = words.lower()
    found = [model for model in rows if wanted in model.id.lower()] or rows
    return [
        Choice(
            model.id,
            lambda width, model=model: _model_line(priced(model), listed, width),  # type: ignore[misc]
            model_lines(priced(model), listed),
        )
        for model in found
    ]


def _model_line(model: Model, listed: Mapping[str, ListedModel] | None, width: int) -> Line:
    state: Piece = ("", "")
    if listed is not None and model.id in listed:
        state = ("✓ this key", "good")
    elif model.retired:
        state = ("retired", "warn")
    elif listed is not None:
        state = ("not listed", "warn")
    is_gone = state[1] == "warn"
    room = max(width - _FIGURES - 13, 12)
    return [
        (f" {fit(model.id, room)} ", "dim" if is_gone else "strong"),
        (fit(_context_words(model), 7, right=True), "dim"),
        (fit(_price_words(model), _FIGURES - 9, right=True) + "  ", "dim"),
        state,
    ]


def model_lines(model: Model, listed: Mapping[str, ListedModel] | None) -> list[Line]:
    """When to pick a model, what it costs, and what became of it."""
    rows: list[Line] = []
    if model.retired:
        still = listed is not None and model.id in listed
        words = f"retired on {model.retired}" + (", yet this key lists it" if still else "")
        follows = f"; {model.successor} follows it" if model.successor else ""
        rows.append([(words + follows, "warn")])
        if model.openrouter_id:
            rows.append([(f"OpenRouter still serves it: {model.openrouter_id}", "dim")])
    if model.pick_when:
        rows.append([("pick it for  ", "dim"), (model.pick_when, "")])
    facts = []
    if model.context:
        facts.append(f"{number(model.context)} tokens of context")
    facts.append("thinks before it answers" if model.reasons else "answers at once")
    rows.append([(" · ".join(facts), "dim")])
    if model.rates is None:
        rows.append([("its price is not known", "dim")])
    else:
        cached = f", ${rate(model.rates.cached)} cached" if model.rates.cached else ""
        words = f"${rate(model.rates.input)} in{cached}, ${rate(model.rates.output)} out a million tokens"
        rows.append([(words, "dim"), (f"  {model.rates.source}", "dim")])
    return rows


def _context_words(model: Model) -> str:
    if not model.context:
        return ""
    if model.context >= 1000 * _K:
        return f"{model.context / (_K * _K):g} M"
    return f"{round(model.context / _K)} K"


def _price_words(model: Model) -> str:
    if model.rates is None:
        return ""
    return f"${rate(model.rates.input)} / ${rate(model.rates.output)}"


def advice(name: str, answers: Answers) -> list[Line]:
    """What is worth knowing of a field that nothing is chosen for."""
    match name:
        case "name":
            return _words(
                "What you call this set-up. AMX and amx-tui find it in config.yml by this name.",
            )
        case "api_base":
            return _base_advice(answers)
        case "api_key":
            return _key_advice(answers)
        case "temperature":
            return _words(
                "0 answers alike each time, 2 is wild. Descriptions want it low.",
                "Most Kimi models since K2.5 set their own and take none.",
            )
        case "max_tokens":
            return _budget_advice(answers)
        case "n_alternatives":
            return _words("How many descriptions to choose from, for each column: 1 to 5.")
        case "column_batch_size":
            return _words(
                "How many columns go into one request. Fewer where the host limits the tokens of a"
                " minute, or where answers are cut.",
            )
        case "logprob_high" | "logprob_medium":
            return _words(
                "From which probability on a description counts as high or medium, where the model"
                " tells probabilities. Where it does not, its own word counts.",
            )
        case "custom_input_cost_per_mtok" | "custom_output_cost_per_mtok":
            return _words(
                "USD a million tokens, where you pay others than the table's. Both, or none.",
                "They win over every table. $ shows the tables.",
            )
        case _:
            return []


def _words(*sentences: str) -> list[Line]:
    return [[(sentence, "dim")] for sentence in sentences]


def _base_advice(answers: Answers) -> list[Line]:
    row = answers.provider
    rows = _words("Where requests go, and with them the key: an OpenAI-compatible address.")
    for place, base in enumerate(row.bases):
        platform = row.platforms[place] if row.platforms else row.title
        rows.append([(base, "strong"), (f"  {platform}", "dim")])
    return rows


def _key_advice(answers: Answers) -> list[Line]:
    row, base = answers.provider, answers.values["api_base"]
    if not row.needs_key:
        return _words(f"{row.title} needs none.")
    rows: list[Line] = []
    if page := key_page_for(row, base):
        rows.append([("made at  ", "dim"), (page, "accent")])
    if row.key_prefix:
        rows.append([(f"It begins with {row.key_prefix}. Paste it; it is not shown.", "dim")])
    if len(row.bases) > 1:
        rows.append([("A key works at the platform that made it, and nowhere else.", "warn")])
    variables = " or ".join(name for name in (row.key_variable, KEY_VARIABLE) if name)
    rows.append([("Without one here, the variable counts: ", "dim"), (variables, "")])
    if answers.keyring is not None:
        if answers.keyring.is_usable:
            rows.append([(f"Kept in the keyring ({answers.keyring.name}).", "dim")])
        else:
            rows.append([(answers.keyring.reason + ".", "warn")])
            rows.append([("Saving a key asks before it is kept as plain text.", "dim")])
    return rows


def _budget_advice(answers: Answers) -> list[Line]:
    rows = _words(
        "The most tokens of one answer. 4096, our default, is not written into the file; AMX itself"
        " reads a missing max_tokens as 16 384.",
    )
    if answers.model.reasons:
        floor = number(answers.settings.min_max_tokens)
        rows.append(
            [
                (
                    f"{answers.model.id} thinks first: at least {floor} are asked for"
                    " (AMX_LLM_MIN_MAX_TOKENS).",
                    "",
                )
            ]
        )
    return rows


def fold_words(answers: Answers, effort: str) -> str:
    """What the folded fields hold, in short."""
    values = answers.values
    rates = values["custom_input_cost_per_mtok"], values["custom_output_cost_per_mtok"]
    own = f"${rates[0]} / ${rates[1]}" if all(rates) else "the table’s"
    return (
        f"{values['column_batch_size']} a batch · {values['logprob_high']}/"
        f"{values['logprob_medium']} · effort {effort or 'none'} · rates {own}"
    )


def effort_lines(answers: Answers, effort: str, is_set: bool, wrong: str) -> Sequence[Piece]:
    """Where the effort comes from: AMX keeps none in a profile."""
    if wrong:
        return [(wrong, "bad")]
    source = "AMX_REASONING_EFFORT" if is_set else "AMX_REASONING_EFFORT is not set"
    if not answers.model.reasons:
        return [("none", ""), ("  this model does not think", "dim")]
    wanted = answers.settings.reasoning_effort
    nearest = f", {wanted} wanted" if effort and effort != wanted else ""
    return [(effort or wanted, ""), (f"  {source}{nearest}; AMX keeps none in a profile", "dim")]
