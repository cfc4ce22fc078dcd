"""The plugin's commands and their options."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from tierrouter_cli.cluster import Context, Where, connected
from tierrouter_cli.options import Dialect, Format, Headers, seconds_option
from tierrouter_core.contract import PLUGIN
from tierrouter_kubectl.errors import explained

T = TypeVar("T")

app = typer.Typer(
    name="kubectl tierrouter",
    help="What the routers of a cluster do, which revision they serve, and how to go back to another.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="The namespace. [default: the context's]", show_default=False
    ),
]
Kubeconfig = Annotated[
    str | None, typer.Option(metavar="FILE", help="The kubeconfig. [default: as kubectl]", show_default=False)
]
Output = Annotated[str, typer.Option("--output", "-o", metavar="table|json|yaml", help="How to print it.")]
Router = Annotated[str, typer.Argument(metavar="ROUTER", help="The TierRouter's name.")]
Meant = Annotated[
    str | None,
    typer.Argument(metavar="REVISION", help="Its number or its name; needed where two could be meant."),
]
Force = Annotated[bool, typer.Option("--force", help="Take the field from whoever set it.")]
Wait = Annotated[float, seconds_option("How long to wait until it is in force; 0: not at all.", min=0, max=600)]


def _asked(
    work: Callable[[Any], Awaitable[T]], namespace: str | None, context: str | None, kubeconfig: str | None
) -> T:
    """What ``work`` gives, with a cluster to ask."""
    from tierrouter_kubectl.cluster import Cluster

    async def ask() -> T:
        async with connected(Where(kubeconfig, context, namespace), PLUGIN) as (client, name):
            return await work(Cluster(client, name))

    return asyncio.run(ask())


def _check_output(output: str) -> None:
    if output not in ("table", "json", "yaml"):
        raise typer.BadParameter(f'"{output}" is none of table, json, yaml', param_hint="--output")


@app.command(short_help="Say what is in force, since when and why, and what is wrong.")
def status(
    router: Annotated[str | None, typer.Argument(metavar="ROUTER", help="The TierRouter's name; none: all.")] = None,
    all_namespaces: Annotated[bool, typer.Option("--all-namespaces", "-A", help="Those of every namespace.")] = False,
    output: Output = "table",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say what is in force, since when and why, and what is wrong: of one router, or of all of a namespace."""
    _check_output(output)
    with explained():
        from tierrouter_kubectl.show import print_data, print_status, status_data

        async def states(cluster: Any) -> list[Any]:
            if router is not None:
                return [await cluster.state(router)]
            found = await cluster.routers("" if all_namespaces else None)
            return [await cluster.state(each["metadata"]["name"], each["metadata"]["namespace"]) for each in found]

        found = _asked(states, namespace, context, kubeconfig)
        if output != "table":
            print_data([status_data(state) for state in found], output)
            return
        if not found:
            typer.echo("no TierRouter", err=True)
        for state in found:
            print_status(state)


@app.command(short_help="List the revisions of a router, newest first.")
def revisions(
    router: Router,
    output: Output = "table",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """List the revisions of ROUTER, newest first; * is in force."""
    _check_output(output)
    with explained():
        from tierrouter_kubectl.show import print_data, print_revisions, revision_data

        state = _asked(lambda cluster: cluster.state(router), namespace, context, kubeconfig)
        if output == "table":
            print_revisions(state)
        else:
            print_data(revision_data(state), output)


@app.command(short_help="Show what is different between two revisions.")
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A revision: its number, its name, `active` or `previous`.")
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    router: Annotated[
        str | None,
        typer.Option(metavar="ROUTER", help="Whose. [default: the namespace's only router]", show_default=False),
    ] = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 where they differ.")] = False,
    output: Output = "table",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show what is different between the documents of two revisions, A -> B."""
    _check_output(output)
    with explained():
        from tierrouter_core.document.difference import differences
        from tierrouter_kubectl.show import difference_data, print_data, print_differences

        async def both(cluster: Any) -> tuple[Any, Any, Any]:
            name = router or await _router_of(cluster, before, after)
            state = await cluster.state(name)
            first, second = state.find(before), state.find(after)
            documents = [await cluster.document(each) for each in (first, second)]
            return first, second, differences(*documents)

        first, second, found = _asked(both, namespace, context, kubeconfig)
        if output == "table":
            print_differences(first, second, found)
        else:
            print_data(difference_data(found), output)
        if found and exit_code:
            raise typer.Exit(1)


async def _router_of(cluster: Any, *revisions: str) -> str:
    """Whose revisions these are, by their names where they have some: ``coding-0123456789``."""
    names = {each["metadata"]["name"] for each in await cluster.routers()}
    owners = {revision.rpartition("-")[0] for revision in revisions} & names
    return str(owners.pop()) if len(owners) == 1 else str(await cluster.only_router())


@app.command(short_help="Go back to the revision that was in force before, and hold it.")
def rollback(
    router: Router,
    to: Annotated[
        str | None,
        typer.Option(metavar="REVISION", help="To this one. [default: the one before]", show_default=False),
    ] = None,
    force: Force = False,
    wait: Wait = 10.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Go back to the revision that was in force before, and hold it until `unpin`."""
    with explained():
        from tierrouter_kubectl import pinning

        typer.echo(
            _asked(
                lambda cluster: pinning.rollback(cluster, router, to, force=force, wait_s=wait),
                namespace,
                context,
                kubeconfig,
            )
        )


@app.command(short_help="Put a revision in force and hold it.")
def pin(
    router: Router,
    revision: Annotated[str, typer.Argument(metavar="REVISION", help="Its number or its name.")],
    force: Force = False,
    wait: Wait = 10.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Put REVISION in force and hold it: later changes wait until `unpin`."""
    with explained():
        from tierrouter_kubectl import pinning

        typer.echo(
            _asked(
                lambda cluster: pinning.pin(cluster, router, revision, force=force, wait_s=wait),
                namespace,
                context,
                kubeconfig,
            )
        )


@app.command(short_help="Let go of a pin.")
def unpin(
    router: Router,
    wait: Wait = 10.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Let go of a pin: what has changed meanwhile takes effect."""
    with explained():
        from tierrouter_kubectl import pinning

        typer.echo(_asked(lambda cluster: pinning.unpin(cluster, router, wait_s=wait), namespace, context, kubeconfig))


@app.command(short_help="Tell the story of a router: runs, decisions, canaries, revisions; newest last.")
def history(
    router: Annotated[
        str | None, typer.Argument(metavar="ROUTER", help="The TierRouter's name; none: the namespace's only one.")
    ] = None,
    output: Output = "table",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Tell what regression runs have decided, what was tried, with its numbers, and what came into force."""
    _check_output(output)
    with explained():
        from tierrouter_kubectl.history import print_history, timeline
        from tierrouter_kubectl.show import print_data

        async def story(cluster: Any) -> tuple[str, list[Any]]:
            name = router or await cluster.only_router()
            return name, timeline(await cluster.state(name), await cluster.runs(name))

        name, moments = _asked(story, namespace, context, kubeconfig)
        if output == "table":
            print_history(moments, name)
        else:
            print_data([each.data for each in moments], output)


@app.command(short_help="Put the revision that is tried, or waits for a person, in force.")
def promote(
    router: Router,
    revision: Meant = None,
    wait: Wait = 10.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Put the revision that is tried, or waits for a person, in force.

    Of one that was proposed the spec becomes the router's own.
    """
    with explained():
        from tierrouter_kubectl import words

        typer.echo(
            _asked(
                lambda cluster: words.promote(cluster, router, revision, wait_s=wait), namespace, context, kubeconfig
            )
        )


@app.command(short_help="End the revision that is tried, or waits for a person.")
def abort(
    router: Router,
    revision: Meant = None,
    wait: Wait = 10.0,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """End the revision that is tried, or waits for a person: what is in force serves everybody again."""
    with explained():
        from tierrouter_kubectl import words

        typer.echo(
            _asked(lambda cluster: words.abort(cluster, router, revision, wait_s=wait), namespace, context, kubeconfig)
        )


@app.command(short_help="Say which tier the router would serve a request by, and why.")
def explain(
    router: Router,
    dialect: Dialect = None,
    header: Headers = [],  # noqa: B006 (typer copies it)
    format: Format = "text",
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Say which tier would serve a request (JSON on stdin) by the revision in force, by which rules, and why."""
    with explained():
        from tierrouter_cli.explain import check_options, explain_document
        from tierrouter_kubectl.errors import PluginError

        check_options(dialect, format)

        async def in_force(cluster: Any) -> Any:
            state = await cluster.state(router)
            if not state.in_force:
                raise PluginError(f"router {router} has no revision in force; see: kubectl tierrouter status {router}")
            return await cluster.document(state.find(state.in_force))

        explain_document(_asked(in_force, namespace, context, kubeconfig), dialect, header, format)
