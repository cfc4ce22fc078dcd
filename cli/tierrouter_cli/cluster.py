"""How commands reach a cluster, here and in the plugin: the options that say so, and what comes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tierrouter_operator.client import Client

Kubeconfig = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="How to reach the cluster. [default: as kubectl]", show_default=False),
]
Context = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A context of the kubeconfig. [default: its current one]", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster and which namespace; None for what kubectl would take."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None


@asynccontextmanager
async def connected(where: Where, manager: str) -> AsyncIterator[tuple["Client", str]]:
    """A client, and the namespace.

    Args:
        manager: who writes, as field manager and user agent.

    Raises:
        OperatorError: there is no cluster, or it does not answer.
    """
    from tierrouter_operator.client import Client, context_namespace, read_access

    access = await read_access(where.kubeconfig, where.context)
    async with Client(access, manager) as client:
        yield client, where.namespace or context_namespace(where.kubeconfig, where.context)
