"""`tierrouter tune --from-runs` with a real API server and an operator: runs, a proposal, and a person's word."""

import asyncio
import base64
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from crd_install import install_crds
from operators import running_operator
from suite_in_cluster import SuiteInCluster
from test_kubectl_plugin import Plugin

from control_plane import Api, Cluster
from router_in_cluster import RouterInCluster
from tierrouter_core.contract import PROPOSAL, STABLE_REVISION
from tierrouter_core.regression.results import CellResults, TaskOutcome, TaskResult
from tierrouter_core.regression.rows import packed

PROGRAM = Path(sys.executable).with_name("tierrouter")
BASELINE = "claude-opus-4-7"
TASKS = 120
Obj = dict[str, Any]


@pytest.fixture
async def suite(cluster: Cluster, api: Api, namespace: str) -> AsyncIterator[SuiteInCluster]:
    """Two tiers of a published router, which one run has tested: the cheap one solves nearly as much."""
    await install_crds(api)
    router = RouterInCluster(api, namespace)
    async with running_operator(cluster.kubeconfig, namespace, results_image="collector:1"):
        await router.apply(localModel=None)
        await router.until_condition("Ready", "True")
        found = SuiteInCluster(router)
        await found.apply()
        await found.run_now("1")
        await found.until_jobs(2)
        run = await found.until_phase("Running")
        for cell in run["spec"]["matrix"]:
            await collect(found, run, cell)
        await found.until_phase("Decided")
        yield found


async def collect(suite: SuiteInCluster, run: Obj, cell: Obj) -> None:
    """The results of a cell, with what each task took."""
    every, cost = (12, "0.02") if cell["tier"] == "routine" else (20, "0.50")
    results = CellResults(
        cell=cell["name"],
        tier=cell["tier"],
        model=cell["model"],
        tasks=tuple(
            TaskResult(
                task=f"t{number:03}",
                outcome=TaskOutcome.UNRESOLVED if number % every == 0 else TaskOutcome.RESOLVED,
                cost_usd=Decimal(cost),
                calls=20 if number % every else 60,
            )
            for number in range(TASKS)
        ),
    )
    rows = base64.b64encode(packed([results])).decode()
    await suite.collect(run["metadata"]["name"], cell["name"], resolved=results.resolved, tasks=TASKS, rows=rows)


class Tune:
    """The program, for the namespace's suite."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._words = ["--kubeconfig", str(cluster.kubeconfig), "-n", namespace]

    async def __call__(self, *more: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        words = [str(PROGRAM), "tune", "--from-runs", "-s", "nightly", "--baseline", BASELINE, "--floor", "0.85"]
        env = {**os.environ, "COLUMNS": "200"}

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*words, *self._words, *more], capture_output=True, text=True, env=env, timeout=120, check=False
            )

        done = await asyncio.to_thread(run)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture
def tune(cluster: Cluster, namespace: str) -> Tune:
    return Tune(cluster, namespace)


@pytest.fixture
def plugin(cluster: Cluster, namespace: str) -> Plugin:
    return Plugin(cluster.kubeconfig, namespace)


async def in_force(router: RouterInCluster) -> str:
    return str((await router.active())["metadata"]["annotations"][STABLE_REVISION])


async def candidate(router: RouterInCluster) -> Obj:
    (found,) = (each for each in await router.revisions() if each["status"]["phase"] == "Candidate")
    return found


async def test_what_runs_have_found_becomes_a_revision_that_waits_and_a_person_puts_it_in_force(
    suite: SuiteInCluster, tune: Tune, plugin: Plugin
) -> None:
    router = suite.router
    first, before = await in_force(router), (await router.get())["spec"]
    said = (await tune()).stderr
    waits = await candidate(router)
    name = waits["metadata"]["name"]
    assert f"proposed as revision {name} of router coding, which serves nobody" in said
    assert "attempts of 120 tasks: claude-opus-4-7 120, kimi-k2-6 120" in said
    assert waits["spec"]["origin"]["type"] == "Manual"
    message = waits["spec"]["origin"]["message"]
    assert message.startswith("tuned from 1 run of suite nightly (120 tasks, 2 models): is expected to save ")
    assert "95 % sure of" in message and "left out of the router: spec.rules" in message
    # It is never applied by itself.
    assert await in_force(router) == first
    assert (await router.get())["spec"] == before
    assert (await router.condition("RolloutSettled"))["reason"] == "WaitingForPromotion"
    assert "Proposed" in await plugin("history", "coding")
    assert "kimi-k2-6" in await plugin("diff", "active", name, "--router", "coding")

    assert f"revision {name} of coding is in force" in await plugin("promote", "coding")
    after = await router.get()
    assert PROPOSAL not in after["metadata"].get("annotations", {})
    assert {tier["model"] for tier in after["spec"]["tiers"]} <= {"kimi-k2-6", BASELINE}
    assert after["spec"]["rollout"] == before["rollout"]
    await router.until_condition("RolloutSettled", "True")
    (made,) = (each for each in await router.revisions() if each["metadata"]["name"] == name)
    assert made["status"]["phase"] == "Active"
    assert made["status"]["activations"][-1]["reason"] == "Manual"
    assert len(await router.revisions()) == 2, "what is in force is the very revision that waited"


async def test_it_can_be_taken_back_and_one_that_is_out_of_date_is_not_promoted(
    suite: SuiteInCluster, tune: Tune, plugin: Plugin
) -> None:
    router = suite.router
    await tune()
    name = (await candidate(router))["metadata"]["name"]
    assert f"revision {name} of coding is proposed no more" in await plugin("abort", "coding")
    await router.until_condition("RolloutSettled", "True")
    assert "no revision that is tried or waits" in await plugin("promote", "coding", code=1)

    await tune()
    await router.threshold("file_count", 6)
    assert "tune again" in await plugin("promote", "coding", code=1)
    await router.until_served(file_count=6)
    assert "passed over" in (await router.condition("RolloutSettled"))["message"]


async def test_what_is_pinned_is_not_promoted(suite: SuiteInCluster, tune: Tune, plugin: Plugin) -> None:
    first = await in_force(suite.router)
    await tune()
    await plugin("pin", "coding", first)
    assert "is pinned; first: kubectl tierrouter unpin coding" in await plugin("promote", "coding", code=1)
    await plugin("unpin", "coding")
    assert "is in force" in await plugin("promote", "coding")


async def test_a_dry_run_and_files_propose_nothing(suite: SuiteInCluster, tune: Tune, tmp_path: Path) -> None:
    printed = (await tune("--dry-run")).stdout
    assert [each["kind"] for each in yaml.safe_load_all(printed)].count("TierRouter") == 1
    await tune("--out", str(tmp_path / "policy.json"))
    assert (tmp_path / "policy.router.yaml").read_text() == printed
    assert PROPOSAL not in (await suite.router.get())["metadata"].get("annotations", {})
    assert len(await suite.router.revisions()) == 1


async def test_a_file_that_was_tuned_ends_in_the_very_revision_that_was_proposed(
    suite: SuiteInCluster, tune: Tune, api: Api, namespace: str
) -> None:
    printed = (await tune("--dry-run")).stdout
    await tune()
    name = (await candidate(suite.router))["metadata"]["name"]
    document = next(each for each in yaml.safe_load_all(printed) if each["kind"] == "TierRouter")
    there = await suite.router.get()
    # As kubectl replace does, or what keeps a cluster like a repository.
    await api.request("PUT", suite.router.path, {**there, "spec": document["spec"]})

    async def is_in_force() -> bool:
        return await in_force(suite.router) == name

    await api.until(is_in_force, f"{name} is in force")


async def test_floors_that_the_runs_do_not_support_propose_nothing(suite: SuiteInCluster, tune: Tune) -> None:
    done = await tune("--floor", "1.0", "--baseline", "kimi-k2-6")
    assert "do not support a floor of 1" in done.stdout
    assert "nothing is proposed to router coding" in done.stderr
    assert PROPOSAL not in (await suite.router.get())["metadata"].get("annotations", {})


async def test_a_suite_that_is_not_there_is_said(suite: SuiteInCluster, tune: Tune) -> None:
    done = await tune("-s", "nightl", code=1)
    assert "there is no RegressionSuite nightl in namespace" in done.stderr
