"""Who may do what with suites, runs and their Jobs, by the manifests, on a real API server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from operators import running_operator
from suite_in_cluster import SuiteInCluster, entry, run, suite
from test_policies import as_operator, installed, operator_token  # noqa: F401 (fixtures)

from control_plane import Api, Cluster, Refused
from control_plane.access import write_kubeconfig
from router_in_cluster import RouterInCluster

GROUP = "/apis/tierrouter.dev/v1alpha1"
ALL = ["get", "list", "create", "update", "patch", "delete"]
WRITE_SUITES = {"apiGroups": ["tierrouter.dev"], "resources": ["regressionsuites"], "verbs": ALL}
MAKE_JOBS = {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}
WRITE_RUNS = {
    "apiGroups": ["tierrouter.dev"],
    "resources": ["regressionruns", "regressionruns/status"],
    "verbs": ALL,
}
Obj = dict[str, Any]
MakeUser = Callable[..., Awaitable[Any]]


async def test_who_may_not_make_jobs_may_not_say_what_a_suites_jobs_run(
    installed: Api,  # noqa: F811
    namespace: str,
    make_user: MakeUser,
) -> None:
    someone = await make_user("someone", rules=[WRITE_SUITES])
    with pytest.raises(Refused, match=f"{someone.name} may not create Jobs in this namespace"):
        await someone.api.apply(suite(), namespace)
    maker = await make_user("maker", rules=[WRITE_SUITES, MAKE_JOBS])
    await maker.api.apply(suite(), namespace)
    path = f"{GROUP}/namespaces/{namespace}/regressionsuites/nightly"
    with pytest.raises(Refused, match="may not create Jobs"):
        await someone.api.patch(path, {"spec": {"parallelism": 3}})
    with pytest.raises(Refused, match="may not create Jobs"):
        await someone.api.patch(path, {"metadata": {"annotations": {"tierrouter.dev/run-now": "1"}}})
    await someone.api.patch(path, {"metadata": {"labels": {"team": "a"}}})


@pytest.fixture
async def collector(installed: Api, namespace: str) -> AsyncIterator[Api]:  # noqa: F811
    """Who a collector is: the account of Jobs, by a token of the pod of run nightly-1's cell deep."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tierrouter-results"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tierrouter-results"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tierrouter-results"},
        "subjects": [{"kind": "ServiceAccount", "name": "tierrouter-results", "namespace": namespace}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "nightly-1-1-abcde"},
        "spec": {
            "serviceAccountName": "tierrouter-results",
            "automountServiceAccountToken": False,
            "containers": [{"name": "harness", "image": "harness:1"}],
        },
    }
    for each in (account, binding, pod):
        await installed.apply(each, namespace)
    core = f"/api/v1/namespaces/{namespace}"
    there = await installed.get(f"{core}/pods/nightly-1-1-abcde")
    bound = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": there["metadata"]["name"],
        "uid": there["metadata"]["uid"],
    }
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"boundObjectRef": bound, "audiences": []},
    }
    granted = await installed.create(f"{core}/serviceaccounts/tierrouter-results/token", request)
    async with Api(replace(installed.access, token=granted["status"]["token"])) as client:
        yield client


async def collect(api: Api, namespace: str, name: str, status: Obj, manager: str = "collector") -> None:
    body = {**run(name), "metadata": {"name": name, "namespace": namespace}, "status": status}
    del body["spec"]
    await api.request(
        "PATCH",
        f"{GROUP}/namespaces/{namespace}/regressionruns/{name}/status",
        body,
        query={"fieldManager": manager},
        content_type="application/apply-patch+yaml",
    )


async def test_the_account_of_jobs_writes_the_results_of_its_own_cell_and_nothing_else(
    installed: Api,  # noqa: F811
    collector: Api,
    as_operator: Api,  # noqa: F811
    namespace: str,
) -> None:
    for name in ("nightly-1", "nightly-1-1", "nightly-2"):
        await as_operator.create(f"{GROUP}/namespaces/{namespace}/regressionruns", run(name, "Manual"))
    routine, deep = (entry(cell) for cell in run()["spec"]["matrix"])
    for name, status, said in (
        ("nightly-1", {"results": [routine]}, 'pod "nightly-1-1-abcde" may write the results of its own cell'),
        ("nightly-1", {"results": [deep, routine]}, "its own cell"),
        ("nightly-2", {"results": [deep]}, "its own cell"),
        # Its pod's name begins with that of another run, and yet is none of its cells'.
        ("nightly-1-1", {"results": [routine]}, "its own cell"),
        ("nightly-1", {"phase": "Decided"}, "only results may be added"),
        ("nightly-1", {"decision": {"action": "Promote", "reason": "why not"}}, "only results may be added"),
        ("nightly-1", {"started": ["deep"]}, "only results may be added"),
        ("nightly-1", {"startTime": "2026-01-31T23:59:59Z"}, "only results may be added"),
    ):
        with pytest.raises(Refused, match=said):
            await collect(collector, namespace, name, status)
    await collect(collector, namespace, "nightly-1", {"results": [deep]})
    path = f"{GROUP}/namespaces/{namespace}/regressionruns/nightly-1"
    found = await installed.get(path)
    assert [each["name"] for each in found["status"]["results"]] == ["deep"]
    for refused in (
        lambda: collector.patch(path, {"metadata": {"labels": {"a": "b"}}}),
        lambda: collector.create(f"{GROUP}/namespaces/{namespace}/regressionruns", run("nightly-3")),
        lambda: collector.get(f"/api/v1/namespaces/{namespace}/secrets/openai"),
        lambda: collector.get(f"{GROUP}/namespaces/{namespace}/regressionruns"),
    ):
        with pytest.raises(Refused, match=r"forbidden|cannot"):
            await refused()
    await collector.get(f"{path}/status")
    await collector.get(f"/api/v1/namespaces/{namespace}/pods/nightly-1-1-abcde")


async def test_the_collector_does_its_work_with_these_rights(
    cluster: Cluster,
    installed: Api,  # noqa: F811
    collector: Api,
    as_operator: Api,  # noqa: F811
    namespace: str,
    tmp_path: Path,
) -> None:
    from tierrouter_evaluation.collecting import collector as collecting
    from tierrouter_evaluation.collecting.api_server import Access
    from tierrouter_evaluation.formats.reading import ResultFormat

    runs = f"{GROUP}/namespaces/{namespace}/regressionruns"
    await as_operator.create(runs, run("nightly-1", "Manual"))
    where = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    account, results = tmp_path / "account", tmp_path / "results"
    account.mkdir()
    results.mkdir()
    (account / "ca.crt").symlink_to(where["certificate-authority"])
    (account / "token").write_text(str(collector.access.token))
    (results / "results.jsonl").write_text('{"task_id": "a", "resolved": true}\n{"task_id": "b", "resolved": false}\n')
    wanted = collecting.Collection(
        run="nightly-1",
        namespace=namespace,
        cell="deep",
        format=ResultFormat.JSON_LINES,
        folder=results,
        router_url="http://127.0.0.1:9",
        access=Access(where["server"], account),
        pod="nightly-1-1-abcde",
        grace_s=20,
    )
    said: list[str] = []
    assert await collecting.collect(wanted, said.append), said
    assert not any("is not known" in each for each in said), "it may read its own pod"
    (found,) = (await installed.get(f"{runs}/nightly-1"))["status"]["results"]
    assert (found["name"], found["tasks"], found["resolved"]) == ("deep", 2, 1)


async def test_ci_submits_results_and_decides_nothing(
    installed: Api,  # noqa: F811
    namespace: str,
    make_user: MakeUser,
) -> None:
    someone = await make_user("someone", rules=[WRITE_RUNS])
    path = f"{GROUP}/namespaces/{namespace}/regressionruns"
    for source in ("Manual", "Schedule"):
        with pytest.raises(Refused, match="only the operator makes runs that have Jobs"):
            await someone.api.create(path, run("nightly-1", source))
    await someone.api.create(path, run("ci-1", "CI"))
    results = [entry(cell) for cell in run()["spec"]["matrix"]]
    await collect(someone.api, namespace, "ci-1", {"results": results})
    with pytest.raises(Refused, match="only results may be added"):
        await collect(someone.api, namespace, "ci-1", {"results": results, "phase": "Decided"})
    with pytest.raises(Refused, match="only results may be added"):
        await collect(installed, namespace, "ci-1", {"phase": "Decided"}, "admin")
    # What is not said by it is not looked at.
    await installed.patch(f"{path}/ci-1", {"metadata": {"finalizers": ["a.example.com/b"]}})
    await installed.patch(f"{path}/ci-1", {"metadata": {"finalizers": None}})


def job(name: str = "nightly-1-0", owner: str = "nightly-1", uid: str = "u", **pod: Any) -> Obj:
    labels = {"tierrouter.dev/run": owner, "tierrouter.dev/cell": "routine", "tierrouter.dev/suite": "nightly"}
    reference = {"apiVersion": "tierrouter.dev/v1alpha1", "kind": "RegressionRun", "name": owner, "uid": uid}
    whole = {
        "restartPolicy": "Never",
        "serviceAccountName": "tierrouter-results",
        "automountServiceAccountToken": False,
        "containers": [{"name": "harness", "image": "harness:1"}],
        **pod,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels, "ownerReferences": [reference]},
        "spec": {"suspend": True, "template": {"spec": whole}},
    }


async def test_the_operator_makes_jobs_of_runs_and_no_others(
    installed: Api,  # noqa: F811
    as_operator: Api,  # noqa: F811
    namespace: str,
) -> None:
    runs = f"{GROUP}/namespaces/{namespace}/regressionruns"
    made = await as_operator.create(runs, run("nightly-1", "Manual"))
    path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    good = job(uid=made["metadata"]["uid"])
    await as_operator.create(path, good)
    orphan = job("nightly-1-2")
    del orphan["metadata"]["ownerReferences"]
    bare = job("nightly-1-2", uid=made["metadata"]["uid"])
    del bare["metadata"]["labels"]
    for body in (orphan, bare, job("other", uid=made["metadata"]["uid"])):
        with pytest.raises(Refused, match="no Job but those of RegressionRuns"):
            await as_operator.create(path, body)
    for pod in ({"serviceAccountName": "admin"}, {"automountServiceAccountToken": True}):
        with pytest.raises(Refused, match="has the account tierrouter-results"):
            await as_operator.create(path, job("nightly-1-3", uid=made["metadata"]["uid"], **pod))
    theirs = {**job("theirs"), "metadata": {"name": "theirs"}}
    await installed.create(path, theirs)
    with pytest.raises(Refused, match="no Job but those of RegressionRuns"):
        await as_operator.delete(f"{path}/theirs")
    await as_operator.delete(f"{path}/nightly-1-0")
    await as_operator.delete(f"{runs}/nightly-1")


async def test_with_the_rights_of_the_manifests_the_operator_brings_runs_to_their_decision(
    cluster: Cluster,
    installed: Api,  # noqa: F811
    operator_token: str,  # noqa: F811
    namespace: str,
    tmp_path: Path,
) -> None:
    where = yaml.safe_load(cluster.kubeconfig.read_text())["clusters"][0]["cluster"]
    ca_file = Path(where["certificate-authority"])
    kubeconfig = write_kubeconfig(
        tmp_path / "operator.kubeconfig", server=where["server"], ca_file=ca_file, token=operator_token
    )
    router = RouterInCluster(installed, namespace)
    async with running_operator(kubeconfig, resync_s=2, results_image="collector:1") as running:
        await router.apply(localModel=None)
        await router.until_condition("ConfigPublished", "True")
        there = SuiteInCluster(router)
        await there.apply(historyLimit=1)
        for number in ("1", "2"):
            await there.run_now(number)
            begun = await there.until_phase("Running")
            name = begun["metadata"]["name"]
            await there.until_jobs_of(name, 2)
            for cell in ("routine", "deep"):
                await there.collect(name, cell)
            await there.until_phase("Decided", name)

        async def is_one() -> bool:
            return len(await there.runs()) == 1

        await installed.until(is_one, "the older run is gone: the operator may delete")
        assert running.resync.problem == ""


async def test_the_operator_makes_one_account_and_binds_it_to_one_role(
    as_operator: Api,  # noqa: F811
    namespace: str,
) -> None:
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    account: Obj = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "tierrouter-results"}}
    await as_operator.create(accounts, account)
    with pytest.raises(Refused, match="and no other"):
        await as_operator.create(accounts, {**account, "metadata": {"name": "admin"}})
    bindings = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings"
    subject = {"kind": "ServiceAccount", "name": "tierrouter-results", "namespace": namespace}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tierrouter-results"}
    good: Obj = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "tierrouter-results"},
        "roleRef": role,
        "subjects": [subject],
    }
    for other in (
        {"metadata": {"name": "other"}},
        {"subjects": [{**subject, "name": "default"}]},
        {"subjects": [{**subject, "namespace": "kube-system"}]},
        {"roleRef": {**role, "name": "cluster-admin"}},
    ):
        with pytest.raises(Refused, match=r"and no other|attempting to grant"):
            await as_operator.create(bindings, {**good, **other})
    await as_operator.create(bindings, good)
