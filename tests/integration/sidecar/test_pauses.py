"""Between two calls of a turn: what may happen while it waits, and how long providers are left alone that name no time."""

import asyncio
import time
from email.utils import formatdate

import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES
from test_failover import ASK, STREAM, left_alone, with_failover

from provider import Status
from tierrouter_sidecar import outgoing

DIALECTS = [CHAT, RESPONSES, MESSAGES]
SOON = Status(429, headers={"retry-after": "2"})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_turn_that_waits_when_the_router_stops_is_told_to_come_back(start, provider, spare, dialect, stream):
    provider.always(SOON)
    sidecar = await start(with_failover(provider, spare))
    turn = asyncio.create_task(sidecar.post(PATHS[dialect], (STREAM if stream else ASK)[dialect]))
    await provider.received(1)
    await asyncio.sleep(0.1)
    await sidecar.running.drain(0.1)
    got = await turn
    assert (got.status, got.header("retry-after")) == (429 if dialect is RESPONSES else 503, "1")
    assert b"the router is shutting down" in got.body
    (row,) = await sidecar.rows()
    assert row.outcome == "upstream_error"
    assert len(provider.requests) == 1


async def test_a_body_that_is_on_its_way_when_the_router_stops_is_waited_for(start, provider, spare):
    provider.always(GOOD)
    sidecar = await start(with_failover(provider, spare))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body():
        yield b'{"model": "auto", "messages": [{"role": "user", '
        begun.set()
        await go_on.wait()
        yield b'"content": "Count."}]}'

    async def post() -> int:
        headers = {"content-type": "application/json"}
        async with sidecar.client.post(sidecar.url + PATHS[CHAT], data=body(), headers=headers) as response:
            await response.read()
            return response.status

    turn = asyncio.create_task(post())
    await begun.wait()
    await asyncio.sleep(0.1)
    stopping = asyncio.create_task(sidecar.running.drain(10))
    await asyncio.sleep(0.1)
    assert not stopping.done()
    go_on.set()
    assert await turn == 200
    await asyncio.wait_for(stopping, 5)
    assert (await sidecar.rows())[0].outcome == "answered"


async def test_a_client_that_leaves_while_its_turn_waits_costs_no_further_call(start, provider, spare):
    provider.always(SOON)
    sidecar = await start(with_failover(provider, spare))
    turn = asyncio.create_task(sidecar.post(PATHS[CHAT], ASK[CHAT]))
    await provider.received(1)
    await asyncio.sleep(0.1)
    turn.cancel()
    (row,) = await sidecar.rows()
    assert (row.outcome, row.attempts) == ("client_gone", 1)
    await asyncio.sleep(2.5)
    assert (len(provider.requests), spare.requests) == (1, [])


async def test_a_turn_that_waits_does_not_ask_a_provider_that_named_a_time_to_another(start, provider, spare):
    sidecar = await start(with_failover(provider, spare))
    provider.script(Status(429, headers={"retry-after": "1"}), Status(429, headers={"retry-after": "30"}, delay_s=0.4))
    turns = [sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-session": name}) for name in ("a", "b")]
    assert [got.tier for got in await asyncio.gather(*turns)] == ["fallback", "fallback"]
    assert len(provider.requests) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"retry-after": "0"},
        {"retry-after": formatdate(time.time() - 3600, usegmt=True)},
        {"x-ratelimit-reset": "1700000000"},
    ],
    ids=["zero", "a date by a clock that is behind", "a moment long past"],
)
async def test_a_provider_that_throttles_on_and_names_no_time_to_come_is_left_alone_for_longer_and_longer(
    start, provider, spare, headers
):
    now_s = [1000.0]
    sidecar = await start(with_failover(provider, spare), clock=lambda: now_s[0])
    provider.always(Status(429, headers=headers))
    calls = []
    for _ in range(60):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "fallback"
        calls.append(len(provider.requests))
        now_s[0] += 1
    assert calls[-1] <= 9, "of a minute in which a turn comes every second"
    assert (await left_alone(sidecar))[0]["state"] == "throttled"


async def test_a_reset_in_seconds_of_the_epoch_is_a_time_that_was_named(start, provider, spare):
    sidecar = await start(with_failover(provider, spare))
    provider.always(Status(429, headers={"x-ratelimit-reset": f"{time.time() + 40:.0f}"}))
    for _ in range(2):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "fallback"
    assert len(provider.requests) == 1
    assert 35 < (await left_alone(sidecar))[0]["forSeconds"] < 42


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_idempotency_key_goes_with_the_first_call_and_with_no_other(
    start, provider, spare, monkeypatch, dialect
):
    """The official SDKs send one; with another model it would name another request."""
    monkeypatch.setattr(outgoing, "target_of", lambda _: "anthropic" if dialect is MESSAGES else "openai")
    sidecar = await start(with_failover(provider, spare))
    provider.always(Status(500))
    assert (await sidecar.post(PATHS[dialect], ASK[dialect], {"idempotency-key": "k-1"})).tier == "fallback"
    asked = [*provider.requests, *spare.requests]
    assert [dict(request.headers).get("idempotency-key") for request in asked] == ["k-1", None, None]
