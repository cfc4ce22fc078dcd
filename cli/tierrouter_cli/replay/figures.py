"""The figures that the table and the page show, row by row, a cell for each router file and policy."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tierrouter_cli.replay import words
from tierrouter_core.replay.draws import Column

_Cell = Callable[[Column], str]
_SHARES = (("  of the calls", "turns"), ("  of the spend", "spend"), ("  of the input", "input_tokens"))


class Row(NamedTuple):
    """One figure. Names that belong to the row above begin with blanks."""

    name: str
    cells: tuple[str, ...]
    is_result: bool = False
    """Whether it is what the reader came for."""


def sections(columns: Sequence[Column]) -> Iterator[list[Row]]:
    """Rows that belong together; rows that say nothing are left out."""
    for section in _sections(columns):
        rows = [
            Row(name, tuple(cell(column) for column in columns), name in ("Cost", "Saving")) for name, cell in section
        ]
        yield [row for row in rows if any(row.cells)]


def _sections(columns: Sequence[Column]) -> Iterator[list[tuple[str, _Cell]]]:
    drawn = any(len(column.runs) > 1 for column in columns)
    yield [
        ("Draws", lambda column: f"{len(column.runs):,}" if drawn else ""),
        ("Cost", lambda column: words.cost(column.total())),
        ("  least", lambda column: words.usd(column.cost_usd.low) if len(column.runs) > 1 else ""),
        ("  most", lambda column: words.usd(column.cost_usd.high) if len(column.runs) > 1 else ""),
        ("Baseline", lambda column: column.baseline_model),
        ("  its cost", _baseline_cost),
        ("Saving", lambda column: words.percent(column.saving.mean) if column.saving else ""),
        ("  least", lambda column: words.percent(column.saving.low) if column.saving and len(column.runs) > 1 else ""),
        ("  most", lambda column: words.percent(column.saving.high) if column.saving and len(column.runs) > 1 else ""),
    ]
    yield [
        ("Input", lambda column: words.tokens(column.total().input_tokens)),
        ("  read from caches", lambda column: words.percent(column.total().cached_share)),
        ("Output", lambda column: words.tokens(column.total().output_tokens)),
        ("Switches of model", lambda column: words.mean_count(column.switches()[0].mean)),
        ("  what they cost", lambda column: words.usd(column.switches()[1].mean)),
    ]
    yield [("Expensive tiers", lambda column: " "), *((name, _share(of)) for name, of in _SHARES)]
    for name in dict.fromkeys(name for column in columns for name in column.models()):
        yield [(name, _cost_of(name)), ("  of the calls", _calls_of(name))]


def _baseline_cost(column: Column) -> str:
    if not column.baseline_model:
        return ""
    return words.UNKNOWN if column.baseline_usd is None else words.usd(column.baseline_usd.mean)


def _share(of: str) -> _Cell:
    return lambda column: words.percent(column.expensive_share()[of].mean)


def _cost_of(name: str) -> _Cell:
    def cell(column: Column) -> str:
        mean = column.models().get(name)
        return "-" if mean is None else words.cost(mean)

    return cell


def _calls_of(name: str) -> _Cell:
    def cell(column: Column) -> str:
        mean = column.models().get(name)
        return "" if mean is None else words.percent(mean.calls / column.total().calls)

    return cell
