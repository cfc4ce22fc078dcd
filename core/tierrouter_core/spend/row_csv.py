"""The ledger's rows as lines of CSV (RFC 4180, with ``\\n`` as line end)."""

from collections.abc import Iterable, Iterator

from tierrouter_core.spend.row import COLUMNS, TurnRow, csv_cells

CSV_HEADER = ",".join(COLUMNS)
_NEEDS_QUOTES = frozenset(',"\r\n')


def csv_line(cells: Iterable[str]) -> str:
    """``cells`` as one record with its line end.

    Session ids and model names come from whoever sent the request. Python's csv module leaves a lone carriage return
    unquoted when lines end in ``\\n``, and most readers then see two records.
    """
    return ",".join(_quoted(cell) for cell in cells) + "\n"


def csv_lines(rows: Iterable[TurnRow]) -> Iterator[str]:
    """The header and then a line for each row, each with its line end."""
    yield CSV_HEADER + "\n"
    for row in rows:
        yield csv_line(csv_cells(row))


def _quoted(cell: str) -> str:
    if _NEEDS_QUOTES.isdisjoint(cell):
        return cell
    return '"' + cell.replace('"', '""') + '"'
