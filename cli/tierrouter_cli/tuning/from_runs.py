"""From the results of regression runs: out of files, or out of a cluster, where the policy is proposed."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tierrouter_cli.cluster import Where, connected
from tierrouter_cli.console import Output
from tierrouter_cli.exits import PROBLEM, say, write_out
from tierrouter_cli.regress.connection import FIELD_MANAGER
from tierrouter_cli.tuning.cluster import propose, read_cluster
from tierrouter_cli.tuning.dumps import read_dumps
from tierrouter_cli.tuning.files import Found, Wanted, found_in, outputs_of, say_left_out, write_files
from tierrouter_cli.tuning.finished_runs import FinishedRun, attempts_of, chosen
from tierrouter_cli.tuning.table import print_tuned
from tierrouter_core.errors import ResultsError
from tierrouter_core.resources.load import load_resources
from tierrouter_core.tuning.router import KnownModels
from tierrouter_core.tuning.runs import Assembled, assemble
from tierrouter_core.tuning.words import proposal_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Which runs, and what of them."""

    paths: tuple[Path, ...]
    """Files to read them from; none: the cluster."""
    suite: str
    """Empty for the only one of the files."""
    last: int | None
    since: datetime | None
    leave_out: tuple[str, ...]
    common_tasks: bool


def tune_runs(wanted: Wanted, runs: Runs, where: Where, *, dry_run: bool) -> None:
    """Tune, and propose what came of it: in the cluster, or where it is not to be, in files or on stdout.

    Raises:
        ResultsError, ConfigurationError: what is wrong in what was read.
        RegressError: the suite or its router is not there.
        SystemExit: 1 where the operator can't make a revision of what is proposed.
    """
    wanted.check_floor()
    if runs.paths:
        _tune_dumps(wanted, runs, dry_run)
    else:
        asyncio.run(_tune_cluster(wanted, runs, where, dry_run))


def _tune_dumps(wanted: Wanted, runs: Runs, dry_run: bool) -> None:
    outputs = outputs_of(wanted, list(runs.paths))
    known = wanted.known()
    models = {} if known is None else {tier.name: tier.model for tier in known.router.spec.tiers}
    found = _of_one_suite(read_dumps(runs.paths, models), runs.suite)
    source = ", ".join(map(str, runs.paths))
    _show(found_in(_assembled(found, runs, source).results, source, wanted, known), outputs, wanted, dry_run)


async def _tune_cluster(wanted: Wanted, runs: Runs, where: Where, dry_run: bool) -> None:
    outputs = outputs_of(wanted, [])
    async with connected(where, FIELD_MANAGER) as (client, namespace):
        seen = await read_cluster(client, namespace, runs.suite)
        known = KnownModels(seen.text, f"namespace {namespace}")
        assembled = _assembled(seen.runs, runs, f"suite {runs.suite}")
        found = found_in(assembled.results, f"suite {runs.suite}", wanted, known)
        if dry_run or outputs:
            _show(found, outputs, wanted, dry_run)
            return
        print_tuned(found.tuned)
        if not found.tuned.is_supported:
            say(f"nothing is proposed to router {seen.router_name}")
            return
        say_left_out(found.router)
        # What is wrong with it is said here rather than by the operator.
        load_resources([("what is proposed", found.router.text)])
        counted = len(chosen(seen.runs, last=runs.last, since=runs.since))
        by = f"{_count(counted, 'run')} of suite {runs.suite}"
        is_made = await propose(client, namespace, seen, found, proposal_sentence(found.tuned, by, found.router), say)
        if not is_made:
            raise SystemExit(PROBLEM)


def _show(found: Found, outputs: dict[str, Path], wanted: Wanted, dry_run: bool) -> None:
    if outputs:
        write_files(outputs, found, wanted.seed)
    else:
        print_tuned(found.tuned, Output(stderr=True))
        say_left_out(found.router)
    if dry_run:
        write_out(found.router.text.encode())


def _of_one_suite(found: Sequence[FinishedRun], suite: str) -> list[FinishedRun]:
    suites = {run.suite for run in found if run.suite}
    if suite:
        if suites and suite not in suites:
            raise ResultsError(
                f"there are no runs of suite {suite} in the files; there are: {', '.join(sorted(suites))}"
            )
        return [run for run in found if run.suite in ("", suite)]
    if len(suites) > 1:
        raise ResultsError(f"the files have runs of several suites: {', '.join(sorted(suites))}; name one by --suite")
    return list(found)


def _assembled(found: Sequence[FinishedRun], runs: Runs, source: str) -> Assembled:
    """The table of the runs that are meant, with a line that says what it is made of."""
    meant = chosen(found, last=runs.last, since=runs.since)
    if not meant:
        which = "no run has ended with results" if not found else f"none of its {_count(len(found), 'run')} is meant"
        raise ResultsError(f"{source}: {which}; see them with kubectl get rrun")
    assembled = assemble(attempts_of(meant), source, leave_out=runs.leave_out, common_tasks=runs.common_tasks)
    times = [run.ended for run in meant if run.ended is not None]
    span = f", {_day(min(times))} to {_day(max(times))}" if times else ""
    attempts = ", ".join(f"{model} {count:,}" for model, count in assembled.attempts.items())
    say(f"{source}: {_count(len(meant), 'run')}{span}; attempts of {len(assembled.results.tasks):,} tasks: {attempts}")
    if assembled.left_out:
        say(
            f"{_count(len(assembled.left_out), 'task')} left out, since not every model has been run on "
            f"{'it' if len(assembled.left_out) == 1 else 'them'}"
        )
    return assembled


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _day(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d}"
