"""The next steps of one run: Jobs that are made, cells that are given up, results that are gathered.

Each is made of what is there, so that whoever goes on after a restart does the same, and nothing twice: a Job's name is
that of its cell, a cell whose Job was made once is noted, and a result is written once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from tierrouter_core.contract import tasks_name
from tierrouter_core.regression.words import RunCondition, RunEvent, RunReason
from tierrouter_core.resources.regression import SuiteSpec
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_operator.planning.conditions import Judgement, timestamp
from tierrouter_operator.planning.kinds import CONFIG_MAP, JOB, ROLE_BINDING, SERVICE_ACCOUNT, Key, Obj
from tierrouter_operator.planning.notices import notices_of_failure
from tierrouter_operator.planning.run_account import account_writes
from tierrouter_operator.planning.run_hindrance import Hindrance
from tierrouter_operator.planning.run_job_state import Stage, judge_job
from tierrouter_operator.planning.run_jobs import is_of, job_name, job_of, template_problem
from tierrouter_operator.planning.run_results import cost_so_far, gather, tasks_config_map
from tierrouter_operator.planning.run_seen import Run
from tierrouter_operator.planning.run_status import run_status, without_results
from tierrouter_operator.planning.suite_observed import ObservedSuite
from tierrouter_operator.planning.writes import Create, Delete, PostEvent, Write

CI_PATIENCE_S: Final = 900
"""After that a run that somebody submitted without results is over."""


@dataclass(slots=True)
class Steps:
    """Writes in their order, and when to look again."""

    writes: list[Write] = field(default_factory=list)
    looks_s: list[float] = field(default_factory=list)


def steps_of_run(seen: ObservedSuite, run: Run, spec: SuiteSpec | Hindrance, is_its_turn: bool) -> Steps:
    """What is to be done for a run that has not ended and whose results are not gathered yet.

    Args:
        seen: what there is.
        run: the run.
        spec: the suite's; or why it can't be used any more.
        is_its_turn: whether it may make Jobs now; one run of a suite does at a time.
    """
    if all(cell.name in run.results for cell in run.cells):
        return _gathered(seen, run)
    if not run.has_jobs:
        return _awaited(seen, run)
    return _measured(seen, run, spec) if is_its_turn else Steps()


def failed(seen: ObservedSuite, run: Run, reason: RunReason, message: str) -> list[Write]:
    """The run's end without a decision; Jobs that still run are deleted."""
    judgement = Judgement(RunCondition.DECIDED, "False", reason, message)
    changes = {"phase": str(RunPhase.FAILED), "completionTime": timestamp(seen.now)}
    deletions = [Delete(JOB, job) for job in own_jobs(seen, run) if judge_job(job, seen.now).stage is Stage.ACTIVE]
    event = PostEvent(run.obj, "Warning", RunEvent.RUN_FAILED, message)
    told = notices_of_failure(seen.suite, run.name, message)
    return [*told, run_status(run, changes, [judgement], seen.now), *deletions, event]


def own_jobs(seen: ObservedSuite, run: Run) -> Iterator[Obj]:
    """The run's Jobs that are there and not on their way out."""
    for index in range(len(run.cells)):
        job = seen.job(job_name(run.name, index))
        if job is not None and is_of(job, run) and not job["metadata"].get("deletionTimestamp"):
            yield job


def _measured(seen: ObservedSuite, run: Run, spec: SuiteSpec | Hindrance) -> Steps:
    steps = Steps()
    errors: dict[str, str] = {}
    waiting: list[int] = []
    stuck: list[Obj] = []
    there: list[str] = []
    active = 0
    for index, cell in enumerate(run.cells):
        name = job_name(run.name, index)
        job = seen.job(name)
        pods = seen.lost_pods.get(name, ())
        state = judge_job(job, seen.now, pods) if job is not None and is_of(job, run) else None
        if job is not None and state is not None:
            there.append(cell.name)
            active += state.stage is Stage.ACTIVE
            if state.is_stuck:
                stuck.append(job)
        if cell.name in run.results:
            continue
        if state is not None:
            if state.stage is Stage.OVER:
                errors[cell.name] = state.message
            if state.look_again_after_s is not None:
                steps.looks_s.append(state.look_again_after_s)
        elif job is not None:
            errors[cell.name] = f"Job {name} is there already, and is not this run's; delete it"
        elif cell.name in run.started:
            errors[cell.name] = f"its Job {name} was deleted before it had results"
        else:
            waiting.append(index)
    errors |= _given_up(seen, run, spec, waiting)
    waiting = [index for index in waiting if run.cells[index].name not in errors]
    made: list[str] = []
    if isinstance(spec, SuiteSpec) and seen.refused is None:
        begun = waiting[: max(0, spec.parallelism - active)]
        if begun:
            steps.writes += account_writes(seen)
        for index in begun:
            steps.writes.append(Create(job_of(run, index, spec, seen.settings.results_image)))
            made.append(run.cells[index].name)
    steps.writes += _noted(seen, run, [*there, *made], errors)
    steps.writes += [Delete(JOB, job) for job in stuck if not job["metadata"].get("deletionTimestamp")]
    for name in made:
        steps.writes.append(PostEvent(run.obj, "Normal", RunEvent.CELL_STARTED, f"cell {name} is tested"))
    for name, error in errors.items():
        steps.writes.append(PostEvent(run.obj, "Warning", RunEvent.CELL_FAILED, f"cell {name}: {error}"))
    return steps


def _given_up(seen: ObservedSuite, run: Run, spec: SuiteSpec | Hindrance, waiting: list[int]) -> Mapping[str, str]:
    """Why cells that have no Job yet get none."""
    names = {index: run.cells[index].name for index in waiting}
    why = ""
    if isinstance(spec, Hindrance):
        why = f"no Job was made, for the suite can't be used any more: {spec.message}"
    elif not seen.settings.results_image:
        why = "no Job was made, for the operator was not told which image collects results"
    elif problem := template_problem(spec.job_template):
        why = f"no Job was made: {problem}"
    elif spec.max_cost_usd is not None and (spent := cost_so_far(run)) >= spec.max_cost_usd:
        why = f"no Job was made, for the run has cost ${spent:f} and spec.maxCostUSD is ${spec.max_cost_usd:f}"
    if why:
        return dict.fromkeys(names.values(), why)
    refused = seen.refused
    if refused is None:
        return {}
    said = f"no Job was made, for the API server refuses {refused.what}: {refused.message}"
    if refused.kind in (SERVICE_ACCOUNT, ROLE_BINDING):
        return dict.fromkeys(names.values(), said)
    return {
        name: said
        for index, name in names.items()
        if refused.kind is JOB and refused.what == str(Key(JOB, seen.namespace, job_name(run.name, index)))
    }


def _noted(seen: ObservedSuite, run: Run, there: list[str], errors: Mapping[str, str]) -> Iterator[Write]:
    """Which Jobs were made, and which cells have no results."""
    started = list(dict.fromkeys([*run.started, *there]))
    changes: dict[str, Any] = {}
    if len(started) > len(run.started):
        changes["started"] = started
    if started and run.phase is RunPhase.PENDING:
        changes |= {"phase": str(RunPhase.RUNNING), "startTime": timestamp(seen.now)}
    if errors:
        changes["results"] = [without_results(name, error, seen.now) for name, error in errors.items()]
    if changes:
        yield run_status(run, changes)


def _awaited(seen: ObservedSuite, run: Run) -> Steps:
    """Results that CI brings: whoever made the run writes them next."""
    left_s = (run.made_at + timedelta(seconds=CI_PATIENCE_S) - seen.now).total_seconds()
    if left_s > 0:
        return Steps(looks_s=[left_s])
    missing = [cell.name for cell in run.cells if cell.name not in run.results]
    message = f"no results of {', '.join(missing[:8])} came within {CI_PATIENCE_S // 60} minutes; submit them anew"
    return Steps(failed(seen, run, RunReason.NO_RESULTS, message))


def _gathered(seen: ObservedSuite, run: Run) -> Steps:
    gathered = gather(run)
    if not any(cell.tasks for cell in gathered.cells):
        first = next(iter(gathered.errors.items()), None)
        why = f"; {first[0]}: {first[1]}" if first else ": the suite has none"
        return Steps(failed(seen, run, RunReason.NO_RESULTS, f"no cell has a task{why}"))
    writes: list[Write] = []
    made, name = tasks_config_map(run, gathered), tasks_name(run.name)
    found = seen.config_map(name)
    reason, message = RunReason.STORED, f"ConfigMap {name} has the results task by task"
    if isinstance(made, str):
        reason, message = RunReason.TOO_LARGE, made
    elif seen.refused is not None and seen.refused.kind is CONFIG_MAP:
        reason = RunReason.WRITE_REFUSED
        message = f"the API server refuses {seen.refused.what}: {seen.refused.message}"
    elif found is not None and not is_of(found, run):
        reason, message = RunReason.NAME_TAKEN, f"there is a ConfigMap {name} that is not this run's"
    elif found is None:
        writes.append(made)
    status = "True" if reason is RunReason.STORED else "False"
    judgement = Judgement(RunCondition.TASKS_STORED, status, reason, message)
    writes.append(run_status(run, {"phase": str(RunPhase.COLLECTED)}, [judgement], seen.now))
    without = len(gathered.errors)
    said = f"{gathered.counted} tasks count, of {len(run.cells) - without} cells"
    said += f"; {without} have no results" if without else ""
    writes.append(PostEvent(run.obj, "Normal", RunEvent.RUN_COLLECTED, said))
    return Steps(writes)
