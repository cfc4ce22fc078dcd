"""What metrics say of routers and suites: values in, values out."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tierrouter_core.contract import ROLLOUT, ConditionReason, ConditionType, active_name
from tierrouter_core.observability import operator as m
from tierrouter_core.observability.metric import Metric
from tierrouter_core.regression.words import RunCondition
from tierrouter_core.resources.guards import LocalModel
from tierrouter_core.resources.regression import RunAction
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_operator.planning.children import annotation
from tierrouter_operator.planning.conditions import found_condition
from tierrouter_operator.planning.kinds import CONFIG_MAP, RUN, Obj
from tierrouter_operator.planning.local_model import read_local_model
from tierrouter_operator.planning.references import router_of
from tierrouter_operator.planning.rollout import Stage, rollout_from
from tierrouter_operator.planning.run_seen import Run, time_of
from tierrouter_operator.planning.schedules import ScheduleError, read_schedule
from tierrouter_operator.planning.sidecars import Fleet, SidecarState

OUTCOMES: Final[Mapping[Stage, str]] = {
    Stage.PROMOTED: "promoted",
    Stage.ROLLED_BACK: "rolled_back",
    Stage.GIVEN_UP: "given_up",
    Stage.REJECTED: "rejected",
    Stage.SUPERSEDED: "superseded",
}
"""How a trial can end, as the metric calls it."""
DECISIONS: Final = tuple(map(str, RunAction))


@dataclass(frozen=True, slots=True)
class Sample:
    """One series of a gauge."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that is counted once."""

    metric: Metric
    label: str
    """The decision, or the outcome."""
    about: str
    """The run, or the trial, that it is about; no two have the same."""
    at: datetime


def router_samples(router: Obj, fleet: Fleet) -> Iterator[Sample]:
    """Every gauge of one router."""
    labels = (router["metadata"]["namespace"], router["metadata"]["name"])
    yield Sample(m.ROUTER_READY, labels, _is_true(router, ConditionType.READY))
    rollout = found_condition(router, ConditionType.ROLLOUT_SETTLED)
    yield Sample(m.ROLLOUT_ACTIVE, labels, float(rollout.get("reason") == ConditionReason.CANARY_RUNS))
    if fleet.report is not None:
        states = Counter(laggard.state for laggard in fleet.report.laggards)
        states[SidecarState.CURRENT] = fleet.report.sidecars - len(fleet.report.laggards)
        for state in SidecarState:
            yield Sample(m.SIDECARS, (*labels, state), states[state])
    if fleet.census is not None:
        yield Sample(m.PODS_NOT_INJECTED, labels, len(fleet.census.without))
    local = read_local_model(router)
    if isinstance(local, LocalModel):
        is_ready = _is_true(router, ConditionType.MODEL_SERVER_READY)
        yield Sample(m.MODEL_SERVER_READY, (*labels, local.model), is_ready)


def suite_samples(suite: Obj, runs: Iterable[Obj], now: datetime) -> Iterator[Sample]:
    """Every gauge of one suite; ``runs`` are its own."""
    labels = (suite["metadata"]["namespace"], suite["metadata"]["name"], router_of(suite))
    yield Sample(m.SUITE_OVERDUE, labels, overdue_s(suite, now))
    ended = [run for run in map(Run, runs) if run.has_ended]
    newest = max(ended, key=_at, default=None)
    if newest is not None:
        yield Sample(m.SUITE_LAST_RUN, labels, newest.ended_at.timestamp())
    with_results = max((run for run in ended if any(map(_tasks, run.results.values()))), key=_at, default=None)
    if with_results is not None:
        for cell in with_results.cells:
            result = with_results.results.get(cell.name, {})
            if not cell.is_candidate and _tasks(result):
                share = int(result.get("resolved") or 0) / _tasks(result)
                yield Sample(m.TIER_ACCURACY, (*labels, cell.tier), share)


def overdue_s(suite: Obj, now: datetime) -> float:
    """How long a run that the schedule asks for is late, in seconds; 0 where none is.

    It is late where its time has passed and it waits, for the run before it or for the operator; and where none could
    begin since, so that times have passed over.
    """
    spec, status = suite.get("spec") or {}, suite.get("status") or {}
    if not spec.get("schedule") or spec.get("suspend"):
        return 0.0
    planned = time_of(status.get("nextScheduleTime"))
    ready = found_condition(suite, RunCondition.READY)
    if ready.get("status") == "False":
        since = [time_of(status.get("lastScheduleTime")), time_of(ready.get("lastTransitionTime"))]
        known = [each for each in since if each is not None]
        try:
            missed = read_schedule(str(spec["schedule"])).next_after(max(known)) if known else None
        except ScheduleError:
            return 0.0
        planned = missed if planned is None or (missed is not None and missed < planned) else planned
    return 0.0 if planned is None else max(0.0, (now - planned).total_seconds())


def happened(body: Obj) -> Happened | None:
    """What a body that was written says that is over: a run that is decided, a trial that has ended."""
    if body.get("kind") == RUN.kind:
        return _decided(body)
    if body.get("kind") == CONFIG_MAP.kind and body["metadata"]["name"] == active_name(router_of(body)):
        return _ended(body)
    return None


def _decided(body: Obj) -> Happened | None:
    status: Mapping[str, Any] = body.get("status") or {}
    action, at = (status.get("decision") or {}).get("action"), time_of(status.get("completionTime"))
    if status.get("phase") != RunPhase.DECIDED or action not in DECISIONS or at is None:
        return None
    return Happened(m.REGRESSION_DECISIONS, action, str(body["metadata"].get("uid")), at)


def _ended(body: Obj) -> Happened | None:
    rollout = rollout_from(annotation(body, ROLLOUT))
    at = None if rollout is None else time_of(rollout.ended)
    if rollout is None or at is None or rollout.stage not in OUTCOMES:
        return None
    return Happened(m.ROLLOUTS, OUTCOMES[rollout.stage], f"{body['metadata']['namespace']}/{rollout.nonce}", at)


def _is_true(obj: Obj, type_: str) -> float:
    return float(found_condition(obj, type_).get("status") == "True")


def _at(run: Run) -> tuple[datetime, str]:
    return run.ended_at, run.name


def _tasks(result: Mapping[str, Any]) -> int:
    return 0 if result.get("error") else int(result.get("tasks") or 0)
