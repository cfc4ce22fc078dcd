"""A benchmark's results: which model solved which task, at what cost and in how many calls.

A table is taken whole or not at all. A cell that is missing or stands twice would be filled in by a guess, and the
policy would then be as good as the guess.
"""

import csv
import io
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tierrouter_core.errors import ResultsError
from tierrouter_core.resources.kinds import did_you_mean

COLUMNS: Final = ("task_id", "model", "resolved", "cost_usd", "calls")
MIN_TASKS: Final = 20
"""With fewer, no policy but the baseline could ever be told from luck."""
MAX_MODELS: Final = 60
"""The search looks at cascades of every three of them."""

_YES_OR_NO = {"1": 1.0, "0": 0.0, "true": 1.0, "false": 0.0, "1.0": 1.0, "0.0": 0.0}
_NAMED = 3
"""How many missing cells a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Results of every model on every task. Arrays have a row a task and a column a model."""

    tasks: tuple[str, ...]
    models: tuple[str, ...]
    resolved: NDArray[np.float64]
    """(tasks, models): 1 where the model solved the task, else 0."""
    cost_usd: NDArray[np.float64]
    """(tasks, models): dollars of the whole run."""
    calls: NDArray[np.float64]
    """(tasks, models): model calls of the whole run."""

    def column(self, model: str) -> int:
        """The model's column; raises ValueError for one that is not there."""
        return self.models.index(model)

    def only(self, rows: NDArray[np.intp]) -> "Results":
        """The same of some of the tasks, by their row."""
        return Results(
            tasks=tuple(self.tasks[row] for row in rows),
            models=self.models,
            resolved=self.resolved[rows],
            cost_usd=self.cost_usd[rows],
            calls=self.calls[rows],
        )


def read_results(text: str, source: str = "results") -> Results:
    """Read a table of results: CSV with the columns ``task_id,model,resolved,cost_usd,calls``, in any order.

    Further columns are passed over. ``source`` names the table in messages.

    Raises:
        ResultsError: with the line, what is wrong there, and what to do.
    """
    cells: dict[tuple[str, str], _Cell] = {}
    for cell, task, model in _cells(text, source):
        first = cells.setdefault((task, model), cell)
        if first is not cell:
            raise ResultsError(
                f'{source}: line {cell.line}: task "{task}" with model "{model}" stands in line {first.line} already; '
                "keep one of the two"
            )
    tasks = tuple(dict.fromkeys(task for task, _ in cells))
    models = tuple(dict.fromkeys(model for _, model in cells))
    check_whole(cells.keys(), tasks, models, source, "run them, or leave out the task or the model")
    rows = [[cells[task, model] for model in models] for task in tasks]
    return Results(
        tasks=tasks,
        models=models,
        resolved=np.array([[cell.resolved for cell in row] for row in rows]),
        cost_usd=np.array([[cell.cost_usd for cell in row] for row in rows]),
        calls=np.array([[cell.calls for cell in row] for row in rows]),
    )


def check_baseline(results: Results, baseline: str, source: str = "results") -> None:
    """Raises ResultsError where nothing can be measured against ``baseline``."""
    if baseline not in results.models:
        raise ResultsError(
            f'{source}: column model: no row has the baseline "{baseline}"; add its results, or name one of '
            f"{', '.join(sorted(results.models))}{did_you_mean(baseline, results.models)}"
        )
    column = results.column(baseline)
    if not results.resolved[:, column].any():
        raise ResultsError(
            f'{source}: column resolved: the baseline "{baseline}" solved no task, so that no quality can be relative '
            "to it; name another baseline"
        )
    if not results.cost_usd[:, column].any():
        raise ResultsError(
            f'{source}: column cost_usd: the baseline "{baseline}" cost nothing, so that nothing can be saved; '
            "name another baseline"
        )


def check_floor(floor: float) -> None:
    """Raises ResultsError for a floor that is none."""
    if not 0 < floor <= 1:
        raise ResultsError(
            f"the floor is {floor:g}; it is a share of the baseline's quality, more than 0 and at most 1, such as 0.95"
        )


@dataclass(frozen=True, slots=True)
class _Cell:
    line: int
    resolved: float
    cost_usd: float
    calls: float


def _cells(text: str, source: str) -> Iterator[tuple[_Cell, str, str]]:
    """Each row as a cell with its task and model."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    places: Mapping[str, int] | None = None
    try:
        for values in reader:
            where = f"{source}: line {reader.line_num}"
            if not any(value.strip() for value in values):
                continue
            if places is None:
                places, width = _places(values, where), len(values)
                continue
            if len(values) != width:
                raise ResultsError(f"{where}: has {len(values)} values, but the header names {width} columns")
            row = {name: values[place].strip() for name, place in places.items()}
            for name in ("task_id", "model"):
                if not row[name]:
                    raise ResultsError(f"{where}: column {name}: is empty; every row names its task and its model")
            cell = _Cell(
                line=reader.line_num,
                resolved=_yes_or_no(row["resolved"], where),
                cost_usd=_amount(row["cost_usd"], "cost_usd", "dollars", where),
                calls=_amount(row["calls"], "calls", "a count", where),
            )
            yield cell, row["task_id"], row["model"]
    except csv.Error as error:
        raise ResultsError(f"{source}: line {reader.line_num}: is no CSV: {error}; write it anew") from None
    if places is None:
        raise ResultsError(f"{source}: is empty; expected a line with {','.join(COLUMNS)} and a row for each run")


def _places(header: list[str], where: str) -> dict[str, int]:
    names = [name.strip() for name in header]
    for name in COLUMNS:
        if names.count(name) != 1:
            how = "no column" if name not in names else "more than one column"
            raise ResultsError(f"{where}: {how} {name}; expected the columns {','.join(COLUMNS)}")
    return {name: names.index(name) for name in COLUMNS}


def _yes_or_no(text: str, where: str) -> float:
    value = _YES_OR_NO.get(text.lower())
    if value is None:
        raise ResultsError(
            f'{where}: column resolved: found "{text}"; write 1 (or true) for a solved task, 0 (or false) else'
        )
    return value


def _amount(text: str, column: str, what: str, where: str) -> float:
    try:
        # Python reads 1_000, nobody else does; it may as well be a decimal comma's.
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ResultsError(f'{where}: column {column}: found "{text}"; expected {what}, 0 or more, as a plain number')
    if value < 0:
        raise ResultsError(f"{where}: column {column}: found {text}, which is negative; expected {what}, 0 or more")
    return value


def named_cells(cells: Sequence[tuple[str, str]]) -> str:
    """The first of some cells, for a message: ``"t1" with "small", "t2" with "small" and 7 more``."""
    named = ", ".join(f'"{task}" with "{model}"' for task, model in cells[:_NAMED])
    return named + (f" and {len(cells) - _NAMED} more" if len(cells) > _NAMED else "")


def check_whole(
    cells: Collection[tuple[str, str]], tasks: Sequence[str], models: Sequence[str], source: str, way_out: str
) -> None:
    """Raises ResultsError where there is not a cell for every task and model, or too little of either.

    ``way_out``: what to do about cells that are missing.
    """
    if len(models) == 1:
        raise ResultsError(f'{source}: column model: "{models[0]}" is the only model; add the results of others')
    if len(models) > MAX_MODELS:
        raise ResultsError(
            f"{source}: column model: has {len(models)} models; at most {MAX_MODELS} can be searched, so leave out "
            "those that are neither cheap nor good"
        )
    missing = [(task, model) for task in tasks for model in models if (task, model) not in cells]
    if missing:
        raise ResultsError(
            f"{source}: {len(missing)} of {len(tasks) * len(models)} rows are missing: {named_cells(missing)}; "
            f"{way_out}"
        )
    if len(tasks) < MIN_TASKS:
        raise ResultsError(
            f"{source}: column task_id: has {len(tasks)} task{'s' if len(tasks) != 1 else ''}; at least {MIN_TASKS} "
            "are needed, and some hundreds to save much"
        )
