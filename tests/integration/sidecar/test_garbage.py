"""A turn that is over is freed at once. What waits for the garbage collector, which comes seldom, is memory that grows."""

import asyncio
import gc
from collections import Counter
from contextlib import contextmanager

import aiohttp
import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES, TEXT
from routers import router_text
from test_failover import ASK, STREAM, with_failover
from test_hedging import LATE

from provider import Answer, Delivery, Ending, Hang, Status, closed_port
from tierrouter_core.failover.hedge import FEWEST_KNOWN

FAULTS = {
    "none": GOOD,
    "an error": Status(503),
    "no answer": Answer(text=TEXT, delivery=Delivery(ending=Ending.RESET, cut_after_bytes=0)),
    "a cut answer": Answer(text=TEXT, delivery=Delivery(ending=Ending.RESET, cut_after_events=4)),
    "silence": Hang(),
}


@contextmanager
def left_for_the_collector():
    """Counts what of ours is found in rings, by type, between entry and exit."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(type(each).__name__ for each in gc.garbage if type(each).__module__.startswith("tierrouter_"))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("ask", [ASK, STREAM], ids=["whole", "streamed"])
async def test_a_turn_leaves_nothing_whatever_its_provider_does(start, provider, spare, fault, dialect, ask):
    sidecar = await start(
        with_failover(provider, spare, headersTimeout="300ms", firstTokenTimeout="400ms", idleTimeout="500ms")
    )
    provider.always(FAULTS[fault])
    await sidecar.post(PATHS[dialect], ask[dialect])
    with left_for_the_collector() as found:
        for _ in range(2):
            await sidecar.post(PATHS[dialect], ask[dialect])
        await sidecar.rows(3)
    assert not found


async def test_a_turn_leaves_nothing_where_no_provider_can_be_reached(start, provider):
    sidecar = await start(
        with_failover(provider, provider).replace(provider.base_url, f"http://127.0.0.1:{closed_port()}")
    )
    await sidecar.post(PATHS[CHAT], STREAM[CHAT])
    with left_for_the_collector() as found:
        assert (await sidecar.post(PATHS[CHAT], STREAM[CHAT])).status == 429
        await sidecar.rows(2)
    assert not found


async def test_a_turn_leaves_nothing_where_its_client_goes_away(sidecar, provider):
    provider.always(Hang())
    with left_for_the_collector() as found:
        for _ in range(2):
            with pytest.raises(TimeoutError):
                await sidecar.client.post(
                    sidecar.url + PATHS[CHAT], json=STREAM[CHAT], timeout=aiohttp.ClientTimeout(total=0.2)
                )
        await sidecar.rows(2)
    assert not found


async def test_a_turn_leaves_nothing_where_a_hedge_outruns_it(start, provider, spare):
    provider.always(GOOD)
    text = router_text(provider.base_url, spare.base_url)
    sidecar = await start(text.replace("maxTokens: 8192}", "maxTokens: 8192, hedgeTo: fallback}", 1))
    for _ in range(FEWEST_KNOWN):
        await sidecar.post(PATHS[CHAT], STREAM[CHAT])
    provider.always(LATE)
    with left_for_the_collector() as found:
        assert (await sidecar.post(PATHS[CHAT], STREAM[CHAT])).tier == "fallback"
        await provider.disconnected(1)
        await sidecar.rows(FEWEST_KNOWN + 1)
        await asyncio.sleep(0.05)
    assert not found
