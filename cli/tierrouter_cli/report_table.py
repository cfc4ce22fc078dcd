"""The report as a table for a terminal."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_core.spend.report import ModelLine, Report
from tierrouter_core.spend.report_text import NO_MODEL, closing_lines, cost_cell, percent, tokens

_NUMBERS = ("Turns", "Share", "Input", "Cached", "Output", "Cost", "Spend")
_LEFT_OUT_FIRST = ("Cached", "Spend", "Share", "Output", "Input")
"""Columns that a narrow terminal goes without, in this order: whole ones, since half a figure is a wrong one."""
_MODEL_WIDTH = 12
_EDGES = _GAP = 2


def print_report(report: Report, console: Console | None = None) -> None:
    """Print ``report``: a line for each model, the total, and then in words what the figures mean."""
    console = console or Output()
    console.print(Text(_heading(report)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
    # A model's name is what may be folded; figures never are.
    table.add_column("Model", overflow="fold", min_width=_MODEL_WIDTH)
    shown = _that_fit([_figures(line) for line in (*report.models, report.total)], console.width)
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.models:
        table.add_row(Text(line.model or NO_MODEL), *(_figures(line)[name] for name in shown))
    if len(report.models) > 1:
        table.add_section()
        total = _figures(report.total)
        table.add_row(Text("Total", style="bold"), *(total[name] for name in shown), style="bold")
    console.print(table)
    for sentence in closing_lines(report):
        console.print(Text(sentence))


def _that_fit(lines: Sequence[Mapping[str, str]], width: int) -> list[str]:
    """The columns that there is room for beside a model's name."""
    needed = {name: _GAP + max(len(name), *(len(line[name]) for line in lines)) for name in _NUMBERS}
    for name in _LEFT_OUT_FIRST:
        if _EDGES + _MODEL_WIDTH + sum(needed.values()) > width:
            del needed[name]
    return list(needed)


def _figures(line: ModelLine) -> dict[str, str]:
    return {
        "Turns": f"{line.turns:,}",
        "Share": percent(line.turn_share),
        "Input": tokens(line.input_tokens),
        "Cached": percent(line.cached_share) if line.input_tokens else "-",
        "Output": tokens(line.output_tokens),
        "Cost": cost_cell(line),
        "Spend": percent(line.cost_share),
    }


def _heading(report: Report) -> str:
    count = report.total.turns
    when = ""
    if report.first_time:
        when = f", {_minute(report.first_time)} to {_minute(report.last_time)} UTC"
    return f"{count:,} turn{'s' if count != 1 else ''}{when}"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
