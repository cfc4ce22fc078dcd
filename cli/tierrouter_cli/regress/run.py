"""``tierrouter regress run``: begins a run of a suite now, and follows it."""

import time
from typing import TYPE_CHECKING, Any

from tierrouter_cli.cluster import Context, Kubeconfig, Where, connected
from tierrouter_cli.exits import INTERRUPTED, OK, STILL_GOING, say
from tierrouter_cli.regress.connection import (
    A_DAY_S,
    FIELD_MANAGER,
    Namespace,
    RegressError,
    Suite,
    Timeout,
    Wait,
    explained,
    the_suite,
)
from tierrouter_cli.regress.following import EVERY_S, follow

if TYPE_CHECKING:
    from tierrouter_operator.client import Client


def run(
    suite: Suite,
    namespace: Namespace = None,
    wait: Wait = True,
    timeout: Timeout = A_DAY_S,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
) -> None:
    """Begin a run of a suite now, and follow it to its decision.

    Exit code 0 where nothing is to be done, a candidate is promoted or a step is undone; 4 where a tier has slipped or
    a candidate is rejected; 1 where the run fails or none begins; 124 where it has not ended in --timeout.
    """
    with explained():
        import asyncio

        try:
            code = asyncio.run(_run(Where(kubeconfig, context, namespace), suite, wait, timeout))
        except KeyboardInterrupt:
            say("the run goes on without this command; see it with kubectl get rrun")
            raise SystemExit(INTERRUPTED) from None
        raise SystemExit(code)


async def _run(where: Where, suite: str, is_followed: bool, timeout_s: float) -> int:
    from datetime import UTC, datetime
    from uuid import uuid4

    from tierrouter_core.contract import RUN_NOW
    from tierrouter_operator.planning.kinds import SUITE
    from tierrouter_operator.planning.suite_starts import asked_name

    async with connected(where, FIELD_MANAGER) as (client, namespace):
        await the_suite(client, namespace, suite)
        asked = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}-{uuid4().hex[:8]}"
        name = asked_name(suite, asked)
        await client.merge(SUITE.path(namespace, suite), {"metadata": {"annotations": {RUN_NOW: asked}}})
        say(f"asked for run {name} of suite {suite} in namespace {namespace}")
        if not is_followed:
            return OK
        until = time.monotonic() + timeout_s
        if not await _until_begun(client, namespace, suite, name, asked, until):
            say(f"run {name} has not begun in {timeout_s:g} s; it will, when what keeps it is over")
            return STILL_GOING
        say(f"run {name} begins")
        return await follow(client, namespace, name, max(1.0, until - time.monotonic()), say)


async def _until_begun(client: "Client", namespace: str, suite: str, name: str, asked: str, until: float) -> bool:
    """Whether it has begun by then; raises RegressError where it will not."""
    import asyncio

    from tierrouter_core.contract import RUN_NOW
    from tierrouter_operator.errors import NotFoundError, UnavailableError
    from tierrouter_operator.planning.children import annotation
    from tierrouter_operator.planning.kinds import RUN, SUITE

    said, was_overtaken = "", False
    while time.monotonic() < until:
        try:
            there = await client.get(SUITE.path(namespace, suite))
            try:
                await client.get(RUN.path(namespace, name))
                return True
            except NotFoundError:
                pass
        except UnavailableError as error:
            why = str(error)
        else:
            status: dict[str, Any] = there.get("status") or {}
            ready: dict[str, Any] = next((each for each in status.get("conditions") or ()), {})
            if status.get("lastRunNow") == asked:
                raise RegressError(
                    f"no run of suite {suite} begins: {ready.get('message') or 'nothing is said of why'}"
                )
            is_overtaken = annotation(there, RUN_NOW) != asked
            # Only at the second look: the operator may be making the run just now.
            if is_overtaken and was_overtaken:
                raise RegressError(_overtaken(suite, name, annotation(there, RUN_NOW)))
            was_overtaken = is_overtaken
            why = _what_keeps_it(status, ready)
        if why != said:
            say(why)
            said = why
        await asyncio.sleep(EVERY_S)
    return False


def _overtaken(suite: str, name: str, asked: str) -> str:
    from tierrouter_operator.planning.suite_starts import asked_name

    if not asked:
        return f"run {name} does not begin: somebody has taken back that suite {suite} is to run now; ask again"
    return (
        f"run {name} does not begin: somebody has asked for run {asked_name(suite, asked)} of suite {suite} since, and "
        "of those that wait only the newest begins; follow that one, or ask again when it has ended"
    )


def _what_keeps_it(status: dict[str, Any], ready: dict[str, Any]) -> str:
    if ready.get("status") == "False":
        return f"waiting: {ready.get('message')}"
    if status.get("lastRun"):
        return f"waiting for the operator, or for the end of run {status['lastRun']}: a suite has one run at a time"
    return "waiting for the operator"
