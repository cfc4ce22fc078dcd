"""What the operator keeps of runs, which suites a change concerns, and how others write into a run's status."""

from typing import Any

from tierrouter_operator.planning.kinds import CONFIG_MAP, JOB, PROVIDER, ROUTER, RUN, SUITE, Key, Kind
from tierrouter_operator.planning.run_status import with_revision
from tierrouter_operator.planning.suite_observed import JobSettings
from tierrouter_operator.runs_observe import observe_suite, suites_concerned
from tierrouter_operator.store import Store

Obj = dict[str, Any]


def put(store: Store, kind: Kind, name: str, version: int = 1, **body: Any) -> Obj:
    metadata = {"name": name, "namespace": "agents", "resourceVersion": str(version), "uid": name}
    obj = {"metadata": metadata | body.pop("metadata", {}), **body}
    store.put(Key(kind, "agents", name), obj)
    return obj


def run_of(suite: str, **status: Any) -> Obj:
    cell = {"name": "routine", "tier": "routine", "provider": "p", "model": "m", "candidate": False}
    return {"spec": {"suite": suite, "revision": "r", "matrix": [cell], "source": "Manual"}, "status": status}


def keys(*names: str) -> set[Key]:
    return {Key(SUITE, "agents", name) for name in names}


def test_a_change_concerns_the_suites_that_it_is_about() -> None:
    store = Store()
    for name, router in (("nightly", "coding"), ("weekly", "coding"), ("other", "else")):
        put(store, SUITE, name, spec={"router": router})
    run = put(store, RUN, "gone-1", **run_of("gone"))
    assert suites_concerned(store, Key(RUN, "agents", "gone-1"), run) == keys("gone")
    job = put(store, JOB, "nightly-1-0", metadata={"labels": {"tierrouter.dev/suite": "nightly"}})
    assert suites_concerned(store, Key(JOB, "agents", "nightly-1-0"), job) == keys("nightly")
    assert suites_concerned(store, Key(ROUTER, "agents", "coding"), {"spec": {}}) == keys("nightly", "weekly")
    assert suites_concerned(store, Key(ROUTER, "elsewhere", "coding"), {"spec": {}}) == set()
    active = {"metadata": {"labels": {"tierrouter.dev/router": "coding"}}}
    assert suites_concerned(store, Key(CONFIG_MAP, "agents", "coding-active"), active) == keys("nightly", "weekly")
    assert suites_concerned(store, Key(PROVIDER, "agents", "p"), {"spec": {}}) == keys("nightly", "weekly", "other")


def test_a_suite_sees_its_own_runs_and_their_jobs_alone() -> None:
    from datetime import UTC, datetime

    store = Store()
    put(store, SUITE, "nightly", spec={"router": "coding"})
    put(store, RUN, "nightly-1", **run_of("nightly"))
    put(store, RUN, "other-1", **run_of("other"))
    for name in ("nightly-1-0", "nightly-1-1", "other-1-0"):
        put(store, JOB, name)
    seen = observe_suite(store, Key(SUITE, "agents", "nightly"), datetime(2026, 1, 1, tzinfo=UTC), JobSettings())
    assert seen is not None and seen.router is None
    assert [run["metadata"]["name"] for run in seen.runs] == ["nightly-1"]
    assert {name for _, name in seen.objects} == {"nightly-1-0"}
    assert seen.taken == {"nightly-1", "other-1"}


def test_rows_are_kept_as_long_as_a_decision_needs_them() -> None:
    store = Store()
    key = Key(RUN, "agents", "nightly-1")
    results = [{"name": "routine", "tasks": 1, "resolved": 1, "rows": "H4sI"}]
    put(store, RUN, "nightly-1", 1, **run_of("nightly", phase="Collected", results=results))
    assert store.get(key)["status"]["results"] == results  # type: ignore[index]
    put(store, RUN, "nightly-1", 2, **run_of("nightly", phase="Decided", results=results))
    assert store.get(key)["status"]["results"] == [{"name": "routine", "tasks": 1, "resolved": 1}]  # type: ignore[index]


def test_the_results_of_a_run_are_not_kept_in_memory() -> None:
    store = Store()
    labels = {"tierrouter.dev/run": "nightly-1"}
    put(store, CONFIG_MAP, "nightly-1-tasks", metadata={"labels": labels}, binaryData={"tasks.jsonl.gz": "H4sI"})
    assert store.get(Key(CONFIG_MAP, "agents", "nightly-1-tasks"))["binaryData"] == {}  # type: ignore[index]


def test_a_decisions_revision_is_set_and_all_else_stays() -> None:
    error = {"name": "deep", "tasks": 0, "resolved": 0, "error": "evicted", "completionTime": "2026-01-31T23:59:59Z"}
    status = {
        "phase": "Decided",
        "startTime": "2026-01-31T20:59:59Z",
        "completionTime": "2026-01-31T23:59:59Z",
        "started": ["routine", "deep"],
        "conditions": [{"type": "Decided", "status": "True"}],
        "results": [{"name": "routine", "tasks": 1, "resolved": 1}, error],
        "decision": {"action": "Regress", "reason": "it slips", "state": "{}"},
    }
    run = {
        **run_of("nightly", **status),
        "metadata": {"name": "n-1", "namespace": "agents", "uid": "u", "generation": 1},
    }
    body = with_revision(run, "coding-1").body
    # What a collector wrote is its own; all that was the operator's has to be in each apply, or it goes.
    assert body["status"] == {
        **status,
        "observedGeneration": 1,
        "results": [error],
        "decision": {**status["decision"], "revision": "coding-1"},  # type: ignore[dict-item]
    }
