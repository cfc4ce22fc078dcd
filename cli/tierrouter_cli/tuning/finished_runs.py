"""Regression runs that have ended, with their results task by task, from objects of a cluster."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tierrouter_core.contract import RUN_LABEL, SUITE_LABEL, TASKS_FILE
from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import CellResults, TaskOutcome
from tierrouter_core.regression.rows import unpacked
from tierrouter_core.tuning.runs import Attempt
from tierrouter_operator.planning.run_results import gather
from tierrouter_operator.planning.run_seen import Run, time_of

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """One run."""

    name: str
    cells: tuple[CellResults, ...]
    suite: str = ""
    """Empty where that is not known."""
    ended: datetime | None = None
    """None where nobody wrote it down."""


def finished_runs(runs: Iterable[Obj], config_maps: Iterable[Obj]) -> list[FinishedRun]:
    """The runs that have ended, each by its ConfigMap; where it has none, by what its status holds.

    A ConfigMap whose run is not among ``runs`` is a run too: it is only made when all results are there.

    Raises:
        ResultsError: rows that can't be read; the message names the object.
    """
    tasks = {_label(each, RUN_LABEL): each for each in config_maps if TASKS_FILE in (each.get("binaryData") or {})}
    found: list[FinishedRun] = []
    known: set[str] = set()
    for run in map(Run, runs):
        known.add(run.name)
        if not run.has_ended:
            continue
        cells = _rows_of(tasks[run.name]) if run.name in tasks else gather(run).cells
        if any(cell.tasks for cell in cells):
            found.append(FinishedRun(name=run.name, suite=run.suite, ended=run.ended_at, cells=cells))
    for name, config_map in tasks.items():
        if name not in known:
            ended = time_of(config_map["metadata"].get("creationTimestamp"))
            suite = _label(config_map, SUITE_LABEL)
            found.append(FinishedRun(name=name, suite=suite, ended=ended, cells=_rows_of(config_map)))
    return found


def chosen(runs: Sequence[FinishedRun], *, last: int | None, since: datetime | None) -> list[FinishedRun]:
    """Of the runs those that ended then or later, and of these the last so many; oldest first."""
    if since is not None:
        runs = [run for run in runs if run.ended is None or run.ended >= since]
    # What has no time keeps its place, as files are named.
    ordered = sorted(runs, key=lambda run: (run.ended is not None, run.ended.timestamp() if run.ended else 0.0))
    return ordered if last is None else ordered[-last:]


def attempts_of(runs: Iterable[FinishedRun]) -> Iterator[Attempt]:
    """Every task of every cell."""
    for run in runs:
        for cell in run.cells:
            for task in cell.tasks:
                is_known = task.outcome is not TaskOutcome.ERROR
                yield Attempt(
                    task=task.task,
                    model=cell.model,
                    is_solved=task.outcome is TaskOutcome.RESOLVED if is_known else None,
                    cost_usd=task.cost_usd,
                    calls=task.calls,
                )


def _rows_of(config_map: Obj) -> tuple[CellResults, ...]:
    try:
        cells = unpacked(base64.b64decode(config_map["binaryData"][TASKS_FILE], validate=True))
    except (ResultsError, binascii.Error) as error:
        raise ResultsError(f"ConfigMap {config_map['metadata'].get('name')}: {error}") from None
    return cells


def _label(obj: Obj, name: str) -> str:
    return str((obj["metadata"].get("labels") or {}).get(name) or "")
