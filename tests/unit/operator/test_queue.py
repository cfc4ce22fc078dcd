"""The work queue's promises."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_operator.queue import FIRST_BACKOFF_S, LONGEST_BACKOFF_S, Again, WorkQueue, backoff_s


@asynccontextmanager
async def running(queue: WorkQueue[str]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Work:
    """Notes what is done; a gate holds it up."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.at_once = 0
        self.most_of_one_key = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failures: list[float] = []
        self.did = asyncio.Event()

    async def __call__(self, key: str) -> None:
        self.begun.append(key)
        self.at_once += 1
        self.most_of_one_key = max(self.most_of_one_key, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        self.did.set()
        if self.failures:
            raise Again(self.failures.pop(0))


async def settled(queue: WorkQueue[str]) -> None:
    async with asyncio.timeout(5):
        while not queue.is_idle:
            await asyncio.sleep(0)


async def test_a_key_that_waits_is_worked_on_once() -> None:
    work = Work()
    queue = WorkQueue(work, workers=2)
    for _ in range(5):
        queue.add("a")
    async with running(queue):
        await settled(queue)
    assert work.begun == ["a"]


async def test_one_key_has_one_worker_and_is_worked_on_again_when_it_was_added_meanwhile() -> None:
    work = Work()
    work.gate.clear()
    queue = WorkQueue(work, workers=4)
    async with running(queue):
        queue.add("a")
        await asyncio.sleep(0.01)
        queue.add("a")
        queue.add("a")
        await asyncio.sleep(0.01)
        assert work.begun == ["a"]
        work.gate.set()
        await settled(queue)
    assert work.begun == ["a", "a"]
    assert work.most_of_one_key == 1


async def test_what_failed_is_tried_again_not_sooner_than_the_server_asked() -> None:
    work = Work()
    work.failures = [0.3]
    queue = WorkQueue(work, workers=1)
    loop = asyncio.get_running_loop()
    async with running(queue):
        began = loop.time()
        queue.add("a")
        await work.did.wait()
        work.did.clear()
        await asyncio.sleep(0.05)
        queue.add("a")
        await asyncio.wait_for(work.did.wait(), 5)
        assert loop.time() - began >= 0.3
    assert work.begun == ["a", "a"]


async def test_a_change_is_worked_on_at_once_though_the_key_failed_before() -> None:
    work = Work()
    work.failures = [0.0]
    queue = WorkQueue(work, workers=1)
    async with running(queue):
        queue.add("a")
        await work.did.wait()
        work.did.clear()
        queue.add("a")
        await asyncio.wait_for(work.did.wait(), FIRST_BACKOFF_S / 2)


async def test_of_two_times_the_earlier_holds() -> None:
    work = Work()
    queue = WorkQueue(work, workers=1)
    async with running(queue):
        queue.add_after("a", 0.02)
        queue.add_after("a", 30)
        await asyncio.wait_for(work.did.wait(), 5)


async def test_a_defect_in_the_work_ends_the_queue_loudly() -> None:
    async def broken(key: str) -> None:
        raise KeyError(key)

    queue = WorkQueue(broken, workers=2)
    queue.add("a")
    with pytest.raises(ExceptionGroup):
        await asyncio.wait_for(queue.run(), 5)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_a_backoff_grows_to_a_minute_and_no_further(failures: int, draw: float) -> None:
    assert FIRST_BACKOFF_S / 2 <= backoff_s(failures, lambda: draw) <= LONGEST_BACKOFF_S
