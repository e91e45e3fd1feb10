"""What models cost, and from whom the figures come: fetched on a key, the person's own first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.commands.model import NotReady
from amx_tui.commands.workspace import Workspace

if TYPE_CHECKING:
    from amx_tui.llm.model import Model, Rates
    from amx_tui.llm.prices import Fetched


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A model and the rates that hold for it; `profile` where these are that profile's own."""

    model: Model
    rates: Rates | None
    profile: str = ""


async def refresh_prices(workspace: Workspace) -> Fetched:
    """Fetches the public price tables, and keeps them. Only ever called for a key that was pressed.

    Raises:
        NotReady: no call is allowed here.
        LlmProblem: a proxy variable or AMX_CA_BUNDLE cannot be used; the prices cannot be kept, and
            hold until the end of the program.
        ConfigProblem: an `AMX_*` variable is wrong.
    """
    from amx_tui.config.settings import read_settings
    from amx_tui.llm.prices import SOURCES, fetch_prices, save_prices

    sources = SOURCES if workspace.price_sources is None else workspace.price_sources
    workspace.refuse_offline("No prices were fetched")
    if not sources:
        raise NotReady(
            "No prices were fetched",
            "The demo never leaves this machine",
            "Start amx-tui with a database of your own, then press $ and f",
        )
    settings = await asyncio.to_thread(read_settings, workspace.environ)
    before = await asyncio.to_thread(lambda: workspace.prices)
    fetched = await fetch_prices(sources, before, ca_bundle=settings.ca_bundle)
    if len(fetched.problems) < len(sources):
        workspace.prices = fetched.table
        await asyncio.to_thread(save_prices, workspace.folders.prices_file, fetched.table)
    return fetched


def list_prices(workspace: Workspace) -> tuple[PriceLine, ...]:
    """The profiles with rates of their own first, then every model of the table and of the profiles.
    Blocking: reads config.yml and the kept prices."""
    from amx_tui.llm.models import MODELS, find_model
    from amx_tui.llm.prices import price_model
    from amx_tui.llm.rates import rates_for

    models = dict(MODELS)
    own = []
    try:
        profiles = tuple(workspace.read_config().profiles.values())
    except Problem:  # told where a profile is needed
        profiles = ()
    for profile in profiles:
        if not (profile.provider and profile.model):
            continue
        model = find_model(profile.provider, profile.model)
        models.setdefault((model.provider, model.id), model)
        if (rates := rates_for(profile, model)) is not model.rates:
            own.append(PriceLine(model, rates, profile.name))
    priced = (price_model(model, workspace.prices) for model in models.values())
    return (*own, *(PriceLine(model, model.rates) for model in priced))
