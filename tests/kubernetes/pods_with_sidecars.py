"""Pods with a real sidecar, on a control plane that has no node: this takes the kubelet's part."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from pod_addresses import pod_address

from control_plane import Api, Refused

COMMAND = str(Path(sys.executable).with_name("tierrouter"))
Obj = dict[str, Any]


class AgentPod:
    """One pod, and the process that is its sidecar. Its files change when the pod is changed, as a kubelet does it."""

    def __init__(self, api: Api, namespace: str, number: int, folder: Path) -> None:
        self.name = f"agent-{number}"
        self.address = pod_address(number)
        self.is_deaf = False
        """Whether changes of the pod are not looked at."""
        self._api = api
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._core = f"/api/v1/namespaces/{namespace}"
        self._folder = folder
        self._generation = 0

    async def make(self, router: str = "coding") -> None:
        sidecar = {"name": "tierrouter", "image": "tierrouter/sidecar:1", "restartPolicy": "Always"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "labels": {"tierrouter.dev/router": router, "tierrouter.dev/inject": "true"},
                "annotations": {"tierrouter.dev/injected": "true"},
            },
            "spec": {"containers": [{"name": "agent", "image": "agent:1"}], "initContainers": [sidecar]},
        }
        await self._api.create(self._path, body)
        await self.runs()

    async def runs(self) -> None:
        status = {"phase": "Running", "podIP": self.address, "podIPs": [{"ip": self.address}]}
        await self._api.patch(f"{self._path}/{self.name}/status", {"status": status})

    async def get(self) -> Obj:
        return await self._api.get(f"{self._path}/{self.name}")

    async def mount(self) -> None:
        """Show the active ConfigMap's files, all at once."""
        try:
            active = await self._api.get(f"{self._core}/configmaps/coding-active")
        except Refused:
            return
        self._generation += 1
        data = self._folder / f"..{self._generation}"
        data.mkdir(parents=True)
        for name, text in active["data"].items():
            (data / name).write_text(text)
        link = self._folder / "..data.new"
        link.symlink_to(data.name)
        link.replace(self._folder / "..data")

    async def look(self) -> None:
        """Mount anew whenever the pod has changed, until cancelled."""
        seen = ""
        while True:
            with suppress(Refused):
                version = (await self.get())["metadata"]["resourceVersion"]
                if version != seen and not self.is_deaf:
                    await self.mount()
                    seen = version
            await asyncio.sleep(0.1)

    def start(self) -> "subprocess.Popen[bytes]":
        state = self._folder.with_name(f"{self._folder.name}-state")
        command = [COMMAND, "sidecar", "--config-dir", str(self._folder), "--state-dir", str(state)]
        addresses = ["--host", self.address, "--admin-host", self.address, "--no-log-turns"]
        return subprocess.Popen([*command, *addresses], stderr=subprocess.DEVNULL)


@asynccontextmanager
async def agent_pods(api: Api, namespace: str, count: int, folder: Path) -> AsyncIterator[list[AgentPod]]:
    """Running pods whose sidecars serve what was in force when they started."""
    async with AsyncExitStack() as stack:
        pods = [AgentPod(api, namespace, number, folder / f"config-{number}") for number in range(count)]
        for pod in pods:
            await pod.mount()
            process = pod.start()
            stack.callback(process.wait)
            stack.callback(process.kill)
            await pod.make()
            looking = asyncio.create_task(pod.look())
            stack.callback(looking.cancel)
        yield pods
