"""What to write for a suite: its runs' next steps, decisions, ends, new runs, then what is said about it.

Everything is made of what there is. Whatever is cut short after any of these writes is gone on with by the next plan;
nothing depends on having been told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from tierrouter_core.regression.facts import RunFacts
from tierrouter_core.regression.words import RunCondition, RunEvent, RunReason
from tierrouter_core.resources.regression import SuiteSpec
from tierrouter_core.resources.regression_run import RunPhase
from tierrouter_operator.planning.conditions import Judgement, found_condition, timestamp
from tierrouter_operator.planning.decided import is_dealt_with
from tierrouter_operator.planning.history import History
from tierrouter_operator.planning.kinds import RUN, Obj
from tierrouter_operator.planning.notices import notices_of_decision
from tierrouter_operator.planning.run_decision import Decide, decision_entry
from tierrouter_operator.planning.run_hindrance import Hindrance
from tierrouter_operator.planning.run_results import gather
from tierrouter_operator.planning.run_seen import Run, newest_decided, oldest_first
from tierrouter_operator.planning.run_status import run_status
from tierrouter_operator.planning.run_steps import Steps, failed, steps_of_run
from tierrouter_operator.planning.suite_observed import ObservedSuite
from tierrouter_operator.planning.suite_spec import InForce, cells_of, read_in_force, read_suite, schedule_of
from tierrouter_operator.planning.suite_starts import Starts, starts
from tierrouter_operator.planning.suite_status import decision_values, suite_status
from tierrouter_operator.planning.writes import Delete, Plan, PostEvent, Write

_LONGEST_S: Final = 3600.0
_ENDING: Final = (RunReason.ROUTER_MISSING,)
"""What no decision can wait for."""


def plan_suite(seen: ObservedSuite, decide: Decide) -> Plan:
    """Everything that differs from what should be, as writes in their order."""
    runs = [run for run in oldest_first(map(Run, seen.runs)) if not run.is_leaving]
    suite = seen.suite
    if suite is None:
        message = f"there is no RegressionSuite {seen.name} in this namespace"
        lost = [run for run in runs if not run.has_ended]
        return Plan(tuple(write for run in lost for write in failed(seen, run, RunReason.SUITE_MISSING, message)))
    if suite["metadata"].get("deletionTimestamp"):
        return Plan()
    spec = read_suite(suite)
    in_force: InForce | Hindrance = spec if isinstance(spec, Hindrance) else read_in_force(seen.router, spec.router)
    steps = _steps(seen, runs, spec, in_force)
    decision: Mapping[str, Any] = {}
    if not steps.writes and isinstance(spec, SuiteSpec):
        writes_of_it, decision = _decided(seen, runs, spec, in_force, decide)
        steps.writes += writes_of_it
    begun = Starts()
    ready = _ready(spec, in_force, seen)
    # What was refused would be again: then it is only said so.
    if isinstance(spec, SuiteSpec) and seen.refused is None:
        steps.writes += _beyond(runs, spec.history_limit)
        begun = _starts(seen, runs, spec, in_force)
    newest = {"lastRun": runs[-1].name} if runs else {}
    values = {**begun.values, **newest, **(decision or _decision_lost(suite, runs, decide))}
    writes: list[Write] = [*steps.writes, *begun.writes, *suite_status(suite, ready, values, seen.now)]
    said = found_condition(suite, RunCondition.READY)
    if ready.status == "False" and said.get("message") != ready.message:
        writes.append(PostEvent(suite, "Warning", RunEvent.SUITE_NOT_READY, ready.message))
    looks = [*steps.looks_s, *begun.looks_s]
    return Plan(tuple(writes), min([max(1.0, each) for each in looks] + [_LONGEST_S]) if looks else None)


def _steps(
    seen: ObservedSuite, runs: Sequence[Run], spec: SuiteSpec | Hindrance, in_force: InForce | Hindrance
) -> Steps:
    """Of all runs that have not ended; the oldest that needs Jobs makes them, the others wait."""
    all_steps = Steps()
    is_free = True
    for run in runs:
        if run.has_ended:
            continue
        is_its_turn = run.has_jobs and is_free
        is_free = is_free and not run.has_jobs
        gone = _gone(seen, run, in_force)
        if gone is not None:
            all_steps.writes += failed(seen, run, gone.reason, gone.message)
        elif run.phase is not RunPhase.COLLECTED:
            steps = steps_of_run(seen, run, spec, is_its_turn)
            all_steps.writes += steps.writes
            all_steps.looks_s += steps.looks_s
    return all_steps


def _gone(seen: ObservedSuite, run: Run, in_force: InForce | Hindrance) -> Hindrance | None:
    """Why the run can come to no decision any more."""
    if isinstance(in_force, Hindrance):
        return in_force if in_force.reason in _ENDING else None
    if seen.router is not None and History(seen.router).find(run.revision) is None:
        router = in_force.document.router
        return Hindrance(RunReason.REVISION_GONE, f"router {router} has no revision {run.revision} any more")
    return None


def _decided(
    seen: ObservedSuite, runs: Sequence[Run], spec: SuiteSpec, in_force: InForce | Hindrance, decide: Decide
) -> tuple[list[Write], Mapping[str, Any]]:
    """The decision of one run, and what the suite's status says of it: each goes on from the one before."""
    waiting = [run for run in runs if run.phase is RunPhase.COLLECTED]
    if not waiting:
        return [], {}
    collected = min(waiting, key=lambda run: (_collected_at(run), run.made_at, run.name))
    if isinstance(in_force, Hindrance):
        if found_condition(collected.obj, RunCondition.DECIDED).get("message") == in_force.message:
            return [], {}
        judgement = Judgement(RunCondition.DECIDED, "False", in_force.reason, in_force.message)
        return [run_status(collected, {}, [judgement], seen.now)], {}
    before = newest_decided(runs)
    assert seen.suite is not None
    made = decide(spec.policy, _handed_on(seen.suite, before, decide), _facts(collected, spec, in_force))
    entry = decision_entry(made, in_force.moved)
    # Later than the one before, whatever the clock says: the newest decision is the one to go on from.
    ended = seen.now if before is None else max(seen.now, before.ended_at + timedelta(seconds=1))
    changes: dict[str, Any] = {
        "phase": str(RunPhase.DECIDED),
        "completionTime": timestamp(ended),
        "decision": entry,
    }
    reason = str(entry["reason"])
    judgement = Judgement(RunCondition.DECIDED, "True", made.action, reason)
    message = f"run {collected.name}: {made.action}: {reason}"
    writes: list[Write] = [
        # Before it is decided, so that it is told rather twice than never.
        *notices_of_decision(seen.suite, collected.name, entry),
        run_status(collected, changes, [judgement], seen.now),
        PostEvent(collected.obj, "Normal", RunEvent.RUN_DECIDED, f"{made.action}: {reason}"),
        PostEvent(seen.suite, "Normal", RunEvent.RUN_DECIDED, message),
    ]
    return writes, decision_values(entry, made.steps)


def _decision_lost(suite: Obj, runs: Sequence[Run], decide: Decide) -> Mapping[str, Any]:
    """What the suite's status lacks of the newest decision: it was cut short after that, or wiped."""
    newest = newest_decided(runs)
    status = suite.get("status") or {}
    if newest is None:
        return {}
    same = {"lastDecision": "action", "lastReason": "reason", "state": "state"}
    if all(status.get(key) == newest.decision.get(of) for key, of in same.items()):
        return {}
    if _is_of_a_later_one(suite, newest, decide):
        return {}
    return decision_values(newest.decision, decide.steps_of(str(newest.decision.get("state") or "")))


def _collected_at(run: Run) -> str:
    """When its results were all there, by this operator's clock: which of two runs is the older is judged by that.

    A run of a night takes hours, and one of CI's that was made meanwhile may be decided before it.
    """
    found = found_condition(run.obj, RunCondition.TASKS_STORED).get("lastTransitionTime")
    return str(found or run.obj["metadata"].get("creationTimestamp") or "")


def _handed_on(suite: Obj, before: Run | None, decide: Decide) -> str | None:
    """What the decision before handed on, as JSON."""
    if before is None or _is_of_a_later_one(suite, before, decide):
        return _state_of(suite) or None
    return str(before.decision.get("state") or "") or None


def _is_of_a_later_one(suite: Obj, newest: Run, decide: Decide) -> bool:
    """Whether the suite's status holds what a later decision handed on than any that is left: its run was deleted."""
    return decide.came_after(_state_of(suite), newest.name)


def _state_of(suite: Obj) -> str:
    return str((suite.get("status") or {}).get("state") or "")


def _facts(run: Run, spec: SuiteSpec, in_force: InForce) -> RunFacts:
    gathered = gather(run)
    document, asked = in_force.document, in_force.asked
    spec_of_router = asked.router.spec
    without = tuple(cell for cell in gathered.without if cell.cell in gathered.errors)
    return RunFacts(
        run=run.name,
        revision=run.revision,
        revision_in_force=in_force.revision.name,
        time=_collected_at(run),
        suite_tiers=spec.tiers or tuple(document.tiers),
        tiers=tuple(
            replace(tier, model=document.tiers[tier.name].model)
            for tier in spec_of_router.tiers
            if tier.name in document.tiers
        ),
        thresholds=tuple(
            replace(each, value=document.thresholds.get(each.name, each.value)) for each in spec_of_router.thresholds
        ),
        overlay=asked.overlay,
        cells=(*gathered.cells, *without),
        errors=gathered.errors,
    )


def _beyond(runs: Sequence[Run], limit: int) -> list[Write]:
    """Runs that have been kept long enough.

    The newest decision stays, for the next goes on from it; so does one that wants other values and was not acted on.
    """
    ended = sorted((run for run in runs if run.has_ended), key=lambda run: (run.ended_at, run.name), reverse=True)
    newest = newest_decided(runs)
    return [
        Delete(RUN, run.obj)
        for run in ended[limit:]
        if (newest is None or run.name != newest.name) and not _is_to_be_acted_on(run)
    ]


def _is_to_be_acted_on(run: Run) -> bool:
    return run.phase is RunPhase.DECIDED and "overlay" in run.decision and not is_dealt_with(run.obj)


def _starts(seen: ObservedSuite, runs: Sequence[Run], spec: SuiteSpec, in_force: InForce | Hindrance) -> Starts:
    assert seen.suite is not None
    schedule = schedule_of(spec)
    cells = in_force if isinstance(in_force, Hindrance) else cells_of(spec, in_force, seen.settings.results_image)
    if isinstance(schedule, Hindrance):
        cells, schedule = schedule, None
    revision = "" if isinstance(in_force, Hindrance) else in_force.revision.name
    is_busy = any(run.has_jobs and not run.has_ended for run in runs)
    return starts(seen.suite, schedule, cells, revision, is_busy, seen.taken, seen.now)


def _ready(spec: SuiteSpec | Hindrance, in_force: InForce | Hindrance, seen: ObservedSuite) -> Judgement:
    type_ = RunCondition.READY
    if seen.refused is not None:
        message = f"the API server refuses {seen.refused.what}: {seen.refused.message}"
        return Judgement(type_, "False", RunReason.WRITE_REFUSED, message)
    if isinstance(spec, Hindrance):
        return Judgement(type_, "False", spec.reason, spec.message)
    schedule = schedule_of(spec)
    if isinstance(schedule, Hindrance):
        return Judgement(type_, "False", schedule.reason, schedule.message)
    cells = in_force if isinstance(in_force, Hindrance) else cells_of(spec, in_force, seen.settings.results_image)
    if isinstance(cells, Hindrance):
        return Judgement(type_, "False", cells.reason, cells.message)
    what = f"a run tests {', '.join(cell.name for cell in cells)}"
    if spec.suspend:
        return Judgement(
            type_, "True", RunReason.SUSPENDED, f"{what}; none begins by the schedule while it is suspended"
        )
    when = f'by the schedule "{spec.schedule}" in UTC' if spec.schedule else "when somebody asks for one"
    return Judgement(type_, "True", RunReason.READY, f"{what}; one begins {when}")
