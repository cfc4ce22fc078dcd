"""``tierrouter regress check``: results in, a decision out, without a cluster. What it needs is imported as it runs."""

from pathlib import Path
from typing import Annotated, Final

import typer

from tierrouter_cli.exits import explained_errors

FORMATS: Final = ("table", "json")
_PERCENT: Final = {"min": 0, "max": 100, "metavar": "PERCENT"}


def check(
    results: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RESULTS",
            help="Files of JSON lines, a task a line: task_id, resolved, and tier and model where they hold several.",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        list[Path],
        typer.Option("--file", "-f", metavar="FILE", help="The router file; may be given several times."),
    ] = [],  # noqa: B006 (typer copies it)
    junit: Annotated[
        list[Path],
        typer.Option("--junit", metavar="FILE", help="A JUnit XML file of one tier; may be given several times."),
    ] = [],  # noqa: B006
    tier: Annotated[
        str, typer.Option(metavar="TIER", help="The tier of results that name none.", show_default=False)
    ] = "",
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Their model; another than the tier's own is a candidate. [default: the tier's own]",
            show_default=False,
        ),
    ] = "",
    thresholds: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Thresholds and models in force, as --out writes them; a file that is not there yet means the router "
            "file's.",
        ),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What earlier runs handed on: read where it is there, and written."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where the thresholds and models after it are written.")
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The run's name: one name is decided once. [default: made of the results]",
            show_default=False,
        ),
    ] = "",
    promote_at: Annotated[int, typer.Option(**_PERCENT, help="A candidate's least share of solved tasks.")] = 95,
    regress_below: Annotated[
        int, typer.Option(**_PERCENT, help="The least share of solved tasks of all tiers together.")
    ] = 95,
    tier_floor: Annotated[int, typer.Option(**_PERCENT, help="The least share of solved tasks of one tier.")] = 92,
    margin: Annotated[
        int,
        typer.Option(
            min=1, max=50, metavar="POINTS", help="By so much a candidate may not be worse than the tier's own."
        ),
    ] = 3,
    confidence: Annotated[
        int, typer.Option(min=50, max=99, metavar="PERCENT", help="How sure a decision has to be, of 30 runs on end.")
    ] = 95,
    min_tasks: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Fewer tasks of a tier decide nothing.")
    ] = 30,
    format_: Annotated[str, typer.Option("--format", metavar="table|json", help="How to print it.")] = "table",
) -> None:
    """Decide by a suite's results, without a cluster, and write down the new thresholds.

    Exit code 0 where nothing is to be done, a candidate is promoted or a step is undone; 4 where a tier has slipped or
    a candidate is rejected.
    """
    if format_ not in FORMATS:
        raise typer.BadParameter(f'"{format_}" is none of {", ".join(FORMATS)}', param_hint="--format")
    if not results and not junit:
        raise typer.BadParameter("name a file of results, or one with --junit", param_hint="RESULTS")
    if not file:
        raise typer.BadParameter("name the router file whose thresholds and tiers are meant", param_hint="-f")
    if not tier_floor <= regress_below <= promote_at:
        raise typer.BadParameter(
            "--tier-floor may not be more than --regress-below, nor that more than --promote-at", param_hint="limits"
        )
    with explained_errors():
        from tierrouter_cli.regress.check_files import Request, check_files
        from tierrouter_core.resources.regression import RegressionPolicy

        check_files(
            Request(
                results=tuple(results or ()),
                junit=tuple(junit),
                files=tuple(file),
                tier=tier,
                model=model,
                thresholds=thresholds,
                state=state,
                out=out,
                run=run,
                policy=RegressionPolicy(
                    promote_at_percent=promote_at,
                    regress_below_percent=regress_below,
                    tier_floor_percent=tier_floor,
                    margin_percent=margin,
                    confidence_percent=confidence,
                    min_tasks=min_tasks,
                ),
                format=format_,
            )
        )
