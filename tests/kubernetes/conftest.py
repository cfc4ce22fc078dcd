"""Fixtures of a real Kubernetes API: one control plane for all tests, a namespace and a client for each."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from crd_install import install_crds

from control_plane import (
    Answer,
    Api,
    AuditLog,
    Cluster,
    ControlPlaneFailed,
    ControlPlaneMissing,
    Refused,
    binaries,
    read_kubeconfig,
    start,
)
from control_plane.access import current_context
from control_plane.binaries import are_required
from router_in_cluster import RouterInCluster


@dataclass(frozen=True)
class User:
    """A service account with rights of its own. `name` is what the audit log calls it."""

    name: str
    token: str
    kubeconfig: Path
    api: Api


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster of TIERROUTER_TEST_KUBECONFIG where that is set (refused unless it is kind's), else an own one."""
    if named := os.environ.get("TIERROUTER_TEST_KUBECONFIG"):
        current_context(Path(named))
        yield Cluster(Path(named))
        return
    with ExitStack() as stack:
        problem = ""
        try:
            with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                programs = binaries()
            running = stack.enter_context(start(programs))
        except (ControlPlaneFailed, ControlPlaneMissing) as error:
            problem, is_skipped = str(error), isinstance(error, ControlPlaneMissing) and not are_required()
        if problem:
            (pytest.skip if is_skipped else pytest.fail)(problem)
        yield running


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    """A client that may do everything."""
    async with Api(await read_kubeconfig(cluster.kubeconfig)) as client:
        yield client


@pytest.fixture
def audit(cluster: Cluster) -> AuditLog:
    """The API server's audit log; a cluster that was named has none to read, so its tests are skipped."""
    if cluster.audit is None:
        pytest.skip("the audit log can be read only of the control plane that the tests start themselves")
    return cluster.audit


@pytest.fixture
async def namespace(api: Api) -> AsyncIterator[str]:
    """The name of a fresh namespace in which Pods can be made; deleted afterwards, without waiting for it."""
    name = f"test-{uuid4().hex[:8]}"
    path = f"/api/v1/namespaces/{name}"
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    await api.until(lambda: api.get(f"{path}/serviceaccounts/default"), "the namespace has its service account")
    yield name
    with suppress(Refused):
        await api.delete(path)


@pytest.fixture
async def make_user(
    cluster: Cluster, api: Api, namespace: str, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[User]]]:
    """``await make_user(name="someone", rules=[...], cluster_wide=False)``: a user with these RBAC rules and no others.

    The rights are for the test's namespace, or for all; a client and a kubeconfig come with the user.
    """
    made: list[str] = []
    clients: list[Api] = []

    async def make(name: str = "someone", rules: list[Answer] | None = None, cluster_wide: bool = False) -> User:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        await api.apply(account, namespace)
        prefix, full_name = ("Cluster", f"{namespace}-{name}") if cluster_wide else ("", name)
        role: Answer = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": f"{prefix}Role",
            "metadata": {"name": full_name},
            "rules": rules or [],
        }
        binding: Answer = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": f"{prefix}RoleBinding",
            "metadata": {"name": full_name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": f"{prefix}Role", "name": full_name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        for document in (role, binding):
            await api.apply(document, namespace)
            if cluster_wide:
                made.append(await api.path_of(document))
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        granted = await api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", request)
        token = granted["status"]["token"]
        client = await Api(replace(api.access, token=token)).__aenter__()
        clients.append(client)
        document = yaml.safe_load(cluster.kubeconfig.read_text())
        context = next(c for c in document["contexts"] if c["name"] == document["current-context"])
        document["users"] = [{"name": context["context"]["user"], "user": {"token": token}}]
        kubeconfig = tmp_path / f"{name}.kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(document))
        return User(f"system:serviceaccount:{namespace}:{name}", token, kubeconfig, client)

    yield make
    await asyncio.gather(*(client.__aexit__(None, None, None) for client in clients))
    for path in made:
        with suppress(Refused):
            await api.delete(path)


@pytest.fixture
async def router(api: Api, namespace: str) -> RouterInCluster:
    """A router's name in a fresh namespace; nothing is applied yet, and no operator runs."""
    await install_crds(api)
    return RouterInCluster(api, namespace)
