"""Pods of a run that are lost, as a kubelet says it, and what Kubernetes' own Job controller makes of that."""

from typing import Any

import pytest
from operators import running_operator
from suite_in_cluster import SuiteInCluster

from control_plane import Cluster
from router_in_cluster import RouterInCluster

Obj = dict[str, Any]
IMAGE = "tierrouter/operator:test"
TIME = "2026-01-31T04:00:00Z"


async def next_pod(suite: SuiteInCluster, known: set[str]) -> Obj:
    """A pod of the Job that was not there before."""

    async def is_there() -> Obj | None:
        pods = (await suite.api.get(f"{suite.router.core}/pods"))["items"]
        return next((pod for pod in pods if pod["metadata"]["name"] not in known), None)

    found: Obj = await suite.api.until(is_there, "the Job controller makes a pod", 60)
    known.add(found["metadata"]["name"])
    return found


async def fails(suite: SuiteInCluster, pod: Obj, code: int, reason: str, **status: Any) -> None:
    """What a kubelet writes of a pod that it has ended."""
    ended = {"exitCode": code, "reason": reason, "startedAt": TIME, "finishedAt": TIME, "containerID": "x://1"}
    container = {
        "name": "harness",
        "image": "harness:1",
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": {"terminated": ended},
    }
    body = {"status": {"phase": "Failed", "containerStatuses": [container], **status}}
    await suite.api.patch(f"{suite.router.core}/pods/{pod['metadata']['name']}/status", body)


async def error_of(suite: SuiteInCluster) -> str:
    async def is_said() -> str | None:
        runs = await suite.runs()
        results = runs[-1].get("status", {}).get("results", ()) if runs else ()
        return next((each["error"] for each in results if each.get("error")), None)

    found: str = await suite.api.until(is_said, "the cell is given up", 120)
    return found


async def test_what_pods_were_lost_to_is_said_and_they_alone_are_made_again(
    cluster: Cluster, router: RouterInCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tierrouter_operator.planning.run_job_state.LAST_WORD_S", 0)
    monkeypatch.setattr("tierrouter_operator.planning.run_job_state.ends_within_s", lambda _: 1)
    async with running_operator(cluster.kubeconfig, router.namespace, results_image=IMAGE):
        await router.apply(localModel=None)
        await router.until_condition("ConfigPublished", "True")
        suite = SuiteInCluster(router)
        await suite.apply(tiers=["routine"], retries=1)
        await suite.run_now("1")
        known: set[str] = set()
        await fails(suite, await next_pod(suite, known), 137, "OOMKilled")
        second = await next_pod(suite, known)
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "TerminationByKubelet",
            "message": "The node was low on resource: memory.",
            "lastTransitionTime": TIME,
        }
        await fails(suite, second, 143, "Error", conditions=[condition])
        said = await error_of(suite)
        assert "its pod was made 2 times, and left no results: " in said
        assert "container harness ran out of memory" in said
        assert "evicted by its node: The node was low on resource: memory." in said

        await suite.run_now("2")
        await fails(suite, await next_pod(suite, known), 2, "Error")
        said = await error_of(suite)
        assert "the harness failed and left no results" in said and "exit code 2" in said
        (job,) = [each for each in await suite.jobs() if each["status"].get("failed") == 1]
        assert job["spec"]["backoffLimit"] == 1, "one was left, and an answer is not tried again"
