"""What was spent, by model, and what it would have cost otherwise: rows in, one value out.

Three rules keep the saving honest. The baseline accrues only for turns that were answered, while the cost of every turn
that had one counts, so failures count against the saving. What had no baseline is not held against one that others
had. And an unknown cost is never zero: it is counted and said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tierrouter_core.names import Outcome, UsageSource
from tierrouter_core.spend.baseline import BaselineModel, BaselineState
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_facts import (
    at_s,
    conversation,
    cost_is_unknown,
    is_regression,
    total_input,
    usage_of,
)
from tierrouter_core.spend.tier_facts import RevisionFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """What one model did, or all of them together."""

    model: str
    """The user's name for it; empty for turns that no model served."""
    turns: int
    turn_share: float
    """Of all turns, 0 to 1."""
    answered_turns: int
    input_tokens: int
    """Every input token, cached or not."""
    cache_read_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: Decimal
    """The sum of the costs that are known."""
    cost_share: float
    """Of all known costs, 0 to 1."""
    unknown_cost_turns: int
    """Turns that are not in ``cost_usd``, because no price is known."""
    estimated_turns: int
    """Turns whose tokens were estimated, in whole or in part, because the provider stated none."""

    @property
    def cached_share(self) -> float:
        """Of the input, 0 to 1."""
        return self.cache_read_tokens / self.input_tokens if self.input_tokens else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpensiveShare:
    """How much of everything the tiers marked ``expensive`` served."""

    tiers: tuple[str, ...]
    """Those that did."""
    turns: int
    turn_share: float
    cost_usd: Decimal
    cost_share: float
    unknown_turns: int
    """Turns of revisions whose tiers are not known here; they count as not expensive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """Costs beside the baseline's."""

    baseline_models: tuple[str, ...]
    """More than one where the baseline changed; the sum is then of different models."""
    recomputed: bool
    """Whether the baseline was computed for this report, and not read from the rows."""
    baseline_cost_usd: Decimal
    """Of answered turns."""
    cost_usd: Decimal
    """Of the turns that had a baseline, failed ones too."""
    priced_turns: int
    unpriced_turns: int
    """Answered turns that have no baseline cost: neither is theirs in ``cost_usd``."""
    unknown_cost_turns: int
    """Turns that are missing from ``cost_usd`` for want of a price; with any, the saving is overstated."""
    simulated_input_tokens: int
    simulated_cache_read_tokens: int
    """What the baseline read from its own cache; both are 0 where the simulation can't be told from the rows."""
    cache_ttls_ms: tuple[int, ...]

    @property
    def saved_usd(self) -> Decimal:
        """Negative where routing cost more than the baseline would have."""
        return self.baseline_cost_usd - self.cost_usd

    @property
    def saved_share(self) -> float | None:
        """Of the baseline's cost; None where that is zero."""
        return float(self.saved_usd / self.baseline_cost_usd) if self.baseline_cost_usd else None

    @property
    def cached_share(self) -> float | None:
        """Of the baseline's input, what its simulated cache served, 0 to 1; None where it isn't known."""
        if not self.simulated_input_tokens:
            return None
        return self.simulated_cache_read_tokens / self.simulated_input_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A summary of turns."""

    models: tuple[ModelLine, ...]
    """The costliest first."""
    total: ModelLine
    expensive: ExpensiveShare | None
    """None where nothing says which tiers are expensive."""
    saving: Saving | None
    """None where no turn has a baseline cost."""
    outcomes: Mapping[str, int]
    """Turns by how they ended."""
    regression_turns: int
    """Turns of regression suites, left out of everything above."""
    first_time: str
    last_time: str


@dataclass(slots=True)
class _Sum:
    """A :class:`ModelLine` in the making."""

    turns: int = 0
    answered: int = 0
    input: int = 0
    cache_read: int = 0
    output: int = 0
    reasoning: int = 0
    cost: Decimal = Decimal(0)
    unknown_cost: int = 0
    estimated: int = 0

    def add(self, row: TurnRow) -> None:
        self.turns += 1
        self.answered += row.outcome == Outcome.ANSWERED
        self.input += total_input(row)
        self.cache_read += row.cache_read_tokens
        self.output += row.output_tokens
        self.reasoning += row.reasoning_tokens
        self.estimated += row.usage_source in (UsageSource.ESTIMATED, UsageSource.MIXED)
        if row.cost_usd is not None:
            self.cost += row.cost_usd
        elif cost_is_unknown(row):
            self.unknown_cost += 1

    def line(self, model: str, turns: int, cost: Decimal) -> ModelLine:
        return ModelLine(
            model=model,
            turns=self.turns,
            turn_share=_share(self.turns, turns),
            answered_turns=self.answered,
            input_tokens=self.input,
            cache_read_tokens=self.cache_read,
            output_tokens=self.output,
            reasoning_tokens=self.reasoning,
            cost_usd=self.cost,
            cost_share=_share(self.cost, cost),
            unknown_cost_turns=self.unknown_cost,
            estimated_turns=self.estimated,
        )


@dataclass(slots=True)
class _BaselineSum:
    """A :class:`Saving` in the making."""

    given: BaselineModel | None
    revisions: Mapping[str, RevisionFacts]
    state: BaselineState = field(default_factory=BaselineState)
    models: set[str] = field(default_factory=set)
    ttls_ms: set[int] = field(default_factory=set)
    compared: _Sum = field(default_factory=_Sum)
    """Turns that had a baseline."""
    cost: Decimal = Decimal(0)
    priced: int = 0
    unpriced: int = 0
    input: int = 0
    cache_read: int = 0

    def add(self, row: TurnRow, *, counts: bool) -> None:
        """``counts`` is False for turns before the report's window, which only warm the simulated caches."""
        if row.outcome != Outcome.ANSWERED:
            if counts and (self.given is not None or row.baseline_model):
                self.compared.add(row)
            return
        baseline = self.given or self._recorded(row)
        cost = row.baseline_cost_usd
        turn = None
        if baseline is not None:
            turn = self.state.simulate(conversation(row), at_s(row), usage_of(row), baseline)
            if self.given is not None:
                cost = turn.cost_usd
        if not counts:
            return
        if cost is None:
            self.unpriced += 1
            return
        self.cost += cost
        self.priced += 1
        self.compared.add(row)
        self.models.add(row.baseline_model if self.given is None else self.given.model)
        if baseline is not None and turn is not None:
            self.input += turn.usage.total_input
            self.cache_read += turn.usage.cache_read
            self.ttls_ms.add(baseline.cache_ttl_ms)

    def _recorded(self, row: TurnRow) -> BaselineModel | None:
        facts = self.revisions.get(row.revision)
        baseline = None if facts is None else facts.baseline
        return baseline if baseline is not None and baseline.model == row.baseline_model else None

    def saving(self) -> Saving | None:
        if not self.priced:
            return None
        return Saving(
            baseline_models=tuple(sorted(self.models)),
            recomputed=self.given is not None,
            baseline_cost_usd=self.cost,
            cost_usd=self.compared.cost,
            priced_turns=self.priced,
            unpriced_turns=self.unpriced,
            unknown_cost_turns=self.compared.unknown_cost,
            simulated_input_tokens=self.input,
            simulated_cache_read_tokens=self.cache_read,
            cache_ttls_ms=tuple(sorted(self.ttls_ms)),
        )


@dataclass(slots=True)
class _ExpensiveSum:
    """An :class:`ExpensiveShare` in the making."""

    names: Collection[str] | None
    revisions: Mapping[str, RevisionFacts]
    flags: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    tiers: set[str] = field(default_factory=set)
    turns: int = 0
    cost: Decimal = Decimal(0)
    known: int = 0
    unknown: int = 0

    def add(self, row: TurnRow) -> None:
        place = (row.revision, row.tier)
        if place not in self.flags:
            self.flags[place] = self._is_expensive(*place)
        expensive = self.flags[place]
        if expensive is None:
            self.unknown += 1
            return
        self.known += 1
        if expensive:
            self.tiers.add(row.tier)
            self.turns += 1
            self.cost += row.cost_usd or 0

    def _is_expensive(self, revision: str, tier: str) -> bool | None:
        facts = self.revisions.get(revision)
        if facts is not None:
            return any(known.tier == tier and known.expensive for known in facts.tiers)
        if self.names is not None:
            return tier in self.names
        # A turn that no tier served was not served by an expensive one, whatever the revision.
        return None if tier else False

    def share(self, total: _Sum) -> ExpensiveShare | None:
        if not self.known and self.unknown:
            return None
        return ExpensiveShare(
            tiers=tuple(sorted(self.tiers)),
            turns=self.turns,
            turn_share=_share(self.turns, total.turns),
            cost_usd=self.cost,
            cost_share=_share(self.cost, total.cost),
            unknown_turns=self.unknown,
        )


def summarise(
    rows: Iterable[TurnRow],
    *,
    expensive_tiers: Collection[str] | None = None,
    revisions: Mapping[str, RevisionFacts] | None = None,
    baseline: BaselineModel | None = None,
    count_from: str = "",
) -> Report:
    """The report of ``rows``, which are in the order of their time.

    ``revisions`` says which tiers were expensive and what the baseline was, by revision; for revisions not in it
    ``expensive_tiers`` names the expensive tiers. With ``baseline`` the baseline's costs are computed anew by its
    price, otherwise they are those that the rows bear. Rows earlier than ``count_from`` (as :attr:`TurnRow.time`)
    only warm the baseline's simulated caches.
    """
    known = revisions or {}
    models: dict[str, _Sum] = {}
    total, outcomes = _Sum(), dict[str, int]()
    against, expensive = _BaselineSum(baseline, known), _ExpensiveSum(expensive_tiers, known)
    regression, first, last = 0, "", ""
    for row in rows:
        if is_regression(row):
            regression += row.time >= count_from
            continue
        counts = row.time >= count_from
        against.add(row, counts=counts)
        if not counts:
            continue
        total.add(row)
        models.setdefault(row.model, _Sum()).add(row)
        expensive.add(row)
        outcomes[row.outcome] = outcomes.get(row.outcome, 0) + 1
        first = min(first or row.time, row.time)
        last = max(last, row.time)
    lines = [part.line(name, total.turns, total.cost) for name, part in models.items()]
    lines.sort(key=lambda line: (-line.cost_usd, -line.turns, line.model))
    return Report(
        models=tuple(lines),
        total=total.line("", total.turns, total.cost),
        expensive=expensive.share(total),
        saving=against.saving(),
        outcomes=outcomes,
        regression_turns=regression,
        first_time=first,
        last_time=last,
    )


def rebased(rows: Iterable[TurnRow], baseline: BaselineModel) -> Iterator[TurnRow]:
    """``rows``, in the order of their time, with the two baseline columns computed anew for ``baseline``."""
    state = BaselineState()
    for row in rows:
        cost = None
        if row.outcome == Outcome.ANSWERED:
            cost = state.price_turn(conversation(row), at_s(row), usage_of(row), baseline)
        yield row._replace(baseline_model=baseline.model, baseline_cost_usd=cost)


def _share(part: Decimal | int, whole: Decimal | int) -> float:
    return float(part / whole) if whole else 0.0
