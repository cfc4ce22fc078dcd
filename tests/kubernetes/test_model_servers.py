"""Model servers' objects on the real API server, whose defaults and refusals no fake has."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from operators import running_operator, writes_of_the_operator

from control_plane import AuditLog, Cluster, Refused
from router_in_cluster import RouterInCluster, quiet
from tierrouter_core.contract import ROUTER_LABEL

NAME = "coding-ollama"
Obj = dict[str, Any]


class Parts:
    """Paths of a model server's parts."""

    def __init__(self, router: RouterInCluster) -> None:
        namespace = f"namespaces/{router.namespace}"
        self.deployment = f"/apis/apps/v1/{namespace}/deployments/{NAME}"
        self.service = f"/api/v1/{namespace}/services/{NAME}"
        self.claim = f"/api/v1/{namespace}/persistentvolumeclaims/{NAME}"
        self.policy = f"/apis/networking.k8s.io/v1/{namespace}/networkpolicies/{NAME}"
        self.budget = f"/apis/policy/v1/{namespace}/poddisruptionbudgets/{NAME}"

    @property
    def all(self) -> tuple[str, ...]:
        return (self.deployment, self.service, self.claim, self.policy, self.budget)


@pytest.fixture
async def served(cluster: Cluster, router: RouterInCluster) -> AsyncIterator[RouterInCluster]:
    """The example, published, while an operator runs."""
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("ModelServerReady", "False", "Starting")
        yield router


async def get(router: RouterInCluster, path: str) -> Obj | None:
    try:
        return await router.api.get(path)
    except Refused as refused:
        if refused.code != 404:
            raise
        return None


async def test_what_is_changed_or_deleted_is_put_right(served: RouterInCluster, audit: AuditLog) -> None:
    parts = Parts(served)
    uid = (await served.api.get(parts.service))["metadata"]["uid"]
    await served.api.delete(parts.service)
    container = {"name": "ollama", "image": "mine:1", "env": [{"name": "OLLAMA_CONTEXT_LENGTH", "value": "512"}]}
    changed = {"spec": {"replicas": 0, "template": {"spec": {"containers": [container]}}}}
    await served.api.patch(parts.deployment, changed, "application/strategic-merge-patch+json")
    await served.api.patch(parts.budget, {"metadata": {"labels": {ROUTER_LABEL: None}}})
    await served.api.patch(parts.policy, {"spec": {"ingress": [{}]}})

    async def is_right() -> bool:
        service, deployment = await get(served, parts.service), await served.api.get(parts.deployment)
        (found,) = deployment["spec"]["template"]["spec"]["containers"]
        environment = {each["name"]: each.get("value") for each in found["env"]}
        return (
            service is not None
            and service["metadata"]["uid"] != uid
            and deployment["spec"]["replicas"] == 1
            and found["image"] == "ollama/ollama:0.17.4"
            and environment["OLLAMA_CONTEXT_LENGTH"] == "65536"
            and ROUTER_LABEL in (await served.api.get(parts.budget))["metadata"]["labels"]
            and (await served.api.get(parts.policy))["spec"]["ingress"] != [{}]
        )

    await served.api.until(is_right, "everything is as it was")
    mark = audit.mark()
    await quiet(3)
    assert [each for each in writes_of_the_operator(audit, mark, served.namespace) if NAME in each] == []


async def test_a_changed_local_model_changes_its_pod_and_one_that_goes_leaves_its_weights(
    served: RouterInCluster,
) -> None:
    parts = Parts(served)
    await served.patch(localModel={"gpus": 0, "contextLength": 4096, "runtimeClassName": "gvisor"})

    async def is_changed() -> bool:
        pod = (await served.api.get(parts.deployment))["spec"]["template"]["spec"]
        return "limits" not in pod["containers"][0]["resources"] and pod.get("runtimeClassName") == "gvisor"

    await served.api.until(is_changed, "no GPU is asked for any more")
    await served.patch(localModel=None)

    async def are_gone() -> bool:
        return [path for path in parts.all if await get(served, path) is not None] == [parts.claim]

    await served.api.until(are_gone, "all has gone but the claim")
    await served.until_condition("ModelServerReady", "True", "NotNeeded")


async def test_a_claim_that_can_not_grow_is_said_and_keeps_nothing_from_being_served(served: RouterInCluster) -> None:
    await served.patch(localModel={"storage": "80Gi"})
    await served.until_condition(
        "ModelServerReady", "False", "WriteRefused", says=f"PersistentVolumeClaim {served.namespace}/{NAME}"
    )
    await served.threshold("file_count", 5)
    await served.until_served(file_count=5)
    assert (await served.condition("Ready"))["status"] == "True"
    await served.patch(localModel={"storage": "40Gi"})
    await served.until_condition("ModelServerReady", "False", "Starting", timeout_s=90)


async def test_a_name_that_somebody_else_has_is_left_to_them(cluster: Cluster, router: RouterInCluster) -> None:
    parts = Parts(router)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": {"ports": [{"port": 80}]}}
    await router.api.apply(service, router.namespace)
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("ModelServerReady", "False", "NameTaken", says=NAME)
        await router.until_condition("Ready", "True")
        assert (await router.api.get(parts.service))["spec"]["ports"][0]["port"] == 80
        await router.api.delete(parts.service)
        await router.until_condition("ModelServerReady", "False", "Starting", timeout_s=60)
