"""A quiet sidecar gives memory back, once, and never while somebody waits for it."""

import asyncio
import gc
import os
from dataclasses import dataclass

import pytest

from chaos.resources import held_by
from tierrouter_sidecar import memory
from tierrouter_sidecar.memory import give_back, give_back_when_quiet

LOOK_S = 0.01


@dataclass
class Turns:
    begun: int = 0
    in_flight: int = 0


class Ring:
    def __init__(self):
        self.itself = self


@pytest.fixture
def given(monkeypatch):
    times = []
    monkeypatch.setattr(memory, "give_back", lambda: times.append(1))
    return times


@pytest.fixture
async def turns(given):
    served = Turns()
    watching = asyncio.create_task(give_back_when_quiet(served, LOOK_S))
    await asyncio.sleep(0)
    yield served
    watching.cancel()


async def some_looks():
    await asyncio.sleep(8 * LOOK_S)


async def test_each_quiet_time_after_a_turn_gives_back_once(turns, given):
    for times in (1, 2):
        turns.begun += 1
        await some_looks()
        await some_looks()
        assert len(given) == times


async def test_nothing_is_given_back_before_there_was_a_turn(turns, given):
    await some_looks()
    assert not given


async def test_nothing_is_given_back_while_a_turn_is_under_way(turns, given):
    turns.begun = turns.in_flight = 1
    await some_looks()
    assert not given
    turns.in_flight = 0
    await some_looks()
    assert given


class OneLongTurn:
    """It is under way at the first three looks."""

    begun = 0
    looks = 0

    @property
    def in_flight(self):
        self.looks += 1
        return int(self.looks <= 3)


async def test_a_long_turn_that_has_just_ended_is_no_quiet_time(monkeypatch):
    turns, given_at_looks = OneLongTurn(), []
    monkeypatch.setattr(memory, "give_back", lambda: given_at_looks.append(turns.looks))
    watching = asyncio.create_task(give_back_when_quiet(turns, LOOK_S))
    await asyncio.sleep(0)
    turns.begun = 1
    async with asyncio.timeout(5):
        while not given_at_looks:
            await asyncio.sleep(LOOK_S)
    watching.cancel()
    assert given_at_looks == [5]


async def test_nothing_is_given_back_while_one_turn_follows_another(turns, given):
    for _ in range(40):
        turns.begun += 1
        await asyncio.sleep(LOOK_S / 2)
    assert not given


def test_rings_of_garbage_are_collected():
    gc.collect()
    gc.disable()
    try:
        Ring()
        give_back()
        assert not any(isinstance(each, Ring) for each in gc.get_objects())
    finally:
        gc.enable()


@pytest.mark.skipif(memory._trim is None, reason="only glibc can be told to give pages back")
def test_free_pages_go_back_to_the_system():
    held = [bytes(50_000) for _ in range(1000)]
    # What stays in use above them keeps an allocator from doing it by itself.
    above = [bytes(50_000) for _ in range(10)]
    del held
    before = held_by(os.getpid(), 0).resident_bytes
    give_back()
    assert held_by(os.getpid(), 0).resident_bytes < before - 30_000_000
    assert above
