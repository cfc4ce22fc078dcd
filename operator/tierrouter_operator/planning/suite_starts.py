"""Whether a run of a suite begins now: by its schedule, or because somebody asked.

``status.nextScheduleTime`` is what was planned, and the name of the run that begins by it is made of it. So a start
that was missed, however often, is one run; a clock that was set back makes none twice; a schedule that was changed
or resumed counts from now on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from tierrouter_core.canonical import digest
from tierrouter_core.contract import MANAGED_BY_LABEL, OPERATOR, RUN_NOW, SUITE_LABEL
from tierrouter_core.regression.words import RunEvent, RunReason
from tierrouter_core.resources.regression_run import Cell, RunSource
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.conditions import timestamp
from tierrouter_operator.planning.kinds import RUN, SUITE, Obj
from tierrouter_operator.planning.run_hindrance import Hindrance
from tierrouter_operator.planning.run_seen import time_of
from tierrouter_operator.planning.schedules import Schedule
from tierrouter_operator.planning.writes import Create, PostEvent, Write

_MAX_NOTED: Final = 253
_SOON: Final = (RunReason.ROUTER_NOT_PUBLISHED, RunReason.ROUTER_MISSING)
"""What comes about by itself where everything is applied at once: a start that was asked for waits."""


@dataclass(slots=True)
class Starts:
    """What begins, and what the suite's status says of it."""

    writes: list[Write] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    """``lastRunNow``, ``lastScheduleTime``, ``nextScheduleTime``; None for a field that has to go."""
    looks_s: list[float] = field(default_factory=list)


def starts(
    suite: Obj,
    schedule: Schedule | None,
    cells: tuple[Cell, ...] | Hindrance,
    revision: str,
    is_busy: bool,
    taken: frozenset[str],
    now: datetime,
) -> Starts:
    """What begins now.

    Args:
        suite: the RegressionSuite.
        schedule: when runs begin by themselves; None for never, and while it is suspended.
        cells: what a run tests; or why none can begin.
        revision: what is in force of the router; empty for nothing.
        is_busy: a run of the suite has not ended: what is due waits for its end.
        taken: names of runs that there are.
        now: the time in UTC.
    """
    status = suite.get("status") or {}
    asked, done = annotation(suite, RUN_NOW), str(status.get("lastRunNow") or "")
    noted = _noted(asked)
    next_time = time_of(status.get("nextScheduleTime")) if status.get("nextScheduleTime") else None
    last_time = status.get("lastScheduleTime")
    found = Starts(values={"lastRunNow": done or None, "lastScheduleTime": last_time})
    name = suite["metadata"]["name"]
    is_to_run = bool(asked) and noted != done and not is_busy
    if is_to_run and not (isinstance(cells, Hindrance) and cells.reason in _SOON):
        found.values["lastRunNow"] = noted
        _begin(found, suite, asked_name(name, asked), RunSource.MANUAL, cells, revision, taken)
        is_busy = True
    if schedule is None:
        found.values["nextScheduleTime"] = None
        return found
    upcoming = schedule.next_after(now)
    if next_time is None or next_time > upcoming or not schedule.strikes_at(next_time):
        next_time = upcoming
    elif next_time <= now and not is_busy:
        if _begin(found, suite, scheduled_name(name, next_time), RunSource.SCHEDULE, cells, revision, taken):
            found.values["lastScheduleTime"] = timestamp(next_time)
        next_time = upcoming
    found.values["nextScheduleTime"] = timestamp(next_time)
    if next_time > now:
        found.looks_s.append((next_time - now).total_seconds())
    return found


def _noted(asked: str) -> str:
    """The annotation's value, as far as a status can hold it."""
    is_plain = asked.isprintable() and len(asked) <= _MAX_NOTED
    return asked if is_plain else f"sha256 {digest(asked.encode())}"


def asked_name(suite: str, asked: str) -> str:
    """The run that begins by a value of the suite's annotation."""
    return f"{suite}-{digest(asked.encode())[:10]}"


def scheduled_name(suite: str, time: datetime) -> str:
    """The run that begins at a time of the schedule."""
    return f"{suite}-{time:%Y%m%d%H%M}"


def _begin(
    found: Starts,
    suite: Obj,
    name: str,
    source: RunSource,
    cells: tuple[Cell, ...] | Hindrance,
    revision: str,
    taken: frozenset[str],
) -> bool:
    """Whether there is such a run afterwards."""
    if name in taken:
        return True
    if isinstance(cells, Hindrance):
        message = f"no run began, though one was due: {cells.message}"
        found.writes.append(PostEvent(suite, "Warning", RunEvent.RUN_SKIPPED, message))
        return False
    found.writes.append(Create(run_body(suite, name, source, cells, revision)))
    message = f"run {name} of revision {revision} tests {', '.join(cell.name for cell in cells)}"
    found.writes.append(PostEvent(suite, "Normal", RunEvent.RUN_STARTED, message))
    return True


def run_body(suite: Obj, name: str, source: RunSource, cells: tuple[Cell, ...], revision: str) -> Mapping[str, Any]:
    """A new RegressionRun, which goes with its suite."""
    metadata = suite["metadata"]
    labels = {SUITE_LABEL: metadata["name"]}
    reference = {
        "apiVersion": SUITE.api_version,
        "kind": SUITE.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "apiVersion": RUN.api_version,
        "kind": RUN.kind,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": labels if source is RunSource.CI else {MANAGED_BY_LABEL: OPERATOR, **labels},
            "ownerReferences": [reference],
        },
        "spec": {
            "suite": metadata["name"],
            "revision": revision,
            "matrix": [_matrix_entry(cell) for cell in cells],
            "source": str(source),
        },
    }


def _matrix_entry(cell: Cell) -> Mapping[str, Any]:
    return {
        "name": cell.name,
        "tier": cell.tier,
        "provider": cell.provider,
        "model": cell.model,
        "candidate": cell.is_candidate,
    }
