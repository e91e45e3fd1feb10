"""Makes a plan of a scope: which targets go into which request, and what that is expected to cost.

Pure: the evidence was gathered beforehand, and nothing is sent or kept here. The cost of planning is
linear in the targets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from amx_tui.base.amounts import counted
from amx_tui.catalog.model import Catalog, ColumnEvidence, Table, Target
from amx_tui.config.model import NO_WORDING, Privacy, Wording
from amx_tui.drafting.glossary import Glossary
from amx_tui.drafting.model import Batch, Calibration, Estimate, Plan, Scope, Thresholds
from amx_tui.drafting.prompt import (
    Style,
    join_messages,
    keep_only,
    passage_line,
    shared_lines,
    target_line,
)
from amx_tui.evidence.model import Passage, Term
from amx_tui.llm.body import effort_sent, thinks
from amx_tui.llm.model import Message, Rates, Setup, Usage
from amx_tui.llm.rates import cost, rates_for
from amx_tui.llm.tokens import estimate_tokens

# What a target's answer takes, in tokens: the words that `description_verbosity` asks for at about
# 1.4 tokens a word, then the reason, the confidence and the JSON around them for each alternative,
# then the name and the JSON around the target.
_TEXT_TOKENS: Mapping[str, int] = {
    "brief": 24,
    "detailed": 65,
    "comprehensive": 130,
    "exhaustive": 260,
}
_REASON_TOKENS = 36
_TARGET_TOKENS = 16

# What a reasoning route thinks before it answers, in tokens a target and a request. Nobody publishes
# such a figure: this assumes a few sentences on each column, more with more effort, and the usage
# that comes back is shown beside it.
_THOUGHT_TOKENS: Mapping[str, int] = {"none": 0, "minimal": 60, "low": 140, "medium": 320}
_THOUGHT_TOKENS_AT_MOST = 700  # high and whatever is above it
_THOUGHT_TOKENS_A_REQUEST = 250

# Seconds until the first token, and tokens a second after it: a thinking model as the demo replays
# it. A wrong guess only moves the time that Draft announces; while a run goes on, its own pace counts.
_FIRST_TOKEN_SECONDS = 2.0
_TOKENS_A_SECOND = 60.0

# Tokens are estimated without the model's own tokenizer; a batch leaves that share of the context
# free for what the estimate misses.
MARGIN = 0.25
# Where a model's context is not known, the smallest one that Moonshot ever sold (moonshot-v1-8k).
_SMALLEST_CONTEXT = 8_192
# The names of a wide table's other columns may take that share of the context, and that many tokens:
# a thousand names tell a model what kind of table it is as well as four thousand do.
_NAMES_SHARE = 0.25
_NAMES_TOKENS = 4_000
# The passages of a table go with each of its batches, so that they may take that share of the context,
# and that many tokens: about what ten columns take.
_PASSAGES_SHARE = 0.125
_PASSAGES_TOKENS = 900
# Tokens that a message costs beside its text (role and separators), for both messages.
_FRAME_TOKENS = 12


UNCORRECTED = Calibration()


def choose_targets(catalog: Catalog, scope: Scope) -> tuple[Target, ...]:
    """The targets of `scope` in the order of the catalog, each table before its columns."""
    marked = scope.targets
    tables = None if marked is None else {target.of_table for target in marked}

    def is_wanted(target: Target) -> bool:
        if marked is None or target in marked:
            return True
        return not scope.exact and target.of_table in marked

    chosen: list[Target] = []
    for table in catalog.tables:
        if tables is not None and table.target not in tables:
            continue
        if is_wanted(table.target) and (scope.redo_described or not table.comment):
            chosen.append(table.target)
        for column in table.columns:
            target = table.column_target(column)
            if is_wanted(target) and (scope.redo_described or not column.comment):
                chosen.append(target)
    return tuple(chosen)


def scope_in_words(targets: Collection[Target]) -> str:
    """Such as "41 columns and 2 tables themselves, in 3 tables"."""
    columns = sum(1 for target in targets if not target.is_table)
    themselves = len(targets) - columns
    tables = len({target.of_table for target in targets})
    parts = []
    if columns:
        parts.append(counted(columns, "column"))
    if themselves:
        parts.append(f"{themselves} table{'s themselves' if themselves != 1 else ' itself'}")
    return f"{' and '.join(parts) or 'nothing'}, in {counted(tables, 'table')}"


def make_plan(
    catalog: Catalog,
    targets: Sequence[Target],
    evidence: Mapping[Target, Mapping[str, ColumnEvidence]],
    setup: Setup,
    *,
    database: str,
    scope: str,
    privacy: Privacy,
    cap_usd: float | None = None,
    hint: str = "",
    earlier: Mapping[Target, Sequence[str]] | None = None,
    first_number: int = 1,
    calibration: Calibration = UNCORRECTED,
    passages: Mapping[Target, Sequence[Passage]] | None = None,
    wording: Wording = NO_WORDING,
    terms: Sequence[Term] = (),
) -> Plan:
    """Everything that a run would send, word for word, and what it is expected to cost.

    A batch holds at most the profile's `column_batch_size` columns of one table, fewer where prompt
    and answer would not fit the model's context or its output budget; a table itself is asked once,
    with the table's first batch. Targets that are not in the catalog are left out.

    Args:
        targets: What to ask, in any order; the plan keeps their tables' order of appearance.
        evidence: What was read of each table's columns, by table and column name.
        database: The connector's identity.
        scope: The scope in words, see `scope_in_words`.
        cap_usd: The run ends before it would spend more.
        hint: A reviewer's wish; it goes with every batch.
        earlier: Texts that did not satisfy, for a redraft; None where it is none.
        first_number: The number of the first batch, for a run that goes on.
        calibration: What earlier answers of this model say of such estimates. It corrects what is
            announced, not what is packed into a batch: that keeps its margin.
        passages: What documents and code say of each table, best first; as many go along as there is
            room for, and none at `metadata`.
        wording: What `tui.yml` asks for.
        terms: Its glossary; a person named it for this, so that it goes along at every level.
    """
    told = passages if passages and privacy is not Privacy.METADATA else {}
    glossary = Glossary(terms)
    style = replace(
        Style.of(setup.profile, wording),
        glossary=glossary.whole,
        has_terms=bool(terms),
        has_passages=any(told.values()),
    )
    planner = _Planner(
        catalog, setup, evidence, style, hint, earlier or {}, calibration, told, glossary
    )
    by_table: dict[Target, list[Target]] = {}
    for target in dict.fromkeys(targets):
        if catalog.holds(target):
            by_table.setdefault(target.of_table, []).append(target)
    batches: list[Batch] = []
    for name, asked in by_table.items():
        table = catalog.table(name)
        if table is not None:
            batches.extend(planner.split(table, asked, first_number + len(batches)))
    return Plan(
        database=database,
        scope=scope,
        profile=setup.profile.name,
        provider=setup.profile.provider,
        model=setup.model.id,
        effort=effort_sent(setup),
        privacy=privacy,
        batches=tuple(batches),
        cap_usd=cap_usd,
        thresholds=Thresholds(setup.profile.logprob_high, setup.profile.logprob_medium),
        calibration=calibration,
        hint=hint,
        is_again=earlier is not None,
    )


def remaining_plan(plan: Plan, missing: Collection[Target]) -> Plan:
    """`plan` for what it did not bring: the same batches by number, with the same evidence word for
    word, asking only for the targets in `missing`; batches that lack nothing are left out."""
    wanted = frozenset(missing)
    batches = []
    for batch in plan.batches:
        left = tuple(target for target in batch.targets if target in wanted)
        if left:
            batches.append(batch if left == batch.targets else narrow_batch(batch, left))
    return replace(plan, batches=tuple(batches))


def _count(messages: Sequence[Message]) -> int:
    return sum(estimate_tokens(message.content) for message in messages) + _FRAME_TOKENS


def narrow_batch(batch: Batch, targets: Sequence[Target]) -> Batch:
    """`batch` asking only for `targets`, a part of its own; its estimate is scaled by their share."""
    messages = keep_only(batch.messages, frozenset(targets))
    whole, share = batch.estimate, len(targets) / len(batch.targets)
    tokens = round(whole.input_tokens * _count(messages) / _count(batch.messages))
    # The answer's share, priced as before; the prompt is never more than it was.
    usd = None if whole.usd is None else whole.usd * max(share, tokens / max(whole.input_tokens, 1))
    return replace(
        batch,
        targets=tuple(targets),
        messages=messages,
        estimate=Estimate(
            tokens,
            round(whole.output_tokens * share),
            usd,
            _FIRST_TOKEN_SECONDS + max(whole.seconds - _FIRST_TOKEN_SECONDS, 0) * share,
        ),
        previous={
            target: text for target, text in batch.previous.items() if target in set(targets)
        },
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """One target's line of the prompt, the tokens that it takes, and what describes the target now,
    unaltered: a writer compares it."""

    target: Target
    text: str
    tokens: int
    previous: str | None


class _Planner:
    """What holds for all tables of a plan, counted once."""

    def __init__(
        self,
        catalog: Catalog,
        setup: Setup,
        evidence: Mapping[Target, Mapping[str, ColumnEvidence]],
        style: Style,
        hint: str,
        earlier: Mapping[Target, Sequence[str]],
        calibration: Calibration,
        passages: Mapping[Target, Sequence[Passage]],
        glossary: Glossary,
    ) -> None:
        self.catalog = catalog
        self.calibration = calibration
        profile, model = setup.profile, setup.model
        self.style = style
        self.passages = passages
        self.glossary = glossary
        self.evidence = evidence
        self.hint = hint
        self.earlier = earlier
        self.rates: Rates | None = rates_for(profile, model)
        self.columns_a_batch = max(profile.column_batch_size, 1)
        self.context = round((model.context or _SMALLEST_CONTEXT) * (1 - MARGIN))
        text = _TEXT_TOKENS.get(profile.description_verbosity, _TEXT_TOKENS["brief"])
        self.answer_tokens = (text + _REASON_TOKENS) * self.style.alternatives + _TARGET_TOKENS
        self.thought_tokens = 0
        self.thought_tokens_a_request = 0
        budget = profile.max_tokens
        if thinks(setup):
            effort = effort_sent(setup) or setup.settings.reasoning_effort
            self.thought_tokens = _THOUGHT_TOKENS.get(effort, _THOUGHT_TOKENS_AT_MOST)
            self.thought_tokens_a_request = _THOUGHT_TOKENS_A_REQUEST if self.thought_tokens else 0
            budget = max(budget, setup.settings.min_max_tokens)
        self.output_budget = round(min(budget, model.max_output or budget) * (1 - MARGIN))
        # The same for every batch: rules, marks, request.
        empty = join_messages(self.style, (), ())
        self.fixed_tokens = sum(estimate_tokens(part.content) for part in empty) + _FRAME_TOKENS

    def split(self, table: Table, asked: Sequence[Target], number: int) -> Iterator[Batch]:
        """The batches of one table, numbered from `number`."""
        passages = self._choose_passages(table)
        shared = self._share(table, passages)
        shared_tokens = self.fixed_tokens + sum(estimate_tokens(line) + 1 for line in shared)
        waiting: list[_Line] = []
        tokens, columns = shared_tokens, 0
        for line in self._lines(table, asked):
            is_column = not line.target.is_table
            if waiting and (
                columns + is_column > self.columns_a_batch
                or not self._fits(tokens + line.tokens, len(waiting) + 1)
            ):
                yield self._batch(number, table, shared, passages, waiting, tokens)
                number += 1
                waiting, tokens, columns = [], shared_tokens, 0
            waiting.append(line)
            tokens += line.tokens
            columns += is_column
        if waiting:
            yield self._batch(number, table, shared, passages, waiting, tokens)

    def _choose_passages(self, table: Table) -> tuple[Passage, ...]:
        """The best ones that there is room for."""
        left = min(self.context * _PASSAGES_SHARE, _PASSAGES_TOKENS)
        chosen = []
        for passage in self.passages.get(table.target, ()):
            tokens = estimate_tokens(passage_line(passage)) + 1
            if tokens <= left:
                chosen.append(passage)
                left -= tokens
        return tuple(chosen)

    def _lines(self, table: Table, asked: Sequence[Target]) -> Iterator[_Line]:
        columns = {column.name: column for column in table.columns}
        seen = self.evidence.get(table.target, {})
        # The table goes first, so that it is asked with the first batch, and once.
        for target in sorted(asked, key=lambda target: not target.is_table):
            said = self.earlier.get(target, ())
            column = None if target.is_table else columns[target.column]
            refers = column.references if column is not None else None
            text = target_line(
                table,
                column,
                seen,
                self.style,
                said,
                referenced=self.catalog.comment(refers) if refers is not None else None,
            )
            previous = table.comment if column is None else column.comment
            yield _Line(target, text, estimate_tokens(text) + 1, previous)

    def _share(self, table: Table, passages: Sequence[Passage]) -> list[str]:
        """The lines that all batches of the table begin with; the column names of a table so wide
        that they would crowd out the evidence are cut, with their number told."""
        terms = self.glossary.of(table)
        lines = shared_lines(table, hint=self.hint, passages=passages, terms=terms)
        most = min(self.context * _NAMES_SHARE, _NAMES_TOKENS)
        tokens = estimate_tokens(lines[0])
        if tokens > most:
            names = max(round(len(table.columns) * most / tokens), 1)
            lines = shared_lines(table, hint=self.hint, names=names, passages=passages, terms=terms)
        return lines

    def _fits(self, prompt: int, targets: int) -> bool:
        output = self._output(targets)
        return prompt + output <= self.context and output <= self.output_budget

    def _output(self, targets: int) -> int:
        each = self.answer_tokens + self.thought_tokens
        return self.thought_tokens_a_request + each * targets

    def _batch(
        self,
        number: int,
        table: Table,
        shared: list[str],
        passages: tuple[Passage, ...],
        lines: Sequence[_Line],
        tokens: int,
    ) -> Batch:
        output = self._output(len(lines))
        thought = self.thought_tokens_a_request + self.thought_tokens * len(lines)
        tokens = round(tokens * self.calibration.input)
        output = round(output * self.calibration.output)
        usage = Usage(input=tokens, output=output, reasoning=min(thought, output))
        return Batch(
            number=number,
            table=table.target,
            targets=tuple(line.target for line in lines),
            messages=join_messages(self.style, shared, [line.text for line in lines]),
            estimate=Estimate(
                tokens,
                output,
                cost(usage, self.rates),
                _FIRST_TOKEN_SECONDS + output / _TOKENS_A_SECOND,
            ),
            previous={line.target: line.previous for line in lines if line.previous is not None},
            passages=passages,
        )
