"""The operator dies, the API server fails, somebody meddles: it converges, or says why not."""

import asyncio
import itertools
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from operators import COMMAND, operator_process, running_operator

from control_plane import Cluster
from proxy import Proxy, proxy_to
from router_in_cluster import RouterInCluster, quiet
from tierrouter_core.contract import MANAGED_BY_LABEL, OPERATOR, ROUTER_LABEL, STABLE_REVISION
from tierrouter_operator.app import Running, operator
from tierrouter_operator.execute import Executor
from tierrouter_operator.settings import Settings


@pytest.fixture
async def served(cluster: Cluster, router: RouterInCluster) -> AsyncIterator[RouterInCluster]:
    async with running_operator(cluster.kubeconfig, router.namespace, resync_s=2):
        await router.apply()
        await router.until_condition("Ready", "True")
        yield router


@pytest.fixture
async def proxy(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Proxy]:
    async with proxy_to(cluster.kubeconfig, tmp_path) as made:
        yield made


@pytest.fixture
async def behind_proxy(proxy: Proxy, router: RouterInCluster) -> AsyncIterator[tuple[Proxy, RouterInCluster, Running]]:
    """A published router whose operator reaches the API server through the proxy."""
    async with running_operator(proxy.kubeconfig, router.namespace, resync_s=1) as running:
        await router.apply()
        await router.until_condition("Ready", "True")
        yield proxy, router, running


async def is_quiet(proxy: Proxy, seconds: float = 2.0) -> list[tuple[str, str]]:
    """What the operator writes in the next seconds."""
    proxy.seen.clear()
    await quiet(seconds)
    return proxy.writes


@pytest.mark.parametrize("writes", range(1, 8))
async def test_an_operator_that_dies_after_any_write_is_gone_on_with(
    cluster: Cluster, router: RouterInCluster, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("Ready", "True")
    send, count, is_dead = Executor._send, itertools.count(1), asyncio.Event()

    async def send_and_die(self: Executor, *args: Any) -> Any:
        if next(count) > writes:
            is_dead.set()
            await asyncio.Event().wait()
        return await send(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Executor, "_send", send_and_die)
        async with running_operator(cluster.kubeconfig, router.namespace):
            await router.threshold("file_count", 6)
            await asyncio.wait(
                [asyncio.ensure_future(is_dead.wait()), asyncio.ensure_future(quiet(1.5))],
                return_when=asyncio.FIRST_COMPLETED,
            )
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.until_served(file_count=6)
        await router.until_condition("Ready", "True")
        first, second = await router.revisions()
        assert second["metadata"]["name"] == (await router.active())["metadata"]["annotations"][STABLE_REVISION]

        async def is_told() -> bool:
            phases = [(each.get("status") or {}).get("phase") for each in await router.revisions()]
            return phases == ["Superseded", "Active"]

        await router.api.until(is_told, "the phases are right")
    assert (first["spec"]["number"], second["spec"]["number"]) == (1, 2)


async def test_the_truth_is_in_the_active_config_map_when_every_status_is_wiped(
    cluster: Cluster, router: RouterInCluster
) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("Ready", "True")
        first = (await router.revisions())[0]["metadata"]["name"]
        await router.threshold("file_count", 6)
        await router.until_served(file_count=6)
        await router.patch(pinnedRevision=first)
        await router.until_served(file_count=8)
        await router.until_condition("ConfigPublished", "True", "Pinned")
    paths = [router.path, *(f"{router.base}/routerrevisions/{r['metadata']['name']}" for r in await router.revisions())]
    for path in paths:
        found = await router.api.get(path)
        await router.api.request("PUT", f"{path}/status", {**found, "status": {}})
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.until_condition("ConfigPublished", "True", "Pinned")
        assert (await router.get())["status"]["activeRevision"] == first
        assert len(await router.revisions()) == 2


async def test_an_api_server_that_is_gone_shows_as_unreadiness_and_nothing_is_lost(
    behind_proxy: tuple[Proxy, RouterInCluster, Running],
) -> None:
    proxy, router, running = behind_proxy
    await router.threshold("file_count", 6)
    await router.until_served(file_count=6)
    proxy.go_down()
    base = f"http://127.0.0.1:{running.health_port}"
    async with aiohttp.ClientSession() as session:

        async def answer(path: str, port: int = running.health_port) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as response:
                return response.status, await response.text()

        async def is_unready() -> bool:
            status, text = await answer("/readyz")
            return status == 503 and "can't be reached" in text

        await router.api.until(is_unready, "it says that the API server is gone")
        assert (await answer("/healthz"))[0] == 200, f"an outage is no reason to restart {base}"
        assert "tierrouter_operator_api_reachable 0.0" in (await answer("/metrics", running.metrics_port))[1]
        await router.threshold("file_count", 4)
        # Longer than a client that gives up after some attempts would last.
        await quiet(12)
        assert not running.stopped.done()
        proxy.come_back()

        async def is_ready() -> bool:
            return (await answer("/readyz"))[0] == 200

        await router.api.until(is_ready, "it is ready again")
    await router.until_served(file_count=4)
    await router.until_condition("Ready", "True")


@pytest.mark.parametrize(("status", "headers"), [(500, {}), (429, {"Retry-After": "1"}), (503, {}), (409, {})])
async def test_a_write_that_fails_is_done_again(
    behind_proxy: tuple[Proxy, RouterInCluster, Running], status: int, headers: dict[str, str]
) -> None:
    proxy, router, _ = behind_proxy
    failures = iter(range(5))
    began, tried = time.monotonic(), []

    def fail(request: web.Request) -> web.Response | None:
        if request.method == "GET" or "/configmaps" not in request.path or next(failures, None) is None:
            return None
        tried.append(time.monotonic() - began)
        reason = {409: "Conflict", 429: "TooManyRequests"}.get(status, "InternalError")
        body = {"kind": "Status", "status": "Failure", "reason": reason, "message": "not now", "code": status}
        return web.json_response(body, status=status, headers=headers)

    proxy.fault = fail
    await router.threshold("file_count", 6)
    await router.until_served(file_count=6)
    await router.until_settled()
    assert len(tried) == 5
    if "Retry-After" in headers:
        assert all(later - earlier >= 0.99 for earlier, later in itertools.pairwise(tried)), tried
    proxy.fault = None
    assert await is_quiet(proxy) == []


async def test_watches_that_are_dropped_or_have_expired_miss_nothing(
    behind_proxy: tuple[Proxy, RouterInCluster, Running],
) -> None:
    proxy, router, _ = behind_proxy
    for value in (6, 5, 4):
        proxy.drop()
        await router.threshold("file_count", value)
        await router.until_served(file_count=value)
    expired = iter(range(6))

    def expire(request: web.Request) -> web.Response | None:
        if "watch" not in request.query or next(expired, None) is None:
            return None
        event = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
        return web.Response(text=orjson.dumps({"type": "ERROR", "object": event}).decode() + "\n")

    proxy.fault = expire
    proxy.drop()
    await router.threshold("file_count", 3)
    await router.until_served(file_count=3)
    await router.until_condition("Ready", "True")


async def test_a_change_that_no_watch_tells_of_is_found_by_the_resync(proxy: Proxy, router: RouterInCluster) -> None:
    await router.apply()

    def without_watches(request: web.Request) -> web.Response | None:
        return web.Response(status=500) if "watch" in request.query else None

    proxy.fault = without_watches
    async with running_operator(proxy.kubeconfig, router.namespace, resync_s=0.5) as running:
        await router.until_condition("Ready", "True")
        await router.threshold("file_count", 6)
        await router.until_served(file_count=6)
        await router.api.delete(f"{router.core}/configmaps/coding-active")
        await router.until_served(file_count=6)
        # An answer to a write of its own may have told of the first.
        assert running.metrics.missed._value.get() >= 1


async def test_what_somebody_does_to_a_child_is_put_right(served: RouterInCluster) -> None:
    api, active = served.api, f"{served.core}/configmaps/coding-active"
    before = (await served.active())["data"]["stable.json"]

    async def is_right() -> bool:
        found = await served.active()
        return set(found["data"]) == {"stable.json", "split.json"} and found["data"]["stable.json"] == before

    await api.patch(active, {"data": {"stable.json": "{}", "canary.json": "{}"}})
    await api.until(is_right, "an edit is undone")
    await api.delete(active)
    await api.until(is_right, "a deletion is undone")
    await api.patch(active, {"metadata": {"labels": {ROUTER_LABEL: None, MANAGED_BY_LABEL: None}}})

    async def has_labels() -> bool:
        labels = (await served.active())["metadata"].get("labels") or {}
        return labels.get(ROUTER_LABEL) == "coding" and labels.get(MANAGED_BY_LABEL) == OPERATOR

    await api.until(has_labels, "labels are back")
    (revision,) = await served.revisions()
    name = revision["metadata"]["name"]
    await api.delete(f"{served.core}/configmaps/{name}")
    await api.until(lambda: api.exists(f"{served.core}/configmaps/{name}"), "the document is back")
    await api.delete(f"{served.base}/routerrevisions/{name}")

    async def is_back() -> bool:
        return [each["spec"] for each in await served.revisions()] == [revision["spec"]]

    await api.until(is_back, "the revision is back as it was")
    await api.delete(f"{served.core}/secrets/coding-credentials")

    async def has_keys() -> bool:
        return "openai.key" in await served.credentials()

    await api.until(has_keys, "the keys are back")


async def test_a_name_that_is_taken_is_left_alone_until_it_is_free(cluster: Cluster, router: RouterInCluster) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coding-active"},
        "data": {"theirs": "precious"},
    }
    await router.api.apply(foreign, router.namespace, manager="somebody")
    async with running_operator(cluster.kubeconfig, router.namespace, resync_s=1):
        await router.apply()
        await router.until_condition("ConfigPublished", "False", "NameTaken", says="coding-active")
        assert (await router.active())["data"] == {"theirs": "precious"}
        assert "ownerReferences" not in (await router.active())["metadata"]
        await router.api.delete(f"{router.core}/configmaps/coding-active")
        await router.until_condition("Ready", "True")


async def test_an_immutable_config_map_of_the_revisions_name_with_other_content_is_reported(
    cluster: Cluster, router: RouterInCluster
) -> None:
    async with running_operator(cluster.kubeconfig, router.namespace):
        await router.apply()
        await router.until_condition("Ready", "True")
        await router.threshold("file_count", 6)
        await router.until_served(file_count=6)
        name = (await router.revisions())[1]["metadata"]["name"]
        await router.threshold("file_count", 8)
        await router.until_served(file_count=8)
    await router.api.delete(f"{router.core}/configmaps/{name}")
    await router.api.delete(f"{router.base}/routerrevisions/{name}")
    foreign = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "immutable": True,
        "data": {"document.json": "{}"},
    }
    await router.api.apply(foreign, router.namespace, manager="somebody")
    async with running_operator(cluster.kubeconfig, router.namespace, resync_s=1):
        await router.threshold("file_count", 6)
        await router.until_condition("ConfigPublished", "False", "NameTaken", says=name)
        assert (await router.stable())["thresholds"]["file_count"] == 8
        await router.api.delete(f"{router.core}/configmaps/{name}")
        await router.until_served(file_count=6)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"rules": [{"name": "r", "when": "task.sandboxed &&", "tier": "local"}]}, "spec.rules[0].when"),
        ({"rules": [{"name": "r", "when": "task.nonsense", "tier": "local"}]}, "nonsense"),
        ({"baselineModel": "gpt-unheard-of"}, "no price is known for gpt-unheard-of"),
    ],
)
async def test_what_can_not_be_used_leaves_the_last_good_revision(
    served: RouterInCluster, spec: dict[str, Any], said: str
) -> None:
    before = await served.active()
    await served.patch(**spec)
    await served.until_condition("ConfigPublished", "False", says=said)
    assert (await served.active())["data"] == before["data"]
    assert (await served.get())["status"]["activeRevision"] == before["metadata"]["annotations"][STABLE_REVISION]


async def test_a_missing_provider_leaves_the_last_good_revision_and_its_keys(served: RouterInCluster) -> None:
    before, keys = await served.active(), await served.credentials()
    await served.api.delete(f"{served.base}/modelproviders/openai")
    await served.until_condition(
        "ConfigPublished", "False", "ProviderMissing", says='no ModelProvider is named "openai"'
    )
    assert (await served.active())["data"] == before["data"]
    assert await served.credentials() == keys


async def test_a_document_past_400_kib_is_refused_with_its_size(served: RouterInCluster) -> None:
    note = {"metadata": {f"note-{index}": "x" * 4_000 for index in range(110)}}
    await served.api.patch(f"{served.base}/modelproviders/openai", {"spec": {"requestDefaults": note}})
    await served.until_condition("ConfigPublished", "False", "DocumentTooLarge", says="409600")


async def test_what_the_api_server_refuses_is_said_in_the_status(served: RouterInCluster) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"count/routerrevisions.tierrouter.dev": "1"}},
    }
    await served.api.apply(quota, served.namespace)

    async def is_counted() -> bool:
        found = await served.api.get(f"{served.core}/resourcequotas/few")
        return bool((found.get("status") or {}).get("used"))

    await served.api.until(is_counted, "the quota is in force")
    await served.threshold("file_count", 6)
    await served.until_condition("ConfigPublished", "False", "WriteRefused", says="exceeded quota")
    await served.api.delete(f"{served.core}/resourcequotas/few")
    await served.until_served(file_count=6)
    await served.until_condition("Ready", "True")


async def test_sigterm_ends_the_process_in_time_and_without_a_traceback(
    cluster: Cluster, router: RouterInCluster, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    ports = ("--metrics-port", "19465", "--health-port", "19466")
    with operator_process(
        cluster.kubeconfig, "-n", router.namespace, "--log-format", "json", *ports, log=log
    ) as process:
        await router.apply()
        await router.until_condition("Ready", "True")
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert await asyncio.to_thread(process.wait, 10) == 0
        assert time.monotonic() - began < 5
    lines = [orjson.loads(line) for line in log.read_text().splitlines()]
    assert {"time", "level", "message"} <= lines[0].keys()
    assert "Traceback" not in log.read_text()
    assert any("RevisionCreated" in line["message"] for line in lines)


def _said(*args: str) -> tuple[int, str]:
    done = subprocess.run([COMMAND, "operator", *args], capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr


async def test_a_port_that_is_taken_is_said_in_one_line(cluster: Cluster) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = str(server.sockets[0].getsockname()[1])
    flags = ("--kubeconfig", str(cluster.kubeconfig), "--host", "127.0.0.1", "--health-port", port)
    code, text = await asyncio.to_thread(_said, *flags)
    server.close()
    assert code == 3
    assert text.splitlines()[-1].startswith(f"tierrouter: the health port 127.0.0.1:{port} can't be used")
    assert "Traceback" not in text


@pytest.mark.parametrize("text", ["", "[]", "a: b", "clusters: {", "current-context: none\ncontexts: []\nclusters: []"])
def test_a_kubeconfig_that_is_none_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "kubeconfig").write_text(text)
    code, said = _said("--kubeconfig", str(tmp_path / "kubeconfig"))
    assert code == 3
    assert len(said.splitlines()) == 1
    assert said.startswith("tierrouter: no cluster to work in")


def test_a_kubeconfig_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    code, text = _said("--kubeconfig", str(tmp_path / "none"))
    assert code == 3
    assert text.strip() == f"tierrouter: there is no kubeconfig {tmp_path / 'none'}"


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "apply crds/*.yaml first"), (403, "apply manifests/rbac.yaml"), (401, "can't be reached")],
)
async def test_what_keeps_the_operator_from_starting_is_said_and_it_starts_when_that_is_gone(
    proxy: Proxy, router: RouterInCluster, status: int, said: str
) -> None:
    def fail(request: web.Request) -> web.Response | None:
        body = {"kind": "Status", "status": "Failure", "message": "no", "code": status}
        return web.json_response(body, status=status) if "modelproviders" in request.path else None

    proxy.fault = fail
    settings = Settings(kubeconfig=str(proxy.kubeconfig), host="127.0.0.1", metrics_port=0, health_port=0, resync_s=0.5)
    async with operator(settings) as running, aiohttp.ClientSession() as session:

        async def is_said() -> bool:
            async with session.get(f"http://127.0.0.1:{running.health_port}/readyz") as response:
                return response.status == 503 and said in await response.text()

        await router.api.until(is_said, "it says what is missing")
        proxy.fault = None
        await router.apply()
        await router.until_condition("Ready", "True")
        assert await is_said() is False
