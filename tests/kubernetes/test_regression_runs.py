"""From a suite to Jobs, results and a decision, on a real API server. The tests play what runs on nodes."""

import base64
import gzip
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from operators import running_operator, writes_of_the_operator
from suite_in_cluster import SuiteInCluster, run

from control_plane import AuditLog, Cluster, Refused
from router_in_cluster import RouterInCluster, quiet
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.regression.rows import unpacked
from tierrouter_evaluation.collecting.cell_result import CellOfRun, result_of

IMAGE = "tierrouter/operator:test"


@pytest.fixture
async def suite(cluster: Cluster, router: RouterInCluster) -> AsyncIterator[SuiteInCluster]:
    """A suite of a router that is published, with the operator running."""
    async with running_operator(cluster.kubeconfig, router.namespace, results_image=IMAGE):
        await router.apply(localModel=None)
        await router.until_condition("ConfigPublished", "True")
        found = SuiteInCluster(router)
        await found.apply()
        yield found


async def test_a_run_goes_from_jobs_to_a_decision(suite: SuiteInCluster) -> None:
    await suite.run_now("1")
    jobs = await suite.until_jobs(2)
    running = await suite.until_phase("Running")
    name = running["metadata"]["name"]
    assert [job["metadata"]["name"] for job in jobs] == [f"{name}-0", f"{name}-1"]
    pod = jobs[0]["spec"]["template"]
    assert pod["metadata"]["labels"]["tierrouter.dev/inject"] == "coding"
    assert pod["metadata"]["annotations"]["tierrouter.dev/force-tier"] == "routine"
    (collector,) = pod["spec"]["initContainers"]
    assert collector["image"] == IMAGE and collector["restartPolicy"] == "Always"
    account = await suite.api.get(f"{suite.router.core}/serviceaccounts/tierrouter-results")
    assert account["automountServiceAccountToken"] is False

    for index, cell in enumerate(("routine", "deep")):
        await suite.collect(name, cell)
        await suite.job_ends(f"{name}-{index}")
    decided = await suite.until_phase("Decided")
    assert decided["status"]["decision"]["action"] == "Nothing"
    assert len(decided["status"]["results"]) == 2

    async def is_said() -> bool:
        return bool((await suite.get())["status"].get("lastDecision") == "Nothing")

    await suite.api.until(is_said, "the suite says what was decided")
    kept = await suite.api.get(f"{suite.router.core}/configmaps/{name}-tasks")
    cells = unpacked(base64.b64decode(kept["binaryData"]["tasks.jsonl.gz"]))
    assert [(cell.cell, len(cell.tasks)) for cell in cells] == [("routine", 200), ("deep", 200)]


async def test_a_slip_is_decided_with_the_values_that_are_to_hold(suite: SuiteInCluster) -> None:
    await suite.run_now("1")
    await suite.until_jobs(2)
    name = (await suite.until_phase("Running"))["metadata"]["name"]
    await suite.collect(name, "routine", resolved=120)
    await suite.collect(name, "deep")
    decision = (await suite.until_phase("Decided"))["status"]["decision"]
    assert decision["action"] == "Regress"
    assert decision["overlay"]["thresholds"]["file_count"] == 7


async def test_an_operator_that_is_killed_goes_on_where_it_was_and_does_nothing_twice(
    cluster: Cluster, router: RouterInCluster, audit: AuditLog
) -> None:
    suite = SuiteInCluster(router)
    since = audit.mark()
    async with running_operator(cluster.kubeconfig, router.namespace, results_image=IMAGE):
        await router.apply(localModel=None)
        await router.until_condition("ConfigPublished", "True")
        await suite.apply(parallelism=1)
        await suite.run_now("1")
        await suite.until_jobs(1)
    name = (await suite.runs())[0]["metadata"]["name"]
    await suite.collect(name, "routine")
    await suite.job_ends(f"{name}-0")
    async with running_operator(cluster.kubeconfig, router.namespace, results_image=IMAGE):
        await suite.until_jobs(2)
    await suite.collect(name, "deep")
    await suite.job_ends(f"{name}-1")
    async with running_operator(cluster.kubeconfig, router.namespace, results_image=IMAGE, resync_s=1):
        await suite.until_phase("Decided")
        await quiet(1)
        mark = audit.mark()
        await quiet(3)
        assert writes_of_the_operator(audit, mark, router.namespace) == []
    made = [each for each in writes_of_the_operator(audit, since, router.namespace) if each.startswith("create jobs")]
    assert len(made) == 2


async def test_a_job_that_was_deleted_and_one_that_failed_are_errors_of_their_cells(suite: SuiteInCluster) -> None:
    await suite.run_now("1")
    await suite.until_jobs(2)
    name = (await suite.until_phase("Running"))["metadata"]["name"]
    await suite.api.delete(f"{suite.jobs_path}/{name}-0")

    async def is_said() -> str | None:
        (found,) = await suite.runs()
        results = {each["name"]: each for each in found["status"].get("results", ())}
        return results["routine"].get("error") if "routine" in results else None

    assert "was deleted before it had results" in await suite.api.until(is_said, "the cell is given up")
    await suite.collect(name, "deep")
    await suite.until_phase("Decided")


async def test_a_run_of_cis_own_is_decided_without_jobs(suite: SuiteInCluster) -> None:
    revision = (await suite.router.get())["status"]["activeRevision"]
    await suite.api.create(suite.runs_path, run("ci-1", revision=revision))
    for cell in ("routine", "deep"):
        await suite.collect("ci-1", cell)
    decided = await suite.until_phase("Decided", "ci-1")
    assert decided["status"]["decision"]["action"] == "Nothing"
    assert await suite.jobs() == []


async def test_a_run_of_a_revision_that_never_was_fails(suite: SuiteInCluster) -> None:
    await suite.api.create(suite.runs_path, run("ci-1"))
    failed = await suite.until_phase("Failed", "ci-1")
    (condition,) = failed["status"]["conditions"]
    assert condition["reason"] == "RevisionGone"


async def test_results_are_not_written_over_by_the_operator(suite: SuiteInCluster) -> None:
    await suite.run_now("1")
    await suite.until_jobs(2)
    name = (await suite.until_phase("Running"))["metadata"]["name"]
    await suite.collect(name, "routine", tasks=0, resolved=0, rows="", error="half of an XML document")
    with pytest.raises(Refused, match="results are written once"):
        await suite.collect(name, "routine", tasks=0, resolved=0, rows="", error="something else")
    await suite.collect(name, "deep")
    decided = await suite.until_phase("Decided")
    assert {each["name"]: each.get("error", "") for each in decided["status"]["results"]} == {
        "routine": "half of an XML document",
        "deep": "",
    }


async def test_kubectl_get_tells_the_story_of_a_run(suite: SuiteInCluster) -> None:
    await suite.run_now("1")
    await suite.until_jobs(2)
    name = (await suite.until_phase("Running"))["metadata"]["name"]
    for cell in ("routine", "deep"):
        await suite.collect(name, cell)
    await suite.until_phase("Decided")
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    async with suite.api._session.get(suite.runs_path, headers=accept) as response:
        table = await response.json()
    columns = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    shown = dict(zip(columns, table["rows"][0]["cells"], strict=False))
    assert (shown["Suite"], shown["Source"], shown["Phase"], shown["Decision"]) == (
        "nightly",
        "Manual",
        "Decided",
        "Nothing",
    )


async def test_rows_that_unpack_to_more_than_there_is_memory_for_are_an_error_of_their_cell(
    suite: SuiteInCluster,
) -> None:
    revision = (await suite.router.get())["status"]["activeRevision"]
    await suite.api.create(suite.runs_path, run("ci-1", revision=revision))
    row = b'{"cell":"routine","task_id":"a","resolved":true}\n'
    rows = base64.b64encode(gzip.compress(row * 1_300_000, 9)).decode()
    await suite.collect("ci-1", "routine", rows=rows)
    await suite.collect("ci-1", "deep")
    decided = await suite.until_phase("Decided", "ci-1")
    said = {each["name"]: each["sentence"] for each in decided["status"]["decision"]["cells"]}
    assert "its results can't be read: the rows of a run are too long" in said["routine"]
    assert said["deep"].startswith("claude-opus-4-7 as deep solved 198 of 200 tasks")


async def test_a_run_of_eight_cells_with_5000_tasks_each_is_decided_on_all_of_them(suite: SuiteInCluster) -> None:
    revision = (await suite.router.get())["status"]["activeRevision"]
    body = run("ci-1", revision=revision)
    own = body["spec"]["matrix"][0]
    body["spec"]["matrix"] = [
        own,
        *({**own, "name": f"routine-{at}", "model": f"model-{at}", "candidate": True} for at in range(7)),
    ]
    await suite.api.create(suite.runs_path, body)
    chance = random.Random(1)
    for cell in body["spec"]["matrix"]:
        tasks = [
            TaskResult(
                task=f"tests/test_part_{number % 83}.py::test_that_{chance.randrange(10**6):06}_{number}",
                outcome=TaskOutcome.RESOLVED if chance.random() < 0.97 else TaskOutcome.UNRESOLVED,
                cost_usd=Decimal(chance.randrange(10**6)) / 10**7,
                calls=chance.randrange(1, 40),
                output_tokens=chance.randrange(20_000),
                duration_s=chance.random() * 300,
            )
            for number in range(5000)
        ]
        of_run = CellOfRun(name=cell["name"], tier=cell["tier"], model=cell["model"], is_candidate=cell["candidate"])
        entry = result_of(of_run, tasks, {}, datetime.now(UTC), cells=len(body["spec"]["matrix"]))
        await suite.collect("ci-1", entry.pop("name"), **entry)
    decided = await suite.until_phase("Decided", "ci-1")
    conditions = {each["type"]: each["reason"] for each in decided["status"]["conditions"]}
    assert conditions["TasksStored"] == "Stored"
    kept = await suite.api.get(f"{suite.router.core}/configmaps/ci-1-tasks")
    cells = unpacked(base64.b64decode(kept["binaryData"]["tasks.jsonl.gz"]))
    assert [len(cell.tasks) for cell in cells] == [5000] * 8
