"""What happens to pods and turns when the cluster itself is in trouble, or is worked on."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from here import SYSTEM, Here

from control_plane import Api, Refused, read_kubeconfig

Obj = dict[str, Any]
ALLOWED = "tierrouter.dev/allowed-hosts"


def api_server(port: str) -> int | None:
    """The process of this cluster's API server, where it runs on this machine; its port tells it from others."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if Path(os.fsdecode(command[0])).name == "kube-apiserver" and f"--secure-port={port}".encode() in command:
            return int(folder.name)
    return None


@asynccontextmanager
async def stopped(process: int) -> AsyncIterator[None]:
    """Connections stay open and nothing is answered, which is the worse way to be gone."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def versions(here: Here) -> Obj:
    """Of everything that the operator writes for the router."""
    return {path: (await here.api.get(path))["metadata"]["resourceVersion"] for path in await here.router.children()}


async def test_without_the_api_server_turns_go_on_and_nothing_is_written_anew_when_it_is_back(
    here: Here, kubeconfig: Path
) -> None:
    process = api_server((await read_kubeconfig(kubeconfig)).server.rpartition(":")[2])
    if process is None:
        pytest.skip("the API server does not run on this machine, where it could be stopped")
    await here.start_router()
    body = here.agent("looper", ("loop", "40"), restartPolicy="Never")
    await here.start(body)
    await here.router.until_condition("SidecarsUpToDate", "True", "UpToDate")
    before = await versions(here)
    async with stopped(process):
        await asyncio.sleep(15)

    async def is_over() -> bool:
        return (await here.pod("looper"))["status"]["phase"] == "Succeeded"

    await here.api.until(is_over, "the agent is done", 90)
    said = json.loads(await here.logs("looper", "agent"))
    assert said["failures"] == []
    assert said["turns"] > 100 and len(said["revisions"]) == 1
    assert await versions(here) == before

    # And all is at work again.
    await here.start(here.agent())
    (first,) = await here.does("agent", "turns", "1")
    await here.router.threshold("file_count", 3)

    async def is_changed() -> bool:
        turn = await here.turn()
        return turn is not None and turn["revision"] != first["revision"]

    await here.api.until(is_changed, "a change is served", 60)


async def test_a_key_does_not_go_to_a_host_that_its_secret_does_not_allow(here: Here) -> None:
    await here.router.put_secret("openrouter", **{ALLOWED: "openrouter.ai"})
    await here.router.apply(secrets=False, provider_url=here.provider_url, localModel=None)
    for name in ("openai", "anthropic"):
        await here.router.put_secret(name)
    condition = await here.router.until_condition("ProvidersReady", "False", "HostNotAllowed")
    assert f"provider.{here.namespace}.svc" in condition["message"] and "openrouter" in condition["message"]
    await here.start(here.agent())
    # Two dialects are the tier's whose provider it is, and its fallback has the same one.
    assert await here.turn() is None
    assert "key-of-openrouter" not in json.dumps(await here.keys())

    await here.router.put_secret("openrouter", **{ALLOWED: f"openrouter.ai, provider.{here.namespace}.svc:9000"})
    await here.router.until_condition("ProvidersReady", "True")

    async def is_served() -> bool:
        return await here.turn() is not None

    await here.api.until(is_served, "turns are served", 90)
    assert (await here.keys())["last"] == ["key-of-openrouter"]


@asynccontextmanager
async def cordoned(api: Api, node: str) -> AsyncIterator[None]:
    path = f"/api/v1/nodes/{node}"
    await api.patch(path, {"spec": {"unschedulable": True}})
    try:
        yield
    finally:
        await api.patch(path, {"spec": {"unschedulable": None}})


async def test_a_drained_node_gives_its_agents_up_and_they_come_back_with_their_sidecars(here: Here) -> None:
    """To another node where there are two; else the same one takes them when it may again."""
    await here.start_router()
    pod = here.agent("agent")
    template = {"metadata": {"labels": {**pod["metadata"]["labels"], "app": "agent"}}, "spec": pod["spec"]}
    spec = {"selector": {"matchLabels": {"app": "agent"}}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent"}, "spec": spec}
    await here.api.create(f"/apis/apps/v1/namespaces/{here.namespace}/deployments", body)

    async def pods() -> list[Obj]:
        return list((await here.api.get(f"{here.core}/pods", labelSelector="app=agent"))["items"])

    async def is_there() -> Obj | None:
        ready = [
            each
            for each in await pods()
            if not each["metadata"].get("deletionTimestamp")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in each["status"].get("conditions", ()))
        ]
        return ready[0] if len(ready) == 1 else None

    first = await here.api.until(is_there, "the agent is ready", 60)
    node = first["spec"]["nodeName"]
    async with cordoned(here.api, node):
        selected = ("--pod-selector", "app=agent")
        # Its volumes are the sidecar's, of the node: that is what kubectl asks to be told of.
        await here.kubectl("drain", node, *selected, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s")
        (moved,) = [each for each in await pods() if not each["metadata"].get("deletionTimestamp")]
        assert moved["metadata"]["uid"] != first["metadata"]["uid"]
        if set(await here.nodes()) - {node}:
            assert (await here.api.until(is_there, "the agent is on another node", 60))["spec"]["nodeName"] != node
        else:
            assert "nodeName" not in moved["spec"]
    second = await here.api.until(is_there, "the agent is back", 60)
    (said,) = await here.does(second["metadata"]["name"], "turns", "1")
    assert said["status"] == 200


async def test_of_two_webhooks_a_drain_takes_one_at_a_time(here: Here) -> None:
    system = f"/api/v1/namespaces/{SYSTEM}/pods"
    labels = "app.kubernetes.io/component=webhook"

    async def ready() -> list[str]:
        found = (await here.api.get(system, labelSelector=labels))["items"]
        return [
            each["metadata"]["name"]
            for each in found
            if not each["metadata"].get("deletionTimestamp")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in each["status"].get("conditions", ()))
        ]

    async def may_be_disrupted() -> bool:
        budgets = (await here.api.get(f"/apis/policy/v1/namespaces/{SYSTEM}/poddisruptionbudgets"))["items"]
        return all(each["status"]["disruptionsAllowed"] == 1 for each in budgets) and len(await ready()) == 2

    await here.api.until(may_be_disrupted, "both webhooks are ready", 60)
    first, second = await ready()
    await evict(here.api, system, first)
    with pytest.raises(Refused) as refused:
        await evict(here.api, system, second)
    assert refused.value.code == 429
    # One is enough for pods to get their sidecars.
    await here.start_router()
    await here.start(here.agent())
    await here.api.until(may_be_disrupted, "both webhooks are ready again", 60)


async def evict(api: Api, pods: str, name: str) -> None:
    """As a drain does it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    await api.create(f"{pods}/{name}/eviction", body)
