"""``tierrouter top -n``: the sidecars of a namespace, through the API server's proxy, with the rights that it needs alone."""

import asyncio
import json
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from control_plane import Api
from provider import Answer, ScriptedProvider
from provider.usage import Tokens

sys.path.append(str(Path(__file__).parents[1] / "integration"))

from tierrouter_process import KEYS, router_file, serving, tierrouter, until

LISTING = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
ASKING = {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]}
ADMIN_PORT = 9464


@pytest.fixture
def address() -> str:
    """One of this machine's addresses beside loopback, to which no API server's proxy goes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unsent:
        try:
            # Nothing is sent: this asks which of the machine's addresses would be used.
            unsent.connect(("192.0.2.254", 9))
        except OSError:
            pytest.skip("NOT RUN: this machine has no address beside loopback, and the API server proxies to no other")
        return str(unsent.getsockname()[0])


@asynccontextmanager
async def sidecar_at(address: str, folder: Path, provider: ScriptedProvider):
    """A real one with the admin port on an address that a pod could have."""
    ran = tierrouter("compile", "-f", router_file(folder, provider))
    (config := folder / "config").mkdir()
    (config / "stable.json").write_bytes(ran.stdout)
    options = ("--config-dir", config, "--admin-host", address)
    pod = {**KEYS, "POD_IPS": address, "POD_NAME": "agent-0", "TIERROUTER_ROUTER": "coding"}
    async with serving(folder, *options, command="sidecar", variables=pod, admin_port=ADMIN_PORT, wait=False) as served:

        async def is_ready() -> bool:
            assert served.process.returncode is None, served.log
            try:
                async with served.client.get(f"http://{address}:{ADMIN_PORT}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(is_ready)
        yield served


async def make_pod(api: Api, namespace: str, name: str, ip: str = "", forced: str = "", **labels: str) -> None:
    container = {"name": "tierrouter", "image": "tierrouter/sidecar:1", "restartPolicy": "Always"}
    found = {"tierrouter.dev/router": "coding", **{f"tierrouter.dev/{key}": value for key, value in labels.items()}}
    notes = {"tierrouter.dev/injected": "true"} | ({"tierrouter.dev/force-tier": forced} if forced else {})
    path = f"/api/v1/namespaces/{namespace}/pods"
    await api.create(
        path,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": found, "annotations": notes},
            "spec": {"containers": [{"name": "agent", "image": "agent:1"}], "initContainers": [container]},
        },
    )
    status = {"phase": "Running"} | ({"podIP": ip, "podIPs": [{"ip": ip}]} if ip else {})
    await api.patch(f"{path}/{name}/status", {"status": status})


async def seen_by(user, namespace: str, *arguments: str):
    options = ("top", "-n", namespace, "--kubeconfig", user.kubeconfig, *arguments)
    return await asyncio.to_thread(tierrouter, *options, variables={"COLUMNS": "200"})


async def test_whoever_may_list_pods_and_ask_them_sees_what_all_serve(
    api, namespace, make_user, address, tmp_path, provider
):
    provider.always(Answer(usage=Tokens(input=10_000, cached=8_000, output=500)))
    user = await make_user(rules=[LISTING, ASKING])
    async with sidecar_at(address, tmp_path, provider) as served:
        for _ in range(3):
            await served.post()
        await served.post(x_tierrouter_hint="deep")
        await make_pod(api, namespace, "agent-0", address)
        await make_pod(api, namespace, "agent-1")
        await make_pod(api, namespace, "agent-2", address, router="other")
        await make_pod(api, namespace, "night", address, run="nightly-1")
        await make_pod(api, namespace, "harness", address, forced="deep")
        ran = await seen_by(user, namespace, "--router", "coding")
    assert (ran.code, ran.stderr) == (0, "")
    lines = ran.text.splitlines()
    assert lines[0].startswith("coding  namespace agents  revision coding-")
    (pod,) = (line.split() for line in lines if line.startswith("agent-0"))
    assert pod[:7] == ["agent-0", "4", "$0.0420", "25.0", "%", "0.0", "%"]
    assert pod[-1] == "fine"
    (silent,) = (line for line in lines if line.startswith("agent-1"))
    assert "it has no address yet" in silent
    assert not any(line.startswith(("agent-2", "night", "harness")) for line in lines)
    assert "2 of suites left out" in ran.text
    (routine,) = (line.split() for line in lines if line.startswith("routine"))
    assert "75.0" in routine and "3" in routine
    assert "answered" not in ran.text, "no turn is shown by itself"


async def test_what_is_told_through_the_proxy_holds_no_single_turn(api, namespace, address, tmp_path, provider):
    async with sidecar_at(address, tmp_path, provider) as served:
        await served.post()
        await make_pod(api, namespace, "agent-0", address)
        path = f"/api/v1/namespaces/{namespace}/pods/agent-0:{ADMIN_PORT}/proxy"
        async with api._session.get(f"{path}/summary", headers={"Host": address}) as answer:
            said = json.loads(await answer.read())
        assert (said["total"]["turns"], said["recent"]) == (1, [])
        async with api._session.get(f"{path}/", headers={"Host": "localhost"}) as answer:
            assert answer.status == 403, "the API server is not this pod, whatever it is asked for"


async def test_whoever_lacks_a_right_is_told_which(api, namespace, make_user, address):
    await make_pod(api, namespace, "agent-0", address)
    nobody = await seen_by(await make_user(name="nobody"), namespace)
    assert nobody.code == 3
    assert "the API server refuses it" in nobody.stderr and 'cannot list resource "pods"' in nobody.stderr
    lister = await seen_by(await make_user(name="lister", rules=[LISTING]), namespace)
    assert lister.code == 0
    assert 'cannot get resource "pods/proxy"' in lister.text


async def test_a_pod_that_does_not_answer_is_a_line_and_no_error(api, namespace, make_user):
    await make_pod(api, namespace, "agent-0", "127.0.0.1")
    ran = await seen_by(await make_user(rules=[LISTING, ASKING]), namespace)
    assert ran.code == 0
    (silent,) = (line for line in ran.text.splitlines() if line.startswith("agent-0"))
    assert "address not allowed" in silent, "an API server's proxy goes to no loopback address"


async def test_a_namespace_without_sidecars_says_so(namespace, make_user):
    ran = await seen_by(await make_user(rules=[LISTING]), namespace)
    assert ran.code == 0
    assert f"No running pod of namespace {namespace} has a sidecar." in ran.text
