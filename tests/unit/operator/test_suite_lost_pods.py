"""A cell whose pods were lost says what to: evicted and out of memory are not the same, and neither is an exit code."""

from datetime import UTC, datetime
from typing import Any

import pytest
from suite_world import SuiteWorld

from tierrouter_operator.runs_observe import lost_jobs

OOM = {"name": "harness", "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
OUT_OF_MEMORY = {"status": {"containerStatuses": [OOM]}}
EVICTED = {"status": {"reason": "Evicted", "message": "The node was low on resource: memory."}}
INITIAL = {"status": {"initContainerStatuses": [{"name": "fetch", "state": {"terminated": {"exitCode": 2}}}]}}


def lost(reason: str = "BackoffLimitExceeded", message: str = "") -> tuple[SuiteWorld, str]:
    """A run of one cell whose Job has failed, and whose collector had time to write."""
    world = SuiteWorld(tiers=["routine"])
    world.run_now()
    world.settle()
    job = world.jobs[0]["metadata"]["name"]
    world.job_ends(job, "Failed", reason, message, failed=3)
    world.pass_(120)
    return world, job


def error_of(world: SuiteWorld) -> str:
    world.settle()
    (result,) = world.run["status"]["results"]
    return str(result["error"]).partition(": ")[2]


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([OUT_OF_MEMORY] * 3, "container harness ran out of memory (3 times)"),
        (
            [EVICTED, OUT_OF_MEMORY, EVICTED],
            "evicted by its node: The node was low on resource: memory. (2 times); container harness ran out of memory",
        ),
        ([INITIAL], "init container fetch exited with 2"),
    ],
)
def test_what_its_pods_were_lost_to_is_said(pods: list[dict[str, Any]], said: str) -> None:
    world, job = lost()
    world.lost_pods = {job: tuple(pods)}
    assert error_of(world) == f"its pod was made 3 times, and left no results: {said}"


@pytest.mark.parametrize("pods", [(), ({},), ({"status": {"phase": "Running"}},)])
def test_of_pods_that_are_gone_no_more_is_known_than_the_job_says(pods: tuple[dict[str, Any], ...]) -> None:
    world, job = lost()
    world.lost_pods = {job: pods}
    assert error_of(world) == "its pod was lost, evicted or out of memory 3 times, and left no results"


def test_pods_are_asked_for_alone_where_a_job_has_failed_for_them_and_its_cell_has_no_results() -> None:
    world, job = lost()
    assert lost_jobs(world.observed()) == (job,)
    world.settle()
    assert lost_jobs(world.observed()) == (), "it is said"
    world, _ = lost("PodFailurePolicy", "Container harness for pod agents/x failed with exit code 2")
    assert lost_jobs(world.observed()) == (), "an exit code is an answer, and the Job says it"
    assert error_of(world) == (
        "the harness failed and left no results: Container harness for pod agents/x failed with exit code 2"
    )
    world, job = lost()
    world.now = datetime.fromisoformat(world.jobs[0]["status"]["conditions"][0]["lastTransitionTime"]).astimezone(UTC)
    assert lost_jobs(world.observed()) == (), "its collector may still write"
