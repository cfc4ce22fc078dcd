"""What is sent to every target, and how long it takes."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from bench.bodies import SESSION, agent_body, small_body
from bench.client import Connection, LoadError, Reply, post

_VARIANTS = 32
_BIG_VARIANTS = 8
WARM_UP = 30
"""Requests before the first whose latency counts."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one kind."""

    name: str
    bodies: Sequence[bytes]
    must_contain: bytes
    """Bytes that every answer has."""

    def requests(self, port: int, *, session: str = SESSION, hint: str = "") -> list[bytes]:
        """The requests as sent to ``port``; no two in a row are equal, so that no cache of whole bodies helps."""
        return [post(port, body, session=session, hint=hint) for body in self.bodies]


def small() -> Workload:
    """A short question, answered at once."""
    return Workload("small", [small_body(nonce=number) for number in range(_VARIANTS)], b"Hello from")


def streamed() -> Workload:
    """A short question, answered by a stream of about 200 events."""
    bodies = [small_body(nonce=number, stream=True) for number in range(_VARIANTS)]
    return Workload("stream", bodies, b"message_stop")


def big_model_first(size_bytes: int) -> Workload:
    """An agent's turn as Claude Code writes it."""
    bodies = [agent_body(size_bytes, nonce=number) for number in range(_BIG_VARIANTS)]
    return Workload("big, model first", bodies, b"Hello from")


def big_model_last(size_bytes: int) -> Workload:
    """The same with ``model`` as the last key."""
    bodies = [agent_body(size_bytes, model="last", nonce=number) for number in range(_BIG_VARIANTS)]
    return Workload("big, model last", bodies, b"Hello from")


async def latencies(
    port: int, workload: Workload, requests: int, *, session: str = SESSION, hint: str = ""
) -> list[float]:
    """Seconds per request, one after another over one connection, in rising order; ``hint`` asks for a tier."""
    prepared = workload.requests(port, session=session, hint=hint)
    connection = await Connection.open(port)
    try:
        times = []
        for number in range(WARM_UP + requests):
            reply = await connection.exchange(prepared[number % len(prepared)])
            _check(workload, reply)
            if number >= WARM_UP:
                times.append(reply.total_s)
    finally:
        connection.close()
    return sorted(times)


async def throughput(port: int, workload: Workload, *, seconds: float, concurrency: int) -> tuple[int, float]:
    """How many answers came, and in how many seconds, with ``concurrency`` connections kept busy."""
    prepared = workload.requests(port)
    numbers = count()
    connections = [await Connection.open(port) for _ in range(concurrency)]
    stop = time.perf_counter() + seconds
    done = 0

    async def keep_busy(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < stop:
            _check(workload, await connection.exchange(prepared[next(numbers) % len(prepared)]))
            done += 1

    began = time.perf_counter()
    try:
        await asyncio.gather(*map(keep_busy, connections))
    finally:
        for connection in connections:
            connection.close()
    return done, time.perf_counter() - began


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of a rising list do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _check(workload: Workload, reply: Reply) -> None:
    if reply.status != 200 or workload.must_contain not in reply.body:
        raise LoadError(
            f"{workload.name}: status {reply.status}, wanted 200 and an answer with {workload.must_contain!r}: "
            f"{reply.body[:300]!r}; the target does not work, so there is nothing to measure"
        )
