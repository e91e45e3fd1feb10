"""From a scope to a draft that can be read before it is sent. Blocking: call it in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from amx_tui.base.amounts import number
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Catalog, ColumnEvidence, Table, Target
from amx_tui.commands.model import Draft, Material, NotReady, Offer
from amx_tui.commands.wording import find_terms, find_wording, wording_in_words
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Config, Key, Privacy, Profile

if TYPE_CHECKING:
    from amx_tui.drafting.model import Calibration
    from amx_tui.llm.model import Endpoint, Model, Setup
    from amx_tui.review.model import Leg

# Seconds that a plan waits for documents and code: to see that nothing changed takes less; what takes
# longer comes with the next plan.
_PATIENCE = 1.0

ReadEvidence = Callable[[Table, Privacy], Mapping[str, ColumnEvidence]]


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


def find_calibration(workspace: Workspace, setup: Setup) -> Calibration:
    """What earlier answers of this model say of estimates; nothing where the store cannot be read,
    which is told where it matters."""
    from amx_tui.drafting.model import Calibration
    from amx_tui.llm.body import effort_sent

    try:
        return workspace.store.calibration(
            setup.profile.provider, setup.model.id, effort_sent(setup)
        )
    except Problem:
        return Calibration()


def _gather(
    workspace: Workspace,
    catalog: Catalog,
    targets: Iterable[Target],
    privacy: Privacy,
    read_evidence: ReadEvidence,
    hint: str,
    earlier: Mapping[Target, Sequence[str]] | None,
) -> Material:
    from amx_tui.drafting.model import Scope
    from amx_tui.drafting.plan import choose_targets

    # In the order of the catalog, as people read it; replacing a text was decided when it was marked.
    scope = Scope(frozenset(targets), exact=True, redo_described=True)
    wanted = choose_targets(catalog, scope)
    if not wanted:
        raise NotReady(
            "There is nothing to draft",
            "Everything here is described already",
            "Mark a column with space to draft it again",
        )
    tables = {target.of_table: catalog.table(target) for target in wanted}
    evidence = {
        target: read_evidence(table, privacy)
        for target, table in tables.items()
        if table is not None
    }
    wording = find_wording(workspace)
    terms = find_terms(wording)
    passages, documents = None, ""
    if privacy is not Privacy.METADATA:
        workspace.library.wait(_PATIENCE)
        documents = workspace.library.standing.state
        found = {
            name: workspace.library.find(table, privacy) for name, table in tables.items() if table
        }
        passages = found if any(found.values()) else None
    return Material(
        catalog,
        wanted,
        evidence,
        passages,
        documents,
        privacy,
        wording,
        terms,
        hint,
        earlier,
    )


def _make_draft(
    workspace: Workspace,
    material: Material,
    setup: Setup,
    *,
    cap_usd: float | None = None,
    first_number: int = 1,
) -> Draft:
    from amx_tui.drafting.plan import make_plan, scope_in_words
    from amx_tui.llm.rates import rates_for

    assert workspace.connector is not None
    plan = make_plan(
        material.catalog,
        material.wanted,
        material.evidence,
        setup,
        database=workspace.connector.identity,
        scope=scope_in_words(material.wanted),
        privacy=material.privacy,
        cap_usd=cap_usd,
        first_number=first_number,
        calibration=find_calibration(workspace, setup),
        passages=material.passages,
        wording=material.wording,
        terms=material.terms,
        hint=material.hint,
        earlier=material.earlier,
    )
    concurrency = max(workspace.preferences.concurrency, 1)
    longest = max((batch.estimate.seconds for batch in plan.batches), default=0.0)
    seconds = max(plan.estimate.seconds / concurrency, longest) / workspace.speed
    rates = rates_for(setup.profile, setup.model)
    said = wording_in_words(material.wording, len(material.terms))
    return Draft(plan, setup, rates, concurrency, seconds, material, said)


def prepare_draft(
    workspace: Workspace,
    catalog: Catalog,
    targets: Iterable[Target],
    *,
    privacy: Privacy,
    read_evidence: ReadEvidence,
    cap_usd: float | None = None,
    profile: str | None = None,
    first_number: int = 1,
    hint: str = "",
    earlier: Mapping[Target, Sequence[str]] | None = None,
) -> Draft:
    """Reads the evidence of the targets' tables and makes the plan. `first_number` is the number of
    the first batch, for a run that goes on; `hint` is what a reviewer tells the model, and `earlier`
    are the texts that did not satisfy them, None where nothing is drafted again.

    Raises:
        NotReady: see `find_setup`; or there is nothing to draft.
        CatalogProblem: the database cannot be read.
    """
    setup = find_setup(workspace, profile)
    material = _gather(workspace, catalog, targets, privacy, read_evidence, hint, earlier)
    return _make_draft(workspace, material, setup, cap_usd=cap_usd, first_number=first_number)


def own_offer(draft: Draft) -> Offer:
    """What its own profile costs and takes for `draft`."""
    from amx_tui.llm.body import thinks

    plan, setup = draft.plan, draft.setup
    usd, batches = plan.estimate.usd, len(plan.batches)
    return Offer(setup.profile.name, setup.model.id, thinks(setup), usd, draft.seconds, batches)


def compare_profiles(workspace: Workspace, draft: Draft) -> tuple[Offer, ...]:
    """What each profile of `config.yml` would cost and take for the same as `draft`, by name; its own
    one included, so that there is nothing to choose where that stands alone. Nothing is read again,
    no key is looked for, and nothing is asked.

    Raises:
        ConfigProblem: `config.yml` cannot be read.
    """
    profiles = workspace.read_config().profiles
    offers = {draft.setup.profile.name: own_offer(draft)}
    for name in profiles.keys() - offers.keys():
        try:
            setup = make_setup(workspace, profiles[name], None, sends=False)
        except NotReady as problem:
            offers[name] = Offer(name, profiles[name].model, fault=problem.what)
        else:
            offers[name] = own_offer(_make_draft(workspace, draft.material, setup))
    return tuple(offers[name] for name in sorted(offers))


def size_words(draft: Draft) -> tuple[str, str]:
    """How many requests and why, and about how many tokens, with the margin of that; and in addition
    whether some are smaller than the profile says."""
    from amx_tui.drafting.plan import MARGIN

    batches, estimate = draft.plan.batches, draft.plan.estimate
    most = max(draft.setup.profile.column_batch_size, 1)
    # One that ends before its table does had no more room.
    is_cut = any(
        one.table == following.table and sum(not t.is_table for t in one.targets) < most
        for one, following in pairwise(batches)
    )
    count = f"{len(batches)} batch{'es' if len(batches) != 1 else ''} of ≤ {most} columns"
    tokens = f"{number(estimate.input_tokens)} tokens in, {number(estimate.output_tokens)} out"
    smaller = " · some smaller, so that prompt and answer fit the model" if is_cut else ""
    return f"{count}, {tokens}, ±{MARGIN:.0%}", smaller
