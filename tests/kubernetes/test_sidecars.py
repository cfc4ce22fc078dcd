"""Running pods are told of a change, asked what they serve, and named where that is something else."""

from pathlib import Path
from typing import Any

import aiohttp
from operators import running_operator
from pods_with_sidecars import AgentPod, agent_pods

from control_plane import Api, Cluster
from router_in_cluster import RouterInCluster

Obj = dict[str, Any]


async def until_counted(
    router: RouterInCluster, api: Api, sidecars: int, up_to_date: int, timeout_s: float = 30
) -> Obj:
    async def is_so() -> Obj | None:
        status = (await router.get()).get("status") or {}
        found = (status.get("sidecars"), status.get("sidecarsUpToDate"))
        return status if found == (sidecars, up_to_date) else None

    return await api.until(is_so, f"{up_to_date} of {sidecars} sidecars are up to date", timeout_s)


async def test_running_pods_are_told_and_say_what_they_serve(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    async with running_operator(cluster.kubeconfig, census_s=1) as running:
        await router.apply()
        await router.until_condition("SidecarsUpToDate", "True", "NoSidecars", says="no running pod")
        async with agent_pods(api, namespace, 3, tmp_path) as pods:
            await until_counted(router, api, 3, 3)
            before = (await router.get())["status"]["activeRevision"]
            await router.threshold("file_count", 6)
            await until_changed(router, api, before)
            await until_counted(router, api, 3, 3)
            await router.until_condition("SidecarsUpToDate", "True", "UpToDate")
            for pod in pods:
                assert (await pod.get())["metadata"]["annotations"]["tierrouter.dev/poke"]
            assert running.metrics.registry.get_sample_value("tierrouter_operator_pokes_total") >= 3
            page = await metrics_of(running.metrics_port)
            of_router = f'namespace="{namespace}",router="coding"'
            for state, pods_of_it in (("current", 3), ("lagging", 0), ("refusing", 0), ("silent", 0)):
                assert f'tierrouter_operator_sidecars{{{of_router},state="{state}"}} {pods_of_it}.0\n' in page
            assert f"tierrouter_operator_router_ready{{{of_router}}} 1.0\n" in page
            assert f"tierrouter_operator_pods_not_injected{{{of_router}}} 0.0\n" in page
            assert (
                f'tierrouter_operator_rollouts_total{{namespace="{namespace}",outcome="promoted",router="coding"}} 0.0'
                in page
            )
            await api.delete(await api.path_of(await router.get()))

            async def is_gone() -> bool:
                return of_router not in await metrics_of(running.metrics_port)

            await api.until(is_gone, "the router has no series any more")


async def metrics_of(port: int) -> str:
    """What Prometheus would read."""
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        return await response.text()


async def until_changed(router: RouterInCluster, api: Api, before: str) -> str:
    async def is_other() -> str | None:
        now = (await router.get())["status"]["activeRevision"]
        return str(now) if now != before else None

    return str(await api.until(is_other, "another revision is in force"))


async def test_pods_with_a_sidecar_of_an_older_version_are_named_until_they_are_made_again(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    async with running_operator(cluster.kubeconfig, census_s=1):
        await router.apply()
        await router.until_condition("SidecarsOutdated", "False", "NoSidecars")
        async with agent_pods(api, namespace, 2, tmp_path) as pods:
            await until_counted(router, api, 2, 2)
            await router.until_condition("SidecarsOutdated", "False", "Current")
            for version, status, reason in (("0.0.1", "True", "OlderVersion"), ("999.0.0", "False", "Current")):
                annotations = {"tierrouter.dev/sidecar-version": version}
                path = f"/api/v1/namespaces/{namespace}/pods/{pods[1].name}"
                await api.patch(path, {"metadata": {"annotations": annotations}})
                condition = await router.until_condition("SidecarsOutdated", status, reason)
                assert ("agent-1: 0.0.1" in condition["message"]) == (status == "True")
                assert "agent-0" not in condition["message"]
            assert (await router.condition("SidecarsUpToDate"))["status"] == "True", "which is another matter"


async def test_a_pod_that_is_ending_is_not_counted(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    async with running_operator(cluster.kubeconfig, census_s=1):
        await router.apply()
        await router.until_condition("Ready", "True")
        async with agent_pods(api, namespace, 2, tmp_path) as pods:
            await until_counted(router, api, 2, 2)
            path = f"/api/v1/namespaces/{namespace}/pods/{pods[1].name}"
            await api.patch(path, {"metadata": {"finalizers": ["tests.tierrouter.dev/stays"]}})
            await api.delete(path)
            await until_counted(router, api, 1, 1)
            assert (await pods[1].get())["metadata"]["deletionTimestamp"]
            await api.patch(path, {"metadata": {"finalizers": None}})


async def test_a_laggard_is_named_told_again_and_what_it_serves_is_kept(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    async with running_operator(cluster.kubeconfig, census_s=1):
        await router.apply(revisionHistoryLimit=1)
        await router.until_condition("Ready", "True")
        async with agent_pods(api, namespace, 2, tmp_path) as pods:
            await until_counted(router, api, 2, 2)
            first = (await router.get())["status"]["activeRevision"]
            pods[1].is_deaf = True
            before = first
            for value in (6, 5, 4):
                await router.threshold("file_count", value)
                before = await until_changed(router, api, before)
            condition = await router.until_condition(
                "SidecarsUpToDate", "False", "Lagging", says=f"agent-1: serves {first}"
            )
            assert "agent-0" not in condition["message"]
            await until_counted(router, api, 2, 1)
            assert first in {each["metadata"]["name"] for each in await router.revisions()}
            pods[1].is_deaf = False
            await until_counted(router, api, 2, 2)
            await router.until_condition("SidecarsUpToDate", "True", "UpToDate")

            async def is_collected() -> bool:
                return first not in {each["metadata"]["name"] for each in await router.revisions()}

            await api.until(is_collected, "nobody serves it any more, so it goes")


async def test_pods_that_run_without_the_sidecar_they_asked_for_are_named(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    container = {"name": "agent", "image": "agent:1"}
    labels = {"asks": {"tierrouter.dev/inject": "true"}, "refuses": {"tierrouter.dev/inject": "false"}, "is-told": {}}
    for name, wanted in labels.items():
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": wanted}}
        await api.create(f"/api/v1/namespaces/{namespace}/pods", {**body, "spec": {"containers": [container]}})
        pod = AgentPod(api, namespace, 0, tmp_path)
        pod.name = name
        await pod.runs()
    async with running_operator(cluster.kubeconfig, census_s=1):
        await router.apply()
        condition = await router.until_condition("InjectionHealthy", "False", "PodsNotInjected")
        assert "asks" in condition["message"] and "refuses" not in condition["message"]
        assert "is-told" not in condition["message"]
        await api.patch(
            f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"tierrouter.dev/inject": "coding"}}}
        )

        async def is_named() -> bool:
            return "asks, is-told;" in (await router.condition("InjectionHealthy"))["message"]

        await api.until(is_named, "the namespace's label counts too")
        for name in ("asks", "is-told"):
            await api.delete(f"/api/v1/namespaces/{namespace}/pods/{name}", gracePeriodSeconds="0")
        await router.until_condition("InjectionHealthy", "True", "Injected")


async def test_a_rotated_key_reaches_pods_at_once(
    cluster: Cluster, router: RouterInCluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    async with running_operator(cluster.kubeconfig):
        await router.apply()
        await router.until_condition("Ready", "True")
        async with agent_pods(api, namespace, 1, tmp_path) as (pod,):
            await router.put_secret("openai", text="rotated")

            async def is_told() -> bool:
                return "tierrouter.dev/poke" in (await pod.get())["metadata"]["annotations"]

            await api.until(is_told, "the pod is told", 5)
