"""A summary as it is shown: every text of the terminal's view and of the page, the same in both."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from tierrouter_core.names import Outcome
from tierrouter_core.summary.meanings import meaning_of
from tierrouter_core.summary.model import BudgetLine, RecentTurn, Summary, TierLine
from tierrouter_core.summary.problems import Problem, Tone, problems_of
from tierrouter_core.summary.quantile import quantile_s
from tierrouter_core.summary.words import FINE, counted, hours, money, pace, percent, places_for, seconds, span, tokens

NO_TIER: Final = "no tier"
AS_ASKED: Final = "as asked"
DEFAULT_DEEP_SHARE: Final = 0.05
"""Of turns: what expensive tiers may have where the router says nothing, by TierRouterDeepShareHigh's default."""
ENOUGH_TURNS: Final = 100
"""Fewer say nothing of shares, as for that alert."""
_DASH: Final = "–"
_OUTCOMES: Final = {
    Outcome.ANSWERED: "answered",
    Outcome.CLIENT_GONE: "client left",
    Outcome.CUT: "cut off",
    Outcome.UPSTREAM_ERROR: "failed",
    Outcome.REFUSED: "refused",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the figures that matter most."""

    name: str
    value: str
    note: str
    tone: Tone = Tone.PLAIN
    share: float | None = None
    """0 to 1, for a bar."""
    limit: float | None = None
    """Where on the bar the limit is."""


@dataclass(frozen=True, slots=True)
class TierRow:
    """A line of the table of tiers."""

    name: str
    model: str
    provider: str
    expensive: bool
    turns: str
    share: float
    share_text: str
    input: str
    cached: str
    output: str
    cost: str
    first_token: str
    slow_first_token: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a whole."""

    name: str
    count: str
    share: float
    share_text: str
    note: str = ""
    """What the name means."""


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget."""

    name: str
    limit: str
    state: str
    share: float
    """That is used, for a bar."""
    tone: Tone


@dataclass(frozen=True, slots=True)
class TurnRow:
    """A turn that is over."""

    time: str
    """RFC 3339 in UTC: whoever shows it knows the reader's clock."""
    tier: str
    model: str
    why: str
    input: str
    output: str
    cost: str
    duration: str
    outcome: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class View:
    """Everything that is shown."""

    title: str
    serving: tuple[tuple[str, str], ...]
    """What is in force: names and values."""
    facts: tuple[Fact, ...]
    problems: tuple[Problem, ...]
    tiers: tuple[TierRow, ...]
    reasons: tuple[Part, ...]
    """The most frequent first."""
    errors: tuple[Part, ...]
    """Calls to providers that failed, by provider and kind."""
    budgets: tuple[BudgetRow, ...]
    recent: tuple[TurnRow, ...]
    has_recent: bool
    """Whether turns are shown one by one at all."""


def view_of(summary: Summary) -> View:
    """How ``summary`` is shown."""
    served = summary.served
    places = places_for(summary.cost_usd)
    return View(
        title=served.router or "no configuration",
        serving=_serving(summary),
        facts=(_spent(summary), _saved(summary), _deep(summary), _turns(summary), _failed(summary)),
        problems=problems_of(summary),
        tiers=tuple(_tier(tier, summary.turns, places) for tier in summary.tiers),
        reasons=tuple(replace(part, note=meaning_of(part.name)) for part in _parts(summary.reasons)),
        errors=_parts(
            {
                f"{provider}: {kind.replace('_', ' ')}": count
                for provider, kinds in summary.errors.items()
                for kind, count in kinds.items()
            }
        ),
        budgets=tuple(_budget(budget) for budget in summary.budgets),
        recent=tuple(_turn(turn) for turn in summary.recent),
        has_recent=summary.sidecars == 1,
    )


def _serving(summary: Summary) -> tuple[tuple[str, str], ...]:
    served = summary.served
    told = [("namespace", served.namespace), ("revision", served.revision)]
    if served.canary:
        told.append(("canary", f"{served.canary} ({served.canary_percent} % of new sessions)"))
    if served.mode and served.mode != "Route":
        told.append(("mode", served.mode))
    if summary.sidecars > 1:
        told.append(("sidecars", f"{summary.sidecars:,}"))
    told.append(("up", span(summary.up_s)))
    if summary.ledger_pending:
        told.append(("ledger", f"{counted(summary.ledger_pending, 'row')} to be written"))
    return tuple((name, value) for name, value in told if value)


def _spent(summary: Summary) -> Fact:
    cost, turns = summary.cost_usd, summary.turns
    priced = turns - summary.unpriced_turns
    note = f"{money(cost / priced, FINE)} a turn" if cost and priced > 0 else "since the start"
    more = " + ?" if summary.unpriced_turns else ""
    return Fact("Spent", money(cost, places_for(cost)) + more, note)


def _saved(summary: Summary) -> Fact:
    saved = summary.saved_usd
    if saved is None:
        return Fact("Saved", _DASH, "no turn has a baseline cost yet")
    models, baseline = " and ".join(summary.baseline_usd), sum(summary.baseline_usd.values())
    share = saved / baseline if baseline else 0.0
    note = f"{percent(abs(share))} {'less' if saved >= 0 else 'more'} than all on {models}"
    return Fact("Saved", money(saved, places_for(saved)), note, Tone.GOOD if saved > 0 else Tone.WARN)


def _deep(summary: Summary) -> Fact:
    name, watched = "Expensive tiers", summary.deep_share
    if watched is None:
        share, limit = summary.expensive_turn_share, DEFAULT_DEEP_SHARE
        tone = Tone.WARN if share > limit and summary.served_turns >= ENOUGH_TURNS else Tone.PLAIN
        return Fact(name, percent(share), f"of turns since the start; {100 * limit:g} % by default", tone, share, limit)
    limit = watched.max_percent / 100
    of = "turns" if watched.by == "Turns" else "spending"
    allowed = f"{watched.max_percent:g} % allowed"
    if watched.percent is None:
        share = summary.expensive_turn_share if watched.by == "Turns" else summary.expensive_cost_share
        tone = Tone.BAD if watched.exceeded else Tone.PLAIN
        return Fact(name, percent(share), f"of {of}; {allowed}", tone, share, limit)
    within = f" in {hours(watched.window_s)}" if watched.window_s else ""
    tone = Tone.BAD if watched.exceeded else Tone.GOOD
    share = watched.percent / 100
    return Fact(name, percent(share), f"of {of}{within}; {allowed}", tone, share, limit)


def _turns(summary: Summary) -> Fact:
    under_way = f", {summary.in_flight:,} under way" if summary.in_flight else ""
    return Fact("Turns", f"{summary.turns:,}", pace(summary.per_minute) + under_way)


def _failed(summary: Summary) -> Fact:
    turns = summary.turns
    share = summary.failed / turns if turns else 0.0
    moved = percent(summary.failovers / turns if turns else 0.0)
    tone = Tone.BAD if share >= 0.01 else Tone.WARN if summary.failed else Tone.PLAIN
    return Fact("Failed", percent(share), f"{summary.failed:,} of {turns:,}; {moved} fell back to another tier", tone)


def _tier(tier: TierLine, turns: int, places: int) -> TierRow:
    share = tier.turns / turns if turns else 0.0
    all_input = tier.all_input_tokens
    return TierRow(
        name=_tier_name(tier.name),
        model=tier.model,
        provider=tier.provider,
        expensive=tier.expensive,
        turns=f"{tier.turns:,}",
        share=share,
        share_text=percent(share),
        input=tokens(all_input) if all_input else _DASH,
        cached=percent(tier.cache_read_tokens / all_input) if all_input else _DASH,
        output=tokens(tier.output_tokens) if tier.output_tokens else _DASH,
        cost=_cost(tier, places),
        first_token=seconds(quantile_s(tier.first_tokens, 0.5)),
        slow_first_token=seconds(quantile_s(tier.first_tokens, 0.95)),
    )


def _tier_name(name: str) -> str:
    return AS_ASKED if name == "none" else name or NO_TIER


def _cost(tier: TierLine, places: int) -> str:
    if not tier.turns:
        return _DASH
    if not tier.unpriced_turns:
        return money(tier.cost_usd, places)
    return f"{money(tier.cost_usd, places)} + ?" if tier.cost_usd else "unknown"


def _parts(counts: Mapping[str, int]) -> tuple[Part, ...]:
    whole = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Part(name, f"{count:,}", count / whole, percent(count / whole)) for name, count in ordered)


def _budget(budget: BudgetLine) -> BudgetRow:
    each = "in all" if budget.scope == "Router" else "a session"
    if not budget.exhausted:
        used = budget.used_share
        most = "" if budget.scope == "Router" else " at most"
        state = "has room" if used is None else f"{percent(used)} used{most}"
        return BudgetRow(budget.name, f"${budget.limit_usd} {each}", state, used or 0.0, Tone.PLAIN)
    state = "used up" if budget.scope == "Router" else f"used up by {counted(budget.exhausted, 'session')}"
    return BudgetRow(budget.name, f"${budget.limit_usd} {each}", state, 1.0, Tone.WARN)


def _turn(turn: RecentTurn) -> TurnRow:
    went_well = turn.outcome == Outcome.ANSWERED
    tone = Tone.PLAIN if went_well else Tone.WARN if turn.outcome == Outcome.CLIENT_GONE else Tone.BAD
    return TurnRow(
        time=turn.time,
        tier=_tier_name(turn.tier),
        model=turn.model,
        why=f"{turn.reason}: {turn.rule}" if turn.rule else turn.reason,
        input=tokens(turn.input_tokens) if turn.input_tokens else _DASH,
        output=tokens(turn.output_tokens) if turn.output_tokens else _DASH,
        cost=_DASH if turn.cost_usd is None else money(turn.cost_usd, FINE),
        duration=seconds(turn.duration_ms / 1000),
        outcome=_OUTCOMES.get(Outcome(turn.outcome), turn.outcome) if turn.outcome in set(Outcome) else turn.outcome,
        tone=tone,
    )
