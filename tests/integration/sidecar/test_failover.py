"""What surrounds failing over: circuits, patience, headers that are held, who is told what. Real sockets throughout."""

import asyncio
import json
import time
from dataclasses import replace
from itertools import count, pairwise

import openai
import pytest
from reliability import CHAT, GOOD, MESSAGES, PATHS, RESPONSES, TEXT
from routers import router_text
from sdk_ways import CHAT_ASK, Sdks
from stream_grammars import COMPLETE, FAILED, read_stream

from provider import Answer, Delivery, Ending, Hang, InBandError, Raw, Status, closed_port
from tierrouter_sidecar import reply

DIALECTS = [CHAT, RESPONSES, MESSAGES]
ASK = {
    CHAT: {"model": "auto", "messages": [{"role": "user", "content": "Count."}]},
    MESSAGES: {"model": "auto", "max_tokens": 100, "messages": [{"role": "user", "content": "Count."}]},
    RESPONSES: {"model": "auto", "input": "Count."},
}
STREAM = {dialect: {**body, "stream": True} for dialect, body in ASK.items()}


@pytest.fixture
async def pair(start, provider, spare):
    """A sidecar whose fallback tier is at another provider."""
    provider.always(GOOD)
    return await start(with_failover(provider, spare))


def with_failover(provider, spare, **settings: str) -> str:
    wanted = {"headersTimeout": "2s", "firstTokenTimeout": "3s", "totalTimeout": "20s", "idleTimeout": "5s"} | settings
    line = ", ".join(f"{name}: {value}" for name, value in wanted.items())
    head, _, rest = router_text(provider.base_url, spare.base_url).partition("  failover: ")
    return f"{head}  failover: {{{line}}}\n{rest.partition(chr(10))[2]}"


async def opened(start, provider, spare):
    """A sidecar whose first provider has failed three times, and the clock by which it is left alone."""
    now_s = [1000.0]
    sidecar = await start(with_failover(provider, spare), clock=lambda: now_s[0])
    provider.always(Status(503))
    for _ in range(3):
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "fallback"
    return sidecar, now_s


async def left_alone(sidecar) -> list[dict[str, object]]:
    return json.loads((await sidecar.get(sidecar.admin_url + "/status")).body)["leftAlone"]


async def test_a_provider_that_throttles_for_an_hour_is_left_alone_and_no_turn_fails(start, provider, spare):
    """An hour of simulated time: a turn every three seconds, and the provider names ten minutes each time."""
    now_s = [1000.0]
    end_s = now_s[0] + 3600
    sidecar = await start(with_failover(provider, spare), clock=lambda: now_s[0])

    throttled_s: list[float] = []

    def answer(_request):
        if now_s[0] >= end_s:
            return GOOD
        throttled_s.append(now_s[0])
        return Status(429, headers={"retry-after": "600"})

    provider.always(answer)
    tiers = []
    for number in count():
        got = await sidecar.post(PATHS[CHAT], ASK[CHAT], {"x-tierrouter-session": f"s-{number}"})
        assert got.status == 200
        tiers.append((now_s[0], got.tier))
        if now_s[0] > end_s + 30:
            break
        # Close to the time that was named the turns come faster, to see when they come back.
        now_s[0] += 0.1 if now_s[0] > end_s else 3.0
    in_the_hour = [tier for at_s, tier in tiers if at_s < end_s]
    assert set(in_the_hour) == {"fallback"}
    assert len(in_the_hour) > 1190
    assert len(throttled_s) == 6, "once, and once more whenever the time that it named was over"
    assert all(later - sooner >= 600 for sooner, later in pairwise(throttled_s))
    back_s = next(at_s for at_s, tier in tiers if tier == "routine")
    assert 600 <= back_s - throttled_s[-1] <= 601, "within a second after it"
    assert all(tier == "routine" for at_s, tier in tiers if at_s >= back_s)
    share = await sidecar.metric('tierrouter_failovers_total{from_tier="routine",to_tier="fallback"}')
    assert share == len(in_the_hour) + sum(tier == "fallback" for at_s, tier in tiers if at_s >= end_s)


async def test_turns_come_back_within_a_second_of_the_time_that_was_named(pair, provider):
    provider.script(Status(429, headers={"retry-after": "3"}))
    began = time.monotonic()
    while (await pair.post(PATHS[CHAT], ASK[CHAT])).tier == "fallback":
        assert time.monotonic() - began < 4.0
        await asyncio.sleep(0.02)
    assert time.monotonic() - began >= 3.0
    assert len(provider.requests) == 2


async def test_an_open_circuit_is_shown_and_closes_with_the_first_answer(start, provider, spare):
    sidecar, now_s = await opened(start, provider, spare)
    (shown,) = await left_alone(sidecar)
    assert (shown["provider"], shown["model"], shown["state"]) == ("vendor", "moonshotai/kimi-k2.6", "open")
    assert 15 <= shown["forSeconds"] <= 18.75
    assert shown["why"] == "vendor answered 503"
    series = 'tierrouter_circuit_open{model="moonshotai/kimi-k2.6",provider="vendor"}'
    assert await sidecar.metric(series) == 1
    got = await sidecar.post(PATHS[CHAT], ASK[CHAT])
    assert "kimi-k2-6 at vendor is left alone for another" in got.reason
    assert len(provider.requests) == 3
    now_s[0] += 20
    provider.always(GOOD)
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "routine"
    assert await left_alone(sidecar) == []
    assert await sidecar.metric(series) == 0


async def test_one_turn_tries_a_provider_that_may_be_back_and_the_others_go_elsewhere(start, provider, spare):
    sidecar, now_s = await opened(start, provider, spare)
    now_s[0] += 20
    provider.always(Answer(text=TEXT, delivery=Delivery(first_delay_s=0.5)))
    several = await asyncio.gather(*[sidecar.post(PATHS[CHAT], STREAM[CHAT]) for _ in range(8)])
    assert sorted(got.tier for got in several) == ["fallback"] * 7 + ["routine"]
    assert len(provider.requests) == 4


async def test_a_client_that_leaves_while_it_tries_lets_another_try(start, provider, spare):
    sidecar, now_s = await opened(start, provider, spare)
    now_s[0] += 20
    provider.always(Hang())
    trying = asyncio.create_task(sidecar.post(PATHS[CHAT], STREAM[CHAT]))
    await provider.received(4)
    trying.cancel()
    await provider.disconnected(1)
    provider.always(GOOD)
    await asyncio.sleep(0.05)
    assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "routine"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nothing_of_an_answer_that_fails_in_its_opening_is_shown(pair, provider, dialect):
    opening = Answer(text=TEXT, delivery=Delivery(error_after_events=1, error=InBandError(kind="overloaded")))
    provider.script(opening, opening)
    got = await pair.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (got.tier, read.end, read.text) == ("fallback", COMPLETE, "the spare answers")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_headers_that_waited_long_go_out_with_keep_alives_and_another_tier_still_takes_over(
    start, provider, spare, monkeypatch, dialect
):
    monkeypatch.setattr(reply, "KEEP_ALIVE_S", 0.2)
    sidecar = await start(with_failover(provider, spare, holdHeaders="300ms", firstTokenTimeout="1s"))
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=30)))
    began = time.monotonic()
    async with sidecar.client.post(sidecar.url + PATHS[dialect], json=STREAM[dialect]) as response:
        assert 0.25 < time.monotonic() - began < 0.9
        assert response.headers["x-tierrouter-tier"] == "routine", "who was asked first"
        body = await response.read()
    sign = b"event: ping" if dialect is MESSAGES else b": keep-alive"
    assert body.count(sign) >= 3
    read = read_stream(dialect, body)
    assert (read.end, read.text) == (COMPLETE, "the spare answers")
    (row,) = await sidecar.rows()
    assert (row.tier, row.outcome, row.attempts) == ("fallback", "answered", 2)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_where_all_fail_after_the_headers_the_stream_says_so(start, provider, spare, dialect):
    sidecar = await start(with_failover(provider, spare, holdHeaders="200ms", firstTokenTimeout="600ms"))
    for each in (provider, spare):
        each.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=30)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (got.status, read.end, read.text) == (200, FAILED, "")
    assert "routine: vendor sent no first token in time; fallback: spare sent no first token in time" in read.error
    (row,) = await sidecar.rows()
    assert (row.outcome, row.attempts) == ("upstream_error", 2)
    assert row.cost_usd > 0, "both were at work on it"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_that_pauses_is_kept_alive(start, provider, spare, monkeypatch, dialect):
    monkeypatch.setattr(reply, "KEEP_ALIVE_S", 0.2)
    sidecar = await start(with_failover(provider, spare, holdHeaders="100ms"))
    provider.always(Answer(text=["one ", "two"], delivery=Delivery(event_delay_s=0.5)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (read.end, read.text) == (COMPLETE, "one two")
    between = got.body.partition(b"one ")[2].partition(b"two")[0]
    assert (b"event: ping" if dialect is MESSAGES else b": keep-alive") in between


async def test_a_late_first_token_is_paid_for_and_in_the_attempts(start, provider, spare):
    sidecar = await start(with_failover(provider, spare, firstTokenTimeout="500ms", headersTimeout="400ms"))
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=30)))
    got = await sidecar.post(PATHS[CHAT], STREAM[CHAT])
    assert got.tier == "fallback"
    assert "sent no first token in time" in got.reason
    (row,) = await sidecar.rows()
    assert row.attempts == 2
    alone = (row.input_tokens * 0.14 + row.output_tokens * 0.28) / 1e6
    assert float(row.cost_usd) > alone, "the first attempt's input is in the sum"


@pytest.mark.parametrize("is_priced", [True, False], ids=["priced", "unpriced"])
async def test_what_an_attempt_cost_is_counted_though_the_last_one_used_nothing(start, provider, spare, is_priced):
    text = with_failover(provider, spare, firstTokenTimeout="500ms", headersTimeout="400ms")
    if not is_priced:
        text = text.replace(', priceUSDPerMTok: {input: "0.95", output: "4.00", cacheRead: "0.16"}', "")
        text = text.replace("moonshotai/kimi-k2.6", "a-model-of-our-own")
    sidecar = await start(text)
    provider.always(Answer(text=TEXT, delivery=Delivery(body_delay_s=30)))
    spare.always(Status(400))
    await sidecar.post(PATHS[CHAT], STREAM[CHAT])
    (row,) = await sidecar.rows()
    assert (row.tier, row.attempts, row.usage_source) == ("fallback", 2, "none")
    labels = '{model="deepseek-v4-flash",tier="fallback"}'
    assert (row.cost_usd is not None) == is_priced
    cost = await sidecar.metric(f"tierrouter_cost_usd_total{labels}")
    assert cost == pytest.approx(float(row.cost_usd or 0))
    assert (cost > 0) == is_priced
    assert await sidecar.metric(f"tierrouter_unpriced_turns_total{labels}") == (not is_priced)
    of_baseline = '{baseline_model="gpt-5-5"}'
    assert await sidecar.metric(f"tierrouter_compared_cost_usd_total{of_baseline}") == cost, "it is no saving"
    assert await sidecar.metric(f"tierrouter_baseline_cost_usd_total{of_baseline}") == 0


async def test_what_an_sdk_tries_again_by_itself_costs_a_dead_provider_no_more_calls(pair, provider, spare):
    for each in (provider, spare):
        each.always(Status(503, headers={"retry-after": "30"}))
    sdks = Sdks(pair.url)
    try:
        with pytest.raises(openai.RateLimitError) as caught:
            await sdks.openai_async.with_options(max_retries=0).chat.completions.create(**CHAT_ASK)
        assert 29 <= int(caught.value.response.headers["retry-after"]) <= 31
        for _ in range(5):
            with pytest.raises(openai.RateLimitError, match="throttled"):
                await sdks.openai_async.chat.completions.create(**CHAT_ASK)
    finally:
        await sdks.close()
    assert (len(provider.requests), len(spare.requests)) == (1, 1)


async def test_a_turn_that_begins_an_answer_passes_over_models_that_do_not_go_on_with_one(start, provider, spare):
    provider.always(GOOD)
    sidecar = await start(with_failover(provider, spare))
    begun = {**ASK[MESSAGES], "messages": [*ASK[MESSAGES]["messages"], {"role": "assistant", "content": "word-0"}]}
    got = await sidecar.post(PATHS[MESSAGES], begun, {"x-tierrouter-hint": "deep"})
    assert (got.status, got.tier) == (200, "routine")
    assert "does not" in got.reason


async def test_a_fallback_tier_that_serves_a_loop_has_a_stand_in_too(pair, provider, spare):
    session = {"x-tierrouter-session": "s"}
    provider.script(Status(503))
    assert (await pair.post(PATHS[CHAT], ASK[CHAT], session)).tier == "fallback"
    spare.script(Status(503))
    loop = {**ASK[CHAT], "messages": [*ASK[CHAT]["messages"], {"role": "tool", "tool_call_id": "a", "content": "x"}]}
    assert (await pair.post(PATHS[CHAT], loop, session)).tier == "routine"


async def test_a_new_configuration_forgets_who_is_no_longer_in_it(pair, provider):
    provider.script(Status(404))
    await pair.post(PATHS[CHAT], ASK[CHAT])
    assert [each["state"] for each in await left_alone(pair)] == ["no_model"]
    pair.file.write_text(pair.file.read_text().replace("moonshotai/kimi-k2.6", "moonshotai/kimi-k2.6-new"))
    for _ in range(100):
        if not await left_alone(pair):
            break
        await asyncio.sleep(0.05)
    assert (await pair.post(PATHS[CHAT], ASK[CHAT])).tier == "routine"


async def test_a_model_server_that_is_not_ready_is_asked_with_every_turn(start, spare):
    text = router_text(f"http://127.0.0.1:{closed_port()}/v1", spare.base_url)
    sidecar = await start(text.replace("maxTokens: 8192}", "maxTokens: 8192, spillTo: fallback}", 1))
    for _ in range(6):
        began = time.monotonic()
        assert (await sidecar.post(PATHS[CHAT], ASK[CHAT])).tier == "fallback"
        assert time.monotonic() - began < 0.2, "and no turn waits for it"
    assert await left_alone(sidecar) == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("how", ["cut", "reported"])
async def test_an_agent_that_hangs_up_on_an_error_event_has_been_cut_off_and_not_gone_away(
    pair, provider, dialect, how
):
    """As SDKs do: they close the connection when they have read the error."""
    broken = {"cut_after_events": 12} if how == "cut" else {"error_after_events": 12, "ending": Ending.STALL}
    provider.always(Answer(text=TEXT, delivery=Delivery(**broken)))
    sign = b"response.failed" if dialect is RESPONSES else b'"error"'
    for _ in range(5):
        async with pair.client.post(pair.url + PATHS[dialect], json=STREAM[dialect]) as response:
            seen = b""
            while sign not in seen:
                seen += await response.content.readany()
            response.close()
    for row in await pair.rows(5):
        assert row.outcome == ("cut" if how == "cut" else "upstream_error")
    assert [each["state"] for each in await left_alone(pair)] == ["open"], "and its provider is left alone for it"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_stream_that_has_begun_is_kept_alive_however_long_headers_are_held(
    start, provider, spare, monkeypatch, dialect
):
    monkeypatch.setattr(reply, "KEEP_ALIVE_S", 0.2)
    sidecar = await start(with_failover(provider, spare, holdHeaders="15s"))
    provider.always(Answer(text="one two", delivery=Delivery(event_delay_s=0.5)))
    got = await sidecar.post(PATHS[dialect], STREAM[dialect])
    read = read_stream(dialect, got.body)
    assert (read.end, read.text) == (COMPLETE, "one two")
    assert got.body.count(b"event: ping" if dialect is MESSAGES else b": keep-alive") >= 3


OVERFLOW = "This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens"
SAID_INSIDE = {"error": {"code": 400, "message": OVERFLOW}}


@pytest.mark.parametrize(
    "said",
    [
        Raw(b"data: %s\n\n" % json.dumps({**SAID_INSIDE, "choices": []}).encode()),
        Raw(json.dumps(SAID_INSIDE).encode(), content_type="application/json"),
        Status(400, body={"error": {"code": "context_length_exceeded", "message": OVERFLOW}}),
    ],
    ids=["in an event", "in a body", "by a status"],
)
@pytest.mark.parametrize("hold", ["5s", "100ms"], ids=["", "after the headers"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_turn_that_is_too_long_is_told_so_that_agents_compact_wherever_the_provider_says_it(
    start, provider, spare, dialect, hold, said
):
    later = (
        replace(said, delay_s=0.5) if isinstance(said, Status) else replace(said, delivery=Delivery(first_delay_s=0.5))
    )
    provider.always(later)
    text = with_failover(provider, spare, holdHeaders=hold).replace(
        "OpenAIChat, OpenAIResponses, AnthropicMessages", "OpenAIChat"
    )
    for window in ("262144", "400000", "1000000"):
        text = text.replace(f"contextWindow: {window}", "contextWindow: 65536")
    got = await (await start(text)).post(PATHS[dialect], STREAM[dialect])
    assert got.status == (400 if hold == "5s" else 200)
    words = b"prompt is too long: 9000 tokens > 8192 maximum" if dialect is MESSAGES else b"context_length_exceeded"
    assert words in got.body
