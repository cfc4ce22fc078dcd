"""``tierrouter regress collect``: what the native sidecar of a RegressionRun's Job runs."""

import socket
from pathlib import Path
from typing import Annotated

import typer

from tierrouter_cli.exits import CANNOT_START, explained_errors, say
from tierrouter_cli.options import seconds_option
from tierrouter_cli.regress.options import ResultFormatName, check_format


def collect(
    run: Annotated[str, typer.Option(metavar="NAME", help="The RegressionRun.")],
    namespace: Annotated[str, typer.Option("--namespace", "-n", metavar="NAME", help="Its namespace.")],
    cell: Annotated[str, typer.Option(metavar="NAME", help="The cell that the harness measures: a matrix[].name.")],
    format: ResultFormatName,
    dir: Annotated[Path, typer.Option(metavar="DIR", help="Where the harness leaves its results.")],
    admin_url: Annotated[
        str, typer.Option(metavar="URL", help="The router's admin port, which knows what each session took.")
    ] = "http://127.0.0.1:9464",
    grace: Annotated[
        float,
        seconds_option("How long reading and writing may take; less than the pod's own.", min=1, max=3600),
    ] = 25.0,
    pod: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            envvar="POD_NAME",
            show_envvar=False,
            help="The pod that it runs in, to tell whether that was taken away. [default: the host's name]",
            show_default=False,
        ),
    ] = None,
    api_server: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The API server. [default: the pod's own]", show_default=False),
    ] = None,
    account_dir: Annotated[
        Path, typer.Option(metavar="DIR", help="With the account's token and the API server's ca.crt.")
    ] = Path("/var/run/secrets/kubernetes.io/serviceaccount"),
) -> None:
    """Wait for SIGTERM, then bring what a harness has written into the status of its RegressionRun, once."""
    check_format(format)
    with explained_errors():
        import asyncio

        from tierrouter_evaluation.collecting.api_server import access_of_pod
        from tierrouter_evaluation.collecting.collector import Collection, collect
        from tierrouter_evaluation.collecting.waiting import until_stopped
        from tierrouter_evaluation.formats.reading import ResultFormat

        wanted = Collection(
            run=run,
            namespace=namespace,
            cell=cell,
            format=ResultFormat(format),
            folder=dir,
            router_url=admin_url.rstrip("/"),
            access=access_of_pod(api_server, account_dir),
            pod=socket.gethostname() if pod is None else pod,
            grace_s=grace,
        )

        async def work() -> bool:
            await until_stopped(lambda: say(f"waiting for the harness of cell {cell} to end"))
            return await collect(wanted, say)

        if not asyncio.run(work()):
            raise SystemExit(CANNOT_START)
