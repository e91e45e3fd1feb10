"""From a scope to a draft that can be read before it is sent. Blocking: call it in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from amx_tui.base.amounts import number
from amx_tui.base.problem import Problem
from amx_tui.catalog.model import Catalog, ColumnEvidence, Table, Target
from amx_tui.commands.model import Draft, Material, NotReady, Offer
from amx_tui.commands.setup import find_setup, make_setup
from amx_tui.commands.wording import find_terms, find_wording, wording_in_words
from amx_tui.commands.workspace import Workspace
from amx_tui.config.model import Privacy

if TYPE_CHECKING:
    from amx_tui.drafting.model import Calibration
    from amx_tui.llm.model import Setup

# Seconds that a plan waits for documents and code: to see that nothing changed takes less; what takes
# longer comes with the next plan.
_PATIENCE = 1.0

ReadEvidence = Callable[[Table, Privacy], Mapping[str, ColumnEvidence]]


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


def waiting_words(waiting: int) -> str:
    """Of a plan that holds so many which were drafted already and wait for a decision; "" for none."""
    return f"{number(waiting)} of them drafted before, still to be reviewed" if waiting else ""


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
