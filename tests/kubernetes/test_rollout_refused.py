"""What becomes of a decision is refused by the API server where it is written into its run: nothing else waits for that."""

from pathlib import Path

from aiohttp import web
from crd_install import install_crds
from deciding_runs import DecidingRuns
from operators import running_operator

from control_plane import Api, Cluster
from proxy import proxy_to
from router_in_cluster import RouterInCluster

WORDS = "regressionruns/status is forbidden"


async def test_a_run_that_can_not_be_written_holds_up_nothing_but_other_decisions(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    await install_crds(api)
    router = RouterInCluster(api, namespace)
    runs = DecidingRuns(api, router)
    refused: list[str] = []

    def refuse(request: web.Request) -> web.Response | None:
        if request.method != "PATCH" or "/regressionruns/" not in request.path:
            return None
        refused.append(request.path)
        body = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": WORDS, "code": 403}
        return web.json_response(body, status=403)

    async with proxy_to(cluster.kubeconfig, tmp_path) as proxy, running_operator(proxy.kubeconfig, namespace):
        await router.apply(rollout={"strategy": "Immediate"}, localModel=None)
        await runs.make_suite()
        await router.until_condition("Ready", "True")
        proxy.fault = refuse
        await runs.decide("nightly-1", file_count=7)
        await router.until_served(file_count=7)
        await router.until_condition("RolloutSettled", "False", "WriteRefused", says=WORDS)

        await router.threshold("planning_depth", 9)
        await router.until_served(file_count=7, planning_depth=9)
        await router.until_condition("Ready", "True")
        await runs.decide("nightly-2", file_count=5)
        before = len(refused)
        await router.threshold("planning_depth", 10)
        await router.until_served(file_count=7, planning_depth=10)
        assert len(refused) > before, "it is tried again"

        proxy.fault = None
        await runs.until("nightly-1", "Promoted", 60)
        await runs.until("nightly-2", "Promoted", 60)
        await router.until_served(file_count=5)
        await router.until_condition("RolloutSettled", "True")
