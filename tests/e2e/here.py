"""One namespace of a real cluster, as its users work in it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from control_plane import Api
from router_in_cluster import RouterInCluster

AGENT_IMAGE = "tierrouter/e2e-agent:dev"
SYSTEM = "tierrouter-system"
_TIERROUTER = str(Path(sys.executable).with_name("tierrouter"))
_PLUGIN = str(Path(sys.executable).with_name("kubectl-tierrouter"))
Obj = dict[str, Any]


class Here:
    """One namespace, as its users work in it."""

    def __init__(self, api: Api, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self.router = RouterInCluster(api, namespace)
        self.provider_url = f"http://provider.{namespace}.svc:9000/v1"

    async def nodes(self) -> list[str]:
        """Those that take pods."""
        found = (await self.api.get("/api/v1/nodes"))["items"]
        taken = ("NoSchedule", "NoExecute")
        return [
            each["metadata"]["name"]
            for each in found
            if not any(taint["effect"] in taken for taint in each["spec"].get("taints", ()))
        ]

    async def start_provider(self) -> None:
        """The provider is no agent: it gets no sidecar."""
        labels = {"app": "provider", "tierrouter.dev/inject": "false"}
        container = {
            "name": "provider",
            "image": AGENT_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "args": ["provider_server.py"],
            "readinessProbe": {"httpGet": {"path": "/keys", "port": 9001}, "periodSeconds": 1},
        }
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "provider", "labels": labels}, "spec": spec}
        await self.api.create(f"{self.core}/pods", pod)
        ports = [{"name": "http", "port": 9000}, {"name": "keys", "port": 9001}]
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "provider"}}
        await self.api.create(
            f"{self.core}/services", {**service, "spec": {"selector": {"app": "provider"}, "ports": ports}}
        )
        await self.until_ready("provider")

    async def start_router(self, **changes: Any) -> None:
        """The example's router without its local model, whose providers are all the scripted one."""
        await self.router.apply(provider_url=self.provider_url, **{"localModel": None, **changes})
        await self.router.until_condition("Ready", "True")

    def agent(
        self,
        name: str = "agent",
        command: tuple[str, ...] = ("wait",),
        inject: str = "true",
        annotations: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **spec: Any,
    ) -> Obj:
        """An agent's pod, as a user would write it."""
        container = {
            "name": "agent",
            "image": AGENT_IMAGE,
            "imagePullPolicy": "IfNotPresent",
            "args": ["agent.py", *command],
            "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
        }
        metadata: Obj = {"name": name, "labels": {"tierrouter.dev/inject": inject}}
        if annotations:
            metadata["annotations"] = annotations
        whole = {"containers": [container], "terminationGracePeriodSeconds": 2, **spec}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": whole}

    async def start(self, body: Obj) -> Obj:
        """Make a pod and wait until it is ready."""
        made = await self.api.create(f"{self.core}/pods", body)
        await self.until_ready(made["metadata"]["name"])
        return made

    async def pod(self, name: str) -> Obj:
        return await self.api.get(f"{self.core}/pods/{name}")

    async def until_ready(self, name: str, timeout_s: float = 60) -> None:
        async def is_ready() -> bool:
            conditions = (await self.pod(name)).get("status", {}).get("conditions", [])
            return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

        await self.api.until(is_ready, f"pod {name} is ready", timeout_s)

    async def kubectl(
        self, *arguments: str, fails: bool = False, timeout_s: float = 120, stdin: str | None = None
    ) -> str:
        """What kubectl prints; a failure is one of the test unless it is expected."""
        process = await asyncio.create_subprocess_exec(
            *("kubectl", "--namespace", self.namespace, *arguments),
            stdin=None if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        given = None if stdin is None else stdin.encode()
        out, error = await asyncio.wait_for(process.communicate(given), timeout_s)
        assert fails or process.returncode == 0, f"kubectl {' '.join(arguments)}: {error.decode()}"
        return out.decode()

    async def plugin(self, *arguments: str) -> str:
        """What ``kubectl tierrouter`` prints."""
        code, out, error = await self._ran(_PLUGIN, *arguments)
        assert code == 0, error
        return out

    async def tierrouter(self, *arguments: str, code: int = 0, timeout_s: float = 60) -> str:
        """What a command of ``tierrouter`` says on stderr."""
        found, _, error = await self._ran(_TIERROUTER, *arguments, timeout_s=timeout_s)
        assert found == code, error
        return error

    async def _ran(self, program: str, *arguments: str, timeout_s: float = 60) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            program, *arguments, "--namespace", self.namespace, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, error = await asyncio.wait_for(process.communicate(), timeout_s)
        return process.returncode, out.decode(), error.decode()

    async def does(self, pod: str, *command: str) -> list[Obj]:
        """What the agent says when it does something in its pod."""
        said = await self.kubectl("exec", pod, "-c", "agent", "--", "python3", "agent.py", *command)
        return [json.loads(line) for line in said.splitlines()]

    async def does_for(self, pod: str, seconds: float, *command: str) -> list[Obj]:
        """The same, of something that takes so long."""
        arguments = ("exec", pod, "-c", "agent", "--", "python3", "agent.py", *command)
        return [json.loads(line) for line in (await self.kubectl(*arguments, timeout_s=seconds + 60)).splitlines()]

    async def logs(self, pod: str, container: str = "tierrouter") -> str:
        return await self.kubectl("logs", pod, "-c", container)

    async def keys(self) -> Obj:
        """What the provider was sent: ``{requests, last, keys}``."""
        code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9001/keys').read().decode())"
        return dict(json.loads(await self.kubectl("exec", "provider", "--", "python3", "-c", code)))

    async def behave(self, models: Obj) -> None:
        """From now on the provider's models do as well as this says, by their ids: ``{"gpt-5.5": {"errorEvery": 3}}``."""
        code = (
            "import sys, urllib.request as u; "
            "u.urlopen(u.Request('http://127.0.0.1:9001/behaviour', sys.argv[1].encode(), method='PUT')).read()"
        )
        await self.kubectl("exec", "provider", "--", "python3", "-c", code, json.dumps(models))

    async def know(self, answers: list[tuple[str, str]]) -> None:
        """From now on the provider's models know these answers to prompts."""
        code = (
            "import sys, urllib.request as u; "
            "u.urlopen(u.Request('http://127.0.0.1:9001/answers', sys.stdin.buffer.read(), method='PUT')).read()"
        )
        await self.kubectl("exec", "-i", "provider", "--", "python3", "-c", code, stdin=json.dumps(answers))

    async def turn(self, pod: str = "agent") -> Obj | None:
        """One turn of an agent that may fail; None where it does."""
        arguments = ("exec", pod, "-c", "agent", "--", "python3", "agent.py", "turns", "1")
        said = await self.kubectl(*arguments, fails=True)
        return dict(json.loads(said)) if said.strip() else None

    async def sidecar_restarts(self, pod: str = "agent") -> int:
        """How often the kubelet has started the sidecar again."""
        statuses = (await self.pod(pod))["status"]["initContainerStatuses"]
        return int(next(each for each in statuses if each["name"] == "tierrouter")["restartCount"])


def on_node(node: str) -> Obj:
    """The affinity of a volume that is a folder of this node: whatever mounts it runs there."""
    is_there = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [is_there]}]}}


async def report(*arguments: str) -> Obj:
    """``tierrouter report`` as JSON."""
    process = await asyncio.create_subprocess_exec(
        _TIERROUTER, "report", "--format", "json", *arguments, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return dict(json.loads(out))
