"""The providers of the run: what they answer to which turn, what they saw, and when they were away."""

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chaos.faults import Fault, step
from chaos.plan import TurnPlan, number_in, words_of
from provider import ScriptedProvider, Step
from provider.dialects import dialect_of
from provider.record import RecordedRequest

# A connection that the script ends is an error to the server that it runs on.
logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


_PORT_PATIENCE_S = 10.0
HELD_UP = "held up"
"""The process that plays providers and clients did not get to run: that is nobody's silence but its own."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a provider was told to do with one request of a turn."""

    vendor: str
    attempt: int
    """Which of the turn's requests it was; they count from 1, whichever provider got them."""
    fault: Fault | None
    at_s: float
    begun: str = ""
    """The beginning of the answer that it was asked to go on with."""


@dataclass
class Log:
    """What all providers saw, by turn."""

    plans: dict[int, TurnPlan] = field(default_factory=dict)
    served: defaultdict[int, list[Served]] = field(default_factory=lambda: defaultdict(list))
    seen: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    """How many requests came, those included that went away before anything was done."""
    strangers: list[str] = field(default_factory=list)
    """Requests of no turn."""
    healthy: bool = False
    """Whether nothing goes wrong any more."""


@dataclass(frozen=True, slots=True)
class Away:
    """A time, by the monotonic clock, in which a provider was stopped, or the run itself held up."""

    vendor: str
    """``HELD_UP``: all of them."""
    from_s: float
    to_s: float


class Vendor:
    """One provider at a port that stays the same. Its server can be stopped and started again."""

    def __init__(self, name: str, log: Log) -> None:
        self.name = name
        self.away: list[Away] = []
        self._log = log
        self._server = ScriptedProvider()
        self._busy = asyncio.Lock()

    @property
    def base_url(self) -> str:
        """For its ModelProvider."""
        return self._server.base_url

    async def start(self) -> None:
        """Listen."""
        self._server.always(self._step)
        await self._server.start()

    async def stop(self) -> None:
        """Stop, and write down what came since the last time."""
        await self._server.stop()
        self.harvest()

    async def restart(self, pause_s: float = 0.0) -> None:
        """Close every connection, refuse new ones for a time, listen again."""
        async with self._busy:
            began_s = time.monotonic()
            await self.stop()
            await asyncio.sleep(pause_s)
            self._server = ScriptedProvider(port=self._server.port)
            await self._start_again()
            self.away.append(Away(self.name, began_s, time.monotonic()))

    async def _start_again(self) -> None:
        """Listen at the same port, which a connection of somebody else may have for a moment."""
        until_s = time.monotonic() + _PORT_PATIENCE_S
        while True:
            try:
                return await self.start()
            except OSError:
                if time.monotonic() > until_s:
                    raise
                await asyncio.sleep(0.05)

    def harvest(self) -> None:
        """Count the requests and let go of them."""
        for request in self._server.requests:
            number = number_in(request.body)
            if number is None or number not in self._log.plans:
                self._log.strangers.append(f"{self.name}: {request.method} {request.target}")
            else:
                self._log.seen[number] += 1
        self._server.requests.clear()

    def _step(self, request: RecordedRequest) -> Step:
        number = number_in(request.body)
        plan = None if number is None else self._log.plans.get(number)
        if plan is None:
            return step(None, dialect_of(request.path), request.json, ["?"], 0.0, random.Random(0))
        served = self._log.served[plan.number]
        attempt = len(served) + 1
        fault = None if self._log.healthy else plan.fault(attempt)
        served.append(Served(self.name, attempt, fault, time.monotonic(), _begun_in(request.json)))
        text = words_of(plan.number, attempt, plan.words)
        rng = random.Random(f"{plan.details}/{attempt}")
        return step(fault, dialect_of(request.path), request.json, text, plan.pace_s, rng)


def _begun_in(asked: Mapping[str, Any]) -> str:
    """The beginning of the answer that a request ends in; empty where it ends in a question."""
    conversation = asked.get("messages") or asked.get("input")
    last = conversation[-1] if isinstance(conversation, list) and conversation else {}
    if last.get("role") != "assistant":
        return ""
    content = last["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
