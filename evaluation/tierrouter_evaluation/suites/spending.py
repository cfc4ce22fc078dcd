"""What a suite's turns cost so far, as the router's admin port tells it: by session, else in all."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import aiohttp

from tierrouter_core.regression.results import TaskResult
from tierrouter_evaluation.collecting.usage import ask_router

_COST: Final = re.compile(r"^tierrouter_cost_usd_total(?:\{[^}]*\})? (\S+)", re.M)
_UNPRICED: Final = re.compile(r"^tierrouter_unpriced_turns_total(?:\{[^}]*\})? (\S+)", re.M)
_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Spent:
    """Since the router began."""

    cost_usd: Decimal | None
    """None where nobody knows."""
    unpriced: float = 0.0
    """Turns without a price."""
    sessions: dict[str, TaskResult] | None = None
    """What each session took; only a router with a forced tier tells it."""


async def spent(admin_url: str) -> Spent:
    """Ask; a router that does not answer knows nothing."""
    sessions = await ask_router(admin_url)
    if sessions is not None:
        known = [each.cost_usd for each in sessions.values() if each.cost_usd is not None]
        return Spent(sum(known, Decimal(0)), float(len(sessions) - len(known)), sessions)
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as client, client.get(admin_url + "/metrics") as response:
            text = await response.text() if response.status == 200 else ""
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        text = ""
    if "tierrouter_" not in text:
        return Spent(None)
    return Spent(
        sum((Decimal(value) for value in _COST.findall(text)), Decimal(0)),
        sum(float(value) for value in _UNPRICED.findall(text)),
    )
