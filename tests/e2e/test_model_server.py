"""The local tier: a real Ollama that pulls a real model, answers turns, and is stepped around while it is not ready."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from here import AGENT_IMAGE, Here, on_node

from control_plane import Refused
from router_in_cluster import RouterInCluster

REGISTRY_IMAGE = "tierrouter/e2e-registry:dev"
MODEL_SERVER = "tierrouter.dev/model-server=coding"
SANDBOXED = json.dumps({"sandboxed": True})
Obj = dict[str, Any]


@pytest.fixture
async def volume(here: Here) -> AsyncIterator[str]:
    """A class of storage with one volume: a folder of one node that user 1000 may write to."""
    (node, *_) = await here.nodes()
    name, path = f"models-{here.namespace}", f"/tmp/tierrouter-{here.namespace}"
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": path, "type": "DirectoryOrCreate"},
        "storageClassName": name,
        "persistentVolumeReclaimPolicy": "Retain",
        "nodeAffinity": on_node(node),
    }
    await here.api.create(
        "/api/v1/persistentvolumes",
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec},
    )
    await on_the_node(here, node, path, "chmod 777 /folder")
    yield name
    await on_the_node(here, node, path, "rm -rf /folder/*")
    with suppress(Refused):
        await here.api.delete(f"/api/v1/persistentvolumes/{name}")


async def on_the_node(here: Here, node: str, path: str, command: str) -> None:
    """Run a command in a folder of a node, as root."""
    container = {
        "name": "shell",
        "image": AGENT_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", command],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "folder", "mountPath": "/folder"}],
    }
    folder = {"name": "folder", "hostPath": {"path": path, "type": "DirectoryOrCreate"}}
    chosen = {"kubernetes.io/hostname": node}
    spec = {"containers": [container], "volumes": [folder], "restartPolicy": "Never", "nodeSelector": chosen}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "folder-"}, "spec": spec}
    made = await here.api.create(f"{here.core}/pods", body)
    name = made["metadata"]["name"]

    async def is_over() -> bool:
        return (await here.pod(name)).get("status", {}).get("phase") == "Succeeded"

    await here.api.until(is_over, f"{command} is done", 60)


async def start_registry(here: Here) -> str:
    """The registry of models; the name of the one that it has."""
    container = {
        "name": "registry",
        "image": REGISTRY_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "readinessProbe": {"tcpSocket": {"port": 5000}, "periodSeconds": 1},
    }
    metadata = {"name": "registry", "labels": {"app": "registry"}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    await here.api.create(f"{here.core}/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    service = {"selector": {"app": "registry"}, "ports": [{"port": 5000}]}
    await here.api.create(
        f"{here.core}/services", {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service}
    )
    await here.until_ready("registry")
    return f"registry.{here.namespace}.svc:5000/library/smollm2:135m"


async def start_router(here: Here, volume: str, model: str, **local: Any) -> None:
    """The example's router, whose local tier is an Ollama that the operator runs."""
    asked = {"model": f"http://{model}", "contextLength": 2048, "gpus": 0, "storage": "1Gi", "storageClassName": volume}
    await use_ollama(here, here.router, model, asked | local)


async def use_ollama(here: Here, router: RouterInCluster, model: str, local: Obj) -> None:
    """Apply a router whose provider of the local tier is the Ollama of the router ``coding``."""
    await router.apply(provider_url=here.provider_url, localModel=local)
    models = [{"name": "qwen-3-6-27b-local", "id": model, "priceUSDPerMTok": {"input": "0", "output": "0"}}]
    spec = {"baseURL": f"http://coding-ollama.{here.namespace}.svc:11434/v1", "models": models}
    await here.api.patch(f"{router.base}/modelproviders/ollama", {"spec": spec})
    await router.until_condition("Ready", "True")


async def change_local_model(here: Here, **changes: Any) -> None:
    await here.router.patch(localModel=changes)


async def evict(here: Here, pod: str) -> None:
    """As a drain does it."""
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    await here.api.create(f"{here.core}/pods/{pod}/eviction", body)


async def turns_until(here: Here, tier: str, seconds: float = 60) -> list[Obj]:
    """Six turns in a row, of all dialects, as soon as the first is served by this tier."""

    async def is_served() -> bool:
        turn = await here.turn()
        return turn is not None and turn["tier"] == tier

    await here.api.until(is_served, f"the tier {tier} serves", seconds)
    # A model on cores that others use, too, takes its time.
    return await here.does_for("agent", 240, "turns", "6")


async def test_a_model_is_pulled_loaded_and_serves_and_turns_spill_while_it_can_not(here: Here, volume: str) -> None:
    model = await start_registry(here)
    await start_router(here, volume, model)
    await here.start(here.agent(env={"TASK": SANDBOXED}))
    messages: set[str] = set()
    spilled: list[str] = []

    async def is_loaded() -> bool:
        condition = await here.router.condition("ModelServerReady")
        messages.add(f"{condition['reason']}: {condition['message']}")
        if condition["status"] != "True" and (turn := await here.turn()) is not None:
            spilled.append(turn["tier"])
        return condition["status"] == "True"

    await here.api.until(is_loaded, "the model is loaded", 120)
    assert any("% of" in message for message in messages), messages
    # The kubelet may find it ready a moment before the operator says so.
    assert set(spilled) - {"local"} == {"fallback"}, "turns are served while the model is on its way"
    table = await here.kubectl("get", "tro")
    assert table.splitlines()[0].split() == ["NAME", "READY", "MODE", "REVISION", "LOCAL-MODEL", "AGE"]
    assert "Loaded" in table.splitlines()[1].split()

    served = await turns_until(here, "local")
    assert [(turn["status"], turn["tier"]) for turn in served] == [(200, "local")] * 6
    sent = (await here.keys())["requests"]
    await here.does("agent", "turns", "3")
    assert (await here.keys())["requests"] == sent, "the scripted provider has no part in it"

    # A second router takes it for a server that somebody else runs.
    other = RouterInCluster(here.api, here.namespace, "other")
    await use_ollama(here, other, model, {"runtime": "External", "contextLength": 2048})
    await other.until_condition("ModelServerReady", "True", "Loaded", says="with a context window of 2048 tokens")
    await other.patch(localModel={"contextLength": 4096})
    await other.until_condition("ModelServerReady", "False", "ContextTooSmall")

    # It is stopped: no node will have it. The weights stay.
    await change_local_model(here, nodeSelector={"there": "is-none"})
    await here.router.until_condition("ModelServerReady", "False", "Unschedulable", 60)
    await other.until_condition("ModelServerReady", "False", "Unreachable")
    spilled_turns = await turns_until(here, "fallback")
    assert [turn["status"] for turn in spilled_turns] == [200] * 6
    pulled = await here.kubectl("logs", "registry")
    await change_local_model(here, nodeSelector=None)
    await here.router.until_condition("ModelServerReady", "True", "Loaded", 60)
    assert await here.kubectl("logs", "registry") == pulled, "nothing is pulled a second time"
    await turns_until(here, "local")

    # It is drained away: its disruption budget lets it go, and what comes after it needs no second pull.
    (name,) = (await here.kubectl("get", "pods", "-l", MODEL_SERVER, "-o", "name")).split()
    await evict(here, name.removeprefix("pod/"))
    await here.router.until_condition("ModelServerReady", "False", timeout_s=60)
    await here.router.until_condition("ModelServerReady", "True", "Loaded", 60)
    assert await here.kubectl("logs", "registry") == pulled
    await turns_until(here, "local")

    # More than the model has: it would be cut off unseen, so it serves nothing.
    await change_local_model(here, contextLength=100_000)
    condition = await here.router.until_condition("ModelServerReady", "False", "ContextTooSmall", 60)
    assert "8192 tokens and 100000 are asked for" in condition["message"]
    assert {turn["status"] for turn in await turns_until(here, "fallback")} == {200}


async def test_what_keeps_a_model_from_serving_is_said(here: Here, volume: str) -> None:
    model = await start_registry(here)
    await start_router(here, volume, model.replace("smollm2", "nonsense"))
    condition = await here.router.until_condition(
        "ModelServerReady", "False", "PullFailed", 90, says="library/nonsense:135m can't be pulled"
    )
    assert "file does not exist" in condition["message"]

    await change_local_model(here, gpus=1)
    await here.router.until_condition(
        "ModelServerReady", "False", "NoGPU", 60, says="no node has 1 free nvidia.com/gpu"
    )

    await change_local_model(here, gpus=0, image=AGENT_IMAGE)
    await here.router.until_condition("ModelServerReady", "False", "PodFailing", 60, says="CrashLoopBackOff")
    assert (await here.router.condition("Ready"))["status"] == "True"
