"""What tuning found, as a table for a terminal."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_core.spend.report_text import percent
from tierrouter_core.tuning.tune import Tuned
from tierrouter_core.tuning.words import closing_lines, mix_words


def print_tuned(tuned: Tuned, console: Console | None = None) -> None:
    """Print the frontier, a line for each mix that saves more than the one before, and then what is proposed."""
    console = console or Output()
    console.print(Text(f"{tuned.tasks:,} tasks, {len(tuned.singles)} models, relative to {tuned.baseline}"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1), collapse_padding=True)
    table.add_column("Policy", overflow="fold", min_width=16)
    for name in ("Quality", "at least", "Saving"):
        table.add_column(name, justify="right", no_wrap=True)
    for point in tuned.frontier:
        is_chosen = point.mix == tuned.mix
        table.add_row(
            Text(("> " if is_chosen else "  ") + mix_words(point.mix)),
            percent(point.expected.quality),
            percent(point.expected.quality_low),
            percent(point.expected.saving),
            style="bold" if is_chosen else None,
        )
    console.print(table)
    for sentence in closing_lines(tuned):
        console.print(Text(sentence))
