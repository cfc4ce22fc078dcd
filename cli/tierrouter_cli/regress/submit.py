"""``tierrouter regress submit``: results from anywhere, such as CI, become a RegressionRun that is decided on."""

from pathlib import Path
from typing import Annotated

import typer

from tierrouter_cli.cluster import Context, Kubeconfig, Where
from tierrouter_cli.exits import INTERRUPTED, say
from tierrouter_cli.regress.connection import A_DAY_S, Namespace, Suite, Timeout, Wait, explained

_Files = list[Path]


def submit(
    suite: Suite,
    tier: Annotated[str, typer.Option(metavar="TIER", help="The tier that was tested.")],
    junit: Annotated[
        _Files, typer.Option("--junit", metavar="FILE", help="JUnit XML; may be given several times.")
    ] = [],  # noqa: B006 (typer copies it)
    inspect: Annotated[
        _Files, typer.Option("--inspect", metavar="FILE", help="A log of Inspect; may be given several times.")
    ] = [],  # noqa: B006
    json_lines: Annotated[
        _Files,
        typer.Option("--json-lines", metavar="FILE", help="JSON lines, a task a line; may be given several times."),
    ] = [],  # noqa: B006
    candidate: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="The model that was tested, where it is not the tier's own: one of the tier's provider. It may be "
            "rejected, but is not promoted: that takes a run of a suite with it in spec.candidates.",
            show_default=False,
        ),
    ] = "",
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The run's name: one that is there already is gone on with. [default: of the suite and the time]",
            show_default=False,
        ),
    ] = "",
    namespace: Namespace = None,
    wait: Wait = True,
    timeout: Timeout = A_DAY_S,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Submit results of a suite's tasks, and follow the run to its decision.

    Exit code 0 where nothing is to be done, a candidate is promoted or a step is undone; 4 where a tier has slipped or
    a candidate is rejected; 1 where the results can't be read or the run fails; 124 where it has not ended in
    --timeout.
    """
    given = {"JUnit": junit, "InspectLog": inspect, "JSONLines": json_lines}
    formats = [format_ for format_, files in given.items() if files]
    if len(formats) != 1:
        raise typer.BadParameter("name the results with one of --junit, --inspect and --json-lines", param_hint="FILE")
    with explained():
        import asyncio

        from tierrouter_cli.regress.submitting import Submission, submit_results

        submission = Submission(
            suite=suite,
            tier=tier,
            candidate=candidate,
            name=name,
            format=formats[0],
            files=tuple(given[formats[0]]),
            timeout_s=timeout if wait else None,
        )
        try:
            code = asyncio.run(submit_results(Where(kubeconfig, context, namespace), submission, say))
        except KeyboardInterrupt:
            say("what was submitted is decided on without this command; see it with kubectl get rrun")
            raise SystemExit(INTERRUPTED) from None
        raise SystemExit(code)
