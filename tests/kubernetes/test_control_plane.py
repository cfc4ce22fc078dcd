"""What the other tests of this folder stand on: a real API server, its controllers, its access rules, the guard."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from control_plane import (
    Api,
    AuditLog,
    Cluster,
    ControlPlaneFailed,
    ControlPlaneMissing,
    ForeignCluster,
    Refused,
    binaries,
    read_kubeconfig,
    start,
)
from control_plane.binaries import PROGRAMS, VERSION


def config_map(name: str, **metadata: object) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


async def test_the_api_server_answers_its_version(api: Api, cluster: Cluster) -> None:
    version = (await api.get("/version"))["gitVersion"]
    assert version == VERSION if cluster.folder else version.startswith("v1.")


async def test_an_object_whose_owner_is_gone_is_deleted(api: Api, namespace: str) -> None:
    [owner] = await api.apply(config_map("owner"), namespace)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    child = config_map("child", ownerReferences=[reference])
    await api.apply(child, namespace)
    await api.delete(await api.path_of(owner))
    await api.gone(await api.path_of(child, namespace))


async def test_yaml_with_objects_of_several_kinds_is_applied(api: Api, namespace: str) -> None:
    applied = await api.apply(
        """
        apiVersion: v1
        kind: Secret
        metadata: {name: key}
        stringData: {key: value}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: agent}
        spec:
          replicas: 1
          selector: {matchLabels: {app: agent}}
          template:
            metadata: {labels: {app: agent}}
            spec: {containers: [{name: agent, image: agent}]}
        """,
        namespace,
    )
    assert [each["kind"] for each in applied] == ["Secret", "Deployment"]

    async def pods() -> list:
        return (await api.get(f"/api/v1/namespaces/{namespace}/pods"))["items"]

    await api.until(pods, "the Deployment's controllers made a Pod")


async def test_a_user_may_do_what_its_rules_say_and_nothing_else(make_user, namespace: str) -> None:
    user = await make_user(rules=[{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}])
    assert (await user.api.get(f"/api/v1/namespaces/{namespace}/configmaps"))["kind"] == "ConfigMapList"
    with pytest.raises(Refused) as refused:
        await user.api.create(f"/api/v1/namespaces/{namespace}/configmaps", config_map("mine"))
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    with pytest.raises(Refused, match="secrets is forbidden"):
        await user.api.get(f"/api/v1/namespaces/{namespace}/secrets")


async def test_a_user_with_rights_everywhere_can_be_reached_with_its_kubeconfig(make_user) -> None:
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]
    user = await make_user("watcher", rules, cluster_wide=True)
    async with Api(await read_kubeconfig(user.kubeconfig)) as client:
        assert (await client.get("/api/v1/nodes"))["kind"] == "NodeList"


async def test_requests_of_a_user_are_counted(make_user, namespace: str, audit: AuditLog) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "create"]}]
    user = await make_user(rules=rules)
    other = await make_user("other", rules=rules)
    mark = audit.mark()
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    for number in range(3):
        await user.api.create(path, config_map(f"map-{number}"))
    await user.api.get(path)
    await other.api.get(path)
    assert len(audit.requests(mark, user=user.name)) == 4
    created = audit.requests(mark, user=user.name, verb=("create", "update", "patch", "delete"), resource="configmaps")
    assert [(each.verb, each.namespace, each.code) for each in created] == [("create", namespace, 201)] * 3
    assert audit.requests(audit.mark(), user=user.name) == []


@pytest.mark.parametrize("context", ["production", "", "my-kind-cluster", "Kind-upper"])
async def test_a_cluster_that_is_not_kinds_is_refused(tmp_path: Path, context: str) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(f"current-context: {context!r}\n")
    with pytest.raises(ForeignCluster, match="begins with 'kind-'"):
        await read_kubeconfig(kubeconfig)


def test_no_test_runs_in_a_named_cluster_that_is_not_kinds(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("current-context: production\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__, "-k", "answers_its_version"],
        env={**os.environ, "TIERROUTER_TEST_KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert "the current context is 'production'" in run.stdout
    assert "1 error" in run.stdout


def test_without_go_it_is_said_how_to_get_a_control_plane(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneMissing, match="install Go") as missing:
        binaries({"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
    assert "\n" not in str(missing.value)


def test_programs_that_are_named_are_taken_and_missing_ones_are_listed(tmp_path: Path) -> None:
    for name in PROGRAMS[:2]:
        (tmp_path / name).touch(mode=0o755)
    environment = {"KUBEBUILDER_ASSETS": str(tmp_path)}
    with pytest.raises(ControlPlaneFailed, match="has no kube-controller-manager"):
        binaries(environment)
    (tmp_path / PROGRAMS[2]).touch(mode=0o755)
    assert binaries(environment) == tmp_path


def test_a_program_that_ends_at_its_start_is_named_with_what_it_said(tmp_path: Path) -> None:
    for name in PROGRAMS:
        (tmp_path / name).write_text(f"#!/bin/sh\necho {name} cannot go on\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    with pytest.raises(ControlPlaneFailed, match="ended with 3") as failed, start(tmp_path):
        pass
    assert "cannot go on" in str(failed.value)


def test_nothing_is_left_of_a_test_run_that_was_killed(tmp_path: Path) -> None:
    for name in PROGRAMS:
        (tmp_path / name).write_text(f"#!/bin/sh\necho $$ >{tmp_path}/{name}.pid\nexec sleep 300\n")
        (tmp_path / name).chmod(0o755)
    data = tmp_path / "data"
    data.mkdir()
    program = "import sys, pathlib, control_plane\nwith control_plane.start(pathlib.Path(sys.argv[1])): pass\n"
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": str(data)},
    )
    pid_files = [tmp_path / f"{name}.pid" for name in PROGRAMS[:2]]
    until(lambda: all(each.exists() and each.read_text().strip() for each in pid_files))
    run.send_signal(signal.SIGKILL)
    run.wait()
    pids = [int(each.read_text()) for each in pid_files]
    until(lambda: not any(map(is_running, pids)))
    until(lambda: not list(data.iterdir()))


def is_running(pid: int) -> bool:
    """A process that nobody has collected yet does not count."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def until(holds, timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)
