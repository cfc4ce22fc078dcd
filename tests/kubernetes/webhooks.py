"""A webhook in this process, which the API server calls by an address instead of a Service."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from control_plane import Api, Refused
from tierrouter_operator.injection.container import SidecarImage
from tierrouter_operator.webhook.app import RunningWebhook, webhook
from tierrouter_operator.webhook.authority import CA_CERTIFICATES, Lifetimes, renewed
from tierrouter_operator.webhook.settings import WebhookSettings

GROUP = "/apis/admissionregistration.k8s.io/v1"
LIFETIMES = Lifetimes(leaf=timedelta(hours=1), ca=timedelta(days=1), notice=timedelta(minutes=1))
Obj = dict[str, Any]


def write_certificate(folder: Path, now: datetime | None = None) -> bytes:
    """Renew what the folder holds; returns what is to be trusted."""
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    files = renewed(before, ("localhost",), now or datetime.now(UTC), LIFETIMES)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return files[CA_CERTIFICATES]


def configurations(name: str, url: str, trusted: bytes, namespace: str) -> list[Obj]:
    """Both webhook configurations, for one namespace alone."""

    def entry(what: str, path: str, rule: Obj, **more: Any) -> Obj:
        return {
            "name": f"{what}.tierrouter.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": f"{url}{path}", "caBundle": base64.b64encode(trusted).decode()},
            "failurePolicy": "Ignore",
            "timeoutSeconds": 5,
            "rules": [{"apiVersions": ["*"], "scope": "Namespaced", **rule}],
            **more,
        }

    asked = [{"key": "tierrouter.dev/inject", "operator": "Exists"}]
    not_refused = [{"key": "tierrouter.dev/inject", "operator": "NotIn", "values": ["false"]}]
    here = [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [namespace]}]
    pods = {"apiGroups": [""], "operations": ["CREATE"], "resources": ["pods"]}
    routers = {"apiGroups": ["tierrouter.dev"], "operations": ["CREATE", "UPDATE"], "resources": ["tierrouters"]}
    may_write = {"sideEffects": "NoneOnDryRun", "reinvocationPolicy": "IfNeeded"}
    by_namespace = {
        "namespaceSelector": {"matchExpressions": [*here, *asked, *not_refused]},
        "objectSelector": {"matchExpressions": not_refused},
    }
    by_pod = {
        "namespaceSelector": {"matchExpressions": here},
        "objectSelector": {"matchExpressions": [*asked, *not_refused]},
    }
    mutating = [
        entry("namespace.inject", "/inject", pods, **may_write, **by_namespace),
        entry("pod.inject", "/inject", pods, **may_write, **by_pod),
    ]
    validating = [
        entry("rules", "/validate", routers, sideEffects="None", namespaceSelector={"matchExpressions": here})
    ]
    api_version = GROUP.removeprefix("/apis/")
    return [
        {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "webhooks": webhooks}
        for kind, webhooks in (
            ("MutatingWebhookConfiguration", mutating),
            ("ValidatingWebhookConfiguration", validating),
        )
    ]


@asynccontextmanager
async def running_webhook(
    api: Api, kubeconfig: Path, namespace: str, folder: Path, check_s: float = 0.2
) -> AsyncIterator[RunningWebhook]:
    """A webhook that the API server calls for this namespace."""
    trusted = write_certificate(folder)
    settings = WebhookSettings(
        sidecar=SidecarImage(image="tierrouter/sidecar:test", version="9.9.9"),
        certificates=folder,
        kubeconfig=str(kubeconfig),
        host="127.0.0.1",
        port=0,
        admin_port=0,
        certificate_check_s=check_s,
    )
    name = f"tierrouter-{namespace}"
    async with webhook(settings) as running:
        made = configurations(name, f"https://localhost:{running.port}", trusted, namespace)
        try:
            for each in made:
                await api.apply(each)
            await _until_called(api, namespace, running)
            yield running
        finally:
            for each in made:
                with suppress(Refused):
                    await api.delete(await api.path_of(each))


async def _until_called(api: Api, namespace: str, running: RunningWebhook) -> None:
    """The API server takes a new configuration into use a moment later."""
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe", "labels": {"tierrouter.dev/inject": "probe"}},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    for _ in range(200):
        pod = await api.request("POST", f"/api/v1/namespaces/{namespace}/pods", probe, query={"dryRun": "All"})
        if "initContainers" in pod["spec"]:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the API server never called the webhook")
