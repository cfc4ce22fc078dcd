"""What the commands about a cluster's suites share: their options, the suite, and the errors that come of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from tierrouter_cli.exits import PROBLEM, explained_errors, say
from tierrouter_cli.options import seconds_option
from tierrouter_core.errors import TierRouterError

if TYPE_CHECKING:
    from tierrouter_operator.client import Client

FIELD_MANAGER: Final = "tierrouter-regress"
Suite = Annotated[str, typer.Option("--suite", "-s", metavar="NAME", help="The RegressionSuite.")]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="Its namespace. [default: the context's]", show_default=False
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Follow the run to its decision.")]
Timeout = Annotated[
    float,
    seconds_option("How long to follow it; it goes on afterwards.", min=1, max=7 * 86_400),
]
A_DAY_S: Final = 86_400.0


class RegressError(TierRouterError):
    """What was asked for can't be done; the message says why, and what can."""


async def the_suite(client: "Client", namespace: str, name: str) -> dict[str, Any]:
    """The suite; raises RegressError where there is none of that name."""
    from tierrouter_core.resources.kinds import did_you_mean
    from tierrouter_operator.errors import NotFoundError
    from tierrouter_operator.planning.kinds import SUITE

    try:
        return await client.get(SUITE.path(namespace, name))
    except NotFoundError:
        pass
    try:
        names = [str(each["metadata"]["name"]) async for each in client.list(SUITE.path(namespace))]
    except NotFoundError:
        raise RegressError("the cluster does not know RegressionSuites; apply crds/*.yaml first") from None
    hint = did_you_mean(name, names) or (f"; there are: {', '.join(names)}" if names else "")
    raise RegressError(f"there is no RegressionSuite {name} in namespace {namespace}{hint}")


@contextmanager
def explained() -> Iterator[None]:
    """Turn errors into one line on stderr and an exit code."""
    with explained_errors(extra="kubectl"):
        from tierrouter_operator.errors import RefusedError

        try:
            yield
        except RegressError as error:
            say(f"tierrouter: {error}")
            raise SystemExit(PROBLEM) from None
        except RefusedError as error:
            say(f"tierrouter: the API server refuses it: {error.said}")
            raise SystemExit(PROBLEM) from None
