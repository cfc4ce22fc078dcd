"""Follows a RegressionRun to its end: each step is a line, and the decision is the exit code."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from tierrouter_cli.exits import OK, PROBLEM, SLIPPED, STILL_GOING
from tierrouter_cli.regress.connection import RegressError
from tierrouter_core.printable import one_line

if TYPE_CHECKING:
    from tierrouter_operator.client import Client

EVERY_S: Final = 1.0
_STOPS: Final = ("Regress", "Reject")


async def follow(client: "Client", namespace: str, name: str, timeout_s: float, say: Callable[[str], None]) -> int:
    """Say each step until the run has ended; the exit code.

    Raises:
        RegressError: the run is gone.
    """
    import asyncio

    from tierrouter_operator.errors import NotFoundError, UnavailableError
    from tierrouter_operator.planning.kinds import RUN

    until = time.monotonic() + timeout_s
    before: Mapping[str, Any] = {}
    is_away = False
    while True:
        try:
            run = await client.get(RUN.path(namespace, name))
        except NotFoundError:
            raise RegressError(f"run {name} is gone; somebody deleted it, or its suite") from None
        except UnavailableError as error:
            if not is_away:
                say(f"{error}; the run goes on meanwhile")
            is_away = True
        else:
            is_away = False
            status = run.get("status") or {}
            for step in steps(name, before, status):
                say(step)
            before = status
            code = exit_code(status)
            if code is not None:
                return code
        if time.monotonic() >= until:
            say(f"run {name} has not ended in {timeout_s:g} s; it goes on: kubectl get -n {namespace} rrun {name}")
            return STILL_GOING
        await asyncio.sleep(EVERY_S)


def steps(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What has happened between two statuses of a run."""
    for cell in after.get("started") or ():
        if cell not in (before.get("started") or ()):
            yield f"cell {cell}: its Job was made"
    known = {each["name"] for each in before.get("results") or ()}
    for result in after.get("results") or ():
        if result["name"] not in known:
            yield _said_of(result)
    phase = after.get("phase")
    if phase == before.get("phase"):
        return
    if phase == "Collected":
        yield f"run {name}: all results are there"
    elif phase == "Decided":
        decision = after.get("decision") or {}
        for cell in decision.get("cells") or ():
            if cell.get("sentence"):
                yield f"cell {cell['name']}: {cell['sentence']}"
        yield f"run {name}: {decision.get('action')}: {decision.get('reason')}"
    elif phase == "Failed":
        conditions = {each["type"]: each for each in after.get("conditions") or ()}
        decided = conditions.get("Decided") or {}
        yield f"run {name} failed ({decided.get('reason', '')}): {decided.get('message', 'nothing is said of why')}"


def exit_code(status: Mapping[str, Any]) -> int | None:
    """The exit code of a run by its status; None where it has not ended."""
    if status.get("phase") == "Failed":
        return PROBLEM
    if status.get("phase") != "Decided":
        return None
    return SLIPPED if (status.get("decision") or {}).get("action") in _STOPS else OK


def _said_of(result: Mapping[str, Any]) -> str:
    name = result["name"]
    if result.get("error"):
        return f"cell {name}: no results: {one_line(result['error'])}"
    said = f"cell {name}: {result['resolved']} of {result['tasks']} tasks solved"
    if result.get("errors"):
        said += f", {result['errors']} could not be tried"
    return said + (f", ${result['costUSD']}" if result.get("costUSD") else "")
