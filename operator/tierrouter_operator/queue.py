"""The work queue: each key once, one worker a key, and less haste after failures."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 60.0


class Again(Exception):  # noqa: N818 (it is a wish, not an error)
    """Raised by work that did not succeed and wants to be tried again, not sooner than the server asked."""

    def __init__(self, at_least_s: float = 0.0) -> None:
        super().__init__(f"again, after {at_least_s:g} s at the soonest")
        self.at_least_s = at_least_s


def backoff_s(failures: int, draw: Callable[[], float] = random.random) -> float:
    """How long to wait after so many failures in a row: doubling, with full jitter, seconds."""
    longest = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 30))
    return FIRST_BACKOFF_S / 2 + draw() * (longest - FIRST_BACKOFF_S / 2)


class WorkQueue(Generic[K]):
    """Keys to be worked on. Adding one that waits already changes nothing; one in work is worked on again."""

    def __init__(self, work: Callable[[K], Awaitable[None]], workers: int) -> None:
        """``work`` raises :class:`Again` where it has to be repeated; any other exception is a defect."""
        self._work = work
        self._workers = workers
        self._waiting: deque[K] = deque()
        self._is_waiting: set[K] = set()
        self._in_work: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._not_before: dict[K, float] = {}
        self._signal = asyncio.Event()

    def __len__(self) -> int:
        """Keys that wait for a worker."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Nothing waits and nothing is being worked on; what waits for a time does not count."""
        return not self._waiting and not self._in_work

    def add(self, key: K) -> None:
        """Work on the key as soon as a worker is free, even if it failed before: something has changed.

        Only a time that the server asked for is waited out.
        """
        if self._not_before.get(key, 0.0) <= asyncio.get_running_loop().time():
            self._not_before.pop(key, None)
            self._add(key)

    def add_after(self, key: K, delay_s: float) -> None:
        """Work on the key in so many seconds; an earlier time that is set already stands."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + delay_s:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(delay_s, self._due, key)

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._worker())

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self._not_before.pop(key, None)
        self._add(key)

    def _add(self, key: K) -> None:
        if key in self._in_work:
            self._again.add(key)
        elif key not in self._is_waiting:
            self._is_waiting.add(key)
            self._waiting.append(key)
            self._signal.set()

    async def _worker(self) -> None:
        while True:
            while not self._waiting:
                self._signal.clear()
                await self._signal.wait()
            key = self._waiting.popleft()
            self._is_waiting.discard(key)
            self._in_work.add(key)
            try:
                await self._work(key)
            except Again as wish:
                self._failures[key] = self._failures.get(key, 0) + 1
                if wish.at_least_s:
                    self._not_before[key] = asyncio.get_running_loop().time() + wish.at_least_s
                delay: float | None = max(backoff_s(self._failures[key]), wish.at_least_s)
            else:
                self._failures.pop(key, None)
                delay = None
            finally:
                self._in_work.discard(key)
            wanted_again = key in self._again
            self._again.discard(key)
            if delay is not None:
                self.add_after(key, delay)
            if wanted_again:
                self.add(key)
