"""The commands of ``tierrouter regress``. A command's module holds its options, and imports its needs as it runs."""

from collections.abc import Callable
from typing import Any, Final

import typer

from tierrouter_cli.regress.check import check
from tierrouter_cli.regress.collect import collect
from tierrouter_cli.regress.run import run
from tierrouter_cli.regress.submit import submit
from tierrouter_cli.regress.suite import suite

regress: Final = typer.Typer(
    help="Run suites of tasks, collect their results, and decide by them.", no_args_is_help=True, rich_markup_mode=None
)

COMMANDS: Final[dict[Callable[..., Any], str]] = {
    run: "Begin a run of a RegressionSuite now, and follow it.",
    submit: "Submit results from anywhere, and follow what is decided.",
    check: "Decide from files, without a cluster.",
    suite: "Run a suite of tasks against a router.",
    collect: "Bring a harness' results into its RegressionRun; for a Job's pod.",
}
"""Each command with its line in the list of commands."""

for _command, _line in COMMANDS.items():
    regress.command(short_help=_line)(_command)
