"""The result as a table for a terminal: figures down, router files and policies across."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_cli.replay import words
from tierrouter_cli.replay.figures import sections
from tierrouter_cli.replay.replayed import Replayed


def print_table(replayed: Replayed, console: Console | None = None) -> None:
    """Print it."""
    console = console or Output()
    console.print(Text(words.heading(replayed)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 2), collapse_padding=True)
    table.add_column("", no_wrap=True)
    for column in replayed.columns:
        table.add_column(Text(column.label), justify="right", overflow="fold")
    for rows in sections(replayed.columns):
        for row in rows:
            table.add_row(Text(row.name), *map(Text, row.cells), style="bold" if row.is_result else "")
        table.add_section()
    console.print(table)
    for sentence in words.sentences(replayed):
        console.print(Text(sentence))
