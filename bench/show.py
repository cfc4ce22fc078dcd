"""The figures as Markdown, which reads well in a terminal too."""

from collections.abc import Mapping, Sequence
from statistics import median

from bench.budgets import Round, Verdict

_FIGURES = (
    ("start to ready", "start_s", 1.0, "s", 2),
    ("idle memory", "idle_bytes", 1e-6, "MB", 1),
    ("memory after the load", "busy_bytes", 1e-6, "MB", 1),
    ("one client, p50", "small_p50_s", 1e3, "ms", 2),
    ("one client, p99", "small_p99_s", 1e3, "ms", 2),
    ("best throughput, one core", "rps", 1.0, "req/s", 0),
    ("CPU time per small turn", "small_cpu_s", 1e3, "ms", 3),
    ("CPU time per 400 KB turn, model first", "big_first_cpu_s", 1e3, "ms", 2),
    ("CPU time per 400 KB turn, model last", "big_last_cpu_s", 1e3, "ms", 2),
    ("400 KB turn, model first, p50", "big_first_p50_s", 1e3, "ms", 2),
    ("400 KB turn, model last, p50", "big_last_p50_s", 1e3, "ms", 2),
    ("stream of 200 events, p50", "stream_p50_s", 1e3, "ms", 2),
)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def verdicts_table(verdicts: Sequence[Verdict]) -> str:
    """Every budget with pass or miss."""
    rows = []
    for verdict in verdicts:
        budget = verdict.budget
        digits = 1 if "MB" in budget.unit else 2
        low, middle, high = (
            f"{value:.{digits}f}{budget.unit}" for value in (min(verdict.values), verdict.middle, max(verdict.values))
        )
        limit = f"{'≥' if budget.at_least else '≤'} {budget.limit:g}{budget.unit}"
        rows.append([budget.name, limit, middle, low, high, "pass" if verdict.kept else "MISS"])
    return table(["budget", "limit", "median", "min", "max", ""], rows)


def figures_table(rounds: Sequence[Round], targets: Sequence[str]) -> str:
    """Medians over the rounds, one column per target."""
    rows = []
    for label, measure, scale, unit, digits in _FIGURES:
        cells = [_cell(rounds, target, measure, scale, unit, digits) for target in targets]
        if any(cell != "–" for cell in cells):
            rows.append([label, *cells])
    return table(["median of rounds", *targets], rows)


def _cell(rounds: Sequence[Round], target: str, measure: str, scale: float, unit: str, digits: int) -> str:
    empty: Mapping[str, float] = {}
    values = [figures.get(target, empty)[measure] for figures in rounds if measure in figures.get(target, empty)]
    return f"{median(values) * scale:.{digits}f} {unit}" if values else "–"
