"""A canary under traffic: real sidecars, which a real operator asks, and turns that they serve."""

import asyncio
import base64
from pathlib import Path

import aiohttp
import orjson
import pytest
from crd_install import install_crds
from deciding_runs import DecidingRuns
from operators import running_operator
from pods_with_sidecars import agent_pods

from control_plane import Api, Cluster
from provider.fast import CannedAnswers, FastProtocol
from router_in_cluster import RouterInCluster


async def test_turns_that_sidecars_serve_promote_a_canary(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await install_crds(api)
    router = RouterInCluster(api, namespace)
    runs = DecidingRuns(api, router)
    answers = CannedAnswers(events=5)
    server = await asyncio.get_running_loop().create_server(lambda: FastProtocol(answers), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.5):
        rollout = {"minTurns": 40, "analysisWindow": "1s", "canaryPercent": 50}
        await router.apply(provider_url=url, rollout=rollout, localModel=None)
        await runs.make_suite()
        await router.until_condition("Ready", "True")
        keys = tmp_path / "keys"
        keys.mkdir()
        for name, value in (await router.credentials()).items():
            (keys / name).write_bytes(base64.b64decode(value))
        monkeypatch.setenv("TIERROUTER_CREDENTIALS_DIR", str(keys))
        async with agent_pods(api, namespace, 2, tmp_path) as pods, aiohttp.ClientSession() as session:
            await runs.decide("nightly-1", file_count=7)
            await runs.until("nightly-1", "CanaryRuns", 60)

            async def is_there() -> bool:
                for pod in pods:
                    try:
                        async with session.get(f"http://{pod.address}:9464/status") as answer:
                            said = orjson.loads(await answer.read())
                            if not said.get("canary"):
                                return False
                    except aiohttp.ClientError:
                        return False
                return True

            await api.until(is_there, "sidecars have the canary", 60)
            seen = set()
            for number in range(60):
                for pod in pods:
                    for _ in range(2):
                        async with session.post(
                            f"http://{pod.address}:8383/v1/chat/completions",
                            json={"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hello"}]},
                            headers={"x-tierrouter-session": f"{pod.name}-{number}"},
                        ) as answer:
                            await answer.read()
                            assert answer.status == 200, await answer.text()
                            seen.add(answer.headers["x-tierrouter-revision"])
            assert len(seen) == 2, seen
            await runs.until("nightly-1", "Promoted", 60)
            assert "turns of" in (await runs.said("nightly-1"))["message"]
    server.close()
