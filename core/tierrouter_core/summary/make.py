"""The summary of one sidecar, of what it counted, what ``/status`` says and its latest turns."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tierrouter_core.names import FAILED_OUTCOMES, Reason
from tierrouter_core.spend.row import TurnRow
from tierrouter_core.spend.row_facts import total_input
from tierrouter_core.summary import MOST_RECENT
from tierrouter_core.summary.model import (
    BudgetLine,
    DeepShare,
    FirstTokens,
    LeftAlone,
    RecentTurn,
    Served,
    Summary,
    TierLine,
)

MOST_TIERS: Final = 100
"""Lines of tiers: the metrics keep those of earlier configurations too."""
_RATE_S: Final = 300.0
_BY_RULE: Final = frozenset({Reason.RULE, Reason.ESCALATION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the metrics have counted since the process began, each by its labels' values."""

    turns: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By tier, model and outcome."""
    decisions: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By tier and reason."""
    tokens: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By tier, model and kind."""
    cost_usd: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By tier and model."""
    unpriced: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By tier and model."""
    deep_turns: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """Of tiers that were expensive then; they have no labels, and neither has their cost."""
    deep_cost_usd: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    baseline_usd: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By model, as what was spent on the turns that it is compared with."""
    compared_usd: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    failovers: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    errors: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """By provider and kind."""
    first_tokens: Mapping[str, FirstTokens] = field(default_factory=dict)
    """By tier."""


def summarise(
    counted: Counted,
    status: Mapping[str, Any],
    recent: Iterable[TurnRow],
    *,
    now_s: float,
    began_s: float,
    in_flight: int,
    shows_recent: bool,
) -> Summary:
    """What is shown of a sidecar.

    Args:
        counted: the values of its metrics.
        status: what its ``/status`` says.
        recent: its latest turns, the oldest first.
        now_s: the epoch's seconds, as is ``began_s``, when the process began.
        shows_recent: whether the latest turns are part of it, and not only their pace.
    """
    rows = list(recent)[-MOST_RECENT:]
    ledger = status.get("ledger") or {}
    per_minute, lately = _lately(rows, now_s, began_s)
    return Summary(
        served=_served(status),
        up_s=max(0.0, now_s - began_s),
        in_flight=in_flight,
        per_minute=per_minute,
        tiers=_tiers(counted, status.get("tiers") or {}),
        reasons=_summed((key[1], value) for key, value in counted.decisions.items()),
        outcomes=_summed((key[2], value) for key, value in counted.turns.items()),
        lately=lately,
        failovers=int(sum(counted.failovers.values())),
        errors=_errors(counted.errors),
        deep_turns=int(sum(counted.deep_turns.values())),
        deep_cost_usd=sum(counted.deep_cost_usd.values()),
        baseline_usd={key[0]: value for key, value in counted.baseline_usd.items() if value},
        compared_usd=sum(counted.compared_usd.values()),
        deep_share=_deep_share(status),
        left_alone=tuple(
            LeftAlone(
                provider=each["provider"],
                model=each["model"] or "",
                state=each["state"],
                for_s=each["forSeconds"],
                why=each["why"],
            )
            for each in status.get("leftAlone") or ()
        ),
        budgets=tuple(
            BudgetLine(
                name=each["name"],
                scope=each["scope"],
                limit_usd=each["limitUSD"],
                exhausted=each["exhausted"],
                used_share=each.get("usedRatio"),
            )
            for each in (status.get("spending") or {}).get("budgets") or ()
        ),
        ledger_pending=ledger.get("pendingRows", 0),
        ledger_lost=ledger.get("lostRows", 0),
        recent=tuple(recent_turn(row) for row in reversed(rows)) if shows_recent else (),
    )


def recent_turn(row: TurnRow) -> RecentTurn:
    """What is shown of one turn: of its reason, only the words that are ours, for a provider's may quote a prompt."""
    reason, _, detail = row.reason.partition(": ")
    return RecentTurn(
        time=row.time,
        tier=row.tier,
        model=row.model,
        reason=reason,
        rule=detail.partition(" is true")[0] if reason in _BY_RULE else "",
        outcome=row.outcome,
        input_tokens=total_input(row),
        cache_read_tokens=row.cache_read_tokens,
        output_tokens=row.output_tokens,
        cost_usd=None if row.cost_usd is None else float(row.cost_usd),
        ttft_ms=row.ttft_ms,
        duration_ms=row.duration_ms,
    )


def _served(status: Mapping[str, Any]) -> Served:
    split = status.get("split") or {}
    canary = status.get("canary") or ""
    return Served(
        router=status.get("router") or "",
        namespace=status.get("namespace") or "",
        mode=str(status.get("mode") or ""),
        revision=status.get("stable") or "",
        since=status.get("loadedAt") or "",
        canary=canary,
        canary_percent=int(split.get("percent") or 0) if canary else 0,
        refused=status.get("refused") or "",
    )


def _lately(rows: list[TurnRow], now_s: float, began_s: float) -> tuple[float, dict[str, int]]:
    """The pace of the last minutes, and how their turns ended. Where more are over than are kept, it is theirs."""
    span_s = min(_RATE_S, max(now_s - began_s, 1.0))
    ends = [(datetime.fromisoformat(row.time).timestamp() + row.duration_ms / 1000, row.outcome) for row in rows]
    within = [(end_s, outcome) for end_s, outcome in ends if end_s >= now_s - span_s]
    if len(within) == MOST_RECENT:
        span_s = max(now_s - min(end_s for end_s, _ in within), 1.0)
    return 60 * len(within) / span_s, _summed((outcome, 1) for _, outcome in within)


def _tiers(counted: Counted, named: Mapping[str, Any]) -> tuple[TierLine, ...]:
    models = {key[0]: key[1] for key in counted.turns}
    names = [*named, *sorted(models.keys() - named.keys())]
    lines = [_tier(name, counted, named.get(name) or {}, models.get(name, "")) for name in names]
    # A tier of before that has served nothing says nothing.
    return tuple(line for line in lines if line.turns or line.name in named)[:MOST_TIERS]


def _tier(name: str, counted: Counted, named: Mapping[str, Any], last_model: str) -> TierLine:
    tokens = _summed((key[2], value) for key, value in counted.tokens.items() if key[0] == name)
    turns = _summed((key[2], value) for key, value in counted.turns.items() if key[0] == name)
    return TierLine(
        name=name,
        model=named.get("model") or last_model,
        provider=named.get("provider") or "",
        expensive=bool(named.get("expensive")),
        turns=sum(turns.values()),
        failed=sum(count for outcome, count in turns.items() if outcome in FAILED_OUTCOMES),
        input_tokens=tokens.get("input", 0),
        cache_read_tokens=tokens.get("cache_read", 0),
        cache_write_tokens=tokens.get("cache_write", 0),
        output_tokens=tokens.get("output", 0),
        cost_usd=sum(value for key, value in counted.cost_usd.items() if key[0] == name),
        unpriced_turns=int(sum(value for key, value in counted.unpriced.items() if key[0] == name)),
        first_tokens=counted.first_tokens.get(name, FirstTokens()),
    )


def _deep_share(status: Mapping[str, Any]) -> DeepShare | None:
    share = (status.get("spending") or {}).get("deepShare")
    if not share:
        return None
    return DeepShare(
        percent=share["percent"],
        max_percent=float(share["maxPercent"]),
        by=str(share["by"]),
        window_s=float(share.get("windowSeconds") or 0),
        exceeded=share["exceeded"],
    )


def _errors(counted: Mapping[tuple[str, ...], float]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (provider, kind), count in counted.items():
        if count:
            found.setdefault(provider, {})[kind] = int(count)
    return found


def _summed(pairs: Iterable[tuple[str, float]]) -> dict[str, int]:
    """The sum for each name; names that were never counted are left out."""
    sums: dict[str, int] = {}
    for name, value in pairs:
        if value:
            sums[name] = sums.get(name, 0) + int(value)
    return sums
