"""What the router says that each session took: a harness that names its task as the session has it for each task."""

from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from tierrouter_core.errors import ResultsError
from tierrouter_core.regression.results import TaskResult
from tierrouter_core.regression.rows import task_of

SESSIONS_PATH: Final = "/sessions"
_TIMEOUT_S: Final = 5.0


def usage_from(answer: Any) -> dict[str, TaskResult]:
    """``/sessions`` as the use of each task; what makes no sense is left out, for results do without it."""
    found = {}
    for session, taken in answer.items() if isinstance(answer, Mapping) else ():
        if not isinstance(taken, Mapping):
            continue
        row = {
            "task_id": session,
            "resolved": None,
            "cost_usd": taken.get("costUsd"),
            "calls": taken.get("calls"),
            "output_tokens": taken.get("outputTokens"),
            "duration_s": taken.get("durationS"),
        }
        try:
            found[str(session)] = task_of(row, SESSIONS_PATH)
        except ResultsError:
            continue
    return found


async def ask_router(url: str) -> dict[str, TaskResult] | None:
    """What each session took so far; None where the router does not say, or is gone."""
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(url + SESSIONS_PATH) as response:
            return usage_from(await response.json(content_type=None)) if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
