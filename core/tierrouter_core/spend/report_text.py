"""A report in words and as JSON. Figures are for people to read at a glance; the exact ones are in the JSON."""

from dataclasses import asdict
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from tierrouter_core.names import Outcome
from tierrouter_core.spend.report import ExpensiveShare, ModelLine, Report, Saving

NO_MODEL = "(no model)"
_CENT = Decimal("0.01")


def usd(amount: Decimal) -> str:
    """Dollars to the cent: ``$1,234.50``; ``<$0.01`` for what is more than nothing and would read as nothing."""
    size = abs(amount)
    if 0 < size < _CENT:
        return "<$0.01" if amount > 0 else ">-$0.01"
    return f"{'-' if amount < 0 else ''}${size.quantize(_CENT, ROUND_HALF_EVEN):,}"


def percent(share: float) -> str:
    """``0.123`` as ``12.3 %``; what is more than nothing never reads as nothing, nor less than all as all."""
    if 0 < share < 0.0005:
        return "<0.1 %"
    if 0.9995 <= share < 1:
        return ">99.9 %"
    return f"{share * 100:.1f} %"


def tokens(count: int) -> str:
    """Tokens in three figures or so: ``987``, ``12.3k``, ``4.56M``, ``1.20B``."""
    for size, mark in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        # 999,960 would be "1000.0k".
        if count >= size * 0.9995:
            value = count / size
            places = 2 if value < 9.995 else 1 if value < 99.95 else 0
            return f"{value:.{places}f}{mark}"
    return str(count)


def cost_cell(line: ModelLine) -> str:
    """A model's cost: ``$1.20``, ``$1.20 + ?`` where some turns have no known price, else ``unknown``."""
    if not line.unknown_cost_turns:
        return usd(line.cost_usd)
    if line.cost_usd:
        return f"{usd(line.cost_usd)} + ?"
    return "unknown"


def closing_lines(report: Report) -> list[str]:
    """The sentences under the table: expensive share, saving, how the baseline was cached, and what isn't known."""
    lines = [expensive_sentence(report.expensive)]
    if report.saving is None:
        lines.append("Saving: unknown, no turn has a baseline cost; --baseline MODEL computes it.")
    else:
        lines += [saving_sentence(report.saving), caching_sentence(report.saving)]
    return lines + caveats(report)


def expensive_sentence(share: ExpensiveShare | None) -> str:
    """One sentence for the expensive tiers."""
    if share is None:
        return "Expensive tiers: unknown, nothing here says which tiers are expensive."
    names = f" ({', '.join(share.tiers)})" if share.tiers else ""
    return (
        f"Expensive tiers{names}: {percent(share.turn_share)} of turns, "
        f"{percent(share.cost_share)} of spend ({usd(share.cost_usd)})."
    )


def saving_sentence(saving: Saving) -> str:
    """One sentence for the saving, or for its opposite."""
    models = " and ".join(saving.baseline_models)
    share = saving.saved_share
    how_much = "" if share is None else f" ({percent(abs(share))})"
    if saving.saved_usd < 0:
        verdict = f"Saving: none, {usd(-saving.saved_usd)}{how_much} more"
    else:
        verdict = f"Saving: {'at most ' if saving.unknown_cost_turns else ''}{usd(saving.saved_usd)}{how_much}"
    turns = "the turns compared" if saving.unpriced_turns else "all turns"
    return (
        f"{verdict} against {models} for every turn: {usd(saving.cost_usd)} spent on {turns}, "
        f"{usd(saving.baseline_cost_usd)} for the {_counted(saving.priced_turns, 'turn')} that "
        f"{'was' if saving.priced_turns == 1 else 'were'} answered."
    )


def caching_sentence(saving: Saving) -> str:
    """One sentence that says how the baseline was cached: without it a saving means little."""
    start = "Baseline: simulated with its own prompt cache"
    share = saving.cached_share
    if share is None:
        return f"{start} when the turns were served."
    lifetimes = " or ".join(_lifetime(ttl_ms) for ttl_ms in saving.cache_ttls_ms)
    return f"{start} ({lifetimes}); it read {percent(share)} of its input from that cache."


def caveats(report: Report) -> list[str]:
    """What the figures above leave out, a sentence each."""
    lines = []
    total, saving = report.total, report.saving
    if total.unknown_cost_turns:
        names = ", ".join(line.model or NO_MODEL for line in report.models if line.unknown_cost_turns)
        lines.append(
            f"Unknown cost: {_counted(total.unknown_cost_turns, 'turn')} ({names}) of no known price, counted as "
            "nothing above; set priceUSDPerMTok for those models."
        )
    if saving is not None and len(saving.baseline_models) > 1:
        lines.append(
            "Mixed baselines: the baseline changed meanwhile; --baseline MODEL computes all turns against one."
        )
    if saving is not None and saving.unpriced_turns:
        lines.append(
            f"No baseline cost: {_counted(saving.unpriced_turns, 'answered turn')}, left out of the saving; "
            "--baseline MODEL computes it for all."
        )
    if report.expensive is not None and report.expensive.unknown_turns:
        lines.append(
            f"Unknown tiers: {_counted(report.expensive.unknown_turns, 'turn')} of revisions not recorded here "
            "count as not expensive."
        )
    if total.estimated_turns:
        lines.append(
            f"Estimated: {_counted(total.estimated_turns, 'turn')} whose tokens the provider did not state, "
            "counted by estimate."
        )
    failed = {outcome: turns for outcome, turns in report.outcomes.items() if outcome != Outcome.ANSWERED}
    if failed:
        kinds = ", ".join(f"{turns:,} {outcome or 'unknown'}" for outcome, turns in sorted(failed.items()))
        lines.append(f"Not answered: {_counted(sum(failed.values()), 'turn')} ({kinds}).")
    if report.regression_turns:
        lines.append(f"Left out: {_counted(report.regression_turns, 'turn')} of regression suites.")
    return lines


def report_to_json(report: Report) -> dict[str, Any]:
    """The report as JSON values, named as in :class:`Report`; money is a decimal string."""
    saving = report.saving
    data: dict[str, Any] = {
        "first_time": report.first_time,
        "last_time": report.last_time,
        "models": [_line_json(line) for line in report.models],
        "total": _line_json(report.total),
        "outcomes": dict(report.outcomes),
        "regression_turns": report.regression_turns,
        "expensive": None if report.expensive is None else _json(asdict(report.expensive)),
        "saving": None,
        "notes": closing_lines(report),
    }
    if saving is not None:
        derived = {
            "saved_usd": saving.saved_usd,
            "saved_share": saving.saved_share,
            "cached_share": saving.cached_share,
        }
        data["saving"] = _json({**asdict(saving), **derived})
    return data


def _line_json(line: ModelLine) -> dict[str, Any]:
    return _json({**asdict(line), "cached_share": line.cached_share})


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _json_value(value) for name, value in values.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    return list(value) if isinstance(value, tuple) else value


def _lifetime(ttl_ms: int) -> str:
    for size_ms, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if ttl_ms >= size_ms and ttl_ms % size_ms == 0:
            return f"{ttl_ms // size_ms} {unit}"
    return f"{ttl_ms} ms"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
