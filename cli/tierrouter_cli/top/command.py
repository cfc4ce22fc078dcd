"""The command and its options; what it needs is imported as it runs."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from tierrouter_cli.cluster import Context, Kubeconfig, Where, connected
from tierrouter_cli.exits import USAGE, explained_errors, say
from tierrouter_cli.options import seconds_option

if TYPE_CHECKING:
    from tierrouter_cli.top.look import Source

DEFAULT_URL = "http://127.0.0.1:9464"


def top(
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help=f"The admin port of one sidecar. [default: {DEFAULT_URL}]", show_default=False
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            help="All sidecars of this namespace, through the cluster's API server.",
            show_default=False,
        ),
    ] = None,
    router: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Of a namespace, those of this router alone.", show_default=False),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    once: Annotated[
        bool, typer.Option("--once", help="Show it once and end, as is done where the output is no terminal.")
    ] = False,
    interval: Annotated[float, seconds_option("How often to look again.", min=0.2, max=3600)] = 2.0,
) -> None:
    """Watch what a sidecar, or those of a namespace, serve and spend, why, and what is failing; q quits."""
    of_cluster = any(value is not None for value in (namespace, router, kubeconfig, context))
    if url is not None and of_cluster:
        say("tierrouter top: --url is one sidecar, -n, --router, --kubeconfig and --context are of a cluster's")
        raise SystemExit(USAGE)
    with explained_errors():
        import asyncio

        from tierrouter_cli.top.one import check_url

        problem = "" if url is None else check_url(url)
        if problem:
            say(f"tierrouter top: --url {problem}")
            raise SystemExit(USAGE)

        async def watch() -> None:
            async with AsyncExitStack() as stack:
                if of_cluster:
                    source = await _cluster(stack, namespace, router, kubeconfig, context)
                else:
                    source = await _one(stack, url or DEFAULT_URL)
                await _show(source, once=once, interval_s=interval)

        asyncio.run(watch())


async def _one(stack: AsyncExitStack, url: str) -> "Source":
    import aiohttp

    from tierrouter_cli.top.one import OneSidecar

    return OneSidecar(await stack.enter_async_context(aiohttp.ClientSession()), url)


async def _cluster(
    stack: AsyncExitStack, namespace: str | None, router: str | None, kubeconfig: str | None, context: str | None
) -> "Source":
    from tierrouter_cli.top.namespace import Namespace

    where = Where(kubeconfig, context, namespace)
    client, name = await stack.enter_async_context(connected(where, "tierrouter-top"))
    return Namespace(client, name, router)


async def _show(source: "Source", *, once: bool, interval_s: float) -> None:
    import sys

    from tierrouter_cli.console import Output
    from tierrouter_cli.top.screen import Screen, show_once

    if hasattr(sys.stdout, "reconfigure"):
        # A terminal that lacks a sign shows another one.
        sys.stdout.reconfigure(errors="replace")
    console = Output()
    if once or not console.is_terminal or console.is_dumb_terminal:
        await show_once(source, console)
    else:
        await Screen(source, console, interval_s).run()
