"""From a run's decision to what is in force, on a real API server: canaries, verdicts, a person's word, and crashes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from counting_pods import counting_pods
from crd_install import install_crds
from deciding_runs import DecidingRuns
from operators import operator_process, running_operator
from test_kubectl_plugin import Plugin

from control_plane import Api, Cluster
from guarded_prometheus import SECRET, Guarded
from router_in_cluster import RouterInCluster
from tierrouter_core.contract import CANARY_FILE, CANARY_REVISION, ROLLOUT

Obj = dict[str, Any]
QUICK = {"minTurns": 50, "analysisWindow": "1s", "canaryPercent": 10}


@pytest.fixture
async def router(api: Api, namespace: str) -> RouterInCluster:
    await install_crds(api)
    return RouterInCluster(api, namespace)


@pytest.fixture
async def runs(api: Api, router: RouterInCluster) -> DecidingRuns:
    return DecidingRuns(api, router)


@pytest.fixture
def plugin(cluster: Cluster, namespace: str) -> Plugin:
    return Plugin(cluster.kubeconfig, namespace)


async def published(router: RouterInCluster, runs: DecidingRuns, **rollout: Any) -> None:
    await router.apply(rollout=QUICK | rollout, localModel=None)
    await runs.make_suite()
    await router.until_condition("Ready", "True")


async def rollout_of(router: RouterInCluster) -> Obj:
    annotations = (await router.active())["metadata"]["annotations"]
    return orjson.loads(annotations.get(ROLLOUT, "{}"))


async def test_a_decision_is_tried_and_comes_into_force_when_it_does_no_worse(
    cluster: Cluster, router: RouterInCluster, runs: DecidingRuns, plugin: Plugin, api: Api, namespace: str
) -> None:
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
        await published(router, runs)
        async with counting_pods(api, namespace, 2) as pods:
            await runs.decide("nightly-1", file_count=7)
            run = await runs.until("nightly-1", "CanaryRuns")
            active = await router.active()
            canary = active["metadata"]["annotations"][CANARY_REVISION]
            assert run["status"]["decision"]["revision"] == canary
            assert orjson.loads(active["data"][CANARY_FILE])["thresholds"]["file_count"] == 7
            assert orjson.loads(active["data"]["split.json"])["percent"] == 10
            assert (await router.stable())["thresholds"]["file_count"] == 8
            assert "canary" in await plugin("status", "coding")
            for pod in pods:
                pod.sessions = 40
            await router.until_served(file_count=7)
            await runs.until("nightly-1", "Promoted")
            await router.until_condition("RolloutSettled", "True", "Promoted")
            assert (await router.get())["status"]["activeRevision"] == canary
            phases = [each["status"]["phase"] for each in await router.revisions()]
            assert phases == ["Superseded", "Active"]
            assert CANARY_FILE not in (await router.active())["data"]
        story = await plugin("history", "coding")
        assert "Regress" in story
        assert "Promoted" in story
        moments = orjson.loads(await plugin("history", "-o", "json"))
        assert moments[-1]["event"] == "InForce"
        assert moments[-1]["run"] == "nightly-1"


async def test_one_that_worsens_is_rolled_back_and_not_tried_again(
    cluster: Cluster, router: RouterInCluster, runs: DecidingRuns, api: Api, namespace: str
) -> None:
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
        await published(router, runs)
        async with counting_pods(api, namespace, 2) as pods:
            await runs.decide("nightly-1", file_count=7)
            await runs.until("nightly-1", "CanaryRuns")
            for pod in pods:
                pod.sessions, pod.failing = 40, 4
            await runs.until("nightly-1", "RolledBack")
            said = (await runs.said("nightly-1"))["message"]
            assert "%" in said, said
            assert (await router.stable())["thresholds"]["file_count"] == 8
            assert CANARY_FILE not in (await router.active())["data"]
            await router.until_condition("RolloutSettled", "True", "RolledBack")
            assert [each["status"]["phase"] for each in await router.revisions()] == ["Active", "RolledBack"]
            await router.threshold("planning_depth", 9)
            await router.until_served(planning_depth=9)
            assert CANARY_FILE not in (await router.active())["data"]


async def test_counts_of_pods_that_have_gone_and_of_before_a_restart_are_kept(
    cluster: Cluster, router: RouterInCluster, runs: DecidingRuns, api: Api, namespace: str
) -> None:
    async with counting_pods(api, namespace, 2) as pods:
        async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
            await published(router, runs, minTurns=1000)
            await runs.decide("nightly-1", file_count=7)
            await runs.until("nightly-1", "CanaryRuns")
            pods[0].sessions = 60

            async def is_looked_at() -> bool:
                return bool((await rollout_of(router)).get("looks"))

            await api.until(is_looked_at, "the counts of a look are written down")
            pods[1].sessions = 10
            await asyncio.sleep(0.7)
            await api.delete(f"/api/v1/namespaces/{namespace}/pods/{pods[0].name}", gracePeriodSeconds="0")
        async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
            pods[1].sessions = 45
            await runs.until("nightly-1", "Promoted")
            said = (await runs.said("nightly-1"))["message"]
            assert "1,050" in said or "1050" in said, said
            assert "1 sidecars have ended" in said, said


@pytest.mark.parametrize("strategy", ["Canary", "Immediate", "Manual"])
async def test_an_operator_that_is_killed_in_between_is_gone_on_with_and_nothing_is_done_twice(
    cluster: Cluster,
    router: RouterInCluster,
    runs: DecidingRuns,
    api: Api,
    namespace: str,
    tmp_path: Path,
    strategy: str,
) -> None:
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
        await published(router, runs, strategy=strategy)
    flags = ("--namespace", namespace, "--metrics-port", "19467", "--health-port", "19468")

    async def is_decided_on() -> bool:
        return len(await router.revisions()) > 1

    with operator_process(cluster.kubeconfig, *flags, log=tmp_path / "first.log") as first:
        await runs.decide("nightly-1", file_count=7)
        # At the first write of it that can be seen.
        await api.until(is_decided_on, "there is a revision")
        first.kill()
    wanted = {"Canary": "CanaryRuns", "Immediate": "Promoted", "Manual": "WaitingForPromotion"}[strategy]
    with operator_process(cluster.kubeconfig, *flags, log=tmp_path / "second.log"):
        run = await runs.until("nightly-1", wanted)
        revisions = await router.revisions()
        assert len(revisions) == 2
        assert run["status"]["decision"]["revision"] == revisions[1]["metadata"]["name"]
        assert (await rollout_of(router))["run"] == "nightly-1"
        file_count = (await router.stable())["thresholds"]["file_count"]
        assert file_count == (7 if strategy == "Immediate" else 8)


async def test_a_person_promotes_a_candidate_and_ends_a_canary(
    cluster: Cluster, router: RouterInCluster, runs: DecidingRuns, plugin: Plugin, namespace: str
) -> None:
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.3):
        await published(router, runs, strategy="Manual")
        assert "no revision that is tried" in await plugin("promote", "coding", code=1)
        await runs.decide("nightly-1", file_count=7)
        await runs.until("nightly-1", "WaitingForPromotion")
        assert "WaitingForPromotion" in await plugin("status", "coding")
        assert "is in force" in await plugin("promote", "coding")
        await router.until_served(file_count=7)
        await runs.until("nightly-1", "Promoted")
        await router.patch(rollout={"strategy": "Canary"})
        await runs.decide("nightly-2", file_count=6)
        await runs.until("nightly-2", "CanaryRuns")
        assert "has ended" in await plugin("abort", "coding")
        await runs.until("nightly-2", "RolledBack")
        assert (await router.stable())["thresholds"]["file_count"] == 7
        assert "nightly-2" in await plugin("history", "coding")


@pytest.fixture
async def slack() -> AsyncIterator[tuple[str, list[Obj]]]:
    """An address that takes Slack's JSON, and what it got; the first one is answered with an error."""
    got: list[Obj] = []

    async def take(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=500 if len(got) == 1 else 200)

    app = web.Application()
    app.router.add_post("/services/{tail}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    yield f"http://127.0.0.1:{port}/services/T0-secret", got
    await runner.cleanup()


async def test_whoever_the_suite_names_is_told_and_the_address_is_in_no_log(
    cluster: Cluster,
    router: RouterInCluster,
    runs: DecidingRuns,
    namespace: str,
    slack: tuple[str, list[Obj]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    address, got = slack
    async with running_operator(cluster.kubeconfig, namespace) as running:
        await published(router, runs, strategy="Immediate")
        await router.put_secret("slack", "url", address)
        await runs.make_suite(notify={"secretRef": {"name": "slack", "key": "url"}})
        await runs.decide("nightly-1", file_count=7)
        await runs.until("nightly-1", "Promoted")

        async def is_told() -> bool:
            value = running.metrics.registry.get_sample_value(
                "tierrouter_operator_notifications_total", {"result": "told"}
            )
            return value == 1

        await router.api.until(is_told, "somebody was told")
    assert len(got) == 2, "an error is tried again"
    assert got[0] == got[1]
    assert list(got[0]) == ["text"]
    assert "came into force" in got[0]["text"]
    assert "T0-secret" not in caplog.text


async def test_a_prometheus_that_wants_a_token_is_shown_the_one_that_is_mounted_now(
    cluster: Cluster, router: RouterInCluster, runs: DecidingRuns, api: Api, namespace: str, tmp_path: Path
) -> None:
    guarded = Guarded(tmp_path, b'{"status": "success", "data": {"resultType": "vector", "result": []}}')
    token, bundle = tmp_path / "token", tmp_path / "bundle.pem"
    token.write_text("an-older-one")
    bundle.write_bytes(guarded.bundle)

    async def says(what: str) -> None:
        async def is_said() -> bool:
            return what in (await router.condition("PrometheusUsed")).get("message", "")

        await api.until(is_said, f"it is said: {what}")

    async with guarded.running():
        files = {"prometheus_token_file": str(token), "prometheus_ca_file": str(bundle)}
        async with running_operator(cluster.kubeconfig, namespace, count_s=0.3, prometheus_url=guarded.url, **files):
            await published(router, runs)
            async with counting_pods(api, namespace, 1):
                await runs.decide("nightly-1", file_count=7)
                await says("Prometheus answers with status 401: Unauthorized")
                token.write_text(SECRET)
                await says("Prometheus has no series tierrouter_trial_count of the trial")
    assert SECRET not in str(await router.get())
