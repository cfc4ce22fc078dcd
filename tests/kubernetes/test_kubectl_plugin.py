"""`kubectl tierrouter` as people type it, against a real API server with a real operator."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from crd_install import install_crds
from operators import running_operator

from control_plane import Api, Cluster
from router_in_cluster import RouterInCluster

PROGRAM = Path(sys.executable).with_name("kubectl-tierrouter")


class Plugin:
    """The program, in a namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._kubeconfig = kubeconfig
        self.namespace = namespace

    async def __call__(self, *args: str, stdin: str = "", code: int = 0) -> str:
        """What it prints: stdout, or where it is to fail, stderr."""
        return await asyncio.to_thread(self._run, [str(PROGRAM), *args, "-n", self.namespace], stdin, code)

    def _run(self, command: list[str], stdin: str, code: int) -> str:
        env = {**os.environ, "KUBECONFIG": str(self._kubeconfig), "COLUMNS": "120"}
        done = subprocess.run(command, capture_output=True, text=True, input=stdin, env=env, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr if code else done.stdout

    async def by_kubectl(self, *args: str) -> str:
        command = ["kubectl", "tierrouter", *args, "-n", self.namespace]
        return await asyncio.to_thread(self._run, command, "", 0)


@pytest.fixture
async def router(cluster: Cluster, api: Api, namespace: str) -> AsyncIterator[RouterInCluster]:
    """A router with two revisions; the second, with file_count 6, is in force."""
    await install_crds(api)
    made = RouterInCluster(api, namespace)
    async with running_operator(cluster.kubeconfig, namespace):
        await made.apply()
        await made.until_condition("Ready", "True")
        await made.threshold("file_count", 6)
        await made.until_served(file_count=6)
        await made.until_condition("Ready", "True")
        yield made


@pytest.fixture
def plugin(cluster: Cluster, namespace: str) -> Plugin:
    return Plugin(cluster.kubeconfig, namespace)


async def test_status_says_what_is_in_force_and_why(router: RouterInCluster, plugin: Plugin) -> None:
    name = (await router.revisions())[1]["metadata"]["name"]
    text = await plugin("status")
    assert f"{router.namespace}/coding" in text
    assert name in text
    assert "thresholds.file_count: 8 -> 6" in text
    assert "claude-opus-4-7" in text
    (data,) = orjson.loads(await plugin("status", "coding", "-o", "json"))
    assert (data["activeRevision"], data["number"], data["ready"]) == (name, 2, "True")


async def test_status_shows_what_is_wrong(router: RouterInCluster, plugin: Plugin) -> None:
    await router.patch(baselineModel="gpt-unheard-of")
    await router.until_condition("Ready", "False")
    text = await plugin("status", "coding")
    assert "not ready" in text
    assert "no price is known for gpt-unheard-of" in " ".join(text.split())


async def test_revisions_are_listed_newest_first(router: RouterInCluster, plugin: Plugin) -> None:
    lines = (await plugin("revisions", "coding")).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["*", "1"]
    found = orjson.loads(await plugin("revisions", "coding", "-o", "json"))
    assert [(each["number"], each["phase"], each["inForce"]) for each in found] == [
        (2, "Active", True),
        (1, "Superseded", False),
    ]


async def test_diff_shows_what_changed_and_nothing_else(router: RouterInCluster, plugin: Plugin) -> None:
    first, second = [each["metadata"]["name"] for each in await router.revisions()]
    for pair in (("1", "2"), (first, second), ("previous", "active")):
        lines = (await plugin("diff", *pair)).splitlines()
        assert [line.strip() for line in lines[1:]] == ["thresholds.file_count: 8 -> 6"]
    assert "no difference" in await plugin("diff", "1", "1", "--exit-code")
    await plugin("diff", "1", "2", "--exit-code", code=1)


async def test_a_rollback_is_held_until_unpin(router: RouterInCluster, plugin: Plugin) -> None:
    text = await plugin("rollback", "coding")
    assert "revision 1" in text
    assert "kubectl tierrouter unpin coding" in text
    assert (await router.stable())["thresholds"]["file_count"] == 8
    managers = [each["manager"] for each in (await router.get())["metadata"]["managedFields"]]
    assert "kubectl-tierrouter" in managers
    await router.threshold("file_count", 5)
    await router.until_condition("ConfigPublished", "True", "Pinned")
    assert "(pinned)" in await plugin("revisions", "coding")
    await plugin("unpin", "coding")
    await router.until_served(file_count=5)
    assert "pinnedRevision" not in (await router.get())["spec"]
    assert "not pinned" in await plugin("unpin", "coding")


async def test_a_pin_that_somebody_elses_file_sets_is_not_taken_unasked(
    router: RouterInCluster, plugin: Plugin
) -> None:
    first, second = [each["metadata"]["name"] for each in await router.revisions()]
    await router.patch(pinnedRevision=second)
    assert "--force" in await plugin("pin", "coding", "1", code=1)
    assert "stays; take it out there" in await plugin("unpin", "coding", code=1)
    await plugin("pin", "coding", "1", "--force")
    assert (await router.get())["spec"]["pinnedRevision"] == first


async def test_explain_uses_the_revision_in_force(router: RouterInCluster, plugin: Plugin) -> None:
    request = '{"model": "gpt-5-5", "messages": [{"role": "user", "content": "hi"}]}'
    task = 'x-tierrouter-task: {"file_count": 7}'
    text = await plugin("explain", "coding", "-H", task, stdin=request)
    assert "wide-change" in text
    assert orjson.loads(await plugin("explain", "coding", "-H", task, "--format", "json", stdin=request))["tier"] == (
        "reasoning"
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("status", "codign"), "there is no TierRouter codign"),
        (("pin", "coding", "9"), "has no revision 9"),
        (("rollback", "coding", "--to", "2"), "in force already"),
        (("diff", "1", "coding-0000000000"), "has no revision coding-0000000000"),
    ],
)
async def test_what_is_not_there_is_said_in_one_line(
    router: RouterInCluster, plugin: Plugin, args: tuple[str, ...], said: str
) -> None:
    text = await plugin(*args, code=1)
    assert said in text
    assert len(text.splitlines()) == 1


async def test_a_pin_that_nobody_acts_on_says_so(cluster: Cluster, api: Api, namespace: str, plugin: Plugin) -> None:
    await install_crds(api)
    made = RouterInCluster(api, namespace)
    async with running_operator(cluster.kubeconfig, namespace):
        await made.apply()
        await made.until_condition("Ready", "True")
        await made.threshold("file_count", 6)
        await made.until_served(file_count=6)
    assert "is the operator running?" in await plugin("pin", "coding", "1", "--wait", "1", code=1)


async def test_a_user_without_rights_is_told_which_one_is_missing(
    router: RouterInCluster, make_user: Callable[..., Awaitable[Any]]
) -> None:
    someone = await make_user("someone", rules=[])
    text = await Plugin(someone.kubeconfig, router.namespace)("status", code=3)
    assert text.startswith("kubectl tierrouter: ")
    assert 'cannot list resource "tierrouters"' in text
    assert len(text.splitlines()) == 1


async def test_a_revision_whose_document_is_another_is_not_pinned(
    cluster: Cluster, api: Api, namespace: str, plugin: Plugin
) -> None:
    await install_crds(api)
    made = RouterInCluster(api, namespace)
    async with running_operator(cluster.kubeconfig, namespace):
        await made.apply()
        await made.until_condition("Ready", "True")
        await made.threshold("file_count", 6)
        await made.until_served(file_count=6)
    first, second = [each["metadata"]["name"] for each in await made.revisions()]
    other = await api.get(f"{made.core}/configmaps/{second}")
    await api.delete(f"{made.core}/configmaps/{first}")
    metadata = {"name": first}
    await api.create(f"{made.core}/configmaps", {**other, "metadata": metadata})
    assert "holds another one" in await plugin("pin", "coding", "1", code=1)
    assert "pinnedRevision" not in (await made.get())["spec"]


def test_no_cluster_is_said_in_one_line(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path / "none", "default")
    text = plugin._run([str(PROGRAM), "status", "--kubeconfig", str(tmp_path / "none")], "", 3)
    assert len(text.splitlines()) == 1


async def test_kubectl_finds_it(router: RouterInCluster, plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed; the program is tried by itself above")
    monkeypatch.setenv("PATH", f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}")
    assert "coding" in await plugin.by_kubectl("status")
