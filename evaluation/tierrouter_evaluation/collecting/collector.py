"""Reads the folder when the harness has ended, asks the router what each task took, and writes the cell's entry once.

An entry never changes, so that what is not the harness' own end must not make one: a pod that is evicted or runs out of
memory is made again, and the last of them writes.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tierrouter_core.errors import ResultsError
from tierrouter_evaluation.collecting.api_server import Access, AnswerError, ApiServer
from tierrouter_evaluation.collecting.cell_result import CellOfRun, error_of, result_of
from tierrouter_evaluation.collecting.pod_end import PodEnd, pod_end
from tierrouter_evaluation.collecting.usage import ask_router
from tierrouter_evaluation.errors import ApiServerError, NoResultsError
from tierrouter_evaluation.formats.reading import ResultFormat, read_folder

_POD_PATIENCE_S: Final = 5.0
"""How long a pod's status may lag behind what it says of."""
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """What is collected, and where it goes."""

    run: str
    namespace: str
    cell: str
    format: ResultFormat
    folder: Path
    router_url: str
    """Of the sidecar's admin port."""
    access: Access
    pod: str = ""
    """The collector's own; empty: what became of it is not asked."""
    grace_s: float
    """How long reading and writing may take in all."""


async def collect(wanted: Collection, say: Callable[[str], None]) -> bool:
    """Do it, now that the harness has ended.

    Returns:
        Whether the run's status holds the cell; false where the pod is taken away and a new one shall do it.

    Raises:
        ApiServerError: it could not be written.
    """
    deadline_s = time.monotonic() + wanted.grace_s
    async with ApiServer(wanted.access, wanted.namespace, wanted.cell) as server:
        end, usage = await asyncio.gather(_end_of_pod(server, wanted, say), ask_router(wanted.router_url))
        if end.taken_away:
            say(f"nothing is written: {end.taken_away}")
            return False
        run = await _persist(lambda: server.run(wanted.run), deadline_s, say)
        if _is_written(run, wanted.cell):
            say(f"run {wanted.run} has results of cell {wanted.cell} already")
            return True
        cell = _cell(run, wanted)
        now = datetime.now(UTC)
        try:
            found = await asyncio.to_thread(read_folder, wanted.folder, wanted.format)
            for note in found.notes:
                say(note)
            entry = result_of(cell, found.tasks, usage or {}, now, cells=len(run["spec"]["matrix"]))
        except ResultsError as error:
            say(str(error))
            exits = f" (the harness ended with {end.exits})" if end.exits and isinstance(error, NoResultsError) else ""
            entry = error_of(cell.name, f"{error}{exits}", now)
        await _write(server, wanted, entry, deadline_s, say)
        say(
            f"wrote cell {cell.name} of run {wanted.run}: {entry['resolved']} of {entry['tasks']} tasks solved"
            + (f", {entry['errors']} errors" if entry.get("errors") else "")
            + (f"; {entry['error']}" if entry.get("error") else "")
        )
        return True


async def _write(
    server: ApiServer, wanted: Collection, entry: Mapping[str, Any], deadline_s: float, say: Callable[[str], None]
) -> None:
    """Until it is there, whoever wrote it."""

    async def once() -> None:
        try:
            await server.add_result(wanted.run, entry)
        except AnswerError as error:
            # Conflict, or refused since entries don't change: somebody was faster, such as the pod before this one.
            if error.status in (409, 422) and _is_written(await server.run(wanted.run), wanted.cell):
                say(f"run {wanted.run} has results of cell {wanted.cell} already")
                return
            raise

    try:
        await _persist(once, deadline_s, say)
    except AnswerError as error:
        if not (error.status in (400, 413, 422) or error.is_too_large) or entry.get("error"):
            raise
        refused = error_of(wanted.cell, f"the API server refuses the results: {error}", datetime.now(UTC))
        await _persist(lambda: server.add_result(wanted.run, refused), deadline_s, say)


async def _persist(ask: Callable[[], Any], deadline_s: float, say: Callable[[str], None]) -> Any:
    """Ask again, later and later, as long as that may help and the deadline allows."""
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await ask()
        except AnswerError as error:
            if not error.may_pass or time.monotonic() + pause_s > deadline_s:
                raise
            say(f"{error}; trying again")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _end_of_pod(server: ApiServer, wanted: Collection, say: Callable[[str], None]) -> PodEnd:
    """How the harness ended, as far as the account may know."""
    unknown = PodEnd(is_over=False)
    if not wanted.pod:
        return unknown
    until_s = time.monotonic() + min(_POD_PATIENCE_S, wanted.grace_s / 2)
    while True:
        try:
            end = pod_end(await server.pod(wanted.pod))
        except AnswerError as error:
            if not error.may_pass:
                say(f"how the harness ended is not known: {error}")
                return unknown
            end = unknown
        if end.is_over or time.monotonic() > until_s:
            return end
        await asyncio.sleep(_FIRST_PAUSE_S)


def _is_written(run: Mapping[str, Any], cell: str) -> bool:
    return any(each.get("name") == cell for each in (run.get("status") or {}).get("results") or ())


def _cell(run: Mapping[str, Any], wanted: Collection) -> CellOfRun:
    for each in run["spec"]["matrix"]:
        if each["name"] == wanted.cell:
            return CellOfRun(
                name=each["name"], tier=each["tier"], model=each["model"], is_candidate=bool(each.get("candidate"))
            )
    names = ", ".join(each["name"] for each in run["spec"]["matrix"])
    raise ApiServerError(f"run {wanted.run} has no cell {wanted.cell}; it has: {names}")
