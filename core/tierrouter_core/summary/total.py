"""The summary of several sidecars: sums, and what they have in common."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tierrouter_core.summary.model import (
    BudgetLine,
    DeepShare,
    FirstTokens,
    LeftAlone,
    Served,
    Summary,
    TierLine,
)


def added_up(summaries: Sequence[Summary]) -> Summary:
    """All of them as one; the latest turns of each are left out, and so are shares of a window, which don't add up."""
    if len(summaries) == 1:
        return summaries[0]
    return Summary(
        served=_common(summaries),
        up_s=max((each.up_s for each in summaries), default=0.0),
        sidecars=sum(each.sidecars for each in summaries),
        in_flight=sum(each.in_flight for each in summaries),
        per_minute=math.fsum(each.per_minute for each in summaries),
        tiers=_tiers(summaries),
        reasons=_counts(each.reasons for each in summaries),
        outcomes=_counts(each.outcomes for each in summaries),
        lately=_counts(each.lately for each in summaries),
        failovers=sum(each.failovers for each in summaries),
        errors={
            provider: _counts(each.errors.get(provider, {}) for each in summaries)
            for provider in dict.fromkeys(name for each in summaries for name in each.errors)
        },
        deep_turns=sum(each.deep_turns for each in summaries),
        deep_cost_usd=math.fsum(each.deep_cost_usd for each in summaries),
        baseline_usd={
            model: math.fsum(each.baseline_usd.get(model, 0.0) for each in summaries)
            for model in dict.fromkeys(name for each in summaries for name in each.baseline_usd)
        },
        compared_usd=math.fsum(each.compared_usd for each in summaries),
        deep_share=_limit(summaries),
        left_alone=_left_alone(summaries),
        budgets=_budgets(summaries),
        ledger_pending=sum(each.ledger_pending for each in summaries),
        ledger_lost=sum(each.ledger_lost for each in summaries),
    )


def _common(summaries: Sequence[Summary]) -> Served:
    """What they agree on; routers and revisions that differ stand beside each other."""
    served = [each.served for each in summaries]
    canaries = {each.canary: each.canary_percent for each in served if each.canary}
    return Served(
        router=_joined(each.router for each in served),
        namespace=_joined(each.namespace for each in served),
        mode=_joined(each.mode for each in served),
        revision=_joined(each.revision for each in served),
        since=max((each.since for each in served), default=""),
        canary=", ".join(canaries),
        canary_percent=max(canaries.values(), default=0),
        refused=_joined(each.refused for each in served),
    )


def _joined(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(name for name in names if name))


def _tiers(summaries: Sequence[Summary]) -> tuple[TierLine, ...]:
    lines: dict[str, TierLine] = {}
    for line in (line for each in summaries for line in each.tiers):
        known = lines.get(line.name)
        lines[line.name] = line if known is None else _both(known, line)
    return tuple(lines.values())


def _both(one: TierLine, other: TierLine) -> TierLine:
    return replace(
        one,
        model=_joined((*one.model.split(", "), other.model)),
        provider=_joined((*one.provider.split(", "), other.provider)),
        expensive=one.expensive or other.expensive,
        turns=one.turns + other.turns,
        failed=one.failed + other.failed,
        input_tokens=one.input_tokens + other.input_tokens,
        cache_read_tokens=one.cache_read_tokens + other.cache_read_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        cost_usd=one.cost_usd + other.cost_usd,
        unpriced_turns=one.unpriced_turns + other.unpriced_turns,
        first_tokens=_waits(one.first_tokens, other.first_tokens),
    )


def _waits(one: FirstTokens, other: FirstTokens) -> FirstTokens:
    if not one.counts or not other.counts:
        return one if one.counts else other
    if one.bounds_s != other.bounds_s:
        # Of different versions: the larger part tells more than a mixture.
        return max(one, other, key=lambda each: sum(each.counts))
    return FirstTokens(one.bounds_s, tuple(map(sum, zip(one.counts, other.counts, strict=True))))


def _counts(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        for name, count in part.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def _limit(summaries: Sequence[Summary]) -> DeepShare | None:
    """The strictest limit, without a share: each sidecar has its own window."""
    found = [each.deep_share for each in summaries if each.deep_share is not None]
    if not found:
        return None
    strictest = min(found, key=lambda each: each.max_percent)
    return replace(strictest, percent=None, exceeded=any(each.exceeded for each in found))


def _left_alone(summaries: Sequence[Summary]) -> tuple[LeftAlone, ...]:
    """Each provider's model once: the longest that it is left alone anywhere."""
    longest: dict[tuple[str, str], LeftAlone] = {}
    for each in (each for summary in summaries for each in summary.left_alone):
        known = longest.get((each.provider, each.model))
        if known is None or each.for_s > known.for_s:
            longest[each.provider, each.model] = each
    return tuple(longest.values())


def _both_budgets(one: BudgetLine, other: BudgetLine) -> BudgetLine:
    shares = [each.used_share for each in (one, other) if each.used_share is not None]
    return replace(one, exhausted=one.exhausted + other.exhausted, used_share=max(shares, default=None))


def _budgets(summaries: Sequence[Summary]) -> tuple[BudgetLine, ...]:
    """One for each budget of each router; while pods lag behind a change of it, one for each limit."""
    has_several_routers = len({each.served.router for each in summaries}) > 1
    lines: dict[tuple[str, str, str], BudgetLine] = {}
    for router, line in ((each.served.router, line) for each in summaries for line in each.budgets):
        named = replace(line, name=f"{router}/{line.name}") if has_several_routers else line
        key = named.name, line.scope, line.limit_usd
        known = lines.get(key)
        lines[key] = named if known is None else _both_budgets(known, named)
    return tuple(lines.values())
