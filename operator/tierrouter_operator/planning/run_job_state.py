"""How far a cell's Job is, and what is to be said where it ended without results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final

from tierrouter_core.contract import RESULTS_CONTAINER
from tierrouter_core.regression.pod_loss import initial_failure, pod_loss
from tierrouter_operator.planning.kinds import Obj
from tierrouter_operator.planning.run_jobs import ends_within_s
from tierrouter_operator.planning.run_seen import time_of

LAST_WORD_S: Final = 30
"""After its pod's end a collector may still be writing; the clocks of two machines differ, too."""
_LOST: Final = "BackoffLimitExceeded"
_NAMED: Final = 5
NO_END_S: Final = 300
"""Beyond its deadline nothing ends a Job any more: whoever should is not there."""


class Stage(Enum):
    """How far a Job is."""

    ACTIVE = auto()
    ENDING = auto()
    """It has ended, and its collector may still write."""
    OVER = auto()
    """What has not come does not come any more."""


@dataclass(frozen=True, slots=True)
class JobState:
    """A Job, and what its end says."""

    stage: Stage
    message: str = ""
    """Why there are no results, where there are none."""
    look_again_after_s: float | None = None
    is_stuck: bool = False
    """It should have ended long ago; it has to be deleted, lest it spend on."""


def is_lost(job: Obj) -> bool:
    """Whether it has failed for its pods, so that these say why."""
    return _condition(job.get("status") or {}, "Failed").get("reason") == _LOST


def judge_job(job: Obj, now: datetime, pods: Sequence[Obj] = ()) -> JobState:
    """Judge one Job of a run, by its pods too where it failed for them."""
    status = job.get("status") or {}
    for type_ in ("Complete", "Failed"):
        condition = _condition(status, type_)
        if condition:
            ended = time_of(condition.get("lastTransitionTime")) or now
            return _ended(job, status, type_, condition, (now - ended).total_seconds(), pods)
    deadline_s = int(job["spec"].get("activeDeadlineSeconds") or 0)
    began = time_of(status.get("startTime")) or time_of(job["metadata"].get("creationTimestamp")) or now
    last_s = deadline_s + ends_within_s(job) + NO_END_S
    left_s = (began + timedelta(seconds=last_s) - now).total_seconds()
    if deadline_s and left_s <= 0:
        message = f"its Job has no end {last_s - deadline_s} s after its deadline of {deadline_s} s; it is deleted"
        return JobState(Stage.OVER, message, is_stuck=True)
    return JobState(Stage.ACTIVE, look_again_after_s=left_s if deadline_s else None)


def _ended(
    job: Obj,
    status: Mapping[str, Any],
    type_: str,
    condition: Mapping[str, Any],
    since_s: float,
    pods: Sequence[Obj],
) -> JobState:
    # A clock that was set back must not make it wait for long.
    patience_s = LAST_WORD_S if type_ == "Complete" else LAST_WORD_S + ends_within_s(job)
    left_s = min(patience_s - since_s, patience_s)
    if left_s > 0:
        return JobState(Stage.ENDING, look_again_after_s=left_s)
    return JobState(Stage.OVER, _said(job, status, type_, condition, pods))


def _said(job: Obj, status: Mapping[str, Any], type_: str, condition: Mapping[str, Any], pods: Sequence[Obj]) -> str:
    name = job["metadata"]["name"]
    if type_ == "Complete":
        return f"Job {name} completed and left no results: the log of its container {RESULTS_CONTAINER} says why"
    reason, message = condition.get("reason", ""), str(condition.get("message", ""))
    match reason:
        case "DeadlineExceeded":
            return f"Job {name} took longer than {job['spec'].get('activeDeadlineSeconds')} s and left no results"
        case lost if lost == _LOST:
            times = status.get("failed") or int(job["spec"].get("backoffLimit") or 0) + 1
            why = _losses(pods)
            if why:
                return f"Job {name}: its pod was made {times} times, and left no results: {why}"
            return f"Job {name}: its pod was lost, evicted or out of memory {times} times, and left no results"
        case "PodFailurePolicy":
            return f"Job {name}: the harness failed and left no results: {message}"
        case _:
            return f"Job {name} failed ({reason or 'no reason given'}) and left no results: {message}"


def _losses(pods: Sequence[Obj]) -> str:
    """What its pods were lost to, each once, with how often; empty where none is there any more."""
    found = Counter(pod_loss(pod) or initial_failure(pod) for pod in pods)
    del found[""]
    return "; ".join(f"{why} ({times} times)" if times > 1 else why for why, times in found.most_common(_NAMED))


def _condition(status: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    conditions = status.get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type_ and each.get("status") == "True"), {})
