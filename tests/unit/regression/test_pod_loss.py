"""What a pod's status says of why its work was cut short."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.regression.pod_loss import initial_failure, pod_loss


def pod(*states: dict[str, Any], initial: tuple[dict[str, Any], ...] = (), **status: Any) -> dict[str, Any]:
    def told(each: tuple[dict[str, Any], ...]) -> list[dict[str, Any]]:
        return [{"name": f"c{at}", "state": state} for at, state in enumerate(each)]

    return {"status": {"containerStatuses": told(states), "initContainerStatuses": told(initial), **status}}


def ended(code: int, reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason}}


def disrupted(reason: str, message: str = "", status: str = "True") -> dict[str, Any]:
    return {"type": "DisruptionTarget", "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        (pod({"running": {}}), ""),
        (pod(ended(0, "Completed")), ""),
        (pod(ended(2)), ""),
        (pod(ended(137, "OOMKilled")), "container c0 ran out of memory"),
        (pod(ended(0, "Completed"), ended(137, "OOMKilled")), "container c1 ran out of memory"),
        (pod(ended(137)), "container c0 was killed"),
        (
            pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory. "),
            "evicted by its node: The node was low on resource: memory.",
        ),
        (
            pod(ended(137), conditions=[disrupted("TerminationByKubelet", "The node was low on resource: memory.")]),
            "evicted by its node: The node was low on resource: memory.",
        ),
        (pod(conditions=[disrupted("EvictionByEvictionAPI", "a drain")]), "evicted: a drain"),
        (pod(conditions=[disrupted("PreemptionByScheduler")]), "preempted"),
        (pod(conditions=[disrupted("DeletionByTaintManager")]), "evicted, for its node is tainted"),
        (pod(conditions=[disrupted("DeletionByPodGC", "node is gone")]), "lost with its node: node is gone"),
        (pod(conditions=[disrupted("SomethingNew", "why not")]), "disrupted: why not"),
        (pod(ended(2), conditions=[disrupted("PreemptionByScheduler", status="False")]), ""),
    ],
)
def test_why_its_work_was_cut_short(found: dict[str, Any], said: str) -> None:
    assert pod_loss(found) == said


def test_an_init_container_that_has_failed_is_named() -> None:
    assert initial_failure(pod(initial=(ended(0), ended(3)))) == "init container c1 exited with 3"
    assert initial_failure(pod(ended(3), initial=(ended(0), {"running": {}}))) == ""


@given(st.integers(1, 255).filter(lambda code: code != 137))
def test_what_a_harness_exits_with_is_an_answer_and_no_loss(code: int) -> None:
    assert pod_loss(pod(ended(code))) == ""


@given(st.text(max_size=2000))
def test_a_message_is_one_line_of_some_length(message: str) -> None:
    said = pod_loss(pod(conditions=[disrupted("EvictionByEvictionAPI", message)]))
    assert said.startswith("evicted")
    assert "\n" not in said and len(said) < 330
