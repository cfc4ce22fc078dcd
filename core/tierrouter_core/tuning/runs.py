"""Results of regression runs to the table that a policy is tuned from.

A suite runs every night, so that a task was tried several times with a model. These are combined into one cell by the
mean of each figure: nights of one task are no new tasks, and counted as such they would feign certainty.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from tierrouter_core.errors import ResultsError
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.tuning.results import Results, check_whole, named_cells

_WAY_OUT: Final = "run them, leave out a model by --leave-out, or take what all have been run on by --common-tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One time that a model tried a task."""

    task: str
    model: str
    is_solved: bool | None
    """None where the harness failed: then it says nothing of the model."""
    cost_usd: Decimal | None = None
    """None where nobody knows."""
    calls: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembled:
    """The table, and what a person should know of how it came about."""

    results: Results
    attempts: Mapping[str, int]
    """Of each model: how many attempts count."""
    left_out: tuple[str, ...]
    """Tasks that were left out, since not every model has been run on them."""


@dataclass(slots=True)
class _Cell:
    """All attempts of a task with a model that say something."""

    solved: list[bool] = field(default_factory=list)
    cost_usd: list[float] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)


def assemble(
    attempts: Iterable[Attempt],
    source: str,
    *,
    leave_out: Collection[str] = (),
    common_tasks: bool = False,
) -> Assembled:
    """The table of all attempts: one row a task, one column a model, in the order of their names.

    A cell is the mean of its attempts: of whether the task was solved, and of cost and calls where they are known. The
    order of the attempts means nothing.

    Args:
        attempts: of any number of runs.
        source: what messages call them.
        leave_out: models that are not to be part of it.
        common_tasks: leave out tasks that not every model has been run on.

    Raises:
        ResultsError: a cell is missing, or has no cost or calls; too few tasks or models; a model to be left out that
            is not there.
    """
    found: dict[tuple[str, str], _Cell] = {}
    for attempt in attempts:
        cell = found.setdefault((attempt.task, attempt.model), _Cell())
        if attempt.is_solved is None:
            continue
        cell.solved.append(attempt.is_solved)
        if attempt.cost_usd is not None:
            cell.cost_usd.append(float(attempt.cost_usd))
        if attempt.calls is not None:
            cell.calls.append(attempt.calls)
    tried = {model for _, model in found}
    _check_left_out(leave_out, tried, source)
    models = tuple(sorted(tried - set(leave_out)))
    tasks = tuple(sorted({task for task, model in found if model in models}))
    cells = {key: cell for key, cell in found.items() if cell.solved and key[1] in models}
    kept = tuple(task for task in tasks if not common_tasks or all((task, model) in cells for model in models))
    cells = {key: cell for key, cell in cells.items() if key[0] in kept}
    if not models:
        raise ResultsError(f"{source}: there are no results: no run has a row that names a task and a model")
    check_whole(cells.keys(), kept, models, source, _WAY_OUT)
    _check_known(cells, source)
    rows = [[cells[task, model] for model in models] for task in kept]
    return Assembled(
        results=Results(
            tasks=kept,
            models=models,
            resolved=np.array([[_mean(cell.solved) for cell in row] for row in rows]),
            cost_usd=np.array([[_mean(cell.cost_usd) for cell in row] for row in rows]),
            calls=np.array([[_mean(cell.calls) for cell in row] for row in rows]),
        ),
        attempts={model: sum(len(cells[task, model].solved) for task in kept) for model in models},
        left_out=tuple(task for task in tasks if task not in set(kept)),
    )


def _mean(values: Sequence[float]) -> float:
    # Rounded once, so that the order of the runs does not show.
    return math.fsum(values) / len(values)


def _check_left_out(leave_out: Collection[str], models: Collection[str], source: str) -> None:
    for model in sorted(leave_out):
        if model not in models:
            hint = did_you_mean(model, tuple(models)) or f"; there are: {', '.join(sorted(models))}"
            raise ResultsError(f'{source}: there are no results of "{model}" that could be left out{hint}')


def _check_known(cells: Mapping[tuple[str, str], _Cell], source: str) -> None:
    for column in ("cost_usd", "calls"):
        unknown = list(_without(cells, column))
        if unknown:
            raise ResultsError(
                f"{source}: column {column}: no run says it of {named_cells(unknown)}; let the harness send each "
                "task's id as x-tierrouter-session, so that the router tells what it took, or leave out the model by "
                "--leave-out"
            )


def _without(cells: Mapping[tuple[str, str], _Cell], column: str) -> Iterator[tuple[str, str]]:
    for key in sorted(cells):
        if not getattr(cells[key], column):
            yield key
