"""The result for programs: CSV with a row for each draw and model, JSON with everything."""

import csv
import io
from typing import Any

import orjson

from tierrouter_cli.replay import words
from tierrouter_cli.replay.replayed import Replayed
from tierrouter_core.replay.draws import Column, Range
from tierrouter_core.replay.run import Run, Sums

CSV_COLUMNS = (
    "label",
    "router",
    "policy",
    "seed",
    "model",
    "calls",
    "input_tokens",
    "cache_read_tokens",
    "output_tokens",
    "cost_usd",
    "unknown_cost_calls",
    "expensive_calls",
    "expensive_cost_usd",
    "expensive_input_tokens",
    "switches",
    "switch_cost_usd",
    "unserved_calls",
    "baseline_model",
    "baseline_cost_usd",
    "saving",
)
"""The first row of each draw has an empty ``model`` and is of all models; only it has what comes after
``unknown_cost_calls``."""


def as_csv(replayed: Replayed) -> str:
    """One line for each draw, and one for each of its models."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for column in replayed.columns:
        for at, (seed, run) in enumerate(zip(column.seeds, column.runs, strict=True)):
            begin = (column.label, column.router, column.policy, seed)
            writer.writerow((*begin, "", *_sums(run.total), *_of_all(column, at, run)))
            for model, sums in run.models.items():
                writer.writerow((*begin, model, *_sums(sums), *("" for _ in CSV_COLUMNS[11:])))
    return out.getvalue()


def _sums(sums: Sums) -> tuple[Any, ...]:
    # A cost that nobody knows is empty, never zero.
    cost = "" if sums.unknown_cost_calls and not sums.cost_units else format(sums.cost_usd, "f")
    return (
        sums.calls,
        sums.input_tokens,
        sums.cache_read_tokens,
        sums.output_tokens,
        cost,
        sums.unknown_cost_calls,
    )


def _of_all(column: Column, at: int, run: Run) -> tuple[Any, ...]:
    known = column.baseline_usd is not None
    return (
        run.expensive.calls,
        format(run.expensive.cost_usd, "f"),
        run.expensive.input_tokens,
        run.switches.count,
        format(run.switches.cost_usd, "f"),
        len(run.unserved),
        column.baseline_model,
        format(column.baselines[at].total.cost_usd, "f") if known else "",
        f"{column.savings[at]:.6f}" if column.savings else "",
    )


def as_json(replayed: Replayed) -> bytes:
    """Everything, indented. Shares are 0 to 1; means and ranges are over the draws; exact sums are text."""
    data = {
        "calls": replayed.calls,
        "sessions": replayed.sessions,
        "agents": replayed.agents,
        "sources": list(replayed.sources),
        "broken_lines": replayed.broken_lines,
        "cache_ttl_ms": replayed.ttl_ms,
        "columns": [_column(column) for column in replayed.columns],
        "notes": words.sentences(replayed),
    }
    return orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _column(column: Column) -> dict[str, Any]:
    switches, switch_cost_usd = column.switches()
    recorded = column.recorded
    return {
        "label": column.label,
        "router": column.router,
        "policy": column.policy,
        "cost_usd": _range(column.cost_usd),
        "baseline": {
            "model": column.baseline_model,
            "cost_usd": _range(column.baseline_usd),
            "cost_usd_as_recorded": None if recorded is None else format(recorded.as_recorded_usd, "f"),
            "cost_usd_uncached": None if recorded is None else format(recorded.uncached_usd, "f"),
        }
        if column.baseline_model
        else None,
        "saving": _range(column.saving),
        "expensive": {of: _range(share) for of, share in column.expensive_share().items()},
        "switches": {"count": _range(switches), "cost_usd": _range(switch_cost_usd)},
        "total": column.total()._asdict(),
        "models": {name: mean._asdict() for name, mean in column.models().items()},
        "tiers": {name: mean._asdict() for name, mean in column.tiers().items()},
        "draws": [_draw(column, at) for at in range(len(column.runs))],
    }


def _draw(column: Column, at: int) -> dict[str, Any]:
    run = column.runs[at]
    return {
        "seed": column.seeds[at],
        "cost_usd": format(run.total.cost_usd, "f"),
        "saving": column.savings[at] if column.savings else None,
        "unknown_cost_calls": run.total.unknown_cost_calls,
        "unserved_calls": len(run.unserved),
        "reasons": {str(reason): calls for reason, calls in run.reasons.items()},
    }


def _range(values: Range | None) -> dict[str, float] | None:
    return None if values is None else values._asdict()
