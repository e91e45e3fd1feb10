"""What the profile form says of what stands in a field, and the profile that it makes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from amx_tui.config.keys import KeyringState
from amx_tui.config.model import Key, Profile
from amx_tui.llm.model import ListedModel
from amx_tui.llm.models import find_model
from amx_tui.llm.providers import PROVIDERS
from amx_tui.screens.profile_fields import (
    FIELDS,
    Answers,
    judge,
    make_profile,
    tell_fact,
    text_of,
)

STORED = Profile(
    "mine", "kimi", "kimi-k2.6", "https://api.moonshot.cn/v1", "keyring://amx/mine/api_key"
)
USABLE = KeyringState(True, "SecretService")


def answers(provider: str = "kimi", old: Profile | None = None, **values: str) -> Answers:
    """What counts where only these values were typed."""
    row = PROVIDERS[provider]
    counts = {field.id: field.default for field in FIELDS}
    counts |= {"name": "new", "provider": provider, "model": "kimi-k2.6", "api_base": row.bases[0]}
    counts |= values
    return Answers(counts, row, find_model(provider, counts["model"]), ["taken"], old)


def said(name: str, value: str, ink: str, provider: str = "kimi") -> str:
    note = judge(name, answers(provider, **{name: value}))
    assert note is not None and note.ink == ink, note
    return note.words


def fine(name: str, value: str, provider: str = "kimi") -> bool:
    return judge(name, answers(provider, **{name: value})) is None


@pytest.mark.parametrize("base", ["https://me:secretpw@host/v1", "https://host/v1?key=secretpw"])
def test_a_secret_in_the_base_is_refused_and_not_shown_again(base: str) -> None:
    assert "secretpw" not in said("api_base", base, "bad")
    (field,) = (field for field in FIELDS if field.id == "api_base")
    assert text_of(field, Profile("mine", "kimi", "kimi-k3", base)) == "https://host/v1"


def test_http_is_for_this_machine_alone() -> None:
    assert fine("api_base", "http://localhost:11434/v1", "ollama")
    assert fine("api_base", "http://127.0.0.1:8000/v1")
    assert "https" in said("api_base", "http://api.moonshot.cn/v1", "bad")
    note = judge("api_base", answers(api_base="http://api.moonshot.cn/v1"))
    assert note is not None and note.offer == "https://api.moonshot.cn/v1"
    note = judge("api_base", answers(api_base="api.moonshot.cn/v1"))
    assert note is not None and note.offer == "https://api.moonshot.cn/v1"


def test_the_host_of_another_provider_is_noticed() -> None:
    assert "OpenRouter" in said("api_base", "https://openrouter.ai/api/v1", "warn")


def test_a_name_that_is_taken_is_refused() -> None:
    assert "'taken' already" in said("name", "taken", "bad")
    assert "needs a name" in said("name", "", "bad")


@pytest.mark.parametrize("wrong", ["-0.1", "2.1", "warm", "nan", "inf", ""])
def test_a_temperature_is_a_number_from_0_to_2(wrong: str) -> None:
    said("temperature", wrong, "bad")
    assert fine("temperature", "0") and fine("temperature", "2")


def test_a_temperature_that_the_model_pins_is_said_to_be_of_no_use() -> None:
    note = tell_fact("temperature", answers(model="kimi-k2.6"))
    assert note is not None and "kimi-k2.6 sets its own" in note.words
    assert tell_fact("temperature", answers(model="kimi-k2-thinking")) is None


@pytest.mark.parametrize("wrong", ["0", "6", "2.5", "three", "٣", ""])
def test_alternatives_are_1_to_5(wrong: str) -> None:
    said("n_alternatives", wrong, "bad")
    assert all(fine("n_alternatives", str(count)) for count in range(1, 6))


def test_a_budget_fits_into_the_context() -> None:
    note = judge("max_tokens", answers(model="moonshot-v1-8k", max_tokens="9000"))
    assert note is not None and note.is_bad and "8 192" in note.words and note.offer == "4096"
    assert fine("max_tokens", "9000")


def test_what_amx_makes_of_a_missing_budget_is_said() -> None:
    note = tell_fact("max_tokens", answers())
    assert note is not None and "16 384" in note.words
    assert tell_fact("max_tokens", answers(max_tokens="9000")) is None


def test_a_key_of_another_kind_is_a_warning_and_no_more() -> None:
    assert "sk-" in said("api_key", "kimi-0123456789abcdef", "warn")
    assert fine("api_key", "sk-0123456789abcdef")
    said("api_key", "sk-schlüssel", "bad")


def test_the_medium_threshold_lies_below_the_high_one() -> None:
    said("logprob_medium", "0.9", "bad")
    assert fine("logprob_medium", "0.84")
    said("logprob_high", "1.5", "bad")


def test_rates_are_both_or_none() -> None:
    first, second = "custom_input_cost_per_mtok", "custom_output_cost_per_mtok"
    assert judge(first, answers()) is None and judge(second, answers()) is None
    one = answers(**{first: "0.6"})
    note = judge(second, one)
    assert note is not None and note.is_bad and "Both" in note.words
    both = make_profile(answers(**{first: "0.6", second: "2.5"}))
    assert both[1] == () and both[0].custom_output_cost_per_mtok == 2.5


def test_a_retired_model_offers_the_one_that_follows_it() -> None:
    note = judge("model", answers(model="kimi-k2-thinking"))
    assert note is not None and note.ink == "warn"
    assert "2026-05-25" in note.words and note.offer == "kimi-k2.6"
    # What the key lists is there, whatever the table says.
    listed = {"kimi-k2-thinking": ListedModel("kimi-k2-thinking")}
    assert judge("model", replace(answers(model="kimi-k2-thinking"), listed=listed)) is None


def test_a_model_that_this_key_does_not_list_is_told_and_stays_possible() -> None:
    listed = {"kimi-k3": ListedModel("kimi-k3")}
    known = replace(answers(model="kimi-k2.6"), listed=listed)
    note = judge("model", known)
    assert note is not None and note.ink == "warn" and note.offer == "kimi-k3"
    assert make_profile(known)[0].model == "kimi-k2.6"


def test_a_model_of_moonshots_is_offered_by_its_name_at_openrouter() -> None:
    note = judge("model", answers("openrouter", model="kimi-k2-thinking"))
    assert note is not None and note.offer == "moonshotai/kimi-k2-thinking"


def test_what_the_form_does_not_show_stays() -> None:
    old = replace(STORED, prompt_detail="full", description_verbosity="detailed")
    made, wrong = make_profile(answers(old=old, name="mine", model="kimi-k3"))
    assert not wrong
    assert made == replace(old, model="kimi-k3")


def test_a_base_that_the_file_leaves_to_the_provider_stays_left_to_it() -> None:
    old = Profile("r", "openrouter", "moonshotai/kimi-k2.6")
    known = answers("openrouter", old, name="r", model="moonshotai/kimi-k2.6")
    assert make_profile(replace(known, has_base=False))[0] == old


def test_a_mistake_leaves_everything_else_as_it_was_typed() -> None:
    made, wrong = make_profile(answers(temperature="9", model="kimi-k3", n_alternatives="2"))
    assert wrong == ("temperature",)
    assert (made.model, made.n_alternatives, made.temperature) == ("kimi-k3", 2, 0.2)


def test_where_the_key_is_stands_there_and_only_its_ends() -> None:
    secret = "sk-0123456789abcdefghij"
    for key, words in (
        (Key(secret, "keyring amx · mine/api_key"), "keyring amx · mine/api_key"),
        (Key(secret, "AMX_LLM_API_KEY"), "AMX_LLM_API_KEY"),
    ):
        note = tell_fact("api_key", replace(answers(old=STORED), found=key, keyring=USABLE))
        assert note is not None and words in note.words and "sk-…ghij" in note.words
        assert secret[3:-4] not in note.words


def test_a_stored_key_is_not_meant_for_another_host() -> None:
    note = judge("api_key", answers("openrouter", STORED))
    assert note is not None and "api.moonshot.cn" in note.words
    assert judge("api_key", answers(old=STORED)) is None


def test_a_key_that_stands_readable_in_the_file_can_be_moved() -> None:
    plain = replace(STORED, api_key="sk-0123456789abcdefghij")
    note = judge("api_key", replace(answers(old=plain), keyring=USABLE))
    assert note is not None and note.offer == plain.api_key
    assert plain.api_key not in note.words + note.offer_words
    # Nor where a debugger, a log or a failing test shows what the form knows.
    typed = replace(answers(old=plain, api_key=plain.api_key), keyring=USABLE)
    assert plain.api_key not in repr(note) + repr(typed)
    none = KeyringState(False, "none", "no keyring")
    assert judge("api_key", replace(answers(old=plain), keyring=none)) is None
