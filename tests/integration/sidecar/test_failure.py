"""A provider that throttles, dies or breaks off costs the agent at most a pause, and nothing is forged."""

import asyncio
import json

import pytest
from routers import VENDOR_KEY, router_text

from provider import (
    Answer,
    Close,
    Delivery,
    Ending,
    Hang,
    InBandError,
    Raw,
    Reset,
    ScriptedProvider,
    Status,
    closed_port,
)

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}
MESSAGES = {"model": "claude-x", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
RESPONSES = {"model": "gpt-x", "input": "Hi"}
BODIES = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/responses": RESPONSES}


@pytest.fixture
async def spare():
    async with ScriptedProvider() as running:
        yield running


@pytest.fixture
async def pair(start, provider, spare):
    """A sidecar whose fallback tier is at another provider."""
    return await start(router_text(provider.base_url, spare.base_url, headers_timeout="1s"))


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("step", "calls"),
    [
        (Status(429), 1),
        (Status(503), 1),
        (Status(529), 1),
        (Status(500), 2),
        (Status(502), 2),
        (Reset(), 2),
        (Close(), 2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_fails_before_the_first_byte_hands_over(pair, provider, spare, path, step, calls, stream):
    provider.script(*[step] * calls)
    got = await pair.post(path, {**BODIES[path], "stream": stream})
    assert (got.status, got.tier) == (200, "fallback")
    assert got.reason.startswith("Failover: ")
    assert "fallback takes over from routine" in got.reason
    assert spare.last.json["model"] == "deepseek/deepseek-v4-flash"
    (row,) = await pair.rows()
    assert (row.outcome, row.attempts, row.tier) == ("answered", calls + 1, "fallback")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    "step", [Status(500), Status(408), Status(429, headers={"retry-after": "1"}), Reset()], ids=repr
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_may_go_the_second_time_is_tried_again_in_the_same_place(pair, provider, spare, path, step, stream):
    provider.script(step)
    got = await pair.post(path, {**BODIES[path], "stream": stream})
    assert (got.status, got.tier) == (200, "routine")
    assert spare.requests == []
    (row,) = await pair.rows()
    assert (row.outcome, row.attempts) == ("answered", 2)


async def test_a_provider_that_cannot_be_reached_hands_over(start, spare):
    sidecar = await start(router_text(f"http://127.0.0.1:{closed_port()}/v1", spare.base_url))
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert (got.status, got.tier) == (200, "fallback")
    assert await sidecar.metric('tierrouter_failovers_total{from_tier="routine",to_tier="fallback"}') == 1
    assert await sidecar.metric('tierrouter_attempt_errors_total{kind="unreachable",provider="vendor"}') == 2


async def test_a_stream_whose_headers_never_come_hands_over(pair, provider, spare):
    provider.script(Hang())
    got = await pair.post("/v1/chat/completions", {**CHAT, "stream": True})
    assert got.tier == "fallback"
    assert "sent no headers in 1 s" in got.reason


async def test_a_stream_that_ends_before_its_first_event_hands_over(pair, provider):
    cut = Answer(text="x", delivery=Delivery(cut_after_events=0, ending=Ending.CLOSE))
    provider.script(cut, cut)
    got = await pair.post("/v1/messages", {**MESSAGES, "stream": True})
    assert got.tier == "fallback"


async def test_after_a_failover_the_open_prompt_stays_on_the_tier_that_served(pair, provider):
    session = {"x-tierrouter-session": "s"}
    provider.script(Status(503))
    await pair.post("/v1/chat/completions", CHAT, session)
    loop = {**CHAT, "messages": [*CHAT["messages"], {"role": "tool", "tool_call_id": "a", "content": "x"}]}
    assert (await pair.post("/v1/chat/completions", loop, session)).tier == "fallback"
    assert (await pair.post("/v1/chat/completions", CHAT, session)).tier == "routine"


WAIT = {
    "/v1/chat/completions": (429, "rate_limit_exceeded"),
    "/v1/responses": (429, "rate_limit_exceeded"),
    "/v1/messages": (429, "rate_limit_error"),
}


@pytest.mark.parametrize("path", BODIES)
async def test_when_all_tiers_are_throttled_the_client_is_told_to_wait(pair, provider, spare, path):
    provider.script(Status(429, headers={"retry-after": "7"}))
    spare.script(Status(503, headers={"retry-after": "30"}))
    got = await pair.post(path, BODIES[path])
    status, kind = WAIT[path]
    assert got.status == status
    assert kind in got.body.decode()
    assert got.header("retry-after") == "7"
    message = got.json["error"]["message"]
    assert "routine: vendor answered 429" in message
    assert "fallback: spare answered 503" in message
    (row,) = await pair.rows()
    assert (row.outcome, row.attempts, row.cost_usd, row.baseline_cost_usd) == ("upstream_error", 2, 0, None)


FINAL = {"/v1/chat/completions": 402, "/v1/responses": 429, "/v1/messages": 402}


@pytest.mark.parametrize("path", BODIES)
async def test_a_missing_credential_is_final_and_says_what_to_set(start, provider, path):
    sidecar = await start(router_text(provider.base_url), environment={})
    got = await sidecar.post(path, BODIES[path])
    assert got.status == FINAL[path]
    assert got.header("retry-after") is None
    assert "set VENDOR_API_KEY" in got.json["error"]["message"]
    assert provider.requests == []


async def test_a_rejected_credential_hands_over_and_its_body_is_not_shown(pair, provider, spare):
    provider.script(Status(401, body={"error": {"message": f"Incorrect API key: {VENDOR_KEY}"}}))
    got = await pair.post("/v1/chat/completions", CHAT)
    assert got.tier == "fallback"
    spare.script(Status(401))
    provider.script(Status(401, body={"error": {"message": f"Incorrect API key: {VENDOR_KEY}"}}))
    got = await pair.post("/v1/chat/completions", CHAT)
    assert got.status == 402
    assert VENDOR_KEY not in got.body.decode()
    assert "Secret vendor, key api-key" in got.body.decode()


async def test_a_redirect_is_never_followed(pair, provider, spare):
    provider.script(Status(307, headers={"location": spare.base_url + "/chat/completions"}))
    got = await pair.post("/v1/chat/completions", CHAT)
    assert got.tier == "fallback"
    assert not any(VENDOR_KEY in value for request in spare.requests for _, value in request.headers)


ENDS_WITH = {
    "/v1/chat/completions": b'"code":"upstream_cut"',
    "/v1/messages": b"event: error",
    "/v1/responses": b"response.failed",
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("ending", [Ending.COMPLETE, Ending.CLOSE, Ending.RESET])
@pytest.mark.parametrize("cut", ["between events", "inside an event"])
async def test_a_cut_stream_ends_in_an_error_event(pair, provider, spare, path, ending, cut):
    where = {"cut_after_events": 8} if cut == "between events" else {"cut_after_bytes": 3000}
    answer = Answer(text=["one ", "two ", "three ", "four ", "five "] * 20, delivery=Delivery(ending=ending, **where))
    provider.script(answer)
    got = await pair.post(path, {**BODIES[path], "stream": True})
    assert got.status == 200
    last = got.body.rstrip().rpartition(b"\n\n")[2]
    assert ENDS_WITH[path] in last.replace(b" ", b"") or ENDS_WITH[path] in last
    for forged in (b"[DONE]", b"message_stop", b"response.completed"):
        assert forged not in got.body
    (row,) = await pair.rows()
    assert (row.outcome, row.baseline_cost_usd) == ("cut", None)
    assert row.output_tokens > 0
    assert spare.requests == []


async def test_an_error_inside_a_stream_is_relayed_and_written_down(pair, provider):
    provider.script(Answer(text=["a", "b", "c"], delivery=Delivery(error_after_events=3, error=InBandError())))
    got = await pair.post("/v1/messages", {**MESSAGES, "stream": True})
    assert b"overloaded_error" in got.body
    (row,) = await pair.rows()
    assert row.outcome == "upstream_error"


async def test_a_body_that_breaks_off_hands_over(pair, provider):
    cut = Answer(text="x" * 500, delivery=Delivery(cut_after_bytes=100, ending=Ending.CLOSE))
    provider.script(cut, cut)
    got = await pair.post("/v1/chat/completions", CHAT)
    assert (got.status, got.tier) == (200, "fallback")


@pytest.mark.parametrize("path", BODIES)
async def test_a_client_that_goes_away_cancels_the_provider_within_a_second_and_is_metered(pair, provider, path):
    slow = Answer(text=["word "] * 200, delivery=Delivery(event_delay_s=0.05))
    provider.script(slow)
    async with pair.client.post(pair.url + path, json={**BODIES[path], "stream": True}) as response:
        await response.content.readany()
        await asyncio.sleep(0.3)
        response.close()
    await provider.disconnected(1, timeout_s=1.0)
    (row,) = await pair.rows()
    assert row.outcome == "client_gone"
    assert row.output_tokens > 0
    assert row.cost_usd is not None
    assert row.cost_usd > 0
    assert row.usage_source in ("mixed", "estimated")


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_before_the_answer_cancels_the_provider_and_is_metered(
    pair, provider, path, stream
):
    provider.script(Hang())
    task = asyncio.create_task(pair.post(path, {**BODIES[path], "stream": stream}))
    await provider.received(1)
    task.cancel()
    await provider.disconnected(1, timeout_s=1.0)
    (row,) = await pair.rows()
    assert (row.outcome, row.usage_source, row.output_tokens) == ("client_gone", "estimated", 0)
    assert row.input_tokens > 0
    assert row.cost_usd > 0


async def test_a_client_that_goes_away_before_the_provider_was_asked_owes_nothing(pair, provider):
    async def none_yet(*_):
        await asyncio.sleep(30)

    pair.running.upstream._connections._connector.connect = none_yet
    task = asyncio.create_task(pair.post("/v1/chat/completions", CHAT))
    await asyncio.sleep(0.3)
    task.cancel()
    (row,) = await pair.rows()
    assert (row.outcome, row.attempts, row.usage_source, row.cost_usd) == ("client_gone", 1, "none", 0)
    assert provider.requests == []


async def test_a_client_that_goes_away_while_a_refusal_is_read_owes_nothing(pair, provider):
    provider.script(Raw(b"no", status=400, delivery=Delivery(ending=Ending.STALL)))
    task = asyncio.create_task(pair.post("/v1/chat/completions", CHAT))
    await provider.received(1)
    await asyncio.sleep(0.3)
    task.cancel()
    (row,) = await pair.rows()
    assert (row.outcome, row.usage_source, row.cost_usd) == ("client_gone", "none", 0)


async def test_an_answer_in_one_piece_that_was_given_up_is_paid_for(start, provider, spare):
    text = router_text(provider.base_url, spare.base_url).replace("totalTimeout: 20s", "totalTimeout: 2s")
    text = text.replace("firstTokenTimeout: 5s", "firstTokenTimeout: 1s").replace("idleTimeout: 5s", "idleTimeout: 2s")
    sidecar = await start(text.replace("headersTimeout: 10s", "headersTimeout: 1s"))
    provider.script(Hang())
    got = await sidecar.post("/v1/chat/completions", CHAT)
    assert (got.status, got.tier) == (200, "fallback")
    (row,) = await sidecar.rows()
    assert (row.attempts, row.usage_source) == (2, "reported")
    alone = (row.input_tokens * 0.14 + row.output_tokens * 0.28) / 1e6
    assert float(row.cost_usd) > alone * 1.01, "the input of the one that was given up is in the sum"


@pytest.mark.parametrize("path", BODIES)
async def test_a_client_that_leaves_after_the_last_event_has_had_its_answer(pair, provider, path):
    provider.script(Answer(text="all of it", delivery=Delivery(ending=Ending.STALL)))
    last = {"/v1/chat/completions": b"[DONE]", "/v1/messages": b"message_stop", "/v1/responses": b"response.completed"}
    session = {"x-tierrouter-session": "s", "x-tierrouter-hint": "deep"}
    body = {**BODIES[path], "stream": True}
    async with pair.client.post(pair.url + path, json=body, headers=session) as response:
        seen = b""
        while last[path] not in seen or not seen.endswith(b"\n\n"):
            seen += await response.content.readany()
        response.close()
    await provider.disconnected(1, timeout_s=1.0)
    (row,) = await pair.rows()
    assert (row.outcome, row.usage_source) == ("answered", "reported")
    assert row.baseline_cost_usd is not None


async def test_missing_usage_is_estimated_and_counted(pair, provider):
    provider.script(Answer(text="some words " * 50, usage=None))
    await pair.post("/v1/chat/completions", CHAT)
    (row,) = await pair.rows()
    assert row.usage_source == "estimated"
    assert row.output_tokens > 50
    assert await pair.metric('tierrouter_usage_missing_total{tier="routine"}') == 1


async def test_an_answer_that_its_client_did_not_wait_for_is_none_without_usage(pair, provider):
    provider.script(Answer(text=["first ", "second"], delivery=Delivery(event_delay_s=2.0)))
    async with pair.client.post(pair.url + "/v1/chat/completions", json={**CHAT, "stream": True}) as response:
        await response.content.readany()
        response.close()
    (row,) = await pair.rows()
    assert (row.outcome, row.usage_source) == ("client_gone", "estimated")
    assert await pair.metric('tierrouter_usage_missing_total{tier="routine"}') == 0


async def test_a_stream_is_relayed_as_it_comes(pair, provider):
    provider.script(Answer(text=["first ", "second"], delivery=Delivery(event_delay_s=0.3)))
    async with pair.client.post(pair.url + "/v1/chat/completions", json={**CHAT, "stream": True}) as response:
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = b""
        while b"first" not in seen:
            seen += await response.content.readany()
        assert b"second" not in seen
        assert loop.time() - began < 0.6
        rest = await response.read()
    assert b"second" in rest
    assert json.loads((await pair.rows())[0].labels or "{}") == {}
