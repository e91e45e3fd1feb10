"""Which profile a request is for, and everything about the request but its messages: model, endpoint, key,
settings. Blocking: call it in a worker thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amx_tui.base.problem import Problem
from amx_tui.commands.model import NotReady
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Config, Key, Profile

if TYPE_CHECKING:
    from amx_tui.llm.model import Endpoint, Model, Setup
    from amx_tui.review.model import Leg


def find_profile(workspace: Workspace, name: str | None = None) -> Profile:
    """The named profile, or the one of the command line, or the active one.

    Raises:
        NotReady: there is none; `config.yml` is broken.
    """
    try:
        config = workspace.read_config()
    except Problem as problem:
        raise NotReady(problem.what, problem.why, problem.remedy) from problem
    return choose_profile(config, name or workspace.profile_name)


def choose_profile(config: Config, name: str | None = None) -> Profile:
    """The named profile of `config`, or its active one, or its only one.

    Raises:
        NotReady: there is none.
    """
    wanted = name or config.active_profile
    if wanted and wanted in config.profiles:
        return config.profiles[wanted]
    if wanted:
        raise NotReady(
            f"There is no LLM profile '{wanted}'",
            f"{config.path} has {', '.join(sorted(config.profiles)) or 'none'}",
            "Press P to choose or make one",
            opens_form=not config.profiles,
        )
    if len(config.profiles) == 1:
        return next(iter(config.profiles.values()))
    if config.profiles:
        raise NotReady(
            "No LLM profile is active",
            f"{config.path} has {', '.join(sorted(config.profiles))}",
            "Press P and choose one",
        )
    raise NotReady(
        "There is no LLM profile yet",
        "A draft needs to know which model to ask, and with which key",
        "Fill in the form: a name, the provider, the model and your key",
        opens_form=True,
    )


def profile_of(workspace: Workspace, leg: Leg) -> str | None:
    """The profile that goes on with a run: the one of the command line, else the run's own while there
    is one of that name.

    Raises:
        ConfigProblem: `config.yml` is broken.
    """
    is_there = leg.profile in workspace.read_config().profiles
    return workspace.profile_name or (leg.profile if is_there else None)


def find_setup(workspace: Workspace, name: str | None = None) -> Setup:
    """Everything about a request but its messages: profile, model, endpoint, key, settings.

    Raises:
        NotReady: no profile, no key, a base that cannot be used, or a wrong `AMX_*` variable.
    """
    profile = find_profile(workspace, name)
    try:
        key = workspace.find_key(profile) if profile.provider and profile.model else None
    except Problem as problem:
        raise NotReady(problem.what, problem.why, problem.remedy) from problem
    return make_setup(workspace, profile, key)


def make_setup(
    workspace: Workspace, profile: Profile, key: Key | None, *, sends: bool = True
) -> Setup:
    """The same for a profile that need not be saved anywhere, with the key that belongs to it. Where
    nothing is sent, none is needed.

    Raises:
        NotReady: as `find_setup` does.
    """
    from amx_tui.config.settings import read_settings
    from amx_tui.llm.model import Endpoint, Setup
    from amx_tui.llm.providers import fault_of_base, normal_base, provider

    if not (profile.provider and profile.model):
        raise NotReady(
            f"Profile '{profile.name}' does not say which model to ask",
            "Its provider or its model is missing in config.yml",
            "Press P and e, and fill it in",
            opens_form=True,
        )
    try:
        served_by = provider(profile.provider)
        settings = read_settings(workspace.environ)
    except Problem as problem:
        raise NotReady(problem.what, problem.why, problem.remedy) from problem
    if key is None and served_by.needs_key and sends:
        pages = " or ".join(served_by.key_pages)
        where = f". Keys are made at {pages}" if pages else ""
        raise NotReady(
            f"There is no API key for profile '{profile.name}'",
            f"Its api_key is blank and AMX_LLM_API_KEY is not set{where}",
            "Press P and e to enter a key, or export AMX_LLM_API_KEY and start again",
            opens_form=True,
        )
    base = normal_base(profile.api_base or (served_by.bases[0] if served_by.bases else ""))
    if not base:
        raise NotReady(
            f"Profile '{profile.name}' has no API base",
            f"{served_by.title} has no address of its own",
            "Press P and e, and fill in the API base",
            opens_form=True,
        )
    if fault := fault_of_base(base):
        raise NotReady(
            f"The API base of profile '{profile.name}' cannot be used",
            fault.rstrip("."),
            "Press P and e, and correct it; or correct it in config.yml",
            opens_form=True,
        )
    endpoint = Endpoint(served_by, base, key)
    return Setup(profile, _find_model(workspace, profile, endpoint), endpoint, settings)


def _find_model(workspace: Workspace, profile: Profile, endpoint: Endpoint) -> Model:
    """The profile's model: from the table, or as its host listed it, at the fetched rates if any."""
    from amx_tui.llm.models import find_model
    from amx_tui.llm.prices import price_model
    from amx_tui.llm.services import model_from_listing

    account = workspace.accounts.get(profile.name)
    row = account.listed(profile.model) if account and account.base == endpoint.base else None
    if row is None:
        model = find_model(profile.provider, profile.model)
    else:
        model = model_from_listing(row, endpoint.provider)
    return price_model(model, workspace.prices)
