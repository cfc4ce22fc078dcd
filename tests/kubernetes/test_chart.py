"""The chart on a real API server: what an upgrade and an uninstallation leave, and what the accounts may really do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crd_install import install_crds

from control_plane import Api, Cluster, Refused
from helm_chart import CHART, helm, values

AUTHORITY = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS = {
    "mutatingwebhookconfigurations": ["namespace.inject.tierrouter.dev", "pod.inject.tierrouter.dev"],
    "validatingwebhookconfigurations": ["rules.tierrouter.dev"],
}


@dataclass(frozen=True)
class Release:
    """An installation of the chart in a namespace of its own; it watches that of the test as well."""

    name: str
    namespace: str
    kubeconfig: Path

    def run(self, *arguments: str, **settings: Any) -> str:
        """Helm's answer to a command for this release, which has to succeed."""
        command, *flags = arguments
        chart = [] if command == "uninstall" else [str(CHART), *values(**settings)]
        where = ["--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig)]
        done = helm(command, self.name, *chart, *where, *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
async def release(cluster: Cluster, api: Api, namespace: str) -> AsyncIterator[Release]:
    """Installed without definitions (the tests have them already) and taken away again."""
    await install_crds(api)
    made = Release(f"r-{namespace}", namespace, cluster.kubeconfig)
    yield made
    helm("uninstall", made.name, "--namespace", namespace, "--kubeconfig", made.kubeconfig, "--ignore-not-found")


@pytest.fixture
async def watched(api: Api, namespace: str) -> str:
    """A second namespace, which the release works in. (It may not be the release's own.)"""
    name = f"{namespace}-agents"
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


async def authorities(api: Api, release: Release) -> set[str | None]:
    """What the API server trusts, in all entries of both configurations."""
    found = set()
    for plural in CONFIGURATIONS:
        configuration = await api.get(f"{ADMISSION}/{plural}/{release.name}-tierrouter-webhook")
        found |= {entry["clientConfig"].get("caBundle") for entry in configuration["webhooks"]}
    return found


async def be_trusted(api: Api, release: Release) -> None:
    """What the webhook does when it has made its certificate."""
    for plural, names in CONFIGURATIONS.items():
        entries = [{"name": name, "clientConfig": {"caBundle": AUTHORITY}} for name in names]
        path = f"{ADMISSION}/{plural}/{release.name}-tierrouter-webhook"
        await api.patch(path, {"webhooks": entries}, "application/strategic-merge-patch+json")


@pytest.mark.parametrize("way", ["--server-side=true", "--server-side=false"])
async def test_an_upgrade_leaves_the_authority_that_the_webhook_told_the_api_server(
    api: Api, release: Release, watched: str, way: str
) -> None:
    settings: dict[str, Any] = {"crds.install": False, "watchNamespaces": [watched]}
    release.run("install", way, **settings)
    assert await authorities(api, release) == {None}
    await be_trusted(api, release)

    release.run("upgrade", way, **settings, **{"webhook.timeoutSeconds": 9, "webhook.excludedNamespaces": ["other"]})
    assert await authorities(api, release) == {AUTHORITY}
    for plural in CONFIGURATIONS:
        configuration = await api.get(f"{ADMISSION}/{plural}/{release.name}-tierrouter-webhook")
        assert {entry["timeoutSeconds"] for entry in configuration["webhooks"]} == {9}


async def test_uninstalling_leaves_the_definitions_and_what_users_made_of_them_and_nothing_else(
    api: Api, release: Release, watched: str
) -> None:
    # The definitions of the other tests are taken over, and kept at the end.
    release.run("install", "--take-ownership", watchNamespaces=[watched])
    router = {"apiVersion": "tierrouter.dev/v1alpha1", "kind": "ModelProvider", "metadata": {"name": "ollama"}}
    spec = {"baseURL": "http://ollama:11434/v1", "dialects": ["OpenAIChat"], "models": [{"name": "m"}]}
    await api.apply({**router, "spec": spec}, watched)
    before = await labelled(api, release, watched)
    assert len(before) > 20

    assert "tierrouters.tierrouter.dev" in release.run("uninstall")
    assert await labelled(api, release, watched) == []
    await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tierrouters.tierrouter.dev")
    await api.get(f"/apis/tierrouter.dev/v1alpha1/namespaces/{watched}/modelproviders/ollama")


async def labelled(api: Api, release: Release, watched: str) -> list[str]:
    """Everything of the release that is not kept on purpose and not Kubernetes' own doing."""
    selector = f"?labelSelector=app.kubernetes.io%2Finstance%3D{release.name}"
    lists = [f"{ADMISSION}/{plural}" for plural in CONFIGURATIONS]
    lists += [f"{ADMISSION}/validatingadmissionpolic{ending}" for ending in ("ies", "ybindings")]
    lists += [f"/apis/rbac.authorization.k8s.io/v1/{plural}" for plural in ("clusterroles", "clusterrolebindings")]
    for namespace in (release.namespace, watched):
        lists += [f"/api/v1/namespaces/{namespace}/{plural}" for plural in ("services", "serviceaccounts")]
        lists += [
            f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{each}" for each in ("roles", "rolebindings")
        ]
        lists += [f"/apis/apps/v1/namespaces/{namespace}/deployments"]
        lists += [f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"]
        lists += [f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"]
    return [
        f"{path}/{item['metadata']['name']}" for path in lists for item in (await api.get(path + selector))["items"]
    ]


async def test_with_watched_namespaces_accounts_may_do_something_in_these_and_nothing_elsewhere(
    api: Api, release: Release, watched: str
) -> None:
    release.run("install", **{"crds.install": False, "watchNamespaces": [watched]})
    for account, verb, group, resource in [
        ("operator", "get", "", "secrets"),
        ("operator", "patch", "", "pods"),
        ("operator", "create", "", "configmaps"),
        ("webhook", "list", "tierrouter.dev", "tierrouters"),
        ("webhook", "list", "", "resourcequotas"),
    ]:
        asked = {"verb": verb, "group": group, "resource": resource}
        assert await may(api, release, account, **asked, namespace=watched)
        for elsewhere in ("default", "kube-system", ""):
            assert not await may(api, release, account, **asked, namespace=elsewhere)
    assert await may(api, release, "webhook", verb="get", resource="namespaces", name=watched)
    assert not await may(api, release, "webhook", verb="list", resource="namespaces")
    secret = f"{release.name}-tierrouter-webhook-certificate"
    own = {"resource": "secrets", "namespace": release.namespace}
    assert await may(api, release, "webhook", verb="update", **own, name=secret)
    assert not await may(api, release, "webhook", verb="get", **own, name="another")
    assert not await may(api, release, "webhook", verb="list", **own)


async def may(api: Api, release: Release, account: str, **attributes: str) -> bool:
    """What the authorizer says."""
    user = f"system:serviceaccount:{release.namespace}:{release.name}-tierrouter-{account}"
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{release.namespace}", "system:authenticated"]
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
    }
    answer = await api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


async def test_policies_of_a_release_with_watched_namespaces_hold_in_these_alone(
    api: Api, release: Release, watched: str
) -> None:
    release.run("install", **{"crds.install": False, "watchNamespaces": [watched]})
    values_of = {"thresholds": {}, "tiers": {}}
    spec = {"router": "coding", "number": 1, "inputsDigest": "0" * 64, "documentDigest": "0" * 64}
    spec |= {"base": values_of, "overlay": values_of, "origin": {"type": "Manual", "run": "", "message": "by hand"}}
    made = iter(range(100))

    async def is_refused(namespace: str) -> bool:
        metadata = {"name": f"coding-{next(made)}"}
        body = {"apiVersion": "tierrouter.dev/v1alpha1", "kind": "RouterRevision", "metadata": metadata, "spec": spec}
        try:
            await api.create(f"/apis/tierrouter.dev/v1alpha1/namespaces/{namespace}/routerrevisions", body)
        except Refused as refused:
            return "only the operator makes and changes RouterRevisions" in str(refused)
        return False

    await api.until(lambda: is_refused(watched), "the policy is in force")
    assert not await is_refused(release.namespace)
