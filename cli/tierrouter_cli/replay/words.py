"""Figures and sentences that the table and the page share."""

from decimal import Decimal

from tierrouter_cli.replay.replayed import Replayed
from tierrouter_core.replay.draws import Column, Mean, Range
from tierrouter_core.spend import report_text

UNKNOWN = "unknown"


def usd(amount: float) -> str:
    """Dollars to the cent."""
    return report_text.usd(Decimal(repr(amount)))


def percent(share: float) -> str:
    """``61.2 %``."""
    return report_text.percent(share)


def percent_range(values: Range) -> str:
    """``56.2 to 64.1 %``: what one draw says and the next."""
    return f"{values.low * 100:.1f} to {values.high * 100:.1f} %"


def mean_count(number: float) -> str:
    """A number of calls, which is no whole one where it is a mean."""
    return f"{number:,.0f}"


def tokens(count: float) -> str:
    """Tokens in three figures."""
    return report_text.tokens(round(count))


def cost(mean: Mean) -> str:
    """What calls cost; marked where some have no known price."""
    if not mean.unknown_cost_calls:
        return usd(mean.cost_usd)
    return f"{usd(mean.cost_usd)} + ?" if mean.cost_usd else UNKNOWN


def heading(replayed: Replayed) -> str:
    """What was replayed."""
    calls, sessions = replayed.calls, replayed.sessions
    subagents = replayed.agents - sessions
    with_subagents = f" with {_counted(subagents, 'subagent')}" if subagents > 0 else ""
    found = " and ".join(replayed.sources)
    return f"{_counted(calls, 'call')} of {_counted(sessions, 'session')}{with_subagents}, from {found}"


def sentences(replayed: Replayed) -> list[str]:
    """What the figures rest on, and what is missing from them."""
    lines = [_caches(replayed)]
    for model, column in {column.baseline_model: column for column in replayed.columns if column.recorded}.items():
        assert column.recorded is not None
        lines.append(
            f"To hold the simulation to: all calls on {model} cost {usd(float(column.recorded.as_recorded_usd))} with "
            f"the cache reads that were recorded ({percent(column.recorded.cache_read_share)} of the input), and "
            f"{usd(float(column.recorded.uncached_usd))} if nothing were ever cached."
        )
    if len({column.baseline_usd for column in replayed.columns}) > 1:
        lines.append("The baselines differ, by model, price or cache; compare costs, not savings.")
    for column in replayed.columns:
        lines += _caveats(column)
    if replayed.broken_lines:
        lines.append(f"Left out: {_counted(replayed.broken_lines, 'broken line')}.")
    return lines


def _caches(replayed: Replayed) -> str:
    if replayed.ttl_ms is None:
        return "Prompt caches are simulated, each model's for as long as its cache.ttl says."
    return f"Prompt caches are simulated; every one lives {lifetime(replayed.ttl_ms)}."


def _caveats(column: Column) -> list[str]:
    lines = []
    total = column.total()
    if total.unknown_cost_calls:
        names = ", ".join(name for name, mean in column.models().items() if mean.unknown_cost_calls)
        lines.append(
            f"{column.label}: {mean_count(total.unknown_cost_calls)} calls ({names}) have no known price and count as "
            "nothing above, so that a saving is overstated; set priceUSDPerMTok for those models."
        )
    unserved = len(column.runs[0].unserved)
    if unserved:
        lines.append(f"{column.label}: no tier can take {_counted(unserved, 'call')}; they are in no figure.")
    if not column.baseline_model:
        lines.append(f"{column.label}: no saving, for the file names no baselineModel; --baseline MODEL does.")
    elif column.baseline_usd is None:
        lines.append(f"{column.label}: no saving, for {column.baseline_model} has no known price.")
    return lines


def lifetime(ttl_ms: int) -> str:
    """``5 min``."""
    for size_ms, unit in ((3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if ttl_ms >= size_ms and ttl_ms % size_ms == 0:
            return f"{ttl_ms // size_ms} {unit}"
    return f"{ttl_ms} ms"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
