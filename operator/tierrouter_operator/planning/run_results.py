"""A run's results task by task: gathered from its status, and put into one ConfigMap that stays."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from tierrouter_core.contract import (
    MANAGED_BY_LABEL,
    MAX_TASKS_BYTES,
    OPERATOR,
    RUN_LABEL,
    SUITE_LABEL,
    TASKS_FILE,
    tasks_name,
)
from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import CellResults
from tierrouter_core.regression.rows import Allowance, packed, unpacked
from tierrouter_core.resources.regression_run import Cell
from tierrouter_operator.planning.kinds import CONFIG_MAP
from tierrouter_operator.planning.run_jobs import run_reference
from tierrouter_operator.planning.run_seen import Run
from tierrouter_operator.planning.writes import Create


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a run has found."""

    cells: tuple[CellResults, ...]
    """In the matrix' order; those that can be read."""
    without: tuple[CellResults, ...]
    """The other cells, which have no tasks."""
    errors: Mapping[str, str]
    """Why these have none."""

    @property
    def counted(self) -> int:
        """Tasks that say something of a model, of all cells."""
        return sum(len(cell.counted) for cell in self.cells)


def gather(run: Run) -> Gathered:
    """Read every cell's results; what can't be read is an error of that cell."""
    found: list[CellResults] = []
    errors: dict[str, str] = {}
    results, allowance = run.results, Allowance()
    for cell in run.cells:
        result = results.get(cell.name)
        if result is None:
            errors[cell.name] = "no results came"
        elif result.get("error"):
            errors[cell.name] = str(result["error"])
        else:
            try:
                found.append(_read(cell, result, allowance))
            except (ResultsError, binascii.Error) as error:
                errors[cell.name] = f"its results can't be read: {error}"
    without = tuple(_named(cell, ()) for cell in run.cells if cell.name in errors)
    return Gathered(tuple(found), without, errors)


def cost_so_far(run: Run) -> Decimal:
    """What the turns of the cells that are done cost in USD, as far as that is known."""
    total = Decimal(0)
    for result in run.results.values():
        try:
            total += Decimal(str(result.get("costUSD") or 0))
        except InvalidOperation:
            continue
    return total


def tasks_config_map(run: Run, gathered: Gathered) -> Create | str:
    """The ConfigMap with all tasks of the run; or why there can be none."""
    data = packed(gathered.cells)
    if len(data) > MAX_TASKS_BYTES:
        return (
            f"the results task by task are {len(data)} bytes when compressed, and {MAX_TASKS_BYTES} are the most: they "
            "were used for the decision, and are kept in this run's status alone"
        )
    # Without the router's label: what a run keeps for years is not watched.
    body = {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {
            "name": tasks_name(run.name),
            "namespace": run.namespace,
            "labels": {MANAGED_BY_LABEL: OPERATOR, SUITE_LABEL: run.suite, RUN_LABEL: run.name},
            "ownerReferences": [run_reference(run)],
        },
        "immutable": True,
        "binaryData": {TASKS_FILE: base64.b64encode(data).decode()},
    }
    return Create(body)


def _read(cell: Cell, result: Mapping[str, Any], allowance: Allowance) -> CellResults:
    if not result.get("rows"):
        if result.get("tasks"):
            raise ResultsError("they came as counts alone; a decision needs the rows task by task")
        return _named(cell, ())
    read = unpacked(base64.b64decode(result["rows"], validate=True), allowance)
    others = [each.cell for each in read if each.cell != cell.name]
    if others:
        raise ResultsError(f"they are of cell {others[0]}")
    return _named(cell, read[0].tasks if read else ())


def _named(cell: Cell, tasks: tuple[Any, ...]) -> CellResults:
    return CellResults(cell=cell.name, tier=cell.tier, model=cell.model, is_candidate=cell.is_candidate, tasks=tasks)
