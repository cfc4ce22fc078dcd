"""``tierrouter regress suite``: the built-in harness."""

import os
import signal
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tierrouter_cli.exits import PROBLEM, explained_errors, say
from tierrouter_cli.options import seconds_option

if TYPE_CHECKING:
    from tierrouter_evaluation.suites.results_file import ResultsFile
    from tierrouter_evaluation.suites.running import Plan, Summary


def suite(
    file: Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="The suite, as YAML.")],
    base_url: Annotated[
        str, typer.Option(metavar="URL", help="The router's data port, or any API of the dialect.")
    ] = "http://127.0.0.1:8383",
    model: Annotated[str, typer.Option(metavar="NAME", help="The model that requests name.")] = "auto",
    dialect: Annotated[
        str, typer.Option(metavar="NAME", help="OpenAIChat, OpenAIResponses or AnthropicMessages.")
    ] = "OpenAIChat",
    parallel: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Tasks at once.")] = 4,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where results go, a line of JSON each. [default: results.jsonl in $TIERROUTER_RESULTS_DIR, or here]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the results of --out: only errors are tried again."),
    ] = False,
    max_cost: Annotated[
        str | None,
        typer.Option(
            metavar="USD", help="No task begins when turns have cost so much. [default: no limit]", show_default=False
        ),
    ] = None,
    timeout: Annotated[float, seconds_option("How long one answer may take.", min=1, max=3600)] = 300.0,
    admin_url: Annotated[
        str, typer.Option(metavar="URL", help="The router's admin port, which knows what turns cost.")
    ] = "http://127.0.0.1:9464",
) -> None:
    """Ask a router every task of a suite, check the answers, and write results that a RegressionRun can take."""
    limit = _limit(max_cost)
    with explained_errors():
        import asyncio

        from tierrouter_cli.regress.suite_progress import progress_of
        from tierrouter_core.names import Dialect
        from tierrouter_evaluation.suites.asking import Router
        from tierrouter_evaluation.suites.results_file import ResultsFile
        from tierrouter_evaluation.suites.running import Ending, Plan
        from tierrouter_evaluation.suites.suite_file import suite_from

        if dialect not in set(Dialect):
            raise typer.BadParameter(f'"{dialect}" is none of {", ".join(Dialect)}', param_hint="--dialect")
        wanted = suite_from(file.read_text(encoding="utf-8", errors="replace"), str(file))
        path = out or Path(os.environ.get("TIERROUTER_RESULTS_DIR", "")) / "results.jsonl"
        router = Router(
            base_url=base_url.rstrip("/"),
            dialect=Dialect(dialect),
            model=model,
            token=_token(),
            timeout_s=timeout,
        )
        results = ResultsFile(path, resume=resume, tasks=[task.id for task in wanted.tasks])
        with results, progress_of(len(wanted.tasks), len(results.done)) as progress:
            plan = Plan(
                suite=wanted,
                router=router,
                admin_url=admin_url.rstrip("/"),
                parallel=parallel,
                max_cost_usd=limit,
                say=progress.say,
                done=progress.done,
            )
            try:
                summary = asyncio.run(_run(plan, results))
            except KeyboardInterrupt:
                progress.stop()
                say(f"stopped; what is done stands in {path}: go on with the same command and --resume")
                raise
        _tell(summary, path, len(wanted.tasks))
        if summary.ending is not Ending.COMPLETE:
            raise SystemExit(PROBLEM)


async def _run(plan: "Plan", results: "ResultsFile") -> "Summary":
    import asyncio

    from tierrouter_evaluation.suites.running import run_suite

    # A pod that is stopped gets SIGTERM: the same as Ctrl-C.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os.kill, os.getpid(), signal.SIGINT)
    return await run_suite(plan, results)


def _tell(summary: "Summary", path: Path, tasks: int) -> None:
    from tierrouter_core.regression.results import TaskOutcome

    found = [result.outcome for result in summary.results.values()]
    solved, errors = found.count(TaskOutcome.RESOLVED), found.count(TaskOutcome.ERROR)
    of_errors = f", {errors} could not be tried" if errors else ""
    cost = "" if summary.cost_usd is None else f"; its turns cost ${summary.cost_usd:.4f}"
    stopped = "" if not summary.ending.value or summary.ending.name == "COMPLETE" else f"; stopped: {summary.ending}"
    say(f"{solved} of {tasks - errors} tasks solved{of_errors}{cost}{stopped}; results in {path}")


def _limit(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        limit = Decimal(text)
    except InvalidOperation:
        limit = Decimal("NaN")
    if not limit.is_finite() or limit <= 0:
        raise typer.BadParameter(f'"{text}" is no amount above 0, such as 2.50', param_hint="--max-cost")
    return limit


def _token() -> str:
    """What the router wants to be shown, where it wants it."""
    file = os.environ.get("TIERROUTER_TOKEN_FILE")
    if file:
        return Path(file).read_text().strip()
    return os.environ.get("TIERROUTER_TOKEN", "")
