"""From the store to what a suite's plan is made of. Selects, and judges nothing."""

from datetime import datetime

from tierrouter_core.contract import RESULTS_ACCOUNT, SUITE_LABEL, tasks_name
from tierrouter_operator.observe import Fingerprint, observe_router
from tierrouter_operator.observe import fingerprint as router_fingerprint
from tierrouter_operator.planning.kinds import (
    CONFIG_MAP,
    JOB,
    PROVIDER,
    REVISION,
    ROLE_BINDING,
    ROUTER,
    RUN,
    SERVICE_ACCOUNT,
    SUITE,
    Key,
    Kind,
    Obj,
)
from tierrouter_operator.planning.observed import Refusal
from tierrouter_operator.planning.references import router_of, suite_of
from tierrouter_operator.planning.run_job_state import Stage, is_lost, judge_job
from tierrouter_operator.planning.run_jobs import is_of, job_name
from tierrouter_operator.planning.run_seen import Run
from tierrouter_operator.planning.suite_observed import JobSettings, ObservedSuite
from tierrouter_operator.store import Store, newest_of

SuiteFingerprint = tuple[tuple[tuple[str, str], ...], Fingerprint | None]


def observe_suite(
    store: Store, key: Key, now: datetime, settings: JobSettings, refused: Refusal | None = None
) -> ObservedSuite | None:
    """What there is of a suite and its runs; None where there is nothing."""
    namespace = key.namespace
    suite = store.get(key)
    every = store.in_namespace(RUN, namespace)
    runs = tuple(run for run in every.values() if suite_of(run) == key.name)
    if suite is None and not runs:
        return None
    router = "" if suite is None else router_of(suite)
    return ObservedSuite(
        name=key.name,
        namespace=namespace,
        suite=suite,
        router=observe_router(store, Key(ROUTER, namespace, router), now, None) if router else None,
        runs=runs,
        taken=frozenset(every),
        objects=_objects(store, namespace, runs),
        settings=settings,
        now=now,
        refused=refused,
    )


def lost_jobs(seen: ObservedSuite) -> tuple[str, ...]:
    """Jobs of which it has to be asked what their pods were lost to: those that failed for it, and are over."""
    found = []
    for run in map(Run, seen.runs):
        for index, cell in enumerate(run.cells):
            job = seen.job(job_name(run.name, index))
            if run.has_ended or cell.name in run.results or job is None or not is_of(job, run) or not is_lost(job):
                continue
            if judge_job(job, seen.now).stage is Stage.OVER:
                found.append(job_name(run.name, index))
    return tuple(found)


def _objects(store: Store, namespace: str, runs: tuple[Obj, ...]) -> dict[tuple[Kind, str], Obj]:
    keys = [Key(kind, namespace, RESULTS_ACCOUNT) for kind in (SERVICE_ACCOUNT, ROLE_BINDING)]
    for run in runs:
        name = run["metadata"]["name"]
        keys.append(Key(CONFIG_MAP, namespace, tasks_name(name)))
        keys += [Key(JOB, namespace, job_name(name, index)) for index in range(len(run["spec"]["matrix"]))]
    return {(key.kind, key.name): obj for key in keys if (obj := store.get(key)) is not None}


def suite_fingerprint(seen: ObservedSuite) -> SuiteFingerprint:
    """Equal for equal states: the versions of everything that was selected."""
    suite = () if seen.suite is None else (seen.suite,)
    objects = newest_of((*suite, *seen.runs, *seen.objects.values()))
    return objects, None if seen.router is None else router_fingerprint(seen.router)


def suites_concerned(store: Store, key: Key, obj: Obj) -> set[Key]:
    """The suites that have to be looked at when this object has changed."""
    namespace = key.namespace
    if key.kind is SUITE:
        return {key}
    if key.kind is RUN:
        return {Key(SUITE, namespace, suite)} if (suite := suite_of(obj)) else set()
    if key.kind is JOB:
        suite = (obj.get("metadata") or {}).get("labels", {}).get(SUITE_LABEL)
        return {Key(SUITE, namespace, suite)} if suite else set()
    suites = store.in_namespace(SUITE, namespace)
    if key.kind is PROVIDER:
        return {Key(SUITE, namespace, name) for name in suites}
    if key.kind in (ROUTER, REVISION, CONFIG_MAP):
        router = key.name if key.kind is ROUTER else router_of(obj)
        return {Key(SUITE, namespace, name) for name, suite in suites.items() if router and router_of(suite) == router}
    return set()
