"""``tierrouter tune``: its options. What it needs is imported as it runs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tierrouter_cli.cluster import Context, Kubeconfig, Where
from tierrouter_cli.moments import FORMS, moment
from tierrouter_cli.regress.connection import Namespace, explained


def tune(
    baseline: Annotated[str, typer.Option(metavar="MODEL", help="The model that quality and cost are relative to.")],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS",
            help="With --from-runs: files of runs in the place of a cluster: what kubectl get -o yaml writes, rows of "
            "JSON lines, or folders of these.",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="Benchmark results: task_id,model,resolved,cost_usd,calls; each task with each model.",
            show_default=False,
        ),
    ] = None,
    from_runs: Annotated[
        bool,
        typer.Option(
            "--from-runs",
            help="Tune from regression runs, and propose the policy as a revision that waits for a person.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="POLICY.json",
            help="Where the policy is written; with --from-runs nothing is proposed then.",
            show_default=False,
        ),
    ] = None,
    floor: Annotated[
        float,
        typer.Option(metavar="SHARE", help="The least quality, as a share of the baseline's: more than 0, at most 1."),
    ] = 0.95,
    seed: Annotated[
        int,
        typer.Option(min=0, max=2**32, metavar="N", help="Of the random folds; the same seed gives the same policy."),
    ] = 0,
    router: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Your router file: the tuned one has its name, its providers and its other settings.",
            show_default=False,
        ),
    ] = None,
    router_out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the tuned router file is written. [default: beside POLICY.json, as POLICY.router.yaml]",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where cost against quality is drawn, as .svg or .html. [default: POLICY.svg]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --from-runs: print the tuned router file, and propose nothing.")
    ] = False,
    suite: Annotated[
        str,
        typer.Option(
            "--suite", "-s", metavar="NAME", help="With --from-runs: the RegressionSuite.", show_default=False
        ),
    ] = "",
    last: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="With --from-runs: its last N runs. [default: all]", show_default=False),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            metavar="T", help="With --from-runs: runs that ended then or later: 7d, 24h, or a date.", show_default=False
        ),
    ] = "",
    leave_out: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL", help="With --from-runs: a model that is not looked at; may be given several times."
        ),
    ] = [],  # noqa: B006 (typer copies it)
    common_tasks: Annotated[
        bool,
        typer.Option("--common-tasks", help="With --from-runs: leave out tasks that not every model has been run on."),
    ] = False,
    namespace: Namespace = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Find the cheapest mix of models and cascades that holds a quality floor.

    From benchmark results, or from what regression runs have found.
    """
    given: dict[str, Any] = {
        "RUNS": paths,
        "--dry-run": dry_run,
        "--suite": suite,
        "--last": last,
        "--since": since,
        "--leave-out": leave_out,
        "--common-tasks": common_tasks,
    }
    of_a_cluster = {"--namespace": namespace, "--kubeconfig": kubeconfig, "--context": context}
    if from_runs:
        if results is not None:
            raise typer.BadParameter("results come from --results or from --from-runs, not from both")
        if paths:
            _refuse_any(of_a_cluster, "is for a cluster, and files of runs are named")
            if out is None and not dry_run:
                raise typer.BadParameter("files can't be proposed to: say --out or --dry-run")
        else:
            if not suite:
                raise typer.BadParameter("name the RegressionSuite by --suite, or files of runs")
            _refuse_any({"--router": router}, "is for files of runs; in a cluster the suite's own router is meant")
    else:
        if results is None:
            raise typer.BadParameter("name the results by --results, or say --from-runs")
        _refuse_any({**given, **of_a_cluster}, "is for --from-runs")
        if out is None:
            raise typer.BadParameter("name where the policy is written by --out")
    if out is None:
        _refuse_any({"--router-out": router_out, "--plot": plot}, "is written beside the policy: say --out")
    moment_ = None
    if since:
        try:
            moment_ = moment(since, datetime.now(UTC))
        except ValueError:
            raise typer.BadParameter(f"{since!r} is neither {FORMS}", param_hint="--since") from None
    with explained():
        from tierrouter_cli.tuning.files import Wanted, tune_files

        wanted = Wanted(
            baseline=baseline, floor=floor, seed=seed, out=out, router=router, router_out=router_out, plot=plot
        )
        if results is not None:
            tune_files(wanted, results)
            return
        from tierrouter_cli.tuning.from_runs import Runs, tune_runs

        runs = Runs(
            paths=tuple(paths or ()),
            suite=suite,
            last=last,
            since=moment_,
            leave_out=tuple(leave_out),
            common_tasks=common_tasks,
        )
        tune_runs(wanted, runs, Where(kubeconfig, context, namespace), dry_run=dry_run)


def _refuse_any(options: dict[str, Any], why: str) -> None:
    """Raises BadParameter for the first of some options that is given."""
    for name, value in options.items():
        if value:
            raise typer.BadParameter(f"{name} {why}")
