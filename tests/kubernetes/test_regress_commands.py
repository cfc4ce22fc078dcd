"""`tierrouter regress run` and `submit` with a real API server and an operator."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from operators import running_operator
from suite_in_cluster import SuiteInCluster

from control_plane import Cluster
from router_in_cluster import RouterInCluster
from tierrouter_cli.cluster import Where
from tierrouter_cli.regress import run as run_command
from tierrouter_cli.regress.connection import RegressError
from tierrouter_cli.regress.submitting import Submission, submit_results


@pytest.fixture
async def suite(cluster: Cluster, router: RouterInCluster) -> AsyncIterator[SuiteInCluster]:
    """A suite of a router that is published, with the operator running."""
    async with running_operator(cluster.kubeconfig, router.namespace, results_image="collector:1"):
        await router.apply(localModel=None)
        await router.until_condition("ConfigPublished", "True")
        found = SuiteInCluster(router)
        await found.apply()
        yield found


@pytest.fixture
def where(cluster: Cluster, suite: SuiteInCluster) -> Where:
    return Where(str(cluster.kubeconfig), None, suite.namespace)


@pytest.mark.parametrize(("resolved", "code"), [(198, 0), (120, 4)])
async def test_a_run_is_begun_and_followed_to_its_decision(
    suite: SuiteInCluster, where: Where, capsys: pytest.CaptureFixture[str], resolved: int, code: int
) -> None:
    command = asyncio.create_task(run_command._run(where, "nightly", True, 60))
    await suite.until_jobs(2)
    name = (await suite.until_phase("Running"))["metadata"]["name"]
    for cell in ("routine", "deep"):
        await suite.collect(name, cell, resolved)
    assert await command == code
    said = capsys.readouterr().err
    assert f"asked for run {name}" in said
    assert f"cell routine: {resolved} of 200 tasks solved" in said
    assert f"run {name}: " in said.splitlines()[-1]


async def test_a_run_that_can_not_begin_says_why(suite: SuiteInCluster, where: Where) -> None:
    await suite.apply(tiers=["nowhere"])
    with pytest.raises(RegressError, match="has no tier nowhere"):
        await run_command._run(where, "nightly", True, 60)


async def test_a_suite_that_is_not_there_is_said(suite: SuiteInCluster, where: Where) -> None:
    with pytest.raises(
        RegressError, match=r'there is no RegressionSuite nightl in namespace .*; did you mean "nightly"'
    ):
        await run_command._run(where, "nightl", True, 60)


async def test_results_from_anywhere_are_decided_on_and_the_same_name_is_one_run(
    suite: SuiteInCluster, where: Where, tmp_path: Path
) -> None:
    file = tmp_path / "results.jsonl"
    file.write_text(
        "".join(f'{{"task_id": "t{number}", "resolved": {str(number >= 2).lower()}}}\n' for number in range(200))
    )
    said: list[str] = []
    submission = Submission(
        suite="nightly",
        tier="routine",
        candidate="",
        name="ci-77",
        format="JSONLines",
        files=(file,),
        timeout_s=60,
    )
    assert await submit_results(where, submission, said.append) == 0
    assert "run ci-77: submitted 198 of 200 tasks solved by kimi-k2-6 as tier routine" in said
    (run,) = await suite.runs()
    assert run["status"]["phase"] == "Decided" and run["spec"]["source"] == "CI"
    assert await suite.jobs() == []
    assert await submit_results(where, submission, said.append) == 0
    assert "run ci-77 has results of cell routine already" in said
    assert len(await suite.runs()) == 1
