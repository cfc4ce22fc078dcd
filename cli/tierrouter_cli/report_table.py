"""The report as a table for a terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tierrouter_core.spend.report import ModelLine, Report
from tierrouter_core.spend.report_text import NO_MODEL, closing_lines, cost_cell, percent, tokens

_NUMBERS = ("Turns", "Share", "Input", "Cached", "Output", "Cost", "Spend")


def print_report(report: Report, console: Console | None = None) -> None:
    """Print ``report``: a line for each model, the total, and then in words what the figures mean."""
    console = console or Console(highlight=False)
    console.print(Text(_heading(report)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
    # A model's name is what may be folded; figures never are.
    table.add_column("Model", overflow="fold", min_width=12)
    for name in _NUMBERS:
        table.add_column(name, justify="right", no_wrap=True)
    for line in report.models:
        table.add_row(Text(line.model or NO_MODEL), *_figures(line))
    if len(report.models) > 1:
        table.add_section()
        table.add_row(Text("Total", style="bold"), *_figures(report.total), style="bold")
    console.print(table)
    for sentence in closing_lines(report):
        console.print(Text(sentence))


def _figures(line: ModelLine) -> list[str]:
    cached = percent(line.cached_share) if line.input_tokens else "-"
    return [
        f"{line.turns:,}",
        percent(line.turn_share),
        tokens(line.input_tokens),
        cached,
        tokens(line.output_tokens),
        cost_cell(line),
        percent(line.cost_share),
    ]


def _heading(report: Report) -> str:
    count = report.total.turns
    when = ""
    if report.first_time:
        when = f", {_minute(report.first_time)} to {_minute(report.last_time)} UTC"
    return f"{count:,} turn{'s' if count != 1 else ''}{when}"


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")
