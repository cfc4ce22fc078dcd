"""Makes a RegressionRun of results that were got elsewhere, writes them into it, and follows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from tierrouter_cli.cluster import Where, connected
from tierrouter_cli.exits import OK
from tierrouter_cli.regress.connection import RegressError, the_suite
from tierrouter_cli.regress.following import follow
from tierrouter_core.contract import RESULTS_ACCOUNT, STABLE_FILE, STABLE_REVISION, active_name
from tierrouter_core.document.codec import document_from_bytes
from tierrouter_core.document.model import Document
from tierrouter_core.regression.results import TaskOutcome, TaskResult
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.regression import Candidate, SuiteSpec
from tierrouter_core.resources.regression_run import Cell, RunSource
from tierrouter_evaluation.collecting.cell_result import CellOfRun, result_of
from tierrouter_evaluation.formats.reading import ResultFormat, read_files
from tierrouter_operator.client import Client
from tierrouter_operator.errors import AlreadyExistsError, NotFoundError
from tierrouter_operator.planning.kinds import CONFIG_MAP, RUN
from tierrouter_operator.planning.run_hindrance import Hindrance
from tierrouter_operator.planning.run_matrix import matrix_of
from tierrouter_operator.planning.run_seen import Run
from tierrouter_operator.planning.suite_starts import run_body


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is submitted."""

    suite: str
    tier: str
    candidate: str
    """The model that was tested; empty for the tier's own."""
    name: str
    """The run's; empty for a new one."""
    format: str
    """``JUnit``, ``InspectLog`` or ``JSONLines``."""
    files: tuple[Path, ...]
    timeout_s: float | None
    """How long the run is followed; None: not at all."""


async def submit_results(where: Where, submission: Submission, say: Callable[[str], None]) -> int:
    """Do it; the exit code.

    Raises:
        ResultsError: the files are no results.
        RegressError: the suite, the tier or the model is not there.
    """
    tasks = _read(submission, say)
    # An apply of its own leaves the results of other cells as they are.
    async with connected(where, f"{RESULTS_ACCOUNT}-{submission.tier}") as (client, namespace):
        suite = await the_suite(client, namespace, submission.suite)
        router = str(suite["spec"]["router"])
        document, revision = await _in_force(client, namespace, router)
        cell = cell_of(document, submission.tier, submission.candidate)
        name = submission.name or f"{submission.suite}-ci-{datetime.now(UTC):%m%d%H%M}{uuid4().hex[:4]}"
        run = await _made(client, namespace, suite, name, cell, revision)
        if cell.name not in run.results:
            await _write(client, run, cell, tasks)
            solved = sum(each.outcome is TaskOutcome.RESOLVED for each in tasks)
            say(f"run {name}: submitted {solved} of {len(tasks)} tasks solved by {cell.model} as tier {cell.tier}")
        else:
            say(f"run {name} has results of cell {cell.name} already")
        if submission.timeout_s is None:
            return OK
        return await follow(client, namespace, name, submission.timeout_s, say)


def cell_of(document: Document, tier: str, candidate: str) -> Cell:
    """The cell that was tested; raises RegressError where the router has no such tier or model."""
    if tier not in document.tiers:
        hint = did_you_mean(tier, document.tiers) or f"; there are: {', '.join(document.tiers)}"
        raise RegressError(f"router {document.router} has no tier {tier}{hint}")
    known = document.tiers[tier]
    candidates: tuple[Candidate, ...] = ()
    if candidate and candidate != known.model:
        candidates = (Candidate(tier=tier, provider=known.provider, model=candidate),)
    spec = SuiteSpec(router=document.router, job_template={}, tiers=(tier,), candidates=candidates)
    cells = matrix_of(spec, document)
    if isinstance(cells, Hindrance):
        raise RegressError(cells.message)
    return cells[-1]


def _read(submission: Submission, say: Callable[[str], None]) -> tuple[TaskResult, ...]:
    found = read_files(submission.files, ResultFormat(submission.format))
    for note in found.notes:
        say(note)
    return found.tasks


async def _in_force(client: Client, namespace: str, router: str) -> tuple[Document, str]:
    """What sidecars serve, and the revision's name."""
    try:
        active = await client.get(CONFIG_MAP.path(namespace, active_name(router)))
        revision = str(active["metadata"]["annotations"][STABLE_REVISION])
        return document_from_bytes(str(active["data"][STABLE_FILE]).encode()), revision
    except (NotFoundError, KeyError):
        raise RegressError(
            f"nothing is in force of TierRouter {router} in namespace {namespace}: kubectl describe tro {router}"
        ) from None


async def _made(client: Client, namespace: str, suite: Mapping[str, Any], name: str, cell: Cell, revision: str) -> Run:
    """The run, new or as it is there already."""
    body = run_body(suite, name, RunSource.CI, (cell,), revision)
    try:
        return Run(await client.create(RUN.path(namespace), body))
    except AlreadyExistsError:
        run = Run(await client.get(RUN.path(namespace, name)))
    if run.suite != suite["metadata"]["name"] or cell not in run.cells or run.has_jobs:
        raise RegressError(
            f"there is a run {name} already, and it is not one of results of tier {cell.tier} with {cell.model}; "
            "choose another --name"
        )
    return run


async def _write(client: Client, run: Run, cell: Cell, tasks: tuple[TaskResult, ...]) -> None:
    of_run = CellOfRun(name=cell.name, tier=cell.tier, model=cell.model, is_candidate=cell.is_candidate)
    entry = result_of(of_run, tasks, {}, datetime.now(UTC), cells=len(run.cells))
    metadata = {key: run.obj["metadata"][key] for key in ("name", "namespace", "uid")}
    body = {"apiVersion": RUN.api_version, "kind": RUN.kind, "metadata": metadata, "status": {"results": [entry]}}
    await client.apply(f"{RUN.path(run.namespace, run.name)}/status", body, force=False)
