"""A canary under traffic: real sidecars, which a real operator asks, and turns that they serve."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from deciding_runs import DecidingRuns
from operators import running_operator
from pods_with_sidecars import AgentPod, agent_pods

from control_plane import Api, Cluster
from provider.fast import CannedAnswers, FastProtocol
from router_in_cluster import RouterInCluster

_ROLLOUT = {"minTurns": 40, "analysisWindow": "1s", "canaryPercent": 50}


class CanaryTraffic:
    """Two pods' agents, and a suite whose runs the test makes."""

    def __init__(self, runs: DecidingRuns, pods: list[AgentPod], session: aiohttp.ClientSession) -> None:
        self.runs = runs
        self.pods = pods
        self._session = session

    async def begin(self, run: str, **thresholds: int) -> None:
        """A run decides, and every sidecar has the canary."""
        await self.runs.decide(run, **thresholds)
        await self.runs.until(run, "CanaryRuns", 60)

        async def is_there() -> bool:
            for pod in self.pods:
                try:
                    async with self._session.get(f"http://{pod.address}:9464/status") as answer:
                        if not orjson.loads(await answer.read()).get("canary"):
                            return False
                except aiohttp.ClientError:
                    return False
            return True

        await self.runs.api.until(is_there, "sidecars have the canary", 60)

    async def serve(self, name: str = "session", sessions: int = 60) -> set[str]:
        """So many sessions of two turns in each pod; the revisions that decided them."""
        seen = set()
        for number in range(sessions):
            for pod in self.pods:
                for _ in range(2):
                    async with self._session.post(
                        f"http://{pod.address}:8383/v1/chat/completions",
                        json={"model": "auto", "stream": True, "messages": [{"role": "user", "content": "hello"}]},
                        headers={"x-tierrouter-session": f"{name}-{pod.name}-{number}"},
                    ) as answer:
                        await answer.read()
                        assert answer.status == 200, await answer.text()
                        seen.add(answer.headers["x-tierrouter-revision"])
        return seen


@asynccontextmanager
async def canary_traffic(
    cluster: Cluster, api: Api, namespace: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **operator: Any
) -> AsyncIterator[CanaryTraffic]:
    """A published router, an operator that counts twice a second, and pods that serve; ``operator``: its settings."""
    router = RouterInCluster(api, namespace)
    runs = DecidingRuns(api, router)
    answers = CannedAnswers(events=5)
    server = await asyncio.get_running_loop().create_server(lambda: FastProtocol(answers), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with running_operator(cluster.kubeconfig, namespace, count_s=0.5, **operator):
        await router.apply(provider_url=url, rollout=_ROLLOUT, localModel=None)
        await runs.make_suite()
        await router.until_condition("Ready", "True")
        keys = folder / "keys"
        keys.mkdir()
        for name, value in (await router.credentials()).items():
            (keys / name).write_bytes(base64.b64decode(value))
        monkeypatch.setenv("TIERROUTER_CREDENTIALS_DIR", str(keys))
        async with agent_pods(api, namespace, 2, folder) as pods, aiohttp.ClientSession() as session:
            yield CanaryTraffic(runs, pods, session)
    server.close()
