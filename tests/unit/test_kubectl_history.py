"""The story that `kubectl tierrouter history` tells, from what objects say."""

from typing import Any

from tierrouter_core.contract import ROLLOUT
from tierrouter_core.resources.revision import OriginType
from tierrouter_kubectl.cluster import RouterState
from tierrouter_kubectl.history import timeline
from tierrouter_operator.planning.rollout import Rollout, Stage, rollout_text

Obj = dict[str, Any]


def revision(number: int, *activations: Obj) -> Obj:
    return {
        "metadata": {"name": f"coding-{number}"},
        "spec": {"number": number},
        "status": {"phase": "Active", "activations": list(activations)},
    }


def run(name: str, at: str, reason: str = "", **status: Any) -> Obj:
    conditions = []
    if reason:
        conditions = [{"type": "RolloutSettled", "reason": reason, "message": "as found", "lastTransitionTime": at}]
    return {
        "metadata": {"name": name, "creationTimestamp": at},
        "spec": {"matrix": [{}, {}]},
        "status": {"completionTime": at, "conditions": conditions, **status},
    }


def state(*revisions: Obj, rollout: Rollout | None = None) -> RouterState:
    annotations = {} if rollout is None else {ROLLOUT: rollout_text(rollout)}
    router = {"metadata": {"name": "coding"}, "spec": {}}
    return RouterState(router=router, revisions=revisions, active={"metadata": {"annotations": annotations}})


def rollout(stage: Stage, **changes: str) -> Rollout:
    return Rollout(
        run="nightly-1",
        suite="nightly",
        origin=OriginType.REGRESSION,
        message="90 % is below 95 %",
        revision="coding-2",
        inputs_digest="0" * 64,
        stage=stage,
        since="2026-01-02T03:10:00Z",
        **changes,
    )


FIRST = {"time": "2026-01-01T00:00:00Z", "reason": "SpecChange", "run": "", "message": "the first revision"}
SECOND = {"time": "2026-01-02T04:00:00Z", "reason": "Regression", "run": "nightly-1", "message": "90 % is below 95 %"}
DECISION = {"action": "Regress", "reason": "90 % is below 95 %", "revision": "coding-2"}


def test_it_is_told_in_order_newest_last() -> None:
    decided = run("nightly-1", "2026-01-02T03:00:00Z", phase="Decided", decision=DECISION)
    found = timeline(state(revision(2, SECOND), revision(1, FIRST)), [decided])
    assert [(each.event, each.revision) for each in found] == [
        ("InForce", "coding-1"),
        ("Regress", "coding-2"),
        ("InForce", "coding-2"),
    ]
    assert found[-1].run == "nightly-1"


def test_a_run_that_is_under_way_says_how_far_it_is() -> None:
    status = {"phase": "Running", "completionTime": "", "startTime": "2026-01-02T03:00:00Z", "results": [{}]}
    (moment,) = timeline(state(), [run("nightly-1", "2026-01-02T02:59:00Z", **status)])
    assert (moment.event, moment.time, moment.message) == (
        "Running",
        "2026-01-02T03:00:00Z",
        "1 of 2 cells have results",
    )


def test_what_became_of_a_rollout_is_told_once_by_its_run_or_by_the_router_where_that_is_gone() -> None:
    ended = rollout(Stage.ROLLED_BACK, said="4 % of 500 turns failed", ended="2026-01-02T03:40:00Z")
    told = run("nightly-1", "2026-01-02T03:40:00Z", reason="RolledBack", phase="Decided", decision=DECISION)
    events = [each.event for each in timeline(state(rollout=ended), [told])]
    assert events.count("RolledBack") == 1
    (alone,) = timeline(state(rollout=ended), [])
    assert (alone.event, alone.message) == ("RolledBack", "4 % of 500 turns failed")


def test_a_canary_that_lasts_is_told_with_its_beginning() -> None:
    (moment,) = timeline(state(rollout=rollout(Stage.CANARY)), [])
    assert (moment.event, moment.time) == ("Canary", "2026-01-02T03:10:00Z")
    assert moment.data["revision"] == "coding-2"


def test_a_revision_that_was_proposed_is_told_with_what_to_expect_of_it_until_and_after_it_is_in_force() -> None:
    origin = {"type": "Manual", "run": "", "message": "is expected to save 40.0 %"}
    proposed = revision(2)
    proposed["spec"]["origin"], proposed["metadata"]["creationTimestamp"] = origin, "2026-01-02T03:00:00Z"
    (moment,) = timeline(state(proposed), [])
    assert (moment.event, moment.time, moment.revision) == ("Proposed", "2026-01-02T03:00:00Z", "coding-2")
    assert moment.message == "is expected to save 40.0 %"
    in_force = {"time": "2026-01-02T04:00:00Z", "reason": "Manual", "run": "", "message": origin["message"]}
    proposed["status"]["activations"] = [in_force]
    assert [each.event for each in timeline(state(proposed), [])] == ["Proposed", "InForce"]
