"""The webhook, called by a real API server."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crd_install import install_crds
from webhooks import GROUP, configurations, running_webhook, write_certificate

from control_plane import Api, Cluster, Refused
from router_in_cluster import RouterInCluster
from tierrouter_operator.client import Client, read_access
from tierrouter_operator.webhook.app import RunningWebhook
from tierrouter_operator.webhook.certificates import CertificateKeeper
from tierrouter_operator.webhook.settings import SelfManaged

Obj = dict[str, Any]
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str = "agent", inject: str = "true", annotations: dict[str, str] | None = None, **spec: Any) -> Obj:
    labels = {"tierrouter.dev/inject": inject} if inject else {}
    container = {"name": "agent", "image": "agent:1", "securityContext": RESTRICTED}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "annotations": annotations or {}},
        "spec": {"containers": [container], **spec},
    }


@pytest.fixture
async def hook(cluster: Cluster, api: Api, namespace: str, tmp_path: Path) -> AsyncIterator[RunningWebhook]:
    await install_crds(api)
    async with running_webhook(api, cluster.kubeconfig, namespace, tmp_path) as running:
        yield running


@pytest.fixture
async def coding(hook: RunningWebhook, api: Api, namespace: str) -> RouterInCluster:
    """A router, written after the webhook had looked at the namespace."""
    router = RouterInCluster(api, namespace)
    await router.apply()
    return router


async def make(api: Api, namespace: str, body: Obj) -> Obj:
    return await api.create(f"/api/v1/namespaces/{namespace}/pods", body)


def sidecars(pod_: Obj) -> list[Obj]:
    return [each for each in pod_["spec"].get("initContainers", ()) if each["name"] == "tierrouter"]


def counted(hook: RunningWebhook, reason: str) -> float:
    return hook.metrics.registry.get_sample_value("tierrouter_webhook_pods_total", {"reason": reason}) or 0.0


async def test_a_pod_that_asks_gets_one_sidecar_without_a_token(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook
) -> None:
    made = await make(api, namespace, pod())
    (sidecar,) = sidecars(made)
    assert sidecar["restartPolicy"] == "Always"
    mounts = [m for m in sidecar["volumeMounts"] if m["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"]
    assert [mount["name"] for mount in mounts] == ["tierrouter-no-token"], "and none of the ServiceAccount admission"
    assert any(m["mountPath"].startswith("/var/run/secrets") for m in made["spec"]["containers"][0]["volumeMounts"])
    assert made["metadata"]["labels"]["tierrouter.dev/router"] == "coding"
    assert api.warnings == []
    assert counted(hook, "Injected") == 1


async def test_a_pod_right_after_its_router_does_not_miss_it(api: Api, namespace: str, hook: RunningWebhook) -> None:
    await make(api, namespace, pod("before"))
    assert "there is no TierRouter in the namespace" in api.warnings[0]
    await RouterInCluster(api, namespace).apply()
    assert sidecars(await make(api, namespace, pod("after")))


async def test_the_namespaces_label_asks_for_all_and_a_pod_may_refuse(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook
) -> None:
    await api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"tierrouter.dev/inject": "coding"}}})

    async def is_asked() -> bool:
        made = await api.request(
            "POST", f"/api/v1/namespaces/{namespace}/pods", pod(inject=""), query={"dryRun": "All"}
        )
        return bool(sidecars(made))

    await api.until(is_asked, "the API server sees the namespace's label")
    assert sidecars(await make(api, namespace, pod("a", inject="")))
    assert not sidecars(await make(api, namespace, pod("b", inject="false")))


async def test_a_restricted_namespace_takes_the_injected_pod(api: Api, namespace: str, coding: RouterInCluster) -> None:
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    await api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": label}})

    async def is_enforced() -> bool:
        try:
            await api.request(
                "POST",
                f"/api/v1/namespaces/{namespace}/pods",
                pod(inject="", hostPID=True),
                query={"dryRun": "All"},
            )
        except Refused:
            return True
        return False

    await api.until(is_enforced, "pod security is enforced")
    assert sidecars(await make(api, namespace, pod()))


@pytest.mark.parametrize(
    ("body", "reason", "words"),
    [
        (pod(hostNetwork=True), "HostNetwork", "could use the sidecar's port"),
        (pod(shareProcessNamespace=True), "SharedProcesses", "could read the keys"),
        (pod(inject="No_Name"), "InvalidName", "can't be the name of a router"),
        (
            pod(containers=[{"name": "a", "image": "a", "ports": [{"containerPort": 8383}]}]),
            "PortTaken",
            "has port 8383",
        ),
    ],
)
async def test_a_skip_is_told_by_a_warning_an_event_and_a_metric(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook, body: Obj, reason: str, words: str
) -> None:
    made = await make(api, namespace, body)
    assert not sidecars(made)
    assert words in api.warnings[0] and reason in api.warnings[0]
    assert counted(hook, reason) == 1

    async def told() -> bool:
        events = await api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        return any(words in event["note"] and event["reason"] == "SidecarNotInjected" for event in events["items"])

    await api.until(told, "the event is there")


async def test_the_event_goes_to_what_made_the_pod(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook
) -> None:
    body = pod()
    template = {"metadata": body["metadata"], "spec": {**body["spec"], "hostNetwork": True, "restartPolicy": "Never"}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "nightly"}, "spec": {"template": template}}
    await api.apply(job, namespace)

    async def told() -> bool:
        events = await api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        about = [event["regarding"] for event in events["items"] if event["reason"] == "SidecarNotInjected"]
        return any(each["kind"] == "Job" and each["name"] == "nightly" and each.get("uid") for each in about)

    await api.until(told, "the Job has the event")


async def test_a_dry_run_leaves_no_trace(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    made = await api.request("POST", path, pod(hostNetwork=True), query={"dryRun": "All"})
    assert not sidecars(made) and api.warnings
    assert counted(hook, "HostNetwork") == 0


async def test_a_quota_on_limits_and_a_limit_range_are_respected(
    api: Api, namespace: str, coding: RouterInCluster
) -> None:
    limits = {"cpu": "1", "memory": "1Gi"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}}
    hard = {"limits.cpu": "8", "limits.memory": "8Gi", "requests.cpu": "8", "requests.memory": "8Gi"}
    await api.apply({**quota, "spec": {"hard": hard}}, namespace)
    bounds = {"type": "Container", "max": {"cpu": "1", "memory": "1Gi"}, "min": {"cpu": "60m"}}
    limit_range = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [bounds]}}
    await api.apply(limit_range, namespace)

    async def is_counted() -> bool:
        found = await api.get(f"/api/v1/namespaces/{namespace}/resourcequotas/q")
        return "limits.cpu" in found.get("status", {}).get("hard", {})

    await api.until(is_counted, "the quota is in force")
    await asyncio.sleep(2.1)  # as long as the webhook keeps what it knows of a namespace
    body = pod()
    body["spec"]["containers"][0]["resources"] = {"limits": limits}
    made = await make(api, namespace, body)
    (sidecar,) = sidecars(made)
    assert sidecar["resources"]["requests"]["cpu"] == "250m" == sidecar["resources"]["limits"]["cpu"]
    assert made["status"]["qosClass"] == "Guaranteed"


async def test_a_webhook_that_is_gone_keeps_no_pod_from_starting(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path
) -> None:
    await install_crds(api)
    trusted = write_certificate(tmp_path)
    for each in configurations(f"tierrouter-{namespace}", "https://localhost:9", trusted, namespace):
        await api.apply(each)
    try:
        assert not sidecars(await make(api, namespace, pod(inject="coding")))
    finally:
        for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
            await api.delete(f"{GROUP}/{plural}/tierrouter-{namespace}")


async def test_rules_that_do_not_compile_are_refused_when_they_are_written(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook
) -> None:
    rules = (await coding.get())["spec"]["rules"]
    wrong = [{**rules[0], "when": "task.nope > 1"}, *rules[1:]]

    said: list[str] = []

    async def is_refused() -> bool:
        try:
            await coding.patch(rules=wrong)
        except Refused as refused:
            said.append(str(refused))
            return True
        await coding.patch(rules=rules)
        return False

    await api.until(is_refused, "the API server asks")
    assert "spec.rules[0].when" in said[0] and "task.nope" in said[0]
    # A provider that is yet to come is no reason to refuse.
    first, *others = (await coding.get())["spec"]["tiers"]
    await coding.patch(rules=rules, tiers=[{**first, "provider": "later"}, *others])


async def test_a_certificate_is_renewed_under_load_and_no_admission_fails(
    api: Api, namespace: str, coding: RouterInCluster, hook: RunningWebhook, tmp_path: Path
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods"
    served: list[bool] = []
    stop = asyncio.Event()

    async def load(number: int) -> None:
        while not stop.is_set():
            made = await api.request("POST", path, pod(f"agent-{number}"), query={"dryRun": "All"})
            served.append(bool(sidecars(made)))

    loads = [asyncio.create_task(load(number)) for number in range(4)]
    before = await handshake(hook.port, tmp_path)
    for _ in range(3):
        for file in ("tls.crt", "tls.key"):
            (tmp_path / file).unlink()
        write_certificate(tmp_path)

        async def is_used(before: bytes = before) -> bytes | None:
            now = await handshake(hook.port, tmp_path)
            return now if now != before else None

        before = await api.until(is_used, "a new connection gets the new certificate")
        count = len(served) + 10
        await api.until(lambda count=count: _later(served, count), "admissions go on")
    stop.set()
    await asyncio.gather(*loads)
    assert all(served) and len(served) > 30


async def handshake(port: int, folder: Path) -> bytes:
    """The certificate that a new connection is given, which has to be trusted."""
    context = ssl.create_default_context(cadata=(folder / "ca.crt").read_text())
    _, writer = await asyncio.open_connection("localhost", port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return bytes(found)


async def _later(served: list[bool], count: int) -> bool:
    return len(served) >= count


async def test_replicas_share_one_certificate_and_tell_the_api_server_whom_to_trust(
    cluster: Cluster, api: Api, namespace: str
) -> None:
    name = f"tierrouter-{namespace}"
    made = configurations(name, "https://localhost:9", b"", namespace)
    for each in made:
        for entry in each["webhooks"]:
            entry["clientConfig"].pop("caBundle")
        await api.apply(each)
    own = SelfManaged(namespace=namespace, secret="tls", service="hook", configuration=name)
    access = await read_access(str(cluster.kubeconfig), None)
    try:
        async with Client(access) as client:
            keepers = [CertificateKeeper(client, own) for _ in range(4)]
            found = await asyncio.gather(*(keeper.current() for keeper in keepers))
            assert len({files["tls.crt"] for files in found}) == 1
            for each in made:
                stored = await api.get(await api.path_of(each))
                bundles = {entry["clientConfig"]["caBundle"] for entry in stored["webhooks"]}
                assert bundles == {base64.b64encode(found[0]["ca.crt"]).decode()}
            # Somebody else's apply without a caBundle, such as an upgrade's, leaves it.
            await api.apply(made[0])
            stored = await api.get(await api.path_of(made[0]))
            assert all(entry["clientConfig"].get("caBundle") for entry in stored["webhooks"])
            version = stored["metadata"]["resourceVersion"]
            await keepers[0].current()
            assert (await api.get(await api.path_of(made[0])))["metadata"]["resourceVersion"] == version
    finally:
        for each in made:
            await api.delete(await api.path_of(each))
