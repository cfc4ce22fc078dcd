"""Small tables of results for the tests of tuning."""

from collections.abc import Mapping, Sequence

import numpy as np

from tierrouter_core.tuning.results import COLUMNS, Results

Run = tuple[int, float, int]
"""resolved, cost_usd, calls"""


def table(runs: Mapping[str, Sequence[Run]]) -> Results:
    """Results by model; the tasks are ``t0`` and so on."""
    tasks = len(next(iter(runs.values())))
    arrays = np.array([[runs[model][task] for model in runs] for task in range(tasks)], dtype=float)
    return Results(
        tasks=tuple(f"t{number}" for number in range(tasks)),
        models=tuple(runs),
        resolved=arrays[:, :, 0],
        cost_usd=arrays[:, :, 1],
        calls=arrays[:, :, 2],
    )


def csv_of(results: Results) -> str:
    """The table as a file."""
    lines = [",".join(COLUMNS)]
    for row, task in enumerate(results.tasks):
        for column, model in enumerate(results.models):
            solved, calls = results.resolved[row, column], results.calls[row, column]
            lines.append(f"{task},{model},{solved:.0f},{float(results.cost_usd[row, column])!r},{calls:.0f}")
    return "\n".join(lines) + "\n"
