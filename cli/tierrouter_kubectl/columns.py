"""Short columns, and a text that is as long as it likes: on a terminal it is wrapped, in a pipe a line stays a line."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output

_GAP = 2
_LEAST = 40
"""Where the text would have less room than this beside the columns, it goes below them."""
_INDENT = 4

Row = tuple[Sequence[str | Text], str]
"""The columns' cells, and the text."""


def print_columns(names: Sequence[str], text_name: str, rows: Sequence[Row]) -> None:
    """Print the rows below the columns' names; nothing of them is ever left out."""
    console = Output()
    cells = [[Text.assemble(cell) for cell in row] for row, _ in rows]
    heads = [Text(name, style="bold") for name in names]
    widths = [max(each.cell_len for each in column) for column in zip(heads, *cells, strict=True)]
    room = console.width - sum(widths) - _GAP * len(widths)
    if console.is_terminal and room >= _LEAST:
        _print_table(console, heads, text_name, rows)
        return
    is_below = console.is_terminal
    _print_line(console, _line(heads if is_below else [*heads, Text(text_name, style="bold")], widths))
    for row, (_, text) in zip(cells, rows, strict=True):
        if is_below:
            _print_line(console, _line(row, widths))
            console.print(Padding(Text(text), (0, 0, 0, _INDENT)))
        else:
            _print_line(console, _line([*row, Text(" ".join(text.split()))], widths))


def _print_table(console: Console, heads: Sequence[Text], text_name: str, rows: Sequence[Row]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for head in heads:
        table.add_column(head, no_wrap=True)
    table.add_column(text_name, overflow="fold")
    for row, text in rows:
        table.add_row(*row, Text(text))
    console.print(table)


def _print_line(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, soft_wrap=True)


def _line(cells: Sequence[Text], widths: Sequence[int]) -> Text:
    return Text.assemble(*_spaced(cells, widths))


def _spaced(cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
    for at, cell in enumerate(cells):
        yield cell
        if at < len(widths):
            yield Text(" " * (widths[at] - cell.cell_len + _GAP))
