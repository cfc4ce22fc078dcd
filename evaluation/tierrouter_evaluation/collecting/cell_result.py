"""A cell's entry in ``status.results`` of its RegressionRun, as JSON: sums, and the tasks as packed rows."""

import base64
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import packed
from tierrouter_core.resources.regression_run import MAX_ROWS_BYTES, MAX_ROWS_OF_RUN_BYTES
from tierrouter_evaluation.errors import ResultFilesError
from tierrouter_evaluation.formats.found import with_usage

_MAX_ERROR: Final = 2048
_MAX_COUNT: Final = 2**31 - 1
_MAX_TOKENS: Final = 2**53
_MAX_MONEY: Final = Decimal(10**9)
_MICRO: Final = Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOfRun:
    """A cell as its run's ``spec.matrix`` has it."""

    name: str
    tier: str
    model: str
    is_candidate: bool = False


def result_of(
    cell: CellOfRun, tasks: Sequence[TaskResult], usage: Mapping[str, TaskResult], now: datetime, cells: int = 1
) -> dict[str, Any]:
    """The entry of a cell that has results.

    Args:
        usage: what the router says of sessions, by their ids; those that are tasks' ids fill in what tasks lack, and
            where it says anything its sums are the cell's: the router has metered every turn.
        now: in UTC.
        cells: how many the run has: its object has room for so much, and each gets the same share.

    Raises:
        ResultFilesError: so many tasks that even their ids don't fit.
    """
    known = [with_usage(task, usage[task.task]) if task.task in usage else task for task in tasks]
    counted = [task for task in known if task.outcome is not TaskOutcome.ERROR]
    metered: Sequence[TaskResult] = list(usage.values()) or known
    times = [task.duration_s for task in counted if task.duration_s is not None]
    cost = _sum(task.cost_usd for task in metered)
    entry = {
        "name": cell.name,
        "tasks": len(counted),
        "resolved": sum(task.outcome is TaskOutcome.RESOLVED for task in counted),
        "completionTime": _timestamp(now),
        "errors": len(known) - len(counted) or None,
        "costUSD": _money(cost) if cost is not None and cost < _MAX_MONEY else None,
        "calls": _bounded(_sum(task.calls for task in metered), _MAX_COUNT),
        "outputTokens": _bounded(_sum(task.output_tokens for task in metered), _MAX_TOKENS),
        "durationMs": _bounded(round(1000 * statistics.median(times)) if times else None, _MAX_COUNT),
        "rows": _rows(cell, known, min(MAX_ROWS_BYTES, MAX_ROWS_OF_RUN_BYTES // cells)),
    }
    return {key: value for key, value in entry.items() if value is not None}


def error_of(cell: str, error: str, now: datetime) -> dict[str, Any]:
    """The entry of a cell that has none."""
    text = "".join(each if each.isprintable() else " " for each in error)
    short = text if len(text) <= _MAX_ERROR else text[: _MAX_ERROR - 1] + "…"
    return {"name": cell, "tasks": 0, "resolved": 0, "completionTime": _timestamp(now), "error": short}


def _rows(cell: CellOfRun, tasks: Sequence[TaskResult], most_bytes: int) -> str:
    """As much of the tasks as fits: errors' texts go first, then times and tokens, then cost and calls."""
    shorter: Sequence[Callable[[TaskResult], TaskResult]] = (
        lambda task: task,
        lambda task: replace(task, error=task.error[:20], duration_s=None),
        lambda task: replace(task, error="", duration_s=None, output_tokens=None),
        lambda task: TaskResult(task=task.task, outcome=task.outcome),
    )
    size = 0
    for shorten in shorter:
        kept = tuple(shorten(task) for task in tasks)
        whole = CellResults(
            cell=cell.name, tier=cell.tier, model=cell.model, is_candidate=cell.is_candidate, tasks=kept
        )
        text = base64.b64encode(packed([whole])).decode()
        size = len(text)
        if size <= most_bytes:
            return text
    raise ResultFilesError(
        f"{len(tasks):,} tasks are too many for one cell: even their ids alone take {size // 1024} KiB, compressed, "
        f"and {most_bytes // 1024} KiB are kept; give them shorter ids, or make two suites of the suite"
    )


def _sum(values: Iterable[Any]) -> Any:
    """None where one is not known, or there is none."""
    found = list(values)
    return sum(found[1:], found[0]) if found and None not in found else None


def _money(cost: Decimal) -> str:
    return format(cost.quantize(_MICRO), "f")


def _bounded(count: int | None, limit: int) -> int | None:
    return count if count is not None and count <= limit else None


def _timestamp(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")
