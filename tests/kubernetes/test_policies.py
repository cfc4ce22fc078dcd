"""The manifests of the operator's rights and of the admission policies, by users who have some rights and not others."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_install import install_crds
from operators import running_operator

from control_plane import Api, Cluster, Refused, read_kubeconfig
from control_plane.access import write_kubeconfig
from crd_case import BASES, merged
from router_in_cluster import RouterInCluster

ROOT = Path(__file__).parents[2]
ACCOUNT = "/api/v1/namespaces/tierrouter-system/serviceaccounts/tierrouter-operator"
WRITE_PROVIDERS = {
    "apiGroups": ["tierrouter.dev"],
    "resources": ["modelproviders", "routerrevisions"],
    "verbs": ["get", "create", "update", "patch"],
}
GET_SECRET = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["openai"], "verbs": ["get"]}
Obj = dict[str, Any]


def provider(secret: str = "openai", url: str = "https://api.openai.com/v1", price: str = "1") -> Obj:
    return {
        "apiVersion": "tierrouter.dev/v1alpha1",
        "kind": "ModelProvider",
        "metadata": {"name": "openai"},
        "spec": {
            "baseURL": url,
            "dialects": ["OpenAIChat"],
            "credential": {"secretRef": {"name": secret}},
            "models": [{"name": "gpt-5-5", "priceUSDPerMTok": {"input": price, "output": price}}],
        },
    }


def pod() -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "agent", "annotations": {"theirs": "x"}},
        "spec": {"containers": [{"name": "agent", "image": "agent:1"}]},
    }


def manifests() -> list[Obj]:
    files = ("rbac.yaml", "policies.yaml")
    return [
        each
        for file in files
        for each in yaml.load_all((ROOT / "manifests" / file).read_text(), Loader=yaml.CSafeLoader)
    ]


@pytest.fixture
async def installed(cluster: Cluster, api: Api, namespace: str) -> AsyncIterator[Api]:
    """The manifests, in force; taken away again, for they hold for every namespace."""
    await install_crds(api)
    for each in manifests():
        await api.apply(each)
    group = f"/apis/tierrouter.dev/v1alpha1/namespaces/{namespace}"
    probes = {
        "routerrevisions": _revision({"metadata": {"name": "probe"}}),
        "regressionruns": merged(BASES["run"], {"metadata": {"name": "probe"}}),
    }

    async def refused() -> int:
        """How many of the probes a policy refuses."""
        number = 0
        for plural, probe in probes.items():
            try:
                await api.create(f"{group}/{plural}", probe)
            except Refused as refused:
                if "only the operator" not in str(refused):
                    raise
                number += 1
            else:
                await api.delete(f"{group}/{plural}/probe")
        return number

    async def are_in_force() -> bool:
        return await refused() == len(probes)

    async def are_gone() -> bool:
        return await refused() == 0

    await api.until(are_in_force, "the policies are in force")
    yield api
    for each in reversed(manifests()):
        if each["kind"] != "Namespace":
            with suppress(Refused):
                await api.delete(await api.path_of(each))
    # The API server notices a moment later; the next test would be refused what this one tried.
    await api.until(are_gone, "the policies are gone")


def _revision(body: Obj) -> Obj:
    values = {"thresholds": {}, "tiers": {}}
    spec = {
        "router": "coding",
        "number": 1,
        "inputsDigest": "0" * 64,
        "documentDigest": "0" * 64,
        "base": values,
        "overlay": values,
        "origin": {"type": "Manual", "run": "", "message": "by hand"},
    }
    return {"apiVersion": "tierrouter.dev/v1alpha1", "kind": "RouterRevision", **body, "spec": spec}


@pytest.fixture
async def operator_token(installed: Api) -> str:
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    granted = await installed.create(f"{ACCOUNT}/token", request)
    return str(granted["status"]["token"])


@pytest.fixture
async def as_operator(installed: Api, operator_token: str) -> AsyncIterator[Api]:
    async with Api(replace(installed.access, token=operator_token)) as client:
        yield client


async def test_who_may_not_read_a_secret_may_not_say_where_its_key_goes(
    installed: Api, namespace: str, make_user: Callable[..., Awaitable[Any]]
) -> None:
    someone = await make_user("someone", rules=[WRITE_PROVIDERS])
    with pytest.raises(Refused) as refused:
        await someone.api.apply(provider(), namespace)
    assert refused.value.code == 403
    assert f"{someone.name} may not get the Secret openai" in str(refused.value)

    reader = await make_user("reader", rules=[WRITE_PROVIDERS, GET_SECRET])
    await reader.api.apply(provider(), namespace)
    with pytest.raises(Refused, match="may not get the Secret other"):
        await reader.api.apply(provider(secret="other"), namespace)


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({"baseURL": "https://mine.example.com/v1"}, True),
        ({"credential": {"secretRef": {"name": "another"}}}, True),
        ({"credential": {"secretRef": {"name": "openai", "key": "other-key"}}}, True),
        ({"caBundle": "-----BEGIN CERTIFICATE-----\nbWluZQ==\n-----END CERTIFICATE-----"}, True),
        ({"models": [{"name": "gpt-5-5", "priceUSDPerMTok": {"input": "3", "output": "4"}}]}, False),
        ({"credential": None}, False),
    ],
)
async def test_of_a_provider_of_somebody_elses_only_what_moves_no_key_may_be_changed(
    installed: Api, namespace: str, make_user: Callable[..., Awaitable[Any]], change: Obj, is_refused: bool
) -> None:
    await installed.apply(provider(), namespace)
    someone = await make_user("someone", rules=[WRITE_PROVIDERS])
    path = f"/apis/tierrouter.dev/v1alpha1/namespaces/{namespace}/modelproviders/openai"
    if is_refused:
        with pytest.raises(Refused, match="may not get the Secret"):
            await someone.api.patch(path, {"spec": change})
    else:
        await someone.api.patch(path, {"spec": change})


async def test_a_credential_that_was_taken_out_is_not_put_back_with_another_host(
    installed: Api, namespace: str, make_user: Callable[..., Awaitable[Any]]
) -> None:
    await installed.apply(provider(), namespace)
    someone = await make_user("someone", rules=[WRITE_PROVIDERS])
    path = f"/apis/tierrouter.dev/v1alpha1/namespaces/{namespace}/modelproviders/openai"
    await someone.api.patch(path, {"spec": {"credential": None, "baseURL": "https://mine.example.com/v1"}})
    with pytest.raises(Refused, match="may not get the Secret"):
        await someone.api.patch(path, {"spec": {"credential": {"secretRef": {"name": "openai"}}}})


async def test_nobody_but_the_operator_makes_a_revision(
    installed: Api, namespace: str, make_user: Callable[..., Awaitable[Any]]
) -> None:
    someone = await make_user("someone", rules=[WRITE_PROVIDERS])
    body = {"apiVersion": "tierrouter.dev/v1alpha1", "kind": "RouterRevision", "metadata": {"name": "coding-1"}}
    path = f"/apis/tierrouter.dev/v1alpha1/namespaces/{namespace}/routerrevisions"
    for client in (someone.api, installed):
        with pytest.raises(Refused, match="only the operator makes and changes RouterRevisions"):
            await client.create(path, _revision(body))


@pytest.mark.parametrize(
    ("change", "is_refused"),
    [
        ({"metadata": {"annotations": {"tierrouter.dev/poke": "1"}}}, False),
        ({"metadata": {"annotations": {"tierrouter.dev/poke": "1", "other": "2"}}}, True),
        ({"metadata": {"annotations": {"theirs": "changed"}}}, True),
        ({"metadata": {"annotations": {"theirs": None}}}, True),
        ({"metadata": {"labels": {"a": "b"}}}, True),
        ({"metadata": {"finalizers": ["a.example.com/b"]}}, True),
        ({"spec": {"containers": [{"name": "agent", "image": "mine:1"}]}}, True),
    ],
)
async def test_the_operator_changes_of_a_pod_only_the_poke(
    installed: Api, as_operator: Api, namespace: str, change: Obj, is_refused: bool
) -> None:
    # As if it had been given the right already, which it gets with the feature that needs it.
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": "pods"},
        "rules": [{"apiGroups": [""], "resources": ["pods", "pods/ephemeralcontainers"], "verbs": ["*"]}],
    }
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "pods"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "pods"},
        "subjects": [{"kind": "ServiceAccount", "name": "tierrouter-operator", "namespace": "tierrouter-system"}],
    }
    for each in (role, binding, pod()):
        await installed.apply(each, namespace)
    path = f"/api/v1/namespaces/{namespace}/pods/agent"

    async def may_read() -> bool:
        try:
            return bool(await as_operator.get(path))
        except Refused:
            return False

    await installed.until(may_read, "the right is in force")
    if not is_refused:
        await as_operator.patch(path, change, "application/strategic-merge-patch+json")
        return
    with pytest.raises(Refused, match=r"nothing but the annotation tierrouter.dev/poke"):
        await as_operator.patch(path, change, "application/strategic-merge-patch+json")
    container = {"name": "mine", "image": "mine:1"}
    with pytest.raises(Refused, match=r"nothing but the annotation tierrouter.dev/poke"):
        await as_operator.patch(f"{path}/ephemeralcontainers", {"spec": {"ephemeralContainers": [container]}})
    with pytest.raises(Refused, match=r"nothing but the annotation tierrouter.dev/poke"):
        await as_operator.create(f"/api/v1/namespaces/{namespace}/pods", {**pod(), "metadata": {"name": "mine"}})


def model_server(owner: str = "TierRouter", name: str = "coding-ollama", uid: str = "u", **pod: Any) -> Obj:
    labels = {"app": "model"}
    container: Obj = {
        "name": "ollama",
        "image": "ollama:1",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    whole = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        **pod,
    }
    owners = [{"apiVersion": "tierrouter.dev/v1alpha1", "kind": owner, "name": "coding", "uid": uid}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "ownerReferences": owners},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": whole}},
    }


async def test_the_operator_runs_model_servers_and_nothing_else(
    installed: Api, as_operator: Api, namespace: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    router = RouterInCluster(installed, namespace)
    await router.apply()
    # The garbage collector takes away what has an owner that isn't there.
    await as_operator.create(path, model_server(uid=(await router.get())["metadata"]["uid"]))
    secret = {"name": "keys", "secret": {"secretName": "openai"}}
    taken = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "openai", "key": "api-key"}}}
    container = model_server()["spec"]["template"]["spec"]["containers"][0]
    for refused in (
        {"serviceAccountName": "admin"},
        {"automountServiceAccountToken": True},
        {"hostNetwork": True},
        {"hostPID": True},
        {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]},
        {"volumes": [secret]},
        {"containers": [{**container, "env": [taken]}]},
        {"containers": [{**container, "securityContext": {"allowPrivilegeEscalation": True}}]},
        {"initContainers": [{**container, "name": "first"}]},
    ):
        with pytest.raises(Refused, match="gets no service account, no key, nothing of its node"):
            await as_operator.create(path, model_server(**refused))
    for body in (model_server(owner="Deployment"), model_server(name="other")):
        with pytest.raises(Refused, match="no Deployment but that of a TierRouter's model server"):
            await as_operator.create(path, body)
    theirs = model_server(name="theirs")
    del theirs["metadata"]["ownerReferences"]
    await installed.create(path, theirs)
    with pytest.raises(Refused, match="no Deployment but that of a TierRouter's model server"):
        await as_operator.delete(f"{path}/theirs")
    await as_operator.delete(f"{path}/coding-ollama")


async def test_the_operator_works_with_these_rights_and_no_others(
    cluster: Cluster, installed: Api, operator_token: str, namespace: str, tmp_path: Path
) -> None:
    admin = yaml.safe_load(cluster.kubeconfig.read_text())
    where = admin["clusters"][0]["cluster"]
    ca_file = Path(where["certificate-authority"])
    kubeconfig = write_kubeconfig(
        tmp_path / "operator.kubeconfig", server=where["server"], ca_file=ca_file, token=operator_token
    )
    assert (await read_kubeconfig(kubeconfig)).token == operator_token
    router = RouterInCluster(installed, namespace)
    async with running_operator(kubeconfig, resync_s=2) as running:
        await router.apply(revisionHistoryLimit=1)
        await router.until_condition("Ready", "True")
        await router.threshold("file_count", 6)
        await router.until_served(file_count=6)
        await router.put_secret("openai", text="rotated")
        await installed.patch(f"{router.core}/configmaps/coding-active", {"data": {"canary.json": "{}"}})

        async def is_right() -> bool:
            return set((await router.active())["data"]) == {"stable.json", "split.json"}

        await installed.until(is_right, "what was added is gone: the operator may update")

        async def is_collected() -> bool:
            return len(await router.revisions()) == 1

        await installed.until(is_collected, "the older revision is collected: the operator may delete")
        deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/coding-ollama"
        await installed.patch(deployment, {"spec": {"replicas": 0}})

        async def is_healed() -> bool:
            return (await installed.get(deployment))["spec"]["replicas"] == 1

        await installed.until(is_healed, "the operator may make model servers and put them right")
        await router.patch(localModel=None)

        async def is_gone() -> bool:
            try:
                await installed.get(deployment)
            except Refused as refused:
                return refused.code == 404
            return False

        await installed.until(is_gone, "the operator may delete model servers")
        assert running.resync.problem == ""


@pytest.mark.parametrize(
    ("verb", "group", "resource", "is_allowed"),
    [
        ("get", "", "secrets", True),
        ("delete", "", "secrets", False),
        ("deletecollection", "", "secrets", False),
        ("patch", "tierrouter.dev", "tierrouters", False),
        ("delete", "tierrouter.dev", "tierrouters", False),
        ("update", "tierrouter.dev", "modelproviders", False),
        ("update", "tierrouter.dev", "routerrevisions", False),
        ("create", "", "pods", False),
        ("create", "batch", "jobs", True),
        ("update", "batch", "jobs", False),
        ("patch", "batch", "jobs", False),
        ("create", "batch", "cronjobs", False),
        ("update", "tierrouter.dev", "regressionsuites", False),
        ("update", "tierrouter.dev", "regressionruns", False),
        ("patch", "tierrouter.dev", "regressionruns/status", True),
        ("delete", "", "serviceaccounts", False),
        ("update", "rbac.authorization.k8s.io", "rolebindings", False),
        ("create", "rbac.authorization.k8s.io", "roles", False),
        ("bind", "rbac.authorization.k8s.io", "clusterroles", False),
        ("escalate", "rbac.authorization.k8s.io", "clusterroles", False),
        ("patch", "", "pods", True),
        ("delete", "", "pods", False),
        ("list", "", "namespaces", True),
        ("patch", "", "namespaces", False),
        ("patch", "", "pods/ephemeralcontainers", False),
        ("create", "", "pods/exec", False),
        ("create", "apps", "deployments", True),
        ("patch", "apps", "deployments", False),
        ("create", "apps", "daemonsets", False),
        ("delete", "", "persistentvolumeclaims", False),
        ("get", "", "nodes", False),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings", False),
        ("impersonate", "", "users", False),
        ("create", "", "serviceaccounts/token", False),
    ],
)
async def test_what_the_operator_may_and_may_not_do(
    as_operator: Api, namespace: str, verb: str, group: str, resource: str, is_allowed: bool
) -> None:
    name, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await as_operator.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    assert answer["status"]["allowed"] is is_allowed
