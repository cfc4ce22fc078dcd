"""A decision as a table for a terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_core.regression.facts import Decision


def print_decision(found: Decision, console: Console | None = None) -> None:
    """Print a line for each cell, and then what follows and why."""
    console = console or Output()
    if found.cells:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
        table.add_column("Cell", overflow="fold")
        for name in ("Solved", "from", "to"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("What is to be said", overflow="fold", min_width=20)
        for cell in found.cells:
            table.add_row(
                Text(cell.name),
                *(_percent(cell.accuracy_percent, cell.low_percent, cell.high_percent)),
                Text(cell.sentence),
            )
        console.print(table)
    console.print(Text(f"{found.action}: {found.reason}"))
    for step in found.steps:
        console.print(Text(f"stands: {step}"))


def _percent(*values: str | None) -> list[str]:
    return ["-" if value is None else f"{value} %" for value in values]
