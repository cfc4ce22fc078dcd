"""Pods whose sidecar says what a test wants it to have counted: numbers of a canary can be chosen only so.

Everything else of it is real: it is asked over HTTP at the port of sidecars, and it says what the bundle holds that a
kubelet would have mounted.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
from aiohttp import web
from pod_addresses import pod_address

from control_plane import Api, Refused
from tierrouter_core.contract import ADMIN_PORT, CANARY_REVISION, STABLE_REVISION
from tierrouter_core.rollout.arms import Figure, arm_of
from tierrouter_core.rollout.counters import Arms, arms_to_json

Obj = dict[str, Any]


class CountingPod:
    """One pod. ``failing``: errors in each of its canary's sessions of ten turns."""

    def __init__(self, api: Api, namespace: str, number: int) -> None:
        self.name = f"agent-{number}"
        self.address = pod_address(number)
        self.sessions = 0
        self.failing = 0
        self.instance = secrets.token_hex(8)
        self._api = api
        self._core = f"/api/v1/namespaces/{namespace}"

    async def make(self) -> None:
        sidecar = {"name": "tierrouter", "image": "tierrouter/sidecar:1", "restartPolicy": "Always"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "labels": {"tierrouter.dev/router": "coding", "tierrouter.dev/inject": "true"},
                "annotations": {"tierrouter.dev/injected": "true"},
            },
            "spec": {"containers": [{"name": "agent", "image": "agent:1"}], "initContainers": [sidecar]},
        }
        await self._api.create(f"{self._core}/pods", body)
        status = {"phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}]}
        await self._api.patch(f"{self._core}/pods/{self.name}/status", {"status": status})

    async def says(self, request: web.Request) -> web.Response:
        try:
            active = await self._api.get(f"{self._core}/configmaps/coding-active")
        except Refused:
            return web.json_response({"stable": None, "canary": None})
        annotations, split = active["metadata"]["annotations"], orjson.loads(active["data"]["split.json"])
        canary = annotations.get(CANARY_REVISION)
        trial = "/".join((canary or "", split["salt"], split.get("since", "")))
        stable = arm_of([{}] * (9 * self.sessions), [10] * (9 * self.sessions))
        tried = arm_of([{Figure.ERRORS: self.failing}] * self.sessions, [10] * self.sessions)
        counters: Obj = {"instance": self.instance}
        if canary:
            counters["trial"] = {"id": trial, "arms": arms_to_json(Arms(stable, tried))}
        return web.json_response(
            {
                "stable": annotations[STABLE_REVISION],
                "canary": canary,
                "split": split,
                "schema": "1.0",
                "counters": counters,
            }
        )


@asynccontextmanager
async def counting_pods(api: Api, namespace: str, count: int) -> AsyncIterator[list[CountingPod]]:
    """Running pods that can be asked."""
    pods, runners = [CountingPod(api, namespace, number) for number in range(count)], []
    try:
        for pod in pods:
            app = web.Application()
            app.router.add_get("/status", pod.says)
            runner = web.AppRunner(app)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, pod.address, ADMIN_PORT).start()
            await pod.make()
        yield pods
    finally:
        for runner in runners:
            with suppress(OSError):
                await runner.cleanup()
