"""What tokens cost: which rates hold for a profile, and what a usage comes to. No network."""

from __future__ import annotations

from amx_tui.config.model import Profile
from amx_tui.llm.model import Model, Rates, Usage

_MILLION = 1_000_000


def rates_for(profile: Profile, model: Model) -> Rates | None:
    """USD per million tokens: the profile's own rates where it has both, else the model's; None where
    neither is known, which is not the same as free."""
    own_input = profile.custom_input_cost_per_mtok
    own_output = profile.custom_output_cost_per_mtok
    if own_input is not None and own_output is not None:
        return Rates(own_input, own_output, source=f"profile {profile.name}")
    return model.rates


def cost(usage: Usage, rates: Rates | None) -> float | None:
    """USD for `usage`, cached input at its own rate; None where no rate is known."""
    if rates is None:
        return None
    cached = min(usage.cached, usage.input)
    cached_rate = rates.input if rates.cached is None else rates.cached
    return (
        (usage.input - cached) * rates.input + cached * cached_rate + usage.output * rates.output
    ) / _MILLION
